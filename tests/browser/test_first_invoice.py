"""A person's path: sign in, write an invoice by keyboard, issue it, see what FBR says, download it.

The server, the database, both workers and the browser are real; only FBR is a fake, with a ledger
of its own.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pypdfium2
import pytest
import zxingcpp
from django.db import transaction
from playwright.sync_api import Page, expect

from accounts import tenancy
from accounts.enums import Role
from accounts.models import LegalEntity, Tenant, User
from fbr.fake import FakeFbr
from smartinvoicing import clock
from smartinvoicing.provision import ROOT
from tests import factories
from tests.browser.eyes import Eyes
from tests.chaos import rig

pytestmark = [
    pytest.mark.browser,
    pytest.mark.workers,
    pytest.mark.django_db(transaction=True),
]

PASSWORD = "seven quiet lamps"
TOKEN = "browser-token-0000-7000007"


@dataclass
class Shop:
    tenant: Tenant
    owner: User


@pytest.fixture
def slow_fbr() -> Iterator[FakeFbr]:
    with FakeFbr(latency_ms=300) as fake:
        fake.add_tokens([{"token": TOKEN, "seller": "7000007", "environment": "sandbox"}])
        yield fake


@pytest.fixture
def shop(transactional_db) -> Shop:
    """A business with a token, a customer and a product."""
    tenant = factories.make_tenant("Sample Weaving Mills", strn="0300700000711")
    with tenancy.in_tenant(tenant.pk), transaction.atomic():
        factories.make_credential(LegalEntity.objects.get(), TOKEN)
        factories.make_buyer()
        factories.make_product(name="Cotton yarn 20/1 carded")
    return Shop(tenant, factories.make_member(tenant, Role.OWNER, password=PASSWORD))


@pytest.fixture
def eyes(shop: Shop, open_browser: Callable[..., Eyes]) -> Eyes:
    """The owner, signed in."""
    one = open_browser(permissions=["clipboard-read", "clipboard-write"])
    one.sign_in(shop.owner.email, PASSWORD)
    return one


@pytest.fixture
def workers(slow_fbr: FakeFbr, start_worker) -> FakeFbr:
    """Both workers, reporting to the fake."""
    start_worker("reporting", env=rig.env_of(slow_fbr))
    start_worker("documents", concurrency=2, env=rig.env_of(slow_fbr))
    return slow_fbr


def focused(page: Page) -> str:
    return page.evaluate("document.activeElement.id")


def tab_to(page: Page, name: str) -> None:
    for _press in range(20):
        if focused(page) == name:
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"{name} is not reached by Tab; the focus is at {focused(page)}")


def pick(page: Page, letters: str) -> None:
    """Type, wait for the list, take its first entry."""
    page.keyboard.type(letters, delay=30)
    page.locator(".options:not([hidden]) [aria-selected=true]").wait_for()
    page.keyboard.press("Enter")


def write_by_keyboard(page: Page) -> None:
    """400 kg at Rs 2.50 for Sample Traders, without touching the mouse."""
    page.get_by_role("link", name="New invoice").first.focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/invoices/new/")
    pick(page, "sa")
    tab_to(page, "id_lines-0-description")
    pick(page, "co")
    expect(page.locator("#id_lines-0-quantity")).to_be_focused()
    page.keyboard.type("400")
    expect(page.locator("#lines-0-sums .grand")).to_have_text("1,180.00")
    expect(page.locator("#totals")).to_contain_text("Ready to issue")


def state(page: Page):
    return page.locator("#state-badge")


def marks_in(pdf: Path) -> list[str]:
    """What the QR codes on the first page say."""
    picture = pypdfium2.PdfDocument(pdf)[0].render(scale=4).to_pil()
    return [code.text for code in zxingcpp.read_barcodes(picture)]


def test_a_person_writes_issues_sees_and_downloads(eyes, workers, tmp_path):
    page = eyes.page
    write_by_keyboard(page)
    eyes.look("editor-ready")

    page.keyboard.press("Control+Enter")

    page.wait_for_url(re.compile(r"/invoices/[0-9a-f-]{36}/$"))
    page.evaluate("window.isTheSamePage = true")
    expect(state(page)).to_have_text("Accepted")
    assert page.evaluate("window.isTheSamePage")
    number = page.locator("#fbr-number").inner_text()
    assert [row["number"] for row in workers.ledger()["recorded"]] == [number]
    expect(page.get_by_role("img", name="QR code of the FBR invoice number")).to_be_visible()
    eyes.look("invoice-accepted")
    keep_for_the_readme(page)
    with page.expect_download() as download:
        page.get_by_role("link", name="PDF").click()
    download.value.save_as(tmp_path / "invoice.pdf")
    assert marks_in(tmp_path / "invoice.pdf") == [number]


def keep_for_the_readme(page: Page) -> None:
    if os.environ.get("PICTURES_README") == "1":
        page.screenshot(path=ROOT / "docs" / "pictures" / "invoice-accepted.png")


def test_bad_input_is_said_where_it_stands_and_nothing_is_lost(eyes):
    page = eyes.page
    eyes.visit("/invoices/new/")
    future = clock.karachi_date(clock.now()) + timedelta(days=2)
    page.locator("summary", has_text="Not in your list?").click()
    typed = {
        "#id_buyer_name": "Walk-in of Lahore",
        "#id_buyer_ntn_cnic": "12345",
        "#id_buyer_address": "Lahore",
        "#id_invoice_date": future.isoformat(),
        "#id_lines-0-description": "Lamps, seven",
        "#id_lines-0-hs_code": "9999.9999",
        "#id_lines-0-quantity": "-5",
        "#id_lines-0-unit_price": "1e400",
    }
    for place, text in typed.items():
        page.locator(place).fill(text)

    expect(page.locator("#lines-0-problems")).to_contain_text("FBR does not know this HS code")
    page.get_by_role("button", name="Issue").click()

    expect(page.get_by_role("alert")).to_contain_text("Nothing you typed is lost")
    for place, text in typed.items():
        expect(page.locator(place)).to_have_value(text)
    for place, words in {
        "#lines-0-problems": ["HS code", "Quantity", "negative", "Price", "plain number", "Unit"],
        "#id_buyer_ntn_cnic-problems": ["wrong form"],
        "#id_buyer_province-problems": ["province"],
        "#id_invoice_date-problems": ["future"],
    }.items():
        for word in words:
            expect(page.locator(place)).to_contain_text(word)
    eyes.look("editor-problems")
    page.locator("#id_lines-0-hs_code").fill("5205.1100")
    expect(page.locator("#lines-0-problems")).not_to_contain_text("HS code")


def test_what_is_typed_saves_itself(eyes):
    page = eyes.page
    eyes.visit("/invoices/new/")
    page.locator("#id_lines-0-description").fill("Half an invoice")

    page.wait_for_url("**/edit/")
    expect(page.locator("#saved")).to_contain_text("Saved")
    page.reload()

    expect(page.locator("#id_lines-0-description")).to_have_value("Half an invoice")
    eyes.visit("/invoices/")
    expect(page.locator("tbody tr")).to_have_count(1)
    page.get_by_role("link", name="Draft", exact=True).click()
    page.get_by_role("button", name="Delete", exact=True).click()
    expect(page.get_by_role("dialog")).to_contain_text("gone for good")
    eyes.look("delete")
    page.get_by_role("button", name="Delete the draft").click()
    expect(page.locator("main")).to_contain_text("No invoices yet")


def test_lines_come_and_go_by_keyboard(eyes):
    page = eyes.page
    eyes.visit("/invoices/new/")
    for place, name in enumerate(("First", "Second", "Third")):
        tab_to(page, f"id_lines-{place}-description")
        page.keyboard.type(name)
        page.keyboard.press("Enter")
    expect(page.locator("#id_lines-3-description")).to_be_focused()

    page.locator("#id_lines-1-description").focus()
    page.keyboard.press("Alt+Delete")

    expect(page.locator("#id_lines-2-description")).to_be_focused()
    page.wait_for_load_state("networkidle")
    with page.expect_response("**/autosave/"):
        page.keyboard.press("Control+s")
    page.reload()
    named = [page.locator(f"#id_lines-{place}-description").input_value() for place in (0, 1)]
    assert named == ["First", "Third"]
    expect(page.locator("[data-line]")).to_have_count(2)


def test_issue_waits_for_the_save_that_is_under_way(eyes):
    page = eyes.page
    write_by_keyboard(page)
    page.route("**/autosave/", lambda route: (time.sleep(1), route.continue_()))
    with page.expect_request("**/autosave/"):
        page.locator("#id_client_reference").fill("SO-77")

    page.keyboard.press("Control+Enter")

    page.wait_for_url(re.compile(r"/invoices/[0-9a-f-]{36}/$"))
    expect(page.locator("#state")).to_contain_text("Queued")
    expect(page.locator("main")).to_contain_text("SO-77")


def test_an_answer_that_is_lost_on_the_way_loses_nothing(eyes):
    page = eyes.page
    write_by_keyboard(page)
    page.wait_for_url("**/edit/")
    page.route("**/autosave/", lambda route: (route.fetch(), route.abort()))
    eyes.forgive("ERR_FAILED|htmx:afterRequest|htmx:sendError")
    page.locator("#id_client_reference").fill("SO-78")
    expect(page.locator("#flash")).to_contain_text("What you typed is still here")
    page.unroute("**/autosave/")

    page.get_by_role("button", name="Save").click()

    page.wait_for_url(re.compile(r"/invoices/[0-9a-f-]{36}/$"))
    expect(page.locator("main")).to_contain_text("SO-78")


def test_the_slower_of_two_tabs_is_told_and_keeps_its_text(eyes, shop):
    page = eyes.page
    with tenancy.in_tenant(shop.tenant.pk), transaction.atomic():
        draft, _lines = factories.make_draft()
    address = f"/invoices/{draft.pk}/edit/"
    eyes.visit(address)
    other = page.context.new_page()
    other.goto(address)
    other.locator("#id_lines-0-description").fill("Of the other tab")
    other.get_by_role("button", name="Save").click()
    other.wait_for_url(re.compile(r"/invoices/[0-9a-f-]{36}/$"))

    page.locator("#id_lines-0-description").fill("Of this tab")
    page.get_by_role("button", name="Save").click()

    expect(page.get_by_role("alert")).to_contain_text("changed meanwhile")
    expect(page.locator("#id_lines-0-description")).to_have_value("Of this tab")
    eyes.look("editor-conflict")
    page.get_by_role("button", name="Keep mine over it").click()
    expect(page.locator("table")).to_contain_text("Of this tab")


@pytest.mark.parametrize(
    ("fault", "word"),
    [
        ({"fault": "accept_then_silence"}, "Uncertain"),
        ({"fault": "invalid", "code": "0052", "line": 1}, "Rejected"),
        ({"fault": "401"}, "Queued, on hold"),
        ({"fault": "429"}, "Queued"),
    ],
    ids=lambda value: value["fault"] if isinstance(value, dict) else "",
)
def test_what_fbr_does_is_shown_in_place(eyes, shop, workers, fault, word):
    page = eyes.page
    workers.script([fault])
    with tenancy.in_tenant(shop.tenant.pk), transaction.atomic():
        draft, _lines = factories.make_draft()
    eyes.visit(f"/invoices/{draft.pk}/")

    page.get_by_role("button", name="Issue").click()

    expect(page.locator("#fbr-panel .timeline li")).to_have_count(2)
    expect(state(page)).to_have_text(word)
    page.locator("summary", has_text="What was sent").click()
    expect(page.locator("#fbr-panel pre").first).to_contain_text('"sellerNTNCNIC":"7000007"')
    eyes.look(f"fbr-{fault['fault']}")


def test_a_copy_on_paper_comes_by_itself(eyes, shop, start_worker):
    page = eyes.page
    with tenancy.in_tenant(shop.tenant.pk), transaction.atomic():
        draft, _lines = factories.make_draft()
    eyes.visit(f"/invoices/{draft.pk}/")
    page.get_by_role("link", name="PDF").click()
    expect(page.locator("main")).to_contain_text("The copy is being made")
    eyes.look("pdf-waits")

    with page.expect_download(timeout=90_000) as download:  # the worker has to start
        start_worker("documents", concurrency=1)

    assert download.value.suggested_filename == "draft.pdf"
    expect(page.locator("main")).to_contain_text("The copy is ready")


def test_a_new_business_is_told_how_to_begin(open_browser, transactional_db):
    tenant = factories.make_tenant("Nothing Yet")
    owner = factories.make_member(tenant, Role.OWNER, password=PASSWORD)
    eyes = open_browser()
    eyes.sign_in(owner.email, PASSWORD)

    expect(eyes.page.locator("main")).to_contain_text("To begin with")
    for name, address in {
        "empty-dashboard": "/",
        "empty-list": "/invoices/",
        "empty-buyers": "/buyers/",
        "empty-products": "/products/",
        "empty-tokens": "/fbr/tokens/",
        "empty-new-buyer": "/buyers/new/",
        "empty-new-product": "/products/new/",
    }.items():
        eyes.visit(address)
        eyes.look(name)
