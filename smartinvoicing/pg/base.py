"""PostgreSQL as Django knows it, which tells each transaction whose rows it may see."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db.backends.postgresql import base

from smartinvoicing.pg import roles, scope


class OutsideTransaction(RuntimeError):
    """A scoped query in autocommit: the database would show no row and say nothing."""


class DatabaseWrapper(base.DatabaseWrapper):
    """Writes the scope at BEGIN, so requests, workers, threads and tests are all alike."""

    _opening = False

    def get_connection_params(self) -> dict[str, Any]:
        """Whoever serves is bounded: a process that froze in a transaction stops no other one."""
        params = super().get_connection_params()
        if self.settings_dict["USER"] == roles.APP:
            params["options"] = " ".join([params.get("options", ""), *_limits()]).strip()
        return params

    def connect(self) -> None:
        self._opening = True  # Django asks a new connection a question or two
        try:
            super().connect()
        finally:
            self._opening = False

    def set_autocommit(self, autocommit: bool, *args: Any, **kwargs: Any) -> None:
        super().set_autocommit(autocommit, *args, **kwargs)
        if not autocommit and scope.current() != scope.NOBODY:
            try:
                scope.apply(self, fresh=True)
            except BaseException:
                # Half open, the next transaction would believe itself inside it and not commit.
                self.close()
                raise

    def create_cursor(self, name: str | None = None) -> Any:
        scoped = not self._opening and scope.current() != scope.NOBODY
        if scoped and not self.in_atomic_block and self.autocommit:
            raise OutsideTransaction("Open transaction.atomic() for a query inside a tenant.")
        return super().create_cursor(name)


def _limits() -> list[str]:
    seconds = {
        "statement_timeout": settings.DATABASE_STATEMENT_S,
        "lock_timeout": settings.DATABASE_LOCK_S,
        "idle_in_transaction_session_timeout": settings.DATABASE_IDLE_S,
    }
    return [f"-c {name}={limit}s" for name, limit in seconds.items()]
