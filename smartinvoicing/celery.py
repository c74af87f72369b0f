"""The Celery app, the queues, and the whole timetable, tasks named by string."""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from typing import Any, Final

from celery import Celery
from celery.fixups import django as fixup
from celery.signals import beat_init, celeryd_init
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import close_old_connections
from kombu.exceptions import OperationalError

from smartinvoicing import checks

logger = logging.getLogger(__name__)

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "smartinvoicing.settings")

app = Celery("smartinvoicing")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
# What may wait stands in nobody's way: lists and the register are asked beside the reporting.
_UNHURRIED: Final = (
    *("fbr.sync_reference", "fbr.refresh_lists", "fbr.fetch_units"),
    *("fbr.begin_walks", "fbr.check_buyers"),
)
app.conf.task_routes = {
    **{name: {"queue": "documents"} for name in _UNHURRIED},
    "fbr.*": {"queue": "reporting"},
}
app.conf.beat_schedule = {
    "look for documents to report": {"task": "fbr.dispatch", "schedule": settings.FBR_TICK_S},
    "sweep what hangs": {"task": "fbr.sweep", "schedule": settings.FBR_SWEEP_S},
    "beat is alive": {"task": "accounts.heartbeat", "schedule": 30},
    "read FBR's lists once a day": {"task": "fbr.sync_reference", "schedule": 3600},
    "ask about all customers once a week": {"task": "fbr.begin_walks", "schedule": 3600},
    "go on with a walk over customers": {"task": "fbr.check_buyers", "schedule": 60},
    "forget old idempotency keys": {"task": "accounts.forget_replays", "schedule": 3600},
}


_SILENT_S: Final = 15.0
_broken = threading.local()


def tell(task: str, **kwargs: str) -> bool:
    """Ring for a task, by its name. It never raises: what is due stands in the database.

    After a broken bell this thread does not try again for a while: nobody waits on it.
    """
    if time.monotonic() < getattr(_broken, "until", 0.0):
        return False
    try:
        app.send_task(task, kwargs=kwargs)
    except OperationalError as error:
        _broken.until = time.monotonic() + _SILENT_S
        logger.warning("bell.broken", extra={"task": task, "failure": type(error).__name__})
        return False
    return True


def _keep_connection(self: Any, **kwargs: Any) -> None:
    """Celery closes the database connection after every task; CONN_MAX_AGE decides instead."""
    close_old_connections()


# Measured: twice the rate.
fixup.DjangoWorkerFixup.close_database = _keep_connection  # type: ignore[attr-defined]  # not in its stubs


@celeryd_init.connect
@beat_init.connect
def _refuse_unsafe(**kwargs: Any) -> None:
    """Django checks no worker; what a receiver raises is only logged, so this ends it itself."""
    try:
        checks.refuse_unsafe()
    except ImproperlyConfigured as wrong:
        sys.stderr.write(f"{wrong}\n")
        raise SystemExit(1) from wrong
