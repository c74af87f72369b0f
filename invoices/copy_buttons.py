"""The buttons that fetch the copies of a document: one a paper, the usual one first."""

from __future__ import annotations

from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _

from invoices.enums import REPORTED, Paper
from invoices.models import Invoice
from invoices.services import printing


def buttons_of(invoice: Invoice) -> list[dict[str, Any]]:
    """A till's bill comes as a receipt and on a sheet, everything else on a sheet."""
    url = reverse("invoices:pdf", args=[invoice.pk])
    usual, *others = printing.papers_of(invoice)
    found: list[dict[str, Any]] = [
        {"label": _("A4 copy"), "url": f"{url}?format={paper}", "icon": "download"}
        for paper in others
    ]
    label = _("Receipt") if usual == Paper.RECEIPT else _("PDF")
    kind = "primary" if invoice.state in REPORTED else ""
    return [*found, {"label": label, "url": url, "icon": "download", "kind": kind}]
