"""Questions to our support: one door in, one writer of their state, a clock for each answer.

A question waits for us until somebody answers; an answer that nobody contradicts for two weeks
closes it. What a person writes afterwards opens it again, or is a new one where it is long closed.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils.translation import gettext as _

from accounts import staff, tenancy, traces
from accounts.access import Actor
from accounts.enums import Desk, Permission, StaffAction
from accounts.models import User
from privacy import support_hours
from privacy.models import (
    Alarm,
    RequestChannel,
    RequestType,
    SubjectRequest,
    Ticket,
    TicketChannel,
    TicketDeed,
    TicketMessage,
    TicketState,
)
from privacy.services import alarms, desk, requests, sealed_words, ticket_mail, ticket_words
from privacy.services.request_words import Said
from privacy.services.ticket_mail import KIND
from privacy.services.ticket_words import Asked
from smartinvoicing.celery import tell
from smartinvoicing.errors import NotAllowed, NotFound, RuleViolation, StateConflict

logger = logging.getLogger(__name__)

A_DAY: Final = 20  # from one address; more are kept as none
DAY: Final = timedelta(days=1)
QUIET: Final = timedelta(days=14)  # without a word: it is settled
OPENS_AGAIN: Final = timedelta(days=30)  # after it was closed; later it is a new question
SYSTEM: Final = Actor.system("privacy.tickets")
NEXT: Final[Mapping[TicketState, frozenset[TicketState]]] = MappingProxyType(
    {
        TicketState.OPEN: frozenset(
            {TicketState.WAITING, TicketState.ANSWERED, TicketState.CLOSED}
        ),
        TicketState.WAITING: frozenset(
            {TicketState.OPEN, TicketState.ANSWERED, TicketState.CLOSED}
        ),
        TicketState.ANSWERED: frozenset(
            {TicketState.OPEN, TicketState.WAITING, TicketState.CLOSED}
        ),
        TicketState.CLOSED: frozenset({TicketState.OPEN}),
    }
)
_BECOMES: Final[Mapping[TicketDeed, TicketState]] = MappingProxyType(
    {
        TicketDeed.WROTE: TicketState.OPEN,
        TicketDeed.ANSWERED: TicketState.ANSWERED,
        TicketDeed.ASKED: TicketState.WAITING,
        TicketDeed.WINDOW: TicketState.WAITING,
        TicketDeed.HANDED: TicketState.CLOSED,
        TicketDeed.CLOSED: TicketState.CLOSED,
    }
)


def due(at: datetime) -> datetime:
    """Until when a question of this moment is answered."""
    return support_hours.answer_due(support_hours.read(settings.SUPPORT_HOURS), at)


# --- in ---------------------------------------------------------------------------------------


@transaction.atomic
def receive(
    *,
    channel: TicketChannel,
    asked: Asked,
    text: str,
    by: Actor,
    at: datetime,
    user_id: UUID | None = None,
    tenant_id: UUID | None = None,
    language: str = "en",
    mail_key: str | None = None,
) -> Ticket | None:
    """Keep a question, start its clock, say at once that it came. Nothing attached is kept.

    None, with nothing kept and nothing mailed, where this person wrote too often today.
    """
    if _is_too_often(user_id, asked.address, at):
        logger.warning("ticket.too_often", extra={"channel": str(channel)})
        return None
    ticket = Ticket(
        channel=channel,
        state_at=at,
        user_id=user_id,
        tenant_id=tenant_id,
        language=language if language in {"en", "ur"} else "en",
        received_at=at,
        due_at=due(at),
    )
    ticket_words.write(ticket, asked)
    ticket.save(force_insert=True)
    _write(ticket, TicketDeed.WROTE, text, by=by, at=at, mail_key=mail_key)
    _start_clock(ticket)
    ticket_mail.tell_person(ticket, "ticket_received", key="received", at=at)
    return ticket


def _is_too_often(user_id: UUID | None, address: str, at: datetime) -> bool:
    whose = Q(user_id=user_id) if user_id else Q(address_key__in=traces.keys_of(address))
    return Ticket.objects.filter(whose, received_at__gt=at - DAY).count() >= A_DAY


@transaction.atomic
def hear_person(
    ticket: Ticket, *, text: str, by: Actor, at: datetime, mail_key: str | None = None
) -> None:
    """The person wrote again: it waits for us, by a clock of its own if it did not already.

    Only they write into it: whoever runs their business reads along.
    Raises: NotAllowed; RuleViolation where it was closed too long ago, or today's are used up.
    """
    if by.user_id is not None and by.user_id != ticket.user_id:
        raise NotAllowed(_("Only the person who asked adds something to a question."))
    held = Ticket.objects.select_for_update().get(pk=ticket.pk)
    if not takes_answers(held, at=at):
        raise RuleViolation(_("This question was closed long ago. Ask a new one."))
    today = held.messages.filter(what=TicketDeed.WROTE, at__gt=at - DAY)
    if today.count() >= A_DAY:
        raise RuleViolation(_("That is a lot for one day. Write again tomorrow."))
    _write(held, TicketDeed.WROTE, text, by=by, at=at, mail_key=mail_key)
    if held.state != TicketState.OPEN:
        _transition(held, TicketState.OPEN, at=at)
    ticket.refresh_from_db()


def takes_answers(ticket: Ticket, *, at: datetime) -> bool:
    return ticket.closed_at is None or at - ticket.closed_at < OPENS_AGAIN


def _write(
    ticket: Ticket,
    what: TicketDeed,
    text: str,
    *,
    by: Actor,
    at: datetime,
    mail_key: str | None = None,
) -> TicketMessage:
    message = TicketMessage(ticket=ticket, at=at, by=by.name, what=what, mail_key=mail_key)
    if text:
        message.sealed = sealed_words.seal(message, {"text": text})
    message.save(force_insert=True)
    return message


# --- its state --------------------------------------------------------------------------------


def _transition(ticket: Ticket, to: TicketState, *, at: datetime, **also: Any) -> None:
    """Take `ticket` to `to` and set its clocks. Raises: StateConflict when it is elsewhere."""
    was = TicketState(ticket.state)
    if to not in NEXT[was]:
        raise StateConflict(
            _("A question that is “%(was)s” cannot become “%(to)s”.")
            % {"was": was.label, "to": to.label}
        )
    opens = to == TicketState.OPEN
    found = Ticket.objects.filter(pk=ticket.pk, state=was)
    changed = found.update(
        state=to,
        state_at=at,
        due_at=due(at) if opens else None,
        rounds=F("rounds") + 1 if opens else F("rounds"),
        closed_at=at if to == TicketState.CLOSED else None,
        **also,
    )
    if not changed:
        raise StateConflict(_("Somebody else worked on this question first. Look at it again."))
    ticket.refresh_from_db()
    alarms.silence(KIND, ticket.pk, at=at)
    if opens:
        _start_clock(ticket)
        return
    desk.done(KIND, str(ticket.pk), at=at)
    if to != TicketState.CLOSED:
        # An answer is settled by silence; each answer counts its own two weeks.
        step = f"quiet-{ticket.messages.count()}"
        alarms.set_alarm(KIND, ticket.pk, step, due_at=at + QUIET)


def _start_clock(ticket: Ticket) -> None:
    if ticket.due_at is not None:
        step = f"answer-{ticket.rounds}"
        alarms.set_alarm(KIND, ticket.pk, step, due_at=ticket.due_at, repeat=DAY)


def hear(alarm: Alarm, *, at: datetime) -> None:
    """Nobody answered in time, or the person has nothing more to say."""
    ticket = Ticket.objects.select_for_update().filter(pk=alarm.about).first()
    if ticket is None or ticket.state == TicketState.CLOSED:
        alarms.silence(KIND, alarm.about, at=at)
    elif alarm.step.startswith("quiet") and ticket.state != TicketState.OPEN:
        _close(ticket, TicketDeed.CLOSED, by=SYSTEM, at=at)
    elif alarm.step.startswith("answer") and ticket.state == TicketState.OPEN:
        ticket_mail.alert_desk(ticket, at=at, time=alarm.times + 1)


def _close(ticket: Ticket, what: TicketDeed, *, by: Actor, at: datetime, text: str = "") -> None:
    _write(ticket, what, text, by=by, at=at)
    _transition(ticket, TicketState.CLOSED, at=at)


# --- deeds of our people ----------------------------------------------------------------------


@transaction.atomic
def answer(ticket: Ticket, *, text: str, waits: bool, by: User, at: datetime) -> None:
    """Mail the person. waits: we asked something back. Raises: NotAllowed; StateConflict."""
    what = TicketDeed.ASKED if waits else TicketDeed.ANSWERED
    _say(ticket, what, text, by=by, at=at)
    ticket_mail.tell_person(
        ticket,
        "ticket_answer",
        key=f"answer-{ticket.messages.count()}",
        at=at,
        text=text,
        asks=waits,
    )
    staff.record(by, StaffAction.SENT, ticket, at=at, tenant_id=ticket.tenant_id, waits=waits)


def _say(ticket: Ticket, what: TicketDeed, text: str, *, by: User, at: datetime) -> None:
    """Write a line of ours and take the ticket where that line leads."""
    staff.allow(by, Desk.WORK_TICKETS)
    held = Ticket.objects.select_for_update().get(pk=ticket.pk)
    _write(held, what, text, by=Actor.staff(by.pk), at=at)
    to = _BECOMES[what]
    first = held.first_answer_at or at
    if held.state == to and to != TicketState.CLOSED:
        alarms.silence(KIND, held.pk, at=at)
        step = f"quiet-{held.messages.count()}"
        alarms.set_alarm(KIND, held.pk, step, due_at=at + QUIET)
    else:
        _transition(held, to, at=at, first_answer_at=first)
    ticket.refresh_from_db()


@transaction.atomic
def ask_window(ticket: Ticket, *, reason: str, by: User, at: datetime) -> int:
    """Ask the business to let our people look; it opens the door itself, or does not.

    Returns how many people of it were asked.
    Raises: NotAllowed; RuleViolation where nobody asks for a business.
    """
    staff.allow(by, Desk.WORK_TICKETS)
    if ticket.tenant_id is None:
        raise RuleViolation(_("This question concerns no business: there is no door to open."))
    _say(ticket, TicketDeed.WINDOW, reason, by=by, at=at)
    told = ticket_mail.ask_business(ticket, reason=reason, at=at)
    staff.record(by, StaffAction.SENT, ticket, at=at, tenant_id=ticket.tenant_id, deed="window")
    return told


@transaction.atomic
def close(ticket: Ticket, *, by: User, at: datetime) -> None:
    """Without another word. Raises: NotAllowed; StateConflict when it is closed."""
    staff.allow(by, Desk.WORK_TICKETS)
    held = Ticket.objects.select_for_update().get(pk=ticket.pk)
    _close(held, TicketDeed.CLOSED, by=Actor.staff(by.pk), at=at)
    ticket.refresh_from_db()
    staff.record(by, StaffAction.CLOSED, ticket, at=at, tenant_id=ticket.tenant_id)


@transaction.atomic
def hand_over(ticket: Ticket, *, type: RequestType, by: User, at: datetime) -> SubjectRequest:  # noqa: A002 -- the word of the law
    """It is a person's right, whoever they wrote to: the privacy desk has it from now on.

    Its time counts from the day on which the person wrote.
    Raises: NotAllowed; StateConflict when it is closed.
    """
    staff.allow(by, Desk.WORK_TICKETS)
    held = Ticket.objects.select_for_update().get(pk=ticket.pk)
    actor = Actor.staff(by.pk)
    _close(held, TicketDeed.HANDED, by=actor, at=at)
    asked = ticket_words.asked(held)
    made = requests.receive(
        type=type,
        channel=RequestChannel.PROFILE if held.user_id else RequestChannel.MAILBOX,
        at=held.received_at,
        user_id=held.user_id,
        said=Said(address=asked.address, name=asked.name, text=_words_of(held)),
        language=held.language,
        by=actor,
    )
    requests.await_proof(made, by=actor, at=at)
    transaction.on_commit(lambda: tell(requests.TASK))
    staff.record(by, StaffAction.CHANGED, held, at=at, request=str(made.pk), deed="hand_over")
    ticket.refresh_from_db()
    return made


def _words_of(ticket: Ticket) -> str:
    wrote = ticket.messages.filter(what=TicketDeed.WROTE).order_by("at", "id")
    lines = [ticket_words.asked(ticket).subject, *(ticket_words.text_of(each) for each in wrote)]
    return "\n\n".join(lines)[:4000]


# --- questions --------------------------------------------------------------------------------


def of_member(actor: Actor) -> QuerySet[Ticket]:
    """Their own in this business or none; of whoever runs the business all of its."""
    tenant_id = tenancy.current_tenant_id()
    seen = Q(user_id=actor.user_id) & (Q(tenant_id=tenant_id) | Q(tenant_id=None))
    if actor.may(Permission.MANAGE_BUSINESS):
        seen |= Q(tenant_id=tenant_id)
    newest = F("closed_at").asc(nulls_first=True)
    return Ticket.objects.filter(seen).order_by(newest, "-received_at")


def one_of(rows: QuerySet[Ticket], ticket_id: UUID) -> Ticket:
    """Raises: NotFound, whether it never was or is somebody else's."""
    found = rows.filter(pk=ticket_id).first()
    if found is None:
        raise NotFound(_("There is no such question."))
    return found


def late(*, at: datetime) -> QuerySet[Ticket]:
    """What waits for us longer than it may."""
    return Ticket.objects.filter(state=TicketState.OPEN, due_at__lt=at)


def of_person(*, user_id: UUID | None, addresses: frozenset[str]) -> QuerySet[Ticket]:
    """All that somebody asked, signed in or from one of these addresses."""
    keys = [key for address in addresses for key in traces.keys_of(address)]
    mine = Q(address_key__in=keys)
    return Ticket.objects.filter(mine | Q(user_id=user_id) if user_id else mine)


def answered_by_mail(
    references: str, *, mail_keys: list[str], address: str, at: datetime
) -> Ticket | None:
    """Which ticket a mail belongs to: one that it answers, of the same person, still to be had."""
    known = ticket_mail.ticket_behind(references)
    found = Ticket.objects.filter(Q(pk=known) | Q(messages__mail_key__in=mail_keys)).first()
    if found is None or not takes_answers(found, at=at):
        return None
    return found if _is_theirs(found, address) else None


def _is_theirs(ticket: Ticket, address: str) -> bool:
    return ticket_words.address_of(ticket).strip().casefold() == address.strip().casefold()
