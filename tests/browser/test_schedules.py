"""An invoice of each schedule of the law, written by keyboard and taken by the fake FBR."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest
from django.db import transaction
from playwright.sync_api import Page, expect

from accounts import tenancy
from accounts.enums import Role
from accounts.models import LegalEntity, Tenant
from fbr.fake import FakeFbr
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


@dataclass(frozen=True)
class Sale:
    """What somebody types for one line, and what the server must make of it.

    kind:   the kind of supply, as its list shows it; "" for the usual.
    more:   fields of the particulars, by name.
    total:  what the line comes to. says: a note under the line.
    """

    goods: str
    hs_code: str
    quantity: str
    unit: str
    price: str
    total: str
    kind: str = ""
    more: dict[str, str] = field(default_factory=dict)
    says: str = ""


SALES = {
    "standard": Sale("Cotton yarn", "5205.1100", "400", "KG", "2.50", "1,180.00"),
    "third-schedule": Sale(
        "Toilet soap",
        "3401.1100",
        "10",
        "Numbers, pieces, units",
        "80",
        "980.00",
        kind="Third Schedule goods",
        more={"retail_price": "118"},
        says="Tax on retail value Rs\xa01,000.00",
    ),
    "reduced": Sale(
        "Harvester",
        "8433.5100",
        "1",
        "Numbers, pieces, units",
        "100,000",
        "101,000.00",
        kind="Goods at reduced rate",
        more={"sro_schedule": "EIGHTH SCHEDULE Table 1", "sro_item": "70"},
    ),
    "exempt": Sale(
        "Wheat",
        "1001.9900",
        "40",
        "KG",
        "100",
        "4,000.00",
        kind="Exempt goods",
        more={"sro_schedule": "6th Schd Table I", "sro_item": "100"},
    ),
    "per-unit": Sale(
        "Cement",
        "2523.2900",
        "12",
        "KG",
        "100",
        "1,236.00",
        kind="Cement or concrete block",
        more={"rate": "Rs.3"},
    ),
    "excise-in-tax-mode": Sale(
        "Sugar syrup",
        "1702.9090",
        "10",
        "KG",
        "100",
        "1,080.00",
        kind="Goods (FED in sales tax mode)",
        says="federal excise in sales tax mode",
    ),
    "excise": Sale(
        "Aerated water",
        "2202.1010",
        "100",
        "Liter",
        "50",
        "7,080.00",
        more={"fed_type": "First Schedule Table I", "fed_rate": "20%"},
        says="Excise Rs\xa01,000.00 within the value",
    ),
    "petroleum": Sale(
        "Furnace oil",
        "2710.1911",
        "100",
        "Liter",
        "100",
        "10,143.00",
        kind="Petroleum products",
        more={
            "sro_schedule": "1450(I)/2021",
            "sro_item": "4",
            "petroleum_levy_on": "Direct Sale",
        },
    ),
}


@pytest.fixture
def fbr() -> Iterator[FakeFbr]:
    with FakeFbr() as fake:
        fake.add_tokens([{"token": TOKEN, "seller": "7000007", "environment": "sandbox"}])
        yield fake


@pytest.fixture
def shop(transactional_db) -> Tenant:
    """A business with a token and a customer."""
    tenant = factories.make_tenant("Sample Weaving Mills", strn="0300700000711")
    with tenancy.in_tenant(tenant.pk), transaction.atomic():
        factories.make_credential(LegalEntity.objects.get(), TOKEN)
        factories.make_buyer()
    return tenant


@pytest.fixture
def eyes(shop: Tenant, open_browser: Callable[..., Eyes]) -> Eyes:
    """Its owner, signed in."""
    owner = factories.make_member(shop, Role.OWNER, password=PASSWORD)
    one = open_browser()
    one.sign_in(owner.email, PASSWORD)
    return one


def focused(page: Page) -> str:
    return page.evaluate("document.activeElement.id")


def tab_to(page: Page, name: str) -> None:
    for _press in range(40):
        if focused(page) == name:
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"{name} is not reached by Tab; the focus is at {focused(page)}")


def type_into(page: Page, name: str, text: str) -> None:
    """Over what stands there; a list that opens meanwhile is closed."""
    tab_to(page, name)
    page.keyboard.press("Control+a")
    page.keyboard.type(text)
    page.keyboard.press("Escape")


def choose(page: Page, name: str, label: str) -> None:
    """In a list of the browser's own, by its letters."""
    tab_to(page, name)
    page.keyboard.type(label, delay=5)
    page.keyboard.press("Tab")


def open_fold(page: Page, words: str) -> None:
    """A fold of the line, by Tab and Enter."""
    for _press in range(40):
        text = page.evaluate(
            "document.activeElement.matches('summary') ? document.activeElement.textContent : ''"
        )
        if words in text:
            if not page.evaluate("document.activeElement.parentElement.open"):
                page.keyboard.press("Enter")
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"no fold says {words}")


def write(page: Page, sale: Sale) -> None:
    """The whole invoice, without touching the mouse."""
    page.goto("/invoices/new/")
    page.keyboard.type("sa", delay=30)
    page.locator(".options:not([hidden]) [aria-selected=true]").wait_for()
    page.keyboard.press("Enter")
    line = "id_lines-0"
    type_into(page, f"{line}-description", sale.goods)
    type_into(page, f"{line}-hs_code", sale.hs_code)
    type_into(page, f"{line}-quantity", sale.quantity)
    type_into(page, f"{line}-unit", sale.unit)
    type_into(page, f"{line}-unit_price", sale.price)
    open_fold(page, "Goods at standard rate")
    if sale.kind:
        choose(page, f"{line}-sale_type", sale.kind)
        expect(page.locator("#lines-0-detail > summary")).to_contain_text(sale.kind)
        page.locator(f"#{line}-sale_type").focus()
    if "fed_type" in sale.more:
        open_fold(page, "Federal excise")
    for name, text in sale.more.items():
        is_list = page.locator(f"select#{line}-{name}").count()
        (choose if is_list else type_into)(page, f"{line}-{name}", text)
        if is_list:
            page.locator(f"#{line}-{name}").focus()


@pytest.mark.parametrize("name", SALES)
def test_an_invoice_of_each_schedule_is_written_by_keyboard_and_accepted(
    name, eyes, fbr, start_worker
):
    page, sale = eyes.page, SALES[name]
    start_worker("reporting", env=rig.env_of(fbr))

    write(page, sale)
    expect(page.locator("#lines-0-sums .grand")).to_have_text(sale.total)
    expect(page.locator("#totals")).to_contain_text("Ready to issue")
    if sale.says:
        expect(page.locator("#lines-0-notes")).to_contain_text(sale.says)
    eyes.look(f"schedule-{name}")
    page.keyboard.press("Control+Enter")

    page.wait_for_url(re.compile(r"/invoices/[0-9a-f-]{36}/$"))
    expect(page.locator("#state-badge")).to_have_text("Accepted")
    assert len(fbr.ledger()["recorded"]) == 1


# --- what mends a line, in place --------------------------------------------------------------


@pytest.fixture
def two_lines(eyes) -> Page:
    """The same goods twice, the second in a unit that FBR spells otherwise."""
    page = eyes.page
    write(page, SALES["standard"])
    page.locator("#id_lines-0-description").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#id_lines-1-description")).to_be_focused()
    for name, text in {
        "description": "Cotton yarn",
        "hs_code": "5205.1100",
        "quantity": "1,000",
        "unit": "kg",
        "unit_price": "2.50",
    }.items():
        type_into(page, f"id_lines-1-{name}", text)
    return page


def test_a_press_mends_the_unit_and_another_merges_the_lines(eyes, two_lines):
    page = two_lines
    problems = page.locator("#lines-1-problems")
    problems.get_by_role("button", name="Put KG").click()
    expect(page.locator("#id_lines-1-unit")).to_have_value("KG")
    expect(problems).not_to_contain_text("unit of measure")
    expect(page.locator("#totals")).to_contain_text("One thing to look at twice")
    eyes.look("editor-look-twice")

    with page.expect_response("**/autosave/"):
        problems.get_by_role("button", name="Merge the two lines").click()

    expect(page.locator("[data-line]")).to_have_count(1)
    expect(page.locator("#id_lines-0-quantity")).to_have_value("1400")
    expect(page.locator("#lines-0-sums .grand")).to_have_text("4,130.00")
    expect(page.locator("#saved")).to_contain_text("Saved")
    page.locator("#id_lines-0-description").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#id_lines-1-description")).to_be_focused()
    page.reload()
    expect(page.locator("#id_lines-0-quantity")).to_have_value("1400")


def test_what_is_typed_while_a_line_is_drawn_anew_stays(eyes):
    page = eyes.page
    write(page, SALES["standard"])
    page.route("**/invoices/line/", lambda route: (time.sleep(0.7), route.continue_()))
    choose(page, "id_lines-0-sale_type", "Third Schedule goods")
    type_into(page, "id_lines-0-rate", "25%")

    expect(page.locator("#id_lines-0-retail_price")).to_be_visible()
    expect(page.locator("#id_lines-0-rate")).to_have_value("25%")
    expect(page.locator("#id_lines-0-drawn_for")).to_have_value("3rd Schedule Goods")


def test_what_is_selected_while_a_line_is_drawn_anew_stays_selected(eyes):
    page = eyes.page
    write(page, SALES["standard"])
    page.route("**/invoices/line/", lambda route: (time.sleep(0.7), route.continue_()))
    choose(page, "id_lines-0-sale_type", "Third Schedule goods")
    tab_to(page, "id_lines-0-rate")
    page.keyboard.press("Control+a")
    expect(page.locator("#id_lines-0-drawn_for")).to_have_value("3rd Schedule Goods")

    page.keyboard.type("25%")

    expect(page.locator("#id_lines-0-rate")).to_have_value("25%")


def test_the_lists_of_fbr_are_at_hand_and_the_code_fills_in_the_unit(eyes):
    page = eyes.page
    page.goto("/invoices/new/")
    tab_to(page, "id_lines-0-hs_code")
    page.keyboard.type("electrical energy", delay=20)
    page.locator(".options:not([hidden]) [data-value='2716.0000']").click()
    expect(page.locator("#id_lines-0-unit")).to_have_value("KWH")

    open_fold(page, "Goods at standard rate")
    tab_to(page, "id_lines-0-rate")
    page.keyboard.press("ArrowDown")
    expect(page.locator(".options:not([hidden]) [role=option]").first).to_be_visible()
    eyes.look("editor-list")


def test_what_fbr_will_see_is_shown_before_it_goes(eyes):
    page = eyes.page
    write(page, SALES["reduced"])

    page.get_by_role("button", name="What FBR will see").click()

    page.wait_for_url(re.compile("/preview/$"))
    expect(page.locator("main")).to_contain_text("EIGHTH SCHEDULE Table 1")
    page.locator("summary", has_text="As it is sent").click()
    expect(page.locator("#fbr-json")).to_contain_text('"saleType":"Goods at Reduced Rate"')
    eyes.look("preview")
    page.locator(".back").click()
    page.locator("summary", has_text="What FBR will see").click()
    expect(page.locator(".seen .preview")).to_contain_text("sroScheduleNo")
    eyes.look("detail-with-preview")


def test_a_product_is_asked_what_its_kind_of_supply_wants(eyes):
    page = eyes.page
    eyes.visit("/products/new/")
    page.get_by_label("Description").fill("Toilet soap")
    page.get_by_label("Kind of supply").select_option("3rd Schedule Goods")
    expect(page.get_by_label("Printed retail price")).to_be_visible()
    expect(page.locator(".htmx-added, .htmx-settling")).to_have_count(0)
    page.get_by_label("Kind of supply").select_option("Exempt goods")
    expect(page.locator("#id_rate")).to_have_value("Exempt")
    expect(page.locator("#id_sro_item")).to_be_visible()
    expect(page.get_by_label("Description")).to_have_value("Toilet soap")
    eyes.look("product-exempt")


def test_two_hundred_lines_are_still_a_page_to_type_in(eyes, shop):
    page = eyes.page
    with tenancy.in_tenant(shop.pk), transaction.atomic():
        lines = [factories.make_line(description=f"Goods {number}") for number in range(200)]
        draft, _lines = factories.make_draft(factories.make_content(*lines))
    eyes.visit(f"/invoices/{draft.pk}/edit/")

    page.locator("#id_lines-150-quantity").fill("401")

    expect(page.locator("#lines-150-sums .grand")).to_have_text("1,182.95")
    page.locator("#lines-150-summary").click()
    expect(page.locator("#id_lines-150-rate")).to_have_value("18%")
    page.locator("#id_lines-150-rate").fill("17%")
    expect(page.locator("#lines-150-problems")).to_contain_text("does not go with")
