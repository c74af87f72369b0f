"""Words that people type, made one way before they are looked at. Pure."""

from __future__ import annotations

import unicodedata
from typing import Final

# Marks that turn the direction of what follows: a name with one can look like another name.
_TURNING: Final = frozenset(
    "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
)
_REFUSED: Final = frozenset({"Cc", "Cs", "Cn", "Co"})


def tidy(text: str) -> str:
    """Composed (NFC), with single spaces and none at the ends."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def is_plain(text: str) -> bool:
    """No control character, no mark that turns the direction, no half of a pair."""
    return not any(
        character in _TURNING or unicodedata.category(character) in _REFUSED for character in text
    )


def ascii_digits(text: str) -> str:
    """The digits of Urdu and Arabic keyboards as 0 to 9; everything else as it is."""
    return "".join(
        str(unicodedata.decimal(character)) if character.isdecimal() else character
        for character in text
    )
