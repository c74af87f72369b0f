"""Tills: what FBR's POS service registers, and how a business wants its bills told."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.enums import Environment
from accounts.tenancy import TenantModel, within_tenant
from invoices.enums import PosAmounts, ServiceFee, Transport
from smartinvoicing.classified import Category, Retention
from smartinvoicing.pg.constraints import SameTenant


class Till(TenantModel):
    """One till at one branch, as registered with FBR under a POSID for one environment."""

    legal_entity = within_tenant("accounts.LegalEntity", related_name="tills")
    environment = models.CharField(_("environment"), max_length=10, choices=Environment)
    name = models.CharField(_("name of the till"), max_length=60)
    pos_id = models.PositiveBigIntegerField(_("POSID"))
    branch = models.CharField(_("branch"), max_length=100, blank=True)
    address = models.CharField(_("address of the branch"), max_length=300, blank=True)
    transport = models.CharField(
        _("bills reach FBR"), max_length=5, choices=Transport, default=Transport.CLOUD
    )
    retired_at = models.DateTimeField(null=True, blank=True)

    class Meta(TenantModel.Meta):
        constraints: ClassVar[list[models.BaseConstraint]] = [
            *TenantModel.Meta.constraints,
            SameTenant("legal_entity", name="till_entity_same_tenant"),
            models.UniqueConstraint(
                fields=["tenant", "environment", "pos_id"], name="invoices_till_once"
            ),
        ]

    class Privacy:
        retention = Retention.TAX
        subject = "owner"
        basis = "law"
        personal = {"address": Category.CONTACT}
        plain = (
            "id",
            "tenant",
            "legal_entity",
            "environment",
            "name",
            "pos_id",
            "branch",
            "transport",
            "retired_at",
        )

    def __str__(self) -> str:
        return f"{self.name} ({self.pos_id})"


class PosTerms(TenantModel):
    """What FBR leaves open about a bill, as this business and its adviser settled it."""

    legal_entity = within_tenant("accounts.LegalEntity", related_name="pos_terms")
    amounts = models.CharField(
        _("value of a line"), max_length=10, choices=PosAmounts, default=PosAmounts.NET
    )
    bank_as = models.PositiveSmallIntegerField(_("bank and wallet count as"), default=2)
    credit_as = models.PositiveSmallIntegerField(_("credit counts as"), default=1)
    service_fee = models.CharField(
        _("service fee"), max_length=7, choices=ServiceFee, default=ServiceFee.NONE
    )
    usual_pct_code = models.CharField(_("code for goods without one"), max_length=8, blank=True)

    class Meta(TenantModel.Meta):
        constraints: ClassVar[list[models.BaseConstraint]] = [
            *TenantModel.Meta.constraints,
            SameTenant("legal_entity", name="pos_terms_entity_same_tenant"),
            models.UniqueConstraint(fields=["tenant", "legal_entity"], name="pos_terms_once"),
        ]

    class Privacy:
        retention = Retention.ACC
        subject = "none"
        basis = "contract"
        personal: ClassVar[dict[str, Category]] = {}
        plain = (
            "id",
            "tenant",
            "legal_entity",
            "amounts",
            "bank_as",
            "credit_as",
            "service_fee",
            "usual_pct_code",
        )

    def __str__(self) -> str:
        return f"{self.amounts}, fee {self.service_fee}"
