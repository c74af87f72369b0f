"""Our texts as people read them: on a laptop, on a phone, in Urdu, on paper."""

import pytest
from django.urls import reverse

from tests import factories

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


PAGES = ("privacy_policy", "cookie_policy", "policy_versions", "policies")


def test_the_texts_are_read_at_any_width_and_by_anybody(open_browser):
    factories.make_policies()
    eyes = open_browser()

    for name in PAGES:
        eyes.page.goto(reverse(f"privacy:{name}"))
        eyes.look(f"policies-{name}")
    eyes.page.goto(reverse("privacy:privacy_policy") + "?language=ur#S33")
    eyes.look("policies-urdu")


def test_sign_up_shows_the_one_tick_and_leads_to_the_texts(open_browser):
    factories.make_policies()
    eyes = open_browser()

    eyes.page.goto(reverse("account_signup"))

    box = eyes.page.get_by_role("checkbox")
    assert box.count() == 1
    assert not box.is_checked()
    eyes.look("policies-sign-up")
    with eyes.page.context.expect_page() as opened:
        eyes.page.get_by_role("link", name="privacy policy", exact=True).click()
    opened.value.get_by_role("heading", name="Privacy policy", level=1).wait_for()
