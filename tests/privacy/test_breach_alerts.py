"""The staged alerts of a breach: at their hours, to whom they belong, caught up with when late."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.core import mail

from accounts.enums import StaffRole
from accounts.models import OutgoingMail
from accounts.services import mailing
from privacy import breach_clock
from privacy.models import Alarm, Audience, BreachAlert, BreachLetter, OurHat
from privacy.services import alarms, breach_alerts, breach_steps, breaches, scope
from privacy.services.scope import Question
from tests import factories
from tests.privacy.breach_cast import AWARE, HOUR, decide_all, finish, make_case, send_to

pytestmark = pytest.mark.django_db
SECOND = timedelta(seconds=1)


@pytest.fixture(autouse=True)
def _people(settings):
    settings.PRIVACY_OWNER_EMAILS = ["owner@smartinvoicing.example"]
    settings.PRIVACY_BOARD_EMAILS = ["board@smartinvoicing.example"]


@pytest.fixture
def officer():
    return factories.make_staff(StaffRole.PRIVACY_OFFICER)


@pytest.fixture
def agent():
    return factories.make_staff(StaffRole.PRIVACY_AGENT)


@pytest.fixture
def guard():
    return factories.make_staff(StaffRole.SECURITY)


@pytest.fixture
def case(officer):
    return make_case(officer, hat=OurHat.BOTH, touches_invoicing=True)


def sound(hours, seconds=0):
    alarms.sound_due(at=AWARE + hours * HOUR + seconds * SECOND)


def sounded(late=None):
    """(step, how many times) of what was told so far."""
    found = {}
    for alert in BreachAlert.objects.order_by("at", "pk"):
        if late is None or breach_alerts.is_late(alert.late_s) is late:
            found[alert.step] = found.get(alert.step, 0) + 1
    return found


def told(step):
    return set(OutgoingMail.objects.filter(key__contains=f"-{step}-").values_list("to", flat=True))


def test_all_alarms_stand_in_the_database_from_the_beginning(case):
    due = {alarm.step: (alarm.due_at - AWARE) / HOUR for alarm in Alarm.objects.all()}

    assert due == {step.name: step.hours for step in breach_clock.STEPS}
    assert sorted(due.values()) == [0, 1, 12, 24, 24, 36, 48, 60, 66, 70, 72]
    repeats = dict(Alarm.objects.exclude(repeat_s=None).values_list("step", "repeat_s"))
    assert repeats == {"h01_acknowledge": 1800, "h60_draft": 86400, "h72_missed": 14400}


def test_at_once_the_officer_the_deputy_and_security_are_paged(officer, agent, guard, case):
    sound(0)

    assert told("h00_paged") == {officer.email, agent.email, guard.email}


@pytest.mark.parametrize(
    ("step", "hours", "to"),
    [
        ("h01_acknowledge", 1, {"owner"}),
        ("h12_scope", 12, {"officer", "owner"}),
        ("h24_severity", 24, {"owner"}),
        ("h24_fbr", 24, {"owner", "officer"}),
        ("h36_tenants", 36, {"owner"}),
        ("h48_decision", 48, {"board"}),
        ("h60_draft", 60, {"officer", "owner", "board"}),
        ("h66_warning", 66, {"officer", "owner"}),
        ("h70_warning", 70, {"officer", "owner", "board"}),
        ("h72_missed", 72, {"officer", "agent", "guard", "owner", "board"}),
    ],
)
def test_each_step_sounds_at_its_second_and_not_before(
    officer, agent, guard, case, step, hours, to
):
    known = {
        "officer": officer.email,
        "agent": agent.email,
        "guard": guard.email,
        "owner": "owner@smartinvoicing.example",
        "board": "board@smartinvoicing.example",
    }
    sound(hours, -1)
    assert step not in sounded()

    sound(hours)

    assert sounded()[step] == 1
    assert told(step) == {known[name] for name in to}


def test_without_an_owner_in_the_settings_the_operators_are_told(case, settings):
    settings.PRIVACY_OWNER_EMAILS, settings.PRIVACY_BOARD_EMAILS = [], []
    settings.OPERATOR_EMAILS = ["operators@smartinvoicing.example"]

    sound(1)

    assert told("h01_acknowledge") == {"operators@smartinvoicing.example"}


def test_what_is_done_does_not_sound(officer, case):
    at = AWARE + timedelta(minutes=30)
    breaches.acknowledge(case=case, by=officer, at=at)
    question = Question(since=AWARE - HOUR, until=at)
    scope.freeze(case=case, question=question, by=officer, at=at)
    decide_all(case, officer, at=at, tells={Audience.AUTHORITY, Audience.FBR, Audience.TENANTS})
    for audience in (Audience.AUTHORITY, Audience.FBR, Audience.TENANTS):
        send_to(case, audience, officer, at=at)

    for hours in range(100):
        sound(hours)

    assert sounded() == {"h00_paged": 1}


@pytest.mark.parametrize("but", ["acknowledge", "scope"])
def test_twin_what_is_left_undone_does_sound(officer, case, but):
    at = AWARE + timedelta(minutes=30)
    if but != "acknowledge":
        breaches.acknowledge(case=case, by=officer, at=at)
    if but != "scope":
        question = Question(since=AWARE - HOUR, until=at)
        scope.freeze(case=case, question=question, by=officer, at=at)

    sound(12)

    assert {"acknowledge": "h01_acknowledge", "scope": "h12_scope"}[but] in sounded()


def test_paging_of_the_owner_repeats_each_half_hour_until_somebody_takes_it(officer, case):
    for minutes in range(60, 151):
        alarms.sound_due(at=AWARE + timedelta(minutes=minutes))
    assert sounded()["h01_acknowledge"] == 4

    breaches.acknowledge(case=case, by=officer, at=AWARE + timedelta(minutes=151))
    sound(9)

    assert sounded()["h01_acknowledge"] == 4


def test_after_72_hours_it_repeats_each_four_hours_until_it_is_sent(officer, case):
    for hours in (72, 74, 76, 80):
        sound(hours)
    assert sounded()["h72_missed"] == 3

    decide_all(case, officer, at=AWARE + 81 * HOUR, tells={Audience.AUTHORITY, Audience.FBR})
    send_to(case, Audience.AUTHORITY, officer, at=AWARE + 81 * HOUR)
    sound(100)

    assert sounded()["h72_missed"] == 3


def test_p12_a_scheduler_that_stood_from_hour_10_to_61_catches_up_once_and_says_how_late(
    officer, case
):
    breaches.acknowledge(case=case, by=officer, at=AWARE)
    for hours in range(10):
        sound(hours)
    assert sounded() == {"h00_paged": 1}

    sound(61)
    sound(61, 60)

    missed = {"h12_scope", "h24_severity", "h24_fbr", "h36_tenants", "h48_decision", "h60_draft"}
    assert sounded(late=True) == dict.fromkeys(missed, 1)
    late = dict(BreachAlert.objects.values_list("step", "late_s"))
    assert (late["h12_scope"], late["h60_draft"]) == (49 * 3600, 3600)
    assert BreachAlert.objects.filter(step="h12_scope").get().at == AWARE + 61 * HOUR


def test_p12_twin_alarms_that_live_in_a_running_process_alone_are_lost(officer, case):
    """Without their rows nothing is left to catch up with."""
    breaches.acknowledge(case=case, by=officer, at=AWARE)
    Alarm.objects.filter(kind="breach").delete()

    sound(61)

    assert sounded() == {}


def test_p12_the_mail_says_that_it_is_late(case, django_capture_on_commit_callbacks):
    sound(61)
    mailing.deliver_due(at=AWARE + 61 * HOUR)

    bodies = {each.subject: each.body for each in mail.outbox}
    (scope_mail,) = {body for subject, body in bodies.items() if "hour 12" in subject}
    assert "LATE by 2940 minutes" in scope_mail


def test_in_time_the_mail_says_nothing_of_late(case):
    sound(0)
    sound(1)
    mailing.deliver_due(at=AWARE + HOUR)

    assert mail.outbox
    assert not [each for each in mail.outbox if "LATE" in each.body]


@pytest.mark.parametrize(
    "aware",
    [
        datetime(2026, 11, 20, 14, 0, tzinfo=UTC),  # Friday evening: a week-end follows
        datetime(2027, 3, 9, 19, 30, tzinfo=UTC),  # after midnight of Eid-ul-Fitr in Karachi
        datetime(2028, 2, 27, 23, 59, 59, tzinfo=UTC),  # over a leap day
    ],
)
def test_nights_weekends_and_eid_count(officer, aware):
    case = make_case(officer, at=aware, aware_at=aware, detected_at=aware)

    end = breach_clock.ends_at(case.aware_at)
    assert end - aware == timedelta(seconds=72 * 3600)
    assert Alarm.objects.get(step="h72_missed").due_at == end
    assert not breach_clock.is_over(end, at=end - SECOND)
    assert breach_clock.is_over(end, at=end)


def test_what_nobody_drafted_is_prepared_in_phases(case):
    sound(60)

    made = BreachLetter.objects.order_by("audience")
    assert [(each.audience, each.by_machine, each.is_partial) for each in made] == [
        (Audience.AUTHORITY, True, True),
        (Audience.SUBJECTS, True, True),
    ]
    sound(84)
    assert BreachLetter.objects.count() == 2


def test_a_draft_of_a_person_is_not_written_over(officer, case):
    decide_all(case, officer, at=AWARE, tells={Audience.AUTHORITY, Audience.FBR})
    send_to(case, Audience.AUTHORITY, officer, at=AWARE)

    sound(60)

    assert BreachLetter.objects.filter(by_machine=True).count() == 0


def test_alarms_move_with_the_moment_we_knew_and_those_that_sounded_stay(officer, guard, case):
    sound(0)
    earlier = AWARE - 10 * HOUR
    breaches.ask_earlier(case=case, aware_at=earlier, why="x", by=officer, at=AWARE)
    approval = breaches.Approval.objects.get()
    desk = breaches.four_eyes.DESK_OF[breaches.MOVE]
    breaches.four_eyes.answer(approval, agrees=True, by=guard, at=AWARE, desk=desk)

    breaches.move_aware_at(case=case, aware_at=earlier, why="x", by=officer, at=AWARE)

    due = dict(Alarm.objects.values_list("step", "due_at"))
    assert due["h72_missed"] == earlier + 72 * HOUR
    assert due["h00_paged"] == AWARE


def test_a_closed_case_is_silent(officer):
    case = make_case(officer)
    finish(case, officer, at=AWARE + HOUR)

    sound(100)

    assert sounded() == {}
    assert not Alarm.objects.filter(kind="breach", silenced_at=None).exists()


def test_an_ordinary_breach_has_no_step_of_fbr_until_invoicing_is_affected(officer):
    case = make_case(officer)
    assert "h24_fbr" not in {step.name for step in breach_steps.steps_of(case)}

    breaches.revise(case=case, to={"touches_invoicing": True}, why="x", by=officer, at=AWARE + HOUR)

    assert Alarm.objects.get(step="h24_fbr").due_at == AWARE + 24 * HOUR


# --- what was done and is not done any more ----------------------------------------------------


def decide(case, audience, by, *, tells, hours):
    at = AWARE + hours * HOUR
    severity = "high" if tells else "low"
    breaches.grade(case=case, severity=severity, why="judged", by=by, at=at)
    breaches.decide(case=case, audience=audience, tells=tells, why="judged", by=by, at=at)


def test_alarms_of_an_audience_revive_when_it_is_to_be_told_after_all(officer, case):
    decide(case, Audience.AUTHORITY, officer, tells=False, hours=5)
    decide(case, Audience.AUTHORITY, officer, tells=True, hours=6)

    sound(72)

    assert {"h66_warning", "h70_warning", "h72_missed"} <= set(sounded())


def test_twin_without_the_reviving_they_stay_silent(officer, case, monkeypatch):
    monkeypatch.setattr(alarms, "revive", lambda *what, **which: None)
    decide(case, Audience.AUTHORITY, officer, tells=False, hours=5)
    decide(case, Audience.AUTHORITY, officer, tells=True, hours=6)

    sound(72)

    assert {"h66_warning", "h70_warning", "h72_missed"}.isdisjoint(sounded())


def test_an_alarm_that_was_silent_has_moved_with_the_moment_we_knew(officer, guard, case):
    decide(case, Audience.AUTHORITY, officer, tells=False, hours=0)
    earlier = AWARE - 10 * HOUR
    breaches.ask_earlier(case=case, aware_at=earlier, why="x", by=officer, at=AWARE)
    approval = breaches.Approval.objects.get()
    desk = breaches.four_eyes.DESK_OF[breaches.MOVE]
    breaches.four_eyes.answer(approval, agrees=True, by=guard, at=AWARE, desk=desk)
    breaches.move_aware_at(case=case, aware_at=earlier, why="x", by=officer, at=AWARE)

    decide(case, Audience.AUTHORITY, officer, tells=True, hours=1)

    assert Alarm.objects.get(step="h72_missed", silenced_at=None).due_at == earlier + 72 * HOUR


def test_a_business_that_is_found_after_the_letter_left_is_not_told(
    officer, case, business, other_business
):
    at = AWARE + 37 * HOUR
    breaches.add_tenants(case=case, tenant_ids=[business.pk], by=officer, at=AWARE)
    sound(36)
    decide_all(case, officer, at=at, tells={Audience.TENANTS, Audience.FBR})
    send_to(case, Audience.TENANTS, officer, at=at)
    assert breach_steps.is_told(case, Audience.TENANTS)

    breaches.add_tenants(case=case, tenant_ids=[other_business.pk], by=officer, at=at + HOUR)

    assert not breach_steps.is_told(case, Audience.TENANTS)
    sound(39)
    assert sounded()["h36_tenants"] == 2

    send_to(case, Audience.TENANTS, officer, at=at + 3 * HOUR)
    assert breach_steps.is_told(case, Audience.TENANTS)
