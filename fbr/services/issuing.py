"""Number and freeze a document, and put it in the queue for FBR: all of it or nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime

from django.db import transaction

from accounts import audit
from accounts.access import Actor, allow
from accounts.enums import AuditAction, Permission
from accounts.models import LegalEntity
from fbr import channels
from fbr.models import Outbox
from fbr.services import credentials, tills
from invoices import lifecycle
from invoices.enums import State
from invoices.models import Invoice, InvoiceLine
from invoices.services import freezing
from smartinvoicing.errors import StateConflict
from smartinvoicing.pg import rows


@transaction.atomic
def issue(
    *,
    invoice: Invoice,
    actor: Actor,
    at: datetime,
    lines: Sequence[InvoiceLine] | None = None,
    entity: LegalEntity | None = None,
) -> Outbox:
    """Number and freeze a draft (or mended rejection), and put it in the queue for FBR (T0).

    After:  lines, parties and the bytes to send change no more; its state is QUEUED.
    Raises: NotAllowed; RuleViolation with details["problems"]; StateConflict.
    """
    allow(actor, Permission.ISSUE_INVOICE)
    if lines is None:
        lines = _locked_lines(invoice)
    entity = entity or LegalEntity.objects.get(pk=invoice.legal_entity_id)
    frozen = freezing.freeze(invoice, lines, entity, at=at)
    version = invoice.version + 1
    lifecycle.transition(
        invoice, State.QUEUED, actor=actor, at=at, also={**frozen, "version": version}
    )
    till = tills.for_issue(invoice)
    body = channels.dialect_of(invoice.channel).body_of(invoice, lines)
    credential = credentials.for_issue(entity, invoice.environment, till_id=invoice.till_id)
    work = Outbox(
        tenant_id=invoice.tenant_id,
        invoice=invoice,
        version=version,
        environment=invoice.environment,
        channel=invoice.channel,
        credential=credential,
        body=body,
        body_sha256=hashlib.sha256(body).hexdigest(),
        lines=len(lines),
        hold_reason=tills.hold_of(till, credential),
        made_at=at,
        run_after=at,
    )
    issued = audit.event(
        actor, AuditAction.INVOICE_ISSUED, invoice, at=at, sha256=work.body_sha256, version=version
    )
    rows.insert(work, issued)
    return work


def _locked_lines(invoice: Invoice) -> list[InvoiceLine]:
    """The lines as they are now, the document locked so that nobody changes them meanwhile."""
    locked = Invoice.objects.select_for_update(of=("self",)).get(pk=invoice.pk)
    if (locked.version, locked.state) != (invoice.version, invoice.state):
        raise StateConflict("Somebody changed this invoice meanwhile. Look at it again.")
    return list(InvoiceLine.objects.filter(invoice=invoice))
