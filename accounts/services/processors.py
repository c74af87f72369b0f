"""Which helpers of ours a business lets be reached for it."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from accounts import audit, tenancy
from accounts.access import Actor, allow
from accounts.enums import AuditAction, Permission
from accounts.models import Tenant


@transaction.atomic
def choose(*, needed_only: bool, actor: Actor, at: datetime) -> None:
    """Whether helpers that the service can do without are kept out, from the next call on.

    Raises: NotAllowed.
    """
    allow(actor, Permission.MANAGE_BUSINESS)
    tenant = Tenant.objects.select_for_update().get(pk=tenancy.current_tenant_id())
    if tenant.needed_processors_only == needed_only:
        return
    tenant.needed_processors_only = needed_only
    tenant.save(update_fields=["needed_processors_only"])
    audit.record(
        actor,
        AuditAction.ENTITY_CHANGED,
        tenant,
        at=at,
        fields=["needed_processors_only"],
        needed_only=needed_only,
    )
