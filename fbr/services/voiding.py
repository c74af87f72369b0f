"""Give a number up: of a document that FBR refused, or that was never on its way to FBR.

The number stays in the register with its reason and is not used again.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from django.db import transaction
from django.utils.translation import gettext as _

from accounts import audit, texts
from accounts.access import Actor, allow
from accounts.enums import AuditAction, NoticeKind, Permission
from accounts.services import notices
from fbr import doubts
from fbr.models import Attempt, Outbox
from fbr.models.work import WorkState
from fbr.services.proving import locked
from invoices import lifecycle
from invoices.enums import State
from invoices.models import Invoice
from smartinvoicing import clock
from smartinvoicing.errors import Problem, RuleViolation, StateConflict

LONGEST_REASON: Final = 300


def may_be_void(invoice: Invoice) -> bool:
    """Whether its number could be given up now, for a page that offers it."""
    if invoice.state == State.REJECTED:
        return doubts.said_yes(invoice) is None
    return invoice.state == State.QUEUED and not Attempt.objects.filter(invoice=invoice).exists()


@transaction.atomic
def void(*, invoice: Invoice, reason: str, actor: Actor, at: datetime) -> None:
    """Nothing is reported under this number, now or later.

    After:  no worker can take the document any more; its state is VOID.
    Raises: NotAllowed; RuleViolation without a reason; StateConflict when it is, was or may be on
            its way to FBR.
    """
    allow(actor, Permission.SETTLE)
    words = texts.clean(reason)
    problem = _problem_of(words)
    if problem is not None:
        raise RuleViolation.of([problem])
    was = State(invoice.state)
    if doubts.said_yes(locked(invoice)) is not None:
        raise StateConflict(_("FBR itself has answered that it has this document."))
    if was == State.QUEUED:
        _close(invoice, at=at)
    elif was != State.REJECTED:
        raise StateConflict(
            _("Only a document that FBR refused, or that was never sent, can be made void.")
        )
    lifecycle.transition(
        invoice, State.VOID, actor=actor, at=at, note=words, also={"void_reason": words}
    )
    audit.record(actor, AuditAction.INVOICE_VOIDED, invoice, at=at, was=was.value)
    for kind in (NoticeKind.DUPLICATE_SUSPECT, NoticeKind.REJECTED):
        notices.clear(kind, invoice, at=at)


def _close(invoice: Invoice, *, at: datetime) -> None:
    """Take the work out of the queue. The lock keeps a lease out until this transaction ends.

    A lease that a worker holds now may become an attempt in the next moment; one that ran out
    cannot: its fence finds the work done.
    """
    work = (
        Outbox.objects.select_for_update(of=("self",))
        .filter(invoice=invoice)
        .exclude(state=WorkState.DONE)
        .defer("body")
        .first()
    )
    if work is None:
        return
    is_leased = work.lease_until is not None and work.lease_until > clock.database_now()
    was_tried = Attempt.objects.filter(invoice=invoice).exists()
    if work.state != WorkState.WAITING or is_leased or was_tried:
        raise StateConflict(
            _("This document is, or was, on its way to FBR: it cannot be made void. Wait for FBR.")
        )
    Outbox.objects.filter(pk=work.pk).update(
        state=WorkState.DONE, hold_reason="", lease_until=None, leased_by="", done_at=at
    )


def _problem_of(words: str) -> Problem | None:
    if not words:
        return Problem(
            code="required",
            field="reason",
            message=_("It is not said why the number is given up."),
            fix=_("Say it in a few words: the register keeps them beside the number."),
        )
    if len(words) > LONGEST_REASON:
        return Problem(
            code="too_long",
            field="reason",
            message=_("This has more than %(most)d characters.") % {"most": LONGEST_REASON},
            fix=_("Say it in fewer words."),
        )
    return None
