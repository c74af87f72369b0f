"""Purges and holds in the Django admin: planned, agreed to by two, carried out, with a receipt."""

from __future__ import annotations

import time
from datetime import date

import pytest
from allauth.account.internal.flows.login import AUTHENTICATION_METHODS_SESSION_KEY
from django.test import Client
from django.urls import reverse

from accounts import four_eyes
from accounts.enums import StaffRole
from accounts.models import Approval
from privacy.models import HoldListed, PurgePlan, PurgeReceipt, PurgeRun
from privacy.services import retention
from smartinvoicing import clock
from tests import factories
from tests.privacy import purge_cast

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _purge_signs_in(settings, role_urls):
    settings.PURGE_DATABASE_URL = role_urls.purge


@pytest.fixture
def rung(monkeypatch):
    """What the pages ring for; a plan is made at once."""
    words = []

    def tell(task, **kwargs):
        words.append(task)
        if task == "privacy.plan_purge":
            from privacy import tasks  # noqa: PLC0415 -- the edge that the bell reaches

            tasks.plan_purge(**kwargs)
        return True

    monkeypatch.setattr("privacy.admin.retention.tell", tell)
    return words


def at_desk(user):
    """A browser of somebody who showed a second factor just now."""
    client = Client()
    client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
    session = client.session
    session[AUTHENTICATION_METHODS_SESSION_KEY] = [
        {"method": "mfa", "type": "totp", "at": time.time()}
    ]
    session.save()
    return client


@pytest.fixture
def let_in(monkeypatch):
    """The doors of the desk are tested elsewhere."""
    monkeypatch.setattr("accounts.desk.showed_factor", lambda request, at: True)
    for name in ("accounts.staff_access.showed_factor", "accounts.staff_access.is_mfa_enabled"):
        monkeypatch.setattr(name, lambda *args, **kwargs: True, raising=False)


def page(client, name, *args, data=None):
    address = reverse(f"admin:privacy_{name}", args=args)
    answer = client.post(address, data) if data is not None else client.get(address)
    assert answer.status_code in {200, 302}, (address, answer.status_code)
    return answer


def test_an_officers_purge_from_the_dry_run_to_the_receipt(business, laid_database, rung, let_in):
    for _ in range(2):
        document = purge_cast.make_document(business)
        purge_cast.dated(laid_database, document, date(2018, 1, 5))
    officer = factories.make_staff(StaffRole.PRIVACY_OFFICER)
    second = factories.make_staff(StaffRole.SECURITY)
    browser = at_desk(officer)

    page(browser, "purgeplan_plan", data={"kind": "tax"})
    plan = PurgePlan.objects.get()
    shown = page(browser, "purgeplan_change", plan.pk).content.decode()
    assert "invoices_invoice" in shown
    assert reverse("admin:privacy_purgeplan_ask", args=[plan.pk]) in shown
    assert reverse("admin:privacy_purgeplan_begin", args=[plan.pk]) not in shown
    page(browser, "purgeplan_ask", plan.pk, data={"why": "Their time is over."})
    asked = Approval.objects.get()
    page(browser, "purgeplan_begin", plan.pk, data={"yes": "1"})
    assert not PurgeRun.objects.exists()

    four_eyes.answer(asked, agrees=True, by=second, at=clock.now(), desk=four_eyes.DESK_OF["purge"])
    page(browser, "purgeplan_begin", plan.pk, data={"yes": "1"})
    run = PurgeRun.objects.get()
    assert retention.run(run, at=clock.now())

    assert rung == ["privacy.plan_purge", "privacy.purge"]
    assert "<progress" in page(browser, "purgerun_changelist").content.decode()
    receipts = page(browser, "purgereceipt_changelist").content.decode()
    assert PurgeReceipt.objects.get(table="invoices_invoice").digest in receipts


def test_the_desk_answers_why_a_record_is_still_here(business, rung, let_in):
    document = purge_cast.make_document(business, with_file=False)
    browser = at_desk(factories.make_staff(StaffRole.PRIVACY_OFFICER))
    asked = {"business": str(business.pk), "kind": "invoice", "record": str(document.pk)}

    address = reverse("admin:privacy_purgeplan_why")
    answer = browser.post(address, asked, follow=True).content.decode()

    assert "TAX" in answer
    assert "1 Dec 2033" in answer


def test_holds_are_placed_and_listed_at_the_desk(business, rung, let_in):
    browser = at_desk(factories.make_staff(StaffRole.PRIVACY_OFFICER))
    given = {
        "business": str(business.pk),
        "scope": "period",
        "authority": "High Court, Lahore",
        "reference": "W.P. 1/2026",
        "review_on": "2040-01-01",
    }
    page(browser, "holdlisted_place", data=given)
    assert not HoldListed.objects.exists()  # a period has two ends

    page(browser, "holdlisted_place", data=given | {"from_on": "2026-11-01", "to_on": "2026-11-30"})

    hold = HoldListed.objects.get()
    listed = page(browser, "holdlisted_changelist").content.decode()
    assert "W.P. 1/2026" not in listed
    assert str(business.pk)[-8:] in listed
    shown = page(browser, "holdlisted_change", hold.pk).content.decode()
    assert "W.P. 1/2026" in shown
    page(browser, "holdlisted_review", hold.pk, data={"why": "Open.", "until": "2041-01-01"})
    assert HoldListed.objects.get().review_on.year == 2041
    page(browser, "holdlisted_ask", hold.pk, data={"why": "Decided."})
    assert Approval.objects.get().deed == "lift_hold"
    page(browser, "holdlisted_lift", hold.pk, data={"why": "Decided."})
    assert HoldListed.objects.get().lifted_at is None


@pytest.mark.parametrize("role", [StaffRole.SUPPORT, StaffRole.FINANCE])
def test_others_see_neither_purges_nor_holds(role, rung, let_in):
    browser = at_desk(factories.make_staff(role))
    for name in ("purgeplan", "purgerun", "purgereceipt", "holdlisted"):
        answer = browser.get(reverse(f"admin:privacy_{name}_changelist"))
        assert answer.status_code in {302, 403, 404}, name


def test_nobody_changes_or_deletes_a_line(business):
    officer = factories.make_staff(StaffRole.PRIVACY_OFFICER)
    for name in ("purgeplan", "purgerun", "purgereceipt", "holdlisted"):
        browser = at_desk(officer)
        plan = retention.plan("routine", at=clock.now(), by="test")
        answer = browser.post(
            reverse(f"admin:privacy_{name}_delete", args=[plan.pk]), {"post": "y"}
        )
        assert answer.status_code in {302, 403, 404}
    assert PurgePlan.objects.count() == 4
