"""The archive of an export: sealed piece by piece on its way to the disk, never plain there."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import re
import tempfile
import threading
import zipfile
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, Final

from django.conf import settings
from django.core.files.storage import default_storage

from smartinvoicing import sealing
from smartinvoicing.crypto import CannotOpen

FOLDER: Final = "exports"
# What a spreadsheet may take for a formula, full-width forms among them.
_RISKY: Final = re.compile(r"^[\s\ufeff]*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]|[;,\"'|][=+\-@]")
_IN_MEMORY: Final = 16 * 1024 * 1024


class _Sink:
    """Where the ZIP is written: onwards to who seals it, counted and hashed on the way."""

    def __init__(self, descriptor: int) -> None:
        self._file = os.fdopen(descriptor, "wb", buffering=1024 * 1024)
        self._digest = hashlib.sha256()
        self.size = 0

    def write(self, data: bytes) -> int:
        self._file.write(data)
        self._digest.update(data)
        self.size += len(data)
        return len(data)

    def flush(self) -> None:
        self._file.flush()

    def close(self) -> None:
        self._file.close()

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()


class Archive:
    """One ZIP under way. `files`: what lies in it so far, with the hash of each."""

    def __init__(self, sink: _Sink) -> None:
        self._sink = sink
        self._zip = zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED)
        self.files: list[dict[str, Any]] = []

    def add(self, name: str, content: bytes, **said: Any) -> None:
        """said: what the manifest tells of this file."""
        self._zip.writestr(name, content)
        digest = hashlib.sha256(content).hexdigest()
        self.files.append({"name": name, "sha256": digest, "size": len(content), **said})

    def add_rows(
        self, name: str, rows: Iterable[Mapping[str, Any]], *, piece: int, **said: Any
    ) -> int:
        """The same rows as JSON and as CSV, in pieces of so many; how many rows there were."""
        count = 0
        for number, some in enumerate(_pieces(rows, piece), start=1):
            mark = f"data/{name}" if number == 1 else f"data/{name}-{number}"
            text = json.dumps(some, ensure_ascii=False, indent=1)
            self.add(f"{mark}.json", text.encode(), rows=len(some), **said)
            self.add(f"{mark}.csv", _table(some), rows=len(some), **said)
            count += len(some)
        return count

    def finish(self) -> None:
        self._zip.close()

    def abandon(self) -> None:
        """Broken off: nothing more is written, not even its end."""
        self._zip.fp = None

    @property
    def size(self) -> int:
        return self._sink.size

    @property
    def sha256(self) -> str:
        return self._sink.sha256


def _pieces(rows: Iterable[Mapping[str, Any]], size: int) -> Iterator[list[Mapping[str, Any]]]:
    kept: list[Mapping[str, Any]] = []
    for row in rows:
        kept.append(row)
        if len(kept) == size:
            yield kept
            kept = []
    if kept:
        yield kept


def _table(rows: list[Mapping[str, Any]]) -> bytes:
    """For a spreadsheet: with its mark of order, and no text that it would run as a formula."""
    text = io.StringIO()
    names = list(dict.fromkeys(name for row in rows for name in row))
    table = csv.writer(text)
    table.writerow(names)
    for row in rows:
        table.writerow([_cell(row.get(name)) for name in names])
    return b"\xef\xbb\xbf" + text.getvalue().encode()


def _cell(value: Any) -> Any:
    if isinstance(value, dict | list):
        value = json.dumps(value, ensure_ascii=False)
    if isinstance(value, str) and _RISKY.search(value):
        return f"'{value}"
    return value


# --- on the disk ------------------------------------------------------------------------------


def path_of(name: str) -> Path:
    return Path(default_storage.path(f"{FOLDER}/{name}"))


@contextmanager
def writing(name: str) -> Iterator[Archive]:
    """An archive whose every byte is sealed before it reaches the disk; left by an error, no file.

    A thread seals what comes through a pipe: the rows are read by this one alone.
    """
    target = path_of(name)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    out, into = os.pipe()
    failed: list[Exception] = []
    thread = threading.Thread(target=_seal, args=(out, target, name, failed))
    thread.start()
    sink = _Sink(into)
    archive = Archive(sink)
    done = False
    try:
        yield archive
        archive.finish()
        done = True
    finally:
        if not done:
            archive.abandon()
        try:
            sink.close()
        except OSError:
            done = False  # who reads has gone: why stands in `failed`
        thread.join()
        if failed or not done:
            target.unlink(missing_ok=True)
        if failed:
            raise failed[0]


def _seal(out: int, target: Path, name: str, failed: list[Exception]) -> None:
    try:
        with os.fdopen(out, "rb") as source:
            sealing.seal(source, target, key=settings.FIELD_KEYS[0], name=name)
    except (OSError, ValueError) as error:
        failed.append(error)


def open_plain(name: str) -> IO[bytes]:
    """The archive as whoever fetches it gets it: a file without a name, gone when it is closed.

    Raises: CannotOpen; FileNotFoundError.
    """
    wrong: CannotOpen | None = None
    for key in settings.FIELD_KEYS:
        plain: IO[bytes] = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 -- handed on
        try:
            sealing.unseal(path_of(name), plain.write, key=key, name=name)
        except CannotOpen as error:
            plain.close()
            wrong = error
        else:
            plain.seek(0)
            return plain
    raise wrong or CannotOpen("No key of this installation opens it.")


def strays(kept: Collection[str], *, older_than: datetime) -> Iterator[str]:
    """Archives that no row names: their subject was erased, or a worker died."""
    for path in path_of("").glob("*.sealed"):
        written = datetime.fromtimestamp(path.stat().st_mtime, UTC)
        if path.name not in kept and written < older_than:
            yield path.name


def remove(name: str) -> bool:
    """Whether nothing is left of it."""
    path_of(name).unlink(missing_ok=True)
    return not path_of(name).exists()
