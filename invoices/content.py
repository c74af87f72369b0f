"""What somebody wants to stand on a document, before anything is computed or stored."""

from __future__ import annotations

from dataclasses import dataclass, field
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


@dataclass(frozen=True, kw_only=True)
class Line:
    """One supply as typed. None for a tax means: compute it."""

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


@dataclass(frozen=True, kw_only=True)
class Content:
    """A whole document as typed."""

    invoice_date: date
    document_type: str = DocumentType.SALE_INVOICE
    client_reference: str = ""
    scenario: str = ""
    buyer_id: UUID | None = None
    buyer: Party = field(default_factory=Party)
    prices_include_tax: bool = False
    lines: tuple[Line, ...] = ()
