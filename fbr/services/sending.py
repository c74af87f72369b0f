"""Lease, mark, send, journal, apply: each document once (reliability contract, 3).

Five steps, each committed before the next begins, and nothing open across the wire:

T1 take     the rows are ours until the lease ends; `attempt_no` is the fence
T2 mark     an open attempt and SUBMITTING are durable before the first byte leaves
T3 carry    no transaction is open
T4 journal  the raw answer is stored before anybody reads it (`settling`)
T5 apply    what the answer means, under the fence (`settling`)

Each step takes as many documents as there are: of many tenants, in one round trip. Where one of
them cannot be done, the rest is done again one by one.
"""

from __future__ import annotations

import hashlib
import logging
import os
import socket
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.db import Error, connection, transaction

from accounts import tenancy
from accounts.access import Actor
from fbr import carriers, channels
from fbr.carriers import Parcel
from fbr.models import Attempt, Outbox
from fbr.models.work import Call, WorkState
from fbr.outcomes import Evidence, Hold, Outcome
from fbr.services import credentials, letters, settling, tills
from fbr.services.letters import UNLEASED, Landed, Lease, Sending, Settled, mine, reading_of
from invoices import lifecycle
from invoices.enums import Channel, State, Transport
from smartinvoicing import clock
from smartinvoicing.crashpoint import crashpoint
from smartinvoicing.errors import AppError
from smartinvoicing.pg import rows
from smartinvoicing.pg.rows import Missed, Script

logger = logging.getLogger(__name__)

WORKER: Final = f"{socket.gethostname()}:{os.getpid()}"[:80]


def send_one(*, work_id: UUID, actor: Actor) -> Settled | None:
    """Report this one document now. None when there was nothing to do: held, leased, settled."""
    for sending in mark(take(1, only=work_id), actor):
        landed = carry(sending)
        crashpoint("after_T3")
        for settled in conclude([landed], actor):
            return settled
    return None


def conclude(landed: Sequence[Landed], actor: Actor) -> list[Settled]:
    """T4 and T5. What cannot be journalled is spooled, and settled when the database is back."""
    journalled = settling.journal(landed)
    crashpoint("after_T4")
    settled = settling.apply(journalled, actor)
    crashpoint("after_T5")
    return settled


# --- T1 ---------------------------------------------------------------------------------------


def take(most: int, *, only: UUID | None = None) -> list[Lease]:
    """T1. What may go now, leased: fair over tenants, under the caps, on lines that are well."""
    params: list[Any] = [
        settings.INSTANCE_ID,
        WORKER,
        settings.FBR_LEASE_S,
        settings.FBR_CONCURRENCY,
        settings.FBR_CONCURRENCY_PER_CREDENTIAL,
        settings.FBR_CALLS_PER_SECOND,
        settings.FBR_FIRST_CALLS,
        most,
        only,
    ]
    # Lost with a crash it is merely not leased; T2's commit makes it durable with its own.
    with rows.alone(is_durable=False) as (cursor, head):
        marks = ", ".join(["%s"] * len(params))
        cursor.execute(f"{head}; SELECT * FROM fbr_take({marks})", params)  # noqa: S608 -- marks
        leases = [Lease(*row) for row in cursor.fetchall()]
    if leases:
        crashpoint("after_T1")
    return leases


# --- T2 ---------------------------------------------------------------------------------------


def mark(leases: Sequence[Lease], actor: Actor) -> list[Sending]:
    """T2. About to send: durable before the first byte. Left out is what has no token to go with,
    and what somebody else was faster with.
    """
    if not leases:
        return []
    try:
        sendings = _mark(leases, actor)
    except Exception as error:  # whatever it is, the others go on, and this one does not leave
        if len(leases) == 1 or connection.connection is None:
            # Whoever was faster has it. Or the database is gone, and it is not known whether we
            # marked it: then the sweep finds it.
            works = [str(lease.work_id) for lease in leases]
            is_ours = not isinstance(error, (Missed, Error))
            logger.info("fbr.not_marked", extra={"works": works}, exc_info=is_ours)
            return []
        return [sending for lease in leases for sending in mark([lease], actor)]
    if connection.in_atomic_block or not connection.get_autocommit():
        raise RuntimeError("a transaction is open across the wire")
    crashpoint("after_T2")
    return sendings


def _mark(leases: Sequence[Lease], actor: Actor) -> list[Sending]:
    found = list(letters.read(leases))
    if not any(work.channel == Channel.POS for _, work, _ in found):
        script, sendings = _written(found, actor)
        script.run_alone(is_durable=True)
        return sendings
    with transaction.atomic(durable=True):  # tills are looked at under their locks
        script, sendings = _written(found, actor)
        script.run()
    return sendings


def _written(
    found: Iterable[tuple[Lease, Outbox, datetime]], actor: Actor
) -> tuple[Script, list[Sending]]:
    """The marks of all that has a token to go with, not made yet."""
    script, sendings = Script(), []
    for lease, work, now in found:
        script.enter(lease.tenant_id)
        token = _token_or_hold(work, lease, script)
        if token is not None:
            attempt = _marked(work, lease.fence, script, actor=actor, now=now)
            sendings.append(Sending(work, attempt, token))
    return script, sendings


def _marked(work: Outbox, fence: int, script: Script, *, actor: Actor, now: datetime) -> Attempt:
    # The lease begins anew: whatever T1 waited for, the whole send fits into it.
    lease_until = now + timedelta(seconds=settings.FBR_LEASE_S)
    script.update(
        Outbox,
        # T1 cleared the hold: one that stands there now was put by somebody since.
        where={**mine(work, fence, WorkState.WAITING), "hold_reason": ""},
        to={"state": WorkState.SENDING, "lease_until": lease_until},
    )
    submitting = lifecycle.Step(
        work.tenant_id, work.invoice_id, State.QUEUED, State.SUBMITTING, actor=actor, at=now
    )
    submitting.write(script)
    submitting.taken(work.invoice)
    attempt = Attempt(
        tenant_id=work.tenant_id,
        work=work,
        invoice=work.invoice,
        attempt_no=fence,
        body_sha256=work.body_sha256,
        worker=WORKER,
        started_at=now,
    )
    script.insert(attempt)
    return attempt


def _token_or_hold(work: Outbox, lease: Lease, script: Script) -> str | None:
    """The token for these very bytes; what is missing is a hold, no rejection."""
    if hashlib.sha256(bytes(work.body)).hexdigest() != work.body_sha256:
        logger.critical("fbr.bytes_changed", extra={"work": str(work.pk)})
        return None  # it stays leased, and is found by the invariants
    try:
        if work.channel == Channel.POS:
            with tenancy.in_tenant(work.tenant_id):
                tills.check(work)
        return credentials.token_for(work, seller_ntn_cnic=work.invoice.seller_ntn_cnic)
    except (credentials.NoToken, tills.NotFromHere) as missing:
        logger.warning("fbr.no_token", extra={"work": str(work.pk), "why": missing.message})
        held = {"hold_reason": _hold(work, missing), **UNLEASED}
        script.update_if_there(Outbox, where=mine(work, lease.fence, WorkState.WAITING), to=held)
        return None


def _hold(work: Outbox, missing: AppError) -> str:
    """Why the document waits for somebody; it was never submitting.

    A held token holds it by itself: its release must not come before a word written here.
    """
    if isinstance(missing, tills.NotFromHere):
        return Hold.TILL
    held = work.credential is not None and work.credential.held_at is not None
    return "" if held else Hold.CREDENTIAL


# --- T3 ---------------------------------------------------------------------------------------


def carry(sending: Sending) -> Landed:
    """T3. The dry run first where that is configured; its refusal saves the real call.

    Both calls together stay within the total limit, which the lease was measured for.
    """
    work, token = sending.work, sending.token
    # T2 lets no other transport pass.
    carrier = carriers.of(Transport.CLOUD)
    within_s = float(settings.FBR_TOTAL_TIMEOUT_S)

    def ask(call: Call) -> Evidence:
        parcel = Parcel(
            channel=work.channel,
            environment=work.environment,
            call=call,
            body=bytes(work.body),
        )
        return carrier.carry(parcel, token=token, within_s=within_s)

    has_dry_run = channels.dialect_of(work.channel).knows(work.environment, Call.VALIDATE)
    if settings.FBR_VALIDATE_FIRST and has_dry_run:
        within_s /= 2
        evidence = ask(Call.VALIDATE)
        reading = reading_of(work, evidence, call=Call.VALIDATE, at=clock.now())
        if reading.outcome != Outcome.ACCEPTED:
            return Landed(sending, Call.VALIDATE, evidence, clock.now())
    return Landed(sending, Call.RECORD, ask(Call.RECORD), clock.now())


# --- meanwhile --------------------------------------------------------------------------------


def keep_alive(sendings: Iterable[Sending]) -> None:
    """We are still at it: the leases of these begin anew, where they are still ours."""
    script = Script()
    lease_until = clock.database_now() + timedelta(seconds=settings.FBR_LEASE_S)
    for each in sendings:
        script.enter(each.work.tenant_id)
        script.update_if_there(
            Outbox,
            where=mine(each.work, each.attempt.attempt_no, WorkState.SENDING),
            to={"lease_until": lease_until},
        )
    script.run_alone(is_durable=False)
