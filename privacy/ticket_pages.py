"""What the pages of questions show, as plain values for their templates."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

from django.conf import settings
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from privacy import support_hours
from privacy.models import Ticket, TicketDeed, TicketMessage, TicketState
from privacy.services import ticket_mail, ticket_words
from smartinvoicing.templatetags.formats import karachi_time

Row = dict[str, Any]

_LOOKS: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        TicketState.OPEN: ("wait", "clock"),
        TicketState.WAITING: ("attention", "question"),
        TicketState.ANSWERED: ("ok", "check-circle"),
        TicketState.CLOSED: ("neutral", "lock"),
    }
)
_LINES: Final[Mapping[str, tuple[str, str, Any]]] = MappingProxyType(
    {
        TicketDeed.WROTE: ("neutral", "mail", gettext_lazy("Question")),
        TicketDeed.ANSWERED: ("ok", "check", gettext_lazy("Answer")),
        TicketDeed.ASKED: ("attention", "question", gettext_lazy("A question to you")),
        TicketDeed.WINDOW: ("attention", "eye", gettext_lazy("We ask to look")),
        TicketDeed.HANDED: ("neutral", "shield", gettext_lazy("Handed to the privacy desk")),
        TicketDeed.CLOSED: ("neutral", "lock", gettext_lazy("Closed")),
    }
)


def badge_of(ticket: Ticket, *, is_desk: bool = False) -> Row:
    """is_desk: for our people, to whom the person is not "you"."""
    tone, icon = _LOOKS[ticket.state]
    is_theirs = ticket.state == TicketState.WAITING and not is_desk
    label = _("Waits for you") if is_theirs else str(TicketState(ticket.state).label)
    return {"tone": tone, "icon": icon, "label": label}


def clock_of(ticket: Ticket, *, at: datetime) -> str:
    """How long until somebody answers, in words; "" while nobody waits for us."""
    if ticket.due_at is None:
        return ""
    words = {"time": karachi_time(ticket.due_at)}
    if ticket.due_at <= at:
        return _("late since %(time)s") % words
    return _("answered by %(time)s") % words


def row(ticket: Ticket, *, at: datetime, me: Any = None, is_desk: bool = False) -> Row:
    """me: the id of whoever looks; a colleague's question says that it is one."""
    return {
        "url": reverse("privacy:ticket", args=[ticket.pk]),
        "reference": ticket.reference,
        "subject": ticket_words.asked(ticket).subject,
        "received": ticket.received_at,
        "badge": badge_of(ticket, is_desk=is_desk),
        "clock": clock_of(ticket, at=at),
        "is_late": ticket.due_at is not None and ticket.due_at <= at,
        "is_mine": ticket.user_id == me,
    }


def talk(ticket: Ticket, *, me: Any = None, names: bool = False) -> list[Row]:
    """What was said, newest first. names: whether ids of our people are shown."""
    messages = ticket.messages.order_by("-at", "-id")
    return [_line(each, me=me, names=names) for each in messages]


def _line(message: TicketMessage, *, me: Any, names: bool) -> Row:
    tone, icon, title = _LINES[message.what]
    return {
        "tone": tone,
        "icon": icon,
        "title": title,
        "at": message.at,
        "by": message.by if names else _who(message.by, me),
        "text": ticket_words.text_of(message),
        "details": [],
    }


def _who(by: str, me: Any) -> str:
    """To people outside, ours are ours and no more; a colleague is a colleague."""
    kind, _colon, whose = by.partition(":")
    if kind == "user":
        return _("You") if whose == str(me) else _("A colleague")
    words = {"staff": _("SmartInvoicing"), "system": _("by itself")}
    return words.get(kind, _("You"))


def hours() -> list[str]:
    return support_hours.said(support_hours.read(settings.SUPPORT_HOURS))


def reach() -> Row:
    """Who answers, when and where: the same on each page that says it."""
    return {
        "hours": hours(),
        "email": ticket_mail.contact(),
        "company": settings.COMPANY_NAME,
        "address": settings.COMPANY_ADDRESS,
        "privacy_email": settings.PRIVACY_EMAIL,
    }


def asks_window(ticket: Ticket) -> bool:
    """Whether the last word was that we would like to look."""
    newest = ticket.messages.order_by("-at", "-id").values_list("what", flat=True).first()
    return newest == TicketDeed.WINDOW
