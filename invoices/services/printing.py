"""Printed copies: rendered once for a state and version, kept, and proven when they are read."""

from __future__ import annotations

import hashlib
import logging
import secrets
from collections.abc import Callable
from contextlib import ExitStack
from datetime import datetime
from functools import partial
from uuid import UUID

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import Case, Exists, OuterRef, QuerySet, Value, When
from django.http import HttpResponse
from django.utils.http import content_disposition_header

from accounts.models import User
from invoices import pdf, selectors
from invoices.enums import REPORTED, Channel, Paper, State
from invoices.models import AdvanceUse, Invoice, InvoiceEvent, InvoiceLine, InvoicePdf
from invoices.printed import Others, printed_of
from invoices.receipt import receipt_of
from invoices.services import signing

logger = logging.getLogger(__name__)


class CopyChanged(RuntimeError):
    """A kept file is not the one that was rendered: somebody must look."""


def papers_of(invoice: Invoice) -> tuple[Paper, ...]:
    """What a document can be printed on, the usual one first."""
    is_bill = invoice.channel == Channel.POS
    return (Paper.RECEIPT, Paper.A4) if is_bill else (Paper.A4,)


def paper_of(invoice: Invoice, wanted: str = "") -> Paper:
    """The paper that was asked for, where the document comes on it; else its usual one."""
    papers = papers_of(invoice)
    return Paper(wanted) if wanted in papers else papers[0]


def render_and_keep(*, invoice_id: UUID, at: datetime, paper: str = "") -> InvoicePdf:
    """The kept copy of a document as it stands in the database, rendered now if there is none.

    paper: "" for the usual one.
    Called inside its tenant and outside a transaction: rendering takes a while and holds none.
    Two workers may do the same work; the first row stays, the slower one removes its file.
    A document that FBR has is signed before it is drawn.
    Raises: PdfUnavailable; CannotOpen where its key does not open.
    """
    with transaction.atomic():
        # The lock keeps an edit from coming between the head and the lines.
        invoice = Invoice.objects.select_for_update(of=("self",), no_key=True).get(pk=invoice_id)
        chosen = paper_of(invoice, paper)
        known = kept(invoice, chosen)
        if known is not None:
            return known
        draw = _drawing(invoice, chosen, at=at)
    return _keep(invoice, draw(), paper=chosen, at=at)


def _drawing(invoice: Invoice, paper: Paper, *, at: datetime) -> Callable[[], bytes]:
    """All that the copy says is read now; what is returned asks the database nothing."""
    lines = list(invoice.lines.order_by("position"))
    others = _others(invoice, lines, at=at)
    if paper == Paper.RECEIPT:
        bill = receipt_of(invoice, lines, invoice.legal_entity, others)
        return partial(pdf.render_receipt, bill)
    return partial(pdf.render, printed_of(invoice, lines, invoice.legal_entity, others))


def _others(invoice: Invoice, lines: list[InvoiceLine], *, at: datetime) -> Others:
    """The rows beside a document that stand on its copy; most documents have none."""
    issued = _issued(invoice) if invoice.till_id or invoice.issued_offline else None
    return Others(
        original=invoice.original,
        advances=_advances(invoice, lines),
        till=invoice.till,
        cashier=_name_of(issued.actor) if issued and invoice.till_id else "",
        issued_at=issued.at if issued else None,
        signature=signing.sign(invoice=invoice, at=at) if invoice.state in REPORTED else None,
    )


def _advances(invoice: Invoice, lines: list[InvoiceLine]) -> list[AdvanceUse]:
    uses = selectors.advances_of(invoice, lines)
    receipts = Invoice.objects.in_bulk([use.receipt_id for use in uses]) if uses else {}
    for use in uses:
        use.receipt = receipts[use.receipt_id]
    return uses


def _issued(invoice: Invoice) -> InvoiceEvent | None:
    """When the bill was issued first, and by whom."""
    issued = InvoiceEvent.objects.filter(invoice=invoice, became=State.QUEUED)
    return issued.order_by("at", "id").first()


def _name_of(actor: str) -> str:
    """The name of the person behind an actor; programs and jobs have none."""
    kind, _colon, ident = actor.partition(":")
    if kind != "user":
        return ""
    return User.objects.filter(pk=ident).values_list("name", flat=True).first() or ""


def forget_drafts(invoice: Invoice) -> int:
    """Throw away the copies of a draft, how many; files go when the transaction is through."""
    copies = InvoicePdf.objects.filter(invoice=invoice, shows=State.DRAFT)
    names = list(copies.values_list("file", flat=True))
    for name in names:
        transaction.on_commit(partial(default_storage.delete, name))
    copies.delete()
    return len(names)


def _keep(invoice: Invoice, content: bytes, *, paper: Paper, at: datetime) -> InvoicePdf:
    name = f"{invoice.tenant_id}/{invoice.pk}/{secrets.token_hex(16)}.pdf"
    with ExitStack() as undo:
        undo.callback(default_storage.delete, name)  # a full disk leaves a piece of it
        default_storage.save(name, ContentFile(content))
        with transaction.atomic():
            row, mine = InvoicePdf.objects.get_or_create(
                invoice=invoice,
                shows=invoice.state,
                version=invoice.version,
                paper=paper,
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


def without_copy(rows: QuerySet[Invoice]) -> QuerySet[Invoice]:
    """Those of which no copy is kept on their usual paper, as they stand in the database."""
    usual = Case(When(channel=Channel.POS, then=Value(Paper.RECEIPT)), default=Value(Paper.A4))
    copies = InvoicePdf.objects.filter(
        invoice=OuterRef("pk"),
        shows=OuterRef("state"),
        version=OuterRef("version"),
        paper=OuterRef("usual"),
    )
    return rows.alias(usual=usual).exclude(Exists(copies))


def kept(invoice: Invoice, paper: str = "") -> InvoicePdf | None:
    """The copy of `invoice` in the state and version that it has in memory; it asks once."""
    return InvoicePdf.objects.filter(
        invoice=invoice,
        shows=invoice.state,
        version=invoice.version,
        paper=paper_of(invoice, paper),
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
