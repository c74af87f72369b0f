"""New rows, written as they are: one round trip for as many as there are, of any models.

`Model.save` costs about a millisecond a row, most of it in questions whose answer a service
knows. A service that writes many rows at once uses this; the row policies, triggers and
constraints of the database judge these rows as they judge any other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from typing import Any, Final
from uuid import UUID

from django.db import DatabaseError, connection, models
from psycopg2.extras import Json

from smartinvoicing.pg import scope

MISSED: Final = "SI001"  # what the function `expect_one` raises


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


class Missed(Exception):
    """A statement of a script that had to change one row changed another number of them."""


class Script:
    """Statements that go in one round trip, all of them or none, each inside its tenant.

    For the few services that do the same to many documents of many tenants at once. What a
    statement says is what `update` and `insert` say; the row policies and triggers judge it alike.
    """

    def __init__(self) -> None:
        self._statements: list[str] = []
        self._params: list[Any] = []

    def enter(self, tenant_id: UUID | None) -> None:
        """What follows sees the rows of this tenant only."""
        self._statements.append("SELECT set_config('app.tenant_id', %s, true)")
        self._params.append(str(tenant_id or ""))

    def update(
        self, model: type[models.Model], *, where: Mapping[str, Any], to: Mapping[str, Any]
    ) -> None:
        """Change the one row where all of `where` is equal; that there is one is sure."""
        sql, params = _update(model, where, to)
        self._statements.append(
            f"WITH done AS ({sql} RETURNING 1) SELECT expect_one((SELECT count(*) FROM done))"  # noqa: S608 -- our models' names
        )
        self._params += params

    def update_if_there(
        self, model: type[models.Model], *, where: Mapping[str, Any], to: Mapping[str, Any]
    ) -> None:
        sql, params = _update(model, where, to)
        self._statements.append(sql)
        self._params += params

    def insert(self, *rows: models.Model) -> None:
        statements, params = _insert(rows)
        self._statements += statements
        self._params += params

    def run(self) -> None:
        """In the caller's transaction, which afterwards is in the tenant that it was in.

        Raises: Missed; IntegrityError as any statement does. Then the transaction is lost.
        """
        if not self._statements:
            return
        self.enter(scope.current().tenant_id)
        with connection.cursor() as cursor:
            self._execute(cursor, "; ".join(self._statements))

    def run_alone(self, *, is_durable: bool) -> None:
        """As a transaction of its own, all of which is one round trip.

        is_durable: it survives a power cut once this returns.
        Raises:     as `run` does; then nothing of it was done.
        """
        if self._statements:
            with alone(is_durable=is_durable) as (cursor, head):
                self._execute(cursor, "; ".join([head, *self._statements]))

    def _execute(self, cursor: Any, sql: str) -> None:
        try:
            cursor.execute(sql, self._params)
        except DatabaseError as error:
            if getattr(error.__cause__, "pgcode", None) == MISSED:
                raise Missed(str(error)) from error
            raise


@contextmanager
def alone(*, is_durable: bool) -> Iterator[tuple[Any, str]]:
    """A cursor of no tenant, and the words with which each string of statements on it begins.

    Outside a transaction PostgreSQL takes one string of statements as a transaction of its own:
    beginning, settings and commit cost no round trip.
    """
    durability = "on" if is_durable else "off"
    with scope.entered(scope.NOBODY), connection.cursor() as cursor:
        yield cursor, f"SELECT set_config('synchronous_commit', '{durability}', true)"


def _update(
    model: type[models.Model], where: Mapping[str, Any], to: Mapping[str, Any]
) -> tuple[str, list[Any]]:
    columns = _columns(model)
    params: list[Any] = [Json(value) if columns[name][1] else value for name, value in to.items()]
    changes = ", ".join(f"{columns[name][0]} = %s" for name in to)
    conditions = " AND ".join(
        f"{columns[name][0]} IS NULL" if value is None else f"{columns[name][0]} = %s"
        for name, value in where.items()
    )
    table = connection.ops.quote_name(model._meta.db_table)
    params += [value for value in where.values() if value is not None]
    return f"UPDATE {table} SET {changes} WHERE {conditions}", params  # noqa: S608 -- our models' names


def _insert(rows: Sequence[models.Model]) -> tuple[list[str], list[Any]]:
    statements: list[str] = []
    params: list[Any] = []
    companions = [row for asked in rows for row in getattr(asked, "companions", ())]
    for model, group in groupby([*rows, *companions], key=type):
        shape = _shape(model)
        marks = f"({', '.join(['%s'] * len(shape.names))})"
        values = [shape.values(row) for row in group]
        statements.append(shape.head + ", ".join([marks] * len(values)))
        params += [value for row in values for value in row]
    return statements, params


def update(model: type[models.Model], *, where: Mapping[str, Any], to: Mapping[str, Any]) -> int:
    """Set `to` where all of `where` is equal; how many rows that were.

    A compare-and-set in one statement: names are those of attributes (`invoice_id`), values are
    values. Inside a tenant only its rows count, here and in the row policies.
    """
    tenant_id = scope.current().tenant_id
    inside = {"tenant_id": tenant_id} if "tenant_id" in _columns(model) and tenant_id else {}
    sql, params = _update(model, {**where, **inside}, to)
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        count: int = cursor.rowcount
    return count


def insert(*rows: models.Model) -> None:
    """Insert `rows` in their order, then their `companions`. Sends no signal and asks nothing.

    Raises: IntegrityError as any insert does; then none of them is written.
    """
    statements, params = _insert(rows)
    with connection.cursor() as cursor:
        cursor.execute("; ".join(statements), params)
    for row in rows:
        row._state.adding = False  # Django's documented place of it
        row._state.db = connection.alias
