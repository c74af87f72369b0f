"""Clock edges (P5): a second before the boundary a record stays, at it and after it may go."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection

from privacy import deadlines
from privacy.deadlines import Term
from smartinvoicing.classified import Retention
from smartinvoicing.clock import KARACHI

SECOND = timedelta(seconds=1)


def karachi(*parts):
    return datetime(*parts, tzinfo=KARACHI)


@pytest.mark.parametrize(
    ("day", "years", "goes"),
    [
        (date(2026, 11, 1), 7, karachi(2033, 12, 1)),
        (date(2026, 11, 30), 7, karachi(2033, 12, 1)),
        (date(2026, 12, 31), 7, karachi(2034, 1, 1)),
        (date(2028, 2, 29), 7, karachi(2035, 3, 1)),
        (date(2026, 6, 30), 7, karachi(2033, 7, 1)),
        (date(2026, 7, 1), 7, karachi(2033, 8, 1)),
        # By six years the tax year decides: July's ends eleven months later than June's.
        (date(2026, 6, 30), 6, karachi(2032, 7, 1)),
        (date(2026, 7, 1), 6, karachi(2033, 7, 1)),
        (date(2027, 6, 1), 6, karachi(2033, 7, 1)),
        # A term below law's is not taken.
        (date(2026, 7, 1), 5, karachi(2033, 7, 1)),
    ],
)
def test_tax_to_the_second(day, years, goes):
    def may_go(at):
        return day <= deadlines.last_tax_day(at, years=years)

    assert deadlines.tax_kept_until(day, years=years) == goes
    assert [may_go(goes - SECOND), may_go(goes), may_go(goes + SECOND)] == [False, True, True]


@pytest.mark.parametrize(
    ("retention", "start", "goes"),
    [
        (Retention.ACC, karachi(2027, 1, 15, 12), karachi(2027, 3, 1, 12)),
        (Retention.SEC, karachi(2027, 1, 31, 9), karachi(2028, 2, 29, 9)),
        (Retention.SEC, karachi(2026, 1, 31, 9), karachi(2027, 2, 28, 9)),
        (Retention.LOG, karachi(2027, 1, 1), karachi(2027, 6, 30)),
        (Retention.TMP, karachi(2028, 2, 29), karachi(2028, 3, 30)),
        (Retention.SUP, karachi(2028, 2, 29), karachi(2030, 2, 28)),
        (Retention.PRF, karachi(2028, 2, 29), karachi(2035, 2, 28)),
        (Retention.REG, karachi(2027, 6, 30, 23, 59, 59), karachi(2034, 6, 30, 23, 59, 59)),
        (Retention.STAFF, karachi(2027, 5, 1), karachi(2030, 5, 1)),
        (Retention.ANALYTICS, karachi(2027, 12, 31), karachi(2029, 2, 28)),
    ],
)
def test_every_other_class_by_the_calendar(retention, start, goes):
    assert deadlines.kept_until(retention, start) == goes


def test_a_day_is_karachis():
    """Half past midnight there is the evening before in London, and counts as the new day."""
    start = datetime(2027, 2, 28, 19, 30, tzinfo=UTC)

    assert Term(months=12).after(start) == karachi(2028, 3, 1, 0, 30)


@pytest.mark.parametrize("years", [6, 7])
def test_the_database_counts_the_same(db, laid_database, years):
    first = date(2026, 1, 1)
    days = [first + timedelta(days=n) for n in range(0, 1200, 7)]
    with laid_database.cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute("UPDATE privacy_taxretention SET years = %s", [years])
        cursor.execute("SELECT d, tax_kept_until(d) FROM unnest(%s::date[]) d", [days])
        theirs = dict(cursor.fetchall())
        cursor.execute("ROLLBACK")

    assert theirs == {day: deadlines.tax_kept_until(day, years=years) for day in days}


def test_terms_are_what_the_database_would_add(db):
    starts = [karachi(2027, 12, 31, 23, 59, 59) + timedelta(days=n) for n in range(0, 800, 13)]
    term = deadlines.TERMS[Retention.SEC]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT (s AT TIME ZONE 'Asia/Karachi' + %s::interval) AT TIME ZONE 'Asia/Karachi'"
            " FROM unnest(%s::timestamptz[]) s",
            [term.interval(), starts],
        )
        theirs = [at for (at,) in cursor.fetchall()]

    assert theirs == [term.after(start) for start in starts]


def test_twin_a_year_of_365_days_misses_the_leap_day():
    """What the table above would not forgive: counting in days."""
    start = karachi(2027, 5, 1)

    assert start + timedelta(days=3 * 365) != deadlines.kept_until(Retention.STAFF, start)
