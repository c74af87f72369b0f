"""Alarms from due times in the database: set, silenced, sounded; late ones are caught up with."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final
from uuid import UUID

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Coalesce
from django.utils.module_loading import import_string

from privacy.models import Alarm

logger = logging.getLogger(__name__)

# Whose function hears each kind: `hear(alarm: Alarm, *, at: datetime) -> None`, run in the
# transaction that notes the alarm as sounded. A test resolves each.
HEARD_BY: Final[Mapping[str, str]] = MappingProxyType(
    {
        "request": "privacy.services.clocks.hear",
        "closure": "privacy.services.closing.hear",
        "breach": "privacy.services.breach_alerts.hear",
        "hold": "privacy.services.holds.hear",
        "glass": "privacy.services.glass.hear",
        "register": "privacy.services.register_alarms.hear",
        "ticket": "privacy.services.tickets.hear",
    }
)


def set_alarm(
    kind: str, about: UUID, step: str, *, due_at: datetime, repeat: timedelta | None = None
) -> None:
    """Have it sound at `due_at`. Set again before it sounded, it is moved; after, it stays."""
    fresh = Alarm(
        kind=kind,
        about=about,
        step=step,
        due_at=due_at,
        sounds_at=due_at,
        repeat_s=int(repeat.total_seconds()) if repeat else None,
    )
    Alarm.objects.bulk_create([fresh], ignore_conflicts=True)
    # A silenced one moves too: it may be revived.
    Alarm.objects.filter(kind=kind, about=about, step=step, times=0).exclude(pk=fresh.pk).update(
        due_at=due_at, sounds_at=due_at, repeat_s=fresh.repeat_s
    )


def silence(kind: str, about: UUID, *, at: datetime, steps: Iterable[str] | None = None) -> None:
    """What they were about is done: these steps, or all of the matter, sound no more."""
    alarms = Alarm.objects.filter(kind=kind, about=about, silenced_at=None)
    if steps is not None:
        alarms = alarms.filter(step__in=list(steps))
    alarms.update(silenced_at=at)


def revive(kind: str, about: UUID, *, steps: Iterable[str]) -> None:
    """What was done is not done any more: these sound again, late where their time has passed."""
    silenced = Alarm.objects.filter(
        kind=kind, about=about, step__in=list(steps), silenced_at__isnull=False
    )
    silenced.update(silenced_at=None, sounds_at=Coalesce("sounds_at", "due_at"))


def sound_due(*, at: datetime) -> int:
    """Sound what is due, each once, in the order of their times; how many sounded.

    One that fails is tried again at the next run, and keeps none of the others back.
    """
    sounded = 0
    failed: set[UUID] = set()
    while True:
        with transaction.atomic():
            alarm = (
                Alarm.objects.select_for_update(skip_locked=True)
                .filter(silenced_at=None, sounds_at__lte=at)
                .exclude(pk__in=failed)
                .order_by("sounds_at", "id")
                .first()
            )
            if alarm is None:
                return sounded
            try:
                with transaction.atomic():
                    _sound(alarm, at)
            except Exception:
                failed.add(alarm.pk)
                logger.exception("alarm.failed", extra={"kind": alarm.kind, "step": alarm.step})
            else:
                sounded += 1


def _sound(alarm: Alarm, at: datetime) -> None:
    late = at - (alarm.sounds_at or at)
    again = timedelta(seconds=alarm.repeat_s) if alarm.repeat_s else None
    alarm.late_s = int(late.total_seconds())
    Alarm.objects.filter(pk=alarm.pk).update(
        sounded_at=at,
        late_s=alarm.late_s,
        times=F("times") + 1,
        sounds_at=at + again if again else None,
    )
    import_string(HEARD_BY[alarm.kind])(alarm, at=at)
