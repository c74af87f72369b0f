"""A till's bill on a roll: all that FBR's sample shows, its code, and no mark before FBR's word."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from io import BytesIO
from typing import Any

import pypdf
import pytest

from invoices import pdf
from invoices.enums import REPORTED, Channel, DocumentType, State
from invoices.models import Invoice, Till
from invoices.printed import Others
from invoices.receipt import Receipt, receipt_of
from tests.invoices.test_pdf import make_entity, make_invoice, make_line, marks_in, text_of

D = Decimal
NUMBER = "966416FA2N32258532"
TEST_NUMBER = "966416FA2N32258532*test*"
MM = 72 / 25.4


def shirt(position: int = 1, **fields: Any):
    known = {
        "description": "Cotton shirt",
        "unit": "Pcs",
        "quantity": D(2),
        "unit_price": D(100),
        "value": D("200.00"),
        "sales_tax": D("36.00"),
        "total": D("236.00"),
    }
    return make_line(position, **{**known, **fields})


def bill(*lines, **fields: Any) -> Invoice:
    state = fields.get("state", State.ACCEPTED)
    known = {
        "channel": Channel.POS,
        "payment_mode": "cash",
        "fbr_number": NUMBER if state in REPORTED else "",
        "fbr_dated": "",
        "number": "INV-2026-000017",
        "buyer_name": "Walk-in",
        "buyer_ntn_cnic": "",
        "buyer_registration_type": "unregistered",
        "service_fee": D("1.00"),
    }
    return make_invoice(*(lines or (shirt(),)), **{**known, **fields})


AT_TILL = Others(
    till=Till(pos_id=817001, branch="Liberty branch", address="Shop 4, Liberty, Lahore"),
    cashier="Ayesha Khan",
    issued_at=datetime(2026, 11, 21, 9, 5, 7, tzinfo=UTC),
)


def receipt(*lines, others: Others = AT_TILL, **fields: Any) -> Receipt:
    lines = lines or (shirt(),)
    return receipt_of(bill(*lines, **fields), lines, make_entity(), others)


def printed(*lines, others: Others = AT_TILL, **fields: Any) -> str:
    return text_of(pdf.render_receipt(receipt(*lines, others=others, **fields)))


def test_the_receipt_shows_all_of_fbrs_sample_in_its_order():
    text = printed(environment="production")

    order = [
        *("Indus Steel Traders", "Liberty branch", "Shop 4, Liberty, Lahore"),
        *("STRN 3277876123452", "NTN 7000007", "POS number 817001", "Bill INV-2026-000017"),
        *("Date 21 Nov 2026", "Time 14:05:07", "Cashier Ayesha Khan", "Paid by Cash"),
        *("Buyer Walk-in", "Price excl. tax", "Rate", "Qty", "Cotton shirt"),
        *("100.00 18% 2 36.00 236.00", "Value excluding tax 200.00", "Sales tax 36.00"),
        *("Total Rs 236.00", "POS service fee 1.00", "Payable Rs 237.00"),
        *("FBR Invoice #", NUMBER, "FBR POS Invoicing System", "Tax Asaan", "9966"),
        "Software reg. no. SW-417",
    ]
    places = [text.find(words) for words in order]
    assert -1 not in places, order[places.index(-1)]
    assert places == sorted(places)


def test_the_code_holds_exactly_the_number_on_25_millimetres():
    content = pdf.render_receipt(receipt())

    (mark,) = marks_in(content)
    corner = mark.position
    across = (corner.top_right.x - corner.top_left.x) / 300 * 25.4
    assert mark.text == NUMBER
    assert across == pytest.approx(25 * 25 / 33, abs=0.3)  # the rest is its quiet zone
    assert across > 7  # the least that the rule allows


@pytest.mark.parametrize(
    "number",
    ["11000120181112000369", "141973260731175535958", TEST_NUMBER, "9329402106181682148"],
)
def test_every_form_of_number_is_marked_as_it_came(number):
    (mark,) = marks_in(pdf.render_receipt(receipt(fbr_number=number)))

    assert mark.text == number


@pytest.mark.parametrize("state", [State.QUEUED, State.SUBMITTING, State.UNCERTAIN])
def test_a_bill_that_fbr_has_not_confirmed_says_so_and_bears_no_mark(state):
    content = pdf.render_receipt(receipt(state=state))

    text = text_of(content)
    assert text.index("FBR PENDING") < text.index("RECEIPT WITHOUT FISCAL VALUE")
    assert text.index("RECEIPT WITHOUT FISCAL VALUE") < text.index("Indus Steel Traders")
    for absent in ("FBR Invoice #", "FBR POS Invoicing System", "Tax Asaan", "9966"):
        assert absent not in text
    assert marks_in(content) == []


@pytest.mark.parametrize("state", [State.DRAFT, State.REJECTED, State.VOID])
def test_a_bill_that_is_not_on_its_way_is_not_pending(state):
    text = printed(state=state)

    assert "RECEIPT WITHOUT FISCAL VALUE" in text
    assert "FBR PENDING" not in text


@pytest.mark.parametrize("state", sorted(REPORTED))
def test_a_bill_that_fbr_has_is_of_value(state):
    text = printed(state=state)

    assert "FISCAL VALUE" not in text
    assert ("CANCEL" in text) == (state != State.ACCEPTED)


@pytest.mark.parametrize("number", [NUMBER, TEST_NUMBER])
def test_a_bill_of_the_sandbox_shows_that_it_is_a_test(number):
    text = printed(environment="sandbox", fbr_number=number)

    assert text.count("*test*") == 1
    assert "SANDBOX" in text
    assert "no legal effect" in text
    assert "Scan the code" not in text


def test_a_bill_of_production_shows_no_test():
    text = printed()

    assert "*test*" not in text
    assert "SANDBOX" not in text


def test_a_named_buyer_stands_with_his_number():
    text = printed(
        buyer_name="Ravi Traders",
        buyer_ntn_cnic="3520212345671",
        buyer_registration_type="registered",
    )

    assert "Buyer Ravi Traders CNIC 35202-1234567-1 Sales tax Registered" in text


def test_nobody_in_particular_needs_no_line():
    assert "Buyer" not in printed(buyer_name="")


def test_the_price_stands_without_tax_when_it_was_typed_with_it():
    line = shirt(unit_price=D("118.00"))

    assert receipt(line, prices_include_tax=True).lines[0].price == "100.00"


def test_retail_price_discount_and_further_tax_stand_below_the_goods():
    line = shirt(
        sale_type="3rd Schedule Goods",
        retail_price=D("118.00"),
        retail_value=D("200.00"),
        discount=D("4.00"),
        further_tax=D("8.00"),
        further_tax_why="charged",
    )

    text = printed(line)

    for words in (
        "Third Schedule goods",
        "Retail price 118.00, value at it 200.00",
        "Discount 4.00, taken off",
        "Further tax 8.00 Customer is not registered",
        "Discount, taken off already 4.00",
    ):
        assert words in text


def test_without_a_fee_there_is_no_line_for_it():
    text = printed(service_fee=D("0.00"))

    assert "service fee" not in text
    assert "Payable Rs 236.00" in text


def test_a_return_names_the_bill_that_it_takes_back():
    sold = Invoice(number="INV-2026-000003", invoice_date=date(2026, 11, 20))
    others = Others(till=AT_TILL.till, original=sold)

    text = printed(
        others=others,
        document_type=DocumentType.CREDIT_NOTE,
        original_id=sold.pk,
        service_fee=D("0.00"),
        reason="Return of goods",
    )

    assert "Of bill INV-2026-000003" in text
    assert "Reason Return of goods" in text
    assert "Given back Rs 236.00" in text
    assert "Credit Note" in text


def test_the_roll_is_80_millimetres_wide_and_ends_with_its_words():
    def sheet(*lines):
        pages = pypdf.PdfReader(BytesIO(pdf.render_receipt(receipt(*lines)))).pages
        assert len(pages) == 1
        return pages[0].mediabox

    short = sheet(shirt())
    long = sheet(*(shirt(position) for position in range(1, 61)))

    assert short.width == pytest.approx(80 * MM, abs=0.5)
    assert 100 * MM < short.height < 220 * MM
    assert long.height > short.height + 59 * 8 * MM


def test_a_bill_longer_than_a_roll_is_printed_whole():
    lines = [shirt(position) for position in range(1, 501)]

    text = text_of(pdf.render_receipt(receipt(*lines)))

    assert text.count("Cotton shirt") == 500
    assert NUMBER in text


def test_markup_in_a_field_is_printed_literally():
    lure = "</td><h1>Paid</h1>{{ settings.SECRET_KEY }}"

    text = printed(shirt(description=lure), buyer_name=lure, seller_name=lure)

    assert text.replace(" ", "").count(lure.replace(" ", "")) == 3
