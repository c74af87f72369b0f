"""From an empty business to its first invoice that counts, as its owner goes the way.

The server, the database, the workers and the browser are real; only FBR is a fake. On the way it
refuses one scenario, and the owner mends it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from django.db import transaction
from playwright.sync_api import Page, expect

from accounts import tenancy
from accounts.enums import Environment, Role
from accounts.models import LegalEntity, Tenant, User
from fbr.fake import FakeFbr
from invoices.enums import State
from invoices.models import Invoice
from tests import factories
from tests.browser.eyes import Eyes
from tests.browser.test_first_invoice import write_by_keyboard
from tests.chaos import rig

pytestmark = [
    pytest.mark.browser,
    pytest.mark.workers,
    pytest.mark.django_db(transaction=True),
]

PASSWORD = "seven quiet lamps"
SANDBOX_TOKEN = "demo-sandbox-token-0000-7000007"
PRODUCTION_TOKEN = "demo-production-token-0000-7000007"
REFUSED_ONCE = {"fault": "invalid", "code": "0099", "line": 1, "count": 1, "path": "di"}


@pytest.fixture
def fbr(settings) -> Iterator[FakeFbr]:
    """The fake, which this process too takes for FBR: the token's test asks it."""
    with FakeFbr(latency_ms=150) as fake:
        settings.FBR_DI_URL = fake.url
        settings.EGRESS_ADDRESSES = ["192.0.2.10", "192.0.2.11"]
        settings.HOSTING_COMPANY, settings.HOSTING_COUNTRY = "Sample Hosting", "Pakistan"
        yield fake


@pytest.fixture
def shop(transactional_db) -> tuple[Tenant, User]:
    """A business just after sign-up."""
    tenant = factories.make_tenant("Sample Steel Mills")
    return tenant, factories.make_member(tenant, Role.OWNER, password=PASSWORD)


@pytest.fixture
def eyes(shop, fbr: FakeFbr, open_browser: Callable[..., Eyes]) -> Eyes:
    one = open_browser(permissions=["clipboard-read", "clipboard-write"])
    one.sign_in(shop[1].email, PASSWORD)
    return one


@pytest.fixture
def workers(fbr: FakeFbr, start_worker) -> None:
    start_worker("reporting", env=rig.env_of(fbr))
    start_worker("documents", concurrency=2, env=rig.env_of(fbr))


def banner(page: Page):
    return page.get_by_role("complementary", name="Environment")


def next_step(page: Page, title: str) -> None:
    expect(page.locator(".stepper [aria-current=step] summary strong")).to_have_text(title)


def press(page: Page, label: str) -> None:
    """The one primary button of the page."""
    page.locator("#page-actions").get_by_text(label).click()


def store_and_test(page: Page, environment: str, token: str) -> None:
    page.locator(f"#id_{environment}-token").fill(f"Bearer {token}  ")
    card = page.locator(".card", has=page.locator(f"#id_{environment}-token"))
    card.get_by_role("button", name="Store it").click()
    expect(page.locator("#flash")).to_contain_text("Stored.")
    card.get_by_role("button", name="Test it").click()
    expect(card).to_contain_text("FBR takes this token")
    expect(card).to_contain_text("Stored and tested")


def state_of(page: Page, scenario: str):
    return page.locator("#scenarios tbody tr", has_text=scenario).locator(".badge")


def test_from_an_empty_business_to_the_first_invoice_that_counts(eyes, workers, fbr, shop):
    page = eyes.page
    expect(banner(page)).to_contain_text("Sandbox:")
    expect(page.locator("#golive")).to_contain_text("Details for IRIS")
    eyes.look("dashboard-begin")

    tell_who_one_is(page)
    tick_what_iris_knows(eyes)
    press(page, "Store and test the sandbox token")
    eyes.look("tokens-empty")
    store_and_test(page, "sandbox", SANDBOX_TOKEN)
    eyes.look("tokens-tested")
    run_and_mend(eyes, fbr)
    switch_over(eyes)
    issue_what_counts(eyes, shop[0], fbr)


def tell_who_one_is(page: Page) -> None:
    """Activity and sector, which decide the scenarios."""
    page.goto("/business/")
    page.locator("#id_activity").select_option("Manufacturer")
    page.locator("#id_sector").select_option("Steel")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#flash")).to_contain_text("Saved")


def tick_what_iris_knows(eyes: Eyes) -> None:
    page = eyes.page
    eyes.visit("/fbr/go-live/")
    next_step(page, "Details for IRIS")
    page.get_by_role("button", name="Copy: Software type").click()
    expect(page.locator("#flash")).to_contain_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == "Cloud"
    eyes.look("golive-iris")
    press(page, "I have typed them into IRIS")
    next_step(page, "Our addresses in IRIS")
    eyes.look("golive-addresses")
    press(page, "IRIS lists them as approved")
    next_step(page, "Sandbox token")
    eyes.visit("/fbr/go-live/iris/")
    eyes.look("golive-sheet")
    eyes.visit("/fbr/environment/")
    expect(page.locator("main")).to_contain_text("0 of 3 sandbox scenarios are passed")
    eyes.look("environment-missing")
    eyes.visit("/fbr/go-live/")


def run_and_mend(eyes: Eyes, fbr: FakeFbr) -> None:
    """All three at once; FBR refuses one, and the table moves by itself until that is clear."""
    page = eyes.page
    eyes.visit("/fbr/go-live/")
    press(page, "Run the scenarios")
    eyes.look("scenarios-before")
    fbr.script([REFUSED_ONCE])
    press(page, "Run all that are missing (3)")
    page.evaluate("window.isTheSamePage = true")
    expect(page.locator("#scenarios .progress")).to_contain_text("2 of 3")
    expect(page.locator("#scenarios")).not_to_have_attribute("hx-get", re.compile("."))
    assert page.evaluate("window.isTheSamePage")
    eyes.look("scenarios-refused")
    mend(eyes)
    eyes.visit("/fbr/go-live/scenarios/")
    expect(page.locator("#scenarios .progress")).to_contain_text("3 of 3")
    expect(page.locator("#page-actions")).not_to_contain_text("Run")
    eyes.look("scenarios-passed")


def mend(eyes: Eyes) -> None:
    """Open what was refused, correct it, issue it again: the scenario follows."""
    page = eyes.page
    page.get_by_role("link", name="Open and mend").click()
    page.wait_for_url("**/edit/?check=1")
    expect(page.locator("main")).to_contain_text("Unit")
    page.locator("#id_lines-0-description").fill("Sample item, mended")
    page.get_by_role("button", name="Issue").click()
    page.wait_for_url(re.compile(r"/invoices/[0-9a-f-]{36}/$"))
    expect(page.locator("#state-badge")).to_have_text("Accepted")


def switch_over(eyes: Eyes) -> None:
    page = eyes.page
    eyes.visit("/fbr/go-live/")
    next_step(page, "Production token")
    press(page, "Store and test the production token")
    store_and_test(page, "production", PRODUCTION_TOKEN)
    eyes.visit("/fbr/go-live/")
    next_step(page, "Switch to production")
    press(page, "Switch to production")
    eyes.look("environment-ready")
    press(page, "Switch to production")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("counts for tax")
    eyes.look("environment-question")
    dialog.get_by_role("button", name="Switch to production").click()
    expect(page.locator("#flash")).to_contain_text("count for tax")
    expect(banner(page)).to_have_count(0)
    next_step(page, "First invoice that counts")


def issue_what_counts(eyes: Eyes, tenant: Tenant, fbr: FakeFbr) -> None:
    page = eyes.page
    with tenancy.in_tenant(tenant.pk), transaction.atomic():
        factories.make_buyer()
        factories.make_product(name="Cotton yarn 20/1 carded")
    eyes.visit("/")
    expect(page.locator("#golive")).to_contain_text("First invoice that counts")
    write_by_keyboard(page)
    page.keyboard.press("Control+Enter")
    page.wait_for_url(re.compile(r"/invoices/[0-9a-f-]{36}/$"))
    expect(page.locator("#state-badge")).to_have_text("Accepted")
    expect(banner(page)).to_have_count(0)
    recorded = fbr.ledger()["recorded"]
    assert [row["environment"] for row in recorded] == ["sandbox"] * 3 + ["production"]
    assert page.locator("#fbr-number").inner_text() == recorded[-1]["number"]
    eyes.visit("/fbr/go-live/")
    expect(page.locator("main")).to_contain_text("You are live.")
    eyes.look("golive-live")
    eyes.visit("/")
    expect(page.locator("#golive")).to_have_count(0)
    with tenancy.in_tenant(tenant.pk), transaction.atomic():
        assert LegalEntity.objects.get().environment == Environment.PRODUCTION
        assert set(Invoice.objects.values_list("state", flat=True)) == {State.ACCEPTED}


def test_the_way_is_open_without_javascript(shop, fbr, workers, open_browser):
    """Steps, token and scenarios by forms and links alone; what moves is seen by looking again."""
    eyes = open_browser(java_script_enabled=False)
    page = eyes.page
    eyes.sign_in(shop[1].email, PASSWORD)
    tell_who_one_is(page)
    page.goto("/fbr/go-live/")
    press(page, "I have typed them into IRIS")
    press(page, "IRIS lists them as approved")
    press(page, "Store and test the sandbox token")
    store_and_test(page, "sandbox", SANDBOX_TOKEN)
    page.goto("/fbr/go-live/scenarios/")
    press(page, "Run all that are missing (3)")

    expect(page.locator("#scenarios noscript, #scenarios")).not_to_have_count(0)
    rig.wait_settled([shop[0]])
    page.reload()

    expect(page.locator("#scenarios .progress")).to_contain_text("3 of 3")
    page.goto("/fbr/environment/")
    expect(page.locator("main")).to_contain_text("there is no token yet")
