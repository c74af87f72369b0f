"""What was counted, in sums. A group of fewer than five browsers is not shown by itself."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from typing import Any, Final

from django.db.models import Count, Max, Min, QuerySet
from django.db.models.functions import TruncDate, TruncWeek
from django.utils.translation import gettext as _

from privacy.models import Os, Screen, UsageEvent, UsageName
from smartinvoicing.clock import KARACHI

FEW: Final = 5
MOST_PAGES: Final = 20


@dataclass(frozen=True, kw_only=True)
class Sum:
    """One group. browsers: None where it is too small to be told."""

    label: str
    browsers: int | None
    events: int | None = None


@dataclass(frozen=True, kw_only=True)
class Figures:
    """All that the page of plots shows. visit_minutes: None while too few were counted."""

    weeks: list[Sum]
    pages: list[Sum]
    deeds: list[Sum]
    systems: list[Sum]
    screens: list[Sum]
    visit_minutes: int | None


def figures(*, at: datetime, weeks: int) -> Figures:
    """Of the last so many whole weeks and the one that runs."""
    since = at.astimezone(KARACHI) - timedelta(weeks=weeks)
    rows = UsageEvent.objects.filter(at__gte=since, at__lte=at)
    return Figures(
        weeks=_by_week(rows),
        pages=_by_page(rows.filter(name=UsageName.PAGE)),
        deeds=_by_page(rows.filter(name=UsageName.DEED)),
        systems=_by_word(rows, "os", dict(Os.choices)),
        screens=_by_word(rows.exclude(screen=""), "screen", dict(Screen.choices)),
        visit_minutes=_visit_minutes(rows),
    )


def _counted(rows: Any) -> Any:
    return rows.annotate(browsers=Count("visitor", distinct=True), events=Count("id"))


def _by_week(rows: QuerySet[UsageEvent]) -> list[Sum]:
    found = _counted(rows.values(week=TruncWeek("at", tzinfo=KARACHI))).order_by("week")
    return [_told(f"{each['week']:%Y-%m-%d}", each["browsers"], each["events"]) for each in found]


def _told(label: str, browsers: int, events: int) -> Sum:
    if browsers < FEW:
        return Sum(label=label, browsers=None)
    return Sum(label=label, browsers=browsers, events=events)


def _by_page(rows: QuerySet[UsageEvent]) -> list[Sum]:
    """The pages of most browsers; one that few opened is left out."""
    found = _counted(rows.values("page")).filter(browsers__gte=FEW).order_by("-events", "page")
    return [
        Sum(label=each["page"], browsers=each["browsers"], events=each["events"])
        for each in found[:MOST_PAGES]
    ]


def _by_word(rows: QuerySet[UsageEvent], field: str, words: dict[str, Any]) -> list[Sum]:
    """Shares of a whole. Small ones stand together; one alone takes the next with it, for else
    it could be told from what is missing."""
    found = [
        (str(words[each[field]]), each["browsers"])
        for each in _counted(rows.values(field)).order_by("-browsers", field)
    ]
    large = [pair for pair in found if pair[1] >= FEW]
    small = found[len(large) :]
    if len(small) == 1 and large:
        small.append(large.pop())
    return [Sum(label=label, browsers=count) for label, count in large] + _together(small)


def _together(small: Iterable[tuple[str, int]]) -> list[Sum]:
    count = sum(number for _label, number in small)
    return [Sum(label=_("Others"), browsers=count)] if count >= FEW else []


def _visit_minutes(rows: QuerySet[UsageEvent]) -> int | None:
    """How long a browser is here on a day, in the middle of all of them."""
    visits = list(
        rows.values("visitor", day=TruncDate("at", tzinfo=KARACHI)).annotate(
            first=Min("at"), last=Max("at")
        )
    )
    if len({each["visitor"] for each in visits}) < FEW:
        return None
    lengths: list[float] = [(each["last"] - each["first"]).total_seconds() for each in visits]
    return round(median(lengths) / 60)
