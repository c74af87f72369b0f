"""What the two figures of reporting share: tenants whose tokens the fake FBR knows."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from uuid import UUID

from accounts.models import User
from bench import data, rig
from fbr.fake import FakeFbr


@contextlib.contextmanager
def fake(first: int, count: int) -> Iterator[tuple[FakeFbr, list[tuple[UUID, User]]]]:
    """A fake FBR with its latency in this process, and `count` tenants of its own."""
    laid = [data.lay_tenant(number) for number in range(first, first + count)]
    with FakeFbr(latency_ms=rig.LATENCY_MS) as server:
        server.add_tokens(
            [
                {"token": f"bench-token-{seller}", "seller": seller, "environment": "sandbox"}
                for _, _, seller in laid
            ]
        )
        yield server, [(tenant_id, user) for tenant_id, user, _ in laid]
