"""What the line to FBR needs: a token per legal entity, environment and till; and a breaker."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.enums import Environment
from accounts.tenancy import TenantModel, within_tenant
from fbr.outcomes import Hold
from invoices.enums import Channel
from smartinvoicing.classified import Category, Recipient, Retention
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
    # The bucket of calls a second: before this instant no call with this token is due.
    paced_until = models.DateTimeField(null=True, blank=True)

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
        recipients = dict.fromkeys(
            ("seller_ntn_cnic", "token_sealed"),
            (Recipient.HOSTING, Recipient.FBR),
        )
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
            "paced_until",
        )

    def __str__(self) -> str:
        return f"…{self.last_four}"

    @property
    def place(self) -> str:
        """Where the sealed token belongs: moved elsewhere it does not open."""
        return f"fbr_credential/{self.pk}/token"


class Breaker(models.Model):
    """How one of FBR's systems does, as far as anybody's documents told: of no tenant.

    window:       how many calls may be under way at once. It grows with definite answers, falls to
                  one upon an ambiguous one, and never exceeds the cap of the settings.
    is_suspect:   the last answer was ambiguous: the next document waits for a good safe call.
    recent:       the last twenty outcomes, newest last: 0 for a definite one, 1 for a bad one.
    opened_at:    since when nothing is sent; null while something may be.
    retry_at:     when a safe call is due; `wait_s` doubles each time that it goes wrong.
    probing_until: somebody is at that safe call.
    """

    environment = models.CharField(max_length=10, choices=Environment)
    channel = models.CharField(max_length=4, choices=Channel)
    window = models.PositiveIntegerField(default=0)
    is_suspect = models.BooleanField(default=False)
    recent = models.CharField(max_length=20, blank=True)
    bad_in_row = models.PositiveIntegerField(default=0)
    hold = models.CharField(max_length=20, choices=Hold, blank=True)
    why = models.CharField(max_length=200, blank=True)
    opened_at = models.DateTimeField(null=True)
    retry_at = models.DateTimeField(null=True)
    wait_s = models.PositiveIntegerField(default=0)
    probing_until = models.DateTimeField(null=True)
    last_good_at = models.DateTimeField(null=True)
    last_bad_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["environment", "channel"], name="breaker_once"),
        ]

    class Privacy:
        retention = Retention.SEC
        subject = "none"
        basis = "legitimate interest"
        personal: ClassVar[dict[str, Category]] = {}
        plain = (
            "id",
            "environment",
            "channel",
            "window",
            "is_suspect",
            "recent",
            "bad_in_row",
            "hold",
            "why",
            "opened_at",
            "retry_at",
            "wait_s",
            "probing_until",
            "last_good_at",
            "last_bad_at",
        )

    def __str__(self) -> str:
        return f"{self.environment} {self.channel}"
