"""The doorbell and what it wakes. The table is the queue; losing every ring loses nothing."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from datetime import timedelta
from typing import Final
from uuid import UUID

from celery.worker import state as worker_state
from django.conf import settings
from django.db import transaction
from kombu.exceptions import OperationalError

from accounts import tenancy
from accounts.access import Actor
from accounts.task_base import TenantTask
from fbr import selectors, windows
from fbr.services import (
    buyer_checks,
    cancel_calls,
    cancelling,
    failures,
    invariants,
    outages,
    reference,
    sweeping,
)
from fbr.services.credentials import NoToken
from fbr.services.draining import Pump, drain
from fbr.services.letters import Settled
from smartinvoicing import clock
from smartinvoicing.celery import app, tell
from smartinvoicing.crashpoint import crashpoint
from smartinvoicing.errors import StateConflict

logger = logging.getLogger(__name__)

SENDER: Final = Actor.system("fbr.send")
READER: Final = Actor.system("fbr.lists")
CHECKER: Final = Actor.system("fbr.register")
WEEK: Final = timedelta(days=7)
MOST_WALKS: Final = 50  # begun at one tick; the next tick begins others
AT_A_TIME_S: Final = 60.0  # of one message; then Celery has its say again


def ring() -> None:
    """Tell a worker to look; without a broker the dispatcher looks by itself."""
    crashpoint("after_T0")
    tell("fbr.dispatch")


@app.task(name="fbr.dispatch")
def dispatch() -> None:
    """Report what is due, fair over all tenants; a second ring finds the first one at it."""
    until = time.monotonic() + AT_A_TIME_S
    pump = Pump(
        slots=settings.FBR_CONCURRENCY,
        actor=SENDER,
        is_over=lambda: worker_state.should_stop is not None or time.monotonic() > until,
        on_accepted=_have_printed,
        on_full=ring,
    )
    drain(pump)
    if time.monotonic() > until:
        ring()


def _have_printed(accepted: Sequence[Settled]) -> None:
    """A task of a lower floor, by name: copies are ready before somebody asks."""
    copies = [[str(each.tenant_id), str(each.invoice_id)] for each in accepted]
    tell("invoices.print_all", copies=copies)


@app.task(name="fbr.sweep")
def sweep() -> None:
    """Settle what hangs; each in its own tenant, whatever befalls the others."""
    sweeping.replay_spool()
    failed: Exception | None = None
    for hanging in selectors.hanging():
        try:
            with tenancy.in_tenant(hanging.tenant_id):
                sweeping.sweep_one(work_id=hanging.work_id)
        except Exception as error:
            logger.exception("fbr.sweep_failed", extra={"work": str(hanging.work_id)})
            failed = error
    for unread in selectors.unread_answers(sweeping.LOST):
        try:
            with tenancy.in_tenant(unread.tenant_id):
                sweeping.read_late(attempt_id=unread.work_id)
        except Exception as error:
            logger.exception("fbr.late_failed", extra={"attempt": str(unread.work_id)})
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


# --- outages, and what FBR must be told of -----------------------------------------------------


def follow_outages() -> None:
    """Rows only, no call to anybody: for the dispatcher too."""
    outages.look(at=clock.now())


@app.task(name="fbr.look_for_outages")
def look_for_outages() -> None:
    """Whether FBR is away, whose documents wait, who must know; twice is once."""
    outages.check_network(at=clock.now())
    follow_outages()


@app.task(name="fbr.look_for_incidents")
def look_for_incidents() -> None:
    """Refused tokens, lost senders, and bells for what FBR has not heard of."""
    failures.look(at=clock.now())


@app.task(name="fbr.check_integrity")
def check_integrity() -> None:
    """Whether what is kept is what was signed; what is known already opens nothing again."""
    failures.check_integrity(at=clock.now())


# --- cancellations -----------------------------------------------------------------------------


def ring_cancel(tenant_id: UUID, request_id: UUID) -> None:
    """Ask FBR by a call, where that is switched on; a lost ring is found by the watch."""
    tell("fbr.call_cancel", tenant_id=str(tenant_id), request_id=str(request_id))


@app.task(name="fbr.call_cancel", base=TenantTask)
def call_cancel(*, tenant_id: str, request_id: str) -> None:
    """Ask FBR once to cancel one document; a second run finds the call made."""
    cancel_calls.call(request_id=UUID(request_id))


@app.task(name="fbr.watch_cancellations")
def watch_cancellations() -> None:
    """Ring for windows that end while nobody has confirmed; wake the calls nobody has made."""
    at = clock.now()
    for due in selectors.cancellations_ending(until=at + windows.SEEN_BEFORE):
        with tenancy.in_tenant(due.tenant_id), transaction.atomic():
            cancelling.warn_again(request_id=due.work_id, at=at)
    for due in selectors.cancel_calls_due(at=at):
        ring_cancel(due.tenant_id, due.work_id)


# --- what must be true ---------------------------------------------------------------------------


@app.task(name="fbr.check_invariants")
def check_invariants() -> None:
    """Once a day, whenever the day's look was missed; a second run finds it made."""
    invariants.check(at=clock.now())
