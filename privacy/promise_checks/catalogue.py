"""What the database itself says: triggers that fire, constraints that bind, columns, tables."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Final

from django.db import connection

from privacy import inventory

ASLEEP: Final = "D"  # a trigger that was switched off


def _ask(sql: str, *params: Any) -> Sequence[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return list(cursor.fetchall())


def silent_triggers(wanted: Collection[tuple[str, str]]) -> list[str]:
    """Those of (table, trigger) that are missing or switched off."""
    there = _ask(
        "SELECT c.relname, t.tgname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid"
        " WHERE NOT t.tgisinternal AND t.tgenabled <> %s"
        " AND c.relnamespace = 'public'::regnamespace",
        ASLEEP,
    )
    return sorted(f"{table}.{name}" for table, name in set(wanted) - set(there))


def missing_constraints(wanted: Collection[str]) -> list[str]:
    """Those of these names that bind nothing."""
    there = _ask(
        "SELECT conname FROM pg_constraint WHERE convalidated AND conname = ANY(%s)", [*wanted]
    )
    return sorted(set(wanted) - {name for (name,) in there})


def columns_of(table: str) -> dict[str, str]:
    """Each column with its type."""
    rows = _ask(
        "SELECT column_name, data_type FROM information_schema.columns"
        " WHERE table_schema = 'public' AND table_name = %s",
        table,
    )
    return dict(rows)


def unmapped_tables() -> list[str]:
    """Tables that stand in no data map; parts of a table that does are no tables of their own."""
    rows = _ask(
        "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p', 'm') AND NOT relispartition"
        " AND relnamespace = 'public'::regnamespace"
    )
    return sorted({name for (name,) in rows} - inventory.tables())


def number(sql: str, *params: Any) -> int:
    """The one number that this asks for."""
    return int(_ask(sql, *params)[0][0] or 0)
