"""What looks like a person's: e-mail, identity card, tax number, telephone, account, card. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

_EMAIL: Final = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_CNIC: Final = re.compile(r"(?<![\w.-])[1-8]\d{4}(-?)\d{7}\1\d(?![\w-])")
_NTN: Final = re.compile(r"(?<![\w.-])\d{7}-\d(?![\w-])")
_PHONE: Final = re.compile(r"(?<![\w.])(?:\+92|0092|0)[- ]?3\d{2}[- ]?\d{7}(?!\w)")
_IBAN: Final = re.compile(r"\bPK\d{2}(?: ?[A-Z0-9]{4}){5}\b", re.IGNORECASE)
_CARD: Final = re.compile(r"(?<![\w.-])[3-6](?:[ -]?\d){14,15}(?![\w-])")


def found_in(text: str) -> frozenset[str]:
    """The names of the detectors that `text` sets off."""
    return frozenset(name for name, looks in DETECTORS.items() if looks(text))


def _is_iban(text: str) -> bool:
    return any(_remainder(match.group()) == 1 for match in _IBAN.finditer(text))


def _remainder(account: str) -> int:
    """Of ISO 13616: a true account number leaves one."""
    plain = account.replace(" ", "").upper()
    turned = plain[4:] + plain[:4]
    return int("".join(str(int(sign, 36)) for sign in turned)) % 97


def _is_card(text: str) -> bool:
    return any(_adds_up(re.sub(r"\D", "", m.group())) for m in _CARD.finditer(text))


def _adds_up(digits: str) -> bool:
    """Luhn's sum, that every card's number keeps."""
    doubled = [int(d) * (2 if place % 2 else 1) for place, d in enumerate(reversed(digits))]
    return sum(n - 9 if n > 9 else n for n in doubled) % 10 == 0


def _matches(pattern: re.Pattern[str]) -> Callable[[str], bool]:
    return lambda text: pattern.search(text) is not None


DETECTORS: Final[Mapping[str, Callable[[str], bool]]] = {
    "e-mail": _matches(_EMAIL),
    "CNIC": _matches(_CNIC),
    "NTN": _matches(_NTN),
    "phone": _matches(_PHONE),
    "IBAN": _is_iban,
    "card": _is_card,
}
