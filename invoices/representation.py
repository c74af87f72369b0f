"""A document, a customer, a product as a program reads them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from django.urls import reverse

from invoices import tax
from invoices.content import PARTICULARS, PARTY
from invoices.models import AdvanceUse, Buyer, Invoice, InvoiceEvent, InvoiceLine, Product
from smartinvoicing import money
from smartinvoicing.errors import Problem

_BESIDES: Final = ("retail_value", "residue", "advance")
_short = money.write_short


def amount(value: Decimal | None) -> str | None:
    return None if value is None else money.write(value)


def instant(at: datetime | None) -> str | None:
    """ISO 8601 with its zone."""
    return None if at is None else at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def invoice_row(invoice: Invoice, *, hold: str | None) -> dict[str, Any]:
    """A document without its lines, as lists show it."""
    return {
        "id": str(invoice.pk),
        "state": str(invoice.state),
        "state_at": instant(invoice.state_at),
        "hold": hold,
        "document_type": str(invoice.document_type),
        "environment": str(invoice.environment),
        "number": invoice.number or None,
        "client_reference": invoice.client_reference or None,
        "invoice_date": invoice.invoice_date.isoformat(),
        "fbr_number": invoice.fbr_number or None,
        "fbr_dated": invoice.fbr_dated or None,
        "buyer": {name: getattr(invoice, f"buyer_{name}") for name in PARTY},
        "buyer_id": str(invoice.buyer_id) if invoice.buyer_id else None,
        "totals": {name: money.write(getattr(invoice, name)) for name in tax.AMOUNTS},
        "problems": invoice.problems,
        "pdf_url": reverse("api:invoice-pdf", args=[invoice.pk]),
    }


def invoice(
    row: Invoice,
    lines: Sequence[InvoiceLine],
    *,
    hold: str | None,
    warnings: Iterable[Problem] = (),
) -> dict[str, Any]:
    """A document with its lines. warnings: what is worth a second look and holds nothing up."""
    return invoice_row(row, hold=hold) | {
        "warnings": [each.as_dict() for each in warnings],
        "prices_include_tax": row.prices_include_tax,
        "withholding": str(row.withholding),
        "scenario": row.scenario or None,
        **_reference_of(row),
        **_sale_of(row),
        "lines": [invoice_line(line) for line in lines],
    }


def _reference_of(row: Invoice) -> dict[str, Any]:
    """What ties a document to others: a note to its invoice, an invoice to what was paid ahead."""
    return {
        "original_id": str(row.original_id) if row.original_id else None,
        "original_fbr_number": row.original_fbr_number or None,
        "reason": row.reason or None,
        "direction": row.direction or None,
        "is_advance": row.is_advance,
    }


def _sale_of(row: Invoice) -> dict[str, Any]:
    """What a till adds."""
    return {
        "channel": str(row.channel),
        "till_id": str(row.till_id) if row.till_id else None,
        "payment_mode": row.payment_mode or None,
        "service_fee": money.write(row.service_fee),
    }


def invoice_line(line: InvoiceLine) -> dict[str, Any]:
    return {
        "position": line.position,
        "product_id": str(line.product_id) if line.product_id else None,
        "description": line.description,
        "hs_code": line.hs_code,
        "sale_type": line.sale_type,
        "rate": line.rate,
        "unit": line.unit,
        "quantity": money.write_short(line.quantity),
        "unit_price": money.write_short(line.unit_price),
        "retail_price": amount(line.retail_price),
        **{name: getattr(line, name) for name in PARTICULARS},
        "fed_unit_price": None if line.fed_unit_price is None else _short(line.fed_unit_price),
        **{name: money.write(getattr(line, name)) for name in (*tax.AMOUNTS, *_BESIDES)},
        "further_tax_why": line.further_tax_why or None,
    }


def typed(
    row: Invoice, lines: Sequence[InvoiceLine], advances: Sequence[AdvanceUse] = ()
) -> dict[str, Any]:
    """A stored document in the words in which a program sends one."""
    content = ("description", "hs_code", "sale_type", "rate", "unit", *PARTICULARS)
    exact = ("quantity", "unit_price", "discount")
    given = ("further_tax", "extra_tax", "fed", "withheld")
    return {
        "document_type": str(row.document_type),
        "invoice_date": row.invoice_date.isoformat(),
        "client_reference": row.client_reference,
        "scenario": row.scenario,
        "buyer_id": str(row.buyer_id) if row.buyer_id else None,
        "buyer": {name: getattr(row, f"buyer_{name}") for name in PARTY},
        "prices_include_tax": row.prices_include_tax,
        "withholding": str(row.withholding),
        "original_id": str(row.original_id) if row.original_id else None,
        "reason": row.reason,
        "direction": row.direction,
        "is_advance": row.is_advance,
        "advances": [
            {"receipt_id": str(each.receipt_id), "value": money.write(each.value)}
            for each in advances
        ],
        "till_id": str(row.till_id) if row.till_id else None,
        "payment_mode": row.payment_mode,
        "lines": [
            {
                "product_id": str(line.product_id) if line.product_id else None,
                **{name: getattr(line, name) for name in content},
                **{name: money.write_short(getattr(line, name)) for name in exact},
                "retail_price": amount(line.retail_price),
                "fed_unit_price": None
                if line.fed_unit_price is None
                else _short(line.fed_unit_price),
                **{name: amount(getattr(line, f"{name}_given")) for name in given},
            }
            for line in lines
        ],
    }


def event(row: InvoiceEvent) -> dict[str, Any]:
    return {
        "was": row.was,
        "became": row.became,
        "at": instant(row.at),
        "actor": row.actor,
        "note": row.note or None,
    }


def buyer(row: Buyer) -> dict[str, Any]:
    fields = (*PARTY, "phone", "email", "withholding")
    return {"id": str(row.pk), **{name: getattr(row, name) for name in fields}}


def product(row: Product) -> dict[str, Any]:
    fields = ("name", "hs_code", "sale_type", "rate", "unit", "item_code", "no_further_tax")
    return {
        "id": str(row.pk),
        **{name: getattr(row, name) for name in (*fields, *PARTICULARS)},
        "unit_price": money.write_short(row.unit_price),
        "retail_price": amount(row.retail_price),
    }
