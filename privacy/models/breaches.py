"""The register of breaches: what happened, who judged it how, who was told and what shows it.

Migration 0009 holds what no program may do: delete a case, change one without a revision, move
`aware_at` later, close one whose audiences are undecided, touch one that is closed.
"""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models
from django.db.models import F, Q
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from smartinvoicing.classified import Category, Retention
from smartinvoicing.ids import uuid7


class OurHat(models.TextChoices):
    """Whose data it was: what we owe whom follows from it."""

    CONTROLLER = "controller", _("Ours: users, visitors, staff")
    PROCESSOR = "processor", _("A business's: its customers and documents")
    BOTH = "both", _("Both")


class Severity(models.TextChoices):
    LOW = "low", _("Low")
    MEDIUM = "medium", _("Medium")
    HIGH = "high", _("High")
    SEVERE = "severe", _("Severe")


class Audience(models.TextChoices):
    """Whom a breach may have to be told to. Each gets a decision before a case is closed."""

    AUTHORITY = "authority", _("Authority")
    FBR = "fbr", _("FBR and the Commissioner")
    TENANTS = "tenants", _("Businesses")
    SUBJECTS = "subjects", _("Persons")
    PROCESSORS = "processors", _("Processors")
    INSURER = "insurer", _("Insurer")
    POLICE = "police", _("Police")


class BreachCase(models.Model):
    """One breach of personal data, notified or not.

    aware_at:  when we knew: 72 hours run from it. Never after `created_at`, never moved later.
    revision:  number of its last BreachRevision; each change has one.
    subjects, records: between `_low` and `_high`; `_high` null while nobody can say.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    title = models.CharField(_("in a few words"), max_length=120)
    occurred_at = models.DateTimeField(_("happened"), null=True, blank=True)
    detected_at = models.DateTimeField(_("detected"))
    aware_at = models.DateTimeField(_("we knew"))
    created_at = models.DateTimeField(_("written down"))
    opened_by = models.CharField(max_length=80)
    hat = models.CharField(_("whose data"), max_length=10, choices=OurHat)
    is_confidentiality = models.BooleanField(_("somebody saw it who may not"))
    is_integrity = models.BooleanField(_("it was changed"))
    is_availability = models.BooleanField(_("it was lost or cannot be reached"))
    touches_invoicing = models.BooleanField(_("the invoicing system is affected"))
    data_classes: models.JSONField[Any, Any] = models.JSONField(default=list)
    what = models.TextField(_("what happened"), max_length=4000, blank=True)
    subjects_low = models.PositiveIntegerField(_("persons, at least"), default=0)
    subjects_high = models.PositiveIntegerField(_("persons, at most"), null=True, blank=True)
    records_low = models.PositiveIntegerField(_("records, at least"), default=0)
    records_high = models.PositiveIntegerField(_("records, at most"), null=True, blank=True)
    likely_harm = models.TextField(_("likely harm"), max_length=4000, blank=True)
    measures = models.TextField(_("what was done about it"), max_length=4000, blank=True)
    severity = models.CharField(_("severity"), max_length=8, choices=Severity, blank=True)
    severity_why = models.TextField(_("why this severity"), max_length=2000, blank=True)
    acknowledged_at = models.DateTimeField(_("taken in hand"), null=True, blank=True)
    acknowledged_by = models.CharField(max_length=80, blank=True)
    root_cause = models.TextField(_("root cause"), max_length=4000, blank=True)
    lessons = models.TextField(_("lessons"), max_length=4000, blank=True)
    late_reason = models.CharField(_("why it took longer"), max_length=500, blank=True)
    signed_at = models.DateTimeField(_("signed"), null=True, blank=True)
    signed_by = models.CharField(max_length=80, blank=True)
    closed_at = models.DateTimeField(_("closed"), null=True, blank=True)
    closed_by = models.CharField(max_length=80, blank=True)
    revision = models.PositiveIntegerField(default=1)

    class Meta:
        verbose_name = _("breach")
        verbose_name_plural = _("breaches")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=Q(aware_at__lte=F("created_at")), name="breach_known_before_written"
            ),
            models.CheckConstraint(
                condition=Q(is_confidentiality=True)
                | Q(is_integrity=True)
                | Q(is_availability=True),
                name="breach_of_something",
            ),
            models.CheckConstraint(
                condition=(Q(subjects_high=None) | Q(subjects_high__gte=F("subjects_low")))
                & (Q(records_high=None) | Q(records_high__gte=F("records_low"))),
                name="breach_ranges_go_up",
            ),
            models.CheckConstraint(
                condition=Q(severity="", severity_why="") | (~Q(severity="") & ~Q(severity_why="")),
                name="breach_graded_with_reason",
            ),
            models.CheckConstraint(
                condition=Q(signed_at=None, signed_by="")
                | (Q(signed_at__isnull=False) & ~Q(signed_by="")),
                name="breach_signed_by_somebody",
            ),
            models.CheckConstraint(
                condition=Q(closed_at=None, closed_by="")
                | (
                    Q(closed_at__isnull=False, signed_at__isnull=False)
                    & ~Q(closed_by="")
                    & ~Q(root_cause="")
                    & ~Q(severity="")
                ),
                name="breach_closed_whole",
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["aware_at"], condition=Q(closed_at=None), name="breach_open"),
        ]

    class Privacy:
        retention = Retention.REG
        subject = "staff"
        basis = "law"
        personal = {
            "opened_by": Category.IDENTITY,
            "what": Category.CONTENT,
            "likely_harm": Category.CONTENT,
            "measures": Category.CONTENT,
            "acknowledged_by": Category.IDENTITY,
            "root_cause": Category.CONTENT,
            "lessons": Category.CONTENT,
            "signed_by": Category.IDENTITY,
            "closed_by": Category.IDENTITY,
        }
        plain = (
            *("id", "title", "occurred_at", "detected_at", "aware_at", "created_at", "hat"),
            *("is_confidentiality", "is_integrity", "is_availability", "touches_invoicing"),
            *("data_classes", "subjects_low", "subjects_high", "records_low", "records_high"),
            *("severity", "severity_why", "acknowledged_at", "late_reason", "signed_at"),
            *("closed_at", "revision"),
        )

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return reverse("admin:privacy_breachcase_change", args=[self.pk])


class BreachRevision(models.Model):
    """One change of a case, written once: what it was and what it became."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    case = models.ForeignKey(BreachCase, on_delete=models.PROTECT, related_name="revisions")
    number = models.PositiveIntegerField()
    at = models.DateTimeField(_("when"))
    who = models.CharField(_("who"), max_length=80)
    why = models.CharField(_("why"), max_length=300, blank=True)
    before: models.JSONField[Any, Any] = models.JSONField(default=dict)
    after: models.JSONField[Any, Any] = models.JSONField(default=dict)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["case", "number"], name="breachrevision_once"),
        ]

    class Privacy:
        retention = Retention.REG
        subject = "staff"
        basis = "law"
        personal = {
            "who": Category.IDENTITY,
            "why": Category.CONTENT,
            "before": Category.CONTENT,
            "after": Category.CONTENT,
        }
        plain = ("id", "case", "number", "at")

    def __str__(self) -> str:
        return f"revision {self.number} of {self.case_id}"


class BreachTenant(models.Model):
    """A business that a case touches. incident_id: its own report to FBR, where one was opened."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    case = models.ForeignKey(BreachCase, on_delete=models.PROTECT, related_name="tenants")
    tenant_id = models.UUIDField()
    since = models.DateTimeField()
    incident_id = models.UUIDField(null=True)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["case", "tenant_id"], name="breachtenant_once"),
        ]

    class Privacy:
        retention = Retention.REG
        subject = "none"
        basis = "law"
        personal: ClassVar[dict[str, Category]] = {}
        plain = ("id", "case", "tenant_id", "since", "incident_id")

    def __str__(self) -> str:
        return f"{self.tenant_id} in {self.case_id}"


class StepKind(models.TextChoices):
    EVIDENCE = "evidence", _("Evidence to keep")
    CREDENTIAL = "credential", _("Secrets to renew")


class BreachStep(models.Model):
    """One line of the lists of a case: evidence to be kept, a secret to be renewed; ticked once."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    case = models.ForeignKey(BreachCase, on_delete=models.PROTECT, related_name="steps")
    kind = models.CharField(max_length=10, choices=StepKind)
    name = models.CharField(max_length=40)
    done_at = models.DateTimeField(null=True)
    done_by = models.CharField(max_length=80, blank=True)
    note = models.CharField(_("note"), max_length=300, blank=True)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["case", "kind", "name"], name="breachstep_once"),
            models.CheckConstraint(
                condition=Q(done_at=None, done_by="") | (Q(done_at__isnull=False) & ~Q(done_by="")),
                name="breachstep_done_by_somebody",
            ),
        ]

    class Privacy:
        retention = Retention.REG
        subject = "staff"
        basis = "law"
        personal = {"done_by": Category.IDENTITY, "note": Category.CONTENT}
        plain = ("id", "case", "kind", "name", "done_at")

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


class BreachDecision(models.Model):
    """Whether one audience is told, and why; written once. The newest counts."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    case = models.ForeignKey(BreachCase, on_delete=models.PROTECT, related_name="decisions")
    audience = models.CharField(_("audience"), max_length=10, choices=Audience)
    tells = models.BooleanField(_("is told"))
    why = models.CharField(_("why"), max_length=1000)
    at = models.DateTimeField(_("when"))
    who = models.CharField(_("who"), max_length=80)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(condition=~Q(why=""), name="breachdecision_has_a_reason"),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["case", "audience", "-at", "-id"], name="breachdecision_newest"),
        ]

    class Privacy:
        retention = Retention.REG
        subject = "staff"
        basis = "law"
        personal = {"why": Category.CONTENT, "who": Category.IDENTITY}
        plain = ("id", "case", "audience", "tells", "at")

    def __str__(self) -> str:
        return f"{self.audience} {self.tells}"


class BreachScope(models.Model):
    """What a question to the logs found, frozen: asked again, the logs may be gone."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    case = models.ForeignKey(BreachCase, on_delete=models.PROTECT, related_name="scopes")
    at = models.DateTimeField()
    who = models.CharField(max_length=80)
    asked: models.JSONField[Any, Any] = models.JSONField(default=dict)
    found: models.JSONField[Any, Any] = models.JSONField(default=dict)
    digest = models.CharField(max_length=64)

    class Privacy:
        retention = Retention.REG
        subject = "user"
        basis = "law"
        personal = {
            "who": Category.IDENTITY,
            "asked": Category.TECHNICAL,
            "found": Category.TECHNICAL,
        }
        plain = ("id", "case", "at", "digest")

    def __str__(self) -> str:
        return f"scope of {self.case_id}"


class BreachAlert(models.Model):
    """One alarm of a case that somebody was told of, and how late. Written once."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    case = models.ForeignKey(BreachCase, on_delete=models.PROTECT, related_name="alerts")
    step = models.CharField(max_length=40)
    due_at = models.DateTimeField()
    at = models.DateTimeField()
    late_s = models.PositiveIntegerField(default=0)
    told: models.JSONField[Any, Any] = models.JSONField(default=list)

    class Meta:
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["case", "at"], name="breachalert_of_case"),
        ]

    class Privacy:
        retention = Retention.REG
        subject = "staff"
        basis = "law"
        personal = {"told": Category.IDENTITY}
        plain = ("id", "case", "step", "due_at", "at", "late_s")

    def __str__(self) -> str:
        return f"{self.step} of {self.case_id}"
