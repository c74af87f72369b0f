"""Time. UTC for storage, Asia/Karachi for the law, the database's clock for leases."""

from __future__ import annotations

from contextlib import nullcontext
from datetime import UTC, date, datetime
from typing import Final
from zoneinfo import ZoneInfo

from django.db import connection

from smartinvoicing.pg import scope

KARACHI: Final = ZoneInfo("Asia/Karachi")


def now() -> datetime:
    """This instant, in UTC. Only edges call it; services take `at`."""
    return datetime.now(UTC)


def karachi_date(at: datetime) -> date:
    """The calendar day in Pakistan: what an invoice, a tax period and a closing go by."""
    return at.astimezone(KARACHI).date()


def karachi(at: datetime) -> datetime:
    return at.astimezone(KARACHI)


def instant(text: str) -> datetime:
    """A moment that a person typed, with its zone: `2026-11-22 10:00+05:00`.

    Raises: ValueError.
    """
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError("say the zone as well: 2026-11-22 10:00+05:00")
    return at


def tax_period(day: date) -> date:
    """The first day of the calendar month. Source: Sales Tax Act 1990, s. 2(43)."""
    return day.replace(day=1)


def database_now() -> datetime:
    """The database's own clock: the only one that decides leases. It is nobody's row."""
    outside = nullcontext() if connection.in_atomic_block else scope.entered(scope.NOBODY)
    with outside, connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        row = cursor.fetchone()
    at: datetime = row[0]
    return at
