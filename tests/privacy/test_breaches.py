"""The register of breaches: opened, revised, graded, decided, closed; nothing is ever lost."""

from __future__ import annotations

from contextlib import nullcontext
from datetime import timedelta

import psycopg2
import psycopg2.errors
import pytest
from django.db import DatabaseError, connection, transaction

from accounts import four_eyes, staff, tenancy
from accounts.enums import Desk, Environment, NoticeKind, StaffRole
from accounts.models import LegalEntity, Notice, StaffDeed
from fbr.models import Incident
from privacy import breach_grading
from privacy.models import (
    Audience,
    BreachCase,
    BreachDecision,
    BreachLetter,
    BreachRevision,
    DeskTask,
    OurHat,
    Severity,
)
from privacy.services import breach_ends, breaches
from smartinvoicing import clock
from smartinvoicing.errors import NotAllowed, RuleViolation, StateConflict
from tests import factories
from tests.privacy.breach_cast import AWARE, HOUR, decide_all, finish, make_case, send_to

pytestmark = pytest.mark.django_db


@pytest.fixture
def officer():
    return factories.make_staff(StaffRole.PRIVACY_OFFICER)


@pytest.fixture
def guard():
    return factories.make_staff(StaffRole.SECURITY)


@pytest.fixture
def case(officer):
    return make_case(officer)


def run(sql, *params):
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql, params)
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")


# --- opened -----------------------------------------------------------------------------------


def test_a_case_is_written_down_with_its_first_revision_lists_and_task(officer, case):
    first = case.revisions.get()

    assert (first.number, first.who, first.before) == (1, staff.name_of(officer), {})
    assert first.after["aware_at"] == AWARE.isoformat()
    assert case.steps.count() == len(breach_grading.EVIDENCE) + len(breach_grading.CREDENTIALS)
    task = DeskTask.objects.get()
    assert (task.kind, task.due_at) == ("breach", AWARE + 72 * HOUR)
    assert StaffDeed.objects.filter(object_type="breachcase").count() == 1


@pytest.mark.parametrize(
    "fields",
    [
        {"aware_at": AWARE + timedelta(seconds=1)},
        {"detected_at": AWARE + timedelta(seconds=1)},
        {"occurred_at": AWARE + timedelta(seconds=1)},
        {"title": " "},
        {"is_confidentiality": False},
        {"subjects_low": 5, "subjects_high": 4},
    ],
)
def test_what_cannot_be_is_refused(officer, fields):
    with pytest.raises(RuleViolation):
        make_case(officer, **fields)

    assert not BreachCase.objects.exists()


def test_whoever_has_no_part_in_breaches_opens_none():
    with pytest.raises(NotAllowed):
        make_case(factories.make_staff(StaffRole.SUPPORT))

    assert not BreachCase.objects.exists()


def test_the_second_clock_runs_for_each_business_where_invoicing_is_affected(officer, business):
    with tenancy.in_tenant(business.pk):
        LegalEntity.objects.update(environment=Environment.PRODUCTION)

    case = make_case(officer, at=AWARE + HOUR, tenant_ids=[business.pk], touches_invoicing=True)

    with tenancy.in_tenant(business.pk):
        incident = Incident.objects.get()
        assert (incident.aware_at, incident.due_at) == (AWARE, AWARE + 24 * HOUR)
        assert Notice.objects.get(kind=NoticeKind.INCIDENT_DUE).object_id == incident.pk
    assert case.tenants.get().incident_id == incident.pk


def test_twin_a_breach_that_leaves_invoicing_alone_starts_no_clock_of_fbr(officer, business):
    make_case(officer, tenant_ids=[business.pk])

    with tenancy.in_tenant(business.pk):
        assert not Incident.objects.exists()


def test_it_starts_when_the_invoicing_system_turns_out_to_be_affected(officer, business):
    case = make_case(officer, tenant_ids=[business.pk])

    breaches.revise(
        case=case, to={"touches_invoicing": True}, why="seen", by=officer, at=AWARE + HOUR
    )

    with tenancy.in_tenant(business.pk):
        assert Incident.objects.get().due_at == AWARE + 24 * HOUR


# --- changed ----------------------------------------------------------------------------------


def test_each_change_leaves_what_was_before(officer, case):
    breaches.revise(case=case, to={"what": "Two hours."}, why="logs", by=officer, at=AWARE + HOUR)

    last = case.revisions.order_by("number").last()
    assert (last.number, last.why) == (2, "logs")
    assert (last.before, last.after) == ({"what": case.what}, {"what": "Two hours."})


def test_the_database_refuses_a_change_without_its_revision(case):
    with pytest.raises(DatabaseError, match="has no revision"):
        run("UPDATE privacy_breachcase SET what = 'x', revision = revision + 1")
    with pytest.raises(DatabaseError, match="next revision"):
        run("UPDATE privacy_breachcase SET what = 'x'")


TRIGGERS = ("breachcase_guard", "breachcase_revised")
UNTRACED = "UPDATE privacy_breachcase SET what = 'x', aware_at = created_at"


@pytest.fixture
def without_triggers(laid_database, transactional_db):
    """The database's own word taken away."""

    def switch(how):
        with laid_database.cursor() as cursor:
            for trigger in TRIGGERS:
                cursor.execute(f"ALTER TABLE privacy_breachcase {how} TRIGGER {trigger}")

    switch("DISABLE")
    yield
    switch("ENABLE")


def test_twin_without_the_triggers_a_change_leaves_no_trace_and_the_clock_moves_later(
    without_triggers,
):
    officer = factories.make_staff(StaffRole.PRIVACY_OFFICER)
    with transaction.atomic():
        case = make_case(officer, at=AWARE + HOUR)

    run(UNTRACED)

    case.refresh_from_db()
    assert (case.what, case.aware_at) == ("x", AWARE + HOUR)
    assert case.revisions.count() == 1


@pytest.mark.parametrize(
    "table",
    [
        "breachcase",
        "breachrevision",
        "breachdecision",
        "breachletter",
        "breachscope",
        "breachalert",
    ],
)
def test_nothing_of_it_is_ever_deleted(officer, case, table):
    decide_all(case, officer, at=AWARE, tells={Audience.AUTHORITY})
    send_to(case, Audience.AUTHORITY, officer, at=AWARE)

    with pytest.raises(DatabaseError, match="permission denied"):
        run(f"DELETE FROM privacy_{table}")


@pytest.mark.parametrize(("years", "stays"), [(6.9, True), (7.1, False)])
def test_the_role_purge_deletes_a_case_seven_years_after_its_close_and_not_before(
    role_urls, laid_database, transactional_db, years, stays
):
    officer = factories.make_staff(StaffRole.PRIVACY_OFFICER)
    at = clock.now() - timedelta(days=365.25 * years)
    with transaction.atomic():
        finish(make_case(officer, at=at, aware_at=at, detected_at=at), officer, at=at)
    line = psycopg2.connect(role_urls.purge)
    try:
        cursor = line.cursor()
        with nullcontext() if not stays else pytest.raises(psycopg2.errors.CheckViolation):
            for part in ("step", "revision", "alert", "decision", "notice", "letter"):
                cursor.execute(f"DELETE FROM privacy_breach{part}")
            cursor.execute("DELETE FROM privacy_breachcase")
            line.commit()
    finally:
        line.rollback()
        line.close()

    assert BreachCase.objects.exists() is stays


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("UPDATE privacy_breachrevision SET why = 'x'", "permission denied"),
        ("UPDATE privacy_breachdecision SET tells = NOT tells", "permission denied"),
        ("UPDATE privacy_breachletter SET body = 'x'", "written once"),
        ("UPDATE privacy_breachletter SET sent_at = now(), sent_by = 'x'", "done already"),
    ],
)
def test_what_was_written_is_not_written_over(officer, case, sql, said):
    decide_all(case, officer, at=AWARE, tells={Audience.AUTHORITY})
    send_to(case, Audience.AUTHORITY, officer, at=AWARE)

    with pytest.raises(DatabaseError, match=said):
        run(sql)


# --- the moment we knew -----------------------------------------------------------------------

EARLIER = AWARE - 5 * HOUR


def agreed(case, officer, guard, to=EARLIER):
    asked = breaches.ask_earlier(case=case, aware_at=to, why="a mail", by=officer, at=AWARE)
    desk = four_eyes.DESK_OF[breaches.MOVE]
    four_eyes.answer(asked, agrees=True, by=guard, at=AWARE, desk=desk)


def move(case, officer, to=EARLIER):
    return breaches.move_aware_at(case=case, aware_at=to, why="a mail", by=officer, at=AWARE)


def test_two_people_move_the_moment_to_an_earlier_one(officer, guard, case):
    agreed(case, officer, guard)

    moved = move(case, officer)

    assert (moved.aware_at, moved.detected_at) == (EARLIER, EARLIER)
    assert moved.revisions.count() == 2


def test_one_person_alone_moves_nothing(officer, case):
    breaches.ask_earlier(case=case, aware_at=EARLIER, why="a mail", by=officer, at=AWARE)

    with pytest.raises(NotAllowed):
        move(case, officer)

    case.refresh_from_db()
    assert case.aware_at == AWARE


def test_another_moment_than_was_agreed_needs_another_agreement(officer, guard, case):
    agreed(case, officer, guard)

    with pytest.raises(NotAllowed):
        move(case, officer, to=EARLIER - HOUR)


def test_it_moves_no_later_whoever_agrees(officer, case):
    for asked in (
        lambda: breaches.ask_earlier(
            case=case, aware_at=AWARE + HOUR, why="x", by=officer, at=AWARE + 2 * HOUR
        ),
        lambda: move(case, officer, to=AWARE + HOUR),
    ):
        with pytest.raises(RuleViolation):
            asked()


def test_the_database_lets_it_move_no_later_and_never_past_the_writing_down(case):
    with pytest.raises(DatabaseError, match="moves no later"):
        run(
            "UPDATE privacy_breachcase SET revision = revision + 1,"
            " aware_at = aware_at + interval '1 second'"
        )
    with pytest.raises(DatabaseError, match="breach_known_before_written"):
        run(
            "INSERT INTO privacy_breachcase SELECT (jsonb_populate_record(c, jsonb_build_object("
            "'id', gen_random_uuid(), 'aware_at', created_at + interval '1 second'))).*"
            " FROM privacy_breachcase c"
        )


# --- judged -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("classes", "high", "hat", "severity"),
    [
        (("technical",), 10, OurHat.CONTROLLER, Severity.LOW),
        (("contact",), 10, OurHat.CONTROLLER, Severity.MEDIUM),
        (("government id",), 10, OurHat.CONTROLLER, Severity.HIGH),
        (("government id", "contact", "identity"), 5000, OurHat.PROCESSOR, Severity.SEVERE),
        (("contact",), None, OurHat.CONTROLLER, Severity.HIGH),
    ],
)
def test_the_matrix_proposes(classes, high, hat, severity):
    assert (
        breach_grading.proposed(classes, subjects_high=high, is_confidentiality=True, hat=hat)
        == severity
    )


def test_who_must_be_told_follows_from_the_severity():
    def told(severity, hat=OurHat.CONTROLLER, touches=False):
        duties = breach_grading.duties(severity, hat=hat, touches_invoicing=touches)
        return {audience for audience, duty in duties.items() if duty.must}

    assert told(Severity.LOW) == set()
    assert told(Severity.MEDIUM) == {Audience.AUTHORITY}
    assert told(Severity.HIGH, OurHat.PROCESSOR, touches=True) == {
        *(Audience.AUTHORITY, Audience.FBR, Audience.TENANTS, Audience.SUBJECTS),
        Audience.INSURER,
    }
    assert told("") >= {Audience.AUTHORITY, Audience.SUBJECTS, Audience.POLICE}


def test_a_grade_and_a_decision_have_reasons(officer, case):
    with pytest.raises(RuleViolation):
        breaches.grade(case=case, severity=Severity.LOW, why=" ", by=officer, at=AWARE)
    with pytest.raises(RuleViolation):
        breaches.decide(
            case=case, audience=Audience.POLICE, tells=False, why="x", by=officer, at=AWARE
        )
    assert not BreachDecision.objects.exists()


def test_fbr_is_always_told_of_an_incident_of_the_invoicing_system(officer):
    case = make_case(officer, touches_invoicing=True)
    breaches.grade(case=case, severity=Severity.LOW, why="small", by=officer, at=AWARE)

    with pytest.raises(RuleViolation):
        breaches.decide(
            case=case, audience=Audience.FBR, tells=False, why="small", by=officer, at=AWARE
        )


def test_an_agent_works_and_decides_nothing(case, officer):
    agent = factories.make_staff(StaffRole.PRIVACY_AGENT)
    breaches.grade(case=case, severity=Severity.LOW, why="small", by=agent, at=AWARE)

    assert not staff.may(agent, Desk.SIGN_BREACHES)
    with pytest.raises(NotAllowed):
        breaches.decide(
            case=case, audience=Audience.POLICE, tells=False, why="x", by=agent, at=AWARE
        )


def test_a_line_of_the_lists_is_ticked_once(officer, case):
    step = case.steps.first()
    breaches.tick(step=step, note="copied", by=officer, at=AWARE)

    with pytest.raises(StateConflict):
        breaches.tick(step=step, note="again", by=officer, at=AWARE)


# --- closed -----------------------------------------------------------------------------------


def closable(case, officer, *, but):
    """All that closing needs, without one thing."""
    at = AWARE + HOUR
    if but != "decision":
        decide_all(case, officer, at=at, tells={Audience.AUTHORITY})
    if but != "letter" and but != "decision":
        send_to(case, Audience.AUTHORITY, officer, at=at if but != "late" else AWARE + 72 * HOUR)
    if but != "root_cause":
        breaches.revise(case=case, to={"root_cause": "x"}, why="x", by=officer, at=at)
    if but == "signature":
        return
    try:
        breach_ends.sign(case=case, by=officer, at=at)
    except RuleViolation:
        assert but != "nothing"


def force_close(case):
    """Past the service: the database's own word."""
    BreachRevision.objects.create(
        case=case, number=BreachCase.objects.get().revision + 1, at=AWARE, who="x"
    )
    run(
        "UPDATE privacy_breachcase SET revision = revision + 1, closed_at = now(),"
        " closed_by = 'x', signed_at = now(), signed_by = 'x'"
    )


@pytest.mark.parametrize("but", ["decision", "letter", "root_cause", "late"])
def test_a_case_that_lacks_something_is_closed_by_nobody(officer, case, but):
    closable(case, officer, but=but)

    with pytest.raises(RuleViolation):
        breach_ends.close(case=case, by=officer, at=AWARE + 80 * HOUR)
    with pytest.raises(DatabaseError), transaction.atomic():
        force_close(case)
    assert BreachCase.objects.get().closed_at is None


def test_nor_one_that_the_officer_did_not_sign(officer, case):
    closable(case, officer, but="signature")

    with pytest.raises(RuleViolation, match="signed"):
        breach_ends.close(case=case, by=officer, at=AWARE + 2 * HOUR)


def test_twin_with_all_of_it_the_same_case_closes(officer, case):
    closable(case, officer, but="nothing")

    closed = breach_ends.close(case=case, by=officer, at=AWARE + 2 * HOUR)

    assert closed.closed_at == AWARE + 2 * HOUR
    assert not DeskTask.objects.filter(kind="breach", done_at=None).exists()


def test_a_late_report_needs_its_reason_and_with_it_the_case_closes(officer, case):
    closable(case, officer, but="late")
    at = AWARE + 80 * HOUR
    breaches.revise(case=case, to={"late_reason": "storm"}, why="late", by=officer, at=at)
    breach_ends.sign(case=case, by=officer, at=at)

    assert breach_ends.close(case=case, by=officer, at=at).closed_at == at


def test_security_decides_but_the_officer_signs(guard, officer, case):
    closable(case, officer, but="signature")

    with pytest.raises(NotAllowed):
        breach_ends.sign(case=case, by=guard, at=AWARE + 2 * HOUR)


def test_a_change_drops_the_signature(officer, case):
    closable(case, officer, but="nothing")

    breaches.revise(case=case, to={"lessons": "x"}, why="x", by=officer, at=AWARE + 2 * HOUR)

    case.refresh_from_db()
    assert (case.signed_at, case.signed_by) == (None, "")


def test_a_closed_case_changes_no_more(officer, case):
    finish(case, officer, at=AWARE + HOUR)

    for deed in (
        lambda: breaches.revise(case=case, to={"what": "x"}, why="x", by=officer, at=AWARE),
        lambda: breaches.acknowledge(case=case, by=officer, at=AWARE),
        lambda: send_to(case, Audience.POLICE, officer, at=AWARE),
    ):
        with pytest.raises(StateConflict):
            deed()
    with pytest.raises(DatabaseError, match="closed"):
        run("UPDATE privacy_breachcase SET what = 'x', revision = revision + 1")
    assert BreachLetter.objects.count() == 1


def test_a_breach_that_nobody_is_told_of_is_in_the_register_too(officer, case):
    decide_all(case, officer, at=AWARE + HOUR)
    breaches.revise(case=case, to={"root_cause": "x"}, why="x", by=officer, at=AWARE + HOUR)
    breach_ends.sign(case=case, by=officer, at=AWARE + HOUR)

    breach_ends.close(case=case, by=officer, at=AWARE + HOUR)

    assert BreachCase.objects.get().closed_at is not None
    assert BreachDecision.objects.filter(tells=False).exclude(why="").count() == len(Audience)
