"""People of ours: who may do what at the desk, and the one writer of what they did there."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import models
from django.http import HttpRequest
from django.utils.translation import gettext as _

from accounts.access import MAY_AT_DESK
from accounts.enums import Desk, StaffAction, StaffRole
from accounts.models import Course, StaffDeed, StaffSeat, StaffTraining, User
from accounts.models.staff_training import PASS
from smartinvoicing import clock
from smartinvoicing.errors import NotAllowed
from smartinvoicing.pg import rows

# What shows nobody's data, and so is left to whoever has no training that holds.
UNTRAINED: Final = frozenset({Desk.SEE_ANALYTICS, Desk.KEEP_REGISTERS, Desk.WRITE_POLICIES})


def roles_of(user: User) -> frozenset[StaffRole]:
    """The roles that this person has now; none for whoever may not sign in or is not ours."""
    if not (user.is_active and user.is_staff):
        return frozenset()
    held = StaffSeat.objects.filter(user_id=user.pk, until=None).values_list("role", flat=True)
    return frozenset(StaffRole(role) for role in held)


def gives(role: StaffRole, desk: Desk) -> bool:
    return desk in MAY_AT_DESK[role]


def deeds_of(user: User) -> frozenset[Desk]:
    """All that the roles of this person allow."""
    return frozenset().union(*(MAY_AT_DESK[role] for role in roles_of(user)))


def deeds_of_request(request: HttpRequest) -> frozenset[Desk]:
    """The same for whoever asks; the database is asked once a request."""
    known: frozenset[Desk] | None = getattr(request, "_desk_deeds", None)
    if known is None:
        user = request.user
        known = deeds_of(user) if isinstance(user, User) else frozenset()
        if known and isinstance(user, User) and not is_trained(user, at=clock.now()):
            known &= UNTRAINED
        request._desk_deeds = known  # type: ignore[attr-defined]  # noqa: SLF001 -- ours alone
    return known


def keep_apart(user: User) -> None:
    """Nobody of ours works in a business with the account of the desk.

    Raises: NotAllowed.
    """
    if user.is_staff:
        raise NotAllowed(_("This account works for us. Use another one for a business."))


def is_trained(user: User, *, at: datetime) -> bool:
    """Whether this person may see personal data, as far as training goes: passed, and not over."""
    today = clock.karachi_date(at)
    return StaffTraining.objects.filter(
        person_id=user.pk,
        course=Course.PRIVACY,
        score__gte=PASS,
        taken_on__lte=today,
        expires_on__gt=today,
    ).exists()


def may(user: User, desk: Desk) -> bool:
    """By their roles, and by a training that holds where the deed shows data of persons."""
    if desk not in deeds_of(user):
        return False
    return desk in UNTRAINED or is_trained(user, at=clock.now())


def allow(user: User, desk: Desk) -> None:
    """Raises: NotAllowed, with the words of what is missing."""
    if not may(user, desk):
        raise NotAllowed(
            _("Your role does not allow this: %(deed)s.") % {"deed": desk.label},
            permission=desk.value,
        )


def with_deed(desk: Desk) -> models.QuerySet[User]:
    """Everybody of ours who may do this, for whoever has to be told."""
    roles = [role for role, deeds in MAY_AT_DESK.items() if desk in deeds]
    return in_role(*roles)


def in_role(*roles: StaffRole) -> models.QuerySet[User]:
    return User.objects.filter(
        is_staff=True, is_active=True, seats__role__in=roles, seats__until=None
    ).distinct()


def name_of(user: User | None, system: str = "") -> str:
    """How a deed names who did it: by id, never by name."""
    return f"staff:{user.pk}" if user is not None else f"system:{system}"


def names_of(deeds: Iterable[str]) -> dict[str, str]:
    """What to call whoever of ours did something (`name_of`): for the desk alone."""
    ids = {who: who.removeprefix("staff:") for who in deeds if who.startswith("staff:")}
    people = {str(pk): str(user) for pk, user in User.objects.in_bulk(set(ids.values())).items()}
    return {who: people[pk] for who, pk in ids.items() if pk in people}


def record(
    who: User | str,
    action: StaffAction,
    about: models.Model,
    *,
    at: datetime,
    why: str = "",
    tenant_id: UUID | None = None,
    **details: Any,
) -> StaffDeed:
    """Write one deed down, in the transaction of the deed. No personal values in `details`.

    who: the person, or the name of the job that did it.
    """
    deed = StaffDeed(
        at=at,
        who=name_of(who) if isinstance(who, User) else f"system:{who}",
        action=action,
        object_type=str(about._meta.model_name),
        object_id=str(about.pk),
        tenant_id=tenant_id,
        why=why[:300],
        details=details,
    )
    rows.insert(deed)
    return deed
