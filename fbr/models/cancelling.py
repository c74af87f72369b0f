"""Cancellations: what was asked, by which way, and what proves how it ended."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.tenancy import TenantModel, within_tenant
from smartinvoicing.classified import Category, Recipient, Retention
from smartinvoicing.pg.constraints import SameTenant


class Way(models.TextChoices):
    """How a document is cancelled at FBR."""

    IRIS = "iris", _("By hand in IRIS")
    API = "api", _("By a call to FBR")
    COMMISSIONER = "commissioner", _("With the Commissioner's approval, in IRIS")


def _file() -> models.CharField[str, str]:
    return models.CharField(max_length=200, blank=True)


class Cancellation(TenantModel):
    """One request to cancel a recorded document. Each column is written once (migration 0011).

    window_ends_at: until when law let the seller cancel alone, as it was reckoned when asked.
    approval_...:   the Commissioner's word, of one asked for after that.
    cancelled_at:   when IRIS says that it was cancelled; confirmed_at is when we were told.
    call_...:       the one call to FBR, if there was one; without an answer it proves nothing.
    """

    invoice = within_tenant("invoices.Invoice", related_name="cancellations")
    way = models.CharField(max_length=12, choices=Way)
    reason = models.CharField(_("reason"), max_length=300)
    window_ends_at = models.DateTimeField()
    asked_at = models.DateTimeField()
    asked_by = models.CharField(max_length=80)

    approval_reference = models.CharField(max_length=60, blank=True)
    approval_path = _file()
    approval_sha256 = models.CharField(max_length=64, blank=True)
    approval_type = models.CharField(max_length=40, blank=True)

    call_at = models.DateTimeField(null=True)
    call_ended_at = models.DateTimeField(null=True)
    call_status = models.PositiveSmallIntegerField(null=True)
    call_answer = models.BinaryField(null=True)
    call_failure = models.CharField(max_length=80, blank=True)

    iris_reference = models.CharField(_("IRIS reference"), max_length=60, blank=True)
    cancelled_at = models.DateTimeField(null=True)
    proof_path = _file()
    proof_sha256 = models.CharField(max_length=64, blank=True)
    proof_type = models.CharField(max_length=40, blank=True)
    confirmed_at = models.DateTimeField(null=True)
    confirmed_by = models.CharField(max_length=80, blank=True)

    refused_at = models.DateTimeField(null=True)
    refused_by = models.CharField(max_length=80, blank=True)
    refused_why = models.CharField(max_length=300, blank=True)

    class Meta(TenantModel.Meta):
        constraints: ClassVar[list[models.BaseConstraint]] = [
            *TenantModel.Meta.constraints,
            SameTenant("invoice", name="cancellation_invoice_same_tenant"),
            models.UniqueConstraint(
                fields=["tenant", "invoice"],
                condition=Q(confirmed_at=None, refused_at=None),
                name="cancellation_one_open",
            ),
            models.UniqueConstraint(
                fields=["tenant", "invoice"],
                condition=Q(confirmed_at__isnull=False),
                name="cancellation_once",
            ),
            models.CheckConstraint(
                condition=Q(confirmed_at=None) | Q(refused_at=None),
                name="cancellation_ends_one_way",
            ),
            # Nothing is cancelled on anybody's word: a reference, a time and a file prove it.
            models.CheckConstraint(
                condition=Q(confirmed_at=None)
                | (
                    Q(cancelled_at__isnull=False)
                    & ~Q(iris_reference="")
                    & ~Q(proof_sha256="")
                    & ~Q(confirmed_by="")
                ),
                name="cancellation_is_proven",
            ),
            models.CheckConstraint(
                condition=Q(refused_at=None) | (~Q(refused_why="") & ~Q(refused_by="")),
                name="cancellation_refused_why",
            ),
            models.CheckConstraint(
                condition=~Q(way=Way.COMMISSIONER)
                | (~Q(approval_reference="") & ~Q(approval_sha256="")),
                name="cancellation_approved",
            ),
            # Alone only within the window (STGO 01/2026).
            models.CheckConstraint(
                condition=Q(way=Way.COMMISSIONER) | Q(asked_at__lt=models.F("window_ends_at")),
                name="cancellation_in_time",
            ),
            models.CheckConstraint(condition=~Q(reason=""), name="cancellation_has_reason"),
        ]
        indexes: ClassVar[list[models.Index]] = [
            # What is asked and not settled, over all tenants: read by one narrow function only.
            models.Index(
                fields=["window_ends_at"],
                condition=Q(confirmed_at=None, refused_at=None),
                name="cancellation_open",
            ),
        ]

    class Privacy:
        retention = Retention.TAX
        subject = "buyer"
        basis = "law"
        recipients = dict.fromkeys(
            ("reason", "call_answer"),
            (Recipient.HOSTING, Recipient.FBR),
        )
        personal = {
            "reason": Category.CONTENT,
            "asked_by": Category.IDENTITY,
            "approval_path": Category.CONTENT,
            "call_answer": Category.CONTENT,
            "proof_path": Category.CONTENT,
            "confirmed_by": Category.IDENTITY,
            "refused_by": Category.IDENTITY,
            "refused_why": Category.CONTENT,
        }
        plain = (
            "id",
            "tenant",
            "invoice",
            "way",
            "window_ends_at",
            "asked_at",
            "approval_reference",
            "approval_sha256",
            "approval_type",
            "call_at",
            "call_ended_at",
            "call_status",
            "call_failure",
            "iris_reference",
            "cancelled_at",
            "proof_sha256",
            "proof_type",
            "confirmed_at",
            "refused_at",
        )

    def __str__(self) -> str:
        return f"cancellation {self.pk}"

    @property
    def is_open(self) -> bool:
        return self.confirmed_at is None and self.refused_at is None


class CancelApplication(TenantModel):
    """A letter to the Commissioner that somebody prepared: its words, as they were that day."""

    invoice = within_tenant("invoices.Invoice", related_name="applications")
    reason = models.CharField(_("reason"), max_length=300)
    letter = models.JSONField()
    sha256 = models.CharField(max_length=64)
    prepared_at = models.DateTimeField()
    prepared_by = models.CharField(max_length=80)

    class Meta(TenantModel.Meta):
        constraints: ClassVar[list[models.BaseConstraint]] = [
            *TenantModel.Meta.constraints,
            SameTenant("invoice", name="application_invoice_same_tenant"),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(
                fields=["tenant", "invoice", "-prepared_at"], name="application_of_invoice"
            ),
        ]

    class Privacy:
        retention = Retention.TAX
        subject = "buyer"
        basis = "law"
        recipients = {"letter": (Recipient.HOSTING, Recipient.FBR)}
        personal = {
            "reason": Category.CONTENT,
            "letter": Category.CONTENT,
            "prepared_by": Category.IDENTITY,
        }
        plain = ("id", "tenant", "invoice", "sha256", "prepared_at")

    def __str__(self) -> str:
        return f"application {self.pk}"
