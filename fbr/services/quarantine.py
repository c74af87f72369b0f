"""After a restore: what may be at FBR already waits, and nothing is numbered.

The lost database may have sent what waits here, and numbered documents of which nothing is left.
Only FBR's own list tells. Until a seller brings it, that seller issues and voids nothing (triggers
of fbr/0014) and nothing of it is sent; `resuming` ends that.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import Exists, Max, OuterRef

from accounts import audit
from accounts.access import Actor
from accounts.enums import AuditAction, NoticeKind
from accounts.models import LegalEntity
from accounts.services import notices
from accounts.tenancy import current_tenant_id
from fbr.models import Attempt, Outbox, Quarantine
from fbr.models.work import WorkState
from invoices.enums import State
from invoices.models import Invoice, Series
from smartinvoicing import clock
from smartinvoicing.pg import rows


@dataclass(frozen=True, kw_only=True)
class SetAside:
    """What a quarantine took in: documents that wait, and those in the middle of a send."""

    sellers: int = 0
    waiting: int = 0
    sending: int = 0

    def __add__(self, other: SetAside) -> SetAside:
        return SetAside(
            sellers=self.sellers + other.sellers,
            waiting=self.waiting + other.waiting,
            sending=self.sending + other.sending,
        )


# --- it begins --------------------------------------------------------------------------------


@transaction.atomic
def begin(*, lost_from: datetime, lost_until: datetime, actor: Actor, at: datetime) -> SetAside:
    """Set aside what the current tenant would send, and suspend its numbers. Twice is once."""
    sellers = 0
    for entity in LegalEntity.objects.all():
        for environment in _environments(entity):
            known = {"legal_entity": entity, "environment": environment, "resumed_at": None}
            if Quarantine.objects.filter(**known).exists():
                continue
            quarantine = Quarantine(
                tenant_id=current_tenant_id(),
                lost_from=lost_from,
                lost_until=lost_until,
                began_at=at,
                **known,
            )
            quarantine.save(force_insert=True)
            notices.post(NoticeKind.QUARANTINED, quarantine, at=at)
            sellers += 1
    if sellers:
        _write_down(actor, at)
    return SetAside(sellers=sellers, waiting=_hold(), sending=_expire())


def _environments(entity: LegalEntity) -> list[str]:
    used = Series.objects.filter(legal_entity=entity).values_list("environment", flat=True)
    return sorted({*used, entity.environment})


def _write_down(actor: Actor, at: datetime) -> None:
    waiting = Outbox.objects.filter(state=WorkState.WAITING).select_related("invoice")
    deeds = [
        audit.event(actor, AuditAction.INVOICE_QUARANTINED, work.invoice, at=at)
        for work in waiting.only("tenant_id", "invoice__tenant_id").order_by("id")
    ]
    if deeds:
        rows.insert(*deeds)


def _hold() -> int:
    """Every document that waits is touched: the database puts the hold on it."""
    waiting = Outbox.objects.filter(state=WorkState.WAITING)
    return waiting.update(lease_until=None, leased_by="")


def _expire() -> int:
    """Nobody is at the other end of these sends any more: the sweep makes them uncertain."""
    sending = Outbox.objects.filter(state=WorkState.SENDING)
    return sending.update(lease_until=clock.database_now())


def last_known() -> datetime | None:
    """The last moment at which anything of the current scope was issued or sent."""
    issued = Outbox.objects.aggregate(at=Max("made_at"))["at"]
    sent = Attempt.objects.aggregate(at=Max("started_at"), answered=Max("answered_at"))
    return max(filter(None, (issued, sent["at"], sent["answered"])), default=None)


# --- how it stands ----------------------------------------------------------------------------


def open_ones() -> list[Quarantine]:
    """Of the current tenant, with their sellers."""
    found = Quarantine.objects.filter(resumed_at=None).select_related("legal_entity")
    return list(found.order_by("began_at", "id"))


def ended_ones() -> list[Quarantine]:
    """Of the current tenant, the newest first."""
    found = Quarantine.objects.filter(resumed_at__isnull=False)
    return list(found.select_related("legal_entity", "statement").order_by("-resumed_at")[:20])


def held(quarantine: Quarantine) -> list[Invoice]:
    """Documents of a quarantine that wait for the list, oldest first."""
    waiting = Outbox.objects.filter(invoice=OuterRef("pk"), state=WorkState.WAITING)
    found = Invoice.objects.filter(
        Exists(waiting),
        legal_entity_id=quarantine.legal_entity_id,
        environment=quarantine.environment,
        state=State.QUEUED,
    )
    return list(found.order_by("state_at", "id"))
