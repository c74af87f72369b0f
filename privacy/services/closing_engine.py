"""Bring each closing as far as its day allows: whatever was missed is caught up with.

Each run begins with what the tables say; a run that was killed has lost nothing but its time.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts import audit, staff, tenancy
from accounts.access import Actor
from accounts.enums import AuditAction, NoticeKind, StaffAction
from accounts.models import MailState, OutgoingMail, Tenant
from accounts.services import mailing, notices
from fbr.services import credentials
from privacy.models import (
    Closure,
    ClosureCount,
    ClosureState,
    Erasure,
    ErasureState,
)
from privacy.services import (
    alarms,
    closing,
    closing_search,
    closing_steps,
    desk,
    erasure_ledger,
    open_matters,
    tenant_purge,
)
from privacy.services.closing_steps import done, is_done
from privacy.services.erasure_plans import ANONYMISE, DELETE, HOLD, PlannedRow, digest_of, plan_for
from privacy.services.person_tables import KEPT
from privacy.subjects import Subject, SubjectKind
from smartinvoicing.classified import Retention
from smartinvoicing.ids import uuid7

logger = logging.getLogger(__name__)

ACTOR: Final = Actor.system("privacy.close")
HELD: Final = "closure_held"
_DEEDS: Final = {
    DELETE: gettext_lazy("deleted"),
    ANONYMISE: gettext_lazy("written over"),
    HOLD: gettext_lazy("kept"),
}
Stop = Callable[[], bool]


def go_on(*, at: datetime, budget_s: float = 60.0) -> int:
    """Every closing that is not over; how many. One that fails keeps none of the others back."""
    ends = time.monotonic() + budget_s
    rows = list(Closure.objects.filter(ended_at=None).order_by("begun_at"))
    for closure in rows:
        try:
            with _alone(closure) as is_mine:
                if is_mine:
                    advance(closure, at=at, is_over=lambda: time.monotonic() >= ends)
        except Exception:
            logger.exception("closure.failed", extra={"closure": str(closure.pk)})
    return len(rows)


@contextmanager
def _alone(closure: Closure) -> Iterator[bool]:
    """Whether nobody else works on this closing: a lock of this session, gone with it."""
    number = int.from_bytes(closure.pk.bytes[-8:], "big", signed=True)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [number])
        is_mine = bool(cursor.fetchone()[0])
    try:
        yield is_mine
    finally:
        if is_mine:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [number])


def advance(closure: Closure, *, at: datetime, is_over: Stop = lambda: False) -> None:
    """As far as it can come today."""
    closure.refresh_from_db()
    if closure.state == ClosureState.BEGUN:
        _prepare(closure, at)
        closure.refresh_from_db()
    if closure.state == ClosureState.PURGING:
        _purge(closure, at, is_over)
        closure.refresh_from_db()
    if closure.state == ClosureState.PURGED:
        _wind_up(closure, at)


# --- until day 30 -----------------------------------------------------------------------------


def _prepare(closure: Closure, at: datetime) -> None:
    """The queue drains, open matters are settled or handed over, and only then the token goes."""
    is_time = at >= closure.purge_from
    with tenancy.in_tenant(closure.tenant_id), transaction.atomic():
        if not open_matters.is_draining() or is_time:
            done(closure, "drain", at=at)
        _settle(closure, at, is_time=is_time)
        if is_done(closure, "drain", "settle") and not is_done(closure, "token"):
            count = credentials.destroy(actor=ACTOR, at=at)
            _step(closure, "token", at, tokens=count)
    if not is_time or not is_done(closure, "token"):
        return
    if _is_held(closure, at):
        return
    _begin_purge(closure, at)


def _settle(closure: Closure, at: datetime, *, is_time: bool) -> None:
    """Nothing is open, an owner took the list, or the time is up and it goes to them by mail."""
    if is_done(closure, "settle"):
        return
    found = open_matters.of_business()
    listed = {item["id"] for item in closure.open_items}
    if not found:
        _step(closure, "settle", at, count=0)
    elif {matter.id for matter in found} <= listed:
        _step(closure, "settle", at, count=len(found), how="handed over")
    elif is_time:
        closure.open_items = [matter.as_dict() for matter in found]
        closure.save(update_fields=["open_items"])
        closing.tell_open_matters(closure, at=at)
        _step(closure, "settle", at, count=len(found), how="by letter")


def _step(closure: Closure, step: str, at: datetime, **facts: Any) -> None:
    if done(closure, step, at=at, **facts):
        audit.record(ACTOR, AuditAction.CLOSURE_STEP, closure, at=at, step=step)


def _is_held(closure: Closure, at: datetime) -> bool:
    """A court or an authority wants all of it kept: nothing is deleted until that is lifted."""
    with tenancy.in_tenant(closure.tenant_id), transaction.atomic():
        held = tenant_purge.is_kept(closure.tenant_id, at=at)
    if held:
        desk.open_task(
            HELD,
            str(closure.pk),
            title=_("A legal hold keeps an account from being deleted"),
            url=f"/admin/privacy/closure/{closure.pk}/change/",
            at=at,
            due_at=closure.purge_by,
        )
    else:
        desk.done(HELD, str(closure.pk), at=at)
    return held


def _lay_down(closure: Closure, at: datetime, entry: erasure_ledger.Entry | None) -> None:
    """On the disk, outside the database: from now on no backup brings this business back.

    entry: after a restore, the file that lies there already; its row comes back.
    """
    subject = Subject(SubjectKind.TENANT, tenant_id=closure.tenant_id)
    erasure, _made = Erasure.objects.get_or_create(
        subject_key=entry.key if entry else erasure_ledger.key_of(subject),
        subject_kind=subject.kind,
        state=ErasureState.BEGUN,
        defaults={
            "id": entry.id if entry else uuid7(),
            "tenant_id": closure.tenant_id,
            "asked_by": closure.begun_by,
            "at": entry.at if entry else at,
        },
    )
    if entry is not None:
        return
    erasure_ledger.lay_down(
        erasure_ledger.Entry(
            id=erasure.pk,
            subject_kind=subject.kind,
            key=erasure.subject_key,
            classes=tuple(sorted(each for each in Retention if each not in KEPT)),
            at=erasure.at,
            begun_at=closure.begun_at,
        )
    )


def _begin_purge(closure: Closure, at: datetime, entry: erasure_ledger.Entry | None = None) -> None:
    """From here there is no way back: the ledger knows it before the first row goes."""
    with tenancy.in_tenant(closure.tenant_id), transaction.atomic():
        held = closing.locked(closure)
        if held.state != ClosureState.BEGUN:
            return  # somebody was faster, or opened it again
        words = closing.opened(held) | closing_search.words_of(held.tenant_id)
        _lay_down(held, at, entry)
        held.state = ClosureState.PURGING
        held.save(update_fields=["state"])
        closing.keep_sealed(held, words)
        notices.clear(NoticeKind.CLOSURE, held, at=at)


# --- until day 45 -----------------------------------------------------------------------------


def _purge(closure: Closure, at: datetime, is_over: Stop) -> None:
    if not closing_search.is_due(closure, at=at):
        return
    if not is_done(closure, "purge"):
        if not tenant_purge.run(closure, at=at, is_over=is_over):
            return
        with tenancy.in_tenant(closure.tenant_id), transaction.atomic():
            _step(closure, "purge", at, rows=_rows(closure))
    found = closing_search.check(closure, at=at)
    if found:
        desk.open_task(
            closing.TASK,
            str(closure.pk),
            title=_("What should be deleted is still there: %(places)s")
            % {"places": ", ".join(found)},
            url=f"/admin/privacy/closure/{closure.pk}/change/",
            at=at,
            due_at=closure.purge_by,
        )
        # What came in meanwhile is taken tomorrow, before the next search.
        closure.steps.filter(step="purge").update(done_at=None)
        return
    desk.done(closing.TASK, str(closure.pk), at=at)
    _give_receipt(closure, at)


def _rows(closure: Closure) -> int:
    return sum(closure.counts.values_list("count", flat=True))


def _give_receipt(closure: Closure, at: datetime) -> None:
    """What went, as it was counted; what stays, until when. To the owners, then it is over."""
    subject = Subject(SubjectKind.TENANT, tenant_id=closure.tenant_id)
    kept = [row.as_dict() for row in plan_for(subject, at=at) if row.deed == HOLD]
    gone = [_as_dict(count) for count in closure.counts.order_by("table", "deed")]
    addresses = closing.opened(closure).get("to", [])
    with tenancy.in_tenant(closure.tenant_id), transaction.atomic():
        held = closing.locked(closure)
        if held.state != ClosureState.PURGING:
            return
        _step(held, "check", at)
        held.state, held.purged_at = ClosureState.PURGED, at
        held.receipt = [*gone, *kept]
        held.receipt_sha256 = digest_of(held.receipt)
        held.save(update_fields=["state", "purged_at", "receipt", "receipt_sha256"])
        _end_ledger(held, at)
        audit.record(ACTOR, AuditAction.TENANT_CLOSED, held, at=at, sha256=held.receipt_sha256)
        for number, address in enumerate(addresses):
            mailing.post(
                key=_letter(held, number),
                to=address,
                template="privacy/mail/closure_receipt",
                context={
                    "lines": [said(row) for row in held.receipt],
                    "sha256": held.receipt_sha256,
                },
                at=at,
            )
        _step(held, "receipt", at, letters=len(addresses))


def said(row: dict[str, Any]) -> str:
    """One line of a receipt, as letters and pages say it."""
    facts = {**row, "deed": _DEEDS[row["deed"]]}
    if row["until"]:
        return _("%(table)s (%(retention)s): %(count)s %(deed)s until %(until)s") % facts
    return _("%(table)s (%(retention)s): %(count)s %(deed)s") % facts


def _as_dict(count: ClosureCount) -> dict[str, Any]:
    row = PlannedRow(
        retention=Retention(count.retention),
        table=count.table,
        deed=count.deed,
        count=count.count,
    )
    return row.as_dict()


def _end_ledger(closure: Closure, at: datetime) -> None:
    Erasure.objects.filter(
        tenant_id=closure.tenant_id, subject_kind=SubjectKind.TENANT, state=ErasureState.BEGUN
    ).update(
        state=ErasureState.DONE,
        done_at=at,
        receipt=closure.receipt,
        receipt_sha256=closure.receipt_sha256,
    )


def _letter(closure: Closure, number: int) -> str:
    return f"closure:{closure.pk}:receipt:{number}"


# --- until day 90 -----------------------------------------------------------------------------


def _wind_up(closure: Closure, at: datetime) -> None:
    """The address goes when its letter has left, backups run out, and the archive is sealed."""
    with tenancy.in_tenant(closure.tenant_id), transaction.atomic():
        if not is_done(closure, "address") and not _letters(closure, MailState.WAITING).exists():
            _letters(closure).delete()
            Closure.objects.filter(pk=closure.pk).update(sealed=b"")
            _step(closure, "address", at)
        kept = timedelta(days=settings.BACKUP_KEPT_DAYS)
        if closure.purged_at is not None and at >= closure.purged_at + kept:
            _step(closure, "backups", at, days=settings.BACKUP_KEPT_DAYS)
        if not is_done(closure, *[step for step in closing_steps.STEPS if step != "seal"]):
            return
        _step(closure, "seal", at)
        Closure.objects.filter(pk=closure.pk, state=ClosureState.PURGED).update(
            state=ClosureState.SEALED, ended_at=at
        )
        staff.record(
            "privacy.close", StaffAction.CLOSED, closure, at=at, tenant_id=closure.tenant_id
        )
    alarms.silence(closing_steps.KIND, closure.pk, at=at)
    desk.done(closing.TASK, str(closure.pk), at=at)


def _letters(closure: Closure, *states: MailState) -> Any:
    rows = OutgoingMail.objects.filter(key__startswith=f"closure:{closure.pk}:receipt:")
    return rows.filter(state__in=states) if states else rows


# --- after a restore --------------------------------------------------------------------------


def purge_again(tenant_id: UUID, *, entry: erasure_ledger.Entry, at: datetime) -> bool:
    """What a restored database still has of an account that was emptied since.

    Its closing may be older in it, or not there at all: it is taken as begun when it was.
    Returns: False where a hold or an open matter keeps it; then the job goes on when that is over.
    """
    begun_at = entry.begun_at or entry.at
    closure = closing.current(tenant_id) or closing.begun_before(tenant_id, begun_at=begun_at)
    with tenancy.in_tenant(tenant_id), transaction.atomic():
        Tenant.objects.filter(pk=tenant_id, closing_at=None).update(closing_at=begun_at)
        credentials.destroy(actor=ACTOR, at=at)
        is_kept = tenant_purge.is_kept(tenant_id, at=at)
    if is_kept:
        return False
    if closure.state == ClosureState.BEGUN:
        _begin_purge(closure, at, entry)
        closure.refresh_from_db()
    if closure.state == ClosureState.PURGING:
        tenant_purge.run(closure, at=at, is_over=lambda: False)
        with tenancy.in_tenant(tenant_id), transaction.atomic():
            for step in ("drain", "settle", "token", "purge"):
                _step(closure, step, at, how="after a restore")
    return True
