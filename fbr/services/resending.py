"""A refused document once more, byte for byte: FBR is known to take some at the second time."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from accounts.access import Actor, allow
from accounts.enums import Permission
from accounts.models import LegalEntity
from fbr import selectors
from fbr.di import codes
from fbr.models import Outbox
from fbr.outcomes import Hold
from fbr.services import circumstances, credentials, duplicates, issuing
from invoices import lifecycle
from invoices.enums import Channel, State
from invoices.models import Invoice
from smartinvoicing.errors import StateConflict


def may_be_sent_again(invoice: Invoice) -> bool:
    """Whether a person may send the refused document again as it is.

    Every code must be one that FBR is known to take back, nothing may have been changed since, and
    no version of the document may have gone twice already.
    """
    told = {str(problem["code"]) for problem in invoice.problems}
    is_refused = invoice.state == State.REJECTED and invoice.channel == Channel.DI
    if not (is_refused and told and all(map(codes.may_send_again_unchanged, told))):
        return False
    sent = list(selectors.works_of(invoice).defer("body"))
    hashes = {work.body_sha256 for work in sent}
    return bool(sent) and sent[-1].version == invoice.version and len(hashes) == len(sent)


@transaction.atomic
def send_again(*, invoice: Invoice, actor: Actor, at: datetime) -> Outbox:
    """Queue the bytes of the last send once more; number, lines and date stay as they are.

    Raises: NotAllowed; StateConflict when it may not be sent again, or not unchanged.
    """
    allow(actor, Permission.ISSUE_INVOICE)
    locked = Invoice.objects.select_for_update(of=("self",)).get(pk=invoice.pk)
    if locked.version != invoice.version or not may_be_sent_again(locked):
        raise StateConflict(_("This document cannot be sent again unchanged. Correct it first."))
    last = selectors.works_of(locked).reverse()[0]
    entity = LegalEntity.objects.get(pk=locked.legal_entity_id)
    credential = credentials.for_issue(entity, locked.environment)
    hold: str = "" if credential else Hold.CREDENTIAL
    if circumstances.twin_of(locked, locked.fingerprint):  # it was typed again meanwhile
        hold = Hold.DUPLICATE_SUSPECT
        duplicates.suspected(locked, at)
    version = locked.version + 1
    lifecycle.transition(
        invoice,
        State.QUEUED,
        actor=actor,
        at=at,
        note=_("Sent again unchanged"),
        also={"problems": [], "version": version},
    )
    return issuing.queue(
        invoice,
        bytes(last.body),
        credential=credential,
        hold=hold,
        lines=last.lines,
        actor=actor,
        unchanged=True,
    )
