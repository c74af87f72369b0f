"""When people of ours may look at a business: because it opened its door, or in an emergency.

Whether somebody may look is asked at each request, of what is stored and of the clock alone: what
has run out is over in the middle of a session, whether or not any job has noticed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts import audit, four_eyes, staff, tenancy
from accounts.access import Actor, allow
from accounts.enums import AuditAction, Desk, NoticeKind, Permission, StaffAction, StaffRole
from accounts.models import Approval, BreakGlass, GlassEnd, StaffTie, SupportWindow, Tenant, User
from accounts.models.staff_access import (
    ALONE_ONCE_IN,
    GLASS_ALONE,
    GLASS_LASTS,
    WINDOW_LONGEST,
)
from accounts.services import mailing, notices
from smartinvoicing.errors import NotAllowed, NotFound, RuleViolation, StateConflict

DEED: Final = "break_glass"


@dataclass(frozen=True, kw_only=True)
class Grant:
    """What lets somebody of ours look at one business just now.

    document_id: the one document that it is about; None where it is about the whole business.
    """

    tenant_id: UUID
    purpose: str
    until: datetime
    role: str
    document_id: UUID | None = None
    window_id: UUID | None = None
    glass_id: UUID | None = None


def grant_for(
    user: User, tenant_id: UUID, *, at: datetime, document_id: UUID | None = None
) -> Grant | None:
    """Why this person may look at this business, or at one document of it, now; None: not at all.

    Whoever is tied to the business never may.
    """
    deeds = staff.deeds_of(user)
    if StaffTie.objects.filter(staff=user, tenant_id=tenant_id).exists():
        return None
    if Desk.LOOK_AT_TENANTS in deeds:
        window = _window(tenant_id, document_id, at)
        if window is not None:
            return Grant(
                tenant_id=tenant_id,
                purpose=window.reason,
                until=window.until,
                role=_role(user, Desk.LOOK_AT_TENANTS),
                document_id=window.document_id,
                window_id=window.pk,
            )
    if Desk.BREAK_GLASS in deeds:
        glass = _live_glass(user, tenant_id, at)
        if glass is not None:
            return Grant(
                tenant_id=tenant_id,
                purpose=glass.reason,
                until=glass.until if glass.confirmed_at else glass.confirm_by,
                role=_role(user, Desk.BREAK_GLASS),
                glass_id=glass.pk,
            )
    return None


def _role(user: User, desk: Desk) -> StaffRole:
    """The role of theirs that allows it, by the order of the words."""
    return next(
        role for role in StaffRole if role in staff.roles_of(user) and staff.gives(role, desk)
    )


def open_windows(*, at: datetime) -> QuerySet[SupportWindow]:
    """Every door that is open now, what ends first before the rest."""
    return SupportWindow.objects.filter(ended_at=None, until__gt=at).order_by("until")


def _window(tenant_id: UUID, document_id: UUID | None, at: datetime) -> SupportWindow | None:
    """One for the whole business before one for the document that is asked for."""
    fits = Q(document_id=None)
    if document_id is not None:
        fits |= Q(document_id=document_id)
    rows = open_windows(at=at).filter(fits, tenant_id=tenant_id, granted_at__lte=at)
    return rows.order_by(F("document_id").asc(nulls_first=True), "-until").first()


def _live_glass(user: User, tenant_id: UUID, at: datetime) -> BreakGlass | None:
    mine = BreakGlass.objects.filter(staff=user, tenant_id=tenant_id, ended_at=None)
    for glass in mine.order_by("-opened_at"):
        settle_glass(glass, at=at)
        if glass.ended_at is None and (glass.confirmed_at or not glass.legal_bar):
            return glass
    return None


# --- the door that a business opens -----------------------------------------------------------


@transaction.atomic
def open_window(
    *, reason: str, lasts: timedelta, actor: Actor, at: datetime, document_id: UUID | None = None
) -> SupportWindow:
    """Let people of ours look at this business, to read only, until a time.

    Raises: NotAllowed; RuleViolation without a reason or for longer than a day.
    """
    allow(actor, Permission.MANAGE_BUSINESS)
    if actor.user_id is None:
        raise NotAllowed(_("Only a person can let our staff look."))
    if not reason.strip():
        raise RuleViolation(_("Say what our staff should look at, and why."))
    if not timedelta(0) < lasts <= WINDOW_LONGEST:
        raise RuleViolation(_("Our staff may look for a day at most."))
    window = SupportWindow(
        tenant_id=tenancy.current_tenant_id(),
        reason=reason.strip()[:300],
        document_id=document_id,
        granted_by=actor.name,
        granted_at=at,
        until=at + lasts,
    )
    window.save(force_insert=True)
    audit.record(
        actor,
        AuditAction.SUPPORT_GRANTED,
        window,
        at=at,
        minutes=int(lasts.total_seconds() // 60),
        whole=document_id is None,
    )
    return window


@transaction.atomic
def end_window(*, window_id: UUID, actor: Actor, at: datetime) -> None:
    """Close the door before its time.

    Raises: NotAllowed; NotFound, the same for another business's; StateConflict when it is closed.
    """
    allow(actor, Permission.MANAGE_BUSINESS)
    mine = SupportWindow.objects.filter(tenant_id=tenancy.current_tenant_id(), pk=window_id)
    window = mine.first()
    if window is None:
        raise NotFound(_("There is no such window."))
    ended = mine.filter(ended_at=None, until__gt=at).update(ended_at=at, ended_by=actor.name)
    if not ended:
        raise StateConflict(_("This window is closed already."))
    audit.record(actor, AuditAction.SUPPORT_ENDED, window, at=at)


# --- in an emergency --------------------------------------------------------------------------


@transaction.atomic
def break_glass(
    *, tenant_id: UUID, reason: str, ticket: str, user: User, at: datetime, legal_bar: str = ""
) -> BreakGlass:
    """Look at a business that did not ask, for an hour; a second person is asked for at once.

    The business is told now, unless `legal_bar` says why that is forbidden: then nobody looks
    before the second person has agreed.
    Raises: NotAllowed; RuleViolation without reason or ticket; NotFound; StateConflict.
    """
    staff.allow(user, Desk.BREAK_GLASS)
    _refuse_glass(tenant_id, reason, ticket, user, at)
    glass = BreakGlass(
        tenant_id=tenant_id,
        staff=user,
        reason=reason.strip()[:300],
        ticket=ticket.strip()[:80],
        opened_at=at,
        confirm_by=at + GLASS_ALONE,
        until=at + GLASS_LASTS,
        legal_bar=legal_bar.strip()[:300],
        told_at=None if legal_bar.strip() else at,
    )
    glass.save(force_insert=True)
    if not glass.legal_bar:
        _tell_business(glass, at)
    staff.record(
        user,
        StaffAction.ADDED,
        glass,
        at=at,
        why=reason,
        tenant_id=tenant_id,
        barred=bool(glass.legal_bar),
    )
    asked = four_eyes.ask(
        DEED, glass, digest=digest_of(glass), why=glass.reason, by=user, at=at, lasts=GLASS_ALONE
    )
    _ask_second(asked, user, at)
    return glass


def _refuse_glass(tenant_id: UUID, reason: str, ticket: str, user: User, at: datetime) -> None:
    if not reason.strip() or not ticket.strip():
        raise RuleViolation(_("Say why, and the number of the ticket or of the order."))
    with tenancy.in_tenant(tenant_id):
        if not Tenant.objects.filter(pk=tenant_id).exists():
            raise NotFound(_("There is no such business."))
    if StaffTie.objects.filter(staff=user, tenant_id=tenant_id).exists():
        raise NotAllowed(_("You are tied to this business. Somebody else has to look."))
    if _live_glass(user, tenant_id, at) is not None:
        raise StateConflict(_("You may look at this business already."))
    alone = BreakGlass.objects.filter(staff=user, tenant_id=tenant_id, confirmed_at=None)
    if alone.filter(opened_at__gt=at - ALONE_ONCE_IN).exists():
        raise NotAllowed(
            _("Nobody agreed when you looked at this business last. Somebody else has to look.")
        )


def digest_of(glass: BreakGlass) -> str:
    return four_eyes.digest_of(
        tenant=glass.tenant_id, ticket=glass.ticket, reason=glass.reason, bar=glass.legal_bar
    )


def _tell_business(glass: BreakGlass, at: datetime) -> None:
    with tenancy.in_tenant(glass.tenant_id):
        notices.post(NoticeKind.STAFF_LOOKED, glass, at=at)
        audit.record(
            Actor.staff(glass.staff_id),
            AuditAction.GLASS_BROKEN,
            glass,
            at=at,
            opened_at=glass.opened_at.isoformat(),
            ticket=glass.ticket,
        )


def _ask_second(asked: Approval, user: User, at: datetime) -> None:
    for other in staff.with_deed(four_eyes.DESK_OF[DEED]).exclude(pk=user.pk):
        mailing.post(
            key=f"approval {asked.pk} {other.pk}",
            to=other.email,
            user_id=other.pk,
            template="accounts/mail/second_person",
            context={
                "url": settings.PUBLIC_URL
                + reverse("admin:accounts_approval_change", args=[asked.pk]),
                "minutes": int(GLASS_ALONE.total_seconds() // 60),
            },
            at=at,
        )


@transaction.atomic
def settle_glass(glass: BreakGlass, *, at: datetime) -> None:
    """Bring an emergency up to date: what the second person said, and what the clock says."""
    held = BreakGlass.objects.select_for_update(of=("self",)).get(pk=glass.pk)
    if held.ended_at is None and held.confirmed_at is None:
        _hear_second(held, at)
    if held.ended_at is None:
        if held.confirmed_at is None and at >= held.confirm_by:
            _end(held, GlassEnd.ALONE, held.confirm_by)
        elif at >= held.until:
            _end(held, GlassEnd.TIME, held.until)
    for field in ("confirmed_by_id", "confirmed_at", "ended_at", "end"):
        setattr(glass, field, getattr(held, field))


def _hear_second(glass: BreakGlass, at: datetime) -> None:
    said = Approval.objects.filter(
        deed=DEED, object_id=str(glass.pk), digest=digest_of(glass), answered_at__lte=at
    ).first()
    if said is None:
        return
    if said.is_agreed:
        glass.confirmed_by_id, glass.confirmed_at = said.answered_by_id, said.answered_at
        glass.save(update_fields=["confirmed_by", "confirmed_at"])
    else:
        _end(glass, GlassEnd.REFUSED, at)


@transaction.atomic
def mend_glass(*, glass: BreakGlass, user: User, at: datetime) -> None:
    """End it before its time: whoever opened it, or whoever may sign for breaches.

    Raises: NotAllowed; StateConflict when it has ended.
    """
    if user.pk != glass.staff_id:
        staff.allow(user, Desk.SIGN_BREACHES)
    settle_glass(glass, at=at)
    if glass.ended_at is not None:
        raise StateConflict(_("This has ended already."))
    _end(glass, GlassEnd.BY_HAND, at)


def _end(glass: BreakGlass, end: GlassEnd, at: datetime) -> None:
    glass.ended_at, glass.end = at, end
    glass.save(update_fields=["ended_at", "end"])
    staff.record(
        "staff_access", StaffAction.CLOSED, glass, at=at, tenant_id=glass.tenant_id, end=end.value
    )
    if glass.told_at is not None:
        with tenancy.in_tenant(glass.tenant_id):
            audit.record(
                Actor.staff(glass.staff_id), AuditAction.GLASS_MENDED, glass, at=at, end=end.value
            )


@transaction.atomic
def review_glass(*, glass: BreakGlass, finding: str, user: User, at: datetime) -> None:
    """The officer's word on an emergency that is over.

    Raises: NotAllowed for whoever looked; RuleViolation without words; StateConflict.
    """
    staff.allow(user, Desk.SIGN_BREACHES)
    settle_glass(glass, at=at)
    if user.pk == glass.staff_id:
        raise NotAllowed(_("You looked yourself. Another person has to review it."))
    if not finding.strip():
        raise RuleViolation(_("Say what you found."))
    if glass.ended_at is None or glass.reviewed_at is not None:
        raise StateConflict(_("It is not over yet, or was reviewed already."))
    glass.reviewed_by, glass.reviewed_at, glass.review = user, at, finding.strip()[:300]
    glass.save(update_fields=["reviewed_by", "reviewed_at", "review"])
    staff.record(user, StaffAction.DECIDED, glass, at=at, why=finding, tenant_id=glass.tenant_id)
    with tenancy.in_tenant(glass.tenant_id):
        notices.clear(NoticeKind.STAFF_LOOKED, glass, at=at)


@transaction.atomic
def lift_bar(*, glass: BreakGlass, user: User, at: datetime) -> None:
    """What forbade to tell the business is over: it is told now.

    Raises: NotAllowed; StateConflict when it was told.
    """
    staff.allow(user, Desk.SIGN_BREACHES)
    if not BreakGlass.objects.filter(pk=glass.pk, told_at=None).update(told_at=at):
        raise StateConflict(_("The business was told already."))
    glass.told_at = at
    _tell_business(glass, at)
    staff.record(user, StaffAction.SENT, glass, at=at, tenant_id=glass.tenant_id)
