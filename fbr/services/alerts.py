"""Alerts of the platform: raised once, told once, cleared by themselves.

The row is the outbox of the mail: a claim for five minutes, then the mail, then the note that it
went. Whoever dies in between has it told again; two at once tell it once.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime, timedelta
from smtplib import SMTPException
from typing import Any, Final

from django.conf import settings
from django.core.mail import EmailMessage
from django.db.models import F
from django.db.models.functions import Greatest

from fbr.models import Alert, AlertKind, Tally
from smartinvoicing import arming

logger = logging.getLogger(__name__)

CLAIM: Final = timedelta(minutes=5)
LEASE_EXPIRED: Final = "lease_expired"
NUMBER_TWICE: Final = "number_twice"


def set_off(kind: AlertKind, key: str = "", *, at: datetime, **details: Any) -> None:
    """Raise it, unless it is raised: the log has it at once, the mail goes by `tell`."""
    alert = Alert(kind=kind, key=key, details=details, raised_at=at, tell_after=at)
    Alert.objects.bulk_create([alert], ignore_conflicts=True)
    if Alert.objects.filter(pk=alert.pk).exists():
        logger.error("alert.raised", extra={"alert": kind.value, "key": key, **details})


def clear(kind: AlertKind, key: str = "", *, at: datetime) -> None:
    """It is over."""
    if Alert.objects.filter(kind=kind, key=key, cleared_at=None).update(cleared_at=at):
        logger.info("alert.cleared", extra={"alert": kind.value, "key": key})


def compare(
    found: Mapping[tuple[AlertKind, str], Mapping[str, Any]],
    *,
    among: frozenset[AlertKind],
    at: datetime,
) -> None:
    """Of the kinds `among`, exactly those in `found` are open afterwards."""
    for (kind, key), details in found.items():
        set_off(kind, key, at=at, **details)
    for alert in Alert.objects.filter(kind__in=among, cleared_at=None):
        if (AlertKind(alert.kind), alert.key) not in found:
            clear(AlertKind(alert.kind), alert.key, at=at)


def tell(*, at: datetime) -> int:
    """Mail to the operators what is open and was not told; how many that were."""
    if not settings.OPERATOR_EMAILS or not arming.is_armed():
        return 0
    told = 0
    waiting = Alert.objects.filter(cleared_at=None, told_at=None, tell_after__lte=at)
    for alert in waiting.order_by("raised_at", "id"):
        mine = Alert.objects.filter(pk=alert.pk, told_at=None, tell_after=alert.tell_after)
        if not mine.update(tell_after=at + CLAIM):
            continue  # somebody else tells it
        try:
            _letter(alert).send()
        except (OSError, SMTPException) as error:
            logger.warning("alert.not_told", extra={"failure": type(error).__name__})
            return told
        Alert.objects.filter(pk=alert.pk).update(told_at=at)
        told += 1
    return told


def _letter(alert: Alert) -> EmailMessage:
    """In English, for those who run the installation; nothing of a tenant is in it."""
    which = f" ({alert.key})" if alert.key else ""
    facts = [f"{name}: {value}" for name, value in alert.details.items()]
    lines = [
        f"{AlertKind(alert.kind).label}{which}.",
        f"Since {alert.raised_at:%Y-%m-%d %H:%M} UTC, at {settings.PUBLIC_URL}.",
        *facts,
        "",
        f"What to do stands in docs/runbook.md under {alert.kind}.",
    ]
    return EmailMessage(
        subject=f"Alert: {alert.kind}{which}",
        body="\n".join(lines) + "\n",
        to=settings.OPERATOR_EMAILS,
        headers={"Message-ID": f"<alert-{alert.pk}@smartinvoicing>"},
    )


def open_by_kind() -> dict[str, int]:
    """How many of each kind are open; 0 for those that are not."""
    found = dict.fromkeys(AlertKind.values, 0)
    for kind in Alert.objects.filter(cleared_at=None).values_list("kind", flat=True):
        found[kind] += 1
    return found


def count(name: str, *, at: datetime) -> None:
    """One more of what is counted since the tables were laid."""
    row, made = Tally.objects.get_or_create(name=name, defaults={"count": 1, "last_at": at})
    if not made:
        Tally.objects.filter(pk=row.pk).update(
            count=F("count") + 1, last_at=Greatest(F("last_at"), at)
        )
