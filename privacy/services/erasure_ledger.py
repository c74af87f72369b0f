"""The ledger of erasures outside the database: a file each, on the disk before anything is erased.

Whoever restores a backup that is older than an erasure finds in it who must not come back. A file
names nobody: it has the HMAC of the subject, and whoever holds the key can only ask whether a
given person is meant.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Final
from uuid import UUID

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

from accounts.services import anchor_files
from privacy.subjects import Subject
from smartinvoicing.errors import AppError

ENDING: Final = ".erasure"
_KIND: Final = "smartinvoicing erasure 1"
_STAMP: Final = "%Y%m%dT%H%M%SZ"


class LedgerBroken(AppError):
    """A file of the ledger is not what we wrote."""

    code = "ledger_broken"
    http_status = 500


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One erasure as it lies outside. begun_at: of an account, the day its closing began."""

    id: UUID
    subject_kind: str
    key: str
    classes: tuple[str, ...]
    at: datetime
    begun_at: datetime | None = None

    @property
    def name(self) -> str:
        """By time, so that files stand in order; by id, so that the same one is written once."""
        return f"{self.at.astimezone(UTC).strftime(_STAMP)}-{self.id.hex}{ENDING}"


def folder() -> Path:
    return Path(settings.ERASURE_LEDGER_DIR)


def key_of(subject: Subject) -> str:
    """The HMAC under the key of now."""
    return _hmac(settings.FIELD_KEYS[0], subject)


def keys_of(subject: Subject) -> frozenset[str]:
    """What a file may say that means this subject, whichever of our keys it was written with."""
    return frozenset(_hmac(secret, subject) for secret in settings.FIELD_KEYS)


def _hmac(secret: bytes, subject: Subject) -> str:
    return hmac.new(_derived(secret), subject.key().encode(), hashlib.sha256).hexdigest()


@cache
def _derived(secret: bytes) -> bytes:
    return HKDF(SHA256(), 32, salt=None, info=b"smartinvoicing erasure ledger").derive(secret)


def lay_down(entry: Entry) -> None:
    """Write it for good, to the disk; the same entry again changes nothing."""
    anchor_files.write(folder(), entry.name, _content(entry))


def _content(entry: Entry) -> bytes:
    told = {"kind": _KIND, **asdict(entry)}
    text = json.dumps(told, default=str, sort_keys=True)
    return f"{text}\n{hashlib.sha256(text.encode()).hexdigest()}\n".encode()


def entries() -> Iterator[Entry]:
    """All of them, oldest first.

    Raises: LedgerBroken.
    """
    for name in anchor_files.names(folder(), ENDING):
        yield _read(name)


def _read(name: str) -> Entry:
    text, _newline, rest = (folder() / name).read_text().partition("\n")
    if rest != f"{hashlib.sha256(text.encode()).hexdigest()}\n":
        raise LedgerBroken(f"{name} was changed or is torn.")
    told = json.loads(text)
    begun_at = told["begun_at"]
    return Entry(
        id=UUID(told["id"]),
        subject_kind=told["subject_kind"],
        key=told["key"],
        classes=tuple(told["classes"]),
        at=datetime.fromisoformat(told["at"]),
        begun_at=datetime.fromisoformat(begun_at) if begun_at else None,
    )
