"""Questions about people and tenants."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final
from uuid import UUID

from django.db import IntegrityError, models, transaction
from django.utils.translation import gettext as _

from accounts import tenancy
from accounts.models import (
    ApiKey,
    AuditCheck,
    AuditEvent,
    BreakGlass,
    Invitation,
    LegalEntity,
    Membership,
    Notice,
    StaffLook,
    SupportWindow,
    Tenant,
    User,
)
from smartinvoicing.errors import StateConflict
from smartinvoicing.pg import scope as pg

_OPEN: Final = "tenant_is_open"  # the trigger that refuses rows of a business being closed


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


def allows_optional_helpers() -> bool:
    """Whether the business of the scope lets helpers be reached that are not needed for it.

    Outside a business nobody can have allowed it.
    """
    tenant_id = pg.current().tenant_id
    if tenant_id is None:
        return False
    return Tenant.objects.filter(pk=tenant_id, needed_processors_only=False).exists()


def refuse_while_closing() -> None:
    """For what only an account in use may do, whoever does it.

    Raises: StateConflict while the business of the scope is being closed.
    """
    if Tenant.objects.filter(closing_at__isnull=False).exists():
        raise StateConflict(_closing())


@contextmanager
def open_only() -> Iterator[None]:
    """Around writes that the database refuses for a business that is being closed: in words.

    Raises: StateConflict.
    """
    try:
        yield
    except IntegrityError as error:
        if _OPEN not in str(error):
            raise
        raise StateConflict(_closing()) from error


def _closing() -> str:
    return _("This account is being closed: nothing is added to it. An owner can open it again.")


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


def windows(*, most: int) -> list[SupportWindow]:
    """When this business let people of ours look, newest first."""
    rows = SupportWindow.objects.filter(tenant_id=tenancy.current_tenant_id())
    return list(rows.order_by("-granted_at")[:most])


def emergencies(*, most: int) -> list[BreakGlass]:
    """When people of ours looked at this business unasked, as far as law lets us tell."""
    rows = BreakGlass.objects.filter(tenant_id=tenancy.current_tenant_id(), told_at__isnull=False)
    return list(rows.order_by("-opened_at")[:most])


def looks(*, before: UUID | None = None, size: int = 50) -> list[StaffLook]:
    """What people of ours looked at here, newest first; not what law forbids to tell yet."""
    barred = BreakGlass.objects.filter(tenant_id=tenancy.current_tenant_id(), told_at=None)
    rows = StaffLook.objects.filter(tenant_id=tenancy.current_tenant_id()).exclude(
        glass_id__in=barred.values("pk")
    )
    if before is not None:
        rows = rows.filter(id__lt=before)
    return list(rows.order_by("-id")[:size])


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
