"""The DI document as FBR's specification has it, and its exact bytes. Pure.

Source: PRAL "Technical Specification for DI API" v1.12, section 4.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from fbr.texts import Value, members


@dataclass(frozen=True, kw_only=True)
class Item:
    """One line. Amounts in rupees, at most two places; quantity at most four.

    extraTax is "" where FBR demands the empty text; an optional text that is None is left out.
    """

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
    petroleumLevyOn: str | None = None  # noqa: N815


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


def _object(fields: Mapping[str, Value]) -> str:
    return members({name: value for name, value in fields.items() if value is not None})


def to_bytes(document: Document) -> bytes:
    """JSON in UTF-8, without spaces, fields in the order of the specification."""
    header = {name: value for name, value in vars(document).items() if name != "items"}
    items = ",".join(f"{{{_object(vars(item))}}}" for item in document.items)
    return f'{{{_object(header)},"items":[{items}]}}'.encode()
