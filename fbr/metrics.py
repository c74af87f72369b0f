"""The watchdog's figures in Prometheus' text format. Pure; no tenant can be told from them.

Source: Prometheus documentation, "Exposition formats", text-based format 0.0.4.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from fbr.alarms import Figures

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_ESCAPES: Final = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})
STATES: Final = ("queued", "submitting", "uncertain", "cancel_requested")


@dataclass(frozen=True)
class Sample:
    value: float
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Metric:
    name: str
    says: str
    samples: Iterable[Sample]
    kind: str = "gauge"


def exposition(figures: Figures, alerts: Mapping[str, int]) -> str:
    """alerts: how many of each kind are open."""
    lines: list[str] = []
    for metric in [*_of_documents(figures), *_of_line(figures), *_of_house(figures, alerts)]:
        name = f"smartinvoicing_{metric.name}"
        lines += [f"# HELP {name} {metric.says}", f"# TYPE {name} {metric.kind}"]
        lines += [f"{name}{_labels(each.labels)} {_number(each.value)}" for each in metric.samples]
    return "\n".join(lines) + "\n"


def _of_documents(figures: Figures) -> Iterator[Metric]:
    states = {state: figures.states.get(state) for state in STATES}
    yield Metric(
        "documents",
        "Documents in a state that must not last.",
        [Sample(count.n if count else 0, {"state": state}) for state, count in states.items()],
    )
    yield Metric(
        "oldest_age_seconds",
        "Since when the oldest document is in that state; 0 where there is none.",
        [
            Sample(count.age(figures.at).total_seconds() if count else 0, {"state": state})
            for state, count in states.items()
        ],
    )
    yield Metric(
        "waiting",
        "Queued work by what holds it; none and bulk are held by nothing.",
        [Sample(count.n, {"hold": hold}) for hold, count in sorted(figures.waiting.items())],
    )
    yield Metric(
        "lease_expiries_total",
        "Sends whose worker was lost.",
        [Sample(figures.leases_expired)],
        "counter",
    )
    yield Metric("hanging", "Expired leases not swept yet.", [Sample(figures.hanging.n)])


def _of_line(figures: Figures) -> Iterator[Metric]:
    lines = [
        (line, {"environment": line.environment, "channel": line.channel}) for line in figures.lines
    ]
    yield Metric(
        "breaker_open",
        "1 while nothing is sent to that system of FBR's.",
        [Sample(line.opened_at is not None, labels) for line, labels in lines],
    )
    yield Metric(
        "window",
        "Calls that may be under way at once.",
        [Sample(line.window, labels) for line, labels in lines],
    )


def _of_house(figures: Figures, alerts: Mapping[str, int]) -> Iterator[Metric]:
    at = figures.at
    yield Metric("armed", "1 where this installation may send.", [Sample(figures.is_armed)])
    yield Metric("audit_anchor_age_seconds", "Age of the anchor.", _age(at, figures.anchored_at))
    yield Metric("backup_age_seconds", "Age of the backup.", _age(at, figures.backed_up_at))
    yield Metric(
        "clock_skew_seconds",
        "That clock less ours.",
        [
            Sample(ms / 1000, {"against": name})
            for name, ms in (("database", figures.skew_ms), ("ntp", figures.ntp_skew_ms))
            if ms is not None
        ],
    )
    yield Metric("broker_away", "1 without the doorbell.", [Sample(figures.is_broker_away)])
    yield Metric(
        "disk_used_percent",
        "How full a disk is.",
        [Sample(percent, {"folder": folder}) for folder, percent in figures.disks.items()],
    )
    yield Metric(
        "heartbeat_age_seconds",
        "Since the last sign of life.",
        [
            Sample(each.value, {"process": name})
            for name, seen_at in figures.heartbeats.items()
            for each in _age(at, seen_at)
        ],
    )
    yield Metric("mail_waiting", "Notices not mailed yet.", [Sample(figures.mail.n)])
    yield Metric(
        "alerts",
        "Open alerts.",
        [Sample(count, {"kind": kind}) for kind, count in sorted(alerts.items())],
    )


def _age(at: datetime, last: datetime | None) -> list[Sample]:
    """None where it never was: a missing sample is told from a fresh one."""
    return [] if last is None else [Sample(max(at - last, timedelta()).total_seconds())]


def _labels(labels: Mapping[str, str]) -> str:
    inner = ",".join(f'{name}="{value.translate(_ESCAPES)}"' for name, value in labels.items())
    return f"{{{inner}}}" if inner else ""


def _number(value: float) -> str:
    return f"{float(value):g}" if abs(value) < 1_000_000 else f"{float(value):.0f}"
