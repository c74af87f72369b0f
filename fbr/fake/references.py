"""The reference calls: FBR's lists as they are served.

Source: PRAL DI API v1.12, section 5; the odd spelling of the keys is FBR's, and so are the three
ways to write a date and the empty list for a date in another one.
"""

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any, Final

from fbr.fake.lists import SCHEDULE_ROWS, SCHEDULES, Lists, Rows, load
from fbr.fake.rates import rate_of

Query = Mapping[str, str]
Call = Callable[[Lists, Query], Rows]

SALES_ANNEX: Final = "3"

_MONTHS: Final = (
    *("jan", "feb", "mar", "apr", "may", "jun"),
    *("jul", "aug", "sep", "oct", "nov", "dec"),
)


def day_of(text: str) -> date | None:
    """Read dd-MMM-yyyy with an English month; None for any other form, the ISO one included."""
    day, _, rest = text.partition("-")
    month, _, year = rest.partition("-")
    try:
        return date(int(year), _MONTHS.index(month.lower()) + 1, int(day))
    except ValueError:
        return None


def _whole(name: str) -> Call:
    rows: Rows = load(name)
    return lambda _lists, _query: rows


def _hs_codes(lists: Lists, _query: Query) -> Rows:
    return [
        {"hS_CODE": code, "description": description}
        for code, description in lists.source.hs_codes.items()
    ]


def _units(lists: Lists, _query: Query) -> Rows:
    return lists.source.units


def _sale_types(lists: Lists, _query: Query) -> Rows:
    return [
        {"transactioN_TYPE_ID": row["id"], "transactioN_DESC": row["text"]}
        for row in lists.source.sale_types
    ]


def _serials(_lists: Lists, _query: Query) -> Rows:
    return [row for schedule in SCHEDULE_ROWS for row in _serials_of(schedule)]


def _serials_of(schedule: Mapping[str, Any]) -> Rows:
    first = schedule.get("first_item_id", schedule["id"] * 1000 + 1)
    return [
        {"srO_ITEM_ID": item_id, "srO_ITEM_DESC": serial}
        for item_id, serial in enumerate(schedule["serials"], start=first)
    ]


def _rates(lists: Lists, query: Query) -> Rows:
    if day_of(query.get("date", "")) is None or "originationSupplier" not in query:
        return []
    return [
        {"ratE_ID": rate["id"], "ratE_DESC": rate["text"], "ratE_VALUE": _figure(rate["text"])}
        for row in lists.source.sale_types
        if str(row["id"]) == query.get("transTypeId")
        for rate in row["rates"]
    ]


def _figure(text: str) -> float | int:
    rate = rate_of(text)
    figure = rate.percent or rate.per_unit
    return int(figure) if figure == figure.to_integral_value() else float(figure)


def _schedules(lists: Lists, query: Query) -> Rows:
    if day_of(query.get("date", "")) is None or "origination_supplier_csv" not in query:
        return []
    return [
        {"srO_ID": id_, "srO_DESC": SCHEDULES[id_].text}
        for row in lists.source.sale_types
        if any(str(rate["id"]) == query.get("rate_id") for rate in row["rates"])
        for id_ in row["schedules"]
    ]


def _schedule_items(_lists: Lists, query: Query) -> Rows:
    try:
        date.fromisoformat(query.get("date", ""))
    except ValueError:
        return []
    wanted = query.get("sro_id")
    return [
        row
        for schedule in SCHEDULE_ROWS
        if str(schedule["id"]) == wanted
        for row in _serials_of(schedule)
    ]


def _hs_units(lists: Lists, query: Query) -> Rows:
    if query.get("annexure_id") != SALES_ANNEX or not query.get("hs_code"):
        return []
    return [
        {"uoM_ID": lists.unit_ids[unit], "description": unit}
        for unit in sorted(lists.units_of(query["hs_code"]))
    ]


def _nothing(_lists: Lists, _query: Query) -> Rows:
    return []


REFERENCE: Final[Mapping[str, Call]] = {
    "/pdi/v1/provinces": _whole("provinces"),
    "/pdi/v1/doctypecode": _whole("document_types"),
    "/pdi/v1/itemdesccode": _hs_codes,
    "/pdi/v1/sroitemcode": _serials,
    "/pdi/v1/transtypecode": _sale_types,
    "/pdi/v1/uom": _units,
    "/pdi/v1/SroSchedule": _schedules,
    # The schedules exist on v1 only: v2 answers, with nothing.
    "/pdi/v2/SroSchedule": _nothing,
    "/pdi/v2/SaleTypeToRate": _rates,
    "/pdi/v2/HS_UOM": _hs_units,
    "/pdi/v2/SROItem": _schedule_items,
}
