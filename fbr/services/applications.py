"""The application to the Commissioner: for a document whose 72 hours are over.

Source: STGO 01 of 2026: after 72 hours an e-invoice is cancelled or changed only with the prior
approval of the Commissioner Inland Revenue.
"""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from accounts import audit, texts
from accounts.access import Actor, allow
from accounts.enums import AuditAction, Permission
from fbr.models import CancelApplication
from fbr.services import cancelling
from fbr.windows import Window
from invoices import pdf
from invoices.enums import DocumentType, State
from invoices.letters import Letter
from invoices.models import Invoice
from smartinvoicing import clock
from smartinvoicing.errors import StateConflict
from smartinvoicing.templatetags import formats


@transaction.atomic
def prepare(*, invoice: Invoice, reason: str, actor: Actor, at: datetime) -> CancelApplication:
    """Write the letter and keep its words; the document stays as it is.

    Raises: NotAllowed; RuleViolation without a reason; StateConflict.
    """
    allow(actor, Permission.CANCEL)
    window = cancelling.window_of(invoice) if invoice.state == State.ACCEPTED else None
    if window is None:
        raise StateConflict(_("Only a document that FBR has accepted can be cancelled."))
    cancelling.refuse_without_reason(reason)
    words = texts.clean(reason)
    letter = letter_of(invoice, window, reason=words, at=at)
    row = CancelApplication(
        tenant_id=invoice.tenant_id,
        invoice=invoice,
        reason=words,
        letter=letter.as_dict(),
        sha256=letter.sha256,
        prepared_at=at,
        prepared_by=actor.name,
    )
    row.save(force_insert=True)
    audit.record(actor, AuditAction.APPLICATION_PREPARED, invoice, at=at, sha256=letter.sha256)
    return row


def newest(invoice: Invoice) -> CancelApplication | None:
    """The letter that was prepared last."""
    return CancelApplication.objects.filter(invoice=invoice).order_by("-prepared_at", "-id").first()


def letter_in(row: CancelApplication) -> Letter:
    return Letter.of(row.letter)


def rendered(row: CancelApplication) -> bytes:
    """The kept words as a PDF; the same words give the same bytes.

    Raises: PdfUnavailable.
    """
    return pdf.render_letter(letter_in(row))


def letter_of(invoice: Invoice, window: Window, *, reason: str, at: datetime) -> Letter:
    """What is asked, of whom, about which document and why."""
    numbers = {"number": invoice.number, "fbr_number": invoice.fbr_number}
    opening = _(
        "we request your approval to cancel one electronic document that was reported to FBR by"
        " honest mistake. The time in which we could have cancelled it ourselves is over."
    )
    return Letter(
        sender=_sender(invoice),
        recipient=(_("The Commissioner Inland Revenue"), _("Zone: ____________________")),
        day=formats.karachi_date(clock.karachi_date(at)),
        subject=_("Cancellation of %(number)s, FBR number %(fbr_number)s") % numbers,
        opening=_("Dear Sir or Madam,"),
        paragraphs=(
            opening,
            _("What is wrong with it: %(reason)s") % {"reason": reason},
            _(
                "The 72 hours of STGO 01 of 2026 ended on %(end)s, Pakistan time. The document has"
                " stayed unchanged since; after your approval we will cancel it in IRIS and keep"
                " the confirmation with our records."
            )
            % {"end": formats.karachi_time(window.ends_at)},
        ),
        facts=_facts(invoice, window),
        closing=_("Yours faithfully,"),
        signed_by=("______________________________", invoice.seller_name, _("Name and CNIC:")),
        enclosed=(_("Printed copy of the document"), _("Papers that show the mistake")),
    )


def _sender(invoice: Invoice) -> tuple[str, ...]:
    numbers = _("NTN or CNIC %(number)s") % {"number": formats.ntn(invoice.seller_ntn_cnic)}
    strn = f"{_('STRN')} {invoice.seller_strn}" if invoice.seller_strn else ""
    place = f"{invoice.seller_address}, {invoice.get_seller_province_display()}"
    return tuple(filter(None, (invoice.seller_name, place, numbers, strn)))


def _facts(invoice: Invoice, window: Window) -> tuple[tuple[str, str], ...]:
    buyer = f"{invoice.buyer_name} {formats.ntn(invoice.buyer_ntn_cnic)}".strip()
    is_note = invoice.document_type != DocumentType.SALE_INVOICE
    rows = (
        (_("Document"), str(invoice.get_document_type_display())),
        (_("Our number"), invoice.number),
        (_("FBR number"), invoice.fbr_number),
        (_("Corrects FBR number"), invoice.original_fbr_number if is_note else ""),
        (_("Date of issue"), formats.karachi_date(invoice.invoice_date)),
        (_("Tax period"), formats.karachi_month(clock.tax_period(invoice.invoice_date))),
        (_("Recorded by FBR"), formats.karachi_time(window.began_at)),
        (_("Customer"), buyer),
        (_("Value excluding tax"), formats.rupees(invoice.value)),
        (_("Sales tax"), formats.rupees(invoice.sales_tax)),
        (_("Further tax"), formats.rupees(invoice.further_tax) if invoice.further_tax else ""),
        (_("Total"), formats.rupees(invoice.total)),
    )
    return tuple((name, value) for name, value in rows if value)
