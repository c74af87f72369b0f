"""The bill of a till as FBR's POS service reads it, and its exact bytes. Pure.

FBR's spelling of each box, numbers as numbers. The box for a customer's phone is never filled:
nobody asks for it, so it is not here.
Source: FBR, data sharing through the Software Fiscal Component; POS reference, sections 4 and 5.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from fbr.texts import members

_ONLY_WHEN_THERE: Final = frozenset({"BuyerName", "BuyerNTN", "BuyerCNIC"})


@dataclass(frozen=True, kw_only=True)
class Item:
    """One line: never negative, on returns neither. Rupees at two places, quantity at most four."""

    ItemCode: str
    ItemName: str
    PCTCode: str
    Quantity: Decimal
    TaxRate: Decimal
    SaleValue: Decimal
    Discount: Decimal
    FurtherTax: Decimal
    TaxCharged: Decimal
    TotalAmount: Decimal
    InvoiceType: int
    RefUSIN: str | None


@dataclass(frozen=True, kw_only=True)
class Document:
    """One bill. InvoiceNumber stays empty, FBR fills it; a customer's box that is None is left
    out, RefUSIN that is None is told as null."""

    InvoiceNumber: str
    POSID: int
    USIN: str
    RefUSIN: str | None
    DateTime: str
    BuyerName: str | None
    BuyerNTN: str | None
    BuyerCNIC: str | None
    TotalSaleValue: Decimal
    TotalQuantity: Decimal
    TotalTaxCharged: Decimal
    Discount: Decimal
    FurtherTax: Decimal
    TotalBillAmount: Decimal
    PaymentMode: int
    InvoiceType: int
    Items: tuple[Item, ...]


def to_bytes(document: Document) -> bytes:
    """JSON in UTF-8, without spaces, boxes in the order of the specification."""
    header = {
        name: value
        for name, value in vars(document).items()
        if name != "Items" and not (value is None and name in _ONLY_WHEN_THERE)
    }
    items = ",".join(f"{{{members(vars(item))}}}" for item in document.Items)
    return f'{{{members(header)},"Items":[{items}]}}'.encode()
