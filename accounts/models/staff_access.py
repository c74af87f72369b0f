"""When people of ours may look at a business, and each time that they did.

None of this is behind the tenant's wall: it says of us what we did, it outlives the business, and
a business reads its own through `accounts.staff_access`.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, ClassVar, Final

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from accounts.models.people import User
from smartinvoicing.classified import Category, Retention
from smartinvoicing.ids import uuid7

WINDOW_LONGEST: Final = timedelta(hours=24)
GLASS_LASTS: Final = timedelta(minutes=60)
ALONE_ONCE_IN: Final = timedelta(hours=24)  # by one person, at one business
GLASS_ALONE: Final = timedelta(minutes=15)
REVIEW_WITHIN: Final = timedelta(days=3)


class Hat(models.TextChoices):
    """In whose name we handle what was looked at."""

    PROCESSOR = "processor", _("for the business")
    CONTROLLER = "controller", _("for ourselves")


class GlassEnd(models.TextChoices):
    BY_HAND = "by_hand", _("Ended by hand")
    ALONE = "alone", _("No second person agreed in time")
    REFUSED = "refused", _("The second person refused")
    TIME = "time", _("Its time was over")


class SupportWindow(models.Model):
    """A business lets people of ours look for a while: at everything, or at one document."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant_id = models.UUIDField()
    reason = models.CharField(_("why"), max_length=300)
    document_id = models.UUIDField(null=True, blank=True)
    granted_by = models.CharField(max_length=80)
    granted_at = models.DateTimeField(_("since"))
    until = models.DateTimeField(_("until"))
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True)
    ended_by = models.CharField(max_length=80, blank=True)

    class Meta:
        verbose_name = _("support window")
        verbose_name_plural = _("support windows")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=Q(until__gt=F("granted_at"))
                & Q(until__lte=F("granted_at") + WINDOW_LONGEST),
                name="supportwindow_a_day_at_most",
            ),
            models.CheckConstraint(
                condition=Q(ended_at=None, ended_by="")
                | (Q(ended_at__isnull=False) & ~Q(ended_by="")),
                name="supportwindow_ended_whole",
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["tenant_id", "until"], name="supportwindow_of_tenant"),
        ]

    class Privacy:
        retention = Retention.STAFF
        subject = "user"
        basis = "legitimate interest"
        personal = {
            "reason": Category.CONTENT,
            "granted_by": Category.IDENTITY,
            "ended_by": Category.IDENTITY,
        }
        plain = ("id", "tenant_id", "document_id", "granted_at", "until", "ended_at")

    def __str__(self) -> str:
        return f"window {self.pk}"


class BreakGlass(models.Model):
    """One of ours looks at a business that did not ask: in an emergency, or because law wants it.

    legal_bar: why the business may not be told of it now; "" where it is told at once.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant_id = models.UUIDField()
    staff = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    reason = models.CharField(_("why"), max_length=300)
    ticket = models.CharField(_("ticket"), max_length=80)
    opened_at = models.DateTimeField(_("since"))
    confirm_by = models.DateTimeField()
    until = models.DateTimeField(_("until"))
    confirmed_by = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    confirmed_at = models.DateTimeField(_("second person agreed"), null=True, blank=True)
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True)
    end = models.CharField(_("how it ended"), max_length=10, choices=GlassEnd, blank=True)
    legal_bar = models.CharField(_("legal bar"), max_length=300, blank=True)
    told_at = models.DateTimeField(_("business told"), null=True, blank=True)
    reviewed_by = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    reviewed_at = models.DateTimeField(_("reviewed"), null=True, blank=True)
    review = models.CharField(_("what the review found"), max_length=300, blank=True)

    class Meta:
        verbose_name = _("emergency access")
        verbose_name_plural = _("emergency accesses")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=Q(until__lte=F("opened_at") + GLASS_LASTS)
                & Q(confirm_by__lte=F("opened_at") + GLASS_ALONE),
                name="breakglass_an_hour_at_most",
            ),
            models.CheckConstraint(
                condition=(Q(confirmed_by=None) | ~Q(confirmed_by=F("staff")))
                & (Q(reviewed_by=None) | ~Q(reviewed_by=F("staff"))),
                name="breakglass_by_another",
            ),
            models.CheckConstraint(
                condition=~Q(legal_bar="") | Q(told_at__isnull=False),
                name="breakglass_told_or_barred",
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["tenant_id", "until"], name="breakglass_of_tenant"),
        ]

    class Privacy:
        retention = Retention.STAFF
        subject = "staff"
        basis = "legitimate interest"
        personal = {
            "staff": Category.IDENTITY,
            "reason": Category.CONTENT,
            "confirmed_by": Category.IDENTITY,
            "legal_bar": Category.CONTENT,
            "reviewed_by": Category.IDENTITY,
            "review": Category.CONTENT,
        }
        plain = (
            *("id", "tenant_id", "ticket", "opened_at", "confirm_by", "until", "confirmed_at"),
            *("ended_at", "end", "told_at", "reviewed_at"),
        )

    def __str__(self) -> str:
        return f"glass {self.pk}"


class StaffLook(models.Model):
    """One request of ours that touched rows of a business; written before its answer left.

    objects: ids of what a list showed; object_id where it was one. fields: what was unmasked.
    result:  status of the answer.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    at = models.DateTimeField(_("when"))
    who = models.CharField(_("who"), max_length=80)
    role = models.CharField(_("role"), max_length=20)
    hat = models.CharField(_("in whose name"), max_length=10, choices=Hat, default=Hat.PROCESSOR)
    tenant_id = models.UUIDField()
    page = models.CharField(_("page"), max_length=40)
    object_type = models.CharField(_("of what"), max_length=40, blank=True)
    object_id = models.CharField(max_length=40, blank=True)
    objects_shown: models.JSONField[Any, Any] = models.JSONField(default=list)
    rows_shown = models.PositiveIntegerField(_("rows"), default=0)
    fields_revealed: models.JSONField[Any, Any] = models.JSONField(_("unmasked"), default=list)
    purpose = models.CharField(_("why"), max_length=300)
    window_id = models.UUIDField(null=True, blank=True)
    glass_id = models.UUIDField(null=True, blank=True)
    method = models.CharField(max_length=8)
    result = models.PositiveSmallIntegerField(_("answer"))

    class Meta:
        verbose_name = _("look of our staff")
        verbose_name_plural = _("looks of our staff")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=Q(window_id=None, glass_id__isnull=False)
                | Q(window_id__isnull=False, glass_id=None),
                name="stafflook_has_one_grant",
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["-at", "-id"], name="stafflook_newest"),
            models.Index(fields=["tenant_id", "-at", "-id"], name="stafflook_of_tenant"),
            models.Index(fields=["who", "at"], name="stafflook_of_person"),
        ]

    class Privacy:
        retention = Retention.STAFF
        subject = "staff"
        basis = "legitimate interest"
        personal = {"who": Category.IDENTITY, "purpose": Category.CONTENT}
        plain = (
            *("id", "at", "role", "hat", "tenant_id", "page", "object_type", "object_id"),
            *("objects_shown", "rows_shown", "fields_revealed", "window_id", "glass_id"),
            *("method", "result"),
        )

    def __str__(self) -> str:
        return f"{self.page} {self.tenant_id}"


class StaffTie(models.Model):
    """Somebody of ours knows a business too well to look at it: family, shares, a past job."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    staff = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    tenant_id = models.UUIDField(_("business"))
    why = models.CharField(_("why"), max_length=200)
    said_by = models.CharField(max_length=80)
    said_at = models.DateTimeField(_("since"))

    class Meta:
        verbose_name = _("tie to a business")
        verbose_name_plural = _("ties to businesses")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["staff", "tenant_id"], name="stafftie_once"),
        ]

    class Privacy:
        retention = Retention.STAFF
        subject = "staff"
        basis = "legitimate interest"
        personal = {
            "staff": Category.IDENTITY,
            "why": Category.CONTENT,
            "said_by": Category.IDENTITY,
        }
        plain = ("id", "tenant_id", "said_at")

    def __str__(self) -> str:
        return f"tie {self.pk}"
