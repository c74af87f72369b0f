"""What the line to FBR needs: a token per legal entity, environment and till."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.enums import Environment
from accounts.tenancy import TenantModel, within_tenant
from invoices.enums import Channel
from smartinvoicing.classified import Category, Retention
from smartinvoicing.pg.constraints import SameTenant


class Credential(TenantModel):
    """One FBR token, sealed. It is written and used, never shown again."""

    legal_entity = within_tenant("accounts.LegalEntity", related_name="credentials")
    environment = models.CharField(_("environment"), max_length=10, choices=Environment)
    channel = models.CharField(max_length=4, choices=Channel, default=Channel.DI)
    till = within_tenant("invoices.Till", related_name="credentials", null=True, blank=True)
    seller_ntn_cnic = models.CharField(max_length=13)
    token_sealed = models.BinaryField()
    last_four = models.CharField(max_length=4)
    stored_at = models.DateTimeField()
    expires_on = models.DateField(_("valid until"), null=True, blank=True)
    tested_at = models.DateTimeField(null=True, blank=True)
    test_said = models.CharField(max_length=200, blank=True)
    test_worked = models.BooleanField(null=True, blank=True)
    held_at = models.DateTimeField(null=True, blank=True)
    held_why = models.CharField(max_length=200, blank=True)

    class Meta(TenantModel.Meta):
        constraints: ClassVar[list[models.BaseConstraint]] = [
            *TenantModel.Meta.constraints,
            SameTenant("legal_entity", name="credential_entity_same_tenant"),
            SameTenant("till", name="credential_till_same_tenant"),
            models.UniqueConstraint(
                fields=["tenant", "legal_entity", "environment", "channel", "till"],
                name="fbr_credential_once",
                nulls_distinct=False,
            ),
        ]

    class Privacy:
        retention = Retention.CRED
        subject = "owner"
        basis = "law"
        personal = {
            "seller_ntn_cnic": Category.GOVERNMENT_ID,
            "token_sealed": Category.CREDENTIAL,
            "last_four": Category.CREDENTIAL,
        }
        plain = (
            "id",
            "tenant",
            "legal_entity",
            "environment",
            "channel",
            "till",
            "stored_at",
            "expires_on",
            "tested_at",
            "test_said",
            "test_worked",
            "held_at",
            "held_why",
        )

    def __str__(self) -> str:
        return f"…{self.last_four}"

    @property
    def place(self) -> str:
        """Where the sealed token belongs: moved elsewhere it does not open."""
        return f"fbr_credential/{self.pk}/token"
