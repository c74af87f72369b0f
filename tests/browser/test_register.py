"""FBR's lists and register as somebody meets them: in the editor, at a customer, on their pages."""

from __future__ import annotations

import pytest
from django.db import transaction
from playwright.sync_api import expect

from accounts import tenancy
from accounts.enums import Role
from accounts.models import LegalEntity
from fbr.fake.register import DEVELOPMENT_TOKENS
from fbr.services import buyer_checks, reference
from invoices.models import ReferenceRun
from tests import factories

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

PASSWORD = "seven quiet lamps"
TOKEN = next(token for token, holder in DEVELOPMENT_TOKENS.items() if not holder.tills)
ACTIVE, NOBODY = "2046004", "1234567"


@pytest.fixture
def fbr(fake_fbr, settings):
    settings.FBR_DI_URL = fake_fbr.url
    return fake_fbr


@pytest.fixture
def mill(transactional_db, fbr, monkeypatch):
    """A business with a token, a customer as FBR has him, and one whom FBR does not know so."""
    monkeypatch.setattr(reference, "PER_S", 1e9)
    monkeypatch.setattr(buyer_checks, "PER_S", 1e9)
    tenant = factories.make_tenant("Sample Weaving Mills")
    with tenancy.in_tenant(tenant.pk), transaction.atomic():
        factories.make_credential(LegalEntity.objects.get(), TOKEN)
        factories.make_buyer(name="Active Traders", ntn_cnic=ACTIVE)
        factories.make_buyer(name="Zubair and Brothers", ntn_cnic=NOBODY)
    return tenant


@pytest.fixture
def eyes(mill, open_browser):
    user = factories.make_member(mill, Role.OWNER, password=PASSWORD)
    opened = open_browser()
    opened.sign_in(user.email, PASSWORD)
    return opened


def test_the_editor_says_what_fbr_says_of_the_chosen_customer(eyes):
    eyes.visit("/invoices/new/")
    box = eyes.page.get_by_role("combobox", name="Customer").first

    box.fill("Active")
    eyes.page.get_by_role("option", name="Active Traders").click()

    expect(eyes.page.locator("#buyer-note")).to_contain_text("Registered, active")


def test_a_typed_number_is_asked_about_too(eyes):
    eyes.visit("/invoices/new/")
    eyes.page.get_by_text("Not in your list? Type the customer here").click()

    eyes.page.locator("#id_buyer_ntn_cnic").fill(NOBODY)
    eyes.page.keyboard.press("Tab")

    told = eyes.page.locator(".walk-in .register-check")
    expect(told).to_contain_text("Not registered")
    expect(told).to_contain_text("FBR's register says something else")
    eyes.look("register-editor")


def test_one_press_puts_fbrs_word_into_the_customer(eyes):
    eyes.visit("/buyers/")
    eyes.page.get_by_role("link", name="Zubair and Brothers").click()
    told = eyes.page.locator(".register-check")
    expect(told).to_contain_text("says something else")
    eyes.look("register-customer")

    expect(eyes.page.locator("#buyer-checks details")).to_contain_text("All answers so far")

    told.get_by_role("button").click()

    expect(told).not_to_contain_text("says something else")
    expect(told).to_contain_text("Not registered")
    expect(eyes.page.get_by_label("Sales tax registration")).to_have_value("unregistered")


def test_the_pages_of_the_lists_and_the_register_are_sound(eyes, mill):
    eyes.visit("/fbr/lists/")
    eyes.look("lists-never-read")
    eyes.page.get_by_role("button", name="Refresh now").click()
    expect(eyes.page.locator("progress")).to_be_visible()
    eyes.look("lists-reading")
    with tenancy.in_tenant(mill.pk):
        with transaction.atomic():
            run = ReferenceRun.objects.get()
        while reference.advance(run_id=run.pk):
            pass
    expect(eyes.page.locator("progress")).to_have_count(0)
    eyes.look("lists-read")

    eyes.visit("/fbr/register/")
    eyes.page.get_by_role("button", name="Check all customers").click()
    expect(eyes.page.locator("progress")).to_be_visible()
    eyes.look("register-walking")
    with tenancy.in_tenant(mill.pk):
        with transaction.atomic():
            walk = buyer_checks.last_walk()
        while buyer_checks.step(run_id=walk.pk, actor=factories.SYSTEM):
            pass
    expect(eyes.page.get_by_text("Zubair and Brothers")).to_be_visible()
    eyes.look("register-walked")
