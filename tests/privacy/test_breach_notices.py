"""Letters of a breach: drafted in two languages, sent with measure, followed until they came."""

from __future__ import annotations

import hashlib
from datetime import timedelta

import pytest
from django.urls import reverse

from accounts import tenancy
from accounts.enums import NoticeKind, Role, StaffRole
from accounts.models import MailState, Notice, OutgoingMail
from privacy import authorities, breach_letters
from privacy.models import (
    Alarm,
    Audience,
    BreachDecision,
    BreachLetter,
    BreachNotice,
    Delivery,
    DeskTask,
)
from privacy.promise_checks import breaches as promises
from privacy.services import breach_ends, breach_notices, breach_steps
from privacy.verdicts import Broken
from smartinvoicing.errors import NotAllowed, RuleViolation, StateConflict
from tests import factories
from tests.privacy.breach_cast import AWARE, HOUR, decide_all, make_case, make_notice, send_to

pytestmark = pytest.mark.django_db


@pytest.fixture
def officer():
    return factories.make_staff(StaffRole.PRIVACY_OFFICER)


@pytest.fixture
def case(officer, business):
    case = make_case(officer, tenant_ids=[business.pk], subjects_low=3, subjects_high=40)
    told = {Audience.AUTHORITY, Audience.TENANTS, Audience.SUBJECTS}
    decide_all(case, officer, at=AWARE, tells=told)
    return case


# --- written ----------------------------------------------------------------------------------


@pytest.mark.parametrize("audience", list(Audience))
@pytest.mark.parametrize("language", ["en", "ur", breach_letters.BOTH])
def test_each_audience_has_its_letter_in_each_language(case, audience, language):
    drafted = breach_letters.draft(case, audience, language)

    assert breach_letters.reference_of(case) in drafted.body
    assert "{" not in drafted.subject + drafted.body
    assert case.what in drafted.body
    is_urdu = any("\u0600" <= letter <= "\u06ff" for letter in drafted.body)
    assert is_urdu is (language != "en")


def test_a_partial_letter_says_that_more_follows(case):
    whole = breach_letters.draft(case, Audience.AUTHORITY, "en")
    part = breach_letters.draft(case, Audience.AUTHORITY, "en", is_partial=True)

    assert "Not all is known yet" in part.body
    assert "Not all is known yet" not in whole.body
    assert "3 to 40" in part.body


def test_the_words_of_a_draft_stand_by_their_hash(officer, case):
    letter = send_to(case, Audience.AUTHORITY, officer, at=AWARE)

    assert letter.body_sha256 == hashlib.sha256(b"Words").hexdigest()


# --- sent -------------------------------------------------------------------------------------


def test_the_authority_is_pkcert_until_another_is_set_up(settings):
    assert "PKCERT" in authorities.to_tell(AWARE).name

    settings.PRIVACY_AUTHORITY_NAME = "Commission for Data Protection"
    settings.PRIVACY_AUTHORITY_EMAIL = "reports@ncdp.example"

    assert authorities.to_tell(AWARE).email == "reports@ncdp.example"


def test_to_an_authority_without_an_address_a_letter_needs_a_proof(officer, case):
    with pytest.raises(RuleViolation):
        send_to(case, Audience.AUTHORITY, officer, at=AWARE, proof="")

    send_to(case, Audience.AUTHORITY, officer, at=AWARE, proof="ticket 77")

    notice = BreachNotice.objects.get()
    assert (notice.state, notice.note) == (Delivery.ELSEWHERE, "ticket 77")


def test_with_an_address_it_is_mailed(officer, case, settings):
    settings.PRIVACY_AUTHORITY_NAME = "Commission for Data Protection"
    settings.PRIVACY_AUTHORITY_EMAIL = "reports@ncdp.example"

    send_to(case, Audience.AUTHORITY, officer, at=AWARE, proof="")

    assert OutgoingMail.objects.get().to == "reports@ncdp.example"


def test_nothing_is_sent_to_whom_nobody_decided_to_tell(officer, case):
    with pytest.raises(RuleViolation):
        send_to(case, Audience.POLICE, officer, at=AWARE)

    assert not BreachNotice.objects.exists()


def test_an_agent_writes_and_does_not_send(officer, case):
    agent = factories.make_staff(StaffRole.PRIVACY_AGENT)

    with pytest.raises(NotAllowed):
        send_to(case, Audience.AUTHORITY, agent, at=AWARE)


def test_a_letter_is_sent_once(officer, case):
    letter = send_to(case, Audience.TENANTS, officer, at=AWARE)

    with pytest.raises(StateConflict):
        breach_notices.send(letter=letter, by=officer, at=AWARE)


def test_a_business_hears_by_its_bell_and_each_who_can_act_by_mail(officer, case, business):
    owner = factories.make_member(business, Role.OWNER)
    factories.make_member(business, Role.VIEWER)

    send_to(case, Audience.TENANTS, officer, at=AWARE)

    assert [mail.to for mail in OutgoingMail.objects.all()] == [owner.email]
    with tenancy.in_tenant(business.pk):
        bell = Notice.objects.get(kind=NoticeKind.BREACH)
    assert bell.mailed_at == AWARE  # the letter is the mail
    assert BreachNotice.objects.filter(tenant_id=business.pk).count() == 2


def test_persons_are_those_who_work_in_the_businesses_each_told_once(officer, case, business):
    for role in (Role.OWNER, Role.VIEWER):
        factories.make_member(business, role)

    letter = send_to(case, Audience.SUBJECTS, officer, at=AWARE)

    assert letter.notices.count() == OutgoingMail.objects.count() == 2


def test_letters_leave_with_measure(officer, case, business, monkeypatch):
    monkeypatch.setattr(breach_notices, "A_MINUTE", 2)
    for _ in range(5):
        factories.make_member(business, Role.OWNER)

    send_to(case, Audience.TENANTS, officer, at=AWARE)

    after = OutgoingMail.objects.order_by("send_after").values_list("send_after", flat=True)
    assert [(each - AWARE) // timedelta(minutes=1) for each in after] == [0, 0, 1, 1, 2]


def test_twin_without_the_measure_all_leave_at_once(officer, case, business, monkeypatch):
    monkeypatch.setattr(breach_notices, "A_MINUTE", 10**9)
    for _ in range(5):
        factories.make_member(business, Role.OWNER)

    send_to(case, Audience.TENANTS, officer, at=AWARE)

    assert set(OutgoingMail.objects.values_list("send_after", flat=True)) == {AWARE}


def test_what_is_known_goes_in_phases_with_one_press(officer, business):
    case = make_case(officer)
    at = AWARE + 70 * HOUR

    breach_notices.send_incomplete(
        case=case, audience=Audience.AUTHORITY, by=officer, at=at, proof="ticket 1"
    )
    second = BreachLetter.objects.get()
    decision = BreachDecision.objects.get()

    assert (second.is_partial, second.phase, second.sent_at) == (True, 1, at)
    assert (decision.audience, decision.tells) == (Audience.AUTHORITY, True)
    assert send_to(case, Audience.AUTHORITY, officer, at=at + HOUR).phase == 2


# --- followed ---------------------------------------------------------------------------------


def arrived(state):
    OutgoingMail.objects.update(state=state, done_at=AWARE + HOUR, context={})
    return breach_notices.follow(at=AWARE + HOUR)


@pytest.fixture
def sent(officer, case, business):
    factories.make_member(business, Role.OWNER)
    return send_to(case, Audience.TENANTS, officer, at=AWARE)


def test_what_the_mail_server_took_is_proved(sent):
    assert arrived(MailState.SENT) == 1
    assert breach_notices.follow(at=AWARE + HOUR) == 0

    assert sent.notices.get(mail_key__isnull=False).state == Delivery.SENT


@pytest.mark.parametrize("state", [MailState.REFUSED, MailState.BOUNCED, MailState.GIVEN_UP])
def test_what_came_back_is_somebodys_task_until_they_are_told_another_way(officer, sent, state):
    arrived(state)
    notice = sent.notices.get(state=Delivery.CAME_BACK)
    assert DeskTask.objects.get(kind="breach_bounce").done_at is None

    breach_notices.told_elsewhere(notice=notice, note="by telephone", by=officer, at=AWARE)

    notice.refresh_from_db()
    assert (notice.state, notice.note) == (Delivery.ELSEWHERE, "by telephone")
    assert DeskTask.objects.get(kind="breach_bounce").done_at is not None


def test_twin_what_nobody_follows_stays_unproved(sent):
    OutgoingMail.objects.update(state=MailState.BOUNCED, done_at=AWARE, context={})

    assert not DeskTask.objects.filter(kind="breach_bounce").exists()
    assert sent.notices.get(mail_key__isnull=False).state == Delivery.QUEUED


# --- to an office -----------------------------------------------------------------------------


@pytest.fixture
def mailed(officer, case, settings):
    """A letter to the authority that waits at hour 60 to leave by mail."""
    settings.PRIVACY_AUTHORITY_NAME = "Commission for Data Protection"
    settings.PRIVACY_AUTHORITY_EMAIL = "reports@ncdp.example"
    return send_to(case, Audience.AUTHORITY, officer, at=AWARE + 60 * HOUR, proof="")


def mail_became(state, *, hours):
    at = AWARE + hours * HOUR
    OutgoingMail.objects.filter(to="reports@ncdp.example").update(
        state=state, done_at=at, context={}
    )
    breach_notices.follow(at=at + timedelta(minutes=4))


def alarms_left():
    waiting = Alarm.objects.filter(kind="breach", silenced_at=None)
    return set(waiting.values_list("step", flat=True)) & {"h66_warning", "h72_missed"}


def test_an_authority_is_not_told_while_its_letter_waits_to_leave(case, mailed):
    assert not breach_steps.is_told(case, Audience.AUTHORITY)
    assert alarms_left() == {"h66_warning", "h72_missed"}
    assert isinstance(promises.breaches_are_in_time(AWARE + 73 * HOUR), Broken)

    mail_became(MailState.SENT, hours=61)

    assert breach_steps.is_told(case, Audience.AUTHORITY)
    assert alarms_left() == set()
    assert not breach_ends.was_late(case)


def test_alarms_sound_again_for_a_letter_to_an_authority_that_came_back(officer, case, mailed):
    mail_became(MailState.SENT, hours=61)
    mail_became(MailState.BOUNCED, hours=62)

    assert not breach_steps.is_told(case, Audience.AUTHORITY)
    assert alarms_left() == {"h66_warning", "h72_missed"}

    at = AWARE + 80 * HOUR
    breach_notices.told_elsewhere(notice=mailed.notices.get(), note="by hand", by=officer, at=at)

    assert breach_steps.is_told(case, Audience.AUTHORITY)
    assert alarms_left() == set()
    assert breach_ends.was_late(case)


def test_a_letter_is_as_late_as_its_mail(case, mailed):
    mail_became(MailState.SENT, hours=73)

    said = [problem.message for problem in breach_ends.missing(case)]

    assert "The authority was told after the 72 hours." in said


def test_what_came_back_keeps_a_case_open(officer, case, sent):
    arrived(MailState.BOUNCED)
    assert "Letters that came back: 1." in [each.message for each in breach_ends.missing(case)]

    notice = sent.notices.get(state=Delivery.CAME_BACK)
    breach_notices.told_elsewhere(notice=notice, note="by telephone", by=officer, at=AWARE)

    assert "Letters that came back: 1." not in [each.message for each in breach_ends.missing(case)]


# --- in the portal ----------------------------------------------------------------------------


def test_a_business_reads_its_letter_and_says_so(business, owner, client):
    notice = make_notice(business)
    client.force_login(owner)
    page = reverse("privacy:breach_letter", args=[notice.pk])

    assert b"Dear Sample Weaving Mills" in client.get(page).content
    notice.refresh_from_db()
    assert notice.state == Delivery.QUEUED

    client.post(page)

    notice.refresh_from_db()
    assert notice.state == Delivery.SEEN
    with tenancy.in_tenant(business.pk):
        assert Notice.objects.get(kind=NoticeKind.BREACH).cleared_at is not None


def test_a_letter_to_another_business_is_not_there(business, other_business, owner, client):
    notice = make_notice(other_business)
    client.force_login(owner)
    page = reverse("privacy:breach_letter", args=[notice.pk])

    assert client.get(page).status_code == client.post(page).status_code == 404

    notice.refresh_from_db()
    assert notice.state == Delivery.QUEUED


def test_the_decisions_for_each_audience_are_proved_by_their_letters(officer, case):
    send_to(case, Audience.TENANTS, officer, at=AWARE)

    said = [problem.message for problem in breach_ends.missing(case)]

    assert "Not told yet: Authority." in said
    assert "Not told yet: Businesses." not in said
