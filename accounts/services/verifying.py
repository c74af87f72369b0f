"""Walks the chains of the audit trail and names what is wrong; compares them with the anchors.

Everything is reckoned here anew (`accounts/chain.py`); the database is asked for rows only.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import connection, transaction

from accounts import chain, tenancy
from accounts.enums import AuditFault

PAGE: Final = 1000
MOST_FAULTS: Final = 20  # of one tenant; after so many it is clear
NEAR: Final = 1000  # places in which a link that was moved is looked for
# What purge may have taken: older than the class TAX is kept.
KEPT: Final = timedelta(days=7 * 366)

_LINKS: Final = """
SELECT l.seq, l.id, l.at, l.body, l.prev, l.hash,
    e.id::text, e.tenant_id::text, e.at, e.actor, e.action, e.object_type, e.object_id::text,
    e.details::text, e.commitment, p.salt, p.facts::text
FROM accounts_auditlink l
LEFT JOIN accounts_auditevent e ON e.tenant_id = l.tenant_id AND e.id = l.id
LEFT JOIN accounts_auditprivate p ON p.tenant_id = l.tenant_id AND p.id = l.id
WHERE l.tenant_id = %s AND l.seq > %s AND l.seq <= %s ORDER BY l.seq LIMIT %s
"""
_UNCHAINED: Final = """
SELECT e.id FROM accounts_auditevent e
LEFT JOIN accounts_auditlink l ON l.tenant_id = e.tenant_id AND l.id = e.id
WHERE e.tenant_id = %s AND l.id IS NULL ORDER BY e.at, e.id LIMIT %s
"""
_BEYOND: Final = """
SELECT l.seq, l.id FROM accounts_auditlink l
LEFT JOIN accounts_audithead h ON h.id = l.tenant_id
WHERE l.tenant_id = %s AND l.seq > coalesce(h.seq, 0) ORDER BY l.seq LIMIT 1
"""


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One thing that is wrong: in which chain, at which place, and in which file."""

    what: AuditFault
    tenant_id: UUID | None = None
    seq: int | None = None
    event_id: UUID | None = None
    file: str = ""

    def __str__(self) -> str:
        named = {"tenant": self.tenant_id, "seq": self.seq, "event": self.event_id}
        words = [f"{name} {value}" for name, value in named.items() if value is not None]
        return f"{' '.join([*words, self.file]).strip()}: {self.what.value}, {self.what.label}"


@dataclass
class Report:
    """What a look found. Entries that purge may have taken count apart.

    accepted: anchor files by which a person took trails that older files do not fit, and why.
    """

    entries: int = 0
    purged: int = 0
    seq: int = 0
    hash: str = ""
    anchors: int = 0
    accepted: list[str] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)

    @property
    def is_right(self) -> bool:
        return not self.faults

    def add(self, other: Report) -> None:
        self.entries += other.entries
        self.purged += other.purged
        self.anchors += other.anchors
        self.faults += other.faults


@dataclass(frozen=True)
class _Link:
    seq: int
    id: UUID
    at: datetime
    body: bytes
    prev: bytes
    hash: bytes
    cells: tuple[Any, ...]  # of the event; empty when there is none
    salt: str | None
    facts: str | None

    def fits(self, seq: int) -> bool:
        return chain.link(self.prev, seq=seq, at=self.at, body=self.body) == self.hash

    def digest(self) -> bytes:
        return chain.digest(self.texts())

    def texts(self) -> list[str]:
        """The event's columns as they stand in its digest."""
        if not self.cells:
            return []
        pk, tenant, at, *others = self.cells
        return [pk, tenant, chain.instant(at), *others]


def verify_tenant(tenant_id: UUID, *, at: datetime, newest: int | None = None) -> Report:
    """Walk the chain of one tenant, or its `newest` links, up to where it ends now."""
    walk = _Walk(tenant_id, at=at)
    with tenancy.in_tenant(tenant_id):
        seq, hashed = _head(tenant_id)
        after = max(0, seq - newest) if newest else 0
        if after == 0:
            walk.last = chain.beginning(tenant_id)
        walk.after = after
        for link in _links(tenant_id, after=after, until=seq):
            walk.look(link)
        walk.end(seq, hashed)
        walk.look_beside()
    walk.report.seq, walk.report.hash = seq, hashed.hex()
    return walk.report


class _Walk:
    """One chain, link by link. `last` is the hash that the next link has to follow."""

    def __init__(self, tenant_id: UUID, *, at: datetime) -> None:
        self.tenant_id = tenant_id
        self.report = Report()
        self.last: bytes | None = None
        self.after = 0
        self._purged_before = at - KEPT
        self._before: _Link | None = None

    def look(self, link: _Link) -> None:
        self.report.entries += 1
        if link.seq != self.after + 1:
            self._blame(AuditFault.MISSING, self.after + 1)
            self.last = None
        self._look_at_link(link)
        self._look_at_event(link)
        self._look_at_private(link)
        self.after, self.last, self._before = link.seq, link.hash, link

    def _look_at_link(self, link: _Link) -> None:
        if not link.fits(link.seq):
            near = range(max(1, link.seq - NEAR), link.seq + NEAR + 1)
            is_moved = any(link.fits(seq) for seq in near)
            self._blame(AuditFault.MOVED if is_moved else AuditFault.EDITED, link.seq, link.id)
        elif self.last is not None and link.prev != self.last:
            # This link is as it was written: the one before it is not what it followed.
            before = self._before or link
            self._blame(AuditFault.EDITED, before.seq, before.id)

    def _look_at_event(self, link: _Link) -> None:
        if not link.cells:
            if link.at < self._purged_before:
                self.report.purged += 1
            else:
                self._blame(AuditFault.MISSING, link.seq, link.id)
        elif link.digest() != link.body:
            self._blame(AuditFault.EDITED, link.seq, link.id)

    def _look_at_private(self, link: _Link) -> None:
        if link.salt is None or link.facts is None or not link.cells:
            return  # there were none, or they were erased
        if chain.commitment(link.salt, json.loads(link.facts)) != link.cells[-1]:
            self._blame(AuditFault.PRIVATE, link.seq, link.id)

    def end(self, seq: int, hashed: bytes) -> None:
        """The last link must be the head."""
        if self.after < seq:
            self._blame(AuditFault.MISSING, self.after + 1)
        elif self.last is not None and self.last != hashed:
            self._blame(AuditFault.HEAD, seq)

    def look_beside(self) -> None:
        """What stands in the tables and is no part of the chain."""
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(_UNCHAINED, [self.tenant_id, MOST_FAULTS])
            for (pk,) in cursor.fetchall():
                self._blame(AuditFault.PLANTED, None, pk)
            cursor.execute(_BEYOND, [self.tenant_id])
            for seq, pk in cursor.fetchall():
                self._blame(AuditFault.HEAD, seq, pk)

    def _blame(self, what: AuditFault, seq: int | None, event_id: UUID | None = None) -> None:
        faults = self.report.faults
        fault = Fault(what=what, tenant_id=self.tenant_id, seq=seq, event_id=event_id)
        is_known = seq is not None and any(known.seq == seq for known in faults)
        if len(faults) < MOST_FAULTS and not is_known:
            faults.append(fault)


def _head(tenant_id: UUID) -> tuple[int, bytes]:
    """Where the chain ends now; a tenant without a deed has none yet."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT seq, hash FROM accounts_audithead WHERE id = %s", [tenant_id])
        row = cursor.fetchone()
    return (int(row[0]), bytes(row[1])) if row else (0, chain.beginning(tenant_id))


def _links(tenant_id: UUID, *, after: int, until: int) -> Iterator[_Link]:
    while page := _page(tenant_id, after=after, until=until):
        yield from page
        after = page[-1].seq


def _page(tenant_id: UUID, *, after: int, until: int) -> list[_Link]:
    """A page a transaction: a long walk holds nothing open."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_LINKS, [tenant_id, after, until, PAGE])
        found = cursor.fetchall()
    return [
        _Link(
            *(seq, pk, at, bytes(body), bytes(prev), bytes(hashed)),
            tuple(cells) if cells[0] is not None else (),
            *(salt, facts),
        )
        for seq, pk, at, body, prev, hashed, *cells, salt, facts in found
    ]


def written(tenant_id: UUID) -> Iterator[tuple[str, ...]]:
    """Each link with its event, as texts: what `accounts/chain.py` takes, for who reads along."""
    with tenancy.in_tenant(tenant_id):
        until, _hash = _head(tenant_id)
    after = 0
    while True:
        with tenancy.in_tenant(tenant_id):  # not while a slow reader takes the page
            page = _page(tenant_id, after=after, until=until)
        if not page:
            return
        for link in page:
            hashes = (link.prev.hex(), link.hash.hex(), link.body.hex())
            yield (str(link.seq), *hashes, chain.instant(link.at), *link.texts())
        after = page[-1].seq
