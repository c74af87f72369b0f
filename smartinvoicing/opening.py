"""May people be let in? Not into a restored database, until the erasures were done again in it."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from threading import Lock
from typing import Final

from django.db import DatabaseError, connection, transaction

logger = logging.getLogger(__name__)

KNOWN_S: Final = 2.0


@dataclass
class _Known:
    """The last answer of this process."""

    answer: bool = False
    until: float = 0.0


_known: Final = _Known()
_asking: Final = Lock()


def is_open() -> bool:
    """Whether people may be let in; an answer counts for two seconds.

    A database that cannot be asked shows nobody anything: then the request fails by itself.
    """
    if time.monotonic() < _known.until:
        return _known.answer
    with _asking:
        if time.monotonic() >= _known.until:
            answer = _ask_alone()
            if answer is None:
                return True
            _known.answer, _known.until = answer, time.monotonic() + KNOWN_S
    return _known.answer


def forget() -> None:
    """Ask anew next time."""
    _known.until = 0.0


def ask() -> bool:
    """Whether this database stands where it was armed, or its erasures were replayed here."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT erasures_are_replayed()")
        return bool(cursor.fetchone()[0])


def _ask_alone() -> bool | None:
    """None when the database cannot say. A thread that had no connection keeps none."""
    is_guest = connection.connection is None
    try:
        with transaction.atomic():
            return ask()
    except DatabaseError as error:
        logger.warning("opening.unknown", extra={"failure": type(error).__name__})
        return None
    finally:
        if is_guest and not connection.in_atomic_block:
            connection.close()
