"""T0: numbered, frozen, queued and written down, all of it or nothing."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from django.db import IntegrityError, transaction

from accounts import tenancy
from accounts.access import Actor
from accounts.enums import AuditAction, Environment, Permission, Role
from accounts.models import AuditEvent, LegalEntity
from fbr import selectors
from fbr.models import Attempt, Outbox
from fbr.models.work import WorkState
from fbr.outcomes import Hold
from fbr.services import issuing
from invoices import lifecycle
from invoices.enums import BuyerKind, State
from invoices.models import Invoice, InvoiceEvent, InvoiceLine, Series
from invoices.services import drafts
from smartinvoicing.errors import NotAllowed, NotFound, RuleViolation, StateConflict
from tests import factories
from tests.factories import AT, SYSTEM, make_content, make_line, make_party
from tests.invoices.test_lifecycle import _in_state

D = Decimal
TOKEN = "3f2a9c71-5d8e-4b60-9a1f-0c7e2d4b8e55"


def everything():
    return (
        list(Invoice.objects.order_by("id").values()),
        list(InvoiceLine.objects.order_by("id").values()),
        list(InvoiceEvent.objects.order_by("id").values()),
        list(Outbox.objects.order_by("id").values()),
        list(Series.objects.order_by("id").values()),
        AuditEvent.objects.count(),
    )


def issue(invoice, actor=SYSTEM, at=AT, **more):
    return issuing.issue(invoice=invoice, actor=actor, at=at, **more)


def draft(*lines, **fields):
    return factories.make_draft(make_content(*lines, **fields))[0]


def rejected():
    """A document that FBR refused: its first version is done."""
    invoice = factories.make_issued()
    lifecycle.transition(invoice, State.SUBMITTING, actor=SYSTEM, at=AT)
    lifecycle.transition(invoice, State.REJECTED, actor=SYSTEM, at=AT)
    Outbox.objects.filter(invoice=invoice).update(state=WorkState.DONE, done_at=AT)
    return Invoice.objects.get(pk=invoice.pk)


# --- what issue leaves ---------------------------------------------------------------------------


def test_issue_numbers_freezes_and_queues(entity, clerk):
    credential = factories.make_credential(entity, TOKEN)
    invoice = draft()

    work = issue(invoice, clerk)

    stored = Invoice.objects.get(pk=invoice.pk)
    assert (stored.state, stored.number, stored.serial) == ("queued", "INV-2026-000001", 1)
    assert (stored.version, stored.problems, stored.state_at) == (1, [], AT)
    assert (stored.seller_name, stored.seller_ntn_cnic, stored.seller_province) == (
        entity.name,
        "7000007",
        "PUNJAB",
    )
    kept = Outbox.objects.get()
    assert (kept.pk, kept.invoice_id, kept.version, kept.lines) == (work.pk, invoice.pk, 1, 1)
    assert (kept.state, kept.hold_reason, kept.attempt_no) == ("waiting", "", 0)
    assert (kept.credential_id, kept.run_after, kept.lease_until) == (credential.pk, AT, None)
    assert not Attempt.objects.exists()


def test_the_bytes_are_those_of_the_document_and_their_hash_stands_beside(entity):
    invoice = draft()

    issue(invoice)

    work = Outbox.objects.get()
    body = json.loads(bytes(work.body))
    assert work.body_sha256 == hashlib.sha256(bytes(work.body)).hexdigest()
    assert (body["sellerNTNCNIC"], body["buyerNTNCNIC"]) == ("7000007", "2046004")
    assert [item["valueSalesExcludingST"] for item in body["items"]] == [1000]
    assert (body["scenarioId"], body["invoiceDate"]) == ("SN001", "2026-11-20")


def test_issue_is_written_down_twice_for_machines_and_for_people(entity, clerk):
    invoice = draft()

    work = issue(invoice, clerk)

    event = InvoiceEvent.objects.get()
    assert (event.was, event.became, event.actor, event.at) == ("draft", "queued", clerk.name, AT)
    audit = AuditEvent.objects.get(action=AuditAction.INVOICE_ISSUED)
    assert (audit.actor, audit.object_id) == (clerk.name, invoice.pk)
    assert audit.details == {"sha256": work.body_sha256, "version": 1}


def test_without_a_token_the_document_waits_and_says_why(entity):
    work = issue(draft())

    assert (work.credential, work.hold_reason) == (None, Hold.CREDENTIAL)
    assert selectors.hold_of(Outbox.objects.get()) == Hold.CREDENTIAL
    assert Invoice.objects.get().state == State.QUEUED


def test_a_token_of_the_other_environment_is_none(entity):
    factories.make_credential(entity, TOKEN, environment="production")

    assert issue(draft()).hold_reason == Hold.CREDENTIAL


def test_the_year_of_a_number_is_karachis(entity):
    """20:00 UTC on New Year's Eve is next year in Karachi."""
    at = datetime(2026, 12, 31, 20, 0, tzinfo=UTC)

    issue(draft(invoice_date=date(2026, 12, 31)), at=at)

    assert Invoice.objects.get().number == "INV-2027-000001"


def test_numbers_follow_one_another(entity):
    numbers = [factories.make_issued().number for _ in range(3)]

    assert numbers == [f"INV-2026-00000{n}" for n in (1, 2, 3)]


@pytest.mark.parametrize(
    "line",
    [
        {"discount": D("-0")},
        {"quantity": D("400.0000"), "unit_price": D("2.5000")},
        {"retail_price": D("0.00")},
        {"further_tax": D("0.000"), "withheld": D("180")},
    ],
)
def test_what_is_issued_at_once_and_later_is_the_same_to_the_byte(entity, line):
    """The API hands the lines over from memory; a person's issue reads them again."""
    content = make_content(make_line(**line))
    at_once, lines = factories.make_draft(content)
    later, _ = factories.make_draft(content)

    issue(at_once, lines=lines, entity=entity)
    issue(Invoice.objects.get(pk=later.pk))

    first, second = (bytes(work.body) for work in Outbox.objects.order_by("id"))
    assert first == second


def test_issue_costs_the_same_for_one_line_and_for_thirty(entity, django_assert_num_queries):
    factories.make_credential(entity, TOKEN)
    factories.make_issued()
    counts = []
    for lines in (1, 30):
        invoice = draft(*[make_line(description=f"Line {n}") for n in range(lines)])
        with django_assert_num_queries(20, exact=False) as ran:
            issue(invoice)
        counts.append(len(ran))

    assert counts[0] == counts[1]


# --- refusals ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"buyer": make_party(ntn_cnic="")}, "0009"),
        ({"buyer": make_party(name="")}, "0010"),
        ({"invoice_date": date(2026, 11, 21)}, "0043"),
        ({"scenario": "SN099"}, "0203"),
        ({"lines": (make_line(hs_code="0000.0000"),)}, "0044"),
        ({"lines": (make_line(quantity=D(0)),)}, "0098"),
        ({"lines": ()}, "no_lines"),
    ],
)
def test_a_refused_draft_stays_unnumbered_and_the_series_untouched(entity, fields, code):
    invoice, _ = factories.make_draft(make_content_of(fields))
    before = everything()

    with pytest.raises(RuleViolation) as refused:
        issue(invoice)

    assert code in {problem["code"] for problem in refused.value.details["problems"]}
    assert everything() == before
    assert not Series.objects.exists()


def make_content_of(fields):
    lines = fields.get("lines", (make_line(),))
    content = make_content(**{name: value for name, value in fields.items() if name != "lines"})
    return type(content)(**{**vars(content), "lines": lines})


def test_a_refusal_between_two_issues_leaves_no_gap(entity):
    factories.make_issued()
    with pytest.raises(RuleViolation):
        issue(draft(make_line(unit="kg")))

    assert factories.make_issued().number == "INV-2026-000002"


def test_what_fails_after_the_number_was_taken_takes_it_back(entity):
    """Somebody queued that version already: number, state and events go back with it."""
    invoice = draft()
    Outbox(
        invoice=invoice,
        version=1,
        environment="sandbox",
        channel="di",
        body=b"{}",
        body_sha256="0" * 64,
        lines=1,
        made_at=AT,
        run_after=AT,
    ).save(force_insert=True)
    before = everything()

    with pytest.raises(IntegrityError), transaction.atomic():
        issue(invoice)

    assert everything() == before
    assert factories.make_issued().number == "INV-2026-000001"


@pytest.mark.parametrize("role", [Role.VIEWER, Role.AUDITOR])
def test_issue_is_not_for_those_who_only_look(entity, viewer, role):
    invoice = draft()
    before = everything()

    with pytest.raises(NotAllowed):
        issue(invoice, Actor.person(viewer.pk, role))

    assert everything() == before


def test_a_key_without_the_scope_may_not_issue(entity, viewer):
    invoice = draft()
    before = everything()

    with pytest.raises(NotAllowed):
        issue(invoice, Actor.key(viewer.pk, [Permission.VIEW, Permission.WRITE_DRAFTS]))

    assert everything() == before


@pytest.mark.parametrize(
    "state", [state for state in State if state not in {State.DRAFT, State.REJECTED}]
)
def test_an_issued_document_is_not_issued_again(inside, state):
    invoice = Invoice.objects.get(pk=_in_state(state).pk)
    before = everything()

    with pytest.raises(StateConflict):
        issue(invoice)

    assert everything() == before


def test_the_slower_of_two_clicks_finds_it_issued(entity):
    first = draft()
    second = Invoice.objects.get(pk=first.pk)
    issue(first)
    before = everything()

    with pytest.raises(StateConflict):
        issue(second)

    assert everything() == before


def test_a_draft_that_was_changed_meanwhile_is_looked_at_again(entity):
    stale = draft()
    fresh = Invoice.objects.get(pk=stale.pk)
    content = make_content(make_line(quantity=D(1)))
    drafts.change(invoice=fresh, content=content, actor=SYSTEM, at=AT, seen_version=0)
    before = everything()

    with pytest.raises(StateConflict):
        issue(stale)

    assert everything() == before


def test_a_draft_of_the_other_environment_is_not_issued(entity):
    invoice = draft()
    LegalEntity.objects.update(environment=Environment.PRODUCTION)
    before = everything()

    with pytest.raises(StateConflict):
        issue(invoice)

    assert everything() == before


def test_another_tenants_draft_cannot_be_issued(entity, other_business):
    invoice = draft()
    before = everything()

    with (
        tenancy.in_tenant(other_business.pk),
        pytest.raises((StateConflict, NotFound, Invoice.DoesNotExist, LegalEntity.DoesNotExist)),
    ):
        issue(invoice)

    assert everything() == before


# --- again, after a rejection --------------------------------------------------------------------


def test_a_mended_rejection_keeps_its_number_and_gets_new_bytes(entity):
    invoice = rejected()
    first = Outbox.objects.get()
    content = make_content(make_line(quantity=D(800)))
    drafts.change(
        invoice=invoice, content=content, actor=SYSTEM, at=AT, seen_version=invoice.version
    )

    second = issue(Invoice.objects.get(pk=invoice.pk))

    stored = Invoice.objects.get()
    assert (stored.state, stored.number, stored.serial) == ("queued", "INV-2026-000001", 1)
    assert second.version == stored.version > first.version
    assert bytes(second.body) != bytes(first.body)
    assert Series.objects.get().last == 1
    assert selectors.open_work(stored).pk == second.pk


def test_a_rejection_sent_again_unchanged_is_the_second_version_of_the_same_bytes(entity):
    invoice = rejected()

    issue(invoice)

    first, second = Outbox.objects.order_by("version")
    assert (first.version, second.version) == (1, 2)
    assert bytes(first.body) == bytes(second.body)
    assert (first.state, second.state) == ("done", "waiting")
    assert Invoice.objects.get().number == "INV-2026-000001"


def test_a_rejection_that_is_still_wrong_keeps_number_and_state(entity):
    invoice = rejected()
    content = make_content(make_line(unit="kg"))
    drafts.change(
        invoice=invoice, content=content, actor=SYSTEM, at=AT, seen_version=invoice.version
    )
    before = everything()

    with pytest.raises(RuleViolation):
        issue(Invoice.objects.get(pk=invoice.pk))

    assert everything() == before


def test_a_new_profile_reaches_the_next_issue_and_no_document_before_it(entity):
    old = factories.make_issued()
    LegalEntity.objects.update(name="Renamed Mills", address="Faisalabad")

    new = factories.make_issued()

    assert Invoice.objects.get(pk=old.pk).seller_address == "Lahore"
    assert Invoice.objects.get(pk=new.pk).seller_name == "Renamed Mills"
    names = [json.loads(bytes(w.body))["sellerBusinessName"] for w in Outbox.objects.order_by("id")]
    assert names == [entity.name, "Renamed Mills"]


def test_an_unregistered_buyer_is_issued_with_further_tax(entity):
    walk_in = make_party(registration_type=BuyerKind.UNREGISTERED, ntn_cnic="")

    issue(draft(buyer=walk_in))

    body = json.loads(bytes(Outbox.objects.get().body))
    assert "buyerNTNCNIC" not in body
    assert (body["items"][0]["furtherTax"], body["items"][0]["totalValues"]) == (40, 1220)
