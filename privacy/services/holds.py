"""Legal holds: place one, look at it again, lift it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from accounts import audit
from accounts.access import Actor, allow
from accounts.enums import AuditAction, Permission
from accounts.models import LegalEntity
from invoices.models import Invoice
from privacy.models import HoldScope, LegalHold
from smartinvoicing import clock
from smartinvoicing.errors import RuleViolation, StateConflict


@dataclass(frozen=True, kw_only=True)
class Case:
    """Who wants records kept, under which reference, and when somebody asks whether still."""

    authority: str
    reference: str
    review_on: date


@transaction.atomic
def place(
    *,
    case: Case,
    actor: Actor,
    at: datetime,
    on: LegalEntity | Invoice | None = None,
    period: tuple[date, date] | None = None,
) -> LegalHold:
    """Keep what the hold covers until it is lifted: from now on no DELETE of it passes.

    on:     a taxpayer or a document. Without it, and without `period`, all of the business.
    period: first and last day of invoice dates.
    Waits for a purge of this business that is under way.
    Raises: NotAllowed; RuleViolation.
    """
    allow(actor, Permission.MANAGE_BUSINESS)
    if not (case.authority.strip() and case.reference.strip()):
        raise RuleViolation(_("Say who wants the records kept, and under which reference."))
    if case.review_on <= clock.karachi_date(at):
        raise RuleViolation(_("The day of the review must lie ahead."))
    hold = LegalHold(
        **_scope(on, period),
        authority=case.authority.strip(),
        reference=case.reference.strip(),
        review_on=case.review_on,
        placed_at=at,
        placed_by=actor.name,
    )
    hold.save(force_insert=True)
    audit.record(actor, AuditAction.LEGAL_HOLD_PLACED, hold, at=at, scope=hold.scope)
    return hold


def _scope(on: LegalEntity | Invoice | None, period: tuple[date, date] | None) -> dict[str, Any]:
    """Raises: RuleViolation when it is two things at once, or a period that ends first."""
    if on is not None and period is not None:
        raise RuleViolation(_("A hold covers one thing: a taxpayer, a document or a period."))
    if period is not None:
        if period[1] < period[0]:
            raise RuleViolation(_("The last day lies before the first."))
        return {"scope": HoldScope.PERIOD, "from_on": period[0], "to_on": period[1]}
    if isinstance(on, LegalEntity):
        return {"scope": HoldScope.ENTITY, "covers": on.pk}
    if isinstance(on, Invoice):
        return {"scope": HoldScope.INVOICE, "covers": on.pk}
    return {"scope": HoldScope.TENANT}


@transaction.atomic
def review(*, hold: LegalHold, until: date, actor: Actor, at: datetime) -> None:
    """It is still wanted; ask again on `until`.

    Raises: NotAllowed; RuleViolation; StateConflict when it was lifted meanwhile.
    """
    allow(actor, Permission.MANAGE_BUSINESS)
    if until <= clock.karachi_date(at):
        raise RuleViolation(_("The day of the review must lie ahead."))
    _change(hold.pk, review_on=until)
    hold.review_on = until


@transaction.atomic
def lift(*, hold: LegalHold, why: str, actor: Actor, at: datetime) -> None:
    """The proceedings have ended: law's own time counts again.

    Raises: NotAllowed; RuleViolation without a reason; StateConflict when it was lifted before.
    """
    allow(actor, Permission.MANAGE_BUSINESS)
    if not why.strip():
        raise RuleViolation(_("Say why the hold is lifted."))
    _change(hold.pk, lifted_at=at, lifted_by=actor.name, lifted_why=why.strip()[:300])
    audit.record(actor, AuditAction.LEGAL_HOLD_LIFTED, hold, at=at, scope=hold.scope)
    hold.refresh_from_db()


def _change(hold_id: UUID, **to: Any) -> None:
    if not LegalHold.objects.filter(pk=hold_id, lifted_at=None).update(**to):
        raise StateConflict(_("This hold was lifted already."))
