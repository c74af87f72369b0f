"""The rules of the fake FBR, each with a body that breaks it."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from fbr.fake import FakeFbr, Manners
from tests.fbr.fake_client import (
    GONE,
    NOON,
    POST,
    PRODUCTION,
    PRODUCTION_TOKEN,
    SANDBOX_TOKEN,
    ask,
    codes,
    dumps,
    invoice,
    item,
    send,
)

REDUCED = {
    "saleType": "Goods at Reduced Rate",
    "rate": "1%",
    "salesTaxApplicable": 10,
    "extraTax": "",
    "sroScheduleNo": "EIGHTH SCHEDULE Table 1",
    "sroItemSerialNo": "82",
}
PETROLEUM = {
    "saleType": "Petroleum Products",
    "sroScheduleNo": "1450(I)/2021",
    "sroItemSerialNo": "4",
}
NOTE = {"invoiceType": "Debit Note", "invoiceRefNo": "7000007DI1", "reason": "Return of goods"}


@pytest.fixture
def fbr():
    with FakeFbr(seed=1, clock=lambda: NOON) as fake:
        yield fake


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"sellerNTNCNIC": "7000008"}, "0401"),
        ({"sellerNTNCNIC": GONE}, "0401"),
        ({"invoiceType": ""}, "0011"),
        ({"invoiceType": "Credit Note"}, "0003"),
        ({"invoiceType": "Sales Invoice"}, "0003"),
        ({"invoiceDate": ""}, "0042"),
        ({"invoiceDate": "21-Nov-2026"}, "0005"),
        ({"invoiceDate": "2026-11-21T00:00:00"}, "0005"),
        ({"invoiceDate": "2026-11-31"}, "0005"),
        ({"invoiceDate": "2026-11-22"}, "0043"),
        ({"sellerProvince": "LAHORE"}, "0073"),
        ({"buyerProvince": GONE}, "0074"),
        ({"buyerBusinessName": " "}, "0010"),
        ({"buyerRegistrationType": GONE}, "0012"),
        ({"buyerRegistrationType": "registered"}, "0053"),
        ({"buyerRegistrationType": "Unregistered"}, "0053"),
        ({"buyerNTNCNIC": "1234567"}, "0053"),
        ({"buyerNTNCNIC": GONE}, "0009"),
        ({"buyerNTNCNIC": "", "buyerRegistrationType": "Unregistered"}, "0002"),
        ({"buyerNTNCNIC": "2046004-1"}, "0002"),
        ({"buyerNTNCNIC": "20460041"}, "0002"),
        ({"buyerNTNCNIC": "204600412"}, "0402"),
        ({"scenarioId": "SN001"}, "0203"),
        ({"scenarioId": ""}, "0203"),
        (NOTE | {"invoiceRefNo": ""}, "0026"),
        (NOTE | {"invoiceRefNo": "-7000007"}, "0088"),
        (NOTE | {"reason": GONE}, "0027"),
        (NOTE | {"reason": "Others"}, "0028"),
        (NOTE | {"buyerNTNCNIC": GONE, "buyerRegistrationType": "Unregistered"}, "0106"),
        (NOTE, "0057"),
    ],
)
def test_a_wrong_header_is_refused_as_a_whole(fbr, changes, code):
    answer = send(fbr, invoice(**changes))

    assert answer == {
        "dated": "2026-11-21 12:00:00",
        "validationResponse": {
            "statusCode": "01",
            "status": "Invalid",
            "errorCode": code,
            "error": answer["validationResponse"]["error"],
            "invoiceStatuses": None,
        },
    }
    assert answer["validationResponse"]["error"]
    assert fbr.ledger()["recorded"] == []


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({}, "0203"),
        ({"scenarioId": "SN099"}, "0203"),
        ({"scenarioId": "SN001", "buyerNTNCNIC": GONE}, "0205"),
        ({"scenarioId": "SN001", "buyerNTNCNIC": "1234567"}, "0205"),
        ({"scenarioId": "SN008"}, ["0204"]),
        ({"scenarioId": "SN001"}, [""]),
    ],
)
def test_the_sandbox_wants_a_scenario_that_fits(fbr, changes, code):
    assert codes(send(fbr, invoice(**changes), POST, SANDBOX_TOKEN)) == code


@pytest.mark.parametrize(
    "changes",
    [
        {"buyerNTNCNIC": GONE, "buyerRegistrationType": "Unregistered"},
        {"buyerNTNCNIC": "0" * 13, "buyerRegistrationType": "Unregistered"},
        {"buyerNTNCNIC": "A123456"},
        {"invoiceDate": "2026-01-31"},
        {"invoiceRefNo": "SO 1/2", "dataSource": "", "additional1": ""},
    ],
)
def test_what_fbr_lets_pass_passes(fbr, changes):
    assert codes(send(fbr, invoice(**changes))) == [""]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"hsCode": GONE}, "0019"),
        ({"hsCode": "01012100"}, "0044"),
        ({"hsCode": "0000.0000"}, "0044"),
        ({"hsCode": "0101.9999"}, "0044"),
        ({"saleType": GONE}, "0013"),
        ({"saleType": " 3rd Schedule Goods "}, "0013"),
        ({"saleType": "Goods at Standard Rate (default)"}, "0013"),
        ({"rate": ""}, "0020"),
        ({"rate": "19%"}, "0046"),
        ({"rate": "18 %"}, "0046"),
        ({"rate": "Exempt"}, "0046"),
        ({"quantity": GONE}, "0098"),
        ({"quantity": 0}, "0098"),
        ({"quantity": -1}, "0300"),
        ({"quantity": "1"}, "0300"),
        ({"totalValues": GONE}, "0300"),
        ({"totalValues": "#1180.123"}, "0302"),
        ({"totalValues": "#1180.01"}, "0300"),
        ({"furtherTax": "#40.01"}, "0300"),
        ({"fixedNotifiedValueOrRetailPrice": 1000}, "0300"),
        ({"valueSalesExcludingST": GONE}, "0021"),
        ({"valueSalesExcludingST": 0}, "0300"),
        ({"valueSalesExcludingST": None}, "0300"),
        ({"valueSalesExcludingST": True}, "0300"),
        ({"valueSalesExcludingST": "#10000000000000000"}, "0300"),
        ({"salesTaxApplicable": GONE}, "0018"),
        ({"salesTaxWithheldAtSource": GONE}, "0022"),
        ({"furtherTax": GONE}, "0300"),
        ({"furtherTax": None}, "0300"),
        ({"extraTax": GONE}, "0300"),
        ({"extraTax": None}, "0300"),
        ({"extraTax": -1}, "0300"),
        ({"fedPayable": None}, "0300"),
        ({"discount": "#0.001"}, "0302"),
        ({"uoM": GONE}, "0099"),
        ({"uoM": "numbers, pieces, units"}, "0099"),
        ({"uoM": "KG"}, "0099"),
        ({"hsCode": "2716.0000"}, "0096"),
        ({"salesTaxApplicable": "#179.99"}, "0104"),
        ({"salesTaxApplicable": "#180.01"}, "0104"),
        ({"salesTaxWithheldAtSource": 36}, "0008"),
        (REDUCED | {"extraTax": 0}, "0091"),
        (REDUCED | {"sroScheduleNo": ""}, "0077"),
        (REDUCED | {"sroScheduleNo": "8th"}, "0077"),
        (REDUCED | {"sroItemSerialNo": ""}, "0078"),
        (
            REDUCED
            | {"rate": "5%", "valueSalesExcludingST": "#20000.01", "salesTaxApplicable": 1000},
            "0079",
        ),
        ({"saleType": "3rd Schedule Goods"}, "0090"),
        (PETROLEUM, "0129"),
        ({"saleType": "Steel melting and re-rolling", "hsCode": "7214.1010", "uoM": "KG"}, "0062"),
    ],
)
def test_a_wrong_line_is_refused_at_its_place(fbr, changes, code):
    answer = send(fbr, invoice(item(productDescription="Good"), item(**changes)))

    outer = answer["validationResponse"]
    assert "invoiceNumber" not in answer
    assert (outer["statusCode"], outer["status"], outer["error"]) == ("00", "invalid", "")
    good, bad = outer["invoiceStatuses"]
    assert (good["statusCode"], good["errorCode"], bad["statusCode"]) == ("00", "", "01")
    assert (bad["errorCode"], bad["invoiceNo"]) == (code, None)
    assert fbr.ledger()["recorded"] == []


@pytest.mark.parametrize(
    ("given", "due", "code"),
    [
        ({}, "180", "0104"),
        ({"valueSalesExcludingST": "#3312.50"}, "596.25", "0104"),
        ({"valueSalesExcludingST": "#0.25"}, "0.05", "0104"),
        ({"valueSalesExcludingST": 1234}, "222.12", "0104"),
        (REDUCED | {"valueSalesExcludingST": "#99.01"}, "0.99", "0104"),
        (
            {
                "saleType": "3rd Schedule Goods",
                "quantity": 100,
                "valueSalesExcludingST": "#847.46",
                "fixedNotifiedValueOrRetailPrice": 1000,
            },
            "180",
            "0102",
        ),
        ({"saleType": "Cement /Concrete Block", "rate": "Rs.3", "quantity": 12}, "36", "0105"),
        (
            {
                "saleType": "CNG Sales",
                "rate": "Rs.200",
                "quantity": "#1.2345",
                "sroScheduleNo": "581(1)/2024",
                "sroItemSerialNo": "Region-I",
            },
            "246.90",
            "0105",
        ),
        (
            {
                "saleType": "Potassium Chlorate",
                "rate": "18% along with rupees 60 per kilogram",
                "hsCode": "3104.2000",
                "uoM": "KG",
                "valueSalesExcludingST": 100,
                "sroScheduleNo": "EIGHTH SCHEDULE Table 1",
                "sroItemSerialNo": "56",
            },
            "78",
            "0103",
        ),
        (
            {
                "saleType": "Goods (FED in ST Mode)",
                "rate": "18% and Rs. 80 per Liter",
                "hsCode": "2202.1010",
                "uoM": "Liter",
                "quantity": 2,
            },
            "340",
            "0105",
        ),
        (
            {
                "saleType": "Exempt goods",
                "rate": "Exempt",
                "extraTax": "",
                "sroScheduleNo": "6th Schd Table I",
                "sroItemSerialNo": "100",
            },
            "0",
            "0104",
        ),
    ],
)
def test_the_tax_is_right_to_the_paisa(fbr, given, due, code):
    off = str(Decimal(due) + Decimal("0.01"))

    answers = [
        send(fbr, invoice(item(**given | {"salesTaxApplicable": f"#{tax}"}))) for tax in (due, off)
    ]

    assert [codes(answer) for answer in answers] == [[""], [code]]


def test_the_whole_sales_tax_may_be_withheld_by_a_registered_buyer_only(fbr):
    line = item(salesTaxWithheldAtSource=180)
    stranger = {"buyerNTNCNIC": GONE, "buyerRegistrationType": "Unregistered"}

    assert codes(send(fbr, invoice(line))) == [""]
    assert codes(send(fbr, invoice(line, **stranger))) == ["0070"]


def test_nobody_invoices_himself(fbr):
    assert codes(send(fbr, invoice(buyerNTNCNIC="7000007"))) == ["0058"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{",
        b"\xff",
        b'{"a": NaN}',
        dumps(invoice(items=[])).encode(),
        dumps(invoice(sellerAddress=GONE)).encode(),
        dumps(invoice(invoiceType=1)).encode(),
        dumps(invoice(item(productDescription='5" pipe'))).encode(),
        dumps(invoice()).replace('"items"', '"items": [], "items"').encode(),
    ],
)
def test_what_is_no_invoice_is_a_bad_request(fbr, body):
    assert ask(fbr, "POST", PRODUCTION, body, PRODUCTION_TOKEN)[0] == 400
    assert fbr.summary()["recorded"] == 0


def test_an_exponent_is_no_plain_number(fbr):
    line = item(valueSalesExcludingST="#1e3")

    assert codes(send(fbr, invoice(line))) == ["0300"]


def test_debit_notes_stay_within_their_invoice(fbr):
    number = send(fbr, invoice(invoiceDate="2026-05-26"))["invoiceNumber"]
    note = NOTE | {"invoiceRefNo": number}
    half = item(valueSalesExcludingST=500, salesTaxApplicable=90)
    small = item(valueSalesExcludingST="#500.01", salesTaxApplicable=90)

    assert codes(send(fbr, invoice(half, **note, invoiceDate="2026-05-25"))) == "0035"
    assert codes(send(fbr, invoice(half, **note, invoiceDate="2026-11-22"))) == "0043"
    assert codes(send(fbr, invoice(half, **note))) == [""]
    assert codes(send(fbr, invoice(small, **note))) == "0036"
    assert codes(send(fbr, invoice(half, **note))) == [""]
    assert codes(send(fbr, invoice(half, **note))) == "0036"
    old = send(fbr, invoice(invoiceDate="2026-05-24"))["invoiceNumber"]
    assert codes(send(fbr, invoice(half, **NOTE | {"invoiceRefNo": old}))) == "0034"


def test_the_manners_of_fbr_can_be_chosen():
    manners = Manners(outer="01", dates_by_utc=True, strict_register=True)
    after_midnight = datetime(2026, 11, 21, 20, 0, tzinfo=UTC)
    tomorrow = invoice(invoiceDate="2026-11-22")

    with FakeFbr(manners=manners, clock=lambda: after_midnight) as fbr:
        assert codes(send(fbr, tomorrow)) == "0043"
        refused = send(fbr, invoice(item(hsCode="")))["validationResponse"]
        assert (refused["statusCode"], refused["status"]) == ("01", "invalid")
        assert codes(send(fbr, invoice(buyerNTNCNIC="5555555"))) == "0053"
    with FakeFbr(clock=lambda: after_midnight) as fbr:
        assert codes(send(fbr, tomorrow)) == [""]
        assert codes(send(fbr, invoice(buyerNTNCNIC="5555555"))) == [""]
