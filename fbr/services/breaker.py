"""When to stop calling one of FBR's systems, and when to go on: one row a system, for all.

What an outcome does to the row is `fbr.breaking`'s; here it is read and written.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from functools import partial
from typing import Final
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction

from accounts import tenancy
from accounts.access import Actor
from fbr import breaking, carriers, channels, lookups
from fbr.breaking import Limits, Line
from fbr.carriers import Parcel
from fbr.di import probe as di_probe
from fbr.models import Breaker, Credential, Outbox
from fbr.models.work import Call
from fbr.outcomes import Hold, Outcome, Reading
from fbr.pos import probe as pos_probe
from fbr.services import credentials
from invoices.enums import Channel, Transport
from smartinvoicing import clock

logger = logging.getLogger(__name__)

_FIELDS: Final = tuple(each.name for each in fields(Line))
PROBER: Final = Actor.system("fbr.probe")
_CALM_S: Final = 5.0
_calm_until: dict[tuple[str, str], float] = {}


@dataclass(frozen=True)
class Told:
    """One document's outcome, and whose system it tells of."""

    environment: str
    channel: str
    reading: Reading


def limits() -> Limits:
    return Limits(
        cap=settings.FBR_CONCURRENCY,
        first=min(settings.FBR_CONCURRENCY, settings.FBR_FIRST_CALLS),
        first_wait_s=settings.FBR_BREAKER_FIRST_S,
        longest_wait_s=settings.FBR_BREAKER_LONGEST_S,
    )


def state_of(environment: str, channel: str) -> Breaker | None:
    """How that system does; None as long as nothing was ever sent to it."""
    return Breaker.objects.filter(environment=environment, channel=channel).first()


def note(told: Iterable[Told], *, at: datetime) -> None:
    """Fold outcomes into their systems' rows: in the transaction that frees their slots.

    It locks the rows until that transaction ends, so it comes last in it.
    """
    by_system: dict[tuple[str, str], list[Told]] = {}
    for each in told:
        by_system.setdefault((each.environment, each.channel), []).append(each)
    for system in sorted(by_system):
        if not is_told_already(by_system[system]):
            readings = [each.reading for each in by_system[system]]
            _change(system, partial(_folded, readings=readings, at=at))


def is_told_already(told: Iterable[Told]) -> bool:
    """Whether these would change nothing: lines that were well a moment ago, and still are."""
    return all(
        time.monotonic() < _calm_until.get((each.environment, each.channel), 0.0)
        and not breaking.is_bad(each.reading)
        for each in told
    )


def _folded(line: Line, readings: Sequence[Reading], at: datetime) -> Line:
    for reading in readings:
        line = breaking.after(line, reading, at=at, limits=limits())
    return line


def _change(system: tuple[str, str], change: Callable[[Line], Line]) -> None:
    environment, channel = system
    Breaker.objects.bulk_create(
        [Breaker(environment=environment, channel=channel)], ignore_conflicts=True
    )
    row = Breaker.objects.select_for_update().get(environment=environment, channel=channel)
    was = Line(**{name: getattr(row, name) for name in _FIELDS})
    line = change(was)
    for name, value in asdict(line).items():
        setattr(row, name, value)
    row.probing_until = None if line.retry_at != was.retry_at else row.probing_until
    row.save()
    if was.opened_at is None and line.opened_at is not None:
        logger.error("fbr.breaker_opened", extra={"line": str(row), "why": line.why})
    if was.opened_at is not None and line.opened_at is None:
        logger.warning("fbr.breaker_closed", extra={"line": str(row)})
    is_calm = line.is_calm and line.window >= settings.FBR_CONCURRENCY
    _calm_until[system] = time.monotonic() + _CALM_S if is_calm else 0.0


# --- the safe call ----------------------------------------------------------------------------

_CLAIM: Final = """
UPDATE fbr_breaker SET probing_until = clock_timestamp() + make_interval(secs => %s)
WHERE id = (
    SELECT id FROM fbr_breaker
    WHERE (probing_until IS NULL OR probing_until <= clock_timestamp())
      AND (retry_at <= clock_timestamp() OR (retry_at IS NULL AND is_suspect))
      AND installation_is_armed(%s)
    ORDER BY id FOR UPDATE SKIP LOCKED LIMIT 1
) RETURNING environment, channel
"""


@dataclass(frozen=True, kw_only=True)
class Probe:
    """A safe call that is due: what to ask whom, everything read already."""

    environment: str
    channel: str
    token: str
    body: bytes
    lines: int
    has_work: bool


def claim_probe() -> Probe | None:
    """A safe call that is due and that nobody else makes; None where there is none.

    Without any token of that system there is nobody to ask: the line is taken on trial then.
    """
    with (
        tenancy.across_tenants(why="fbr.probe"),
        transaction.atomic(durable=True),
        connection.cursor() as cursor,
    ):
        cursor.execute(_CLAIM, [settings.FBR_TOTAL_TIMEOUT_S * 2, settings.INSTANCE_ID])
        system = cursor.fetchone()
        if system is None:
            return None
        cursor.execute("SELECT * FROM fbr_probe_with(%s, %s)", list(system))
        found = cursor.fetchone()
    if found is None:
        record_probe(system, is_well=True, has_work=True)
        return None
    return _probe_of(system, *found)


def _probe_of(
    system: tuple[str, str], tenant_id: UUID, credential_id: UUID, work_id: UUID | None
) -> Probe | None:
    with tenancy.in_tenant(tenant_id), transaction.atomic():
        credential = Credential.objects.get(pk=credential_id)
        work = Outbox.objects.filter(pk=work_id).first() if work_id else None
        try:
            token = credentials.opened(credential)
        except credentials.NoToken as error:
            credentials.hold(credential=credential, why=error.message, actor=PROBER, at=clock.now())
            Breaker.objects.filter(environment=system[0], channel=system[1]).update(
                probing_until=None
            )
            return None  # another token is asked next time
    return Probe(
        environment=system[0],
        channel=system[1],
        token=token,
        body=bytes(work.body) if work else b"",
        lines=work.lines if work else 0,
        has_work=work is not None,
    )


def ask(probe: Probe) -> bool:
    """Make the safe call. Whether FBR gave a definite answer, whatever it says."""
    within_s = float(settings.FBR_TOTAL_TIMEOUT_S)
    if probe.channel == Channel.POS:
        parcel = _parcel(probe, Call.RECORD, pos_probe.EMPTY_BILL)
        evidence = carriers.of(Transport.CLOUD).carry(parcel, token=probe.token, within_s=within_s)
        return pos_probe.read(evidence, at=clock.now()).works is not None
    if not probe.body:
        evidence = lookups.get(di_probe.PATH, {}, token=probe.token, within_s=within_s)
        return di_probe.read(evidence) in _DEFINITE
    parcel = _parcel(probe, Call.VALIDATE, probe.body)
    evidence = carriers.of(Transport.CLOUD).carry(parcel, token=probe.token, within_s=within_s)
    reading = channels.dialect_of(probe.channel).read(
        evidence,
        call=Call.VALIDATE,
        lines=probe.lines,
        usin="",
        environment=probe.environment,
        at=clock.now(),
    )
    said = {Outcome.ACCEPTED, Outcome.REJECTED, Outcome.AUTH}
    return reading.outcome in said or reading.hold == Hold.CLOCK


_DEFINITE: Final = frozenset(
    {di_probe.Finding.WORKS, di_probe.Finding.REFUSED, di_probe.Finding.FORBIDDEN}
)


def _parcel(probe: Probe, call: Call, body: bytes) -> Parcel:
    return Parcel(channel=probe.channel, environment=probe.environment, call=call, body=body)


def record_probe(system: tuple[str, str], *, is_well: bool, has_work: bool) -> None:
    """What the safe call came to. One that trouble overtook since it was claimed says nothing."""
    with tenancy.across_tenants(why="fbr.probe"), transaction.atomic(durable=True):
        at = clock.database_now()
        rows = Breaker.objects.select_for_update().filter(environment=system[0], channel=system[1])
        if rows.filter(probing_until=None).exists():
            logger.info("fbr.probe_overtaken", extra={"line": " ".join(system)})
            return
        _change(
            system,
            lambda line: breaking.after_probe(
                line, is_well=is_well, has_work=has_work, at=at, limits=limits()
            ),
        )
        rows.update(probing_until=None)
    logger.info("fbr.probed", extra={"line": " ".join(system), "well": is_well})


def release_all(*, environment: str) -> None:
    """Take the lines of an environment on trial at once: a person's word that FBR is back."""
    Breaker.objects.filter(environment=environment).update(
        opened_at=None, retry_at=None, is_suspect=False, hold="", bad_in_row=0, recent="", wait_s=0
    )
