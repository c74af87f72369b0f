"""Purges: what was planned, what was done, and what is left to show for it. No names anywhere."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from smartinvoicing.classified import Category, Retention
from smartinvoicing.ids import uuid7
from smartinvoicing.templatetags.formats import karachi_time


class PurgeKind(models.TextChoices):
    ROUTINE = "routine", _("Records that no law keeps")
    TAX = "tax", _("Tax records")


class PurgePlan(models.Model):
    """A dry run: what would go if the clocks were read at `at`. Written once.

    lines:  dicts of class, table, why, rows, earliest, examples; `why` is `goes` or what keeps it.
    digest: SHA-256 of kind, instant and lines; whoever agrees, agrees to it.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    kind = models.CharField(_("takes"), max_length=8, choices=PurgeKind)
    at = models.DateTimeField(_("clocks read"))
    made_by = models.CharField(_("planned by"), max_length=80)
    lines: models.JSONField[Any, Any] = models.JSONField()
    rows = models.PositiveBigIntegerField(_("records that would go"))
    digest = models.CharField(max_length=64)

    class Meta:
        verbose_name = _("purge plan")
        verbose_name_plural = _("purge plans")
        ordering = ("-at",)
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["kind", "-at"], name="purgeplan_newest"),
        ]

    class Privacy:
        retention = Retention.REG
        subject = "staff"
        basis = "law"
        personal = {"made_by": Category.IDENTITY}
        plain = ("id", "kind", "at", "lines", "rows", "digest")

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {karachi_time(self.at)}"


class PurgeRun(models.Model):
    """One plan being carried out: begun once, gone on with after any interruption, ended once.

    stuck: what a guard of the database refused in the middle, by the guard's name; or how many
           more would go than was agreed to, which ends the run.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    plan = models.OneToOneField(PurgePlan, on_delete=models.PROTECT, related_name="run")
    began_at = models.DateTimeField(_("begun"))
    began_by = models.CharField(_("begun by"), max_length=80)
    approved_by = models.CharField(_("agreed to by"), max_length=80, blank=True)
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True)
    stuck = models.JSONField(default=dict, blank=True)

    class Meta:
        verbose_name = _("purge")
        verbose_name_plural = _("purges")
        ordering = ("-began_at",)
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(condition=~Q(began_by=""), name="purgerun_by_somebody"),
        ]

    class Privacy:
        retention = Retention.REG
        subject = "staff"
        basis = "law"
        personal = {"began_by": Category.IDENTITY, "approved_by": Category.IDENTITY}
        plain = ("id", "plan", "began_at", "ended_at", "stuck")

    def __str__(self) -> str:
        return str(self.plan)


class PurgeBatch(models.Model):
    """What one transaction deleted, written in that transaction by the role that did it.

    rows:   {table: how many}; digests: {table: sum of the SHA-256 of their ids, modulo 2^256},
            which no order and no cut into batches changes.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    run = models.ForeignKey(PurgeRun, on_delete=models.PROTECT, related_name="batches")
    table = models.CharField(max_length=63)
    business = models.UUIDField(null=True)
    at = models.DateTimeField()
    records = models.PositiveIntegerField()
    rows: models.JSONField[Any, Any] = models.JSONField()
    digests: models.JSONField[Any, Any] = models.JSONField()

    class Privacy:
        retention = Retention.REG
        subject = "none"
        basis = "law"
        personal: ClassVar[dict[str, Category]] = {}
        plain = ("id", "run", "table", "business", "at", "records", "rows", "digests")

    def __str__(self) -> str:
        return f"{self.table} {self.records}"


class PurgeFile(models.Model):
    """A file of a record on its way out: marked, deleted, seen to be gone; then the row goes."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    run = models.ForeignKey(PurgeRun, on_delete=models.PROTECT, related_name="files")
    path = models.CharField(max_length=300)
    marked_at = models.DateTimeField()
    gone_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["run", "path"], name="purgefile_once"),
        ]

    class Privacy:
        retention = Retention.REG
        subject = "none"
        basis = "law"
        personal: ClassVar[dict[str, Category]] = {}
        plain = ("id", "run", "path", "marked_at", "gone_at")

    def __str__(self) -> str:
        return self.path


class PurgeReceipt(models.Model):
    """What is left of the rows of one table that a purge took: how many, and a digest of their ids.

    job:      what deleted them; approver: who agreed, where somebody had to.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    run = models.ForeignKey(PurgeRun, on_delete=models.PROTECT, related_name="receipts")
    table = models.CharField(_("table"), max_length=63)
    retention = models.CharField(_("class"), max_length=12)
    rows = models.PositiveBigIntegerField(_("rows"))
    digest = models.CharField(_("digest of their ids"), max_length=64)
    job = models.CharField(_("job"), max_length=80)
    approver = models.CharField(_("agreed to by"), max_length=80, blank=True)
    at = models.DateTimeField(_("when"))

    class Meta:
        verbose_name = _("purge receipt")
        verbose_name_plural = _("purge receipts")
        ordering = ("-at", "table")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["run", "table"], name="purgereceipt_once"),
        ]

    class Privacy:
        retention = Retention.REG
        subject = "staff"
        basis = "law"
        personal = {"approver": Category.IDENTITY}
        plain = ("id", "run", "table", "retention", "rows", "digest", "job", "at")

    def __str__(self) -> str:
        return f"{self.table}: {self.rows}"
