"""What FBR's answers mean, DI and POS side by side: outcome, codes and their lines, row by row.

Rows named `7.x` are those of the POS reference, `5.x` and `13` those of DI.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from fbr.di import answers as di
from fbr.outcomes import Evidence, Hold, Outcome
from fbr.pos import answers as pos
from smartinvoicing.http import ANSWER_LIMIT
from tests.fbr import pos_cast
from tests.fbr.answers_cast import (
    NUMBER as DI_NUMBER,
)
from tests.fbr.answers_cast import (
    accepted,
    fault,
    fault_in_xml,
    header_refused,
    line,
    lines_refused,
    lost,
    said,
    unsent,
)
from tests.fbr.answers_cast import (
    refused as row_refused,
)
from tests.fbr.pos_cast import DIGITS, NUMBER, TEST_NUMBER, USIN, cloud, component, refused

AT = datetime(2026, 11, 20, 7, 0, tzinfo=UTC)  # 12:00 in Karachi
A, R, T, K, U = (
    Outcome.ACCEPTED,
    Outcome.REJECTED,
    Outcome.RETRYABLE,
    Outcome.AUTH,
    Outcome.UNCERTAIN,
)
PAGE = b"<!DOCTYPE html><html><head><title>Maintenance</title></head><body>Sorry</body></html>"
COMPONENT = json.dumps(component()).encode()
WHOLE = json.dumps(accepted()).encode()


def serials(*given, refuse=None):
    """An accepted document whose entries say these lines; one of them may be refused."""
    rows = [line(number, itemSNo=each) for number, each in enumerate(given, start=1)]
    if refuse:
        rows[refuse - 1] |= {"statusCode": "01", "errorCode": "0046", "error": "Provide rate."}
    return accepted(verdict={"invoiceStatuses": rows})


def without_serials(count):
    rows = [{k: v for k, v in line(n).items() if k != "itemSNo"} for n in range(1, count + 1)]
    return accepted(verdict={"invoiceStatuses": rows})


# Each row: a name, the evidence, how many lines were sent, the outcome, codes with their lines.
DI = [
    ("5.1 accepted", said(accepted()), 1, A, []),
    ("5.1 three lines", said(accepted(3)), 3, A, []),
    ("5.1 with a mark of UTF-8 before it", said(b"\xef\xbb\xbf" + WHOLE), 1, A, []),
    ("5.2 header", said(header_refused()), 1, R, [("0052", None)]),
    ("5.2 statuses []", said(header_refused(invoiceStatuses=[])), 1, R, [("0052", None)]),
    ("5.2 statuses an object", said(header_refused(invoiceStatuses={})), 1, R, [("0052", None)]),
    ("5.2 statuses of texts", said(header_refused(invoiceStatuses=["x"])), 1, R, [("0052", None)]),
    ("5.3 line under outer 00", said(lines_refused(row_refused(1, "0046"))), 1, R, [("0046", 1)]),
    (
        "5.3 line under outer 01",
        said(lines_refused(row_refused(1, "0046"), outer="01")),
        1,
        R,
        [("0046", 1)],
    ),
    (
        "5.3 the second of three",
        said(lines_refused(line(1), row_refused(2, "0104"), line(3))),
        3,
        R,
        [("0104", 2)],
    ),
    (
        "5.3 two codes at two lines",
        said(lines_refused(row_refused(1, "0046"), line(2), row_refused(3, "0099"))),
        3,
        R,
        [("0046", 1), ("0099", 3)],
    ),
    (
        "5.3 header and line",
        said(lines_refused(row_refused(2, "0046"), outer="01", errorCode="0052")),
        2,
        R,
        [("0052", None), ("0046", 2)],
    ),
    (
        "5.3 entries out of order",
        said(lines_refused(row_refused(2, "0099"), row_refused(1, "0046"))),
        2,
        R,
        [("0099", 2), ("0046", 1)],
    ),
    (
        "5.3 a line beyond the document",
        said(lines_refused(row_refused(9, "0046"))),
        2,
        R,
        [("0046", 1)],
    ),
    (
        "5.3 an entry that no line of ours fits",
        said(lines_refused(line(1), row_refused(9, "0046"))),
        1,
        R,
        [("0046", None)],
    ),
    (
        "5.3 no serials",
        said(lines_refused(line(1, itemSNo=None), row_refused(2, "0046") | {"itemSNo": None})),
        2,
        R,
        [("0046", 2)],
    ),
    ("5.5 401 900901", said(fault(900901), 401), 1, K, []),
    ("5.5 401 900902", said(fault(900902), 401), 1, K, []),
    ("5.5 403 900908", said(fault(900908), 403), 1, K, []),
    ("5.5 403 900910", said(fault(900910), 403), 1, K, []),
    ("5.5 900910 whatever the status", said(fault(900910), 500), 1, K, []),
    ("5.5 900901 in XML", said(fault_in_xml(900901), 401), 1, K, []),
    ("5.5 429 900800", said(fault(900800), 429), 1, T, []),
    ("5.5 429 900804", said(fault(900804), 429), 1, T, []),
    ("5.5 503 303001", said(fault(303001), 503), 1, T, []),
    ("5.5 500 101503", said(fault(101503), 500), 1, T, []),
    ("5.5 504 101504", said(fault(101504), 504), 1, U, []),
    ("5.5 500 101505", said(fault(101505), 500), 1, U, []),
    ("5.5 in XML with a mark of UTF-8", said(b"\xef\xbb\xbf" + fault_in_xml(900802)), 1, T, []),
    ("5.6 a number with -21", said(accepted(invoiceNumber=f"{DI_NUMBER}-21")), 1, A, []),
    ("5.7 two entries for one line", said(serials("1", "1")), 2, U, []),
    ("5.7 two entries for one line, of three", said(serials("1", "2", "2")), 3, U, []),
    ("5.7 an entry for line 0", said(serials("0", "1")), 2, U, []),
    ("5.7 an entry beyond the document", said(serials("1", "3")), 2, U, []),
    ("5.7 an entry of no line", said(serials("1", "two")), 2, U, []),
    ("5.7 an entry without its line among others", said(serials("1", None)), 2, U, []),
    ("5.7 a line that is a truth", said(serials(True, 2)), 2, U, []),
    ("5.7 a line that is a list", said(serials(["1"])), 1, U, []),
    ("5.7 entries in another order", said(serials("2", "1")), 2, A, []),
    ("5.7 lines as numbers", said(serials(1, 2)), 2, A, []),
    ("5.7 lines as 1.0", said(serials(1.0, 2.0)), 2, A, []),
    ("5.7 lines with a zero before", said(serials("01", "02")), 2, A, []),
    ("5.7 no entry says its line", said(without_serials(2)), 2, A, []),
    ("5.7 no entry says its line, one missing", said(without_serials(1)), 2, U, []),
    ("5.7 blank lines", said(serials("", "")), 2, A, []),
    ("5.7 a list without entries", said(accepted(verdict={"invoiceStatuses": []})), 1, U, []),
    (
        "5.8 number and a failing line",
        said(serials("1", "2", refuse=2)),
        2,
        U,
        [("0046", 2)],
    ),
    ("5.8 number and outer 01", said(accepted(verdict={"statusCode": "01"})), 1, U, []),
    (
        "5.8 number and a header code",
        said(accepted(verdict={"errorCode": "0052"})),
        1,
        U,
        [("0052", None)],
    ),
    ("5.8 0401", said(header_refused("0401")), 1, K, [("0401", None)]),
    ("5.8 0402", said(header_refused("0402")), 1, R, [("0402", None)]),
    ("5.8 401", said(b"", 401), 1, K, []),
    ("5.8 403 without a fault", said(PAGE, 403), 1, U, []),
    ("5.8 429", said(b"", 429), 1, T, []),
    ("5.8 a bare 503", said(b"", 503), 1, U, []),
    ("5.8 400", said(b"", 400), 1, R, []),
    ("5.8 413", said(b"", 413), 1, R, []),
    ("5.8 415", said(b"", 415), 1, R, []),
    ("5.8 404", said(PAGE, 404), 1, T, []),
    ("5.8 405", said(PAGE, 405), 1, T, []),
    ("5.8 500", said(PAGE, 500), 1, U, []),
    ("5.8 502", said(PAGE, 502), 1, U, []),
    ("5.8 no such host", unsent("gaierror"), 1, T, []),
    ("5.8 read timeout", lost("TimeoutError"), 1, U, []),
    ("5.8 cut", lost("IncompleteRead", status=200, body=WHOLE[:30]), 1, U, []),
    ("5.8 empty 200", said(b""), 1, U, []),
    ("5.8 HTML 200", said(PAGE), 1, U, []),
    ("5.8 a list", said([accepted()]), 1, U, []),
    ("5.8 no verdict", said({"dated": "2025-05-13"}), 1, U, []),
    ("5.8 nothing invalid, no number", said(lines_refused(line(1))), 1, U, []),
    (
        "5.8 a refusal without a code",
        said(lines_refused(row_refused(1, "", "Wrong."))),
        1,
        R,
        [("no_code", 1)],
    ),
    ("a refusal with a blank number", said(header_refused() | {"invoiceNumber": "  "}), 1, R,
     [("0052", None)]),
    ("a number under another name, refused", said(header_refused() | {"InvoiceNumber": DI_NUMBER}),
     1, U, [("0052", None)]),
    ("a number in a list, refused", said(header_refused() | {"invoiceNumber": [DI_NUMBER]}), 1, U,
     [("0052", None)]),
    ("a number in a cut 401", said(WHOLE[:60], 401), 1, U, []),
    ("a number in a cut 404", said(WHOLE[:60], 404), 1, U, []),
    ("a number in a wrapped 400", said(b"<html>" + WHOLE + b"</html>", 400), 1, U, []),
    ("a page with a long number in it, 404", said(b"<p>Id: 12345678901234567890</p>", 404), 1, T,
     []),
    ("one name twice", said(WHOLE[:-1] + b', "invoiceNumber": "x"}'), 1, U, []),
    ("a verdict twice", said(WHOLE[:-1] + b', "validationResponse": {}}'), 1, U, []),
    ("NaN", said(WHOLE.replace(b'"00"', b"NaN")), 1, U, []),
    ("13 malformed JSON", said(WHOLE[:-1] + b",}"), 1, U, []),
    ("13 statusCode a number", said(accepted(verdict={"statusCode": 0})), 1, A, []),
    ("13 errorCode null", said(accepted(verdict={"errorCode": None})), 1, A, []),
    ("13 the number is not of our NTN", said(accepted(invoiceNumber="3520212345671DIZLLXVR75018")),
     1, A, []),
    ("13 0077 may pass the second time", said(lines_refused(row_refused(1, "0077"))), 1, R,
     [("0077", 1)]),
    ("13 0043 by day", said(header_refused("0043")), 1, R, [("0043", None)]),
]  # fmt: skip

# The same without lines. The till is in production unless the name says `test till`.
POS = [
    # 7.1
    ("7.1 component", said(component()), A, []),
    ("7.1 cloud, a bare integer", said(cloud()), A, []),
    ("7.1 cloud, the integer as it came on the wire",
     said(b'{"Code":"100","FBRInvoiceNumber":11000120181112000369,"Response":"x"}'), A, []),
    ("7.1 cloud live, InvoiceNumber", said(cloud(FBRInvoiceNumber=None, InvoiceNumber=NUMBER)), A,
     []),
    ("7.1 cloud live, FBRInvoiceNumber a text", said(cloud(FBRInvoiceNumber=NUMBER)), A, []),
    ("7.1 Code as int", said(component(Code=100)), A, []),
    ("7.1 Code with blanks", said(component(Code=" 100 ")), A, []),
    ("7.1 InvoiceNumber blank, FBRInvoiceNumber given",
     said(cloud(InvoiceNumber="")), A, []),
    ("7.1 both names, one number",
     said(component(FBRInvoiceNumber=NUMBER)), A, []),
    ("7.1 Errors missing", said({k: v for k, v in component().items() if k != "Errors"}), A, []),
    ("7.1 Errors blank", said(component(Errors="  ")), A, []),
    ("7.1 Errors []", said(component(Errors=[])), A, []),
    ("7.1 Errors $values []", said(component(Errors={"$values": []})), A, []),
    ("7.1 Errors $id and $values []", said(component(Errors={"$id": "2", "$values": []})), A, []),
    ("7.1 201 is 2xx too", said(component(), 201), A, []),
    ("7.1 with a mark of UTF-8 before it", said(b"\xef\xbb\xbf" + COMPONENT), A, []),
    ("7.1 more fields", said(component(QRCode="abc", TimeStamp=1)), A, []),
    ("7.1 Errors a text", said(component(Errors="PCT code missing")), U, [("100", None)]),
    ("7.1 Errors a list", said(component(Errors=["a", "b"])), U, [("100", None), ("100", None)]),
    ("7.1 Errors $values", said(component(Errors={"$values": ["a"]})), U, [("100", None)]),
    ("7.1 Errors a truth", said(component(Errors=False)), U, [("100", None)]),
    ("7.1 Code missing", said({"InvoiceNumber": NUMBER}), U, []),
    ("7.1 Code null", said(component(Code=None)), U, []),
    ("7.1 Code 100.0", said(component(Code=100.0)), U, []),
    ("7.1 Code 100.0 as text", said(component(Code="100.0")), U, []),
    ("7.1 Code 0100", said(component(Code="0100")), U, [("0100", None)]),
    ("7.1 Code true", said(component(Code=True)), U, []),
    ("7.1 Code a list", said(component(Code=[100])), U, []),
    ("7.1 two numbers", said(component(FBRInvoiceNumber=DIGITS)), U, []),
    ("7.1 one name Not Available, one a number",
     said(component(InvoiceNumber="Not Available", FBRInvoiceNumber=NUMBER)), U, []),
    ("7.1 number floating", said(cloud(FBRInvoiceNumber=1.1000120181112e19)), U, []),
    ("7.1 number a text that floats", said(cloud(FBRInvoiceNumber="1.1000120181112E+19")), U, []),
    ("7.1 number with .0", said(cloud(FBRInvoiceNumber=f"{DIGITS}.0")), U, []),
    ("7.1 names in other capitals",
     said({"invoiceNumber": NUMBER, "code": "100", "response": "", "errors": None}), U, []),
    ("7.1 Code in two spellings", said(component(code="102")), U, []),
    ("7.1 errors in small letters", said(component(errors=["x"])), U, []),
    ("7.1 one name twice", said(COMPONENT[:-1] + b', "Code": "102"}'), U, []),
    # 7.2
    ("7.2 100 without a number", said(component(InvoiceNumber=None)), U, []),
    ("7.2 101", said(refused("101", "Error while generating Fiscal Invoice Number.")), R,
     [("101", None)]),
    ("7.2 102", said(refused("102", "Invalid data received")), R, [("102", None)]),
    ("7.2 102 as int", said(refused(102)), R, [("102", None)]),
    ("7.2 102, number null", said(refused("102", InvoiceNumber=None)), R, [("102", None)]),
    ("7.2 102, number blank", said(refused("102", InvoiceNumber="")), R, [("102", None)]),
    ("7.2 102, number 0", said(refused("102", InvoiceNumber=0)), R, [("102", None)]),
    ("7.2 102, number missing", said({"Code": 102, "Response": "Invalid"}), R, [("102", None)]),
    ("7.2 102, our own number echoed", said(refused("102", InvoiceNumber=USIN)), R,
     [("102", None)]),
    ("7.2 104", said(refused("104", "You are not authorized to use this service.")), K,
     [("104", None)]),
    ("7.2 104 as int", said(refused(104)), K, [("104", None)]),
    ("7.2 112", said(refused("112", "Bulk data upload functionality is no more available")), K,
     [("112", None)]),
    ("7.2 200 is the component's own", said(refused("200")), U, [("200", None)]),
    ("7.2 201 is the component's own", said(refused("201")), U, [("201", None)]),
    ("7.2 400 says nothing", said(refused("400", "Some error has occured.")), R, [("400", None)]),
    ("7.2 400 with errors", said(refused("400", Errors="Invalid POSID")), R, [("400", None)]),
    ("7.2 401 is no HTTP 401", said(refused("401", "Invalid data received.")), R,
     [("401", None)]),
    ("7.2 402", said(refused("402", "Model validation failed.")), R, [("402", None)]),
    ("7.2 402, two errors",
     said(refused("402", Errors=["Items[0].PCTCode is required", "Items[2].Quantity is wrong"])),
     R, [("402", 1), ("402", 3)]),
    ("7.2 402, errors by field",
     said(refused("402", Errors={"Items[1].TaxRate": ["Wrong."], "USIN": "Too long."})), R,
     [("402", 2), ("402", None)]),
    ("7.2 402, $values", said(refused("402", Errors={"$values": ["Items[0].PCTCode"]})), R,
     [("402", 1)]),
    ("7.2 another code", said(refused("118", "A rule of tomorrow")), R, [("118", None)]),
    ("7.2 another code with letters", said(refused("E-17")), R, [("E-17", None)]),
    ("7.2 a code below zero", said(refused(-1)), R, [("-1", None)]),
    ("7.2 Code 0 is nobody's code", said(refused(0)), U, []),
    ("7.2 Code OK is nobody's code", said(refused("OK")), U, []),
    ("7.2 Code blank", said(refused("")), U, []),
    ("7.2 an empty model", said(dict.fromkeys(component())), U, []),
    ("7.2 102 and a number", said(refused("102", InvoiceNumber=NUMBER)), U, [("102", None)]),
    ("7.2 104 and a number", said(refused("104", InvoiceNumber=NUMBER)), U, [("104", None)]),
    ("7.2 112 and a number under the other name", said(refused("112", FBRInvoiceNumber=DIGITS)), U,
     [("112", None)]),
    ("7.2 102 and a floating number", said(refused("102", FBRInvoiceNumber=1.1e19)), U,
     [("102", None)]),
    ("7.2 102 and a number in a list", said(refused("102", InvoiceNumber=[NUMBER])), U,
     [("102", None)]),
    ("7.2 102 and a number under no known name", said(refused("102", Fiscal=NUMBER)), U,
     [("102", None)]),
    # 7.3
    ("7.3 401 900902", said(fault(900902), 401), K, []),
    ("7.3 401 900901", said(fault(900901), 401), K, []),
    ("7.3 403 900908", said(fault(900908), 403), K, []),
    ("7.3 403 900910", said(fault(900910), 403), K, []),
    ("7.3 900910 as text", said(fault("900910"), 403), K, []),
    ("7.3 900901 in XML", said(fault_in_xml(900901), 401), K, []),
    ("7.3 900908 in XML", said(fault_in_xml(900908), 403), K, []),
    ("7.3 429 900800", said(fault(900800), 429), T, []),
    ("7.3 503 900802", said(fault(900802), 503), T, []),
    ("7.3 503 900801 in XML", said(fault_in_xml(900801), 503), T, []),
    ("7.3 404 no matching resource",
     said(fault(404, "No matching resource found for given API Request"), 404), T, []),
    ("7.3 405 GET instead of POST", said(fault(405), 405), T, []),
    ("7.3 404 Runtime Error", said(fault(900906), 404), T, []),
    ("7.3 a number beside a fault", said(component(**fault(900901)), 401), U, []),
    ("7.3 a number beside a throttle", said(component(**fault(900802))), U, []),
    ("7.3 a fault nobody knows, 403", said(fault(900999), 403), K, []),
    ("7.3 a fault nobody knows, 500", said(fault(900999), 500), U, []),
    ("7.3 a fault nobody knows, 200", said(fault(900999)), U, []),
    ("7.3 101504: may be recorded", said(fault(101504), 504), U, []),
    ("7.3 303001: never forwarded", said(fault(303001), 503), T, []),
    # 7.4
    ("7.4 refused", unsent("ConnectionRefusedError"), T, []),
    ("7.4 no such host", unsent("gaierror"), T, []),
    ("7.4 TLS before the body", unsent("SSLCertVerificationError"), T, []),
    ("7.4 TLS EOF", unsent("SSLEOFError"), T, []),
    ("7.4 timeout after the body", lost("TimeoutError"), U, []),
    ("7.4 reset after the body", lost("ConnectionResetError"), U, []),
    ("7.4 cut after a whole object",
     lost("IncompleteRead", status=200, body=COMPONENT), U, []),
    ("7.4 a 401 that was cut", lost("IncompleteRead", status=401), U, []),
    ("7.4 neither status nor failure", Evidence(sent=True), U, []),
    ("7.4 500 page", said(PAGE, 500), U, []),
    ("7.4 502 page", said(PAGE, 502), U, []),
    ("7.4 503 bare", said(b"", 503), U, []),
    ("7.4 504 page", said(PAGE, 504), U, []),
    ("7.4 500 with a refusal", said(refused("102"), 500), U, []),
    ("7.4 500 with a success", said(component(), 500), U, []),
    ("7.4 2xx empty", said(b""), U, []),
    ("7.4 204", said(b"", 204), U, []),
    ("7.4 2xx page", said(PAGE), U, []),
    ("7.4 2xx cut JSON", said(COMPONENT[:-2]), U, []),
    ("7.4 2xx a text of JSON", said(json.dumps(COMPONENT.decode()).encode()), U, []),
    ("7.4 2xx a list", said([component()]), U, []),
    ("7.4 2xx null", said(b"null"), U, []),
    ("7.4 2xx health words", said(["Service is responding"]), U, []),
    ("7.4 too long", said(b" " * (ANSWER_LIMIT + 1)), U, []),
    ("7.4 401 bare", said(b"", 401), K, []),
    ("7.4 401 page", said(PAGE, 401), K, []),
    ("7.4 403 bare", said(b"", 403), K, []),
    ("7.4 403 page", said(PAGE, 403), K, []),
    ("7.4 403 with 104", said(refused("104"), 403), K, [("104", None)]),
    ("7.4 401 with a success", said(component(), 401), U, []),
    ("7.4 403 with 100 and no number", said(component(InvoiceNumber="Not Available"), 403), U, []),
    ("7.4 429", said(PAGE, 429), T, []),
    ("7.4 404 page", said(PAGE, 404), T, []),
    ("7.4 404 with a number", said(component(), 404), U, []),
    ("7.4 401 cut, with a number", said(COMPONENT[:40], 401), U, []),
    ("7.4 400", said(b"", 400), R, []),
    ("7.4 413", said(b"", 413), R, []),
    ("7.4 415", said(b"", 415), R, []),
    ("7.4 400 with 102", said(refused("102"), 400), R, [("102", None)]),
    ("7.4 400 with 104", said(refused("104"), 400), K, [("104", None)]),
    ("7.4 400 with 400", said(refused("400"), 400), R, [("400", None)]),
    ("7.4 400 with 100", said(component(InvoiceNumber=None), 400), U, []),
    ("7.4 302", said(b"", 302), U, []),
    ("7.4 code 100, number blank", said(component(InvoiceNumber="")), U, []),
    ("7.4 code 100, number blanks", said(component(InvoiceNumber="  ")), U, []),
    ("7.4 code 100, Not Available", said(component(InvoiceNumber="Not Available")), U, []),
    ("7.4 code 100, NOT  AVAILABLE", said(component(InvoiceNumber="NOT  AVAILABLE")), U, []),
    ("7.4 code 100, null as a word", said(component(InvoiceNumber="null")), U, []),
    ("7.4 code 100, number 0", said(component(InvoiceNumber=0)), U, []),
    ("7.4 code 100, zeros", said(component(InvoiceNumber="0000")), U, []),
    ("7.4 code 100, below zero", said(component(InvoiceNumber=-DIGITS)), U, []),
    ("7.4 code 100, a truth", said(component(InvoiceNumber=True)), U, []),
    ("7.4 code 100, a list", said(component(InvoiceNumber=[NUMBER])), U, []),
    ("7.4 code 100, our own number", said(component(InvoiceNumber=USIN)), U, []),
    ("7.4 code 100, our own number in small letters",
     said(component(InvoiceNumber=f" {USIN.lower()} ")), U, []),
    ("7.4 code 100, our own and FBR's",
     said(component(InvoiceNumber=USIN, FBRInvoiceNumber=NUMBER)), U, []),
    ("7.4 code 100, a sentence", said(component(InvoiceNumber="see 12 below")), U, []),
    ("7.4 code 100, too long", said(component(InvoiceNumber="9" * 65)), U, []),
    ("7.4 code 100, a number of 5,000 digits",
     said(COMPONENT.replace(b'"966416FB2N32258532"', b"9" * 5000)), U, []),
    ("7.4 code 100, NUL in the number", said(component(InvoiceNumber="966416\u0000F")), U, []),
    ("7.4 code 100, half a surrogate", said(component(InvoiceNumber="966416\ud800")), U, []),
    # 8
    ("8 twenty digits as text", said(component(InvoiceNumber="11000120181112000369")), A, []),
    ("8 nineteen digits", said(component(InvoiceNumber="9000052011142444901")), A, []),
    ("8 twenty-one digits", said(component(InvoiceNumber=141973260731175535958)), A, []),
    ("8 the words of the law", said(component(InvoiceNumber="966416-201126120000-0001")), A, []),
    ("8 a form nobody has seen", said(component(InvoiceNumber="Z1")), A, []),
    ("8 first days and hour zero", said(component(InvoiceNumber="966416EA10005581")), A, []),
    ("8 a test number in production", said(component(InvoiceNumber=TEST_NUMBER)), U, []),
    ("8 a test number in capitals", said(component(InvoiceNumber="966416FA2N3225*TEST*")), U, []),
    ("8 a test number, test till", said(component(InvoiceNumber=TEST_NUMBER)), A, []),
    ("8 no test in the number, test till", said(component()), A, []),
]  # fmt: skip

TABLE = [(f"DI {name}", *rest) for name, *rest in DI] + [
    (f"POS {name}", evidence, 1, outcome, codes) for name, evidence, outcome, codes in POS
]


def read_as(name, evidence, lines):
    if name.startswith("DI"):
        return di.read(evidence, lines=lines, at=AT)
    return pos.read(evidence, usin=USIN, test="test till" in name, at=AT)


def test_the_table_is_large_and_each_row_has_its_own_name():
    assert len(TABLE) >= 150
    assert len({name for name, *_ in TABLE}) == len(TABLE)


@pytest.mark.parametrize(
    ("name", "evidence", "lines", "outcome", "codes"), TABLE, ids=[row[0] for row in TABLE]
)
def test_an_answer_means_what_the_table_says(name, evidence, lines, outcome, codes):
    reading = read_as(name, evidence, lines)

    assert (reading.outcome, reading.why) == (outcome, reading.why)
    assert [(found.code, found.line) for found in reading.codes] == codes
    assert bool(reading.number) or outcome != A
    assert reading.hold == Hold.CREDENTIAL or outcome != K


def test_the_table_has_every_outcome_of_both_channels():
    seen = {(name.split()[0], outcome) for name, _, _, outcome, _ in TABLE}

    assert seen == {(channel, outcome) for channel in ("DI", "POS") for outcome in Outcome}


# --- POS: what else the reading carries --------------------------------------------------------


def read(body, *, test=False, usin=USIN, status=200):
    return pos.read(said(body, status), usin=usin, test=test, at=AT)


@pytest.mark.parametrize(
    "body",
    [
        b'{"Code":"100","FBRInvoiceNumber":11000120181112000369}',
        b'{"Code":100,"InvoiceNumber":11000120181112000369}',
        b'{"Code":100,"InvoiceNumber":" 11000120181112000369 "}',
    ],
)
def test_twenty_digits_lose_none(body):
    assert read(body).number == "11000120181112000369"


@pytest.mark.parametrize(
    ("reading", "why"),
    [
        (read(refused("104")), "code 104"),
        (read(refused(112)), "code 112"),
        (read(refused("112"), status=403), "code 112"),
        (read(fault(900901), status=401), "gateway fault 900901"),
        (read(fault(900908), status=403), "gateway fault 900908"),
        (read(fault(900910), status=403), "gateway fault 900910"),
        (read(fault_in_xml(900908), status=403), "gateway fault 900908"),
        (read(b"", status=401), "HTTP 401"),
        (read(PAGE, status=403), "HTTP 403"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_held_till_says_which_of_its_causes_it_was(reading, why):
    assert (reading.outcome, reading.why, reading.hold) == (K, why, Hold.CREDENTIAL)


def test_an_uncertain_answer_keeps_the_number_as_evidence():
    assert read(component(InvoiceNumber=TEST_NUMBER)).number == TEST_NUMBER
    assert read(refused("102", FBRInvoiceNumber=DIGITS)).number == str(DIGITS)
    assert read(component(InvoiceNumber=USIN)).number == ""


def test_errors_are_told_in_fbrs_words_each_with_its_field():
    errors = {"$id": "1", "$values": ["  First ", {"Items[1].TaxRate": ["Second"]}, "", None, [3]]}

    reading = read(refused("402", Errors=errors))

    assert [(found.text, found.line) for found in reading.codes] == [
        ("First", None),
        ("Items[1].TaxRate: Second", 2),
        ("3", None),
    ]


def test_without_errors_the_response_is_what_fbr_says():
    assert read(refused("102", "  Invalid data received ")).codes[0].text == "Invalid data received"
    assert read(refused("102", response=["x"])).codes[0].text == ""


@pytest.mark.parametrize(
    "errors", [["x" * 5000] * 150, [[[["deep"]]]], {"a" * 9000: "x"}, "\ud800\u0000", 7, True]
)
def test_errors_of_a_strange_form_are_short_and_no_accident(errors):
    reading = read(refused("402", Errors=errors))

    assert reading.outcome == R
    assert 1 <= len(reading.codes) <= 100
    assert all(len(found.text) <= 500 for found in reading.codes)


@pytest.mark.parametrize("depth", range(800, 1000, 19))
@pytest.mark.parametrize("name", ["Code", "Errors", "InvoiceNumber", "Response"])
def test_deep_nesting_is_no_accident(name, depth):
    nested = b"[" * depth + b"]" * depth
    body = json.dumps(refused("102") | {name: "@"}).encode().replace(b'"@"', nested)

    assert read(body).outcome in {R, U}


@pytest.mark.parametrize(
    ("usin", "number"),
    [("000123", 123), ("000123", "123"), ("A1-7", "a1-7"), (" A1-7 ", "A1-7"), ("123", "000123")],
)
def test_our_own_number_is_known_in_whatever_dress(usin, number):
    assert read(component(InvoiceNumber=number), usin=usin).outcome == U
    assert read(refused("102", InvoiceNumber=number), usin=usin).outcome == R


def test_a_bill_number_that_looks_like_fbrs_is_no_number_of_fbrs():
    long = "20261120000000001234"

    assert read(refused("102", InvoiceNumber=long), usin=long).outcome == R
    assert read(refused("102", USIN=long), usin=long).outcome == R
    assert read(refused("102", USIN=long)).outcome == U


@pytest.mark.parametrize("status", [404, 405])
def test_a_wrong_address_of_pos_calls_us(status):
    reading = read(b"", status=status)

    assert (reading.hold, reading.defect) == (Hold.ENDPOINT, True)


def test_a_throttle_of_pos_says_when_again():
    reading = pos.read(said(fault(900802), 429, retry_after="30"), usin=USIN, test=False, at=AT)

    assert (reading.outcome, reading.retry_after_s) == (T, 30)


# --- twins: each of these readers is one that was seen in the wild ------------------------------


def by_number_alone(evidence):
    body = json.loads(evidence.body)
    return bool(body.get("InvoiceNumber") or body.get("FBRInvoiceNumber"))


def by_code_alone(evidence):
    return str(json.loads(evidence.body).get("Code")) == "100"


@pytest.mark.parametrize("twin", [by_number_alone, by_code_alone])
def test_a_lenient_twin_accepts_what_the_table_does_not(twin):
    fooled = []
    for name, evidence, outcome, _ in POS:
        try:
            kind = evidence.status == 200 and twin(evidence)
        except (ValueError, AttributeError):
            kind = False
        if kind and outcome != A:
            fooled.append(name)

    assert len(fooled) > 10


def test_a_double_based_twin_loses_digits():
    body = json.dumps(cloud()).encode()

    assert str(int(json.loads(body, parse_int=float)["FBRInvoiceNumber"])) != str(DIGITS)
    assert read(body).number == str(pos_cast.DIGITS)
