"""Backups: the whole cluster each night, its WAL each minute, sealed, in two places.

A backup is a folder: sealed parts, and a manifest that says what they hold, under a MAC. WAL lies
beside, a sealed file a segment. Nothing here runs in a process that serves.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import os
import re
import shutil
import subprocess
import tarfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO, Any, Final

from django.conf import settings
from psycopg2 import sql

from smartinvoicing import sealing
from smartinvoicing.devserver import postgres_binaries
from smartinvoicing.errors import AppError
from smartinvoicing.pg import roles

MANIFEST: Final = "manifest.json"
WAL_NAME: Final = re.compile(r"[0-9A-F]{24}(\.[0-9A-F]{8}\.backup)?|[0-9A-F]{8}\.history")
BASE: Final = "base.tar"
DUMP: Final = "database.dump"
MEDIA: Final = "media.tar"


class BackupFault(AppError):
    """A backup cannot be made, or is not what it was."""

    code = "backup_fault"
    http_status = 500


@dataclass(frozen=True, kw_only=True)
class Part:
    """One sealed file of a backup."""

    sha256: str
    size: int


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What a backup holds, as the database said when it began.

    first_wal: the piece of WAL that a recovery from here begins with, or an earlier one.
    counts:    rows by table.
    heads:     where the audit chains stood: tenant, place, hash.
    triggers:  table and name of each trigger of ours.
    """

    name: str
    kind: str
    at: str
    instance_sha256: str
    timeline: str
    place: str
    server: str
    database: str
    first_wal: str
    counts: dict[str, int]
    heads: list[list[Any]]
    triggers: list[list[str]]
    parts: dict[str, Part] = field(default_factory=dict)
    took_s: float = 0.0


def key() -> bytes:
    """Raises: BackupFault without a BACKUP_KEY of 32 bytes."""
    try:
        value = base64.b64decode(settings.BACKUP_KEY, validate=True)
    except binascii.Error:
        value = b""
    if len(value) != 32:
        raise BackupFault("BACKUP_KEY must be 32 bytes written in base64.")
    return value


def places() -> list[Path]:
    """Where backups go, the first place first.

    Raises: BackupFault where there is none.
    """
    named = [Path(name) for name in (settings.BACKUP_DIR, settings.BACKUP_SECOND_DIR) if name]
    if not settings.BACKUP_DIR:
        raise BackupFault("BACKUP_DIR names no folder.")
    for place in named:
        (place / "wal").mkdir(mode=0o700, parents=True, exist_ok=True)
    return named


# --- a backup ---------------------------------------------------------------------------------


def make(*, admin_url: str, kind: str, at: datetime) -> Manifest:
    """One backup in each place, whole or not at all.

    kind: `base` (all files, for any moment since, with the WAL) or `dump` (one database, for a
          server whose files are not to be had).
    Raises: BackupFault.
    """
    began = time.monotonic()
    first, *others = places()
    name = f"{kind}-{at:%Y%m%dT%H%M%SZ}"
    half = first / f"{name}.part"
    shutil.rmtree(half, ignore_errors=True)
    half.mkdir(mode=0o700)
    facts = ask(admin_url)
    with _stream(admin_url, kind) as source:
        part = BASE if kind == "base" else DUMP
        sealing.seal(source, half / f"{part}.sealed", key=key(), name=f"{name}/{part}")
    with _media(half) as source:
        sealing.seal(source, half / f"{MEDIA}.sealed", key=key(), name=f"{name}/{MEDIA}")
    (half / MEDIA).unlink()
    parts = {path.stem: _part(path) for path in sorted(half.glob("*.sealed"))}
    took_s = round(time.monotonic() - began, 1)
    manifest = Manifest(
        name=name, kind=kind, at=at.isoformat(), parts=parts, took_s=took_s, **facts
    )
    _write_manifest(half / MANIFEST, manifest)
    for place in others:
        _copy(half, place / name)
    half.rename(first / name)
    _sync(first)
    return manifest


def ask(admin_url: str) -> dict[str, Any]:
    """What the database says of itself: what a restored one is compared with."""
    with roles.session(admin_url) as cursor:
        cursor.execute(
            "SELECT instance_sha256, current_timeline(), current_place(),"
            " current_setting('server_version'), current_database(),"
            " pg_walfile_name(pg_current_wal_lsn()) FROM smartinvoicing_installation"
        )
        names = ("instance_sha256", "timeline", "place", "server", "database", "first_wal")
        facts: dict[str, Any] = dict(zip(names, cursor.fetchone(), strict=True))
        return facts | {
            "counts": counts(cursor),
            "heads": heads(cursor),
            "triggers": triggers(cursor),
        }


def counts(cursor: Any) -> dict[str, int]:
    """Rows of each table."""
    cursor.execute(
        "SELECT relname FROM pg_class WHERE relkind = 'r'"
        " AND relnamespace = 'public'::regnamespace ORDER BY 1"
    )
    found = {}
    for (table,) in cursor.fetchall():
        cursor.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table)))
        found[table] = cursor.fetchone()[0]
    return found


def heads(cursor: Any) -> list[list[Any]]:
    """Where each audit chain stands."""
    cursor.execute("SELECT to_regclass('accounts_audithead')")
    if cursor.fetchone()[0] is None:
        return []
    cursor.execute("SELECT tenant_id::text, seq, hash::text FROM accounts_audithead ORDER BY 1")
    return [list(row) for row in cursor.fetchall()]


def triggers(cursor: Any) -> list[list[str]]:
    """Each trigger of ours that is switched on."""
    cursor.execute(
        "SELECT t.tgrelid::regclass::text, t.tgname::text FROM pg_trigger t"
        " JOIN pg_class c ON c.oid = t.tgrelid AND c.relnamespace = 'public'::regnamespace"
        " WHERE NOT t.tgisinternal AND t.tgenabled = 'O' ORDER BY 1, 2"
    )
    return [list(row) for row in cursor.fetchall()]


@contextmanager
def _stream(admin_url: str, kind: str) -> Iterator[IO[bytes]]:
    """What PostgreSQL's own program writes of the cluster, or of the database.

    Raises: BackupFault with its words.
    """
    if kind == "base":
        words = ["pg_basebackup", "-D", "-", "-F", "tar", "-X", "fetch", "-c", "fast"]
        options = ["-d", without_password(admin_url)]
    else:
        words = ["pg_dump", "-F", "custom", "-Z", "0"]
        options = [without_password(admin_url)]
    with program(words[0], *words[1:], *options, url=admin_url) as process:
        if process.stdout is None:
            raise BackupFault("No output.")
        yield process.stdout


@contextmanager
def program(name: str, *words: str, url: str) -> Iterator[subprocess.Popen[bytes]]:
    """One of PostgreSQL's programs, by pipes; the password reaches it by its environment alone.

    Raises: BackupFault when it ends badly.
    """
    env = {**os.environ, "PGPASSWORD": roles.password_of(url)}
    process = subprocess.Popen(  # noqa: S603 -- our own words
        [str(postgres_binaries() / name), *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=env,
    )
    with process:
        try:
            yield process
        except BaseException:
            process.kill()
            raise
        said = process.stderr.read().decode(errors="replace") if process.stderr else ""
        if process.wait():
            raise BackupFault(f"{name} failed: {said.strip()[-500:]}")


def without_password(url: str) -> str:
    """For a command line, which everybody on the machine can read."""
    user, password = roles.user_of(url), roles.password_of(url)
    return url.replace(f"{user}:{password}@", f"{user}@") if password else url


@contextmanager
def _media(folder: Path) -> Iterator[IO[bytes]]:
    """Rendered copies and proofs, which lie outside the database."""
    path = folder / MEDIA
    with tarfile.open(path, "w") as tar:
        if settings.MEDIA_ROOT.is_dir():
            tar.add(settings.MEDIA_ROOT, arcname="media")
    with path.open("rb") as file:
        yield file


def _part(path: Path) -> Part:
    return Part(sha256=sha256_of(path), size=path.stat().st_size)


def sha256_of(path: Path) -> str:
    """Hash of a file's content."""
    sums = hashlib.sha256()
    with path.open("rb") as file:
        while bit := file.read(1024 * 1024):
            sums.update(bit)
    return sums.hexdigest()


def _copy(half: Path, target: Path) -> None:
    """To the other place, whole or not at all."""
    shutil.rmtree(f"{target}.part", ignore_errors=True)
    shutil.copytree(half, f"{target}.part")
    for path in Path(f"{target}.part").iterdir():
        _sync(path)
    Path(f"{target}.part").rename(target)
    _sync(target.parent)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


# --- the manifest -----------------------------------------------------------------------------


def _write_manifest(path: Path, manifest: Manifest) -> None:
    told = asdict(manifest)
    path.write_text(json.dumps({"manifest": told, "mac": _mac(told)}, indent=1, sort_keys=True))
    _sync(path)


def _mac(told: dict[str, Any]) -> str:
    text = json.dumps(told, sort_keys=True).encode()
    return hmac.new(key(), b"smartinvoicing manifest" + text, hashlib.sha256).hexdigest()


def read_manifest(folder: Path) -> Manifest:
    """Raises: BackupFault when it is missing, or another key wrote it, or it was changed."""
    try:
        whole = json.loads((folder / MANIFEST).read_text())
        told, mac = whole["manifest"], whole["mac"]
    except (OSError, ValueError, KeyError) as error:
        raise BackupFault(f"{folder} holds no manifest that can be read.") from error
    if not hmac.compare_digest(mac, _mac(told)):
        raise BackupFault(f"The manifest in {folder} was changed, or made with another key.")
    parts = {name: Part(**part) for name, part in told.pop("parts").items()}
    return Manifest(**told, parts=parts)


def all_in(place: Path) -> list[Path]:
    """Whole backups, oldest first."""
    found = [path for path in place.iterdir() if (path / MANIFEST).is_file()]
    whole = [path for path in found if path.suffix != ".part"]
    return sorted(whole, key=lambda path: path.name.partition("-")[2])


def newest() -> Path:
    """The newest whole backup in the first place.

    Raises: BackupFault.
    """
    found = all_in(places()[0])
    if not found:
        raise BackupFault("There is no backup.")
    return found[-1]


# --- WAL --------------------------------------------------------------------------------------


def ship_wal(folder: Path) -> int:
    """Seal what PostgreSQL has put into `folder`, in each place, and take it away there."""
    shipped = 0
    for path in sorted(folder.iterdir()):
        if not WAL_NAME.fullmatch(path.name):
            continue
        for place in places():
            target = place / "wal" / f"{path.name}.sealed"
            if target.exists():
                continue
            half = target.with_suffix(".part")
            half.unlink(missing_ok=True)
            with path.open("rb") as source:
                sealing.seal(source, half, key=key(), name=f"wal/{path.name}")
            half.rename(target)
            _sync(target.parent)
        path.unlink()
        shipped += 1
    return shipped


def forget_old(*, at: datetime) -> list[str]:
    """Drop backups past their time, and WAL that no kept one needs; the newest always stays."""
    dropped = []
    for place in places():
        backups = all_in(place)
        kept = []
        for folder in backups:
            manifest = read_manifest(folder)
            age = at - datetime.fromisoformat(manifest.at)
            if age > timedelta(days=settings.BACKUP_KEPT_DAYS) and folder != backups[-1]:
                shutil.rmtree(folder)
                dropped.append(folder.name)
            else:
                kept.append(manifest)
        first = min((m.first_wal for m in kept if m.kind == "base"), default="")
        for path in (place / "wal").iterdir():
            # Beyond the timeline: names sort by the place in the log.
            if first and len(path.name) > 24 and path.name[8:24] < first[8:24]:
                path.unlink()
    return dropped
