"""FBR's rate texts and the tax that they give: the fake's own arithmetic.

Source: PRAL DI API v1.12, rate texts of SaleTypeToRate and the scenario samples.
"""

import re
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

PAISA: Final = Decimal("0.01")
UNTAXED: Final = frozenset({"Exempt", "DTRE"})

_NUMBER: Final = r"(\d+(?:\.\d+)?)"
_PERCENT: Final = re.compile(rf"{_NUMBER} ?%")
_MIXED: Final = re.compile(rf"{_NUMBER}% (?:along with rupees|and Rs\.) ?{_NUMBER} per (\w+)")
_PER_UNIT: Final = re.compile(rf"(?:Rs\. ?)?{_NUMBER}(?:(?:/| per )(\w+))?")


def to_paisa(exact: Decimal) -> Decimal:
    """Round once, half up, to the paisa."""
    return exact.quantize(PAISA, rounding=ROUND_HALF_UP)


@dataclass(frozen=True, kw_only=True)
class Rate:
    """What one rate text stands for: a percentage, rupees a unit, both, or neither."""

    text: str
    percent: Decimal = Decimal(0)
    per_unit: Decimal = Decimal(0)
    unit: str = ""

    def tax(self, *, base: Decimal, quantity: Decimal) -> Decimal:
        """The sales tax of one line, rounded once, half up.

        Units: base in rupees (value before tax, or the retail figure of the line).
        """
        return to_paisa(base * self.percent / 100 + quantity * self.per_unit)


def is_inclusive(*, gross: Decimal, value: Decimal, rate: Rate, quantity: Decimal) -> bool:
    """Whether `value` is what a price of `gross` rupees, tax included, leaves before tax.

    Such a value and its tax, each rounded, may differ from the price by a paisa.
    """
    net = gross - quantity * rate.per_unit
    return value == to_paisa(net * 100 / (100 + rate.percent))


def rate_of(text: str) -> Rate:
    """Read one of FBR's rate texts.

    Raises: ValueError for a text of no known form.
    """
    if text in UNTAXED:
        return Rate(text=text)
    if found := _PERCENT.fullmatch(text):
        return Rate(text=text, percent=Decimal(found[1]))
    if found := _MIXED.fullmatch(text):
        return Rate(text=text, percent=Decimal(found[1]), per_unit=Decimal(found[2]), unit=found[3])
    found = _PER_UNIT.fullmatch(text)
    if found is None or text == found[1]:
        raise ValueError(f"no rate text of FBR: {text!r}")
    return Rate(text=text, per_unit=Decimal(found[1]), unit=found[2] or "")
