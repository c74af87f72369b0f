"""What a person wrote to our support, sealed: the tables tell it to nobody who only reads them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from accounts import traces
from accounts.models import User
from privacy.models import Ticket, TicketMessage
from smartinvoicing import crypto

OURS = "platform"  # in the place of a tenant


@dataclass(frozen=True, kw_only=True)
class Asked:
    """Who asks from where, and about what."""

    subject: str
    address: str = ""
    name: str = ""


def seal(row: Ticket | TicketMessage, words: Mapping[str, str]) -> bytes:
    """The words as they stand in this row, and in no other."""
    return crypto.seal(json.dumps(words), tenant_id=OURS, place=_place(row))


def _unseal(row: Ticket | TicketMessage) -> dict[str, str]:
    if not row.sealed:
        return {}
    words: dict[str, str] = json.loads(
        crypto.unseal(bytes(row.sealed), tenant_id=OURS, place=_place(row))
    )
    return words


def _place(row: Ticket | TicketMessage) -> str:
    return f"{row._meta.db_table}/{row.pk}/sealed"


def write(ticket: Ticket, asked: Asked) -> None:
    """Into the row, which is not saved yet."""
    ticket.sealed = seal(ticket, asdict(asked))
    ticket.address_key = traces.key_of(asked.address) if asked.address else ""


def asked(ticket: Ticket) -> Asked:
    return Asked(**_unseal(ticket))


def text_of(message: TicketMessage) -> str:
    return _unseal(message).get("text", "")


def address_of(ticket: Ticket) -> str:
    """Where to answer: what they gave, else the address of their account; "" when it is gone."""
    given = asked(ticket).address
    if given or ticket.user_id is None:
        return given
    found = User.objects.filter(pk=ticket.user_id, is_active=True).values_list("email", flat=True)
    return found.first() or ""
