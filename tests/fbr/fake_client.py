"""A client for the tests of the fake FBR, and an invoice that it accepts."""

import http.client
import json
import re
from datetime import UTC, datetime

NOON = datetime(2026, 11, 21, 7, 0, 0, tzinfo=UTC)
SANDBOX_TOKEN = "demo-sandbox-token-0000-7000007"
PRODUCTION_TOKEN = "demo-production-token-0000-7000007"
POST = "/di_data/v1/di/postinvoicedata_sb"
VALIDATE = "/di_data/v1/di/validateinvoicedata_sb"
PRODUCTION = "/di_data/v1/di/postinvoicedata"
GONE = object()


def item(**changes):
    line = {
        "hsCode": "0101.2100",
        "productDescription": "Sample item",
        "rate": "18%",
        "uoM": "Numbers, pieces, units",
        "quantity": 1,
        "totalValues": 0,
        "valueSalesExcludingST": 1000,
        "fixedNotifiedValueOrRetailPrice": 0,
        "salesTaxApplicable": 180,
        "salesTaxWithheldAtSource": 0,
        "extraTax": 0,
        "furtherTax": 0,
        "sroScheduleNo": "",
        "fedPayable": 0,
        "discount": 0,
        "saleType": "Goods at standard rate (default)",
        "sroItemSerialNo": "",
    }
    return changed(line, changes)


def invoice(*items, **changes):
    header = {
        "invoiceType": "Sale Invoice",
        "invoiceDate": "2026-11-21",
        "sellerNTNCNIC": "7000007",
        "sellerBusinessName": "A Co",
        "sellerProvince": "PUNJAB",
        "sellerAddress": "Lahore",
        "buyerNTNCNIC": "2046004",
        "buyerBusinessName": "B Co",
        "buyerProvince": "Sindh",
        "buyerAddress": "Karachi",
        "buyerRegistrationType": "Registered",
        "invoiceRefNo": "",
        "items": list(items) or [item()],
    }
    return changed(header, changes)


def changed(members, changes):
    return {name: value for name, value in (members | changes).items() if value is not GONE}


def dumps(body):
    """JSON in which a text like "#12.50" is the number 12.50, to the digit."""
    return re.sub(r'"#([^"]*)"', r"\1", json.dumps(body))


def ask(fbr, method, path, body=b"", token=SANDBOX_TOKEN, timeout=5, headers=None):
    """One request on a connection of its own; the status, the headers and the raw body."""
    raw = body if isinstance(body, bytes) else dumps(body).encode()
    line = http.client.HTTPConnection("127.0.0.1", fbr.port, timeout=timeout)
    sent = {"Content-Type": "application/json"} | (headers or {})
    if token:
        sent["Authorization"] = f"Bearer {token}"
    try:
        line.request(method, path, raw, sent)
        answer = line.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        line.close()


def send(fbr, body, path=PRODUCTION, token=PRODUCTION_TOKEN, **more):
    """Post an invoice; the answer as JSON."""
    status, _, raw = ask(fbr, "POST", path, body, token, **more)
    assert status == 200, raw
    return json.loads(raw)


def get(fbr, path):
    return json.loads(ask(fbr, "GET", path)[2])


def control(fbr, path, body):
    status, _, raw = ask(fbr, "POST", path, body, token=None)
    return status, json.loads(raw)


def codes(answer):
    """The header's code, or the codes of the lines."""
    validation = answer["validationResponse"]
    header = validation.get("errorCode")
    return header or [line["errorCode"] for line in validation["invoiceStatuses"]]
