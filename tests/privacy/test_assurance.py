"""Assessments gate switches, trainings gate the desk, reviews and findings ring (P13, P17)."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse

from accounts import four_eyes, staff
from accounts.enums import Desk, StaffRole
from accounts.models import Course, StaffSeat, StaffTraining, User
from accounts.services import trainings
from accounts.services.trainings import Taken
from privacy import policy_facts, selectors
from privacy.models import DeskTask, Dpia, Dpo, FeatureFlag, Residual
from privacy.services import alarms, assurance, laying, register_alarms
from privacy.services.assurance import Look, Thought
from smartinvoicing import clock
from smartinvoicing.errors import NotAllowed, RuleViolation, StateConflict
from tests import factories
from tests.factories import AT, DAY
from tests.privacy.guards import without

pytestmark = pytest.mark.django_db

THOUGHT = Thought(
    feature="Handing documents to authorities",
    necessity="A court may order it.",
    risks="More than the order names could leave.",
    measures="The entry names days and parts; two agree.",
    residual=Residual.LOW,
)
LOOK = Look(
    kind="scan",
    scope="dependencies",
    done_on=date(2026, 11, 18),
    done_by="our own",
    summary="Nothing.",
    next_on=date(2026, 12, 18),
)


@pytest.fixture
def officer(db):
    return factories.make_staff(StaffRole.PRIVACY_OFFICER)


@pytest.fixture
def second(db):
    return factories.make_staff(StaffRole.SECURITY)


def approved(officer, second, *, at, **changed):
    dpia = assurance.write_dpia(given=Thought(**{**THOUGHT.__dict__, **changed}), by=officer, at=at)
    assurance.give_opinion(dpia=dpia, opinion="Fine with these measures.", by=officer, at=at)
    question = assurance.ask_approval(dpia=dpia, why="it is needed", by=officer, at=at)
    four_eyes.answer(question, agrees=True, by=second, at=at, desk=Desk.KEEP_REGISTERS)
    assurance.approve(dpia=dpia, by=officer, at=at)
    dpia.refresh_from_db()
    return dpia


def in_production(*, is_high_risk=True, basis="law"):
    flag = FeatureFlag(
        name="profiling",
        environment="production",
        about="a sample",
        basis=basis,
        is_high_risk=is_high_risk,
        changed_at=AT,
    )
    flag.save(force_insert=True)
    return flag


# --- P17: a high risk needs an assessment -----------------------------------------------------


def test_a_high_risk_is_on_with_an_assessment_that_counts(officer, second, settings):
    settings.ENVIRONMENT = "production"
    now, flag = clock.now(), in_production()
    assert not selectors.is_on("profiling", at=now)
    with pytest.raises(RuleViolation, match="assessment"):
        assurance.switch_on(flag=flag, dpia=None, by=officer, at=now)

    dpia = approved(officer, second, at=now)
    assurance.switch_on(flag=flag, dpia=dpia, by=officer, at=now)

    assert selectors.is_on("profiling", at=now)
    assert dpia.approved_by == second
    assert not selectors.is_on("profiling", at=now + timedelta(days=366))  # it ran out meanwhile


def test_an_old_or_unapproved_one_does_not_count(officer, second):
    flag, now = in_production(), clock.now()
    old = approved(officer, second, at=now - timedelta(days=400))
    draft = assurance.write_dpia(given=THOUGHT, by=officer, at=now)

    for dpia in (old, draft):
        with pytest.raises(RuleViolation, match="assessment"):
            assurance.switch_on(flag=flag, dpia=dpia, by=officer, at=now)
        with pytest.raises(IntegrityError), transaction.atomic():
            FeatureFlag.objects.filter(pk=flag.pk).update(is_on=True, dpia=dpia)


def past_the_services(flag):
    """Straight at the table: off it goes to nobody's guard but the database's."""
    with pytest.raises(IntegrityError), transaction.atomic():
        FeatureFlag.objects.filter(pk=flag.pk).update(is_on=True)
    with pytest.raises(IntegrityError), transaction.atomic():
        FeatureFlag.objects.filter(pk=flag.pk).update(is_high_risk=False)


def test_the_database_refuses_it_too():
    past_the_services(in_production())


@pytest.mark.django_db(transaction=True)
def test_twin_without_the_guard_it_would_be_on(laid_database):
    with without("flag_guard", "privacy_featureflag", laid_database):
        flag = in_production()
        with pytest.raises(pytest.fail.Exception):
            past_the_services(flag)


def test_without_a_basis_nothing_is_on(officer):
    flag = in_production(is_high_risk=False, basis="")
    with pytest.raises(RuleViolation, match="basis"):
        assurance.switch_on(flag=flag, dpia=None, by=officer, at=AT)
    with pytest.raises(IntegrityError), transaction.atomic():
        FeatureFlag.objects.filter(pk=flag.pk).update(is_on=True)


def test_withdrawn_it_takes_the_switch_along(officer, second, settings):
    settings.ENVIRONMENT = "production"
    now, flag = clock.now(), in_production()
    dpia = approved(officer, second, at=now)
    assurance.switch_on(flag=flag, dpia=dpia, by=officer, at=now)

    assurance.withdraw_dpia(dpia=dpia, why="it changed", by=officer, at=now)

    flag.refresh_from_db()
    assert (flag.is_on, selectors.is_on("profiling", at=now)) == (False, False)


def test_an_unknown_switch_is_off():
    assert not selectors.is_on("nothing-of-the-kind", at=AT)


# --- how an assessment is approved ------------------------------------------------------------


def test_nobody_approves_alone(officer, second):
    dpia = assurance.write_dpia(given=THOUGHT, by=officer, at=AT)
    with pytest.raises(RuleViolation, match="officer"):
        assurance.ask_approval(dpia=dpia, why="now", by=officer, at=AT)
    with pytest.raises(NotAllowed):
        assurance.give_opinion(dpia=dpia, opinion="fine", by=second, at=AT)

    assurance.give_opinion(dpia=dpia, opinion="fine", by=officer, at=AT)
    question = assurance.ask_approval(dpia=dpia, why="now", by=officer, at=AT)
    with pytest.raises(NotAllowed):
        four_eyes.answer(question, agrees=True, by=officer, at=AT, desk=Desk.KEEP_REGISTERS)
    with pytest.raises(NotAllowed):
        assurance.approve(dpia=dpia, by=officer, at=AT)


def test_words_that_changed_are_agreed_to_anew(officer, second):
    dpia = assurance.write_dpia(given=THOUGHT, by=officer, at=AT)
    assurance.give_opinion(dpia=dpia, opinion="fine", by=officer, at=AT)
    question = assurance.ask_approval(dpia=dpia, why="now", by=officer, at=AT)
    four_eyes.answer(question, agrees=True, by=second, at=AT, desk=Desk.KEEP_REGISTERS)

    assurance.give_opinion(dpia=dpia, opinion="fine, whatever", by=officer, at=AT)

    with pytest.raises(NotAllowed):
        assurance.approve(dpia=dpia, by=officer, at=AT)


def test_a_high_risk_that_is_left_is_not_approved(officer, second):
    with pytest.raises(RuleViolation, match="high risk"):
        approved(officer, second, at=AT, residual=Residual.HIGH)


def changed_afterwards(dpia):
    for to in ({"risks": "none"}, {"review_on": date(2040, 1, 1)}, {"approved_at": None}):
        with pytest.raises(IntegrityError), transaction.atomic():
            Dpia.objects.filter(pk=dpia.pk).update(**to)


def test_what_was_approved_stays_as_it_is(officer, second):
    dpia = approved(officer, second, at=AT)

    changed_afterwards(dpia)
    with pytest.raises(StateConflict):
        assurance.give_opinion(dpia=dpia, opinion="other", by=officer, at=AT)
    with pytest.raises(Exception, match="permission denied"), transaction.atomic():
        Dpia.objects.all().delete()


@pytest.mark.django_db(transaction=True)
def test_twin_without_the_guard_it_changes(officer, second, laid_database):
    with without("dpia_guard", "privacy_dpia", laid_database):
        dpia = approved(officer, second, at=AT)
        with pytest.raises(pytest.fail.Exception):
            changed_afterwards(dpia)


def test_thirty_days_before_its_end_the_desk_is_asked(officer, second):
    dpia = approved(officer, second, at=AT)
    alarms.sound_due(at=AT + timedelta(days=330))
    assert not DeskTask.objects.filter(kind="register_dpia").exists()

    alarms.sound_due(at=AT + timedelta(days=336))
    assert DeskTask.objects.get(kind="register_dpia", done_at=None).key == str(dpia.pk)


# --- P13: training ----------------------------------------------------------------------------


@pytest.fixture
def untrained(db):
    """An agent whose training ended today."""
    agent = factories.make_staff(StaffRole.PRIVACY_AGENT)
    today = clock.karachi_date(clock.now())
    return retrained(agent, taken_on=today - timedelta(days=365), expires_on=today)


def retrained(person, *, taken_on, expires_on, score=100, course=Course.PRIVACY):
    """The same roles on another person, with one training as it is said here."""
    fresh = User.objects.create_user(f"x{person.email}", "a long password", is_staff=True)
    for seat in person.seats.all():
        StaffSeat.objects.create(user=fresh, role=seat.role, since=AT, given_by="system:test")
    StaffTraining.objects.create(
        person=fresh,
        course=course,
        version="1",
        score=score,
        taken_on=taken_on,
        expires_on=expires_on,
        recorded_at=AT,
        recorded_by="system:test",
    )
    return fresh


def opens(user):
    browser = Client()
    browser.force_login(user)
    page = browser.get(reverse("admin:privacy_subjectrequest_changelist"))
    return page.status_code == 200


def test_on_the_day_it_ends_the_desk_shuts(untrained):
    assert not opens(untrained)
    assert not staff.may(untrained, Desk.WORK_REQUESTS)
    with pytest.raises(NotAllowed):
        staff.allow(untrained, Desk.SEE_PEOPLE)


def test_twin_a_day_before_it_is_open(untrained):
    today = clock.karachi_date(clock.now())
    agent = retrained(
        untrained,
        taken_on=today - timedelta(days=364),
        expires_on=today + timedelta(days=1),
    )

    assert opens(agent)
    assert staff.may(agent, Desk.WORK_REQUESTS)


@pytest.mark.parametrize(
    "kept", [{"score": 79}, {"course": Course.SECURITY}], ids=["failed", "another course"]
)
def test_what_is_no_passed_training_opens_nothing(untrained, kept):
    today = clock.karachi_date(clock.now())
    agent = retrained(untrained, taken_on=today, expires_on=today + timedelta(days=200), **kept)

    assert not opens(agent)


def test_whoever_keeps_the_registers_can_still_write_trainings(officer, untrained):
    today = clock.karachi_date(clock.now())
    keeper = retrained(officer, taken_on=today - timedelta(days=365), expires_on=today)
    assert not opens(keeper)

    taken = Taken(course=Course.PRIVACY, version="2", score=90, taken_on=today)
    with pytest.raises(NotAllowed):
        trainings.write_down(email=keeper.email, taken=taken, by=keeper, at=clock.now())
    trainings.write_down(email=untrained.email, taken=taken, by=keeper, at=clock.now())

    assert opens(untrained)


def test_a_line_of_training_is_written_once_and_for_a_year(untrained):
    line = StaffTraining.objects.filter(person=untrained)
    with pytest.raises(Exception, match=r"permission denied|append-only"), transaction.atomic():
        line.update(expires_on=date(2040, 1, 1))
    with pytest.raises(IntegrityError), transaction.atomic():
        retrained(untrained, taken_on=DAY, expires_on=DAY + timedelta(days=366))


def test_a_year_ends_by_the_calendar():
    assert trainings.ends_on(date(2028, 2, 29)) == date(2029, 2, 28)
    assert trainings.ends_on(date(2027, 3, 1)) == date(2028, 3, 1)


def test_the_first_training_is_written_in_the_shell():
    person = factories.make_staff(StaffRole.PRIVACY_OFFICER)
    words = (person.email, "privacy", "--of", "1", "--score", "90", "--on", "2026-11-20")
    call_command("note_training", *words)
    assert person.trainings.filter(recorded_by="system:shell").exists()

    factories.make_staff(StaffRole.SECURITY)
    with pytest.raises(CommandError):
        call_command("note_training", *words)


def test_whose_training_runs_out_is_a_task(officer, untrained):
    laying.lay(at=AT)
    now = clock.now()
    alarms.sound_due(at=now)
    kind = f"register_{register_alarms.TRAINING}"
    assert set(DeskTask.objects.filter(kind=kind).values_list("key", flat=True)) == {
        str(untrained.pk)
    }

    taken = Taken(course=Course.PRIVACY, version="2", score=90, taken_on=clock.karachi_date(now))
    trainings.write_down(email=untrained.email, taken=taken, by=officer, at=now)
    alarms.sound_due(at=now + timedelta(days=1))
    assert not DeskTask.objects.filter(kind=kind, done_at=None).exists()


# --- S30: reviews and findings ----------------------------------------------------------------


def test_the_next_review_rings_until_it_is_written(officer):
    assurance.write_review(given=LOOK, by=officer, at=AT)
    late = AT + timedelta(days=40)
    alarms.sound_due(at=late)
    assert DeskTask.objects.filter(kind="register_review", done_at=None).count() == 1

    again = {**LOOK.__dict__, "done_on": date(2026, 12, 25), "next_on": date(2027, 1, 25)}
    newest = assurance.write_review(given=Look(**again), by=officer, at=late)

    assert not DeskTask.objects.filter(kind="register_review", done_at=None).exists()
    assert selectors.last_review() == newest


def test_a_finding_rings_when_it_is_late_and_falls_silent_when_closed(officer, second):
    review = assurance.write_review(given=LOOK, by=officer, at=AT)
    finding = assurance.write_finding(
        review=review,
        what="an old library",
        severity="high",
        owner=second.email,
        due_on=date(2026, 11, 25),
        by=officer,
        at=AT,
    )
    kind = "register_finding"
    alarms.sound_due(at=AT + timedelta(days=5))  # the whole day is theirs
    assert not DeskTask.objects.filter(kind=kind).exists()
    alarms.sound_due(at=AT + timedelta(days=6))
    assert DeskTask.objects.get(kind=kind, done_at=None).key == str(finding.pk)

    at = AT + timedelta(days=7)
    assurance.close_finding(finding=finding, how="a newer one", by=officer, at=at)
    alarms.sound_due(at=at + timedelta(days=9))
    assert not DeskTask.objects.filter(kind=kind, done_at=None).exists()
    with pytest.raises(StateConflict):
        assurance.close_finding(finding=finding, how="again", by=officer, at=at)


# --- I17: the officer -------------------------------------------------------------------------


def appointed(officer, second, at=AT):
    return assurance.appoint(
        person=officer.email,
        deputy=second.email,
        contact="privacy@smartinvoicing.example",
        conflicts="none",
        by=officer,
        at=at,
    )


def test_an_officer_is_named_on_our_texts_and_silences_the_bell(officer, second):
    laying.lay(at=AT)
    alarms.sound_due(at=AT + timedelta(days=2))
    assert DeskTask.objects.filter(kind="register_vacant", done_at=None).exists()

    appointed(officer, second)

    assert not DeskTask.objects.filter(kind="register_vacant", done_at=None).exists()
    assert policy_facts.names()["officer"] == officer.name

    row = Dpo.objects.get()
    assurance.step_down(row=row, why="leaves us", by=officer, at=AT)
    alarms.sound_due(at=AT + timedelta(hours=23))
    assert not DeskTask.objects.filter(kind="register_vacant", done_at=None).exists()
    alarms.sound_due(at=AT + timedelta(days=1, hours=1))
    assert DeskTask.objects.filter(kind="register_vacant", done_at=None).exists()


def test_one_officer_at_a_time_with_a_deputy(officer, second):
    first = appointed(officer, second)
    other = factories.make_staff(StaffRole.PRIVACY_OFFICER)
    appointed(other, officer)

    first.refresh_from_db()
    assert first.until == AT
    assert selectors.officer().person == other
    with pytest.raises(RuleViolation):
        appointed(officer, officer)
    with pytest.raises(RuleViolation):
        appointed(second, officer)  # does not sit as one
    with pytest.raises(IntegrityError), transaction.atomic():
        Dpo.objects.filter(pk=first.pk).update(until=None)
