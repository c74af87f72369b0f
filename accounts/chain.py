"""How the audit trail is chained, once more and apart from the database that does it.

The verifier reckons with these functions: whoever changes those of the database changes nothing
in what it finds. Rows and hashes are described in `accounts/models/ledger.py`.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_INSTANT: Final = "%Y-%m-%dT%H:%M:%S.%fZ"


def beginning(tenant_id: UUID) -> bytes:
    """What the first link of a tenant follows: no chain can be passed off as another's."""
    return hashlib.sha256(tenant_id.bytes).digest()


def instant(at: datetime) -> str:
    """An instant as it stands in the digest."""
    return at.astimezone(UTC).strftime(_INSTANT)


def digest(cells: Sequence[str]) -> bytes:
    """Of one event, its columns as texts: a JSON list, so that no text runs into the next."""
    text = json.dumps(list(cells), ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).digest()


def link(prev: bytes, *, seq: int, at: datetime, body: bytes) -> bytes:
    """The hash of one link.

    Units: `at` counts in microseconds since 1970, `body` is the event's `digest`.
    """
    micros = (at - _EPOCH) // timedelta(microseconds=1)
    numbers = seq.to_bytes(8, "big", signed=True) + micros.to_bytes(8, "big", signed=True)
    return hashlib.sha256(prev + numbers + body).digest()


def commitment(salt: str, facts: Mapping[str, str]) -> str:
    """What the trail keeps of values that stand outside it: nobody can guess them from it."""
    text = json.dumps(dict(facts), ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    return hmac.new(bytes.fromhex(salt), text.encode(), hashlib.sha256).hexdigest()
