"""People of ours: what each may do at the desk, what they did there, and who agreed to it."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from accounts.enums import StaffAction, StaffRole
from accounts.models.people import User
from smartinvoicing.classified import Category, Retention
from smartinvoicing.ids import uuid7


class StaffSeat(models.Model):
    """One person of ours in one role, from a day until it is taken from them."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="seats")
    role = models.CharField(_("role"), max_length=20, choices=StaffRole)
    since = models.DateTimeField(_("since"))
    given_by = models.CharField(max_length=80)
    until = models.DateTimeField(_("until"), null=True, blank=True)
    taken_by = models.CharField(max_length=80, blank=True)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["user", "role"], condition=Q(until=None), name="staffseat_once"
            ),
        ]

    class Privacy:
        retention = Retention.REG
        subject = "staff"
        basis = "legitimate interest"
        personal = {
            "user": Category.IDENTITY,
            "given_by": Category.IDENTITY,
            "taken_by": Category.IDENTITY,
        }
        plain = ("id", "role", "since", "until")

    def __str__(self) -> str:
        return f"{self.role} {self.user_id}"


class StaffDeed(models.Model):
    """One deed at the desk, written once. No personal value in `details`: ids, states, counts.

    tenant_id: the business that it was about, where it was about one. No foreign key: the line
               stays when the business is gone.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    at = models.DateTimeField(_("when"))
    who = models.CharField(_("who"), max_length=80)
    action = models.CharField(_("what"), max_length=24, choices=StaffAction)
    object_type = models.CharField(_("about"), max_length=40)
    object_id = models.CharField(max_length=40)
    tenant_id = models.UUIDField(null=True, blank=True)
    why = models.CharField(_("why"), max_length=300, blank=True)
    details = models.JSONField(default=dict)

    class Meta:
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["-at", "-id"], name="staffdeed_newest"),
            models.Index(fields=["object_type", "object_id", "at"], name="staffdeed_of_object"),
        ]

    class Privacy:
        retention = Retention.REG
        subject = "staff"
        basis = "legitimate interest"
        personal = {"who": Category.IDENTITY, "why": Category.CONTENT}
        plain = ("id", "at", "action", "object_type", "object_id", "tenant_id", "details")

    def __str__(self) -> str:
        return f"{self.action} {self.object_type} {self.object_id}"


class Approval(models.Model):
    """Four eyes: one person asks for a deed, another agrees, and it is done once.

    digest: SHA-256 of exactly what was asked for; what differs from it needs another approval.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    deed = models.CharField(_("deed"), max_length=40)
    object_type = models.CharField(max_length=40)
    object_id = models.CharField(max_length=40)
    digest = models.CharField(max_length=64)
    why = models.CharField(_("why"), max_length=300)
    asked_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    asked_at = models.DateTimeField(_("asked"))
    expires_at = models.DateTimeField(_("until"))
    answered_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    answered_at = models.DateTimeField(null=True)
    is_agreed = models.BooleanField(null=True)
    spent_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["deed", "object_type", "object_id", "digest"],
                condition=Q(spent_at=None) & (Q(is_agreed=None) | Q(is_agreed=True)),
                name="approval_open_once",
            ),
            models.CheckConstraint(
                condition=Q(answered_by=None) | ~Q(answered_by=F("asked_by")),
                name="approval_by_another",
            ),
            models.CheckConstraint(
                condition=Q(answered_by=None, answered_at=None, is_agreed=None)
                | Q(answered_by__isnull=False, answered_at__isnull=False, is_agreed__isnull=False),
                name="approval_answered_whole",
            ),
            models.CheckConstraint(
                condition=Q(spent_at=None) | Q(is_agreed=True), name="approval_spent_agreed"
            ),
        ]

    class Privacy:
        retention = Retention.REG
        subject = "staff"
        basis = "legitimate interest"
        personal = {
            "why": Category.CONTENT,
            "asked_by": Category.IDENTITY,
            "answered_by": Category.IDENTITY,
        }
        plain = (
            *("id", "deed", "object_type", "object_id", "digest", "asked_at", "expires_at"),
            *("answered_at", "is_agreed", "spent_at"),
        )

    def __str__(self) -> str:
        return f"{self.deed} {self.object_id}"
