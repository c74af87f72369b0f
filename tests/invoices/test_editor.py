"""The editor: every field goes in and comes out again, and a press of a button mends."""

from __future__ import annotations

from decimal import Decimal
from html import unescape

import pytest
import time_machine
from django.urls import reverse

from invoices import editing, filling
from invoices.models import AdvanceUse, Invoice, InvoiceLine
from invoices.views import editor_lines
from tests import factories
from tests.conftest import NOON
from tests.invoices.pages_cast import HTMX, page_of, part, row_of, sent_by, text_of, value_of

REDUCED = "Goods at Reduced Rate"
EXEMPT = "Exempt goods"
THIRD = "3rd Schedule Goods"
PETROLEUM = "Petroleum Products"


@pytest.fixture(autouse=True)
def _at_noon():
    with time_machine.travel(NOON, tick=True):
        yield


@pytest.fixture
def browser(client, inside, operator):
    """The operator's."""
    client.force_login(operator)
    return client


def new(browser, **changes):
    return browser.post(reverse("invoices:new"), page_of(**changes))


def edit_page(browser, invoice=None):
    invoice = invoice or Invoice.objects.get()
    return browser.get(reverse("invoices:edit", args=[invoice.pk]))


def line_part(browser, which, **changes):
    page = row_of(0, drawn_for="Goods at standard rate (default)", **changes)
    page |= {"line": "lines-0", "part": which, "invoice_date": "2026-11-20"}
    return browser.post(reverse("invoices:line"), page, headers=HTMX)


# --- nothing typed is lost --------------------------------------------------------------------

EVERY_FIELD = row_of(
    0,
    description="Lubricant",
    quantity="12.5",
    unit_price="99.5",
    discount="3.25",
    sale_type=PETROLEUM,
    rate="1.43%",
    retail_price="120.50",
    sro_schedule="1450(I)/2021",
    sro_item="4",
    petroleum_levy_on="Direct Sale",
    further_tax="0",
    extra_tax="7.00",
    withheld="17.74",
    fed="2.00",
    fed_type="First Schedule Table I",
    fed_rate="16%",
    fed_unit_price="98.7654",
    fed_schedule="First Schedule",
    fed_item="52",
)


def test_every_field_of_a_line_is_stored_and_drawn_again(browser):
    new(browser, **EVERY_FIELD)

    drawn = sent_by(edit_page(browser))
    expected = EVERY_FIELD | {"lines-0-further_tax": "0.00"}
    assert {name: drawn[name] for name in expected} == expected
    assert drawn["lines-0-drawn_for"] == PETROLEUM


def test_what_was_drawn_is_stored_the_same_again(browser):
    new(browser, **EVERY_FIELD)
    draft, line = Invoice.objects.get(), InvoiceLine.objects.values().get()

    browser.post(reverse("invoices:edit", args=[draft.pk]), sent_by(edit_page(browser)))

    again = InvoiceLine.objects.values().get()
    assert {name: again[name] for name in again if name != "id"} == {
        name: line[name] for name in line if name != "id"
    }


def test_a_copy_has_every_field_again(browser):
    new(browser, **EVERY_FIELD)
    first = Invoice.objects.get()

    browser.post(reverse("invoices:duplicate", args=[first.pk]))

    copy = Invoice.objects.exclude(pk=first.pk).get()
    drawn, again = sent_by(edit_page(browser, first)), sent_by(edit_page(browser, copy))
    lines = [name for name in drawn if name.startswith("lines-") and not name.endswith("-mark")]
    assert {name: again[name] for name in lines} == {name: drawn[name] for name in lines}


def test_every_field_above_the_lines_is_stored_and_drawn_again(browser, entity):
    till = factories.make_till()
    head = {
        "client_reference": "SO-9",
        "scenario": "SN008",
        "withholding": "one_fifth",
        "till": str(till.pk),
        "payment_mode": "card",
        "prices_include_tax": "on",
        "is_advance": "on",
    }

    new(browser, **head)

    drawn = sent_by(edit_page(browser))
    assert {name: drawn[name] for name in head} == head
    stored = Invoice.objects.get()
    assert (stored.till, stored.payment_mode, stored.withholding) == (till, "card", "one_fifth")
    assert (stored.is_advance, stored.prices_include_tax) == (True, True)


def test_a_debit_note_keeps_what_it_corrects(browser):
    original = factories.make_issued()
    factories.accept(original)
    note = {
        "document_type": "debit_note",
        "original": str(original.pk),
        "reason": "Return of goods",
        "direction": "decrease",
    }

    new(browser, **note)

    page = edit_page(browser, Invoice.objects.get(original=original))
    drawn = sent_by(page)
    assert {name: drawn[name] for name in note} == note
    assert original.number in text_of(page)
    assert "is_advance" not in drawn or drawn["is_advance"] == ""


@pytest.fixture
def receipt(inside):
    """Rs 1,000.00 received before the supply, as FBR has it."""
    made = factories.make_issued(factories.make_content(is_advance=True))
    factories.accept(made)
    return made


def test_money_received_before_is_offered_and_taken_off(browser, receipt):
    page = page_of(**{f"advance-{receipt.pk}": "1,000.00", "lines-0-quantity": "800"})
    offered = browser.post(reverse("invoices:new"), page_of(recalculate="1"))

    browser.post(reverse("invoices:new"), page)

    assert f'name="advance-{receipt.pk}"' in text_of(offered)
    assert "1,000.00 left" in text_of(offered)
    draft = Invoice.objects.exclude(pk=receipt.pk).get()
    assert AdvanceUse.objects.get().value == 1000
    assert (draft.value, draft.total) == (Decimal("1000.00"), Decimal("1180.00"))
    assert sent_by(edit_page(browser, draft))[f"advance-{receipt.pk}"] == "1000.00"


def test_an_advance_on_a_draft_without_a_value_is_not_forgotten(browser, receipt):
    browser.post(
        reverse("invoices:new"),
        page_of(**{f"advance-{receipt.pk}": "700", "lines-0-quantity": ""}),
    )

    draft = Invoice.objects.exclude(pk=receipt.pk).get()
    assert sent_by(edit_page(browser, draft))[f"advance-{receipt.pk}"] == "700.00"


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("1,234.50", "1234.50"),
        ("12,34,567.5", "1234567.5"),
        ("1,234,567", "1234567"),
        (" 1,00,000 ", "100000"),
        ("999", "999"),
    ],
)
def test_thousands_and_lakh_marks_are_read_and_kept_on_the_page(browser, typed, stored):
    shown = new(browser, recalculate="1", **{"lines-0-unit_price": typed})
    new(browser, **{"lines-0-unit_price": typed})

    assert value_of(shown, "lines-0-unit_price") == typed
    assert InvoiceLine.objects.get().unit_price == Decimal(stored)


@pytest.mark.parametrize("typed", ["1,23", "1,2345", "12,34", ",100", "1,,000", "1.000,50"])
def test_a_comma_that_groups_nothing_is_refused(browser, typed):
    response = new(browser, **{"lines-0-unit_price": typed})

    assert "not a plain number" in part(response, "lines-0-problems")
    assert value_of(response, "lines-0-unit_price") == typed


# --- the kind of supply decides ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "asked", "not_asked", "rate"),
    [
        (THIRD, ["retail_price", "extra_tax"], ["petroleum_levy_on"], "18%"),
        (REDUCED, ["sro_schedule", "sro_item"], ["extra_tax", "retail_price"], "1%"),
        (EXEMPT, ["sro_schedule"], ["extra_tax", "retail_price"], "Exempt"),
        (PETROLEUM, ["petroleum_levy_on", "sro_item"], ["retail_price"], "1.43%"),
        ("Cement /Concrete Block", ["extra_tax"], ["retail_price"], "Rs.3"),
        ("Goods (FED in ST Mode)", ["extra_tax"], ["fed_rate", "fed_type"], "8%"),
    ],
)
def test_another_kind_of_supply_brings_its_fields_and_its_rate(
    browser, kind, asked, not_asked, rate
):
    response = line_part(browser, "asked", sale_type=kind)

    for name in asked:
        assert f'id="id_lines-0-{name}"' in text_of(response)
    for name in not_asked:
        assert f'id="id_lines-0-{name}"' not in text_of(response)
    assert value_of(response, "lines-0-rate") == rate
    assert value_of(response, "lines-0-drawn_for") == kind
    assert rate in part(response, "lines-0-summary")


def test_what_was_typed_stays_in_sight_though_the_kind_does_not_ask_for_it(browser):
    response = line_part(
        browser, "asked", sale_type=EXEMPT, rate="5%", extra_tax="9", fed_type="Table II"
    )

    assert value_of(response, "lines-0-rate") == "5%"
    assert value_of(response, "lines-0-extra_tax") == "9"
    assert value_of(response, "lines-0-fed_type") == "Table II"


def test_without_a_script_the_kind_decides_as_soon_as_the_page_comes_back(browser):
    page = {"lines-0-sale_type": EXEMPT, "lines-0-drawn_for": "Goods at standard rate (default)"}

    response = new(browser, recalculate="1", **page)

    assert value_of(response, "lines-0-rate") == "Exempt"
    assert 'id="id_lines-0-sro_schedule"' in text_of(response)


def test_the_usual_rate_is_that_of_the_day_of_the_document(browser):
    page = row_of(0, sale_type="Goods at standard rate (default)", drawn_for=EXEMPT, rate="Exempt")
    page |= {"line": "lines-0", "part": "asked", "invoice_date": "2022-06-30"}

    response = browser.post(reverse("invoices:line"), page, headers=HTMX)

    assert value_of(response, "lines-0-rate") == "17%"


@pytest.mark.parametrize(
    ("fields", "unit"),
    [
        ({"hs_code": "2716.0000", "unit": ""}, "KWH"),
        ({"hs_code": "2716.0000", "unit": "KG"}, "KWH"),
        ({"hs_code": "5205.1100", "unit": "MT"}, "MT"),
        ({"sale_type": "Steel melting and re-rolling", "unit": "KG"}, "MT"),
    ],
)
def test_an_hs_code_fills_in_the_unit_where_there_is_only_one(browser, fields, unit):
    response = line_part(browser, "unit", **fields)

    assert value_of(response, "lines-0-unit") == unit


def test_a_product_brings_all_that_is_known_of_it(browser):
    product = factories.make_product(
        sale_type=THIRD,
        retail_price=Decimal("118.00"),
        no_further_tax=True,
        sro_schedule="6th Schd",
        sro_item="7",
        fed_type="Table I",
        fed_rate="16%",
        fed_schedule="First Schedule",
        fed_item="9",
        petroleum_levy_on="Value",
    )
    page = row_of(0, product=str(product.pk), quantity="7", sro_item="old")
    page |= {"line": "lines-0", "invoice_date": "2026-11-20"}

    response = browser.post(reverse("invoices:line"), page, headers=HTMX)

    known = filling.with_product(dict.fromkeys(editing.LINE, ""), product)
    drawn = {name: unescape(value_of(response, f"lines-0-{name}")) for name in (
        "rate", "unit", "unit_price", "retail_price", "further_tax", "sro_schedule", "sro_item",
        "fed_type", "fed_rate", "fed_schedule", "fed_item", "drawn_for",
    )}  # fmt: skip
    assert drawn == {name: known[name] for name in drawn}
    assert drawn["further_tax"] == "0"
    assert value_of(response, "lines-0-quantity") == "7"
    assert 'value="Value" selected' in text_of(response)


@pytest.mark.parametrize("line", ["", "lines-", "lines-x", "other-0"])
def test_a_row_that_nobody_named_is_not_drawn(browser, line):
    response = browser.post(reverse("invoices:line"), {"line": line}, headers=HTMX)

    assert response.status_code == 204


def test_another_customer_brings_its_withholding(browser):
    buyer = factories.make_buyer(withholding="full")
    page = page_of(buyer=str(buyer.pk), withholding="none")

    response = browser.post(reverse("invoices:buyer_note"), page, headers=HTMX)

    assert "The whole sales tax, as usual" in text_of(response)
    assert '<option value="" selected' in text_of(response)


def test_what_the_customer_usually_withholds_is_stored(browser):
    buyer = factories.make_buyer(withholding="full")

    new(browser, buyer=str(buyer.pk))

    assert Invoice.objects.get().withheld == Decimal("180.00")


# --- what stands under a line -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "No further tax: the customer is registered"),
        (
            {"buyer_registration_type": "unregistered"},
            "Further tax Rs\xa040.00: the customer is not registered",
        ),
        ({"lines-0-further_tax": "0"}, "Further tax Rs\xa00.00, as typed"),
        ({"withholding": "full"}, "The customer withholds Rs\xa0180.00"),
        ({"lines-0-fed_rate": "10%"}, "Excise Rs\xa0100.00 within the value"),
        (
            {"lines-0-sale_type": THIRD, "lines-0-retail_price": "2.95"},
            "Tax on retail value Rs\xa01,000.00",
        ),
        (
            {"prices_include_tax": "on", "lines-0-quantity": "1", "lines-0-unit_price": "100.14"},
            "Rounding Re\xa00.01 into the total",
        ),
    ],
)
def test_the_line_says_what_its_amounts_rest_on(browser, changes, words):
    response = browser.post(reverse("invoices:preview"), page_of(**changes), headers=HTMX)

    assert words in part(response, "lines-0-notes")


def test_value_tax_and_rounding_come_to_the_total(browser):
    inclusive = {"prices_include_tax": "on", "lines-0-fed_rate": "16%", "withholding": "full"}
    page = page_of(**inclusive, **{"lines-0-quantity": "3", "lines-0-unit_price": "33.33"})

    totals = browser.post(reverse("invoices:preview"), page, headers=HTMX).context["totals"]

    amounts = {each["name"]: each["value"] for each in totals}
    besides = {"Total", "Excise, within the value", "Withheld, of the total"}
    added = sum(value for name, value in amounts.items() if name not in besides)
    assert added == amounts["Total"] == Decimal("99.99")
    assert amounts["Withheld, of the total"] == amounts["Sales tax"]


def test_a_line_that_shows_already_what_it_should_is_not_sent_again(browser):
    page = page_of(**{"lines-TOTAL_FORMS": "2"}) | row_of(
        1, description="Cones", hs_code="5205.1200"
    )
    url = reverse("invoices:preview")
    first = browser.post(url, page, headers=HTMX)
    marks = {f"lines-{n}-mark": value_of(first, f"lines-{n}-mark") for n in (0, 1)}

    again = browser.post(url, page | marks | {"lines-1-quantity": "5"}, headers=HTMX)

    assert 'id="lines-1-sums"' in text_of(again)
    assert 'id="lines-0-sums"' not in text_of(again)


# --- mending by a press -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "button", "field", "mended"),
    [
        ({"lines-0-unit": "kg"}, "lines-0-unit=KG", "lines-0-unit", "KG"),
        ({"lines-0-rate": "17%"}, "lines-0-rate=18%", "lines-0-rate", "18%"),
        ({"lines-0-hs_code": "52051100"}, "lines-0-hs_code=5205.1100",
         "lines-0-hs_code", "5205.1100"),
        ({"invoice_date": "2026-11-21"}, "invoice_date=2026-11-20", "invoice_date", "2026-11-20"),
        ({"invoice_date": "2026-11-02"}, "invoice_date=2026-11-20", "invoice_date", "2026-11-20"),
        ({"scenario": "SN008"}, "scenario=", "scenario", ""),
    ],
)  # fmt: skip
def test_a_press_puts_what_is_right_into_the_field(browser, changes, button, field, mended):
    page = page_of(**changes)
    shown = browser.post(reverse("invoices:preview"), page, headers=HTMX)
    assert f'name="put" value="{button}"' in text_of(shown)
    assert f'data-put-into="id_{field}"' in text_of(shown)

    response = browser.post(reverse("invoices:new"), page | {"put": button})

    drawn = sent_by(response)
    assert drawn[field] == mended
    assert drawn["lines-0-description"] == "Cotton yarn"
    assert not Invoice.objects.exists()


REDUCED = {
    "lines-0-sale_type": "Goods at Reduced Rate",
    "lines-0-rate": "1%",
    "lines-0-sro_schedule": "EIGHTH SCHEDULE Table 1",
    "lines-0-sro_item": "82",
}


def test_a_press_empties_the_extra_tax_where_fbr_takes_none(browser):
    """The kind of supply does not ask for it: empty, the field is gone."""
    page = page_of(**REDUCED, **{"lines-0-extra_tax": "5"})
    shown = browser.post(reverse("invoices:preview"), page, headers=HTMX)
    assert 'name="put" value="lines-0-extra_tax="' in text_of(shown)

    drawn = sent_by(browser.post(reverse("invoices:new"), page | {"put": "lines-0-extra_tax="}))

    assert "lines-0-extra_tax" not in drawn
    assert drawn["lines-0-rate"] == "1%"


@pytest.mark.parametrize(
    "button", ["", "=", "lines-9-unit=KG", "lines-0-nothing=x", "csrf=x", "lines-0=x", "draft=x"]
)
def test_a_press_that_names_no_field_changes_nothing(browser, button):
    page = page_of()

    drawn = sent_by(browser.post(reverse("invoices:new"), page | {"put": button}))

    kept = {name: text for name, text in page.items() if name != "buyer"}
    assert {name: drawn[name] for name in kept} == kept


def two_lines(**changes):
    page = page_of(**{"lines-TOTAL_FORMS": "2"}) | row_of(1, quantity="100", discount="10")
    return page | changes


def test_two_lines_of_the_same_goods_are_merged_by_a_press(browser):
    shown = browser.post(reverse("invoices:preview"), two_lines(), headers=HTMX)
    assert 'name="merge_lines" value="lines-1"' in part(shown, "lines-1-problems")
    assert "tone-attention" in part(shown, "lines-1-problems")

    response = browser.post(reverse("invoices:new"), two_lines(merge_lines="lines-1"))

    drawn = sent_by(response)
    assert drawn["lines-TOTAL_FORMS"] == "1"
    assert (drawn["lines-0-quantity"], drawn["lines-0-discount"]) == ("500", "10")


def test_the_page_after_a_merging_can_take_the_place_of_the_old_one(browser):
    response = browser.post(reverse("invoices:new"), two_lines(merge_lines="lines-1"), headers=HTMX)

    assert 'id="editor"' in text_of(response)
    assert sent_by(response)["lines-0-quantity"] == "500"


@pytest.mark.parametrize(
    "changes",
    [
        {"merge_lines": "lines-0"},
        {"merge_lines": "lines-7"},
        {"merge_lines": "lines-1", "lines-1-rate": "1%"},
        {"merge_lines": "lines-1", "lines-1-quantity": "1oo"},
        {"merge_lines": "lines-1", "lines-1-unit_price": "0.005", "lines-0-unit_price": "0.005",
         "lines-0-quantity": "1", "lines-1-quantity": "1", "lines-1-discount": ""},
    ],
)  # fmt: skip
def test_lines_that_cannot_be_one_stay_as_they_were_typed(browser, changes):
    page = two_lines(**changes)

    response = browser.post(reverse("invoices:new"), page)

    drawn = sent_by(response)
    typed = {name: text for name, text in page.items() if name.startswith("lines-")}
    assert {name: drawn[name] for name in typed} == typed
    assert "cannot be one" in text_of(response)


def test_a_merging_that_would_be_refused_is_not_offered(browser):
    page = two_lines(**{f"lines-{n}-{name}": text for n in (0, 1) for name, text in (
        ("quantity", "1"), ("unit_price", "0.005"), ("discount", ""))})  # fmt: skip

    shown = browser.post(reverse("invoices:preview"), page, headers=HTMX)

    assert "same goods stand on line 1" in part(shown, "lines-1-problems")
    assert "merge_lines" not in text_of(shown)


def test_what_is_to_be_looked_at_twice_holds_nothing_up(browser):
    shown = browser.post(reverse("invoices:preview"), two_lines(), headers=HTMX)

    browser.post(reverse("invoices:new"), two_lines(issue="1"), follow=True)

    assert "Ready to issue" in text_of(shown)
    assert "One thing to look at twice" in text_of(shown)
    assert Invoice.objects.get().number


# --- long documents, and the way to a field ---------------------------------------------------


@pytest.fixture
def long_draft(inside):
    lines = [
        factories.make_line(description=f"Goods {n}") for n in range(editor_lines.FULL_UP_TO + 1)
    ]
    return factories.make_draft(factories.make_content(*lines))[0]


def test_a_long_document_is_drawn_light_and_sends_all_the_same(browser, long_draft):
    response = edit_page(browser, long_draft)

    assert 'id="id_lines-3-rate"' not in text_of(response)
    drawn = sent_by(response)
    assert (drawn["lines-3-rate"], drawn["lines-3-drawn_for"]) == (
        "18%",
        "Goods at standard rate (default)",
    )


def test_a_line_of_a_long_document_opens_with_and_without_a_script(browser, long_draft):
    page = sent_by(edit_page(browser, long_draft))
    url = reverse("invoices:edit", args=[long_draft.pk])

    whole = browser.post(url, page | {"open_line": "lines-3"})
    alone = browser.post(
        reverse("invoices:line"), page | {"line": "lines-3", "part": "detail"}, headers=HTMX
    )

    for response in (whole, alone):
        assert 'id="id_lines-3-rate"' in text_of(response)
    assert 'id="id_lines-4-rate"' not in text_of(whole)


def test_a_field_that_is_wrong_is_in_sight_in_a_long_document(browser, long_draft):
    page = sent_by(edit_page(browser, long_draft)) | {"lines-3-rate": "much", "recalculate": "1"}

    response = browser.post(reverse("invoices:edit", args=[long_draft.pk]), page)

    assert 'id="id_lines-3-rate"' in text_of(response)


@pytest.mark.parametrize("field", ["lines-3-rate", "lines-3-fed_rate", "invoice_date", "buyer"])
def test_the_editor_opens_at_a_field(browser, long_draft, field):
    response = browser.get(
        reverse("invoices:edit", args=[long_draft.pk]), {"at": field, "check": "1"}
    )

    before, _autofocus, _after = text_of(response).partition(" autofocus")
    assert before.rpartition("<")[2].find(f'name="{field}"') > 0


@pytest.mark.parametrize("field", ["", "lines-999-rate", "nothing", "lines-x-rate"])
def test_a_field_that_is_not_there_is_no_harm(browser, long_draft, field):
    response = browser.get(reverse("invoices:edit", args=[long_draft.pk]), {"at": field})

    assert response.status_code == 200
