"""After a restore: what waits is not sent, nothing is numbered, until FBR's own list is here."""

import dataclasses
from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import IntegrityError, connection, transaction

from accounts import tenancy
from accounts.enums import AuditAction, NoticeKind
from accounts.models import AuditEvent, LegalEntity, Notice
from fbr.models import Attempt, LostReport, NumberGap, Outbox, Quarantine, StatementRow
from fbr.models.work import WorkState
from fbr.outcomes import Hold
from fbr.services import (
    duplicates,
    issuing,
    losses,
    number_reserve,
    quarantine,
    resuming,
    statements,
)
from invoices import lifecycle
from invoices.enums import DocumentType, State
from invoices.models import Invoice, Series
from invoices.services import drafts
from smartinvoicing.errors import NotAllowed, RuleViolation, StateConflict
from tests import factories
from tests.factories import AT, SYSTEM

LOST_FROM = AT
LOST_UNTIL = AT + timedelta(minutes=10)
LATER = LOST_UNTIL + timedelta(hours=1)
HEADING = "FBR Invoice No,Invoice No,Buyer NTN,Invoice Date,Value of Sales,Sales Tax\n"


@pytest.fixture(autouse=True)
def _token(request):
    """What is issued may go: only the quarantine holds it."""
    if "entity" in request.fixturenames:
        entity = request.getfixturevalue("entity")
        factories.make_credential(entity, "a token that is long enough")


def content(quantity):
    """Quantity tells documents apart: value is two and a half times it."""
    return factories.make_content(factories.make_line(quantity=Decimal(quantity)))


def begin():
    return quarantine.begin(lost_from=LOST_FROM, lost_until=LOST_UNTIL, actor=SYSTEM, at=LATER)


def row(fbr_number, quantity, *, number="", day=factories.DAY):
    value = Decimal(quantity) * Decimal("2.5")
    return f"{fbr_number},{number},2046004,{day},{value},{value * 18 / 100}\n"


def upload(*listed, at=LATER, **period):
    known = {"covers_from": date(2026, 11, 1), "covers_until": date(2026, 11, 30), **period}
    known |= {"entity": LegalEntity.objects.get(), "actor": SYSTEM, "at": at}
    if not listed:
        return resuming.nothing_listed(**known)
    content = (HEADING + "".join(listed)).encode()
    return statements.upload(file=SimpleUploadedFile("list.csv", content), **known)


def resume(statement, **known):
    entity = LegalEntity.objects.get()
    return resuming.resume_series(
        entity=entity, statement=statement, **{"actor": SYSTEM, "at": LATER, **known}
    )


def hold_of(invoice):
    return Outbox.objects.get(invoice=invoice).hold_reason


def state_of(invoice):
    return Invoice.objects.get(pk=invoice.pk).state


# --- it begins --------------------------------------------------------------------------------


def test_a_business_of_which_fbr_has_nothing_says_so(entity):
    begin()

    assert resume(upload()).lost == 0
    assert Quarantine.objects.get().statement.read == 0


def test_nothing_listed_is_refused_where_fbr_surely_has_something(entity):
    factories.accept(factories.make_issued(content(1)), "FBR-1")
    begin()

    with pytest.raises(RuleViolation, match="lacks documents"):
        resume(upload())


def test_what_waits_is_held_and_written_down(entity):
    waiting = factories.make_issued(content(1))

    taken = begin()

    assert (taken.sellers, taken.waiting, taken.sending) == (1, 1, 0)
    assert hold_of(waiting) == Hold.DISARMED
    assert AuditEvent.objects.filter(
        action=AuditAction.INVOICE_QUARANTINED, object_id=waiting.pk
    ).exists()
    assert Notice.objects.get(kind=NoticeKind.QUARANTINED).object_id == Quarantine.objects.get().pk


def test_begun_twice_it_is_one(entity):
    factories.make_issued(content(1))
    begin()

    again = begin()

    assert again.sellers == 0
    assert Quarantine.objects.count() == 1
    assert AuditEvent.objects.filter(action=AuditAction.INVOICE_QUARANTINED).count() == 1


def test_a_send_that_nobody_is_at_any_more_is_left_to_the_sweep(entity):
    invoice = factories.make_issued(content(1))
    Outbox.objects.filter(invoice=invoice).update(
        state=WorkState.SENDING, lease_until=AT + timedelta(days=365)
    )

    assert begin().sending == 1

    with connection.cursor() as cursor:
        cursor.execute("SELECT lease_until <= clock_timestamp() FROM fbr_outbox")
        assert cursor.fetchone() == (True,)


@pytest.mark.parametrize("hold", [Hold.DUPLICATE_SUSPECT, Hold.TILL, Hold.CREDENTIAL])
def test_a_hold_that_somebody_has_to_lift_stays_and_then_becomes_this_one(entity, hold):
    invoice = factories.make_issued(content(1))
    Outbox.objects.filter(invoice=invoice).update(hold_reason=hold)
    begin()
    assert hold_of(invoice) == hold

    Outbox.objects.filter(invoice=invoice).update(hold_reason="")

    assert hold_of(invoice) == Hold.DISARMED


def test_what_comes_back_from_a_send_meanwhile_is_held_as_well(entity):
    invoice = factories.make_issued(content(1))
    Outbox.objects.filter(invoice=invoice).update(state=WorkState.SENDING)
    begin()

    Outbox.objects.filter(invoice=invoice).update(state=WorkState.WAITING, hold_reason="clock")

    assert hold_of(invoice) == Hold.DISARMED


@pytest.fixture
def sabotaged(laid_database):
    """Without the triggers of the quarantine; the database is laid anew afterwards."""
    with laid_database.cursor() as cursor:
        cursor.execute("DROP TRIGGER quarantine_holds ON fbr_outbox")
        cursor.execute("DROP TRIGGER quarantine_refuses ON invoices_invoice")
    yield
    laid_database._lay_anew()


@pytest.mark.django_db(transaction=True)
def test_twin_without_its_triggers_a_quarantine_stops_nothing(sabotaged, business):
    with tenancy.in_tenant(business.pk), transaction.atomic():
        waiting = factories.make_issued(content(1))
        begin()
        Outbox.objects.filter(invoice=waiting).update(hold_reason="")

        assert hold_of(waiting) == ""
        assert factories.make_issued(content(2)).number == "INV-2026-000002"


# --- meanwhile --------------------------------------------------------------------------------


def test_nothing_is_numbered(entity):
    invoice, lines = factories.make_draft(content(1))
    begin()

    with pytest.raises(StateConflict, match="FBR's own list"), transaction.atomic():
        issuing.issue(invoice=invoice, lines=lines, actor=SYSTEM, at=LATER)

    assert state_of(invoice) == State.DRAFT
    assert not Series.objects.filter(last__gt=0).exists()


def test_a_rejected_document_is_not_issued_again(entity):
    invoice = rejected(1)
    begin()

    for to in (State.QUEUED, State.VOID):
        with pytest.raises(StateConflict, match="After a restore"), transaction.atomic():
            lifecycle.transition(invoice, to, actor=SYSTEM, at=LATER)


def rejected(quantity):
    invoice = factories.make_issued(content(quantity))
    lifecycle.transition(invoice, State.SUBMITTING, actor=SYSTEM, at=AT)
    lifecycle.transition(invoice, State.REJECTED, actor=SYSTEM, at=AT)
    Outbox.objects.filter(invoice=invoice).update(state=WorkState.DONE, done_at=AT)
    return invoice


def test_what_waits_is_not_voided(entity):
    invoice = factories.make_issued(content(1))
    begin()

    with pytest.raises(StateConflict, match="After a restore"), transaction.atomic():
        lifecycle.transition(invoice, State.VOID, actor=SYSTEM, at=LATER)


def test_raw_sql_does_not_pass_either(entity):
    invoice = factories.make_issued(content(1))
    begin()

    with pytest.raises(IntegrityError, match="suspended"), transaction.atomic():
        Invoice.objects.filter(pk=invoice.pk).update(state=State.VOID)
    with pytest.raises(IntegrityError, match="goes on by one"), transaction.atomic():
        Series.objects.update(last=500)
    with pytest.raises(IntegrityError, match="by a list"), transaction.atomic():
        Quarantine.objects.update(lost_from=LATER)


def test_another_business_goes_on(entity, other_business):
    begin()

    with tenancy.in_tenant(other_business.pk):
        assert factories.make_issued(content(1)).number


# --- it ends ----------------------------------------------------------------------------------


def test_what_fbr_has_is_uncertain_and_what_it_has_not_goes(entity):
    there, elsewhere = factories.make_issued(content(1)), factories.make_issued(content(70))
    begin()

    done = resume(upload(row("FBR-1", 1)))

    assert (done.found, done.lost, done.freed) == (1, 0, 1)
    assert state_of(there) == State.UNCERTAIN
    attempt = Attempt.objects.get(invoice=there)
    assert (attempt.outcome, attempt.worker) == ("uncertain", resuming.WORKER)
    assert Outbox.objects.get(invoice=there).state == WorkState.STOPPED
    assert state_of(elsewhere) == State.QUEUED
    assert hold_of(elsewhere) == ""


def test_its_row_of_the_list_is_offered_for_what_became_uncertain(entity):
    there = factories.make_issued(content(1))
    begin()
    statement = upload(row("FBR-1", 1))

    resume(statement)

    [candidate] = statements.candidates_of(Invoice.objects.get(pk=there.pk))
    assert candidate.row.fbr_number == "FBR-1"
    [beside] = statements.beside(statement, most=10)
    assert beside.invoice.pk == there.pk


def test_what_fbr_has_and_nothing_is_left_of_is_written_down(entity):
    begin()

    done = resume(upload(row("FBR-1", 1), row("FBR-2", 2)))

    assert done.lost == 2
    told = LostReport.objects.order_by("fbr_number").values_list("fbr_number", "row__value")
    assert list(told) == [("FBR-1", Decimal("2.50")), ("FBR-2", Decimal("5.00"))]


def test_what_fbr_accepted_before_is_ours_and_not_lost(entity):
    invoice = factories.make_issued(content(1))
    factories.accept(invoice, "FBR-1")
    begin()

    done = resume(upload(row("FBR-1", 1)))

    assert (done.found, done.lost) == (0, 0)


def test_a_rejected_document_that_fbr_has_by_now_is_never_issued_again(entity):
    invoice = rejected(1)
    begin()

    done = resume(upload(row("FBR-1", 1, number=invoice.number)))

    assert done.lost == 1
    assert LostReport.objects.get().invoice_id == invoice.pk
    for to in (State.QUEUED, State.VOID):
        with pytest.raises(StateConflict, match="correct it with a note"), transaction.atomic():
            lifecycle.transition(invoice, to, actor=SYSTEM, at=LATER)


def test_it_is_audited_and_the_bell_is_silent(entity):
    begin()

    resume(upload(row("FBR-1", 1)))

    event = AuditEvent.objects.get(action=AuditAction.SERIES_RESUMED)
    assert (event.details["lost"], event.details["found"]) == (1, 0)
    assert Notice.objects.get(kind=NoticeKind.QUARANTINED).cleared_at is not None


def test_a_row_that_looks_like_an_uncertain_document_waits_until_that_is_settled(entity):
    uncertain = factories.make_issued(content(1))
    lifecycle.transition(uncertain, State.SUBMITTING, actor=SYSTEM, at=AT)
    lifecycle.transition(uncertain, State.UNCERTAIN, actor=SYSTEM, at=AT)
    begin()

    assert resume(upload(row("FBR-1", 1))).lost == 0

    ended = Quarantine.objects.get()
    assert [each.fbr_number for each in resuming.pending(ended)] == ["FBR-1"]
    with pytest.raises(StateConflict, match="not settled yet"):
        resuming.record_lost(quarantine=ended, actor=SYSTEM, at=LATER)
    lifecycle.transition(
        uncertain,
        State.ACCEPTED,
        actor=SYSTEM,
        at=LATER,
        also={"fbr_number": "FBR-9", "accepted_at": LATER},
    )
    [lost] = resuming.record_lost(quarantine=ended, actor=SYSTEM, at=LATER)
    assert lost.fbr_number == "FBR-1"
    assert resuming.pending(ended) == []


# --- what is issued afterwards ----------------------------------------------------------------


def issue(invoice):
    """Whether it waits, and what for."""
    invoice = Invoice.objects.get(pk=invoice.pk)
    return issuing.issue(invoice=invoice, actor=SYSTEM, at=LATER).hold_reason


def test_a_draft_that_the_restore_brought_back_is_held_where_fbr_has_it(entity):
    draft, other = (factories.make_draft(content(quantity))[0] for quantity in (1, 70))
    begin()
    resume(upload(row("FBR-1", 1)))

    assert issue(draft) == Hold.DUPLICATE_SUSPECT
    assert issue(other) == ""


@pytest.mark.parametrize("reference", ["", "ORDER-1"])
def test_a_sale_that_is_typed_or_posted_again_is_held_too(entity, reference):
    """FBR's list has no reference of the business's own to tell two sales apart."""
    begin()
    resume(upload(row("FBR-1", 1, number="INV-2026-000004")))
    again = dataclasses.replace(content(1), client_reference=reference)

    assert hold_of(factories.make_issued(again)) == Hold.DUPLICATE_SUSPECT


def test_twin_without_that_question_it_goes_a_second_time(entity, monkeypatch):
    draft, _lines = factories.make_draft(content(1))
    begin()
    resume(upload(row("FBR-1", 1)))
    monkeypatch.setattr(losses, "reported_before", lambda invoice: [])

    assert issue(draft) == ""


def test_a_row_is_asked_for_before_it_is_written_down_as_lost(entity):
    """It waits until an uncertain document is settled, and meanwhile somebody types it again."""
    uncertain = factories.make_issued(content(1))
    lifecycle.transition(uncertain, State.SUBMITTING, actor=SYSTEM, at=AT)
    lifecycle.transition(uncertain, State.UNCERTAIN, actor=SYSTEM, at=AT)
    begin()
    resume(upload(row("FBR-1", 1, day=factories.DAY - timedelta(days=1))))
    assert not LostReport.objects.exists()
    day_before = dataclasses.replace(content(1), invoice_date=factories.DAY - timedelta(days=1))

    assert hold_of(factories.make_issued(day_before)) == Hold.DUPLICATE_SUSPECT


def test_a_refused_document_that_was_mended_in_the_lost_time_is_held(entity):
    """Nothing but its number tells: FBR has it with other amounts."""
    invoice = rejected(1)
    begin()
    resume(upload(row("FBR-1", 2, number=invoice.number)))
    assert LostReport.objects.get().invoice_id is None

    assert issue(invoice) == Hold.DUPLICATE_SUSPECT


def test_a_row_that_is_a_document_of_ours_holds_no_other(entity):
    factories.accept(factories.make_issued(content(1)), "FBR-1")
    begin()
    resume(upload(row("FBR-1", 1)))
    next_day = dataclasses.replace(content(1), invoice_date=factories.DAY - timedelta(days=1))

    assert hold_of(factories.make_issued(next_day)) == ""


def test_another_sale_goes_once_somebody_says_so(entity, clerk):
    begin()
    resume(upload(row("FBR-1", 1)))
    again = factories.make_issued(content(1))

    duplicates.release_duplicate(invoice=again, reason="second truck", actor=clerk, at=LATER)

    assert hold_of(again) == ""
    told = AuditEvent.objects.get(action=AuditAction.INVOICE_RELEASED).details["lost"]
    assert told == [str(StatementRow.objects.get().pk)]


def test_of_two_like_bills_only_the_one_of_before_the_restore_is_held(entity):
    till = factories.make_till(pos_id="850001", token="token-of-a-till-850001")
    bill = factories.make_bill(till, factories.make_line(quantity=Decimal(1)))
    before, _lines = factories.make_draft(bill)
    begin()
    resume(upload(row("FBR-1", 1).replace("2046004", "")))
    since = LATER + timedelta(minutes=1)
    after, _lines = drafts.create(content=bill, entity=entity, actor=SYSTEM, at=since)

    assert issue(before) == Hold.DUPLICATE_SUSPECT
    assert issue(after) == ""


# --- numbers ----------------------------------------------------------------------------------


def test_the_run_goes_on_behind_what_may_be_in_use_and_the_gap_is_written_down(entity):
    factories.make_issued(content(1))
    begin()

    resume(upload())

    series = Series.objects.get(document_type=DocumentType.SALE_INVOICE)
    gap = NumberGap.objects.get(series=series)
    assert (gap.first, gap.last) == (2, 1 + number_reserve.LEAST)
    assert series.last == gap.last
    assert factories.make_issued(content(2)).number == "INV-2026-000012"


def test_runs_that_may_have_begun_in_the_lost_time_leap_too(entity):
    begin()

    resume(upload())

    assert set(NumberGap.objects.values_list("series__document_type", "first", "last")) == {
        (kind, 1, number_reserve.LEAST) for kind in DocumentType.values
    }


@pytest.mark.parametrize(
    ("listed", "typed", "last"),
    [
        ([row(f"FBR-{n}", n) for n in range(1, 31)], (), 30),  # as many as FBR has
        ([row("FBR-1", 1, number="INV-2026-000050")], (), 50),  # what FBR's list tells
        ([], ("INV-2026-000080",), 80),  # what somebody saw on paper
        ([], ("INV-DN-2026-000080",), number_reserve.LEAST),  # of another run
    ],
)
def test_no_number_that_may_be_in_use_is_given_again(entity, listed, typed, last):
    begin()

    resume(upload(*listed), last_numbers=typed)

    assert Series.objects.get(document_type=DocumentType.SALE_INVOICE).last == last


def test_a_busy_day_is_allowed_for(entity):
    for quantity in range(1, number_reserve.LEAST + 4):
        factories.accept(factories.make_issued(content(quantity)), f"FBR-{quantity}")
    begin()
    listed = [row(f"FBR-{n}", n) for n in range(1, number_reserve.LEAST + 4)]

    resume(upload(*listed))

    series = Series.objects.get(document_type=DocumentType.SALE_INVOICE)
    assert series.last == 2 * (number_reserve.LEAST + 3)


def test_a_number_of_nobody_is_refused(entity):
    begin()

    with pytest.raises(RuleViolation, match="no number of this business"):
        resume(upload(), last_numbers=["ABC-1"])


# --- a list that proves nothing ---------------------------------------------------------------


def test_a_list_that_is_too_early_is_refused(entity):
    begin()

    with pytest.raises(RuleViolation, match="too early"):
        resume(upload(at=LOST_UNTIL + timedelta(minutes=29)))


@pytest.mark.parametrize(
    "period",
    [
        {"covers_from": None, "covers_until": None},
        {"covers_from": date(2026, 11, 21)},
        {"covers_until": date(2026, 11, 19)},
    ],
)
def test_a_list_of_other_days_is_refused(entity, period):
    begin()

    with pytest.raises(RuleViolation, match="does not cover"):
        resume(upload(**period))


def test_a_list_that_lacks_what_fbr_surely_has_is_refused(entity):
    """Somebody uploads half of it: what is missing there would be sent again."""
    factories.accept(factories.make_issued(content(1)), "FBR-1")
    begin()

    with pytest.raises(RuleViolation, match="lacks documents"):
        resume(upload(row("FBR-2", 2)))


def test_a_list_with_rows_that_could_not_be_read_is_refused(entity):
    begin()

    with pytest.raises(RuleViolation, match="could not be read"):
        resume(upload(row("FBR-1", 1), "FBR-2,,2046004,no day,x,y\n"))


def test_who_may_not_settle_ends_nothing(entity, clerk):
    begin()

    with pytest.raises(NotAllowed):
        resume(upload(), actor=clerk)


def test_it_ends_once(entity):
    begin()
    statement = upload()
    resume(statement)

    with pytest.raises(StateConflict, match="wait for this list"):
        resume(statement)
