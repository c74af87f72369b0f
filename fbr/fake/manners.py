"""In what FBR is reported to differ from day to day, as a test wants it."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Final

VARIED: Final = "varied"
LETTERS: Final = "letters"
TWENTY_DIGITS: Final = "20_digits"
TWENTY_ONE_DIGITS: Final = "21_digits"
NET_LINE: Final = "net_line"
GROSS_LINE: Final = "gross_line"


class BadManner(ValueError):
    """A manner that FBR does not have."""


@dataclass(frozen=True, kw_only=True)
class Manners:
    """What may be chosen; the defaults stand first."""

    # The outer status code over refused lines: "00" by the document, "01" as seen live in 2026.
    outer: str = "00"
    # Whether "today" is UTC's day, as reported, and not Pakistan's.
    dates_by_utc: bool = False
    # Whether a buyer whom nobody entered counts as not registered.
    strict_register: bool = False
    # Whether totals must be value and taxes to the paisa, also where prices had the tax in them.
    exact_totals: bool = False
    # By which method the two lookups of a taxpayer answer; the other one gets 405.
    lookups: str = "both"
    # Of a POS bill: the form of its number, of the answer and of `Code`; varied goes by the seed.
    pos_number: str = VARIED
    pos_answer: str = VARIED
    pos_code: str = VARIED
    # Whether `SaleValue` of a POS item stands after its discount, or before.
    pos_amounts: str = NET_LINE

    def __post_init__(self) -> None:
        for name, known in CHOICES.items():
            if getattr(self, name) not in known:
                raise BadManner(f"{name} is one of {', '.join(known)}.")
        if (self.pos_number, self.pos_answer) == (LETTERS, "integer"):
            raise BadManner("A number with letters cannot be an integer.")

    def changed(self, given: object) -> "Manners":
        """These manners with some of them changed.

        Raises: BadManner, saying what would be right.
        """
        if not isinstance(given, Mapping):
            raise BadManner("Send an object of manners.")
        kinds = {field.name: type(getattr(self, field.name)) for field in fields(self)}
        for name, value in given.items():
            if kinds.get(name) is not type(value):
                known = ", ".join(f"{key} ({kind.__name__})" for key, kind in kinds.items())
                raise BadManner(f"{name}: {value!r} is no manner. Known: {known}.")
        return replace(self, **given)

    def as_json(self) -> dict[str, Any]:
        """The manners as `GET /_manners` shows them."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


CHOICES: Final[Mapping[str, tuple[str, ...]]] = {
    "outer": ("00", "01"),
    "lookups": ("both", "post", "get"),
    "pos_number": (VARIED, LETTERS, TWENTY_DIGITS, TWENTY_ONE_DIGITS),
    "pos_answer": (VARIED, "component", "text", "integer"),
    "pos_code": (VARIED, "text", "int"),
    "pos_amounts": (NET_LINE, GROSS_LINE),
}
