"""Notices to everybody: who is told of what is coming, and what became of each mail."""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar, Final

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.models import PolicyVersion, User
from smartinvoicing.classified import Category, Retention
from smartinvoicing.ids import uuid7

AHEAD: Final = timedelta(days=30)  # the least time between a notice and what it is about


class CampaignKind(models.TextChoices):
    POLICY = "policy", _("A text of ours changes")
    TRANSFER = "transfer", _("The business passes to somebody else")
    SUBPROCESSOR = "subprocessor", _("Somebody new helps us")


class Arrival(models.TextChoices):
    """What became of one person's notice."""

    PLANNED = "planned", _("Not tried yet")
    POSTED = "posted", _("On its way")
    SENT = "sent", _("Handed to the mail server")
    FAILED = "failed", _("Did not arrive")


class Campaign(models.Model):
    """A notice to every registered person, at least thirty days before its matter.

    version:      the English text of a policy change; its other languages come along.
    about:        of a transfer or a new helper: who, and what becomes of the data, in plain words.
    days_ahead:   the least number of days between telling and taking effect.
    effective_at: when it takes effect; put off while fewer than 95 percent have been tried.
    listed_at:    when everybody of that time was last known to stand on its list.
    reached_at:   when 95 percent had been tried.
    carried_out_at: when the matter took effect. Without `reached_at`, or too early, the database
                  refuses it.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    kind = models.CharField(_("what for"), max_length=12, choices=CampaignKind)
    version = models.OneToOneField(
        PolicyVersion, on_delete=models.PROTECT, null=True, blank=True, related_name="campaign"
    )
    about = models.TextField(_("what is coming, in plain words"))
    days_ahead = models.PositiveSmallIntegerField(_("days ahead"), default=AHEAD.days)
    planned_at = models.DateTimeField(_("planned"))
    planned_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    effective_at = models.DateTimeField(_("takes effect"))
    started_at = models.DateTimeField(_("begun"), null=True)
    listed_at = models.DateTimeField(null=True)
    reached_at = models.DateTimeField(_("95 percent tried"), null=True)
    told_in_app_at = models.DateTimeField(_("bells rung"), null=True)
    quiet_at = models.DateTimeField(_("bells silent"), null=True)
    put_off = models.PositiveSmallIntegerField(_("times put off"), default=0)
    carried_out_at = models.DateTimeField(_("took effect"), null=True)
    withdrawn_at = models.DateTimeField(_("withdrawn"), null=True)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=Q(kind="policy", version__isnull=False)
                | (~Q(kind="policy") & Q(version=None)),
                name="campaign_about_one_thing",
            ),
            models.CheckConstraint(
                condition=Q(days_ahead__gte=AHEAD.days), name="campaign_days_enough"
            ),
            models.CheckConstraint(
                condition=Q(carried_out_at=None)
                | (
                    Q(reached_at__isnull=False)
                    & Q(withdrawn_at=None)
                    & Q(carried_out_at__gte=models.F("effective_at"))
                    & Q(carried_out_at__gte=models.F("reached_at") + AHEAD)
                ),
                name="campaign_told_before_done",
            ),
        ]

    class Privacy:
        retention = Retention.REG
        subject = "staff"
        basis = "legitimate interest"
        personal: ClassVar[dict[str, Category]] = {"planned_by": Category.IDENTITY}
        plain = (
            *("id", "kind", "version", "about", "days_ahead", "planned_at", "effective_at"),
            *("started_at", "listed_at", "reached_at", "told_in_app_at", "quiet_at", "put_off"),
            *("carried_out_at", "withdrawn_at"),
        )

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"


class CampaignNotice(models.Model):
    """One person's notice of one campaign: tried, arrived or not, shown in the app.

    tries:    how many mails were made for it; a second only when the first never left.
    shown_at: when the person saw it here, after signing in: the second way.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    campaign = models.ForeignKey(Campaign, on_delete=models.PROTECT, related_name="notices")
    user_id = models.UUIDField()
    delivery = models.CharField(_("by mail"), max_length=8, choices=Arrival, default="planned")
    tries = models.PositiveSmallIntegerField(default=0)
    posted_at = models.DateTimeField(null=True)
    tried_at = models.DateTimeField(_("tried"), null=True)
    failure = models.CharField(_("why it failed"), max_length=12, blank=True)
    shown_at = models.DateTimeField(_("shown here"), null=True)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["campaign", "user_id"], name="notice_once_a_person"),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["campaign", "delivery", "id"], name="notice_by_delivery"),
            models.Index(fields=["user_id"], name="notice_of_user"),
        ]

    class Privacy:
        retention = Retention.PRF
        subject = "user"
        basis = "law"
        personal = {"user_id": Category.IDENTITY}
        plain = (
            *("id", "campaign", "delivery", "tries", "posted_at", "tried_at", "failure"),
            "shown_at",
        )

    def __str__(self) -> str:
        return f"{self.campaign_id} {self.delivery}"
