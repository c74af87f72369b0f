"""Put what FBR tells of its lists into the tables that we keep of them.

Each function takes a whole list, stores it in one transaction and says what changed. What FBR
lists no more stays and is marked with the day; a list that shrank by more than half is refused,
since it is likelier that FBR's service is ill than that half the tariff was repealed.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final

from django.db import models, transaction
from django.utils.translation import gettext as _

from invoices.enums import ListName
from invoices.models import (
    DocumentTypeRow,
    HsCode,
    HsUnit,
    Listing,
    ProvinceRow,
    RateSchedule,
    SaleTypeRate,
    SaleTypeRow,
    SroItem,
    SroSchedule,
    Unit,
)
from smartinvoicing import clock
from smartinvoicing.errors import AppError

SHOWN: Final = 20  # rows of each kind that a diff names
_SMALL: Final = 4  # below so many rows a list may shrink as it likes
# What the migrations brought whole: the first reading is held to it already.
_SEEDED: Final = frozenset(
    {
        ListName.PROVINCES,
        ListName.DOCUMENT_TYPES,
        ListName.SALE_TYPES,
        ListName.UNITS,
        ListName.HS_CODES,
    }
)

Pair = tuple[Any, str]  # FBR's number, or HS code, and its text


class ShrunkList(AppError):
    """FBR told less than half of what it told before: nothing was stored."""

    code = "shrunk_list"
    http_status = 502


@dataclass(kw_only=True)
class Diff:
    """What a reading changed, in words."""

    added: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """Bounded: the first of each kind, and how many there were."""
        return {
            key: value
            for kind in ("added", "removed", "changed")
            for key, value in (
                (kind, getattr(self, kind)[:SHOWN]),
                (f"{kind}_count", len(getattr(self, kind))),
            )
        }


@dataclass(frozen=True, kw_only=True)
class _Told:
    """A whole list as FBR told it on a day. is_first: nothing was read of it before."""

    key: str
    pairs: Sequence[Pair]
    day: date
    is_first: bool

    @property
    def texts(self) -> list[str]:
        return [text for _number, text in self.pairs]

    @property
    def parts(self) -> tuple[int, int | None]:
        """The number and the province in `75:7` (`reference.rates_key`)."""
        number, _colon, province = self.key.partition(":")
        return int(number), int(province) if province else None

    def refuse_shrunk(self, there: Iterable[Any], told: int) -> None:
        known = sum(row.gone_on is None for row in there)
        if not self.is_first and known >= _SMALL and told * 2 < known:
            raise ShrunkList(
                _("FBR told %(told)d rows where %(known)d are known; the known list was kept.")
                % {"told": told, "known": known}
            )


@transaction.atomic
def put(name: str, key: str, pairs: Sequence[Pair], *, at: datetime) -> Diff:
    """Store the whole list `name`, of `key` where it is one of many.

    Raises: ShrunkList.
    """
    day = clock.karachi_date(at)
    read = Listing.objects.filter(name=name, key=key)
    is_first = name not in _SEEDED and not read.exists()
    diff = _WRITERS[name](_Told(key=key, pairs=pairs, day=day, is_first=is_first))
    if name == ListName.HS_UNITS:
        HsCode.objects.filter(pk=key).update(units_at=at)
    elif not read.update(read_at=at):
        Listing(name=name, key=key, known_since=day, read_at=at).save(force_insert=True)
    return diff


# --- what all lists have in common --------------------------------------------------------------


def _keep(
    told: _Told,
    rows: models.QuerySet[Any],
    wanted: Mapping[Hashable, dict[str, Any]],
    *,
    key_of: Callable[[Any], Hashable],
    make: Callable[[Any], Any],
) -> Diff:
    """Bring `rows` to `wanted`: new ones in, changed ones changed, missing ones marked.

    wanted: by key, the fields that a row has besides the key.
    """
    diff = Diff()
    there = {key_of(row): row for row in rows}
    told.refuse_shrunk(there.values(), len(wanted))
    for key, row in there.items():
        if key in wanted:
            _renew(row, wanted[key], diff)
        elif row.gone_on is None:
            row.gone_on = told.day
            row.save(update_fields=["gone_on"])
            diff.removed.append(str(row))
    for key, fields in wanted.items():
        if key not in there:
            row = make(key)
            for name, value in fields.items():
                setattr(row, name, value)
            row.save(force_insert=True)
            diff.added.append(str(row))
    return diff


def _renew(row: Any, fields: Mapping[str, Any], diff: Diff) -> None:
    was = str(row)
    changed = {name: value for name, value in fields.items() if getattr(row, name) != value}
    if row.gone_on is not None:
        changed["gone_on"] = None
        diff.added.append(was)
    for name, value in changed.items():
        setattr(row, name, value)
    if changed:
        row.save(update_fields=list(changed))
    if was != str(row):
        diff.changed.append(f"{was} → {row}")


# --- whole lists --------------------------------------------------------------------------------


def _numbered(model: Any) -> Callable[[_Told], Diff]:
    """A list of number and text, such as the provinces."""

    def put_list(told: _Told) -> Diff:
        return _keep(
            told,
            model.objects.all(),
            {number: {"text": text, "last_seen": told.day} for number, text in told.pairs},
            key_of=lambda row: row.pk,
            make=lambda number: model(code=number, first_seen=told.day),
        )

    return put_list


def _put_units(told: _Told) -> Diff:
    """By text: several of FBR's numbers share one."""
    return _keep(
        told,
        Unit.objects.all(),
        {text: {} for text in told.texts},
        key_of=lambda row: row.pk,
        make=lambda text: Unit(name=text),
    )


def _put_hs_codes(told: _Told) -> Diff:
    """FBR's words stand beside ours; where ours say only the heading, FBR's last part is added.

    The first time that FBR's words come they are no change.
    """
    there = {row.code: row for row in HsCode.objects.all()}
    wanted = dict(told.pairs)
    told.refuse_shrunk(there.values(), len(wanted))
    diff = Diff()
    fresh: list[HsCode] = []
    new: list[HsCode] = []
    for code, said in wanted.items():
        row = there.get(code)
        if row is None:
            new.append(_new_code(code, said, there))
        elif row.said != said or row.gone_on is not None:
            _note(row, said, diff)
            row.said, row.gone_on = said, None
            row.description = _described(row)
            fresh.append(row)
    diff.added += [f"{row.code} {row.description}" for row in new]
    missing = [row for row in there.values() if row.gone_on is None and row.code not in wanted]
    for row in missing:
        row.gone_on = told.day
        diff.removed.append(f"{row.code} {row.description}")
    HsCode.objects.bulk_create(new, batch_size=1000)
    # Measured: several times as fast as bulk_update, which asks row by row which one it is.
    HsCode.objects.bulk_create(
        [*fresh, *missing],
        batch_size=1000,
        update_conflicts=True,
        unique_fields=["code"],
        update_fields=["said", "description", "gone_on"],
    )
    return diff


def _note(row: HsCode, said: str, diff: Diff) -> None:
    if row.gone_on is not None:
        diff.added.append(f"{row.code} {row.description}")
    elif row.said:
        diff.changed.append(f"{row.code} {_leaf(row.said)} → {_leaf(said)}")


def _described(row: HsCode) -> str:
    return _leaf(row.said) if row.description in {"", row.heading} else row.description


def _new_code(code: str, said: str, there: Mapping[str, HsCode]) -> HsCode:
    sister = next((row for row in there.values() if row.code[:4] == code[:4]), None)
    heading = sister.heading if sister else said.partition(" - ")[0].strip().capitalize()
    return HsCode(code=code, said=said, heading=heading, description=_leaf(said))


def _leaf(said: str) -> str:
    """The last part of FBR's description, which goes from heading to leaf in capitals."""
    return said.rpartition(" - ")[2].strip(" -.").capitalize() or said


def _put_serials(told: _Told) -> Diff:
    """FBR's older list of entries, of no schedule in particular.

    Rows without FBR's number came with the seeds, from elsewhere: FBR's silence says nothing
    against them.
    """
    numbers = {text: number for number, text in told.pairs}
    for row in SroItem.objects.filter(schedule=None, fbr_id=None, text__in=numbers):
        row.fbr_id = numbers[row.text]
        row.save(update_fields=["fbr_id"])
    return _keep(
        told,
        SroItem.objects.filter(schedule=None, fbr_id__isnull=False),
        {text: {"fbr_id": number, "last_seen": told.day} for text, number in numbers.items()},
        key_of=lambda row: row.text,
        make=lambda text: SroItem(text=text, first_seen=told.day),
    )


# --- lists of one number ------------------------------------------------------------------------


def _put_rates(told: _Told) -> Diff:
    number, province = told.parts
    sale_type = SaleTypeRow.objects.get(pk=number)

    def make(pair: Pair) -> SaleTypeRate:
        return SaleTypeRate(
            sale_type=sale_type,
            province=province,
            rate_id=pair[0],
            text=pair[1],
            first_seen=told.day,
        )

    return _keep(
        told,
        sale_type.rates.filter(province=province).select_related("sale_type"),
        {pair: {"last_seen": told.day} for pair in told.pairs},
        key_of=lambda row: (row.rate_id, row.text),
        make=make,
    )


def _put_schedules(told: _Told) -> Diff:
    rate, province = told.parts
    known = {row.text: row for row in SroSchedule.objects.filter(text__in=told.texts)}
    for number, text in told.pairs:
        # The number is this text's from now on, whoever had it before.
        SroSchedule.objects.filter(fbr_id=number).exclude(text=text).update(fbr_id=None)
        row = known.setdefault(text, SroSchedule(text=text, first_seen=told.day))
        row.fbr_id, row.last_seen, row.gone_on = number, told.day, None
        row.save()
    return _keep(
        told,
        RateSchedule.objects.filter(rate_id=rate, province=province).select_related("schedule"),
        {text: {"last_seen": told.day} for text in told.texts},
        key_of=lambda row: row.schedule.text,
        make=lambda text: RateSchedule(
            rate_id=rate, province=province, schedule=known[text], first_seen=told.day
        ),
    )


def _put_items(told: _Told) -> Diff:
    schedule = SroSchedule.objects.get(fbr_id=int(told.key))
    return _keep(
        told,
        schedule.items.select_related("schedule"),
        {text: {"fbr_id": number, "last_seen": told.day} for number, text in told.pairs},
        key_of=lambda row: row.text,
        make=lambda text: SroItem(schedule=schedule, text=text, first_seen=told.day),
    )


def _put_hs_units(told: _Told) -> Diff:
    return _keep(
        told,
        HsUnit.objects.filter(hs_code=told.key),
        {text: {"last_seen": told.day} for text in told.texts},
        key_of=lambda row: row.unit,
        make=lambda text: HsUnit(hs_code_id=told.key, unit=text, first_seen=told.day),
    )


_WRITERS: Final[Mapping[str, Callable[[_Told], Diff]]] = {
    ListName.PROVINCES: _numbered(ProvinceRow),
    ListName.DOCUMENT_TYPES: _numbered(DocumentTypeRow),
    ListName.SALE_TYPES: _numbered(SaleTypeRow),
    ListName.UNITS: _put_units,
    ListName.HS_CODES: _put_hs_codes,
    ListName.SERIALS: _put_serials,
    ListName.RATES: _put_rates,
    ListName.SCHEDULES: _put_schedules,
    ListName.ITEMS: _put_items,
    ListName.HS_UNITS: _put_hs_units,
}
