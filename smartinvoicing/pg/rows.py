"""New rows, written as they are: one round trip for as many as there are, of any models.

`Model.save` costs about a millisecond a row, most of it in questions whose answer a service
knows. A service that writes many rows at once uses this; the row policies, triggers and
constraints of the database judge these rows as they judge any other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from typing import Any

from django.db import connection, models
from psycopg2.extras import Json


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
