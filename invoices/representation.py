"""A document, a customer, a product as a program reads them. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from django.urls import reverse

from invoices import tax
from invoices.models import Buyer, Invoice, InvoiceEvent, InvoiceLine, Product
from smartinvoicing import money

_PARTY: Final = ("name", "registration_type", "ntn_cnic", "province", "address")


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
        "buyer": {name: getattr(invoice, f"buyer_{name}") for name in _PARTY},
        "buyer_id": str(invoice.buyer_id) if invoice.buyer_id else None,
        "totals": {name: money.write(getattr(invoice, name)) for name in tax.AMOUNTS},
        "problems": invoice.problems,
        "pdf_url": reverse("api:invoice-pdf", args=[invoice.pk]),
    }


def invoice(row: Invoice, lines: Sequence[InvoiceLine], *, hold: str | None) -> dict[str, Any]:
    """A document with its lines."""
    return invoice_row(row, hold=hold) | {
        "prices_include_tax": row.prices_include_tax,
        "scenario": row.scenario or None,
        "lines": [invoice_line(line) for line in lines],
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
        "sro_schedule": line.sro_schedule,
        "sro_item": line.sro_item,
        **{name: money.write(getattr(line, name)) for name in tax.AMOUNTS},
    }


def typed(row: Invoice, lines: Sequence[InvoiceLine]) -> dict[str, Any]:
    """A stored document in the words in which a program sends one."""
    content = ("description", "hs_code", "sale_type", "rate", "unit", "sro_schedule", "sro_item")
    exact = ("quantity", "unit_price", "discount")
    given = ("further_tax", "extra_tax", "fed", "withheld")
    return {
        "document_type": str(row.document_type),
        "invoice_date": row.invoice_date.isoformat(),
        "client_reference": row.client_reference,
        "scenario": row.scenario,
        "buyer_id": str(row.buyer_id) if row.buyer_id else None,
        "buyer": {name: getattr(row, f"buyer_{name}") for name in _PARTY},
        "prices_include_tax": row.prices_include_tax,
        "lines": [
            {
                "product_id": str(line.product_id) if line.product_id else None,
                **{name: getattr(line, name) for name in content},
                **{name: money.write_short(getattr(line, name)) for name in exact},
                "retail_price": amount(line.retail_price),
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
    fields = (*_PARTY, "phone", "email")
    return {"id": str(row.pk), **{name: getattr(row, name) for name in fields}}


def product(row: Product) -> dict[str, Any]:
    fields = ("name", "hs_code", "sale_type", "rate", "unit")
    return {
        "id": str(row.pk),
        **{name: getattr(row, name) for name in fields},
        "unit_price": money.write_short(row.unit_price),
    }
