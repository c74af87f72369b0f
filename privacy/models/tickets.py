"""Questions to our support: who asks, how long they have waited, and what was said."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from smartinvoicing.classified import Category, Recipient, Retention
from smartinvoicing.ids import uuid7


class TicketChannel(models.TextChoices):
    FORM = "form", _("Contact form")
    MAIL = "mail", _("Mail")
    PORTAL = "portal", _("Own page")


class TicketState(models.TextChoices):
    OPEN = "open", _("Waits for us")
    WAITING = "waiting", _("Waits for the person")
    ANSWERED = "answered", _("Answered")
    CLOSED = "closed", _("Closed")


class Ticket(models.Model):
    """One question. Its state is written by `services.tickets` and nobody else.

    sealed:      who asks from where and about what, as JSON under the installation's key.
    address_key: keyed hash of the address, to find what else the same person asked.
    tenant_id:   the business in whose name a member asks; its owners read it too.
    rounds:      how often it came to wait for us; each round has an alarm of its own.
    due_at:      until when we answer; empty while it does not wait for us.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    channel = models.CharField(_("came by"), max_length=6, choices=TicketChannel)
    state = models.CharField(_("state"), max_length=8, choices=TicketState, default="open")
    state_at = models.DateTimeField()
    user_id = models.UUIDField(null=True, blank=True)
    tenant_id = models.UUIDField(null=True, blank=True)
    sealed = models.BinaryField()
    address_key = models.CharField(max_length=64, blank=True)
    language = models.CharField(max_length=5, default="en")
    received_at = models.DateTimeField(_("received"))
    rounds = models.PositiveSmallIntegerField(default=1)
    due_at = models.DateTimeField(_("answered by"), null=True)
    first_answer_at = models.DateTimeField(_("first answered"), null=True)
    closed_at = models.DateTimeField(_("closed"), null=True)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=Q(state__in=[state.value for state in TicketState]),
                name="ticket_state_is_known",
            ),
            models.CheckConstraint(
                condition=Q(state="closed", closed_at__isnull=False)
                | (~Q(state="closed") & Q(closed_at=None)),
                name="ticket_closed_when_closed",
            ),
            models.CheckConstraint(
                condition=Q(state="open", due_at__isnull=False)
                | (~Q(state="open") & Q(due_at=None)),
                name="ticket_clock_runs_while_open",
            ),
            models.CheckConstraint(
                condition=Q(user_id__isnull=False) | ~Q(address_key=""),
                name="ticket_has_somebody_to_answer",
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["due_at", "id"], condition=Q(state="open"), name="ticket_waits"),
            models.Index(fields=["user_id", "-received_at"], name="ticket_of_user"),
            models.Index(fields=["tenant_id", "-received_at"], name="ticket_of_tenant"),
            models.Index(fields=["address_key", "-received_at"], name="ticket_of_address"),
            models.Index(fields=["closed_at"], name="ticket_by_age"),
        ]

    class Privacy:
        retention = Retention.SUP
        subject = "requester"
        basis = "contract"
        recipients = {"sealed": (Recipient.HOSTING, Recipient.MAIL)}
        personal = {
            "user_id": Category.IDENTITY,
            "sealed": Category.CONTENT,
            "address_key": Category.CREDENTIAL,
        }
        plain = (
            *("id", "channel", "state", "state_at", "tenant_id", "language", "received_at"),
            *("rounds", "due_at", "first_answer_at", "closed_at"),
        )

    def __str__(self) -> str:
        return self.reference

    @property
    def reference(self) -> str:
        """What people call it on the telephone."""
        return f"T-{self.id.hex[-8:].upper()}"


class TicketDeed(models.TextChoices):
    """What one line of a ticket is."""

    WROTE = "wrote", _("Wrote")
    ANSWERED = "answered", _("Answered")
    ASKED = "asked", _("Asked back")
    WINDOW = "window", _("Asked for a support window")
    HANDED = "handed", _("Handed to the privacy desk")
    CLOSED = "closed", _("Closed")


class TicketMessage(models.Model):
    """One line of a ticket, written once; it goes when its ticket goes.

    sealed:   the words, like the ticket's. mail_key: hash of the Message-ID that brought it.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    # The database takes the lines along with their ticket: see the migration.
    ticket = models.ForeignKey(
        Ticket, on_delete=models.DO_NOTHING, related_name="messages", db_constraint=False
    )
    at = models.DateTimeField(_("when"))
    by = models.CharField(_("who"), max_length=80)
    what = models.CharField(_("what"), max_length=8, choices=TicketDeed)
    sealed = models.BinaryField(default=bytes)
    mail_key = models.CharField(max_length=64, null=True, blank=True, unique=True)

    class Meta:
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["ticket", "at", "id"], name="ticketmessage_in_order"),
        ]

    class Privacy:
        retention = Retention.SUP
        subject = "requester"
        basis = "contract"
        recipients = {"sealed": (Recipient.HOSTING, Recipient.MAIL)}
        personal = {
            "by": Category.IDENTITY,
            "sealed": Category.CONTENT,
            "mail_key": Category.CREDENTIAL,
        }
        plain = ("id", "ticket", "at", "what")

    def __str__(self) -> str:
        return f"{self.what} {self.ticket_id}"
