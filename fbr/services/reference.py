"""Refresh FBR's lists with the token of one business, for all of them.

Each list is read, judged and stored by itself: what fails leaves the known list as it was and
says so in a `ReferenceSync`. Nothing here holds a token or a document. A refresh goes on in steps,
so that no worker is held for long, and resumes where a lost one left it.
"""

from __future__ import annotations

import logging
import time
from datetime import date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from accounts.access import Actor, allow
from accounts.enums import Permission
from fbr import lookups, reference_lists
from fbr.outcomes import Evidence
from fbr.reference_lists import SilentLine, UnusableList
from fbr.services import tokens
from fbr.services.credentials import NoToken
from invoices import reference
from invoices.enums import ListName
from invoices.models import (
    HsCode,
    Listing,
    Product,
    ReferenceRun,
    ReferenceSync,
    SaleTypeRate,
    SaleTypeRow,
    SroSchedule,
)
from invoices.services import lists
from invoices.services.lists import Diff, ShrunkList
from smartinvoicing import clock
from smartinvoicing.errors import StateConflict

logger = logging.getLogger(__name__)

PLAN: Final = (
    ListName.PROVINCES,
    ListName.DOCUMENT_TYPES,
    ListName.SALE_TYPES,
    ListName.UNITS,
    ListName.HS_CODES,
    ListName.SERIALS,
    ListName.RATES,
    ListName.SCHEDULES,
    ListName.ITEMS,
    ListName.HS_UNITS,
)
_OF_MANY: Final = frozenset({ListName.RATES, ListName.SCHEDULES, ListName.ITEMS, ListName.HS_UNITS})
SALES_ANNEX: Final = "3"  # annexure_id of HS_UOM
STEP_S: Final = 40.0
PER_S: Final = 5.0  # calls a second at most
LOST_AFTER: Final = timedelta(minutes=10)
RARELY: Final = timedelta(days=6)  # schedules and serials change seldom
UNITS_KEPT: Final = timedelta(days=30)
MOST_UNITS: Final = 40  # codes whose units one refresh asks for
_WITHIN_S: Final = 30.0
_IN_A_ROW: Final = 3  # readings that fail one after the other: FBR or the token is the reason


# --- a refresh ----------------------------------------------------------------------------------


@transaction.atomic
def begin(*, actor: Actor, at: datetime) -> ReferenceRun:
    """Note that the lists are to be read. `advance` does it.

    Raises: NotAllowed; NoToken; StateConflict while another refresh runs.
    """
    allow(actor, Permission.MANAGE_BUSINESS)
    tokens.for_asking()
    lost = ReferenceRun.objects.filter(ended_at=None, moved_at__lt=at - LOST_AFTER)
    lost.update(ended_at=at, failure="the process that read them was lost")
    if ReferenceRun.objects.filter(ended_at=None).exists():
        raise StateConflict(_("The lists are being read already."))
    run = ReferenceRun(began_at=at, moved_at=at, plan=[[name, ""] for name in PLAN])
    run.save(force_insert=True)
    return run


def is_due(*, at: datetime) -> bool:
    """Whether the lists were read with success less than a day ago, or are being read."""
    recent = ReferenceRun.objects.filter(began_at__gt=at - timedelta(hours=23))
    busy = Q(ended_at=None, moved_at__gt=at - LOST_AFTER)
    return not recent.filter(busy | Q(ended_at__isnull=False, failure="")).exists()


def advance(*, run_id: UUID) -> bool:
    """Read lists for a while, in no transaction. True when there are more to read.

    Raises: StateConflict when it has ended meanwhile.
    """
    until, in_a_row = time.monotonic() + STEP_S, 0
    with transaction.atomic():
        run = ReferenceRun.objects.get(pk=run_id)
        try:
            asking = tokens.for_asking()
        except NoToken as missing:
            _end(run, failure=missing.message, at=clock.now())
            return False
    while time.monotonic() < until:
        if run.done >= len(run.plan):
            with transaction.atomic():
                _end(run, at=clock.now())
            reference.forget()
            return False
        began = time.monotonic()
        if not _expanded(run, asking):
            silence = _read_next(run, asking)
            in_a_row = in_a_row + 1 if silence else 0
            if in_a_row == _IN_A_ROW:
                with transaction.atomic():
                    _end(run, failure=silence, at=clock.now())
                return False
            time.sleep(max(0.0, 1 / PER_S - (time.monotonic() - began)))
    reference.forget()
    return True


def _end(run: ReferenceRun, *, at: datetime, failure: str = "") -> None:
    run.ended_at, run.failure = at, failure[:200]
    _save(run, "ended_at", "failure")


def _save(run: ReferenceRun, *names: str) -> None:
    """Raises: StateConflict when somebody else ended it, or moved it on."""
    fields: dict[str, Any] = {name: getattr(run, name) for name in names}
    mine = ReferenceRun.objects.filter(pk=run.pk, ended_at=None, moved_at=run.moved_at)
    now = clock.now()
    if not mine.update(**fields, moved_at=now):
        raise StateConflict("Somebody else goes on with this refresh.")
    run.moved_at = now


@transaction.atomic
def _expanded(run: ReferenceRun, asking: tokens.Asking) -> bool:
    """Whether the next entry of the plan stood for many lists, which now stand in its place."""
    name, key = run.plan[run.done]
    if name not in _OF_MANY or key:
        return False
    parts = [[name, key] for key in _keys(name, asking, at=run.began_at)]
    run.plan[run.done : run.done + 1] = parts
    if not parts:  # all of them are fresh
        _Found(run, name).write(at=clock.now())
    _save(run, "plan", "found")
    return True


def _keys(name: str, asking: tokens.Asking, *, at: datetime) -> list[str]:
    """What a list of many is asked for now."""
    province = asking.province
    if name == ListName.RATES:
        types = SaleTypeRow.objects.filter(gone_on=None).order_by("code")
        return [reference.rates_key(row.code, province) for row in types]
    if name == ListName.SCHEDULES:
        rates = SaleTypeRate.objects.filter(gone_on=None, province=province)
        numbers = sorted({number for number in rates.values_list("rate_id", flat=True) if number})
        return _due(name, [reference.rates_key(number, province) for number in numbers], at)
    if name == ListName.ITEMS:
        known = SroSchedule.objects.filter(gone_on=None).values_list("fbr_id", flat=True)
        return _due(name, [str(number) for number in sorted(n for n in known if n)], at)
    return _codes_without_units(at)


def _due(name: str, keys: list[str], at: datetime) -> list[str]:
    fresh = Listing.objects.filter(name=name, read_at__gte=at - RARELY)
    return [key for key in keys if key not in set(fresh.values_list("key", flat=True))]


def _codes_without_units(at: datetime) -> list[str]:
    """Codes of this business's products whose units FBR was not asked for lately."""
    used = Product.objects.values_list("hs_code", flat=True).distinct()[:1000]
    known = HsCode.objects.filter(pk__in=set(used), gone_on=None)
    stale = known.filter(units_at=None) | known.filter(units_at__lt=at - UNITS_KEPT)
    return list(stale.order_by("code").values_list("code", flat=True)[:MOST_UNITS])


# --- one list -----------------------------------------------------------------------------------


def _read_next(run: ReferenceRun, asking: tokens.Asking) -> str:
    """Read one list and write down what it brought; why FBR is silent, "" when it is not."""
    name, key = run.plan[run.done]
    began = time.monotonic()
    diff, rows, failure, silence = Diff(), 0, "", ""
    try:
        diff, rows = _refresh(name, key, asking, at=clock.now())
    except SilentLine as error:
        failure = silence = error.message
    except (UnusableList, ShrunkList) as error:
        failure = error.message
    if failure:
        logger.info("reference.kept", extra={"list": name, "key": key, "why": failure})
    took_ms = round((time.monotonic() - began) * 1000)
    with transaction.atomic():
        found = _Found(run, name)
        found.add(diff, rows=rows, failure=failure, took_ms=took_ms)
        run.done += 1
        if not any(each == name for each, _key in run.plan[run.done :]):
            found.write(at=clock.now())
        _save(run, "done", "found")
    return silence


def _refresh(name: str, key: str, asking: tokens.Asking, *, at: datetime) -> tuple[Diff, int]:
    """Ask for one list and store it: what changed, and how many rows there were."""
    entries = reference_lists.read(name, _ask(name, key, asking, clock.karachi_date(at)))
    with transaction.atomic():
        diff = lists.put(name, key, [(each.number, each.text) for each in entries], at=at)
    return diff, len(entries)


def _ask(name: str, key: str, asking: tokens.Asking, day: date) -> Evidence:
    number, _colon, province = key.partition(":")
    params: dict[str, str] = {}
    if name == ListName.RATES:
        params = {
            "date": reference_lists.month_date(day),
            "transTypeId": number,
            "originationSupplier": province,
        }
    elif name == ListName.SCHEDULES:
        params = {
            "rate_id": number,
            "date": reference_lists.month_date(day),
            "origination_supplier_csv": province,
        }
    elif name == ListName.ITEMS:
        params = {"date": day.isoformat(), "sro_id": number}
    elif name == ListName.HS_UNITS:
        params = {"hs_code": key, "annexure_id": SALES_ANNEX}
    path = reference_lists.SHAPES[name].path
    return lookups.get(path, params, token=asking.token, within_s=_WITHIN_S)


class _Found:
    """What the parts of one list brought in this refresh, kept in the run between two steps."""

    def __init__(self, run: ReferenceRun, name: str) -> None:
        self._run, self._name = run, name
        empty = {**Diff().as_dict(), "rows": 0, "took_ms": 0, "stored": 0, "failed": 0, "why": ""}
        self._so_far: dict[str, Any] = run.found.setdefault(name, empty)

    def add(self, diff: Diff, *, rows: int, failure: str, took_ms: int) -> None:
        for name, value in diff.as_dict().items():
            self._so_far[name] += value
        for kind in ("added", "removed", "changed"):
            del self._so_far[kind][lists.SHOWN :]
        self._so_far["rows"] += rows
        self._so_far["took_ms"] += took_ms
        self._so_far["failed" if failure else "stored"] += 1
        self._so_far["why"] = failure or self._so_far["why"]

    def write(self, *, at: datetime) -> None:
        """A list of many counts as read when any part of it was."""
        told = dict(self._so_far)
        failure = told["why"] if told["failed"] and not told["stored"] else ""
        ReferenceSync(
            run=self._run,
            name=self._name,
            at=at,
            rows=told.pop("rows"),
            took_ms=told.pop("took_ms"),
            failure=failure[:200],
            diff=told,
        ).save(force_insert=True)


# --- the units of one code ----------------------------------------------------------------------


def fetch_units(*, hs_code: str, at: datetime) -> bool:
    """Ask for the units of one code, unless it was asked lately. In no transaction.

    Returns: whether the list was stored.
    """
    with transaction.atomic():
        row = HsCode.objects.filter(pk=hs_code, gone_on=None).first()
        if row is None or (row.units_at is not None and row.units_at > at - UNITS_KEPT):
            return False
        try:
            asking = tokens.for_asking()
        except NoToken:
            return False
    try:
        _refresh(ListName.HS_UNITS, hs_code, asking, at=at)
    except (UnusableList, ShrunkList) as error:
        logger.info("reference.no_units", extra={"hs_code": hs_code, "why": error.message})
        return False
    reference.forget()
    return True
