"""Whether the clocks agree: ours, the database's, and a time server's where one is named."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings

from fbr.models import LineCheck
from smartinvoicing import clock, sntp

logger = logging.getLogger(__name__)

WARNED: Final = timedelta(seconds=2)
HELD: Final = timedelta(seconds=30)


def check() -> LineCheck:
    """Compare, and keep what came of it: beyond `HELD` the sender takes nothing more.

    Its row is written by the database's clock, which decides how long it counts.
    """
    database, at = _database_skew()
    server = _server_skew()
    furthest = max(abs(each) for each in (database, server) if each is not None)
    row, _made = LineCheck.objects.update_or_create(
        pk=1,
        defaults={
            "skew_ms": _ms(database),
            "ntp_skew_ms": None if server is None else _ms(server),
            "checked_at": at,
            "holds": furthest > HELD,
        },
    )
    if row.holds:
        logger.error("clock.holds", extra={"skew_ms": row.skew_ms, "ntp_skew_ms": row.ntp_skew_ms})
    return row


def _database_skew() -> tuple[timedelta, datetime]:
    """The database's clock less ours, half of the round trip taken off; and what it said."""
    clock.database_now()  # the way is open: what is measured is no connecting
    asked_at = clock.now()
    there = clock.database_now()
    answered_at = clock.now()
    return there - asked_at - (answered_at - asked_at) / 2, there


def _server_skew() -> timedelta | None:
    if not settings.NTP_HOST:
        return None
    try:
        return sntp.skew(settings.NTP_HOST)
    except sntp.NoTime as reason:
        logger.warning("clock.no_server", extra={"why": str(reason)})
        return None


def _ms(skew: timedelta) -> int:
    """Within what the column holds; a clock that is years off is off all the same."""
    most = 2**31 - 1
    return max(-most, min(most, round(skew / timedelta(milliseconds=1))))
