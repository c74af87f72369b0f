"""What two documents have in common when one supply was typed twice. Pure.

Source: reliability contract, 5.4: seller, buyer, date, totals and lines.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from decimal import Decimal

from invoices.models import Invoice, InvoiceLine


def fingerprint_of(invoice: Invoice, lines: Sequence[InvoiceLine], *, seller_ntn_cnic: str) -> str:
    """Sixty-four hex digits, the same for the same supply; "" where likeness means nothing.

    At a till two like bills in a day are two customers; they have no fingerprint.
    """
    if invoice.till_id is not None:
        return ""
    said = [
        *(invoice.environment, invoice.document_type, str(invoice.original_id or "")),
        *(seller_ntn_cnic, invoice.invoice_date.isoformat()),
        *(_plain(invoice.buyer_name), invoice.buyer_ntn_cnic, invoice.buyer_registration_type),
        *(_number(amount) for amount in (invoice.value, invoice.sales_tax, invoice.total)),
        *(_of_line(line) for line in lines),
    ]
    return hashlib.sha256(json.dumps(said, ensure_ascii=False).encode()).hexdigest()


def _of_line(line: InvoiceLine) -> list[str]:
    return [
        *(_plain(line.description), line.hs_code, line.sale_type, line.rate, line.unit),
        *(_number(amount) for amount in (line.quantity, line.value, line.sales_tax, line.total)),
    ]


def _plain(text: str) -> str:
    """Spaces and capitals make no other customer, and no other goods."""
    return " ".join(text.casefold().split())


def _number(amount: Decimal) -> str:
    return f"{Decimal(amount).normalize():f}"
