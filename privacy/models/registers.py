"""Who else sees data: helpers of ours, other countries, authorities. Each a row before it may."""

from __future__ import annotations

from typing import ClassVar, Final

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from privacy.models.policies import Campaign
from smartinvoicing.classified import Category, Retention
from smartinvoicing.ids import uuid7

HOME: Final = "Pakistan"


class ProcessorKind(models.TextChoices):
    PROCESSOR = "processor", _("Helps us, on our instructions")
    AUTHORITY = "authority", _("Gets it by law")


class Processor(models.Model):
    """Somebody besides us who gets data. Switched on only with an agreement, and announced.

    laid:         which setting it stands for: the service runs on it, from its first day on.
    hosts:        names of machines that may be reached for it.
    is_optional:  the service works without it; a business may refuse it.
    announcement: the notice to everybody that went before it.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    kind = models.CharField(_("kind"), max_length=10, choices=ProcessorKind)
    laid = models.CharField(max_length=10, blank=True)
    name = models.CharField(_("name"), max_length=120)
    purpose = models.CharField(_("what for"), max_length=200)
    data = models.CharField(_("what data"), max_length=300)
    country = models.CharField(_("country"), max_length=60, blank=True)
    hosts = models.JSONField(_("machines"), default=list)
    is_optional = models.BooleanField(_("the service works without it"), default=False)
    agreement_on = models.DateField(_("agreement signed"), null=True, blank=True)
    reviewed_on = models.DateField(_("security looked at"), null=True, blank=True)
    deletion_proof = models.TextField(_("how deletion is proved"), max_length=1000, blank=True)
    subprocessors = models.TextField(_("helpers of its own"), max_length=1000, blank=True)
    exit_plan = models.TextField(_("how we leave it"), max_length=1000, blank=True)
    announcement = models.ForeignKey(
        Campaign, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    written_at = models.DateTimeField(_("written down"))
    enabled_at = models.DateTimeField(_("switched on"), null=True, blank=True)
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True)

    class Meta:
        verbose_name = _("processor or recipient")
        verbose_name_plural = _("processors and recipients")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["name"], condition=Q(ended_at=None), name="processor_once"
            ),
            models.UniqueConstraint(
                fields=["laid"],
                condition=Q(ended_at=None) & ~Q(laid=""),
                name="processor_laid_once",
            ),
            models.CheckConstraint(
                condition=Q(enabled_at=None) | Q(kind="authority") | Q(agreement_on__isnull=False),
                name="processor_with_agreement",
            ),
            models.CheckConstraint(
                condition=Q(enabled_at=None) | ~Q(country=""), name="processor_somewhere"
            ),
        ]

    class Privacy:
        retention = Retention.REG
        subject = "none"
        basis = "law"
        personal: ClassVar[dict[str, Category]] = {}
        plain = (
            *("id", "kind", "laid", "name", "purpose", "data", "country", "hosts", "is_optional"),
            *("agreement_on", "reviewed_on", "deletion_proof", "subprocessors", "exit_plan"),
            *("announcement", "written_at", "enabled_at", "ended_at"),
        )

    def __str__(self) -> str:
        return self.name


class Transfer(models.Model):
    """Data that leaves for another country: to whom, on what basis, how it is kept safe."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    sender = models.CharField(_("from"), max_length=60, default=HOME)
    country = models.CharField(_("to"), max_length=60)
    recipient = models.CharField(_("who gets it"), max_length=120)
    data = models.CharField(_("what data"), max_length=300)
    basis = models.CharField(_("on what basis"), max_length=200)
    safeguards = models.TextField(_("how it is kept safe"), max_length=1000)
    assessment = models.TextField(_("what we think of it"), max_length=2000)
    keeps_copy = models.BooleanField(_("a copy stays in Pakistan"))
    written_at = models.DateTimeField(_("written down"))
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True)

    class Meta:
        verbose_name = _("transfer")
        verbose_name_plural = _("transfers")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=~Q(country="") & ~Q(basis="") & ~Q(safeguards="") & ~Q(assessment=""),
                name="transfer_thought_through",
            ),
        ]

    class Privacy:
        retention = Retention.REG
        subject = "none"
        basis = "law"
        personal: ClassVar[dict[str, Category]] = {}
        plain = (
            *("id", "sender", "country", "recipient", "data", "basis", "safeguards"),
            *("assessment", "keeps_copy", "written_at", "ended_at"),
        )

    def __str__(self) -> str:
        return f"{self.sender} → {self.country}"


class Part(models.TextChoices):
    """What an authority may be given of a business; nothing that its paper does not name."""

    DOCUMENTS = "documents", _("Documents: numbers, days, amounts")
    CUSTOMERS = "customers", _("Who the customers are")
    LINES = "lines", _("Lines of the documents")


class Disclosure(models.Model):
    """An authority that wants data of one business: by which paper, how much, who agreed.

    tenant_id:  the business. No foreign key: the entry stays when the business is gone.
    parts:      which of `Part`; nothing else leaves.
    told_at:    when the business was told; without it `untold_why` says what forbids it.
    sha256:     of what was handed over, the last time.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant_id = models.UUIDField(_("business"))
    authority = models.CharField(_("authority"), max_length=200)
    country = models.CharField(_("its country"), max_length=60, default=HOME)
    instrument = models.CharField(_("paper: law, order, number"), max_length=200)
    received_on = models.DateField(_("received"))
    from_on = models.DateField(_("first day"))
    to_on = models.DateField(_("last day"))
    parts = models.JSONField(_("what of it"))
    tells_tenant = models.BooleanField(_("the business is told"))
    untold_why = models.CharField(_("what forbids telling it"), max_length=300, blank=True)
    asked_at = models.DateTimeField(_("written down"))
    asked_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    approved_at = models.DateTimeField(_("approved"), null=True, blank=True)
    approved_by = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    told_at = models.DateTimeField(_("business told"), null=True, blank=True)
    exported_at = models.DateTimeField(_("handed over"), null=True, blank=True)
    sha256 = models.CharField(max_length=64, blank=True)
    refused_at = models.DateTimeField(_("not followed"), null=True, blank=True)

    class Meta:
        verbose_name = _("disclosure")
        verbose_name_plural = _("disclosures")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(condition=Q(to_on__gte=F("from_on")), name="disclosure_days"),
            models.CheckConstraint(
                condition=Q(tells_tenant=True) | ~Q(untold_why=""), name="disclosure_told_or_why"
            ),
            models.CheckConstraint(
                condition=Q(approved_at=None, approved_by=None)
                | (
                    Q(approved_at__isnull=False, approved_by__isnull=False)
                    & ~Q(approved_by=F("asked_by"))
                    & Q(refused_at=None)
                ),
                name="disclosure_by_two",
            ),
            models.CheckConstraint(
                condition=Q(exported_at=None, sha256="")
                | (Q(exported_at__isnull=False, approved_at__isnull=False) & ~Q(sha256="")),
                name="disclosure_approved_first",
            ),
        ]

    class Privacy:
        retention = Retention.REG
        subject = "staff"
        basis = "law"
        personal: ClassVar[dict[str, Category]] = {
            "asked_by": Category.IDENTITY,
            "approved_by": Category.IDENTITY,
        }
        plain = (
            *("id", "tenant_id", "authority", "country", "instrument", "received_on", "from_on"),
            *("to_on", "parts", "tells_tenant", "untold_why", "asked_at", "approved_at"),
            *("told_at", "exported_at", "sha256", "refused_at"),
        )

    def __str__(self) -> str:
        return f"{self.authority}: {self.instrument}"
