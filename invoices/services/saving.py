"""What the editor saves: one draft a page however often it is sent, and nobody's text lost.

A page knows the id of its draft before the first save, the version that it last saw, and a token
of its own. A page that meets a newer version may go on only when the newer one is its own: the
answer that would have told it was lost on the way.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Final
from uuid import UUID

from django.core.cache import cache
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from accounts.access import Actor, allow
from accounts.enums import Permission
from accounts.models import LegalEntity
from invoices import selectors
from invoices.content import Content
from invoices.enums import EDITABLE
from invoices.models import Invoice
from invoices.services import drafts, masters
from smartinvoicing.errors import NotFound, StateConflict

_KEPT_S: Final = 12 * 3600
_KEY_TAKEN: Final = "invoices_invoice_pkey"


@dataclass(frozen=True, kw_only=True)
class Slip:
    """What a page knows of the draft that it writes."""

    draft_id: UUID
    version: int
    tab: str


def save(
    *,
    slip: Slip,
    content: Content,
    entity: LegalEntity,
    actor: Actor,
    at: datetime,
    over: bool = False,
) -> Invoice:
    """Keep what stands on the page, as a new draft or over the version that it saw.

    over:   the person has seen that there is a newer version and wants theirs.
    Raises: NotAllowed; RuleViolation; NotFound; StateConflict when somebody else changed or
            issued it.
    """
    allow(actor, Permission.WRITE_DRAFTS)
    deed = partial(_save, slip, content, entity, actor=actor, at=at, over=over)
    try:
        return deed()
    except StateConflict:
        pass
    except IntegrityError as error:
        if _KEY_TAKEN not in str(error):
            raise
    # Sent twice at the same moment: the second finds what the first has made.
    try:
        return deed()
    except IntegrityError as error:
        raise NotFound(_("There is no such invoice.")) from error


@transaction.atomic
def _save(
    slip: Slip, content: Content, entity: LegalEntity, *, actor: Actor, at: datetime, over: bool
) -> Invoice:
    invoice = Invoice.objects.filter(pk=slip.draft_id).first()
    with drafts.reference_once():
        if invoice is None:
            invoice, _lines = drafts.create(
                content=content, entity=entity, actor=actor, at=at, invoice_id=slip.draft_id
            )
        else:
            _refuse_what_is_newer(invoice, slip, over=over)
            if not _stands_already(invoice, content):
                seen = invoice.version
                drafts.change(
                    invoice=invoice, content=content, actor=actor, at=at, seen_version=seen
                )
    cache.set(_place(invoice), f"{invoice.version} {slip.tab}", _KEPT_S)
    return invoice


def _refuse_what_is_newer(invoice: Invoice, slip: Slip, *, over: bool) -> None:
    if invoice.state not in EDITABLE:
        raise StateConflict(_("This invoice was issued meanwhile: it changes no more."))
    if not (invoice.version == slip.version or over or is_own(invoice, slip)):
        raise StateConflict(
            _("This invoice was changed meanwhile, in another tab or by a colleague.")
        )


def is_own(invoice: Invoice, slip: Slip) -> bool:
    """Whether this very page wrote what stands there now; to issue it makes one version more."""
    version, _space, tab = (cache.get(_place(invoice)) or "").partition(" ")
    since = invoice.version - int(version or 0)
    return bool(tab) and tab == slip.tab and since == (invoice.state not in EDITABLE)


def _place(invoice: Invoice) -> str:
    return f"editor:{invoice.tenant_id}:{invoice.pk}"


def _stands_already(invoice: Invoice, content: Content) -> bool:
    """A save that changes nothing leaves no trace."""
    kept = drafts.content_of(invoice, selectors.lines_of(invoice))
    return kept == masters.written_out(content)
