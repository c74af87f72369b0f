"""PostgreSQL as Django knows it, which tells each transaction whose rows it may see."""

from __future__ import annotations

from typing import Any

from django.db.backends.postgresql import base

from smartinvoicing.pg import scope


class OutsideTransaction(RuntimeError):
    """A scoped query in autocommit: the database would show no row and say nothing."""


class DatabaseWrapper(base.DatabaseWrapper):
    """Writes the scope at BEGIN, so requests, workers, threads and tests are all alike."""

    _opening = False

    def connect(self) -> None:
        self._opening = True  # Django asks a new connection a question or two
        try:
            super().connect()
        finally:
            self._opening = False

    def set_autocommit(self, autocommit: bool, *args: Any, **kwargs: Any) -> None:
        super().set_autocommit(autocommit, *args, **kwargs)
        if not autocommit and scope.current() != scope.NOBODY:
            scope.apply(self, fresh=True)

    def create_cursor(self, name: str | None = None) -> Any:
        scoped = not self._opening and scope.current() != scope.NOBODY
        if scoped and not self.in_atomic_block and self.autocommit:
            raise OutsideTransaction("Open transaction.atomic() for a query inside a tenant.")
        return super().create_cursor(name)
