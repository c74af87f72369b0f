"""Two lines of a document become one, where that moves no paisa of their value. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Final

from invoices import warnings
from invoices.content import Line
from smartinvoicing.money import LARGEST

ValueOf = Callable[[Line], Decimal]

_GIVEN: Final = ("further_tax", "extra_tax", "fed", "withheld")
_ALIKE: Final = ("fed_unit_price", "fed_schedule", "fed_item")
_LONGEST: Final = 300  # characters of a description


def partner_of(lines: Sequence[Line], number: int) -> int | None:
    """The line, counted from 1, into which line `number` may go: the first with its HS code."""
    if not 1 < number <= len(lines) or not lines[number - 1].hs_code:
        return None
    code = lines[number - 1].hs_code
    first = next(place for place, line in enumerate(lines, start=1) if line.hs_code == code)
    return first if first < number else None


def merged(one: Line, other: Line, *, value_of: ValueOf) -> Line | None:
    """Both as one line of the summed quantity; None where they are not the same supply, or where
    the value of the one line would not be the sum of the two.

    value_of: rupees before tax of a line, on the terms of its document.
    """
    if not warnings.can_merge(one, other) or not _are_alike(one, other):
        return None
    description = _description(one, other)
    together = replace(
        one,
        description=description,
        quantity=one.quantity + other.quantity,
        discount=one.discount + other.discount,
        further_tax=_sum(one.further_tax, other.further_tax),
        extra_tax=_sum(one.extra_tax, other.extra_tax),
        fed=_sum(one.fed, other.fed),
        withheld=_sum(one.withheld, other.withheld),
    )
    fits = len(description) <= _LONGEST and together.quantity <= LARGEST
    if not fits or value_of(together) != value_of(one) + value_of(other):
        return None
    return together


def _are_alike(one: Line, other: Line) -> bool:
    """An amount that is computed and one that was typed do not add up to either."""
    typed = all((getattr(one, name) is None) == (getattr(other, name) is None) for name in _GIVEN)
    return typed and all(getattr(one, name) == getattr(other, name) for name in _ALIKE)


def _sum(one: Decimal | None, other: Decimal | None) -> Decimal | None:
    return None if one is None or other is None else one + other


def _description(one: Line, other: Line) -> str:
    if one.description.casefold() == other.description.casefold():
        return one.description
    return "; ".join(filter(None, (one.description, other.description)))
