"""What each night's look at our promises found, and the yearly word of an officer."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from smartinvoicing.classified import Category, Retention
from smartinvoicing.ids import uuid7


class PromiseState(models.TextChoices):
    KEPT = "kept", _("Kept")
    BROKEN = "broken", _("Broken")
    DUE = "due", _("Due")


class CheckRun(models.Model):
    """One look at all promises, written when it is over."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    at = models.DateTimeField(_("when"))
    by = models.CharField(_("begun by"), max_length=80)
    kept = models.PositiveSmallIntegerField(_("kept"))
    broken = models.PositiveSmallIntegerField(_("broken"))
    due = models.PositiveSmallIntegerField(_("due"))
    took_ms = models.PositiveIntegerField(_("milliseconds"))

    class Meta:
        verbose_name = _("look at the promises")
        verbose_name_plural = _("looks at the promises")
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["-at", "-id"], name="checkrun_newest"),
        ]

    class Privacy:
        retention = Retention.REG
        subject = "staff"
        basis = "legitimate interest"
        personal: ClassVar[dict[str, Category]] = {"by": Category.IDENTITY}
        plain = ("id", "at", "kept", "broken", "due", "took_ms")

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M}"


class CheckResult(models.Model):
    """How one promise stood in one run.

    evidence: words for everybody, in English, with places for `facts`; translated when shown.
    is_fault: the check itself failed, so that nothing is known: it counts as broken.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    run = models.ForeignKey(CheckRun, on_delete=models.PROTECT, related_name="results")
    promise = models.CharField(_("promise"), max_length=4)
    state = models.CharField(_("state"), max_length=6, choices=PromiseState)
    is_fault = models.BooleanField(_("the check failed"), default=False)
    evidence = models.CharField(_("evidence"), max_length=300)
    facts = models.JSONField(default=dict)
    due_on = models.DateField(_("due"), null=True)
    took_ms = models.PositiveIntegerField(_("milliseconds"))

    class Meta:
        verbose_name = _("promise")
        verbose_name_plural = _("promises")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["run", "promise"], name="checkresult_once"),
            models.CheckConstraint(
                condition=Q(state="due", due_on__isnull=False)
                | Q(state__in=["kept", "broken"], due_on=None),
                name="checkresult_due_on_a_day",
            ),
            models.CheckConstraint(
                condition=Q(is_fault=False) | Q(state="broken"), name="checkresult_fault_is_broken"
            ),
        ]

    class Privacy:
        retention = Retention.REG
        subject = "none"
        basis = "legitimate interest"
        personal: ClassVar[dict[str, Category]] = {}
        plain = (
            *("id", "run", "promise", "state", "is_fault", "evidence", "facts", "due_on"),
            "took_ms",
        )

    def __str__(self) -> str:
        return f"{self.promise} {self.state}"


class EgressStatement(models.Model):
    """Once a year an officer signs which machines the program may speak to, and that no data is
    sold, rented or traded. hosts: the list as it was signed."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    signed_at = models.DateTimeField(_("signed"))
    signed_by = models.ForeignKey(
        User, on_delete=models.PROTECT, related_name="+", verbose_name=_("signed by")
    )
    hosts = models.JSONField(_("machines"))
    digest = models.CharField(_("digest"), max_length=64)

    class Meta:
        verbose_name = _("statement about recipients")
        verbose_name_plural = _("statements about recipients")

    class Privacy:
        retention = Retention.REG
        subject = "staff"
        basis = "legitimate interest"
        personal: ClassVar[dict[str, Category]] = {"signed_by": Category.IDENTITY}
        plain = ("id", "signed_at", "hosts", "digest")

    def __str__(self) -> str:
        return f"{self.signed_at:%Y-%m-%d}"
