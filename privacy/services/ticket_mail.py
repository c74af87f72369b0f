"""What a ticket tells by mail: the person, the business whose door is asked for, our support."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.urls import reverse

from accounts import staff, tenancy
from accounts.access import MAY
from accounts.enums import Desk, Permission
from accounts.models import Membership, OutgoingMail
from accounts.services import mailing
from privacy.models import Ticket
from privacy.services import desk, ticket_words
from smartinvoicing.templatetags import formats

KIND: Final = "ticket"  # of alarms and tasks
_SENT: Final = re.compile(r"<mail-([0-9a-f-]{36})@smartinvoicing>")
_ABOUT: Final = re.compile(r"ticket-([0-9a-f-]{36})-")


def contact() -> str:
    """Where people write to us."""
    return settings.SUPPORT_EMAIL or settings.PRIVACY_EMAIL


def tell_person(ticket: Ticket, template: str, *, key: str, at: datetime, **context: Any) -> bool:
    """Mail the person once for each `key`; False where no address is left to mail to."""
    address = ticket_words.address_of(ticket)
    if not address:
        return False
    mailing.post(
        key=f"ticket-{ticket.pk}-{key}",
        to=address,
        template=f"privacy/mail/{template}",
        context=_about(ticket) | context,
        at=at,
        user_id=ticket.user_id,
        tenant_id=ticket.tenant_id,
        language=ticket.language,
    )
    return True


def _about(ticket: Ticket) -> dict[str, Any]:
    page = reverse("privacy:ticket", args=[ticket.pk]) if ticket.user_id else ""
    return {
        "reference": ticket.reference,
        "subject": ticket_words.asked(ticket).subject,
        "due": formats.karachi_time(ticket.due_at) if ticket.due_at else "",
        "page": settings.PUBLIC_URL + page if page else "",
        "contact": contact(),
        "reply_to": contact(),
    }


def ask_business(ticket: Ticket, *, reason: str, at: datetime) -> int:
    """Mail everybody in the business who may let our people look; how many they are."""
    if ticket.tenant_id is None:
        return 0
    roles = [role for role, may in MAY.items() if Permission.MANAGE_BUSINESS in may]
    with tenancy.in_tenant(ticket.tenant_id):
        people = Membership.objects.filter(role__in=roles, user__is_active=True)
        told = list(people.values_list("user_id", "user__email"))
    for user_id, address in told:
        mailing.post(
            key=f"ticket-{ticket.pk}-window-{ticket.messages.count()}-{user_id}",
            to=address,
            template="privacy/mail/ticket_window",
            context={
                "reference": ticket.reference,
                "reason": reason,
                "url": settings.PUBLIC_URL + reverse("accounts:staff_access"),
                "reply_to": contact(),
            },
            at=at,
            user_id=user_id,
            tenant_id=ticket.tenant_id,
            language=ticket.language,
        )
    return len(told)


def alert_desk(ticket: Ticket, *, at: datetime, time: int) -> None:
    """It is late: our support hears of it, from the second day on who runs the service as well."""
    desk.open_task(
        KIND,
        str(ticket.pk),
        title=ticket.reference,
        url=reverse("admin:privacy_ticket_change", args=[ticket.pk]),
        at=at,
        due_at=ticket.due_at,
    )
    people: list[tuple[str, Any]] = [
        (user.email, user.pk) for user in staff.with_deed(Desk.WORK_TICKETS)
    ]
    if time > 1 or not people:
        owners = settings.PRIVACY_OWNER_EMAILS or settings.OPERATOR_EMAILS
        people += [(address, None) for address in owners]
    url = settings.PUBLIC_URL + reverse("admin:privacy_ticket_change", args=[ticket.pk])
    for place, (address, user_id) in enumerate(people):
        mailing.post(
            key=f"ticket-{ticket.pk}-late-{ticket.rounds}-{time}-{user_id or place}",
            to=address,
            template="privacy/mail/ticket_late",
            context={
                "reference": ticket.reference,
                "due": formats.karachi_time(ticket.due_at) if ticket.due_at else "",
                "url": url,
            },
            at=at,
            user_id=user_id,
        )


def ticket_behind(references: str) -> UUID | None:
    """Which ticket a mail of ours was about, by the message ids that an answer to it names."""
    for found in _SENT.findall(references):
        try:
            mail_id = UUID(found)
        except ValueError:
            continue
        keys = OutgoingMail.objects.filter(pk=mail_id).values_list("key", flat=True)
        about = _ABOUT.match(keys.first() or "")
        if about:
            return UUID(about.group(1))
    return None
