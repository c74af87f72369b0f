"""Roles of our people: given by two, never to oneself; and the page of the second person."""

import pytest
from allauth.usersessions.models import UserSession
from django.core.management import CommandError, call_command
from django.urls import reverse

from accounts import desk, four_eyes, staff
from accounts.admin import approvals
from accounts.enums import Desk, Role, StaffAction, StaffRole
from accounts.models import Approval, Invitation, StaffDeed, StaffSeat
from accounts.secret_hash import hash_of
from accounts.services import members, seats
from accounts.tenancy import in_tenant
from smartinvoicing import clock
from smartinvoicing.errors import NotAllowed, NotFound, RuleViolation, StateConflict
from tests import factories
from tests.accounts.cast import browser_of, person, shop_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def guard():
    return factories.make_staff(StaffRole.SECURITY)


@pytest.fixture
def officer():
    return factories.make_staff(StaffRole.PRIVACY_OFFICER)


@pytest.fixture
def newcomer():
    return person("new@smartinvoicing.example")


def give(who, to, *, role=StaffRole.SUPPORT, why="joins support"):
    return seats.give(email=to.email, role=role, why=why, by=who, at=clock.now())


def agree(by):
    approval = Approval.objects.get(deed=seats.DEED)
    four_eyes.answer(approval, agrees=True, by=by, at=clock.now(), desk=Desk.GIVE_ROLES)


def test_a_role_is_given_by_two(guard, officer, newcomer):
    assert give(guard, newcomer) is None
    assert give(guard, newcomer) is None
    assert StaffSeat.objects.filter(user=newcomer).count() == 0

    agree(officer)

    assert give(guard, newcomer).given_by == f"staff:{guard.pk}"
    newcomer.refresh_from_db()
    assert staff.roles_of(newcomer) == {StaffRole.SUPPORT}
    assert StaffDeed.objects.filter(action=StaffAction.ROLE_GIVEN).count() == 1


def test_what_was_agreed_is_this_role_and_no_other(guard, officer, newcomer):
    give(guard, newcomer)
    agree(officer)

    assert give(guard, newcomer, role=StaffRole.SECURITY) is None


def test_twin_with_one_pair_of_eyes_it_is_caught(guard, officer, newcomer, monkeypatch):
    monkeypatch.setattr(four_eyes, "spend", lambda *args, **words: Approval())

    with pytest.raises(AssertionError):
        test_a_role_is_given_by_two(guard, officer, newcomer)


def test_whoever_gets_it_is_no_second_person(guard):
    other = factories.make_staff(StaffRole.SECURITY)
    assert give(guard, other) is None
    agree(other)

    with pytest.raises(StateConflict):
        give(guard, other)

    assert staff.roles_of(other) == {StaffRole.SECURITY}


def test_nobody_gives_a_role_to_themselves(guard):
    with pytest.raises(NotAllowed):
        give(guard, guard)


@pytest.mark.parametrize("role", [StaffRole.SUPPORT, StaffRole.AUDITOR, StaffRole.PRIVACY_AGENT])
def test_who_may_not_give_roles_gives_none(role, newcomer):
    with pytest.raises(NotAllowed):
        give(factories.make_staff(role), newcomer)


def test_a_member_of_a_business_does_not_work_for_us(guard, shop):
    with pytest.raises(RuleViolation):
        give(guard, shop.owner)


def test_nobody_of_ours_opens_or_joins_a_business(guard, shop):
    with pytest.raises(NotAllowed):
        shop_of(guard, ntn_cnic="3456789")

    with in_tenant(shop.tenant.pk):
        members.invite(email=guard.email, role=Role.VIEWER, actor=shop.actor, at=clock.now())
        secret = "x" * 43
        Invitation.objects.update(secret_hash=hash_of(secret))
    with pytest.raises(NotAllowed, match="works for us"):
        members.accept(secret=secret, user=guard, at=clock.now())


def test_nobody_is_found_by_a_wrong_address(guard, newcomer):
    newcomer.email = "nobody@smartinvoicing.example"

    with pytest.raises(NotFound):
        give(guard, newcomer)


def test_a_role_is_taken_at_once_and_the_sessions_end(guard, officer, client):
    browser = browser_of(officer)
    UserSession.objects.create(
        user=officer, session_key=browser.session.session_key, ip="127.0.0.1", user_agent="x"
    )
    assert browser.get("/admin/").status_code == 200
    seat = officer.seats.get()

    seats.take(seat=seat, why="left us", by=guard, at=clock.now())

    assert staff.roles_of(officer) == frozenset()
    assert browser.get("/admin/")["Location"].startswith("/admin/login/")
    assert "_auth_user_id" not in browser.session
    with pytest.raises(StateConflict):
        seats.take(seat=seat, why="again", by=guard, at=clock.now())


# --- the shell --------------------------------------------------------------------------------


def test_the_shell_gives_the_first_two_and_no_more(newcomer):
    other = person("other@smartinvoicing.example")
    call_command("give_role", newcomer.email, "security", "--why", "first of us")
    call_command("give_role", other.email, "privacy_officer", "--why", "first of us")

    with pytest.raises(CommandError, match="at the desk"):
        call_command("give_role", newcomer.email, "support", "--why", "more")
    assert StaffDeed.objects.filter(who="system:shell").count() == 2


def test_the_shell_wants_a_reason(newcomer):
    with pytest.raises(CommandError):
        call_command("give_role", newcomer.email, "security", "--why", " ")


# --- the pages --------------------------------------------------------------------------------


def test_a_role_goes_through_the_desk_of_two(guard, officer, newcomer):
    page = reverse("admin:accounts_staffseat_give")
    said = {"email": newcomer.email, "role": "support", "why": "joins"}
    browser_of(guard).post(page, said)
    approval = Approval.objects.get()
    agree_page = reverse("admin:accounts_approval_agree", args=[approval.pk])

    refused = browser_of(guard).post(agree_page, {"why": ""})
    browser_of(officer).post(agree_page, {"why": ""})
    browser_of(guard).post(page, said)

    assert b"Another person" in refused.content
    assert staff.roles_of(type(newcomer).objects.get(pk=newcomer.pk)) == {StaffRole.SUPPORT}


def test_a_second_person_may_refuse_and_says_why(guard, officer, newcomer):
    give(guard, newcomer)
    page = reverse("admin:accounts_approval_refuse", args=[Approval.objects.get().pk])

    browser_of(officer).post(page, {"why": ""})
    assert Approval.objects.get().is_agreed is None
    browser_of(officer).post(page, {"why": "not yet"})

    assert Approval.objects.get().is_agreed is False


def test_the_first_page_of_the_desk_names_what_waits(guard, officer, newcomer):
    give(guard, newcomer)

    assert b"joins support" in browser_of(officer).get("/admin/").content
    assert b"joins support" not in browser_of(guard).get("/admin/").content


def test_who_may_not_answer_sees_neither_question_nor_button(guard, newcomer):
    give(guard, newcomer)
    approval = Approval.objects.get()
    agent = factories.make_staff(StaffRole.SUPPORT)

    page = browser_of(agent).get(reverse("admin:accounts_approval_changelist"))

    assert b"joins support" not in page.content
    assert not approvals.may_answer(agent, approval)
    assert not approvals.may_answer(guard, approval)


def test_a_deed_at_the_desk_wants_a_code_of_the_last_ten_minutes(guard, newcomer):
    browser = browser_of(guard)
    session = browser.session
    session["account_authentication_methods"] = [
        {"method": "mfa", "at": clock.now().timestamp() - 601}
    ]
    session.save()
    said = {"email": newcomer.email, "role": "support", "why": "joins"}

    answer = browser.post(reverse("admin:accounts_staffseat_give"), said)

    assert answer["Location"].startswith(reverse("mfa_reauthenticate"))
    assert Approval.objects.count() == 0


def test_twin_without_the_question_the_deed_is_done(guard, newcomer, monkeypatch):
    monkeypatch.setattr(desk, "showed_factor", lambda request, at: True)

    with pytest.raises(AssertionError):
        test_a_deed_at_the_desk_wants_a_code_of_the_last_ten_minutes(guard, newcomer)


def test_each_deed_that_needs_two_says_whom(guard):
    held = {desk_ for role in StaffRole for desk_ in staff.MAY_AT_DESK[role]}

    assert set(four_eyes.DESK_OF.values()) <= held
