"""The clocks of a request at their edges, in Karachi; nothing stops them; who hears what."""

from datetime import UTC, date, datetime, timedelta

import pytest

from accounts import tenancy
from accounts.enums import NoticeKind, StaffRole
from accounts.models import Notice, OutgoingMail
from privacy import deadlines
from privacy.models import Alarm, DeskTask, RequestState, RequestType, SubjectRequest
from privacy.services import alarms, clocks, deciding, requests, routing
from privacy.services.rights_mail import words_of
from smartinvoicing.clock import KARACHI, karachi_date
from smartinvoicing.errors import RuleViolation, StateConflict
from tests import factories
from tests.conftest import NOON
from tests.privacy import rights_cast as cast
from tests.privacy.rights_cast import DAY, SECOND


def karachi(*when):
    return datetime(*when, tzinfo=KARACHI)


# --- pure -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("came", "last"),
    [
        (karachi(2026, 11, 20, 0, 0, 0), date(2026, 12, 20)),
        (karachi(2026, 11, 20, 23, 59, 59), date(2026, 12, 20)),
        (datetime(2026, 11, 20, 19, 0, 0, tzinfo=UTC), date(2026, 12, 21)),  # the 21st in Karachi
        (datetime(2026, 11, 20, 18, 59, 59, tzinfo=UTC), date(2026, 12, 20)),
        (karachi(2028, 1, 30, 12, 0), date(2028, 2, 29)),  # a leap day
        (karachi(2027, 1, 30, 12, 0), date(2027, 3, 1)),
    ],
)
def test_a_request_has_thirty_days_of_the_calendar_in_karachi(came, last):
    due = deadlines.decision_due(came)

    assert karachi_date(due - SECOND) == last == deadlines.last_day(due)
    assert karachi_date(due) == last + timedelta(days=1)
    assert (deadlines.decision_due(came, is_extended=True) - due).days == 60


@pytest.mark.parametrize(
    ("came", "until"),
    [
        (karachi(2026, 11, 18, 9, 0), date(2026, 11, 23)),  # Wednesday: Thu, Fri, Mon
        (karachi(2026, 11, 20, 23, 59), date(2026, 11, 25)),  # Friday
        (karachi(2026, 11, 21, 1, 0), date(2026, 11, 25)),  # Saturday
    ],
)
def test_three_working_days_leave_out_the_weekend_and_nothing_else(came, until):
    assert deadlines.last_day(deadlines.working_days_after(came, 3)) == until


# --- sounding ---------------------------------------------------------------------------------

pytestmark = pytest.mark.django_db


@pytest.fixture
def officer():
    return factories.make_staff(StaffRole.PRIVACY_OFFICER)


def alerts(person=None):
    """What was said in alerts, oldest first; to one address, or to all."""
    found = OutgoingMail.objects.filter(template="privacy/mail/request_alert")
    if person:
        found = found.filter(to=person)
    return [(each.made_at, each.context["what"]) for each in found.order_by("made_at", "id")]


def sound_through(days):
    """The scheduler, a minute past noon on each day."""
    for day in range(days):
        alarms.sound_due(at=NOON + day * DAY + timedelta(minutes=1))


def test_it_warns_ten_five_and_one_day_before_and_then_daily(owner, officer, settings):
    settings.PRIVACY_OWNER_EMAILS = ["boss@example.com"]
    request = cast.proved(owner)
    deciding.look(request, by=officer, at=NOON)

    sound_through(34)

    due = request.due_at
    left = [-((at - due) // DAY) for at, _what in alerts(officer.email)]
    assert left == [10, 5, 1, 0, -1, -2]
    assert [-((at - due) // DAY) for at, _what in alerts("boss@example.com")] == [-1, -2]
    assert DeskTask.objects.get(kind="request", done_at=None).due_at == due


def test_it_warns_when_nobody_takes_it_up(owner, officer):
    cast.proved(owner)

    sound_through(7)

    assert len(alerts(officer.email)) == 2


def test_the_end_of_a_request_ends_its_alarms_and_its_task(owner, officer):
    request = cast.proved(owner)
    deciding.finish_at_desk(request, text="Done.", by=officer, at=NOON)

    sound_through(40)

    assert alerts() == []
    assert not DeskTask.objects.filter(done_at=None).exists()


def test_twin_without_silencing_alarms_sound_after_the_end(owner, officer, monkeypatch):
    monkeypatch.setattr(alarms, "silence", lambda *what, **how: None)
    monkeypatch.setattr(clocks, "ENDED", frozenset())
    with pytest.raises(AssertionError):
        test_the_end_of_a_request_ends_its_alarms_and_its_task(owner, officer)


def test_no_wait_stops_the_clock_of_the_decision(owner, officer):
    request = cast.proved(owner)
    due = request.due_at
    deciding.ask_person(request, text="Which invoice?", by=officer, at=NOON)

    sound_through(32)

    assert cast.fresh(request).due_at == due
    assert request.state == RequestState.WAITING_SUBJECT
    assert len(alerts(officer.email)) == 4


def test_one_extension_with_a_reason_before_the_last_day_is_over(owner, officer):
    request = cast.proved(owner)
    due = request.due_at
    with pytest.raises(RuleViolation):
        deciding.extend(request, why=" ", by=officer, at=NOON)
    with pytest.raises(RuleViolation):
        deciding.extend(request, why="Much", by=officer, at=due)

    deciding.extend(request, why="Much", by=officer, at=due - SECOND)

    assert request.due_at - due == 60 * DAY
    assert [each.context["why"] for each in cast.mails("request_extended")] == ["Much"]
    with pytest.raises(StateConflict):
        deciding.extend(request, why="More", by=officer, at=due)
    assert cast.fresh(request).due_at - due == 60 * DAY


def test_after_an_extension_the_later_day_has_alarms_of_its_own(owner, officer):
    request = cast.proved(owner)
    deciding.look(request, by=officer, at=NOON)
    sound_through(22)  # ten days before, once
    deciding.extend(request, why="Much", by=officer, at=NOON + 22 * DAY)

    for day in range(22, 92):
        alarms.sound_due(at=NOON + day * DAY + timedelta(minutes=1))

    left = [-((at - request.due_at) // DAY) for at, _what in alerts(officer.email)]
    assert left == [70, 10, 5, 1, 0]


def test_who_proves_nothing_is_reminded_after_five_days_and_closed_after_thirty(owner):
    request = cast.from_form(owner.email)

    alarms.sound_due(at=NOON + 5 * DAY - SECOND)
    assert cast.mails("request_reminder") == []
    alarms.sound_due(at=NOON + 5 * DAY)
    assert len(cast.mails("request_reminder")) == 1
    alarms.sound_due(at=NOON + 30 * DAY - SECOND)
    assert cast.fresh(request).state == RequestState.IDENTITY_PENDING
    alarms.sound_due(at=NOON + 30 * DAY)

    assert cast.fresh(request).state == RequestState.REFUSED
    assert len(cast.mails("request_unproved")) == 1


def test_no_complaint_is_closed_because_nobody_proved_it(officer):
    request = cast.from_form("lead@example.com", RequestType.COMPLAINT)
    SubjectRequest.objects.filter(pk=request.pk).update(state=RequestState.IDENTITY_PENDING)
    clocks.proof_asked(request, at=NOON)

    alarms.sound_due(at=NOON + 30 * DAY)

    assert cast.fresh(request).closed_at is None
    assert cast.mails("request_unproved") == []


def test_twin_who_proved_is_neither_reminded_nor_closed(owner):
    request = cast.proved(owner, RequestType.RECTIFICATION)
    clocks.proof_asked(request, at=NOON)

    alarms.sound_due(at=NOON + 30 * DAY)

    assert cast.fresh(request).state == RequestState.IN_PROGRESS
    assert cast.mails("request_reminder") == []


# --- customers of a business ------------------------------------------------------------------


@pytest.fixture
def asked(business, owner):
    return cast.of_buyer(business, cast.make_buyer(business))


def test_a_customers_request_goes_to_the_business_and_the_person_is_told(business, asked, officer):
    routing.forward(asked, by=cast.ME, at=NOON)

    assert asked.state == RequestState.WAITING_CONTROLLER
    assert cast.mails("request_routed")[0].context["business"] == business.name
    with tenancy.in_tenant(business.pk):
        bell = Notice.objects.get(kind=NoticeKind.RIGHTS_REQUEST)
    assert (bell.object_id, bell.due_at) == (asked.pk, asked.due_at)


def test_who_forwards_late_hears_of_it_each_day(asked, officer):
    clocks.to_forward(asked, at=NOON)  # a Friday: until Tuesday
    deciding.look(asked, by=officer, at=NOON)

    sound_through(7)

    said = [at for at, what in alerts(officer.email)]
    assert [karachi_date(at).day for at in said] == [25, 26]


def test_a_business_that_does_not_answer_is_rung_again_after_five_and_ten_days(
    business, asked, officer
):
    routing.forward(asked, by=cast.ME, at=NOON)
    deciding.look(asked, by=officer, at=NOON)

    sound_through(12)

    assert len(alerts(officer.email)) == 2
    with tenancy.in_tenant(business.pk):
        assert Notice.objects.get(kind=NoticeKind.RIGHTS_REQUEST).step == "forwarded-10"


def test_where_nobody_is_left_we_answer(business, officer):
    request = cast.of_buyer(business, cast.make_buyer(business))

    assert not routing.forward(request, by=cast.ME, at=NOON)
    assert request.state == RequestState.IN_PROGRESS
    deciding.finish_at_desk(request, text="Done.", by=officer, at=NOON)


def test_while_it_lies_with_the_business_our_desk_does_not_decide(asked, officer):
    routing.forward(asked, by=cast.ME, at=NOON)

    with pytest.raises(RuleViolation):
        deciding.finish_at_desk(asked, text="Done.", by=officer, at=NOON)

    assert cast.fresh(asked).state == RequestState.WAITING_CONTROLLER


def test_every_step_that_is_set_has_words(owner, asked):
    request = cast.proved(owner)
    clocks.proof_asked(request, at=NOON)
    clocks.to_forward(asked, at=NOON)
    clocks.forwarded(asked, at=NOON)
    clocks.extended(request, at=NOON)
    silent = set(clocks.OF_PROOF)

    for step in set(Alarm.objects.values_list("step", flat=True)) - silent:
        assert words_of(step)
    assert requests.is_open(request)
