"""Masters: whom a business sells to, and what."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models.functions import Collate, Lower
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from accounts.enums import Province
from accounts.tenancy import TenantModel
from invoices.enums import BuyerKind, Registration, SaleType, TaxpayerStanding, Withholding
from smartinvoicing.classified import Category, Recipient, Retention


def search_key(field: str) -> models.GeneratedField:
    """Lower case under byte order: row security lets only such a column use an index."""
    return models.GeneratedField(
        expression=Collate(Lower(field), "C"),
        output_field=models.CharField(max_length=200, db_collation="C"),
        db_persist=True,
    )


class Buyer(TenantModel):
    """A customer as the next invoice will name it."""

    name = models.CharField(_("name"), max_length=200)
    name_key = search_key("name")
    registration_type = models.CharField(_("registration"), max_length=12, choices=BuyerKind)
    ntn_cnic = models.CharField(_("NTN or CNIC"), max_length=13, blank=True)
    province = models.CharField(_("province"), max_length=30, choices=Province)
    address = models.CharField(_("address"), max_length=300)
    phone = models.CharField(_("phone"), max_length=20, blank=True)
    email = models.EmailField(_("e-mail"), blank=True)
    withholding = models.CharField(
        _("withholds sales tax"), max_length=9, choices=Withholding, default=Withholding.NONE
    )
    # What FBR's register said last of `ntn_cnic`: the newest of its checks, at hand for lists.
    checked_at = models.DateTimeField(null=True, blank=True)
    register_says = models.CharField(max_length=12, choices=Registration, blank=True)
    standing = models.CharField(max_length=8, choices=TaxpayerStanding, blank=True)
    # The person says that it is wrong; the person, or law, wants it left alone.
    disputed_at = models.DateTimeField(_("disputed"), null=True, blank=True)
    restricted_at = models.DateTimeField(_("set aside"), null=True, blank=True)

    class Meta(TenantModel.Meta):
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["tenant", "name_key", "id"], name="invoices_buyer_by_name"),
            models.Index(fields=["tenant", "ntn_cnic"], name="invoices_buyer_by_number"),
            models.Index(
                fields=["tenant", "id"],
                condition=models.Q(restricted_at__isnull=False),
                name="invoices_buyer_set_aside",
            ),
        ]

    class Privacy:
        retention = Retention.ACC
        subject = "buyer"
        basis = "tenant's instruction"
        export = {"name_key": False}
        recipients = {"ntn_cnic": (Recipient.HOSTING, Recipient.FBR)}
        personal = {
            "name": Category.IDENTITY,
            "name_key": Category.IDENTITY,
            "ntn_cnic": Category.GOVERNMENT_ID,
            "address": Category.CONTACT,
            "phone": Category.CONTACT,
            "email": Category.CONTACT,
        }
        plain = (
            "id",
            "tenant",
            "registration_type",
            "province",
            "withholding",
            "checked_at",
            "register_says",
            "standing",
            "disputed_at",
            "restricted_at",
        )

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("invoices:buyer", args=[self.pk])


class Product(TenantModel):
    """A good or service with all that FBR wants to know of it."""

    name = models.CharField(_("name"), max_length=200)
    name_key = search_key("name")
    hs_code = models.CharField(_("HS code"), max_length=9)
    sale_type = models.CharField(
        _("kind of supply"), max_length=60, choices=SaleType, default=SaleType.STANDARD
    )
    rate = models.CharField(_("rate"), max_length=80, default="18%")
    unit = models.CharField(_("unit"), max_length=40)
    unit_price = models.DecimalField(
        _("price per unit"), max_digits=18, decimal_places=4, default=0
    )
    item_code = models.CharField(_("item code"), max_length=50, blank=True)
    retail_price = models.DecimalField(
        _("printed retail price"), max_digits=18, decimal_places=2, null=True, blank=True
    )
    sro_schedule = models.CharField(_("SRO or schedule"), max_length=100, blank=True)
    sro_item = models.CharField(_("serial in the SRO"), max_length=40, blank=True)
    no_further_tax = models.BooleanField(_("free of further tax by notification"), default=False)
    fed_type = models.CharField(_("kind of excise"), max_length=60, blank=True)
    fed_rate = models.CharField(_("rate of excise"), max_length=80, blank=True)
    fed_schedule = models.CharField(_("SRO or schedule of excise"), max_length=100, blank=True)
    fed_item = models.CharField(_("serial in it"), max_length=40, blank=True)
    petroleum_levy_on = models.CharField(_("petroleum levy on"), max_length=30, blank=True)

    class Meta(TenantModel.Meta):
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["tenant", "name_key", "id"], name="invoices_product_by_name"),
        ]

    class Privacy:
        retention = Retention.ACC
        subject = "none"
        basis = "contract"
        personal: ClassVar[dict[str, Category]] = {}
        plain = (
            "id",
            "tenant",
            "name",
            "name_key",
            "hs_code",
            "sale_type",
            "rate",
            "unit",
            "unit_price",
            "item_code",
            "retail_price",
            "sro_schedule",
            "sro_item",
            "no_further_tax",
            "fed_type",
            "fed_rate",
            "fed_schedule",
            "fed_item",
            "petroleum_levy_on",
        )

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("invoices:product", args=[self.pk])
