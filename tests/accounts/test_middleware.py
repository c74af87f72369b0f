"""The tenant comes from a membership of the session's user, from nothing else."""

from uuid import uuid4

import pytest
from allauth.usersessions.models import UserSession
from django.test import Client
from django.urls import reverse

from accounts.enums import Role
from accounts.middleware import SESSION_KEY
from accounts.models import Membership, User
from accounts.services import members
from accounts.tenancy import in_tenant
from smartinvoicing.pg import scope
from tests.accounts.cast import NOON, browser_of, join, person, shop_of


def tenant_of(response):
    """The tenant that a page was made for."""
    return response.context["tenant"].name


def put_into_session(client, tenant_id):
    session = client.session
    session[SESSION_KEY] = str(tenant_id)
    session.save()


def test_a_stranger_is_sent_to_sign_in(db):
    response = Client().get(reverse("accounts:members"))

    assert response.status_code == 302
    assert response["Location"] == "/accounts/login/?next=/people/"


def test_a_person_without_a_business_is_sent_to_open_one(db):
    response = browser_of(person("new@mills.example")).get(reverse("accounts:members"))

    assert response["Location"] == reverse("accounts:welcome")


def test_a_foreign_tenant_in_the_session_counts_for_nothing(shop, rival):
    browser = browser_of(shop.owner)
    put_into_session(browser, rival.tenant.pk)

    response = browser.get(reverse("accounts:members"))

    assert tenant_of(response) == shop.tenant.name
    assert rival.owner.email not in response.content.decode()


@pytest.mark.parametrize("word", ["", "nonsense", "' OR 1=1"])
def test_nonsense_in_the_session_counts_for_nothing(shop, word):
    browser = browser_of(shop.owner)
    put_into_session(browser, word)

    assert tenant_of(browser.get(reverse("accounts:members"))) == shop.tenant.name


def test_the_first_business_is_the_one_without_a_choice(shop, rival):
    join(rival, shop.owner, Role.OWNER)

    response = browser_of(shop.owner).get(reverse("accounts:members"))

    assert tenant_of(response) == shop.tenant.name


def test_switch_goes_to_another_of_ones_businesses(shop, rival):
    join(rival, shop.owner, Role.OWNER)
    browser = browser_of(shop.owner)

    response = browser.post(reverse("accounts:switch"), {"tenant": str(rival.tenant.pk)})

    assert response.status_code == 302
    assert tenant_of(browser.get(reverse("accounts:members"))) == rival.tenant.name


def test_switch_gives_the_session_a_new_id_that_the_list_of_sessions_knows(shop, rival):
    join(rival, shop.owner, Role.OWNER)
    browser = browser_of(shop.owner)
    before = browser.session.session_key
    UserSession.objects.create(
        user=shop.owner, session_key=before, ip="127.0.0.1", user_agent="a browser"
    )

    browser.post(reverse("accounts:switch"), {"tenant": str(rival.tenant.pk)})

    after = browser.cookies["sid"].value
    assert after != before
    assert UserSession.objects.get().session_key == after
    stale = Client()
    stale.cookies["sid"] = before
    assert stale.get(reverse("accounts:members")).status_code == 302


@pytest.mark.parametrize("foreign", [True, False])
def test_switch_to_a_foreign_or_unknown_tenant_is_not_found(shop, rival, foreign):
    browser = browser_of(shop.owner)
    wanted = rival.tenant.pk if foreign else uuid4()

    response = browser.post(reverse("accounts:switch"), {"tenant": str(wanted)})

    assert response.status_code == 404
    assert SESSION_KEY not in browser.session
    assert tenant_of(browser.get(reverse("accounts:members"))) == shop.tenant.name


def test_a_new_role_counts_from_the_next_request_on(shop):
    membership = join(shop, person("admin@mills.example"), Role.ADMIN)
    browser = browser_of(membership.user)
    assert browser.get(reverse("accounts:members")).status_code == 200

    with in_tenant(shop.tenant.pk):
        members.change_role(membership=membership, role=Role.VIEWER, actor=shop.actor, at=NOON)

    assert browser.get(reverse("accounts:members")).status_code == 403


def test_a_removed_member_sees_nothing_from_the_next_request_on(shop):
    membership = join(shop, person("admin@mills.example"), Role.ADMIN)
    browser = browser_of(membership.user)
    assert browser.get(reverse("accounts:members")).status_code == 200

    with in_tenant(shop.tenant.pk):
        members.remove(membership=membership, actor=shop.actor, at=NOON)
    response = browser.get(reverse("accounts:members"))

    assert response["Location"] == reverse("accounts:welcome")
    assert shop.tenant.name not in response.content.decode()


def test_a_removed_member_of_two_businesses_lands_in_the_other(shop, rival):
    membership = join(shop, person("both@tax.example"), Role.ADMIN)
    join(rival, membership.user, Role.ADMIN)
    browser = browser_of(membership.user)
    put_into_session(browser, shop.tenant.pk)

    with in_tenant(shop.tenant.pk):
        members.remove(membership=membership, actor=shop.actor, at=NOON)

    assert tenant_of(browser.get(reverse("accounts:members"))) == rival.tenant.name


def test_a_person_who_may_not_sign_in_any_more_is_out_at_once(shop):
    browser = browser_of(shop.owner)
    assert browser.get(reverse("accounts:members")).status_code == 200

    User.objects.filter(pk=shop.owner.pk).update(is_active=False)

    assert browser.get(reverse("accounts:members")).status_code == 302


def test_the_scope_ends_with_the_request(shop):
    browser_of(shop.owner).get(reverse("accounts:members"))

    assert scope.current() == scope.NOBODY


@pytest.mark.django_db(transaction=True)
def test_a_page_works_with_real_transactions():
    shop = shop_of(person("ayesha@mills.example"))

    response = browser_of(shop.owner).get(reverse("accounts:members"))

    assert response.status_code == 200
    assert tenant_of(response) == shop.tenant.name


def test_a_refused_page_changes_nothing(shop):
    viewer = join(shop, person("viewer@mills.example"), Role.VIEWER)
    browser = browser_of(viewer.user)

    response = browser.post(reverse("accounts:role", args=[viewer.pk]), {"role": Role.OWNER.value})

    assert response.status_code == 403
    with in_tenant(shop.tenant.pk):
        assert Membership.objects.get(pk=viewer.pk).role == Role.VIEWER
