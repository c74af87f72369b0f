"""What came back from FBR: journalled as it is, then applied under its fence (T4 and T5).

`accept_all` is the wide road, for answers that are nothing but an acceptance; every other answer,
and every acceptance that meets an obstacle, goes through `settle`, one by one.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import Error, IntegrityError, close_old_connections, connection, transaction

from accounts import audit, tenancy
from accounts.access import Actor
from accounts.enums import AuditAction
from fbr import backoff, channels, words
from fbr.models import Attempt, Credential, Outbox
from fbr.models.work import Call, WorkState
from fbr.outcomes import Evidence, Hold, Outcome, Reading
from fbr.services import alerts, breaker, credentials, letters, resolving, reviewing, spool
from fbr.services.breaker import Told
from fbr.services.letters import UNLEASED, Landed, Sending, Settled, mine, reading_of
from invoices import lifecycle
from invoices.enums import State
from invoices.models import Invoice
from smartinvoicing import clock
from smartinvoicing.pg import rows
from smartinvoicing.pg.rows import Missed, Script

logger = logging.getLogger(__name__)

# Holds that end when `run_after` comes; the others end when somebody mends something.
_PASSING: Final = frozenset({Hold.CLOCK, Hold.ENDPOINT})


# --- T4 ---------------------------------------------------------------------------------------


def journal(landed: Sequence[Landed]) -> list[Landed]:
    """T4. The raw answers, in a transaction of their own, before any interpretation.

    Returns those that are journalled. With the database gone they are spooled, each by itself.
    """
    try:
        script = Script()
        for each in landed:
            _write_answer(script, each)
        script.run_alone(is_durable=True)
    except Error as error:
        logger.exception("fbr.journal_failed", extra={"failure": type(error).__name__})
        close_old_connections()
        for each in landed:
            _spool(each)
        return []
    return list(landed)


def _write_answer(script: Script, landed: Landed) -> None:
    attempt, answer = landed.sending.attempt, _answer(landed)
    script.enter(attempt.tenant_id)
    script.update_if_there(
        Attempt,
        where={"id": attempt.pk, "tenant_id": attempt.tenant_id, "answered_at": None},
        to=answer,
    )
    for name, value in answer.items():
        setattr(attempt, name, value)


def _answer(landed: Landed) -> dict[str, Any]:
    evidence = landed.evidence
    return {
        "call": landed.call,
        "answered_at": landed.at,
        "sent": evidence.sent,
        "http_status": evidence.status,
        "answer": evidence.body,
        "retry_after": evidence.retry_after,
        "failure": evidence.failure,
        "took_ms": evidence.took_ms,
    }


def _spool(landed: Landed) -> None:
    attempt = landed.sending.attempt
    answer = spool.Answer(
        tenant_id=attempt.tenant_id,
        work_id=landed.sending.work.pk,
        attempt_id=attempt.pk,
        call=landed.call,
        evidence=landed.evidence,
        answered_at=landed.at,
    )
    try:
        spool.keep(answer)
    except OSError:  # lost: the sweep finds the attempt without an answer; the others are kept
        logger.critical("fbr.spool_failed", extra={"attempt": str(attempt.pk)}, exc_info=True)


def replay(answer: spool.Answer, actor: Actor) -> None:
    """T4 and T5 of a spooled answer, as if it had come now. A second time changes nothing."""
    with tenancy.in_tenant(answer.tenant_id):
        with transaction.atomic(durable=True):
            work = letters.needed().get(pk=answer.work_id)
            attempt = Attempt.objects.get(pk=answer.attempt_id)
            landed = Landed(
                Sending(work, attempt, ""), Call(answer.call), answer.evidence, answer.answered_at
            )
            rows.update(Attempt, where={"id": attempt.pk, "answered_at": None}, to=_answer(landed))
        apply_journal(work_id=answer.work_id, attempt_id=answer.attempt_id, actor=actor)


# --- T5 ---------------------------------------------------------------------------------------


def apply(landed: Sequence[Landed], actor: Actor) -> list[Settled]:
    """T5. What the journalled answers mean, applied under their fences.

    One that cannot be applied keeps none of the others back: the sweep reads its journal again.
    """
    plain: list[tuple[Sending, Reading]] = []
    others: list[tuple[Sending, Reading]] = []
    for each in sorted(landed, key=lambda each: each.sending.work.tenant_id):
        reading = _reading(each.sending.work, each.sending.attempt)
        is_plain = reading.outcome == Outcome.ACCEPTED and not reading.codes
        (plain if is_plain else others).append((each.sending, reading))
    settled: list[Settled] = []
    try:
        settled += _accept_all(plain, actor)
    except (Missed, Error):
        close_old_connections()
        logger.info("fbr.one_by_one", extra={"documents": len(plain)})
        others = [*plain, *others]
    for sending, _ in others:
        settled += _apply_alone(sending, actor)
    return settled


def _apply_alone(sending: Sending, actor: Actor) -> Iterable[Settled]:
    try:
        with tenancy.in_tenant(sending.work.tenant_id):
            outcome = _apply(sending.work, sending.attempt, actor)
    except Exception:  # whatever it is, the others go on, and the journal stands
        logger.exception("fbr.apply_failed", extra={"attempt": str(sending.attempt.pk)})
        return
    if outcome is not None:
        yield _settled(sending.work, outcome)


def _settled(work: Outbox, outcome: Outcome) -> Settled:
    return Settled(work.tenant_id, work.invoice_id, outcome)


def _accept_all(accepted: Sequence[tuple[Sending, Reading]], actor: Actor) -> list[Settled]:
    """All of them in one round trip, the audit's lines last: their order is that of every deed.

    Raises: Missed, IntegrityError when one of them cannot be; then none is.
    """
    if not accepted:
        return []
    now = clock.database_now()
    script = _accepting(accepted, actor, now)
    told = [_told(sending.work, reading) for sending, reading in accepted]
    if breaker.is_told_already(told):
        script.run_alone(is_durable=False)  # the journal survives a power cut, and is read again
    else:
        with transaction.atomic(durable=True):
            script.run()
            breaker.note(told, at=now)
    for sending, reading in accepted:
        _log(sending.work, reading)
    return [_settled(sending.work, Outcome.ACCEPTED) for sending, _ in accepted]


def _accepting(accepted: Sequence[tuple[Sending, Reading]], actor: Actor, now: datetime) -> Script:
    script = Script()
    for sending, reading in accepted:
        work, attempt = sending.work, sending.attempt
        script.enter(work.tenant_id)
        script.update(
            Outbox,
            where=mine(work, attempt.attempt_no, WorkState.SENDING),
            to={"state": WorkState.DONE, "done_at": now, **UNLEASED},
        )
        step = lifecycle.Step(
            work.tenant_id, work.invoice_id, State.SUBMITTING, State.ACCEPTED, actor=actor, at=now
        )
        step.write(script, also=_number(reading, now))
        open_one = {"id": attempt.pk, "tenant_id": attempt.tenant_id, "finished_at": None}
        script.update(Attempt, where=open_one, to=_verdict(reading, now))
    for sending, reading in accepted:
        script.enter(sending.work.tenant_id)
        script.insert(_deed(sending.work, sending.attempt, reading, actor, now))
    return script


def _number(reading: Reading, now: datetime) -> dict[str, Any]:
    return {"fbr_number": reading.number, "fbr_dated": reading.dated, "accepted_at": now}


def _verdict(reading: Reading, now: datetime) -> dict[str, Any]:
    return {"outcome": reading.outcome, "why": reading.why[:200], "finished_at": now}


def _deed(work: Outbox, attempt: Attempt, reading: Reading, actor: Actor, now: datetime) -> Any:
    return audit.event(
        actor,
        AuditAction.INVOICE_SETTLED,
        work.invoice,
        at=now,
        outcome=reading.outcome.value,
        attempt=attempt.attempt_no,
    )


def _told(work: Outbox, reading: Reading) -> Told:
    return Told(work.environment, work.channel, reading)


def _log(work: Outbox, reading: Reading) -> None:
    level = logging.ERROR if reading.defect else logging.INFO
    logger.log(
        level, "fbr.settled", extra={"invoice": str(work.invoice_id), "outcome": reading.outcome}
    )


def apply_journal(*, work_id: UUID, attempt_id: UUID, actor: Actor) -> Outcome | None:
    """T5 by somebody else: for the sweep, when the worker died after T4."""
    with transaction.atomic(durable=True):
        work, attempt = letters.needed().get(pk=work_id), Attempt.objects.get(pk=attempt_id)
    return _apply(work, attempt, actor)


def _apply(work: Outbox, attempt: Attempt, actor: Actor) -> Outcome | None:
    """T5 of one. None when fenced out: then the answer is evidence, and overwrites nothing."""
    reading = _reading(work, attempt)
    with transaction.atomic(durable=True):
        now = _still_ours(work, attempt.attempt_no)
        if now is not None:
            outcome = settle(work, attempt, reading, actor=actor, now=now)
            breaker.note([_told(work, reading)], at=now)
            return outcome
    logger.warning("fbr.late_evidence", extra={"attempt": str(attempt.pk)})
    with transaction.atomic(durable=True):
        resolving.take_late_answer(
            work=letters.needed().get(pk=work.pk),
            attempt=Attempt.objects.get(pk=attempt.pk),
            reading=reading,
            actor=actor,
            at=clock.database_now(),
        )
    return None


def _reading(work: Outbox, attempt: Attempt) -> Reading:
    reading = reading_of(
        work, _evidence(attempt), call=attempt.call, at=attempt.answered_at or attempt.started_at
    )
    if attempt.call == Call.VALIDATE and reading.outcome == Outcome.ACCEPTED:
        # Died between the dry run and the call: whether that one left is not known.
        return Reading(outcome=Outcome.UNCERTAIN, why="the worker died after the dry run")
    return reading


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
            resolving.entered(work.invoice, at=now)
    rows.update(Attempt, where={"id": attempt.pk}, to=_verdict(reading, now))
    rows.insert(_deed(work, attempt, reading, actor, now))
    _log(work, reading)
    # Last: it locks rows that every tenant's sender may need.
    reviewing.note_unknown(reading.codes, channel=work.channel, at=now)
    return reading.outcome


def _accept(work: Outbox, reading: Reading, actor: Actor, now: datetime) -> bool:
    """Whether the number is new. A number seen before is our incident, never an acceptance."""
    try:
        with transaction.atomic():
            lifecycle.transition(
                work.invoice, State.ACCEPTED, actor=actor, at=now, also=_number(reading, now)
            )
    except IntegrityError as error:
        if "invoice_fbr_number_once" not in str(error):
            raise
        logger.error("fbr.number_seen_twice", extra={"invoice": str(work.invoice_id)})  # noqa: TRY400 -- no trace: it would hold the number
        alerts.count(alerts.NUMBER_TWICE, at=now)
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
    if reading.retry_after_s is not None and work.credential is not None:
        # FBR counts calls by token: its other documents wait as long.
        rows.update(Credential, where={"id": work.credential.pk}, to={"paced_until": run_after})
    waiting = {
        "state": WorkState.WAITING,
        "hold_reason": reading.hold if reading.hold in _PASSING else "",
        "run_after": run_after,
    }
    rows.update(Outbox, where={"id": work.pk}, to={**waiting, **UNLEASED})


def _close(work: Outbox, state: WorkState, now: datetime) -> None:
    done_at = now if state == WorkState.DONE else None
    rows.update(Outbox, where={"id": work.pk}, to={"state": state, "done_at": done_at, **UNLEASED})
