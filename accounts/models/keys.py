"""The keys of programs, and the memory that makes their retries harmless."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models.people import User
from accounts.tenancy import TenantModel
from smartinvoicing.classified import Category, Retention, Use


class ApiKey(TenantModel):
    """A key of one program. Only its hash is kept; it is shown once."""

    name = models.CharField(_("name"), max_length=80)
    prefix = models.CharField(max_length=12)
    key_hash = models.CharField(max_length=64, unique=True)
    scopes = ArrayField(models.CharField(max_length=20))
    made_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    made_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Privacy:
        retention = Retention.ACC
        subject = "user"
        basis = "contract"
        personal = {"key_hash": Category.CREDENTIAL, "made_by": Category.IDENTITY}
        plain = (
            "id",
            "tenant",
            "name",
            "prefix",
            "scopes",
            "made_at",
            "expires_at",
            "revoked_at",
        )

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"


class IdempotencyKey(TenantModel):
    """A POST that was answered, so that its repetition gets the same answer. Kept seven days."""

    key = models.CharField(max_length=200)
    body_hash = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField()
    answer = models.JSONField()
    at = models.DateTimeField()

    class Meta(TenantModel.Meta):
        constraints: ClassVar[list[models.BaseConstraint]] = [
            *TenantModel.Meta.constraints,
            models.UniqueConstraint(fields=["tenant", "key"], name="accounts_idempotency_once"),
        ]

    class Privacy:
        retention = Retention.TMP
        subject = "buyer"
        basis = "contract"
        purposes = (Use.OPERATION,)
        personal = {"answer": Category.CONTENT}
        plain = ("id", "tenant", "key", "body_hash", "status", "at")

    def __str__(self) -> str:
        return f"replay {self.pk}"
