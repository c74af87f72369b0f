"""The sabotage of twins: one guard of the database is off."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

LIMIT = "SET lock_timeout = '5s'"  # a test in a transaction of its own would wait for itself


@contextmanager
def without(trigger: str, table: str, laid_database: Any) -> Iterator[None]:
    """In a test that commits: whoever alters a table waits for everybody who has touched it."""
    with laid_database.cursor() as cursor:
        cursor.execute(f"{LIMIT}; ALTER TABLE {table} DISABLE TRIGGER {trigger}")
    try:
        yield
    finally:
        with laid_database.cursor() as cursor:
            cursor.execute(f"{LIMIT}; ALTER TABLE {table} ENABLE TRIGGER {trigger}")
