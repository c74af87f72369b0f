"""FBR's lists as this process knows them: read once, looked at again every five minutes."""

from __future__ import annotations

import json
import threading
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from django.db import transaction
from django.db.models import Max

from invoices import rates, tariff
from invoices.enums import ListName
from invoices.models import (
    HsCode,
    HsUnit,
    Listing,
    ProvinceRow,
    RateSchedule,
    RateText,
    ReferenceSync,
    SaleTypeRate,
    SroItem,
    SroSchedule,
    Unit,
)
from invoices.rates import Rate

FRESH_S: Final = 300.0
ALIASES: Final = Path(__file__).parent / "data" / "aliases.json"

Texts = tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class RateRow:
    """A rate of a kind of supply: `rate_id` is FBR's number of it, None where nobody said."""

    text: str
    rate_id: int | None
    province: int | None
    first_seen: date
    gone_on: date | None

    def held_on(self, day: date) -> bool:
        return self.first_seen <= day and (self.gone_on is None or day < self.gone_on)


@dataclass(frozen=True, kw_only=True)
class Reference:
    """What FBR knows: codes, units in their own capitals, rate texts with their numbers.

    units_by_code: only codes whose units FBR told; the other maps hold what is known, whole or not.
    known_since:   by list and key (`models.Listing`), the day since which all of it is known.
    """

    hs_codes: frozenset[str]
    units: frozenset[str]
    rates: Mapping[str, Rate]
    units_by_code: Mapping[str, frozenset[str]] = field(default_factory=dict)
    units_seen: Mapping[str, Texts] = field(default_factory=dict)
    units_at: Mapping[str, datetime] = field(default_factory=dict)
    provinces: Mapping[str, int] = field(default_factory=dict)
    rate_rows: Mapping[str, tuple[RateRow, ...]] = field(default_factory=dict)
    sale_type_ids: Mapping[str, int] = field(default_factory=dict)
    schedules: Texts = ()
    schedules_by_rate: Mapping[int, Texts] = field(default_factory=dict)
    schedule_ids: Mapping[str, int] = field(default_factory=dict)
    items_by_schedule: Mapping[str, Texts] = field(default_factory=dict)
    serials: Texts = ()
    known_since: Mapping[tuple[str, str], date] = field(default_factory=dict)
    codes: tuple[tariff.Code, ...] = ()

    @cached_property
    def index(self) -> tariff.Index:
        """The tariff, ready to be searched: made when the first question comes."""
        return tariff.Index(self.codes, aliases())

    # --- rates ---------------------------------------------------------------------------------

    def rate(self, text: str) -> Rate:
        """The rate of a text; one that nobody can read counts as nothing until mended."""
        known = self.rates.get(text)
        if known is not None:
            return known
        try:
            return rates.parse(text)
        except rates.UnknownRate:
            return Rate(text=text)

    def knows_rate(self, text: str) -> bool:
        """Whether FBR prints such a text, in its lists or in a form that it is known to use."""
        if text in self.rates:
            return True
        try:
            rates.parse(text)
        except rates.UnknownRate:
            return False
        return True

    def rates_for(self, sale_type: str, on: date, province: str = "") -> Texts | None:
        """The rate texts of a kind of supply on a day, None where nobody knows the whole list.

        province: the seller's, in FBR's spelling; "" asks for what holds in any.
        """
        known = self._whole_rates(sale_type, on)
        if province:
            here = self.provinces.get(province)
            known &= {here} if here in known else {None}
        elif len(known) > 1:
            known.discard(None)  # what was seen before the first reading
        if not known:
            return None
        rows = [row for row in self._rows_of(sale_type, on) if row.province in known]
        return _once(row.text for row in rows)

    def _whole_rates(self, sale_type: str, on: date) -> set[int | None]:
        """For which provinces (None: for all) the whole list of rates is known on that day."""
        number = self.sale_type_ids.get(sale_type)
        places: tuple[int | None, ...] = (None, *self.provinces.values())
        return {
            place
            for place in places
            if self._is_known(ListName.RATES, rates_key(number or 0, place), on)
        }

    def _rows_of(self, sale_type: str, on: date) -> list[RateRow]:
        return [row for row in self.rate_rows.get(sale_type, ()) if row.held_on(on)]

    # --- what a rate rests on ------------------------------------------------------------------

    def schedules_for(self, sale_type: str, rate: str, on: date) -> Texts | None:
        """The SROs and schedules that may be quoted for a rate, None where it was not asked yet.

        An empty answer means that the rate needs none. sale_type: "" asks for the rate in any.
        """
        kinds = (sale_type,) if sale_type else self.rate_rows
        rows = [row for kind in kinds for row in self._rows_of(kind, on)]
        numbers = dict.fromkeys(row.rate_id for row in rows if row.text == rate)
        known = [
            number
            for number in numbers
            if number is not None
            and any(
                (ListName.SCHEDULES, rates_key(number, place)) in self.known_since
                for place in (None, *self.provinces.values())
            )
        ]
        if not known:
            return None
        return _once(text for number in known for text in self.schedules_by_rate.get(number, ()))

    def items_of(self, schedule: str) -> Texts | None:
        """The serials of an SRO or schedule, None where it was not asked yet."""
        number = self.schedule_ids.get(schedule)
        if number is None or (ListName.ITEMS, str(number)) not in self.known_since:
            return None
        return self.items_by_schedule.get(schedule, ())

    # --- what to offer where FBR did not tell -----------------------------------------------------

    def units_offered(self, hs_code: str) -> Texts:
        """FBR's units of a code; where it was not asked, those ever seen with it, then all."""
        known = self.units_of(hs_code)
        if known is not None:
            return tuple(sorted(known))
        return _once((*self.units_seen.get(hs_code, ()), *sorted(self.units)))

    def rates_offered(self, sale_type: str, on: date) -> Texts:
        """The rates of a kind of supply; where FBR was not asked, those ever seen with it."""
        known = self.rates_for(sale_type, on)
        if known is not None:
            return known
        rows = self.rate_rows.get(sale_type, ())
        return _once(row.text for row in rows if row.gone_on is None) or tuple(self.rates)

    def schedules_offered(self, sale_type: str, rate: str, on: date) -> Texts:
        known = self.schedules_for(sale_type, rate, on)
        return self.schedules if known is None else known

    def items_offered(self, schedule: str) -> Texts:
        known = self.items_of(schedule)
        if known is not None:
            return known
        return _once((*self.items_by_schedule.get(schedule, ()), *self.serials))

    # --- units ---------------------------------------------------------------------------------

    def units_of(self, hs_code: str) -> frozenset[str] | None:
        """The units FBR allows for a code, None where it was not asked yet."""
        return self.units_by_code.get(hs_code)

    def _is_known(self, name: str, key: str, on: date) -> bool:
        since = self.known_since.get((name, key))
        return since is not None and since <= on


def rates_key(number: int, province: int | None) -> str:
    """How `models.Listing` names a list that was asked for one number and province."""
    return f"{number}:{'' if province is None else province}"


def aliases() -> dict[str, list[str]]:
    """Everyday words, in Roman Urdu and the English of trade, and the headings they go to."""
    found: dict[str, list[str]] = json.loads(ALIASES.read_text(encoding="utf-8"))
    return found


def _once(texts: Iterable[str]) -> Texts:
    return tuple(dict.fromkeys(texts))


# --- read from the database ---------------------------------------------------------------------


def load() -> Reference:
    """Read the lists from the database: a dozen queries, about 10,000 rows."""
    here = HsCode.objects.filter(gone_on=None)
    told = {code: at for code, at in here.values_list("code", "units_at") if at is not None}
    units_seen = _grouped(
        HsUnit.objects.filter(gone_on=None).order_by("id").values_list("hs_code_id", "unit")
    )
    codes = tuple(
        tariff.Code(code=code, description=description, heading=heading, said=said)
        for code, description, heading, said in here.order_by("code").values_list(
            "code", "description", "heading", "said"
        )
    )
    whole = {code: frozenset(units_seen[code]) for code in told.keys() & units_seen.keys()}
    units = set(Unit.objects.filter(gone_on=None).values_list("name", flat=True))
    return Reference(
        hs_codes=frozenset(each.code for each in codes),
        units=frozenset(units.union(*whole.values())),
        rates={row.text: _rate(row) for row in RateText.objects.all()},
        units_by_code=whole,
        units_seen=units_seen,
        units_at=told,
        provinces=dict(ProvinceRow.objects.filter(gone_on=None).values_list("text", "code")),
        known_since={
            (name, key): since
            for name, key, since in Listing.objects.values_list("name", "key", "known_since")
        },
        codes=codes,
        **_rates(),
        **_schedules(),
    )


def _rates() -> dict[str, Any]:
    rows = defaultdict(list)
    ids: dict[str, int] = {}
    for each in SaleTypeRate.objects.select_related("sale_type").order_by("id"):
        ids[each.sale_type.text] = each.sale_type_id
        rows[each.sale_type.text].append(
            RateRow(
                text=each.text,
                rate_id=each.rate_id,
                province=each.province,
                first_seen=each.first_seen,
                gone_on=each.gone_on,
            )
        )
    return {"rate_rows": {text: tuple(found) for text, found in rows.items()}, "sale_type_ids": ids}


def _schedules() -> dict[str, Any]:
    here = SroSchedule.objects.filter(gone_on=None).order_by("text")
    numbers = {text: number for text, number in here.values_list("text", "fbr_id") if number}
    links = RateSchedule.objects.filter(gone_on=None).order_by("id")
    every = SroItem.objects.filter(gone_on=None).order_by("id")
    items = every.exclude(schedule=None)
    return {
        "schedules": tuple(here.values_list("text", flat=True)),
        "schedules_by_rate": _grouped(links.values_list("rate_id", "schedule__text")),
        "schedule_ids": numbers,
        "items_by_schedule": _grouped(items.values_list("schedule__text", "text")),
        "serials": _once(every.filter(schedule=None).values_list("text", flat=True)),
    }


def _grouped(pairs: Iterable[tuple[Any, str]]) -> dict[Any, Texts]:
    found: dict[Any, list[str]] = defaultdict(list)
    for key, text in pairs:
        found[key].append(text)
    return {key: _once(texts) for key, texts in found.items()}


def _rate(row: RateText) -> Rate:
    zero = Decimal(0)
    return Rate(
        text=row.text, percent=row.percent or zero, per_unit=row.per_unit or zero, unit=row.unit
    )


# --- kept in the process ------------------------------------------------------------------------


@dataclass(frozen=True)
class _Held:
    looked_at: float
    stamp: Sequence[Any]
    lists: Reference


_lock = threading.Lock()
_held: _Held | None = None


def current() -> Reference:
    """The lists, at most five minutes old.

    One thread looks whether they changed; the others go on with what they have.
    """
    held = _held
    if held is None:
        with _lock:
            return _held.lists if _held is not None else _look(None).lists
    if time.monotonic() - held.looked_at > FRESH_S and _lock.acquire(blocking=False):
        try:
            return _look(held).lists
        finally:
            _lock.release()
    return held.lists


def forget() -> None:
    """Look anew at the next question: this process has just changed the lists."""
    global _held  # noqa: PLW0603 -- one copy a process
    with _lock:
        _held = None


def _look(before: _Held | None) -> _Held:
    """Under the lock: read again what has changed since `before`."""
    global _held  # noqa: PLW0603 -- one copy a process, guarded by the lock
    with transaction.atomic(savepoint=False):
        stamp = _stamp()
        lists = before.lists if before is not None and before.stamp == stamp else load()
    _held = _Held(time.monotonic(), stamp, lists)
    return _held


def _stamp() -> Sequence[Any]:
    """Moves with every reading of FBR's lists: two rows instead of ten thousand."""
    read = Listing.objects.aggregate(at=Max("read_at"))["at"]
    told = HsCode.objects.aggregate(at=Max("units_at"))["at"]
    synced = ReferenceSync.objects.aggregate(at=Max("at"))["at"]
    return read, told, synced
