"""Lease, mark, send, journal, apply: one document, once (reliability contract, 3).

Five steps, each committed before the next begins, and nothing open across the wire:

T1 lease    the row is ours until the lease ends; `attempt_no` is the fence
T2 mark     an open attempt and SUBMITTING are durable before the first byte leaves
T3 send     no transaction is open
T4 journal  the raw answer is stored before anybody reads it
T5 apply    what the answer means, under the fence
"""

from __future__ import annotations

import hashlib
import logging
import os
import random
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.db.models import QuerySet

from accounts import audit
from accounts.access import Actor
from accounts.enums import AuditAction
from fbr import backoff, carriers, channels, words
from fbr.carriers import Parcel
from fbr.models import Attempt, Outbox
from fbr.models.work import Call, WorkState
from fbr.outcomes import Evidence, Hold, Outcome, Reading
from fbr.services import credentials, reviewing, tills
from invoices import lifecycle
from invoices.enums import Channel, State, Transport
from invoices.models import Invoice
from smartinvoicing import clock
from smartinvoicing.crashpoint import crashpoint
from smartinvoicing.errors import AppError, StateConflict
from smartinvoicing.pg import rows

logger = logging.getLogger(__name__)

# Holds that end when `run_after` comes; the others end when somebody mends something.
_PASSING: Final = frozenset({Hold.CLOCK, Hold.ENDPOINT})

_NEEDED: Final = (
    *("tenant_id", "invoice_id", "credential_id", "environment", "channel", "version"),
    *("body", "body_sha256", "lines", "state", "attempt_no", "lease_until"),
    *("invoice__tenant_id", "invoice__state", "invoice__seller_ntn_cnic"),
    *("invoice__number", "invoice__till_id"),
    *("credential__tenant_id", "credential__environment", "credential__seller_ntn_cnic"),
    *("credential__token_sealed", "credential__held_at", "credential__till_id"),
)

_UNLEASED: Final = MappingProxyType({"lease_until": None, "leased_by": ""})

WORKER: Final = f"{socket.gethostname()}:{os.getpid()}"[:80]


@dataclass(frozen=True)
class Settled:
    """Which document a send was about, and what it came to."""

    invoice_id: UUID
    outcome: Outcome


def send_one(*, work_id: UUID, actor: Actor) -> Settled | None:
    """Report one document. None when there was nothing to do: held, leased, settled.

    Raises: StateConflict when somebody else was faster.
    """
    fence = _lease(work_id)
    if fence is None:
        return None
    crashpoint("after_T1")
    marked = _mark(work_id, fence, actor)
    if marked is None:
        return None
    work, attempt, token = marked
    crashpoint("after_T2")
    if connection.in_atomic_block:
        raise RuntimeError("a transaction is open across the wire")
    call, evidence = _send(work, token)
    crashpoint("after_T3")
    _journal(attempt, call, evidence)
    crashpoint("after_T4")
    outcome = _apply(work, attempt, actor)
    crashpoint("after_T5")
    return Settled(work.invoice_id, outcome) if outcome else None


def needed() -> QuerySet[Outbox]:
    """Work with what a send needs of its document and token: the rest stays where it is."""
    return Outbox.objects.select_related("invoice", "credential").only(*_NEEDED)


def _lease(work_id: UUID) -> int | None:
    """T1. The fence, or None when the row is not to be had or the caps are reached."""
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        # Lost with a crash it is merely not leased; T2's commit makes it durable with its own.
        cursor.execute("SET LOCAL synchronous_commit = off")
        cursor.execute(
            "SELECT fbr_lease(%s, %s, %s, %s, %s)",
            [
                work_id,
                WORKER,
                settings.FBR_LEASE_S,
                settings.FBR_CONCURRENCY,
                settings.FBR_CONCURRENCY_PER_CREDENTIAL,
            ],
        )
        row = cursor.fetchone()
    fence: int | None = row[0] if row else None
    return fence


def _mark(work_id: UUID, fence: int, actor: Actor) -> tuple[Outbox, Attempt, str] | None:
    """T2. About to send: durable before the first byte. None when there is no token to send with.

    Raises: StateConflict when the lease was lost or the document is no longer queued.
    """
    with transaction.atomic(durable=True):
        now = _durable_now()
        work = needed().get(pk=work_id)
        mine = {"id": work_id, "attempt_no": fence, "state": WorkState.WAITING}
        try:
            token = _token(work)
        except (credentials.NoToken, tills.NotFromHere) as missing:
            logger.warning("fbr.no_token", extra={"work": str(work.pk), "why": missing.message})
            rows.update(Outbox, where=mine, to={"hold_reason": _hold(work, missing), **_UNLEASED})
            return None
        # The lease begins anew: whatever T1 waited for, the whole send fits into it.
        lease_until = now + timedelta(seconds=settings.FBR_LEASE_S)
        leased = {"state": WorkState.SENDING, "lease_until": lease_until}
        if not rows.update(Outbox, where=mine, to=leased):
            raise StateConflict("Another worker has this document.")
        lifecycle.transition(work.invoice, State.SUBMITTING, actor=actor, at=now)
        attempt = Attempt(
            tenant_id=work.tenant_id,
            work=work,
            invoice=work.invoice,
            attempt_no=fence,
            body_sha256=work.body_sha256,
            worker=WORKER,
            started_at=now,
        )
        rows.insert(attempt)
    return work, attempt, token


def _durable_now() -> datetime:
    """The database's clock, and its promise that this commit survives a power cut."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('synchronous_commit', 'on', true), clock_timestamp()")
        row = cursor.fetchone()
    at: datetime = row[1]
    return at


def _token(work: Outbox) -> str:
    """The token for these very bytes.

    Raises: NoToken, NotFromHere: what is missing is a hold, no rejection.
    """
    body = bytes(work.body)
    if hashlib.sha256(body).hexdigest() != work.body_sha256:
        raise RuntimeError(f"the bytes of work {work.pk} are not those that were issued")
    if work.channel == Channel.POS:
        tills.check(work)
    return credentials.token_for(work, seller_ntn_cnic=work.invoice.seller_ntn_cnic)


def _hold(work: Outbox, missing: AppError) -> str:
    """Why the document waits for somebody; it was never submitting.

    A held token holds it by itself: its release must not come before a word written here.
    """
    if isinstance(missing, tills.NotFromHere):
        return Hold.TILL
    held = work.credential is not None and work.credential.held_at is not None
    return "" if held else Hold.CREDENTIAL


def _send(work: Outbox, token: str) -> tuple[Call, Evidence]:
    """T3. The dry run first where that is configured; its refusal saves the real call.

    Both calls together stay within the total limit, which the lease was measured for.
    """
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
        reading = _read(work, evidence, call=Call.VALIDATE, at=clock.now())
        if reading.outcome != Outcome.ACCEPTED:
            return Call.VALIDATE, evidence
    return Call.RECORD, ask(Call.RECORD)


def _read(work: Outbox, evidence: Evidence, *, call: str, at: datetime) -> Reading:
    return channels.dialect_of(work.channel).read(
        evidence,
        call=call,
        lines=work.lines,
        usin=work.invoice.number,
        environment=work.environment,
        at=at,
    )


def _journal(attempt: Attempt, call: Call, evidence: Evidence) -> None:
    """T4. The raw answer, in a transaction of its own, before any interpretation."""
    journal: dict[str, Any] = {
        "call": call,
        "answered_at": clock.now(),
        "sent": evidence.sent,
        "http_status": evidence.status,
        "answer": evidence.body,
        "retry_after": evidence.retry_after,
        "failure": evidence.failure,
        "took_ms": evidence.took_ms,
    }
    with transaction.atomic(durable=True):
        rows.update(Attempt, where={"id": attempt.pk, "answered_at": None}, to=journal)
    for name, value in journal.items():
        setattr(attempt, name, value)


def apply_journal(*, work_id: UUID, attempt_id: UUID, actor: Actor) -> Outcome | None:
    """T5 by somebody else: for the sweep, when the worker died after T4."""
    with transaction.atomic(durable=True):
        work, attempt = needed().get(pk=work_id), Attempt.objects.get(pk=attempt_id)
    return _apply(work, attempt, actor)


def _apply(work: Outbox, attempt: Attempt, actor: Actor) -> Outcome | None:
    """T5. What the journalled answer means, applied under the fence; None when fenced out."""
    with transaction.atomic(durable=True):
        now = _still_ours(work, attempt.attempt_no)
        if now is None:
            logger.warning("fbr.late_evidence", extra={"attempt": str(attempt.pk)})
            return None
        answered_at = attempt.answered_at or attempt.started_at
        reading = _read(work, _evidence(attempt), call=attempt.call, at=answered_at)
        if attempt.call == Call.VALIDATE and reading.outcome == Outcome.ACCEPTED:
            # Died between the dry run and the call: whether that one left is not known.
            reading = Reading(outcome=Outcome.UNCERTAIN, why="the worker died after the dry run")
        return settle(work, attempt, reading, actor=actor, now=now)


def _still_ours(work: Outbox, fence: int) -> datetime | None:
    """The database's time if this send still holds its work, which is locked until the end."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT clock_timestamp() FROM fbr_outbox WHERE tenant_id = %s AND id = %s"
            " AND attempt_no = %s AND state = %s FOR UPDATE",
            [work.tenant_id, work.pk, fence, WorkState.SENDING],
        )
        row = cursor.fetchone()
    return row[0] if row else None


def _evidence(attempt: Attempt) -> Evidence:
    return Evidence(
        sent=attempt.sent is not False,
        status=attempt.http_status,
        body=bytes(attempt.answer or b""),
        retry_after=attempt.retry_after,
        failure=attempt.failure if attempt.answered_at else "lost",
        took_ms=attempt.took_ms or 0,
    )


def settle(
    work: Outbox, attempt: Attempt, reading: Reading, *, actor: Actor, now: datetime
) -> Outcome:
    """Apply one reading to document, work and attempt, all in the caller's transaction."""
    if reading.outcome == Outcome.ACCEPTED and not _accept(work, reading, actor, now):
        reading = Reading(outcome=Outcome.UNCERTAIN, why="FBR gave a number that is known already")
    match reading.outcome:
        case Outcome.ACCEPTED:
            _close(work, WorkState.DONE, now)
        case Outcome.REJECTED:
            problems = list(_problems(work.channel, reading))
            lifecycle.transition(
                work.invoice, State.REJECTED, actor=actor, at=now, also={"problems": problems}
            )
            _close(work, WorkState.DONE, now)
        case Outcome.RETRYABLE | Outcome.AUTH:
            _again(work, attempt, reading, actor, now)
        case Outcome.UNCERTAIN:
            lifecycle.transition(
                work.invoice, State.UNCERTAIN, actor=actor, at=now, note=reading.why[:300]
            )
            _close(work, WorkState.STOPPED, now)
    verdict = {"outcome": reading.outcome, "why": reading.why[:200], "finished_at": now}
    rows.update(Attempt, where={"id": attempt.pk}, to=verdict)
    audit.record(
        actor,
        AuditAction.INVOICE_SETTLED,
        work.invoice,
        at=now,
        outcome=reading.outcome.value,
        attempt=attempt.attempt_no,
    )
    level = logging.ERROR if reading.defect else logging.INFO
    logger.log(
        level, "fbr.settled", extra={"invoice": str(work.invoice_id), "outcome": reading.outcome}
    )
    # Last: it locks rows that every tenant's sender may need.
    reviewing.note_unknown(reading.codes, channel=work.channel, at=now)
    return reading.outcome


def _accept(work: Outbox, reading: Reading, actor: Actor, now: datetime) -> bool:
    """Whether the number is new. A number seen before is our incident, never an acceptance."""
    try:
        with transaction.atomic():
            lifecycle.transition(
                work.invoice,
                State.ACCEPTED,
                actor=actor,
                at=now,
                also={
                    "fbr_number": reading.number,
                    "fbr_dated": reading.dated,
                    "accepted_at": now,
                },
            )
    except IntegrityError as error:
        if "invoice_fbr_number_once" not in str(error):
            raise
        logger.error("fbr.number_seen_twice", extra={"invoice": str(work.invoice_id)})  # noqa: TRY400 -- no trace: it would hold the number
        work.invoice = Invoice.objects.get(pk=work.invoice_id)
        return False
    return True


def _problems(channel: str, reading: Reading) -> Iterable[dict[str, Any]]:
    problem_of = channels.dialect_of(channel).problem_of
    for found in reading.codes:
        yield problem_of(found).as_dict()
    if not reading.codes:
        yield words.unexplained(reading.why).as_dict()


def _again(work: Outbox, attempt: Attempt, reading: Reading, actor: Actor, now: datetime) -> None:
    """Proven not recorded: back into the queue, later."""
    lifecycle.transition(work.invoice, State.QUEUED, actor=actor, at=now, note=reading.why[:300])
    if reading.outcome == Outcome.AUTH and work.credential is not None:
        credentials.hold(
            credential=work.credential,
            why=reading.why,
            tried_at=attempt.started_at,
            actor=actor,
            at=now,
        )
    wait = backoff.wait(
        attempt=work.attempt_no,
        dice=random.random(),  # noqa: S311 -- jitter, no secret
        retry_after_s=reading.retry_after_s,
    )
    run_after = reading.not_before or now + wait
    if reading.hold == Hold.ENDPOINT:
        run_after = now + timedelta(seconds=backoff.LONGEST_S)
    waiting = {
        "state": WorkState.WAITING,
        "hold_reason": reading.hold if reading.hold in _PASSING else "",
        "run_after": run_after,
    }
    rows.update(Outbox, where={"id": work.pk}, to={**waiting, **_UNLEASED})


def _close(work: Outbox, state: WorkState, now: datetime) -> None:
    done_at = now if state == WorkState.DONE else None
    rows.update(Outbox, where={"id": work.pk}, to={"state": state, "done_at": done_at, **_UNLEASED})
