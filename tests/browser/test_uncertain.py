"""An uncertain document in a browser: settled by two people, found in a list, told apart."""

from __future__ import annotations

import pytest
from django.db import transaction

from accounts import tenancy
from accounts.enums import Role
from fbr.models import Attempt, Outbox, StatementRow
from fbr.outcomes import Hold
from fbr.services import resolving
from fbr.services.resolving import Found
from invoices.enums import State
from invoices.models import Invoice
from smartinvoicing import clock
from tests import factories
from tests.fbr.doubts_cast import NUMBER, PNG, answer_late, make_uncertain, person

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

PASSWORD = "seven quiet lamps"
HEAD = "Annex-C\nFBR Invoice No,Buyer NTN,Date,Value,Sales Tax\n"
LIST = f"{HEAD}{NUMBER},2046004,2026-11-20,1000.00,90.00\nA2,2046004,soon,1,1\n"


@pytest.fixture
def shop(transactional_db):
    return factories.make_tenant("Sample Weaving Mills")


@pytest.fixture
def sign_in(shop, open_browser):
    """A browser of a new member."""

    def one(role):
        user = factories.make_member(shop, role, password=PASSWORD)
        eyes = open_browser()
        eyes.sign_in(user.email, PASSWORD)
        return eyes

    return one


def inside(shop, work):
    with tenancy.in_tenant(shop.pk), transaction.atomic():
        return work()


def test_a_document_is_settled_by_two_people(shop, sign_in):
    doubted = inside(shop, make_uncertain)
    first, second = sign_in(Role.ACCOUNTANT), sign_in(Role.OWNER)

    first.visit("/fbr/red-list/")
    first.look("red-list")
    first.page.get_by_role("link", name="Settle it").click()
    first.page.get_by_role("heading", name="Does FBR have it?").wait_for()
    first.look("settle")
    first.page.get_by_label("Where you looked").fill("IRIS, list of 20 November")
    first.page.get_by_role("button", name="ask a second person").click()
    first.page.get_by_text("Now somebody else must look").wait_for()
    first.look("settle-waits")
    assert first.page.get_by_role("button", name="I looked too").count() == 0

    second.visit(f"/invoices/{doubted.pk}/")
    second.page.get_by_text("A second person is asked").first.wait_for()
    second.look("uncertain-asked")
    second.page.get_by_role("link", name="Settle it").first.click()
    second.look("settle-second")
    second.page.get_by_role("button", name="I looked too").click()
    second.page.get_by_text("Two people agree").wait_for()

    assert inside(shop, lambda: Invoice.objects.get().state) == State.QUEUED


def test_found_in_iris_it_is_settled_with_a_picture(shop, sign_in):
    doubted = inside(shop, make_uncertain)
    eyes = sign_in(Role.OWNER)

    eyes.visit(f"/invoices/{doubted.pk}/settle/")
    eyes.look("settle-alone")
    eyes.page.get_by_label("FBR's invoice number").fill(NUMBER)
    eyes.page.get_by_role("button", name="FBR has it under this number").click()
    eyes.page.get_by_text("There is no proof").first.wait_for()
    eyes.look("settle-refused")
    eyes.page.get_by_label("Screenshot of IRIS").set_input_files(
        {"name": "iris.png", "mimeType": "image/png", "buffer": PNG}
    )
    eyes.page.get_by_role("button", name="FBR has it under this number").click()
    eyes.page.get_by_text("Settled: FBR has it").wait_for()

    assert inside(shop, lambda: Invoice.objects.get().fbr_number) == NUMBER


def test_a_list_is_laid_beside_the_documents(shop, sign_in):
    doubted = inside(shop, make_uncertain)
    eyes = sign_in(Role.ACCOUNTANT)

    eyes.visit("/fbr/statements/")
    eyes.look("statements-none")
    eyes.page.get_by_label("The list").set_input_files(
        {"name": "annex-c.csv", "mimeType": "text/csv", "buffer": LIST.encode()}
    )
    eyes.page.get_by_role("button", name="Read the list").click()
    eyes.page.get_by_text("This is it").wait_for()
    eyes.look("statement")
    eyes.visit("/fbr/statements/")
    eyes.look("statements")
    eyes.visit(f"/invoices/{doubted.pk}/settle/")
    eyes.look("settle-candidate")
    eyes.page.get_by_role("button", name="This is it").click()
    eyes.page.get_by_text("Settled: FBR has").wait_for()

    assert inside(shop, lambda: StatementRow.objects.get().fbr_number) == NUMBER
    assert inside(shop, lambda: Invoice.objects.get().state) == State.ACCEPTED


def test_a_look_alike_and_a_double_say_what_to_do(shop, sign_in):
    eyes = sign_in(Role.OWNER)

    def laid():
        twice = make_uncertain()
        old = Attempt.objects.get()
        _user, owner = person(shop, Role.OWNER)
        resolving.settle_found(
            invoice=twice,
            found=Found(number="7000007DI1", note="seen in IRIS"),
            proof=None,
            actor=owner,
            at=clock.now(),
        )
        answer_late(twice, old)
        suspect = factories.make_issued()
        Outbox.objects.filter(invoice=suspect).update(hold_reason=Hold.DUPLICATE_SUSPECT)
        return twice, suspect

    twice, suspect = inside(shop, laid)

    eyes.visit("/fbr/red-list/")
    eyes.look("red-list-twice")
    eyes.visit(f"/invoices/{twice.pk}/twice/")
    eyes.look("twice")
    eyes.visit(f"/invoices/{suspect.pk}/")
    eyes.page.get_by_label("Why it is another sale").fill("second truck")
    eyes.look("suspect")
    eyes.page.get_by_role("button", name="This is another sale").click()
    eyes.page.get_by_text("Let go").wait_for()
