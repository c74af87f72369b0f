"""Legal holds: place one, look at it again, lift it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from types import MappingProxyType
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from accounts import audit, four_eyes, staff, tenancy
from accounts.access import Actor, allow
from accounts.enums import AuditAction, Desk, Permission, StaffAction
from accounts.models import Approval, LegalEntity, Tenant, User
from invoices.models import Buyer, Invoice
from privacy import deadlines
from privacy.models import Alarm, HoldScope, LegalHold
from privacy.services import alarms, desk
from smartinvoicing import clock
from smartinvoicing.errors import NotFound, RuleViolation, StateConflict

KIND: Final = "hold"
TASK: Final = "hold_review"
DEED: Final = "lift_hold"
DAY: Final = timedelta(days=1)


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
    on: LegalEntity | Invoice | Buyer | None = None,
    period: tuple[date, date] | None = None,
) -> LegalHold:
    """Keep what the hold covers until it is lifted: from now on no DELETE of it passes.

    on:     a taxpayer, a document or a customer. Without it and `period`, all of the business.
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
    _ask_again(hold)
    audit.record(actor, AuditAction.LEGAL_HOLD_PLACED, hold, at=at, scope=hold.scope)
    return hold


def _scope(
    on: LegalEntity | Invoice | Buyer | None, period: tuple[date, date] | None
) -> dict[str, Any]:
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
    if isinstance(on, Buyer):
        return {"scope": HoldScope.BUYER, "covers": on.pk}
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
    _settled(hold, at=at)
    _ask_again(hold)


@transaction.atomic
def lift(*, hold: LegalHold, why: str, actor: Actor, at: datetime) -> None:
    """The proceedings have ended: law's own time counts again.

    Raises: NotAllowed; RuleViolation without a reason; StateConflict when it was lifted before.
    """
    allow(actor, Permission.MANAGE_BUSINESS)
    if not why.strip():
        raise RuleViolation(_("Say why the hold is lifted."))
    _change(hold.pk, lifted_at=at, lifted_by=actor.name, lifted_why=why.strip()[:300])
    _settled(hold, at=at)
    audit.record(actor, AuditAction.LEGAL_HOLD_LIFTED, hold, at=at, scope=hold.scope)
    hold.refresh_from_db()


def _change(hold_id: UUID, **to: Any) -> None:
    if not LegalHold.objects.filter(pk=hold_id, lifted_at=None).update(**to):
        raise StateConflict(_("This hold was lifted already."))


# --- reviews that are due -------------------------------------------------------------------------


def _ask_again(hold: LegalHold) -> None:
    """From the day of its review on, somebody is asked each day until it was looked at."""
    step = f"review {hold.review_on:%Y-%m-%d}"
    due_at = deadlines.midnight(hold.review_on)
    alarms.set_alarm(KIND, hold.pk, step, due_at=due_at, repeat=DAY)
    alarms.revive(KIND, hold.pk, steps=[step])  # one that was looked at until the day it had


def _settled(hold: LegalHold, *, at: datetime) -> None:
    alarms.silence(KIND, hold.pk, at=at)
    desk.done(TASK, str(hold.pk), at=at)


def hear(alarm: Alarm, *, at: datetime) -> None:
    """A review is due: a task for the desk, overdue from the first day on."""
    desk.open_task(
        TASK,
        str(alarm.about),
        title=_("Look whether a legal hold is still wanted"),
        at=at,
        url=f"/admin/privacy/holdlisted/{alarm.about}/change/",
        due_at=alarm.due_at,
    )


# --- the staff's desk -----------------------------------------------------------------------------


def placed_by_staff(
    *,
    tenant_id: UUID,
    case: Case,
    scope_word: str,
    covers: UUID | None,
    by: User,
    at: datetime,
    period: tuple[date, date] | None = None,
) -> LegalHold:
    """A hold that an authority or a court asked us for, written down in the business's own trail.

    Raises: NotAllowed; NotFound for a business or a thing that is not there; RuleViolation.
    """
    staff.allow(by, Desk.HOLD)
    with tenancy.in_tenant(tenant_id), transaction.atomic():
        hold = place(
            case=case,
            actor=_hand_of(by),
            at=at,
            on=_found(scope_word, covers),
            period=period if scope_word == HoldScope.PERIOD else None,
        )
        staff.record(
            by,
            StaffAction.ADDED,
            hold,
            at=at,
            why=case.reference,
            tenant_id=tenant_id,
            scope=hold.scope,
        )
    return hold


def reviewed_by_staff(
    *, tenant_id: UUID, hold_id: UUID, until: date, why: str, by: User, at: datetime
) -> None:
    """Still wanted; asked again on `until`.

    Raises: NotAllowed; NotFound; RuleViolation; StateConflict.
    """
    staff.allow(by, Desk.HOLD)
    with tenancy.in_tenant(tenant_id), transaction.atomic():
        hold = of_business(hold_id)
        review(hold=hold, until=until, actor=_hand_of(by), at=at)
        staff.record(by, StaffAction.DECIDED, hold, at=at, why=why, tenant_id=tenant_id)


def ask_to_lift(*, tenant_id: UUID, hold_id: UUID, why: str, by: User, at: datetime) -> Approval:
    """Ask a second person to agree that the proceedings are over.

    Raises: NotAllowed; NotFound; RuleViolation without a reason.
    """
    staff.allow(by, Desk.HOLD)
    with tenancy.in_tenant(tenant_id), transaction.atomic():
        hold = of_business(hold_id)
        return four_eyes.ask(DEED, hold, digest=_digest(hold), why=why, by=by, at=at)


def lifted_by_staff(
    *, tenant_id: UUID, hold_id: UUID, why: str, by: User, at: datetime
) -> LegalHold:
    """Lift it, once a second person agreed.

    Raises: NotAllowed without that; NotFound; RuleViolation; StateConflict.
    """
    staff.allow(by, Desk.HOLD)
    with tenancy.in_tenant(tenant_id), transaction.atomic():
        hold = of_business(hold_id)
        four_eyes.spend(DEED, hold, digest=_digest(hold), by=by, at=at)
        lift(hold=hold, why=why, actor=_hand_of(by), at=at)
        staff.record(by, StaffAction.CLOSED, hold, at=at, why=why, tenant_id=tenant_id)
    return hold


def of_business(hold_id: UUID) -> LegalHold:
    """Inside its tenant. Raises: NotFound."""
    hold = LegalHold.objects.filter(pk=hold_id).first()
    if hold is None:
        raise NotFound(_("There is no such hold."))
    return hold


def _digest(hold: LegalHold) -> str:
    """Exactly this hold, with the review it has now: one that was renewed is asked about anew."""
    return four_eyes.digest_of(hold=hold.pk, review_on=hold.review_on)


def _hand_of(by: User) -> Actor:
    return Actor.staff(by.pk, Permission.MANAGE_BUSINESS)


def _found(scope_word: str, covers: UUID | None) -> LegalEntity | Invoice | Buyer | None:
    """The thing that the hold names, inside the tenant."""
    if not Tenant.objects.exists():
        raise NotFound(_("There is no such business."))
    model = _NAMES.get(scope_word)
    if model is None:
        return None
    thing: LegalEntity | Invoice | Buyer | None = model.objects.filter(pk=covers).first()
    if thing is None:
        raise NotFound(_("There is nothing of that id in this business."))
    return thing


_NAMES: Final[Mapping[str, Any]] = MappingProxyType(
    {HoldScope.ENTITY: LegalEntity, HoldScope.INVOICE: Invoice, HoldScope.BUYER: Buyer}
)
