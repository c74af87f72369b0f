"""The question about cookies in a real browser: asked once, answered by keys, over nothing."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from privacy.models import UsageEvent

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

ENTRANCE = "/accounts/login/"
CHOICES = "/privacy/choices/"
ESSENTIAL = {"csrf", "sid", "messages", "choice"}


@pytest.fixture
def watched(open_browser, live_server):
    """A window that notes every request to anybody but us."""

    def open_one(**options):
        eyes = open_browser(**options)
        elsewhere: list[str] = []
        eyes.page.on(
            "request",
            lambda request: (
                None
                if request.url.startswith((live_server.url, "data:"))
                else elsewhere.append(request.url)
            ),
        )
        return eyes, elsewhere

    return open_one


def names(eyes):
    return {each["name"] for each in eyes.page.context.cookies()}


def banner(eyes):
    return eyes.page.locator("#consent")


def walk(eyes):
    for address in (ENTRANCE, "/accounts/signup/", "/accounts/password/reset/", CHOICES):
        eyes.page.goto(address)
        eyes.page.wait_for_load_state("networkidle")


def test_without_an_answer_only_essential_cookies(watched):
    eyes, elsewhere = watched()

    walk(eyes)

    assert names(eyes) <= ESSENTIAL - {"choice"}
    assert elsewhere == []
    assert banner(eyes).is_visible()


def test_with_the_signal_nobody_is_asked(watched):
    eyes, elsewhere = watched(extra_http_headers={"Sec-GPC": "1"})

    walk(eyes)

    assert names(eyes) <= ESSENTIAL
    assert elsewhere == []
    assert banner(eyes).count() == 0
    eyes.look("consents-signal")


def test_a_no_by_keys_ends_the_question(watched):
    eyes, elsewhere = watched()
    eyes.page.goto(ENTRANCE)
    eyes.look("consent-banner")

    no = banner(eyes).get_by_role("button", name="Refuse")
    yes = banner(eyes).get_by_role("button", name="Accept")
    assert no.bounding_box()["width"] == yes.bounding_box()["width"]
    assert no.bounding_box()["height"] == yes.bounding_box()["height"]
    no.focus()
    eyes.page.keyboard.press("Enter")
    banner(eyes).get_by_text("Only essential cookies").wait_for()

    walk(eyes)
    assert banner(eyes).count() == 0
    assert names(eyes) <= ESSENTIAL
    assert elsewhere == []
    assert not UsageEvent.objects.exists()


def test_a_yes_counts_and_is_taken_back_in_one_click(watched):
    eyes, elsewhere = watched()
    eyes.page.goto(ENTRANCE)
    banner(eyes).get_by_role("button", name="Accept").click()
    banner(eyes).get_by_text("Thank you").wait_for()
    eyes.visit(CHOICES)
    eyes.look("consents-on")
    assert "visitor" in names(eyes)
    assert UsageEvent.objects.filter(name="screen", screen="wide").exists()

    eyes.page.get_by_role("button", name="Switch off Counting").click()
    eyes.page.get_by_role("button", name="Switch on Counting").wait_for()

    assert "visitor" not in names(eyes)
    assert not UsageEvent.objects.exists()
    assert elsewhere == []


def test_without_javascript_it_works_too(watched):
    eyes, _elsewhere = watched(java_script_enabled=False)
    eyes.page.goto(ENTRANCE)

    banner(eyes).get_by_role("button", name="Refuse").click()

    expect(banner(eyes)).to_have_count(0)


def test_the_list_of_cookies_is_sound(watched):
    eyes, _elsewhere = watched()

    eyes.visit("/privacy/choices/cookies/")

    eyes.look("cookies")


def test_on_paper_nobody_is_asked(watched):
    eyes, _elsewhere = watched()
    eyes.page.goto(ENTRANCE)

    eyes.page.emulate_media(media="print")

    assert not banner(eyes).is_visible()
