"""Pages of the accounts floor: what they show, refuse and never tell."""

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse

from accounts import audit, audit_views, urls
from accounts.access import Actor
from accounts.enums import AuditAction, Role
from accounts.models import ApiKey, AuditEvent, LegalEntity
from accounts.services import api_keys
from accounts.tenancy import in_tenant
from smartinvoicing import clock
from tests.accounts.cast import NOON, PARTICULARS, browser_of, join, person

BUSINESS = PARTICULARS | {"series": "INV", "software_no": ""}
BOX = "retail_price_includes_tax"
PAGES = {
    "accounts:business": {Role.OWNER, Role.ADMIN},
    "accounts:members": {Role.OWNER, Role.ADMIN},
    "accounts:api_keys": {Role.OWNER, Role.ADMIN},
    "accounts:audit": {Role.OWNER, Role.ADMIN, Role.ACCOUNTANT, Role.AUDITOR},
    "accounts:profile": set(Role),
    "accounts:switch": set(Role),
    "accounts:welcome": set(Role),
}


def new_key(**changes):
    on = clock.karachi_date(clock.now()) + timedelta(days=30)
    return {"name": "Till 1", "expires_on": on.isoformat(), "scopes": ["view"]} | changes


# --- all --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("page", "role", "may"),
    [(page, role, role in roles) for page, roles in PAGES.items() for role in Role],
)
def test_each_page_opens_to_whom_it_should(shop, page, role, may):
    member = join(shop, person(f"{role}@mills.example"), role)

    response = browser_of(member.user).get(reverse(page))

    assert response.status_code == (200 if may else 403)


@pytest.mark.parametrize("page", PAGES)
def test_each_page_is_kept_by_no_cache(browser, page):
    assert browser.get(reverse(page))["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    "page", ["accounts:business", "accounts:members", "accounts:api_keys", "accounts:audit"]
)
def test_a_look_changes_nothing(browser, page):
    before = list(AuditEvent.objects.values_list("pk", flat=True))

    browser.get(reverse(page))
    browser.get(reverse(page))

    assert list(AuditEvent.objects.values_list("pk", flat=True)) == before


def test_a_form_without_its_token_is_refused(open_shop):
    browser = Client(enforce_csrf_checks=True)
    browser.cookies = browser_of(open_shop.owner).cookies

    response = browser.post(reverse("accounts:business"), BUSINESS | {"address": "Elsewhere"})

    assert response.status_code == 403
    assert LegalEntity.objects.get().address == PARTICULARS["address"]


# --- the business -----------------------------------------------------------------------------


def test_business_is_changed(browser):
    response = browser.post(reverse("accounts:business"), BUSINESS | {"address": "7 Mall Road"})

    assert response["Location"] == reverse("accounts:business")
    assert LegalEntity.objects.get().address == "7 Mall Road"


@pytest.mark.parametrize(("ticked", "includes"), [({}, False), ({BOX: "on"}, True)])
def test_business_says_whether_printed_prices_include_tax(browser, ticked, includes):
    for page in ({BOX: "on"} if not includes else {}, ticked):
        browser.post(reverse("accounts:business"), BUSINESS | page)

    shown = browser.get(reverse("accounts:business"))
    assert LegalEntity.objects.get().retail_price_includes_tax is includes
    assert shown.context["form"][BOX].value() is includes


def test_business_refuses_and_keeps_what_was_typed(browser):
    response = browser.post(
        reverse("accounts:business"), BUSINESS | {"ntn_cnic": "12", "address": "7 Mall Road"}
    )

    assert response.status_code == 422
    assert "7 Mall Road" in response.content.decode()
    assert LegalEntity.objects.get().address == PARTICULARS["address"]


def test_business_says_which_of_fbrs_worlds_it_is_in(browser):
    sandbox = browser.get(reverse("accounts:business")).context["environment"]
    LegalEntity.objects.update(environment="production")
    production = browser.get(reverse("accounts:business"))

    assert (sandbox["tone"], sandbox["label"]) == ("attention", "Sandbox")
    assert production.context["environment"]["label"] == "Production"
    assert production.context["environment_banner"] is None


def test_business_ignores_what_no_form_asks_for(browser, rival):
    browser.post(
        reverse("accounts:business"),
        BUSINESS | {"environment": "production", "tenant": rival.tenant.pk, "tenant_id": "x"},
    )

    entity = LegalEntity.objects.get()
    assert entity.environment == "sandbox"
    assert entity.tenant_id != rival.tenant.pk


# --- keys -------------------------------------------------------------------------------------


def test_a_key_is_shown_in_the_answer_that_made_it_and_never_again(browser):
    response = browser.post(reverse("accounts:api_keys"), new_key())

    [shown] = re.findall(r"si_[\w-]{43}", response.content.decode())
    assert response.status_code == 200
    assert response["Cache-Control"] == "no-store"
    assert shown not in browser.get(reverse("accounts:api_keys")).content.decode()
    assert ApiKey.objects.get().prefix == shown[:11]


def test_a_key_works_until_the_day_that_was_chosen(browser):
    typed = new_key()

    browser.post(reverse("accounts:api_keys"), typed)

    until = clock.karachi_date(ApiKey.objects.get().expires_at)
    assert until.isoformat() == typed["expires_on"]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"expires_on": "2020-01-01"}, "expires_on"),
        ({"expires_on": "2999-01-01"}, "expires_on"),
        ({"expires_on": "soon"}, "expires_on"),
        ({"scopes": []}, "scopes"),
        ({"scopes": ["manage_keys"]}, "scopes"),
        ({"name": " "}, "name"),
    ],
)
def test_a_key_is_refused_and_what_was_typed_is_kept(browser, changes, field):
    response = browser.post(reverse("accounts:api_keys"), new_key(**changes))

    assert response.status_code == 422
    assert set(response.context["form"].errors) == {field}
    assert not ApiKey.objects.exists()


def test_keys_shows_who_made_them_and_their_state(browser, open_shop):
    old = {"scopes": ["view"], "days": 1, "actor": open_shop.actor}
    api_keys.make(name="Expired one", at=NOON - timedelta(days=30), **old)
    key, _text = api_keys.make(name="Revoked one", at=clock.now(), **old)
    api_keys.revoke(key=key, actor=open_shop.actor, at=clock.now())
    api_keys.make(name="Working one", at=clock.now(), **old)

    rows = browser.get(reverse("accounts:api_keys")).context["rows"]

    assert [(row["name"], row["state"]["label"], len(row["actions"])) for row in rows] == [
        ("Working one", "Works", 1),
        ("Revoked one", "Revoked", 0),
        ("Expired one", "Expired", 0),
    ]
    assert {row["by"] for row in rows} == {"Ayesha"}


def test_revoke_ends_a_key_and_a_second_time_says_so(browser):
    browser.post(reverse("accounts:api_keys"), new_key())
    url = reverse("accounts:revoke_key", args=[ApiKey.objects.get().pk])

    assert browser.post(url).status_code == 302
    assert browser.post(url).status_code == 409

    assert ApiKey.objects.get().revoked_at is not None


def test_another_tenants_key_is_not_found(browser, rival):
    with in_tenant(rival.tenant.pk):
        key, _text = api_keys.make(
            name="Theirs", scopes=["view"], days=30, actor=rival.actor, at=NOON
        )

    response = browser.post(reverse("accounts:revoke_key", args=[key.pk]))

    assert response.status_code == 404
    with in_tenant(rival.tenant.pk):
        assert ApiKey.objects.get().revoked_at is None


# --- the audit trail --------------------------------------------------------------------------


def test_audit_shows_deeds_with_names_and_no_foreign_one(browser, open_shop, rival):
    kept = {"retail_price_includes_tax": "on"}
    browser.post(reverse("accounts:business"), BUSINESS | kept | {"phone": "042 35761999"})

    rows = browser.get(reverse("accounts:audit")).context["rows"]

    assert [(str(row["what"]), row["who"], row["details"]) for row in rows] == [
        ("Business profile changed", "Ayesha", "fields: phone"),
        ("Business opened", "Ayesha", ""),
    ]


def test_audit_names_keys_the_system_and_whoever_is_gone(browser, open_shop):
    key, _text = api_keys.make(
        name="Till 1", scopes=["view"], days=30, actor=open_shop.actor, at=clock.now()
    )
    for actor in (
        Actor.key(key.pk, ["view"]),
        Actor.system("fbr.send"),
        Actor.person(key.pk, Role.VIEWER),
    ):
        audit.record(actor, AuditAction.ENTITY_CHANGED, open_shop.tenant, at=clock.now())

    rows = browser.get(reverse("accounts:audit")).context["rows"]

    assert [row["who"] for row in rows[:3]] == [
        f"user:{key.pk}",
        "system:fbr.send",
        "API key Till 1",
    ]


def test_audit_pages_by_key(browser, open_shop, monkeypatch):
    monkeypatch.setattr(audit_views, "AUDIT_PAGE", 2)
    for _time in range(4):
        audit.record(open_shop.actor, AuditAction.ENTITY_CHANGED, open_shop.tenant, at=NOON)

    first = browser.get(reverse("accounts:audit"))
    second = browser.get(first.context["older"])
    third = browser.get(second.context["older"])

    assert [len(page.context["rows"]) for page in (first, second, third)] == [2, 2, 1]
    assert (first.context["newer"], third.context["older"]) == ("", "")
    assert browser.get(reverse("accounts:audit"), {"before": "x"}).status_code == 404


# --- one's own --------------------------------------------------------------------------------


def test_profile_changes_ones_own_name(browser, open_shop):
    browser.post(reverse("accounts:profile"), {"name": "  Ayesha  Khan "})

    open_shop.owner.refresh_from_db()
    assert open_shop.owner.name == "Ayesha Khan"


def test_profile_refuses_a_name_that_deceives(browser, open_shop):
    response = browser.post(reverse("accounts:profile"), {"name": "Ayesha\u202e"})

    open_shop.owner.refresh_from_db()
    assert response.status_code == 422
    assert open_shop.owner.name == "Ayesha"


def test_profile_changes_nothing_else(browser, open_shop):
    browser.post(
        reverse("accounts:profile"),
        {"name": "Ayesha", "email": "x@evil.example", "is_staff": "on", "is_superuser": "on"},
    )

    open_shop.owner.refresh_from_db()
    assert open_shop.owner.email == "ayesha@mills.example"
    assert not open_shop.owner.is_staff


@pytest.mark.parametrize(("chosen", "kept"), [("dark", "dark"), ("light", "light"), ("x", "")])
def test_theme_is_a_cookie_of_three_words(browser, chosen, kept):
    response = browser.post(
        reverse("accounts:theme"), {"theme": chosen}, HTTP_REFERER="http://testserver/people/?a=1"
    )

    assert response["Location"] == "/people/"
    assert response.cookies["theme"].value == kept


@pytest.mark.parametrize("before", ["", "https://evil.example/people/", "//evil.example"])
def test_theme_sends_nobody_away(browser, before):
    response = browser.post(reverse("accounts:theme"), {"theme": "dark"}, HTTP_REFERER=before)

    assert response["Location"] == "/"


def test_switch_names_ones_businesses(browser, open_shop, rival):
    page = browser.get(reverse("accounts:switch")).content.decode()

    assert open_shop.tenant.name in page
    assert rival.tenant.name not in page


def test_every_view_has_a_guard():
    assert all(hasattr(route.callback, "permission") for route in urls.urlpatterns)
