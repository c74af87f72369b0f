"""Who asked for what: one row a request, in a table that is cut by months."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from smartinvoicing.classified import Category, Retention
from smartinvoicing.ids import uuid7


class AccessLog(models.Model):
    """One request as it was answered. Of no tenant's wall: it tells who came to which business.

    route:     the name of the address, never the address: no id, no query stands in it.
    object_id: the row that it asked for, where the address named one.
    address:   after thirty days only its network is left; after ninety the row is gone. Of a
               business under a legal hold or an open breach all stays as it was.

    The table is partitioned by `at` (migration 0013); the database knows (id, at) as its key.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    at = models.DateTimeField(_("when"))
    user_id = models.UUIDField(_("person"), null=True)
    tenant_id = models.UUIDField(_("business"), null=True)
    key_id = models.UUIDField(_("API key"), null=True)
    method = models.CharField(_("method"), max_length=8)
    route = models.CharField(_("route"), max_length=80)
    object_id = models.UUIDField(null=True)
    status = models.PositiveSmallIntegerField(_("answer"))
    address = models.GenericIPAddressField(_("network address"), null=True)
    agent = models.CharField(_("browser"), max_length=200, blank=True)

    class Meta:
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["at"], name="accesslog_when"),
            models.Index(fields=["tenant_id", "at"], name="accesslog_of_tenant"),
            models.Index(fields=["user_id", "at"], name="accesslog_of_user"),
        ]

    class Privacy:
        retention = Retention.LOG
        subject = "visitor"
        basis = "legitimate interest"
        personal = {
            "user_id": Category.IDENTITY,
            "address": Category.TECHNICAL,
            "agent": Category.TECHNICAL,
        }
        plain = (*("id", "at", "tenant_id", "key_id", "method", "route", "object_id", "status"),)

    def __str__(self) -> str:
        return f"{self.method} {self.route} {self.status}"
