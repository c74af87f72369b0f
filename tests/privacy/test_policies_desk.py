"""The desk of our texts: an officer's way from the template to a published version."""

import pytest
from django.test import Client
from django.urls import reverse

from accounts import desk
from accounts import policies as held
from accounts.enums import StaffRole
from privacy.models import Campaign, CheckRun
from privacy.services import policies
from smartinvoicing import clock
from tests import factories
from tests.privacy.test_policies import agree

pytestmark = pytest.mark.django_db
TEXT = ("admin:privacy_policy_text", ["privacy"])


@pytest.fixture
def changed(settings, db):
    factories.make_policies()
    CheckRun.objects.create(at=clock.now(), by="job", kept=70, broken=0, due=0, took_ms=1)
    settings.BACKUP_KEPT_DAYS = 30


@pytest.fixture
def officer(db):
    return factories.make_staff(StaffRole.PRIVACY_OFFICER)


@pytest.fixture
def line(officer):
    browser = Client()
    browser.force_login(officer)
    return browser


def press(line, deed, **typed):
    address = reverse("admin:privacy_policy_deed", args=["privacy"])
    return line.post(address, {"deed": deed} | typed, follow=True).content.decode()


def test_an_officers_way_to_a_material_change(changed, line):
    second = factories.make_staff(StaffRole.SECURITY)
    listed = line.get(reverse("admin:accounts_policyversion_changelist"))
    assert reverse(TEXT[0], args=TEXT[1]) in listed.content.decode()

    assert "The draft is made." in press(
        line, "draft", summary="Shorter backups.", is_material="on"
    )
    preview = line.get(reverse("admin:privacy_policy_preview", args=["privacy", "en"]))
    assert "30 days" in preview.content.decode()
    assert "<ins>" in preview.content.decode()
    assert "before its notice is planned" in press(line, "ask", why="settings changed")
    press(line, "plan", about="Less.", days_ahead="3")
    assert not Campaign.objects.exists()
    assert "The notice is planned." in press(line, "plan", about="Less.", days_ahead="30")
    assert "A second person is asked." in press(line, "ask", why="settings changed")
    assert "A second person has to agree" in press(line, "publish")
    agree(second, clock.now())
    assert "agreed to exactly this" in line.get(reverse(TEXT[0], args=TEXT[1])).content.decode()
    assert "It is published." in press(line, "publish")

    [campaign] = Campaign.objects.all()
    page = line.get(reverse("admin:privacy_campaign_notice", args=[campaign.pk]))
    assert "Too few people have been told." in page.content.decode()
    assert [each.kind for each in held.announced(clock.now())] == ["privacy"]


def test_a_transfer_is_planned_begun_and_kept_back(line):
    plan = {"deed": "plan", "kind": "transfer", "about": "Sample Ltd.", "days_ahead": "40"}
    line.post(reverse("admin:privacy_campaign_plan"), plan)
    [campaign] = Campaign.objects.all()
    address = reverse("admin:privacy_campaign_deed", args=[campaign.pk])

    line.post(address, {"deed": "start"})
    refused = line.post(address, {"deed": "carry_out"}, follow=True).content.decode()

    assert "Too few people have been told." in refused
    campaign.refresh_from_db()
    assert campaign.started_at is not None
    assert campaign.carried_out_at is None
    for name in ("campaign", "campaignnotice"):
        assert line.get(reverse(f"admin:privacy_{name}_changelist")).status_code == 200


def test_others_of_ours_may_not_press_it(changed):
    for role in (StaffRole.AUDITOR, StaffRole.SUPPORT):
        browser = Client()
        browser.force_login(factories.make_staff(role, is_superuser=True))
        press(browser, "draft", summary="x")

    assert policies.drafts("privacy") == []


def test_twin_the_officer_may(changed, line):
    press(line, "draft", summary="x")

    assert policies.drafts("privacy") != []


def test_a_deed_takes_a_second_factor(changed, line, monkeypatch):
    monkeypatch.setattr(desk, "showed_factor", lambda request, at: False)

    press(line, "draft", summary="x")

    assert policies.drafts("privacy") == []


def test_a_text_that_there_is_not_is_not_found(line):
    assert line.get(reverse(TEXT[0], args=["nonsense"])).status_code == 404
