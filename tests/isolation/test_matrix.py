"""Another tenant's ids at every door: not found, nothing told, nothing changed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import reverse

from accounts.enums import Role, StaffRole
from accounts.models import StaffLook, Tenant
from accounts.tenancy import TenantModel
from smartinvoicing.celery import app
from tests import factories
from tests.isolation import walk
from tests.isolation.theirs_cast import SECRET, Theirs, digest, make_theirs

pytestmark = pytest.mark.django_db

# Whose doors they are. A route that is not here fails the build.
OPEN = {
    "alive",
    "ready",
    "schema",
    "metrics",
    "signing-key",
    "privacy:consents",
    "privacy:choose",
    "privacy:cookie_list",
    "privacy:ask",
    "privacy:asked",
    "privacy:request",
    "privacy:request_export",
    "privacy:complain",
    "privacy:usage",
    "privacy:confirm_mail",
    "privacy:stop_mail",
    "privacy:policies",
    "privacy:promises",
    "privacy:privacy_policy",
    "privacy:terms",
    "privacy:cookie_policy",
    "privacy:dpa",
    "privacy:subprocessors",
    "privacy:fbr_sharing",
    "privacy:policy_versions",
    "privacy:policy_version",
    "privacy:policy_changes",
    "privacy:contact",
    "privacy:contact_sent",
}
PERSON = {
    "privacy:please_read",
    "privacy:declined",
    "accounts:welcome",
    "accounts:switch",
    "accounts:profile",
    "privacy:mine",
    "privacy:mine_request",
    "privacy:export_file",
    "privacy:why_me",
    "accounts:theme",
    "privacy:choose_mail",
    "accounts:invitation",
}
MEMBER = {
    "privacy:breach_letter",
    "privacy:closure",
    "accounts:business",
    "accounts:members",
    "accounts:invite",
    "accounts:role",
    "accounts:remove",
    "accounts:withdraw",
    "accounts:api_keys",
    "accounts:revoke_key",
    "accounts:audit",
    "privacy:why_invoice",
    "privacy:why_buyer",
    "privacy:why_product",
    "privacy:calendar",
    "privacy:tickets",
    "privacy:ticket",
    "privacy:processors",
    "accounts:audit_export",
    "accounts:notices",
    "accounts:staff_access",
    "privacy:business_requests",
    "privacy:business_request",
    "privacy:business_export",
    "privacy:business_export_file",
    "accounts:staff_access_open",
    "accounts:staff_access_end",
    "invoices:dashboard",
    "invoices:list",
    "invoices:export",
    "invoices:new",
    "invoices:autosave",
    "invoices:preview",
    "invoices:line",
    "invoices:buyer_note",
    "invoices:buyer_search",
    "invoices:product_search",
    "invoices:hs_search",
    "invoices:detail",
    "invoices:edit",
    "invoices:delete",
    "invoices:duplicate",
    "invoices:pdf",
    "invoices:note",
    "invoices:buyers",
    "invoices:buyer_new",
    "invoices:buyer",
    "invoices:products",
    "invoices:product_new",
    "invoices:product_taxed",
    "invoices:product",
    "fbr:issue",
    "fbr:panel",
    "fbr:preview",
    "fbr:statement_file",
    "fbr:statement",
    "fbr:statements",
    "fbr:double",
    "fbr:release_duplicate",
    "fbr:evidence_file",
    "fbr:claim_withdraw",
    "fbr:claim_confirm",
    "fbr:settle_missing",
    "fbr:settle_answer",
    "fbr:settle_row",
    "fbr:settle_found",
    "fbr:settle",
    "fbr:red_list",
    "fbr:restored",
    "fbr:record_lost",
    "fbr:correct",
    "fbr:cancel",
    "fbr:cancel_approved",
    "fbr:cancel_confirmed",
    "fbr:cancel_refused",
    "fbr:cancel_proof",
    "fbr:cancel_approval",
    "fbr:application",
    "fbr:application_pdf",
    "fbr:void",
    "fbr:send_again",
    "fbr:reopen",
    "fbr:light",
    "fbr:tokens",
    "fbr:release",
    "fbr:test_token",
    "fbr:golive",
    "fbr:golive_tick",
    "fbr:golive_step",
    "fbr:iris",
    "fbr:scenarios",
    "fbr:scenarios_choose",
    "fbr:environment",
    "fbr:tills",
    "fbr:till_terms",
    "fbr:till_sheet",
    "fbr:till",
    "fbr:till_token",
    "fbr:till_test",
    "fbr:till_release",
    "fbr:till_retire",
    "invoices:closings",
    "invoices:closings_export",
    "invoices:closings_verify",
    "invoices:signature",
    "invoices:signing_keys",
    "invoices:signing_keys_rotate",
    "invoices:unit_options",
    "invoices:rate_options",
    "invoices:schedule_options",
    "invoices:item_options",
    "fbr:lists",
    "fbr:refresh_lists",
    "fbr:register",
    "fbr:check_all",
    "fbr:buyer_check",
    "fbr:buyer_checks",
    "fbr:take_over",
    "fbr:outage_banner",
    "fbr:offline",
    "fbr:incidents",
    "fbr:incident_new",
    "fbr:incident",
    "fbr:incident_letter",
    "fbr:incident_describe",
    "fbr:incident_tell",
    "fbr:incident_proof",
    "fbr:incident_close",
}
PROGRAM = {
    "api-buyers",
    "api-products",
    "api:invoices",
    "api:invoice",
    "api:invoice-issue",
    "api:invoice-debit-note",
    "api:invoice-cancel",
    "api:invoice-void",
    "api:invoice-resolve",
    "api:invoice-pdf",
    "api:invoice-attempts",
    "api:invoice-events",
    "api:tills",
    "api-reference-hs-codes",
    "api-reference-units",
    "api-reference-provinces",
    "api-reference-sale-types",
    "api-reference-rates",
    "api-reference-schedules",
}
# What our people see of a business that let them in; `tenant_id` is the business.
DESK = {
    "privacy:desk",
    "privacy:desk_documents",
    "privacy:desk_document",
    "privacy:desk_customers",
    "privacy:desk_customer",
}
OURS = {"privacy:desks"}
# name: True when it works inside the tenant that stands in its message
TASKS = {
    "privacy.watch_staff": False,
    "accounts.keep_access_log": False,
    "privacy.follow_breach_mail": False,
    "privacy.send_notices": False,
    "privacy.watch_policies": False,
    "privacy.prove_promises": False,
    "privacy.sound_alarms": False,
    "privacy.compare_map": False,
    "privacy.detect": False,
    "privacy.look_for_unused": False,
    "privacy.first_look": False,
    "privacy.purge": False,
    "privacy.plan_purge": False,
    "privacy.sweep_files": False,
    "privacy.close_accounts": False,
    "privacy.go_on_erasing": False,
    "privacy.look_up_requests": False,
    "privacy.build_exports": False,
    "privacy.forget_exports": False,
    "privacy.read_mailbox": False,
    "privacy.forget_usage": False,
    "accounts.deliver_mail": False,
    "accounts.heartbeat": False,
    "accounts.forget_replays": False,
    "accounts.anchor_audit": False,
    "accounts.sign_anchors": False,
    "accounts.verify_audit": False,
    "invoices.sign_due": False,
    "invoices.verify_signatures": False,
    "invoices.close_periods": False,
    "fbr.dispatch": False,
    "fbr.sweep": False,
    "invoices.print": True,
    "invoices.print_all": False,
    "fbr.sync_reference": False,
    "fbr.refresh_lists": True,
    "fbr.fetch_units": True,
    "fbr.begin_walks": False,
    "fbr.check_buyers": False,
    "fbr.call_cancel": True,
    "fbr.watch_cancellations": False,
    "fbr.look_for_outages": False,
    "fbr.look_for_incidents": False,
    "fbr.check_integrity": False,
    "fbr.check_invariants": False,
}
DOORS = walk.own_routes()
WITH_ID = [route for route in DOORS if route.parameters - {"secret"}]
METHODS = ("get", "post", "patch", "delete")


@pytest.fixture(scope="module")
def theirs(laid_database, django_db_blocker) -> Iterator[Theirs]:
    """Laid once, for good: each test works beside it in a transaction that is rolled back."""
    with django_db_blocker.unblock():
        made = make_theirs()
    yield made
    with django_db_blocker.unblock():
        laid_database.reset()


def _url(route: walk.Route, ids: dict[str, UUID]) -> str:
    return reverse(route.name, kwargs={name: ids[name] for name in route.parameters})


def _without_references(content: bytes) -> bytes:
    """A page without what differs by chance: its reference, its tokens, its own address."""
    content = re.sub(rb'value="[A-Za-z0-9]{64}"', b"", content)
    content = re.sub(rb'x-csrftoken": "[A-Za-z0-9]{64}"', b"", content)
    content = re.sub(rb"[0-9a-f]{8}-[0-9a-f-]{27}", b"", content)
    return re.sub(rb"\b[0-9a-f]{16}\b", b"", content)


def _calls(client: Client, url: str, **headers: str) -> Iterator[tuple[str, Any]]:
    for method in METHODS:
        yield (
            method,
            getattr(client, method)(
                url, data={}, content_type="application/json", headers=headers or None
            )
            if method != "get"
            else client.get(url, headers=headers or None),
        )


def test_every_route_is_known_to_the_matrix():
    names = {route.name for route in DOORS}

    assert names == OPEN | PERSON | MEMBER | PROGRAM | DESK | OURS


def test_every_parameter_has_a_thing_of_the_other_tenant(theirs):
    wanted = {name for route in WITH_ID for name in route.parameters}

    assert wanted - {"secret"} <= set(theirs.ids)


@pytest.mark.parametrize("role", [Role.OWNER, Role.VIEWER])
@pytest.mark.parametrize(
    "route", [r for r in WITH_ID if r.name in MEMBER | DESK], ids=lambda r: r.name
)
def test_a_foreign_id_on_a_page_is_not_found(business, theirs, client, route, role):
    client.force_login(factories.make_member(business, role))
    unknown = dict.fromkeys(theirs.ids, factories.make_tenant("x", ntn_cnic="1234567").pk)

    foreign = dict(_calls(client, _url(route, theirs.ids)))
    nowhere = dict(_calls(client, _url(route, unknown)))

    for method, answer in foreign.items():
        assert answer.status_code in {404, 405, 403}, method
        assert answer.status_code == nowhere[method].status_code
        assert SECRET.encode() not in answer.content
        assert _without_references(answer.content) == _without_references(nowhere[method].content)
    if role == Role.OWNER:
        assert 404 in {answer.status_code for answer in foreign.values()}
    assert digest(theirs.tenant) == theirs.before


@pytest.mark.parametrize("route", [r for r in WITH_ID if r.name in PROGRAM], ids=lambda r: r.name)
def test_a_foreign_id_by_the_api_is_not_found(business, theirs, client, route):
    key = factories.make_key(business, factories.make_member(business))
    bearer = {"Authorization": f"Bearer {key}"}
    unknown = dict.fromkeys(theirs.ids, factories.make_tenant("x", ntn_cnic="1234567").pk)

    foreign = dict(_calls(client, _url(route, theirs.ids), **bearer))
    nowhere = dict(_calls(client, _url(route, unknown), **bearer))

    assert 404 in {answer.status_code for answer in foreign.values()}
    for method, answer in foreign.items():
        assert answer.status_code in {404, 405, 403}, method
        assert answer.content == nowhere[method].content
    assert digest(theirs.tenant) == theirs.before


@pytest.mark.parametrize(
    "route",
    [r for r in DOORS if r.name in MEMBER | DESK | OURS | PROGRAM],
    ids=lambda r: r.name,
)
def test_staff_without_a_grant_finds_nothing(theirs, client, route):
    """All roles at once, and a superuser: of the business's doors none is there."""
    client.force_login(factories.make_staff(*StaffRole, is_superuser=True))

    for method, answer in _calls(client, _url(route, theirs.ids)):
        assert SECRET.encode() not in answer.content
        if route.name in PROGRAM:
            assert answer.status_code in {401, 405}, method
        elif route.name in MEMBER | DESK:
            assert answer.status_code in {404, 405}, method
    assert digest(theirs.tenant) == theirs.before
    assert StaffLook.objects.count() == 0


@pytest.mark.parametrize("route", DOORS, ids=lambda r: r.name)
def test_nobody_signed_in_sees_nothing(theirs, client, route):
    ids = {**theirs.ids, "secret": "x" * 43}

    for method, answer in _calls(client, _url(route, ids)):
        assert SECRET.encode() not in answer.content
        if route.name in PROGRAM:
            assert answer.status_code in {401, 405}, method
        elif route.name not in OPEN:
            assert answer.status_code in {302, 404, 405}, method
            assert answer.status_code != 302 or "/accounts/login/" in answer["Location"]
    assert digest(theirs.tenant) == theirs.before


@pytest.mark.parametrize("route", [r for r in DOORS if not r.parameters], ids=lambda r: r.name)
def test_no_list_tells_of_the_other_tenant(business, theirs, client, route):
    client.force_login(factories.make_member(business, Role.OWNER))
    key = factories.make_key(business, factories.make_member(business))
    query = {"buyer": str(theirs.ids["buyer_id"]), "q": SECRET[:5], "tenant": str(theirs.tenant.pk)}

    answer = client.get(
        reverse(route.name), query, headers={"Authorization": f"Bearer {key}"}, follow=True
    )

    assert SECRET.encode() not in b"".join(answer)


@pytest.mark.parametrize("field", ["buyer_id", "product_id", "till_id"])
def test_a_foreign_id_inside_a_body_is_refused(business, theirs, client, field):
    key = factories.make_key(business, factories.make_member(business))
    line = {"quantity": "1", "unit_price": "1"}
    body: dict[str, Any] = {"lines": [line]}
    (line if field == "product_id" else body)[field] = str(theirs.ids[field])

    answer = client.post(
        reverse("api:invoices"),
        body,
        content_type="application/json",
        headers={"Authorization": f"Bearer {key}"},
    )

    assert answer.status_code == 422
    assert answer.json()["details"]["problems"][0]["field"] == field
    assert digest(theirs.tenant) == theirs.before


def test_a_tenant_named_by_the_request_changes_nothing(business, theirs, client):
    client.force_login(factories.make_member(business, Role.OWNER))
    named = str(theirs.tenant.pk)

    answer = client.get(
        reverse("accounts:members"),
        {"tenant": named},
        headers={"X-Tenant": named, "X-Tenant-Id": named},
    )

    assert answer.status_code == 200
    assert SECRET.encode() not in answer.content


def test_every_task_is_known_to_the_matrix():
    app.loader.import_default_modules()
    ours = {
        name
        for name in app.tasks
        if name.split(".")[0] in {"accounts", "invoices", "fbr", "privacy"}
    }

    assert ours == set(TASKS)


def test_staff_pages_show_no_table_of_the_wall():
    registered = set(admin.site._registry)

    assert not [model for model in registered if issubclass(model, TenantModel | Tenant)]
