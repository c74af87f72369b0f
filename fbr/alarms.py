"""What of the figures is an alert: limits, and the judgement. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from fbr.models import AlertKind
from fbr.outcomes import Hold

Finding = tuple[tuple[AlertKind, str], dict[str, Any]]

_MINUTE: Final = timedelta(minutes=1)
_HOUR: Final = timedelta(hours=1)

QUEUED_LONG: Final = 5 * _MINUTE
BULK_LONG: Final = 2 * _HOUR
SUBMITTING_LONG: Final = 5 * _MINUTE
UNCERTAIN_LONG: Final = 24 * _HOUR
UNCERTAIN_MANY: Final = 8  # one outage makes no more than may fly at once
CANCEL_LONG: Final = 72 * _HOUR
LEASE_NEWS: Final = 15 * _MINUTE
TWICE_NEWS: Final = 24 * _HOUR
SILENT: Final = 3 * _MINUTE
MAIL_LONG: Final = 15 * _MINUTE
ANCHOR_LONG: Final = 2 * _HOUR
BACKUP_LONG: Final = 26 * _HOUR
DRILL_LONG: Final = timedelta(days=8)
SKEW_MS: Final = 2_000
DISK_PERCENT: Final = 80


@dataclass(frozen=True, kw_only=True)
class Count:
    """How many of something there are, and since when the oldest is so."""

    n: int = 0
    oldest: datetime | None = None

    def age(self, at: datetime) -> timedelta:
        return max(at - self.oldest, timedelta()) if self.oldest else timedelta()


@dataclass(frozen=True, kw_only=True)
class Line:
    """One of FBR's systems, as the breaker has it."""

    environment: str
    channel: str
    opened_at: datetime | None
    hold: str
    window: int

    @property
    def key(self) -> str:
        return f"{self.environment}/{self.channel}"


@dataclass(frozen=True, kw_only=True)
class Figures:
    """What the watchdog knows. Ages and counts; nothing of any tenant.

    states:     documents in the states that must not last.
    waiting:    queued work by its hold; `none` and `bulk` where nothing holds it.
    rehearsed_at, drill_faults: the last rehearsal that found nothing; what the newest one found.
    hanging:    sends whose lease ran out and which nobody swept yet.
    since:      when this installation was armed: before it nothing could be late.
    """

    at: datetime
    since: datetime | None
    is_armed: bool = True
    states: Mapping[str, Count] = field(default_factory=dict)
    waiting: Mapping[str, Count] = field(default_factory=dict)
    hanging: Count = Count()
    mail: Count = Count()
    leases_expired: int = 0
    lease_expired_at: datetime | None = None
    numbers_twice: int = 0
    number_twice_at: datetime | None = None
    lines: tuple[Line, ...] = ()
    anchored_at: datetime | None = None
    audit_is_right: bool | None = None
    backed_up_at: datetime | None = None
    rehearsed_at: datetime | None = None
    drill_faults: int = 0
    skew_ms: int = 0
    ntp_skew_ms: int | None = None
    clock_holds: bool = False
    clock_checked_at: datetime | None = None
    is_broker_away: bool = False
    disks: Mapping[str, int] = field(default_factory=dict)
    heartbeats: Mapping[str, datetime | None] = field(default_factory=dict)
    has_time_server: bool = False
    is_production: bool = False


def findings(figures: Figures) -> dict[tuple[AlertKind, str], dict[str, Any]]:
    """Every alert that should be open now, with what the mail about it says."""
    judges = (_of_documents, _of_sending, _of_line, _of_keeping, _of_clocks, _of_machine)
    return dict(finding for judge in judges for finding in judge(figures))


def _of_documents(figures: Figures) -> Iterator[Finding]:
    at = figures.at
    old = (
        (AlertKind.QUEUED_OLD, "", figures.waiting.get("none", Count()), QUEUED_LONG),
        (AlertKind.QUEUED_OLD, "bulk", figures.waiting.get("bulk", Count()), BULK_LONG),
        (AlertKind.SUBMITTING_OLD, "", figures.states.get("submitting", Count()), SUBMITTING_LONG),
        (AlertKind.UNCERTAIN_OLD, "", figures.states.get("uncertain", Count()), UNCERTAIN_LONG),
        (AlertKind.CANCEL_OLD, "", figures.states.get("cancel_requested", Count()), CANCEL_LONG),
        (AlertKind.MAIL_STUCK, "", figures.mail, MAIL_LONG),
    )
    for kind, key, count, limit in old:
        if count.n and count.age(at) > limit:
            yield (kind, key), {"count": count.n, "minutes": count.age(at) // _MINUTE}
    uncertain = figures.states.get("uncertain", Count())
    if uncertain.n > UNCERTAIN_MANY:
        yield (AlertKind.UNCERTAIN_MANY, ""), {"count": uncertain.n}


def _of_sending(figures: Figures) -> Iterator[Finding]:
    at, last = figures.at, figures.lease_expired_at
    if figures.hanging.n and figures.hanging.age(at) > SILENT:
        yield (AlertKind.LEASES_EXPIRED, "unswept"), {"count": figures.hanging.n}
    if last is not None and at - last < LEASE_NEWS:
        yield (AlertKind.LEASES_EXPIRED, ""), {"in all": figures.leases_expired}
    twice = figures.number_twice_at
    if twice is not None and at - twice < TWICE_NEWS:
        yield (AlertKind.NUMBER_TWICE, ""), {"in all": figures.numbers_twice}
    if not figures.is_armed:
        yield (AlertKind.DISARMED, ""), {}


def _of_line(figures: Figures) -> Iterator[Finding]:
    for line in figures.lines:
        if line.opened_at is not None:
            yield (
                (AlertKind.BREAKER_OPEN, line.key),
                {"since": f"{line.opened_at:%Y-%m-%d %H:%M} UTC"},
            )
        if line.hold == Hold.ENDPOINT:
            yield (AlertKind.LINE_HELD, line.key), {}


def _of_keeping(figures: Figures) -> Iterator[Finding]:
    """Copies that prove and restore; a fresh installation has as long as an old one."""
    kept = [(AlertKind.ANCHOR_LATE, figures.anchored_at, ANCHOR_LONG)]
    if figures.is_production:
        kept.append((AlertKind.BACKUP_LATE, figures.backed_up_at, BACKUP_LONG))
        kept.append((AlertKind.DRILL_LATE, figures.rehearsed_at, DRILL_LONG))
    for kind, last, limit in kept:
        begun = last or figures.since
        if begun is not None and figures.at - begun > limit:
            yield (kind, ""), {"last": f"{last:%Y-%m-%d %H:%M} UTC" if last else "never"}
    if figures.drill_faults:
        yield (AlertKind.DRILL_FAILED, ""), {"faults": figures.drill_faults}
    if figures.audit_is_right is False:
        yield (AlertKind.AUDIT_BROKEN, ""), {}


def _of_clocks(figures: Figures) -> Iterator[Finding]:
    skews = {"database": figures.skew_ms, "time server": figures.ntp_skew_ms or 0}
    if max(map(abs, skews.values())) > SKEW_MS:
        told = {f"{name}, ms": skew for name, skew in skews.items()}
        yield (AlertKind.CLOCK_OFF, ""), told | {"nothing is sent": figures.clock_holds}
    if figures.has_time_server and figures.clock_checked_at and figures.ntp_skew_ms is None:
        yield (AlertKind.CLOCK_UNKNOWN, ""), {}


def _of_machine(figures: Figures) -> Iterator[Finding]:
    if figures.is_broker_away:
        yield (AlertKind.BROKER_AWAY, ""), {}
    for folder, percent in figures.disks.items():
        if percent >= DISK_PERCENT:
            yield (AlertKind.DISK_FULL, folder), {"percent": percent}
    for name, seen_at in figures.heartbeats.items():
        if seen_at is None or figures.at - seen_at > SILENT:
            last = f"{seen_at:%Y-%m-%d %H:%M} UTC" if seen_at else "never"
            yield (AlertKind.PROCESS_SILENT, name), {"last": last}
