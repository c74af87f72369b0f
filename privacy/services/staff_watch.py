"""What our people look at, counted: too many businesses, too many rows, at odd hours.

It reads the lines of the looks, so what a stopped job missed is found by the next one. Each finding
is one task on the red list and one mail to everybody who reads that log.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final

from django.conf import settings
from django.db import transaction
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts import staff
from accounts.enums import Desk, StaffAction
from accounts.models import StaffLook, User
from accounts.services import mailing
from privacy.models import DeskTask
from privacy.services import desk
from smartinvoicing import clock
from smartinvoicing.errors import NotAllowed, RuleViolation, StateConflict

HOUR: Final = timedelta(hours=1)
LOOKED_BACK: Final = timedelta(days=2)  # for how long the job may have stood still
REVIEW: Final = "staff_review"
REVIEWED_WITHIN: Final = timedelta(days=10)
LOG_PAGE: Final = "admin:accounts_stafflook_changelist"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that somebody should ask about. key: by it, it rings once."""

    kind: str
    key: str
    title: str


@dataclass(frozen=True, kw_only=True)
class LastHour:
    """What one person saw in the hour that ends with one look of theirs."""

    who: str
    at: datetime
    tenants: int
    rows: int


def watch(*, at: datetime) -> int:
    """Ring for what was found since the day before yesterday; how many things that were."""
    looks = StaffLook.objects.filter(at__gt=at - LOOKED_BACK, at__lte=at).order_by("at", "id")
    found = {(each.kind, each.key): each for each in findings(looks)}
    for each in found.values():
        _ring(each, at)
    _open_review(at)
    return len(found)


def findings(looks: Iterable[StaffLook]) -> Iterator[Finding]:
    """What is odd about these looks, which come in the order of their times."""
    for hour in _hours(looks):
        slot = clock.karachi(hour.at).strftime("%Y-%m-%dT%H")
        if hour.tenants > settings.STAFF_TENANTS_AN_HOUR:
            title = _("Somebody of us looked at many businesses within an hour")
            yield Finding(kind="staff_many", key=f"{hour.who} {slot}", title=title)
        if hour.rows > settings.STAFF_ROWS_AN_HOUR:
            title = _("Somebody of us read many rows of businesses within an hour")
            yield Finding(kind="staff_bulk", key=f"{hour.who} {slot}", title=title)
        if not in_shift(hour.at):
            title = _("Somebody of us looked at a business outside the hours of work")
            yield Finding(kind="staff_off_shift", key=f"{hour.who} {slot[:10]}", title=title)


def _hours(looks: Iterable[StaffLook]) -> Iterator[LastHour]:
    seen: dict[str, list[StaffLook]] = {}
    for look in looks:
        recent = [each for each in seen.get(look.who, []) if look.at - each.at < HOUR]
        seen[look.who] = [*recent, look]
        yield LastHour(
            who=look.who,
            at=look.at,
            tenants=len({each.tenant_id for each in seen[look.who]}),
            rows=sum(each.rows_shown for each in seen[look.who]),
        )


def in_shift(at: datetime) -> bool:
    """Whether our people are expected to work then, by the clock of Karachi."""
    first, _dash, last = settings.STAFF_SHIFT.partition("-")
    return int(first) <= clock.karachi(at).hour < int(last)


@transaction.atomic
def _ring(finding: Finding, at: datetime) -> None:
    """Once for each, however often the job runs, and also when its task was done meanwhile."""
    if DeskTask.objects.filter(kind=finding.kind, key=finding.key).exists():
        return
    desk.open_task(
        finding.kind, finding.key, title=finding.title, url=reverse(LOG_PAGE), at=at, due_at=at
    )
    for reader in staff.with_deed(Desk.SEE_STAFF_LOG):
        mailing.post(
            key=f"{finding.kind} {finding.key} {reader.pk}"[:120],
            to=reader.email,
            user_id=reader.pk,
            template="privacy/mail/staff_watch",
            context={"title": finding.title, "url": settings.PUBLIC_URL + reverse(LOG_PAGE)},
            at=at,
        )


# --- the month --------------------------------------------------------------------------------


def last_month(at: datetime) -> str:
    """The month before this one, in Pakistan, as `2026-10`."""
    first = clock.karachi_date(at).replace(day=1)
    return (first - timedelta(days=1)).strftime("%Y-%m")


def _open_review(at: datetime) -> None:
    month = last_month(at)
    if DeskTask.objects.filter(kind=REVIEW, key=month).exists():
        return
    desk.open_task(
        REVIEW,
        month,
        title=_("Review what our people looked at in %(month)s") % {"month": month},
        url=reverse("admin:accounts_stafflook_review", args=[month]),
        at=at,
        due_at=at + REVIEWED_WITHIN,
    )


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, tzinfo=clock.KARACHI)


def of_month(month: str) -> list[tuple[str, int]]:
    """Who looked how often in this month, by id of the person; nothing is left out."""
    year, number = (int(part) for part in month.split("-"))
    first = date(year, number, 1)
    following = (first + timedelta(days=32)).replace(day=1)
    counts: dict[str, int] = {}
    looks = StaffLook.objects.filter(at__gte=_midnight(first), at__lt=_midnight(following))
    for who in looks.values_list("who", flat=True).iterator():
        counts[who] = counts.get(who, 0) + 1
    return sorted(counts.items())


@transaction.atomic
def sign_review(*, month: str, finding: str, user: User, at: datetime) -> None:
    """One person's word that they read the month.

    Raises: NotAllowed for whoever looked in it; RuleViolation without words; StateConflict when it
            was signed, or is not over.
    """
    staff.allow(user, Desk.SEE_STAFF_LOG)
    if not finding.strip():
        raise RuleViolation(_("Say what you found."))
    task = DeskTask.objects.filter(kind=REVIEW, key=month, done_at=None).first()
    if task is None:
        raise StateConflict(_("This month was signed already, or is not over."))
    counts = of_month(month)
    if staff.name_of(user) in dict(counts):
        raise NotAllowed(_("You looked yourself in this month. Another person has to review it."))
    staff.record(
        user,
        StaffAction.DECIDED,
        task,
        at=at,
        why=finding,
        month=month,
        people=len(counts),
        looks=sum(count for _who, count in counts),
    )
    desk.done(REVIEW, month, at=at)
