"""Which installation this database belongs to, and whether it may speak to the world."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q

from smartinvoicing.classified import Category, Retention


class Installation(models.Model):
    """One row. A copy of the database stands beside another secret or on another timeline: it is
    not armed there, and nothing leaves it.

    instance_sha256: hash of the environment's INSTANCE_ID for which it was armed.
    timeline:        PostgreSQL's timeline at that time; a restore or a failover begins another.
    """

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    instance_sha256 = models.CharField(max_length=64)
    timeline = models.CharField(max_length=8)
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
        personal = {"armed_by": Category.IDENTITY}
        plain = ("id", "instance_sha256", "timeline", "armed_at", "why")

    def __str__(self) -> str:
        return "armed" if self.armed_at else "disarmed"
