"""The state machine of a document. Nobody else writes `Invoice.state`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

from django.db import transaction

from accounts.access import Actor
from invoices.enums import State
from invoices.models import Invoice, InvoiceEvent
from smartinvoicing.errors import StateConflict
from smartinvoicing.pg import rows

NEXT: Final[Mapping[State, frozenset[State]]] = {
    State.DRAFT: frozenset({State.QUEUED}),
    State.QUEUED: frozenset({State.SUBMITTING, State.VOID}),
    # Back to QUEUED only on proof that nothing was recorded, never because time passed.
    State.SUBMITTING: frozenset({State.ACCEPTED, State.REJECTED, State.UNCERTAIN, State.QUEUED}),
    State.REJECTED: frozenset({State.QUEUED, State.VOID}),
    State.UNCERTAIN: frozenset({State.ACCEPTED, State.QUEUED}),
    State.ACCEPTED: frozenset({State.CANCEL_REQUESTED}),
    State.CANCEL_REQUESTED: frozenset({State.CANCELLED, State.ACCEPTED}),
    State.CANCELLED: frozenset(),
    State.VOID: frozenset(),
}


def may_become(was: State, to: State) -> bool:
    return to in NEXT[was]


def transition(
    invoice: Invoice,
    to: State,
    *,
    actor: Actor,
    at: datetime,
    note: str = "",
    also: Mapping[str, Any] = MappingProxyType({}),
) -> None:
    """Take `invoice` to `to`, set the fields in `also`, write the event.

    Two workers may call this at once: one wins, the other gets StateConflict and must do
    nothing more. The database refuses the same pairs by trigger.

    Raises: StateConflict.
    """
    was = State(invoice.state)
    if not may_become(was, to):
        raise StateConflict(f"An invoice that is {was.label} cannot become {to.label}.")
    fields = {"state": to, "state_at": at, **also}
    with transaction.atomic(savepoint=False):
        is_first = rows.update(Invoice, where={"id": invoice.pk, "state": was}, to=fields)
        if is_first:
            rows.insert(
                InvoiceEvent(
                    tenant_id=invoice.tenant_id,
                    invoice=invoice,
                    was=was,
                    became=to,
                    at=at,
                    actor=actor.name,
                    note=note,
                )
            )
    if not is_first:
        raise StateConflict("Somebody else changed this invoice first. Open it again.")
    for name, value in fields.items():
        setattr(invoice, name, value)
