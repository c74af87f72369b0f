"""Who of ours was taught to handle data of persons, when, and until when that counts."""

from __future__ import annotations

from typing import ClassVar, Final

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.models.people import User
from smartinvoicing.classified import Category, Retention
from smartinvoicing.ids import uuid7

PASS: Final = 80  # of a hundred


class Course(models.TextChoices):
    """`PRIVACY` opens the desk; the others are on record."""

    PRIVACY = "privacy", _("Handling personal data")
    SECURITY = "security", _("Safe work with accounts and devices")
    BREACHES = "breaches", _("What to do in a breach")


class StaffTraining(models.Model):
    """One course that one person took. A line is written once; a new year is a new line.

    score:      points of a hundred; below eighty it opens nothing.
    expires_on: the first day on which it does not count any more, a year later at most.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    person = models.ForeignKey(
        User, on_delete=models.PROTECT, related_name="trainings", verbose_name=_("who")
    )
    course = models.CharField(_("course"), max_length=12, choices=Course)
    version = models.CharField(_("version of the course"), max_length=20)
    score = models.PositiveSmallIntegerField(_("points of a hundred"))
    taken_on = models.DateField(_("taken"))
    expires_on = models.DateField(_("counts until"))
    recorded_at = models.DateTimeField(_("written down"))
    recorded_by = models.CharField(_("by"), max_length=80)

    class Meta:
        verbose_name = _("training")
        verbose_name_plural = _("trainings")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(condition=Q(score__lte=100), name="training_score_of_hundred"),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["person", "course", "-expires_on"], name="training_newest"),
        ]

    class Privacy:
        retention = Retention.REG
        subject = "staff"
        basis = "legitimate interest"
        personal: ClassVar[dict[str, Category]] = {
            "person": Category.IDENTITY,
            "score": Category.CONTENT,
            "recorded_by": Category.IDENTITY,
        }
        plain = ("id", "course", "version", "taken_on", "expires_on", "recorded_at")

    def __str__(self) -> str:
        return f"{self.get_course_display()} {self.version}"
