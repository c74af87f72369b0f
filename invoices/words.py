"""An amount of rupees in words, counted as Pakistan counts: thousand, lakh, crore, arab, kharab."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from smartinvoicing.money import to_paisa

_SMALL: Final = (
    *("Zero", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine"),
    *("Ten", "Eleven", "Twelve", "Thirteen", "Fourteen", "Fifteen", "Sixteen"),
    *("Seventeen", "Eighteen", "Nineteen"),
)
_TENS: Final = (
    *("", "", "Twenty", "Thirty", "Forty", "Fifty", "Sixty", "Seventy", "Eighty", "Ninety"),
)
_STEPS: Final = (
    (10**11, "Kharab"),
    (10**9, "Arab"),
    (10**7, "Crore"),
    (10**5, "Lakh"),
    (10**3, "Thousand"),
    (10**2, "Hundred"),
)


def rupees_in_words(amount: Decimal) -> str:
    """`Rupees One Lakh Twenty-Three Thousand and Paisa Five Only` of 123000.05.

    Above 99 kharab the kharabs are counted in the same way: One Hundred Kharab.
    Raises: ValueError for a negative amount, or one that is not whole paisa.
    """
    if not amount.is_finite() or amount < 0 or amount != to_paisa(amount):
        raise ValueError("an amount in words is whole paisa, and not negative")
    rupees, paisa = divmod(int(to_paisa(amount).scaleb(2)), 100)
    tail = f" and Paisa {_counted(paisa)}" if paisa else ""
    return f"Rupees {_counted(rupees)}{tail} Only"


def _counted(number: int) -> str:
    """A whole number in words."""
    for step, name in _STEPS:
        if number >= step:
            many, rest = divmod(number, step)
            head = f"{_counted(many)} {name}"
            return f"{head} {_counted(rest)}" if rest else head
    if number < len(_SMALL):
        return _SMALL[number]
    tens, ones = divmod(number, 10)
    return f"{_TENS[tens]}-{_SMALL[ones]}" if ones else _TENS[tens]
