"""P11: no material change without telling everybody thirty days ahead, each person once."""

from datetime import timedelta
from smtplib import SMTPException

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse

from accounts import four_eyes
from accounts import policies as held
from accounts.enums import NoticeKind, StaffRole
from accounts.models import MailState, Notice, OutgoingMail, PolicyVersion, User
from accounts.services import letters, mailing
from accounts.tenancy import in_tenant
from privacy.models import Arrival, Campaign, CampaignKind, CampaignNotice, CheckRun
from privacy.services import campaign_runs, campaigns, policies
from smartinvoicing import clock
from smartinvoicing.errors import NotAllowed, RuleViolation, StateConflict
from smartinvoicing.ids import uuid7
from tests import factories

pytestmark = pytest.mark.django_db
AT = factories.AT
DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)


@pytest.fixture
def officer(db):
    return factories.make_staff(StaffRole.PRIVACY_OFFICER)


@pytest.fixture
def second(db):
    return factories.make_staff(StaffRole.SECURITY)


@pytest.fixture
def published(db):
    return factories.make_policies()


@pytest.fixture(autouse=True)
def _looked_lately(db):
    """A text is published only when somebody has looked whether its promises are kept."""
    CheckRun.objects.create(at=AT, by="job", kept=70, broken=0, due=0, took_ms=1)


@pytest.fixture
def changed(settings, published):
    """What the text says has changed: the settings have."""
    settings.BACKUP_KEPT_DAYS = 30


def people(number):
    """So many registered people with a proved address."""
    for place in range(number):
        user = User.objects.create_user(f"person{place}@sample.example", "x")
        EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    return User.objects.filter(is_staff=False)


def draft(officer, *, is_material):
    return policies.draft(
        "privacy", is_material=is_material, summary="Shorter backups.", by=officer, at=AT
    )


def agree(second, at=AT):
    approval = four_eyes.waiting(at=at).get()
    desk = four_eyes.DESK_OF[policies.PUBLISH]
    four_eyes.answer(approval, agrees=True, by=second, at=at, desk=desk)


def publish(officer, second, *, is_material=True, at=AT):
    """The whole way, and the English text of it."""
    version = draft(officer, is_material=is_material)[0]
    if is_material:
        campaigns.plan(
            CampaignKind.POLICY, about="Shorter backups.", version=version, by=officer, at=at
        )
    policies.ask("privacy", why="settings changed", by=officer, at=at)
    agree(second, at)
    return policies.publish("privacy", by=officer, at=at)[0]


def run(at):
    """One minute of the job, and the mail that it made carried off."""
    campaign_runs.go_on(at=at)
    mailing.deliver_due(at=at)
    campaign_runs.go_on(at=at)


# --- publishing -------------------------------------------------------------------------------


def test_a_change_that_is_not_material_holds_at_once(changed, officer, second):
    before = held.current("privacy", "en", AT)

    version = publish(officer, second, is_material=False)

    assert held.current("privacy", "en", AT) == version
    assert (version.number, version.author, version.approver) == (2, officer, second)
    assert "30 days" in version.diff
    assert held.published().get(sha256=before.sha256) == before
    assert {v.language for v in held.published().filter(kind="privacy", number=2)} == {"en", "ur"}


def test_nothing_is_published_that_one_person_alone_agreed_to(changed, officer, second):
    draft(officer, is_material=False)
    policies.ask("privacy", why="x", by=officer, at=AT)

    with pytest.raises(NotAllowed):
        agree(officer)
    with pytest.raises(NotAllowed):
        policies.publish("privacy", by=officer, at=AT)

    assert held.published().filter(number=2).count() == 0


def test_twin_with_the_second_person_it_is(changed, officer, second):
    draft(officer, is_material=False)
    policies.ask("privacy", why="x", by=officer, at=AT)
    agree(second)

    policies.publish("privacy", by=officer, at=AT)

    assert held.published().filter(number=2).count() == 2


def test_the_agreement_is_to_exactly_this_text(changed, officer, second, settings):
    draft(officer, is_material=False)
    policies.ask("privacy", why="x", by=officer, at=AT)
    agree(second)
    settings.BACKUP_KEPT_DAYS = 29
    draft(officer, is_material=False)

    with pytest.raises(NotAllowed):
        policies.publish("privacy", by=officer, at=AT)


def test_whoever_has_no_right_to_it_drafts_nothing(changed, second):
    with pytest.raises(NotAllowed):
        draft(second, is_material=False)

    assert policies.drafts("privacy") == []


def test_nothing_new_is_no_version(published, officer):
    with pytest.raises(RuleViolation):
        draft(officer, is_material=False)


def test_somebody_who_is_asked_can_keep_it_back(changed, officer, second, monkeypatch):
    monkeypatch.setattr(policies, "ASKED", ("tests.privacy.test_policies.object_to",))

    with pytest.raises(RuleViolation, match="a promise is broken"):
        publish(officer, second, is_material=False)


def object_to(versions, *, at):
    return ["a promise is broken"]


# --- a material change needs a plan -----------------------------------------------------------


def test_a_material_change_is_not_published_without_a_plan(changed, officer):
    draft(officer, is_material=True)

    with pytest.raises(RuleViolation):
        policies.ask("privacy", why="x", by=officer, at=AT)
    with pytest.raises(RuleViolation):
        policies.publish("privacy", by=officer, at=AT)

    assert held.published().filter(number=2).count() == 0


def past_the_service(version, officer):
    """Whoever writes to the table itself."""
    PolicyVersion.objects.filter(pk=version.pk).update(
        published_at=AT, effective_at=AT, told_at=AT, approver=officer, author=None
    )


def test_nor_past_the_service(changed, officer):
    version = draft(officer, is_material=True)[0]

    with pytest.raises(IntegrityError, match="notice thirty days ahead"), transaction.atomic():
        past_the_service(version, officer)


def test_twin_what_is_not_material_needs_none(changed, officer):
    past_the_service(draft(officer, is_material=False)[0], officer)

    assert held.published().filter(number=2).count() == 1


def test_a_plan_of_fewer_days_is_refused(changed, officer):
    version = draft(officer, is_material=True)[0]

    with pytest.raises(RuleViolation):
        campaigns.plan(
            CampaignKind.POLICY, about="x", version=version, days_ahead=29, by=officer, at=AT
        )


# --- everybody is told, once ------------------------------------------------------------------


def test_everybody_gets_exactly_one_notice_despite_retries(changed, officer, second):
    everybody = people(7)
    publish(officer, second)

    for minutes in range(4):
        run(AT + timedelta(minutes=minutes))
    CampaignNotice.objects.update(delivery=Arrival.PLANNED, tries=0)  # as after a restore
    for minutes in range(4, 8):
        run(AT + timedelta(minutes=minutes))

    told = [address for letter in mail.outbox for address in letter.to]
    assert sorted(address for address in told if "person" in address) == sorted(
        user.email for user in everybody
    )
    assert len(told) == len(set(told))


def test_newcomers_are_looked_for_once_an_hour_and_not_each_minute(changed, officer, second):
    people(2)
    publish(officer, second)
    run(AT)
    late = User.objects.create_user("late@sample.example", "x")
    EmailAddress.objects.create(user=late, email=late.email, verified=True, primary=True)
    theirs = CampaignNotice.objects.filter(user_id=late.pk, delivery=Arrival.SENT)

    run(AT + timedelta(minutes=59))
    assert not theirs.exists()

    run(AT + timedelta(minutes=60))
    assert theirs.exists()


def test_a_list_that_was_broken_off_is_made_whole_before_anybody_judges(changed, officer, second):
    everybody = people(3)
    publish(officer, second)
    campaign = Campaign.objects.get()
    CampaignNotice.objects.create(campaign=campaign, user_id=everybody.first().pk)

    run(AT)

    listed = set(CampaignNotice.objects.values_list("user_id", flat=True))
    assert listed >= set(everybody.values_list("pk", flat=True))


def test_twin_with_a_key_of_its_own_for_each_try_they_get_two(
    changed, officer, second, monkeypatch
):
    people(3)
    publish(officer, second)
    monkeypatch.setattr(campaign_runs, "key_of", lambda row: f"campaign:{uuid7()}")

    run(AT)
    CampaignNotice.objects.update(delivery=Arrival.PLANNED, tries=0)
    run(AT + timedelta(minutes=1))

    told = [address for letter in mail.outbox for address in letter.to]
    assert len(told) == 2 * len(set(told))


def test_the_mail_says_what_when_and_how_to_say_no(changed, officer, second):
    people(1)
    version = publish(officer, second)

    run(AT)

    [letter] = [each for each in mail.outbox if each.to == ["person0@sample.example"]]
    assert letter.subject == "Privacy policy changes from 21 December 2026"
    assert "Shorter backups." in letter.body
    assert reverse("privacy:policy_version", args=[version.sha256]) in letter.body
    assert reverse("privacy:declined") in letter.body


def test_who_registers_while_it_is_announced_is_told_too(changed, officer, second):
    publish(officer, second)
    run(AT)
    people(1)

    run(AT + DAY)

    assert "person0@sample.example" in [letter.to[0] for letter in mail.outbox]


def test_an_address_that_nobody_proved_gets_no_mail(changed, officer, second):
    people(1)
    EmailAddress.objects.filter(email="person0@sample.example").update(verified=False)
    publish(officer, second)

    run(AT)

    assert "person0@sample.example" not in [letter.to[0] for letter in mail.outbox]


def test_it_holds_thirty_whole_days_after_people_were_told(changed, officer, second):
    people(3)
    before = held.current("privacy", "en", AT)
    version = publish(officer, second)
    assert [each.pk for each in held.announced(AT)] == [version.pk]

    run(AT)

    version.refresh_from_db()
    assert version.effective_at - AT >= 30 * DAY
    assert held.current("privacy", "en", version.effective_at - SECOND) == before
    assert held.current("privacy", "en", version.effective_at) == version
    assert held.announced(version.effective_at) == []


@pytest.fixture
def without_mail(monkeypatch):
    """The mail server is away, until it is called."""
    real = EmailBackend.send_messages

    def fail(self, messages):
        raise SMTPException("away")

    monkeypatch.setattr(EmailBackend, "send_messages", fail)
    return lambda: monkeypatch.setattr(EmailBackend, "send_messages", real)


def test_while_too_few_were_tried_the_day_is_put_off(changed, officer, second, without_mail):
    people(3)
    version = publish(officer, second)
    planned = version.effective_at

    for day in range(3):
        run(AT + day * DAY)
    version.refresh_from_db()
    assert version.effective_at == planned + 2 * DAY
    assert version.told_at is None
    without_mail()
    run(AT + 10 * DAY)

    version.refresh_from_db()
    campaign = Campaign.objects.get()
    assert version.told_at == campaign.reached_at == AT + 10 * DAY
    assert version.effective_at == campaign.effective_at >= AT + 40 * DAY


def test_with_a_job_that_stood_still_nothing_begins_to_hold(changed, officer, second):
    people(3)
    before = held.current("privacy", "en", AT)
    publish(officer, second)

    assert held.current("privacy", "en", AT + 400 * DAY) == before


def test_twin_when_nobody_need_be_told_it_holds_without_a_mail(
    changed, officer, second, without_mail, monkeypatch
):
    people(3)
    monkeypatch.setattr(campaign_runs, "TOLD_PERCENT", 0)
    version = publish(officer, second)

    run(AT)

    assert held.current("privacy", "en", AT + 31 * DAY) == version


@pytest.mark.parametrize(("failures", "is_reached"), [(1, True), (2, False)])
def test_ninety_five_in_a_hundred_are_enough(changed, officer, second, failures, is_reached):
    people(18)  # and two of staff: twenty
    publish(officer, second)
    campaign_runs.go_on(at=AT)
    waiting = OutgoingMail.objects.filter(key__startswith="campaign:").order_by("id")
    late = [each.pk for each in waiting[:failures]]
    waiting.exclude(pk__in=late).update(state=MailState.SENT, done_at=AT, context={})

    campaign_runs.go_on(at=AT + SECOND)

    assert (Campaign.objects.get().reached_at is not None) is is_reached


def test_a_mail_that_came_back_is_made_up_for_here(changed, officer, second):
    people(1)
    user = User.objects.get(email="person0@sample.example")
    publish(officer, second)
    run(AT)
    OutgoingMail.objects.filter(user_id=user.pk).update(state=MailState.BOUNCED)

    campaign_runs.go_on(at=AT + DAY)
    row = CampaignNotice.objects.get(user_id=user.pk)
    assert (row.delivery, row.failure, row.tries) == (Arrival.FAILED, "bounced", 1)
    campaigns.show(user, at=AT + 2 * DAY)

    row.refresh_from_db()
    assert row.shown_at == AT + 2 * DAY


def test_a_mail_that_never_left_is_made_again(changed, officer, second):
    people(1)
    publish(officer, second)
    campaign_runs.go_on(at=AT)
    OutgoingMail.objects.update(state=MailState.GIVEN_UP, done_at=AT, context={})

    run(AT + DAY)

    assert {row.tries for row in CampaignNotice.objects.all()} == {2}
    assert "person0@sample.example" in [letter.to[0] for letter in mail.outbox]


def test_after_a_sign_in_the_news_are_shown_once(changed, officer, second, business):
    owner = factories.make_member(business)
    CheckRun.objects.create(at=clock.now(), by="job", kept=70, broken=0, due=0, took_ms=1)
    publish(officer, second, at=clock.now())
    campaign_runs.go_on(at=clock.now())
    browser = Client()
    browser.post(reverse("account_login"), {"login": owner.email, "password": "a long password"})

    assert browser.get("/")["Location"] == reverse("privacy:please_read")
    assert b"Shorter backups." in browser.get(reverse("privacy:please_read")).content
    assert CampaignNotice.objects.get(user_id=owner.pk).shown_at is not None
    browser.post(reverse("privacy:please_read"))
    assert browser.get("/").status_code == 200


def test_the_bell_rings_in_every_business_without_a_second_mail(changed, officer, second, business):
    owner = factories.make_member(business)
    publish(officer, second)
    run(AT)

    with in_tenant(business.pk):
        assert Notice.objects.get().kind == NoticeKind.POLICY
    letters.mail_due(at=AT + SECOND)
    assert [letter.to for letter in mail.outbox].count([owner.email]) == 1
    campaign_runs.quieten(at=AT + 60 * DAY)
    with in_tenant(business.pk):
        assert Notice.objects.get().cleared_at == AT + 60 * DAY


def test_one_that_was_withdrawn_tells_nobody_and_never_holds(changed, officer, second):
    people(2)
    before = held.current("privacy", "en", AT)
    publish(officer, second)
    campaigns.withdraw(Campaign.objects.get(), why="a mistake", by=officer, at=AT)

    run(AT + SECOND)

    assert mail.outbox == []
    assert held.current("privacy", "en", AT + 90 * DAY) == before


# --- the service passes to another company ----------------------------------------------------


@pytest.fixture
def transfer(officer):
    return campaigns.plan(CampaignKind.TRANSFER, about="Sample Ltd takes over.", by=officer, at=AT)


def test_nothing_is_handed_over_before_everybody_was_told_and_had_time(transfer, officer):
    people(3)
    with pytest.raises(RuleViolation):
        campaigns.carry_out(transfer, by=officer, at=AT + 90 * DAY)
    campaigns.start(transfer, by=officer, at=AT)
    run(AT)
    transfer.refresh_from_db()

    with pytest.raises(RuleViolation):
        campaigns.carry_out(transfer, by=officer, at=transfer.effective_at - SECOND)
    assert not campaigns.may_transfer(at=transfer.effective_at - SECOND)
    campaigns.carry_out(transfer, by=officer, at=transfer.effective_at)

    assert campaigns.may_transfer(at=transfer.effective_at)
    with pytest.raises(StateConflict):
        campaigns.carry_out(transfer, by=officer, at=transfer.effective_at + DAY)


def hand_over(transfer, at):
    """Past the service."""
    Campaign.objects.filter(pk=transfer.pk).update(carried_out_at=at)


def test_the_database_refuses_it_too(transfer, officer):
    with pytest.raises(IntegrityError, match="campaign_told_before_done"), transaction.atomic():
        hand_over(transfer, AT + 90 * DAY)


def test_twin_once_people_were_told_it_lets_it_pass(transfer, officer):
    campaigns.start(transfer, by=officer, at=AT)
    people(1)
    run(AT)
    transfer.refresh_from_db()

    hand_over(transfer, transfer.effective_at)

    assert campaigns.may_transfer(at=transfer.effective_at)


# --- pages ------------------------------------------------------------------------------------

PAGES = ["privacy_policy", "terms", "cookie_policy", "dpa", "subprocessors", "fbr_sharing"]


@pytest.mark.parametrize("name", [*PAGES, "policies", "policy_versions"])
def test_everybody_can_read_them(published, client, name):
    assert client.get(reverse(f"privacy:{name}")).status_code == 200


@pytest.mark.parametrize("name", PAGES)
def test_before_the_first_version_there_is_nothing_to_read(client, name):
    assert client.get(reverse(f"privacy:{name}")).status_code == 404


def test_every_version_stays_readable_by_its_hash(changed, officer, second, client):
    before = held.current("privacy", "en", AT)
    version = publish(officer, second, is_material=False)

    old = client.get(reverse("privacy:policy_version", args=[before.sha256]))
    changes = client.get(reverse("privacy:policy_changes", args=[version.sha256]))

    assert before.body.strip() in old.content.decode()
    assert "An earlier version" in old.content.decode()
    assert "Shorter backups." in changes.content.decode()
    assert "<ins>" in changes.content.decode()


def test_a_draft_is_not_readable(changed, officer, client):
    version = draft(officer, is_material=False)[0]

    page = client.get(reverse("privacy:policy_version", args=[version.sha256]))

    assert page.status_code == 404


def test_in_urdu_it_reads_from_right_to_left(published, client):
    page = client.get(reverse("privacy:privacy_policy"), {"language": "ur"}).content.decode()

    assert 'lang="ur" dir="rtl"' in page
    assert "رازداری کی پالیسی" in page


def test_a_page_asks_few_questions(published, client, django_assert_max_num_queries):
    with django_assert_max_num_queries(8):
        client.get(reverse("privacy:privacy_policy"))
