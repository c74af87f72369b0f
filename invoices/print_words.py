"""What a printed copy says of itself: its title, its standing with FBR, and what that means."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from django.utils.translation import gettext, gettext_lazy, pgettext_lazy

from accounts.enums import Environment
from invoices.enums import REPORTED, Channel, DocumentType, State, Withholding
from invoices.models import Invoice
from smartinvoicing.templatetags import formats

TITLES: Final[Mapping[str, Any]] = {
    DocumentType.SALE_INVOICE: gettext_lazy("Sales Tax Invoice"),
    DocumentType.DEBIT_NOTE: gettext_lazy("Debit Note"),
    DocumentType.CREDIT_NOTE: gettext_lazy("Credit Note"),
}
ADVANCE: Final = gettext_lazy("Advance Receipt Invoice")
SYSTEMS: Final[Mapping[str, Any]] = {
    Channel.DI: gettext_lazy("FBR Digital Invoicing System"),
    Channel.POS: gettext_lazy("FBR POS Invoicing System"),
}
SHARES: Final[Mapping[str, Any]] = {
    Withholding.FULL: gettext_lazy("the whole"),
    Withholding.FIFTH: gettext_lazy("one fifth"),
}

_PENDING: Final = (
    pgettext_lazy("watermark", "PENDING"),
    gettext_lazy(
        "Provisional copy. FBR has not confirmed this document yet, so it carries no FBR number"
        " and no QR code. The final copy replaces this one."
    ),
)
# What a copy that is not a plain, reported invoice says across the page, and in a sentence.
STANDING: Final[Mapping[str, tuple[Any, Any]]] = {
    State.DRAFT: (
        pgettext_lazy("watermark", "DRAFT"),
        gettext_lazy("Draft. It has not been issued or reported to FBR and is no tax invoice."),
    ),
    State.QUEUED: _PENDING,
    State.SUBMITTING: _PENDING,
    State.UNCERTAIN: _PENDING,
    State.REJECTED: (
        pgettext_lazy("watermark", "NOT REPORTED"),
        gettext_lazy("FBR did not accept this document. It is no tax invoice until it does."),
    ),
    State.CANCEL_REQUESTED: (
        pgettext_lazy("watermark", "CANCELLATION REQUESTED"),
        gettext_lazy(
            "The seller wants this document cancelled at FBR. Until FBR confirms that, it counts."
        ),
    ),
    State.CANCELLED: (
        pgettext_lazy("watermark", "CANCELLED"),
        gettext_lazy("This document was cancelled at FBR. It is no tax invoice any more."),
    ),
    State.VOID: (
        pgettext_lazy("watermark", "VOID"),
        gettext_lazy("This number was given up. Nothing was reported to FBR under it."),
    ),
}


class Words(str):
    """What people wrote: it knows which way it runs."""

    __slots__ = ()

    @property
    def runs(self) -> str:
        """`rtl` when its first letter is Urdu or its kin, for the attribute `dir`."""
        for letter in self:
            kind = unicodedata.bidirectional(letter)
            if kind in {"L", "R", "AL"}:
                return "ltr" if kind == "L" else "rtl"
        return "ltr"


def title_of(invoice: Invoice) -> str:
    return str(ADVANCE if invoice.is_advance else TITLES[invoice.document_type])


def watermark_of(invoice: Invoice) -> Iterator[str]:
    """Across the page, a line each; nothing on a plain, reported copy."""
    if invoice.environment == Environment.SANDBOX:
        yield gettext("SANDBOX")
    if invoice.state in STANDING:
        yield str(STANDING[invoice.state][0])


def warnings_of(invoice: Invoice) -> Iterator[str]:
    """What the watermark means."""
    if invoice.state in STANDING:
        yield str(STANDING[invoice.state][1])
    if invoice.environment == Environment.SANDBOX:
        yield gettext("Made in FBR's sandbox, for testing. It has no legal effect.")


def notes_of(invoice: Invoice) -> Iterator[str]:
    """What the reader may do with a reported copy."""
    if invoice.state in REPORTED and invoice.environment == Environment.PRODUCTION:
        yield gettext(
            "This document was reported to FBR. Its FBR number, which the QR code holds, shows"
            " with FBR whether it is genuine."
        )


def offline_of(invoice: Invoice, issued_at: datetime | None) -> Iterator[str]:
    """That FBR could not be reached when it was issued, and whether FBR has it by now.

    Source: Sales Tax Rules 2006, rule 150XC: invoices issued offline are marked as such.
    """
    if not invoice.issued_offline or invoice.state == State.DRAFT:
        return
    about = {
        "issued": formats.karachi_time(issued_at or invoice.state_at),
        "reported": formats.karachi_time(invoice.accepted_at),
    }
    if invoice.state in REPORTED:
        yield gettext("Issued offline on %(issued)s, reported to FBR on %(reported)s.") % about
    else:
        yield gettext("Issued offline on %(issued)s, not yet reported to FBR.") % about
