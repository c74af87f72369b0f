"""FBR's lists as this process knows them: read once, looked at again every five minutes."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from invoices.models import HsCode, RateText, Unit
from invoices.tax import Rate

FRESH_S: Final = 300.0


@dataclass(frozen=True, kw_only=True)
class Reference:
    """What FBR knows: codes, units in their own capitals, rate texts with their numbers."""

    hs_codes: frozenset[str]
    units: frozenset[str]
    rates: Mapping[str, Rate]

    def rate(self, text: str) -> Rate:
        """The rate of a text; one that FBR does not know counts as nothing until mended."""
        return self.rates.get(text, Rate(text=text))


_lock = threading.Lock()
_held: tuple[float, Reference] | None = None


def load() -> Reference:
    """Read the lists from the database: three queries, about 8,000 rows."""
    return Reference(
        hs_codes=frozenset(HsCode.objects.values_list("code", flat=True)),
        units=frozenset(Unit.objects.values_list("name", flat=True)),
        rates={row.text: _rate(row) for row in RateText.objects.all()},
    )


def _rate(row: RateText) -> Rate:
    given = {"percent": row.percent, "per_unit": row.per_unit}
    return Rate(text=row.text, **{name: number for name, number in given.items() if number})


def current() -> Reference:
    """The lists, at most five minutes old."""
    global _held  # noqa: PLW0603 -- one copy a process, guarded by the lock
    with _lock:
        if _held is None or time.monotonic() - _held[0] > FRESH_S:
            _held = (time.monotonic(), load())
        return _held[1]
