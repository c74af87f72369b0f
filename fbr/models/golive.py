"""On the way from a new business to its first production invoice."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.tenancy import TenantModel, within_tenant
from smartinvoicing.classified import Category, Retention
from smartinvoicing.pg.constraints import SameTenant


class GoLive(TenantModel):
    """What only a person can know of a taxpayer's way to production: done in IRIS, seen there.

    activities: business natures that IRIS has besides the one of the profile.
    scenarios:  those that IRIS really asks for; empty while the table is right.
    """

    legal_entity = within_tenant("accounts.LegalEntity", related_name="golive")
    iris_typed_at = models.DateTimeField(null=True, blank=True)
    iris_typed_by = models.CharField(max_length=80, blank=True)
    egress_listed_at = models.DateTimeField(null=True, blank=True)
    egress_listed_by = models.CharField(max_length=80, blank=True)
    activities = models.JSONField(_("further business natures"), default=list, blank=True)
    scenarios = models.JSONField(_("scenarios that IRIS asks for"), default=list, blank=True)
    scenarios_chosen_by = models.CharField(max_length=80, blank=True)

    class Meta(TenantModel.Meta):
        constraints: ClassVar[list[models.BaseConstraint]] = [
            *TenantModel.Meta.constraints,
            SameTenant("legal_entity", name="golive_entity_same_tenant"),
            models.UniqueConstraint(fields=["tenant", "legal_entity"], name="fbr_golive_once"),
        ]

    class Privacy:
        retention = Retention.ACC
        subject = "user"
        basis = "contract"
        personal = {
            "iris_typed_by": Category.IDENTITY,
            "egress_listed_by": Category.IDENTITY,
            "scenarios_chosen_by": Category.IDENTITY,
        }
        plain = (
            "id",
            "tenant",
            "legal_entity",
            "iris_typed_at",
            "egress_listed_at",
            "activities",
            "scenarios",
        )

    def __str__(self) -> str:
        return f"go-live of {self.legal_entity_id}"


class ScenarioRun(TenantModel):
    """A sandbox scenario that was begun. How it went is the state of its invoice, kept there alone.

    Of several runs of one scenario the newest counts.
    """

    legal_entity = within_tenant("accounts.LegalEntity", related_name="scenario_runs")
    scenario = models.CharField(_("sandbox scenario"), max_length=5)
    invoice = within_tenant(
        "invoices.Invoice", related_name="scenario_runs", on_delete=models.CASCADE
    )
    started_at = models.DateTimeField()

    class Meta(TenantModel.Meta):
        constraints: ClassVar[list[models.BaseConstraint]] = [
            *TenantModel.Meta.constraints,
            SameTenant("legal_entity", name="scenariorun_entity_same_tenant"),
            SameTenant("invoice", name="scenariorun_invoice_same_tenant"),
            models.UniqueConstraint(
                fields=["tenant", "invoice"], name="scenariorun_once_a_document"
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(
                fields=["tenant", "legal_entity", "scenario", "-started_at", "-id"],
                name="scenariorun_newest",
            ),
        ]

    class Privacy:
        retention = Retention.ACC
        subject = "none"
        basis = "contract"
        personal: ClassVar[dict[str, Category]] = {}
        plain = ("id", "tenant", "legal_entity", "scenario", "invoice", "started_at")

    def __str__(self) -> str:
        return self.scenario
