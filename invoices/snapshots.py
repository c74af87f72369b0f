"""A document in one way of writing it: the bytes that are signed. Pure.

The same rows give the same text for ever: what a later release adds to a document goes into
another layout, beside this one.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final
from uuid import UUID

from django.db import models

from invoices.models import AdvanceUse, Invoice, InvoiceLine
from smartinvoicing import money

LAYOUT: Final = 1

# All that a reported document holds. Apart: where it stands (state, state_at, void_reason, book),
# what was wrong with it, when the draft was begun, and the customer's card, which lives on.
HEAD: Final = (
    "id",
    "tenant_id",
    "legal_entity_id",
    "environment",
    "channel",
    "document_type",
    "version",
    "series_id",
    "serial",
    "number",
    "client_reference",
    "scenario",
    "invoice_date",
    "prices_include_tax",
    "withholding",
    "original_id",
    "original_fbr_number",
    "reason",
    "direction",
    "is_advance",
    "till_id",
    "payment_mode",
    "service_fee",
    "seller_name",
    "seller_ntn_cnic",
    "seller_strn",
    "seller_province",
    "seller_address",
    "seller_software_no",
    "buyer_name",
    "buyer_registration_type",
    "buyer_ntn_cnic",
    "buyer_province",
    "buyer_address",
    "value",
    "sales_tax",
    "further_tax",
    "extra_tax",
    "fed",
    "discount",
    "withheld",
    "total",
    "fbr_number",
    "fbr_dated",
    "accepted_at",
    "fingerprint",
    "issued_offline",
)
LINE: Final = (
    "position",
    "description",
    "hs_code",
    "sale_type",
    "rate",
    "unit",
    "quantity",
    "unit_price",
    "discount",
    "retail_price",
    "sro_schedule",
    "sro_item",
    "further_tax_given",
    "extra_tax_given",
    "fed_given",
    "withheld_given",
    "fed_type",
    "fed_rate",
    "fed_unit_price",
    "fed_schedule",
    "fed_item",
    "petroleum_levy_on",
    "retail_value",
    "residue",
    "advance",
    "further_tax_why",
    "value",
    "sales_tax",
    "further_tax",
    "extra_tax",
    "fed",
    "withheld",
    "total",
)
ADVANCE: Final = ("receipt_id", "value")

LAYOUTS: Final[Mapping[int, tuple[tuple[str, ...], ...]]] = MappingProxyType(
    {1: (HEAD, LINE, ADVANCE)}
)


def text_of(
    invoice: Invoice,
    lines: Iterable[InvoiceLine],
    advances: Iterable[AdvanceUse],
    *,
    layout: int = LAYOUT,
) -> str:
    """The document as JSON: names in order, no blanks, amounts and instants as text.

    The rows must be as the database holds them, not as somebody typed them.
    """
    head, line, advance = LAYOUTS[layout]
    return written(
        {
            "layout": layout,
            "document": _of(invoice, head),
            "lines": [_of(each, line) for each in sorted(lines, key=lambda one: one.position)],
            "advances": [
                _of(each, advance) for each in sorted(advances, key=lambda one: one.receipt_id)
            ],
        }
    )


def written(value: Any) -> str:
    """JSON in the one way that is hashed here."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def instant(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def _of(row: models.Model, names: Iterable[str]) -> dict[str, Any]:
    return {name: _plain(getattr(row, name)) for name in names}


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return money.write_short(value)  # 2.5 and 2.50 are one amount
    if isinstance(value, datetime):
        return instant(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, UUID):
        return str(value)
    return value
