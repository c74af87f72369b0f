"""FBR's lists as this fake knows them: what may stand in an invoice.

What is served (`fbr.fake.references`) is what the rules accept: a text picked from these lists
passes. A gateway has lists of its own, which a test may change (`fbr.fake.list_changes`).
Source: PRAL DI API v1.12, section 5 (reference APIs). The texts are FBR's (that document, its
offline template, lists seen live in 2025 and 2026). Which rates and schedules go with which sale
type is known for a few only, of the ids these: rates 728, 734, 280 and 413, schedules 7, 8 and
389 with its entries. The rest is this fake's choice, and none of it changes with the date or the
province.
"""

import csv
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Final

from fbr.fake.rates import Rate, rate_of

Rows = list[dict[str, Any]]

_DATA: Final = Path(__file__).parent / "data"


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """An SRO or schedule that a sale type may quote, with its entry numbers."""

    id: int
    text: str
    serials: frozenset[str]


@dataclass(frozen=True, kw_only=True)
class SaleType:
    """A kind of sale: the rates that go with it, and the schedules that it must quote."""

    id: int
    text: str
    rates: Mapping[str, Rate]
    schedules: Mapping[str, Schedule]


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """A sandbox scenario: its sale type, and whether its buyer must be registered, or must not."""

    sale_type: str
    registered: bool
    unregistered: bool = False


def load(name: str) -> Any:
    """One file of the data beside this module."""
    return json.loads((_DATA / f"{name}.json").read_text(encoding="utf-8"))


@dataclass(frozen=True, kw_only=True)
class Source:
    """The rows from which lists are made: sale types with their rates, units, tariff codes.

    units_by_hs: the units of a code or of the codes that begin so; the longest beginning counts.
    """

    sale_types: Rows
    units: Rows
    hs_codes: Mapping[str, str]
    units_by_hs: Mapping[str, list[str]]


@cache
def loaded() -> Source:
    """The lists as they are before any test changes them."""
    return Source(
        sale_types=load("sale_types"),
        units=load("units"),
        hs_codes=_tariff(),
        units_by_hs=load("units_by_hs"),
    )


def _tariff() -> dict[str, str]:
    """Every tariff code, worded as FBR words them: the heading, then the code's own words."""
    headings = {row["heading"]: row["description"] for row in _table("hs_headings")}
    codes = {}
    for row in _table("hs_codes"):
        heading = row["code"][:4]
        words = [headings.get(heading) or f"Heading {heading}", row["description"]]
        codes[row["code"]] = " - ".join(filter(None, words)).upper()
    return codes


def _table(name: str) -> Rows:
    with (_DATA / f"{name}.csv").open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


SCHEDULE_ROWS: Final[Rows] = load("schedules")
SCHEDULES: Final[Mapping[int, Schedule]] = {
    row["id"]: Schedule(id=row["id"], text=row["text"], serials=frozenset(row["serials"]))
    for row in SCHEDULE_ROWS
}
PROVINCES: Final = frozenset(row["stateProvinceDesc"] for row in load("provinces"))
REASONS: Final = frozenset(load("reasons"))
LEVIES: Final = frozenset(load("levies"))
CODES: Final[Mapping[str, str]] = load("codes")
SCENARIOS: Final[Mapping[str, Scenario]] = {
    name: Scenario(**row) for name, row in load("scenarios").items()
}


class Lists:
    """The lists of one gateway at one moment; a change makes new ones."""

    def __init__(self, source: Source) -> None:
        self.source = source

    @cached_property
    def sale_types(self) -> Mapping[str, SaleType]:
        """The sale types by their text, without the blanks that FBR puts around some."""
        return {
            row["text"].strip(): SaleType(
                id=row["id"],
                text=row["text"].strip(),
                rates={rate["text"]: rate_of(rate["text"]) for rate in row["rates"]},
                schedules={SCHEDULES[id_].text: SCHEDULES[id_] for id_ in row["schedules"]},
            )
            for row in self.source.sale_types
        }

    @cached_property
    def unit_ids(self) -> Mapping[str, int]:
        """The id of each unit; the first one, where FBR lists a unit twice."""
        return {row["description"]: row["uoM_ID"] for row in reversed(self.source.units)}

    def has_hs_code(self, code: str) -> bool:
        """Whether a code stands in the tariff."""
        return code in self.source.hs_codes

    def units_of(self, hs_code: str) -> list[str]:
        """The units FBR allows for an HS code; every unit, where nothing is known of the code."""
        by_hs = self.source.units_by_hs
        known = [beginning for beginning in by_hs if hs_code.startswith(beginning)]
        units = by_hs[max(known, key=len)] if known else list(self.unit_ids)
        return [unit for unit in units if unit in self.unit_ids]
