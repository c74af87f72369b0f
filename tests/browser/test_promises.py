"""The page of promises as everybody sees it: all well, and with one of them red."""

import pytest
from django.urls import reverse

from privacy.services import promises
from smartinvoicing import clock
from tests import factories

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_the_promises_are_read_at_any_width_and_a_red_one_stands_out(open_browser, settings):
    settings.SUPPORT_EMAIL = "support@smartinvoicing.example"
    settings.SUPPORT_HOURS = "Monday to Friday"
    factories.make_policies()
    promises.prove(at=clock.now())
    eyes = open_browser()

    eyes.page.goto(reverse("privacy:promises"))

    assert eyes.page.locator(".promises > li").count() == 70
    assert eyes.page.locator("#I21.tone-ok").count() == 1
    eyes.look("promises")

    settings.SUPPORT_HOURS = ""
    promises.prove(at=clock.now())
    eyes.page.reload()

    red = eyes.page.locator("#I21.tone-danger")
    assert red.get_by_text("Broken", exact=True).is_visible()
    assert red.get_by_text("Our officer has it as a task").is_visible()
    eyes.picture("promises-red")
    eyes.page.locator(".promise-picture a[href='#S33']").click()
    assert eyes.page.url.endswith("#S33")
