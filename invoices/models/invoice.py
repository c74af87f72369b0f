"""A document and its lines, its numbers and its history."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from accounts.enums import Environment, Province
from accounts.tenancy import TenantModel, within_tenant
from invoices.enums import (
    REPORTED,
    BuyerKind,
    Channel,
    DocumentType,
    FurtherTaxWhy,
    NoteDirection,
    PaymentMode,
    SaleType,
    State,
    Withholding,
)
from invoices.models.catalogue import search_key
from smartinvoicing.classified import Category, Mask, Recipient, Retention
from smartinvoicing.pg.constraints import SameTenant


def rupees(verbose_name: Any, **kwargs: Any) -> Any:
    """Rupees and paisa."""
    kwargs = {"default": 0, **kwargs}
    return models.DecimalField(verbose_name, max_digits=18, decimal_places=2, **kwargs)


class Invoice(TenantModel):
    """One document. What may change when is kept by triggers (migration 0002)."""

    legal_entity = within_tenant("accounts.LegalEntity", related_name="invoices")
    environment = models.CharField(_("environment"), max_length=10, choices=Environment)
    channel = models.CharField(max_length=4, choices=Channel, default=Channel.DI)
    document_type = models.CharField(
        _("document"), max_length=14, choices=DocumentType, default=DocumentType.SALE_INVOICE
    )

    state = models.CharField(_("state"), max_length=16, choices=State, default=State.DRAFT)
    state_at = models.DateTimeField()
    made_at = models.DateTimeField()
    version = models.PositiveIntegerField(default=0)

    series = within_tenant("invoices.Series", related_name="invoices", null=True, blank=True)
    serial = models.PositiveIntegerField(null=True, blank=True)
    number = models.CharField(_("number"), max_length=40, blank=True)
    client_reference = models.CharField(_("your reference"), max_length=80, blank=True)
    scenario = models.CharField(_("sandbox scenario"), max_length=5, blank=True)
    invoice_date = models.DateField(_("invoice date"))
    prices_include_tax = models.BooleanField(_("prices include tax"), default=False)
    withholding = models.CharField(
        _("sales tax withheld by the customer"),
        max_length=9,
        choices=Withholding,
        default=Withholding.NONE,
    )

    original = within_tenant("invoices.Invoice", related_name="notes", null=True, blank=True)
    original_fbr_number = models.CharField(max_length=64, blank=True)
    reason = models.CharField(_("reason of the note"), max_length=60, blank=True)
    direction = models.CharField(max_length=8, choices=NoteDirection, blank=True)
    is_advance = models.BooleanField(_("advance receipt"), default=False)

    till = within_tenant("invoices.Till", related_name="invoices", null=True, blank=True)
    payment_mode = models.CharField(_("paid by"), max_length=12, choices=PaymentMode, blank=True)
    service_fee = rupees(_("FBR service fee"))

    seller_name = models.CharField(max_length=200, blank=True)
    seller_ntn_cnic = models.CharField(max_length=13, blank=True)
    seller_strn = models.CharField(max_length=13, blank=True)
    seller_province = models.CharField(max_length=30, choices=Province, blank=True)
    seller_address = models.CharField(max_length=300, blank=True)
    seller_software_no = models.CharField(max_length=40, blank=True)

    buyer = within_tenant("invoices.Buyer", related_name="invoices", null=True, blank=True)
    buyer_name = models.CharField(max_length=200, blank=True)
    buyer_key = search_key("buyer_name")
    buyer_registration_type = models.CharField(max_length=12, choices=BuyerKind, blank=True)
    buyer_ntn_cnic = models.CharField(max_length=13, blank=True)
    buyer_province = models.CharField(max_length=30, choices=Province, blank=True)
    buyer_address = models.CharField(max_length=300, blank=True)

    value = rupees(_("value excluding tax"))
    sales_tax = rupees(_("sales tax"))
    further_tax = rupees(_("further tax"))
    extra_tax = rupees(_("extra tax"))
    fed = rupees(_("federal excise duty"))
    discount = rupees(_("discount"))
    withheld = rupees(_("sales tax withheld"))
    total = rupees(_("total"))

    problems = models.JSONField(default=list, blank=True)
    fbr_number = models.CharField(_("FBR invoice number"), max_length=64, blank=True)
    fbr_dated = models.CharField(_("dated by FBR"), max_length=40, blank=True)
    accepted_at = models.DateTimeField(null=True, blank=True)
    void_reason = models.CharField(max_length=300, blank=True)
    # Of what FBR hears: two documents with the same one may be one supply typed twice.
    fingerprint = models.CharField(max_length=64, blank=True)
    issued_offline = models.BooleanField(default=False)

    class Meta(TenantModel.Meta):
        constraints: ClassVar[list[models.BaseConstraint]] = [
            *TenantModel.Meta.constraints,
            SameTenant("legal_entity", name="invoice_entity_same_tenant"),
            SameTenant("series", name="invoice_series_same_tenant"),
            SameTenant("buyer", name="invoice_buyer_same_tenant"),
            SameTenant("original", name="invoice_original_same_tenant"),
            SameTenant("till", name="invoice_till_same_tenant"),
            models.CheckConstraint(
                condition=Q(state__in=[state.value for state in State]),
                name="invoice_state_is_known",
            ),
            models.CheckConstraint(
                condition=Q(state=State.DRAFT, serial=None, number="")
                | (~Q(state=State.DRAFT) & Q(serial__gt=0) & ~Q(number="")),
                name="invoice_number_from_issue_on",
            ),
            models.CheckConstraint(
                condition=(
                    Q(state__in=[state.value for state in sorted(REPORTED)])
                    & ~Q(fbr_number="")
                    & Q(accepted_at__isnull=False)
                )
                | (
                    ~Q(state__in=[state.value for state in sorted(REPORTED)])
                    & Q(fbr_number="", accepted_at=None)
                ),
                name="invoice_fbr_number_when_accepted",
            ),
            # FBR's number is FBR's: over all tenants. A second sight is our incident.
            models.UniqueConstraint(
                fields=["environment", "fbr_number"],
                condition=~Q(fbr_number=""),
                name="invoice_fbr_number_once",
            ),
            models.UniqueConstraint(
                fields=["tenant", "series", "serial"], name="invoice_serial_once"
            ),
            models.UniqueConstraint(
                fields=["tenant", "environment", "client_reference"],
                condition=~Q(client_reference=""),
                name="invoice_client_reference_once",
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["tenant", "-invoice_date", "-id"], name="invoice_newest"),
            models.Index(
                fields=["tenant", "state", "-invoice_date", "-id"], name="invoice_by_state"
            ),
            models.Index(fields=["tenant", "buyer", "-invoice_date"], name="invoice_by_buyer"),
            models.Index(fields=["tenant", "buyer_key"], name="invoice_by_buyer_name"),
            models.Index(fields=["tenant", "number"], name="invoice_by_number"),
            models.Index(
                fields=["tenant", "original"],
                condition=Q(original__isnull=False),
                name="invoice_notes_of",
            ),
            models.Index(
                fields=["tenant", "fingerprint"],
                condition=~Q(fingerprint=""),
                name="invoice_by_fingerprint",
            ),
            models.Index(
                fields=["tenant", "buyer_ntn_cnic"],
                condition=Q(is_advance=True),
                name="invoice_advances",
            ),
        ]

    class Privacy:
        retention = Retention.TAX
        subject = "buyer"
        basis = "law"
        subjects = dict.fromkeys(
            (
                *("original_fbr_number", "fbr_number"),
                *("seller_name", "seller_ntn_cnic", "seller_strn", "seller_address"),
            ),
            "owner",
        )
        export = {"buyer_key": False}
        recipients = dict.fromkeys(
            (
                *("seller_name", "seller_ntn_cnic", "seller_address"),
                *("buyer_name", "buyer_ntn_cnic", "buyer_address"),
                *("value", "sales_tax", "further_tax", "extra_tax", "fed"),
                *("discount", "withheld", "total"),
            ),
            (Recipient.HOSTING, Recipient.FBR),
        )
        mask = {"original_fbr_number": Mask.SHOWN, "fbr_number": Mask.SHOWN}
        personal = {
            # FBR begins its number with the seller's NTN or CNIC.
            "fbr_number": Category.GOVERNMENT_ID,
            "original_fbr_number": Category.GOVERNMENT_ID,
            "seller_name": Category.IDENTITY,
            "seller_ntn_cnic": Category.GOVERNMENT_ID,
            "seller_strn": Category.GOVERNMENT_ID,
            "seller_address": Category.CONTACT,
            "buyer": Category.IDENTITY,
            "buyer_name": Category.IDENTITY,
            "buyer_key": Category.IDENTITY,
            "buyer_ntn_cnic": Category.GOVERNMENT_ID,
            "buyer_address": Category.CONTACT,
            "client_reference": Category.CONTENT,
            "void_reason": Category.CONTENT,
            "value": Category.FINANCIAL,
            "sales_tax": Category.FINANCIAL,
            "further_tax": Category.FINANCIAL,
            "extra_tax": Category.FINANCIAL,
            "fed": Category.FINANCIAL,
            "discount": Category.FINANCIAL,
            "withheld": Category.FINANCIAL,
            "total": Category.FINANCIAL,
        }
        plain = (
            "id",
            "tenant",
            "legal_entity",
            "environment",
            "channel",
            "document_type",
            "state",
            "state_at",
            "made_at",
            "version",
            "series",
            "serial",
            "number",
            "scenario",
            "invoice_date",
            "prices_include_tax",
            "withholding",
            "original",
            "reason",
            "direction",
            "is_advance",
            "till",
            "payment_mode",
            "service_fee",
            "seller_province",
            "seller_software_no",
            "buyer_registration_type",
            "buyer_province",
            "problems",
            "fbr_dated",
            "accepted_at",
            "fingerprint",
            "issued_offline",
        )

    def __str__(self) -> str:
        return self.number or "draft"

    def get_absolute_url(self) -> str:
        return reverse("invoices:detail", args=[self.pk])


class InvoiceLine(TenantModel):
    """One supply on a document. A `..._given` amount was typed; null means: compute it."""

    invoice = within_tenant("invoices.Invoice", related_name="lines", on_delete=models.CASCADE)
    position = models.PositiveSmallIntegerField()
    product = within_tenant("invoices.Product", related_name="lines", null=True, blank=True)
    description = models.CharField(_("description"), max_length=300)
    hs_code = models.CharField(_("HS code"), max_length=9)
    sale_type = models.CharField(_("kind of supply"), max_length=60, choices=SaleType)
    rate = models.CharField(_("rate"), max_length=80)
    unit = models.CharField(_("unit"), max_length=40)
    quantity = models.DecimalField(_("quantity"), max_digits=18, decimal_places=4)
    unit_price = models.DecimalField(_("price per unit"), max_digits=18, decimal_places=4)
    discount = rupees(_("discount"))
    retail_price = rupees(_("printed retail price"), null=True, blank=True, default=None)
    sro_schedule = models.CharField(_("SRO or schedule"), max_length=100, blank=True)
    sro_item = models.CharField(_("serial in the SRO"), max_length=40, blank=True)
    further_tax_given = rupees(_("further tax"), null=True, blank=True, default=None)
    extra_tax_given = rupees(_("extra tax"), null=True, blank=True, default=None)
    fed_given = rupees(_("federal excise duty"), null=True, blank=True, default=None)
    withheld_given = rupees(_("sales tax withheld"), null=True, blank=True, default=None)
    # The six particulars of excise that are printed and never sent (rule 150R(13)(aa) to (ff)).
    fed_type = models.CharField(_("kind of excise"), max_length=60, blank=True)
    fed_rate = models.CharField(_("rate of excise"), max_length=80, blank=True)
    fed_unit_price = models.DecimalField(
        _("price per unit for excise"), max_digits=18, decimal_places=4, null=True, blank=True
    )
    fed_schedule = models.CharField(_("SRO or schedule of excise"), max_length=100, blank=True)
    fed_item = models.CharField(_("serial in it"), max_length=40, blank=True)
    petroleum_levy_on = models.CharField(_("petroleum levy on"), max_length=30, blank=True)

    retail_value = rupees(_("value at retail price"))
    residue = rupees(_("rounding"))
    advance = rupees(_("charged in advance"))
    further_tax_why = models.CharField(max_length=14, choices=FurtherTaxWhy, blank=True)
    value = rupees(_("value excluding tax"))
    sales_tax = rupees(_("sales tax"))
    further_tax = rupees(_("further tax"))
    extra_tax = rupees(_("extra tax"))
    fed = rupees(_("federal excise duty"))
    withheld = rupees(_("sales tax withheld"))
    total = rupees(_("total"))

    class Meta(TenantModel.Meta):
        ordering: ClassVar[list[str]] = ["position"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            *TenantModel.Meta.constraints,
            SameTenant("invoice", name="line_invoice_same_tenant"),
            SameTenant("product", name="line_product_same_tenant"),
            models.UniqueConstraint(
                fields=["tenant", "invoice", "position"], name="line_position_once"
            ),
            models.CheckConstraint(
                condition=Q(quantity__gte=0, unit_price__gte=0, discount__gte=0),
                name="line_is_not_negative",
            ),
        ]

    class Privacy:
        retention = Retention.TAX
        subject = "buyer"
        basis = "law"
        recipients = {"description": (Recipient.HOSTING, Recipient.FBR)}
        personal = {"description": Category.CONTENT}
        plain = (
            "id",
            "tenant",
            "invoice",
            "position",
            "product",
            "hs_code",
            "sale_type",
            "rate",
            "unit",
            "quantity",
            "unit_price",
            "discount",
            "retail_price",
            "sro_schedule",
            "sro_item",
            "further_tax_given",
            "extra_tax_given",
            "fed_given",
            "withheld_given",
            "fed_type",
            "fed_rate",
            "fed_unit_price",
            "fed_schedule",
            "fed_item",
            "petroleum_levy_on",
            "retail_value",
            "residue",
            "advance",
            "further_tax_why",
            "value",
            "sales_tax",
            "further_tax",
            "extra_tax",
            "fed",
            "withheld",
            "total",
        )

    def __str__(self) -> str:
        return f"line {self.position}"


class AdvanceUse(TenantModel):
    """How much of an advance receipt a later document takes off its value."""

    invoice = within_tenant("invoices.Invoice", related_name="advances", on_delete=models.CASCADE)
    receipt = within_tenant("invoices.Invoice", related_name="advance_uses")
    value = rupees(_("value excluding tax"))

    class Meta(TenantModel.Meta):
        constraints: ClassVar[list[models.BaseConstraint]] = [
            *TenantModel.Meta.constraints,
            SameTenant("invoice", name="advance_invoice_same_tenant"),
            SameTenant("receipt", name="advance_receipt_same_tenant"),
            models.UniqueConstraint(
                fields=["tenant", "invoice", "receipt"], name="advance_once_an_invoice"
            ),
            models.CheckConstraint(condition=Q(value__gt=0), name="advance_is_above_zero"),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["tenant", "receipt"], name="advance_of_receipt"),
        ]

    class Privacy:
        retention = Retention.TAX
        subject = "buyer"
        basis = "law"
        personal = {"value": Category.FINANCIAL}
        plain = ("id", "tenant", "invoice", "receipt")

    def __str__(self) -> str:
        return f"{self.value} of an advance"
