"""The sabotage of twins: one guard of the database is off."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def without(trigger: str, table: str, laid_database: Any) -> Iterator[None]:
    """Before the test touches the table: whoever alters it waits for everybody else."""
    with laid_database.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER {trigger}")
    try:
        yield
    finally:
        with laid_database.cursor() as cursor:
            cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER {trigger}")
