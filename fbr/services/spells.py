"""What an outage means for one business: how much waits, until when, and who is told."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db.models import Count, F, Min, OuterRef, Q, QuerySet, Subquery

from accounts import audit, tenancy
from accounts.access import Actor
from accounts.enums import AuditAction, NoticeKind
from accounts.services import notices
from fbr import deadlines
from fbr.deadlines import Stage
from fbr.models import Incident, IncidentKind, OfflineSpell, Outage, Outbox
from fbr.services import incidents
from invoices.enums import REPORTED, State

WATCHER: Final = Actor.system("fbr.outages")
SERIOUS: Final = timedelta(minutes=5)  # longer outages are incidents
_SKEW: Final = timedelta(hours=1)  # more than two clocks of ours may differ
WAITING: Final = frozenset({State.QUEUED, State.SUBMITTING, State.UNCERTAIN})
OWED: Final = WAITING | {State.REJECTED}  # a refused one must be mended and be there in time too


def tend(*, at: datetime) -> None:
    """Bring the spells of the current tenant up to date, and ring where somebody must know.

    Runs inside the tenant and a transaction. A second caller at the same time passes by.
    """
    _begin_spells(at)
    unfinished = (
        OfflineSpell.objects.filter(drained_at=None)
        .select_related("outage")
        .select_for_update(of=("self",), skip_locked=True)
        .order_by("pk")
    )
    for spell in unfinished:
        waiting = _count(spell)
        _register(spell, at)
        if waiting:
            _tell_of(spell, waiting, at)
        elif spell.outage.restored_at is not None:
            _finish(spell, at)


# --- what waits -------------------------------------------------------------------------------


def _begin_spells(at: datetime) -> None:
    """A spell for each outage that documents of this business wait for.

    A corrected document waits for the outage of its first version, which gave it its deadline.
    """
    # The one whose end comes first after its issue: the one that still lasts comes last.
    after = Outage.objects.filter(
        Q(restored_at=None) | Q(restored_at__gt=OuterRef("made_at")),
        environment=OuterRef("environment"),
        channel=OuterRef("channel"),
    ).order_by(F("restored_at").asc(nulls_last=True))
    found = (
        Outbox.objects.filter(invoice__issued_offline=True, invoice__state__in=WAITING)
        .filter(Q(deadline=None) | Q(deadline__gt=F("made_at") + deadlines.A_DAY))
        .annotate(outage=Subquery(after.values("pk")[:1]))
        .filter(outage__isnull=False)
        .values("outage")
        .annotate(first=Min("made_at"), many=Count("invoice", distinct=True))
        .order_by("outage")
    )
    known = set(OfflineSpell.objects.values_list("outage_id", flat=True).distinct())
    for row in found:
        if row["outage"] not in known:
            _begin(row["outage"], row["first"], row["many"], at)


def _begin(outage_id: UUID, first_issued_at: datetime, many: int, at: datetime) -> None:
    fresh = OfflineSpell(
        tenant_id=tenancy.current_tenant_id(),
        outage_id=outage_id,
        first_issued_at=first_issued_at,
        documents=many,
    )
    OfflineSpell.objects.bulk_create([fresh], ignore_conflicts=True)
    if OfflineSpell.objects.filter(pk=fresh.pk).exists():
        audit.record(WATCHER, AuditAction.OUTAGE_BEGAN, fresh, at=at)


def documents_of(spell: OfflineSpell) -> QuerySet[Outbox]:
    """The work of what was issued in it; documents that were corrected later stand there twice."""
    outage = spell.outage
    work = Outbox.objects.filter(
        environment=outage.environment,
        channel=outage.channel,
        made_at__gte=spell.first_issued_at,
        invoice__issued_offline=True,
        invoice__state_at__gte=spell.first_issued_at - _SKEW,  # for the index
    )
    return work.filter(made_at__lt=outage.restored_at) if outage.restored_at else work


def _count(spell: OfflineSpell) -> int:
    """Write down how far it is; how many of its documents FBR does not have yet."""
    counts = dict(
        documents_of(spell)
        .values_list("invoice__state")
        .annotate(many=Count("invoice", distinct=True))
        .order_by()
    )
    spell.documents = max(spell.documents, sum(counts.values()))
    spell.reported = sum(counts.get(state, 0) for state in REPORTED)
    spell.refused = counts.get(State.REJECTED, 0)
    if spell.outage.restored_at is not None:
        spell.deadline = deadlines.deadline_after(spell.outage.restored_at)
    spell.save(update_fields=["documents", "reported", "refused", "deadline"])
    return sum(counts.get(state, 0) for state in OWED)


# --- who is told ------------------------------------------------------------------------------


def _tell_of(spell: OfflineSpell, waiting: int, at: datetime) -> None:
    """Ring at each stage, by the clock and not by the look: what was slept through rings now."""
    restored_at, deadline = spell.outage.restored_at, spell.deadline
    if restored_at is None or deadline is None:
        notices.post(NoticeKind.OUTAGE, spell, at=at, count=str(waiting))
        if deadlines.is_unrestored_long(spell.first_issued_at, at=at):
            _ring(NoticeKind.DEADLINE_NEAR, spell, "unrestored", waiting, at)
        return
    notices.clear(NoticeKind.OUTAGE, spell, at=at)
    stage = deadlines.stage_at(deadline, at=at)
    if stage == Stage.OVER:
        notices.clear(NoticeKind.DEADLINE_NEAR, spell, at=at)
        _ring(NoticeKind.DEADLINE_PASSED, spell, stage.value, waiting, at)
    elif stage != Stage.EARLY:
        _ring(NoticeKind.DEADLINE_NEAR, spell, stage.value, waiting, at)
    elif deadlines.is_too_slow(
        left=waiting - spell.refused,
        done=spell.reported,
        restored_at=restored_at,
        deadline=deadline,
        at=at,
    ):
        _ring(NoticeKind.DEADLINE_NEAR, spell, "slow", waiting, at)


def _ring(kind: NoticeKind, spell: OfflineSpell, step: str, waiting: int, at: datetime) -> None:
    left = spell.deadline - at if spell.deadline else timedelta()
    hours = max(0, -(-left // timedelta(hours=1)))
    notices.post(
        kind, spell, at=at, due_at=spell.deadline, step=step, count=str(waiting), hours=str(hours)
    )


def _register(spell: OfflineSpell, at: datetime) -> None:
    """An outage that lasted and touched documents is an incident."""
    outage = spell.outage
    if (outage.restored_at or at) - outage.began_at < SERIOUS:
        return
    key = str(outage.pk)
    touched = documents_of(spell).values_list("invoice_id", flat=True)
    incident = Incident.objects.filter(kind=IncidentKind.GATEWAY_DOWN, key=key).first()
    if incident is None:
        incident = incidents.open_incident(
            kind=IncidentKind.GATEWAY_DOWN,
            key=key,
            at=at,
            actor=WATCHER,
            invoice_ids=touched,
            why=str(outage.get_cause_display()),
            environment=outage.environment,
            happened_at=outage.began_at,
        )
    elif incident.closed_at is None:
        known = incident.documents.values("invoice_id")
        incidents.add_documents(incident, touched.exclude(invoice_id__in=known))
    if outage.restored_at is not None and incident.ended_at is None:
        still = Incident.objects.filter(pk=incident.pk, ended_at=None, closed_at=None)
        still.update(ended_at=outage.restored_at)


def _finish(spell: OfflineSpell, at: datetime) -> None:
    """FBR is back and nothing waits any more: the bells fall silent."""
    spell.drained_at = at
    spell.save(update_fields=["drained_at"])
    for kind in (NoticeKind.OUTAGE, NoticeKind.DEADLINE_NEAR, NoticeKind.DEADLINE_PASSED):
        notices.clear(kind, spell, at=at)
    audit.record(
        WATCHER,
        AuditAction.OUTAGE_ENDED,
        spell,
        at=at,
        documents=spell.documents,
        reported=spell.reported,
    )


def waiting_now() -> int:
    """How many documents of the current tenant were issued offline and wait for FBR."""
    return Outbox.objects.filter(
        invoice__issued_offline=True, invoice__state__in=WAITING, done_at=None
    ).count()
