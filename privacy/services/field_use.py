"""Is each personal field needed? Each night: do the newest rows fill it, does anything read it.

One that stood idle for a quarter is a question to the officer: take it out, or say why not.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import models, transaction
from django.db.models import Q
from django.urls import reverse
from django.utils.translation import gettext as _
from psycopg2 import sql

from accounts import staff
from accounts.enums import Desk, StaffAction
from accounts.models import User
from privacy import inventory, readers, scanning
from privacy.inventory import FieldEntry
from privacy.models import FieldUse, Idle
from privacy.services import desk

TASK: Final = "unused_fields"
EVERY: Final = timedelta(hours=20)
QUARTER: Final = timedelta(days=92)
SAMPLE: Final = 1000  # rows of one table, the newest
_ALL: Final = "all"
_NOTHING: Final = ["", "{}", "[]", "null", '""', "\\x"]  # as the database writes what is empty

Counts = Mapping[tuple[str, str], tuple[int, int]]  # of (model, field): rows, filled ones


def is_due(*, at: datetime) -> bool:
    """Whether tonight's look is still to come."""
    return not FieldUse.objects.filter(looked_at__gt=at - EVERY).exists()


def look(*, at: datetime) -> int:
    """Look at every personal field of every business: how many stand idle.

    Raises: BlindScan.
    """
    entries = [each for each in inventory.personal_fields() if each.column]
    with scanning.sight() as cursor:
        counts = dict(_counted(cursor, entries))
    with transaction.atomic():
        idle = _note(entries, counts, at=at)
        _tell_desk(at=at)
    return idle


def _counted(
    cursor: Any, entries: Sequence[FieldEntry]
) -> Iterator[tuple[tuple[str, str], tuple[int, int]]]:
    of_table: dict[str, list[FieldEntry]] = defaultdict(list)
    for entry in entries:
        of_table[entry.table].append(entry)
    keys = {m._meta.db_table: m._meta.pk.column or "" for m in inventory.mapped_models()}
    for table, mine in of_table.items():
        filled = [
            sql.SQL("count(*) FILTER (WHERE coalesce({}::text, '') <> ALL(%(nothing)s))").format(
                sql.Identifier(each.column)
            )
            for each in mine
        ]
        asked = sql.SQL(
            "SELECT count(*), {filled} FROM"
            " (SELECT * FROM {table} ORDER BY {key} DESC LIMIT %(sample)s) AS newest"
        ).format(
            filled=sql.SQL(", ").join(filled),
            table=sql.Identifier(table),
            key=sql.Identifier(keys[table]),
        )
        cursor.execute(asked, {"nothing": _NOTHING, "sample": SAMPLE})
        rows, *numbers = cursor.fetchone()
        for each, number in zip(mine, numbers, strict=True):
            yield (each.model, each.field), (rows, number)


def is_read(entry: FieldEntry) -> bool:
    """Whether something of ours names it; a library's own table is read by the library."""
    if entry.model.partition(".")[0] not in inventory.OURS:
        return True
    return not readers.names_read(inventory.OURS).isdisjoint({entry.field, entry.column})


def _why_idle(entry: FieldEntry, rows: int, filled: int) -> str:
    if not is_read(entry):
        return Idle.UNREAD
    return Idle.EMPTY if rows and not filled else ""


def _note(entries: Sequence[FieldEntry], counts: Counts, *, at: datetime) -> int:
    """Bring what is known of each field up to date; what left the map is forgotten."""
    known = {(row.model, row.field): row for row in FieldUse.objects.all()}
    fresh = []
    for entry in entries:
        place = (entry.model, entry.field)
        rows, filled = counts[place]
        row = known.pop(place, None) or FieldUse(model=entry.model, field=entry.field)
        row.rows, row.filled, row.looked_at = rows, filled, at
        row.idle = _why_idle(entry, rows, filled)
        row.idle_since = (row.idle_since or at) if row.idle else None
        fresh.append(row)
    FieldUse.objects.filter(pk__in=[row.pk for row in known.values()]).delete()
    FieldUse.objects.bulk_create(
        fresh,
        update_conflicts=True,
        unique_fields=["id"],
        update_fields=["rows", "filled", "idle", "idle_since", "looked_at"],
    )
    return sum(bool(row.idle) for row in fresh)


def idle() -> models.QuerySet[FieldUse]:
    """Fields that stand idle now, the longest first."""
    return FieldUse.objects.exclude(idle="").order_by("idle_since", "model", "field")


def due(*, at: datetime) -> models.QuerySet[FieldUse]:
    """Those that stood idle for a quarter, and about which nobody decided for as long."""
    ago = at - QUARTER
    return idle().filter(Q(agreed_at=None) | Q(agreed_at__lte=ago), idle_since__lte=ago)


def last_look() -> datetime | None:
    rows = FieldUse.objects.order_by("-looked_at")
    last: datetime | None = rows.values_list("looked_at", flat=True).first()
    return last


def _tell_desk(*, at: datetime) -> None:
    names = [str(row) for row in due(at=at)]
    if not names:
        desk.done(TASK, _ALL, at=at)
        return
    desk.open_task(
        TASK,
        _ALL,
        title=_("Personal fields that nobody needed for a quarter: take them out, or keep them"),
        at=at,
        url=reverse("admin:privacy_datamap"),
        count=len(names),
        names=", ".join(names[:20]),
    )


@transaction.atomic
def agree(ids: Collection[UUID], *, by: User, at: datetime) -> int:
    """These are needed all the same; asked again after a quarter. How many they were.

    Raises: NotAllowed.
    """
    staff.allow(by, Desk.KEEP_REGISTERS)
    kept = list(idle().filter(pk__in=ids))
    for row in kept:
        row.agreed_at = at
        row.save(update_fields=["agreed_at"])
        staff.record(by, StaffAction.DECIDED, row, at=at, field=str(row), idle=row.idle)
    _tell_desk(at=at)
    return len(kept)
