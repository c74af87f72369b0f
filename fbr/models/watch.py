"""What the watchdog keeps: alerts for those who run this installation, and what the clocks said.

Of no tenant, and nothing of a tenant stands in it: names, ages and counts.
"""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from smartinvoicing.classified import Category, Retention
from smartinvoicing.ids import uuid7


class AlertKind(models.TextChoices):
    QUEUED_OLD = "queued_old", _("Documents wait too long for their turn")
    SUBMITTING_OLD = "submitting_old", _("A document is on its way for too long")
    UNCERTAIN_OLD = "uncertain_old", _("A document is uncertain for too long")
    UNCERTAIN_MANY = "uncertain_many", _("Many documents are uncertain")
    CANCEL_OLD = "cancel_old", _("A cancellation is open for too long")
    LEASES_EXPIRED = "leases_expired", _("Workers were lost in the middle of a send")
    BREAKER_OPEN = "breaker_open", _("FBR is not answering")
    LINE_HELD = "line_held", _("FBR's address is not answering as it should")
    ANCHOR_LATE = "anchor_late", _("The audit trail is not anchored")
    AUDIT_BROKEN = "audit_broken", _("The audit trail was tampered with")
    BACKUP_LATE = "backup_late", _("There is no fresh backup")
    DRILL_LATE = "drill_late", _("No restore was rehearsed lately")
    DRILL_FAILED = "drill_failed", _("A rehearsed restore failed")
    INVARIANTS_BROKEN = "invariants_broken", _("Something in the tables is not as it must be")
    NUMBER_TWICE = "number_twice", _("FBR gave a number that it had given before")
    CLOCK_OFF = "clock_off", _("The clocks differ")
    CLOCK_UNKNOWN = "clock_unknown", _("The time server does not answer")
    BROKER_AWAY = "broker_away", _("The broker is away")
    DISK_FULL = "disk_full", _("A disk is nearly full")
    PROCESS_SILENT = "process_silent", _("A process gives no sign of life")
    MAIL_STUCK = "mail_stuck", _("Mail does not leave")
    DISARMED = "disarmed", _("This installation is not armed: nothing is sent")


class Alert(models.Model):
    """Something of the platform that a person must look at. It clears itself.

    key:        which one of its kind (`production/di`, `dispatcher`); "" where there is but one.
    tell_after: before this instant nobody else mails it: a claim, or a pause.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    kind = models.CharField(max_length=20, choices=AlertKind)
    key = models.CharField(max_length=100, blank=True)
    details = models.JSONField(default=dict)
    raised_at = models.DateTimeField()
    cleared_at = models.DateTimeField(null=True)
    tell_after = models.DateTimeField()
    told_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["kind", "key"], condition=Q(cleared_at=None), name="alert_once_while_open"
            ),
        ]

    class Privacy:
        retention = Retention.SEC
        subject = "none"
        basis = "legitimate interest"
        personal: ClassVar[dict[str, Category]] = {}
        plain = (
            "id",
            "kind",
            "key",
            "details",
            "raised_at",
            "cleared_at",
            "tell_after",
            "told_at",
        )

    def __str__(self) -> str:
        return f"{self.kind} {self.key}".strip()


class LineCheck(models.Model):
    """One row: what the last look at the clocks found. The sender asks it by `clock_is_sane()`.

    skew_ms:     the database's clock less ours.
    ntp_skew_ms: the time server's less ours; null where none is asked or none answered.
    holds:       so far apart that nothing may be sent.
    """

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    skew_ms = models.IntegerField()
    ntp_skew_ms = models.IntegerField(null=True)
    checked_at = models.DateTimeField()
    holds = models.BooleanField(default=False)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(condition=Q(id=1), name="linecheck_is_one"),
        ]

    class Privacy:
        retention = Retention.LOG
        subject = "none"
        basis = "none"
        personal: ClassVar[dict[str, Category]] = {}
        plain = ("id", "skew_ms", "ntp_skew_ms", "checked_at", "holds")

    def __str__(self) -> str:
        return f"{self.skew_ms} ms"


class Tally(models.Model):
    """How often something happened, since the tables were laid."""

    name = models.CharField(max_length=40, primary_key=True)
    count = models.PositiveBigIntegerField(default=0)
    last_at = models.DateTimeField()

    class Privacy:
        retention = Retention.LOG
        subject = "none"
        basis = "none"
        personal: ClassVar[dict[str, Category]] = {}
        plain = ("name", "count", "last_at")

    def __str__(self) -> str:
        return f"{self.name} {self.count}"
