"""When FBR is away: since when, until when, what that means for each business, who is told.

What is issued meanwhile carries `issued_offline`. The first definite answer after it is the
restoration that counts for it, and a day later FBR must have it (rule 150XC). Everything here
goes by instants that stand in rows, so that a look after a long silence finds all that is due.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Max, Min

from accounts import tenancy
from fbr import channels, deadlines
from fbr.models import Breaker, Cause, Outage, Outbox, Reach
from fbr.services import spells
from invoices.models import Invoice
from smartinvoicing import arming
from smartinvoicing.http import LineDown, open_line

logger = logging.getLogger(__name__)

FAILS: Final = 3  # checks of the network in a row
_BETWEEN_CHECKS: Final = timedelta(seconds=10)
_REACH_S: Final = 3.0
_AT_ONCE: Final = 5000  # deadlines set in one statement
_LOCK: Final = 470002

_IS_AWAY: Final = """
    SELECT EXISTS (SELECT 1 FROM fbr_breaker b
                   WHERE b.environment = %(environment)s AND b.channel = %(channel)s
                     AND b.opened_at IS NOT NULL)
        OR EXISTS (SELECT 1 FROM fbr_reach r
                   WHERE r.environment = %(environment)s AND r.channel = %(channel)s
                     AND r.failed_in_row >= %(fails)s
                     AND NOT EXISTS (SELECT 1 FROM fbr_breaker b
                                     WHERE b.environment = r.environment
                                       AND b.channel = r.channel
                                       AND b.last_good_at > r.failing_since))
"""


def is_away(environment: str, channel: str) -> bool:
    """Whether what is issued now is issued offline: one question, in any scope.

    A host that cannot be reached counts until FBR answers some document after all.
    """
    asked: dict[str, Any] = {"environment": environment, "channel": channel, "fails": FAILS}
    with connection.cursor() as cursor:
        cursor.execute(_IS_AWAY, asked)
        row = cursor.fetchone()
    return bool(row and row[0])


def deadline_of(invoice: Invoice) -> datetime | None:
    """Until when FBR must have the next version of a document; None for one never issued offline.

    The day of grace began for its first version and begins anew for none: that FBR refused one was
    an answer too.
    """
    if not invoice.issued_offline:
        return None
    last = Outbox.objects.filter(invoice=invoice).defer("body").order_by("version").last()
    if last is None or last.deadline is not None:
        return last.deadline if last else None
    line = Outage.objects.filter(environment=last.environment, channel=last.channel)
    since = line.filter(restored_at__gt=last.made_at).aggregate(first=Min("restored_at"))["first"]
    answered = [at for at in (since, last.done_at) if at is not None]
    return deadlines.deadline_after(min(answered)) if answered else None


def look(*, at: datetime) -> None:
    """Begin and end outages, set deadlines, tell businesses. Often, by anybody, at once or twice.

    Outside any tenant; each business is looked after in a transaction of its own.
    """
    with transaction.atomic():
        _follow_the_line()
    _set_deadlines()
    for tenant_id in businesses("fbr_offline_businesses"):
        with tenancy.in_tenant(tenant_id), transaction.atomic():
            spells.tend(at=at)


# --- the line ---------------------------------------------------------------------------------


def _follow_the_line() -> None:
    """Outages as the breakers, the network and the documents show them."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
    breakers = {(row.environment, row.channel): row for row in Breaker.objects.all()}
    reaches = {(row.environment, row.channel): row for row in Reach.objects.all()}

    def end_what_is_open() -> None:
        for outage in Outage.objects.filter(restored_at=None):
            line = (outage.environment, outage.channel)
            _end(outage, breakers.get(line), reaches.get(line))

    end_what_is_open()
    # Away and back between two looks: the documents know.
    for environment, channel, since in _uncovered():
        breaker = breakers.get((environment, channel))
        if breaker and breaker.last_good_at and breaker.last_good_at > since:
            _begin(environment, channel, since=since, cause=Cause.DOCUMENTS)
    end_what_is_open()
    for line in sorted({*breakers, *reaches}):
        found = _away_since(breakers.get(line), reaches.get(line))
        if found is not None:
            _begin(*line, since=found[0], cause=found[1])
    # Somebody took the line on trial, and nothing has answered since.
    for environment, channel, since in _uncovered():
        _begin(environment, channel, since=since, cause=Cause.DOCUMENTS)


def _uncovered() -> list[tuple[Any, ...]]:
    """Lines with documents issued offline that no outage stands for, and since when."""
    return _over_all_tenants("SELECT environment, channel, since FROM fbr_uncovered()")


def _end(outage: Outage, breaker: Breaker | None, reach: Reach | None) -> None:
    """Write its restoration, where there is one; never twice."""
    restored_at = _restored_at(outage, breaker, reach)
    open_still = Outage.objects.filter(pk=outage.pk, restored_at=None)
    if restored_at is not None and open_still.update(restored_at=restored_at):
        logger.info("fbr.restored", extra={"outage": str(outage.pk)})


def _restored_at(outage: Outage, breaker: Breaker | None, reach: Reach | None) -> datetime | None:
    """The definite answer that closed the breaker after it began.

    An answer that comes while the breaker is open was under way before. Where only the network
    was gone and nothing waits, no answer will come: then the network's return ends it.
    """
    answered_at = breaker.last_good_at if breaker else None
    opened_at = breaker.opened_at if breaker else None
    is_closed_since = opened_at is None or opened_at > outage.began_at
    if answered_at is not None and answered_at > outage.began_at and is_closed_since:
        return min(answered_at, opened_at or answered_at)
    if outage.cause != Cause.NETWORK or _away_since(breaker, reach) or reach is None:
        return None
    is_back = reach.checked_at > outage.began_at and not _is_waited_for(outage)
    return reach.checked_at if is_back else None


def _is_waited_for(outage: Outage) -> bool:
    """Whether any document issued in it waits for FBR."""
    [(waits,)] = _over_all_tenants(
        "SELECT fbr_offline_waits(%s, %s)", outage.environment, outage.channel
    )
    return bool(waits)


def _away_since(breaker: Breaker | None, reach: Reach | None) -> tuple[datetime, Cause] | None:
    """Since when a line is away, and how we know; None while it is not."""
    if breaker is not None and breaker.opened_at is not None:
        return breaker.opened_at, Cause.BREAKER
    if reach is None or reach.failed_in_row < FAILS or reach.failing_since is None:
        return None
    answered_at = breaker.last_good_at if breaker else None
    if answered_at is not None and answered_at > reach.failing_since:
        return None
    return reach.failing_since, Cause.NETWORK


def _begin(environment: str, channel: str, *, since: datetime, cause: Cause) -> None:
    """One more outage, unless one is open. It begins no earlier than the last one ended."""
    line = Outage.objects.filter(environment=environment, channel=channel)
    ended_at = line.aggregate(last=Max("restored_at"))["last"]
    fresh = Outage(
        environment=environment,
        channel=channel,
        cause=cause,
        began_at=max(since, ended_at) if ended_at else since,
    )
    Outage.objects.bulk_create([fresh], ignore_conflicts=True)
    if Outage.objects.filter(pk=fresh.pk).exists():
        logger.info("fbr.away", extra={"environment": environment, "channel": channel})


def businesses(function: str) -> list[UUID]:
    """Who is to be looked after, by one of our narrow functions."""
    rows = _over_all_tenants(f"SELECT tenant_id FROM {function}()")  # noqa: S608 -- our functions' names
    return [tenant_id for (tenant_id,) in rows]


def _over_all_tenants(sql: str, *params: Any) -> list[tuple[Any, ...]]:
    """What a narrow function says over all tenants: ids, lines, instants."""
    with (
        tenancy.across_tenants(why="fbr.outages"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(sql, params)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows


def _set_deadlines() -> None:
    """A day after the first restoration that followed its issue; once for each document."""
    while True:
        sql = "SELECT tenant_id, id FROM fbr_set_deadlines(%s, %s)"
        if len(_over_all_tenants(sql, deadlines.A_DAY, _AT_ONCE)) < _AT_ONCE:
            return


# --- the network ------------------------------------------------------------------------------


def check_network(*, at: datetime) -> None:
    """Whether FBR's hosts can be reached: a line is opened and closed, and nothing is said.

    Outside a transaction. Only systems that documents were sent to are asked, and none by an
    installation that may not speak.
    """
    if not arming.is_armed():
        return
    lines = list(Breaker.objects.order_by("environment", "channel"))
    urls = {(row.environment, row.channel): _url(row.environment, row.channel) for row in lines}
    is_there = {url: _is_there(url) for url in sorted(set(urls.values()))}
    for (environment, channel), url in urls.items():
        note_reach(environment, channel, is_there=is_there[url], at=at)


def _url(environment: str, channel: str) -> str:
    return channels.dialect_of(channel).base_url(environment)


def _is_there(url: str) -> bool:
    try:
        open_line(url, timeout_s=_REACH_S).close()
    except LineDown:
        return False
    return True


@transaction.atomic
def note_reach(environment: str, channel: str, *, is_there: bool, at: datetime) -> None:
    """Write one check of the network down. Two checks in the same moment are one."""
    Reach.objects.bulk_create(
        [Reach(environment=environment, channel=channel, checked_at=at - _BETWEEN_CHECKS)],
        ignore_conflicts=True,
    )
    row = Reach.objects.select_for_update().get(environment=environment, channel=channel)
    if at - row.checked_at < _BETWEEN_CHECKS:
        return
    row.checked_at = at
    row.failed_in_row = 0 if is_there else row.failed_in_row + 1
    row.failing_since = None if is_there else row.failing_since or at
    row.save(update_fields=["checked_at", "failed_in_row", "failing_since"])
