"""What stands on the officer's red list, and what rings when its time has come."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from smartinvoicing.classified import Category, Retention
from smartinvoicing.ids import uuid7


class DeskTask(models.Model):
    """Something that somebody of ours has to do. It goes when its matter is settled.

    key:   what it is about; while it is open there is one task of a kind and key.
    url:   where it is done, as a path of the desk.
    facts: what the words need: counts, dates, ids; never a personal value.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    kind = models.CharField(_("what"), max_length=40)
    key = models.CharField(max_length=80)
    title = models.CharField(_("task"), max_length=200)
    url = models.CharField(max_length=200, blank=True)
    facts = models.JSONField(default=dict)
    opened_at = models.DateTimeField(_("since"))
    due_at = models.DateTimeField(_("until"), null=True)
    done_at = models.DateTimeField(_("done"), null=True)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["kind", "key"], condition=Q(done_at=None), name="desktask_open_once"
            ),
        ]

    class Privacy:
        retention = Retention.REG
        subject = "none"
        basis = "legitimate interest"
        personal: ClassVar[dict[str, Category]] = {}
        plain = (*("id", "kind", "key", "title", "url", "facts", "opened_at", "due_at", "done_at"),)

    def __str__(self) -> str:
        return f"{self.kind} {self.key}"


class Alarm(models.Model):
    """One step that is due at an instant. A scheduler that stood still catches up, and says so.

    kind:     whose matter it is (`privacy.alarms` knows the function of each).
    about:    id of the matter; with `kind` and `step` it is one alarm.
    repeat_s: seconds after which it sounds again, until it is silenced; null for once.
    late_s:   how many seconds after its time it last sounded.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    kind = models.CharField(max_length=24)
    about = models.UUIDField()
    step = models.CharField(max_length=40)
    due_at = models.DateTimeField()
    repeat_s = models.PositiveIntegerField(null=True)
    sounds_at = models.DateTimeField(null=True)
    sounded_at = models.DateTimeField(null=True)
    late_s = models.PositiveIntegerField(default=0)
    times = models.PositiveIntegerField(default=0)
    silenced_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["kind", "about", "step"], name="alarm_once"),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(
                fields=["sounds_at", "id"],
                condition=Q(silenced_at=None, sounds_at__isnull=False),
                name="alarm_waits",
            ),
        ]

    class Privacy:
        retention = Retention.REG
        subject = "none"
        basis = "legitimate interest"
        personal: ClassVar[dict[str, Category]] = {}
        plain = (
            *("id", "kind", "about", "step", "due_at", "repeat_s", "sounds_at", "sounded_at"),
            *("late_s", "times", "silenced_at"),
        )

    def __str__(self) -> str:
        return f"{self.kind} {self.step}"
