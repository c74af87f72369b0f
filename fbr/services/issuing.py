"""Number and freeze a document, and put it in the queue for FBR: all of it or nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import transaction

from accounts import audit, selectors
from accounts.access import Actor, allow
from accounts.enums import AuditAction, Permission
from accounts.models import LegalEntity
from fbr import channels
from fbr.models import Credential, Outbox
from fbr.outcomes import Hold
from fbr.services import circumstances, credentials, duplicates, outages, tills
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
    is_repeat: bool = False,
) -> Outbox:
    """Number and freeze a draft (or mended rejection), and put it in the queue for FBR (T0).

    A document that says what another one said that FBR may have is held until somebody tells the
    two apart. is_repeat: it is meant to say the same, as a sandbox scenario does.

    After:  lines, parties and the bytes to send change no more; its state is QUEUED.
    Raises: NotAllowed; RuleViolation with details["problems"]; StateConflict.
    """
    allow(actor, Permission.ISSUE_INVOICE)
    if lines is None:
        lines = _locked_lines(invoice)
    entity = entity or LegalEntity.objects.get(pk=invoice.legal_entity_id)
    frozen = freezing.freeze(invoice, lines, entity, at=at)
    version = invoice.version + 1
    is_offline = outages.is_away(invoice.environment, invoice.channel)
    also = {**frozen, "version": version, "issued_offline": is_offline}
    lifecycle.transition(invoice, State.QUEUED, actor=actor, at=at, also=also)
    till = tills.for_issue(invoice)
    body = channels.dialect_of(invoice.channel).body_of(invoice, lines)
    credential = credentials.for_issue(entity, invoice.environment, till_id=invoice.till_id)
    hold = tills.hold_of(till, credential)
    if not is_repeat and circumstances.twin_of(invoice, invoice.fingerprint):
        hold = Hold.DUPLICATE_SUSPECT
        duplicates.suspected(invoice, at)
    return queue(invoice, body, credential=credential, hold=hold, lines=len(lines), actor=actor)


def queue(
    invoice: Invoice,
    body: bytes,
    *,
    credential: Credential | None,
    hold: str,
    lines: int,
    actor: Actor,
    **details: Any,
) -> Outbox:
    """The bytes of a document that has just become QUEUED, for the worker; and the audit's line.

    hold:    why it waits, "" when it may go at once.
    details: what the audit says besides.
    """
    work = Outbox(
        tenant_id=invoice.tenant_id,
        invoice=invoice,
        version=invoice.version,
        environment=invoice.environment,
        channel=invoice.channel,
        credential=credential,
        body=body,
        body_sha256=hashlib.sha256(body).hexdigest(),
        lines=lines,
        hold_reason=hold,
        made_at=invoice.state_at,
        run_after=invoice.state_at,
    )
    issued = audit.event(
        actor,
        AuditAction.INVOICE_ISSUED,
        invoice,
        at=invoice.state_at,
        sha256=work.body_sha256,
        version=work.version,
        **details,
    )
    with selectors.open_only():
        rows.insert(work, issued)
    return work


def _locked_lines(invoice: Invoice) -> list[InvoiceLine]:
    """The lines as they are now, the document locked so that nobody changes them meanwhile."""
    locked = Invoice.objects.select_for_update(of=("self",)).get(pk=invoice.pk)
    if (locked.version, locked.state) != (invoice.version, invoice.state):
        raise StateConflict("Somebody changed this invoice meanwhile. Look at it again.")
    return list(InvoiceLine.objects.filter(invoice=invoice))
