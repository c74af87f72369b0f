"""Trainings of our people: written down by another person, counted for a year."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from django.db import transaction
from django.db.models import Max
from django.utils.translation import gettext as _

from accounts import staff
from accounts.enums import Desk, StaffAction
from accounts.models import Course, StaffSeat, StaffTraining, User
from accounts.models.staff_training import PASS
from smartinvoicing import clock
from smartinvoicing.errors import NotAllowed, NotFound, RuleViolation


@dataclass(frozen=True, kw_only=True)
class Taken:
    """What somebody took, and how well."""

    course: Course
    version: str
    score: int
    taken_on: date


@transaction.atomic
def write_down(*, email: str, taken: Taken, by: User, at: datetime) -> StaffTraining:
    """Write down that somebody of ours took a course. Nobody does that for themselves.

    Raises: NotAllowed; NotFound; RuleViolation.
    """
    staff.allow(by, Desk.KEEP_REGISTERS)
    person = _person(email)
    if person.pk == by.pk:
        raise NotAllowed(_("Another person writes down what you took."))
    return _written(person, taken, by, at)


@transaction.atomic
def write_down_in_shell(*, email: str, taken: Taken, at: datetime) -> StaffTraining:
    """The first of all, by whoever runs the service, while nobody else can do it.

    Raises: NotAllowed; NotFound; RuleViolation.
    """
    person = _person(email)
    if staff.with_deed(Desk.KEEP_REGISTERS).exclude(pk=person.pk).exists():
        raise NotAllowed(_("Somebody else keeps the registers. They write it down at the desk."))
    return _written(person, taken, "shell", at)


def ends_on(taken_on: date) -> date:
    """A year later by the calendar; of 29 February, the 28th."""
    try:
        return taken_on.replace(year=taken_on.year + 1)
    except ValueError:
        return taken_on.replace(year=taken_on.year + 1, day=28)


def holds_until() -> dict[User, date | None]:
    """Everybody who has a role, and until when their training counts; None: never trained."""
    people = User.objects.filter(
        pk__in=StaffSeat.objects.filter(until=None).values("user"), is_active=True
    )
    passed = StaffTraining.objects.filter(course=Course.PRIVACY, score__gte=PASS)
    last = dict(passed.values_list("person").annotate(last=Max("expires_on")))
    return {person: last.get(person.pk) for person in people.order_by("pk")}


def _person(email: str) -> User:
    person = User.objects.filter(email=email.strip().lower(), is_active=True, is_staff=True).first()
    if person is None:
        raise NotFound(_("Nobody of ours has this address."))
    return person


def _written(person: User, taken: Taken, by: User | str, at: datetime) -> StaffTraining:
    if taken.taken_on > clock.karachi_date(at):
        raise RuleViolation(_("The day of the course lies ahead."))
    if not 0 <= taken.score <= 100:
        raise RuleViolation(_("Points are from 0 to 100."))
    line = StaffTraining(
        person=person,
        course=taken.course,
        version=taken.version.strip(),
        score=taken.score,
        taken_on=taken.taken_on,
        expires_on=ends_on(taken.taken_on),
        recorded_at=at,
        recorded_by=staff.name_of(by) if isinstance(by, User) else staff.name_of(None, by),
    )
    line.save(force_insert=True)
    staff.record(
        by, StaffAction.ADDED, line, at=at, course=taken.course, passed=taken.score >= PASS
    )
    return line
