"""New rows, written as they are: one round trip for as many as there are, of any models.

`Model.save` costs about a millisecond a row, most of it in questions whose answer a service
knows. A service that writes many rows at once uses this; the row policies, triggers and
constraints of the database judge these rows as they judge any other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from typing import Any

from django.db import connection, models
from psycopg2.extras import Json

from smartinvoicing.pg import scope


@dataclass(frozen=True)
class _Shape:
    """How one model's rows are written."""

    head: str
    names: tuple[str, ...]
    json_at: frozenset[int]

    def values(self, row: models.Model) -> list[Any]:
        found = [getattr(row, name) for name in self.names]
        for place in self.json_at:
            found[place] = Json(found[place])
        return found


@cache
def _shape(model: type[models.Model]) -> _Shape:
    quote: Callable[[Any], str] = connection.ops.quote_name
    fields = [field for field in model._meta.concrete_fields if not field.generated]
    columns = ", ".join(quote(field.column) for field in fields)
    return _Shape(
        head=f"INSERT INTO {quote(model._meta.db_table)} ({columns}) VALUES ",  # noqa: S608 -- our models' names
        names=tuple(field.attname for field in fields),
        json_at=frozenset(
            place for place, field in enumerate(fields) if isinstance(field, models.JSONField)
        ),
    )


@cache
def _columns(model: type[models.Model]) -> Mapping[str, tuple[str, bool]]:
    """Each field by the name of its attribute: its column, quoted, and whether it is JSON."""
    return {
        field.attname: (
            connection.ops.quote_name(field.column or field.attname),
            isinstance(field, models.JSONField),
        )
        for field in model._meta.concrete_fields
    }


def update(model: type[models.Model], *, where: Mapping[str, Any], to: Mapping[str, Any]) -> int:
    """Set `to` where all of `where` is equal; how many rows that were.

    A compare-and-set in one statement: names are those of attributes (`invoice_id`), values are
    values. Inside a tenant only its rows count, here and in the row policies.
    """
    columns = _columns(model)
    tenant_id = scope.current().tenant_id
    wanted = {**where, "tenant_id": tenant_id} if "tenant_id" in columns and tenant_id else where
    params: list[Any] = [Json(value) if columns[name][1] else value for name, value in to.items()]
    changes = ", ".join(f"{columns[name][0]} = %s" for name in to)
    conditions = " AND ".join(
        f"{columns[name][0]} IS NULL" if value is None else f"{columns[name][0]} = %s"
        for name, value in wanted.items()
    )
    table = connection.ops.quote_name(model._meta.db_table)
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {table} SET {changes} WHERE {conditions}",  # noqa: S608 -- our models' names
            [*params, *(value for value in wanted.values() if value is not None)],
        )
        count: int = cursor.rowcount
    return count


def insert(*rows: models.Model) -> None:
    """Insert `rows` in their order. Sends no signal and asks nothing.

    Raises: IntegrityError as any insert does; then none of them is written.
    """
    statements, params = [], []
    for model, group in groupby(rows, key=type):
        shape = _shape(model)
        marks = f"({', '.join(['%s'] * len(shape.names))})"
        values = [shape.values(row) for row in group]
        statements.append(shape.head + ", ".join([marks] * len(values)))
        params += [value for row in values for value in row]
    with connection.cursor() as cursor:
        cursor.execute("; ".join(statements), params)
    for row in rows:
        row._state.adding = False  # Django's documented place of it
        row._state.db = connection.alias
