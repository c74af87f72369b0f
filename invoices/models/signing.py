"""The digital signature of documents that FBR has accepted.

Source: Sales Tax Rules 2006, rule 150R(4)(b), (c). It names no algorithm; ours is Ed25519.
"""

from __future__ import annotations

import base64
from typing import ClassVar

from django.db import models
from django.db.models import Q

from accounts.tenancy import TenantModel, within_tenant
from smartinvoicing.classified import Category, Retention
from smartinvoicing.pg.constraints import SameTenant


class SigningKey(TenantModel):
    """One pair of keys. The newest one that still has its private half signs.

    sealed: the private half; null once it was wiped. The public half stays: what was signed with
            it is checked with it for as long as the document is kept.
    """

    seq = models.PositiveIntegerField()
    key_id = models.CharField(max_length=16)
    public_key = models.BinaryField()
    sealed = models.BinaryField(null=True)
    made_at = models.DateTimeField()

    class Meta(TenantModel.Meta):
        constraints: ClassVar[list[models.BaseConstraint]] = [
            *TenantModel.Meta.constraints,
            models.UniqueConstraint(fields=["tenant", "seq"], name="signing_key_in_order"),
            models.CheckConstraint(condition=Q(seq__gt=0), name="signing_key_counts_from_one"),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["key_id"], name="signing_key_by_name"),
        ]

    class Privacy:
        retention = Retention.TAX
        subject = "owner"
        basis = "law"
        personal = {"sealed": Category.CREDENTIAL}
        plain = ("id", "tenant", "seq", "key_id", "public_key", "made_at")

    def __str__(self) -> str:
        return self.key_id


class Signature(TenantModel):
    """What stood on an accepted document, in `snapshots`' one way of writing it, and our mark.

    sha256: of `content`; its beginning is printed on the copies.
    """

    invoice = within_tenant("invoices.Invoice", related_name="signatures")
    key = within_tenant("invoices.SigningKey", related_name="signatures")
    layout = models.PositiveSmallIntegerField()
    content = models.TextField()
    sha256 = models.CharField(max_length=64)
    signature = models.BinaryField()
    signed_at = models.DateTimeField()

    class Meta(TenantModel.Meta):
        constraints: ClassVar[list[models.BaseConstraint]] = [
            *TenantModel.Meta.constraints,
            SameTenant("invoice", name="signature_invoice_same_tenant"),
            SameTenant("key", name="signature_key_same_tenant"),
            models.UniqueConstraint(fields=["tenant", "invoice"], name="signature_once"),
        ]

    class Privacy:
        retention = Retention.TAX
        subject = "buyer"
        basis = "law"
        personal = {"content": Category.CONTENT}
        plain = ("id", "tenant", "invoice", "key", "layout", "sha256", "signature", "signed_at")

    def __str__(self) -> str:
        return self.fingerprint

    @property
    def fingerprint(self) -> str:
        """The beginning of the hash, for people to compare: 1a2b 3c4d 5e6f 7a8b."""
        return " ".join(self.sha256[place : place + 4] for place in range(0, 16, 4))

    @property
    def written(self) -> str:
        """The signature as text."""
        return base64.b64encode(bytes(self.signature)).decode()


class SignatureRound(TenantModel):
    """The daily check of all signatures of a business, a page at a time.

    day:    in Karachi. after: the last entry of the book that was looked at.
    broken: ids of the documents whose signature did not fit when last looked at.
    """

    day = models.DateField()
    after = models.UUIDField(null=True)
    checked = models.PositiveIntegerField(default=0)
    broken = models.JSONField(default=list)
    ended_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        constraints: ClassVar[list[models.BaseConstraint]] = [
            *TenantModel.Meta.constraints,
            models.UniqueConstraint(fields=["tenant"], name="signature_round_once"),
        ]

    class Privacy:
        retention = Retention.ACC
        subject = "none"
        basis = "law"
        personal: ClassVar[dict[str, Category]] = {}
        plain = ("id", "tenant", "day", "after", "checked", "broken", "ended_at")

    def __str__(self) -> str:
        return f"{self.day:%Y-%m-%d}"
