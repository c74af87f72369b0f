"""Questions about work, attempts and the line."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from django.conf import settings
from django.db import connection, models, transaction

from accounts import tenancy
from accounts.models import LegalEntity
from fbr.models import Attempt, Credential, Outbox
from fbr.models.work import WorkState
from fbr.outcomes import Hold
from invoices.enums import State
from invoices.models import Invoice


@dataclass(frozen=True)
class Due:
    """One piece of work that may be sent now."""

    tenant_id: UUID
    work_id: UUID


def _ids(sql: str, params: list[int], *, why: str) -> list[Due]:
    with tenancy.across_tenants(why=why), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql, params)
        return [Due(*row) for row in cursor.fetchall()]


def due() -> list[Due]:
    """What may be sent now: not held, fair over credentials, no more than the caps leave."""
    return _ids(
        "SELECT tenant_id, id FROM fbr_due(%s, %s)",
        [settings.FBR_CONCURRENCY, settings.FBR_CONCURRENCY_PER_CREDENTIAL],
        why="fbr.dispatch",
    )


def hanging() -> list[Due]:
    """Work whose worker let its lease run out in the middle of a send."""
    return _ids("SELECT tenant_id, id FROM fbr_hanging(%s)", [100], why="fbr.sweep")


def attempts_of(invoice: Invoice) -> models.QuerySet[Attempt]:
    return Attempt.objects.filter(invoice=invoice).order_by("started_at", "id")


def latest_attempts_of(invoice: Invoice, *, most: int) -> list[Attempt]:
    """The last ones, oldest first: while FBR is away there can be hundreds."""
    return list(attempts_of(invoice).reverse()[:most])[::-1]


def open_work(invoice: Invoice) -> Outbox | None:
    """The version of `invoice` that FBR has not settled yet."""
    return (
        Outbox.objects.filter(invoice=invoice)
        .exclude(state=WorkState.DONE)
        .select_related("credential")
        .defer("body")
        .first()
    )


def works_of(invoice: Invoice) -> models.QuerySet[Outbox]:
    """Every version of `invoice` that was ever to be sent, with its bytes."""
    return Outbox.objects.filter(invoice=invoice).order_by("version")


def last_attempt() -> Attempt | None:
    """The newest try of the tenant; ids sort by time, and the key begins with the tenant."""
    return Attempt.objects.defer("answer").order_by("-id").first()


def hold_of(work: Outbox | None) -> str | None:
    """Why a queued document waits, None when it does not."""
    if work is None or work.state != WorkState.WAITING:
        return None
    if work.hold_reason:
        return str(work.hold_reason)
    held = work.credential is not None and work.credential.held_at is not None
    return Hold.CREDENTIAL.value if held else None


def holds(invoices: Iterable[Invoice]) -> dict[UUID, str]:
    """The hold of each queued document among `invoices`: one query, none when none is queued."""
    queued = [invoice.pk for invoice in invoices if invoice.state == State.QUEUED]
    if not queued:
        return {}
    rows = (
        Outbox.objects.filter(invoice_id__in=queued, state=WorkState.WAITING)
        .select_related("credential")
        .defer("body")
    )
    found = {row.invoice_id: hold_of(row) for row in rows}
    return {invoice_id: hold for invoice_id, hold in found.items() if hold}


def credentials() -> models.QuerySet[Credential]:
    return Credential.objects.select_related("legal_entity").order_by("environment")


def credential_of(entity: LegalEntity, environment: str) -> Credential | None:
    return Credential.objects.filter(legal_entity=entity, environment=environment).first()


@dataclass(frozen=True, kw_only=True)
class Backlog:
    """What waits at FBR's door, in numbers."""

    waiting: int
    held: int
    stopped: int


def backlog() -> Backlog:
    """Counts over the tenant's open work: bounded by what is open, not by history."""
    rows = (
        Outbox.objects.filter(state__in=[WorkState.WAITING, WorkState.SENDING, WorkState.STOPPED])
        .values("state", "hold_reason", held=models.Q(credential__held_at__isnull=False))
        .annotate(count=models.Count("id"))
        .order_by()
    )
    waiting = held = stopped = 0
    for row in rows:
        if row["state"] == WorkState.STOPPED:
            stopped += row["count"]
        elif row["hold_reason"] or row["held"]:
            held += row["count"]
        else:
            waiting += row["count"]
    return Backlog(waiting=waiting, held=held, stopped=stopped)
