"""The exact bytes that FBR gets: golden files, amounts to the digit, text that survives."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accounts.models import LegalEntity
from fbr import scenario_proof, scenarios
from fbr.di import document, mapping
from fbr.di.document import Document, to_bytes
from fbr.texts import plain
from invoices import tax
from invoices.enums import BuyerKind, DocumentType, SaleType
from invoices.models import Invoice, InvoiceLine
from invoices.services import assessing
from tests.fbr.fake_client import ask

D = Decimal
GOLDEN = Path(__file__).parent / "golden"
NOON = datetime(2025, 5, 10, 7, tzinfo=UTC)
TYPED = (
    *("description", "hs_code", "sale_type", "rate", "unit", "quantity", "unit_price"),
    *("sro_schedule", "sro_item", "petroleum_levy_on"),
)
SELLER_TOKEN = "golden-token-8885801"


def golden(scenario):
    return json.loads((GOLDEN / f"{scenario}.json").read_text(encoding="utf-8"))


def invoice_of(**fields):
    """The header sample of FBR's scenarios, as our own frozen document."""
    known = {
        "environment": "sandbox",
        "document_type": DocumentType.SALE_INVOICE,
        "invoice_date": date(2025, 5, 10),
        "seller_ntn_cnic": "8885801",
        "seller_name": "Company 8",
        "seller_province": "SINDH",
        "seller_address": "Karachi",
        "buyer_ntn_cnic": "2046004",
        "buyer_name": "FERTILIZER MANUFAC IRS NEW",
        "buyer_province": "SINDH",
        "buyer_address": "Karachi",
        "buyer_registration_type": BuyerKind.REGISTERED,
    }
    return Invoice(**{**known, **fields})


def line_of(**fields):
    known = {
        "description": "Sample item",
        "hs_code": "0101.2100",
        "sale_type": SaleType.STANDARD,
        "rate": "18%",
        "unit": "Numbers, pieces, units",
        "quantity": D("400.0000"),
        "unit_price": D("2.5000"),
        "value": D("1000.00"),
        "sales_tax": D("180.00"),
        "total": D("1180.00"),
    }
    return InvoiceLine(**{**known, **fields})


def parsed(invoice, *lines):
    raw = to_bytes(mapping.document_of(invoice, lines or [line_of()]))
    return json.loads(raw, parse_float=D, parse_int=D)


def written(scenario):
    """What our tax and our mapping make of a scenario, without a database."""
    entity = LegalEntity(
        ntn_cnic="8885801", activity="Wholesaler", environment="sandbox", name="Company 8"
    )
    content = scenarios.content_of(scenario, entity=entity, on=date(2025, 5, 10))
    found = assessing.assess(content, entity, at=NOON)
    party = {f"buyer_{name}": value for name, value in vars(content.buyer).items()}
    lines = [
        line_of(
            **{name: getattr(line, name) for name in TYPED},
            **{name: getattr(taxes, name) for name in (*tax.AMOUNTS, "retail_value")},
        )
        for line, taxes in zip(content.lines, found.lines, strict=True)
    ]
    invoice = invoice_of(scenario=content.scenario, **party)
    return found.problems, to_bytes(mapping.document_of(invoice, lines))


@pytest.mark.django_db
@pytest.mark.parametrize("scenario", scenarios.SCENARIOS)
def test_the_document_of_a_scenario_is_the_golden_one_to_the_byte(scenario):
    problems, body = written(scenario)

    assert problems == ()
    assert body == golden(scenario)["bytes"].encode()


@pytest.mark.parametrize("scenario", scenarios.SCENARIOS)
def test_a_golden_document_passes_rules_that_are_not_ours(golden_fbr, scenario):
    body = golden(scenario)["bytes"].encode()

    assert codes_for(golden_fbr, body) == ["00"]
    assert len(golden_fbr.ledger()["recorded"]) == 1


@pytest.mark.parametrize("scenario", scenarios.SCENARIOS)
def test_one_paisa_more_or_less_is_refused(golden_fbr, scenario):
    """Each amount that FBR can compare with others: value, tax, total, further and withheld tax."""
    body = golden(scenario)["bytes"].encode()

    refusals = {
        (field, step): codes_for(golden_fbr, changed)
        for field, step, changed in scenario_proof.changed_by_a_paisa(body)
    }

    assert len(refusals) >= 4
    assert {change for change, codes in refusals.items() if codes == ["00"]} == set()
    assert golden_fbr.ledger()["recorded"] == []


def test_a_retail_figure_that_moves_the_tax_is_refused(golden_fbr):
    body = golden("SN008")["bytes"].replace('Price":1000,', 'Price":1000.06,')

    assert codes_for(golden_fbr, body.encode()) == ["0102"]


@pytest.fixture
def golden_fbr(fake_fbr):
    fake_fbr.add_tokens([{"token": SELLER_TOKEN, "seller": "8885801", "environment": "sandbox"}])
    return fake_fbr


def codes_for(fbr, body):
    """The codes of FBR's answer, document and lines; "00" alone for a document it takes."""
    status, _, raw = ask(fbr, "POST", "/di_data/v1/di/postinvoicedata_sb", body, token=SELLER_TOKEN)
    assert status == 200
    verdict = json.loads(raw)["validationResponse"]
    rows = [verdict, *(verdict["invoiceStatuses"] or [])]
    return sorted({row["errorCode"] for row in rows if row.get("errorCode")}) or ["00"]


def test_a_golden_file_says_where_it_comes_from():
    assert all("PRAL" in golden(name)["source"] for name in scenarios.SCENARIOS)


# --- the mapping ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "scenario"),
    [
        ({}, "SN001"),
        ({"buyer_registration_type": BuyerKind.UNREGISTERED}, "SN002"),
        ({"scenario": "SN026"}, "SN026"),
        ({"scenario": "SN026", "buyer_registration_type": BuyerKind.UNREGISTERED}, "SN026"),
    ],
)
def test_the_sandbox_gets_a_scenario(fields, scenario):
    assert parsed(invoice_of(**fields))["scenarioId"] == scenario


@pytest.mark.parametrize("scenario", ["", "SN001"])
def test_production_never_gets_one(scenario):
    assert "scenarioId" not in parsed(invoice_of(environment="production", scenario=scenario))


def test_an_anonymous_buyer_has_no_number_at_all():
    anonymous = invoice_of(buyer_ntn_cnic="", buyer_registration_type=BuyerKind.UNREGISTERED)

    assert "buyerNTNCNIC" not in parsed(anonymous)


def test_a_sale_has_no_reason_and_an_empty_reference():
    body = parsed(invoice_of())

    assert body["invoiceRefNo"] == ""
    assert "reason" not in body


def test_every_amount_stands_where_it_belongs():
    line = line_of(
        quantity=D("12.5000"),
        value=D("3312.50"),
        sales_tax=D("596.25"),
        further_tax=D("132.50"),
        extra_tax=D("1.10"),
        fed=D("2.20"),
        discount=D("3.30"),
        withheld=D("596.25"),
        retail_price=D("1.10"),
        retail_value=D("4.40"),
        petroleum_levy_on="Value",
        total=D("4044.55"),
        sro_schedule="SRO.297(|)/2023",
        sro_item="12(a)",
    )

    (item,) = parsed(invoice_of(), line)["items"]

    assert item == {
        "hsCode": "0101.2100",
        "productDescription": "Sample item",
        "rate": "18%",
        "uoM": "Numbers, pieces, units",
        "quantity": D("12.5"),
        "totalValues": D("4044.55"),
        "valueSalesExcludingST": D("3312.50"),
        "fixedNotifiedValueOrRetailPrice": D("4.40"),
        "salesTaxApplicable": D("596.25"),
        "salesTaxWithheldAtSource": D("596.25"),
        "extraTax": D("1.10"),
        "furtherTax": D("132.50"),
        "sroScheduleNo": "SRO.297(|)/2023",
        "fedPayable": D("2.20"),
        "discount": D("3.30"),
        "saleType": "Goods at standard rate (default)",
        "sroItemSerialNo": "12(a)",
        "petroleumLevyOn": "Value",
    }


@pytest.mark.parametrize(
    ("sale_type", "sent"),
    [
        (SaleType.REDUCED, ""),
        (SaleType.EXEMPT, ""),
        (SaleType.ZERO, ""),
        (SaleType.COTTON, ""),
        (SaleType.STANDARD, 0),
        (SaleType.THIRD_SCHEDULE, 0),
    ],
)
def test_extra_tax_is_the_empty_text_where_fbr_demands_it(sale_type, sent):
    (item,) = parsed(invoice_of(), line_of(sale_type=sale_type))["items"]

    assert (item["extraTax"], type(item["extraTax"]) is str) == (sent, sent == "")


@pytest.mark.parametrize(("withheld", "sent"), [("0", 0), ("180.00", 180), ("36.00", 0)])
def test_fbr_hears_of_the_whole_tax_withheld_or_of_none(withheld, sent):
    (item,) = parsed(invoice_of(), line_of(withheld=D(withheld)))["items"]

    assert item["salesTaxWithheldAtSource"] == sent


@pytest.mark.parametrize(
    ("sale_type", "scenario"),
    [(SaleType.COTTON, "SN009"), (SaleType.THIRD_SCHEDULE, "SN008"), (SaleType.SIM, "SN001")],
)
def test_the_sandbox_scenario_is_that_of_the_supply(sale_type, scenario):
    assert parsed(invoice_of(), line_of(sale_type=sale_type))["scenarioId"] == scenario


def test_a_note_names_its_original_and_its_reason():
    note = invoice_of(
        document_type=DocumentType.DEBIT_NOTE,
        original_fbr_number="8885801DI1747119701593",
        reason="Return of goods",
    )

    body = parsed(note)

    assert (body["invoiceType"], body["invoiceRefNo"], body["reason"]) == (
        "Debit Note",
        "8885801DI1747119701593",
        "Return of goods",
    )


def test_lines_keep_their_order():
    lines = [line_of(description=f"Line {number}") for number in range(1, 6)]

    found = [item["productDescription"] for item in parsed(invoice_of(), *lines)["items"]]

    assert found == [f"Line {number}" for number in range(1, 6)]


def test_the_fields_stand_in_the_order_of_the_specification():
    body = parsed(invoice_of())

    assert list(body)[:2] + list(body)[-2:] == ["invoiceType", "invoiceDate", "scenarioId", "items"]


# --- numbers -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("amount", "written"),
    [
        (D(0), "0"),
        (D("0.00"), "0"),
        (D("0.10"), "0.1"),
        (D("0.01"), "0.01"),
        (D("1000.00"), "1000"),
        (D("1000"), "1000"),
        (D("596.25"), "596.25"),
        (D("0.0001"), "0.0001"),
        (D("12.5000"), "12.5"),
        (D("100.0000"), "100"),
        (D("1E+2"), "100"),
        (D("1E-4"), "0.0001"),
        (D("9999999999999.99"), "9999999999999.99"),
        (D("123456789012345678.90"), "123456789012345678.9"),
    ],
)
def test_an_amount_is_a_plain_json_number(amount, written):
    item = replace(mapping.document_of(invoice_of(), [line_of()]).items[0], quantity=amount)

    raw = to_bytes(replace(mapping.document_of(invoice_of(), [line_of()]), items=(item,)))

    assert f'"quantity":{written},'.encode() in raw


@settings(deadline=None, max_examples=60)
@given(
    st.decimals("0", "9999999999999.99", places=2, allow_nan=False, allow_infinity=False),
    st.decimals("0", "99999999999.9999", places=4, allow_nan=False, allow_infinity=False),
)
def test_a_round_trip_through_json_keeps_every_paisa(amount, quantity):
    line = line_of(value=amount, sales_tax=amount, total=amount, quantity=quantity)

    (item,) = parsed(invoice_of(), line)["items"]

    assert (item["valueSalesExcludingST"], item["quantity"]) == (amount, quantity)


def test_an_amount_that_must_be_empty_is_an_empty_text():
    whole = mapping.document_of(invoice_of(), [line_of()])

    raw = to_bytes(replace(whole, items=(replace(whole.items[0], extraTax=""),)))

    assert b'"extraTax":"",' in raw


# --- text ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ('24" pipe', "24' pipe"),
        ("C:\\yarn", "C:/yarn"),
        ("a\tb\r\nc", "a b c"),
        ("a\u0000b\u001f", "a b"),
        ("a\u2028b\u2029c", "a b c"),
        ("\u202eevil\u202c\u200e\u200f\u061c\ufeff", "evil"),
        ("cafe\u0301", "caf\u00e9"),
        ("  two   words ", "two words"),
        ("\u0633\u0648\u062a\u06cc", "\u0633\u0648\u062a\u06cc"),
        ("O'Neill & Sons <Ltd>", "O'Neill & Sons <Ltd>"),
        ("", ""),
    ],
)
def test_text_loses_what_fbrs_parser_does_not_survive(text, kept):
    assert plain(text) == kept


@pytest.mark.parametrize("field", ["seller_name", "seller_address", "buyer_name", "buyer_address"])
def test_every_text_of_a_person_is_plain(field):
    body = parsed(invoice_of(**{field: 'a "b"\\\u202ec\n'}))

    assert "a 'b'/c" in body.values()


@settings(deadline=None, max_examples=80)
@given(st.text(max_size=60))
def test_whatever_the_text_the_document_is_one_json_object(text):
    whole = mapping.document_of(invoice_of(), [line_of()])
    clean = plain(text.encode("utf-8", "replace").decode())
    item = replace(whole.items[0], productDescription=clean)

    raw = to_bytes(replace(whole, items=(item,), buyerBusinessName=clean))

    assert json.loads(raw)["items"][0]["productDescription"] == clean
    assert b"\\" not in raw
    assert b"\n" not in raw


def test_letters_are_utf_8_and_not_escaped():
    raw = to_bytes(
        mapping.document_of(invoice_of(buyer_name="\u0633\u0648\u062a\u06cc"), [line_of()])
    )

    assert "\u0633\u0648\u062a\u06cc".encode() in raw


def test_an_option_that_is_none_is_left_out():
    whole = mapping.document_of(invoice_of(), [line_of()])

    assert isinstance(whole, Document)
    assert b"reason" not in to_bytes(whole)
    assert b'"reason":"x"' in to_bytes(replace(whole, reason="x"))
    assert document.to_bytes(whole) == document.to_bytes(whole)
