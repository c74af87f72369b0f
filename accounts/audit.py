"""The one writer of the audit trail."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import models

from accounts.access import Actor
from accounts.enums import AuditAction
from accounts.models import AuditEvent
from smartinvoicing.pg import rows


def event(
    actor: Actor, action: AuditAction, about: models.Model, *, at: datetime, **details: Any
) -> AuditEvent:
    """The row, not yet written: for a service that writes many rows in one statement."""
    return AuditEvent(
        tenant_id=getattr(about, "tenant_id", about.pk),
        at=at,
        actor=actor.name,
        action=action,
        object_type=str(about._meta.model_name),
        object_id=about.pk,
        details=details,
    )


def record(
    actor: Actor, action: AuditAction, about: models.Model, *, at: datetime, **details: Any
) -> None:
    """Write one deed down, in the transaction of the deed. No personal values in `details`."""
    rows.insert(event(actor, action, about, at=at, **details))
