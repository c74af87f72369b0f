"""Where does a value stand? Asked of every row of every table, of files, of Valkey, of logs.

Each row is looked at as a whole; where something is met, column by column. How long that takes
depends on how much there is, not on how many values are looked for (`spellings.Sieve`).
"""

from __future__ import annotations

import json
import logging
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from io import BytesIO
from itertools import chain
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import psycopg2
import pypdf
import redis
from django.conf import settings
from django.contrib.sessions.backends.db import SessionStore
from psycopg2 import sql
from pypdf.errors import PyPdfError

from privacy.spellings import Sieve
from smartinvoicing import crypto
from smartinvoicing.errors import AppError

logger = logging.getLogger(__name__)

UNREADABLE: Final = "cannot be read"
DAY_S: Final = 24 * 3600
_ROWS: Final = 500  # fetched at a time
_SEALED: Final = ".sealed"  # of a backup: its name and its manifest are looked at, not its bytes
_SESSIONS: Final = "django_session"


class BlindScan(AppError):
    """The role does not see every row: a scan by it would find nothing and prove nothing."""

    code = "blind_scan"
    http_status = 500


@dataclass(frozen=True, kw_only=True)
class Hit:
    """One value in one place.

    store: `database`, `files` or `valkey`.
    place: table, path or key; field: column of the row; row: its key; tenant: whose row it is.
    form:  how it is written there; UNREADABLE for what nobody can say anything about.
    ends:  whether it goes by itself within the day that the map gives to its store.
    """

    token: str
    store: str
    place: str
    form: str
    field: str = ""
    row: str = ""
    tenant: str = ""
    ends: bool = False


def scan(
    tokens: Iterable[str], *, folders: Iterable[Path], cursor: Any, redis_url: str | None = None
) -> list[Hit]:
    """Every place where one of `tokens` stands, in whatever variant.

    cursor:    of psycopg2, as the role purge or owner, in a session of its own.
    folders:   files below these, or files: media, spool, logs, the list of backups.
    redis_url: another Valkey than that of the settings; "" for none.
    Raises: BlindScan where the row policies bind the role.
    """
    wanted = tuple(dict.fromkeys(token.strip() for token in tokens if token.strip()))
    sieve = Sieve(wanted)
    url = settings.REDIS_URL if redis_url is None else redis_url
    return list(
        chain(
            _in_database(sieve, cursor),
            _in_files(sieve, folders),
            _in_valkey(sieve, url) if url else (),
        )
    )


@contextmanager
def sight() -> Iterator[Any]:
    """A cursor of the role purge, which sees every row, in a session that can only read.

    Raises: BlindScan where this process was not given its address.
    """
    if not settings.PURGE_DATABASE_URL:
        raise BlindScan("PURGE_DATABASE_URL is not set: nobody here sees all rows.")
    opened = psycopg2.connect(
        settings.PURGE_DATABASE_URL, application_name="smartinvoicing scan", connect_timeout=5
    )
    try:
        opened.set_session(readonly=True, autocommit=True)
        with opened.cursor() as cursor:
            see_all(cursor)
            yield cursor
    finally:
        opened.close()


# --- the database ----------------------------------------------------------------------------


def _in_database(sieve: Sieve, cursor: Any) -> Iterator[Hit]:
    see_all(cursor)
    for table in tables(cursor):
        for row in _rows_of(cursor, table):
            if sieve.met(row):
                yield from _hits_of(sieve, table, json.loads(row))
    for row in _rows_of(cursor, _SESSIONS):
        data = SessionStore().decode(json.loads(row)["session_data"])
        opened = json.dumps(data, ensure_ascii=False)
        yield from _met(sieve, opened, store="database", place=_SESSIONS, form_of="session")


def see_all(cursor: Any) -> None:
    """Lift the row policies for this session, as far as its role may.

    Raises: BlindScan where it may not.
    """
    cursor.execute(
        "SELECT rolname, rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user"
    )
    role, is_above = cursor.fetchone()
    if role not in {"owner", "purge"} and not is_above:
        raise BlindScan(f"The role {role} does not see all rows.")
    cursor.execute("SELECT set_config('app.across', 'on', false)")


def tables(cursor: Any) -> list[str]:
    """All that hold rows; a partition is looked at with its whole."""
    cursor.execute(
        "SELECT c.relname FROM pg_class c WHERE c.relkind IN ('r', 'p', 'm')"
        " AND NOT c.relispartition AND c.relnamespace = 'public'::regnamespace ORDER BY 1"
    )
    return [name for (name,) in cursor.fetchall()]


def _rows_of(cursor: Any, table: str) -> Iterator[str]:
    """All rows, each as an object of JSON: kept by the server and fetched in parts."""
    asked = sql.SQL("SELECT to_jsonb(_row)::text FROM {} AS _row").format(sql.Identifier(table))
    with _steady(cursor.connection) as line, line.cursor(f"scan {table}") as found:
        found.itersize = _ROWS
        found.execute(asked)
        for (row,) in found:
            yield row


@contextmanager
def _steady(line: Any) -> Iterator[Any]:
    """In a transaction: what is fetched in parts outside of one the server would copy first."""
    if not line.autocommit:
        yield line
        return
    line.autocommit = False
    try:
        yield line
    finally:
        line.rollback()
        line.autocommit = True


def _hits_of(sieve: Sieve, table: str, row: dict[str, Any]) -> Iterator[Hit]:
    """Which token stands in which column; over several of them, in no named one."""
    here = partial(
        Hit,
        store="database",
        place=table,
        row=str(row.get("id", next(iter(row.values()), ""))),
        tenant=str(row.get("tenant_id") or ""),
    )
    fields = {name: sieve.met(_text(value)) for name, value in row.items()}
    for token, whole in sieve.met("\0".join(map(_text, row.values()))).items():
        found = [(name, forms[token]) for name, forms in fields.items() if token in forms]
        for name, form in found or [("", whole)]:
            yield here(token=token, form=form, field=name)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


# --- files -----------------------------------------------------------------------------------


def _in_files(sieve: Sieve, folders: Iterable[Path]) -> Iterator[Hit]:
    for folder in map(Path, folders):
        for path in [folder] if folder.is_file() else sorted(folder.rglob("*")):
            yield from _met(sieve, path.name, store="files", place=str(path), form_of="name")
            if path.is_file() and path.suffix != _SEALED:
                yield from _in_file(sieve, path)


def _in_file(sieve: Sieve, path: Path) -> Iterator[Hit]:
    try:
        raw = path.read_bytes()
        texts = list(_texts_of(raw, path.name))
    except FileNotFoundError:
        return  # gone meanwhile
    except (OSError, PyPdfError, zipfile.BadZipFile, zlib.error, ValueError) as error:
        logger.warning("scan.unreadable", extra={"failure": type(error).__name__})
        yield Hit(token="", store="files", place=str(path), form=UNREADABLE)
        return
    yield from _met(sieve, "\n".join(texts), store="files", place=str(path))


def _texts_of(raw: bytes, name: str) -> Iterator[str]:
    """What a file says: its bytes, and what a reader of its kind sees in it."""
    yield raw.decode("utf-8", "replace")
    if raw.startswith(b"%PDF"):
        reader = pypdf.PdfReader(BytesIO(raw))
        yield from (page.extract_text() for page in reader.pages)
        yield from (str(value) for value in (reader.metadata or {}).values())
    elif raw.startswith(b"PK\x03\x04"):
        with zipfile.ZipFile(BytesIO(raw)) as archive:
            for inner in archive.namelist():
                yield inner
                yield from _texts_of(archive.read(inner), inner)
    elif raw.startswith(b"\x1f\x8b"):
        yield from _texts_of(zlib.decompress(raw, wbits=31), name)
    elif name.endswith(".answer"):
        yield _opened(raw, name)


def _opened(raw: bytes, name: str) -> str:
    """An answer of FBR's that waits for the database, unsealed."""
    tenant_id, attempt_id = name.removesuffix(".answer").split(".")
    place = f"fbr_spool/{UUID(attempt_id)}/answer"
    try:
        return crypto.unseal(raw, tenant_id=tenant_id, place=place)
    except crypto.CannotOpen as error:
        raise ValueError("sealed") from error


# --- Valkey ----------------------------------------------------------------------------------


def _in_valkey(sieve: Sieve, url: str) -> Iterator[Hit]:
    with redis.Redis.from_url(url) as line:
        for key in line.scan_iter(count=_ROWS):
            name = key.decode("utf-8", "replace")
            text = "\n".join([name, *_values_of(line, key)])
            ends = 0 <= line.ttl(key) <= DAY_S
            for hit in _met(sieve, text, store="valkey", place=name):
                yield replace(hit, ends=ends)


def _values_of(line: Any, key: bytes) -> Iterator[str]:
    """All that lies under a key, of whatever type."""
    kind = line.type(key).decode()
    if kind == "string":
        found: Iterable[Any] = [line.get(key) or b""]
    elif kind == "list":
        found = line.lrange(key, 0, -1)
    elif kind == "hash":
        found = chain.from_iterable(line.hgetall(key).items())
    elif kind == "set":
        found = line.smembers(key)
    elif kind == "zset":
        found = line.zrange(key, 0, -1)
    elif kind == "stream":
        found = (part for _id, pairs in line.xrange(key) for pair in pairs.items() for part in pair)
    else:
        found = []  # gone meanwhile
    return (part.decode("utf-8", "replace") for part in found)


def _met(sieve: Sieve, text: str, *, store: str, place: str, form_of: str = "") -> Iterator[Hit]:
    for token, form in sieve.met(text).items():
        yield Hit(token=token, store=store, place=place, form=form, field=form_of)


def summary(hits: Sequence[Hit]) -> list[str]:
    """One line a place, without the values."""
    return sorted({" ".join(filter(None, (h.store, h.place, h.field, h.form))) for h in hits})
