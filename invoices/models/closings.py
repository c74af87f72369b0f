"""The book of what FBR confirmed, and its closings by day, week and month.

Source: Sales Tax Rules 2006, rule 150R(4)(f).
"""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.enums import Environment
from accounts.tenancy import TenantModel, within_tenant
from smartinvoicing.classified import Category, Hat, Retention
from smartinvoicing.pg.constraints import SameTenant


class ClosingKind(models.TextChoices):
    """The stretch that a closing ends. A week runs from Monday to Sunday."""

    DAY = "day", _("Day")
    WEEK = "week", _("Week")
    MONTH = "month", _("Month")


class Confirmed(models.TextChoices):
    """What FBR confirmed of a document."""

    ACCEPTED = "accepted", _("Accepted")
    CANCELLED = "cancelled", _("Cancelled")


class Closing(TenantModel):
    """The end of one day, week or month, or a later entry to it; a link of a chain.

    seq:        its place in the chain of one taxpayer in one of FBR's worlds.
    amends:     the closing of the same stretch that was made before; null for the first one.
    documents:  how many were accepted; cancelled: how many cancelled.
    content:    counts and sums (`services/closing.py`), amounts as text.
    hash:       of all of this and of the link before.
    """

    legal_entity = within_tenant("accounts.LegalEntity", related_name="closings")
    environment = models.CharField(max_length=10, choices=Environment)
    seq = models.PositiveIntegerField()
    kind = models.CharField(max_length=5, choices=ClosingKind)
    starts_on = models.DateField()
    ends_on = models.DateField()
    amends = within_tenant("invoices.Closing", related_name="later", null=True, blank=True)
    documents = models.PositiveIntegerField()
    cancelled = models.PositiveIntegerField()
    content = models.JSONField()
    made_at = models.DateTimeField()
    prev_hash = models.CharField(max_length=64, blank=True)
    hash = models.CharField(max_length=64)

    class Meta(TenantModel.Meta):
        constraints: ClassVar[list[models.BaseConstraint]] = [
            *TenantModel.Meta.constraints,
            SameTenant("legal_entity", name="closing_entity_same_tenant"),
            SameTenant("amends", name="closing_amends_same_tenant"),
            models.UniqueConstraint(
                fields=["tenant", "legal_entity", "environment", "seq"], name="closing_in_order"
            ),
            models.UniqueConstraint(
                fields=["tenant", "legal_entity", "environment", "kind", "starts_on"],
                condition=Q(amends=None),
                name="closing_once",
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(
                fields=["tenant", "legal_entity", "environment", "kind", "starts_on", "seq"],
                name="closing_by_stretch",
            ),
        ]

    class Privacy:
        retention = Retention.TAX
        subject = "owner"
        basis = "law"
        hat = Hat.PROCESSOR
        personal = {"content": Category.FINANCIAL}
        plain = (
            "id",
            "tenant",
            "legal_entity",
            "environment",
            "seq",
            "kind",
            "starts_on",
            "ends_on",
            "amends",
            "documents",
            "cancelled",
            "made_at",
            "prev_hash",
            "hash",
        )

    def __str__(self) -> str:
        return f"{self.seq}: {self.kind} {self.starts_on:%Y-%m-%d}"


class BookEntry(TenantModel):
    """One thing that FBR confirmed of a document; a trigger writes it with the state.

    day:       the date of the document: the day whose closing it belongs to.
    signature: of the document, once there is one; closing: of the day, once it is covered. Each
               is written once, so nothing is left out and nothing counts twice.
    """

    legal_entity = within_tenant("accounts.LegalEntity", related_name="book")
    environment = models.CharField(max_length=10, choices=Environment)
    invoice = within_tenant("invoices.Invoice", related_name="book")
    what = models.CharField(max_length=9, choices=Confirmed)
    day = models.DateField()
    entered_at = models.DateTimeField()
    signature = within_tenant("invoices.Signature", related_name="book", null=True, blank=True)
    closing = within_tenant("invoices.Closing", related_name="book", null=True, blank=True)

    class Meta(TenantModel.Meta):
        constraints: ClassVar[list[models.BaseConstraint]] = [
            *TenantModel.Meta.constraints,
            SameTenant("legal_entity", name="book_entity_same_tenant"),
            SameTenant("invoice", name="book_invoice_same_tenant"),
            SameTenant("signature", name="book_signature_same_tenant"),
            SameTenant("closing", name="book_closing_same_tenant"),
            models.UniqueConstraint(fields=["tenant", "invoice", "what"], name="book_once"),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(
                fields=["tenant", "legal_entity", "environment", "day"],
                condition=Q(closing=None),
                name="book_to_close",
            ),
            models.Index(
                fields=["entered_at"],
                condition=Q(signature=None, what=Confirmed.ACCEPTED),
                name="book_to_sign",
            ),
            models.Index(
                fields=["tenant", "closing"],
                condition=Q(closing__isnull=False),
                name="book_of_closing",
            ),
            models.Index(
                fields=["tenant", "signature"],
                condition=Q(signature__isnull=False),
                name="book_of_signature",
            ),
        ]

    class Privacy:
        retention = Retention.TAX
        subject = "none"
        basis = "law"
        personal: ClassVar[dict[str, Category]] = {}
        plain = (
            "id",
            "tenant",
            "legal_entity",
            "environment",
            "invoice",
            "what",
            "day",
            "entered_at",
            "signature",
            "closing",
        )

    def __str__(self) -> str:
        return f"{self.what} on {self.day:%Y-%m-%d}"
