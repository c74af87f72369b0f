"""How long FBR lets a recorded document be cancelled by the seller alone. Pure.

Source: STGO 01 of 2026 (30 March 2026): 72 hours from generation, then only with the approval of
the Commissioner Inland Revenue. A cut-off at the end of the month is reported of FBR's portal and
stands in no published paper: it is shown, and counts where the settings say so.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from math import ceil
from typing import Final

from smartinvoicing import clock

LENGTH: Final = timedelta(hours=72)
WARNED_H: Final = (24, 6, 1)  # hours before the end at which people are told
_HOUR: Final = timedelta(hours=1)
SEEN_BEFORE: Final = timedelta(hours=WARNED_H[0])


@dataclass(frozen=True, kw_only=True)
class Window:
    """From when until when the seller may cancel; the end itself is too late.

    ends_at:  what counts.
    month_at: the end of FBR's month where it comes before 72 hours are over, else None.
    """

    began_at: datetime
    ends_at: datetime
    month_at: datetime | None = None

    def is_open(self, at: datetime) -> bool:
        return at < self.ends_at

    def left(self, at: datetime) -> timedelta:
        """Never below zero."""
        return max(self.ends_at - at, timedelta())

    def hours_left(self, at: datetime) -> int:
        """Full hours and the one that has begun: 71:01 are 72, nothing is 0."""
        return ceil(self.left(at) / _HOUR)

    def is_past_month(self, at: datetime) -> bool:
        """The month is over, the 72 hours are not: the portal may refuse."""
        return self.month_at is not None and self.month_at <= at < self.ends_at

    def warning_due(self, at: datetime) -> int | None:
        """The nearest of the hours at which people are told that has come: 24, 6, 1, or None."""
        if not self.is_open(at):
            return None
        return min((hours for hours in WARNED_H if self.left(at) <= hours * _HOUR), default=None)


def window_of(
    *,
    dated: str,
    accepted_at: datetime,
    sent_at: datetime | None = None,
    ends_with_month: bool = False,
) -> Window:
    """The window of one recorded document.

    dated:   FBR's own words for when it was recorded, read as Karachi time.
    sent_at: when the bytes that FBR recorded left; it counts where FBR's words cannot be read,
             because an answer, or a person's word, can come much later.
    ends_with_month: whether the end of the month closes it too.
    """
    said = read_dated(dated)
    earlier = said if said is not None else sent_at
    began_at = accepted_at if earlier is None else min(earlier, accepted_at)
    ends_at = began_at + LENGTH
    month_at = end_of_month(began_at)
    if month_at >= ends_at:
        return Window(began_at=began_at, ends_at=ends_at)
    end = month_at if ends_with_month else ends_at
    return Window(began_at=began_at, ends_at=end, month_at=month_at)


def read_dated(dated: str) -> datetime | None:
    """FBR's `dated` as an instant; None for a form that nobody knows.

    Source: PRAL DI API v1.12, 5.1 (`2025-05-19 11:18:33`); its zone is not written down.
    """
    try:
        found = datetime.fromisoformat(dated.strip())
        return found if found.tzinfo else found.replace(tzinfo=clock.KARACHI)
    except (ValueError, OverflowError):
        return None


def end_of_month(at: datetime) -> datetime:
    """The first instant of the next month in Pakistan."""
    month = clock.tax_period(clock.karachi_date(at))
    following = (month + timedelta(days=32)).replace(day=1)
    return _midnight(following)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), tzinfo=clock.KARACHI)
