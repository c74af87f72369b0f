"""A question and its answers, as a letter to be printed."""

from __future__ import annotations

from django.conf import settings
from django.utils.translation import gettext as _

from invoices.letters import Letter
from privacy.models import Ticket, TicketChannel, TicketDeed, TicketState
from privacy.services import ticket_mail, ticket_words
from smartinvoicing.templatetags.formats import karachi_date, karachi_time


def transcript_of(ticket: Ticket) -> Letter:
    """All that was said, oldest first. It names the person by the address that they gave."""
    asked = ticket_words.asked(ticket)
    return Letter(
        sender=(settings.SOFTWARE, ticket_mail.contact()),
        recipient=tuple(each for each in (asked.name, asked.address) if each)
        or (_("Whoever asked under %(number)s") % {"number": ticket.reference},),
        day=karachi_date(ticket.closed_at or ticket.state_at),
        subject=asked.subject,
        opening=_("This is what was asked and answered."),
        facts=(
            (_("Number"), ticket.reference),
            (_("Came by"), str(TicketChannel(ticket.channel).label)),
            (_("Came in"), karachi_time(ticket.received_at)),
            (_("First answered"), karachi_time(ticket.first_answer_at)),
            (_("State"), str(TicketState(ticket.state).label)),
        ),
        paragraphs=tuple(
            f"{karachi_time(each.at)} · {TicketDeed(each.what).label}: "
            f"{ticket_words.text_of(each)}".rstrip(": ")
            for each in ticket.messages.order_by("at", "id")
        ),
        signed_by=(settings.SOFTWARE,),
    )
