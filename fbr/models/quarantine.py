"""What a restore lost: documents that may be at FBR without our knowing, numbers that were used."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from accounts.enums import Environment
from accounts.tenancy import TenantModel, within_tenant
from smartinvoicing.classified import Category, Mask, Retention
from smartinvoicing.pg.constraints import SameTenant


class Quarantine(TenantModel):
    """A seller's documents and numbers between a restore and FBR's own list of what it has.

    While it is open nothing new is numbered, nothing is voided, and what waits is not sent.

    lost_from:  the last moment that the restored database knows of.
    lost_until: when the lost database had surely sent its last document.
    statement:  the list that ended it.
    """

    legal_entity = within_tenant("accounts.LegalEntity", related_name="quarantines")
    environment = models.CharField(_("environment"), max_length=10, choices=Environment)
    lost_from = models.DateTimeField()
    lost_until = models.DateTimeField()
    began_at = models.DateTimeField()
    statement = within_tenant("fbr.Statement", related_name="quarantines", null=True)
    resumed_at = models.DateTimeField(null=True)
    resumed_by = models.CharField(max_length=80, blank=True)

    class Meta(TenantModel.Meta):
        constraints: ClassVar[list[models.BaseConstraint]] = [
            *TenantModel.Meta.constraints,
            SameTenant("legal_entity", name="quarantine_entity_same_tenant"),
            SameTenant("statement", name="quarantine_statement_same_tenant"),
            models.UniqueConstraint(
                fields=["tenant", "legal_entity", "environment"],
                condition=Q(resumed_at=None),
                name="quarantine_one_open",
            ),
            models.CheckConstraint(
                condition=Q(resumed_at=None, resumed_by="", statement=None)
                | (Q(resumed_at__isnull=False, statement__isnull=False) & ~Q(resumed_by="")),
                name="quarantine_ended_by_a_list",
            ),
        ]

    class Privacy:
        retention = Retention.TAX
        subject = "user"
        basis = "law"
        personal = {"resumed_by": Category.IDENTITY}
        plain = (
            "id",
            "tenant",
            "legal_entity",
            "environment",
            "lost_from",
            "lost_until",
            "began_at",
            "statement",
            "resumed_at",
        )

    def __str__(self) -> str:
        return f"quarantine since {self.began_at:%Y-%m-%d %H:%M}"


class LostReport(TenantModel):
    """A document that FBR has and that a restore took from us. Written once.

    row:     what FBR's list says of it: number, date, buyer, amounts.
    invoice: ours of the same number, where the restore left an older state of it: it is neither
             issued again nor voided.
    """

    quarantine = within_tenant("fbr.Quarantine", related_name="lost")
    row = within_tenant("fbr.StatementRow", related_name="lost")
    environment = models.CharField(max_length=10, choices=Environment)
    fbr_number = models.CharField(max_length=64)
    invoice = within_tenant("invoices.Invoice", related_name="lost_reports", null=True)
    recorded_at = models.DateTimeField()
    recorded_by = models.CharField(max_length=80)

    class Meta(TenantModel.Meta):
        constraints: ClassVar[list[models.BaseConstraint]] = [
            *TenantModel.Meta.constraints,
            SameTenant("quarantine", name="lostreport_quarantine_same_tenant"),
            SameTenant("row", name="lostreport_row_same_tenant"),
            SameTenant("invoice", name="lostreport_invoice_same_tenant"),
            models.UniqueConstraint(
                fields=["tenant", "environment", "fbr_number"], name="lostreport_once"
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(
                fields=["tenant", "invoice"],
                condition=Q(invoice__isnull=False),
                name="lostreport_of_invoice",
            ),
        ]

    class Privacy:
        retention = Retention.TAX
        subject = "user"
        basis = "law"
        subjects = {"fbr_number": "owner"}
        mask = {"fbr_number": Mask.SHOWN}
        personal = {
            # FBR begins its number with the seller's NTN or CNIC.
            "fbr_number": Category.GOVERNMENT_ID,
            "recorded_by": Category.IDENTITY,
        }
        plain = (
            "id",
            "tenant",
            "quarantine",
            "row",
            "environment",
            "invoice",
            "recorded_at",
        )

    def __str__(self) -> str:
        return self.fbr_number


class NumberGap(TenantModel):
    """Numbers of a run that are given to nobody, since a lost document may bear them."""

    quarantine = within_tenant("fbr.Quarantine", related_name="gaps")
    series = within_tenant("invoices.Series", related_name="gaps")
    first = models.PositiveIntegerField()
    last = models.PositiveIntegerField()

    class Meta(TenantModel.Meta):
        constraints: ClassVar[list[models.BaseConstraint]] = [
            *TenantModel.Meta.constraints,
            SameTenant("quarantine", name="numbergap_quarantine_same_tenant"),
            SameTenant("series", name="numbergap_series_same_tenant"),
            models.UniqueConstraint(fields=["tenant", "series", "first"], name="numbergap_once"),
            models.CheckConstraint(
                condition=Q(first__gt=0, last__gte=F("first")), name="numbergap_goes_up"
            ),
        ]

    class Privacy:
        retention = Retention.TAX
        subject = "none"
        basis = "law"
        personal: ClassVar[dict[str, Category]] = {}
        plain = ("id", "tenant", "quarantine", "series", "first", "last")

    def __str__(self) -> str:
        return f"{self.first} to {self.last}"
