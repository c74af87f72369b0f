"""Cancelling at FBR: asked within 72 hours, believed with proof only (R24)."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from accounts import tenancy
from accounts.access import Actor
from accounts.enums import AuditAction, NoticeKind, Permission, Role
from accounts.models import AuditEvent, LegalEntity, Notice
from fbr import tasks
from fbr.models import Cancellation
from fbr.models.cancelling import Way
from fbr.outcomes import Outcome
from fbr.services import applications, cancelling, claiming, resolving
from invoices import lifecycle
from invoices.enums import State
from invoices.letters import Letter
from invoices.models import Invoice, InvoiceEvent
from smartinvoicing import clock
from smartinvoicing.errors import NotAllowed, RuleViolation, StateConflict
from tests import factories
from tests.factories import AT, SYSTEM
from tests.fbr.doubts_cast import answer_late, person, send
from tests.fbr.proof_cast import upload
from tests.invoices.test_links import accepted

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
REASON = "Wrong customer"


@pytest.fixture
def accountant(business) -> Actor:
    return Actor.person(factories.make_member(business, Role.ACCOUNTANT).pk, Role.ACCOUNTANT)


@pytest.fixture
def invoice(inside) -> Invoice:
    return accepted()


def fresh(invoice):
    return Invoice.objects.get(pk=invoice.pk)


def ask(invoice, at=AT + HOUR, actor=SYSTEM, reason=REASON):
    return cancelling.ask(invoice=invoice, reason=reason, actor=actor, at=at)


def confirm(invoice, at=AT + 2 * HOUR, actor=SYSTEM, **given):
    known = {"reference": "IRIS-77", "cancelled_at": AT + HOUR, "proof": upload()}
    return cancelling.confirm(invoice=invoice, actor=actor, at=at, **{**known, **given})


def refuse(invoice, why="Already in a return", at=AT + 2 * HOUR, actor=SYSTEM):
    return cancelling.refuse(invoice=invoice, why=why, actor=actor, at=at)


def fields_of(refused):
    return [each["field"] for each in refused.value.details["problems"]]


def codes_of(refused):
    return [each["code"] for each in refused.value.details["problems"]]


def shown(invoice):
    stored = fresh(invoice)
    return stored.state, [event.became for event in stored.events.all()][-1]


# --- asked ------------------------------------------------------------------------------------


def test_asking_within_the_window_keeps_reason_clock_and_person(invoice, accountant):
    request = ask(invoice, actor=accountant)

    stored = Cancellation.objects.get()
    assert shown(invoice) == ("cancel_requested", "cancel_requested")
    assert (stored.pk, stored.way, stored.reason) == (request.pk, Way.IRIS, REASON)
    assert (stored.asked_at, stored.asked_by) == (AT + HOUR, accountant.name)
    assert stored.window_ends_at == AT + 72 * HOUR
    assert InvoiceEvent.objects.filter(invoice=invoice).last().note == REASON
    event = AuditEvent.objects.get(action=AuditAction.CANCEL_ASKED)
    assert (event.actor, event.details["way"]) == (accountant.name, "iris")
    assert REASON not in json.dumps(event.details)


def test_it_may_be_asked_for_at_71_59(invoice):
    ask(invoice, at=AT + 71 * HOUR + 59 * MINUTE)

    assert fresh(invoice).state == State.CANCEL_REQUESTED


def test_it_may_not_be_asked_for_at_72_01(invoice):
    with pytest.raises(RuleViolation) as refused:
        ask(invoice, at=AT + 72 * HOUR + MINUTE)

    assert codes_of(refused) == ["window_over"]
    assert fresh(invoice).state == State.ACCEPTED
    assert not Cancellation.objects.exists()


def test_twin_without_the_window_a_late_request_would_pass_and_the_database_stops_it(
    invoice, monkeypatch
):
    monkeypatch.setattr(cancelling.Window, "is_open", lambda self, at: True)

    with pytest.raises(IntegrityError, match="cancellation_in_time"), transaction.atomic():
        ask(invoice, at=AT + 72 * HOUR + MINUTE)

    assert fresh(invoice).state == State.ACCEPTED


def test_fbrs_earlier_clock_closes_the_window(inside):
    issued = factories.make_issued()
    lifecycle.transition(issued, State.SUBMITTING, actor=SYSTEM, at=AT)
    told = {"fbr_number": "x1", "accepted_at": AT, "fbr_dated": "2026-11-20 11:00:00"}  # an hour
    lifecycle.transition(issued, State.ACCEPTED, actor=SYSTEM, at=AT, also=told)

    with pytest.raises(RuleViolation) as refused:
        ask(issued, at=AT + 71 * HOUR + MINUTE)

    assert codes_of(refused) == ["window_over"]
    assert cancelling.window_of(issued).began_at == AT - HOUR


def sent_twice(tenant, first=Outcome.UNCERTAIN):
    """A document and its two sends: two people were wrong about the first, nobody knows of the
    second."""
    one, two = person(tenant)[1], person(tenant, Role.OWNER)[1]
    invoice = factories.make_issued()
    old = send(invoice, ended=50 * HOUR, outcome=first)
    said = claiming.claim_missing(invoice=invoice, why="IRIS, searched", actor=one, at=clock.now())
    claiming.confirm(claim=said, actor=two, at=clock.now())
    invoice.refresh_from_db()
    return invoice, old, send(invoice, ended=10 * HOUR)


@pytest.mark.parametrize(("outcome", "is_first"), [("uncertain", True), ("retryable", False)])
def test_where_no_answer_tells_the_first_send_in_doubt_begins_the_window(
    inside, accountant, outcome, is_first
):
    invoice, old, new = sent_twice(inside, Outcome(outcome))
    found = resolving.Found(number="7000007DI1", note="IRIS, list of invoices")

    resolving.settle_found(
        invoice=invoice, found=found, proof=None, actor=accountant, at=clock.now()
    )

    began_at = old.started_at if is_first else new.started_at
    assert cancelling.window_of(fresh(invoice)).began_at == began_at


def test_the_send_that_fbr_answered_begins_the_window(inside):
    invoice, _old, new = sent_twice(inside)

    answer_late(invoice, new, dated="")

    assert cancelling.window_of(fresh(invoice)).began_at == new.started_at


def test_the_month_ends_the_window_where_the_settings_say_so(inside, settings):
    issued = factories.make_issued()
    lifecycle.transition(issued, State.SUBMITTING, actor=SYSTEM, at=AT)
    last_day = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)
    told = {"fbr_number": "x1", "accepted_at": last_day}
    lifecycle.transition(issued, State.ACCEPTED, actor=SYSTEM, at=last_day, also=told)
    in_december = datetime(2026, 11, 30, 19, 30, tzinfo=UTC)

    settings.FBR_CANCEL_ENDS_WITH_MONTH = True
    with pytest.raises(RuleViolation) as refused:
        ask(issued, at=in_december)
    settings.FBR_CANCEL_ENDS_WITH_MONTH = False
    ask(issued, at=in_december)

    assert codes_of(refused) == ["window_over"]
    assert fresh(issued).state == State.CANCEL_REQUESTED


@pytest.mark.parametrize("reason", ["", "   ", "\u200e", "x" * 301])
def test_a_reason_is_a_must(invoice, reason):
    with pytest.raises(RuleViolation) as refused:
        ask(invoice, reason=reason)

    assert fields_of(refused) == ["reason"]
    assert fresh(invoice).state == State.ACCEPTED


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.VIEWER, Role.AUDITOR])
def test_who_may_not_cancel_changes_nothing(invoice, business, role):
    actor = Actor.person(factories.make_member(business, role).pk, role)
    deeds = (ask, confirm, refuse)

    for deed in deeds:
        with pytest.raises(NotAllowed):
            deed(invoice, actor=actor)

    assert fresh(invoice).state == State.ACCEPTED
    assert not Cancellation.objects.exists()


def test_only_an_accepted_document_is_asked_for(inside, invoice):
    ask(invoice)

    for other in (factories.make_draft()[0], factories.make_issued(), fresh(invoice)):
        with pytest.raises(StateConflict):
            ask(other)

    assert Cancellation.objects.count() == 1


# --- settled ----------------------------------------------------------------------------------


def test_confirmed_with_reference_time_and_proof_it_is_cancelled(invoice, accountant):
    ask(invoice)

    confirm(invoice, actor=accountant)

    stored = Cancellation.objects.get()
    assert shown(invoice) == ("cancelled", "cancelled")
    assert (stored.iris_reference, stored.cancelled_at) == ("IRIS-77", AT + HOUR)
    assert (stored.confirmed_at, stored.confirmed_by) == (AT + 2 * HOUR, accountant.name)
    assert stored.proof_path.startswith("proofs/")
    assert len(stored.proof_sha256) == 64
    event = AuditEvent.objects.get(action=AuditAction.CANCEL_CONFIRMED)
    assert event.details == {"reference": "IRIS-77", "proof_sha256": stored.proof_sha256}


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"reference": " "}, "reference"),
        ({"reference": "9" * 61}, "reference"),
        ({"cancelled_at": None}, "cancelled_at"),
        ({"cancelled_at": AT + 3 * HOUR}, "cancelled_at"),
        ({"cancelled_at": AT - HOUR}, "cancelled_at"),
        ({"proof": None}, "proof"),
        ({"proof": upload(b"")}, "proof"),
        ({"proof": upload(b"a text")}, "proof"),
    ],
)
def test_without_all_of_the_proof_it_is_not_cancelled(invoice, given, field):
    ask(invoice)

    with pytest.raises(RuleViolation) as refused:
        confirm(invoice, **given)

    assert fields_of(refused) == [field]
    assert fresh(invoice).state == State.CANCEL_REQUESTED
    assert Cancellation.objects.get().is_open


def test_nothing_is_cancelled_that_nobody_asked_for(invoice):
    with pytest.raises(StateConflict):
        confirm(invoice)

    assert fresh(invoice).state == State.ACCEPTED


def test_refused_it_is_accepted_again_and_the_reason_stays(invoice, accountant):
    ask(invoice)

    refuse(invoice, actor=accountant)

    stored = Cancellation.objects.get()
    assert shown(invoice) == ("accepted", "accepted")
    assert (stored.refused_at, stored.refused_by, stored.refused_why) == (
        AT + 2 * HOUR,
        accountant.name,
        "Already in a return",
    )
    assert AuditEvent.objects.filter(action=AuditAction.CANCEL_REFUSED).count() == 1


def test_after_a_refusal_it_may_be_asked_for_again(invoice):
    ask(invoice)
    refuse(invoice)

    ask(invoice, at=AT + 3 * HOUR)
    confirm(invoice, at=AT + 4 * HOUR)

    assert [row.is_open for row in cancelling.requests_of(invoice)] == [False, False]
    assert fresh(invoice).state == State.CANCELLED


def test_a_refusal_says_why(invoice):
    ask(invoice)

    with pytest.raises(RuleViolation) as refused:
        refuse(invoice, why="")

    assert fields_of(refused) == ["why"]
    assert fresh(invoice).state == State.CANCEL_REQUESTED


def test_two_people_settle_it_once(invoice):
    ask(invoice)
    stale = fresh(invoice)
    confirm(invoice)

    with pytest.raises(StateConflict):
        refuse(stale)

    assert fresh(invoice).state == State.CANCELLED


def test_no_passing_of_time_cancels_or_refuses(invoice):
    ask(invoice)

    tasks.watch_cancellations.apply()
    request = Cancellation.objects.get()
    cancelling.warn(request, at=AT + 1000 * HOUR)

    assert fresh(invoice).state == State.CANCEL_REQUESTED
    assert Cancellation.objects.get().is_open


# --- what the database keeps ------------------------------------------------------------------


def _become(invoice, state):
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "UPDATE invoices_invoice SET state = %s, state_at = now() WHERE id = %s",
            [state, invoice.pk],
        )


@pytest.mark.parametrize("state", ["cancelled", "accepted"])
def test_an_open_request_keeps_the_document_where_it_is(invoice, state):
    ask(invoice)

    with pytest.raises(IntegrityError, match="still open"):
        _become(invoice, state)

    assert fresh(invoice).state == State.CANCEL_REQUESTED


def test_a_refused_request_does_not_cancel(invoice):
    request = ask(invoice)
    Cancellation.objects.filter(pk=request.pk).update(
        refused_at=AT, refused_by="x", refused_why="no"
    )

    with pytest.raises(IntegrityError, match="not how"):
        _become(invoice, "cancelled")

    assert fresh(invoice).state == State.CANCEL_REQUESTED


def test_without_any_request_nothing_is_cancelled(invoice):
    _become(invoice, "cancel_requested")

    with pytest.raises(IntegrityError, match="not how"):
        _become(invoice, "cancelled")

    assert fresh(invoice).state == State.CANCEL_REQUESTED


def test_twin_without_the_trigger_raw_sql_would_cancel_without_proof(
    laid_database, business, transactional_db
):
    with tenancy.in_tenant(business.pk), transaction.atomic():
        invoice = accepted()
        ask(invoice)
    with laid_database.cursor() as cursor:
        cursor.execute("ALTER TABLE invoices_invoice DISABLE TRIGGER invoice_cancel_guard")
    try:
        with tenancy.in_tenant(business.pk), transaction.atomic():
            _become(invoice, "cancelled")
            assert fresh(invoice).state == State.CANCELLED
    finally:
        with laid_database.cursor() as cursor:
            cursor.execute("ALTER TABLE invoices_invoice ENABLE TRIGGER invoice_cancel_guard")


@pytest.mark.parametrize(
    ("change", "law"),
    [
        ({"confirmed_at": AT}, "cancellation_is_proven"),
        (
            {"confirmed_at": AT, "cancelled_at": AT, "iris_reference": "1", "confirmed_by": "x"},
            "cancellation_is_proven",
        ),
        ({"refused_at": AT}, "cancellation_refused_why"),
        ({"reason": "Another"}, "written once"),
        ({"window_ends_at": AT + 500 * HOUR}, "written once"),
        ({"asked_by": "user:somebody"}, "written once"),
    ],
)
def test_a_request_is_written_once_and_ends_with_proof(invoice, change, law):
    request = ask(invoice)

    with pytest.raises(IntegrityError, match=law), transaction.atomic():
        Cancellation.objects.filter(pk=request.pk).update(**change)


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE fbr_cancellation SET iris_reference = 'x'",
        "UPDATE fbr_cancellation SET confirmed_at = NULL",
        "DELETE FROM fbr_cancellation",
        "TRUNCATE fbr_cancellation",
        "UPDATE fbr_cancelapplication SET reason = 'x'",
        "DELETE FROM fbr_cancelapplication",
        "TRUNCATE fbr_cancelapplication",
    ],
)
def test_what_has_ended_and_what_was_written_stays(invoice, sql):
    applications.prepare(invoice=invoice, reason=REASON, actor=SYSTEM, at=AT)
    ask(invoice)
    confirm(invoice)

    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql)

    assert Cancellation.objects.get().iris_reference == "IRIS-77"


# --- the Commissioner -------------------------------------------------------------------------


def approved(invoice, at=AT + 100 * HOUR, **given):
    known = {"reason": REASON, "reference": "CIR/7/2026", "approval": upload()}
    return cancelling.ask_with_approval(invoice=invoice, actor=SYSTEM, at=at, **{**known, **given})


def test_after_the_window_the_approval_opens_the_way(invoice):
    request = approved(invoice)

    assert fresh(invoice).state == State.CANCEL_REQUESTED
    assert (request.way, request.approval_reference) == (Way.COMMISSIONER, "CIR/7/2026")
    confirm(invoice, at=AT + 102 * HOUR, cancelled_at=AT + 101 * HOUR)
    assert fresh(invoice).state == State.CANCELLED


@pytest.mark.parametrize(
    ("given", "field"),
    [({"reference": ""}, "reference"), ({"approval": None}, "proof"), ({"reason": ""}, "reason")],
)
def test_an_approval_has_a_number_and_a_paper(invoice, given, field):
    with pytest.raises(RuleViolation) as refused:
        approved(invoice, **given)

    assert fields_of(refused) == [field]
    assert fresh(invoice).state == State.ACCEPTED


def test_preparing_the_application_changes_nothing_but_keeps_its_words(invoice):
    at = AT + 100 * HOUR

    row = applications.prepare(invoice=invoice, reason=REASON, actor=SYSTEM, at=at)

    letter = applications.letter_in(row)
    words = json.dumps(letter.as_dict())
    assert fresh(invoice).state == State.ACCEPTED
    assert not Cancellation.objects.exists()
    assert Letter.of(json.loads(words)) == letter
    assert row.sha256 == letter.sha256
    for told in (invoice.number, invoice.fbr_number, REASON, "1,180.00", "2046004", "STGO"):
        assert told in words
    assert AuditEvent.objects.filter(action=AuditAction.APPLICATION_PREPARED).count() == 1


def test_the_application_prints_the_same_whenever_it_is_printed(invoice):
    row = applications.prepare(invoice=invoice, reason=REASON, actor=SYSTEM, at=AT)
    LegalEntity.objects.update(name="Renamed Mills")

    first, second = applications.rendered(row), applications.rendered(row)

    assert first == second
    assert first.startswith(b"%PDF")


# --- the bell ---------------------------------------------------------------------------------


def rung():
    return [
        (row.step, row.facts["hours"])
        for row in Notice.objects.filter(kind=NoticeKind.CANCEL_WINDOW, cleared_at=None)
    ]


def test_the_bell_rings_at_24_6_and_1_hours_and_when_it_is_over(invoice):
    request = ask(invoice)
    ends = request.window_ends_at
    heard = [rung()]

    for left in (25 * HOUR, 24 * HOUR, 10 * HOUR, 6 * HOUR, 30 * MINUTE, -MINUTE):
        cancelling.warn(request, at=ends - left)
        heard.append(rung())

    assert heard == [
        [],
        [],
        [("24", "24")],
        [("24", "10")],
        [("6", "6")],
        [("1", "1")],
        [("0", "0")],
    ]


@pytest.mark.parametrize("settle", [confirm, refuse])
def test_the_bell_is_silent_once_it_is_settled(invoice, settle):
    request = ask(invoice, at=AT + 60 * HOUR)
    assert rung() == [("24", "12")]

    settle(invoice, at=AT + 61 * HOUR)
    cancelling.warn_again(request_id=request.pk, at=AT + 71 * HOUR)

    assert rung() == []


def test_an_approved_request_has_no_clock(invoice):
    cancelling.warn(approved(invoice), at=AT + 200 * HOUR)

    assert rung() == []


def test_the_watch_finds_what_ends_soon_in_every_business(
    business, other_business, transactional_db, monkeypatch
):
    for tenant, asked_at in ((business, AT + HOUR), (other_business, AT + 2 * HOUR)):
        with tenancy.in_tenant(tenant.pk), transaction.atomic():
            ask(accepted(number=f"number of {tenant.pk}"), at=asked_at)
    monkeypatch.setattr(tasks.clock, "now", lambda: AT + 67 * HOUR)

    tasks.watch_cancellations.apply()
    tasks.watch_cancellations.apply()

    for tenant in (business, other_business):
        with tenancy.in_tenant(tenant.pk), transaction.atomic():
            assert rung() == [("6", "5")]


def test_permission_to_cancel_is_one_of_its_own(business):
    holders = {role for role in Role if Actor.person(business.pk, role).may(Permission.CANCEL)}

    assert holders == {Role.OWNER, Role.ADMIN, Role.ACCOUNTANT}
