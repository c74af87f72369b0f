"""The watchdog: apart from all that sends, it looks, rings and mails."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Callable
from typing import Any, Final

from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import DatabaseError, close_old_connections

from accounts.services import housekeeping, letters
from fbr.services import alerts, timekeeping, watching
from smartinvoicing import clock

logger = logging.getLogger(__name__)

LEAVING_S: Final = 20  # for a mail that is under way
MAIL_S: Final = 2.0  # between two looks for mail


class Command(BaseCommand):
    help = "Look at everything once a minute, set off alerts, ring and mail; until told to stop."

    def handle(self, *args: Any, **options: Any) -> None:
        """Run until SIGTERM or SIGINT.

        The first look comes after one tick: the others have had that long to wake.
        """
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        logger.info("watchdog.ready")
        self._survive(lambda: housekeeping.beat(watching.NAME, at=clock.now()))
        self._survive(timekeeping.check)
        # A slow mail server holds up no look.
        postman = threading.Thread(target=self._mail, args=(stop,), name="postman", daemon=True)
        postman.start()
        while not stop.wait(settings.WATCH_TICK_S):
            self._tick()
        postman.join(LEAVING_S)

    def _mail(self, stop: threading.Event) -> None:
        while not stop.wait(MAIL_S):
            self._survive(lambda: letters.mail_due(at=clock.now()))
            self._survive(lambda: alerts.tell(at=clock.now()))

    def _tick(self) -> None:
        """Each deed by itself: one that fails keeps none of the others back."""
        self._survive(timekeeping.check)
        self._survive(lambda: watching.look(at=clock.now()))
        self._survive(lambda: watching.look_at_tenants(at=clock.now()))

    def _survive(self, deed: Callable[[], Any]) -> None:
        """Whoever watches what breaks must outlive it."""
        try:
            deed()
        except DatabaseError as error:
            logger.error("watchdog.database", extra={"failure": type(error).__name__})  # noqa: TRY400 -- no trace: it repeats
        except Exception:  # an outermost loop: it says so and goes on
            logger.exception("watchdog.failed")
        finally:
            close_old_connections()
