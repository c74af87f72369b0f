"""Questions about people and tenants."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from uuid import UUID

from django.db import models, transaction
from django.utils.translation import gettext as _

from accounts import tenancy
from accounts.models import (
    ApiKey,
    AuditCheck,
    AuditEvent,
    Invitation,
    LegalEntity,
    Membership,
    Notice,
    Tenant,
    User,
)


@transaction.atomic
def memberships_of(user_id: UUID) -> list[Membership]:
    """Every business this person works in, oldest first, with its tenant."""
    with tenancy.as_person(user_id):
        rows = list(Membership.objects.filter(user_id=user_id).order_by("since", "id"))
        # By the ids found: through a join the row policy would read every tenant there is.
        tenants = Tenant.objects.in_bulk([row.tenant_id for row in rows])
    for row in rows:
        row.tenant = tenants[row.tenant_id]
    return rows


def chosen(memberships: Sequence[Membership], wanted: str | None) -> Membership | None:
    """The membership whose tenant the session names, else the first."""
    for membership in memberships:
        if str(membership.tenant_id) == wanted:
            return membership
    return memberships[0] if memberships else None


def members() -> models.QuerySet[Membership]:
    """People of the current tenant, with their user."""
    return Membership.objects.select_related("user").order_by("since", "id")


def invitations() -> models.QuerySet[Invitation]:
    return Invitation.objects.order_by("-invited_at")


def api_keys() -> models.QuerySet[ApiKey]:
    return ApiKey.objects.order_by("-made_at")


def legal_entities() -> models.QuerySet[LegalEntity]:
    return LegalEntity.objects.order_by("id")


def open_notices(*, most: int) -> list[Notice]:
    """What the bell rings for, what is due first before the rest."""
    rows = Notice.objects.filter(cleared_at=None)
    return list(rows.order_by(models.F("due_at").asc(nulls_last=True), "posted_at", "id")[:most])


def head_of_page() -> tuple[str, int]:
    """The environment of the business, and how many notices are open: asked by each page, once."""
    open_ones = Notice.objects.filter(cleared_at=None).order_by().values("tenant")
    count = open_ones.annotate(count=models.Count("id")).values("count")
    row = (
        legal_entities()
        .annotate(ringing=models.Subquery(count))
        .values_list("environment", "ringing")
    )
    environment, ringing = row.first() or ("", None)
    return environment, ringing or 0


def audit_page(*, before: UUID | None = None, size: int = 50) -> list[AuditEvent]:
    """The newest deeds, or those older than the event `before`; ids sort by time."""
    rows = AuditEvent.objects.order_by("-at", "-id")
    if before is not None:
        edge = AuditEvent.objects.filter(pk=before).first()
        if edge is not None:
            rows = rows.filter(models.Q(at__lt=edge.at) | models.Q(at=edge.at, id__lt=edge.id))
    return list(rows[:size])


def audit_check() -> AuditCheck:
    """When the trails were last laid down outside, and what the last look at them all found."""
    return AuditCheck.objects.get()


def names_of(actors: Iterable[str]) -> dict[str, str]:
    """What to call whoever did something (`Actor.name`), as far as they are still known."""
    by_kind: dict[str, list[UUID]] = {"user": [], "key": []}
    for actor in set(actors):
        kind, _colon, rest = actor.partition(":")
        if kind in by_kind:
            by_kind[kind].append(UUID(rest))
    users = User.objects.in_bulk(by_kind["user"])
    found = {f"user:{pk}": user.get_short_name() for pk, user in users.items()}
    for pk, key in ApiKey.objects.in_bulk(by_kind["key"]).items():
        found[f"key:{pk}"] = _("API key %(name)s") % {"name": key.name}
    return found
