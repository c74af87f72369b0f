"""The one writer of the audit trail. The database chains what is written here."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import models

from accounts import chain
from accounts.access import Actor
from accounts.enums import AuditAction
from accounts.models import AuditEvent, AuditPrivate
from smartinvoicing.pg import rows


def event(
    actor: Actor,
    action: AuditAction,
    about: models.Model,
    *,
    at: datetime,
    private: Mapping[str, str] | None = None,
    **details: Any,
) -> AuditEvent:
    """The row, not yet written: for a service that writes many rows in one statement.

    private: personal values. They are kept beside the trail, with the address that the actor
             came from; the trail holds a commitment to them and lasts when they are erased.
    """
    deed = AuditEvent(
        tenant_id=getattr(about, "tenant_id", about.pk),
        at=at,
        actor=actor.name,
        action=action,
        object_type=str(about._meta.model_name),
        object_id=about.pk,
        details=details,
    )
    facts = {**({"address": actor.address} if actor.address else {}), **(private or {})}
    if facts:
        salt = secrets.token_hex(16)
        deed.commitment = chain.commitment(salt, facts)
        deed.companions = (
            AuditPrivate(id=deed.id, tenant_id=deed.tenant_id, salt=salt, facts=facts),
        )
    return deed


def record(
    actor: Actor,
    action: AuditAction,
    about: models.Model,
    *,
    at: datetime,
    private: Mapping[str, str] | None = None,
    **details: Any,
) -> None:
    """Write one deed down, in the transaction of the deed. No personal values in `details`."""
    rows.insert(event(actor, action, about, at=at, private=private, **details))
