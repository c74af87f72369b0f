"""Questions to our support: one door, a clock by published hours, and an end in every table."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.message import EmailMessage

import pytest
from django.core import mail as outbox
from django.core.checks import run_checks
from django.db import connection, transaction

from accounts import tenancy
from accounts.access import Actor
from accounts.enums import Role, StaffRole
from accounts.models import StaffDeed
from accounts.services import mailing
from privacy import inventory, spellings, support_hours
from privacy.models import (
    DeskTask,
    RequestState,
    RequestType,
    SubjectRequest,
    Ticket,
    TicketMessage,
    TicketState,
)
from privacy.services import (
    alarms,
    mailbox,
    sealed_words,
    ticket_words,
    tickets,
)
from smartinvoicing.classified import Category, Retention
from smartinvoicing.errors import NotAllowed, NotFound, RuleViolation, StateConflict
from tests import factories
from tests.conftest import NOON
from tests.privacy import ticket_cast as cast

pytestmark = pytest.mark.django_db

SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)
TOKEN = "Zarghoon-Canary"


@pytest.fixture(autouse=True)
def places(settings, tmp_path):
    settings.SUPPORT_HOURS = "Mon-Fri 09:00-17:00"
    settings.ERASURE_LEDGER_DIR = str(tmp_path / "erasures")
    settings.AUDIT_ANCHOR_DIR = str(tmp_path / "anchors")


@pytest.fixture
def agent(db):
    return factories.make_staff(StaffRole.SUPPORT)


def karachi(text):
    return datetime.fromisoformat(f"{text}+05:00").astimezone(UTC)


# --- the clock --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hours", "came", "due"),
    [
        ("Mon-Fri 09:00-17:00", "2026-11-17T11:00", "2026-11-18T11:00"),
        ("Mon-Fri 09:00-17:00", "2026-11-20T12:00", "2026-11-23T12:00"),  # over a weekend
        ("Mon-Fri 09:00-17:00", "2026-11-21T03:00", "2026-11-23T17:00"),  # nobody is there
        ("Mon-Fri 09:00-17:00", "2026-11-20T17:00", "2026-11-23T17:00"),  # the door just shut
        ("Mon-Fri 09:00-17:00", "2026-11-20T16:59:59", "2026-11-23T16:59:59"),
        ("Mon-Fri 09:00-17:00", "2026-11-20T08:59", "2026-11-20T17:00"),  # waits for the opening
        ("Mon-Thu 09:00-17:00, Fri 09:00-12:30", "2026-11-19T16:00", "2026-11-23T12:30"),
        ("", "2026-11-17T11:00", "2026-11-18T11:00"),
    ],
)
def test_an_answer_is_due_one_working_day_of_the_published_hours_later(hours, came, due):
    assert support_hours.answer_due(support_hours.read(hours), karachi(came)) == karachi(due)


@pytest.mark.parametrize(
    "text", ["office hours", "Mon-Fri 9-17", "Fri-Mon 09:00-17:00", "Mon 17:00-09:00", "Mon-Fri"]
)
def test_hours_that_nobody_can_read_do_not_start(text, settings):
    settings.SUPPORT_HOURS = text

    assert [each.id for each in run_checks() if each.id.startswith("privacy.")] == ["privacy.E001"]


def test_a_day_stands_there_once():
    with pytest.raises(ValueError, match="twice"):
        support_hours.read("Mon-Fri 09:00-17:00, Fri 09:00-12:00")


def sound(at):
    alarms.sound_due(at=at)
    return [each.to for each in cast.mails("late")]


def test_nobody_answers_and_our_support_hears_of_it(agent, settings):
    settings.PRIVACY_OWNER_EMAILS = ["owner@sample.example"]
    ticket = cast.from_form()

    assert sound(ticket.due_at - SECOND) == []
    assert sound(ticket.due_at) == [agent.email]
    assert DeskTask.objects.get(kind="ticket", done_at=None).key == str(ticket.pk)
    assert sound(ticket.due_at + SECOND) == [agent.email]
    assert set(sound(ticket.due_at + DAY)) == {agent.email, "owner@sample.example"}


def test_twin_without_an_alarm_nobody_hears_of_it(agent, settings, monkeypatch):
    monkeypatch.setattr(tickets, "_start_clock", lambda ticket: None)
    with pytest.raises(AssertionError):
        test_nobody_answers_and_our_support_hears_of_it(agent, settings)


def test_an_answer_stops_the_clock_and_a_new_word_starts_another(agent):
    ticket = cast.from_form()

    tickets.answer(ticket, text="With the button.", waits=False, by=agent, at=NOON + DAY)
    assert (ticket.state, ticket.due_at) == (TicketState.ANSWERED, None)
    assert ticket.first_answer_at == NOON + DAY
    assert sound(NOON + 7 * DAY) == []
    tickets.hear_person(ticket, text="Which?", by=cast.STRANGER, at=NOON + 7 * DAY)

    assert (ticket.state, ticket.rounds) == (TicketState.OPEN, 2)
    assert ticket.due_at == tickets.due(NOON + 7 * DAY)
    assert ticket.first_answer_at == NOON + DAY
    assert sound(ticket.due_at) == [agent.email]


def test_a_second_word_before_the_answer_moves_no_clock():
    ticket = cast.from_form()

    tickets.hear_person(ticket, text="And how to scan?", by=cast.STRANGER, at=NOON + 60 * SECOND)

    assert (ticket.rounds, ticket.due_at) == (1, tickets.due(NOON))


def test_two_weeks_without_a_word_close_it(agent):
    ticket = cast.from_form()
    tickets.answer(ticket, text="So.", waits=False, by=agent, at=NOON)
    tickets.answer(ticket, text="Or so.", waits=False, by=agent, at=NOON + DAY)

    alarms.sound_due(at=NOON + DAY + tickets.QUIET - SECOND)
    assert Ticket.objects.get().state == TicketState.ANSWERED
    alarms.sound_due(at=NOON + DAY + tickets.QUIET)

    assert Ticket.objects.get().closed_at == NOON + DAY + tickets.QUIET
    assert TicketMessage.objects.last().by == "system:privacy.tickets"


# --- in and out -------------------------------------------------------------------------------


def test_a_question_is_kept_sealed_and_its_person_told_until_when(settings):
    settings.SUPPORT_EMAIL = "help@sample.example"
    ticket = cast.from_form(TOKEN, f"{TOKEN}@example.com")

    (told,) = cast.mails()
    assert (told.to, told.context["reference"]) == (f"{TOKEN}@example.com", ticket.reference)
    assert "23" in told.context["due"]
    with connection.cursor() as cursor:
        for table in ("privacy_ticket", "privacy_ticketmessage"):
            cursor.execute(f"SELECT string_agg(t::text, '') FROM {table} t")
            (row,) = cursor.fetchone()
            assert not any(form in row for form in spellings.variants(TOKEN))
    mailing.deliver_due(at=NOON)
    (letter,) = outbox.outbox
    assert letter.reply_to == ["help@sample.example"]
    assert ticket.reference in letter.subject


class Plain:
    """In the place of `crypto`: it hides nothing."""

    @staticmethod
    def seal(words, **place):
        return words.encode()

    @staticmethod
    def unseal(words, **place):
        return words.decode()


def test_twin_unsealed_the_tables_tell_it(settings, monkeypatch):
    monkeypatch.setattr(sealed_words, "crypto", Plain)
    with pytest.raises(AssertionError):
        test_a_question_is_kept_sealed_and_its_person_told_until_when(settings)


def test_an_answer_goes_by_mail_and_is_written_down(agent):
    ticket = cast.from_form()

    tickets.answer(ticket, text="With the button.", waits=True, by=agent, at=NOON)

    assert ticket.state == TicketState.WAITING
    (letter,) = cast.mails("answer")
    assert (letter.to, letter.context["text"]) == ("gul@example.com", "With the button.")
    assert StaffDeed.objects.filter(object_id=str(ticket.pk), action="sent").count() == 1


def test_who_has_no_business_with_tickets_does_nothing_to_one():
    ticket = cast.from_form()
    officer = factories.make_staff(StaffRole.PRIVACY_OFFICER)

    for deed in (
        lambda: tickets.answer(ticket, text="x", waits=False, by=officer, at=NOON),
        lambda: tickets.close(ticket, by=officer, at=NOON),
        lambda: tickets.ask_window(ticket, reason="x", by=officer, at=NOON),
        lambda: tickets.hand_over(ticket, type=RequestType.ACCESS, by=officer, at=NOON),
    ):
        with pytest.raises(NotAllowed):
            deed()
    assert Ticket.objects.get().state == TicketState.OPEN


def test_twenty_a_day_from_one_address_and_no_more():
    kept = [cast.from_form(at=NOON + n * SECOND) for n in range(tickets.A_DAY + 1)]

    assert kept[-1] is None
    assert len(cast.mails()) == Ticket.objects.count() == tickets.A_DAY
    assert cast.from_form(address="other@example.com") is not None
    assert cast.from_form(at=NOON + 2 * DAY) is not None


def test_of_two_who_close_it_at_once_one_wins(agent):
    ticket = cast.from_form()
    stale = Ticket.objects.get()
    tickets.close(ticket, by=agent, at=NOON)

    with pytest.raises(StateConflict):
        tickets.close(stale, by=agent, at=NOON)
    with pytest.raises(StateConflict), transaction.atomic():
        tickets._transition(stale, TicketState.ANSWERED, at=NOON)
    assert TicketMessage.objects.filter(what="closed").count() == 1


def test_a_closed_one_opens_again_for_a_month(agent):
    ticket = cast.from_form()
    tickets.close(ticket, by=agent, at=NOON)

    with pytest.raises(RuleViolation):
        tickets.hear_person(ticket, text="Still", by=cast.STRANGER, at=NOON + tickets.OPENS_AGAIN)
    tickets.hear_person(
        ticket, text="Still", by=cast.STRANGER, at=NOON + tickets.OPENS_AGAIN - SECOND
    )

    assert (ticket.state, ticket.closed_at) == (TicketState.OPEN, None)


# --- by mail ----------------------------------------------------------------------------------


def letter(text="How do I print?", subject="Printing", **headers):
    mail = EmailMessage()
    known = {
        "From": "Gul Khan <Gul@Example.com>",
        "To": "help@sample.example",
        "Message-ID": "<1@example.com>",
        "Subject": subject,
    }
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    for name, value in {**known, **given}.items():
        mail[name] = value
    mail.set_content(text)
    return mail


@pytest.fixture
def addresses(settings):
    settings.PRIVACY_EMAIL = "privacy@sample.example"
    settings.SUPPORT_EMAIL = "help@sample.example"


def take(mail, at=NOON):
    return mailbox.take_in(mail.as_bytes(), at=at)


def test_a_mail_to_our_support_becomes_a_question_once(addresses):
    ticket = take(letter())

    assert ticket_words.asked(ticket).address == "gul@example.com"
    assert ticket_words.text_of(ticket.messages.get()).strip() == "How do I print?"
    assert take(letter()) is None
    assert (Ticket.objects.count(), SubjectRequest.objects.count()) == (1, 0)


@pytest.mark.parametrize(
    ("text", "to", "becomes"),
    [
        ("How do I print?", "help@sample.example", Ticket),
        ("FBR says the HS code is wrong", "help@sample.example", Ticket),
        ("Please delete my data", "help@sample.example", SubjectRequest),
        ("میرا ڈیٹا حذف کریں", "help@sample.example", SubjectRequest),
        ("Hello?", "privacy@sample.example", SubjectRequest),
        ("Hello?", "help@sample.example, privacy@sample.example", Ticket),
    ],
)
def test_a_right_is_a_right_wherever_it_is_written_to(addresses, text, to, becomes):
    assert type(take(letter(text, subject="Hi", To=to))) is becomes


@pytest.mark.parametrize(
    ("text", "becomes"),
    [("How do I print?", Ticket), ("My name is wrong", SubjectRequest)],
)
def test_with_one_address_for_all_the_words_tell(settings, text, becomes):
    settings.PRIVACY_EMAIL, settings.SUPPORT_EMAIL = "privacy@sample.example", ""

    mail = letter(text, subject="Hi", To="privacy@sample.example")
    assert type(take(mail)) is becomes


def test_twin_without_the_words_a_right_is_lost(addresses, monkeypatch):
    monkeypatch.setattr(mailbox, "right_named", lambda text: None)
    with pytest.raises(AssertionError):
        test_a_right_is_a_right_wherever_it_is_written_to(
            addresses, "Please delete my data", "help@sample.example", SubjectRequest
        )


@pytest.mark.parametrize("by", ["In_Reply_To", "References"])
def test_an_answer_to_our_mail_goes_on_with_the_question(addresses, agent, by):
    ticket = cast.from_form()
    tickets.answer(ticket, text="With the button.", waits=False, by=agent, at=NOON)
    mailing.deliver_due(at=NOON)
    ours = outbox.outbox[-1].extra_headers["Message-ID"]

    found = take(letter("Which button? My data is gone", Message_ID="<2@x>", **{by: ours}))

    assert found == ticket
    assert (Ticket.objects.count(), SubjectRequest.objects.count()) == (1, 0)
    assert (found.state, found.messages.count()) == (TicketState.OPEN, 3)


def test_a_second_mail_that_names_the_first_goes_on_with_it(addresses):
    ticket = take(letter())

    assert take(letter("More", Message_ID="<2@x>", References="<0@y> <1@example.com>")) == ticket
    assert ticket.messages.count() == 2


def test_nobody_writes_into_the_question_of_another(addresses):
    take(letter())

    other = take(
        letter(Message_ID="<2@x>", From="thief@example.com", In_Reply_To="<1@example.com>")
    )

    assert other.messages.count() == 1
    assert Ticket.objects.count() == 2


def test_twin_without_the_question_whose_it_is_anybody_writes_into_it(addresses, monkeypatch):
    monkeypatch.setattr(tickets, "_is_theirs", lambda ticket, address: True)
    with pytest.raises(AssertionError):
        test_nobody_writes_into_the_question_of_another(addresses)


def test_what_is_attached_is_not_kept(addresses):
    mail = letter()
    mail.add_attachment(b"CNIC 35202-1234567-1", maintype="image", subtype="png", filename="a.png")

    assert "35202" not in ticket_words.text_of(take(mail).messages.get())


# --- the privacy desk, the business's door ----------------------------------------------------


def test_handed_to_the_privacy_desk_its_time_counts_from_the_mail(addresses, agent):
    ticket = take(letter("I want out of your files"))

    made = tickets.hand_over(ticket, type=RequestType.ERASURE, by=agent, at=NOON + 2 * DAY)

    assert ticket.state == TicketState.CLOSED
    assert (made.received_at, made.state) == (NOON, RequestState.IDENTITY_PENDING)
    assert made.address_key == ticket.address_key


def test_a_window_is_asked_of_those_who_may_open_it(business, owner, agent):
    clerk = factories.make_member(business, Role.OPERATOR)
    ticket = cast.from_member(clerk, business)

    assert tickets.ask_window(ticket, reason="To see invoice 7", by=agent, at=NOON) == 1

    (letter,) = cast.mails("window")
    assert (letter.to, letter.context["reason"]) == (owner.email, "To see invoice 7")
    assert ticket.state == TicketState.WAITING
    with pytest.raises(RuleViolation):
        tickets.ask_window(cast.from_form(), reason="x", by=agent, at=NOON)


# --- whose it is ------------------------------------------------------------------------------


def seen_by(user, role, tenant):
    with tenancy.in_tenant(tenant.pk):
        return set(tickets.of_member(Actor.person(user.pk, role)))


def test_a_member_sees_their_own_and_an_owner_those_of_the_business(
    business, other_business, owner
):
    clerk = factories.make_member(business, Role.OPERATOR)
    mine, of_owner = cast.from_member(clerk, business), cast.from_member(owner, business)
    elsewhere = cast.from_member(clerk, other_business)
    stranger = factories.make_member(other_business, Role.OWNER)
    cast.from_form(address=owner.email)

    assert seen_by(clerk, Role.OPERATOR, business) == {mine}
    assert seen_by(owner, Role.OWNER, business) == {mine, of_owner}
    assert seen_by(stranger, Role.OWNER, other_business) == {elsewhere}
    with tenancy.in_tenant(business.pk), pytest.raises(NotFound):
        tickets.one_of(tickets.of_member(Actor.person(owner.pk, Role.OWNER)), elsewhere.pk)


def test_whoever_runs_the_business_reads_and_does_not_write(business, owner):
    ticket = cast.from_member(factories.make_member(business, Role.OPERATOR), business)

    with pytest.raises(NotAllowed):
        tickets.hear_person(ticket, text="x", by=Actor.person(owner.pk, Role.OWNER), at=NOON)


# --- its end ----------------------------------------------------------------------------------


def test_the_map_knows_what_is_in_it():
    for model in (Ticket, TicketMessage):
        entry = inventory.entry(model, "sealed")
        assert (entry.category, entry.retention) == (Category.CONTENT, Retention.SUP)
        assert entry.is_exported
    assert Ticket.Privacy.subject == "requester"
