"""The correction of an invoice in a browser: what is asked, its effect at once, in any size."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.db import transaction

from accounts import tenancy
from accounts.enums import Role
from fbr.services import issuing
from invoices import reasons
from invoices.content import Advance
from invoices.remains import Wanted
from invoices.services import notes
from smartinvoicing import clock
from tests import factories
from tests.factories import SYSTEM, make_content, make_line
from tests.invoices.test_links import accepted

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

PASSWORD = "seven quiet lamps"


@pytest.fixture
def eyes(transactional_db, open_browser):
    tenant = factories.make_tenant("Sample Weaving Mills")
    owner = factories.make_member(tenant, Role.OWNER, password=PASSWORD)
    found = open_browser()
    found.sign_in(owner.email, PASSWORD)
    found.tenant = tenant
    return found


def inside(eyes, work):
    with tenancy.in_tenant(eyes.tenant.pk), transaction.atomic():
        return work()


def sold(at=factories.AT):
    lines = make_line(), make_line(description="Another yarn, dyed")
    content = make_content(*lines, invoice_date=clock.karachi_date(at))
    invoice = factories.make_issued(content, at=at)
    factories.accept(invoice)
    return invoice


def test_what_happened_shows_its_effect_at_once_and_becomes_a_note(eyes):
    invoice = inside(eyes, lambda: sold(clock.now()))  # a note has 180 days
    page = eyes.page
    eyes.visit(f"/invoices/{invoice.pk}/note/")
    assert not page.get_by_label("How many of Cotton yarn came back").is_visible()
    eyes.look("note-asks")

    page.get_by_label("The price was too high").check()
    assert page.get_by_label("Right price of Cotton yarn").is_visible()
    page.get_by_label("Goods came back").check()
    assert not page.get_by_label("Right price of Cotton yarn").is_visible()
    page.get_by_label("How many of Cotton yarn came back").fill("100")
    page.get_by_text("owes you Rs 295.00 less").wait_for()
    eyes.look("note-effect")

    page.get_by_label("How many of Cotton yarn came back").fill("500")
    page.get_by_text("400 KG are left").wait_for()
    eyes.look("note-refused")

    page.get_by_label("How many of Cotton yarn came back").fill("100")
    page.get_by_role("button", name="Write the note").click()
    page.wait_for_url(lambda url: url.endswith("/edit/"))


def test_documents_that_hang_together_are_sound(eyes):
    def lay():
        original = sold()
        note, lines = notes.debit_note(
            original=original,
            reason=reasons.RETURNED,
            lines=[Wanted(position=1, quantity=Decimal(100))],
            actor=SYSTEM,
            at=factories.AT,
        )
        issuing.issue(invoice=note, lines=lines, actor=SYSTEM, at=factories.AT)
        receipt = accepted(make_content(is_advance=True), number="7000007DI2")
        advances = (Advance(receipt_id=receipt.pk, value=Decimal(300)),)
        user = factories.make_issued(
            make_content(make_line(quantity=Decimal(800)), advances=advances)
        )
        walk_in = factories.make_party(registration_type="unregistered", ntn_cnic="")
        no_note = accepted(make_content(buyer=walk_in), number="7000007DI3")
        return {
            "noted": original.get_absolute_url(),
            "note": note.get_absolute_url(),
            "receipt": receipt.get_absolute_url(),
            "settled": user.get_absolute_url(),
            "no-note": f"/invoices/{no_note.pk}/note/",
        }

    for name, address in inside(eyes, lay).items():
        eyes.visit(address)
        eyes.look(name)
