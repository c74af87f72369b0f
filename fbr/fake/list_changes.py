"""How a test changes FBR's lists, so that whoever copies them can see a difference.

A call is {"restore": true}, or a list of changes, all of which are made or none:

    {"list": "rates", "sale_type": 24, "add": {"id": 2499, "text": "9%"}}
    {"list": "rates", "sale_type": 24, "remove": "1%"}
    {"list": "units", "add": {"id": 200, "text": "Bale"}}
    {"list": "units", "remove": "Bag"}
    {"list": "hs_codes", "add": {"code": "5205.9999", "text": "Yarn of tomorrow"}}
    {"list": "hs_codes", "remove": "5205.1100"}
    {"list": "hs_units", "hs_code": "5205.1100", "add": "Bag"}
    {"list": "hs_units", "hs_code": "5205.1100", "remove": "KG"}
"""

import copy
from collections.abc import Callable, Mapping
from typing import Any, Final

from fbr.fake.lists import Lists, Rows, Source, loaded
from fbr.fake.rates import rate_of


class BadChange(ValueError):
    """A change of the lists that says nothing usable."""


def changed(lists: Lists, given: object) -> Lists:
    """The lists after some changes.

    Raises: BadChange, saying which one is wrong; `lists` are as they were in any case.
    """
    if given == {"restore": True}:
        return Lists(loaded())
    if not isinstance(given, list):
        raise BadChange('Send a list of changes, or {"restore": true}.')
    source = copy.deepcopy(lists.source)
    for change in given:
        source = _one(source, change)
    return Lists(source)


def _one(source: Source, change: object) -> Source:
    if not isinstance(change, dict) or change.get("list") not in _CHANGES:
        raise BadChange(f"{change}: a change names a list: {', '.join(_CHANGES)}.")
    try:
        return _CHANGES[change["list"]](source, change)
    except BadChange as error:
        raise BadChange(f"{change}: {error}") from error


def _rates(source: Source, change: Mapping[str, Any]) -> Source:
    row = next((row for row in source.sale_types if row["id"] == change.get("sale_type")), None)
    match row, change:
        case None, _:
            raise BadChange("no sale type has this id.")
        case dict(row), {"add": {"id": int(id_), "text": str(text)}}:
            row["rates"].append({"id": id_, "text": _rate(text)})
        case dict(row), {"remove": str(text)}:
            row["rates"] = _without(row["rates"], "text", text)
        case _:
            raise BadChange('add {"id", "text"}, or remove a text.')
    return source


def _rate(text: str) -> str:
    try:
        return rate_of(text).text
    except ValueError as error:
        raise BadChange(str(error)) from error


def _units(source: Source, change: Mapping[str, Any]) -> Source:
    match change:
        case {"add": {"id": int(id_), "text": str(text)}}:
            source.units.append({"uoM_ID": id_, "description": text})
        case {"remove": str(text)}:
            source.units[:] = _without(source.units, "description", text)
        case _:
            raise BadChange('add {"id", "text"}, or remove a text.')
    return source


def _without(rows: Rows, name: str, text: str) -> Rows:
    kept = [row for row in rows if row[name] != text]
    if len(kept) == len(rows):
        raise BadChange("there is nothing of this text to remove.")
    return kept


def _hs_codes(source: Source, change: Mapping[str, Any]) -> Source:
    codes = dict(source.hs_codes)
    match change:
        case {"add": {"code": str(code), "text": str(text)}}:
            codes[code] = text
        case {"remove": str(code)} if code in codes:
            del codes[code]
        case _:
            raise BadChange('add {"code", "text"}, or remove a code that is there.')
    return _source(source, hs_codes=codes)


def _hs_units(source: Source, change: Mapping[str, Any]) -> Source:
    code = change.get("hs_code")
    if not isinstance(code, str):
        raise BadChange("hs_code is a text.")
    units = Lists(source).units_of(code)
    match change:
        case {"add": str(unit)}:
            units = [*units, unit]
        case {"remove": str(unit)} if unit in units:
            units = [one for one in units if one != unit]
        case _:
            raise BadChange("add a unit, or remove one that is there.")
    return _source(source, units_by_hs={**source.units_by_hs, code: units})


def _source(source: Source, **changes: Any) -> Source:
    return Source(**(vars(source) | changes))


_CHANGES: Final[Mapping[str, Callable[[Source, Mapping[str, Any]], Source]]] = {
    "rates": _rates,
    "units": _units,
    "hs_codes": _hs_codes,
    "hs_units": _hs_units,
}
