"""Documents that are held because they look like another one: retyping is how people report twice.

Source: reliability contract, 5.4.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from accounts import audit, texts
from accounts.access import Actor, allow
from accounts.enums import AuditAction, NoticeKind, Permission
from accounts.models import LegalEntity
from accounts.services import notices
from fbr import doubts
from fbr.models import Outbox
from fbr.models.evidence import EvidenceKind
from fbr.models.work import WorkState
from fbr.outcomes import Hold
from fbr.services import credentials, losses
from fbr.services.proving import LONGEST_NOTE, evidence_row, locked, problem
from invoices import lifecycle
from invoices.enums import State
from invoices.models import Invoice
from smartinvoicing.errors import RuleViolation, StateConflict
from smartinvoicing.pg import rows


def suspected(invoice: Invoice, at: datetime) -> None:
    """`invoice` was issued and held because it looks like another one: its people are asked."""
    notices.post(NoticeKind.DUPLICATE_SUSPECT, invoice, at=at, number=invoice.number)


@transaction.atomic
def release_duplicate(*, invoice: Invoice, reason: str, actor: Actor, at: datetime) -> None:
    """It is a sale of its own, and somebody says why: it goes to FBR.

    Raises: NotAllowed; RuleViolation without a reason, or when FBR is known to have it;
    StateConflict when it is not held for that.
    """
    allow(actor, Permission.ISSUE_INVOICE)
    reason = texts.clean(reason)
    if not 3 <= len(reason) <= LONGEST_NOTE:
        words = _("It is not said why this is another sale.")
        fix = _("Say it in a few words: a second delivery, an order number, a correction.")
        raise RuleViolation.of([problem("duplicate_reason", "missing", words, fix)])
    document = locked(invoice, State.QUEUED)
    work = Outbox.objects.defer("body").get(invoice=document, state=WorkState.WAITING)
    if work.hold_reason != Hold.DUPLICATE_SUSPECT:
        raise StateConflict(_("This document is not held as a duplicate."))
    if doubts.said_yes(document) is not None:
        raise RuleViolation(_("FBR itself has answered that it has this document."))
    twins = doubts.twins_of(document, at=at)
    row = evidence_row(document, EvidenceKind.ANOTHER_SALE, by=actor, at=at)
    row.note, row.twin = reason, twins[0] if twins else None
    rows.insert(row)
    token = work.credential_id or _token_since(document)
    free = {
        "hold_reason": "" if token else Hold.CREDENTIAL,
        "credential_id": token,
        "run_after": at,
    }
    rows.update(Outbox, where={"id": work.pk}, to=free)
    audit.record(
        actor,
        AuditAction.INVOICE_RELEASED,
        document,
        at=at,
        twins=[str(twin.pk) for twin in twins],
        lost=[str(row.pk) for row in losses.reported_before(document)],
    )
    notices.clear(NoticeKind.DUPLICATE_SUSPECT, document, at=at)


@transaction.atomic
def reopen(*, invoice: Invoice, actor: Actor, at: datetime) -> None:
    """FBR has it as it was before it was changed: what waits goes no more and can be written anew.

    After:  it is REJECTED; issued as FBR has it, it takes FBR's number.
    Raises: NotAllowed; StateConflict where FBR has no other text of it.
    """
    allow(actor, Permission.SETTLE)
    document = locked(invoice, State.QUEUED)
    if doubts.said_yes(document) is None or doubts.said_yes_to_this(document) is not None:
        raise StateConflict(_("FBR is not known to have this document in other words."))
    work = Outbox.objects.defer("body").get(invoice=document, state=WorkState.WAITING)
    done = {"state": WorkState.DONE, "done_at": at, "lease_until": None, "leased_by": ""}
    rows.update(Outbox, where={"id": work.pk}, to=done)
    note = _("FBR has it as it was before it was changed.")
    for step in (State.SUBMITTING, State.REJECTED):
        lifecycle.transition(document, step, actor=actor, at=at, note=note)
    notices.clear(NoticeKind.DUPLICATE_SUSPECT, document, at=at)


def _token_since(document: Invoice) -> UUID | None:
    """A token that was stored while the document was held for another reason."""
    entity = LegalEntity.objects.get(pk=document.legal_entity_id)
    found = credentials.for_issue(entity, document.environment, till_id=document.till_id)
    return found.pk if found else None
