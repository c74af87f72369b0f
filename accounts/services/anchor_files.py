"""Files outside the database that say where each chain ended at an hour; and who signed a day.

One file an hour, `20261122T05Z.heads`, written once and never again: a line about the file, a
line for each head, a line that ends it. Each names the file before it by its hash, so that none
can be taken out or changed. `20261122.signature` signs the last file of a day and, through it,
all before.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import stat
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from uuid import UUID

HEADS: Final = ".heads"
SIGNATURE: Final = ".signature"
_ACCEPTED: Final = f"r{HEADS}"
_KIND: Final = "smartinvoicing audit heads 1"
_HOUR: Final = "%Y%m%dT%HZ"
_DAY: Final = "%Y%m%d"
_READ_ONLY: Final = stat.S_IRUSR | stat.S_IRGRP


class Broken(Exception):
    """This file is not one that we wrote."""


@dataclass(frozen=True)
class Head:
    """The end of one tenant's chain: how many links, and the hash of the last."""

    tenant_id: UUID
    seq: int
    hash: str


@dataclass(frozen=True)
class Anchor:
    """One file, read. A whole one has the heads of all tenants, another what changed.

    accepts: why a person took the trails as they were then, whatever older files say: after a
             restore that lost the newest entries.
    """

    name: str
    at: datetime
    is_whole: bool
    previous: str
    previous_sha256: str
    accepts: str
    heads: tuple[Head, ...]
    sha256: str


def name_of(at: datetime) -> str:
    """The file of this hour."""
    return f"{at.astimezone(UTC).strftime(_HOUR)}{HEADS}"


def day_of(name_or_at: str | datetime) -> str:
    """The day, in UTC, as it stands in the names of files."""
    if isinstance(name_or_at, str):
        return name_or_at[:8]
    return name_or_at.astimezone(UTC).strftime(_DAY)


def names(folder: Path, kind: str = HEADS) -> list[str]:
    """Files of a kind, oldest first."""
    if not folder.is_dir():
        return []
    return sorted(path.name for path in folder.iterdir() if path.name.endswith(kind))


def name_of_acceptance(at: datetime) -> str:
    """A file out of turn; it comes after the one of its hour."""
    return f"{at.astimezone(UTC).strftime(_HOUR)}{_ACCEPTED}"


def is_acceptance(name: str) -> bool:
    return name.endswith(_ACCEPTED)


def text_of(
    heads: Iterable[Head],
    *,
    at: datetime,
    is_whole: bool,
    previous: tuple[str, str],
    accepts: str = "",
) -> bytes:
    """The content of a file. `previous` is the name of the one before it, and its hash."""
    about = {
        "kind": _KIND,
        "at": at.astimezone(UTC).isoformat(),
        "whole": is_whole,
        "previous": previous[0],
        "previous_sha256": previous[1],
        "accepts": accepts,
    }
    lines = [f"{head.tenant_id} {head.seq} {head.hash}" for head in heads]
    return "\n".join([json.dumps(about), *lines, f"end {len(lines)}", ""]).encode()


def read(folder: Path, name: str) -> Anchor:
    """Raises: Broken for a file that is torn or not ours; OSError where it cannot be read."""
    content = (folder / name).read_bytes()
    try:
        first, *lines, end, nothing = content.decode().split("\n")
        about = json.loads(first)
        heads = tuple(_head(line) for line in lines)
        if (about["kind"], end, nothing) != (_KIND, f"end {len(heads)}", ""):
            raise Broken(name)
        return Anchor(
            name=name,
            at=datetime.fromisoformat(about["at"]),
            is_whole=about["whole"],
            previous=about["previous"],
            previous_sha256=about["previous_sha256"],
            accepts=about["accepts"],
            heads=heads,
            sha256=hashlib.sha256(content).hexdigest(),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise Broken(name) from error


def _head(line: str) -> Head:
    tenant_id, seq, hashed = line.split(" ")
    return Head(UUID(tenant_id), int(seq), hashed)


def signature(folder: Path, name: str) -> dict[str, Any]:
    """Raises: Broken; OSError."""
    try:
        found = json.loads((folder / name).read_text())
        return {key: str(found[key]) for key in ("day", "anchor", "sha256", "key", "signature")}
    except (ValueError, KeyError, TypeError) as error:
        raise Broken(name) from error


def write(folder: Path, name: str, content: bytes) -> bool:
    """Lay a file down for good: whole, on the disk, for reading only.

    Returns: False when the name is taken; then nothing is written.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, draft = tempfile.mkstemp(dir=folder, prefix=".draft-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
            os.fchmod(file.fileno(), _READ_ONLY)
        os.link(draft, folder / name)  # refuses a name that is taken, and is never half there
    except FileExistsError:
        return False
    finally:
        with contextlib.suppress(FileNotFoundError):
            Path(draft).unlink()
    _sync(folder)
    return True


def _sync(folder: Path) -> None:
    """The name itself must be on the disk too."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
