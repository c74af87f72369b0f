"""The body of an invoice call, read without losing a digit."""

import json
from collections.abc import Mapping
from decimal import Decimal


class Malformed(ValueError):
    """The body is not an invoice document at all: HTTP 400, before any business rule."""


class Fields:
    """The members of one JSON object, asked for by name."""

    def __init__(self, members: Mapping[str, object], where: str) -> None:
        self._members = members
        self._where = where

    def __contains__(self, name: str) -> bool:
        return name in self._members

    def names(self) -> set[str]:
        """The names of all members."""
        return set(self._members)

    def raw(self, name: str) -> object:
        """The member as it was parsed; None when it is null or absent."""
        return self._members.get(name)

    def text(self, name: str) -> str:
        """The member as text; an absent or null one reads as blank.

        Raises: Malformed for a number, list or object where text belongs.
        """
        value = self._members.get(name)
        if value is None:
            return ""
        if not isinstance(value, str):
            raise Malformed(f"{self._where}{name} must be a text")
        return value

    def number(self, name: str) -> Decimal | None:
        """The member as a plain JSON number; None for anything else, a quoted number included."""
        value = self._members.get(name)
        return value if isinstance(value, Decimal) else None

    def amount(self, name: str) -> Decimal:
        """The member as a number, zero where it is none: for sums over unchecked lines."""
        return self.number(name) or Decimal(0)

    def objects(self, name: str) -> list["Fields"]:
        """The member as a list of objects.

        Raises: Malformed unless it is a non-empty list of objects.
        """
        value = self._members.get(name)
        if not isinstance(value, list) or not value:
            raise Malformed(f"{name} must be a list with at least one line")
        return [_fields(member, f"{name}[{index}].") for index, member in enumerate(value)]


def places(number: Decimal) -> int:
    """How many digits of a number stand behind its point."""
    exponent = number.as_tuple().exponent
    return -exponent if isinstance(exponent, int) and exponent < 0 else 0


def read(body: bytes) -> Fields:
    """Parse a request body. Numbers become Decimal; 1e3, NaN and Infinity are no numbers here.

    Raises: Malformed when it is not one JSON object in UTF-8, or names a member twice.
    """
    try:
        parsed = json.loads(
            body.decode(),
            parse_int=Decimal,
            parse_float=_plain_number,
            parse_constant=_refuse_constant,
            object_pairs_hook=_object_of,
        )
    except (ValueError, RecursionError) as error:
        raise Malformed(f"The body cannot be parsed: {error}") from error
    return _fields(parsed, "")


def _fields(value: object, where: str) -> Fields:
    if not isinstance(value, dict):
        raise Malformed(f"{where or 'The body'} must be an object")
    return Fields(value, where)


def _plain_number(digits: str) -> Decimal | str:
    return digits if "e" in digits.lower() else Decimal(digits)


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")


def _object_of(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("an object names one member twice")
    return members
