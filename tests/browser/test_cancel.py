"""Taking a document back in a browser: at 71 hours in IRIS, at 73 with the Commissioner."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import transaction

from accounts import tenancy
from accounts.enums import Role
from fbr.models import Cancellation
from invoices import lifecycle
from invoices.enums import State
from invoices.models import Invoice
from smartinvoicing import clock
from tests import factories
from tests.factories import SYSTEM
from tests.fbr.proof_cast import png
from tests.fbr.test_issuing import rejected

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

PASSWORD = "seven quiet lamps"
PICTURE = {"name": "iris.png", "mimeType": "image/png", "buffer": png()}
HOUR = timedelta(hours=1)


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


def accepted_since(past):
    """A document that FBR accepted so long ago."""

    def made():
        at = clock.now() - past
        invoice = factories.make_issued()
        told = {"fbr_number": "7000007DI1763635200000", "accepted_at": at}
        lifecycle.transition(invoice, State.SUBMITTING, actor=SYSTEM, at=at)
        lifecycle.transition(invoice, State.ACCEPTED, actor=SYSTEM, at=at, also=told)
        return invoice

    return made


def state_of(eyes, invoice):
    return inside(eyes, lambda: Invoice.objects.get(pk=invoice.pk).state)


def now_in_karachi(minutes_ago=1):
    at = clock.karachi(clock.now() - timedelta(minutes=minutes_ago))
    return f"{at:%Y-%m-%dT%H:%M}"


def test_at_71_hours_it_is_cancelled_in_iris_and_believed_with_the_proof(eyes):
    invoice = inside(eyes, accepted_since(71 * HOUR - timedelta(minutes=1)))
    page = eyes.page
    eyes.visit(invoice.get_absolute_url())
    page.get_by_text("1 hour left").wait_for()
    eyes.look("cancel-clock")

    eyes.follow(page.get_by_role("link", name="Correct it"))
    eyes.look("coach-asks")
    page.get_by_label("Wrong customer").check()
    page.get_by_role("button", name="Show the way").click()
    page.get_by_text("Recommended").wait_for()
    eyes.look("coach-shows")
    page.get_by_role("link", name="Cancel it").click()
    assert page.get_by_label("What is wrong with it").input_value() == "Wrong customer"
    eyes.look("cancel-asks")
    page.get_by_role("button", name="Request the cancellation").click()

    page.get_by_text("Not cancelled yet").wait_for()
    assert state_of(eyes, invoice) == State.CANCEL_REQUESTED
    eyes.look("cancel-walk")
    page.get_by_role("button", name="Record it as cancelled").click()
    page.get_by_text("There is no proof yet.").first.wait_for()
    eyes.look("cancel-missing")
    page.get_by_label("Reference in IRIS").fill("IRIS-77")
    page.get_by_label("Cancelled at, Pakistan time").fill(now_in_karachi())
    page.get_by_label("Picture of it").set_input_files(files=[PICTURE])
    page.get_by_role("button", name="Record it as cancelled").click()

    page.wait_for_url(lambda url: url.endswith(invoice.get_absolute_url()))
    page.get_by_text("How it was cancelled").wait_for()
    eyes.look("cancelled")
    assert state_of(eyes, invoice) == State.CANCELLED
    with page.expect_download() as fetched:
        page.get_by_role("link", name="Download it").click()
    assert fetched.value.suggested_filename == f"{invoice.number}-cancelled.png"


def test_at_73_hours_the_letter_comes_first_and_then_the_approval(eyes):
    invoice = inside(eyes, accepted_since(73 * HOUR))
    page = eyes.page
    eyes.visit(invoice.get_absolute_url())
    eyes.follow(page.get_by_role("link", name="Prepare the application to the Commissioner"))
    eyes.look("application-asks")

    page.get_by_label("What is wrong with it").first.fill("Wrong customer")
    page.get_by_role("button", name="Prepare the letter").click()
    page.get_by_text("The Commissioner Inland Revenue").wait_for()
    eyes.look("application")
    with page.expect_download() as letter:
        page.get_by_role("link", name="PDF").click()
    assert letter.value.suggested_filename == f"application-{invoice.number}.pdf"
    assert state_of(eyes, invoice) == State.ACCEPTED

    page.get_by_role("link", name="The approval has come").click()
    page.get_by_label("What is wrong with it").last.fill("Wrong customer")
    page.get_by_label("Number of the approval").fill("CIR/7/2026")
    page.get_by_label("The approval", exact=True).set_input_files(files=[PICTURE])
    page.get_by_role("button", name="Keep it and go on in IRIS").click()
    page.get_by_text("The Commissioner has approved it").wait_for()
    eyes.look("application-walk")

    assert state_of(eyes, invoice) == State.CANCEL_REQUESTED
    assert inside(eyes, lambda: Cancellation.objects.get().approval_reference) == "CIR/7/2026"


def test_a_refused_document_gives_its_number_up(eyes):
    invoice = inside(eyes, rejected)
    page = eyes.page
    eyes.visit(invoice.get_absolute_url())
    eyes.follow(page.get_by_role("link", name="Make it void"))
    eyes.look("void")
    page.get_by_label("Why the number is given up").fill("The order was called off")
    page.get_by_role("button", name="Make it void").click()

    page.wait_for_url(lambda url: url.endswith(invoice.get_absolute_url()))
    assert state_of(eyes, invoice) == State.VOID
