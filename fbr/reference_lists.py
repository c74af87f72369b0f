"""An answer of FBR's reference calls, read into rows. Pure.

Keys are matched without capitals, since FBR's own are odd (`hS_CODE`, `uoM_ID`); texts come padded
with spaces. A list with one row of another shape is refused as a whole: half a list would call
what is missing gone. Source: PRAL DI API v1.12, section 5.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from fbr import wire
from fbr.outcomes import Evidence
from invoices.enums import ListName
from smartinvoicing.errors import AppError

LIST_LIMIT: Final = 8_000_000  # bytes; the HS codes take about two million
_MONTHS: Final = (
    *("Jan", "Feb", "Mar", "Apr", "May", "Jun"),
    *("Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
)
_HS_CODE: Final = re.compile(r"[0-9]{4}\.[0-9]{4}", re.ASCII)
_LARGEST_ID: Final = 2_147_483_647
_STATUS: Final[Mapping[int, str]] = {
    401: "FBR refused the token",
    403: "FBR does not open its lists to this token",
    404: "FBR's address is wrong",
    405: "FBR's address is wrong",
    429: "FBR asked for fewer calls",
}


class UnusableList(AppError):
    """Nothing that could be stored came; the list that is known stays."""

    code = "unusable_list"
    http_status = 502


class SilentLine(UnusableList):
    """FBR gave no answer, or refused the token: the next list will fare no better."""

    code = "silent_line"


@dataclass(frozen=True, kw_only=True)
class Shape:
    """Where a list is, and how its rows look.

    number, text: names of the row's two members, in small letters.
    longest:      letters of a text.
    """

    path: str
    number: str
    text: str
    longest: int


@dataclass(frozen=True)
class Entry:
    """One row: FBR's number of it (or its HS code) and its text, trimmed."""

    number: int | str
    text: str


SHAPES: Final[Mapping[str, Shape]] = {
    ListName.PROVINCES: Shape(
        path="/pdi/v1/provinces", number="stateprovincecode", text="stateprovincedesc", longest=60
    ),
    ListName.DOCUMENT_TYPES: Shape(
        path="/pdi/v1/doctypecode", number="doctypeid", text="docdescription", longest=60
    ),
    ListName.SALE_TYPES: Shape(
        path="/pdi/v1/transtypecode",
        number="transaction_type_id",
        text="transaction_desc",
        longest=100,
    ),
    ListName.UNITS: Shape(path="/pdi/v1/uom", number="uom_id", text="description", longest=40),
    ListName.HS_CODES: Shape(
        path="/pdi/v1/itemdesccode", number="hs_code", text="description", longest=4000
    ),
    ListName.SERIALS: Shape(
        path="/pdi/v1/sroitemcode", number="sro_item_id", text="sro_item_desc", longest=40
    ),
    ListName.RATES: Shape(
        path="/pdi/v2/SaleTypeToRate", number="rate_id", text="rate_desc", longest=80
    ),
    ListName.SCHEDULES: Shape(
        path="/pdi/v1/SroSchedule", number="sro_id", text="sro_desc", longest=100
    ),
    ListName.ITEMS: Shape(
        path="/pdi/v2/SROItem", number="sro_item_id", text="sro_item_desc", longest=40
    ),
    ListName.HS_UNITS: Shape(
        path="/pdi/v2/HS_UOM", number="uom_id", text="description", longest=40
    ),
}
# Where an empty answer says something: no schedule is needed, no serial, any unit.
MAY_BE_EMPTY: Final = frozenset({ListName.SCHEDULES, ListName.ITEMS, ListName.HS_UNITS})


def month_date(day: date) -> str:
    """04-Feb-2024: how the calls of rates and schedules want a day, whatever our locale."""
    return f"{day.day:02d}-{_MONTHS[day.month - 1]}-{day.year:04d}"


def read(name: str, evidence: Evidence) -> list[Entry]:
    """The rows of a list, each once, in FBR's order.

    Raises: UnusableList with the reason, for a person to read.
    """
    answer = _answer(evidence)
    if not isinstance(answer, list):
        raise UnusableList("FBR's answer is not a list.")
    if not answer and name not in MAY_BE_EMPTY:
        raise UnusableList("FBR sent an empty list.")
    shape = SHAPES[name]
    entries = [_entry(name, shape, place, row) for place, row in enumerate(answer, start=1)]
    return list(dict.fromkeys(entries))


def _answer(evidence: Evidence) -> Any:
    if evidence.status is None or evidence.failure:
        raise SilentLine(f"FBR did not answer ({evidence.failure or 'no answer'}).")
    if len(evidence.body) > LIST_LIMIT:
        raise UnusableList("FBR's answer is too long to be a list.")
    answer = wire.parsed(evidence.body)
    fault = wire.fault_of(evidence.body, answer)
    if fault is not None or evidence.status != 200:
        words = _STATUS.get(evidence.status, "FBR did not answer as it should")
        told = f"HTTP {evidence.status}" + (f", fault {fault}" if fault else "")
        raise SilentLine(f"{words} ({told}).")
    if answer is None:
        raise UnusableList("FBR's answer is not JSON.")
    return answer


def _entry(name: str, shape: Shape, place: int, row: Any) -> Entry:
    if not isinstance(row, dict):
        raise UnusableList(f"Row {place} of FBR's list is not an object.")
    members = {str(key).strip().lower(): value for key, value in row.items()}
    text = members.get(shape.text)
    if not isinstance(text, str) or not text.strip() or "\0" in text:
        raise UnusableList(f"Row {place} of FBR's list has no text ({shape.text}).")
    text = text.strip()
    if len(text) > shape.longest:
        raise UnusableList(f"Row {place} of FBR's list is longer than such a text may be.")
    return Entry(_number(name, shape, place, members.get(shape.number)), text)


def _number(name: str, shape: Shape, place: int, given: Any) -> int | str:
    word = wire.word(given)
    if name == ListName.HS_CODES:
        if _HS_CODE.fullmatch(word):
            return word
    elif word.isascii() and word.isdecimal() and int(word) <= _LARGEST_ID:
        return int(word)
    raise UnusableList(f"Row {place} of FBR's list has no number ({shape.number}).")
