"""The data map: what we hold about whom, read from the models; and what lies outside the database.

Nothing here is written down twice. What a field is stands on its model (`class Privacy`), what a
table of another package holds in `others`, what is stored elsewhere in `stores`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from dataclasses import fields as parts_of
from functools import cache
from typing import Any, Final

from django.apps import apps
from django.db import models

from privacy import others
from privacy.stores import STORES, Store
from smartinvoicing.classified import (
    Classified,
    Unclassified,
    read,
)

OURS: Final = ("smartinvoicing", "accounts", "invoices", "fbr", "privacy")


@dataclass(frozen=True, kw_only=True)
class FieldEntry(Classified):
    """One field of one table, and all that is known of it."""

    model: str
    table: str
    field: str
    column: str

    @property
    def is_personal(self) -> bool:
        return self.category is not None

    def as_row(self) -> dict[str, Any]:
        """As JSON keeps it."""
        row = {part.name: getattr(self, part.name) for part in parts_of(self)}
        return row | {
            "purposes": list(self.purposes),
            "recipients": list(self.recipients),
            "category": self.category or "none",
        }


@cache
def fields() -> Sequence[FieldEntry]:
    """Every field of every installed model, ours and others', in one order.

    Raises: Unclassified, naming the model, where one field is on no map.
    """
    return tuple(entry for model in mapped_models() for entry in entries_of(model))


def personal_fields() -> Sequence[FieldEntry]:
    return tuple(entry for entry in fields() if entry.is_personal)


def entry(model: type[models.Model] | str, field: str) -> FieldEntry:
    """One field. model: the class, or its label.

    Raises: Unclassified where there is none.
    """
    label = model if isinstance(model, str) else model._meta.label
    found = _by_name().get((label, field))
    if found is None:
        raise Unclassified(f"{label}.{field}")
    return found


def stores() -> Sequence[Store]:
    """What holds personal data outside the database, each with its end."""
    return STORES


def tables() -> frozenset[str]:
    """Tables on the map, and those on the list of tables about nobody."""
    return frozenset(model._meta.db_table for model in mapped_models()) | others.BARE


def mapped_models() -> list[type[models.Model]]:
    """All that have a table of their own, by label."""
    found = [
        model
        for model in apps.get_models(include_auto_created=True)
        if not model._meta.proxy and not model._meta.swapped
    ]
    return sorted(found, key=lambda model: model._meta.label)


def entries_of(model: type[models.Model]) -> Iterator[FieldEntry]:
    """The fields of one model, as they stand in its rows; then its many-to-many ones."""
    label = model._meta.label
    is_ours = model._meta.app_label in OURS and not model._meta.auto_created
    privacy = model.__dict__.get("Privacy") if is_ours else others.said_of(label)
    columns = {field.name: field.column or "" for field in model._meta.concrete_fields}
    columns |= {field.name: "" for field in model._meta.local_many_to_many}
    try:
        classified = read(privacy, columns)
    except Unclassified as gap:
        raise Unclassified(f"{label}: {gap}") from gap
    for name, said in classified.items():
        yield _entry(model, name, columns[name], said)


def _entry(model: type[models.Model], name: str, column: str, said: Classified) -> FieldEntry:
    known = {part.name: getattr(said, part.name) for part in parts_of(said)}
    return FieldEntry(
        model=model._meta.label, table=model._meta.db_table, field=name, column=column, **known
    )


@cache
def _by_name() -> dict[tuple[str, str], FieldEntry]:
    return {(entry.model, entry.field): entry for entry in fields()}


# --- what a version of the map is ------------------------------------------------------------


def rows() -> list[dict[str, Any]]:
    """The whole map as it is kept: what is personal, then what lies outside the database."""
    return [
        *({"kind": "field"} | entry.as_row() for entry in personal_fields()),
        *({"kind": "store"} | store.as_row() for store in stores()),
    ]


def digest_of(kept: list[dict[str, Any]]) -> str:
    """Of the rows, whatever order their words are in."""
    return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()


def differences(
    old: list[dict[str, Any]], new: list[dict[str, Any]]
) -> tuple[list[str], list[str], list[str]]:
    """What came, what went, what changed, each by name."""
    before, after = ({_name(row): row for row in kept} for kept in (old, new))
    return (
        sorted(after.keys() - before.keys()),
        sorted(before.keys() - after.keys()),
        sorted(name for name in before.keys() & after.keys() if before[name] != after[name]),
    )


def _name(row: dict[str, Any]) -> str:
    return f"{row['model']}.{row['field']}" if row["kind"] == "field" else str(row["name"])
