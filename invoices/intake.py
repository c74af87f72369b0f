"""JSON of a program, or fields of a form, to a `Content`. Pure of queries.

Bad values become Problems that name field and line; nothing is guessed and nothing is lost.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from django.utils.translation import gettext as _

from accounts.enums import Province
from accounts.texts import ascii_digits, clean
from invoices.content import MOST_LINES, PARTY, Advance, Content, Line, Party
from invoices.enums import (
    BuyerKind,
    DocumentType,
    NoteDirection,
    PaymentMode,
    SaleType,
    Withholding,
)
from smartinvoicing import money
from smartinvoicing.errors import Problem

_LENGTHS: Final = {
    "client_reference": 80,
    "scenario": 5,
    "buyer.name": 200,
    "buyer.ntn_cnic": 20,
    "buyer.address": 300,
    "buyer.province": 30,
    "name": 200,
    "ntn_cnic": 20,
    "address": 300,
    "province": 30,
    "phone": 20,
    "email": 254,
    "description": 300,
    "hs_code": 9,
    "unit": 40,
    "rate": 80,
    "sale_type": 60,
    "sro_schedule": 100,
    "sro_item": 40,
    "reason": 60,
    "fed_type": 60,
    "fed_rate": 80,
    "fed_schedule": 100,
    "fed_item": 40,
    "petroleum_levy_on": 30,
    "item_code": 50,
}
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)

_DOCUMENT_KEYS: Final = frozenset(
    {
        "document_type",
        "invoice_date",
        "client_reference",
        "scenario",
        "buyer",
        "buyer_id",
        "prices_include_tax",
        "withholding",
        "original_id",
        "reason",
        "direction",
        "is_advance",
        "advances",
        "till_id",
        "payment_mode",
        "lines",
        "issue",
    }
)
_ADVANCE_KEYS: Final = frozenset({"receipt_id", "value"})
_BUYER_KEYS: Final = frozenset(PARTY)
_LINE_KEYS: Final = frozenset(
    {
        "product_id",
        "description",
        "hs_code",
        "sale_type",
        "rate",
        "unit",
        "quantity",
        "unit_price",
        "discount",
        "retail_price",
        "sro_schedule",
        "sro_item",
        "further_tax",
        "extra_tax",
        "fed",
        "withheld",
        "fed_type",
        "fed_rate",
        "fed_unit_price",
        "fed_schedule",
        "fed_item",
        "petroleum_levy_on",
    }
)
_PROVINCES: Final = {value.lower(): value for value in Province.values} | {
    "islamabad": Province.CAPITAL_TERRITORY.value,
    "kpk": Province.KHYBER_PAKHTUNKHWA.value,
    "ajk": Province.AZAD_JAMMU_AND_KASHMIR.value,
}


class Reader:
    """Takes typed values out of one object and notes what is wrong with them."""

    def __init__(
        self,
        given: Mapping[str, Any],
        problems: list[Problem],
        *,
        prefix: str = "",
        line: int | None = None,
    ) -> None:
        self.given, self.problems, self.prefix, self.line = given, problems, prefix, line

    def note(self, name: str, code: str, message: str, fix: str) -> None:
        self.problems.append(
            Problem(code=code, field=self.prefix + name, line=self.line, message=message, fix=fix)
        )

    def only(self, known: frozenset[str]) -> None:
        """Fields that nobody asked for: said, not swallowed."""
        for name in sorted(set(self.given) - known)[:5]:
            self.note(
                clean(str(name))[:60],
                "unknown_field",
                _("There is no such field."),
                _("Remove it, or check its spelling in the API's description."),
            )

    def text(self, name: str, default: str = "") -> str:
        value = self.given.get(name)
        if value is None:
            return default
        if not isinstance(value, str):
            self.note(name, "not_text", _("This must be text."), _("Put it in quotes."))
            return default
        cleaned = clean(value)
        longest = _LENGTHS.get(self.prefix + name, 300)
        if len(cleaned) > longest:
            self.note(
                name,
                "too_long",
                _("The text is too long: %(is)d characters, at most %(most)d.")
                % {"is": len(cleaned), "most": longest},
                _("Shorten it."),
            )
            return cleaned[:longest]
        return cleaned

    def number(self, name: str, *, places: int, default: Decimal | None) -> Decimal | None:
        """A plain decimal, as text or JSON number; None where it was left out."""
        value = self.given.get(name)
        if value is None or value == "":
            return default
        try:
            number = _plain_number(value)
        except ValueError as error:
            self.note(name, "0300", str(error), _("Write a plain number, for example 1234.50."))
            return default
        if abs(number) > money.LARGEST:
            self.note(name, "0300", _("The number is too large."), _("Check the digits."))
            return default
        if money.places_of(number) > places:
            self.note(
                name,
                "0302",
                _("At most %(places)d decimal places are possible here.") % {"places": places},
                _("Round the number."),
            )
            return default
        return number or money.ZERO  # a zero with a sign would reach FBR as -0

    def amount(self, name: str, *, places: int = 2) -> Decimal:
        number = self.number(name, places=places, default=money.ZERO)
        return money.ZERO if number is None else number

    def not_negative(self, name: str, *, places: int) -> Decimal:
        number = self.amount(name, places=places)
        if number < 0:
            self.note(
                name, "0300", _("This cannot be negative."), _("Type it without a minus sign.")
            )
            return money.ZERO
        return number

    def day(self, name: str, default: date) -> date:
        return self.optional_day(name) or default

    def optional_day(self, name: str) -> date | None:
        value = self.given.get(name)
        if value is None or value == "":
            return None
        try:
            return date.fromisoformat(value) if _DAY.fullmatch(value) else _raise()
        except (TypeError, ValueError):
            self.note(
                name,
                "0005",
                _("This is not a date."),
                _("Write year-month-day, for example 2026-11-21."),
            )
            return None

    def yes(self, name: str) -> bool:
        value = self.given.get(name, False)
        if not isinstance(value, bool):
            self.note(name, "not_boolean", _("This must be true or false."), _("Write it so."))
            return False
        return value

    def ident(self, name: str) -> UUID | None:
        value = self.given.get(name)
        if value is None or value == "":
            return None
        try:
            return UUID(value)
        except (TypeError, ValueError, AttributeError):
            self.note(name, "not_id", _("This is not an id."), _("Copy the id as we gave it."))
            return None

    def word(self, name: str, allowed: list[str], default: str) -> str:
        value = self.text(name, default).lower()
        if value not in allowed and value:
            self.note(
                name,
                "unknown_word",
                _("“%(word)s” is not possible here.") % {"word": value[:40]},
                _("Use one of: %(words)s.") % {"words": ", ".join(allowed)},
            )
            return default
        return value


def _raise() -> date:
    raise ValueError("not year-month-day")


def _plain_number(value: object) -> Decimal:
    if isinstance(value, bool):
        raise ValueError(_("This must be a number."))  # noqa: TRY004 -- becomes a Problem
    if isinstance(value, Decimal):
        _sign, digits, exponent = value.as_tuple()
        if not isinstance(exponent, int) or not -20 <= exponent <= 20 or len(digits) > 40:
            raise ValueError(_("This is not a plain number."))
        return value
    if isinstance(value, int):
        return Decimal(value)
    if isinstance(value, str):
        return money.parse(ascii_digits(value))
    raise ValueError(_("This must be a number."))


def province(text: str) -> str:
    """FBR's spelling of a province, whatever its capitals; unknown text stays as it is."""
    return _PROVINCES.get(text.strip().lower(), text)


def read(body: Mapping[str, Any], *, today: date) -> tuple[Content, list[Problem]]:
    """A document as a program sends it. The problems are those that make it unstorable."""
    problems: list[Problem] = []
    top = Reader(body, problems)
    top.only(_DOCUMENT_KEYS)
    content = Content(
        document_type=top.word("document_type", DocumentType.values, DocumentType.SALE_INVOICE),
        invoice_date=top.day("invoice_date", today),
        client_reference=top.text("client_reference"),
        scenario=top.text("scenario").upper(),
        buyer_id=top.ident("buyer_id"),
        buyer=_party(_object(body, "buyer", problems), problems),
        prices_include_tax=top.yes("prices_include_tax"),
        withholding=top.word("withholding", Withholding.values, ""),
        original_id=top.ident("original_id"),
        reason=top.text("reason"),
        direction=top.word("direction", NoteDirection.values, ""),
        is_advance=top.yes("is_advance"),
        advances=_advances(body, problems),
        till_id=top.ident("till_id"),
        payment_mode=top.word("payment_mode", PaymentMode.values, ""),
        lines=tuple(
            _line(row, number, problems)
            for number, row in enumerate(_objects(body, "lines", problems), start=1)
        ),
    )
    return content, problems


def _object(body: Mapping[str, Any], name: str, problems: list[Problem]) -> Mapping[str, Any]:
    value = body.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        Reader(body, problems).note(
            name, "not_object", _("This must be an object."), _("Send it as {…}.")
        )
        return {}
    return value


def _advances(body: Mapping[str, Any], problems: list[Problem]) -> tuple[Advance, ...]:
    """What the document uses up of advance receipts."""
    found: list[Advance] = []
    if body.get("advances") is None:
        return ()
    for row in _objects(body, "advances", problems):
        reader = Reader(row, problems, prefix="advances.")
        reader.only(_ADVANCE_KEYS)
        receipt_id, value = reader.ident("receipt_id"), reader.not_negative("value", places=2)
        if receipt_id is not None and value > 0:
            found.append(Advance(receipt_id=receipt_id, value=value))
    return tuple(found)


def _objects(
    body: Mapping[str, Any], name: str, problems: list[Problem]
) -> list[Mapping[str, Any]]:
    rows = body.get(name, [])
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        Reader(body, problems).note(
            name, "not_list", _("This must be a list of objects."), _("Send [{…}, {…}].")
        )
        return []
    if len(rows) > MOST_LINES:
        Reader(body, problems).note(
            name,
            "too_many_lines",
            _("The invoice has more than %(most)d lines.") % {"most": MOST_LINES},
            _("Split it into several invoices."),
        )
        return []
    return rows


def party(given: Mapping[str, Any], problems: list[Problem], *, prefix: str = "buyer.") -> Party:
    """A buyer as typed."""
    reader = Reader(given, problems, prefix=prefix)
    return Party(
        name=reader.text("name"),
        registration_type=reader.word("registration_type", BuyerKind.values, ""),
        ntn_cnic=ascii_digits(reader.text("ntn_cnic")),
        province=province(reader.text("province")),
        address=reader.text("address"),
    )


def _party(given: Mapping[str, Any], problems: list[Problem]) -> Party:
    Reader(given, problems, prefix="buyer.").only(_BUYER_KEYS)
    return party(given, problems)


def _line(given: Mapping[str, Any], number: int, problems: list[Problem]) -> Line:
    reader = Reader(given, problems, line=number)
    reader.only(_LINE_KEYS)
    return line(reader)


def line(reader: Reader) -> Line:
    """One supply as typed."""
    optional: Callable[[str], Decimal | None] = lambda name: reader.number(  # noqa: E731
        name, places=2, default=None
    )
    return Line(
        product_id=reader.ident("product_id"),
        description=reader.text("description"),
        hs_code=ascii_digits(reader.text("hs_code")),
        sale_type=reader.text("sale_type", SaleType.STANDARD),
        rate=reader.text("rate", "18%"),
        unit=reader.text("unit"),
        quantity=reader.not_negative("quantity", places=4),
        unit_price=reader.not_negative("unit_price", places=4),
        discount=reader.not_negative("discount", places=2),
        retail_price=optional("retail_price"),
        sro_schedule=reader.text("sro_schedule"),
        sro_item=reader.text("sro_item"),
        further_tax=optional("further_tax"),
        extra_tax=optional("extra_tax"),
        fed=optional("fed"),
        withheld=optional("withheld"),
        fed_type=reader.text("fed_type"),
        fed_rate=reader.text("fed_rate"),
        fed_unit_price=reader.number("fed_unit_price", places=4, default=None),
        fed_schedule=reader.text("fed_schedule"),
        fed_item=reader.text("fed_item"),
        petroleum_levy_on=reader.text("petroleum_levy_on"),
    )
