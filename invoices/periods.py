"""The calendar of the sales tax. Pure.

Source: Sales Tax Act 1990, s. 2(43), 26 (the return of a month is due on the 18th of the next).
An extension is an order of FBR's and is not known here.
"""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from smartinvoicing import clock

RETURN_DAY: Final = 18


@dataclass(frozen=True, kw_only=True)
class Month:
    """A tax period by its first and last day."""

    first: date
    last: date


def month_of(day: date) -> Month:
    first = clock.tax_period(day)
    return Month(first=first, last=first.replace(day=monthrange(first.year, first.month)[1]))


def month_before(month: Month) -> Month:
    return month_of(month.first - timedelta(days=1))


def next_return(today: date) -> tuple[Month, date]:
    """The tax period whose return is due next, and the day on which it is."""
    this = month_of(today)
    if today.day <= RETURN_DAY:
        return month_before(this), this.first.replace(day=RETURN_DAY)
    following = this.last + timedelta(days=1)
    return this, following.replace(day=RETURN_DAY)
