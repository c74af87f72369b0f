"""That we think before we do: assessments, flags, reviews of security, the officer."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from privacy.models.breaches import Severity
from smartinvoicing.classified import Category, Retention
from smartinvoicing.ids import uuid7


class Residual(models.TextChoices):
    """What is left of the risk. With a high one nothing is approved."""

    LOW = "low", _("Low")
    MEDIUM = "medium", _("Medium")
    HIGH = "high", _("High")


class Dpia(models.Model):
    """What a new thing may do to people, thought through before it begins, approved by two.

    review_on: the first day on which the approval does not count any more, a year later at most.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    feature = models.CharField(_("what is new"), max_length=120)
    necessity = models.TextField(_("why it is needed"), max_length=4000)
    risks = models.TextField(_("what may happen to people"), max_length=4000)
    measures = models.TextField(_("what we do against it"), max_length=4000)
    residual = models.CharField(_("risk that is left"), max_length=6, choices=Residual)
    opinion = models.TextField(_("what the privacy officer says"), max_length=4000, blank=True)
    written_at = models.DateTimeField(_("written"))
    written_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    approved_at = models.DateTimeField(_("approved"), null=True, blank=True)
    approved_by = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    review_on = models.DateField(_("counts until"), null=True, blank=True)
    withdrawn_at = models.DateTimeField(_("withdrawn"), null=True, blank=True)

    class Meta:
        verbose_name = _("impact assessment")
        verbose_name_plural = _("impact assessments")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=Q(approved_at=None, approved_by=None, review_on=None)
                | (
                    Q(approved_at__isnull=False, approved_by__isnull=False)
                    & Q(review_on__isnull=False)
                    & ~Q(approved_by=F("written_by"))
                    & ~Q(opinion="")
                    & ~Q(residual="high")
                ),
                name="dpia_approved_by_two",
            ),
        ]

    class Privacy:
        retention = Retention.REG
        subject = "staff"
        basis = "legitimate interest"
        personal: ClassVar[dict[str, Category]] = {
            "written_by": Category.IDENTITY,
            "approved_by": Category.IDENTITY,
        }
        plain = (
            *("id", "feature", "necessity", "risks", "measures", "residual", "opinion"),
            *("written_at", "approved_at", "review_on", "withdrawn_at"),
        )

    def __str__(self) -> str:
        return self.feature


class FeatureFlag(models.Model):
    """One switch in one environment. One of high risk is not on in production without a `Dpia`
    that was approved and still counts; the database says so too.

    basis: why we may process what it processes; without it the switch stays off.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.SlugField(_("switch"), max_length=40)
    environment = models.CharField(_("where"), max_length=12)
    about = models.CharField(_("what it does"), max_length=200)
    basis = models.CharField(_("legal basis"), max_length=60, blank=True)
    is_high_risk = models.BooleanField(_("high risk"), default=False)
    is_on = models.BooleanField(_("on"), default=False)
    dpia = models.ForeignKey(
        Dpia, on_delete=models.PROTECT, null=True, blank=True, related_name="flags"
    )
    changed_at = models.DateTimeField(_("since"))

    class Meta:
        verbose_name = _("switch")
        verbose_name_plural = _("switches")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["name", "environment"], name="flag_once"),
            models.CheckConstraint(condition=Q(is_on=False) | ~Q(basis=""), name="flag_on_a_basis"),
        ]

    class Privacy:
        retention = Retention.REFERENCE
        subject = "none"
        basis = "legitimate interest"
        personal: ClassVar[dict[str, Category]] = {}
        plain = (
            *("id", "name", "environment", "about", "basis", "is_high_risk", "is_on", "dpia"),
            "changed_at",
        )

    def __str__(self) -> str:
        return f"{self.name} ({self.environment})"


class ReviewKind(models.TextChoices):
    SCAN = "scan", _("Scan for known weaknesses")
    INTERNAL = "internal", _("Review of our own")
    EXTERNAL = "external", _("Review by somebody else")


class SecurityReview(models.Model):
    """One look at how safe the service is, and the day of the next one."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    kind = models.CharField(_("kind"), max_length=10, choices=ReviewKind)
    scope = models.CharField(_("what was looked at"), max_length=300)
    done_on = models.DateField(_("done"))
    done_by = models.CharField(_("by whom"), max_length=120)
    summary = models.TextField(_("what came out"), max_length=4000)
    next_on = models.DateField(_("next one due"))
    written_at = models.DateTimeField(_("written down"))

    class Meta:
        verbose_name = _("security review")
        verbose_name_plural = _("security reviews")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(condition=Q(next_on__gt=F("done_on")), name="review_goes_on"),
        ]

    class Privacy:
        retention = Retention.REG
        subject = "staff"
        basis = "legitimate interest"
        personal: ClassVar[dict[str, Category]] = {"done_by": Category.IDENTITY}
        plain = ("id", "kind", "scope", "done_on", "summary", "next_on", "written_at")

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.done_on}"


class Finding(models.Model):
    """One weakness that a review found: whose it is, until when, how it was closed."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    review = models.ForeignKey(SecurityReview, on_delete=models.PROTECT, related_name="findings")
    what = models.CharField(_("weakness"), max_length=300)
    severity = models.CharField(_("severity"), max_length=8, choices=Severity)
    owner = models.ForeignKey(
        User, on_delete=models.PROTECT, related_name="+", verbose_name=_("whose it is")
    )
    due_on = models.DateField(_("to be closed by"))
    written_at = models.DateTimeField(_("written down"))
    closed_at = models.DateTimeField(_("closed"), null=True, blank=True)
    how = models.CharField(_("how"), max_length=300, blank=True)

    class Meta:
        verbose_name = _("finding")
        verbose_name_plural = _("findings")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=Q(closed_at=None, how="") | (Q(closed_at__isnull=False) & ~Q(how="")),
                name="finding_closed_somehow",
            ),
        ]

    class Privacy:
        retention = Retention.REG
        subject = "staff"
        basis = "legitimate interest"
        personal: ClassVar[dict[str, Category]] = {"owner": Category.IDENTITY}
        plain = (*("id", "review", "what", "severity", "due_on", "written_at", "closed_at", "how"),)

    def __str__(self) -> str:
        return self.what


class Dpo(models.Model):
    """The data protection officer, from a day until another one begins.

    contact:   how the public reaches the office, beside the watched mailbox.
    conflicts: other tasks of the person that could bend their judgement, or that there are none.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    person = models.ForeignKey(
        User, on_delete=models.PROTECT, related_name="+", verbose_name=_("officer")
    )
    deputy = models.ForeignKey(
        User, on_delete=models.PROTECT, related_name="+", verbose_name=_("deputy")
    )
    contact = models.CharField(_("contact"), max_length=200)
    conflicts = models.TextField(_("other tasks of theirs"), max_length=1000)
    since = models.DateTimeField(_("since"))
    until = models.DateTimeField(_("until"), null=True, blank=True)

    class Meta:
        verbose_name = _("data protection officer")
        verbose_name_plural = _("data protection officers")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(condition=~Q(person=F("deputy")), name="dpo_has_a_deputy"),
            models.CheckConstraint(condition=~Q(conflicts=""), name="dpo_says_conflicts"),
        ]

    class Privacy:
        retention = Retention.REG
        subject = "staff"
        basis = "legitimate interest"
        personal: ClassVar[dict[str, Category]] = {
            "person": Category.IDENTITY,
            "deputy": Category.IDENTITY,
            "contact": Category.CONTACT,
            "conflicts": Category.CONTENT,
        }
        plain = ("id", "since", "until")

    def __str__(self) -> str:
        return str(self.since.date())
