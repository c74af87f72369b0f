"""People of ours: a second factor before their desk opens, and sessions that are short."""

from datetime import timedelta

import pytest
from allauth.mfa.models import Authenticator
from django.test import Client
from django.urls import reverse

from accounts import staff_access
from accounts.enums import StaffRole
from smartinvoicing import clock
from tests import factories
from tests.accounts.cast import browser_of

pytestmark = pytest.mark.django_db
PAGES = ("/admin/", "/admin/accounts/user/", "/desk/")


@pytest.fixture
def guard():
    return factories.make_staff(StaffRole.SECURITY)


def without_factor(user):
    """Signed in by a password alone, as somebody whose factor was taken away later."""
    browser = browser_of(user)
    session = browser.session
    session["account_authentication_methods"] = [{"method": "password", "at": 0}]
    session.save()
    return browser


@pytest.mark.parametrize("page", PAGES)
def test_the_desk_opens_with_a_factor_shown(guard, page):
    assert browser_of(guard).get(page).status_code == 200


@pytest.mark.parametrize("page", PAGES)
def test_without_one_it_asks_to_switch_it_on(guard, page):
    browser = browser_of(guard)
    Authenticator.objects.all().delete()

    assert browser.get(page)["Location"] == reverse("mfa_activate_totp")


@pytest.mark.parametrize("page", PAGES)
def test_one_that_was_not_shown_in_this_session_is_asked_for(guard, page):
    answer = without_factor(guard).get(page)

    assert answer["Location"].startswith(reverse("mfa_reauthenticate"))
    assert "next=" in answer["Location"]


@pytest.mark.parametrize("page", PAGES)
def test_twin_without_the_question_the_desk_opens(guard, page, monkeypatch):
    monkeypatch.setattr(staff_access, "_missing_factor", lambda request, user: None)

    with pytest.raises(KeyError):
        test_one_that_was_not_shown_in_this_session_is_asked_for(guard, page)


def test_a_person_of_ours_without_a_factor_may_still_switch_one_on(guard):
    browser = browser_of(guard)
    Authenticator.objects.all().delete()

    assert browser.get(reverse("account_reauthenticate")).status_code == 200


def at(monkeypatch, moment):
    monkeypatch.setattr(clock, "now", lambda: moment)


@pytest.mark.parametrize(("seconds", "is_on"), [(-1, True), (0, False)])
def test_fifteen_idle_minutes_end_it(guard, monkeypatch, seconds, is_on):
    now = clock.now()
    browser = browser_of(guard)
    browser.get("/admin/")
    session = browser.session
    session["staff_seen"] = (now - timedelta(minutes=15, seconds=seconds)).timestamp()
    session.save()
    at(monkeypatch, now)

    answer = browser.get("/admin/")

    assert (answer.status_code == 200) is is_on
    assert ("_auth_user_id" in browser.session) is is_on


@pytest.mark.parametrize(("seconds", "is_on"), [(-1, True), (0, False)])
def test_eight_hours_end_it_however_busy(guard, monkeypatch, seconds, is_on):
    now = clock.now()
    browser = browser_of(guard)
    browser.get("/admin/")
    session = browser.session
    session["staff_since"] = (now - timedelta(hours=8) - timedelta(seconds=seconds)).timestamp()
    session["staff_seen"] = now.timestamp()
    session.save()

    at(monkeypatch, now)

    assert (browser.get("/admin/").status_code == 200) is is_on


def test_work_keeps_a_session_alive(guard, monkeypatch):
    began = clock.now()
    browser = browser_of(guard)
    browser.get("/admin/")

    for minutes in (14, 28, 42):
        at(monkeypatch, began + timedelta(minutes=minutes))
        assert browser.get("/admin/").status_code == 200


def test_twin_sessions_without_an_end_are_caught(guard, monkeypatch):
    monkeypatch.setattr(staff_access, "_is_over", lambda request, at: False)

    with pytest.raises(AssertionError):
        test_fifteen_idle_minutes_end_it(guard, monkeypatch, 0, False)


def test_customers_are_not_asked(shop, monkeypatch):
    browser = browser_of(shop.owner)
    browser.get(reverse("accounts:profile"))
    at(monkeypatch, clock.now() + timedelta(hours=2))

    assert browser.get(reverse("accounts:profile")).status_code == 200


def test_nobody_who_is_not_signed_in_is_in_the_way():
    assert Client().get("/admin/")["Location"].startswith("/admin/login/")
