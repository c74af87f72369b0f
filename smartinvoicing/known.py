"""A yes or no of the database that a process asks often: each answer counts for a moment."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from threading import Lock
from typing import Final

from django.db import DatabaseError, connection, transaction

logger = logging.getLogger(__name__)

KNOWN_S: Final = 2.0


class Known:
    """The last answer of this process to one question.

    ask: reads the database. doubt: what counts while it cannot say; that is not remembered.
    """

    def __init__(self, name: str, ask: Callable[[], bool], *, doubt: bool) -> None:
        self._name, self._ask, self._doubt = name, ask, doubt
        self._asking = Lock()
        self.answer = doubt
        self.until = 0.0

    def __call__(self) -> bool:
        if time.monotonic() < self.until:
            return self.answer
        with self._asking:
            if time.monotonic() >= self.until:
                answer = self.look()
                if answer is None:
                    return self._doubt
                self.answer, self.until = answer, time.monotonic() + KNOWN_S
        return self.answer

    def forget(self) -> None:
        """Ask anew next time."""
        self.until = 0.0

    def look(self) -> bool | None:
        """Ask now; None when the database cannot say. A thread without a connection keeps none."""
        is_guest = connection.connection is None
        try:
            with transaction.atomic():
                return self._ask()
        except DatabaseError as error:
            logger.warning("%s.unknown", self._name, extra={"failure": type(error).__name__})
            return None
        finally:
            if is_guest and not connection.in_atomic_block:
                connection.close()
