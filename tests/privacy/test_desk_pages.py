"""What the pages of requests and of the desk say, and what they keep to themselves."""

from __future__ import annotations

from contextlib import nullcontext
from datetime import UTC, date, datetime, timedelta

import pytest
from django.contrib import admin
from django.urls import reverse

from accounts import four_eyes, staff
from accounts.desk import DeskAdmin
from accounts.enums import StaffAction, StaffRole
from accounts.models import User
from privacy import breach_pages, rights_pages
from privacy.admin import site
from privacy.models import Audience, DeskTask, RequestType
from privacy.services import desk, holds, request_words, routing
from tests import factories
from tests.accounts.cast import browser_of
from tests.conftest import NOON
from tests.privacy import breach_cast, rights_cast

pytestmark = pytest.mark.django_db
TELLING = ("We hold data of this person", "The fact fits nothing that we hold")


@pytest.fixture
def officer() -> User:
    return factories.make_staff(StaffRole.PRIVACY_OFFICER)


# --- before the code --------------------------------------------------------------------------


def page_of(client, address, **facts):
    request = rights_cast.from_form(address, **facts)
    secret = request_words.secret_of(request.pk)
    return client.get(reverse("privacy:request", args=[secret])).content.decode()


def test_without_a_code_nobody_learns_whether_we_know_them(client, business):
    person = factories.make_member(business)

    pages = [
        page_of(client, person.email),
        page_of(client, "nobody@example.com", fbr_number="fbr-none"),
    ]

    assert [words for words in TELLING for page in pages if words in page] == []


def test_twin_a_timeline_that_hides_nothing_tells(client, business, monkeypatch):
    monkeypatch.setattr(rights_pages, "_OF_LOOKING", ())

    with pytest.raises(AssertionError):
        test_without_a_code_nobody_learns_whether_we_know_them(client, business)


# --- the business -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "is_offered"), [(RequestType.ERASURE, True), (RequestType.RECTIFICATION, False)]
)
def test_erasing_is_offered_only_to_whoever_asked_for_it(client, business, owner, kind, is_offered):
    buyer = rights_cast.make_buyer(business)
    request = rights_cast.of_buyer(business, buyer, kind)
    routing.forward(request, by=rights_cast.ME, at=NOON)
    client.force_login(owner)

    page = client.get(reverse("privacy:business_request", args=[request.pk])).content.decode()

    assert ("Erase as the table says" in page) is is_offered


# --- the desk ---------------------------------------------------------------------------------


def test_each_deed_of_two_people_has_words():
    assert four_eyes.WORDS.keys() == four_eyes.DESK_OF.keys()


def hold_page(officer, business):
    at = datetime(2026, 11, 20, 20, 30, tzinfo=UTC)
    case = holds.Case(
        authority="High Court, Lahore", reference="W.P. 1/2026", review_on=date(2040, 1, 1)
    )
    placed = holds.placed_by_staff(
        tenant_id=business.pk, case=case, scope_word="tenant", covers=None, by=officer, at=at
    )
    address = reverse("admin:privacy_holdlisted_change", args=[placed.pk])
    return browser_of(officer).get(address).content.decode()


def test_times_of_the_desk_are_those_of_karachi(officer, business):
    assert "21 Nov 2026, 01:30" in hold_page(officer, business)


def test_twin_in_utc_they_are_not(officer, business, monkeypatch):
    monkeypatch.setattr("accounts.admin.site.timezone.override", lambda zone: nullcontext())

    assert "20 Nov 2026, 20:30" in hold_page(officer, business)


@pytest.mark.parametrize(
    ("due", "until", "tone", "is_late"),
    [
        (NOON + timedelta(hours=100), "24 Nov 2026, 16:00", "wait", False),
        (NOON + timedelta(hours=1), "20 Nov 2026, 13:00", "attention", False),
        (NOON, "20 Nov 2026, 12:00", "danger", True),
        (datetime(2026, 12, 1, 19, tzinfo=UTC), "1 Dec 2026", "wait", False),
    ],
)
def test_a_task_shows_its_clock(due, until, tone, is_late):
    desk.open_task("t", "1", title="T", due_at=due, at=NOON - timedelta(hours=9))

    shown = site.row(DeskTask.objects.get(), NOON)

    assert (shown["until"], shown["tone"], shown["is_late"]) == (until, tone, is_late)


def test_a_task_without_an_end_shows_since_when(officer):
    desk.open_task("t", "1", title="Look at it", at=NOON)

    page = browser_of(officer).get("/admin/").content.decode()

    assert DeskTask.objects.exists()
    assert "since 20 Nov 2026" in page


def told_after(officer, hours):
    """A case that touches invoicing, FBR told this many hours after it was known; closed."""
    case = breach_cast.make_case(officer, touches_invoicing=True)
    at = breach_cast.AWARE + breach_cast.HOUR * hours
    breach_cast.decide_all(case, officer, at=at, tells={Audience.FBR})
    breach_cast.send_to(case, Audience.FBR, officer, at=at)
    return breach_pages.clocks(case, at=at + breach_cast.HOUR)[1]


def test_a_clock_that_was_missed_stays_missed_after_the_letter(officer):
    assert told_after(officer, 61)["text"] == "Told 37 h 0 min too late"


def test_twin_a_letter_in_time_is_done(officer):
    assert told_after(officer, 23)["text"] == "Done"


# --- registers ------------------------------------------------------------------------------------


def test_each_register_says_what_stands_in_it():
    registers = [each for each in admin.site._registry.values() if isinstance(each, DeskAdmin)]

    assert len(registers) > 20
    assert [str(each.opts) for each in registers if not each.lead] == []


def test_an_empty_register_says_it_too(officer):
    page = browser_of(officer).get(reverse("admin:privacy_breachcase_changelist"))

    assert "72 hours" in page.content.decode()


def test_whoever_did_something_is_called_by_name_at_the_desk(officer):
    staff.record(officer, StaffAction.ROLE_GIVEN, officer, at=NOON)

    page = browser_of(officer).get(reverse("admin:accounts_staffdeed_changelist"))

    assert f'<td class="field-shown">{officer.name}</td>' in page.content.decode()
