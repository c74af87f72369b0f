"""The retention engine: plans, four eyes, runs, holds, kills, receipts (P5, P6, P7, P15, R14)."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection, transaction

from accounts import tenancy
from accounts.enums import AuditAction, StaffRole
from accounts.models import (
    AuditEvent,
    MailState,
    Notice,
    OutgoingMail,
    StaffSeat,
    StaffTie,
)
from accounts.services import mailing
from invoices.enums import State
from invoices.models import Invoice
from privacy.models import (
    DeskTask,
    PurgeKind,
    PurgePlan,
    PurgeReceipt,
    PurgeRun,
)
from privacy.services import holds, purge_queries, purging, retention, stops
from privacy.services.holds import Case
from privacy.services.stops import Stop
from smartinvoicing.errors import NotAllowed, StateConflict
from tests import factories
from tests.factories import AT, SYSTEM
from tests.invoices.test_lifecycle import _in_state
from tests.privacy import breach_cast, purge_cast
from tests.privacy.purge_cast import DUE, YEARS_ON
from tests.privacy.test_purge_guard import it_is as it_is  # noqa: PLC0414 -- the guard's clock

pytestmark = pytest.mark.django_db(transaction=True)

SECOND = timedelta(seconds=1)
CASE = Case(authority="High Court, Lahore", reference="W.P. 1/2026", review_on=date(2040, 1, 1))


@pytest.fixture(autouse=True)
def _purge_signs_in(settings, role_urls):
    settings.PURGE_DATABASE_URL = role_urls.purge


@pytest.fixture
def small_batches(settings):
    settings.PURGE_BATCH = 2


def of(tenant):
    return tenancy.in_tenant(tenant.pk)


def documents(tenant):
    with of(tenant), transaction.atomic():
        return set(Invoice.objects.exclude(state=State.DRAFT).values_list("pk", flat=True))


def hold(tenant, **covered):
    with of(tenant), transaction.atomic():
        return holds.place(case=CASE, actor=SYSTEM, at=AT, **covered)


def lines_of(plan, table="invoices_invoice"):
    return {one["why"]: one["rows"] for one in plan.lines if one["table"] == table}


# --- the plan -------------------------------------------------------------------------------------


def test_a_plan_touches_nothing_and_says_what_would_go(business, laid_database, it_is):
    purge_cast.make_documents(business, 3)
    before = purge_cast.counts(laid_database)
    it_is(DUE)

    plan = retention.plan(PurgeKind.TAX, at=DUE, by="test")

    assert lines_of(plan) == {"goes": 3}
    assert plan.rows == sum(before.values()) + lines_of(plan, "accounts_auditevent")["goes"]
    assert purge_cast.counts(laid_database) == before
    (line,) = [one for one in plan.lines if one["table"] == "invoices_invoice"]
    assert line["earliest"] == DUE.isoformat()
    assert [len(example) for example in line["examples"]] == [5, 5, 5]


def test_one_second_early_nothing_goes_and_then_it_does(business, it_is):
    purge_cast.make_documents(business, 1)
    for at, there in ((DUE - SECOND, 1), (DUE + SECOND, 0)):
        it_is(at)
        assert retention.run(purge_cast.agreed(at), at=at)
        assert len(documents(business)) == there


def test_the_plan_of_a_mixed_account(business, other_business, laid_database, it_is):
    """P15: two businesses, documents of 1, 6.9 and 7.1 years, one held, one uncertain."""
    now = datetime(2033, 12, 15, tzinfo=UTC)
    days = {"1": date(2032, 12, 15), "6.9": date(2027, 1, 20), "7.1": date(2026, 11, 1)}
    for tenant in (business, other_business):
        for day in days.values():
            purge_cast.dated(laid_database, purge_cast.make_document(tenant), day)
    held = purge_cast.make_document(business)
    with of(business), transaction.atomic():
        uncertain = _in_state(State.UNCERTAIN)
    hold(business, on=held)
    it_is(now)

    plan = retention.plan(PurgeKind.TAX, at=now, by="test", whole=True)

    table = {
        (one["why"], one["rows"], one["earliest"][:10])
        for one in plan.lines
        if one["table"] == "invoices_invoice"
    }
    assert table == {
        ("time", 4, "2034-01-31"),
        ("goes", 2, "2033-11-30"),
        ("held", 1, "2033-11-30"),
        ("open", 1, "2033-11-30"),
    }
    assert retention.run(purge_cast.agreed(now), at=now)
    assert len(documents(other_business)) == 2
    assert {held.pk, uncertain.pk} < documents(business)
    assert len(documents(business)) == 4


# --- four eyes ------------------------------------------------------------------------------------


def test_tax_records_need_a_second_person(business, it_is):
    kept = set(purge_cast.make_documents(business, 1))
    it_is(DUE)
    officer = factories.make_staff(StaffRole.PRIVACY_OFFICER)
    agent = factories.make_staff(StaffRole.PRIVACY_AGENT)
    plan = retention.plan(PurgeKind.TAX, at=DUE, by=officer)

    with pytest.raises(NotAllowed):
        retention.begin(plan, by=officer, at=DUE)
    asked = retention.ask(plan, why="Over.", by=officer, at=DUE)
    for who in (officer, agent):
        with pytest.raises(NotAllowed):
            retention.approve(asked, by=who, at=DUE)
    with pytest.raises(NotAllowed):
        retention.begin(plan, by=officer, at=DUE)

    assert documents(business) == kept
    assert not PurgeRun.objects.exists()


def test_an_approval_is_for_one_plan_and_one_run(business, it_is):
    purge_cast.make_documents(business, 1)
    it_is(DUE)
    run = purge_cast.agreed(DUE)
    with pytest.raises(StateConflict):
        retention.begin(run.plan, by="again", at=DUE)
    with pytest.raises(NotAllowed):
        retention.begin(retention.plan(PurgeKind.TAX, at=DUE, by="x"), by="x", at=DUE)


def test_a_run_takes_no_more_than_was_agreed_to(business, laid_database, it_is):
    """The clocks are read at the plan's instant, however late the run is."""
    purge_cast.make_documents(business, 1)
    later = purge_cast.make_document(business)
    purge_cast.dated(laid_database, later, date(2026, 12, 1))
    it_is(YEARS_ON)

    assert retention.run(purge_cast.agreed(DUE), at=YEARS_ON)

    assert documents(business) == {later.pk}


@pytest.mark.parametrize("was_begun", [True, False])
def test_what_a_hold_let_go_after_the_plan_is_agreed_to_anew(business, it_is, was_begun):
    free, held = (purge_cast.make_document(business) for _ in range(2))
    placed = hold(business, on=held)
    it_is(DUE)
    run = purge_cast.agreed(DUE)
    if was_begun:
        assert not retention.run(run, at=DUE, budget_s=0)
    with of(business), transaction.atomic():
        holds.lift(hold=placed, why="Decided.", actor=SYSTEM, at=AT)

    assert retention.run(run, at=DUE)

    assert documents(business) == {free.pk, held.pk}
    assert set(run.stuck) == {retention.UNAGREED}
    assert DeskTask.objects.filter(kind="purge_stuck", done_at=None).exists()
    assert retention.run(purge_cast.agreed(DUE), at=DUE)
    assert documents(business) == set()


def test_a_hold_that_came_after_the_plan_keeps_its_own_alone(business, it_is):
    _free, held = (purge_cast.make_document(business) for _ in range(2))
    it_is(DUE)
    run = purge_cast.agreed(DUE)
    hold(business, on=held)

    assert retention.run(run, at=DUE)

    assert documents(business) == {held.pk}


def test_who_may_not_plan_does_not():
    with pytest.raises(NotAllowed):
        retention.plan(PurgeKind.TAX, at=AT, by=factories.make_staff(StaffRole.SUPPORT))


# --- the run --------------------------------------------------------------------------------------


def test_a_document_goes_whole_and_leaves_a_receipt(business, laid_database, it_is):
    ids = purge_cast.make_documents(business, 5)
    before = purge_cast.counts(laid_database)
    it_is(DUE)
    run = purge_cast.agreed(DUE)

    assert retention.run(run, at=DUE)

    assert documents(business) == set()
    assert set(purge_cast.counts(laid_database).values()) == {0}
    assert purge_cast.files_of(business) == []
    receipts = {r.table: r for r in PurgeReceipt.objects.all()}
    trail = receipts.pop("accounts_auditevent")
    assert {t: r.rows for t, r in receipts.items()} == before
    paper = receipts["invoices_invoice"]
    assert paper.digest == purging.digest_of("invoices_invoice", ids)
    assert trail.rows == 10  # drawn up and issued, five times
    assert (paper.retention, paper.job) == ("TAX", "privacy.purge")
    assert paper.approver.startswith("staff:")
    assert retention.adds_up(run)
    assert retention.progress(run) == (run.plan.rows, run.plan.rows)


def test_nobody_who_serves_rewrites_a_receipt(business, it_is):
    purge_cast.make_documents(business, 1)
    it_is(DUE)
    retention.run(purge_cast.agreed(DUE), at=DUE)
    for table in ("privacy_purgereceipt", "privacy_purgebatch", "privacy_purgeplan"):
        for sql in (f"DELETE FROM {table}", f"UPDATE {table} SET id = id"):
            with (
                pytest.raises(Exception, match="permission denied"),
                transaction.atomic(),
                connection.cursor() as app,
            ):
                app.execute(sql)


def test_the_business_reads_it_in_its_own_trail(business, it_is):
    purge_cast.make_documents(business, 2)
    it_is(DUE)
    retention.run(purge_cast.agreed(DUE), at=DUE)

    with of(business), transaction.atomic():
        event = AuditEvent.objects.get(action=AuditAction.DATA_PURGED)
    assert event.details["rows"]["invoices_invoice"] == 2


def test_notes_go_before_what_they_correct(business, laid_database, it_is, small_batches):
    original, note = (purge_cast.make_document(business) for _ in range(2))
    with laid_database.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(
            "UPDATE invoices_invoice SET original_id = %s WHERE id = %s", [original.pk, note.pk]
        )
        cursor.execute("RESET session_replication_role")
    purge_cast.dated(laid_database, note, date(2027, 1, 5))
    it_is(DUE)
    assert retention.run(purge_cast.agreed(DUE), at=DUE)
    assert documents(business) == {original.pk, note.pk}  # the note still names it

    it_is(YEARS_ON)
    assert retention.run(purge_cast.agreed(YEARS_ON), at=YEARS_ON)

    assert documents(business) == set()


def test_an_old_notice_goes_by_itself(business):
    with of(business), transaction.atomic():
        notice = Notice(
            kind="outage",
            posted_at=AT,
            mail_after=AT,
            cleared_at=AT,
            object_type="x",
            object_id=business.pk,
        )
        notice.save(force_insert=True)
        still = Notice(
            kind="outage", posted_at=AT, mail_after=AT, object_type="y", object_id=business.pk
        )
        still.save(force_insert=True)
    goes = datetime(2027, 12, 20, 7, 0, tzinfo=UTC)  # thirteen months on

    for at, left in ((goes - SECOND, {notice.pk, still.pk}), (goes, {still.pk})):
        plan = retention.plan(PurgeKind.ROUTINE, at=at, by="test")
        assert retention.run(retention.begin(plan, by="test", at=at), at=at)
        with of(business), transaction.atomic():
            assert set(Notice.objects.values_list("pk", flat=True)) == left


def test_a_tie_to_a_business_stays_as_long_as_its_person_works_here(business):
    agent = factories.make_staff(StaffRole.SUPPORT)
    tie = StaffTie(staff=agent, tenant_id=business.pk, why="kin", said_by="staff:x", said_at=AT)
    tie.save(force_insert=True)
    gone, goes = AT + timedelta(days=3650), AT + timedelta(days=3650 + 3 * 366)

    routine(gone)
    assert StaffTie.objects.exists()

    StaffSeat.objects.update(until=gone, taken_by="staff:x")
    routine(goes - timedelta(days=10))
    assert StaffTie.objects.exists()
    routine(goes)
    assert not StaffTie.objects.exists()


def test_once_a_day_and_no_more(business, it_is):
    purge_cast.make_documents(business, 1)
    it_is(YEARS_ON)
    for _ in range(3):
        for run in retention.of_the_day(at=YEARS_ON):
            assert retention.run(run, at=YEARS_ON)

    assert PurgePlan.objects.count() == 2
    assert [run.plan.kind for run in PurgeRun.objects.all()] == ["routine"]
    assert DeskTask.objects.filter(kind="purge_plan", done_at=None).count() == 1
    assert len(documents(business)) == 1


# --- what stops it --------------------------------------------------------------------------------


@pytest.mark.parametrize("scope", ["tenant", "entity", "invoice", "period", "buyer"])
def test_what_a_hold_covers_stays_until_it_is_lifted(business, it_is, scope, laid_database):
    document = purge_cast.make_document(business)
    with of(business), transaction.atomic():
        document.refresh_from_db()
        buyer = factories.make_buyer(name="Covered")
        entity = document.legal_entity
    with laid_database.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(
            "UPDATE invoices_invoice SET buyer_id = %s WHERE id = %s", [buyer.pk, document.pk]
        )
        cursor.execute("RESET session_replication_role")
    covered = {
        "tenant": {},
        "entity": {"on": entity},
        "invoice": {"on": document},
        "period": {"period": (date(2026, 11, 1), date(2026, 11, 30))},
        "buyer": {"on": buyer},
    }[scope]
    placed = hold(business, **covered)
    it_is(DUE)

    run = purge_cast.agreed(DUE)
    assert lines_of(run.plan) == {"held": 1}
    assert retention.run(run, at=DUE)
    assert documents(business) == {document.pk}

    with of(business), transaction.atomic():
        holds.lift(hold=placed, why="Decided.", actor=SYSTEM, at=AT)
    assert retention.run(purge_cast.agreed(DUE), at=DUE)
    assert documents(business) == set()


@pytest.fixture
def letters(business, other_business):
    """Rows of the platform about two businesses, which stand outside the wall."""
    for key, tenant in (("mine", business), ("theirs", other_business)):
        mailing.post(
            key=key, to="x@example.com", template="x", context={}, at=AT, tenant_id=tenant.pk
        )
    OutgoingMail.objects.update(state=MailState.SENT, done_at=AT)


def routine(at):
    """The purge of that day."""
    plan = retention.plan(PurgeKind.ROUTINE, at=at, by="test")
    assert retention.run(retention.begin(plan, by="test", at=at), at=at)
    return plan


def after_a_year():
    """The routine purge of that day, and the letters that are left."""
    plan = routine(AT + timedelta(days=400))
    return plan, {*OutgoingMail.objects.values_list("key", flat=True)}


def breach(business):
    officer = factories.make_staff(StaffRole.PRIVACY_OFFICER)
    return breach_cast.make_case(officer, tenant_ids=[business.pk])


def test_what_stands_beside_the_wall_stays_under_a_hold_of_its_business(business, letters):
    placed = hold(business)

    plan, left = after_a_year()

    assert left == {"mine"}
    assert lines_of(plan, "accounts_outgoingmail") == {"held": 1, "goes": 1}
    with of(business), transaction.atomic():
        holds.lift(hold=placed, why="Decided.", actor=SYSTEM, at=AT)
    assert after_a_year()[1] == set()


def test_what_stands_beside_the_wall_stays_while_a_breach_of_its_business_is_open(
    business, letters
):
    breach(business)

    plan, left = after_a_year()

    assert left == {"mine"}
    assert lines_of(plan, "accounts_outgoingmail") == {"stopped": 1, "goes": 1}


def test_twin_without_both_questions_it_goes(business, letters, monkeypatch):
    hold(business)
    breach(business)
    monkeypatch.setattr(purge_queries, "_held", lambda rule: "")
    monkeypatch.setattr(purge_queries, "_stopped", lambda rule: "")

    assert after_a_year()[1] == set()


@pytest.fixture
def matters(monkeypatch):
    """Open matters, as the desk would name them."""
    found = []
    monkeypatch.setattr(stops, "STOPPERS", ("an open matter",))
    monkeypatch.setattr(stops, "import_string", lambda path: lambda *, at: found)
    return found


def test_an_open_matter_stops_what_it_touches(business, other_business, it_is, matters):
    free, stopped = (purge_cast.make_document(business) for _ in range(2))
    other = purge_cast.make_document(other_business)
    matters += [
        Stop(why="dispute", tenant_id=business.pk, document_id=stopped.pk),
        Stop(why="breach", tenant_id=other_business.pk),
    ]
    it_is(DUE)

    run = purge_cast.agreed(DUE)
    assert lines_of(run.plan) == {"goes": 1, "stopped": 2}
    assert retention.run(run, at=DUE)
    assert (documents(business), documents(other_business)) == ({stopped.pk}, {other.pk})

    matters.clear()
    assert retention.run(purge_cast.agreed(DUE), at=DUE)
    assert documents(business) | documents(other_business) == set()
    assert free.pk not in documents(business)


def test_each_who_may_stop_a_purge_can_be_asked():
    assert stops.stopped(at=AT) is not None
