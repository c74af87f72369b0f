"""What the settling services share: the locks, a row of evidence, who stands behind a deed."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID

from django.utils.translation import gettext as _

from accounts.access import Actor
from accounts.models import ApiKey
from fbr.models import Evidence, Outbox
from fbr.models.evidence import EvidenceKind
from fbr.models.work import WorkState
from invoices.enums import State
from invoices.models import Invoice
from smartinvoicing.errors import NotAllowed, Problem, StateConflict

LONGEST_NOTE: Final = 300


def locked(invoice: Invoice, *states: State) -> Invoice:
    """The document as it is now, and nobody else at it: first its work, as the sender does.

    Raises: StateConflict when it is in none of `states`, where any are named.
    """
    open_work = Outbox.objects.filter(invoice_id=invoice.pk).exclude(state=WorkState.DONE)
    list(open_work.select_for_update(of=("self",), no_key=True).values_list("pk"))
    row = Invoice.objects.select_for_update(of=("self",), no_key=True).get(pk=invoice.pk)
    if states and row.state not in states:
        raise StateConflict(_("This document is settled already. Look at it again."))
    return row


def evidence_row(invoice: Invoice, kind: EvidenceKind, *, by: Actor, at: datetime) -> Evidence:
    """Not yet written."""
    return Evidence(tenant_id=invoice.tenant_id, invoice=invoice, kind=kind, at=at, by=by.name)


def person_behind(actor: Actor) -> UUID:
    """The person who answers for a deed: of a program, whoever made its key.

    Raises: NotAllowed for a job of ours, which says nothing by itself.
    """
    if actor.user_id is not None:
        return actor.user_id
    kind, _colon, ident = actor.name.partition(":")
    if kind != "key":
        raise NotAllowed("Only a person can say what happened at FBR.")
    return ApiKey.objects.only("made_by_id").get(pk=UUID(ident)).made_by_id


def problem(field: str, code: str, message: str, fix: str) -> Problem:
    return Problem(code=code, field=field, message=message, fix=fix)


def copy_it() -> str:
    return _("Copy it from IRIS as it stands there.")
