"""Outages of FBR's line, what they meant for one business, and what FBR must be told about."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import F, Q
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from accounts.enums import Environment
from accounts.tenancy import TenantModel, within_tenant
from invoices.enums import Channel
from smartinvoicing.classified import Category, Recipient, Retention
from smartinvoicing.ids import uuid7
from smartinvoicing.pg.constraints import SameTenant


class Cause(models.TextChoices):
    """How we learned that FBR is away."""

    BREAKER = "breaker", _("FBR's answers stayed away")
    NETWORK = "network", _("FBR's host could not be reached")
    DOCUMENTS = "documents", _("Documents were issued while FBR was away")


class Outage(models.Model):
    """One time that a system of FBR's was away: of no tenant.

    restored_at: the first definite answer after it began. It is written once: whatever fails
                 afterwards is another outage.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    environment = models.CharField(max_length=10, choices=Environment)
    channel = models.CharField(max_length=4, choices=Channel)
    cause = models.CharField(max_length=10, choices=Cause)
    began_at = models.DateTimeField()
    restored_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["environment", "channel"],
                condition=Q(restored_at=None),
                name="outage_one_at_a_time",
            ),
            models.CheckConstraint(
                condition=Q(restored_at=None) | Q(restored_at__gt=F("began_at")),
                name="outage_ends_after_it_began",
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["environment", "channel", "restored_at"], name="outage_restored"),
        ]

    class Privacy:
        retention = Retention.TAX
        subject = "none"
        basis = "law"
        personal: ClassVar[dict[str, Category]] = {}
        plain = ("id", "environment", "channel", "cause", "began_at", "restored_at")

    def __str__(self) -> str:
        return f"{self.environment} {self.channel} since {self.began_at:%Y-%m-%d %H:%M}"


class Reach(models.Model):
    """Whether FBR's host can be reached, one row a system: asked even while nothing is sent.

    failing_since: the first of `failed_in_row` checks that found nobody.
    """

    environment = models.CharField(max_length=10, choices=Environment)
    channel = models.CharField(max_length=4, choices=Channel)
    checked_at = models.DateTimeField()
    failed_in_row = models.PositiveIntegerField(default=0)
    failing_since = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["environment", "channel"], name="reach_once"),
        ]

    class Privacy:
        retention = Retention.SEC
        subject = "none"
        basis = "legitimate interest"
        personal: ClassVar[dict[str, Category]] = {}
        plain = ("id", "environment", "channel", "checked_at", "failed_in_row", "failing_since")

    def __str__(self) -> str:
        return f"{self.environment} {self.channel}"


class OfflineSpell(TenantModel):
    """What one outage meant for one business: how much was issued in it, and when FBR had it.

    documents: issued while FBR was away, by the latest look.
    reported:  of these, how many FBR has; `refused` are back at the business.
    deadline:  until when all of them must be there; known once FBR answers again.
    drained_at: none of them waits any more.
    """

    outage = models.ForeignKey(Outage, on_delete=models.PROTECT, related_name="spells")
    first_issued_at = models.DateTimeField()
    documents = models.PositiveIntegerField()
    reported = models.PositiveIntegerField(default=0)
    refused = models.PositiveIntegerField(default=0)
    deadline = models.DateTimeField(null=True)
    drained_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        constraints: ClassVar[list[models.BaseConstraint]] = [
            *TenantModel.Meta.constraints,
            models.UniqueConstraint(fields=["tenant", "outage"], name="offlinespell_once"),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["tenant"], condition=Q(drained_at=None), name="offlinespell_open"),
        ]

    class Privacy:
        retention = Retention.TAX
        subject = "none"
        basis = "law"
        personal: ClassVar[dict[str, Category]] = {}
        plain = (
            "id",
            "tenant",
            "outage",
            "first_issued_at",
            "documents",
            "reported",
            "refused",
            "deadline",
            "drained_at",
        )

    def __str__(self) -> str:
        return f"{self.documents} offline"


class IncidentKind(models.TextChoices):
    """What rule 150XA wants to be told about within a day."""

    GATEWAY_DOWN = "gateway_down", _("FBR's system was away")
    TOKEN_REFUSED = "token_refused", _("FBR refused the token")
    UNCLEAN_STOP = "unclean_stop", _("The sending process stopped midway")
    INTEGRITY = "integrity", _("A kept document is not what it was")
    DOUBLE_REPORTED = "double_reported", _("A document was reported twice")
    HARDWARE = "hardware", _("A till or computer is out of order")
    OTHER = "other", _("Something else")


class Told(models.TextChoices):
    """How FBR heard of an incident."""

    EMAIL = "email", _("By e-mail")
    IRIS = "iris", _("Through IRIS")
    HAND = "hand", _("By hand, against a receipt")
    POST = "post", _("By post or courier")
    OTHER = "other", _("In another way")


class Incident(TenantModel):
    """A failure, damage or break-in of which FBR must hear, with its own clock.

    key:         what it is about; while it is open, nothing opens the same one again.
    aware_at:    when we or the business knew of it: a day later FBR must have been told.
    happened_at: when it began; ended_at: when it was over.
    what:        in the words of the business, for the letter; why: what the machine saw.
    """

    kind = models.CharField(_("what happened"), max_length=16, choices=IncidentKind)
    key = models.CharField(max_length=120)
    environment = models.CharField(_("environment"), max_length=10, choices=Environment)
    happened_at = models.DateTimeField(_("since"))
    ended_at = models.DateTimeField(_("until"), null=True, blank=True)
    aware_at = models.DateTimeField()
    due_at = models.DateTimeField()
    opened_by = models.CharField(max_length=80)
    why = models.CharField(max_length=300, blank=True)
    what = models.TextField(_("what happened, in your words"), max_length=2000, blank=True)
    told_at = models.DateTimeField(_("told FBR at"), null=True, blank=True)
    told_how = models.CharField(_("how"), max_length=6, choices=Told, blank=True)
    told_reference = models.CharField(_("reference"), max_length=120, blank=True)
    told_by = models.CharField(max_length=80, blank=True)
    late_reason = models.CharField(_("why it took longer than a day"), max_length=500, blank=True)
    proof_path = models.CharField(max_length=200, blank=True)
    proof_sha256 = models.CharField(max_length=64, blank=True)
    proof_media_type = models.CharField(max_length=40, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)
    closed_by = models.CharField(max_length=80, blank=True)
    closed_note = models.CharField(_("what was done about it"), max_length=500, blank=True)

    class Meta(TenantModel.Meta):
        constraints: ClassVar[list[models.BaseConstraint]] = [
            *TenantModel.Meta.constraints,
            models.UniqueConstraint(
                fields=["tenant", "kind", "key"],
                condition=Q(closed_at=None),
                name="incident_once_while_open",
            ),
            models.CheckConstraint(
                condition=Q(told_at=None, told_how="")
                | (Q(told_at__isnull=False) & ~Q(told_how="")),
                name="incident_told_somehow",
            ),
            models.CheckConstraint(
                condition=Q(told_at=None) | Q(told_at__lte=F("due_at")) | ~Q(late_reason=""),
                name="incident_late_with_a_reason",
            ),
            models.CheckConstraint(
                condition=Q(closed_at=None) | Q(told_at__isnull=False) | ~Q(closed_note=""),
                name="incident_closed_told_or_explained",
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["tenant", "-aware_at", "-id"], name="incident_newest"),
            models.Index(
                fields=["tenant", "due_at"],
                condition=Q(told_at=None, closed_at=None),
                name="incident_to_tell",
            ),
        ]

    class Privacy:
        retention = Retention.TAX
        subject = "user"
        basis = "law"
        recipients = {"what": (Recipient.HOSTING, Recipient.FBR)}
        personal = {
            "opened_by": Category.IDENTITY,
            "what": Category.CONTENT,
            "told_reference": Category.CONTENT,
            "told_by": Category.IDENTITY,
            "late_reason": Category.CONTENT,
            "proof_path": Category.CONTENT,
            "closed_by": Category.IDENTITY,
            "closed_note": Category.CONTENT,
        }
        plain = (
            "id",
            "tenant",
            "kind",
            "key",
            "environment",
            "happened_at",
            "ended_at",
            "aware_at",
            "due_at",
            "why",
            "told_at",
            "told_how",
            "proof_sha256",
            "proof_media_type",
            "closed_at",
        )

    def __str__(self) -> str:
        return f"{self.kind} {self.key}"

    def get_absolute_url(self) -> str:
        return reverse("fbr:incident", args=[self.pk])


class IncidentDocument(TenantModel):
    """A document that an incident touched."""

    incident = within_tenant("fbr.Incident", related_name="documents")
    invoice = within_tenant("invoices.Invoice", related_name="incidents")

    class Meta(TenantModel.Meta):
        constraints: ClassVar[list[models.BaseConstraint]] = [
            *TenantModel.Meta.constraints,
            SameTenant("incident", name="incidentdocument_incident_same_tenant"),
            SameTenant("invoice", name="incidentdocument_invoice_same_tenant"),
            models.UniqueConstraint(
                fields=["tenant", "incident", "invoice"], name="incidentdocument_once"
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["tenant", "invoice"], name="incidentdocument_of"),
        ]

    class Privacy:
        retention = Retention.TAX
        subject = "none"
        basis = "law"
        personal: ClassVar[dict[str, Category]] = {}
        plain = ("id", "tenant", "incident", "invoice")

    def __str__(self) -> str:
        return f"document of {self.incident_id}"
