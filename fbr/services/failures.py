"""Finds what FBR must be told of and nobody reported: refused tokens, lost senders, broken seals.

It goes by rows, not by ticks: what happened while nobody looked is found at the next look.
"""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import transaction

from accounts import tenancy
from accounts.access import Actor
from accounts.services import verifying
from fbr.models import Attempt, Credential, Incident, IncidentDocument, IncidentKind, Outbox
from fbr.models.work import WorkState
from fbr.services import incidents, outages
from invoices.services import signing
from smartinvoicing import clock

logger = logging.getLogger(__name__)

FINDER: Final = Actor.system("fbr.incidents")
_NEWEST: Final = 1000  # links of a business's audit trail that are reckoned anew each time


def look(*, at: datetime) -> None:
    """Open what is due in each business that has a failure, and ring for what FBR must hear.

    Outside any tenant; each business in a transaction of its own.
    """
    for tenant_id in outages.businesses("fbr_failing_businesses"):
        with tenancy.in_tenant(tenant_id), transaction.atomic():
            open_for_tokens(at=at)
            open_for_lost_senders(at=at)
            incidents.remind_all(at=at)


def open_for_tokens(*, at: datetime) -> None:
    """An incident for each time that FBR refused a token; it ends with the hold."""
    for held in Credential.objects.filter(held_at__isnull=False).order_by("pk"):
        assert held.held_at is not None
        key = f"{held.pk} {held.held_at.isoformat()}"
        if incidents.was_ever_opened(IncidentKind.TOKEN_REFUSED, key):
            continue
        waiting = Outbox.objects.filter(credential=held, state=WorkState.WAITING)
        incidents.open_incident(
            kind=IncidentKind.TOKEN_REFUSED,
            key=key,
            at=at,
            actor=FINDER,
            invoice_ids=waiting.order_by("id").values_list("invoice_id", flat=True),
            why=held.held_why,
            environment=held.environment,
            happened_at=held.held_at,
        )


def open_for_lost_senders(*, at: datetime) -> None:
    """An incident a day and environment for sends that ended without an answer."""
    stops = IncidentDocument.objects.filter(incident__kind=IncidentKind.UNCLEAN_STOP)
    known = set(stops.values_list("invoice_id", "incident__key"))
    lost = Attempt.objects.filter(answered_at=None, finished_at__isnull=False)
    for attempt in lost.select_related("work").defer("answer", "work__body").order_by("started_at"):
        assert attempt.finished_at is not None
        day, environment = clock.karachi_date(attempt.finished_at), attempt.work.environment
        key = f"{day.isoformat()} {environment}"
        if (attempt.invoice_id, key) in known:
            continue
        incidents.open_incident(
            kind=IncidentKind.UNCLEAN_STOP,
            key=key,
            at=at,
            actor=FINDER,
            invoice_ids=[attempt.invoice_id],
            why=attempt.why,
            environment=environment,
            happened_at=attempt.started_at,
        )


def check_integrity(*, at: datetime) -> None:
    """Look whether signatures and audit trail of every reporting business still fit.

    Outside any tenant. What does not fit is one incident a day.
    """
    for tenant_id in outages.businesses("fbr_reporting_businesses"):
        with tenancy.in_tenant(tenant_id):
            broken = signing.verify_all(at=at)
        trail = verifying.verify_tenant(tenant_id, at=at, newest=_NEWEST)
        if not broken and trail.is_right:
            continue
        logger.error("fbr.integrity", extra={"documents": len(broken), "audit": len(trail.faults)})
        with tenancy.in_tenant(tenant_id), transaction.atomic():
            _open_for_integrity(broken, has_bad_trail=not trail.is_right, at=at)


def _open_for_integrity(broken: list[UUID], *, has_bad_trail: bool, at: datetime) -> None:
    """One that is known stays with its incident, as long as that is open."""
    told = IncidentDocument.objects.filter(
        incident__kind=IncidentKind.INTEGRITY, incident__closed_at=None, invoice_id__in=broken
    )
    fresh = set(broken) - set(told.values_list("invoice_id", flat=True))
    open_ones = Incident.objects.filter(kind=IncidentKind.INTEGRITY, closed_at=None)
    if not fresh and (not has_bad_trail or open_ones.exists()):
        return
    incidents.open_incident(
        kind=IncidentKind.INTEGRITY,
        key=clock.karachi_date(at).isoformat(),
        at=at,
        actor=FINDER,
        invoice_ids=sorted(fresh),
        why="the audit trail does not fit" if has_bad_trail else "a signature does not fit",
    )
