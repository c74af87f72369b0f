"""Rupees and paisa: the only place in the house that rounds, reads or writes money."""

from __future__ import annotations

import re
from decimal import ROUND_HALF_UP, ROUND_UP, Context, Decimal
from typing import Final

from django.utils.translation import gettext as _

PAISA: Final = Decimal("0.01")
FINEST: Final = Decimal("0.0001")  # of prices and quantities
ZERO: Final = Decimal("0.00")

# 18 digits, 2 (or 4, for prices and quantities) of them behind the point: what a column holds.
LARGEST: Final = Decimal("9999999999999.99")

# Python's own 28 digits are too few for the largest price times the largest quantity.
_WIDE: Final = Context(prec=60)
_GROUPED: Final = re.compile(
    r"[+-]?(?:\d{1,3}(?:,\d{3})+|\d{1,2}(?:,\d{2})+,\d{3})(?:\.\d+)?"  # 1,234,567 or 12,34,567
)
_PLAIN: Final = re.compile(r"[+-]?[0-9]{1,18}(\.[0-9]{1,10})?", re.ASCII)


def to_paisa(amount: Decimal) -> Decimal:
    """Round to whole paisa, half away from zero, as FBR does.

    Source: PRAL DI API v1.12, sample arithmetic (3312.50 at 18 % = 596.25).
    """
    return amount.quantize(PAISA, rounding=ROUND_HALF_UP, context=_WIDE)


def price_reaching(value: Decimal, quantity: Decimal) -> Decimal:
    """The lowest price of four places at which `quantity` costs `value` or more.

    Raises: ZeroDivisionError for no quantity.
    """
    return _WIDE.divide(value, quantity).quantize(FINEST, rounding=ROUND_UP, context=_WIDE)


def parse(text: str) -> Decimal:
    """Read a plain decimal number: no exponent, no NaN, no infinity, no thousands mark.

    Raises: ValueError with a sentence that a person can act on.
    """
    text = text.strip()
    if not _PLAIN.fullmatch(text):
        raise ValueError(_("This is not a plain number."))
    return Decimal(text)


def ungrouped(text: str) -> str:
    """A number as people write it, without its thousands or lakh marks; other text as it is."""
    plain = text.strip()
    return plain.replace(",", "") if _GROUPED.fullmatch(plain) else text


def places_of(number: Decimal) -> int:
    """How many digits stand behind the point, trailing zeros apart."""
    return len(f"{number:f}".partition(".")[2].rstrip("0"))


def write(amount: Decimal) -> str:
    """Two places, point as the decimal mark, no thousands mark: `1234.50`."""
    return f"{to_paisa(amount) or ZERO:f}"


def write_short(number: Decimal) -> str:
    """A quantity or price without the zeros that say nothing: `400`, `2.5`."""
    plain = f"{number or ZERO:f}"  # a zero has no sign
    return plain.rstrip("0").rstrip(".") if "." in plain else plain
