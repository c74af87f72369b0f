"""The dispatcher: looks for due work each tick, sweeps, and sends by itself with no broker."""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import DatabaseError, close_old_connections

from accounts import tenancy
from accounts.services import housekeeping
from fbr import selectors, tasks
from fbr.services import sending
from smartinvoicing import clock
from smartinvoicing.errors import StateConflict

logger = logging.getLogger(__name__)

ALONE: Final = 2  # sends at a time while the broker is away


class Command(BaseCommand):
    help = "Find documents that are due, ring for them, sweep what hangs; until told to stop."

    def handle(self, *args: Any, **options: Any) -> None:
        """Run until SIGTERM or SIGINT; what is being sent is finished first."""
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        logger.info("dispatcher.ready")
        swept = 0.0
        with ThreadPoolExecutor(ALONE, thread_name_prefix="alone") as pool:
            while not stop.is_set():
                busy = self._survive(lambda: self._tick(pool))
                if time.monotonic() - swept >= settings.FBR_SWEEP_S:
                    self._survive(tasks.sweep)
                    swept = time.monotonic()
                if not busy:
                    stop.wait(settings.FBR_TICK_S)

    def _survive(self, deed: Callable[[], Any]) -> Any:
        """The last process that reports when all else is broken must outlive what breaks."""
        try:
            return deed()
        except DatabaseError as error:
            logger.warning("dispatcher.database", extra={"failure": type(error).__name__})
        except Exception:  # an outermost loop: it says so and goes on
            logger.exception("dispatcher.failed")
        finally:
            close_old_connections()
        return None

    def _tick(self, pool: ThreadPoolExecutor) -> bool:
        """One look. True when this process sent by itself and should look again at once."""
        housekeeping.beat("dispatcher", at=clock.now())
        due = selectors.due()
        if not due:
            return False
        if not tasks.is_broker_away():
            tasks.ring()
            return False
        logger.warning("dispatcher.alone", extra={"due": len(due)})
        return any(list(pool.map(self._send, due[:ALONE])))

    def _send(self, due: selectors.Due) -> bool:
        try:
            with tenancy.in_tenant(due.tenant_id):
                return sending.send_one(work_id=due.work_id, actor=tasks.SENDER) is not None
        except StateConflict:
            return False  # somebody else was faster
        finally:
            close_old_connections()
