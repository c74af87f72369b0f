"""A customer of a business, without an account: asks, proves, is answered by the business."""

from __future__ import annotations

import pytest
from django.core.cache import cache
from django.urls import reverse

from accounts.enums import Role
from privacy.models import RequestState, SubjectRequest
from privacy.services import answering, request_words
from smartinvoicing import clock
from tests import factories
from tests.browser.eyes import Eyes
from tests.privacy import rights_cast

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

PASSWORD = "seven quiet lamps"
ADDRESS = "gulmakai@example.com"
WORDS = "My shop is in Multan, not in Karachi."
PUBLIC = (
    *("privacy:ask", "privacy:asked", "privacy:complain", "privacy:consents"),
    *("privacy:promises", "privacy:contact"),
)


@pytest.fixture(autouse=True)
def _fresh_counts():
    cache.clear()


def ask(eyes: Eyes, number: str) -> SubjectRequest:
    eyes.visit(reverse("privacy:ask"))
    eyes.page.locator("#consent").get_by_role("button", name="Refuse").click()
    eyes.page.locator("[name=type][value=rectification]").check()
    eyes.page.locator("[name=text]").fill(WORDS)
    eyes.page.locator("[name=email]").fill(ADDRESS)
    eyes.page.locator("[name=fbr_number]").fill(number)
    eyes.page.get_by_role("button", name="Send the request").click()
    eyes.page.wait_for_url("**/privacy/request/sent/")
    answering.look_up_due(at=clock.now())
    return SubjectRequest.objects.get()


def answer(eyes: Eyes) -> None:
    """The business: from its list to its answer."""
    eyes.visit(reverse("privacy:business_requests"))
    eyes.look("buyer-list")
    eyes.page.locator("main .tasks a").first.click()
    eyes.page.get_by_text(WORDS).wait_for()
    eyes.look("buyer-room")
    eyes.page.locator("[name=address]").fill("12 Bosan Road, Multan")
    eyes.page.get_by_role("button", name="Correct", exact=True).click()
    eyes.page.get_by_text("Corrected. Documents").wait_for()
    eyes.page.locator("[name=text]").fill("We corrected your address.")
    eyes.page.get_by_role("button", name="It is done").click()
    eyes.page.get_by_text("Your customer is told").wait_for()
    eyes.look("buyer-answered")


def test_a_customer_without_an_account_is_answered_by_the_business(business, open_browser):
    owner = factories.make_member(business, Role.OWNER, password=PASSWORD)
    buyer = rights_cast.make_buyer(business, ADDRESS, name="Gulmakai Traders")
    rights_cast.make_accepted(business, buyer, "fbr-0001")
    eyes = open_browser()
    request = ask(eyes, "fbr-0001")
    page = reverse("privacy:request", args=[request_words.secret_of(request.pk)])

    eyes.visit(page)
    assert WORDS not in eyes.page.content()
    eyes.look("buyer-code")
    eyes.page.locator("[name=code]").fill(rights_cast.code_of(request))
    eyes.page.get_by_role("button", name="Go on").click()
    eyes.page.get_by_text("Handed to the business").first.wait_for()
    eyes.look("buyer-follows")
    assert rights_cast.fresh(request).state == RequestState.WAITING_CONTROLLER

    at_the_business = open_browser()
    at_the_business.sign_in(owner.email, PASSWORD)
    answer(at_the_business)

    eyes.visit(page)
    eyes.page.get_by_text("Done").first.wait_for()
    eyes.look("buyer-done")
    assert rights_cast.fresh(request).state == RequestState.DONE
    assert rights_cast.mails("request_done")[0].to == ADDRESS


@pytest.mark.parametrize("name", PUBLIC)
def test_the_public_pages(name, open_browser):
    eyes = open_browser()
    eyes.page.goto("/accounts/login/")
    eyes.page.locator("#consent").get_by_role("button", name="Refuse").click()
    eyes.page.locator("#consent").get_by_text("Only essential cookies").wait_for()

    eyes.visit(reverse(name))

    eyes.look(f"public-{name.split(':')[1]}")
