"""What the registers have to be reminded of: each a due time, then a task of the desk."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from types import MappingProxyType
from typing import Any, Final
from uuid import UUID

from django.utils.translation import gettext_lazy as _

from accounts.services import trainings
from privacy import deadlines, selectors
from privacy.models import Alarm, Dpia, Finding, Processor, SecurityReview
from privacy.services import alarms, desk
from smartinvoicing import clock

KIND: Final = "register"
DAY: Final = timedelta(days=1)
AHEAD: Final = timedelta(days=30)
YEAR: Final = timedelta(days=365)
OFFICE: Final = UUID(int=1)  # there is one office, and no row while it is empty
PEOPLE: Final = UUID(int=2)  # all of ours, looked at once a day

PROCESSOR: Final = "processor"
DPIA: Final = "dpia"
FINDING: Final = "finding"
REVIEW: Final = "review"
VACANT: Final = "vacant"
TRAINING: Final = "training"

# What the desk reads, and where it is done.
_TASKS: Final[Mapping[str, tuple[Any, str]]] = MappingProxyType(
    {
        PROCESSOR: (_("Look again at the security of a processor"), "privacy/processor/{}/change/"),
        DPIA: (_("An impact assessment runs out"), "privacy/dpia/{}/change/"),
        FINDING: (_("A weakness is not closed in time"), "privacy/finding/{}/change/"),
        REVIEW: (_("The next security review is due"), "privacy/securityreview/"),
        VACANT: (_("Nobody is data protection officer"), "privacy/dpo/"),
        TRAINING: (_("Somebody of ours has to be trained"), "accounts/stafftraining/"),
    }
)


def of_processor(row: Processor, *, at: datetime) -> None:
    """A year after its security was looked at, somebody does so again."""
    is_on = row.enabled_at is not None and row.ended_at is None
    day = row.reviewed_on + YEAR if is_on and row.reviewed_on else None
    _turn(PROCESSOR, row.pk, day, at=at)


def of_dpia(row: Dpia, *, at: datetime) -> None:
    """Thirty days before it counts no more."""
    counts = row.review_on is not None and row.withdrawn_at is None
    _turn(DPIA, row.pk, row.review_on - AHEAD if counts and row.review_on else None, at=at)


def of_finding(row: Finding, *, at: datetime) -> None:
    _turn(FINDING, row.pk, row.due_on + DAY if row.closed_at is None else None, at=at)


def of_review(row: SecurityReview, *, at: datetime) -> None:
    """The next one of its kind settles what the last one asked for."""
    for before in SecurityReview.objects.filter(kind=row.kind).exclude(pk=row.pk):
        _turn(REVIEW, before.pk, None, at=at)
    _turn(REVIEW, row.pk, row.next_on, at=at)


def of_office(*, at: datetime) -> None:
    """A day without an officer, and each day after, somebody is told."""
    if selectors.officer() is not None:
        _turn(VACANT, OFFICE, None, at=at)
        return
    mine = Alarm.objects.filter(kind=KIND, about=OFFICE)
    if not mine.filter(silenced_at=None).exists():
        step = f"{VACANT} {mine.count() + 1}"
        alarms.set_alarm(KIND, OFFICE, step, due_at=at + DAY, repeat=DAY)


def of_people(*, at: datetime) -> None:
    """Each day somebody looks whose training runs out."""
    alarms.set_alarm(KIND, PEOPLE, TRAINING, due_at=at, repeat=DAY)


def _look_at_trainings(*, at: datetime) -> None:
    """A task for each whose training is over within thirty days, or who never had one."""
    today = clock.karachi_date(at)
    for person, until in trainings.holds_until().items():
        if until is not None and until > today + AHEAD:
            desk.done(f"register_{TRAINING}", str(person.pk), at=at)
        else:
            due_at = deadlines.midnight(until) if until else at
            _open(TRAINING, person.pk, due_at=due_at, at=at)


def _turn(what: str, about: UUID, day: date | None, *, at: datetime) -> None:
    """Ring from this day on, each day, instead of what rang before; None: not any more."""
    mine = Alarm.objects.filter(kind=KIND, about=about)
    step = ""
    if day is not None:
        step = f"{what} {day:%Y-%m-%d}"
        again = mine.filter(step__startswith=step, silenced_at__isnull=False).count()
        step = f"{step} {again}" if again else step
    old = mine.filter(silenced_at=None).exclude(step=step).values_list("step", flat=True)
    if ended := list(old):
        alarms.silence(KIND, about, at=at, steps=ended)
        desk.done(f"register_{what}", str(about), at=at)
    if day is not None:
        alarms.set_alarm(KIND, about, step, due_at=deadlines.midnight(day), repeat=DAY)


def hear(alarm: Alarm, *, at: datetime) -> None:
    """Its time has come: a task of the desk, overdue from the first day on."""
    what = alarm.step.partition(" ")[0]
    if what == TRAINING:
        _look_at_trainings(at=at)
    else:
        _open(what, alarm.about, due_at=alarm.due_at, at=at)


def _open(what: str, about: UUID, *, due_at: datetime, at: datetime) -> None:
    title, page = _TASKS[what]
    desk.open_task(
        f"register_{what}",
        str(about),
        title=str(title),
        at=at,
        url=f"/admin/{page.format(about)}",
        due_at=due_at,
    )
