"""The runs of numbers."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from accounts.enums import Environment
from accounts.tenancy import TenantModel, within_tenant
from invoices.enums import DocumentType
from smartinvoicing.classified import Category, Retention
from smartinvoicing.pg.constraints import SameTenant


class Series(TenantModel):
    """The counter of one run of numbers. Its row lock is what keeps the run without gaps."""

    legal_entity = within_tenant("accounts.LegalEntity", related_name="number_series")
    environment = models.CharField(max_length=10, choices=Environment)
    document_type = models.CharField(max_length=14, choices=DocumentType)
    prefix = models.CharField(max_length=10)
    year = models.PositiveSmallIntegerField()
    last = models.PositiveIntegerField(default=0)

    class Meta(TenantModel.Meta):
        constraints: ClassVar[list[models.BaseConstraint]] = [
            *TenantModel.Meta.constraints,
            SameTenant("legal_entity", name="series_entity_same_tenant"),
            models.UniqueConstraint(
                fields=[
                    "tenant",
                    "legal_entity",
                    "environment",
                    "document_type",
                    "prefix",
                    "year",
                ],
                name="invoices_series_once",
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
            "document_type",
            "prefix",
            "year",
            "last",
        )

    def __str__(self) -> str:
        return f"{self.prefix}-{self.year}"
