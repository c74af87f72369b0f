"""Answers of FBR's as FBR is known to write them, for the tests to read and to spoil."""

from __future__ import annotations

import json
from typing import Any

from fbr.outcomes import Evidence

NUMBER = "7000007DI1747119701593"


def line(number: int, **changes: Any) -> dict[str, Any]:
    """One line that passed (PRAL DI API v1.12, 4.1.2)."""
    passed = {
        "itemSNo": str(number),
        "statusCode": "00",
        "status": "Valid",
        "invoiceNo": f"{NUMBER}-{number}",
        "errorCode": "",
        "error": "",
    }
    return passed | changes


def refused(number: int, code: str, error: str = "Provide rate.") -> dict[str, Any]:
    """One line that did not."""
    wrong = {"statusCode": "01", "status": "Invalid", "invoiceNo": None}
    return line(number, **wrong, errorCode=code, error=error)


def accepted(lines: int = 1, *, verdict: dict[str, Any] | None = None, **changes: Any) -> Any:
    """5.1: accepted, with changes of the outer object and of the verdict."""
    inner = {
        "statusCode": "00",
        "status": "Valid",
        "error": "",
        "invoiceStatuses": [line(number) for number in range(1, lines + 1)],
    }
    outer = {"invoiceNumber": NUMBER, "dated": "2025-05-13 12:01:41"}
    return outer | {"validationResponse": inner | (verdict or {})} | changes


def header_refused(code: str = "0052", **changes: Any) -> Any:
    """5.2: refused as a whole."""
    inner = {
        "statusCode": "01",
        "status": "Invalid",
        "errorCode": code,
        "error": "Invalid HS Code.",
        "invoiceStatuses": None,
    }
    return {"dated": "2025-05-13 13:09:05", "validationResponse": inner | changes}


def lines_refused(*rows: dict[str, Any], outer: str = "00", **changes: Any) -> Any:
    """5.3: refused at a line, with the outer code "00" of the document, or "01" as seen live."""
    inner = {
        "statusCode": outer,
        "status": "invalid",
        "error": "",
        "invoiceStatuses": list(rows),
    }
    return {"dated": "2025-05-13 13:09:05", "validationResponse": inner | changes}


def fault(code: Any, message: str = "Runtime Error") -> Any:
    """5.5: the gateway's own envelope."""
    return {"fault": {"code": code, "message": message, "description": "From the gateway."}}


def fault_in_xml(code: int) -> bytes:
    """The same from an older node."""
    return (
        f'<am:fault xmlns:am="http://wso2.org/apimanager"><am:code>{code}</am:code>'
        "<am:message>Runtime Error</am:message></am:fault>"
    ).encode()


def said(body: Any, status: int = 200, **more: Any) -> Evidence:
    """An answer that came whole."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Evidence(sent=True, status=status, body=raw, **more)


def unsent(failure: str) -> Evidence:
    return Evidence(sent=False, failure=failure)


def lost(failure: str, **more: Any) -> Evidence:
    return Evidence(sent=True, failure=failure, **more)
