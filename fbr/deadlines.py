"""How long there is to report what was issued offline, or to tell FBR of a failure. Pure.

Source: Sales Tax Rules 2006, rule 150XC (upload within 24 hours of restoration) and rule
150XA(c), (d) (failures within 24 hours).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from django.db import models

A_DAY: Final = timedelta(hours=24)
# A pace is known only after a while; before it nobody is alarmed.
PACE_AFTER: Final = timedelta(minutes=15)


class Stage(models.TextChoices):
    """How far a day of grace went. The values are the hours after which each begins."""

    EARLY = "0", "early"
    HALF = "12", "half of it is over"
    LATE = "20", "four hours are left"
    LAST = "23", "the last hour"
    OVER = "24", "it is over"

    @property
    def after(self) -> timedelta:
        return timedelta(hours=int(self.value))

    @property
    def left(self) -> timedelta:
        return A_DAY - self.after


def deadline_after(event: datetime) -> datetime:
    """The end of the day of grace that `event` begins: a restoration, or knowledge of a failure."""
    return event + A_DAY


def stage_at(deadline: datetime, *, at: datetime) -> Stage:
    """The last stage that has begun. At the deadline itself it is over."""
    begun = [stage for stage in Stage if deadline - stage.left <= at]
    return begun[-1] if begun else Stage.EARLY


def is_unrestored_long(first_issued_at: datetime, *, at: datetime) -> bool:
    """Whether a document waits for a day already and FBR has not come back at all."""
    return at - first_issued_at >= A_DAY


def is_too_slow(
    *, left: int, done: int, restored_at: datetime, deadline: datetime, at: datetime
) -> bool:
    """Whether what is left needs more time, at the pace since the restoration, than there is.

    left, done: documents that wait, and that FBR has since.
    """
    passed = at - restored_at
    if not left or passed < PACE_AFTER or at >= deadline:
        return False
    return passed * left > (deadline - at) * done


def time_left(*, left: int, done: int, restored_at: datetime, at: datetime) -> timedelta | None:
    """How long the rest takes at the pace since the restoration; None while none is known."""
    return (at - restored_at) / done * left if done and left else None
