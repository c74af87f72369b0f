"""Lease, mark, send, journal, apply: one document, once, against a ledger that is not ours."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection, transaction

from accounts import tenancy
from accounts.enums import AuditAction
from accounts.models import AuditEvent, LegalEntity
from fbr import selectors, tasks
from fbr.models import Attempt, Credential, Outbox, Tally
from fbr.models.work import Call, WorkState
from fbr.outcomes import Evidence, Hold, Outcome
from fbr.selectors import Due
from fbr.services import alerts, credentials, issuing, resolving, sending, settling, sweeping
from invoices.enums import State
from invoices.models import Invoice, InvoiceEvent
from invoices.services import drafts
from smartinvoicing import clock
from smartinvoicing.errors import StateConflict
from tests import factories
from tests.factories import AT, SYSTEM, make_content, make_line
from tests.fbr.answers_cast import accepted, said
from tests.fbr.pump_cast import calm, drain, due, landed, leased, marked_by_hand

committed = pytest.mark.django_db(transaction=True)
SENDER = tasks.SENDER
SOON = timedelta(seconds=1)


@pytest.fixture
def fbr(fake_fbr, settings):
    """The fake FBR at the end of our line."""
    settings.FBR_DI_URL = fake_fbr.url
    settings.FBR_CONNECT_TIMEOUT_S = 5
    settings.FBR_READ_TIMEOUT_S = 5
    settings.FBR_TOTAL_TIMEOUT_S = 10
    settings.FBR_FIRST_CALLS = 8
    return fake_fbr


class Business:
    """A tenant that reports, seen from outside: each look is a transaction of its own."""

    def __init__(self, fbr, number=0, *, known=True):
        self.seller = f"{7200000 + number}"
        self.token = f"token-of-business-{number:04d}"
        if known:
            fbr.add_tokens([{"token": self.token, "seller": self.seller, "environment": "sandbox"}])
        self.pk = factories.make_reporting_tenant(number, token=self.token, ntn_cnic=self.seller)

    def inside(self, work):
        with tenancy.in_tenant(self.pk), transaction.atomic():
            return work()

    def issue(self, *lines):
        return self.inside(
            lambda: Outbox.objects.get(
                invoice=factories.make_issued(make_content(*lines) if lines else None)
            )
        )

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

    def hold(self, work):
        return self.inside(lambda: selectors.holds([Invoice.objects.get(pk=work.invoice_id)])).get(
            work.invoice_id
        )

    def everything(self):
        return self.inside(
            lambda: [
                list(model.objects.order_by("id").values())
                for model in (Invoice, InvoiceEvent, Outbox, Attempt, Credential, AuditEvent)
            ]
        )


@pytest.fixture
def mill(transactional_db, fbr):
    return Business(fbr)


def age(laid_database, column="lease_until"):
    """Time passes for every document that waits or is being sent."""
    with laid_database.cursor() as cursor:
        cursor.execute(
            f"UPDATE fbr_outbox SET {column} = clock_timestamp() - interval '1 second'"
            f" WHERE {column} IS NOT NULL AND state <> 'done'"
        )


def posts(fbr):
    """What was sent, safe calls apart."""
    requests = fbr.ledger()["requests"]
    return [request["body"] for request in requests if request["body"]]


def recorded(fbr):
    return [entry["number"] for entry in fbr.ledger()["recorded"]]


# --- one document, accepted ----------------------------------------------------------------------


@committed
def test_an_accepted_document_is_at_fbr_byte_by_byte_and_once(fbr, mill):
    work = mill.issue(make_line(description="Sooti dhaaga \u0633\u0648\u062a\u06cc"))

    settled = mill.send(work)

    assert (settled.invoice_id, settled.outcome) == (work.invoice_id, Outcome.ACCEPTED)
    (entry,) = fbr.ledger()["recorded"]
    assert entry["body"].encode() == bytes(work.body)
    assert entry["body_sha256"] == work.body_sha256
    assert len(posts(fbr)) == 1
    invoice = mill.invoice(work)
    assert (invoice.state, invoice.fbr_number) == ("accepted", entry["number"])
    assert invoice.fbr_dated
    assert invoice.accepted_at is not None


@committed
def test_an_accepted_document_leaves_its_evidence(fbr, mill):
    work = mill.issue()

    mill.send(work)

    (attempt,) = mill.attempts()
    assert (attempt.attempt_no, attempt.call, attempt.sent) == (1, Call.RECORD, True)
    assert (attempt.http_status, attempt.outcome, attempt.failure) == (200, "accepted", "")
    assert json.loads(bytes(attempt.answer))["invoiceNumber"] == recorded(fbr)[0]
    assert attempt.body_sha256 == work.body_sha256
    assert attempt.started_at <= attempt.answered_at <= attempt.finished_at
    done = mill.work(work)
    assert (done.state, done.lease_until, done.leased_by) == ("done", None, "")
    assert done.done_at == attempt.finished_at
    steps = mill.inside(
        lambda: list(
            InvoiceEvent.objects.order_by("at", "id").values_list("was", "became", "actor")
        )
    )
    assert steps == [
        ("draft", "queued", "system:test"),
        ("queued", "submitting", "system:fbr.send"),
        ("submitting", "accepted", "system:fbr.send"),
    ]
    settled = mill.inside(lambda: AuditEvent.objects.get(action=AuditAction.INVOICE_SETTLED))
    assert settled.details == {"outcome": "accepted", "attempt": 1}


@committed
def test_nothing_is_open_across_the_wire(fbr, mill):
    """While FBR thinks, the row says so to everybody, and no lock is held."""
    work = mill.issue()
    fbr.set_latency(1500)
    sender = threading.Thread(target=in_thread, args=(lambda: mill.send(work),))
    sender.start()
    until(lambda: posts(fbr) or fbr.summary()["in_flight"])

    seen = mill.invoice(work).state
    locked = mill.inside(
        lambda: Outbox.objects.select_for_update(nowait=True).get(pk=work.pk).state
    )
    sender.join(10)

    assert (seen, locked) == (State.SUBMITTING, WorkState.SENDING)
    assert mill.invoice(work).state == State.ACCEPTED


@committed
def test_inside_a_transaction_nothing_is_sent(fbr, mill):
    work = mill.issue()
    before = mill.everything()

    with pytest.raises(RuntimeError), transaction.atomic():
        mill.send(work)

    assert mill.everything() == before
    assert posts(fbr) == []


def in_thread(work):
    try:
        return work()
    finally:
        connection.close()


def until(happened, seconds=10):
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.01)


# --- every outcome -------------------------------------------------------------------------------

ACC, REJ, UNC = (
    (State.ACCEPTED, WorkState.DONE),
    (State.REJECTED, WorkState.DONE),
    (State.UNCERTAIN, WorkState.STOPPED),
)
AGAIN = (State.QUEUED, WorkState.WAITING)
FAULTS = [
    # fault, what becomes of document and work, hold, recordings at FBR
    ({"fault": "slow", "after_ms": 50}, ACC, None, 1),
    ({"fault": "numeric_status"}, ACC, None, 1),
    ({"fault": "numeric_status", "form": "float"}, ACC, None, 1),
    ({"fault": "invalid"}, REJ, None, 0),
    ({"fault": "invalid", "statuses": "missing"}, REJ, None, 0),
    ({"fault": "invalid", "code": "0104", "line": 2}, REJ, None, 0),
    ({"fault": "invalid", "code": "0104", "line": 2, "outer": "01"}, REJ, None, 0),
    ({"fault": "400"}, REJ, None, 0),
    ({"fault": "413"}, REJ, None, 0),
    ({"fault": "401"}, AGAIN, Hold.CREDENTIAL, 0),
    ({"fault": "403"}, AGAIN, Hold.CREDENTIAL, 0),
    ({"fault": "invalid", "code": "0401"}, AGAIN, Hold.CREDENTIAL, 0),
    ({"fault": "429"}, AGAIN, None, 0),
    ({"fault": "gateway_fault", "code": 900804, "xml": True}, AGAIN, None, 0),
    ({"fault": "gateway_fault", "code": 303001}, AGAIN, None, 0),
    ({"fault": "gateway_fault", "code": 101503}, AGAIN, None, 0),
    ({"fault": "404"}, AGAIN, Hold.ENDPOINT, 0),
    ({"fault": "405"}, AGAIN, Hold.ENDPOINT, 0),
    ({"fault": "accept_then_reset"}, UNC, None, 1),
    ({"fault": "accept_then_close"}, UNC, None, 1),
    ({"fault": "reset_before"}, UNC, None, 0),
    ({"fault": "half_json"}, UNC, None, 1),
    ({"fault": "half_json", "transfer": True}, UNC, None, 1),
    ({"fault": "html_200"}, UNC, None, 1),
    ({"fault": "html_200", "recorded": False}, UNC, None, 0),
    ({"fault": "empty_200"}, UNC, None, 1),
    ({"fault": "not_an_object"}, UNC, None, 1),
    ({"fault": "blank_number"}, UNC, None, 1),
    ({"fault": "null_number"}, UNC, None, 1),
    ({"fault": "missing_lines"}, UNC, None, 1),
    ({"fault": "number_and_refusal"}, UNC, None, 1),
    ({"fault": "number_and_refusal", "line": 0}, UNC, None, 1),
    ({"fault": "500"}, UNC, None, 0),
    ({"fault": "500", "recorded": True}, UNC, None, 1),
    ({"fault": "502"}, UNC, None, 0),
    ({"fault": "503"}, UNC, None, 0),
    ({"fault": "504", "recorded": True}, UNC, None, 1),
    ({"fault": "gateway_fault", "code": 101504, "recorded": True}, UNC, None, 1),
    ({"fault": "gateway_fault", "code": 101505}, UNC, None, 0),
    ({"fault": "big_body"}, UNC, None, 1),
]


@committed
def test_every_fault_has_its_outcome(fbr, transactional_db):
    """Each in a tenant of its own: one committed test for forty faults."""
    lines = (make_line(), make_line(description="Bales"))
    expected, found = [], []

    for number, (rule, (state, work_state), hold, count) in enumerate(FAULTS):
        one = Business(fbr, number)
        work = one.issue(*lines)
        fbr.script([rule])
        calm()
        one.send(work)
        invoice, done, (attempt,) = one.invoice(work), one.work(work), one.attempts()
        sellers = Counter(entry["seller"] for entry in fbr.ledger()["recorded"])
        found.append((rule, invoice.state, done.state, one.hold(work), sellers[one.seller]))
        expected.append((rule, state, work_state, hold, count))
        assert attempt.finished_at, rule
        assert attempt.answered_at, rule
        assert done.lease_until is None, rule
        assert bool(invoice.fbr_number) == (state == State.ACCEPTED), rule
        assert bool(invoice.problems) == (state == State.REJECTED), rule

    assert found == expected
    assert len(posts(fbr)) == len(FAULTS)


@committed
@pytest.mark.parametrize("fault", ["silence", "accept_then_silence"])
def test_silence_is_uncertain(fbr, mill, settings, fault):
    settings.FBR_READ_TIMEOUT_S = 0.3
    fbr.script([{"fault": fault}])
    work = mill.issue()

    assert mill.send(work).outcome == Outcome.UNCERTAIN

    (attempt,) = mill.attempts()
    assert (attempt.sent, attempt.http_status, attempt.failure) == (True, None, "TimeoutError")
    event = mill.inside(lambda: InvoiceEvent.objects.order_by("at", "id").last())
    assert (event.became, "TimeoutError" in event.note) == ("uncertain", True)


@committed
def test_a_refusal_says_codes_lines_and_what_to_do(fbr, mill):
    fbr.script([{"fault": "invalid", "code": "0104", "line": 2, "outer": "01"}])
    work = mill.issue(make_line(), make_line(description="Bales"))

    mill.send(work)

    (problem,) = mill.invoice(work).problems
    assert (problem["code"], problem["line"]) == ("0104", 2)
    assert problem["message"]
    assert problem["fix"]


@committed
def test_fbr_away_is_not_sent_and_goes_later(fbr, mill, laid_database):
    work = mill.issue()
    fbr.stop()

    assert mill.send(work).outcome == Outcome.RETRYABLE
    waiting, (attempt,) = mill.work(work), mill.attempts()
    assert (attempt.sent, attempt.failure) == (False, "ConnectionRefusedError")
    assert waiting.run_after > mill.inside(clock.database_now)
    assert due() == []

    fbr.start()
    age(laid_database, "run_after")
    mill.send(work)

    assert mill.invoice(work).state == State.ACCEPTED
    assert [each.outcome for each in mill.attempts()] == ["retryable", "accepted"]
    assert len(recorded(fbr)) == 1


@committed
def test_429_obeys_retry_after(fbr, mill, laid_database):
    fbr.script([{"fault": "429", "retry_after": "120"}])
    work = mill.issue()

    mill.send(work)

    left = mill.work(work).run_after - mill.inside(clock.database_now)
    assert timedelta(seconds=110) < left <= timedelta(seconds=120)
    assert due() == []
    assert mill.send(work) is None
    age(laid_database, "run_after")
    assert mill.send(work) is None  # its token waits too: FBR counts calls by token
    mill.inside(lambda: Credential.objects.update(paced_until=None))
    assert mill.send(work).outcome == Outcome.ACCEPTED
    assert len(posts(fbr)) == 2


@committed
def test_404_waits_a_quarter_of_an_hour_and_passes_by_itself(fbr, mill, laid_database):
    fbr.script([{"fault": "404"}])
    work = mill.issue()

    mill.send(work)

    left = mill.work(work).run_after - mill.inside(clock.database_now)
    assert timedelta(minutes=14) < left <= timedelta(minutes=15)
    assert (due(), mill.hold(work)) == ([], Hold.ENDPOINT)
    age(laid_database, "run_after")
    assert due() == []  # the whole line waits for a safe call
    calm()
    assert due() == [Due(mill.pk, work.pk)]
    mill.send(work)
    assert (mill.invoice(work).state, mill.hold(work)) == (State.ACCEPTED, None)


@committed
def test_0043_before_five_waits_for_the_day_and_goes_unchanged(fbr, mill, laid_database):
    work = mill.issue()
    body = json.dumps(
        {"validationResponse": {"statusCode": "01", "errorCode": "0043", "error": "Future date."}}
    ).encode()
    attempt = journalled(mill, work, Evidence(sent=True, status=200, body=body))
    night = mill.inside(clock.database_now).replace(hour=20, minute=30)  # 01:30 in Karachi
    with laid_database.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute("UPDATE fbr_attempt SET answered_at = %s", [night])
        cursor.execute("RESET session_replication_role")

    with tenancy.in_tenant(mill.pk):
        settling.apply_journal(work_id=work.pk, attempt_id=attempt.pk, actor=SENDER)

    waiting = mill.work(work)
    assert (mill.invoice(work).state, waiting.hold_reason) == (State.QUEUED, Hold.CLOCK)
    assert clock.karachi(waiting.run_after).hour == 5
    age(laid_database, "run_after")
    mill.send(work)
    assert posts(fbr) == [bytes(work.body).decode()]
    assert mill.invoice(work).state == State.ACCEPTED


# --- the token -----------------------------------------------------------------------------------


@committed
def test_a_refused_token_stops_its_tenant_and_no_other(fbr, transactional_db):
    """R8: A's documents wait, none is rejected, B drains, and FBR hears the bad token twice."""
    bad, good = Business(fbr, 1, known=False), Business(fbr, 2)
    theirs = [bad.issue() for _ in range(3)]
    ours = [good.issue() for _ in range(3)]

    drain()

    assert {bad.invoice(work).state for work in theirs} == {State.QUEUED}
    assert {bad.hold(work) for work in theirs} == {Hold.CREDENTIAL}
    assert bad.credential().held_why
    assert {good.invoice(work).state for work in ours} == {State.ACCEPTED}
    heard = Counter(request["seller"] for request in fbr.ledger()["requests"])
    assert heard.pop(None) <= 2
    assert heard == {good.seller: 3}


@committed
def test_a_new_token_lets_the_held_documents_go(fbr, transactional_db, laid_database):
    bad = Business(fbr, 1, known=False)
    works = [bad.issue() for _ in range(2)]
    drain()
    fbr.add_tokens(
        [{"token": "the-right-one-0001", "seller": bad.seller, "environment": "sandbox"}]
    )

    bad.inside(lambda: factories.make_credential(LegalEntity.objects.get(), "the-right-one-0001"))
    age(laid_database, "run_after")
    drain()

    assert {bad.invoice(work).state for work in works} == {State.ACCEPTED}
    assert len(recorded(fbr)) == 2


@committed
def test_an_old_refusal_does_not_hold_a_token_that_came_meanwhile(fbr, mill):
    """The answer to the old token arrives when the new one is stored already."""
    work = mill.issue()
    fbr.script([{"fault": "401"}])
    with tenancy.in_tenant(mill.pk):
        answer = sent_by_hand(work)
        now = clock.now() + SOON
        with transaction.atomic():
            credentials.store(
                entity=LegalEntity.objects.get(),
                environment="sandbox",
                token=mill.token,
                actor=SYSTEM,
                at=now,
            )
        sending.conclude([answer], SENDER)

    assert mill.credential().held_at is None
    assert (mill.invoice(work).state, mill.hold(work)) == (State.QUEUED, None)


@committed
def test_without_a_token_nothing_is_sent_and_nothing_rejected(fbr, transactional_db, business):
    with tenancy.in_tenant(business.pk), transaction.atomic():
        work = Outbox.objects.get(invoice=factories.make_issued())

    with tenancy.in_tenant(business.pk):
        assert sending.send_one(work_id=work.pk, actor=SENDER) is None

    with tenancy.in_tenant(business.pk), transaction.atomic():
        assert Invoice.objects.get().state == State.QUEUED
        assert Outbox.objects.get().hold_reason == Hold.CREDENTIAL
        assert not Attempt.objects.exists()
    assert posts(fbr) == []


@committed
@pytest.mark.parametrize(
    ("field", "value"),
    [("held_at", AT), ("seller_ntn_cnic", "7000001"), ("token_sealed", b"not sealed at all")],
)
def test_a_token_that_cannot_be_used_holds_the_document(fbr, mill, field, value):
    work = mill.issue()
    mill.inside(lambda: Credential.objects.update(**{field: value}))

    assert mill.send(work) is None

    assert (mill.invoice(work).state, mill.hold(work)) == (State.QUEUED, Hold.CREDENTIAL)
    assert (mill.attempts(), posts(fbr)) == ([], [])
    assert mill.work(work).lease_until is None


@committed
def test_a_token_stored_while_a_document_is_being_issued_reaches_it(
    fbr, transactional_db, laid_database
):
    """Neither sees the other's rows: still the document must not wait for ever."""
    late = Business(fbr, 1)
    with laid_database.cursor() as cursor:
        cursor.execute("DELETE FROM fbr_credential")
    issued, stored = threading.Event(), threading.Event()

    def issue():
        with tenancy.in_tenant(late.pk), transaction.atomic():
            invoice = factories.make_issued()
            issued.set()
            stored.wait(0.5)  # the owner pastes the token before this commits
            return invoice.pk

    def paste():
        issued.wait(10)
        late.inside(lambda: factories.make_credential(LegalEntity.objects.get(), late.token))
        stored.set()

    with ThreadPoolExecutor(2) as pool:
        writing, pasting = pool.submit(in_thread, issue), pool.submit(in_thread, paste)
        invoice_id = writing.result(10)
        pasting.result(10)
    drain()

    assert late.inside(lambda: Invoice.objects.get(pk=invoice_id)).state == State.ACCEPTED


# --- numbers -------------------------------------------------------------------------------------


@committed
def test_a_number_seen_before_is_uncertain(fbr, mill):
    first, second = mill.issue(), mill.issue()
    mill.send(first)
    fbr.script([{"fault": "repeated_number"}])

    assert mill.send(second).outcome == Outcome.UNCERTAIN

    assert mill.invoice(first).fbr_number == recorded(fbr)[0]
    doubted = mill.invoice(second)
    assert (doubted.state, doubted.fbr_number, doubted.accepted_at) == (State.UNCERTAIN, "", None)
    attempt = mill.attempts()[1]
    assert (attempt.outcome, attempt.why) == (
        "uncertain",
        "FBR gave a number that is known already",
    )
    assert recorded(fbr)[0].encode() in bytes(attempt.answer)
    assert Tally.objects.get(name=alerts.NUMBER_TWICE).count == 1


@committed
def test_a_number_of_another_tenant_is_uncertain_and_stays_theirs(fbr, mill):
    other = Business(fbr, 9)
    theirs, ours = other.issue(), mill.issue()
    other.send(theirs)
    fbr.script([{"fault": "repeated_number"}])

    mill.send(ours)

    assert mill.invoice(ours).state == State.UNCERTAIN
    assert other.invoice(theirs).state == State.ACCEPTED
    assert other.invoice(theirs).fbr_number == recorded(fbr)[0]


@committed
def test_an_answer_that_no_column_holds_is_still_applied(fbr, mill):
    work = mill.issue()
    body = accepted(dated="\u0000\ud800", verdict={"error": "x" * 100_000})
    attempt = journalled(mill, work, said(body))

    with tenancy.in_tenant(mill.pk):
        outcome = settling.apply_journal(work_id=work.pk, attempt_id=attempt.pk, actor=SENDER)

    assert outcome == Outcome.ACCEPTED
    assert mill.invoice(work).fbr_number == body["invoiceNumber"]


# --- uncertain stays -----------------------------------------------------------------------------


@committed
def test_an_uncertain_document_is_never_sent_again_by_machine(fbr, mill, laid_database):
    work = mill.issue()
    fbr.script([{"fault": "accept_then_reset"}])
    mill.send(work)
    for column in ("run_after", "lease_until"):
        age(laid_database, column)
    before = mill.everything()

    assert due() == []
    assert selectors.hanging() == []
    tasks.dispatch()
    tasks.sweep()
    drain()
    with tenancy.in_tenant(mill.pk):
        assert sweeping.sweep_one(work_id=work.pk) is None
    assert mill.send(work) is None
    with pytest.raises(StateConflict):
        mill.inside(lambda: issuing.issue(invoice=mill_invoice(work), actor=SYSTEM, at=clock.now()))
    with pytest.raises(StateConflict):
        mill.inside(
            lambda: drafts.change(
                invoice=mill_invoice(work),
                content=make_content(),
                actor=SYSTEM,
                at=AT,
                seen_version=1,
            )
        )

    assert mill.everything() == before
    assert len(posts(fbr)) == 1


def mill_invoice(work):
    return Invoice.objects.get(pk=work.invoice_id)


@committed
@pytest.mark.parametrize("rule", [{"fault": "ok"}, {"fault": "invalid"}, {"fault": "500"}])
def test_a_settled_document_is_not_sent_again(fbr, mill, rule):
    work = mill.issue()
    fbr.script([rule])
    mill.send(work)
    before = mill.everything()

    assert mill.send(work) is None

    assert mill.everything() == before
    assert len(posts(fbr)) == 1


@committed
@pytest.mark.parametrize("hold", [h for h in Hold if h not in {Hold.CLOCK, Hold.ENDPOINT}])
def test_a_held_document_waits(fbr, mill, hold):
    work = mill.issue()
    mill.inside(lambda: Outbox.objects.update(hold_reason=hold))
    before = mill.everything()

    assert due() == []
    assert mill.send(work) is None

    assert mill.everything() == before
    assert posts(fbr) == []
    assert mill.hold(work) == hold


@committed
def test_changed_bytes_are_not_sent(fbr, mill, laid_database, caplog):
    """Only somebody above our triggers can change them; the hash tells."""
    work = mill.issue()
    with laid_database.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute("UPDATE fbr_outbox SET body = '{}'")
        cursor.execute("RESET session_replication_role")

    assert mill.send(work) is None

    assert "fbr.bytes_changed" in caplog.messages
    assert (posts(fbr), mill.attempts()) == ([], [])
    assert mill.invoice(work).state == State.QUEUED


# --- twice, and too late -------------------------------------------------------------------------


def run_twice(task, look, **arguments):
    """Rule 9: the second run of a task with the same arguments changes nothing."""
    task(**arguments)
    first = look()
    task(**arguments)
    assert look() == first


@committed
@pytest.mark.parametrize(
    ("rule", "state"),
    [
        ({"fault": "ok"}, State.ACCEPTED),
        ({"fault": "invalid"}, State.REJECTED),
        ({"fault": "401"}, State.QUEUED),
        ({"fault": "404"}, State.QUEUED),
        ({"fault": "html_200"}, State.UNCERTAIN),
    ],
    ids=lambda value: value["fault"] if isinstance(value, dict) else None,
)
def test_the_second_run_of_a_send_changes_nothing(fbr, mill, rule, state):
    work = mill.issue()
    fbr.script([rule])

    run_twice(tasks.dispatch, lambda: (mill.everything(), len(posts(fbr))))

    assert mill.invoice(work).state == state
    assert len(posts(fbr)) == 1


@committed
def test_the_second_run_of_a_sweep_and_of_a_dispatch_changes_nothing(fbr, mill, laid_database):
    marked(mill, mill.issue())
    age(laid_database)

    run_twice(tasks.sweep, mill.everything)
    run_twice(tasks.dispatch, mill.everything)

    assert posts(fbr) == []


def sent_by_hand(work):
    """T1 to T3 of a worker that then goes to sleep."""
    return sending.carry(marked_by_hand(work))


def marked(mill, work):
    """T1 and T2 of a worker that then dies."""
    return marked_by_hand(work).attempt


def journalled(mill, work, evidence, call=Call.RECORD):
    """T1 to T4 of a worker that then dies."""
    one = marked_by_hand(work)
    settling.journal([landed(one, evidence, call)])
    return one.attempt


@committed
def test_a_stale_worker_changes_nothing_and_its_answer_is_kept(
    fbr, mill, laid_database, monkeypatch
):
    """R6: it slept past its lease; meanwhile the sweep called the document uncertain."""
    work = mill.issue()
    answer = sent_by_hand(work)
    age(laid_database)
    tasks.sweep()
    assert mill.invoice(work).state == State.UNCERTAIN
    monkeypatch.setattr(resolving, "take_late_answer", lambda **late: None)
    before = mill.everything()

    assert sending.conclude([answer], SENDER) == []

    after = mill.everything()
    (kept,) = mill.attempts()
    assert [rows for rows in after if rows != before.pop(0)] == [after[3]]  # the attempt alone
    assert (kept.outcome, kept.http_status) == ("uncertain", 200)
    assert json.loads(bytes(kept.answer))["invoiceNumber"] == recorded(fbr)[0]
    assert len(posts(fbr)) == 1


@committed
def test_the_late_answer_of_the_same_attempt_is_evidence_of_the_number(fbr, mill, laid_database):
    work = mill.issue()
    answer = sent_by_hand(work)
    age(laid_database)
    tasks.sweep()

    sending.conclude([answer], SENDER)

    invoice = mill.invoice(work)
    assert (invoice.state, invoice.fbr_number) == (State.ACCEPTED, recorded(fbr)[0])
    assert len(posts(fbr)) == 1


@committed
def test_a_worker_that_slept_before_it_marked_sends_nothing(fbr, mill, laid_database):
    work = mill.issue()
    lease = leased(work)
    age(laid_database)
    mill.send(work)
    before = mill.everything()

    assert sending.mark([lease], SENDER) == []

    assert mill.everything() == before
    assert len(posts(fbr)) == 1
    assert mill.work(work).attempt_no == 2


@committed
def test_two_workers_with_a_lease_of_the_same_work_are_told_apart_by_the_fence(
    fbr, mill, laid_database
):
    """Both have leased it, the first one's lease ran out unnoticed: only the second may mark."""
    work = mill.issue()
    old = leased(work)
    age(laid_database)
    new = leased(work)

    assert sending.mark([old], SENDER) == []
    (one,) = sending.mark([new], SENDER)

    assert (old.fence, new.fence, one.attempt.attempt_no) == (1, 2, 2)
    assert len(mill.attempts()) == 1


@committed
def test_eight_threads_with_fifty_messages_each_make_one_post(fbr, mill):
    """R5."""
    work = mill.issue()
    fbr.set_latency(150)
    start = threading.Barrier(8)

    def worker():
        start.wait()
        outcomes = [mill.send(work) for _ in range(50)]
        return [each for each in outcomes if each]

    with ThreadPoolExecutor(8) as pool:
        runs = [pool.submit(in_thread, worker) for _ in range(8)]
        settled = [each for run in runs for each in run.result(60)]

    assert [each.outcome for each in settled] == [Outcome.ACCEPTED]
    assert len(posts(fbr)) == len(mill.attempts()) == 1


# --- the caps ------------------------------------------------------------------------------------


@committed
def test_the_caps_are_kept_by_whoever_sends(fbr, transactional_db, settings):
    settings.FBR_CONCURRENCY = 4
    settings.FBR_CONCURRENCY_PER_CREDENTIAL = 2
    fbr.set_latency(500)
    businesses = [Business(fbr, number) for number in range(3)]
    works = {one: [one.issue() for _ in range(4)] for one in businesses}
    open_ = sum(len(rows) for rows in works.values())

    def worker(one):
        for _ in range(200):
            for each in works[one]:
                one.send(each)
            if len(recorded(fbr)) == open_:
                return
            time.sleep(0.005)

    with ThreadPoolExecutor(9) as pool:
        runs = [pool.submit(in_thread, lambda o=one: worker(o)) for one in businesses * 3]
        for run in runs:
            run.result(60)

    seen = fbr.summary()
    assert len(recorded(fbr)) == open_
    assert 2 < seen["max_recording"] <= 4
    assert max(seen["max_recording_by_seller"].values()) <= 2


def test_due_offers_no_more_than_the_caps_leave_and_each_tenant_in_turn(fbr, db, settings):
    settings.FBR_CONCURRENCY = 5
    settings.FBR_CONCURRENCY_PER_CREDENTIAL = 2
    many, few = Business(fbr, 1), Business(fbr, 2)
    queue = [many.issue() for _ in range(5)]
    other = few.issue()

    offered = due()

    assert set(offered) == {
        Due(many.pk, queue[0].pk),
        Due(few.pk, other.pk),
        Due(many.pk, queue[1].pk),
    }
    settings.FBR_CONCURRENCY = 1
    assert due() == [Due(many.pk, queue[0].pk)]


def test_due_counts_what_is_in_flight(fbr, db, settings):
    settings.FBR_CONCURRENCY = 3
    settings.FBR_CONCURRENCY_PER_CREDENTIAL = 2
    one = Business(fbr, 1)
    first, second, third = (one.issue() for _ in range(3))

    assert leased(first).fence == 1
    assert due() == [Due(one.pk, second.pk)]
    assert leased(second).fence == 1
    assert sending.take(1, only=third.pk) == []
    assert due() == []


# --- what hangs ----------------------------------------------------------------------------------


@committed
def test_a_worker_lost_after_its_lease_is_no_loss(fbr, mill, laid_database):
    work = mill.issue()
    leased(work)
    assert (due(), mill.send(work)) == ([], None)

    age(laid_database)
    tasks.sweep()
    assert due() == [Due(mill.pk, work.pk)]
    mill.send(work)

    assert mill.invoice(work).state == State.ACCEPTED
    assert len(posts(fbr)) == 1


@committed
def test_a_worker_lost_without_an_answer_leaves_it_uncertain(fbr, mill, laid_database):
    work = mill.issue()
    marked(mill, work)
    age(laid_database)

    tasks.sweep()

    (attempt,) = mill.attempts()
    assert (attempt.outcome, attempt.answered_at) == ("uncertain", None)
    assert attempt.finished_at is not None
    assert (mill.invoice(work).state, mill.work(work).state) == UNC
    event = mill.inside(lambda: InvoiceEvent.objects.order_by("at", "id").last())
    assert (event.became, event.actor) == ("uncertain", "system:fbr.sweep")
    assert posts(fbr) == []


@committed
@pytest.mark.parametrize(
    ("evidence", "state"),
    [
        (said(accepted()), State.ACCEPTED),
        (said({"validationResponse": {"statusCode": "01", "errorCode": "0052"}}), State.REJECTED),
        (Evidence(sent=False, failure="ConnectionRefusedError"), State.QUEUED),
        (said(b"", 401), State.QUEUED),
        (said(b"<html>"), State.UNCERTAIN),
        (Evidence(sent=True, failure="TimeoutError"), State.UNCERTAIN),
    ],
)
def test_a_worker_lost_after_its_journal_left_the_answer(fbr, mill, laid_database, evidence, state):
    work = mill.issue()
    attempt = journalled(mill, work, evidence)
    age(laid_database)

    tasks.sweep()

    assert mill.invoice(work).state == state
    (kept,) = mill.attempts()
    assert (kept.pk, bool(kept.finished_at)) == (attempt.pk, True)
    assert posts(fbr) == []


@committed
def test_the_sweep_leaves_alone_who_still_works(fbr, mill):
    work = mill.issue()
    marked(mill, work)
    before = mill.everything()

    tasks.sweep()
    with tenancy.in_tenant(mill.pk):
        assert sweeping.sweep_one(work_id=work.pk) is None

    assert mill.everything() == before


@committed
def test_the_sweep_goes_on_after_one_that_cannot_be_settled(fbr, transactional_db, laid_database):
    """One poisoned row must not keep every other tenant's documents from being settled."""
    poisoned, healthy = Business(fbr, 1), Business(fbr, 2)
    marked(poisoned, poisoned.issue())
    age(laid_database)
    marked(healthy, ours := healthy.issue())
    age(laid_database)
    with laid_database.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute("DELETE FROM fbr_attempt WHERE tenant_id = %s", [str(poisoned.pk)])
        cursor.execute("RESET session_replication_role")

    with pytest.raises(Attempt.DoesNotExist):
        tasks.sweep()

    assert healthy.invoice(ours).state == State.UNCERTAIN


# --- asking first --------------------------------------------------------------------------------


def kinds(fbr):
    return [request["kind"] for request in fbr.ledger()["requests"]]


@pytest.fixture
def asks_first(settings):
    settings.FBR_VALIDATE_FIRST = True


@committed
def test_asked_first_a_valid_document_is_validated_and_then_recorded(fbr, mill, asks_first):
    work = mill.issue()

    mill.send(work)

    assert kinds(fbr) == ["validate", "record"]
    assert posts(fbr) == [bytes(work.body).decode()] * 2
    (attempt,) = mill.attempts()
    assert (attempt.call, attempt.outcome) == (Call.RECORD, "accepted")
    assert mill.invoice(work).state == State.ACCEPTED


@committed
def test_asked_first_every_other_answer_saves_the_real_call(
    fbr, transactional_db, asks_first, settings
):
    settings.FBR_READ_TIMEOUT_S = 0.4
    cases = [
        ({"fault": "invalid"}, REJ, None),
        ({"fault": "invalid", "code": "0104", "line": 1}, REJ, None),
        ({"fault": "401"}, AGAIN, Hold.CREDENTIAL),
        ({"fault": "404"}, AGAIN, Hold.ENDPOINT),
        ({"fault": "429"}, AGAIN, None),
        ({"fault": "silence"}, AGAIN, None),
        ({"fault": "reset_before"}, AGAIN, None),
        ({"fault": "500"}, AGAIN, None),
        ({"fault": "html_200"}, AGAIN, None),
        ({"fault": "half_json"}, AGAIN, None),
    ]

    for number, (rule, expected, hold) in enumerate(cases):
        one = Business(fbr, number)
        work = one.issue()
        fbr.script([{**rule, "path": "validate"}])
        calm()
        one.send(work)
        (attempt,) = one.attempts()
        assert (one.invoice(work).state, one.work(work).state) == expected, rule
        assert (one.hold(work), attempt.call) == (hold, Call.VALIDATE), rule

    assert set(kinds(fbr)) == {"validate"}
    assert recorded(fbr) == []


@committed
def test_asked_first_a_lost_answer_to_the_real_call_is_uncertain(fbr, mill, asks_first):
    work = mill.issue()
    fbr.script([{"fault": "accept_then_reset"}])

    mill.send(work)

    assert kinds(fbr) == ["validate", "record"]
    assert mill.invoice(work).state == State.UNCERTAIN


@committed
def test_a_valid_dry_run_is_never_an_acceptance(fbr, mill, laid_database):
    """A worker that journalled it and died: whether the real call left is not known."""
    work = mill.issue()
    valid = accepted(verdict={"invoiceStatuses": [{"itemSNo": "1", "statusCode": "00"}]})
    del valid["invoiceNumber"]
    journalled(mill, work, said(valid), call=Call.VALIDATE)
    age(laid_database)

    tasks.sweep()

    invoice = mill.invoice(work)
    assert (invoice.state, invoice.fbr_number) == (State.UNCERTAIN, "")


@committed
def test_the_value_that_fbr_recorded_is_the_one_we_show(fbr, mill):
    """R16 to the end: what stands in FBR's book is our total, to the paisa."""
    line = make_line(quantity=Decimal("12.5"), unit_price=Decimal(265))
    work = mill.issue(line)

    mill.send(work)

    (entry,) = fbr.ledger()["recorded"]
    (item,) = json.loads(entry["body"], parse_float=Decimal, parse_int=Decimal)["items"]
    invoice = mill.invoice(work)
    assert item["valueSalesExcludingST"] == invoice.value == Decimal("3312.50")
    assert item["salesTaxApplicable"] == invoice.sales_tax == Decimal("596.25")
    assert item["totalValues"] == invoice.total
