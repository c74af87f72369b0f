"""Questions about failures that FBR must hear of."""

from __future__ import annotations

from uuid import UUID

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from fbr.models import Incident, IncidentDocument
from smartinvoicing.errors import NotFound


def incidents(*, is_open: bool, before: UUID | None = None) -> QuerySet[Incident]:
    """Newest first: those that are open or all, older than the one `before`."""
    rows = Incident.objects.filter(closed_at=None) if is_open else Incident.objects.all()
    edge = Incident.objects.filter(pk=before).first() if before else None
    if edge is not None:
        rows = rows.filter(
            Q(aware_at__lt=edge.aware_at) | Q(aware_at=edge.aware_at, id__lt=edge.pk)
        )
    return rows.order_by("-aware_at", "-id")


def incident(incident_id: UUID) -> Incident:
    """Raises: NotFound."""
    row = Incident.objects.filter(pk=incident_id).first()
    if row is None:
        raise NotFound(_("There is no such incident."))
    return row


def documents_of(row: Incident) -> QuerySet[IncidentDocument]:
    """The documents that it touched, in the order of their numbers."""
    return (
        IncidentDocument.objects.filter(incident=row)
        .select_related("invoice")
        .order_by("invoice__number", "id")
    )
