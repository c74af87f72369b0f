"""The access log's own upkeep: months ahead, networks for old addresses, what is over goes."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import connection


@dataclass(frozen=True, kw_only=True)
class Kept:
    """What one run did. made, dropped: months; cut: addresses; deleted: rows."""

    made: int
    cut: int
    deleted: int
    dropped: int


def keep() -> Kept:
    """Do what is due, by the database's own clock: it holds the thirty and the ninety days.

    Months first and apart, for they lock the table: no request waits while rows are gone through.
    What is under a legal hold or an open breach stays as it is.

    Raises: OperationalError when requests held the table for longer than three seconds; the next
            run does it.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT made, dropped FROM accounts_keep_log_months()")
        made, dropped = cursor.fetchone() or (0, 0)
        cursor.execute("SELECT cut, deleted FROM accounts_keep_access_log()")
        cut, deleted = cursor.fetchone() or (0, 0)
    return Kept(made=made, cut=cut, deleted=deleted, dropped=dropped)
