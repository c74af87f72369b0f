"""What an answer of FBR's means: every row of the contract, every quirk, and a seeded fuzz."""

from __future__ import annotations

import copy
import json
import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from fbr.di import answers
from fbr.outcomes import Evidence, Hold, Outcome
from smartinvoicing.http import ANSWER_LIMIT
from tests.fbr.answers_cast import (
    NUMBER,
    accepted,
    fault,
    fault_in_xml,
    header_refused,
    line,
    lines_refused,
    lost,
    refused,
    said,
    unsent,
)

AT = datetime(2026, 11, 20, 7, 0, tzinfo=UTC)  # 12:00 in Karachi
A, R, T, K, U = (
    Outcome.ACCEPTED,
    Outcome.REJECTED,
    Outcome.RETRYABLE,
    Outcome.AUTH,
    Outcome.UNCERTAIN,
)
HTML = b"<!DOCTYPE html><html><head><title>Maintenance</title></head><body>Sorry</body></html>"
WHOLE = json.dumps(accepted()).encode()
QUOTED = b"<am:fault><am:code>900802</am:code></am:fault>"


def with_row(row):
    """A success but for its one line."""
    return accepted(verdict={"invoiceStatuses": [row]})


def read(evidence, lines=1, at=AT):
    return answers.read(evidence, lines=lines, at=at)


def codes_of(reading):
    return [(found.code, found.line) for found in reading.codes]


# Evidence -> outcome, codes with their lines, number. Sources: di-api.md 5.1-5.8, 13;
# reliability.md 2.1.
NOT_SENT = [
    ("no such host", unsent("gaierror"), T),
    ("refused", unsent("ConnectionRefusedError"), T),
    ("connect timeout", unsent("TimeoutError"), T),
    ("TLS: certificate", unsent("SSLCertVerificationError"), T),
    ("TLS: end of file, our address is not on the list", unsent("SSLEOFError"), T),
    ("no route", unsent("OSError"), T),
]
NO_ANSWER = [
    ("read timeout", lost("TimeoutError"), U),
    ("reset", lost("ConnectionResetError"), U),
    ("broken pipe", lost("BrokenPipeError"), U),
    ("closed without an answer", lost("RemoteDisconnected"), U),
    ("cut in the middle", lost("IncompleteRead", status=200, body=WHOLE[:40]), U),
    ("cut after a whole object", lost("IncompleteRead", status=200, body=WHOLE), U),
    ("total deadline", lost("total deadline"), U),
    ("worker lost", lost("lost"), U),
    ("no HTTP", lost("BadStatusLine"), U),
    ("a 401 that was cut", lost("IncompleteRead", status=401), U),
    ("a 429 that was cut", lost("IncompleteRead", status=429), U),
    ("no status, no failure", Evidence(sent=True), U),
]
ACCEPTED = [
    ("the sample", accepted(), 1),
    ("three lines", accepted(3), 3),
    ("errorCode of the verdict null", accepted(verdict={"errorCode": None}), 1),
    ("errorCode of the verdict 0000", accepted(verdict={"errorCode": "0000"}), 1),
    ("errorCode of the verdict 0", accepted(verdict={"errorCode": 0}), 1),
    ("statusCode as int", accepted(verdict={"statusCode": 0}), 1),
    ("statusCode as float", accepted(verdict={"statusCode": 0.0}), 1),
    ("statusCode with one digit", accepted(verdict={"statusCode": "0"}), 1),
    ("statusCode with blanks", accepted(verdict={"statusCode": " 00 "}), 1),
    ("itemSNo of a success as number", with_row(line(1, itemSNo=1)), 1),
    (
        "a line as numbers",
        with_row(line(1, statusCode=0, errorCode=None)),
        1,
    ),
    ("a line's errorCode 00", with_row(line(1, errorCode="00")), 1),
    ("status is display text", accepted(verdict={"status": "invalid"}), 1),
    ("words beside a success", accepted(verdict={"error": "Provide rate."}), 1),
    ("no date", accepted(dated=None), 1),
    ("more fields than we know", accepted(qr="abc", verdict={"hint": 1}), 1),
]
NUMBERS = [
    NUMBER,
    "3520212345671DI1747119701593",  # CNIC seller, 28
    "7000007DIZLLXVR750188",  # letters, 21
    "3520212345671DIZLLXVR75018",  # letters, 27, though the request carried an NTN
    "7000007DI1747119701593-21",
    "7000007-201126120000-0001",  # rule 150R(13)(a)
    "x",
    "9" * 64,
    f"  {NUMBER}\n",
]
REFUSED = [
    ("the header", header_refused(), 1, [("0052", None)]),
    (
        "statuses missing",
        {"validationResponse": {"statusCode": "01", "errorCode": "0052"}},
        1,
        [("0052", None)],
    ),
    ("statuses empty", header_refused(invoiceStatuses=[]), 1, [("0052", None)]),
    ("an empty number beside it", header_refused() | {"invoiceNumber": ""}, 1, [("0052", None)]),
    ("a null number beside it", header_refused() | {"invoiceNumber": None}, 1, [("0052", None)]),
    ("a zero number beside it", header_refused() | {"invoiceNumber": 0}, 1, [("0052", None)]),
    ("code as int", header_refused(errorCode=52), 1, [("0052", None)]),
    ("code short", header_refused(errorCode="52"), 1, [("0052", None)]),
    ("outer 1 as int", header_refused(statusCode=1), 1, [("0052", None)]),
    ("outer 1.0", header_refused(statusCode=1.0), 1, [("0052", None)]),
    ("line, outer 00: the trap", lines_refused(refused(1, "0046")), 1, [("0046", 1)]),
    ("line, outer 01: live", lines_refused(refused(1, "0046"), outer="01"), 1, [("0046", 1)]),
    ("second of three", lines_refused(line(1), refused(2, "0104"), line(3)), 3, [("0104", 2)]),
    (
        "two of three",
        lines_refused(refused(1, "0046"), line(2), refused(3, "0099"), outer="01"),
        3,
        [("0046", 1), ("0099", 3)],
    ),
    (
        "header and line",
        lines_refused(refused(1, "0046"), outer="01", errorCode="0052"),
        1,
        [("0052", None), ("0046", 1)],
    ),
    (
        "itemSNo as number",
        lines_refused(line(1), refused(2, "0046") | {"itemSNo": 2}),
        2,
        [("0046", 2)],
    ),
    (
        "itemSNo missing",
        lines_refused(line(1), {"statusCode": "01", "errorCode": "0046"}),
        2,
        [("0046", 2)],
    ),
    (
        "itemSNo nonsense",
        lines_refused(refused(1, "0046") | {"itemSNo": "first"}),
        1,
        [("0046", 1)],
    ),
    ("fewer lines than sent, refused", lines_refused(refused(1, "0046")), 5, [("0046", 1)]),
    ("0402 is the buyer's number", header_refused("0402"), 1, [("0402", None)]),
    ("0003", header_refused("0003"), 1, [("0003", None)]),
    ("0300", lines_refused(refused(1, "0300")), 1, [("0300", 1)]),
    ("a code in no list", header_refused("9999"), 1, [("9999", None)]),
    ("a code of letters", header_refused("E-17"), 1, [("E-17", None)]),
    (
        "outer not 00, words only",
        header_refused(errorCode=None, error="No."),
        1,
        [("no_code", None)],
    ),
    (
        "line not 00, words only",
        lines_refused(refused(1, "", "No.")),
        1,
        [("no_code", 1)],
    ),
    ("outer not 00, nothing said", header_refused(errorCode="", error=""), 1, []),
    ("transient 0077", lines_refused(refused(1, "0077")), 1, [("0077", 1)]),
    ("0043 at noon", header_refused("0043"), 1, [("0043", None)]),
    ("a placeholder nobody filled", header_refused(error="{0} is wrong"), 1, [("0052", None)]),
]
REFUSED_BY_STATUS = [(f"HTTP {status}", said(b"", status), R) for status in (400, 413, 415)] + [
    ("HTTP 400 with a page", said(HTML, 400), R),
    ("HTTP 400 with a report", said({"code": "400", "type": "Status report"}, 400), R),
]
AUTH = [
    ("401 900901", said(fault(900901), 401)),
    ("401 900902", said(fault(900902), 401)),
    ("401 900902 as text", said(fault("900902"), 401)),
    ("403 900908", said(fault(900908), 403)),
    ("403 with a fault nobody told us of", said(fault(900910), 403)),
    ("403 with a fault without code", said({"fault": {"message": "no"}}, 403)),
    ("401 with nothing", said(b"", 401)),
    ("401 with a page", said(HTML, 401)),
    ("900901 whatever the status", said(fault(900901), 200)),
    ("900901 at 500", said(fault(900901), 500)),
    ("XML 900901", said(fault_in_xml(900901), 401)),
    ("code 0401", said(header_refused("0401"))),
    ("code 401", said(header_refused(401))),
    ("code 0401 at a line", said(lines_refused(refused(1, "0401")))),
    ("code 0401 among others", said(lines_refused(refused(1, "0046"), errorCode="0401"))),
]
THROTTLED = [
    *((f"{code}", said(fault(code), 429), T) for code in (900800, 900802, 900803, 900804)),
    ("900802 at 503", said(fault(900802), 503), T),
    ("900802 in XML", said(fault_in_xml(900802), 429), T),
    ("429 with a page", said(HTML, 429), T),
    ("429 with nothing", said(b"", 429), T),
    ("never forwarded 303001", said(fault(303001), 503), T),
    ("never forwarded 303001 at 500", said(fault(303001), 500), T),
    ("never forwarded 101503", said(fault(101503), 500), T),
    ("never forwarded 101503 in XML", said(fault_in_xml(101503), 503), T),
]
WRONG_ADDRESS = [
    (f"HTTP {status}, {name}", said(body, status), T)
    for status in (404, 405)
    for name, body in (
        ("nothing", b""),
        ("a page", HTML),
        ("a report", {"code": str(status), "type": "Status report"}),
        ("a fault of that code", fault(status)),
        ("a fault nobody told us of", fault(900906)),
        ("a refusal", header_refused()),
    )
]
UNCLEAR = [
    ("empty 200", said(b""), 1),
    ("blanks", said(b"  \n"), 1),
    ("HTML 200", said(HTML), 1),
    ("half JSON", said(WHOLE[: len(WHOLE) // 2]), 1),
    ("trailing comma", said(WHOLE[:-1] + b",}"), 1),
    ("two objects", said(WHOLE + WHOLE), 1),
    ("a tail of rubbish", said(WHOLE + b"x"), 1),
    ("a list", said([accepted()]), 1),
    ("a text", said(json.dumps(json.dumps(accepted())).encode()), 1),
    ("null", said(b"null"), 1),
    ("not UTF-8", said(b'{"invoiceNumber": "\xff"}'), 1),
    ("deeper than anybody nests", said(b"[" * 100_000), 1),
    ("an empty object", said({}), 1),
    ("no verdict", said({"invoiceNumber": NUMBER}), 1),
    ("verdict null", said(accepted(validationResponse=None)), 1),
    ("verdict a list", said(accepted(validationResponse=[])), 1),
    ("verdict a text", said(accepted(validationResponse="Valid")), 1),
    ("verdict empty", said({"validationResponse": {}}), 1),
    ("valid, number blank", said(accepted(invoiceNumber="")), 1),
    ("valid, number blanks", said(accepted(invoiceNumber="   ")), 1),
    ("valid, number null", said(accepted(invoiceNumber=None)), 1),
    ("valid, number missing", said({"validationResponse": accepted()["validationResponse"]}), 1),
    ("valid, number a number", said(accepted(invoiceNumber=7000007)), 1),
    ("valid, number zero", said(accepted(invoiceNumber=0)), 1),
    ("valid, number true", said(accepted(invoiceNumber=True)), 1),
    ("valid, number a list", said(accepted(invoiceNumber=[NUMBER])), 1),
    ("valid, number the word null", said(accepted(invoiceNumber="null")), 1),
    ("valid, number too long", said(accepted(invoiceNumber="9" * 65)), 1),
    ("valid, number with NUL", said(accepted(invoiceNumber="7000007\u0000DI")), 1),
    ("valid, number half a surrogate", said(accepted(invoiceNumber="7000007\ud800")), 1),
    ("valid, number with a line break", said(accepted(invoiceNumber="7000007\nDI")), 1),
    ("number, no statuses", said(accepted(verdict={"invoiceStatuses": []})), 1),
    ("number, statuses null", said(accepted(verdict={"invoiceStatuses": None})), 1),
    ("number, statuses an object", said(accepted(verdict={"invoiceStatuses": {}})), 1),
    ("number, statuses of texts", said(accepted(verdict={"invoiceStatuses": ["00"]})), 1),
    ("number, a line missing", said(accepted(2)), 3),
    ("number, a line too many", said(accepted(3)), 2),
    ("number, outer 01", said(accepted(verdict={"statusCode": "01"})), 1),
    ("number, outer missing", said(accepted(verdict={"statusCode": None})), 1),
    ("number, outer true", said(accepted(verdict={"statusCode": True})), 1),
    ("number, outer a list", said(accepted(verdict={"statusCode": ["00"]})), 1),
    ("number, outer 000", said(accepted(verdict={"statusCode": "000"})), 1),
    ("number, outer false", said(accepted(verdict={"statusCode": False})), 1),
    ("number and header code", said(accepted(verdict={"errorCode": "0052"})), 1),
    ("number and code 0401", said(accepted(verdict={"errorCode": "0401"})), 1),
    ("number and line code", said(with_row(line(1, errorCode="0046"))), 1),
    ("number and line 01", said(with_row(line(1, statusCode="01"))), 1),
    ("number, line without statusCode", said(with_row({"itemSNo": "1"})), 1),
    ("number and refused line", said(with_row(refused(1, "0104"))), 1),
    ("nothing invalid, no number", said(lines_refused(line(1))), 1),
    ("500 page", said(HTML, 500), 1),
    ("500 nothing", said(b"", 500), 1),
    ("500 with a refusal", said(header_refused(), 500), 1),
    ("502 page", said(HTML, 502), 1),
    ("503 bare", said(b"", 503), 1),
    ("503 page", said(HTML, 503), 1),
    ("504 page", said(HTML, 504), 1),
    ("504 101504", said(fault(101504), 504), 1),
    ("500 101505", said(fault(101505), 500), 1),
    ("101504 in XML", said(fault_in_xml(101504), 504), 1),
    ("101504 whatever the status", said(fault(101504), 404), 1),
    ("a fault nobody knows at 200", said(fault(999999)), 1),
    ("a fault nobody knows at 500", said(fault(999999), 500), 1),
    ("a fault of 5,000 digits", said(fault("9" * 5000), 500), 1),
    ("a fault without code", said({"fault": {}}, 500), 1),
    ("a fault that is a text", said({"fault": "900802"}, 500), 1),
    ("403 without a fault", said(HTML, 403), 1),
    ("201", said(accepted(), 201), 1),
    ("204", said(b"", 204), 1),
    ("302", said(b"", 302), 1),
    ("409", said(b"", 409), 1),
    ("too long", said(b" " * (ANSWER_LIMIT + 1)), 1),
    ("a success in an error", said(accepted(), 500), 1),
    ("a success in a 401", said(accepted(), 401), 1),
    ("a success in a 404", said(accepted(), 404), 1),
    ("a success in a 400", said(accepted(), 400), 1),
    ("a success with a throttle fault", said(accepted(**fault(900802))), 1),
    ("a success with an auth fault", said(accepted(**fault(900901))), 1),
    ("a throttle in somebody's words", said({"dated": QUOTED.decode()}), 1),
    ("a page that quotes a code", said(b"<html><code>900802</code></html>", 502), 1),
    ("a text that quotes a fault", said(b"error: " + QUOTED, 502), 1),
]  # fmt: skip

PLAIN = [
    *NOT_SENT,
    *NO_ANSWER,
    *REFUSED_BY_STATUS,
    *((name, evidence, K) for name, evidence in AUTH),
    *THROTTLED,
    *WRONG_ADDRESS,
]
SAMPLES = (
    [(name, evidence, 1, outcome) for name, evidence, outcome in PLAIN]
    + [(name, said(body), lines, A) for name, body, lines in ACCEPTED]
    + [(name, said(body), lines, R) for name, body, lines, _ in REFUSED]
    + [(name, evidence, lines, U) for name, evidence, lines in UNCLEAR]
)


def test_the_table_is_as_large_as_the_contract_wants_it():
    assert len(SAMPLES) >= 80
    assert len({name for name, *_ in SAMPLES}) == len(SAMPLES)


@pytest.mark.parametrize(
    ("evidence", "lines", "outcome"),
    [sample[1:] for sample in SAMPLES],
    ids=[sample[0] for sample in SAMPLES],
)
def test_an_answer_means_one_of_five_things(evidence, lines, outcome):
    reading = read(evidence, lines)

    assert (reading.outcome, reading.why) == (outcome, reading.why)
    assert reading.why


@pytest.mark.parametrize("number", NUMBERS)
def test_a_number_is_opaque(number):
    reading = read(said(accepted(invoiceNumber=number)))

    assert (reading.outcome, reading.number) == (A, number.strip())


def test_an_acceptance_carries_number_and_date_and_no_code():
    reading = read(said(accepted(2)), lines=2)

    assert (reading.number, reading.dated) == (NUMBER, "2025-05-13 12:01:41")
    assert (reading.codes, reading.hold, reading.not_before, reading.defect) == (
        (),
        None,
        None,
        False,
    )


@pytest.mark.parametrize(
    ("dated", "shown"),
    [
        ("  2025-05-13 12:01:41 ", "2025-05-13 12:01:41"),
        (20250513, ""),
        (None, ""),
        (["2025"], ""),
        ("2025\u0000", ""),
        ("2025\ud800", ""),
        ("x" * 100, "x" * 40),
    ],
)
def test_a_date_that_cannot_be_stored_spoils_no_acceptance(dated, shown):
    reading = read(said(accepted(dated=dated)))

    assert (reading.outcome, reading.dated) == (A, shown)


@pytest.mark.parametrize(
    ("body", "lines", "codes"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED]
)
def test_a_refusal_names_its_codes_and_lines_and_no_number(body, lines, codes):
    reading = read(said(body), lines)

    assert codes_of(reading) == codes
    assert (reading.number, reading.defect) == ("", False)


def test_a_refusal_keeps_fbrs_own_words():
    reading = read(said(lines_refused(refused(1, "0046", "  Provide rate. "))))

    assert [found.text for found in reading.codes] == ["Provide rate."]


@pytest.mark.parametrize(
    "row",
    [
        {"errorCode": "9" * 5000},
        {"errorCode": 9 * 10**100},
        {"errorCode": "0046", "itemSNo": "9" * 5000},
        {"errorCode": "0046", "itemSNo": -1},
        {"errorCode": "x" * 5000},
        {"errorCode": {"a": 1}},
        {"errorCode": "0046", "error": "x" * 5000},
        {"errorCode": "0046", "error": ["x"]},
        {"errorCode": "0046", "error": "\ud800\u0000"},
        {"errorCode": True},
        {"statusCode": "9" * 5000, "errorCode": ""},
        {"statusCode": {}, "errorCode": ""},
    ],
)
def test_a_refusal_of_a_strange_form_is_still_short_and_a_refusal(row):
    reading = read(said(lines_refused(line(1, invoiceNo=None) | row)))

    assert reading.outcome == R
    assert all(len(found.code) <= 20 and len(found.text) <= 500 for found in reading.codes)
    assert all(found.line in {None, 1} for found in reading.codes)


def test_a_number_beside_a_refusal_is_kept_as_evidence():
    body = accepted(2, verdict={"invoiceStatuses": [line(1), refused(2, "0104")]})

    reading = read(said(body), lines=2)

    assert (reading.outcome, reading.number) == (U, NUMBER)
    assert codes_of(reading) == [("0104", 2)]


@pytest.mark.parametrize(("_name", "evidence"), AUTH, ids=[row[0] for row in AUTH])
def test_a_refused_token_holds_its_credential(_name, evidence):
    assert read(evidence).hold == Hold.CREDENTIAL


def test_0401_keeps_its_code():
    assert codes_of(read(said(header_refused("0401")))) == [("0401", None)]


@pytest.mark.parametrize(("_name", "evidence", "_outcome"), WRONG_ADDRESS)
def test_a_wrong_address_holds_the_environment_and_calls_us(_name, evidence, _outcome):
    reading = read(evidence)

    assert (reading.hold, reading.defect) == (Hold.ENDPOINT, True)


@pytest.mark.parametrize("status", [400, 413, 415])
def test_a_defect_of_our_own_calls_us(status):
    assert read(said(b"", status)).defect


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        ("5", 5),
        (" 120 ", 120),
        ("0", 0),
        ("999999999", 3600),
        ("", None),
        ("-5", None),
        ("1.5", None),
        ("Fri, 20 Nov 2026 07:00:30 GMT", None),
        ("soon", None),
    ],
)
@pytest.mark.parametrize("body", [fault(900802), HTML], ids=["fault", "page"])
def test_retry_after_is_obeyed_where_it_can_be_read(body, given, seconds):
    reading = read(said(body, 429, retry_after=given))

    assert (reading.outcome, reading.retry_after_s) == (T, seconds)


# --- midnight ------------------------------------------------------------------------------------

KARACHI = timedelta(hours=5)


def karachi(hour, minute=0, second=0):
    return datetime(2026, 11, 20, hour, minute, second, tzinfo=UTC) - KARACHI


@pytest.mark.parametrize("body", [header_refused("0043"), lines_refused(refused(1, "0043"))])
@pytest.mark.parametrize("at", [karachi(0), karachi(0, 0, 1), karachi(3, 30), karachi(4, 59, 59)])
def test_0043_between_midnight_and_five_waits_for_five(body, at):
    reading = read(said(body), at=at)

    assert (reading.outcome, reading.hold) == (T, Hold.CLOCK)
    assert karachi(5) <= reading.not_before <= karachi(5, 5)
    assert not reading.defect


@pytest.mark.parametrize("at", [karachi(5), karachi(12), karachi(23, 59, 59)])
def test_0043_by_day_is_a_refusal(at):
    assert read(said(header_refused("0043")), at=at).outcome == R


def test_0043_beside_another_code_is_a_refusal_at_night_too():
    body = lines_refused(refused(1, "0104"), errorCode="0043", outer="01")

    assert read(said(body), at=karachi(1)).outcome == R


# --- the dry run ---------------------------------------------------------------------------------

VALID_ROWS = [
    {"itemSNo": "1", "statusCode": "00", "status": "Valid", "errorCode": None, "error": ""}
]
VALID = {
    "validationResponse": {
        "statusCode": "00",
        "status": "Valid",
        "error": "",
        "invoiceStatuses": VALID_ROWS,
    }
}


@pytest.mark.parametrize(
    ("name", "evidence", "outcome"),
    [
        ("valid", said(VALID), A),
        ("refused", said(header_refused()), R),
        ("refused at a line", said(lines_refused(refused(1, "0046"))), R),
        ("token", said(fault(900901), 401), K),
        ("throttle", said(fault(900802), 429), T),
        ("wrong address", said(b"", 404), T),
        ("not sent", unsent("ConnectionRefusedError"), T),
        ("timeout", lost("TimeoutError"), T),
        ("reset", lost("ConnectionResetError"), T),
        ("page", said(HTML), T),
        ("empty", said(b""), T),
        ("500", said(HTML, 500), T),
        ("bare 503", said(b"", 503), T),
        ("too long", said(b" " * (ANSWER_LIMIT + 1)), T),
        ("a line missing", said(VALID | {"validationResponse": {"statusCode": "00"}}), T),
        (
            "rows of no known form",
            said({"validationResponse": {"statusCode": "00", "invoiceStatuses": [1]}}),
            T,
        ),
        ("verdict a list", said({"validationResponse": []}), T),
    ],
    ids=lambda value: value if isinstance(value, str) and " " in value else None,
)
def test_a_dry_run_is_never_uncertain(name, evidence, outcome):
    reading = answers.read_dry_run(evidence, lines=1, at=AT)

    assert reading.outcome == outcome, name


@pytest.mark.parametrize(("serials", "outcome"), [((1, 2), A), ((1, 1), T), ((None, None), A)])
def test_a_dry_run_answers_for_each_line_once(serials, outcome):
    rows = [VALID_ROWS[0] | {"itemSNo": serial} for serial in serials]
    body = {"validationResponse": VALID["validationResponse"] | {"invoiceStatuses": rows}}

    assert answers.read_dry_run(said(body), lines=2, at=AT).outcome == outcome


def test_a_valid_dry_run_gives_no_number():
    assert answers.read_dry_run(said(VALID), lines=1, at=AT).number == ""


def test_the_same_answer_to_a_real_call_is_uncertain():
    assert read(said(VALID)).outcome == U


@pytest.mark.parametrize("depth", range(800, 1000, 7))
@pytest.mark.parametrize("field", ["statusCode", "errorCode", "itemSNo", "error"])
def test_deep_nesting_is_no_accident(field, depth):
    nested = b"[" * depth + b"]" * depth
    body = json.dumps(lines_refused(line(1) | {field: "@"})).encode().replace(b'"@"', nested)

    assert read(said(body)).outcome in {R, U}


# --- the fuzz ------------------------------------------------------------------------------------

SEED, MUTATIONS = 5_701, 2_000
JUNK = [
    None, True, False, 0, 1, -1, 0.0, 1.0, 5e-324, 10**40, "", " ", "0", "00", "000", "01", "1",
    "0000", "0043", "0401", "0402", "0052", "null", "Valid", "invalid", NUMBER, f"{NUMBER}-1",
    "9" * 70, "\u0000", "\ud800", "\u0660\u0660", [], {}, [None], [[]], {"a": 1}, ["00"],
]  # fmt: skip
KEYS = [
    "invoiceNumber", "dated", "validationResponse", "statusCode", "status", "errorCode", "error",
    "invoiceStatuses", "itemSNo", "invoiceNo", "fault", "code", "InvoiceNumber", "statuscode",
]  # fmt: skip
STATUSES = [200] * 30 + [201, 202, 204, 301, 400, 401, 403, 404, 405, 413, 429, 500, 502, 503, 504]


def containers(value):
    """Every object and list in a document."""
    if isinstance(value, dict | list):
        yield value
        for inner in value.values() if isinstance(value, dict) else value:
            yield from containers(inner)


def spoil_tree(document, dice):
    """One change somewhere in the document."""
    place = dice.choice(list(containers(document)))
    keys = list(place) if isinstance(place, dict) else list(range(len(place)))
    act = dice.randrange(5)
    junk = copy.deepcopy(dice.choice(JUNK))
    if act == 0 and keys:
        del place[dice.choice(keys)]
    elif act == 1 and keys:
        place[dice.choice(keys)] = junk
    elif isinstance(place, dict):
        place[dice.choice(KEYS)] = junk
    elif act == 2 and place:
        place.append(copy.deepcopy(dice.choice(place)))
    else:
        place.insert(dice.randrange(len(place) + 1), junk)


def spoil_bytes(raw, dice):
    """One change of the bytes."""
    where, act = dice.randrange(len(raw) + 1), dice.randrange(5)
    if act == 0:
        return raw[:where]
    if act == 1:
        return raw[:where] + bytes([dice.randrange(256)]) + raw[where + 1 :]
    if act == 2:
        return raw[:where] + raw[where + dice.randrange(1, 9) :]
    if act == 3:
        return raw[:where] + dice.choice([b"<", b'"', b"}", b"\x00", b"900802", b" "]) + raw[where:]
    return raw + dice.choice([b" ", b"\n", b"}", b"<html>", raw])


def mutated(dice):
    """A valid answer with one to four changes, and how many lines were sent."""
    lines = dice.randrange(1, 4)
    document = dice.choice(
        [
            accepted(lines),
            accepted(lines),
            accepted(lines),
            header_refused("0043"),
            lines_refused(*(refused(n, "0043") for n in range(1, lines + 1))),
            {**accepted(lines), **fault(dice.choice([900802, 900901, 101504]))},
            fault(dice.choice([900802, 900901, 303001, 101505])),
        ]
    )
    for _ in range(dice.randrange(4)):
        spoil_tree(document, dice)
    raw = json.dumps(document).encode()
    if dice.random() < 0.3:
        raw = spoil_bytes(raw, dice)
    failure = dice.choice([""] * 20 + ["TimeoutError", "IncompleteRead"])
    return said(raw, dice.choice(STATUSES), failure=failure), lines


# The predicate of di-api.md 5.7, written here a second time and from its words alone.


def strictly(body):
    """The one JSON object, or None."""
    try:
        found = json.loads(body.decode("utf-8"), parse_float=Decimal)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def two_digits(code):
    if isinstance(code, bool) or not isinstance(code, str | int | Decimal):
        return None
    text = str(int(code)) if isinstance(code, Decimal) and code == int(code) else str(code)
    text = text.strip()
    return "0" * (2 - len(text)) + text


def is_blank_code(code):
    if isinstance(code, bool):
        return False
    return code is None or (
        isinstance(code, str | int | Decimal) and set(str(code).strip()) <= {"0"}
    )


def is_accepted(evidence, lines):
    answer = strictly(evidence.body)
    if evidence.status != 200 or evidence.failure or answer is None:
        return False
    number, verdict = answer.get("invoiceNumber"), answer.get("validationResponse")
    if not isinstance(number, str) or not number.strip() or not isinstance(verdict, dict):
        return False
    rows = verdict.get("invoiceStatuses")
    if not isinstance(rows, list) or not rows or len(rows) != lines:
        return False
    return all(
        isinstance(each, dict)
        and two_digits(each.get("statusCode")) == "00"
        and is_blank_code(each.get("errorCode"))
        for each in (verdict, *rows)
    )


def claims_nothing(evidence):
    """No number stands in it."""
    answer = strictly(evidence.body) or {}
    number = answer.get("invoiceNumber")
    return not (isinstance(number, str) and number.strip())


def test_two_thousand_spoilt_answers_are_never_read_too_kindly():
    dice = random.Random(SEED)
    night = karachi(2)
    seen = set()

    for turn in range(MUTATIONS):
        evidence, lines = mutated(dice)
        reading = answers.read(evidence, lines=lines, at=night)
        seen.add(reading.outcome)
        where = f"seed {SEED}, turn {turn}: {evidence}"
        if reading.outcome == A:
            assert is_accepted(evidence, lines), where
        if reading.outcome == R:
            assert evidence.status in {200, 400, 413, 415}, where
            assert not evidence.failure, where
            assert {found.code for found in reading.codes} != {"0043"}, where
        if reading.outcome == R and evidence.status == 200:
            assert strictly(evidence.body) is not None, where
        if reading.outcome in {R, T, K}:
            assert claims_nothing(evidence), where
        answers.read_dry_run(evidence, lines=lines, at=night)

    assert seen == set(Outcome)


def test_the_predicate_of_the_test_accepts_what_fbr_accepts():
    """A fuzz that never meets an acceptance would prove nothing."""
    dice = random.Random(SEED)

    met = [mutated(dice) for _ in range(MUTATIONS)]

    assert sum(is_accepted(*one) for one in met) > 50
    assert all(is_accepted(said(body), lines) for _, body, lines in ACCEPTED)


def test_the_twin_that_decides_on_the_outer_code_accepts_falsely():
    """Sabotage: what published clients do, seen by the same predicate."""
    dice = random.Random(SEED)
    fooled = 0

    for _ in range(MUTATIONS):
        evidence, lines = mutated(dice)
        answer = strictly(evidence.body) or {}
        verdict = answer.get("validationResponse")
        looks_good = isinstance(verdict, dict) and verdict.get("statusCode") == "00"
        fooled += looks_good and not is_accepted(evidence, lines)

    assert fooled > 100
