"""Printed copies: rendered once for a state and version, kept, and proven when they are read."""

from __future__ import annotations

import hashlib
import logging
import secrets
from contextlib import ExitStack
from datetime import datetime
from functools import partial
from uuid import UUID

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import transaction
from django.http import HttpResponse
from django.utils.http import content_disposition_header

from invoices import pdf
from invoices.enums import State
from invoices.models import Invoice, InvoicePdf

logger = logging.getLogger(__name__)


class CopyChanged(RuntimeError):
    """A kept file is not the one that was rendered: somebody must look."""


def render_and_keep(*, invoice_id: UUID, at: datetime) -> InvoicePdf:
    """The kept copy of a document as it stands in the database, rendered now if there is none.

    Called inside its tenant and outside a transaction: rendering takes a while and holds none.
    Two workers may do the same work; the first row stays, the slower one removes its file.
    Raises: PdfUnavailable.
    """
    with transaction.atomic():
        # The lock keeps an edit from coming between the head and the lines.
        invoice = Invoice.objects.select_for_update(of=("self",), no_key=True).get(pk=invoice_id)
        known = kept(invoice)
        if known is not None:
            return known
        lines = list(invoice.lines.order_by("position"))
        printed = pdf.printed_of(invoice, lines, invoice.legal_entity)
    content = pdf.render(printed)
    return _keep(invoice, content, at=at)


def forget_drafts(invoice: Invoice) -> None:
    """Throw away the copies of a draft; their files go when the transaction is through."""
    copies = InvoicePdf.objects.filter(invoice=invoice, shows=State.DRAFT)
    for name in copies.values_list("file", flat=True):
        transaction.on_commit(partial(default_storage.delete, name))
    copies.delete()


def _keep(invoice: Invoice, content: bytes, *, at: datetime) -> InvoicePdf:
    name = default_storage.save(
        f"{invoice.tenant_id}/{invoice.pk}/{secrets.token_hex(16)}.pdf", ContentFile(content)
    )
    with ExitStack() as undo:
        undo.callback(default_storage.delete, name)
        with transaction.atomic():
            row, mine = InvoicePdf.objects.get_or_create(
                invoice=invoice,
                shows=invoice.state,
                version=invoice.version,
                defaults={
                    "tenant_id": invoice.tenant_id,
                    "file": name,
                    "sha256": hashlib.sha256(content).hexdigest(),
                    "rendered_at": at,
                },
            )
        if mine:
            undo.pop_all()
    return row


def kept(invoice: Invoice) -> InvoicePdf | None:
    """The copy of `invoice` in the state and version that it has in memory; it asks once."""
    return InvoicePdf.objects.filter(
        invoice=invoice, shows=invoice.state, version=invoice.version
    ).first()


def open_kept(row: InvoicePdf) -> bytes:
    """The bytes of a kept copy, proven to be those that were rendered.

    Raises: CopyChanged; FileNotFoundError.
    """
    with default_storage.open(row.file) as file:
        content: bytes = file.read()
    if hashlib.sha256(content).hexdigest() != row.sha256:
        logger.error("pdf.changed", extra={"pdf": str(row.pk)})
        raise CopyChanged(f"The file of copy {row.pk} is not the one that was rendered.")
    return content


def download(row: InvoicePdf, invoice: Invoice) -> HttpResponse:
    """A kept copy as an attachment that no browser runs anything of.

    Raises: CopyChanged; FileNotFoundError.
    """
    name = f"{invoice.number or 'draft'}.pdf"
    return HttpResponse(
        open_kept(row),
        content_type="application/pdf",
        headers={
            "Content-Disposition": content_disposition_header(as_attachment=True, filename=name),
            "Content-Security-Policy": "sandbox",
        },
    )
