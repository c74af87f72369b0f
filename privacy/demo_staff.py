"""The demo's people of ours: two, for what needs two. To be superusers would give them nothing."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP
from allauth.mfa.utils import decrypt

from accounts import staff
from accounts.enums import StaffRole
from accounts.models import Course, StaffSeat, StaffTraining, User
from smartinvoicing import clock

FIRST: Final = (StaffRole.PRIVACY_OFFICER, StaffRole.SUPPORT, StaffRole.SECURITY)
SECOND: Final = (StaffRole.PRIVACY_OFFICER, StaffRole.SECURITY)


def seat(
    person: User, roles: Iterable[StaffRole], *, totp_secret: str, by: str, at: datetime
) -> None:
    """Give them their roles, a training that holds and the second factor of `totp_secret`."""
    if totp_secret:
        _enrol(person, totp_secret)
    if not staff.is_trained(person, at=at):
        _train(person, by, at)
    for role in roles:
        if not StaffSeat.objects.filter(user=person, role=role, until=None).exists():
            StaffSeat(user=person, role=role, since=at, given_by=by).save(force_insert=True)


def _enrol(person: User, secret: str) -> None:
    factors = Authenticator.objects.filter(user=person, type=Authenticator.Type.TOTP)
    known = factors.first()
    if known is None or decrypt(known.data["secret"]) != secret:
        factors.delete()
        TOTP.activate(person, secret)


def _train(person: User, by: str, at: datetime) -> None:
    """Without a training that holds, nobody of ours sees data of persons."""
    today = clock.karachi_date(at)
    StaffTraining(
        person=person,
        course=Course.PRIVACY,
        version="demo",
        score=100,
        taken_on=today,
        expires_on=today + timedelta(days=365),
        recorded_at=at,
        recorded_by=by,
    ).save(force_insert=True)
