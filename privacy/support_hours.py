"""Pure: when somebody is there to answer, and until when an answer is due. Days are Karachi's."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from types import MappingProxyType
from typing import Any, Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from smartinvoicing.clock import karachi

USUAL: Final = "Mon-Fri 09:00-17:00"
DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_NAMES: Final[Mapping[str, Any]] = MappingProxyType(
    dict(
        zip(
            DAYS,
            (
                gettext_lazy("Monday"),
                gettext_lazy("Tuesday"),
                gettext_lazy("Wednesday"),
                gettext_lazy("Thursday"),
                gettext_lazy("Friday"),
                gettext_lazy("Saturday"),
                gettext_lazy("Sunday"),
            ),
            strict=True,
        )
    )
)
_SPAN: Final = re.compile(
    rf"({'|'.join(DAYS)})(?:-({'|'.join(DAYS)}))? (\d\d:\d\d)-(\d\d:\d\d)", re.ASCII
)


@dataclass(frozen=True, kw_only=True)
class Span:
    """Some days of the week, one after the other, with the same hours."""

    first: int
    last: int
    opens: time
    closes: time

    def said(self) -> str:
        first, last = (str(_NAMES[DAYS[day]]) for day in (self.first, self.last))
        hours = {"opens": f"{self.opens:%H:%M}", "closes": f"{self.closes:%H:%M}"}
        if self.first == self.last:
            return _("%(day)s, %(opens)s to %(closes)s") % {"day": first, **hours}
        words = {"first": first, "last": last, **hours}
        return _("%(first)s to %(last)s, %(opens)s to %(closes)s") % words


def read(text: str) -> tuple[Span, ...]:
    """`Mon-Thu 09:00-17:00, Fri 09:00-12:30` as spans. Raises: ValueError for anything else."""
    spans = tuple(_span(part.strip()) for part in (text.strip() or USUAL).split(","))
    days = [day for span in spans for day in range(span.first, span.last + 1)]
    if len(days) != len(set(days)):
        raise ValueError(f"{text}: a day stands there twice")
    return spans


def _span(part: str) -> Span:
    found = _SPAN.fullmatch(part)
    if found is None:
        raise ValueError(f"{part}: not like {USUAL}")
    first, last, opens, closes = found.groups()
    span = Span(
        first=DAYS.index(first),
        last=DAYS.index(last or first),
        opens=time.fromisoformat(opens),
        closes=time.fromisoformat(closes),
    )
    if span.first > span.last or span.opens >= span.closes:
        raise ValueError(f"{part}: it ends before it begins")
    return span


def said(spans: tuple[Span, ...]) -> list[str]:
    return [span.said() for span in spans]


def answer_due(spans: tuple[Span, ...], at: datetime) -> datetime:
    """One working day after `at`: as many open hours as the day has on which they begin.

    What comes while nobody is there begins with the next opening. Holidays are not known here:
    they count like any day, so we owe an answer sooner rather than later.
    """
    start = karachi(at)
    left: timedelta | None = None
    while True:
        hours = _hours_on(spans, start)
        if hours is not None:
            opens, closes = hours
            begin = max(start, opens)
            if begin < closes:
                left = closes - opens if left is None else left
                if begin + left <= closes:
                    return (begin + left).astimezone(UTC)
                left -= closes - begin
        start = (start + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)


def _hours_on(spans: tuple[Span, ...], day: datetime) -> tuple[datetime, datetime] | None:
    for span in spans:
        if span.first <= day.weekday() <= span.last:
            whole = day.replace(minute=0, second=0, microsecond=0)
            return (
                whole.replace(hour=span.opens.hour, minute=span.opens.minute),
                whole.replace(hour=span.closes.hour, minute=span.closes.minute),
            )
    return None
