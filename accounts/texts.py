"""Words that people type, made one way before they are looked at. Pure."""

from __future__ import annotations

import unicodedata
from typing import Final

# Marks that turn the direction of what follows, or are not seen at all: a name with one can look
# like another name.
_TURNING: Final = frozenset(
    "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff"
)
_DIGITS: Final = str.maketrans("٠١٢٣٤٥٦٧٨٩۰۱۲۳۴۵۶۷۸۹", "01234567890123456789")
_BLANKS: Final = frozenset({"Cc", "Cs", "Zl", "Zp"})
_REFUSED: Final = frozenset({"Cc", "Cs", "Cn", "Co"})


def tidy(text: str) -> str:
    """Composed (NFC), with single spaces and none at the ends."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def clean(text: str) -> str:
    """One form of each letter, no control or direction marks, single spaces."""
    kept = (
        " " if unicodedata.category(character) in _BLANKS else character
        for character in unicodedata.normalize("NFC", text)
        if character not in _TURNING
    )
    return " ".join("".join(kept).split())


def is_plain(text: str) -> bool:
    """No control character, no mark that turns the direction, no half of a pair."""
    return not any(
        character in _TURNING or unicodedata.category(character) in _REFUSED for character in text
    )


def ascii_digits(text: str) -> str:
    """The digits of Urdu and Arabic keyboards as 0 to 9; everything else as it is."""
    return text.translate(_DIGITS)
