"""FBR's reference lists as this fake knows them, and the lookups over them.

What is served is what the rules accept: a text picked from these lists passes.
Source: PRAL DI API v1.12, section 5 (reference APIs); the odd spelling of the keys is FBR's.
The texts are FBR's (that document, its offline template, lists seen live in 2025 and 2026). Which
rates and schedules go with which sale type, and most of the ids, are known for a few only; the
rest is this fake's choice, and none of it changes with the date or the province.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any, Final

from fbr.fake.rates import Rate, rate_of

Query = Mapping[str, str]
Rows = list[dict[str, Any]]

SALES_ANNEX: Final = "3"

_DATA: Final = Path(__file__).parent / "data"
_MONTHS: Final = (
    *("jan", "feb", "mar", "apr", "may", "jun"),
    *("jul", "aug", "sep", "oct", "nov", "dec"),
)


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
    """A sandbox scenario: its sale type, and whether its buyer must be registered."""

    sale_type: str
    registered: bool


def _load(name: str) -> Any:
    return json.loads((_DATA / f"{name}.json").read_text(encoding="utf-8"))


_SALE_TYPE_ROWS: Final[Rows] = _load("sale_types")
_SCHEDULE_ROWS: Final[Rows] = _load("schedules")
_UNITS_BY_HS: Final[Mapping[str, list[str]]] = _load("units_by_hs")
_UNIT_IDS: Final[Mapping[str, int]] = {
    row["description"]: row["uoM_ID"] for row in reversed(_load("units"))
}

UNITS: Final = frozenset(_UNIT_IDS)
PROVINCES: Final = frozenset(row["stateProvinceDesc"] for row in _load("provinces"))
REASONS: Final = frozenset(_load("reasons"))
CODES: Final[Mapping[str, str]] = _load("codes")
SCENARIOS: Final[Mapping[str, Scenario]] = {
    name: Scenario(**row) for name, row in _load("scenarios").items()
}
SCHEDULES: Final[Mapping[int, Schedule]] = {
    row["id"]: Schedule(id=row["id"], text=row["text"], serials=frozenset(row["serials"]))
    for row in _SCHEDULE_ROWS
}
SALE_TYPES: Final[Mapping[str, SaleType]] = {
    row["text"].strip(): SaleType(
        id=row["id"],
        text=row["text"].strip(),
        rates={rate["text"]: rate_of(rate["text"]) for rate in row["rates"]},
        schedules={SCHEDULES[id_].text: SCHEDULES[id_] for id_ in row["schedules"]},
    )
    for row in _SALE_TYPE_ROWS
}


@cache
def units_of(hs_code: str) -> frozenset[str]:
    """The units FBR allows for an HS code: those of the longest prefix known, else every unit."""
    known = [prefix for prefix in _UNITS_BY_HS if hs_code.startswith(prefix)]
    return frozenset(_UNITS_BY_HS[max(known, key=len)]) if known else UNITS


def day_of(text: str) -> date | None:
    """Read dd-MMM-yyyy with an English month; None for any other form, the ISO one included."""
    day, _, rest = text.partition("-")
    month, _, year = rest.partition("-")
    try:
        return date(int(year), _MONTHS.index(month.lower()) + 1, int(day))
    except ValueError:
        return None


def _whole(name: str) -> Callable[[Query], Rows]:
    rows: Rows = _load(name)
    return lambda _query: rows


def _sale_types(_query: Query) -> Rows:
    return [
        {"transactioN_TYPE_ID": row["id"], "transactioN_DESC": row["text"]}
        for row in _SALE_TYPE_ROWS
    ]


def _serials(_query: Query) -> Rows:
    return [row for schedule in _SCHEDULE_ROWS for row in _serials_of(schedule)]


def _serials_of(schedule: dict[str, Any]) -> Rows:
    return [
        {"srO_ITEM_ID": schedule["id"] * 1000 + position, "srO_ITEM_DESC": serial}
        for position, serial in enumerate(schedule["serials"], start=1)
    ]


def _rates(query: Query) -> Rows:
    if day_of(query.get("date", "")) is None or "originationSupplier" not in query:
        return []
    return [
        {"ratE_ID": rate["id"], "ratE_DESC": rate["text"], "ratE_VALUE": _figure(rate["text"])}
        for row in _SALE_TYPE_ROWS
        if str(row["id"]) == query.get("transTypeId")
        for rate in row["rates"]
    ]


def _figure(text: str) -> float | int:
    rate = rate_of(text)
    figure = rate.percent or rate.per_unit
    return int(figure) if figure == figure.to_integral_value() else float(figure)


def _schedules(query: Query) -> Rows:
    if day_of(query.get("date", "")) is None or "origination_supplier_csv" not in query:
        return []
    return [
        {"srO_ID": id_, "srO_DESC": SCHEDULES[id_].text}
        for row in _SALE_TYPE_ROWS
        if any(str(rate["id"]) == query.get("rate_id") for rate in row["rates"])
        for id_ in row["schedules"]
    ]


def _schedule_items(query: Query) -> Rows:
    try:
        date.fromisoformat(query.get("date", ""))
    except ValueError:
        return []
    wanted = query.get("sro_id")
    return [
        row
        for schedule in _SCHEDULE_ROWS
        if str(schedule["id"]) == wanted
        for row in _serials_of(schedule)
    ]


def _hs_units(query: Query) -> Rows:
    if query.get("annexure_id") != SALES_ANNEX or not query.get("hs_code"):
        return []
    return [
        {"uoM_ID": _UNIT_IDS[unit], "description": unit}
        for unit in sorted(units_of(query["hs_code"]))
    ]


def _nothing(_query: Query) -> Rows:
    return []


REFERENCE: Final[Mapping[str, Callable[[Query], Rows]]] = {
    "/pdi/v1/provinces": _whole("provinces"),
    "/pdi/v1/doctypecode": _whole("document_types"),
    "/pdi/v1/itemdesccode": _whole("hs_codes"),
    "/pdi/v1/sroitemcode": _serials,
    "/pdi/v1/transtypecode": _sale_types,
    "/pdi/v1/uom": _whole("units"),
    "/pdi/v1/SroSchedule": _schedules,
    # The schedules exist on v1 only: v2 answers, with nothing.
    "/pdi/v2/SroSchedule": _nothing,
    "/pdi/v2/SaleTypeToRate": _rates,
    "/pdi/v2/HS_UOM": _hs_units,
    "/pdi/v2/SROItem": _schedule_items,
}
