"""Mail that waits to leave, and what became of mail that left."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.enums import Purpose
from smartinvoicing.classified import Category, Recipient, Retention, Use
from smartinvoicing.ids import uuid7


class MailState(models.TextChoices):
    WAITING = "waiting", _("Waits")
    SENT = "sent", _("Handed to the mail server")
    REFUSED = "refused", _("The address was refused")
    BOUNCED = "bounced", _("Came back")
    DROPPED = "dropped", _("Not sent: the consent was withdrawn")
    GIVEN_UP = "given_up", _("Could not be sent")


class OutgoingMail(models.Model):
    """One mail to one address. Of the platform: it may be to somebody who has no account.

    key:     what it is about; a second mail with the same key is never made.
    purpose: the consent that it needs, asked again when it is sent; "" where it needs none.
    context: what the template needs; emptied as soon as the mail is no longer to be sent.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    key = models.CharField(max_length=120, unique=True)
    to = models.CharField(_("to"), max_length=254)
    user_id = models.UUIDField(null=True, blank=True)
    tenant_id = models.UUIDField(null=True, blank=True)
    purpose = models.CharField(max_length=20, choices=Purpose, blank=True)
    template = models.CharField(max_length=80)
    language = models.CharField(max_length=5)
    context: models.JSONField[Any, Any] = models.JSONField(default=dict)
    state = models.CharField(_("state"), max_length=10, choices=MailState, default="waiting")
    made_at = models.DateTimeField(_("made"))
    send_after = models.DateTimeField()
    tries = models.PositiveSmallIntegerField(default=0)
    done_at = models.DateTimeField(_("done"), null=True)
    failure = models.CharField(max_length=80, blank=True)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=Q(state="waiting", done_at=None)
                | (Q(done_at__isnull=False) & Q(context={}) & ~Q(state="waiting")),
                name="mail_keeps_no_body",
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(
                fields=["send_after", "id"], condition=Q(state="waiting"), name="mail_waits"
            ),
            models.Index(fields=["made_at"], name="mail_by_age"),
            models.Index(fields=["user_id"], name="mail_of_user"),
        ]

    class Privacy:
        retention = Retention.LOG
        subject = "recipient"
        basis = "contract"
        purposes = (Use.MESSAGES,)
        recipients = dict.fromkeys(
            ("to", "context"),
            (Recipient.HOSTING, Recipient.MAIL),
        )
        personal = {
            "to": Category.CONTACT,
            "user_id": Category.IDENTITY,
            "context": Category.CONTENT,
        }
        plain = (
            *("id", "key", "tenant_id", "purpose", "template", "language", "state"),
            *("made_at", "send_after", "tries", "done_at", "failure"),
        )

    def __str__(self) -> str:
        return f"{self.template} {self.pk}"
