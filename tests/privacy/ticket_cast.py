"""Questions to our support for tests, by the services."""

from __future__ import annotations

from accounts.access import Actor
from accounts.enums import Role
from accounts.models import OutgoingMail
from privacy.models import TicketChannel
from privacy.services import tickets
from privacy.services.ticket_words import Asked
from tests.conftest import NOON

STRANGER = Actor(name="person:form", permissions=frozenset())


def from_form(text="How do I print?", address="gul@example.com", at=NOON, **more):
    asked = Asked(subject="Printing", address=address, name="Gul")
    return tickets.receive(
        channel=TicketChannel.FORM, asked=asked, text=text, by=STRANGER, at=at, **more
    )


def from_member(user, tenant=None, text="How do I print?", at=NOON):
    return tickets.receive(
        channel=TicketChannel.PORTAL,
        asked=Asked(subject="Printing"),
        text=text,
        by=Actor.person(user.pk, Role.OPERATOR),
        at=at,
        user_id=user.pk,
        tenant_id=tenant.pk if tenant else None,
    )


def mails(template=""):
    found = OutgoingMail.objects.filter(template__startswith=f"privacy/mail/ticket_{template}")
    return list(found.order_by("made_at", "id"))
