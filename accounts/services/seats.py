"""Roles of our people: given by two, never to oneself, taken by one and at once."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from allauth.usersessions.models import UserSession
from django.db import transaction
from django.utils.translation import gettext as _

from accounts import four_eyes, selectors, staff
from accounts.enums import Desk, StaffAction, StaffRole
from accounts.models import StaffSeat, User
from smartinvoicing.errors import NotAllowed, NotFound, RuleViolation, StateConflict

DEED: Final = "give_role"
ENOUGH: Final = 2  # people who may give roles: from then on it is done at the desk


@transaction.atomic
def give(*, email: str, role: StaffRole, why: str, by: User, at: datetime) -> StaffSeat | None:
    """Give somebody a role, once a second person has agreed; None while they are asked.

    Raises: NotAllowed; NotFound; RuleViolation for a member of a business; StateConflict.
    """
    staff.allow(by, Desk.GIVE_ROLES)
    person = _person(email)
    if person.pk == by.pk:
        raise NotAllowed(_("Nobody gives a role to themselves."))
    _refuse(person, role)
    digest = four_eyes.digest_of(person=person.pk, role=role.value)
    try:
        with transaction.atomic():
            agreed = four_eyes.spend(DEED, person, digest=digest, by=by, at=at)
            if agreed.answered_by_id == person.pk:
                raise StateConflict(
                    _("Whoever gets a role does not agree to it. Ask a third person.")
                )
    except NotAllowed:
        four_eyes.ask(DEED, person, digest=digest, why=_asked(role, why), by=by, at=at)
        return None
    return _sit(person, role, by=by, why=why, at=at)


def _asked(role: StaffRole, why: str) -> str:
    """What the second person reads."""
    return f"{role.value}: {_given(why)}"


def _given(why: str) -> str:
    if not why.strip():
        raise RuleViolation(_("Say why this is to be done."))
    return why.strip()


@transaction.atomic
def give_in_shell(*, email: str, role: StaffRole, why: str, at: datetime) -> StaffSeat:
    """The first roles, by whoever runs the service; no more once two people can give them.

    Raises: NotAllowed; NotFound; RuleViolation; StateConflict.
    """
    _given(why)
    if staff.with_deed(Desk.GIVE_ROLES).count() >= ENOUGH:
        raise NotAllowed(_("Two people can give roles now. Do it at the desk."))
    person = _person(email)
    _refuse(person, role)
    return _sit(person, role, by="shell", why=why, at=at)


@transaction.atomic
def take(*, seat: StaffSeat, why: str, by: User, at: datetime) -> None:
    """Take a role back; it counts for nothing from the next request on.

    Raises: NotAllowed; RuleViolation without a reason; StateConflict when it was taken.
    """
    staff.allow(by, Desk.GIVE_ROLES)
    _given(why)
    taken = StaffSeat.objects.filter(pk=seat.pk, until=None)
    if not taken.update(until=at, taken_by=staff.name_of(by)):
        raise StateConflict(_("This role was taken already."))
    staff.record(by, StaffAction.ROLE_TAKEN, seat, at=at, why=why, role=seat.role)
    _end_sessions(seat.user)


def _person(email: str) -> User:
    person = User.objects.filter(email=email.strip().lower(), is_active=True).first()
    if person is None:
        raise NotFound(_("Nobody with this address has an account."))
    return person


def _refuse(person: User, role: StaffRole) -> None:
    if selectors.memberships_of(person.pk):
        raise RuleViolation(_("Whoever works in a business cannot work for us with that account."))
    if role in staff.roles_of(person):
        raise StateConflict(_("They have this role already."))


def _sit(person: User, role: StaffRole, *, by: User | str, why: str, at: datetime) -> StaffSeat:
    if not person.is_staff:
        person.is_staff = True
        person.save(update_fields=["is_staff"])
    who = staff.name_of(by) if isinstance(by, User) else staff.name_of(None, by)
    seat = StaffSeat(user=person, role=role, since=at, given_by=who)
    seat.save(force_insert=True)
    staff.record(by, StaffAction.ROLE_GIVEN, seat, at=at, why=why, role=role.value)
    _end_sessions(person)
    return seat


def _end_sessions(person: User) -> None:
    """A changed role begins with a new sign-in."""
    for session in UserSession.objects.filter(user=person):
        session.end()
