"""Versions of the data map that an officer has agreed to, what the detectors came upon, and
whether each personal field is used."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from smartinvoicing.classified import Category, Retention
from smartinvoicing.ids import uuid7


class DataMapVersion(models.Model):
    """The map as it stood when somebody of ours approved it. Written once.

    digest: of `rows`; two maps that say the same have the same.
    rows:   every personal field and every store outside the database.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    digest = models.CharField(max_length=64)
    rows: models.JSONField[Any, Any] = models.JSONField()
    approved_at = models.DateTimeField(_("approved"))
    approved_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")

    class Meta:
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["-approved_at", "-id"], name="datamap_newest"),
        ]

    class Privacy:
        retention = Retention.REG
        subject = "staff"
        basis = "law"
        personal = {"approved_by": Category.IDENTITY}
        plain = ("id", "digest", "rows", "approved_at")

    def __str__(self) -> str:
        return self.digest[:12]


class Detection(models.Model):
    """What looks personal stands in a field that is said to hold nothing of the kind.

    found: in how many of the values that were looked at last. The values themselves are not kept.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    table = models.CharField(max_length=63)
    field = models.CharField(max_length=63)
    kind = models.CharField(max_length=12)
    found = models.PositiveIntegerField()
    first_at = models.DateTimeField(_("first seen"))
    last_at = models.DateTimeField(_("last seen"))
    cleared_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["table", "field", "kind"],
                condition=Q(cleared_at=None),
                name="detection_open_once",
            ),
        ]

    class Privacy:
        retention = Retention.REG
        subject = "none"
        basis = "legitimate interest"
        personal: ClassVar[dict[str, Category]] = {}
        plain = ("id", "table", "field", "kind", "found", "first_at", "last_at", "cleared_at")

    def __str__(self) -> str:
        return f"{self.table}.{self.field}: {self.kind}"


class DetectionRun(models.Model):
    """One look over the values of all fields that are said to be plain."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    at = models.DateTimeField()
    fields = models.PositiveIntegerField()
    values = models.PositiveIntegerField()
    found = models.PositiveIntegerField()

    class Meta:
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["-at"], name="detectionrun_newest"),
        ]

    class Privacy:
        retention = Retention.REG
        subject = "none"
        basis = "legitimate interest"
        personal: ClassVar[dict[str, Category]] = {}
        plain = ("id", "at", "fields", "values", "found")

    def __str__(self) -> str:
        return f"{self.found} of {self.values}"


class Idle(models.TextChoices):
    """Why a field may be one too many."""

    EMPTY = "empty", _("Nobody fills it in")
    UNREAD = "unread", _("No part of the program reads it")


class FieldUse(models.Model):
    """Whether one personal field is needed: of the newest rows, how many fill it; who reads it.

    idle:       why it may be one too many; "" for one that is used, and where there are no rows.
    idle_since: since when each look said so.
    agreed_at:  when an officer last said that it is needed all the same.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    model = models.CharField(max_length=80)
    field = models.CharField(max_length=63)
    rows = models.PositiveIntegerField(_("rows looked at"), default=0)
    filled = models.PositiveIntegerField(_("of them filled"), default=0)
    idle = models.CharField(max_length=8, choices=Idle, blank=True)
    idle_since = models.DateTimeField(null=True)
    looked_at = models.DateTimeField()
    agreed_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["model", "field"], name="fielduse_once"),
            models.CheckConstraint(
                condition=Q(idle="", idle_since=None) | (~Q(idle="") & Q(idle_since__isnull=False)),
                name="fielduse_idle_since",
            ),
        ]

    class Privacy:
        retention = Retention.REG
        subject = "none"
        basis = "legitimate interest"
        personal: ClassVar[dict[str, Category]] = {}
        plain = (
            *("id", "model", "field", "rows", "filled", "idle", "idle_since", "looked_at"),
            "agreed_at",
        )

    def __str__(self) -> str:
        return f"{self.model}.{self.field}"
