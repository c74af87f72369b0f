"""The staff's desk looks at people; it changes nothing and shows no secret."""

import pytest
from allauth.account.models import EmailAddress
from axes.models import AccessAttempt
from django.contrib import admin
from django.test import Client
from django.urls import reverse

from accounts.access import MAY_AT_DESK
from accounts.desk import DeskAdmin
from accounts.enums import StaffRole
from accounts.models import StaffSeat, User
from tests import factories
from tests.accounts.cast import NOON, PASSWORD, browser_of, person

pytestmark = pytest.mark.django_db
OURS = {"User", "EmailAddress", "AccessAttempt", "AccessLog", "AccessFailureLog"}
HIDDEN = {
    "ApiKey",
    "AuditEvent",
    "Authenticator",
    "Group",
    "IdempotencyKey",
    "Invitation",
    "LegalEntity",
    "Membership",
    "Tenant",
    "UserSession",
}


@pytest.fixture
def staff():
    """An auditor: sees all of it, may do nothing."""
    person_ = person("staff@smartinvoicing.example", is_staff=True)
    StaffSeat(user=person_, role=StaffRole.AUDITOR, since=NOON, given_by="system:test").save()
    factories.train(person_)
    return person_


def test_the_desk_holds_no_secret_and_no_row_of_a_tenant():
    on_it = {model.__name__ for model in admin.site._registry}

    assert on_it >= OURS
    assert not on_it & HIDDEN


@pytest.mark.parametrize("model", [User, EmailAddress, AccessAttempt])
def test_the_desk_looks_only(staff, model):
    browser = browser_of(staff)
    Client(REMOTE_ADDR="203.0.113.7").post(
        "/accounts/login/", {"login": staff.email, "password": "wrong"}
    )
    row = model.objects.get()
    before = list(model.objects.values())
    base = f"admin:{model._meta.app_label}_{model._meta.model_name}"

    assert browser.get(reverse(f"{base}_changelist")).status_code == 200
    assert browser.get(reverse(f"{base}_change", args=[row.pk])).status_code == 200
    for deed, args in (("add", []), ("change", [row.pk]), ("delete", [row.pk])):
        response = browser.post(reverse(f"{base}_{deed}", args=args), {"post": "yes"})
        assert response.status_code == 403
    assert list(model.objects.values()) == before


def test_the_page_of_a_person_shows_no_hash(staff):
    page = browser_of(staff).get(reverse("admin:accounts_user_change", args=[staff.pk]))

    assert staff.email in page.content.decode()
    assert staff.password not in page.content.decode()


@pytest.mark.parametrize(
    "asked", ["password__startswith", "password", "email__startswith", "staffseat__role", "pk"]
)
def test_a_page_is_not_filtered_by_what_it_does_not_offer(staff, asked):
    people = reverse("admin:accounts_user_changelist")

    answer = browser_of(staff).get(people, {asked: "bcrypt"})

    assert answer.status_code == 400


@pytest.mark.parametrize(
    ("name", "asked"),
    [
        ("accounts_user", "is_staff__exact=1"),
        ("accounts_user", "q=staff&o=2.-1&p=0&e=1"),
        ("accounts_stafftraining", "taken_on__year=2026&taken_on__month=11"),
        ("privacy_campaignnotice", "campaign__id__exact=019ab000-0000-7000-8000-000000000000"),
        ("privacy_subjectrequest", "open=yes"),
        ("privacy_processor", "enabled_at__isempty=1"),
    ],
)
def test_the_filters_of_a_page_go_on_to_work(name, asked):
    browser = browser_of(factories.make_staff(*StaffRole))

    answer = browser.get(f"{reverse(f'admin:{name}_changelist')}?{asked}")

    assert answer.status_code == 200


def test_every_page_of_the_desk_asks_for_a_role():
    pages = {model.__name__: page for model, page in admin.site._registry.items()}

    assert [name for name, page in pages.items() if not isinstance(page, DeskAdmin)] == []
    assert [name for name, page in pages.items() if not page.sees] == []


@pytest.mark.parametrize("role", [None, *StaffRole])
def test_a_role_sees_its_pages_and_no_other(role):
    """A superuser, so that nothing of it comes from being one."""
    user = factories.make_staff(*([role] if role else []), is_superuser=True)
    browser = browser_of(user)
    deeds = MAY_AT_DESK[role] if role else frozenset()

    for model, page in admin.site._registry.items():
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist"
        answer = browser.get(reverse(name))

        if not role:
            assert (answer.status_code, answer["Location"].split("?")[0]) == (302, "/admin/login/")
        else:
            wanted = 403 if deeds.isdisjoint(page.sees) else 200
            assert answer.status_code == wanted, model


def test_a_superuser_without_a_seat_comes_no_further_than_the_door():
    browser = browser_of(factories.make_staff(is_superuser=True))

    assert browser.get("/admin/login/").status_code == 403


def test_passwords_are_changed_by_the_house_door(staff):
    answer = browser_of(staff).get(reverse("admin:password_change"))

    assert answer["Location"] == reverse("account_change_password")


def test_the_desk_signs_in_by_the_house_door():
    response = Client().get("/admin/login/?next=/admin/")

    assert response.status_code == 302
    assert response["Location"].startswith("/accounts/login/")


def test_the_desk_is_closed_to_customers(shop):
    response = browser_of(shop.owner).get("/admin/")

    assert response.status_code in {302, 403}
    assert browser_of(shop.owner).get("/admin/login/").status_code == 403


def test_five_wrong_passwords_lock_staff_too(staff):
    for number in range(5):
        Client().post("/accounts/login/", {"login": staff.email, "password": f"wrong {number}"})

    response = Client().post("/accounts/login/", {"login": staff.email, "password": PASSWORD})

    assert response.status_code == 429
    assert "_auth_user_id" not in response.client.session
