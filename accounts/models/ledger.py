"""Who did what, when: written once, by `accounts/audit.py` alone, and chained by the database.

An event is one row. At the commit a trigger adds a link to the chain of its tenant and moves the
head: body is the digest of the event, hash is that of (prev, seq, at, body), prev the hash of the
link before. The order is that of the commits; heads are locked last of all, and for a moment.
What purge lawfully takes from the events leaves the chain whole, for it runs over the digests.
"""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from accounts.enums import AuditAction
from accounts.tenancy import TenantModel
from smartinvoicing.classified import Category, Retention, Use


class AuditEvent(TenantModel):
    """One deed. `details` holds no personal value: ids, states, counts.

    commitment: binds this event to its `AuditPrivate`, which may be erased without a trace here.
    """

    at = models.DateTimeField()
    actor = models.CharField(_("who"), max_length=80)
    action = models.CharField(_("what"), max_length=40, choices=AuditAction)
    object_type = models.CharField(max_length=40)
    object_id = models.UUIDField()
    details = models.JSONField(default=dict)
    commitment = models.CharField(max_length=64, blank=True, default="", db_default="")

    # Not stored here: rows that `smartinvoicing.pg.rows` writes along with this one.
    companions: tuple[models.Model, ...] = ()

    class Meta(TenantModel.Meta):
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["tenant", "-at", "-id"], name="accounts_audit_newest"),
            models.Index(fields=["actor", "tenant"], name="accounts_audit_of_person"),
        ]

    class Privacy:
        retention = Retention.TAX
        subject = "user"
        basis = "law"
        purposes = (Use.PROOF, Use.SECURITY)
        personal = {"actor": Category.IDENTITY}
        plain = (
            *("id", "tenant", "at", "action", "object_type", "object_id", "details"),
            "commitment",
        )

    def __str__(self) -> str:
        return f"{self.action} {self.object_id}"


class AuditPrivate(TenantModel):
    """Personal values of one event, whose id it has: from where a person did it, and the like."""

    salt = models.CharField(max_length=32)
    facts = models.JSONField()

    class Privacy:
        retention = Retention.SEC
        subject = "user"
        basis = "legitimate interest"
        personal = {"facts": Category.TECHNICAL}
        plain = ("id", "tenant", "salt")

    def __str__(self) -> str:
        return f"beside {self.id}"


class AuditLink(TenantModel):
    """One link of a tenant's chain; its id is the event's. The database alone writes it."""

    seq = models.BigIntegerField()
    at = models.DateTimeField()
    body = models.BinaryField(max_length=32)
    prev = models.BinaryField(max_length=32)
    hash = models.BinaryField(max_length=32)

    class Meta(TenantModel.Meta):
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["tenant", "seq"], name="auditlink_seq"),
        ]

    class Privacy:
        retention = Retention.TAX
        subject = "none"
        basis = "law"
        personal: ClassVar[dict[str, Category]] = {}
        plain = ("id", "tenant", "seq", "at", "body", "prev", "hash")

    def __str__(self) -> str:
        return f"link {self.seq}"


class AuditHead(TenantModel):
    """Where a tenant's chain ends; its id is the tenant's. The database alone writes it."""

    seq = models.BigIntegerField()
    hash = models.BinaryField(max_length=32)
    changed_at = models.DateTimeField()

    class Meta(TenantModel.Meta):
        constraints: ClassVar[list[models.BaseConstraint]] = [
            *TenantModel.Meta.constraints,
            models.CheckConstraint(condition=Q(id=F("tenant")), name="audithead_one_a_tenant"),
        ]

    class Privacy:
        retention = Retention.TAX
        subject = "none"
        basis = "law"
        personal: ClassVar[dict[str, Category]] = {}
        plain = ("id", "tenant", "seq", "hash", "changed_at")

    def __str__(self) -> str:
        return f"head {self.seq}"


class AuditCheck(models.Model):
    """One row, of no tenant: when all heads were last laid outside, and what the last look found.

    anchor:   name of the newest anchor file, and the hash of what was written into it.
    findings: what was wrong, as (tenant, seq, what), the first of them.
    """

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    anchored_at = models.DateTimeField(null=True)
    anchor = models.CharField(max_length=40, blank=True)
    anchor_sha256 = models.CharField(max_length=64, blank=True)
    signed_at = models.DateTimeField(null=True)
    checked_at = models.DateTimeField(null=True)
    is_right = models.BooleanField(null=True)
    entries = models.BigIntegerField(default=0)
    findings: models.JSONField[Any, Any] = models.JSONField(default=list)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(condition=Q(id=1), name="auditcheck_is_one"),
        ]

    class Privacy:
        retention = Retention.SEC
        subject = "none"
        basis = "none"
        personal: ClassVar[dict[str, Category]] = {}
        plain = (
            *("id", "anchored_at", "anchor", "anchor_sha256", "signed_at"),
            *("checked_at", "is_right", "entries", "findings"),
        )

    def __str__(self) -> str:
        return f"right: {self.is_right}"
