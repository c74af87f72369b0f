"""The doorbell and what it wakes. The table is the queue; losing every ring loses nothing."""

from __future__ import annotations

import logging
import random
from datetime import timedelta
from typing import Final
from uuid import UUID

from celery.worker import state as worker_state
from django.db import transaction
from kombu.exceptions import OperationalError

from accounts import tenancy
from accounts.access import Actor
from accounts.task_base import TenantTask
from fbr import selectors
from fbr.outcomes import Outcome
from fbr.services import buyer_checks, reference, sending, sweeping
from fbr.services.credentials import NoToken
from smartinvoicing import clock
from smartinvoicing.celery import app, tell
from smartinvoicing.errors import StateConflict

logger = logging.getLogger(__name__)

SENDER: Final = Actor.system("fbr.send")
READER: Final = Actor.system("fbr.lists")
CHECKER: Final = Actor.system("fbr.register")
WEEK: Final = timedelta(days=7)
MOST_WALKS: Final = 50  # begun at one tick; the next tick begins others
IN_A_ROW: Final = 20  # documents of one message; then Celery has its say again


def ring() -> None:
    """Tell a worker to look; without a broker the dispatcher looks by itself."""
    tell("fbr.dispatch")


@app.task(name="fbr.dispatch")
def dispatch() -> None:
    """Who goes next is the fair pick, never the ring."""
    for due in selectors.due():
        send_document.delay(tenant_id=str(due.tenant_id), work_id=str(due.work_id))


@app.task(name="fbr.send", base=TenantTask, acks_late=True, reject_on_worker_lost=True)
def send_document(*, tenant_id: str, work_id: str) -> None:
    """Send one queued document, then whoever is next. A second run finds nothing to lease."""
    if _send(selectors.Due(UUID(tenant_id), UUID(work_id))):
        _go_on()


def _send(due: selectors.Due) -> bool:
    """Whether a document was reported: False when it was not to be had."""
    with tenancy.in_tenant(due.tenant_id):
        settled = sending.send_one(work_id=due.work_id, actor=SENDER)
    if settled is not None and settled.outcome == Outcome.ACCEPTED:
        # A task of a lower floor, by name: its copy is ready before somebody asks.
        tell("invoices.print", tenant_id=str(due.tenant_id), invoice_id=str(settled.invoice_id))
    return settled is not None


def _go_on() -> None:
    """A slot is free: the fair pick fills it from here, without a message in between."""
    for _ in range(IN_A_ROW):
        waiting = selectors.due()
        if not waiting or worker_state.should_stop is not None:
            return
        # Several slots may be free: let those who look at once not all take the first.
        chosen = random.choice(waiting)  # noqa: S311 -- no secret
        try:
            _send(chosen)
        except StateConflict:
            logger.info("fbr.slower", extra={"work": str(chosen.work_id)})
    ring()


@app.task(name="fbr.sweep")
def sweep() -> None:
    """Settle what hangs; each in its own tenant, whatever befalls the others."""
    failed: Exception | None = None
    for hanging in selectors.hanging():
        try:
            with tenancy.in_tenant(hanging.tenant_id):
                sweeping.sweep_one(work_id=hanging.work_id)
        except Exception as error:
            logger.exception("fbr.sweep_failed", extra={"work": str(hanging.work_id)})
            failed = error
    if failed is not None:
        raise failed


# --- lists and the register: beside the reporting, in no hurry ---------------------------------


@app.task(name="fbr.sync_reference")
def sync_reference() -> None:
    """Read FBR's lists once a day, with the token of one business drawn by lot."""
    at = clock.now()
    if not reference.is_due(at=at):
        return
    for due in selectors.token_by_lot(f"{at:%Y-%m-%d %H}"):
        try:
            with tenancy.in_tenant(due.tenant_id):
                run = reference.begin(actor=READER, at=at)
        except (StateConflict, NoToken) as reason:
            logger.info("fbr.lists_later", extra={"why": reason.message})
        else:
            tell("fbr.refresh_lists", tenant_id=str(due.tenant_id), run_id=str(run.pk))


@app.task(name="fbr.refresh_lists", base=TenantTask)
def refresh_lists(*, tenant_id: str, run_id: str) -> None:
    """Go on with a refresh for a while; a second run finds it ended or taken."""
    if reference.advance(run_id=UUID(run_id)):
        tell("fbr.refresh_lists", tenant_id=tenant_id, run_id=run_id)


@app.task(name="fbr.fetch_units", base=TenantTask)
def fetch_units(*, tenant_id: str, hs_code: str) -> None:
    """The units of a code that somebody uses; a second run finds them there."""
    reference.fetch_units(hs_code=hs_code, at=clock.now())


@app.task(name="fbr.begin_walks")
def begin_walks() -> None:
    """Once a week, all customers of each business that has a token."""
    at = clock.now()
    for due in selectors.registers_due(since=at - WEEK, most=MOST_WALKS):
        try:
            with tenancy.in_tenant(due.tenant_id), transaction.atomic():
                buyer_checks.begin_walk(actor=CHECKER, at=at)
        except (StateConflict, NoToken) as reason:
            logger.info("fbr.walk_later", extra={"why": reason.message})
    tell("fbr.check_buyers")


@app.task(name="fbr.check_buyers")
def check_buyers() -> None:
    """The next few customers of the walk that rested longest; then the bell again."""
    for due in selectors.walks_due():
        try:
            with tenancy.in_tenant(due.tenant_id):
                buyer_checks.step(run_id=due.work_id, actor=CHECKER)
        except StateConflict as conflict:
            logger.info("fbr.walk_taken", extra={"why": conflict.message})
        if selectors.walks_due():
            tell("fbr.check_buyers")


def is_broker_away() -> bool:
    """Whether the dispatcher must send by itself."""
    try:
        with app.connection_for_write(transport_options={"socket_connect_timeout": 1}) as line:
            line.ensure_connection(max_retries=1, timeout=1)
    except OperationalError:
        return True
    return False
