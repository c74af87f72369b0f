"""FBR's rate texts read into numbers. Pure.

A text goes to FBR exactly as FBR's list prints it; what is read here serves the arithmetic only.
Source: rates of FBR's offline sales template and of `SaleTypeToRate` (PRAL DI API v1.12, 5.8).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Final

EXEMPT: Final = "Exempt"
PER_BILL: Final = "bill"

_NUMBER: Final = r"([0-9]{1,9}(?:\.[0-9]{1,4})?)"
_UNIT: Final = r"([A-Za-z][A-Za-z ]{0,20}?)"
_PERCENT: Final = re.compile(rf"{_NUMBER}\s*%", re.ASCII)
_MIXED: Final = re.compile(
    rf"{_NUMBER}\s*%\s*(?:along with|and|\+)\s*(?:rupees|rs\.?)\s*{_NUMBER}\s*(?:per|/)\s*{_UNIT}",
    re.ASCII | re.IGNORECASE,
)
_PER_UNIT: Final = re.compile(
    rf"(?:rs\.?|rupees)\s*{_NUMBER}(?:\s*(?:per|/)\s*{_UNIT})?", re.ASCII | re.IGNORECASE
)
_BARE: Final = re.compile(rf"{_NUMBER}\s*/\s*{_UNIT}", re.ASCII)
_NO_TAX: Final = frozenset({"exempt", "dtre"})


class UnknownRate(ValueError):
    """A text of no form that FBR is known to print."""


@dataclass(frozen=True, kw_only=True)
class Rate:
    """A rate text read into numbers.

    percent as printed (18 for 18 %), per_unit in rupees a unit; a mixed rate has both.
    unit:   the unit the rupees are counted by, in the text's own spelling; "" when it names none.
    """

    text: str
    percent: Decimal = Decimal(0)
    per_unit: Decimal = Decimal(0)
    unit: str = ""

    @property
    def is_exempt(self) -> bool:
        return self.text == EXEMPT


@lru_cache(maxsize=1024)
def parse(text: str) -> Rate:
    """The numbers of a rate text: `18%`, `Exempt`, `Rs.3`, `200/bill`, `18% and Rs. 80 per Liter`.

    Raises: UnknownRate.
    """
    plain = " ".join(text.split())
    if plain.lower() in _NO_TAX:
        return Rate(text=text)
    if found := _PERCENT.fullmatch(plain):
        return Rate(text=text, percent=Decimal(found[1]))
    if found := _MIXED.fullmatch(plain):
        return Rate(text=text, percent=Decimal(found[1]), per_unit=Decimal(found[2]), unit=found[3])
    if found := _PER_UNIT.fullmatch(plain) or _BARE.fullmatch(plain):
        return Rate(text=text, per_unit=Decimal(found[1]), unit=found[2] or "")
    raise UnknownRate(text)
