"""The whole look at the audit trail: every chain, every anchor file, every signature."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Final
from uuid import UUID

from django.db import connection

from accounts.enums import AuditFault
from accounts.models import AuditCheck
from accounts.services import anchor_files, anchoring, verifying
from accounts.services.anchor_files import Anchor, Head
from accounts.services.verifying import Fault, Report
from smartinvoicing import clock

logger = logging.getLogger(__name__)

HOUR: Final = 2  # in Karachi; from then on the nightly look is due
UNSIGNED: Final = timedelta(days=2)  # a day is signed soon after its end
KEPT_FINDINGS: Final = 50
_BATCH: Final = 500
_LOCK: Final = 7_226_470


def verify(
    *,
    at: datetime,
    tenant_id: UUID | None = None,
    folder: Path | None = None,
    since: datetime | None = None,
) -> Report:
    """Look at one chain or all, and at what was laid down of them outside.

    folder: another one with anchor files; the database's memory of its own is then left out.
    since:  heads in older files are not compared again; whoever rewrites an old entry changes
            the heads after it too.
    """
    report = Report()
    tenants = [tenant_id] if tenant_id else [head.tenant_id for head in anchoring.heads()]
    for one in tenants:
        report.add(verifying.verify_tenant(one, at=at))
    files = _Files(folder or anchoring.folder(), report, only=tenant_id)
    files.look(at=at, since=since, remembered=folder is None)
    return report


class _Files:
    """One folder of anchor files, compared with each other and with the database."""

    def __init__(self, folder: Path, report: Report, *, only: UUID | None) -> None:
        self.folder, self.report, self.only = folder, report, only
        self._blamed: set[UUID] = set()

    def look(self, *, at: datetime, since: datetime | None, remembered: bool) -> None:
        last: dict[str, Anchor] = {}
        before: Anchor | None = None
        names = anchor_files.names(self.folder)
        accepted = max(filter(anchor_files.is_acceptance, names), default="")
        for name in names:
            anchor = self._read(name)
            if anchor is not None:
                self._look_at_order(before, anchor)
                if name >= accepted and (since is None or anchor.at >= since):
                    self._compare(anchor)
                self.report.anchors += 1
                self.report.accepted += [f"{name}: {anchor.accepts}"] if anchor.accepts else []
                last[anchor_files.day_of(name)] = anchor
            before = anchor
        self._look_at_signatures(last, at=at)
        if remembered:
            self._look_at_memory(before)

    def _look_at_order(self, before: Anchor | None, anchor: Anchor) -> None:
        """Each file names the one before it; of a file that cannot be read nothing is known."""
        if before is None and anchor.previous and not self.report.anchors:
            self._blame(anchor.previous)
        elif before is not None and (anchor.previous, anchor.previous_sha256) != (
            before.name,
            before.sha256,
        ):
            self._blame(anchor.previous or anchor.name)

    def _read(self, name: str) -> Anchor | None:
        try:
            return anchor_files.read(self.folder, name)
        except (anchor_files.Broken, OSError):
            self._blame(name)
            return None

    def _compare(self, anchor: Anchor) -> None:
        heads = (h for h in anchor.heads if self.only in {None, h.tenant_id})
        while batch := list(islice(heads, _BATCH)):
            there = _hashes(batch)
            for head in batch:
                if there.get((head.tenant_id, head.seq)) != head.hash:
                    self._blame(anchor.name, head)

    def _look_at_signatures(self, last: dict[str, Anchor], *, at: datetime) -> None:
        signed = set()
        for name in anchor_files.names(self.folder, anchor_files.SIGNATURE):
            day = anchor_files.day_of(name)
            signed.add(day)
            if not self._is_signed(name, last.get(day)):
                self.report.faults.append(Fault(what=AuditFault.SIGNATURE, file=name))
        due = anchor_files.day_of(at - UNSIGNED)
        for day, anchor in last.items():
            if day <= due and day not in signed:
                self.report.faults.append(Fault(what=AuditFault.SIGNATURE, file=anchor.name))

    def _is_signed(self, name: str, last: Anchor | None) -> bool:
        try:
            found = anchor_files.signature(self.folder, name)
        except (anchor_files.Broken, OSError):
            return False
        return last is not None and anchoring.is_signed(
            anchor_files.day_of(name), last, key=found["key"], signature=found["signature"]
        )

    def _look_at_memory(self, newest: Anchor | None) -> None:
        known = AuditCheck.objects.get()
        here = (newest.name, newest.sha256) if newest else ("", "")
        if known.anchor > here[0] or (known.anchor == here[0] and known.anchor_sha256 != here[1]):
            self._blame(known.anchor)

    def _blame(self, file: str, head: Head | None = None) -> None:
        if head is None:
            self.report.faults.append(Fault(what=AuditFault.FILE, file=file))
        elif head.tenant_id not in self._blamed:
            self._blamed.add(head.tenant_id)
            self.report.faults.append(
                Fault(what=AuditFault.ANCHORED, tenant_id=head.tenant_id, seq=head.seq, file=file)
            )


def _hashes(heads: list[Head]) -> dict[tuple[UUID, int], str]:
    """What the links say today at the places that were laid down, by one narrow function."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tenant_id, seq, hash FROM accounts_audit_hashes(%s::uuid[], %s::bigint[])",
            [[str(head.tenant_id) for head in heads], [head.seq for head in heads]],
        )
        return {(tenant_id, seq): hashed for tenant_id, seq, hashed in cursor.fetchall()}


# --- once a night -----------------------------------------------------------------------------


def check(*, at: datetime) -> Report | None:
    """The nightly look, when it is due and nobody is at it; its result is kept in one row."""
    known = AuditCheck.objects.get()
    if not _is_due(known.checked_at, at=at):
        return None
    # A day more than the last look that was right: nothing falls between two looks.
    since = known.checked_at - timedelta(days=1) if known.checked_at and known.is_right else None
    with _alone() as alone:
        if not alone:
            return None
        report = verify(at=at, since=since)
    _keep(report, at=at)
    return report


def _is_due(checked_at: datetime | None, *, at: datetime) -> bool:
    if checked_at is None:
        return True
    is_another_day = clock.karachi_date(checked_at) < clock.karachi_date(at)
    return is_another_day and clock.karachi(at).hour >= HOUR


def _keep(report: Report, *, at: datetime) -> None:
    for fault in report.faults:
        logger.error("audit.broken", extra={"fault": str(fault)})
    AuditCheck.objects.update(
        checked_at=at,
        is_right=report.is_right,
        entries=report.entries,
        findings=[_finding(fault) for fault in report.faults[:KEPT_FINDINGS]],
    )


def _finding(fault: Fault) -> dict[str, str | int | None]:
    return {
        "tenant": str(fault.tenant_id) if fault.tenant_id else None,
        "seq": fault.seq,
        "what": fault.what.value,
        "file": fault.file,
    }


@contextmanager
def _alone() -> Iterator[bool]:
    """Whether no other process is at it: a lock that the database drops with its session."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [_LOCK])
        row = cursor.fetchone()
    alone = bool(row and row[0])
    try:
        yield alone
    finally:
        if alone:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [_LOCK])
