"""pytest plugin: the tests' database, made by a superuser, migrated as `owner`, used as `app`.

A rolled-back test costs nothing. After a committed one (`transaction=True`) the tables that it
filled are emptied; where it touched what the migrations had put there, or the tables themselves,
the whole database is laid anew from a copy. Either way the next test finds the first state.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any, Final

import psycopg2
import pytest
from django.core.management import call_command
from django.db import connection, connections
from django.test import TransactionTestCase
from psycopg2 import errors, sql

from smartinvoicing.pg import databases, roles
from tests import services

INSTALLATION: Final = "smartinvoicing_installation"
SMALL: Final = 512 * 1024  # bytes; above it TRUNCATE is the faster way to empty a table

Row = tuple[Any, ...]


class Laid:
    """One migrated database, its copy to lay it anew from, and what it held at first."""

    def __init__(self, admin_url: str, name: str) -> None:
        self.admin_url = admin_url
        self.name = name
        self.copy = f"{name.rpartition('_')[0]}_copy"
        self._ours: Any = None
        self._tests: Any = None
        self.tables: list[str] = []
        self.seeded: dict[str, Row] = {}

    # --- once a process -----------------------------------------------------------------------

    def lay(self) -> None:
        """The first process of a run migrates, the others copy what it made."""
        with self.turn() as cursor:
            cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", [self.copy])
            if cursor.fetchone() is None:
                self._migrate()
                databases.copy_database(self.admin_url, self.name, self.copy)
            databases.copy_database(self.admin_url, self.copy, self.name)
        self._arm()
        self._look()

    @contextmanager
    def turn(self) -> Iterator[Any]:
        """One process at a time: nobody can copy the copy while another one reads it."""
        with closing(psycopg2.connect(self.admin_url)) as turn, turn, turn.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [roles.LOCK + 1])
            yield cursor

    def _migrate(self) -> None:
        databases.prepare(roles.with_database(self.admin_url, self.name))
        try:
            call_command("migrate", verbosity=0, interactive=False)
        finally:
            connection.close()

    def _look(self) -> None:
        with self._cursor() as cursor:
            cursor.execute(
                "SELECT c.oid::regclass::text FROM pg_class c WHERE c.relkind = 'r'"
                " AND c.relnamespace = 'public'::regnamespace ORDER BY 1"
            )
            self.tables = [table for (table,) in cursor.fetchall()]
            filled = self._filled(cursor, self.tables)
            self.seeded = {table: self._state(cursor, table) for table in filled}

    # --- once a committed test ----------------------------------------------------------------

    def reset(self) -> None:
        """Back to the first state."""
        if self._tests is not None:
            self._tests.close()  # in whatever transaction the test left it
        try:
            self._restore()
        except (errors.LockNotAvailable, errors.DeadlockDetected):
            self._cut_off_others()  # a thread or a process that the test forgot
            self._restore()

    def _restore(self) -> None:
        """The cheap way where it is the right one."""
        if self._is_seed_touched():
            self._lay_anew()
        else:
            self._empty()

    def _is_seed_touched(self) -> bool:
        with self._cursor() as cursor:
            try:
                return any(self._state(cursor, table) != was for table, was in self.seeded.items())
            except errors.UndefinedTable:
                return True

    def _empty(self) -> None:
        """As a superuser in replica mode: neither policies nor append-only triggers object."""
        with self._cursor() as cursor:
            filled = self._filled(cursor, [t for t in self.tables if t not in self.seeded])
            if not filled:
                return
            cursor.execute("BEGIN")
            try:
                cursor.execute("SET LOCAL session_replication_role = replica")
                for table in filled:
                    cursor.execute("SELECT pg_relation_size(%s::regclass)", [table])
                    small = cursor.fetchone()[0] <= SMALL
                    # the names came from the catalogue, quoted
                    cursor.execute(f"DELETE FROM {table}" if small else f"TRUNCATE {table} CASCADE")
            except errors.Error:
                cursor.execute("ROLLBACK")
                raise
            cursor.execute("COMMIT")

    def _lay_anew(self) -> None:
        connections.close_all()
        self.close()
        with self.turn():
            databases.copy_database(self.admin_url, self.copy, self.name)
        self._arm()
        with self._cursor() as cursor:
            self.seeded[INSTALLATION] = self._state(cursor, INSTALLATION)

    def _arm(self) -> None:
        """A copy is not armed by itself: it stands at another place."""
        with self._cursor() as cursor:
            cursor.execute(f"UPDATE {INSTALLATION} SET place = current_place()")

    def _cut_off_others(self) -> None:
        connections.close_all()
        with self._cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid, 2000) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )

    # --- looking ------------------------------------------------------------------------------

    def _filled(self, cursor: Any, tables: list[str]) -> list[str]:
        """Which of these tables hold a row, asked all at once."""
        one = "SELECT {} WHERE EXISTS (SELECT 1 FROM {})"
        asked = " UNION ALL ".join(
            one.format(sql.Literal(table).as_string(cursor), table) for table in tables
        )
        if not asked:
            return []
        cursor.execute(asked)
        return [table for (table,) in cursor.fetchall()]

    def _state(self, cursor: Any, table: str) -> Row:
        """Differs after any insert, update or delete in it."""
        cursor.execute(f"SELECT count(*), max(xmin::text::bigint) FROM {table}")
        state: Row = cursor.fetchone()
        return state

    def waiting(self) -> int:
        """How many sessions of this database wait for a lock of another one."""
        with self.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity"
                " WHERE datname = current_database() AND cardinality(pg_blocking_pids(pid)) > 0"
            )
            found: int = cursor.fetchone()[0]
        return found

    def cursor(self) -> Any:
        """For a test: a superuser's, in autocommit, beyond policies and triggers."""
        if self._tests is None or self._tests.closed:
            self._tests = self._connect(lock_timeout_ms=0)
        return self._tests.cursor()

    def _cursor(self) -> Any:
        """For the rig itself; kept from test to test."""
        if self._ours is None or self._ours.closed:
            self._ours = self._connect(lock_timeout_ms=1000)
        return self._ours.cursor()

    def _connect(self, *, lock_timeout_ms: int) -> Any:
        url = roles.with_database(self.admin_url, self.name)
        made = psycopg2.connect(url, options=f"-c lock_timeout={lock_timeout_ms}")
        made.autocommit = True
        return made

    def close(self) -> None:
        for opened in filter(None, (self._tests, self._ours)):
            opened.close()


@pytest.fixture(scope="session")
def laid_database(django_db_blocker: Any) -> Iterator[Laid]:
    """The migrated database of this process; `laid_database.cursor()` is a superuser's."""
    laid = Laid(os.environ[services.ADMIN], services.database_name())
    with django_db_blocker.unblock():
        laid.lay()
    # Django's own way is a TRUNCATE as the connected role: app may not, and triggers refuse it.
    TransactionTestCase._fixture_teardown = lambda self: laid.reset()  # type: ignore[method-assign]
    yield laid
    laid.close()


@pytest.fixture(scope="session")
def django_db_setup(laid_database: Laid) -> None:
    """In the place of pytest-django's own: settings name the test database from the start."""


@pytest.fixture(scope="session")
def owner_url() -> str:
    """The address of the role `owner` in the test database."""
    return os.environ["DATABASE_OWNER_URL"]


@pytest.fixture(scope="session")
def role_urls() -> roles.Addresses:
    """The test database as each of the four roles sees it."""
    return roles.derive(roles.with_database(os.environ[services.ADMIN], services.database_name()))
