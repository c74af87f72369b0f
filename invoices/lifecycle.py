"""The state machine of a document. Nobody else writes `Invoice.state`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final
from uuid import UUID

import psycopg2
from django.db import IntegrityError, transaction
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

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


# By the name of the constraint (fbr/0014): a lower floor has the words, a higher one the reason.
_AFTER_RESTORE: Final[Mapping[str | None, Promise]] = {
    "numbers_are_suspended": _(
        "After a restore of our database nothing is issued or voided until FBR's own list of your "
        "invoices was uploaded here: some may have been reported that we no longer know of. Open "
        "the page After a restore."
    ),
    "reported_before_the_restore": _(
        "FBR has a document of this number that a restore of our database lost here. It is "
        "neither issued again nor voided; correct it with a note."
    ),
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
    _refuse_unless_next(was, to)
    fields = {"state": to, "state_at": at, **also}
    with _in_words(), transaction.atomic(savepoint=False):
        is_first = rows.update(Invoice, where={"id": invoice.pk, "state": was}, to=fields)
        if is_first:
            event = Step(invoice.tenant_id, invoice.pk, was, to, actor=actor, at=at, note=note)
            rows.insert(event.row())
    if not is_first:
        raise StateConflict("Somebody else changed this invoice first. Open it again.")
    for name, value in fields.items():
        setattr(invoice, name, value)


@contextmanager
def _in_words() -> Iterator[None]:
    """What the database refuses after a restore, as a person may read it.

    Raises: StateConflict.
    """
    try:
        yield
    except IntegrityError as error:
        cause = error.__cause__
        name = cause.diag.constraint_name if isinstance(cause, psycopg2.Error) else None
        if name not in _AFTER_RESTORE:
            raise
        raise StateConflict(str(_AFTER_RESTORE[name]), refused_by=name) from error


@dataclass(frozen=True)
class Step:
    """One change of state, for services that take many documents on at once.

    Raises: StateConflict for a pair that is not in `NEXT`.
    """

    tenant_id: UUID
    invoice_id: UUID
    was: State
    to: State
    actor: Actor = field(kw_only=True)
    at: datetime = field(kw_only=True)
    note: str = field(default="", kw_only=True)

    def __post_init__(self) -> None:
        _refuse_unless_next(self.was, self.to)

    def write(self, script: rows.Script, also: Mapping[str, Any] = MappingProxyType({})) -> None:
        """As `transition` does; the script is lost when the document is no longer in `was`."""
        where = {"id": self.invoice_id, "tenant_id": self.tenant_id, "state": self.was}
        script.update(Invoice, where=where, to={"state": self.to, "state_at": self.at, **also})
        script.insert(self.row())

    def taken(self, invoice: Invoice) -> None:
        """The script ran: what is in memory follows."""
        invoice.state, invoice.state_at = self.to, self.at

    def row(self) -> InvoiceEvent:
        return InvoiceEvent(
            tenant_id=self.tenant_id,
            invoice_id=self.invoice_id,
            was=self.was,
            became=self.to,
            at=self.at,
            actor=self.actor.name,
            note=self.note,
        )


def _refuse_unless_next(was: State, to: State) -> None:
    if not may_become(was, to):
        raise StateConflict(f"An invoice that is {was.label} cannot become {to.label}.")
