"""What a person wrote to our support, sealed: the tables tell it to nobody who only reads them."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from accounts import traces
from accounts.models import User
from privacy.models import Ticket, TicketMessage
from privacy.services import sealed_words


@dataclass(frozen=True, kw_only=True)
class Asked:
    """Who asks from where, and about what."""

    subject: str
    address: str = ""
    name: str = ""


def write(ticket: Ticket, asked: Asked) -> None:
    """Into the row, which is not saved yet."""
    ticket.sealed = sealed_words.seal(ticket, asdict(asked))
    ticket.address_key = traces.key_of(asked.address) if asked.address else ""


def asked(ticket: Ticket) -> Asked:
    return Asked(**sealed_words.unseal(ticket))


def text_of(message: TicketMessage) -> str:
    return sealed_words.unseal(message).get("text", "")


def address_of(ticket: Ticket) -> str:
    """Where to answer: what they gave, else the address of their account; "" when it is gone."""
    given = asked(ticket).address
    if given or ticket.user_id is None:
        return given
    found = User.objects.filter(pk=ticket.user_id, is_active=True).values_list("email", flat=True)
    return found.first() or ""
