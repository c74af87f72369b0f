"""The end of a quarantine: FBR's own list of the lost time.

What FBR may have becomes uncertain, what it does not have goes, and each run of numbers goes on
behind every number that a lost document may bear.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from accounts import audit
from accounts.access import Actor, allow
from accounts.enums import AuditAction, NoticeKind, Permission
from accounts.models import LegalEntity
from accounts.services import notices
from fbr import matching
from fbr.models import Attempt, LostReport, NumberGap, Outbox, Quarantine, Statement, StatementRow
from fbr.models.work import WorkState
from fbr.outcomes import Hold, Outcome
from fbr.services import number_reserve, resolving, statements
from invoices import lifecycle
from invoices.enums import REPORTED, State
from invoices.models import Invoice
from smartinvoicing import clock
from smartinvoicing.errors import Problem, RuleViolation, StateConflict
from smartinvoicing.pg import rows

SHOWN_AFTER: Final = timedelta(minutes=30)  # FBR's portal is behind by some minutes
WORKER: Final = "lost in a restore"


@dataclass(frozen=True, kw_only=True)
class Resumed:
    """What a list settled.

    found: documents of ours that FBR may have: uncertain now, the list is their evidence.
    lost:  documents that FBR has and nothing is left of here.
    freed: documents that FBR does not have: they go now.
    """

    found: int
    lost: int
    freed: int
    gaps: tuple[NumberGap, ...]


@transaction.atomic
def resume_series(
    *,
    entity: LegalEntity,
    statement: Statement,
    last_numbers: Sequence[str] = (),
    actor: Actor,
    at: datetime,
) -> Resumed:
    """End the quarantine of a seller by FBR's own list of the lost time.

    last_numbers: the highest number of each run that anybody saw on paper, as it is printed there.
    After:  what FBR has is uncertain (with the list at hand) or written down as lost; what it does
            not have waits no longer; each run goes on behind every number that may be in use.
    Raises: NotAllowed; StateConflict when there is nothing to end; RuleViolation for a list that
            does not cover the lost time, or lacks what FBR is known to have.
    """
    allow(actor, Permission.SETTLE)
    quarantine = (
        Quarantine.objects.select_for_update(of=("self",))
        .filter(legal_entity=entity, environment=statement.environment, resumed_at=None)
        .first()
    )
    if quarantine is None or statement.legal_entity_id != entity.pk:
        raise StateConflict(_("No numbers of this business wait for this list."))
    listed = list(StatementRow.objects.filter(statement=statement).order_by("row"))
    refuse_unless_whole(quarantine, statement, listed)
    number_reserve.refuse_unreadable(last_numbers, quarantine, entity, at=at)
    Quarantine.objects.filter(pk=quarantine.pk).update(
        statement=statement, resumed_at=at, resumed_by=actor.name
    )
    unknown = _unknown(statement)
    found = _suspect(quarantine, unknown, actor=actor, at=statement.uploaded_at)
    left = [row for row in unknown if row.pk not in found]
    lost = _write_lost(quarantine, left, actor=actor, at=at)
    seen = [*last_numbers, *(row.number for row in listed)]
    gaps = number_reserve.leap(quarantine, entity, used=len(unknown), seen=seen, at=at)
    freed = _free(quarantine)
    notices.clear(NoticeKind.QUARANTINED, quarantine, at=at)
    audit.record(
        actor,
        AuditAction.SERIES_RESUMED,
        quarantine,
        at=at,
        statement=str(statement.pk),
        found=len(found),
        lost=len(lost),
        freed=freed,
        gaps={str(gap.series): f"{gap.first}-{gap.last}" for gap in gaps},
    )
    return Resumed(found=len(found), lost=len(lost), freed=freed, gaps=tuple(gaps))


@transaction.atomic
def nothing_listed(
    *, entity: LegalEntity, covers_from: date, covers_until: date, actor: Actor, at: datetime
) -> Statement:
    """FBR's portal shows no document of these days: a list without a row, kept like any other.

    Raises: NotAllowed.
    """
    allow(actor, Permission.SETTLE)
    statement = Statement(
        tenant_id=entity.tenant_id,
        legal_entity=entity,
        environment=entity.environment,
        name=_("Nothing listed"),
        sha256=hashlib.sha256(b"").hexdigest(),
        uploaded_at=at,
        uploaded_by=actor.name,
        covers_from=covers_from,
        covers_until=covers_until,
        read=0,
    )
    statement.save(force_insert=True)
    audit.record(actor, AuditAction.LIST_UPLOADED, statement, at=at, read=0)
    return statement


def refuse_unless_whole(
    quarantine: Quarantine, statement: Statement, listed: Iterable[StatementRow]
) -> None:
    """Raises: RuleViolation unless the list can tell what FBR got in the lost time."""
    first, last = map(clock.karachi_date, (quarantine.lost_from, quarantine.lost_until))
    if statement.problems:
        raise _not_whole(_("Some rows of the list could not be read."), _("Mend them first."))
    if statement.uploaded_at < quarantine.lost_until + SHOWN_AFTER:
        raise _not_whole(
            _("The list is too early: FBR's portal shows what it got some minutes later."),
            _("Download it again, 30 minutes after the lost time at the soonest."),
        )
    covers_from, covers_until = statement.covers_from, statement.covers_until
    if not (covers_from and covers_until) or covers_from > first or covers_until < last:
        raise _not_whole(
            _("The list does not cover the days from %(first)s to %(last)s.")
            % {"first": first, "last": last},
            _("Ask IRIS for a period that begins before and ends after them."),
        )
    numbers = {row.fbr_number for row in listed}
    known = Invoice.objects.filter(
        legal_entity_id=quarantine.legal_entity_id,
        environment=quarantine.environment,
        state__in=sorted(REPORTED - {State.CANCELLED}),
        invoice_date__range=(covers_from, covers_until),
    )
    missing = [row.number for row in known if row.fbr_number not in numbers]
    if missing:
        raise _not_whole(
            _(
                "Of these days the list lacks documents that FBR accepted: %(count)s, among them "
                "%(number)s."
            )
            % {"count": len(missing), "number": missing[0]},
            _("Download the whole list, of this very seller."),
        )


def _not_whole(message: str, fix: str) -> RuleViolation:
    return RuleViolation.of(
        [Problem(code="list_not_whole", field="statement", message=message, fix=fix)]
    )


def pending(quarantine: Quarantine) -> list[StatementRow]:
    """Rows of the list that ended it which are neither a document of ours nor written down as lost.

    They look like documents that are uncertain: settle those, then `record_lost` what is left.
    """
    if quarantine.statement is None:
        return []
    return _unknown(quarantine.statement)


def _unknown(statement: Statement) -> list[StatementRow]:
    here = {"environment": statement.environment}
    ours = Invoice.objects.filter(legal_entity_id=statement.legal_entity_id, **here)
    known = set(ours.exclude(fbr_number="").values_list("fbr_number", flat=True))
    known |= set(LostReport.objects.filter(**here).values_list("fbr_number", flat=True))
    listed = StatementRow.objects.filter(statement=statement).order_by("row")
    return [row for row in listed if row.fbr_number not in known]


def _suspect(
    quarantine: Quarantine, unknown: list[StatementRow], *, actor: Actor, at: datetime
) -> set[UUID]:
    """Rows that look like a document which waits here, or is uncertain already.

    What waits becomes uncertain: a person settles it, with the list at hand. Nothing is guessed,
    and nothing of it is sent.
    """
    theirs = _facts_of_rows(quarantine, unknown)
    taken: set[UUID] = set()
    for invoice in _doubtful(quarantine):
        matches = matching.candidates(statements.facts_of(invoice, 0), theirs, most=len(theirs))
        taken.update(match.row_id for match in matches)
        if matches and invoice.state == State.QUEUED:
            _may_be_there(invoice, quarantine, actor=actor, at=at)
    return taken


def _facts_of_rows(
    quarantine: Quarantine, listed: Iterable[StatementRow]
) -> dict[UUID, matching.Facts]:
    entity = quarantine.legal_entity
    return {row.pk: statements.facts_of_row(row, entity) for row in listed}


def _doubtful(quarantine: Quarantine) -> list[Invoice]:
    """Documents of which FBR may have heard from the lost database."""
    found = Invoice.objects.filter(
        legal_entity_id=quarantine.legal_entity_id,
        environment=quarantine.environment,
        state__in=[State.QUEUED, State.SUBMITTING, State.UNCERTAIN],
    )
    return list(found.order_by("state_at", "id"))


def _may_be_there(invoice: Invoice, quarantine: Quarantine, *, actor: Actor, at: datetime) -> None:
    """The lost database may have sent it: an attempt of which no answer is left."""
    work = Outbox.objects.get(invoice=invoice, state=WorkState.WAITING)
    attempt = Attempt(
        tenant_id=work.tenant_id,
        work=work,
        invoice=invoice,
        attempt_no=work.attempt_no + 1,
        body_sha256=work.body_sha256,
        worker=WORKER,
        started_at=quarantine.lost_from,
        finished_at=quarantine.lost_until,
        outcome=Outcome.UNCERTAIN,
        why="FBR's list has a document like it, from the time that a restore lost",
    )
    rows.update(
        Outbox,
        where={"id": work.pk, "state": WorkState.WAITING},
        to={"state": WorkState.STOPPED, "attempt_no": attempt.attempt_no, "hold_reason": ""},
    )
    lifecycle.transition(invoice, State.SUBMITTING, actor=actor, at=at, note=WORKER)
    lifecycle.transition(invoice, State.UNCERTAIN, actor=actor, at=at, note=attempt.why)
    rows.insert(attempt)
    resolving.entered(invoice, at)


def _write_lost(
    quarantine: Quarantine, unknown: list[StatementRow], *, actor: Actor, at: datetime
) -> list[LostReport]:
    """One line for each row, with the document of ours whose newer state the restore took."""
    twins = _refused_here(quarantine, unknown)
    written = [
        LostReport(
            tenant_id=quarantine.tenant_id,
            quarantine=quarantine,
            row=row,
            environment=quarantine.environment,
            fbr_number=row.fbr_number,
            invoice=twins.get(row.pk),
            recorded_at=at,
            recorded_by=actor.name,
        )
        for row in unknown
    ]
    if written:
        rows.insert(*written)
    return written


def _refused_here(quarantine: Quarantine, unknown: list[StatementRow]) -> dict[UUID, Invoice]:
    """Rows that surely are a document which FBR refused once: mended and accepted in lost time."""
    refused = Invoice.objects.filter(
        legal_entity_id=quarantine.legal_entity_id,
        environment=quarantine.environment,
        state=State.REJECTED,
    )
    theirs = _facts_of_rows(quarantine, unknown)
    found: dict[UUID, Invoice] = {}
    for invoice in refused.order_by("id"):
        matches = matching.candidates(statements.facts_of(invoice, 0), theirs, most=1)
        if matches and matches[0].is_sure:
            found.setdefault(matches[0].row_id, invoice)
    return found


@transaction.atomic
def record_lost(*, quarantine: Quarantine, actor: Actor, at: datetime) -> list[LostReport]:
    """Write down as lost what is left of the list once the uncertain documents are settled.

    Raises: NotAllowed; StateConflict while one of them is uncertain that a row looks like.
    """
    allow(actor, Permission.SETTLE)
    unknown = pending(quarantine)
    theirs = _facts_of_rows(quarantine, unknown)
    for invoice in _doubtful(quarantine):
        if matching.candidates(statements.facts_of(invoice, 0), theirs, most=1):
            raise StateConflict(
                _("%(number)s is not settled yet, and it looks like a row of the list.")
                % {"number": invoice.number}
            )
    return _write_lost(quarantine, unknown, actor=actor, at=at)


def _free(quarantine: Quarantine) -> int:
    """What FBR does not have waits no longer, unless another seller's list is still awaited."""
    others = Quarantine.objects.filter(environment=quarantine.environment, resumed_at=None)
    if others.exists():
        return 0
    waiting = Outbox.objects.filter(
        environment=quarantine.environment, state=WorkState.WAITING, hold_reason=Hold.DISARMED
    )
    return waiting.update(hold_reason="")
