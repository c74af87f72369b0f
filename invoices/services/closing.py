"""Closings by day, week and month in Karachi: made once, never rewritten.

The day of a document is its date. A closing of a day covers what FBR confirmed by then; what is
confirmed later goes into a later entry to the same day. A week and a month add up the entries of
their days, each once. Source: Sales Tax Rules 2006, rule 150R(4)(f).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Min, Q, QuerySet

from accounts import tenancy
from accounts.enums import NoticeKind
from accounts.models import LegalEntity
from accounts.services import notices
from invoices.enums import State
from invoices.models import Invoice
from invoices.models.closings import ClosingKind, Confirmed
from invoices.services import closing_chain, signing
from invoices.services.closing_chain import Chain, Stretch
from smartinvoicing import clock, money
from smartinvoicing.ids import uuid7

MOST_CHAINS: Final = 500
DAYS_AT_ONCE: Final = 62  # of one transaction
SIGNED_AT_ONCE: Final = 200
GRACE: Final = timedelta(hours=12)  # after a month, before its missing closing rings
# A month with one of these is not settled with FBR, so it is not closed.
UNSETTLED: Final = (State.QUEUED, State.SUBMITTING, State.UNCERTAIN)
_DAY: Final = timedelta(days=1)
_TURN: Final = 470008


@dataclass(frozen=True)
class Due:
    """A chain that has something to close: ids only."""

    tenant_id: UUID
    entity_id: UUID
    environment: str


def due(*, at: datetime) -> list[Due]:
    """Which chains have something to close, of all tenants."""
    today = clock.karachi_date(at)
    with (
        tenancy.across_tenants(why="invoices.close"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute("SELECT * FROM invoices_closings_due(%s, %s)", [today, MOST_CHAINS])
        return [Due(*row) for row in cursor.fetchall()]


def close(*, entity: LegalEntity, environment: str, at: datetime) -> bool:
    """Make what is due in one chain of the current tenant; whether more is left.

    One worker at a time: another one finds the turn taken and does nothing.
    """
    with transaction.atomic():
        if not _take_turn(entity, environment):
            return False
        chain = Chain(entity, environment, at)
        if _sign(chain):
            return True
        if _close_days(chain):
            return True
        _close_longer(chain, ClosingKind.WEEK)
        _close_longer(chain, ClosingKind.MONTH)
    return False


def _take_turn(entity: LegalEntity, environment: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_try_advisory_xact_lock(hashtextextended(%s, %s))",
            [f"{entity.pk} {environment}", _TURN],
        )
        row = cursor.fetchone()
    return bool(row and row[0])


# --- days -------------------------------------------------------------------------------------


def _sign(chain: Chain) -> bool:
    """What a closing covers is signed first; whether there was much of it."""
    unsigned = chain.waiting().filter(what=Confirmed.ACCEPTED, signature=None)
    entries = list(unsigned.select_related("invoice").order_by("entered_at")[:SIGNED_AT_ONCE])
    for entry in entries:
        signing.sign(invoice=entry.invoice, at=chain.at)
    return len(entries) == SIGNED_AT_ONCE


def _close_days(chain: Chain) -> bool:
    waiting = set(chain.waiting().values_list("day", flat=True).distinct())
    first_ones = chain.closings().filter(kind=ClosingKind.DAY, amends=None)
    made: dict[date, UUID] = dict(first_ones.values_list("starts_on", "pk"))
    missing = sorted((_days(chain, waiting, made) | waiting) - made.keys())
    now = sorted({*missing[:DAYS_AT_ONCE], *(waiting & made.keys())})
    if not now:
        return False
    others = closing_chain.others_of(chain, Stretch(now[0], now[-1], ClosingKind.DAY))
    with connection.cursor() as cursor:  # the entries name their closing before it is written
        cursor.execute("SET CONSTRAINTS book_closing_same_tenant DEFERRED")
    for day in now:
        _close_day(chain, day, made.get(day), others[day], has_book=day in waiting)
    return len(missing) > DAYS_AT_ONCE


def _days(chain: Chain, waiting: Iterable[date], made: Mapping[date, UUID]) -> set[date]:
    """Every day from the first one on, where the business works in this world."""
    if not chain.is_current:
        return set()
    known = [*waiting, *made]
    if not made:
        first = Invoice.objects.filter(
            legal_entity=chain.entity, environment=chain.environment
        ).exclude(state=State.DRAFT)
        known += filter(None, [first.aggregate(day=Min("invoice_date"))["day"]])
    if not known:
        return set()
    first_day = min(known)
    return {first_day + _DAY * n for n in range((chain.today - first_day).days)}


def _close_day(
    chain: Chain,
    day: date,
    amends: UUID | None,
    others: Mapping[str, Any],
    *,
    has_book: bool,
) -> None:
    ident = uuid7()
    covered = 0
    if has_book:
        ready = Q(what=Confirmed.CANCELLED) | Q(signature__isnull=False)
        # One statement decides what is covered; what comes a moment later waits for the next.
        covered = chain.waiting().filter(ready, day=day).update(closing_id=ident)
    if amends and not covered:
        return
    content = {
        "rows": closing_chain.rows_of(ident) if covered else [],
        "others": others,
        "covers": closing_chain.covers(ident) if covered else "",
    }
    chain.add(ident, closing_chain.stretch_of(day, ClosingKind.DAY), content, amends=amends)


# --- weeks and months -------------------------------------------------------------------------


@dataclass(frozen=True)
class _Day:
    """An entry of a day, as far as a longer stretch asks."""

    seq: int
    has_book: bool


def _close_longer(chain: Chain, kind: ClosingKind) -> None:
    days: dict[Stretch, list[_Day]] = defaultdict(list)
    entries = chain.closings().filter(kind=ClosingKind.DAY).order_by("seq")
    for day, seq, documents, cancelled in entries.values_list(
        "starts_on", "seq", "documents", "cancelled"
    ):
        days[closing_chain.stretch_of(day, kind)].append(_Day(seq, bool(documents or cancelled)))
    first: dict[date, UUID] = {}
    last: dict[date, int] = defaultdict(int)
    made = chain.closings().filter(kind=kind).order_by("seq")
    for starts_on, seq, ident in made.values_list("starts_on", "seq", "pk"):
        first.setdefault(starts_on, ident)
        last[starts_on] = seq
    blocked = []
    for stretch in sorted(stretch for stretch in days if stretch.last < chain.today):
        fresh = [day for day in days[stretch] if day.seq > last[stretch.first]]
        if stretch.first in first and not any(day.has_book for day in fresh):
            continue
        if stretch.first not in first and is_blocked(chain.entity, chain.environment, stretch):
            blocked.append(stretch)
            continue
        content = _content_of_longer(chain, stretch, after=last[stretch.first])
        chain.add(uuid7(), stretch, content, amends=first.get(stretch.first))
    if kind == ClosingKind.MONTH and chain.is_current:
        _ring(chain, blocked)


def _content_of_longer(chain: Chain, stretch: Stretch, *, after: int) -> dict[str, Any]:
    entries = list(
        closing_chain.days_of(
            chain.closings(), stretch.first, stretch.last, after=after, before=chain.seq + 1
        )
    )
    totals: dict[str, dict[str, Any]] = {}
    for states in closing_chain.others_of(chain, stretch).values():
        for state, counted in states.items():
            known = totals.setdefault(state, {"count": 0, "total": "0.00"})
            known["count"] += counted["count"]
            known["total"] = money.write(
                money.parse(known["total"]) + money.parse(counted["total"])
            )
    return {
        "rows": closing_chain.sum_of(entries),
        "others": totals,
        "covers": closing_chain.covers_days(entries),
    }


# --- looking --------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Edges:
    """How far a chain goes."""

    count: int
    first_on: date
    last_made_at: datetime
    last_hash: str


def edges(entity: LegalEntity, environment: str) -> Edges | None:
    """None while nothing was closed."""
    chain = closing_chain.closings(entity, environment)
    last = chain.order_by("-seq").first()
    if last is None:
        return None
    first = chain.aggregate(day=Min("starts_on", filter=Q(kind=ClosingKind.DAY)))["day"]
    return Edges(count=last.seq, first_on=first, last_made_at=last.made_at, last_hash=last.hash)


# --- months that wait -------------------------------------------------------------------------


def blocking(entity: LegalEntity, environment: str, first: date, last: date) -> QuerySet[Invoice]:
    """Documents that keep a month open: FBR has not said what they are."""
    return Invoice.objects.filter(
        legal_entity=entity,
        environment=environment,
        invoice_date__range=(first, last),
        state__in=UNSETTLED,
    ).order_by("invoice_date", "id")


def is_blocked(entity: LegalEntity, environment: str, stretch: Stretch) -> bool:
    """Only a month waits; a day and a week are closed and say what is open."""
    if stretch.kind != ClosingKind.MONTH:
        return False
    return blocking(entity, environment, stretch.first, stretch.last).exists()


def _ring(chain: Chain, blocked: Sequence[Stretch]) -> None:
    if not blocked:
        notices.clear(NoticeKind.CLOSING_LATE, chain.entity, at=chain.at)
        return
    oldest = blocked[0]
    if clock.karachi_date(chain.at - GRACE) > oldest.last:
        documents = blocking(chain.entity, chain.environment, oldest.first, oldest.last).count()
        notices.post(
            NoticeKind.CLOSING_LATE,
            chain.entity,
            at=chain.at,
            month=f"{oldest.first:%Y-%m}",
            count=str(documents),
        )
