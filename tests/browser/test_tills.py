"""Pages of tills in a browser: sound in both sizes, both lights, to all."""

from __future__ import annotations

import pytest
from django.db import transaction

from accounts import tenancy
from accounts.enums import Role
from fbr import selectors
from fbr.services import credentials
from tests import factories
from tests.factories import AT, SYSTEM, make_bill

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

PASSWORD = "seven quiet lamps"


@pytest.fixture
def eyes(transactional_db, open_browser):
    """An owner with no till yet."""
    tenant = factories.make_tenant("Sample Weaving Mills")
    owner = factories.make_member(tenant, Role.OWNER, password=PASSWORD)
    found = open_browser()
    found.sign_in(owner.email, PASSWORD)
    found.tenant = tenant
    return found


def laid(eyes):
    """Tills in every state, one of them held with a bill behind it."""
    with tenancy.in_tenant(eyes.tenant.pk), transaction.atomic():
        factories.make_till(name="Counter 2", pos_id="817002", transport="agent")
        factories.make_till(name="Counter 3", pos_id="817003")
        held = factories.make_till(branch="Mall Road", address="Lahore", token="a-till-token-0001")
        invoice = factories.make_issued(make_bill(held))
        credentials.hold(credential=selectors.token_of(held), why="code 112", actor=SYSTEM, at=AT)
    return held, invoice


def test_the_pages_of_tills_are_sound(eyes):
    eyes.visit("/fbr/tills/")
    eyes.look("tills-none")
    held, invoice = laid(eyes)
    pages = {
        "tills": "/fbr/tills/",
        "till-held": f"/fbr/tills/{held.pk}/",
        "till-sheet": "/fbr/tills/sheet/",
        "bill-held": f"/invoices/{invoice.pk}/fbr/",
    }
    for name, address in pages.items():
        eyes.visit(address)
        eyes.look(name)


def test_an_owner_registers_a_till_by_typing(eyes):
    eyes.visit("/fbr/tills/")
    page = eyes.page
    page.get_by_label("POSID").fill("81700")
    page.get_by_label("Name of the till").fill("Front desk")
    page.get_by_role("button", name="Register it").click()
    page.get_by_text("has six digits").first.wait_for()
    eyes.look("till-refused")

    page.get_by_label("POSID").fill("817001")
    page.get_by_role("button", name="Register it").click()

    page.get_by_role("heading", name="Front desk").wait_for()
    eyes.look("till-new")
