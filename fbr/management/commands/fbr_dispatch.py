"""The dispatcher: looks for due work each tick, sweeps, and sends by itself with no broker."""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections.abc import Callable
from typing import Any, Final

from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import DatabaseError, close_old_connections

from accounts.services import housekeeping
from fbr import selectors, tasks
from fbr.services import deadman, outages, timekeeping
from fbr.services.draining import Pump, drain
from smartinvoicing import clock

logger = logging.getLogger(__name__)

ALONE: Final = 2  # sends at a time while the broker is away


def _look_for_outages() -> None:
    outages.look(at=clock.now())


# What must be looked at even with no worker at all.
LOOKS: Final[tuple[Callable[[], Any], ...]] = (tasks.sweep, _look_for_outages)


class Command(BaseCommand):
    help = "Find documents that are due, ring for them, sweep what hangs; until told to stop."

    def handle(self, *args: Any, **options: Any) -> None:
        """Run until SIGTERM or SIGINT; what is being sent is finished first."""
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        logger.info("dispatcher.ready")
        awake_since, swept = clock.now(), 0.0
        looks = (*LOOKS, lambda: deadman.look(clock.now(), awake_since=awake_since))
        self._survive(timekeeping.check)
        while not stop.is_set():
            busy = self._survive(lambda: self._tick(stop))
            if time.monotonic() - swept >= settings.FBR_SWEEP_S:
                for look in looks:
                    self._survive(look)
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

    def _tick(self, stop: threading.Event) -> bool:
        """One look. True when this process sent by itself and should look again at once."""
        housekeeping.beat("dispatcher", at=clock.now())
        if not selectors.is_due():
            return False
        if not tasks.is_broker_away():
            tasks.ring()
            return False
        logger.warning("dispatcher.alone")
        until = time.monotonic() + settings.FBR_TICK_S
        pump = Pump(
            slots=ALONE,
            actor=tasks.SENDER,
            is_over=lambda: stop.is_set() or time.monotonic() > until,
        )
        return bool(drain(pump))
