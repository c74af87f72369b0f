"""What a document says beyond its parties and lines, as names and values for its page."""

from __future__ import annotations

from typing import Any, Final

from django.urls import reverse
from django.utils.translation import gettext as _

from invoices.enums import PaymentMode, Withholding
from invoices.models import Invoice, Signature
from smartinvoicing.templatetags.formats import karachi_date, karachi_month

NOTHING: Final = "\N{EN DASH}"


def about(invoice: Invoice, signature: Signature | None = None) -> list[dict[str, Any]]:
    """Its dates, references, terms and signature; what it does not have is left out."""
    till = invoice.till
    rare = (
        (_("Scenario"), invoice.scenario),
        (_("Kind"), _("Money received before the supply") if invoice.is_advance else ""),
        (_("Till"), str(till) if till else ""),
        (_("Paid by"), _word(PaymentMode, invoice.payment_mode)),
        (_("Customer withholds"), _withholding(invoice)),
    )
    return [
        {"name": _("Date"), "value": karachi_date(invoice.invoice_date)},
        {"name": _("Tax period"), "value": karachi_month(invoice.invoice_date)},
        {"name": _("Your reference"), "value": invoice.client_reference or NOTHING},
        *({"name": name, "value": value} for name, value in rare if value),
        *([_signed(invoice, signature)] if signature else []),
    ]


def _signed(invoice: Invoice, signature: Signature) -> dict[str, Any]:
    return {
        "name": _("Digital signature"),
        "value": signature.fingerprint,
        "url": reverse("invoices:signature", args=[invoice.pk]),
        "code": True,
    }


def _withholding(invoice: Invoice) -> str:
    if invoice.withholding == Withholding.NONE:
        return ""
    return _word(Withholding, invoice.withholding)


def _word(words: Any, value: str) -> str:
    return str(words(value).label) if value in words.values else value
