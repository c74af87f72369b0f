"""When to try again. Pure: attempt and outcome to a waiting time."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

FIRST_S: Final = 15
LONGEST_S: Final = 15 * 60


def wait(*, attempt: int, dice: float, retry_after_s: int | None = None) -> timedelta:
    """15 s doubling to 15 min, full jitter; FBR's own Retry-After is the least.

    attempt: counted from 1.
    dice:    0 <= dice < 1, from the caller.
    """
    ceiling = min(LONGEST_S, FIRST_S * 2 ** min(attempt - 1, 10))
    return timedelta(seconds=max(1 + dice * (ceiling - 1), float(retry_after_s or 0)))
