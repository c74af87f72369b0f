"""What somebody wants to stand on a document, before anything is computed or stored."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from datetime import date
from decimal import Decimal
from typing import Final
from uuid import UUID

from invoices.enums import DocumentType, SaleType
from smartinvoicing.money import ZERO

MOST_LINES: Final = 1000


@dataclass(frozen=True, kw_only=True)
class Party:
    """A buyer as typed: any part may be missing or wrong; `validation` says so."""

    name: str = ""
    registration_type: str = ""
    ntn_cnic: str = ""
    province: str = ""
    address: str = ""


PARTY: Final = tuple(each.name for each in fields(Party))


@dataclass(frozen=True, kw_only=True)
class Line:
    """One supply as typed. None for a tax means: compute it.

    retail_price: printed on the goods, for one unit.
    fed_...:      excise outside sales tax mode, as rule 150R(13)(aa) to (ff) wants it printed.
    """

    product_id: UUID | None = None
    description: str = ""
    hs_code: str = ""
    sale_type: str = SaleType.STANDARD
    rate: str = "18%"
    unit: str = ""
    quantity: Decimal = ZERO
    unit_price: Decimal = ZERO
    discount: Decimal = ZERO
    retail_price: Decimal | None = None
    sro_schedule: str = ""
    sro_item: str = ""
    further_tax: Decimal | None = None
    extra_tax: Decimal | None = None
    fed: Decimal | None = None
    withheld: Decimal | None = None
    fed_type: str = ""
    fed_rate: str = ""
    fed_unit_price: Decimal | None = None
    fed_schedule: str = ""
    fed_item: str = ""
    petroleum_levy_on: str = ""


# What a product's master says of a line besides goods, unit and prices.
PARTICULARS: Final = (
    *("sro_schedule", "sro_item", "fed_type", "fed_rate", "fed_schedule", "fed_item"),
    "petroleum_levy_on",
)


@dataclass(frozen=True, kw_only=True)
class Advance:
    """How much of an advance receipt a document uses up: rupees before tax."""

    receipt_id: UUID
    value: Decimal


@dataclass(frozen=True, kw_only=True)
class Content:
    """A whole document as typed.

    original_id, reason, direction: a debit note's.
    is_advance: the document is for money received before the supply.
    withholding: "" means: as the customer's master says.
    till_id:    the till that sold, which makes it a bill for FBR's POS service.
    """

    invoice_date: date
    document_type: str = DocumentType.SALE_INVOICE
    client_reference: str = ""
    scenario: str = ""
    buyer_id: UUID | None = None
    buyer: Party = field(default_factory=Party)
    prices_include_tax: bool = False
    withholding: str = ""
    original_id: UUID | None = None
    reason: str = ""
    direction: str = ""
    is_advance: bool = False
    advances: tuple[Advance, ...] = ()
    till_id: UUID | None = None
    payment_mode: str = ""
    lines: tuple[Line, ...] = ()
