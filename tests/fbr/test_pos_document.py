"""The exact bytes of a till's bill: golden files, sums, codes, ways to pay, what stays at home."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fbr.pos import mapping
from fbr.pos.document import to_bytes
from fbr.pos.mapping import Counter
from invoices import rates, tax
from invoices.enums import DocumentType, PaymentMode, SaleType
from invoices.models import Invoice, InvoiceLine, PosTerms
from tests.fbr import fake_pos

D = Decimal
GOLDEN = Path(__file__).parent / "golden_pos"
AT = datetime(2026, 11, 20, 9, 4, 5, tzinfo=UTC)  # 14:04:05 in Karachi
DAY = date(2026, 11, 20)
YARN = uuid4()


def golden(name):
    return json.loads((GOLDEN / f"{name}.json").read_text(encoding="utf-8"))


def bill_of(**fields):
    known = {
        "document_type": DocumentType.SALE_INVOICE,
        "number": "INV-2026-000007",
        "invoice_date": DAY,
        "payment_mode": PaymentMode.CASH,
        "service_fee": D("0.00"),
    }
    return Invoice(**{**known, **fields})


def line_of(**fields):
    """12.5 kg at Rs 265: the sample arithmetic of FBR's other system."""
    known = {
        "description": "Cotton yarn",
        "hs_code": "5205.1100",
        "sale_type": SaleType.STANDARD,
        "rate": "18%",
        "unit": "KG",
        "quantity": D("12.5000"),
        "unit_price": D("265.0000"),
        "discount": D("0.00"),
        "value": D("3312.50"),
        "sales_tax": D("596.25"),
        "further_tax": D("0.00"),
        "total": D("3908.75"),
    }
    return InvoiceLine(**{**known, **fields})


SOAP = {
    "description": "Soap, bar of 100 g",
    "hs_code": "3401.1100",
    "sale_type": SaleType.THIRD_SCHEDULE,
    "quantity": D("3.0000"),
    "unit_price": D("95.0000"),
    "value": D("285.00"),
    "retail_price": D("118.00"),
    "retail_value": D("300.00"),
    "sales_tax": D("54.00"),
    "total": D("339.00"),
}
CHEAPER = {
    "discount": D("12.50"),
    "value": D("3300.00"),
    "sales_tax": D("594.00"),
    "total": D("3894.00"),
}


def counter_of(**fields):
    terms = PosTerms(**fields.pop("terms", {}))
    return Counter(**{"pos_id": 817001, "terms": terms, **fields})


def document_of(invoice=None, *lines, **fields):
    return mapping.document_of(
        invoice or bill_of(), lines or [line_of()], counter_of(**fields), at=AT
    )


def parsed(invoice=None, *lines, **fields):
    return json.loads(to_bytes(document_of(invoice, *lines, **fields)), parse_float=D, parse_int=D)


BUYER = {"buyer_name": "Sample Traders", "buyer_ntn_cnic": "2046004"}
CASES = {
    "new_bill": (bill_of(**BUYER), [line_of(product_id=YARN), line_of(**CHEAPER)], {}),
    "third_schedule": (bill_of(), [line_of(**SOAP)], {}),
    "return": (
        bill_of(document_type=DocumentType.CREDIT_NOTE, number="INV-CN-2026-000001"),
        [line_of(**CHEAPER), line_of(**SOAP)],
        {"original_number": "INV-2026-000007"},
    ),
    "gross_line": (bill_of(), [line_of(**CHEAPER)], {"terms": {"amounts": "gross_line"}}),
    "fee_printed": (
        bill_of(service_fee=D("1.00")),
        [line_of()],
        {"terms": {"service_fee": "printed"}},
    ),
    "fee_in_bill": (
        bill_of(service_fee=D("1.00")),
        [line_of()],
        {"terms": {"service_fee": "in_bill"}},
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_bill_is_the_golden_one_to_the_byte(name):
    invoice, lines, about = CASES[name]

    written = to_bytes(document_of(invoice, *lines, item_codes={YARN: "YARN-20S"}, **about))

    assert written == golden(name)["bytes"].encode()


@pytest.mark.parametrize("name", CASES)
def test_a_golden_bill_passes_rules_that_are_not_ours(fake_fbr, name):
    if name == "gross_line":
        fake_fbr.behave(pos_amounts="gross_line")
    first = [golden("new_bill")["bytes"]] if name == "return" else []

    answers = [fake_pos.post(fake_fbr, each.encode()) for each in [*first, golden(name)["bytes"]]]

    assert [
        (status, json.loads(raw)["Code"]) for status, raw in answers if "100" not in str(raw)
    ] == []
    assert len(fake_fbr.ledger()["recorded"]) == len(answers)


def test_a_golden_file_says_where_it_comes_from():
    assert sorted(path.stem for path in GOLDEN.glob("*.json")) == sorted(CASES)
    assert all("Software Fiscal Component" in golden(name)["source"] for name in CASES)


# --- the head ------------------------------------------------------------------------------------


def test_the_boxes_stand_in_the_order_of_the_specification():
    found = parsed(bill_of(**BUYER))

    assert list(found)[:5] == ["InvoiceNumber", "POSID", "USIN", "RefUSIN", "DateTime"]
    assert list(found)[-3:] == ["PaymentMode", "InvoiceType", "Items"]
    assert (found["InvoiceNumber"], found["POSID"], found["RefUSIN"]) == ("", 817001, None)


def test_the_moment_is_pakistans():
    late = datetime(2026, 11, 20, 20, 30, 1, tzinfo=UTC)  # 01:30 on the 21st in Karachi
    invoice = bill_of(invoice_date=date(2026, 11, 21))

    found = mapping.document_of(invoice, [line_of()], counter_of(), at=late)

    assert found.DateTime == "2026-11-21 01:30:01"


def test_a_bill_that_is_issued_later_keeps_its_own_day():
    found = document_of(bill_of(invoice_date=date(2026, 11, 18)))

    assert found.DateTime == "2026-11-18 14:04:05"


@pytest.mark.parametrize(
    ("fields", "boxes"),
    [
        ({}, {}),
        ({"buyer_name": "Ali"}, {"BuyerName": "Ali"}),
        (BUYER, {"BuyerName": "Sample Traders", "BuyerNTN": "2046004"}),
        ({"buyer_ntn_cnic": "3520212345671"}, {"BuyerCNIC": "3520212345671"}),
        ({"buyer_name": "\u202e \u200f"}, {}),
        ({"buyer_name": "x" * 149 + " yz"}, {"BuyerName": "x" * 149}),
        ({"buyer_name": 'a "b"\\c\n'}, {"BuyerName": "a 'b'/c"}),
    ],
)
def test_the_customer_is_told_as_far_as_there_is_one(fields, boxes):
    found = parsed(bill_of(**fields))

    assert {name: value for name, value in found.items() if name.startswith("Buyer")} == boxes


def test_nothing_else_of_the_customer_leaves():
    theirs = {"buyer_address": "Karachi 74000", "buyer_province": "SINDH", "client_reference": "K"}

    assert set(parsed(bill_of(**theirs))) == set(parsed())


@pytest.mark.parametrize(
    ("mode", "number"),
    [
        ("cash", 1),
        ("card", 2),
        ("gift_voucher", 3),
        ("loyalty_card", 4),
        ("mixed", 5),
        ("cheque", 6),
        ("bank", 2),
        ("credit", 1),
    ],
)
def test_each_way_to_pay_has_its_number(mode, number):
    assert parsed(bill_of(payment_mode=mode))["PaymentMode"] == number


def test_every_way_to_pay_is_known():
    terms = PosTerms()

    assert {mapping.mode_of(mode, terms) for mode in PaymentMode.values} == set(range(1, 7))


def test_the_business_says_what_bank_and_credit_are_told_as():
    terms = {"bank_as": 5, "credit_as": 6}

    assert parsed(bill_of(payment_mode="bank"), terms=terms)["PaymentMode"] == 5
    assert parsed(bill_of(payment_mode="credit"), terms=terms)["PaymentMode"] == 6


# --- the lines -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("document_type", "sale_type", "kind"),
    [
        (DocumentType.SALE_INVOICE, SaleType.STANDARD, 1),
        (DocumentType.SALE_INVOICE, SaleType.THIRD_SCHEDULE, 11),
        (DocumentType.CREDIT_NOTE, SaleType.STANDARD, 3),
        (DocumentType.CREDIT_NOTE, SaleType.THIRD_SCHEDULE, 12),
    ],
)
def test_the_type_of_a_line_follows_bill_and_goods(document_type, sale_type, kind):
    found = parsed(bill_of(document_type=document_type), line_of(sale_type=sale_type))

    assert found["Items"][0]["InvoiceType"] == kind
    assert found["InvoiceType"] == (3 if document_type == DocumentType.CREDIT_NOTE else 1)


def test_a_return_names_its_bill_on_the_head_and_on_each_line():
    invoice = bill_of(document_type=DocumentType.CREDIT_NOTE)

    found = parsed(invoice, line_of(), line_of(), original_number="INV-2026-000003")

    assert found["RefUSIN"] == "INV-2026-000003"
    assert [item["RefUSIN"] for item in found["Items"]] == ["INV-2026-000003"] * 2


@pytest.mark.parametrize(
    ("rate", "told"),
    [("18%", 18), ("8.5%", D("8.5")), ("0%", 0), ("Exempt", 0), ("1.43%", D("1.43"))],
)
def test_the_rate_is_a_number(rate, told):
    (item,) = parsed(None, line_of(rate=rate))["Items"]

    assert item["TaxRate"] == told


def test_a_tariff_code_loses_its_dot_and_keeps_its_zeros():
    (item,) = parsed(None, line_of(hs_code="0101.2100"))["Items"]

    assert item["PCTCode"] == "01012100"


def test_goods_without_a_code_get_the_usual_one():
    (item,) = parsed(None, line_of(hs_code=""), terms={"usual_pct_code": "98211000"})["Items"]

    assert item["PCTCode"] == "98211000"


def test_goods_typed_by_hand_have_a_code_that_is_always_theirs():
    first, again, other = (
        parsed(None, line_of(description=name))["Items"][0]["ItemCode"]
        for name in ("Soap bar", "soap  BAR", "Soap bar 2")
    )

    assert first == again != other
    assert first.startswith("52051100-")
    assert len(first) <= 50


def test_a_products_code_is_used_as_it_is():
    line = line_of(product_id=YARN)

    assert mapping.code_of(line, "52051100", {YARN: "YARN-20S"}) == "YARN-20S"
    assert mapping.code_of(line, "52051100", {}).startswith("52051100-")


def test_a_long_description_is_cut_to_its_box():
    (item,) = parsed(None, line_of(description="x" * 149 + " and more"))["Items"]

    assert item["ItemName"] == "x" * 149


# --- sums ----------------------------------------------------------------------------------------

SUMS = {
    "TotalSaleValue": "SaleValue",
    "TotalQuantity": "Quantity",
    "TotalTaxCharged": "TaxCharged",
    "Discount": "Discount",
    "FurtherTax": "FurtherTax",
    "TotalBillAmount": "TotalAmount",
}


def amounts(most="9999999.99"):
    return st.decimals("0.01", most, places=2, allow_nan=False, allow_infinity=False)


@st.composite
def sold(draw):
    """A line as the tax of the house computes it."""
    percent = draw(st.sampled_from(["18%", "8.5%", "0%", "1.43%", "25%"]))
    inclusive = draw(st.booleans())
    quantity = draw(st.decimals("0.0001", "9999", places=4, allow_nan=False, allow_infinity=False))
    price = draw(st.decimals("1", "99999", places=4, allow_nan=False, allow_infinity=False))
    supply = tax.Supply(
        sale_type=SaleType.STANDARD,
        rate=rates.parse(percent),
        quantity=quantity,
        unit_price=price,
        discount=draw(st.sampled_from([D(0), D("0.05"), D("1.10")])),
        further_tax=draw(st.sampled_from([D(0), D("4.40")])),
    )
    found = tax.of_line(supply, tax.Terms(on=DAY, buyer_kind="", inclusive=inclusive))
    return line_of(
        rate=percent,
        quantity=quantity,
        discount=found.discount,
        value=found.value,
        sales_tax=found.sales_tax,
        further_tax=found.further_tax,
        total=found.total,
    )


@settings(deadline=None, max_examples=60)
@given(st.lists(sold(), min_size=1, max_size=8), st.sampled_from(["net_line", "gross_line"]))
def test_the_head_is_the_sum_of_its_lines(lines, way):
    found = parsed(None, *lines, terms={"amounts": way})

    assert {name: found[name] for name in SUMS} == {
        name: sum(item[part] for item in found["Items"]) for name, part in SUMS.items()
    }


@settings(deadline=None, max_examples=60)
@given(sold())
def test_before_the_discount_is_after_it_and_the_discount(line):
    (net,) = parsed(None, line)["Items"]
    (gross,) = parsed(None, line, terms={"amounts": "gross_line"})["Items"]

    assert gross["SaleValue"] - gross["Discount"] == net["SaleValue"] == line.value
    assert {**gross, "SaleValue": 0} == {**net, "SaleValue": 0}


@settings(deadline=None, max_examples=60)
@given(amounts(), amounts())
def test_a_round_trip_through_json_keeps_every_paisa(value, tax_charged):
    line = line_of(value=value, sales_tax=tax_charged, total=value + tax_charged)

    (item,) = parsed(None, line)["Items"]

    assert (item["SaleValue"], item["TaxCharged"]) == (value, tax_charged)
    assert item["TotalAmount"] == value + tax_charged


@pytest.mark.parametrize(
    ("way", "fee", "more"),
    [("none", 0, 0), ("printed", 1, 0), ("in_bill", 1, 1), ("in_bill", 0, 0)],
)
def test_the_fee_stands_where_the_business_wants_it(way, fee, more):
    found = parsed(bill_of(service_fee=D(fee)), terms={"service_fee": way})

    assert found["TotalBillAmount"] - found["Items"][0]["TotalAmount"] == more
    assert found["TotalSaleValue"] == found["Items"][0]["SaleValue"]


@settings(deadline=None, max_examples=80)
@given(st.text(max_size=60))
def test_whatever_the_text_the_bill_is_one_json_object(text):
    clean = text.encode("utf-8", "replace").decode()

    raw = to_bytes(document_of(bill_of(buyer_name=clean), line_of(description=clean)))

    assert json.loads(raw)["Items"][0]["ItemCode"]
    assert b"\\" not in raw
    assert b"\n" not in raw


def test_numbers_are_no_texts_and_nothing_is_said_twice():
    raw = to_bytes(replace(document_of(), USIN="A-1"))

    assert b'"POSID":817001,"USIN":"A-1","RefUSIN":null,' in raw
    assert b'"SaleValue":3312.5,' in raw
    names = [name for name, _ in json.loads(raw, object_pairs_hook=list)]
    assert len(names) == len(set(names))
