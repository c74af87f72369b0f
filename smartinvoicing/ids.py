"""UUID version 7: sortable by time, unguessable, kind to indexes. Never for secrets.

Source: RFC 9562, 5.7. Python has its own from 3.14.
"""

from __future__ import annotations

import os
import threading
import time
import uuid

_lock = threading.Lock()
_last = 0


def uuid7() -> uuid.UUID:
    """The next id of this process: 48 bits of milliseconds, 12 bits of fraction, 62 random."""
    global _last  # noqa: PLW0603 -- the clock of this process, guarded by the lock
    ns = time.time_ns()
    ticks = ns // 1_000_000 << 12 | (ns % 1_000_000 << 12) // 1_000_000
    with _lock:
        _last = ticks = max(ticks, _last + 1)
    random = int.from_bytes(os.urandom(8), "big") >> 2
    return uuid.UUID(int=(ticks >> 12) << 80 | 7 << 76 | (ticks & 0xFFF) << 64 | 2 << 62 | random)
