"""Files without a record and records without a file: looked for once a week, both ways."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import PurePosixPath
from typing import Final
from uuid import UUID

from django.core.files.storage import default_storage
from django.db import connection, transaction
from django.utils.translation import gettext as _

from accounts import tenancy
from accounts.models import Heartbeat
from privacy import rules
from privacy.services import desk, export_archive, exporting

logger = logging.getLogger(__name__)

NAME: Final = "sweep of files"
WEEK: Final = timedelta(days=7)
YOUNG: Final = timedelta(days=1)  # its row may not be written yet
# Where files of businesses lie: `<tenant>/…`, and `<one of these>/<tenant>/…`. Nothing else is
# ever deleted here.
FOLDERS: Final = ("proofs", "lists")


@dataclass(kw_only=True)
class Swept:
    """deleted: files that no record named; missing: paths that no file answers to;
    unknown: files in no folder of ours, which stay."""

    deleted: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)


def sweep_when_due(*, at: datetime) -> Swept | None:
    """The sweep, if the last one began a week ago or never."""
    if not _is_mine(at):
        return None
    return sweep(at=at)


def sweep(*, at: datetime) -> Swept:
    """Delete files of businesses that no record names, and tell the desk what is missing."""
    swept = Swept()
    kept: dict[UUID, frozenset[str]] = {}
    for path in _files():
        if _is_archive(path):
            continue
        owner = owner_of(path)
        if owner is None:
            swept.unknown.append(path)
            continue
        if owner not in kept:
            kept[owner] = named_by(owner)
        if path not in kept[owner] and _is_old(path, at):
            default_storage.delete(path)
            swept.deleted.append(path)
    for tenant_id in _tenants():
        named = kept.get(tenant_id) or named_by(tenant_id)
        swept.missing += [path for path in sorted(named) if not default_storage.exists(path)]
    swept.missing += exporting.missing(at=at)
    _tell(swept, at=at)
    return swept


def _is_mine(at: datetime) -> bool:
    known = Heartbeat.objects.filter(name=NAME)
    if known.filter(at__lte=at - WEEK).update(at=at):
        return True
    return Heartbeat.objects.get_or_create(name=NAME, defaults={"at": at})[1]


def _tell(swept: Swept, *, at: datetime) -> None:
    logger.info(
        "files.swept",
        extra={
            "deleted": len(swept.deleted),
            "missing": len(swept.missing),
            "unknown": len(swept.unknown),
        },
    )
    for kind, found, title in (
        ("files_missing", swept.missing, _("Records name files that are gone")),
        ("files_unknown", swept.unknown, _("Files lie where none of ours belong")),
    ):
        if found:
            desk.open_task(kind, "media", title=title, at=at, files=len(found))
        else:
            desk.done(kind, "media", at=at)


def _files() -> Iterator[str]:
    """Each file of the store, by its path."""
    folders = [""]
    while folders:
        folder = folders.pop()
        if folder and not default_storage.exists(folder):
            continue
        try:
            inner, files = default_storage.listdir(folder)
        except FileNotFoundError:  # nothing was ever stored
            continue
        folders += [str(PurePosixPath(folder, name)) for name in inner]
        yield from (str(PurePosixPath(folder, name)) for name in files)


def _is_archive(path: str) -> bool:
    """Of an export: whoever makes those takes away each hour what no record names."""
    place = PurePosixPath(path)
    return place.parts[:-1] == (export_archive.FOLDER,) and place.suffix == ".sealed"


def owner_of(path: str) -> UUID | None:
    """The business in whose folder it lies; None where it lies in none."""
    parts = PurePosixPath(path).parts
    name = parts[1] if parts[0] in FOLDERS and len(parts) > 1 else parts[0]
    try:
        return UUID(name)
    except ValueError:
        return None


def _is_old(path: str, at: datetime) -> bool:
    return default_storage.get_modified_time(path).astimezone(UTC) <= at - YOUNG


def named_by(tenant_id: UUID) -> frozenset[str]:
    """All paths that the records of one business name."""
    found: set[str] = set()
    with tenancy.in_tenant(tenant_id), transaction.atomic(), connection.cursor() as cursor:
        for table, columns in rules.FILES.items():
            for column in columns:
                cursor.execute(f"SELECT {column} FROM {table} WHERE {column} <> ''")  # noqa: S608 -- our rules' names
                found.update(path for (path,) in cursor.fetchall())
    return frozenset(found)


def _tenants() -> Iterator[UUID]:
    last = UUID(int=0)
    while True:
        with tenancy.outside(), connection.cursor() as cursor:
            cursor.execute("SELECT id FROM tenants_after(%s, 500)", [last])
            page = [tenant_id for (tenant_id,) in cursor.fetchall()]
        if not page:
            return
        yield from page
        last = page[-1]
