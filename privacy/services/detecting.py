"""Values of fields that are said to be plain, held against the detectors; none of them is kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.contrib.postgres.fields import ArrayField
from django.db import models, transaction
from django.urls import reverse
from django.utils.translation import gettext as _
from psycopg2 import sql

from privacy import inventory, scanning
from privacy.detectors import found_in
from privacy.models import Detection, DetectionRun
from privacy.services import desk

TASK: Final = "detection"
REACH: Final = timedelta(days=92)
SAMPLE: Final = 1000  # rows of one table, the newest
EVERY: Final = timedelta(hours=20)
_WORDY: Final = (models.CharField, models.TextField, models.JSONField, ArrayField)

# What only looks like a person's, and why. A field stands here instead of being called personal.
LIKENESSES: Final[Mapping[tuple[str, str], frozenset[str]]] = {}

Found = Counter[tuple[str, str, str]]  # table, field, kind


def is_due(*, at: datetime) -> bool:
    """Whether tonight's look is still to come."""
    return not DetectionRun.objects.filter(at__gt=at - EVERY).exists()


def detect(*, at: datetime) -> DetectionRun:
    """Look at samples of the last three months, of all businesses, and note what was met.

    What is met opens a task; what is met no more closes it.
    Raises: BlindScan.
    """
    found: Found = Counter()
    values = 0
    columns = watched()
    with scanning.sight() as cursor:
        for model, names in columns.items():
            for row in _sample(cursor, model, names, since=at - REACH):
                values += len(row)
                found.update(_met(model, names, row))
    with transaction.atomic():
        _note(found, at=at)
        fields = sum(map(len, columns.values()))
        return DetectionRun.objects.create(
            at=at, fields=fields, values=values, found=sum(found.values())
        )


def watched() -> dict[type[models.Model], list[str]]:
    """Fields said to be plain that may hold any words, by model."""
    plain = {(entry.model, entry.field) for entry in inventory.fields() if not entry.is_personal}
    found = {}
    for model in inventory.mapped_models():
        names = [
            field.name
            for field in model._meta.concrete_fields
            if (model._meta.label, field.name) in plain
            and (isinstance(field, _WORDY) and not getattr(field, "choices", None))
        ]
        if names:
            found[model] = names
    return found


def _sample(
    cursor: Any, model: type[models.Model], names: list[str], *, since: datetime
) -> Iterator[tuple[Any, ...]]:
    """The newest rows. An id of ours tells its time; of a table with others, all are asked for."""
    by_time = isinstance(model._meta.pk, models.UUIDField)
    column_of = {field.name: field.column or "" for field in model._meta.concrete_fields}
    key = sql.Identifier(column_of[model._meta.pk.name])
    words = (sql.SQL("{}::text").format(sql.Identifier(column_of[name])) for name in names)
    asked = sql.SQL("SELECT {columns} FROM {table} {where} ORDER BY {key} DESC LIMIT %s").format(
        columns=sql.SQL(", ").join(words),
        table=sql.Identifier(model._meta.db_table),
        where=sql.SQL("WHERE {} >= %s").format(key) if by_time else sql.SQL(""),
        key=key,
    )
    first = str(UUID(int=int(since.timestamp() * 1000) << 80))
    cursor.execute(asked, [first, SAMPLE] if by_time else [SAMPLE])
    rows: list[tuple[Any, ...]] = cursor.fetchall()
    yield from rows


def _met(
    model: type[models.Model], names: list[str], row: tuple[Any, ...]
) -> Iterator[tuple[str, str, str]]:
    table = model._meta.db_table
    for name, value in zip(names, row, strict=True):
        for kind in found_in(value or "") - LIKENESSES.get((table, name), frozenset()):
            yield table, name, kind


def _note(found: Found, *, at: datetime) -> None:
    """Bring the log of the map up to date: counts only."""
    known = {(seen.table, seen.field, seen.kind): seen for seen in _open()}
    for place, count in found.items():
        table, field, kind = place
        seen = known.pop(place, None) or Detection(table=table, field=field, kind=kind, first_at=at)
        seen.found, seen.last_at = count, at
        seen.save()
        desk.open_task(
            TASK,
            f"{table}.{field}",
            title=_("A field that should hold nothing personal does: %(field)s")
            % {"field": f"{table}.{field}"},
            at=at,
            url=reverse("admin:privacy_datamap"),
            kind_found=kind,
            count=count,
        )
    _clear(known.values(), {f"{table}.{field}" for table, field, _kind in found}, at=at)


def _open() -> models.QuerySet[Detection]:
    return Detection.objects.filter(cleared_at=None)


def _clear(gone: Any, met: set[str], *, at: datetime) -> None:
    for seen in gone:
        seen.cleared_at = at
        seen.save(update_fields=["cleared_at"])
        if f"{seen.table}.{seen.field}" not in met:
            desk.done(TASK, f"{seen.table}.{seen.field}", at=at)
