"""What the POS service writes back, before any fault touches it.

Source: FBR's specification of the fiscal component (success, bare integer); the other codes and
their words as integrators reported them.
"""

from collections.abc import Mapping
from typing import Any, Final

from fbr.fake.answers import Document

NOT_AVAILABLE: Final = "Not Available"
ACCEPTED: Final = 100
# The three forms of an accepted answer.
COMPONENT: Final = "component"
TEXT: Final = "text"
INTEGER: Final = "integer"

WORDS: Final[Mapping[int, str]] = {
    101: "Error while generating Fiscal Invoice Number.",
    102: "Invalid data received",
    104: "You are not authorized to use this service.",
    112: "Bulk data upload functionality is no more available",
    400: "Some error has occured. Please contact your service provider.",
    401: "Invalid data received.",
    402: "Model validation failed.",
}
# How `Errors` can be written: filled, and empty.
SHAPES: Final = ("text", "list", "values", "null", "missing")


def accepted(*, number: str, form: str, code: int | str) -> Document:
    """The bill was recorded under a number."""
    if form == COMPONENT:
        return {
            "InvoiceNumber": number,
            "Code": code,
            "Response": "Fiscal Invoice Number generated successfully.",
            "Errors": None,
        }
    return {
        "Code": code,
        "FBRInvoiceNumber": int(number) if form == INTEGER else number,
        "Response": "Invoice received successfully",
    }


def refused(
    code: int, errors: str = "", *, shape: str = "text", as_number: bool = False
) -> Document:
    """The bill was not recorded; its code is a text, or a number."""
    document: Document = {
        "InvoiceNumber": NOT_AVAILABLE,
        "Code": code if as_number else str(code),
        "Response": WORDS.get(code, "Refused."),
    }
    return with_errors(document, errors, shape)


def number_key(document: Document) -> str:
    """Under which key an answer gives its number."""
    return "FBRInvoiceNumber" if "FBRInvoiceNumber" in document else "InvoiceNumber"


def with_errors(document: Document, errors: str, shape: str) -> Document:
    """The answer with its errors, or none, in one of the shapes seen."""
    kept = {name: value for name, value in document.items() if name != "Errors"}
    if shape == "missing":
        return kept
    listed = [errors] if errors else []
    shapes: dict[str, Any] = {"text": errors, "list": listed, "values": {"$values": listed}}
    return kept | {"Errors": shapes.get(shape)}
