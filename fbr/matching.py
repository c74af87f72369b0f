"""Which row of a list from FBR is which document of ours: points for what agrees. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from types import MappingProxyType
from typing import Final
from uuid import UUID

from accounts import registration

SURE: Final = 90
LIKELY: Final = 60

# How much each thing weighs. A row names never all of them: what is missing counts for nobody,
# but a row that names little reaches no high mark.
_WEIGHTS: Final[Mapping[str, int]] = MappingProxyType(
    {"seller": 5, "buyer": 25, "date": 20, "value": 30, "tax": 15, "lines": 5, "number": 20}
)
_LEAST: Final = 70
_ALL: Final = 100
_NEAR: Final = Decimal(1)  # rupee: what two ways of rounding may differ by


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What a document says, here or in FBR's list; None or "" where it does not say."""

    number: str = ""
    seller: str = ""
    buyer: str = ""
    buyer_name: str = ""
    dated_on: date | None = None
    value: Decimal | None = None
    tax: Decimal | None = None
    lines: int | None = None


@dataclass(frozen=True, kw_only=True)
class Match:
    """How well a row fits. points: 0 to 100. differs: the names of what does not agree."""

    row_id: UUID
    points: int
    differs: frozenset[str]

    @property
    def is_sure(self) -> bool:
        return self.points >= SURE


def compare(ours: Facts, theirs: Facts) -> tuple[int, frozenset[str]]:
    """Points from 0 to 100, and what differs. Another seller's row is no candidate at all."""
    if theirs.seller and not _same_number(ours.seller, theirs.seller):
        return 0, frozenset({"seller"})
    shares = {
        "seller": _ALL if theirs.seller else None,
        "buyer": _buyer(ours, theirs),
        "date": _day(ours.dated_on, theirs.dated_on),
        "value": _amount(ours.value, theirs.value),
        "tax": _amount(ours.tax, theirs.tax),
        "lines": _equal(ours.lines, theirs.lines),
        "number": _equal(ours.number.casefold(), theirs.number.casefold()),
    }
    told = {name: share for name, share in shares.items() if share is not None}
    weight = sum(_WEIGHTS[name] for name in told)
    reached = sum(_WEIGHTS[name] * share for name, share in told.items())
    differs = frozenset(name for name, share in told.items() if share < _ALL)
    return reached // max(weight, _LEAST), differs


def may_be_one(ours: Facts, theirs: Facts) -> bool:
    """Whether both may be one sale: of one number, or written twice, on one day or the next."""
    points, differs = compare(replace(ours, number=""), theirs)
    if "seller" in differs:
        return False
    if _equal(ours.number.casefold(), theirs.number.casefold()):
        return True
    speaks = (
        _buyer(ours, theirs),
        _day(ours.dated_on, theirs.dated_on),
        _amount(ours.value, theirs.value),
    )
    return points >= LIKELY and 0 not in speaks


def candidates(ours: Facts, rows: Mapping[UUID, Facts], *, most: int = 3) -> list[Match]:
    """The rows that may be `ours`, the best first; none below `LIKELY`."""
    found = []
    for row_id, theirs in rows.items():
        points, differs = compare(ours, theirs)
        if points >= LIKELY:
            found.append(Match(row_id=row_id, points=points, differs=differs))
    return sorted(found, key=lambda match: (-match.points, str(match.row_id)))[:most]


class Rows:
    """Many rows, found by what they share with a document: no row is looked at in vain."""

    def __init__(self, rows: Mapping[UUID, Facts]) -> None:
        self._rows = rows
        self._by: dict[tuple[str, object], set[UUID]] = {}
        for row_id, facts in rows.items():
            for key in _keys(facts):
                self._by.setdefault(key, set()).add(row_id)

    def near(self, ours: Facts) -> dict[UUID, Facts]:
        """Rows with the number, or with two of customer, day and value, of `ours`."""
        seen: dict[UUID, int] = {}
        for key in _keys(ours):
            for row_id in self._by.get(key, ()):
                seen[row_id] = seen.get(row_id, 0) + (2 if key[0] == "number" else 1)
        return {row_id: self._rows[row_id] for row_id, shared in seen.items() if shared > 1}


def _keys(facts: Facts) -> Iterable[tuple[str, object]]:
    if facts.number:
        yield "number", facts.number.casefold()
    if facts.buyer or facts.buyer_name:
        yield "buyer", registration.normal(facts.buyer) or _folded(facts.buyer_name)
    if facts.dated_on is not None:
        yield "date", facts.dated_on
    if facts.value is not None:
        yield "value", int(facts.value)


def _buyer(ours: Facts, theirs: Facts) -> int | None:
    if ours.buyer and theirs.buyer:
        return _ALL if _same_number(ours.buyer, theirs.buyer) else 0
    if ours.buyer_name and theirs.buyer_name:
        return _ALL if _folded(ours.buyer_name) == _folded(theirs.buyer_name) else 0
    return None


def _same_number(ours: str, theirs: str) -> bool:
    """An NTN is listed with and without its check digit."""
    mine, other = registration.normal(ours), registration.normal(theirs)
    return mine == other or (
        registration.is_ntn(mine) and len(other) == len(mine) + 1 and other.startswith(mine)
    )


def _folded(name: str) -> str:
    return "".join(letter for letter in name.casefold() if letter.isalnum())


def _day(ours: date | None, theirs: date | None) -> int | None:
    if ours is None or theirs is None:
        return None
    days = abs((ours - theirs).days)
    return {0: _ALL, 1: 50}.get(days, 0)


def _amount(ours: Decimal | None, theirs: Decimal | None) -> int | None:
    if ours is None or theirs is None:
        return None
    if ours == theirs:
        return _ALL
    return 80 if abs(ours - theirs) <= _NEAR else 0


def _equal(ours: object, theirs: object) -> int | None:
    if ours in (None, "") or theirs in (None, ""):
        return None
    return _ALL if ours == theirs else 0
