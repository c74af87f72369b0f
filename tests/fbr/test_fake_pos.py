"""The POS service of the fake FBR: its rules, its answers, its ledger, its faults."""

import json
from collections import Counter

import pytest

from fbr.fake import FakeFbr, Manners
from fbr.fake.manners import BadManner
from tests.fbr.fake_client import GONE, NOON, ask, control, dumps, get, invoice
from tests.fbr.fake_client import POST as DI_POST
from tests.fbr.fake_client import SANDBOX_TOKEN as DI_TOKEN
from tests.fbr.fake_pos import (
    PRODUCTION,
    PRODUCTION_TOKEN,
    SANDBOX,
    SANDBOX_TOKEN,
    article,
    bill,
    post,
)

CREDIT = {"InvoiceType": 3, "RefUSIN": "B-1"}
TILL = {"seller": "7000007", "environment": "sandbox", "channel": "pos"}


@pytest.fixture
def fbr():
    with FakeFbr(seed=1, clock=lambda: NOON) as fake:
        yield fake


def answer(fbr, body, *where):
    status, raw = post(fbr, body, *where)
    assert status == 200
    return json.loads(raw)


def number_of(document):
    return str(document.get("InvoiceNumber") or document.get("FBRInvoiceNumber"))


def refusal(document):
    return int(document["Code"]), document["InvoiceNumber"], document["Errors"]


def test_a_bill_is_recorded_byte_by_byte(fbr):
    body = dumps(bill())

    document = answer(fbr, body.encode())

    book = get(fbr, "/_ledger")
    (request,), (recorded,) = book["requests"], book["recorded"]
    assert int(document["Code"]) == 100
    assert recorded["number"] == number_of(document) == request["number"]
    assert recorded["body"] == body
    assert recorded["body_sha256"] == request["body_sha256"]
    known = {"kind": "pos", "environment": "sandbox", "seller": "7000007"}
    known |= {"pos_id": 817001, "usin": "B-1"}
    assert known.items() <= request.items()
    assert known.items() <= recorded.items()
    assert get(fbr, "/_ledger?summary=1")["by_kind"] == {"pos": 1}


def test_the_same_usin_twice_is_recorded_twice(fbr):
    numbers = {number_of(answer(fbr, bill())) for _ in range(2)}

    assert len(numbers) == 2
    assert [row["usin"] for row in fbr.ledger()["recorded"]] == ["B-1", "B-1"]


@pytest.mark.parametrize(
    ("manners", "expected"),
    [
        (
            {"pos_number": "letters", "pos_answer": "component", "pos_code": "text"},
            {
                "InvoiceNumber": "817001FKOL00{serial}*test*",
                "Code": "100",
                "Response": "Fiscal Invoice Number generated successfully.",
                "Errors": None,
            },
        ),
        (
            {"pos_number": "20_digits", "pos_answer": "text", "pos_code": "int"},
            {
                "Code": 100,
                "FBRInvoiceNumber": "81700120261121{serial}",
                "Response": "Invoice received successfully",
            },
        ),
        (
            {"pos_number": "21_digits", "pos_answer": "text", "pos_code": "text"},
            {
                "Code": "100",
                "FBRInvoiceNumber": "817001261121120000{serial}",
                "Response": "Invoice received successfully",
            },
        ),
    ],
)
def test_the_form_of_an_answer_can_be_chosen(fbr, manners, expected):
    assert control(fbr, "/_manners", manners)[0] == 200

    document = answer(fbr, bill())

    key = "InvoiceNumber" if "InvoiceNumber" in expected else "FBRInvoiceNumber"
    before, _, after = expected[key].partition("{serial}")
    number = document[key]
    assert (number.startswith(before), number.endswith(after)) == (True, True)
    assert document == expected | {key: number}
    assert fbr.ledger()["recorded"][0]["number"] == number


def test_a_bare_integer_keeps_all_its_digits(fbr):
    fbr.behave(pos_answer="integer")

    _, raw = post(fbr, bill())

    number = fbr.ledger()["recorded"][0]["number"]
    assert len(number) == 20
    assert f'"FBRInvoiceNumber":{number},'.encode() in raw


def test_left_alone_fbr_varies_number_and_answer(fbr):
    documents = [answer(fbr, bill()) for _ in range(10)]

    forms = Counter(
        (
            "InvoiceNumber" in document,
            type(document.get("FBRInvoiceNumber")).__name__,
            "*test*" in number_of(document),
            type(document["Code"]).__name__,
        )
        for document in documents
    )
    assert len(forms) == 10
    assert len({number_of(document) for document in documents}) == 10


def test_a_production_number_bears_no_test_mark(fbr):
    fbr.behave(pos_number="letters")

    document = answer(fbr, bill(POSID=917001), PRODUCTION, PRODUCTION_TOKEN)

    assert number_of(document).startswith("917001FKOL00")
    assert "*test*" not in number_of(document)


@pytest.mark.parametrize(
    ("manners", "words"),
    [
        ({"pos_number": "roman"}, "20_digits"),
        ({"pos_number": 1}, "pos_number (str)"),
        ({"temper": "bad"}, "Known"),
        ({"dates_by_utc": "yes"}, "dates_by_utc (bool)"),
        ({"pos_number": "letters", "pos_answer": "integer"}, "letters"),
        ([], "object"),
    ],
)
def test_a_manner_that_fbr_does_not_have_changes_nothing(fbr, manners, words):
    status, answered = control(fbr, "/_manners", manners)

    assert status == 400
    assert words in answered["error"]
    assert get(fbr, "/_manners") == Manners().as_json()


def test_manners_are_checked_in_a_program_too():
    with pytest.raises(BadManner):
        Manners(outer="02")


@pytest.mark.parametrize(
    ("path", "token", "status", "code"),
    [
        (SANDBOX, None, 401, 900902),
        (SANDBOX, "nobody", 401, 900901),
        (SANDBOX, DI_TOKEN, 403, 900908),
        (SANDBOX, PRODUCTION_TOKEN, 403, 900908),
        (PRODUCTION, SANDBOX_TOKEN, 403, 900908),
        (DI_POST, SANDBOX_TOKEN, 403, 900908),
        ("/dist/v1/statl", SANDBOX_TOKEN, 403, 900908),
    ],
)
def test_a_token_opens_one_service_in_one_environment(fbr, path, token, status, code):
    body = invoice(scenarioId="SN001") if path == DI_POST else bill()

    answered, raw = post(fbr, body, path, token)

    assert (answered, json.loads(raw)["fault"]["code"]) == (status, code)
    assert fbr.summary()["recorded"] == 0


def test_lists_are_closed_to_a_pos_token_and_the_service_to_a_get(fbr):
    assert ask(fbr, "GET", "/pdi/v1/uom", token=SANDBOX_TOKEN)[0] == 403
    assert ask(fbr, "GET", SANDBOX, bill(), SANDBOX_TOKEN)[0] == 405
    assert post(fbr, b"{")[0] == 400
    assert post(fbr, bill(), headers={"Content-Type": "multipart/form-data"})[0] == 415


def test_a_probe_with_an_empty_object_says_that_the_token_opens(fbr):
    assert refusal(answer(fbr, {}))[:2] == (102, "Not Available")


def test_the_code_of_a_refusal_is_a_text_or_a_number(fbr):
    text = answer(fbr, {})["Code"]
    fbr.behave(pos_code="int")

    assert (text, answer(fbr, {})["Code"]) == ("102", 102)


def test_a_foreign_till_and_one_without_cloud_are_refused(fbr):
    shop = TILL | {"token": "shop", "pos_id": 817009, "cloud": False}
    assert control(fbr, "/_tokens", [shop]) == (200, {"tokens": 1})

    foreign = answer(fbr, bill(POSID=817009))
    in_shop = answer(fbr, bill(POSID=817009), SANDBOX, "shop")

    assert refusal(foreign) == (104, "Not Available", None)
    assert refusal(in_shop) == (112, "Not Available", None)
    assert fbr.summary()["recorded"] == 0


def test_one_token_may_serve_the_tills_of_several_sellers(fbr):
    fbr.add_tokens(
        [
            TILL | {"token": "shared", "pos_id": 817002},
            TILL | {"token": "shared", "pos_id": 817003, "seller": "1111111"},
        ]
    )

    for pos_id in (817002, 817003):
        answer(fbr, bill(POSID=pos_id), SANDBOX, "shared")

    owners = [(row["pos_id"], row["seller"]) for row in fbr.ledger()["recorded"]]
    assert owners == [(817002, "7000007"), (817003, "1111111")]
    assert refusal(answer(fbr, bill(), SANDBOX, "shared"))[0] == 104


@pytest.mark.parametrize(
    "changes",
    [
        {"pos_id": 12},
        {"pos_id": "817002"},
        {"channel": "fax"},
        {"channel": "di"},
        {"cloud": "no"},
        {"pos_id": None},
    ],
)
def test_a_till_that_cannot_be_is_not_entered(fbr, changes):
    entry = TILL | {"token": "new", "pos_id": 817002} | changes

    assert control(fbr, "/_tokens", [entry])[0] == 400
    assert post(fbr, bill(), SANDBOX, "new")[0] == 401


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        *(
            ({name: GONE}, name)
            for name in (
                *("InvoiceNumber", "POSID", "USIN", "DateTime", "TotalSaleValue"),
                *("TotalQuantity", "TotalTaxCharged", "TotalBillAmount", "PaymentMode"),
                *("InvoiceType", "Items"),
            )
        ),
        ({"InvoiceNumber": "B-1"}, "InvoiceNumber"),
        ({"InvoiceNumber": None}, "InvoiceNumber"),
        ({"POSID": "817001"}, "POSID"),
        ({"POSID": "#817001.0"}, "POSID"),
        ({"USIN": ""}, "USIN"),
        ({"USIN": "B 1"}, "USIN"),
        ({"USIN": "B-\u00e9"}, "USIN"),
        ({"USIN": "B" * 51}, "USIN"),
        ({"RefUSIN": ""}, "RefUSIN"),
        ({"RefUSIN": "B-0"}, "RefUSIN"),
        ({"DateTime": "2026-11-21T12:00:00"}, "DateTime"),
        ({"DateTime": "2026-11-21 12:00:00.000"}, "DateTime"),
        ({"DateTime": "2026-11-21 24:00:00"}, "DateTime"),
        ({"DateTime": "2026-11-31 12:00:00"}, "DateTime"),
        ({"BuyerName": "N" * 151}, "BuyerName"),
        ({"BuyerNTN": "12345678"}, "BuyerNTN"),
        ({"BuyerNTN": "1234567-89"}, "BuyerNTN"),
        ({"BuyerCNIC": "35202-1234567-1"}, "BuyerCNIC"),
        ({"BuyerPhoneNumber": "0" * 21}, "BuyerPhoneNumber"),
        ({"BuyerPhoneNumber": 300}, "BuyerPhoneNumber"),
        ({"TotalSaleValue": "1000"}, "TotalSaleValue"),
        ({"TotalSaleValue": "#1000.001"}, "TotalSaleValue"),
        ({"TotalSaleValue": "#1e3"}, "TotalSaleValue"),
        ({"TotalSaleValue": "#10000000000000000"}, "TotalSaleValue"),
        ({"TotalQuantity": "#1.00001"}, "TotalQuantity"),
        ({"Discount": None}, "Discount"),
        ({"FurtherTax": -1}, "FurtherTax"),
        ({"PaymentMode": 0}, "PaymentMode"),
        ({"PaymentMode": 7}, "PaymentMode"),
        ({"PaymentMode": "1"}, "PaymentMode"),
        ({"InvoiceType": 2}, "InvoiceType"),
        ({"InvoiceType": 11}, "InvoiceType"),
        ({"Items": {}}, "Items"),
        ({"Items": [1]}, "Items"),
        ({"FBRInvoiceNumber": ""}, "FBRInvoiceNumber"),
        ({"items": []}, "items"),
        ({"buyerName": "B"}, "buyerName"),
        # What does not add up.
        ({"TotalSaleValue": "#1000.01"}, "TotalSaleValue"),
        ({"TotalQuantity": 2}, "TotalQuantity"),
        ({"TotalTaxCharged": "#179.99"}, "TotalTaxCharged"),
        ({"Discount": "#0.01"}, "Discount"),
        ({"FurtherTax": "#0.01"}, "FurtherTax"),
        ({"TotalBillAmount": "#1180.01"}, "TotalBillAmount"),
        ({"TotalBillAmount": "#1179.99"}, "TotalBillAmount"),
        ({"TotalBillAmount": 1182}, "TotalBillAmount"),
    ],
)
def test_a_wrong_header_is_refused_by_its_field(fbr, changes, field):
    code, number, errors = refusal(answer(fbr, bill(**changes)))

    assert (code, number, errors.partition(":")[0]) == (102, "Not Available", field)
    assert fbr.ledger()["recorded"] == []


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        *(
            ({name: GONE}, name)
            for name in (
                *("ItemCode", "ItemName", "PCTCode", "Quantity", "TaxRate", "SaleValue"),
                *("TaxCharged", "TotalAmount", "InvoiceType"),
            )
        ),
        ({"ItemCode": " "}, "ItemCode"),
        ({"ItemCode": "S" * 51}, "ItemCode"),
        ({"ItemName": "N" * 151}, "ItemName"),
        ({"PCTCode": "5205.1100"}, "PCTCode"),
        ({"PCTCode": "5205110"}, "PCTCode"),
        ({"PCTCode": 52051100}, "PCTCode"),
        ({"Quantity": 0}, "Quantity"),
        ({"Quantity": -1}, "Quantity"),
        ({"Quantity": "#1.00001"}, "Quantity"),
        ({"TaxRate": "18%"}, "TaxRate"),
        ({"TaxRate": "#18.001"}, "TaxRate"),
        ({"InvoiceType": 2}, "InvoiceType"),
        ({"InvoiceType": 3}, "InvoiceType"),
        ({"InvoiceType": 139}, "InvoiceType"),
        ({"RefUSIN": "B-0"}, "RefUSIN"),
        ({"Quantiti": 1}, "Quantiti"),
        ({"TaxCharged": "#180.01"}, "TaxCharged"),
        ({"TaxCharged": "#179.99"}, "TaxCharged"),
        ({"SaleValue": "#1000.01"}, "TotalAmount"),
        ({"TotalAmount": "#1180.01"}, "TotalAmount"),
        ({"TotalAmount": "#1179.99"}, "TotalAmount"),
        ({"FurtherTax": "#0.01"}, "TotalAmount"),
    ],
)
def test_a_wrong_item_is_refused_by_its_place_and_field(fbr, changes, field):
    body = bill(article(), article(**changes))

    code, number, errors = refusal(answer(fbr, body))

    assert (code, number) == (102, "Not Available")
    assert errors.partition(":")[0] == f"Items[1].{field}"
    assert fbr.ledger()["recorded"] == []


@pytest.mark.parametrize(
    "body",
    [
        bill(TotalBillAmount=1181),
        bill(Discount=GONE, FurtherTax=GONE, RefUSIN=GONE, BuyerName=None),
        bill(BuyerNTN="1234567-8", BuyerCNIC="3520212345671", BuyerPhoneNumber="03001234567"),
        bill(
            article(SaleValue="#85.50", TaxRate="#6.5", TaxCharged="#5.56", TotalAmount="#91.06"),
            TotalSaleValue="#85.50",
            TotalTaxCharged="#5.56",
            TotalBillAmount="#91.06",
        ),
        # 0.10 with 18 % in it is 0.08 and 0.01: the paisa stands in the total.
        bill(
            article(SaleValue="#0.08", TaxCharged="#0.01", TotalAmount="#0.10"),
            TotalSaleValue="#0.08",
            TotalTaxCharged="#0.01",
            TotalBillAmount="#0.10",
        ),
        bill(
            article(InvoiceType=11, TaxCharged="#216.37", TotalAmount="#1216.37"),
            TotalTaxCharged="#216.37",
            TotalBillAmount="#1216.37",
        ),
        bill(
            article(FurtherTax=40, TotalAmount=1220, Discount=5),
            article(Quantity="#0.2500"),
            TotalSaleValue=2000,
            TotalQuantity="#1.25",
            TotalTaxCharged=360,
            FurtherTax=40,
            Discount=5,
            TotalBillAmount=2400,
        ),
    ],
)
def test_lawful_bills_are_recorded(fbr, body):
    assert int(answer(fbr, body)["Code"]) == 100


def test_third_schedule_tax_is_free_but_the_total_is_not(fbr):
    line = article(InvoiceType=11, TaxCharged=200, TotalAmount="#1200.01")
    body = bill(line, TotalTaxCharged=200, TotalBillAmount="#1200.01")

    assert refusal(answer(fbr, body))[2].startswith("Items[0].TotalAmount")


def test_before_or_after_discount_is_a_manner(fbr):
    gross = article(SaleValue=1100, Discount=100)
    body = bill(gross, TotalSaleValue=1100, Discount=100)

    assert refusal(answer(fbr, body))[2].startswith("Items[0].TaxCharged")
    fbr.behave(pos_amounts="gross_line")
    assert int(answer(fbr, body)["Code"]) == 100


def test_a_credit_names_a_recorded_bill_of_its_till(fbr):
    fbr.add_tokens([TILL | {"token": "other", "pos_id": 817002}])
    credit = bill(article(**CREDIT), **CREDIT, USIN="C-1")
    third = bill(article(**CREDIT | {"InvoiceType": 12}), **CREDIT, USIN="C-2")

    early = answer(fbr, credit)
    answer(fbr, bill())
    elsewhere = answer(fbr, credit | {"POSID": 817002}, SANDBOX, "other")
    nameless = answer(fbr, bill(article(InvoiceType=3), InvoiceType=3, USIN="C-3"))
    codes = [int(answer(fbr, body)["Code"]) for body in (credit, third)]
    of_a_credit = bill(
        article(InvoiceType=3, RefUSIN="C-1"), InvoiceType=3, RefUSIN="C-1", USIN="C-4"
    )
    chain = answer(fbr, of_a_credit)

    assert codes == [100, 100]
    for refused in (early, elsewhere, nameless, chain):
        assert refusal(refused)[2].startswith("RefUSIN")


BODIES = [
    ({"fault": "ok"}, True),
    ({"fault": "slow", "after_ms": 20}, True),
    ({"fault": "drip", "piece_bytes": 50, "every_ms": 1}, True),
    ({"fault": "pos_text_code"}, True),
    ({"fault": "pos_bare_integer"}, True),
    ({"fault": "numeric_status"}, True),
    ({"fault": "missing_lines"}, True),
    *(
        ({"fault": name, "recorded": recorded}, recorded)
        for name in (
            *("html_200", "empty_200", "half_json", "not_an_object", "blank_number"),
            *("null_number", "repeated_number", "number_and_refusal"),
            *("pos_not_available", "pos_echoed_usin", "pos_errors", "pos_refusal"),
        )
        for recorded in (True, False)
    ),
    ({"fault": "invalid"}, False),
]


@pytest.mark.parametrize(("rule", "recorded"), BODIES)
def test_a_fault_with_status_200(fbr, rule, recorded):
    fbr.script([rule])

    assert post(fbr, bill())[0] == 200

    (entry,) = fbr.ledger()["requests"]
    assert (entry["fault"], entry["recorded"]) == (rule["fault"], recorded)
    assert get(fbr, "/_script") == []


@pytest.mark.parametrize("status", [500, 502, 503, 504])
@pytest.mark.parametrize("recorded", [True, False])
def test_a_server_error_before_or_after_recording(fbr, status, recorded):
    fbr.script([{"fault": status, "recorded": recorded}])

    assert post(fbr, bill())[0] == status
    assert fbr.summary()["recorded"] == int(recorded)


@pytest.mark.parametrize(
    ("fault", "recorded"),
    [
        ("accept_then_reset", True),
        ("accept_then_close", True),
        ("reset_before", False),
        ("tls_abort", False),
    ],
)
def test_a_fault_that_breaks_the_line(fbr, fault, recorded):
    fbr.script([{"fault": fault}])

    with pytest.raises(ConnectionError):
        post(fbr, bill())

    assert fbr.summary()["recorded"] == int(recorded)


@pytest.mark.parametrize(("fault", "recorded"), [("accept_then_silence", 1), ("silence", 0)])
def test_silence(fbr, fault, recorded):
    fbr.script([{"fault": fault}])

    with pytest.raises(TimeoutError):
        post(fbr, bill(), timeout=0.2)

    assert fbr.summary()["recorded"] == recorded


@pytest.mark.parametrize("rule", [rule for rule, _ in BODIES])
def test_no_fault_records_what_the_rules_refuse(fbr, rule):
    fbr.script([rule])

    post(fbr, bill(TotalBillAmount=1))

    assert fbr.summary()["recorded"] == 0


def test_an_answer_that_misleads_says_what_the_fault_promises(fbr):
    first = number_of(answer(fbr, bill()))
    faults = ("repeated_number", "blank_number", "null_number", "number_and_refusal")
    faults += ("pos_not_available", "pos_echoed_usin", "pos_text_code", "numeric_status")
    fbr.behave(pos_answer="component", pos_code="text")
    fbr.script([*({"fault": name} for name in faults), {"fault": "pos_bare_integer"}])

    repeated, blank, null, refused, hidden, echoed, text, numeric, bare = (
        answer(fbr, bill()) for _ in range(9)
    )

    assert repeated["InvoiceNumber"] == first
    assert (blank["InvoiceNumber"], null["InvoiceNumber"]) == ("", None)
    assert (refused["Code"], bool(refused["InvoiceNumber"])) == ("102", True)
    assert (hidden["Code"], hidden["InvoiceNumber"]) == ("100", "Not Available")
    assert echoed["InvoiceNumber"] == "B-1"
    assert (text["Code"], numeric["Code"]) == ("100", 100)
    assert isinstance(bare["FBRInvoiceNumber"], int)
    assert str(bare["FBRInvoiceNumber"]) == fbr.ledger()["recorded"][-1]["number"]


@pytest.mark.parametrize(
    ("shape", "empty", "filled"),
    [
        ("text", "", "The bill could not be processed."),
        ("list", [], ["The bill could not be processed."]),
        ("values", {"$values": []}, {"$values": ["The bill could not be processed."]}),
        ("null", None, None),
    ],
)
def test_errors_come_in_every_shape(fbr, shape, empty, filled):
    fbr.script(
        [
            {"fault": "pos_errors", "shape": shape},
            {"fault": "pos_errors", "shape": shape, "filled": True},
            {"fault": "pos_refusal", "shape": shape},
        ]
    )

    accepted, odd, refused = (answer(fbr, bill()) for _ in range(3))

    assert [int(one["Code"]) for one in (accepted, odd, refused)] == [100, 100, 102]
    assert (accepted["Errors"], odd["Errors"], refused["Errors"]) == (empty, filled, filled)


def test_errors_may_be_missing_and_keep_their_words_on_a_refusal(fbr):
    fbr.script([{"fault": "pos_errors", "shape": "missing"}, {"fault": "pos_errors"}])

    assert "Errors" not in answer(fbr, bill())
    assert answer(fbr, bill(USIN=""))["Errors"] == [
        "USIN: must be 1 to 50 printable characters without a space"
    ]


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (101, "Error while generating Fiscal Invoice Number."),
        (102, "Invalid data received"),
        (104, "You are not authorized to use this service."),
        (112, "Bulk data upload functionality is no more available"),
        (400, "Some error has occured. Please contact your service provider."),
        (401, "Invalid data received."),
        (402, "Model validation failed."),
        (999, "Refused."),
    ],
)
def test_the_codes_of_the_service(fbr, code, words):
    fbr.script([{"fault": "pos_refusal", "code": code}])

    refused = answer(fbr, bill())

    assert (refused["Code"], refused["Response"]) == (str(code), words)
    assert refused["InvoiceNumber"] == "Not Available"
    assert fbr.summary()["recorded"] == 0


def test_a_rule_may_be_for_one_service_only(fbr):
    def di():
        return ask(fbr, "POST", DI_POST, invoice(scenarioId="SN001"), DI_TOKEN)[0]

    fbr.script(
        [
            {"fault": "500", "path": "pos"},
            {"fault": "502", "path": "di"},
            {"fault": "503", "count": 2},
            {"fault": "pos_not_available"},
        ]
    )

    assert [di(), post(fbr, bill())[0]] == [502, 500]
    assert [di(), post(fbr, bill())[0]] == [503, 503]
    assert di() == 200
    assert [rule["fault"] for rule in get(fbr, "/_script")] == ["pos_not_available"]
    assert number_of(answer(fbr, bill())) == "Not Available"


def test_a_fault_of_the_other_service_spoils_nothing(fbr):
    fbr.script([{"fault": "pos_not_available", "path": "di"}])

    status, _, raw = ask(fbr, "POST", DI_POST, invoice(scenarioId="SN001"), DI_TOKEN)

    assert status == 200
    assert json.loads(raw)["invoiceNumber"] == fbr.ledger()["recorded"][0]["number"]


def test_repeated_numbers_stay_within_the_service(fbr):
    ask(fbr, "POST", DI_POST, invoice(scenarioId="SN001"), DI_TOKEN)
    fbr.script([{"fault": "repeated_number"}])

    repeated = answer(fbr, bill())

    assert number_of(repeated) == fbr.ledger()["recorded"][1]["number"]


def test_recording_at_one_time_counts_bills_too(fbr):
    fbr.set_latency(1)

    answer(fbr, bill())

    assert fbr.summary()["max_recording_by_seller"] == {"7000007": 1}
