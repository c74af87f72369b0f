"""Deleting, batch by batch: rows with what hangs on them, their files, and the note of it.

Each batch is one transaction of the role that may do it. It takes the lock that a hold needs to
be placed, asks again what may go, and writes its line in the same transaction: what a kill
interrupts is done whole by the next run, or was done whole before.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import psycopg2
from django.conf import settings
from django.core.files.storage import default_storage
from django.db import IntegrityError, connection, transaction
from psycopg2.extras import Json

from accounts import tenancy
from privacy import rules
from privacy.models import PurgeFile, PurgeRun
from privacy.rules import FILES, Rule
from privacy.services import purge_queries, stops
from privacy.services.purge_queries import Moment
from smartinvoicing.crashpoint import crashpoint
from smartinvoicing.ids import uuid7
from smartinvoicing.pg import roles

logger = logging.getLogger(__name__)

MODULO: Final = 1 << 256
LOCK_S: Final = 10
STATEMENT_S: Final = 300
NOTE: Final = (
    "INSERT INTO privacy_purgebatch"
    ' (id, run_id, "table", business, at, records, rows, digests)'
    " VALUES (%s, %s, %s, %s, %s, %s, %s, %s)"
)
# What a guard says in the middle; anything else ends the run until its next turn.
REFUSALS: Final = (psycopg2.IntegrityError, IntegrityError)


class FileStays(OSError):
    """A file that was deleted is still there."""


@dataclass(frozen=True, kw_only=True)
class Taken:
    """One batch: how many records went, and the last key that it looked at."""

    records: int
    last: Any
    stuck: dict[str, int] = field(default_factory=dict)


@contextmanager
def line(role: str, tenant_id: UUID | None) -> Iterator[Any]:
    """A cursor in one transaction of `role`, inside the tenant; of none, over all that it may see.

    The connection of the role purge is opened for it and closed after it.
    """
    if role == roles.PURGE:
        with _purge_line(tenant_id) as cursor:
            yield cursor
        return
    inside = tenancy.in_tenant(tenant_id) if tenant_id else tenancy.outside()
    with inside, transaction.atomic(), connection.cursor() as cursor:
        yield cursor


@contextmanager
def _purge_line(tenant_id: UUID | None) -> Iterator[Any]:
    limits = f"-c lock_timeout={LOCK_S}s -c statement_timeout={STATEMENT_S}s"
    opened = psycopg2.connect(
        settings.PURGE_DATABASE_URL,
        application_name="smartinvoicing purge",
        connect_timeout=5,
        options=limits,
    )
    try:
        with opened, opened.cursor() as cursor:  # commits, or rolls back
            cursor.execute(
                "SELECT set_config('app.tenant_id', %s, true), set_config('app.across', %s, true)",
                [str(tenant_id or ""), "" if tenant_id else "on"],
            )
            yield cursor
    finally:
        opened.close()


def is_due(rule: Rule, tenant_id: UUID | None, moment: Moment) -> bool:
    """Whether anything of this rule may go, asked by the role app before purge is called."""
    if rule.role == roles.PURGE and not rule.is_walled:
        return True  # only purge sees what keeps it
    with line(roles.APP, tenant_id) as cursor:
        return bool(_candidates(cursor, rule, tenant_id, moment, after=None, limit=1))


def take(
    run: PurgeRun,
    rule: Rule,
    tenant_id: UUID | None,
    moment: Moment,
    *,
    after: Any,
    at: datetime,
) -> Taken | None:
    """Delete the next batch, or say that there is none.

    One that a guard refuses is gone through record by record: the others still go.
    """
    keys: list[Any] = []
    try:
        with line(rule.role, tenant_id) as cursor:
            _wait_for_holds(cursor, tenant_id)
            keys = _candidates(cursor, rule, tenant_id, moment, after, settings.PURGE_BATCH)
            if not keys:
                return None
            _delete(cursor, run, rule, tenant_id, keys, at=at)
    except (*REFUSALS, OSError):
        if not keys:
            raise
        return _one_by_one(run, rule, tenant_id, moment, keys, at=at)
    crashpoint("purge.committed")
    return Taken(records=len(keys), last=keys[-1])


def _one_by_one(
    run: PurgeRun, rule: Rule, tenant_id: UUID | None, moment: Moment, keys: list[Any], at: datetime
) -> Taken:
    records = 0
    stuck: dict[str, int] = {}
    for key in keys:
        try:
            with line(rule.role, tenant_id) as cursor:
                _wait_for_holds(cursor, tenant_id)
                if _still(cursor, rule, tenant_id, moment, [key]):
                    _delete(cursor, run, rule, tenant_id, [key], at=at)
                    records += 1
        except (*REFUSALS, OSError) as refused:
            why = _name_of(refused)
            stuck[why] = stuck.get(why, 0) + 1
            logger.warning("purge.refused", extra={"table": rule.table, "why": why})
    return Taken(records=records, last=keys[-1], stuck=stuck)


def _name_of(refused: BaseException) -> str:
    """The constraint that minded, or the kind of the failure."""
    inner = refused.__cause__ if isinstance(refused, IntegrityError) else refused
    diag = getattr(inner, "diag", None)
    return getattr(diag, "constraint_name", None) or type(refused).__name__


def _wait_for_holds(cursor: Any, tenant_id: UUID | None) -> None:
    """A hold that is being placed is waited for; the next one waits for us.

    Rows of no single business wait for the holds of all.
    """
    cursor.execute(stops.HOLD_LOCK, [str(tenant_id or "")])


def _candidates(
    cursor: Any, rule: Rule, tenant_id: UUID | None, moment: Moment, after: Any, limit: int
) -> list[Any]:
    locks = rule.role == roles.APP  # a DELETE locks for purge, which may lock by nothing else
    params = moment.params(rule, tenant_id) | {"after": after, "limit": limit}
    cursor.execute(purge_queries.candidates(rule, locks=locks), params)
    return [key for (key,) in cursor.fetchall()]


def _still(
    cursor: Any, rule: Rule, tenant_id: UUID | None, moment: Moment, keys: list[Any]
) -> bool:
    cursor.execute(purge_queries.among(rule), moment.params(rule, tenant_id) | {"keys": keys})
    return len(cursor.fetchall()) == len(keys)


def _delete(
    cursor: Any, run: PurgeRun, rule: Rule, tenant_id: UUID | None, keys: list[Any], *, at: datetime
) -> None:
    """Rows, files and the note of both, in the caller's transaction.

    Rows first: what a guard of the tables refuses keeps its files too.
    """
    paths = _marked(cursor, run, rule, keys, at=at)
    rows: dict[str, int] = {}
    digests: dict[str, str] = {}
    for table, column in (*rule.along, (rule.table, rules.key_of(rule.table))):
        cursor.execute(
            purge_queries.deletion(table, column, walled=rule.is_walled),
            {"keys": keys, "tenant": tenant_id},
        )
        gone = [key for (key,) in cursor.fetchall()]
        if gone:
            rows[table], digests[table] = len(gone), digest_of(table, gone)
    crashpoint("purge.deleted")
    _files_go(run, paths, at=at)
    crashpoint("purge.files_gone")
    note = [uuid7(), run.pk, rule.table, tenant_id, at, len(keys), Json(rows), Json(digests)]
    cursor.execute(NOTE, note)
    crashpoint("purge.noted")


def digest_of(table: str, keys: Iterable[Any]) -> str:
    """Of a set of rows, by their ids: the same in whatever order and batches they go."""
    return f"{sum(_number(table, key) for key in keys) % MODULO:064x}"


def add_digests(one: str, other: str) -> str:
    return f"{(int(one, 16) + int(other, 16)) % MODULO:064x}"


def _number(table: str, key: Any) -> int:
    return int.from_bytes(hashlib.sha256(f"{table}:{key}".encode()).digest())


# --- files ----------------------------------------------------------------------------------------


def _marked(cursor: Any, run: PurgeRun, rule: Rule, keys: list[Any], *, at: datetime) -> list[str]:
    """The files of these rows, marked for good before anything happens to them."""
    paths = list(_paths(cursor, rule, keys))
    marks = [PurgeFile(run=run, path=path, marked_at=at) for path in paths]
    PurgeFile.objects.bulk_create(marks, ignore_conflicts=True)
    if paths:
        crashpoint("purge.marked")
    return paths


def _files_go(run: PurgeRun, paths: list[str], *, at: datetime) -> None:
    """Deleted, then looked for; afterwards the rows are committed as gone.

    Raises: OSError; then the rows stay, and the mark tells which files may be missing.
    """
    for path in paths:
        default_storage.delete(path)
        if default_storage.exists(path):
            raise FileStays(path)
        crashpoint("purge.file_gone")
    PurgeFile.objects.filter(run=run, path__in=paths).update(gone_at=at)


def _paths(cursor: Any, rule: Rule, keys: list[Any]) -> Iterator[str]:
    for table, column in (*rule.along, (rule.table, rules.key_of(rule.table))):
        for path in FILES.get(table, ()):
            cursor.execute(purge_queries.files(table, column, path), {"keys": keys})
            yield from (found for (found,) in cursor.fetchall())
