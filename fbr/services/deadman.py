"""The dead-man switch: somebody else notices when the watchdog itself is silent."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from accounts.models import Heartbeat
from fbr.models import AlertKind
from fbr.services import alerts
from fbr.services.watching import NAME

SILENT: Final = timedelta(minutes=15)


def look(at: datetime, *, awake_since: datetime | None = None) -> bool:
    """Set off and tell the alert while the watchdog gives no sign of life; whether it lives.

    For the dispatcher, at each tick. awake_since: when that one began: what was silent while
    nothing ran has fifteen minutes from there.
    """
    row, _made = Heartbeat.objects.get_or_create(name=NAME, defaults={"at": at})
    seen_at = max(row.at, awake_since) if awake_since else row.at
    if at - seen_at <= SILENT:
        alerts.clear(AlertKind.PROCESS_SILENT, NAME, at=at)
        return True
    last = f"{row.at:%Y-%m-%d %H:%M} UTC"
    alerts.set_off(AlertKind.PROCESS_SILENT, NAME, at=at, last=last)
    alerts.tell(at=at)
    return False
