"""Which installation this database belongs to, and whether it may speak to the world."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from smartinvoicing.classified import Category, Retention


class Installation(models.Model):
    """One row. A copy of the database stands beside another secret, on another timeline or at
    another place: it is not armed there, and nothing leaves it.

    instance_sha256: hash of the environment's INSTANCE_ID for which it was armed.
    timeline:        PostgreSQL's timeline at that time; a restore or a failover begins another.
    place:           which server's, which database's and which table's row it was at that time; a
                     dump that is read back stands at another place.
    """

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    instance_sha256 = models.CharField(max_length=64)
    timeline = models.CharField(max_length=8)
    place = models.CharField(max_length=60, default="")
    armed_at = models.DateTimeField(null=True)
    armed_by = models.CharField(max_length=254, blank=True)
    why = models.CharField(max_length=300, blank=True)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(condition=Q(id=1), name="installation_is_one"),
        ]

    class Privacy:
        retention = Retention.SEC
        subject = "user"
        basis = "legitimate interest"
        subjects = {"armed_by": "staff"}
        personal = {"armed_by": Category.IDENTITY}
        plain = ("id", "instance_sha256", "timeline", "place", "armed_at", "why")

    def __str__(self) -> str:
        return "armed" if self.armed_at else "disarmed"


class Happening(models.TextChoices):
    """What befalls an installation as a whole."""

    ARMED = "armed", _("Armed")
    DISARMED = "disarmed", _("Disarmed")
    QUARANTINED = "quarantined", _("Quarantined after a restore")
    BACKED_UP = "backed_up", _("Backed up")
    RESTORED = "restored", _("Restored")
    DRILLED = "drilled", _("Restore rehearsed")
    REPLAYED = "replayed", _("Erasures done again after a restore")


class InstallationEvent(models.Model):
    """One line of the installation's history. It is only added to, and by `owner` alone.

    timeline, place: where the database stood then, as in `Installation`.
    facts:           names, counts and seconds; nothing of any tenant.
    """

    at = models.DateTimeField()
    kind = models.CharField(max_length=12, choices=Happening)
    by = models.CharField(max_length=254)
    why = models.CharField(max_length=300, blank=True)
    timeline = models.CharField(max_length=8)
    place = models.CharField(max_length=60)
    facts = models.JSONField(default=dict)

    class Meta:
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["kind", "-at"], name="installationevent_newest"),
        ]

    class Privacy:
        retention = Retention.SEC
        subject = "user"
        basis = "legitimate interest"
        subjects = {"by": "staff"}
        export = False
        personal = {"by": Category.IDENTITY, "why": Category.CONTENT}
        plain = ("id", "at", "kind", "timeline", "place", "facts")

    def __str__(self) -> str:
        return f"{self.kind} {self.at:%Y-%m-%d %H:%M}"


class AllowedHost(models.Model):
    """A machine that may be reached besides those that the settings name.

    Written by the register of processors alone.
    is_optional: the service works without it; nothing is sent there for whoever refuses it.
    """

    host = models.CharField(primary_key=True, max_length=253)
    is_optional = models.BooleanField(default=True)

    class Privacy:
        retention = Retention.REFERENCE
        subject = "none"
        basis = "none"
        personal: ClassVar[dict[str, Category]] = {}
        plain = ("host", "is_optional")

    def __str__(self) -> str:
        return self.host
