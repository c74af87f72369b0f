"""The DI document as FBR's specification has it, and its exact bytes. Pure.

Source: PRAL "Technical Specification for DI API" v1.12, section 4.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from smartinvoicing.money import write_short

_BIDI: Final = frozenset(
    "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff"
)

Value = str | int | Decimal | None


@dataclass(frozen=True, kw_only=True)
class Item:
    """One line. Amounts in rupees, at most two places; quantity at most four."""

    hsCode: str  # noqa: N815 -- FBR's spelling, here and below
    productDescription: str  # noqa: N815
    rate: str
    uoM: str  # noqa: N815
    quantity: Decimal
    totalValues: Decimal  # noqa: N815
    valueSalesExcludingST: Decimal  # noqa: N815
    fixedNotifiedValueOrRetailPrice: Decimal  # noqa: N815
    salesTaxApplicable: Decimal  # noqa: N815
    salesTaxWithheldAtSource: Decimal  # noqa: N815
    extraTax: Decimal | str  # noqa: N815
    furtherTax: Decimal  # noqa: N815
    sroScheduleNo: str  # noqa: N815
    fedPayable: Decimal  # noqa: N815
    discount: Decimal
    saleType: str  # noqa: N815
    sroItemSerialNo: str  # noqa: N815


@dataclass(frozen=True, kw_only=True)
class Document:
    """One invoice. An optional header that is None is left out."""

    invoiceType: str  # noqa: N815
    invoiceDate: str  # noqa: N815
    sellerNTNCNIC: str  # noqa: N815
    sellerBusinessName: str  # noqa: N815
    sellerProvince: str  # noqa: N815
    sellerAddress: str  # noqa: N815
    buyerNTNCNIC: str | None  # noqa: N815
    buyerBusinessName: str  # noqa: N815
    buyerProvince: str  # noqa: N815
    buyerAddress: str  # noqa: N815
    buyerRegistrationType: str  # noqa: N815
    invoiceRefNo: str  # noqa: N815
    reason: str | None = None
    scenarioId: str | None = None  # noqa: N815
    items: tuple[Item, ...]


def plain(text: str) -> str:
    """Text that FBR's parser survives: no control or direction marks, quotes or backslashes.

    Source: reported by integrators, DI API v1.12 field `productDescription`.
    """
    text = unicodedata.normalize("NFC", text).replace('"', "'").replace("\\", "/")
    kept = "".join(
        " " if unicodedata.category(mark) in {"Cc", "Zl", "Zp"} else mark
        for mark in text
        if mark not in _BIDI
    )
    return " ".join(kept.split())


def _write(value: Value) -> str:
    if isinstance(value, Decimal):
        return write_short(value)
    return json.dumps(value, ensure_ascii=False)


def _object(fields: Mapping[str, Value]) -> str:
    return ",".join(f'"{name}":{_write(value)}' for name, value in fields.items())


def to_bytes(document: Document) -> bytes:
    """JSON in UTF-8, without spaces, fields in the order of the specification."""
    header = {
        name: value
        for name, value in vars(document).items()
        if name != "items" and value is not None
    }
    items = ",".join(f"{{{_object(vars(item))}}}" for item in document.items)
    return f'{{{_object(header)},"items":[{items}]}}'.encode()
