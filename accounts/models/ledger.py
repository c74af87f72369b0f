"""Who did what, when: written once, by `accounts/audit.py` alone."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.enums import AuditAction
from accounts.tenancy import TenantModel
from smartinvoicing.classified import Category, Retention


class AuditEvent(TenantModel):
    """One deed. `details` holds no personal value: ids, states, counts."""

    at = models.DateTimeField()
    actor = models.CharField(_("who"), max_length=80)
    action = models.CharField(_("what"), max_length=40, choices=AuditAction)
    object_type = models.CharField(max_length=40)
    object_id = models.UUIDField()
    details = models.JSONField(default=dict)

    class Meta(TenantModel.Meta):
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["tenant", "-at", "-id"], name="accounts_audit_newest"),
        ]

    class Privacy:
        retention = Retention.TAX
        subject = "user"
        basis = "law"
        personal = {"actor": Category.IDENTITY}
        plain = ("id", "tenant", "at", "action", "object_type", "object_id", "details")

    def __str__(self) -> str:
        return f"{self.action} {self.object_id}"
