"""What is left of a value for whoever may not see it: enough to compare, too little to use."""

from __future__ import annotations

from typing import Final

DOT: Final = "\N{BULLET}"
_CNIC_DIGITS: Final = 13


def number(text: str, *, shown: int = 3) -> str:
    """A phone number or an id: its last characters."""
    kept = text[len(text) - shown :] if len(text) > shown else ""
    return DOT * (len(text) - len(kept)) + kept


def ntn_cnic(text: str) -> str:
    """An NTN stands in a public register of firms; a CNIC is a person's own."""
    return number(text) if len(text) >= _CNIC_DIGITS else text


def email(text: str) -> str:
    """The first letter of the name and the end of the domain."""
    name, at, domain = text.partition("@")
    if not at:
        return number(text, shown=0)
    _host, dot, end = domain.rpartition(".")
    return f"{name[:1]}{DOT * 3}@{DOT * 3}{dot}{end}" if dot else f"{name[:1]}{DOT * 3}@{DOT * 3}"
