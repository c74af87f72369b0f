"""A refused document once more, byte for byte: FBR is known to take some at the second time."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from accounts.access import Actor, allow
from accounts.enums import Permission
from accounts.models import LegalEntity
from fbr import doubts, selectors
from fbr.di import codes
from fbr.models import Outbox
from fbr.outcomes import Hold
from fbr.services import circumstances, credentials, duplicates, issuing, outages
from invoices import lifecycle, tax
from invoices.enums import Channel, State
from invoices.models import Invoice, InvoiceLine
from invoices.rules import links
from invoices.services import drafts
from invoices.standing import standing_of
from smartinvoicing.errors import StateConflict


def may_be_sent_again(invoice: Invoice) -> bool:
    """Whether a person may send the refused document again as it is.

    Every code must be one that FBR is known to take back, nothing may have been changed since, no
    version of the document may have gone twice already, and FBR must not have answered late that it
    has it after all.
    """
    told = {str(problem["code"]) for problem in invoice.problems}
    is_refused = invoice.state == State.REJECTED and invoice.channel == Channel.DI
    if not (is_refused and told and all(map(codes.may_send_again_unchanged, told))):
        return False
    sent = list(selectors.works_of(invoice).defer("body"))
    hashes = {work.body_sha256 for work in sent}
    is_unchanged = bool(sent) and sent[-1].version == invoice.version
    return is_unchanged and len(hashes) == len(sent) and doubts.said_yes(invoice) is None


@transaction.atomic
def send_again(*, invoice: Invoice, actor: Actor, at: datetime) -> Outbox:
    """Queue the bytes of the last send once more; number, lines and date stay as they are.

    Raises: NotAllowed; StateConflict when it may not be sent again, or not unchanged: what it takes
            of other documents may be used up meanwhile.
    """
    allow(actor, Permission.ISSUE_INVOICE)
    locked = Invoice.objects.select_for_update(of=("self",)).get(pk=invoice.pk)
    if locked.version != invoice.version or not may_be_sent_again(locked):
        raise StateConflict(_("This document cannot be sent again unchanged. Correct it first."))
    last = selectors.works_of(locked).reverse()[0]
    entity = LegalEntity.objects.get(pk=locked.legal_entity_id)
    _refuse_what_is_used_up(locked, entity)
    credential = credentials.for_issue(entity, locked.environment)
    hold: str = "" if credential else Hold.CREDENTIAL
    if circumstances.is_suspect(locked):  # it was typed again meanwhile, or FBR has it
        hold = Hold.DUPLICATE_SUSPECT
        duplicates.suspected(locked, at)
    lifecycle.transition(
        invoice,
        State.QUEUED,
        actor=actor,
        at=at,
        note=_("Sent again unchanged"),
        also={"problems": [], "version": locked.version + 1},
    )
    return issuing.queue(
        invoice,
        bytes(last.body),
        credential=credential,
        hold=hold,
        lines=last.lines,
        actor=actor,
        deadline=outages.deadline_of(locked),
        unchanged=True,
    )


def _refuse_what_is_used_up(invoice: Invoice, entity: LegalEntity) -> None:
    """A refused document holds no share of an advance receipt, or of the invoice that it corrects.

    What it takes is locked until the end, as at its issue.

    Raises: StateConflict.
    """
    content = drafts.content_of(invoice, list(InvoiceLine.objects.filter(invoice=invoice)))
    standing = standing_of(content, apart_from=invoice.pk, for_issue=True)
    totals = tax.Taxes(**{name: getattr(invoice, name) for name in tax.AMOUNTS})
    on = content.invoice_date
    found = next(links.problems_of(content, totals, standing, seller=entity, on=on), None)
    if found is not None:
        words = _("It cannot be sent again unchanged: %(problem)s %(fix)s Then issue it again.")
        raise StateConflict(words % {"problem": found.message, "fix": found.fix})
