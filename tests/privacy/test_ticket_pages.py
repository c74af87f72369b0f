"""The pages of questions: the form for everybody, a member's own, the desk."""

from __future__ import annotations

import pytest
from allauth.account.internal.flows import login
from django.core.cache import cache
from django.urls import reverse

from accounts.enums import Role, StaffRole
from accounts.models import StaffDeed
from privacy.models import RequestType, SubjectRequest, Ticket, TicketState
from privacy.services import ticket_words, tickets
from privacy.views import tickets as views
from smartinvoicing import clock
from tests import factories
from tests.conftest import NOON
from tests.privacy import ticket_cast as cast

pytestmark = pytest.mark.django_db

FORM = {
    "name": "Gul",
    "email": "gul@example.com",
    "subject": "Printing",
    "text": "How?",
    "website": "",
}


@pytest.fixture(autouse=True)
def fresh_counts():
    cache.clear()


def send(client, **words):
    return client.post(reverse("privacy:contact"), {**FORM, **words})


# --- for everybody ----------------------------------------------------------------------------


def test_the_page_says_when_somebody_is_there_and_where(client, settings):
    settings.SUPPORT_HOURS = "Mon-Thu 09:00-17:00, Fri 09:00-12:30"
    settings.SUPPORT_EMAIL = "help@sample.example"

    page = client.get(reverse("privacy:contact")).content.decode()

    for words in ("Monday to Thursday, 09:00 to 17:00", "Friday, 09:00 to 12:30", "help@sample"):
        assert words in page


def test_a_question_comes_in_without_an_account(client):
    answer = send(client)

    assert answer["Location"] == reverse("privacy:contact_sent")
    ticket = Ticket.objects.get()
    assert (ticket.channel, ticket.state) == ("form", TicketState.OPEN)
    assert ticket_words.asked(ticket).address == "gul@example.com"
    assert client.get(answer["Location"]).status_code == 200


def test_the_same_answer_for_known_and_unknown_and_for_programs(client, owner):
    said = [send(client), send(client, email=owner.email), send(client, website="http://x")]

    assert len({(each.status_code, each["Location"]) for each in said}) == 1
    assert Ticket.objects.count() == 2
    assert {each.user_id for each in Ticket.objects.all()} == {None}


def test_what_a_program_fills_in_keeps_nothing(client):
    send(client, website="http://x")

    assert Ticket.objects.count() == 0
    assert cast.mails() == []


def test_twin_without_the_trap_it_is_kept(client, monkeypatch):
    monkeypatch.setattr(views.ContactForm, "clean_website", lambda form: "", raising=False)
    with pytest.raises(AssertionError):
        test_what_a_program_fills_in_keeps_nothing(client)


def test_one_net_asks_twenty_times_an_hour(client):
    answers = [send(client, email=f"g{n}@example.com").status_code for n in range(21)]

    assert (set(answers[:20]), answers[20]) == ({302}, 422)
    assert Ticket.objects.count() == 20


def test_twin_without_the_count_it_never_stops(client, monkeypatch):
    monkeypatch.setattr(views, "_count", lambda request: None)
    with pytest.raises(AssertionError):
        test_one_net_asks_twenty_times_an_hour(client)


def test_an_incomplete_form_says_so(client):
    assert send(client, email="nobody").status_code == 422
    assert Ticket.objects.count() == 0


# --- for members ------------------------------------------------------------------------------


def test_a_member_asks_reads_the_answer_and_says_more(client, business):
    clerk = factories.make_member(business, Role.VIEWER)
    client.force_login(clerk)

    answer = client.post(
        reverse("privacy:tickets"), {"subject": "Printing", "text": "How?"}, follow=True
    )
    ticket = Ticket.objects.get()
    assert answer.redirect_chain[-1][0] == reverse("privacy:ticket", args=[ticket.pk])
    assert (ticket.user_id, ticket.tenant_id) == (clerk.pk, business.pk)
    agent = factories.make_staff(StaffRole.SUPPORT)
    tickets.answer(ticket, text="With the button.", waits=False, by=agent, at=clock.now())
    page = client.get(reverse("privacy:ticket", args=[ticket.pk])).content.decode()
    assert "With the button." in page
    assert str(agent.pk) not in page
    client.post(reverse("privacy:ticket", args=[ticket.pk]), {"text": "Which?"})

    ticket.refresh_from_db()
    assert (ticket.state, ticket.messages.count()) == (TicketState.OPEN, 3)


def test_a_colleague_does_not_read_it_and_an_owner_does(client, business, owner):
    ticket = cast.from_member(factories.make_member(business, Role.OPERATOR), business)
    page = reverse("privacy:ticket", args=[ticket.pk])

    client.force_login(factories.make_member(business, Role.ACCOUNTANT))
    assert client.get(page).status_code == 404
    assert b"Printing" not in client.get(reverse("privacy:tickets")).content
    client.force_login(owner)
    assert client.get(page).status_code == 200
    assert b"of a colleague" in client.get(reverse("privacy:tickets")).content
    assert client.post(page, {"text": "x"}).status_code == 403


def test_an_owner_is_led_to_the_window_that_we_ask_for(client, business, owner):
    ticket = cast.from_member(owner, business)
    agent = factories.make_staff(StaffRole.SUPPORT)
    tickets.ask_window(ticket, reason="To see invoice 7", by=agent, at=NOON)

    client.force_login(owner)
    page = client.get(reverse("privacy:ticket", args=[ticket.pk])).content.decode()

    assert f'href="{reverse("accounts:staff_access")}#open"' in page


# --- the desk ---------------------------------------------------------------------------------


@pytest.fixture
def desk(client):
    """Somebody at the desk, who showed the code of a second factor a moment ago."""

    def sit(role=StaffRole.SUPPORT, **more):
        user = factories.make_staff(role, **more)
        client.force_login(user)
        session = client.session
        session[login.AUTHENTICATION_METHODS_SESSION_KEY] = [
            {"method": name, "at": clock.now().timestamp()} for name in ("password", "mfa")
        ]
        session[login._AUTHENTICATION_METHODS_USER_SESSION_KEY] = login.user_id_to_str(user)
        session.save()
        return user

    return sit


def room(ticket):
    return reverse("admin:privacy_ticket_change", args=[ticket.pk])


def deed(ticket, name):
    return reverse(f"admin:privacy_ticket_{name}", args=[ticket.pk])


def test_the_queue_names_nobody_and_the_room_writes_down_who_looked(client, desk):
    ticket = cast.from_form()
    agent = desk()

    queue = client.get(reverse("admin:privacy_ticket_changelist")).content.decode()
    assert ticket.reference in queue
    assert "gul@example.com" not in queue
    assert StaffDeed.objects.filter(action="revealed").count() == 0
    page = client.get(room(ticket)).content.decode()

    assert "gul@example.com" in page
    assert "How do I print?" in page
    (look,) = StaffDeed.objects.filter(action="revealed", object_id=str(ticket.pk))
    assert look.who == f"staff:{agent.pk}"


def test_an_agent_answers_asks_for_a_window_hands_over_and_closes(client, desk, business, owner):
    ticket = cast.from_member(owner, business)
    desk()

    assert client.post(deed(ticket, "answer"), {"text": "So."})["Location"] == room(ticket)
    client.post(deed(ticket, "window"), {"reason": "To see invoice 7"})
    client.post(deed(ticket, "hand"), {"type": RequestType.ACCESS})
    ticket.refresh_from_db()
    assert ticket.state == TicketState.CLOSED
    assert SubjectRequest.objects.get().user_id == owner.pk
    other = cast.from_form()
    client.post(deed(other, "close"), {"go": "on"})

    assert [each.what for each in ticket.messages.order_by("id")] == [
        *("wrote", "answered", "window", "handed")
    ]
    assert Ticket.objects.get(pk=other.pk).state == TicketState.CLOSED


def test_what_was_said_is_printed(client, desk):
    ticket = cast.from_form()
    desk()
    client.post(deed(ticket, "answer"), {"text": "With the button."})

    answer = client.post(reverse("admin:privacy_ticket_transcript", args=[ticket.pk]))

    assert answer.content.startswith(b"%PDF")


@pytest.mark.parametrize("role", [StaffRole.PRIVACY_OFFICER, StaffRole.FINANCE])
def test_who_has_no_business_with_questions_sees_none(client, desk, role):
    ticket = cast.from_form()
    desk(role, is_superuser=True)

    pages = (room(ticket), reverse("admin:privacy_ticket_changelist"), deed(ticket, "answer"))
    for url in pages:
        assert client.get(url).status_code in {302, 403}
    assert StaffDeed.objects.filter(action="revealed").count() == 0


def test_nobody_changes_or_deletes_a_question_at_the_desk(client, desk):
    ticket = cast.from_form()
    desk()

    client.post(room(ticket), {"state": "closed"})
    answer = client.post(reverse("admin:privacy_ticket_delete", args=[ticket.pk]))

    assert answer.status_code == 403
    assert Ticket.objects.get().state == TicketState.OPEN
