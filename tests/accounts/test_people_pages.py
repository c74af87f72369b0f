"""Pages about people: the list, invitations, roles."""

import re
from datetime import timedelta

import pytest
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP
from django.core import mail
from django.urls import reverse

from accounts.enums import Role
from accounts.models import Invitation, Membership
from accounts.tenancy import in_tenant
from tests.accounts.cast import NOON, browser_of, join, person


def test_members_shows_people_and_invitations_of_this_business_only(browser, open_shop, rival):
    join(open_shop, person("sana@mills.example", name="Sana"), Role.VIEWER)
    browser.post(reverse("accounts:invite"), {"email": "new@mills.example", "role": "viewer"})

    page = browser.get(reverse("accounts:members")).content.decode()

    assert "sana@mills.example" in page
    assert "new@mills.example" in page
    assert rival.owner.email not in page


def test_members_shows_who_has_a_second_factor(browser, open_shop):
    safe = join(open_shop, person("safe@mills.example"), Role.VIEWER)
    TOTP.activate(safe.user, "JBSWY3DPEHPK3PXP")
    RecoveryCodes.activate(open_shop.owner)  # without the app they are no factor

    rows = browser.get(reverse("accounts:members")).context["rows"]

    assert [row["factor"]["label"] for row in rows] == ["Off", "On"]
    assert [row["you"] for row in rows] == [True, False]


def test_members_asks_the_database_as_often_for_many_as_for_one(
    browser, open_shop, django_assert_max_num_queries
):
    for number in range(12):
        join(open_shop, person(f"sana{number}@mills.example"), Role.VIEWER)

    with django_assert_max_num_queries(20):
        browser.get(reverse("accounts:members"))


def test_invite_mails_a_link_to_our_own_address(
    browser, settings, django_capture_on_commit_callbacks
):
    with django_capture_on_commit_callbacks(execute=True):
        response = browser.post(
            reverse("accounts:invite"), {"email": "sana@mills.example", "role": "viewer"}
        )

    assert response["Location"] == reverse("accounts:members")
    assert f"{settings.PUBLIC_URL}/invitation/" in mail.outbox[0].body


@pytest.mark.parametrize(
    "typed",
    [
        {"email": "nobody", "role": "viewer"},
        {"email": "sana@mills.example", "role": "emperor"},
        {"email": "ayesha@mills.example", "role": "viewer"},
    ],
)
def test_invite_refuses_and_keeps_what_was_typed(browser, typed):
    response = browser.post(reverse("accounts:invite"), typed)

    assert response.status_code == 422
    assert typed["email"] in response.content.decode()
    assert not Invitation.objects.exists()


def test_role_is_changed(browser, open_shop):
    member = join(open_shop, person("sana@mills.example"), Role.VIEWER)
    url = reverse("accounts:role", args=[member.pk])
    assert browser.get(url).status_code == 200

    browser.post(url, {"role": "accountant"})

    assert Membership.objects.get(pk=member.pk).role == Role.ACCOUNTANT


def test_role_of_the_last_owner_is_refused_on_the_form(browser):
    own = Membership.objects.get()

    response = browser.post(reverse("accounts:role", args=[own.pk]), {"role": "viewer"})

    assert response.status_code == 422
    assert "at least one owner" in response.content.decode()
    assert Membership.objects.get().role == Role.OWNER


def test_remove_of_the_last_owner_is_refused_with_a_message(browser):
    own = Membership.objects.get()

    response = browser.post(reverse("accounts:remove", args=[own.pk]), follow=True)

    assert "at least one owner" in response.content.decode()
    assert Membership.objects.exists()


def test_whoever_removes_themselves_is_out(open_shop):
    member = join(open_shop, person("admin@mills.example"), Role.ADMIN)
    own = browser_of(member.user)

    response = own.post(reverse("accounts:remove", args=[member.pk]))

    assert response["Location"] == reverse("invoices:dashboard")
    assert own.get(response["Location"])["Location"] == reverse("accounts:welcome")


def test_withdraw_ends_an_invitation(browser):
    browser.post(reverse("accounts:invite"), {"email": "sana@mills.example", "role": "viewer"})

    browser.post(reverse("accounts:withdraw", args=[Invitation.objects.get().pk]))

    assert not Invitation.objects.exists()


def test_another_tenants_people_are_not_found(browser, rival):
    with in_tenant(rival.tenant.pk):
        foreign = Membership.objects.get()

    for name in ("accounts:role", "accounts:remove"):
        response = browser.post(reverse(name, args=[foreign.pk]), {"role": "viewer"})
        assert response.status_code == 404

    with in_tenant(rival.tenant.pk):
        assert Membership.objects.get().role == Role.OWNER


def test_an_expired_invitation_says_so_on_its_page(
    browser, open_shop, django_capture_on_commit_callbacks
):
    with django_capture_on_commit_callbacks(execute=True):
        browser.post(reverse("accounts:invite"), {"email": "sana@mills.example", "role": "viewer"})
    Invitation.objects.update(expires_at=NOON - timedelta(days=900))
    link = re.search(r"/invitation/\S+/", mail.outbox[0].body)[0]

    response = browser_of(person("sana@mills.example")).post(link)

    assert response.status_code == 422
    assert "too old" in response.content.decode()
    assert Membership.objects.count() == 1


def test_an_administrator_meets_owners_with_a_refusal(open_shop):
    admin = join(open_shop, person("admin@mills.example"), Role.ADMIN)
    target = Membership.objects.get(user=open_shop.owner)

    response = browser_of(admin.user).post(
        reverse("accounts:role", args=[target.pk]), {"role": "viewer"}
    )

    assert response.status_code == 403
    assert Membership.objects.get(pk=target.pk).role == Role.OWNER
