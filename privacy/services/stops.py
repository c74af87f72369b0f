"""What keeps a record that its clock would let go: open requests, disputes, breaches.

Who keeps such matters appends the path of a function to STOPPERS. Legal holds and documents whose
matter with FBR is open need no line here: the tables themselves tell.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import connection
from django.utils.module_loading import import_string

from privacy.models import BreachTenant, SubjectRequest


@dataclass(frozen=True, kw_only=True)
class Stop:
    """One open matter. It keeps all of a business, or the one thing of it that it names.

    A person without a business: that person's rows wherever they stand.
    """

    why: str
    tenant_id: UUID | None = None
    document_id: UUID | None = None
    buyer_id: UUID | None = None
    user_id: UUID | None = None


# Functions `(*, at: datetime) -> Iterable[Stop]`; a test resolves each.
STOPPERS: Final[tuple[str, ...]] = (
    "privacy.services.stops.of_requests",
    "privacy.services.stops.of_breaches",
)


@dataclass(frozen=True, kw_only=True)
class Stopped:
    """All open matters of one moment, by what they keep."""

    tenants: frozenset[UUID] = frozenset()
    documents: list[UUID] = field(default_factory=list)
    buyers: list[UUID] = field(default_factory=list)
    users: list[UUID] = field(default_factory=list)


def stopped(*, at: datetime) -> Stopped:
    """Ask everybody who may know of an open matter."""
    found = [stop for path in STOPPERS for stop in _asked(path, at)]
    return Stopped(
        tenants=frozenset(
            stop.tenant_id
            for stop in found
            if stop.tenant_id and not (stop.document_id or stop.buyer_id or stop.user_id)
        ),
        documents=[stop.document_id for stop in found if stop.document_id],
        buyers=[stop.buyer_id for stop in found if stop.buyer_id],
        users=[stop.user_id for stop in found if stop.user_id],
    )


# Held by whoever deletes: a hold that is being placed waits for it, and it for the hold.
HOLD_LOCK: Final = "SELECT pg_advisory_xact_lock_shared(hashtextextended('hold ' || %s, 0))"


def wait_for_holds(tenant_id: UUID) -> None:
    """Until this transaction ends no hold is placed on this business; those that were are seen."""
    with connection.cursor() as cursor:
        cursor.execute(HOLD_LOCK, [str(tenant_id)])


def of_requests(*, at: datetime) -> list[Stop]:
    """Requests that somebody still works on. One that waits for law's own time stops nothing."""
    waiting = SubjectRequest.objects.filter(closed_at=None, resumes_on=None)
    return [
        Stop(why="request", tenant_id=tenant_id, user_id=user_id, buyer_id=buyer_id)
        for tenant_id, user_id, buyer_id in waiting.values_list("tenant_id", "user_id", "buyer_id")
        if tenant_id or user_id
    ]


def of_breaches(*, at: datetime) -> list[Stop]:
    """All of a business that an open breach touches: it may be evidence."""
    touched = BreachTenant.objects.filter(case__closed_at=None)
    return [
        Stop(why="breach", tenant_id=tenant_id)
        for tenant_id in touched.values_list("tenant_id", flat=True)
    ]


def _asked(path: str, at: datetime) -> Iterable[Stop]:
    found: Iterable[Stop] = import_string(path)(at=at)
    return found
