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
# Mail, the mailbox, and what asks FBR for anything but a report: beside the reporting, with a way
# out of its own.
_ERRANDS: Final = (
    "accounts.deliver_mail",
    "privacy.read_mailbox",
    *("fbr.sync_reference", "fbr.refresh_lists", "fbr.fetch_units"),
    *("fbr.begin_walks", "fbr.check_buyers"),
    *("fbr.call_cancel", "fbr.look_for_outages"),
)
# What looks at rows only, and may take its time.
_UNHURRIED: Final = (
    *("fbr.watch_cancellations", "fbr.look_for_incidents"),
    *("fbr.check_integrity", "fbr.check_invariants"),
)
# What deletes by the role purge, or goes through all files: its worker alone has the address.
_PURGES: Final = (
    *("privacy.purge", "privacy.plan_purge", "privacy.sweep_files"),
    "privacy.close_accounts",
    *("privacy.detect", "privacy.look_for_unused", "privacy.first_look"),
)
app.conf.task_routes = {
    **{name: {"queue": "errands"} for name in _ERRANDS},
    **{name: {"queue": "documents"} for name in _UNHURRIED},
    **{name: {"queue": "purge"} for name in _PURGES},
    "fbr.*": {"queue": "reporting"},
}
app.conf.beat_schedule = {
    "look for documents to report": {"task": "fbr.dispatch", "schedule": settings.FBR_TICK_S},
    "sweep what hangs": {"task": "fbr.sweep", "schedule": settings.FBR_SWEEP_S},
    "mail what waits": {"task": "accounts.deliver_mail", "schedule": 30},
    "watch what our people look at": {"task": "privacy.watch_staff", "schedule": 300},
    "let go what has outlived its time, once a day": {"task": "privacy.purge", "schedule": 600},
    "look once a week for files without a record": {
        "task": "privacy.sweep_files",
        "schedule": 3600,
    },
    "tell everybody what is coming": {"task": "privacy.send_notices", "schedule": 60},
    "look whether our texts are still true": {"task": "privacy.watch_policies", "schedule": 21600},
    "look once a night whether our promises are kept": {
        "task": "privacy.prove_promises",
        "schedule": 3600,
    },
    "sound what is due at the desk": {"task": "privacy.sound_alarms", "schedule": 60},
    "look who wrote about their data": {"task": "privacy.look_up_requests", "schedule": 60},
    "put exports together": {"task": "privacy.build_exports", "schedule": 60},
    "remove old exports": {"task": "privacy.forget_exports", "schedule": 3600},
    "read the mailbox of privacy": {"task": "privacy.read_mailbox", "schedule": 120},
    "look whether the data map changed": {"task": "privacy.compare_map", "schedule": 3600},
    "look once a night for persons where none should be": {
        "task": "privacy.detect",
        "schedule": 3600,
    },
    "look once a night for fields that nobody needs": {
        "task": "privacy.look_for_unused",
        "schedule": 3600,
    },
    "forget what was counted too long": {"task": "privacy.forget_usage", "schedule": 3600},
    "go on with accounts that are closed": {"task": "privacy.close_accounts", "schedule": 300},
    "go on with erasures that waited": {"task": "privacy.go_on_erasing", "schedule": 3600},
    "beat is alive": {"task": "accounts.heartbeat", "schedule": 30},
    "read FBR's lists once a day": {"task": "fbr.sync_reference", "schedule": 3600},
    "ask about all customers once a week": {"task": "fbr.begin_walks", "schedule": 3600},
    "go on with a walk over customers": {"task": "fbr.check_buyers", "schedule": 60},
    "look whether FBR is away": {"task": "fbr.look_for_outages", "schedule": 15},
    "look what FBR must be told of": {"task": "fbr.look_for_incidents", "schedule": 60},
    "look whether signatures still fit": {"task": "fbr.check_integrity", "schedule": 21600},
    "look once a day whether all is as it must be": {
        "task": "fbr.check_invariants",
        "schedule": 3600,
    },
    "sign what was accepted": {"task": "invoices.sign_due", "schedule": 300},
    "look at all signatures once a day": {"task": "invoices.verify_signatures", "schedule": 600},
    "close days, weeks and months": {"task": "invoices.close_periods", "schedule": 600},
    "watch cancellations that nobody confirmed": {
        "task": "fbr.watch_cancellations",
        "schedule": 300,
    },
    "forget old idempotency keys": {"task": "accounts.forget_replays", "schedule": 3600},
    "lay the ends of the audit trails down each hour": {
        "task": "accounts.anchor_audit",
        "schedule": 300,
    },
    "sign what was laid down": {"task": "accounts.sign_anchors", "schedule": 3600},
    "follow the letters of breaches": {"task": "privacy.follow_breach_mail", "schedule": 300},
    "keep the access log in its months": {"task": "accounts.keep_access_log", "schedule": 3600},
    "walk the audit trails once a night": {"task": "accounts.verify_audit", "schedule": 3600},
}


_SILENT_S: Final = 15.0
_broken = threading.local()


def tell(task: str, **kwargs: Any) -> bool:
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


@beat_init.connect
def _begin(**kwargs: Any) -> None:
    """Not after an interval only: a sign of life, and how each promise stands, on the first day."""
    tell("accounts.heartbeat")
    tell("privacy.read_mailbox")
    tell("privacy.first_look")
