"""What the audiences of a breach were written, and how far each notice came."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from privacy.models.breaches import Audience, BreachCase
from smartinvoicing.classified import Category, Retention
from smartinvoicing.ids import uuid7


class BreachLetter(models.Model):
    """What one audience is written, in one language. Its words are written once; sent once.

    phase:      1 for the first letter, 2 for what was learnt later.
    is_partial: it says itself that more follows.
    by_machine: a draft that was prepared because nobody had.
    proof:      what shows that it went where we do not mail it ourselves: a receipt, a reference.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    case = models.ForeignKey(BreachCase, on_delete=models.PROTECT, related_name="letters")
    audience = models.CharField(_("audience"), max_length=10, choices=Audience)
    language = models.CharField(_("language"), max_length=5)
    phase = models.PositiveSmallIntegerField(default=1)
    is_partial = models.BooleanField(default=False)
    by_machine = models.BooleanField(default=False)
    subject = models.CharField(_("subject"), max_length=200)
    body = models.TextField(_("letter"), max_length=12000)
    body_sha256 = models.CharField(max_length=64)
    written_at = models.DateTimeField(_("written"))
    written_by = models.CharField(max_length=80)
    sent_at = models.DateTimeField(_("sent"), null=True)
    sent_by = models.CharField(max_length=80, blank=True)
    recipient = models.CharField(_("to"), max_length=254, blank=True)
    proof = models.CharField(_("proof"), max_length=300, blank=True)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=Q(sent_at=None, sent_by="") | (Q(sent_at__isnull=False) & ~Q(sent_by="")),
                name="breachletter_sent_by_somebody",
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["case", "audience", "-written_at"], name="breachletter_newest"),
        ]

    class Privacy:
        retention = Retention.REG
        subject = "recipient"
        basis = "law"
        personal = {
            "subject": Category.CONTENT,
            "body": Category.CONTENT,
            "written_by": Category.IDENTITY,
            "sent_by": Category.IDENTITY,
            "recipient": Category.CONTACT,
            "proof": Category.CONTENT,
        }
        plain = (
            *("id", "case", "audience", "language", "phase", "is_partial", "by_machine"),
            *("body_sha256", "written_at", "sent_at"),
        )

    def __str__(self) -> str:
        return f"{self.audience} {self.language} {self.phase}"


class Delivery(models.TextChoices):
    """How far one notice came; what the mail server said is kept here, longer than the mail."""

    QUEUED = "queued", _("Waits")
    SENT = "sent", _("Handed to the mail server")
    CAME_BACK = "came_back", _("Came back")
    SEEN = "seen", _("Read in the portal")
    ELSEWHERE = "elsewhere", _("Told in another way")


class BreachNotice(models.Model):
    """One letter to one recipient: a business in the portal, or one person by mail.

    mail_key: key of the OutgoingMail; the address itself is kept there alone, 180 days.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    letter = models.ForeignKey(BreachLetter, on_delete=models.PROTECT, related_name="notices")
    tenant_id = models.UUIDField(null=True)
    user_id = models.UUIDField(null=True)
    mail_key = models.CharField(max_length=120, unique=True, null=True)  # noqa: DJ001 -- none
    state = models.CharField(max_length=10, choices=Delivery, default=Delivery.QUEUED)
    made_at = models.DateTimeField()
    state_at = models.DateTimeField()
    note = models.CharField(max_length=300, blank=True)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["letter", "tenant_id"],
                condition=Q(mail_key=None),
                name="breachnotice_once_a_business",
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["tenant_id"], name="breachnotice_of_tenant"),
            models.Index(
                fields=["made_at"], condition=Q(state="queued"), name="breachnotice_waits"
            ),
        ]

    class Privacy:
        retention = Retention.REG
        subject = "recipient"
        basis = "law"
        personal = {"user_id": Category.IDENTITY, "note": Category.CONTENT}
        plain = ("id", "letter", "tenant_id", "mail_key", "state", "made_at", "state_at")

    def __str__(self) -> str:
        return f"notice {self.pk}"
