"""A customer of ours, and the taxpayers it files for."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.enums import Activity, Environment, Province, Sector
from accounts.tenancy import TenantManager, TenantModel
from smartinvoicing.classified import Category, OnErase, Recipient, Retention, Use
from smartinvoicing.ids import uuid7


class TenantOfScope(TenantManager["Tenant"]):
    """The tenant itself is a row within its own wall."""

    column = "id"


class Tenant(models.Model):
    """One workspace: its people, legal entities and documents.

    closing_at: since when it is being closed: it can be read, and nothing is added to it.
    needed_processors_only: no helper of ours may be reached for it that the service can do without.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(_("name"), max_length=200)
    opened_at = models.DateTimeField()
    closing_at = models.DateTimeField(null=True, blank=True)
    needed_processors_only = models.BooleanField(default=False)

    objects: ClassVar[TenantOfScope] = TenantOfScope()

    class Meta:
        base_manager_name = "objects"

    class Privacy:
        retention = Retention.ACC
        subject = "user"
        basis = "contract"
        on_erase = OnErase.TOMBSTONE
        personal = {"name": Category.IDENTITY}
        plain = ("id", "opened_at", "closing_at", "needed_processors_only")

    def __str__(self) -> str:
        return self.name


class LegalEntity(TenantModel):
    """A taxpayer: the seller on invoices, the owner of FBR tokens."""

    name = models.CharField(_("registered name"), max_length=200)
    ntn_cnic = models.CharField(_("NTN or CNIC"), max_length=13)
    strn = models.CharField(_("STRN"), max_length=13, blank=True)
    province = models.CharField(_("province"), max_length=30, choices=Province)
    address = models.CharField(_("address"), max_length=300)
    phone = models.CharField(_("phone"), max_length=20, blank=True)
    activity = models.CharField(
        _("business activity"), max_length=30, choices=Activity, default=Activity.OTHER
    )
    sector = models.CharField(_("sector"), max_length=40, choices=Sector, default=Sector.OTHER)
    environment = models.CharField(
        _("FBR environment"), max_length=10, choices=Environment, default=Environment.SANDBOX
    )
    software_no = models.CharField(_("software registration number"), max_length=40, blank=True)
    series = models.CharField(_("prefix of invoice numbers"), max_length=10, default="INV")
    retail_price_includes_tax = models.BooleanField(
        _("printed retail prices include sales tax"), default=True
    )

    class Meta(TenantModel.Meta):
        constraints: ClassVar[list[models.BaseConstraint]] = [
            *TenantModel.Meta.constraints,
            models.UniqueConstraint(
                fields=["tenant", "ntn_cnic"], name="accounts_legalentity_once_a_tenant"
            ),
        ]

    class Privacy:
        retention = Retention.ACC
        subject = "owner"
        basis = "contract"
        purposes = (Use.ACCOUNT, Use.INVOICING)
        on_erase = OnErase.TOMBSTONE
        recipients = dict.fromkeys(
            ("name", "ntn_cnic", "address"),
            (Recipient.HOSTING, Recipient.FBR),
        )
        personal = {
            "name": Category.IDENTITY,
            "ntn_cnic": Category.GOVERNMENT_ID,
            "strn": Category.GOVERNMENT_ID,
            "address": Category.CONTACT,
            "phone": Category.CONTACT,
        }
        plain = (
            "id",
            "tenant",
            "province",
            "activity",
            "sector",
            "environment",
            "software_no",
            "series",
            "retail_price_includes_tax",
        )

    def __str__(self) -> str:
        return self.name


class Heartbeat(models.Model):
    """When a process of ours last said that it lives. Of the platform, not of a tenant."""

    name = models.CharField(max_length=40, primary_key=True)
    at = models.DateTimeField()

    class Privacy:
        retention = Retention.LOG
        subject = "none"
        basis = "none"
        personal: ClassVar[dict[str, Category]] = {}
        plain = ("name", "at")

    def __str__(self) -> str:
        return self.name
