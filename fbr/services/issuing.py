"""Number and freeze a document, and put it in the queue for FBR: all of it or nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from copy import copy
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from accounts import audit, selectors
from accounts.access import Actor, allow
from accounts.enums import AuditAction, Permission
from accounts.models import LegalEntity
from fbr import channels, doubts
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
    was, due = invoice.state, outages.deadline_of(invoice)
    is_offline = invoice.issued_offline or outages.is_away(invoice.environment, invoice.channel)
    also = {**frozen, "version": invoice.version + 1, "issued_offline": is_offline}
    lifecycle.transition(invoice, State.QUEUED, actor=actor, at=at, also=also)
    till = tills.for_issue(invoice)
    body = _body_of(invoice, lines, is_again=was == State.REJECTED)
    credential = credentials.for_issue(entity, invoice.environment, till_id=invoice.till_id)
    hold = tills.hold_of(till, credential)
    if not is_repeat and circumstances.is_suspect(invoice):
        hold = Hold.DUPLICATE_SUSPECT
        duplicates.suspected(invoice, at)
    return queue(
        invoice, body, credential=credential, hold=hold, lines=len(lines), actor=actor, deadline=due
    )


def queue(
    invoice: Invoice,
    body: bytes,
    *,
    credential: Credential | None,
    hold: str,
    lines: int,
    actor: Actor,
    deadline: datetime | None = None,
    **details: Any,
) -> Outbox:
    """The bytes of a document that has just become QUEUED, for the worker; and the audit's line.

    hold:     why it waits, "" when it may go at once.
    deadline: that of an earlier version, where it was issued offline.
    details:  what the audit says besides.
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
        deadline=deadline,
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


def _body_of(invoice: Invoice, lines: Sequence[InvoiceLine], *, is_again: bool) -> bytes:
    """The bytes to send; of a document that FBR took after all, the very bytes that it took.

    What the customer has is what FBR has: nothing else is issued under this number then.

    Raises: StateConflict when the document says something else now.
    """
    body_of = channels.dialect_of(invoice.channel).body_of
    taken = doubts.taken_works(invoice) if is_again else []
    for work in taken:
        then = copy(invoice)
        then.state_at = work.made_at  # a till's bill bears the hour of its issue
        if body_of(then, lines) == bytes(work.body):
            return bytes(work.body)
    if taken:
        raise StateConflict(
            _(
                "FBR answered late: it has this document as it was before it was changed. Write it"
                " again as it was sent then and issue it; it is not sent, it takes FBR's number."
                " Correct it by a note afterwards."
            )
        )
    return body_of(invoice, lines)


def _locked_lines(invoice: Invoice) -> list[InvoiceLine]:
    """The lines as they are now, the document locked so that nobody changes them meanwhile."""
    locked = Invoice.objects.select_for_update(of=("self",)).get(pk=invoice.pk)
    if (locked.version, locked.state) != (invoice.version, invoice.state):
        raise StateConflict("Somebody changed this invoice meanwhile. Look at it again.")
    return list(InvoiceLine.objects.filter(invoice=invoice))
