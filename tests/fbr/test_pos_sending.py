"""A till's bill from issue to FBR's ledger: once, with its own token, held where it must wait."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import transaction

from accounts import tenancy
from accounts.enums import AuditAction
from accounts.models import AuditEvent, LegalEntity
from fbr import selectors, tasks
from fbr.models import Attempt, Credential, Outbox
from fbr.models.work import Call, WorkState
from fbr.outcomes import Evidence, Hold, Outcome
from fbr.services import credentials, issuing, sending, tills
from fbr.services.tills import Particulars
from invoices.enums import DocumentType, State
from invoices.models import Invoice, PosTerms, Till
from smartinvoicing import clock
from smartinvoicing.errors import StateConflict
from tests import factories
from tests.factories import AT, SYSTEM, make_bill, make_line
from tests.fbr.pump_cast import calm, drain, due, landed, leased, marked_by_hand

committed = pytest.mark.django_db(transaction=True)
SENDER = tasks.SENDER
CLOUD = Particulars(name="Counter 1", pos_id="817001")
SHOP = replace(CLOUD, transport="agent")


@pytest.fixture
def fbr(fake_fbr, settings):
    """The fake FBR at the end of all our lines."""
    settings.FBR_DI_URL = settings.FBR_POS_SANDBOX_URL = fake_fbr.url
    settings.FBR_POS_PRODUCTION_URL = fake_fbr.url
    settings.FBR_CONNECT_TIMEOUT_S = settings.FBR_READ_TIMEOUT_S = 5
    settings.FBR_TOTAL_TIMEOUT_S = 10
    return fake_fbr


class Shop:
    """A tenant with one till, seen from outside: each look is a transaction of its own."""

    def __init__(self, fbr, number=0, *, known=True, stored=True, environment="sandbox", **till):
        self.fbr, self.seller = fbr, f"{7300000 + number}"
        self.pos_id, self.token = 830001 + number, f"token-of-till-{number:04d}"
        if known:
            self.give_out(self.token)
        self.pk = factories.make_tenant(
            f"Shop {number}", ntn_cnic=self.seller, environment=environment
        ).pk
        self.till = self.inside(
            lambda: factories.make_till(
                pos_id=str(self.pos_id),
                environment=environment,
                token=self.token if stored else "",
                **till,
            )
        )

    def give_out(self, token, **more):
        entry = {"token": token, "seller": self.seller, "environment": "sandbox"}
        self.fbr.add_tokens([{**entry, "channel": "pos", "pos_id": self.pos_id, **more}])

    def inside(self, work):
        with tenancy.in_tenant(self.pk), transaction.atomic():
            return work()

    def issue(self, *lines, **fields):
        content = make_bill(self.till, *lines, **fields)
        return self.inside(lambda: Outbox.objects.get(invoice=factories.make_issued(content)))

    def take_back(self, work, *lines):
        fields = {"document_type": DocumentType.CREDIT_NOTE, "original_id": work.invoice_id}
        return self.issue(*lines, **fields)

    def send(self, work):
        with tenancy.in_tenant(self.pk):
            return sending.send_one(work_id=work.pk, actor=SENDER)

    def invoice(self, work):
        return self.inside(lambda: Invoice.objects.get(pk=work.invoice_id))

    def work(self, work):
        return self.inside(lambda: Outbox.objects.select_related("credential").get(pk=work.pk))

    def attempts(self):
        return self.inside(lambda: list(Attempt.objects.order_by("started_at", "id")))

    def credential(self):
        return self.inside(Credential.objects.get)

    def change(self, given):
        return self.inside(
            lambda: tills.change(till=Till.objects.get(), given=given, actor=SYSTEM, at=AT)
        )

    def hold(self, work):
        return self.inside(lambda: selectors.holds([Invoice.objects.get(pk=work.invoice_id)])).get(
            work.invoice_id
        )


@pytest.fixture
def shop(transactional_db, fbr):
    return Shop(fbr)


def age(laid_database, column="run_after"):
    with laid_database.cursor() as cursor:
        cursor.execute(
            f"UPDATE fbr_outbox SET {column} = clock_timestamp() - interval '1 second'"
            f" WHERE {column} IS NOT NULL AND state <> 'done'"
        )


def recorded(fbr):
    return fbr.ledger()["recorded"]


def posts(fbr):
    """What was sent, safe calls apart."""
    bodies = [request["body"] for request in fbr.ledger()["requests"]]
    return [body for body in bodies if body not in ("", "{}")]


# --- one bill, accepted --------------------------------------------------------------------------


@committed
@pytest.mark.parametrize(
    ("form", "answer"),
    [
        ("letters", "component"),
        ("letters", "text"),
        *((form, way) for form in ("20_digits", "21_digits") for way in ("text", "integer")),
    ],
)
def test_a_bill_is_at_fbr_byte_by_byte_and_once(fbr, shop, form, answer):
    fbr.behave(pos_number=form, pos_answer=answer)
    work = shop.issue()

    settled = shop.send(work)

    assert settled.outcome == Outcome.ACCEPTED
    (entry,) = recorded(fbr)
    assert entry["body"].encode() == bytes(work.body)
    invoice = shop.invoice(work)
    assert (invoice.state, invoice.fbr_number) == ("accepted", entry["number"])
    assert (entry["pos_id"], entry["usin"]) == (shop.pos_id, invoice.number)


@committed
def test_a_bill_leaves_its_evidence(fbr, shop):
    work = shop.issue()

    shop.send(work)

    (attempt,) = shop.attempts()
    assert (attempt.call, attempt.sent, attempt.http_status) == (Call.RECORD, True, 200)
    assert attempt.outcome == "accepted"
    assert shop.work(work).state == WorkState.DONE


@committed
def test_pos_has_no_dry_run(fbr, shop, settings):
    settings.FBR_VALIDATE_FIRST = True

    shop.send(shop.issue())

    assert [request["kind"] for request in fbr.ledger()["requests"]] == ["pos"]


@committed
def test_a_return_names_the_bill_that_it_takes_back(fbr, shop):
    work = shop.issue(make_line(), make_line(description="Bales"))
    shop.send(work)
    sold = shop.invoice(work)

    back = shop.take_back(work, make_line(quantity=Decimal(100)))
    shop.send(back)

    returned = shop.invoice(back)
    assert (returned.state, returned.number) == ("accepted", "INV-CN-2026-000001")
    bill = json.loads(bytes(back.body))
    assert (bill["InvoiceType"], bill["RefUSIN"]) == (3, sold.number)
    assert [row["usin"] for row in recorded(fbr)] == [sold.number, returned.number]


@committed
def test_bills_with_a_fee_and_with_tax_in_their_prices_are_taken(fbr, shop):
    shop.inside(
        lambda: PosTerms(legal_entity=LegalEntity.objects.get(), service_fee="in_bill").save()
    )
    odd = make_line(quantity=Decimal(1), unit_price=Decimal("99.99"), discount=Decimal("0.03"))

    work = shop.issue(odd, make_line(unit_price=Decimal("1.07")), prices_include_tax=True)
    shop.send(work)

    invoice = shop.invoice(work)
    assert (invoice.state, invoice.service_fee) == ("accepted", 1)
    assert json.loads(bytes(work.body), parse_float=Decimal)["TotalBillAmount"] == invoice.total + 1


@committed
def test_two_tills_of_one_business_use_each_its_own_token(fbr, shop):
    other = {"token": "token-of-the-other-till", "pos_id": 831111, "seller": shop.seller}
    fbr.add_tokens([{**other, "environment": "sandbox", "channel": "pos"}])
    second = shop.inside(
        lambda: factories.make_till(name="Two", pos_id="831111", token=other["token"])
    )
    first_work = shop.issue()
    content = make_bill(second)
    second_work = shop.inside(lambda: Outbox.objects.get(invoice=factories.make_issued(content)))

    drain()

    assert {row["pos_id"] for row in recorded(fbr)} == {shop.pos_id, 831111}
    assert first_work.credential_id != second_work.credential_id


# --- every outcome -------------------------------------------------------------------------------

ACC, REJ, UNC = (
    (State.ACCEPTED, WorkState.DONE),
    (State.REJECTED, WorkState.DONE),
    (State.UNCERTAIN, WorkState.STOPPED),
)
AGAIN = (State.QUEUED, WorkState.WAITING)
FAULTS = [
    ({"fault": "pos_text_code"}, ACC, None, 1),
    ({"fault": "pos_bare_integer"}, ACC, None, 1),
    ({"fault": "pos_not_available"}, UNC, None, 1),
    ({"fault": "pos_echoed_usin"}, UNC, None, 1),
    ({"fault": "pos_errors", "shape": "values", "filled": True}, UNC, None, 1),
    ({"fault": "pos_errors", "shape": "missing", "filled": False}, ACC, None, 1),
    ({"fault": "pos_refusal", "code": 102}, REJ, None, 0),
    ({"fault": "pos_refusal", "code": 101}, REJ, None, 0),
    ({"fault": "pos_refusal", "code": 104}, AGAIN, Hold.CREDENTIAL, 0),
    ({"fault": "pos_refusal", "code": 112}, AGAIN, Hold.CREDENTIAL, 0),
    ({"fault": "gateway_fault", "code": 900901}, AGAIN, Hold.CREDENTIAL, 0),
    ({"fault": "gateway_fault", "code": 900908}, AGAIN, Hold.CREDENTIAL, 0),
    ({"fault": "gateway_fault", "code": 900804}, AGAIN, None, 0),
    ({"fault": "429"}, AGAIN, None, 0),
    ({"fault": "404"}, AGAIN, Hold.ENDPOINT, 0),
    ({"fault": "accept_then_reset"}, UNC, None, 1),
    ({"fault": "html_200"}, UNC, None, 1),
    ({"fault": "empty_200"}, UNC, None, 1),
    ({"fault": "half_json"}, UNC, None, 1),
    ({"fault": "500", "recorded": True}, UNC, None, 1),
]


@committed
def test_every_fault_has_its_outcome(fbr, transactional_db):
    """Each at a till of its own: one committed test for all."""
    expected, found = [], []

    for number, (rule, (state, work_state), hold, count) in enumerate(FAULTS):
        one = Shop(fbr, number)
        work = one.issue()
        fbr.script([rule])
        calm()
        one.send(work)
        invoice, done = one.invoice(work), one.work(work)
        mine = [row for row in recorded(fbr) if row["pos_id"] == one.pos_id]
        found.append((rule, invoice.state, done.state, one.hold(work), len(mine)))
        expected.append((rule, state, work_state, hold, count))
        assert bool(invoice.fbr_number) == (state == State.ACCEPTED), rule
        assert bool(invoice.problems) == (state == State.REJECTED), rule

    assert found == expected


@committed
def test_silence_is_uncertain_and_never_sent_again(fbr, shop, settings, laid_database):
    settings.FBR_READ_TIMEOUT_S = 0.3
    fbr.script([{"fault": "accept_then_silence"}])
    work = shop.issue()

    assert shop.send(work).outcome == Outcome.UNCERTAIN
    age(laid_database)
    drain()

    assert shop.invoice(work).state == State.UNCERTAIN
    assert len(posts(fbr)) == 1


@committed
def test_a_refusal_is_told_in_the_words_of_pos(fbr, shop):
    fbr.script([{"fault": "pos_refusal", "code": 102, "shape": "text"}])
    work = shop.issue()

    shop.send(work)

    (problem,) = shop.invoice(work).problems
    assert problem["code"] == "102"
    assert "bill" in problem["message"]


@committed
def test_a_test_number_in_production_is_uncertain(fbr, transactional_db):
    shop = Shop(fbr, environment="production", known=False)
    fbr.add_tokens(
        [
            {
                "token": shop.token,
                "seller": shop.seller,
                "environment": "production",
                "channel": "pos",
                "pos_id": shop.pos_id,
            }
        ]
    )
    work, fine = shop.issue(), shop.issue()
    answer = {"Code": "100", "InvoiceNumber": f"{shop.pos_id}FKTL12345678*test*", "Errors": None}
    body = json.dumps(answer).encode()
    answer_of = landed(
        marked_by_hand(work), Evidence(sent=True, status=200, body=body), Call.RECORD
    )
    sending.conclude([answer_of], SENDER)
    calm()
    shop.send(fine)

    assert shop.invoice(work).state == State.UNCERTAIN
    assert shop.invoice(fine).state == State.ACCEPTED
    assert [row["environment"] for row in recorded(fbr)] == ["production"]


# --- the token of the till -----------------------------------------------------------------------


@committed
@pytest.mark.parametrize(
    ("rule", "why"),
    [
        ({"fault": "pos_refusal", "code": 104}, "code 104"),
        ({"fault": "pos_refusal", "code": 112}, "code 112"),
        ({"fault": "gateway_fault", "code": 900901}, "gateway fault 900901"),
        ({"fault": "gateway_fault", "code": 900908}, "gateway fault 900908"),
    ],
)
def test_what_holds_a_till_is_written_on_its_token_and_ends_by_release(
    fbr, shop, laid_database, settings, rule, why
):
    settings.FBR_CONCURRENCY_PER_CREDENTIAL = 1
    first, second = shop.issue(), shop.issue()
    fbr.script([rule])

    drain()

    held = shop.credential()
    assert (held.held_why, held.held_at is not None) == (why, True)
    assert {shop.hold(work) for work in (first, second)} == {Hold.CREDENTIAL}
    assert len(posts(fbr)) == 1  # the others wait; nobody storms
    shop.inside(lambda: credentials.release(credential=held, actor=SYSTEM, at=clock.now()))
    age(laid_database)
    drain()
    assert {shop.invoice(work).state for work in (first, second)} == {State.ACCEPTED}
    assert len(recorded(fbr)) == 2
    deeds = shop.inside(lambda: set(AuditEvent.objects.values_list("action", flat=True)))
    assert {AuditAction.CREDENTIAL_HELD, AuditAction.CREDENTIAL_RELEASED} <= deeds


@committed
def test_a_held_till_holds_no_other(fbr, transactional_db):
    bad, good = Shop(fbr, 1, known=False), Shop(fbr, 2)
    bad.give_out("somebody-elses-token")
    theirs, ours = bad.issue(), good.issue()

    drain()

    assert (bad.invoice(theirs).state, bad.hold(theirs)) == (State.QUEUED, Hold.CREDENTIAL)
    assert good.invoice(ours).state == State.ACCEPTED


@committed
def test_the_token_of_digital_invoicing_is_none_for_a_till(fbr, transactional_db):
    shop = Shop(fbr, stored=False)
    shop.inside(lambda: factories.make_credential(LegalEntity.objects.get(), "a token of DI"))

    work = shop.issue()
    drain()

    assert (work.credential_id, work.hold_reason) == (None, Hold.CREDENTIAL)
    assert posts(fbr) == []


@committed
def test_a_tills_token_lets_its_bills_go_and_no_invoice(fbr, transactional_db):
    shop = Shop(fbr, stored=False)
    bill = shop.issue()
    plain = shop.inside(lambda: Outbox.objects.get(invoice=factories.make_issued()))

    shop.inside(
        lambda: tills.store_token(till=Till.objects.get(), token=shop.token, actor=SYSTEM, at=AT)
    )
    drain()

    assert shop.invoice(bill).state == State.ACCEPTED
    assert shop.hold(plain) == Hold.CREDENTIAL


@committed
@pytest.mark.parametrize("what", ["till", "environment", "pos_id"])
def test_a_bill_goes_with_nothing_that_is_not_its_tills(fbr, shop, laid_database, what):
    work = shop.issue()
    shop.inside(lambda: factories.make_till(name="Two", pos_id="831111", token="another token"))
    changes = {
        "till": "UPDATE fbr_outbox SET credential_id = (SELECT id FROM fbr_credential"
        " WHERE last_four = 'oken')",
        "environment": "UPDATE invoices_till SET environment = 'production' WHERE name <> 'Two'",
        "pos_id": "UPDATE invoices_till SET pos_id = 839999 WHERE name <> 'Two'",
    }
    with laid_database.cursor() as cursor:
        cursor.execute(changes[what])

    assert shop.send(work) is None

    assert (posts(fbr), shop.attempts()) == ([], [])
    assert (shop.invoice(work).state, shop.hold(work)) == (State.QUEUED, Hold.CREDENTIAL)


# --- the transport -------------------------------------------------------------------------------


@committed
def test_a_till_that_reports_from_the_shop_sends_nothing_from_here(fbr, transactional_db):
    shop = Shop(fbr, transport="agent")

    work = shop.issue()
    drain()
    drain()

    assert (work.hold_reason, shop.hold(work)) == (Hold.TILL, Hold.TILL)
    assert posts(fbr) == []
    assert due() == []


@committed
@pytest.mark.parametrize("stored", [True, False])
def test_bills_follow_their_till_to_our_server(fbr, transactional_db, stored):
    shop = Shop(fbr, transport="agent", stored=stored)
    works = [shop.issue() for _ in range(2)]

    shop.change(replace(CLOUD, pos_id=str(shop.pos_id)))
    drain()

    states = {shop.invoice(work).state for work in works}
    assert states == ({State.ACCEPTED} if stored else {State.QUEUED})
    assert {shop.hold(work) for work in works} == ({None} if stored else {Hold.CREDENTIAL})


@committed
def test_bills_stay_where_their_till_goes_to_the_shop(fbr, shop, laid_database):
    work = shop.issue()

    shop.change(replace(SHOP, pos_id=str(shop.pos_id)))
    drain()

    assert (shop.hold(work), posts(fbr)) == (Hold.TILL, [])
    shop.change(replace(CLOUD, pos_id=str(shop.pos_id)))
    drain()
    assert shop.invoice(work).state == State.ACCEPTED


@committed
def test_a_bill_that_was_leased_before_its_till_went_to_the_shop_does_not_leave(
    fbr, shop, laid_database
):
    work = shop.issue()
    lease = leased(work)
    with laid_database.cursor() as cursor:
        cursor.execute("UPDATE invoices_till SET transport = 'agent'")

    assert sending.mark([lease], SENDER) == []

    assert (shop.hold(work), shop.invoice(work).state) == (Hold.TILL, State.QUEUED)
    assert shop.work(work).lease_until is None


@committed
def test_a_till_retired_meanwhile_issues_nothing(fbr, shop):
    draft = shop.inside(lambda: factories.make_draft(make_bill(shop.till))[0])
    shop.inside(lambda: tills.retire(till=shop.till, actor=SYSTEM, at=AT))

    with pytest.raises(StateConflict):
        shop.inside(lambda: tills.for_issue(Invoice.objects.get(pk=draft.pk)))


@committed
def test_a_bill_of_a_till_retired_since_still_goes(fbr, shop):
    work = shop.issue()
    shop.inside(lambda: tills.retire(till=shop.till, actor=SYSTEM, at=AT))

    shop.send(work)

    assert shop.invoice(work).state == State.ACCEPTED


# --- addresses -----------------------------------------------------------------------------------


@committed
def test_a_mended_bill_keeps_its_number_and_goes_once_more(fbr, shop, laid_database):
    fbr.script([{"fault": "pos_refusal", "code": 102}])
    work = shop.issue()
    shop.send(work)

    again = shop.inside(
        lambda: issuing.issue(
            invoice=Invoice.objects.get(pk=work.invoice_id), actor=SYSTEM, at=AT + timedelta(days=2)
        )
    )
    age(laid_database)
    shop.send(again)

    (entry,) = recorded(fbr)
    assert entry["usin"] == shop.invoice(work).number == "INV-2026-000001"
    assert json.loads(entry["body"])["DateTime"][:10] == "2026-11-20"


@committed
def test_while_fbr_thinks_nothing_is_locked(fbr, shop):
    """The till can be changed while one of its bills is on the wire."""
    work = shop.issue()
    one = marked_by_hand(work)
    shop.change(replace(SHOP, pos_id=str(shop.pos_id)))  # a lock would be LockNotAvailable
    sending.conclude([sending.carry(one)], SENDER)

    assert shop.invoice(work).state == State.ACCEPTED
