"""Pure: when something is due, and when a record may go. Days are Karachi's; instants are UTC."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from types import MappingProxyType
from typing import Final

from smartinvoicing.classified import Retention
from smartinvoicing.clock import KARACHI, karachi

# --- how long each class is kept ------------------------------------------------------------------

BACKUP_DAYS: Final = 35
LIVE_PURGE_DAY: Final = 45  # after the closure of an account
PROMISED_DAYS: Final = 90

TAX_YEARS: Final = 7
LAW_YEARS: Final = 6  # Sales Tax Act 1990, s. 24; Income Tax Ordinance 2001, s. 174(3)
POLICY_YEARS: Final = 5  # what the policy says at least


@dataclass(frozen=True, kw_only=True)
class Term:
    """A length of time by the calendar: whole months, and days."""

    months: int = 0
    days: int = 0

    def after(self, start: datetime) -> datetime:
        """The same time of day in Karachi; a day that its month lacks becomes the month's last."""
        local = karachi(start)
        year, month = divmod(local.year * 12 + local.month - 1 + self.months, 12)
        day = min(local.day, monthrange(year, month + 1)[1])
        moved = local.replace(year=year, month=month + 1, day=day) + timedelta(days=self.days)
        return moved.astimezone(UTC)

    def interval(self) -> str:
        """The same for the database, which counts as `after` does."""
        return f"{self.months} months {self.days} days"

    @property
    def least(self) -> timedelta:
        """What it never is shorter than, whatever the calendar says."""
        return timedelta(days=self.months * 28 + self.days)


# From the end of its clock; TAX goes by the tax period instead.
TERMS: Final[Mapping[Retention, Term]] = MappingProxyType(
    {
        Retention.ACC: Term(days=LIVE_PURGE_DAY),
        Retention.SEC: Term(months=13),
        Retention.LOG: Term(days=180),
        Retention.TMP: Term(days=30),
        Retention.SUP: Term(months=24),
        Retention.PRF: Term(months=84),
        Retention.REG: Term(months=84),
        Retention.STAFF: Term(months=36),
        Retention.ANALYTICS: Term(months=14),
    }
)
WEEK: Final = Term(days=7)
MONTH: Final = Term(days=30)


def tax_kept_until(day: date, *, years: int = TAX_YEARS) -> datetime:
    """From when a tax record of this day may go: the later of both laws, and of `years`.

    Sales tax counts from the end of the tax period, the calendar month; income tax from the end
    of the tax year, 30 June. The database says the same of itself (function `tax_kept_until`).
    """
    months = day.year * 12 + day.month  # of the month after
    after_period = date(months // 12 + years, months % 12 + 1, 1)
    after_year = date(day.year + LAW_YEARS + (day.month > 6), 7, 1)
    return midnight(max(after_period, after_year))


def kept_until(retention: Retention, start: datetime) -> datetime:
    """From when a record of any other class may go, its clock having started at `start`.

    Raises: KeyError for TAX, and for what is kept while something lives (CRED, REFERENCE).
    """
    return TERMS[retention].after(start)


def midnight(day: date) -> datetime:
    """The instant at which this day begins in Karachi."""
    return datetime.combine(day, time(), KARACHI).astimezone(UTC)


def last_tax_day(at: datetime, *, years: int = TAX_YEARS) -> date:
    """The latest day whose tax records may go at `at`."""
    first = karachi(at).date().replace(day=1)
    first = first.replace(year=first.year - max(years, LAW_YEARS))
    while tax_kept_until(first, years=years) > at:
        first = (first - timedelta(days=1)).replace(day=1)
    return first.replace(day=monthrange(first.year, first.month)[1])


# --- requests of persons ----------------------------------------------------------------------

DECISION_DAYS: Final = 30
EXTENSION_DAYS: Final = 60
HUMAN_DAYS: Final = 3  # working days
FORWARD_DAYS: Final = 2  # working days
DECISION_ALERTS: Final = (10, 5, 1)  # days before
FORWARDED_ALERTS: Final = (5, 10)  # days after
PROOF_REMINDER: Final = Term(days=5)
PROOF_CLOSE: Final = Term(days=30)
_SATURDAY: Final = 5


def end_of(day: date) -> datetime:
    """The first instant after this day in Karachi: at it, what was due that day is late."""
    return midnight(day + timedelta(days=1))


def last_day(due_at: datetime) -> date:
    """The last day on which it is not late."""
    return (karachi(due_at) - timedelta(seconds=1)).date()


def decision_due(received_at: datetime, *, is_extended: bool = False) -> datetime:
    """From when a request is late. The day after it came is the first; no holiday stops it."""
    days = DECISION_DAYS + (EXTENSION_DAYS if is_extended else 0)
    return end_of(karachi(received_at).date() + timedelta(days=days))


def working_days_after(at: datetime, days: int) -> datetime:
    """The end of the n-th working day after this one: Monday to Friday, holidays among them."""
    day = karachi(at).date()
    while days:
        day += timedelta(days=1)
        days -= day.weekday() < _SATURDAY
    return end_of(day)


# --- the closing of an account --------------------------------------------------------------------

REOPEN_DAYS: Final = 30
REMINDER_DAYS: Final = (7, 25)
ALERT_DAYS: Final = (60, 75, 85)


def day_of_closure(begun_at: datetime, day: int) -> datetime:
    """When the day of this number begins in Karachi; day 0 is the one on which it was asked."""
    return midnight(karachi(begun_at).date() + timedelta(days=day))


def purge_window(begun_at: datetime) -> tuple[datetime, datetime, datetime]:
    """From when its rows may go, until when they must, until when all of it was promised.

    Thirty whole days to open it again; the ends are those of day 45 and of day 90.
    """
    return (
        day_of_closure(begun_at, REOPEN_DAYS + 1),
        day_of_closure(begun_at, LIVE_PURGE_DAY + 1),
        day_of_closure(begun_at, PROMISED_DAYS),
    )
