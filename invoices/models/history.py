"""What happened to a document: each change of its state, each copy that was made of it."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from accounts.tenancy import TenantModel, within_tenant
from invoices.enums import Paper, State
from smartinvoicing.classified import Category, Retention
from smartinvoicing.pg.constraints import SameTenant


class InvoiceEvent(TenantModel):
    """One change of state, written once by `lifecycle.transition`."""

    invoice = within_tenant("invoices.Invoice", related_name="events")
    was = models.CharField(max_length=16, choices=State)
    became = models.CharField(max_length=16, choices=State)
    at = models.DateTimeField()
    actor = models.CharField(max_length=80)
    note = models.CharField(max_length=300, blank=True)

    class Meta(TenantModel.Meta):
        ordering: ClassVar[list[str]] = ["at", "id"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            *TenantModel.Meta.constraints,
            SameTenant("invoice", name="event_invoice_same_tenant"),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["tenant", "invoice", "at"], name="event_of_invoice"),
        ]

    class Privacy:
        retention = Retention.TAX
        subject = "user"
        basis = "law"
        personal = {"actor": Category.IDENTITY, "note": Category.CONTENT}
        plain = ("id", "tenant", "invoice", "was", "became", "at")

    def __str__(self) -> str:
        return f"{self.was} → {self.became}"


class InvoicePdf(TenantModel):
    """A rendered copy: the file, its hash, and what it shows."""

    invoice = within_tenant("invoices.Invoice", related_name="pdfs")
    shows = models.CharField(max_length=16, choices=State)
    version = models.PositiveIntegerField()
    paper = models.CharField(max_length=7, choices=Paper, default=Paper.A4)
    file = models.CharField(max_length=200)
    sha256 = models.CharField(max_length=64)
    rendered_at = models.DateTimeField()

    class Meta(TenantModel.Meta):
        constraints: ClassVar[list[models.BaseConstraint]] = [
            *TenantModel.Meta.constraints,
            SameTenant("invoice", name="pdf_invoice_same_tenant"),
            models.UniqueConstraint(
                fields=["tenant", "invoice", "shows", "version", "paper"], name="pdf_once_a_version"
            ),
        ]

    class Privacy:
        retention = Retention.TAX
        subject = "buyer"
        basis = "law"
        personal = {"file": Category.CONTENT}
        plain = ("id", "tenant", "invoice", "shows", "version", "paper", "sha256", "rendered_at")

    def __str__(self) -> str:
        return self.file
