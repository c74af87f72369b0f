"""What FBR's register said of a customer's number, each time it was asked. Append-only."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.tenancy import TenantModel, within_tenant
from invoices.enums import Registration, TaxpayerStanding
from smartinvoicing.classified import Category, Recipient, Retention
from smartinvoicing.pg.constraints import SameTenant


class BuyerCheck(TenantModel):
    """One answer of FBR's register about one number.

    buyer:  the customer it was asked for; none for a number that was only typed.
    answer: FBR's two words, in short.
    """

    buyer = within_tenant("invoices.Buyer", related_name="checks", null=True, blank=True)
    ntn_cnic = models.CharField(_("NTN or CNIC"), max_length=13)
    checked_at = models.DateTimeField()
    registration = models.CharField(_("sales tax"), max_length=12, choices=Registration)
    standing = models.CharField(_("active taxpayer"), max_length=8, choices=TaxpayerStanding)
    answer = models.CharField(max_length=200, blank=True)
    said_by = models.CharField(_("asked by"), max_length=80)

    class Meta(TenantModel.Meta):
        constraints: ClassVar[list[models.BaseConstraint]] = [
            *TenantModel.Meta.constraints,
            SameTenant("buyer", name="buyercheck_buyer_same_tenant"),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["tenant", "ntn_cnic", "-checked_at"], name="buyercheck_newest"),
        ]

    class Privacy:
        retention = Retention.ACC
        subject = "buyer"
        basis = "tenant's instruction"
        recipients = {"ntn_cnic": (Recipient.HOSTING, Recipient.FBR)}
        personal = {
            "ntn_cnic": Category.GOVERNMENT_ID,
            "answer": Category.CONTENT,
            "said_by": Category.IDENTITY,
        }
        plain = ("id", "tenant", "buyer", "checked_at", "registration", "standing")

    def __str__(self) -> str:
        return f"{self.registration}, {self.standing}"
