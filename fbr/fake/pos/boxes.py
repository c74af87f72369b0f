"""What may stand in one box of a POS bill: each check says what is wrong, or nothing.

Source: FBR's specification of the fiscal component, tables of header and item fields.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from fbr.fake.document import places

Check = Callable[[object], str]

LARGEST_EXPONENT: Final = 12

_PRINTABLE: Final = re.compile(r"[!-~]+")
_STAMP: Final = re.compile(r"\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}")


@dataclass(frozen=True, kw_only=True)
class Box:
    """One field: its check, and whether it may be left out."""

    check: Check
    is_required: bool = True


def must(check: Check) -> Box:
    """A field that every bill carries."""
    return Box(check=check)


def may(check: Check) -> Box:
    """A field that may be left out."""
    return Box(check=check, is_required=False)


def text(longest: int, form: str = "", what: str = "") -> Check:
    """A text of 1 to `longest` characters; `form` as a whole, `what` in words."""
    pattern = re.compile(form) if form else None

    def check(value: object) -> str:
        if not isinstance(value, str) or not value.strip():
            return "must be a text that is not blank"
        if len(value) > longest:
            return f"must not be longer than {longest} characters"
        return "" if pattern is None or pattern.fullmatch(value) else f"must be {what}"

    return check


def text_or_nothing(longest: int, form: str = "", what: str = "") -> Check:
    """The same, or an empty text, or null."""
    filled = text(longest, form, what)
    return lambda value: "" if value in ("", None) else filled(value)


def bill_number(value: object) -> str:
    """A bill's own number: printable ASCII without a space, at most 50 characters."""
    if isinstance(value, str) and len(value) <= 50 and _PRINTABLE.fullmatch(value):
        return ""
    return "must be 1 to 50 printable characters without a space"


def bill_number_or_null(value: object) -> str:
    """The number of an earlier bill, or null."""
    return "" if value is None else bill_number(value)


def blank(value: object) -> str:
    """An empty text: FBR fills it."""
    return "" if value == "" else "must be an empty text"


def stamp(value: object) -> str:
    """YYYY-MM-DD HH:MM:SS, a moment that exists. How old or new it may be is not known."""
    problem = "must be YYYY-MM-DD HH:MM:SS"
    if not isinstance(value, str) or not _STAMP.fullmatch(value):
        return problem
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return problem
    return ""


def whole(value: object) -> str:
    """A JSON number without a fraction, above zero."""
    is_whole = isinstance(value, Decimal) and value > 0 and not places(value)
    return "" if is_whole else "must be a whole JSON number"


def one_of(*known: int) -> Check:
    """One of FBR's code numbers."""
    words = ", ".join(map(str, known))
    return lambda value: "" if not whole(value) and value in known else f"must be one of {words}"


def number(longest: int = 2, *, positive: bool = False) -> Check:
    """A JSON number, not negative, with at most `longest` decimals."""

    def check(value: object) -> str:
        if not isinstance(value, Decimal) or value.is_signed():
            return "must be a JSON number, not negative"
        if value.adjusted() > LARGEST_EXPONENT:
            return "is too large"
        if places(value) > longest:
            return f"must have at most {longest} decimals"
        return "must be above zero" if positive and not value else ""

    return check
