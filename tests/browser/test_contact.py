"""The ways to our support in a browser: without an account, from inside, at the desk."""

from __future__ import annotations

import pytest
from django.core.cache import cache
from django.urls import reverse

from accounts.enums import StaffRole
from privacy.models import Ticket, TicketState
from privacy.services import ticket_words, tickets
from smartinvoicing import clock
from tests import factories

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture(autouse=True)
def fresh_counts():
    cache.clear()


def test_somebody_without_an_account_asks(open_browser):
    eyes = open_browser()
    eyes.visit(reverse("privacy:contact"))
    assert eyes.page.get_by_text("Monday to Friday").is_visible()
    assert not eyes.page.get_by_label("Leave this empty").is_visible() or (
        eyes.page.get_by_label("Leave this empty").bounding_box()["x"] < 0
    )
    eyes.look("contact")

    eyes.page.get_by_label("Your e-mail address").fill("gul@example.com")
    eyes.page.get_by_label("What is it about?").fill("Printing")
    eyes.page.get_by_label("Your question").fill("Where is the button?")
    eyes.page.get_by_role("button", name="Send").click()

    eyes.page.get_by_role("heading", name="Thank you").wait_for()
    eyes.look("contact-sent")
    assert ticket_words.asked(Ticket.objects.get()).subject == "Printing"


def test_without_scripts_it_works_as_well(open_browser):
    eyes = open_browser(java_script_enabled=False)
    eyes.page.goto(reverse("privacy:contact"))

    eyes.page.get_by_label("Your e-mail address").fill("gul@example.com")
    eyes.page.get_by_label("What is it about?").fill("Printing")
    eyes.page.get_by_label("Your question").fill("Where is the button?")
    eyes.page.get_by_role("button", name="Send").click()

    assert eyes.page.url.endswith(reverse("privacy:contact_sent"))


def test_a_member_asks_and_reads_the_answer(open_browser, business, owner):
    owner.set_password("a long way home")
    owner.save(update_fields=["password"])
    eyes = open_browser()
    eyes.sign_in(owner.email, "a long way home")
    eyes.visit(reverse("privacy:tickets"))
    eyes.page.get_by_label("What is it about?").fill("An invoice that FBR refuses")
    eyes.page.get_by_label("Your question").fill("Invoice 7 comes back with 0052.")
    eyes.page.get_by_role("button", name="Send the question").click()
    eyes.page.wait_for_url("**/support/*-*/")

    ticket = Ticket.objects.get()
    agent = factories.make_staff(StaffRole.SUPPORT)
    tickets.answer(
        ticket, text="Its HS code\nis not on the list.", waits=False, by=agent, at=clock.now()
    )
    tickets.ask_window(ticket, reason="To see invoice 7", by=agent, at=clock.now())
    eyes.page.reload()
    assert eyes.page.get_by_text("is not on the list").is_visible()
    eyes.look("support-ticket")
    eyes.visit(reverse("privacy:tickets"))
    eyes.look("support-tickets")
    eyes.visit(reverse("privacy:ticket", args=[ticket.pk]))
    eyes.page.get_by_label("Your words").fill("Thank you.")
    eyes.page.get_by_role("button", name="Send").click()
    eyes.page.get_by_text("Added.").wait_for()

    ticket.refresh_from_db()
    assert ticket.state == TicketState.OPEN
