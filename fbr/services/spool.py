"""Answers of FBR's that could not be journalled, because the database was gone: kept as files.

Each is sealed, flushed to the disk before anybody goes on, and lies outside the web root. It is
journalled by whoever comes first once the database is back; to do it twice changes nothing.
"""

from __future__ import annotations

import base64
import json
import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final
from uuid import UUID

from django.conf import settings

from fbr.outcomes import Evidence
from smartinvoicing import crypto

logger = logging.getLogger(__name__)

_ENDING: Final = ".answer"
_SPOILT: Final = ".spoilt"


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What is known of one exchange, and to which attempt it belongs."""

    tenant_id: UUID
    work_id: UUID
    attempt_id: UUID
    call: str
    evidence: Evidence
    answered_at: datetime


def keep(answer: Answer) -> None:
    """Write `answer` so that a power cut does not lose it.

    Raises: OSError when the disk does not take it.
    """
    folder = settings.SPOOL_DIR
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    name = f"{answer.tenant_id}.{answer.attempt_id}"
    sealed = crypto.seal(
        _written(answer), tenant_id=str(answer.tenant_id), place=_place(answer.attempt_id)
    )
    part = folder / f"{name}.{os.getpid()}.part"
    try:
        with part.open("wb") as file:
            file.write(sealed)
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        part.unlink(missing_ok=True)
        raise
    part.rename(folder / f"{name}{_ENDING}")
    _flush(folder)
    logger.error("fbr.spooled", extra={"attempt": str(answer.attempt_id)})


def kept() -> Iterator[tuple[Path, Answer]]:
    """All that lies there and can be read; what cannot is put aside and said."""
    for path in sorted(settings.SPOOL_DIR.glob(f"*{_ENDING}")):
        try:
            tenant_id, attempt_id = path.name.removesuffix(_ENDING).split(".")
            text = crypto.unseal(
                path.read_bytes(), tenant_id=tenant_id, place=_place(UUID(attempt_id))
            )
            answer = _read(text)
        except FileNotFoundError:
            continue  # another process was faster
        except (crypto.CannotOpen, ValueError, KeyError):
            logger.exception("fbr.spool_spoilt", extra={"file": path.name})
            path.rename(path.with_suffix(_SPOILT))
            continue
        yield path, answer


def forget(path: Path) -> None:
    """It is in the database now."""
    path.unlink(missing_ok=True)


def _place(attempt_id: UUID) -> str:
    return f"fbr_spool/{attempt_id}/answer"


def _flush(folder: Path) -> None:
    """The name too must survive."""
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def _written(answer: Answer) -> str:
    evidence = answer.evidence
    return json.dumps(
        {
            "tenant": str(answer.tenant_id),
            "work": str(answer.work_id),
            "attempt": str(answer.attempt_id),
            "call": answer.call,
            "answered_at": answer.answered_at.isoformat(),
            "sent": evidence.sent,
            "status": evidence.status,
            "body": base64.b64encode(evidence.body).decode(),
            "retry_after": evidence.retry_after,
            "failure": evidence.failure,
            "took_ms": evidence.took_ms,
        }
    )


def _read(text: str) -> Answer:
    found = json.loads(text)
    return Answer(
        tenant_id=UUID(found["tenant"]),
        work_id=UUID(found["work"]),
        attempt_id=UUID(found["attempt"]),
        call=found["call"],
        answered_at=datetime.fromisoformat(found["answered_at"]),
        evidence=Evidence(
            sent=found["sent"],
            status=found["status"],
            body=base64.b64decode(found["body"]),
            retry_after=found["retry_after"],
            failure=found["failure"],
            took_ms=found["took_ms"],
        ),
    )
