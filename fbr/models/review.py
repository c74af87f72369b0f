"""What FBR says that nobody here has words for yet: a queue for staff, of no tenant."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from invoices.enums import Channel
from smartinvoicing.classified import Category, Retention
from smartinvoicing.ids import uuid7


class UnknownCode(models.Model):
    """A code in FBR's answers that our tables do not hold, once a channel.

    It is seen in tenants' documents and stands outside their wall: `text` and `code` are masked
    before they come here, and nothing says whose document it was.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    channel = models.CharField(_("channel"), max_length=4, choices=Channel)
    code = models.CharField(_("code"), max_length=20)
    text = models.CharField(_("FBR's words, masked"), max_length=500, blank=True)
    first_seen_at = models.DateTimeField(_("first seen"))
    last_seen_at = models.DateTimeField(_("last seen"))
    times = models.PositiveBigIntegerField(_("times"), default=1)
    reviewed_at = models.DateTimeField(_("reviewed"), null=True, blank=True)
    reviewed_by = models.CharField(_("reviewed by"), max_length=254, blank=True)
    note = models.CharField(_("note"), max_length=500, blank=True)

    class Meta:
        verbose_name = _("unknown code of FBR's")
        verbose_name_plural = _("unknown codes of FBR's")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["channel", "code"], name="unknowncode_once"),
            models.CheckConstraint(
                condition=Q(reviewed_at=None, reviewed_by="")
                | (Q(reviewed_at__isnull=False) & ~Q(reviewed_by="")),
                name="unknowncode_reviewed_by_somebody",
            ),
        ]

    class Privacy:
        retention = Retention.SEC
        subject = "user"
        basis = "legitimate interest"
        subjects = {"reviewed_by": "staff"}
        export = False
        personal = {
            "text": Category.CONTENT,  # masked; a name may still stand in it
            "reviewed_by": Category.IDENTITY,
            "note": Category.CONTENT,
        }
        plain = ("id", "channel", "code", "first_seen_at", "last_seen_at", "times", "reviewed_at")

    def __str__(self) -> str:
        return f"{self.channel} {self.code}"
