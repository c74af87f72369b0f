"""Closings and signing keys as people see them: empty, full, kept open by a document."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from django.db import transaction

from accounts import tenancy
from accounts.enums import Role
from accounts.models import LegalEntity
from invoices import lifecycle
from invoices.enums import State
from invoices.services import closing, signing
from smartinvoicing import clock
from tests import factories
from tests.factories import AT, SYSTEM

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

PASSWORD = "seven quiet lamps"
OCTOBER = date(2026, 10, 12)


@pytest.fixture
def owner(business):
    return factories.make_member(business, Role.OWNER, password=PASSWORD)


def issued(day):
    return factories.make_issued(factories.make_content(invoice_date=day))


def sold(day):
    invoice = issued(day)
    factories.accept(invoice)
    return invoice


def live(tenant_id):
    """Three weeks of October with a late document, and one that FBR has left in doubt."""
    with tenancy.in_tenant(tenant_id), transaction.atomic():
        sold(OCTOBER)
        sold(OCTOBER + timedelta(days=2))
        for days in (9, 15):
            close(OCTOBER + timedelta(days=days))
            sold(OCTOBER + timedelta(days=2))
        doubtful = issued(OCTOBER + timedelta(days=3))
        for state in (State.SUBMITTING, State.UNCERTAIN):
            lifecycle.transition(doubtful, state, actor=SYSTEM, at=AT)
        close(OCTOBER + timedelta(days=22))
        signing.verify_all(at=AT)
    return doubtful


def close(day):
    at = datetime(day.year, day.month, day.day, 0, 5, tzinfo=clock.KARACHI)
    while closing.close(entity=LegalEntity.objects.get(), environment="sandbox", at=at):
        pass


def test_closings_and_keys_are_sound(business, owner, open_browser):
    eyes = open_browser()
    eyes.sign_in(owner.email, PASSWORD)
    eyes.visit("/closings/")
    eyes.look("closings-none")
    eyes.visit("/signing-keys/")
    eyes.look("signing-keys-none")
    doubtful = live(business.pk)

    eyes.visit("/closings/?month=2026-10")
    eyes.look("closings")
    assert doubtful.number in eyes.page.locator("main").inner_text()

    eyes.page.get_by_role("button", name="Check it now").click()
    eyes.page.get_by_text("The chain is whole").wait_for()
    eyes.look("closings-checked", axe=False)
    eyes.visit("/signing-keys/")
    eyes.page.get_by_role("button", name="New key").click()
    eyes.look("signing-keys-asked")
    eyes.page.get_by_role("button", name="Make a new key").click()
    eyes.page.get_by_text("Documents are signed with key").wait_for()
    eyes.look("signing-keys")


def test_closings_work_without_javascript(business, owner, open_browser):
    eyes = open_browser(java_script_enabled=False)
    eyes.sign_in(owner.email, PASSWORD)
    live(business.pk)

    eyes.page.goto("/closings/?month=2026-10")
    eyes.page.get_by_role("button", name="Check it now").click()

    eyes.page.get_by_text("The chain is whole").wait_for()
