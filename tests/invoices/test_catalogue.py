"""Masters with all their particulars: by page and by API."""

from __future__ import annotations

from decimal import Decimal

import pytest
import time_machine
from django.urls import reverse

from invoices.models import Buyer, Product
from tests import factories
from tests.conftest import NOON
from tests.invoices.pages_cast import HTMX, sent_by, text_of, value_of

EXEMPT = "Exempt goods"
BUYER = {
    "name": "Sample Traders",
    "registration_type": "registered",
    "ntn_cnic": "2046004",
    "province": "SINDH",
    "address": "Karachi",
    "phone": "",
    "email": "",
    "withholding": "one_fifth",
}
PRODUCT = {
    "name": "Furnace oil",
    "hs_code": "2710.1911",
    "unit": "Liter",
    "unit_price": "2.5",
    "item_code": "FO-1",
    "sale_type": "Petroleum Products",
    "rate": "1.43%",
    "retail_price": "120.50",
    "sro_schedule": "1450(I)/2021",
    "sro_item": "4",
    "petroleum_levy_on": "Direct Sale",
    "no_further_tax": "on",
    "fed_type": "First Schedule Table I",
    "fed_rate": "16%",
    "fed_schedule": "First Schedule",
    "fed_item": "52",
}


@pytest.fixture(autouse=True)
def _at_noon():
    with time_machine.travel(NOON, tick=True):
        yield


@pytest.fixture
def browser(client, inside, operator):
    client.force_login(operator)
    return client


@pytest.fixture
def program(client, business, owner):
    key = factories.make_key(business, owner)

    def send(path, body):
        return client.post(
            f"/api/v1/{path}",
            body,
            content_type="application/json",
            headers={"Authorization": f"Bearer {key}"},
        )

    return send


# --- products ---------------------------------------------------------------------------------


def test_every_field_of_a_product_is_stored_and_drawn_again(browser):
    browser.post(reverse("invoices:product_new"), PRODUCT)

    drawn = sent_by(browser.get(Product.objects.get().get_absolute_url()), "product")

    assert {name: drawn[name] for name in PRODUCT} == PRODUCT


def test_a_box_that_is_not_ticked_is_no(browser):
    browser.post(
        reverse("invoices:product_new"),
        {name: text for name, text in PRODUCT.items() if name != "no_further_tax"},
    )

    assert Product.objects.get().no_further_tax is False


def test_prices_may_be_grouped(browser):
    browser.post(
        reverse("invoices:product_new"),
        PRODUCT | {"unit_price": "12,34,567.5", "retail_price": "1,234.50"},
    )

    product = Product.objects.get()
    assert (product.unit_price, product.retail_price) == (Decimal("1234567.5"), Decimal("1234.5"))


@pytest.mark.parametrize(
    ("field", "text", "words"),
    [
        ("retail_price", "-1", "retail price cannot be negative"),
        ("retail_price", "much", "not a plain number"),
        ("fed_rate", "some", "rate of excise cannot be read"),
        ("petroleum_levy_on", "Tuesdays", "does not know this basis"),
        ("rate", "a lot", "does not go with this kind of supply"),
        ("item_code", "x" * 51, "too long"),
    ],
)
def test_a_particular_that_is_wrong_is_said_and_kept(browser, field, text, words):
    response = browser.post(reverse("invoices:product_new"), PRODUCT | {field: text})

    assert (response.status_code, Product.objects.exists()) == (422, False)
    assert words in text_of(response)
    assert sent_by(response, "product")[field] == text


def test_another_kind_of_supply_redraws_how_a_product_is_taxed(browser):
    page = PRODUCT | {
        "sale_type": EXEMPT,
        "drawn_for": PRODUCT["sale_type"],
        "petroleum_levy_on": "",
    }

    response = browser.post(reverse("invoices:product_taxed"), page, headers=HTMX)

    assert value_of(response, "rate") == "Exempt"
    assert value_of(response, "retail_price") == "120.50"
    assert 'name="petroleum_levy_on"' not in text_of(response)
    assert not Product.objects.exists()


def test_a_product_of_the_api_has_all_its_particulars(program, business):
    given = PRODUCT | {"no_further_tax": True}

    answer = program("products", given)

    assert answer.status_code == 201
    assert {name: answer.json()[name] for name in given} == given


def test_the_api_takes_no_thousands_marks(program):
    answer = program("products", PRODUCT | {"no_further_tax": True, "unit_price": "1,234.50"})

    assert answer.status_code == 422
    assert [each["field"] for each in answer.json()["details"]["problems"]] == ["unit_price"]


# --- customers --------------------------------------------------------------------------------


def test_what_a_customer_withholds_is_stored_and_drawn_again(browser):
    browser.post(reverse("invoices:buyer_new"), BUYER)

    assert Buyer.objects.get().withholding == "one_fifth"
    drawn = sent_by(browser.get(Buyer.objects.get().get_absolute_url()), "buyer")
    assert drawn["withholding"] == "one_fifth"


def test_a_customer_who_is_not_registered_withholds_nothing(browser):
    response = browser.post(
        reverse("invoices:buyer_new"), BUYER | {"registration_type": "unregistered"}
    )

    assert (response.status_code, Buyer.objects.exists()) == (422, False)
    assert "Only a customer who is registered withholds" in text_of(response)


def test_a_customer_of_the_api_withholds(program, business):
    answer = program("buyers", BUYER | {"phone": "0300 1234567", "email": "a@b.example"})

    assert (answer.status_code, answer.json()["withholding"]) == (201, "one_fifth")


def test_a_word_that_is_no_withholding_is_refused(program):
    answer = program("buyers", BUYER | {"phone": "", "email": "", "withholding": "half"})

    assert answer.status_code == 422
    assert answer.json()["details"]["problems"][0]["field"] == "withholding"


# --- drafts by the API ------------------------------------------------------------------------


def test_a_draft_of_the_api_says_what_to_look_at_twice(program):
    line = {
        "description": "Cotton yarn",
        "hs_code": "5205.1100",
        "unit": "KG",
        "quantity": "4",
        "unit_price": "2.50",
    }
    party = {name: BUYER[name] for name in ("name", "registration_type", "ntn_cnic", "address")}

    answer = program(
        "invoices", {"buyer": party | {"province": "SINDH"}, "lines": [line, line]}
    ).json()

    (warning,) = answer["warnings"]
    assert (warning["code"], warning["line"], warning["deed"]) == (
        "repeated_line",
        2,
        "merge_lines",
    )
    assert answer["problems"] == []
