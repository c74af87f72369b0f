"""A person's way with their data: refuse, work, take a copy, correct, be forgotten."""

from __future__ import annotations

import zipfile

import pytest
from django.urls import reverse

from accounts import four_eyes
from accounts.enums import Role, StaffRole
from accounts.models import OutgoingMail, User
from privacy.models import SubjectRequest
from privacy.services import answering, deciding
from smartinvoicing import clock
from tests import factories
from tests.browser.eyes import Eyes

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

PASSWORD = "seven quiet lamps"
WHY = "They left and asked for it."
OF_THE_BUSINESS = (
    *("privacy:business_requests", "privacy:business_export", "privacy:closure"),
    *("accounts:staff_access", "privacy:processors", "privacy:calendar", "privacy:why_me"),
    "privacy:tickets",
)


@pytest.fixture(autouse=True)
def _own_files(settings, tmp_path, role_urls):
    settings.PURGE_DATABASE_URL = role_urls.purge
    place = {"location": tmp_path, "base_url": None}
    storage = {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": place}
    settings.STORAGES = {**settings.STORAGES, "default": storage}


def ask(eyes: Eyes, kind: str, text: str = "") -> SubjectRequest:
    eyes.visit(reverse("privacy:mine"))
    eyes.page.locator(f"[name=type][value={kind}]").check()
    eyes.page.locator("[name=text]").fill(text)
    eyes.page.get_by_role("button", name="Send the request").click()
    eyes.page.wait_for_url("**/privacy/mine/*/")
    return SubjectRequest.objects.latest("received_at")


def erase(request: SubjectRequest) -> None:
    """As the desk does it: one asks, another agrees, then it is done."""
    first = factories.make_staff(StaffRole.PRIVACY_OFFICER)
    second = factories.make_staff(StaffRole.SECURITY)
    asked = deciding.erase_at_desk(request, why=WHY, by=first, at=clock.now())
    assert asked is not None
    desk = four_eyes.DESK_OF[asked.deed]
    four_eyes.answer(asked, agrees=True, by=second, at=clock.now(), desk=desk)
    assert deciding.erase_at_desk(request, why=WHY, by=first, at=clock.now()) is None


def test_a_person_refuses_works_takes_a_copy_corrects_and_is_forgotten(business, open_browser):
    factories.make_member(business)
    person = factories.make_member(business, Role.OPERATOR, password=PASSWORD)
    eyes = open_browser()
    eyes.page.goto("/accounts/login/")
    eyes.page.locator("#consent").get_by_role("button", name="Refuse").click()
    eyes.page.locator("#consent").get_by_text("Only essential cookies").wait_for()
    eyes.sign_in(person.email, PASSWORD)
    eyes.visit(reverse("invoices:list"))
    assert {each["name"] for each in eyes.page.context.cookies()} <= {
        *("csrf", "sid", "messages", "choice"),
    }

    eyes.visit(reverse("privacy:mine"))
    eyes.look("mine-empty")
    take_a_copy(eyes)
    correct(eyes, person)
    request = ask(eyes, "erasure", "I leave this firm.")
    eyes.look("mine-erasure")
    address = person.email
    erase(request)

    eyes.page.goto(reverse("privacy:mine"))
    assert "/accounts/login/" in eyes.page.url
    told = OutgoingMail.objects.get(template="privacy/mail/request_erased")
    assert told.to == address
    assert not User.objects.filter(email=address).exists()


def take_a_copy(eyes: Eyes) -> None:
    ask(eyes, "access")
    eyes.look("mine-export-asked")
    answering.build_due(at=clock.now())
    eyes.page.reload()
    eyes.follow(eyes.page.get_by_role("link", name="Download"))
    eyes.look("mine-export")
    with eyes.page.expect_download() as archive:
        eyes.page.get_by_role("button", name="Download").click()
    with zipfile.ZipFile(archive.value.path()) as opened:
        assert "manifest.json" in opened.namelist()


def correct(eyes: Eyes, person: User) -> None:
    eyes.visit(reverse("accounts:profile"))
    eyes.page.locator("main [name=name]").fill("Gulmakai Khan")
    eyes.page.locator("main [name=name]").press("Enter")
    eyes.page.wait_for_load_state("networkidle")
    person.refresh_from_db()
    assert person.name == "Gulmakai Khan"
    eyes.visit(reverse("privacy:mine"))
    eyes.look("mine-full")


@pytest.mark.parametrize("name", OF_THE_BUSINESS)
def test_the_pages_of_a_business(name, business, open_browser):
    owner = factories.make_member(business, Role.OWNER, password=PASSWORD)
    eyes = open_browser()
    eyes.sign_in(owner.email, PASSWORD)

    eyes.visit(reverse(name))

    eyes.look(f"business-{name.split(':')[1]}")
