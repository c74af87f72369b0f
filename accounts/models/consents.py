"""Who agreed to what, when, and to which words; and whom we must never write to again."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.enums import Purpose
from smartinvoicing.classified import Category, Retention
from smartinvoicing.ids import uuid7


class ConsentState(models.TextChoices):
    ASKED = "asked", _("Waits for the link in the mail")
    GIVEN = "given", _("Agreed")
    REFUSED = "refused", _("Refused")
    WITHDRAWN = "withdrawn", _("Withdrawn")


class ConsentChannel(models.TextChoices):
    BANNER = "banner", _("Banner")
    PAGE = "page", _("Page of choices")
    MAIL_LINK = "mail_link", _("Link in a mail")
    SIGNAL = "signal", _("Signal of the browser (GPC)")
    STAFF = "staff", _("Our staff, as asked")
    SYSTEM = "system", _("The service itself")


class ConsentText(models.Model):
    """The words that stood behind a hash: what a person saw can be read again."""

    hash = models.CharField(max_length=64, primary_key=True)
    purpose = models.CharField(max_length=20, choices=Purpose)
    language = models.CharField(max_length=5)
    body = models.TextField(_("words"))
    first_at = models.DateTimeField(_("first shown"))

    class Privacy:
        retention = Retention.PRF
        subject = "none"
        basis = "law"
        personal: ClassVar[dict[str, Category]] = {}
        plain = ("hash", "purpose", "language", "body", "first_at")

    def __str__(self) -> str:
        return f"{self.purpose} {self.language} {self.hash[:8]}"


class ConsentEvent(models.Model):
    """One answer, written once. The last one of a subject and purpose is the state now.

    user_id, visitor, address_key: whose it is; at least one. A visitor is a random number.
    answers:  the event that asked for it by mail; a question is answered once.
    evidence: how it came about: page, list of cookies; no personal value.
    """

    id = models.BigAutoField(primary_key=True)
    at = models.DateTimeField(_("when"))
    user_id = models.UUIDField(null=True, blank=True)
    visitor = models.CharField(max_length=43, blank=True)
    address_key = models.CharField(max_length=64, blank=True)
    purpose = models.CharField(_("purpose"), max_length=20, choices=Purpose)
    state = models.CharField(_("state"), max_length=10, choices=ConsentState)
    text_hash = models.CharField(_("words"), max_length=64)
    language = models.CharField(_("language"), max_length=5)
    channel = models.CharField(_("by"), max_length=10, choices=ConsentChannel)
    ip_prefix = models.CharField(_("net"), max_length=43, blank=True)
    answers = models.BigIntegerField(null=True, unique=True)
    evidence: models.JSONField[Any, Any] = models.JSONField(default=dict)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=Q(user_id__isnull=False) | ~Q(visitor="") | ~Q(address_key=""),
                name="consent_of_somebody",
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["user_id", "purpose", "-id"], name="consent_of_user"),
            models.Index(
                fields=["visitor", "purpose", "-id"],
                condition=~Q(visitor=""),
                name="consent_of_visitor",
            ),
            models.Index(
                fields=["address_key", "purpose", "-id"],
                condition=~Q(address_key=""),
                name="consent_of_address",
            ),
        ]

    class Privacy:
        retention = Retention.PRF
        subject = "visitor"
        subjects = {"user_id": "user", "address_key": "recipient"}
        basis = "law"
        personal = {
            "user_id": Category.IDENTITY,
            "visitor": Category.TECHNICAL,
            "address_key": Category.CONTACT,
            "ip_prefix": Category.TECHNICAL,
        }
        plain = (
            *("id", "at", "purpose", "state", "text_hash", "language", "channel"),
            *("answers", "evidence"),
        )

    def __str__(self) -> str:
        return f"{self.purpose} {self.state} {self.pk}"


class SuppressionReason(models.TextChoices):
    WITHDREW = "withdrew", _("Consent withdrawn")
    ERASED = "erased", _("Data erased")
    COMPLAINED = "complained", _("Complained")
    BOUNCED = "bounced", _("Mail came back")


class Suppression(models.Model):
    """An address that gets no mail of a purpose, known by its keyed hash alone.

    purpose: "" for all that rests on consent. It ends when the address itself agrees anew.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    address_key = models.CharField(max_length=64)
    purpose = models.CharField(_("purpose"), max_length=20, choices=Purpose, blank=True)
    why = models.CharField(_("why"), max_length=10, choices=SuppressionReason)
    since = models.DateTimeField(_("since"))
    lifted_at = models.DateTimeField(_("lifted"), null=True)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["address_key", "purpose"],
                condition=Q(lifted_at=None),
                name="suppression_once",
            ),
        ]

    class Privacy:
        retention = Retention.PRF
        subject = "recipient"
        basis = "law"
        personal = {"address_key": Category.CONTACT}
        plain = ("id", "purpose", "why", "since", "lifted_at")

    def __str__(self) -> str:
        return f"{self.why} {self.pk}"
