"""A POST that comes twice is done once: replay, 409 while the first runs, 422 for another body."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import connection

from accounts.models import IdempotencyKey
from accounts.tenancy import current_tenant_id
from smartinvoicing.errors import RuleViolation, StateConflict
from smartinvoicing.ids import uuid7
from smartinvoicing.pg import rows

_KNOWN: Final = """
    SELECT body_hash, status, answer FROM accounts_idempotencykey
    WHERE tenant_id = %s AND key = %s
"""


@dataclass(frozen=True)
class Replay:
    """The answer that the first request got."""

    status: int
    answer: dict[str, Any]


def body_hash(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def _lock_number(tenant_id: UUID, key: str) -> int:
    digest = hashlib.sha256(f"{tenant_id}/{key}".encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)


def begin(key: str, body: bytes) -> Replay | None:
    """Take the key for this transaction; a Replay if it was answered before.

    Raises: StateConflict while the first request still runs; RuleViolation for another body.
    """
    tenant_id = current_tenant_id()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [_lock_number(tenant_id, key)])
        if cursor.fetchone() != (True,):
            raise StateConflict("The first request with this Idempotency-Key is still running.")
        # A statement of its own: its snapshot is younger than the lock.
        cursor.execute(_KNOWN, [tenant_id, key])
        known = cursor.fetchone()
    if known is None:
        return None
    hashed, status, answer = known
    if hashed != body_hash(body):
        raise RuleViolation(
            "This Idempotency-Key was used with another body. Use a new key for a new document."
        )
    return Replay(status, json.loads(answer))


def remember(key: str, body: bytes, *, status: int, answer: dict[str, Any], at: datetime) -> None:
    """Keep the answer, in the transaction that made it true."""
    row = IdempotencyKey(
        id=uuid7(),
        tenant_id=current_tenant_id(),
        key=key,
        body_hash=body_hash(body),
        status=status,
        answer=answer,
        at=at,
    )
    rows.insert(row)
