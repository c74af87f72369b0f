"""What would go, counted: by table and reason, over all businesses. Nothing is touched."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final
from uuid import UUID

from django.db import connection

from accounts import tenancy
from privacy.rules import Rule
from privacy.services import purge_queries, purging
from privacy.services.purge_queries import GOES, Moment

PAGE: Final = 500
NIL: Final = UUID(int=0)


def lines(asked: Iterable[Rule], moment: Moment, *, whole: bool) -> list[dict[str, Any]]:
    """One for each table and reason, over all businesses."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for rule in asked:
        for tenant_id in tenants(rule):
            for why, table, rows, earliest, keys in _counted(rule, tenant_id, moment, whole):
                known = found.setdefault(
                    (table, why),
                    {
                        "class": rule.retention.value,
                        "table": table,
                        "why": why,
                        "rows": 0,
                        "earliest": earliest,
                        "examples": [],
                    },
                )
                known["rows"] += rows
                known["earliest"] = min(known["earliest"], earliest)
                known["examples"] = [*known["examples"], *map(masked, keys)][:3]
    return list(found.values())


def _counted(
    rule: Rule, tenant_id: UUID | None, moment: Moment, whole: bool
) -> Iterator[tuple[str, str, int, str, list[str]]]:
    """(why, table, rows, the earliest day, keys) of one business."""
    role = rule.role if not rule.is_walled else "app"
    params = moment.params(rule, tenant_id)
    with purging.line(role, tenant_id) as cursor:
        cursor.execute(purge_queries.counts(rule, whole=whole), params)
        for asked, rows, start, keys in cursor.fetchall():
            is_stopped = asked != "time" and tenant_id in moment.stopped.tenants
            why = "stopped" if is_stopped else asked
            earliest = moment.earliest(rule, start).isoformat()
            yield why, rule.table, rows, earliest, keys
            if why == GOES:
                for table, column in rule.along:
                    cursor.execute(purge_queries.counts_along(rule, table, column), params)
                    if along := cursor.fetchone()[0]:
                        yield why, table, along, earliest, []


def masked(key: str) -> str:
    """Enough of an id to tell two apart, too little to look one up."""
    return f"…{key[-4:]}"


def tenants(rule: Rule) -> Iterator[UUID | None]:
    """Whose rows it goes through, one after the other; None where they are nobody's."""
    if not rule.is_walled:
        yield None
        return
    last = NIL
    while True:
        with tenancy.outside(), connection.cursor() as cursor:
            cursor.execute("SELECT id FROM tenants_after(%s, %s)", [last, PAGE])
            page = [tenant_id for (tenant_id,) in cursor.fetchall()]
        if not page:
            return
        yield from page
        last = page[-1]
