"""Whose rows this context may see, and how the database is told.

A scope is held in a context variable. The database engine (`base.py`) writes it into
transaction-local settings at the start of each transaction, where the row policies read it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from django.db import connection
from psycopg2 import extensions

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper


@dataclass(frozen=True, kw_only=True)
class Scope:
    """One tenant; or a person or a key before the tenant is known; or all, for a named reason."""

    tenant_id: UUID | None = None
    user_id: UUID | None = None
    bearer: str = ""
    across: str = ""

    def variables(self) -> dict[str, str]:
        return {
            "app.tenant_id": str(self.tenant_id or ""),
            "app.user_id": str(self.user_id or ""),
            "app.bearer": self.bearer,
            "app.across": "on" if self.across else "",
        }


NOBODY = Scope()
_scope: ContextVar[Scope] = ContextVar("scope", default=NOBODY)


def current() -> Scope:
    return _scope.get()


def apply(wrapper: BaseDatabaseWrapper, *, fresh: bool = False) -> None:
    """Tell the open transaction of `wrapper` whose rows it may see; a `fresh` one knows nothing."""
    variables = current().variables()
    if fresh:
        variables = {name: value for name, value in variables.items() if value}
    calls = ", ".join(["set_config(%s, %s, true)"] * len(variables))
    pairs = [part for pair in variables.items() for part in pair]
    with wrapper.cursor() as cursor:
        cursor.execute(f"SELECT {calls}", pairs)


@contextmanager
def entered(scope: Scope) -> Iterator[None]:
    """Inside the block, `scope` counts; after it, the one before."""
    token = _scope.set(scope)
    try:
        if connection.in_atomic_block:
            apply(connection)
        yield
    finally:
        _scope.reset(token)
        if connection.in_atomic_block and not connection.needs_rollback and not _is_aborted():
            # A released savepoint keeps what was set inside it.
            apply(connection)


def _is_aborted() -> bool:
    """After a refused statement nothing runs until the rollback, which brings the old scope back.

    To try would put another error in the place of the one that says what was refused.
    """
    status = connection.connection.get_transaction_status()
    return bool(status == extensions.TRANSACTION_STATUS_INERROR)
