"""The SQL of a purge, put together from the rules. Names of tables and columns are our own."""

# ruff: noqa: S608 -- every name comes from a model or from `rules`, every value is a parameter

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from typing import Any
from uuid import UUID

from privacy import deadlines, rules
from privacy.rules import DOCUMENT, OPEN_MATTERS, Rule
from privacy.services.stops import Stopped
from smartinvoicing import clock

NAMED = "named"
KEPT = ("time", "open", "held", "stopped", NAMED)  # in the order in which they are asked
GOES = "goes"


@dataclass(frozen=True, kw_only=True)
class Moment:
    """When the clocks are read, by which term of tax records, and what is stopped then."""

    at: datetime
    years: int
    stopped: Stopped

    def params(self, rule: Rule, tenant_id: UUID | None) -> dict[str, Any]:
        known: dict[str, Any] = {
            "tenant": tenant_id,
            "documents": self.stopped.documents,
            "buyers": self.stopped.buyers,
            "users": self.stopped.users,
            "tenants": list(self.stopped.tenants),
            "open": list(OPEN_MATTERS),
        }
        if not rule.is_tax:
            term = rule.length
            due = {"at": self.at, "term": term.interval(), "due": self.at - term.least}
            return known | due
        day = deadlines.last_tax_day(self.at, years=self.years)
        return known | {"due": _due_of(rule, day)}

    def earliest(self, rule: Rule, start: Any) -> datetime:
        """From when what began its time at `start` may go."""
        if not rule.is_tax:
            return rule.length.after(start)
        return deadlines.tax_kept_until(day_of(rule, start), years=self.years)


def day_of(rule: Rule, start: Any) -> date:
    """The day by which a tax record goes."""
    if rule.kind == "year":
        return date(int(start), 12, 31)
    if isinstance(start, datetime):
        return clock.karachi_date(start)
    day: date = start
    return day


def _due_of(rule: Rule, day: date) -> Any:
    if rule.kind == "day":
        return day
    if rule.kind == "year":
        return (day + timedelta(days=1)).year - 1
    return deadlines.midnight(day + timedelta(days=1)) - timedelta(microseconds=1)


# --- conditions -----------------------------------------------------------------------------------


def _due(rule: Rule) -> str:
    first = f"({rule.clock}) <= %(due)s"
    if rule.is_tax:
        return first
    local = f"(({rule.clock}) AT TIME ZONE 'Asia/Karachi' + %(term)s::interval)"
    return f"({first} AND {local} AT TIME ZONE 'Asia/Karachi' <= %(at)s)"


def _base(rule: Rule) -> str:
    """What is looked at: records whose time runs, of this tenant; of documents no draft."""
    words = [f"({rule.clock}) IS NOT NULL"]
    if rule.is_walled:
        words.append("r.tenant_id = %(tenant)s")
    if rule.table == DOCUMENT:
        words.append("r.state <> 'draft'")
    return " AND ".join(words)


def _open(rule: Rule) -> str:
    return "r.state = ANY(%(open)s)" if rule.table == DOCUMENT else ""


def _held(rule: Rule) -> str:
    """A legal hold covers it. What belongs to no single document stays under any."""
    if not (rule.is_walled or rule.is_tax):
        return _held_beside_the_wall(rule)
    words = ["h.lifted_at IS NULL"]
    if rule.is_walled:
        words.append("h.tenant_id = r.tenant_id")
    if rule.table == DOCUMENT:
        words.append(
            "(h.scope = 'tenant' OR h.covers IN (r.id, r.original_id, r.legal_entity_id,"
            " r.buyer_id) OR r.invoice_date BETWEEN h.from_on AND h.to_on)"
        )
    elif not rule.is_tax:
        words.append("h.scope IN ('tenant', 'entity')")
    return f"EXISTS (SELECT 1 FROM privacy_legalhold h WHERE {' AND '.join(words)})"


def _held_beside_the_wall(rule: Rule) -> str:
    """A row of the platform about a business: by the list of holds, which every role may read."""
    if "tenant_id" not in _columns(rule):
        return ""
    holds = (
        "SELECT h.tenant_id FROM privacy_holds() h"
        " WHERE h.lifted_at IS NULL AND h.scope IN ('tenant', 'entity')"
    )
    return f"coalesce(r.tenant_id IN ({holds}), false)"


def _columns(rule: Rule) -> set[str]:
    return {str(f.column) for f in rules.model_of(rule.table)._meta.concrete_fields}


def _stopped(rule: Rule) -> str:
    """An open matter touches it. Of what is walled, whoever goes through the businesses asks."""
    if rule.table == DOCUMENT:
        return (
            "(r.id = ANY(%(documents)s) OR coalesce(r.buyer_id = ANY(%(buyers)s), false)"
            " OR EXISTS (SELECT 1 FROM invoices_buyer b WHERE b.tenant_id = r.tenant_id"
            " AND b.id = r.buyer_id AND b.disputed_at IS NOT NULL))"
        )
    asked = {"user_id": "users"}
    if not rule.is_walled:
        asked["tenant_id"] = "tenants"
    columns = _columns(rule)
    found = [
        f"coalesce(r.{column} = ANY(%({names})s), false)"
        for column, names in asked.items()
        if column in columns
    ]
    return f"({' OR '.join(found)})" if found else ""


@cache
def _named(rule: Rule) -> str:
    """Another record still names it, or a part of it."""
    found = []
    parts = {rule.table: rules.key_of(rule.table), **dict(rule.along)}
    for table, column in parts.items():
        for other, key in rules.keys_to(table):
            if parts.get(other) == key and table == rule.table:
                continue  # a part, by the column that makes it one
            outside = f"x.{key} = c.{rules.key_of(table)}"
            if other in parts:
                # Of `c`, not of `r`: so it can be asked once for all records.
                outside += f" AND x.{parts[other]} <> c.{column}"
            found.append(
                f"EXISTS (SELECT 1 FROM {table} c JOIN {other} x ON {outside}"
                f" WHERE c.{column} = r.{rules.key_of(rule.table)})"
            )
    return f"({' OR '.join(found)})" if found else ""


def _reasons(rule: Rule) -> list[tuple[str, str]]:
    asked = (_open(rule), _held(rule), _stopped(rule), _named(rule))
    return [(name, sql) for name, sql in zip(KEPT[1:], asked, strict=True) if sql]


# --- questions ------------------------------------------------------------------------------------


def counts(rule: Rule, *, whole: bool) -> str:
    """(why, how many, the earliest start, three keys). whole: what is not due as well."""
    cases = [("time", f"NOT {_due(rule)}"), *_reasons(rule)]
    case = " ".join(f"WHEN {sql} THEN '{name}'" for name, sql in cases)
    due = "" if whole else f" AND {_due(rule)}"
    return (
        "SELECT why, count(*), min(start), (array_agg(key ORDER BY key))[1:3] FROM ("
        f"SELECT r.{rules.key_of(rule.table)}::text AS key, {rule.clock} AS start,"
        f" CASE {case} ELSE '{GOES}' END AS why"
        f" FROM {rule.table} r WHERE {_base(rule)}{due}) q GROUP BY why"
    )


def standing(rule: Rule) -> str:
    """When the time of one record, %(key)s, began; and (name, whether) of all that keeps it."""
    asked = ", ".join(sql for _name, sql in _reasons(rule))
    columns = f", {asked}" if asked else ""
    key = f"r.{rules.key_of(rule.table)}"
    return f"SELECT {rule.clock}{columns} FROM {rule.table} r WHERE {key} = %(key)s"


def reasons(rule: Rule) -> list[str]:
    """The names of what may keep a record of this rule, in the order in which `standing` asks."""
    return [name for name, _sql in _reasons(rule)]


def by_month(rule: Rule) -> str:
    """(the first start, how many) of each month of Karachi in one business."""
    if rule.kind == "year":
        month = rule.clock
    elif rule.kind == "day":
        month = f"date_trunc('month', {rule.clock})"
    else:
        month = f"date_trunc('month', ({rule.clock}) AT TIME ZONE 'Asia/Karachi')"
    return (
        f"SELECT max({rule.clock}), count(*) FROM {rule.table} r WHERE {_base(rule)}"
        f" GROUP BY {month}"
    )


def counts_along(rule: Rule, table: str, column: str) -> str:
    """How many rows of one child go along.

    What goes is found first, by itself: guessed at in the join, it was compared row by row.
    """
    return (
        f"WITH going AS MATERIALIZED (SELECT r.{rules.key_of(rule.table)} AS key"
        f" FROM {rule.table} r WHERE {_goes(rule)})"
        f" SELECT count(*) FROM {table} c JOIN going ON c.{column} = going.key"
    )


def _goes(rule: Rule) -> str:
    stays = [f"NOT {sql}" for _name, sql in _reasons(rule)]
    return " AND ".join([_base(rule), _due(rule), *stays])


def candidates(rule: Rule, *, locks: bool) -> str:
    """Keys of what may go now, in their order, after %(after)s; at most %(limit)s of them."""
    key = f"r.{rules.key_of(rule.table)}"
    lock = " FOR UPDATE OF r SKIP LOCKED" if locks else ""
    return (
        f"SELECT {key} FROM {rule.table} r WHERE {_goes(rule)}"
        f" AND (%(after)s IS NULL OR {key} > %(after)s) ORDER BY {key} LIMIT %(limit)s{lock}"
    )


def among(rule: Rule) -> str:
    """Which of the keys %(keys)s may still go."""
    key = f"r.{rules.key_of(rule.table)}"
    return f"SELECT {key} FROM {rule.table} r WHERE {_goes(rule)} AND {key} = ANY(%(keys)s)"


def deletion(table: str, column: str, *, walled: bool) -> str:
    """Of all rows whose `column` names one of %(keys)s; returns their own keys."""
    wall = "tenant_id = %(tenant)s AND " if walled else ""
    return (
        f"DELETE FROM {table} WHERE {wall}{column} = ANY(%(keys)s) RETURNING {rules.key_of(table)}"
    )


def files(table: str, column: str, path: str) -> str:
    return f"SELECT {path} FROM {table} WHERE {column} = ANY(%(keys)s) AND {path} <> ''"
