"""Answers of FBR's POS service as it is known to write them, for the tests to read and to spoil."""

from __future__ import annotations

from typing import Any

USIN = "KHI1-000123"
NUMBER = "966416FB2N32258532"
TEST_NUMBER = "966416FA2N32258532*test*"
DIGITS = 11000120181112000369  # as in FBR's specification: without quotes


def component(**changes: Any) -> dict[str, Any]:
    """The component in the shop accepted (POS reference, 7.1)."""
    answer = {
        "InvoiceNumber": NUMBER,
        "Code": "100",
        "Response": "Fiscal Invoice Number generated successfully.",
        "Errors": None,
    }
    return answer | changes


def cloud(**changes: Any) -> dict[str, Any]:
    """The cloud accepted, in the form of the specification."""
    answer = {
        "Code": "100",
        "FBRInvoiceNumber": DIGITS,
        "Response": "Invoice received successfully",
    }
    return answer | changes


def refused(code: Any, response: str = "No.", **changes: Any) -> dict[str, Any]:
    """A bill that was refused (7.2)."""
    answer = {
        "InvoiceNumber": "Not Available",
        "Code": code,
        "Response": response,
        "Errors": None,
    }
    return answer | changes
