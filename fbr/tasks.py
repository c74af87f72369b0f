"""The doorbell and what it wakes. The table is the queue; losing every ring loses nothing."""

from __future__ import annotations

import logging
import threading
import time
from typing import Final
from uuid import UUID

from kombu.exceptions import OperationalError

from accounts import tenancy
from accounts.access import Actor
from accounts.task_base import TenantTask
from fbr import selectors
from fbr.outcomes import Outcome
from fbr.services import sending, sweeping
from smartinvoicing.celery import app

logger = logging.getLogger(__name__)

SENDER: Final = Actor.system("fbr.send")
_SILENT_S: Final = 15.0
_silent_until = threading.local()


def ring() -> None:
    """Tell a worker to look. It never raises: the dispatcher looks by itself.

    After a broken bell this thread does not try again for a while: nobody waits on it.
    """
    if time.monotonic() < getattr(_silent_until, "at", 0.0):
        return
    try:
        dispatch.delay()
    except OperationalError as error:
        _silent_until.at = time.monotonic() + _SILENT_S
        logger.warning("fbr.bell_is_broken", extra={"failure": type(error).__name__})


@app.task(name="fbr.dispatch")
def dispatch() -> None:
    """Who goes next is the fair pick, never the ring."""
    for due in selectors.due():
        send_document.delay(tenant_id=str(due.tenant_id), work_id=str(due.work_id))


@app.task(name="fbr.send", base=TenantTask, acks_late=True, reject_on_worker_lost=True)
def send_document(*, tenant_id: str, work_id: str) -> None:
    """Send one queued document. A second run finds nothing to lease."""
    settled = sending.send_one(work_id=UUID(work_id), actor=SENDER)
    if settled is None:
        return
    dispatch()
    if settled.outcome == Outcome.ACCEPTED:
        # A task of a lower floor, by name: its copy is ready before somebody asks.
        app.send_task(
            "invoices.print", kwargs={"tenant_id": tenant_id, "invoice_id": str(settled.invoice_id)}
        )


@app.task(name="fbr.sweep")
def sweep() -> None:
    """Settle what hangs; each in its own tenant."""
    for hanging in selectors.hanging():
        with tenancy.in_tenant(hanging.tenant_id):
            sweeping.sweep_one(work_id=hanging.work_id)


def is_broker_away() -> bool:
    """Whether the dispatcher must send by itself."""
    try:
        with app.connection_for_write(transport_options={"socket_connect_timeout": 1}) as line:
            line.ensure_connection(max_retries=1, timeout=1)
    except OperationalError:
        return True
    return False
