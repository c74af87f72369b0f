"""Another tenant's ids at every door: not found, nothing told, nothing changed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.apps import apps
from django.contrib import admin
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection, transaction
from django.test import Client
from django.urls import reverse

from accounts import tenancy
from accounts.access import Actor
from accounts.enums import Permission, Role, StaffRole
from accounts.models import (
    ApiKey,
    Invitation,
    LegalEntity,
    Membership,
    StaffLook,
    SupportWindow,
    Tenant,
)
from accounts.services import api_keys, members, staff_access
from accounts.tenancy import TenantModel
from fbr.models import Evidence, IncidentKind, StatementRow
from fbr.services import buyer_checks, claiming, incidents, resolving, scenarios, statements
from fbr.services.resolving import Found
from invoices.enums import Registration, TaxpayerStanding
from invoices.models import BuyerCheck
from invoices.services import signing_keys
from privacy.models import RequestChannel, RequestType, TicketChannel
from privacy.services import exporting, identity, requests, routing, tickets
from privacy.services.request_words import Said
from privacy.services.ticket_words import Asked
from smartinvoicing.celery import app
from tests import factories
from tests.fbr import doubts_cast
from tests.isolation import walk
from tests.privacy import breach_cast

pytestmark = pytest.mark.django_db

SECRET = "Zarghoon"  # stands in every name of the other tenant, and nowhere else

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
    "privacy:helpers",
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


@dataclass(frozen=True)
class Theirs:
    """The other tenant and one of each of its things, by the name of the route's parameter."""

    tenant: Tenant
    ids: dict[str, UUID]
    work_id: UUID


@pytest.fixture
def theirs() -> Theirs:
    tenant = factories.make_tenant(f"{SECRET} Mills", ntn_cnic="7000008")
    user = factories.make_member(tenant, Role.OWNER)
    actor = Actor.person(user.pk, Role.OWNER)
    with tenancy.in_tenant(tenant.pk), transaction.atomic():
        entity = LegalEntity.objects.get()
        issued = factories.make_issued(
            factories.make_content(buyer=factories.make_party(name=f"{SECRET} Traders"))
        )
        ids = {
            "invoice_id": factories.make_draft()[0].pk,
            "buyer_id": factories.make_buyer(name=f"{SECRET} Sons").pk,
            "product_id": factories.make_product(name=f"{SECRET} yarn").pk,
            "credential_id": factories.make_credential(entity, "a token of theirs").pk,
            "sha256": "0" * 64,
            "signing_key": signing_keys.current(at=factories.AT).key_id,
            "till_id": factories.make_till(name=f"{SECRET} counter").pk,
            "incident_id": incidents.open_incident(
                kind=IncidentKind.OTHER, key=SECRET, at=factories.AT, actor=actor
            ).pk,
            "membership_id": Membership.objects.get().pk,
            "key_id": api_keys.make(
                name=SECRET, scopes=[Permission.VIEW], days=30, actor=actor, at=factories.AT
            )[0].pk,
        }
        scenarios.run(entity=entity, scenarios=["SN002"], actor=actor, at=factories.AT)
        BuyerCheck(
            ntn_cnic="2046004",
            checked_at=factories.AT,
            registration=Registration.UNREGISTERED,
            standing=TaxpayerStanding.INACTIVE,
            answer=SECRET,
            said_by=actor.name,
        ).save(force_insert=True)
        buyer_checks.begin_walk(actor=actor, at=factories.AT)
        members.invite(email="z@example.com", role=Role.VIEWER, actor=actor, at=factories.AT)
        ids["invitation_id"] = Invitation.objects.get().pk
        ids |= _doubts_of(entity, actor)
        work_id = issued.work.get().pk
    ids["tenant_id"] = tenant.pk
    ids["breach_notice_id"] = breach_cast.make_notice(tenant).pk
    ids["window_id"] = _window_of(tenant, actor).pk
    ids |= _asked_of(tenant, user.pk, ids["buyer_id"])
    return Theirs(tenant, ids, work_id)


def _asked_of(tenant: Tenant, user_id: UUID, buyer_id: UUID) -> dict[str, UUID]:
    """A request of a customer of theirs that lies with them, and an export of all they have."""
    asked = requests.receive(
        type=RequestType.ACCESS,
        channel=RequestChannel.FORM,
        at=factories.AT,
        said=Said(address="z@example.com", text=SECRET),
        tenant_id=tenant.pk,
        buyer_id=buyer_id,
    )
    identity.by_session(asked, by=factories.SYSTEM, at=factories.AT)
    routing.forward(asked, by=factories.SYSTEM, at=factories.AT)
    taken = exporting.build_tenant_export(tenant.pk, at=factories.AT, asked_by=user_id)
    ticket = tickets.receive(
        channel=TicketChannel.PORTAL,
        asked=Asked(subject=SECRET),
        text=SECRET,
        by=factories.SYSTEM,
        at=factories.AT,
        user_id=user_id,
        tenant_id=tenant.pk,
    )
    assert ticket is not None
    return {"request_id": asked.pk, "export_id": taken.pk, "ticket_id": ticket.pk}


def _doubts_of(entity: LegalEntity, actor: Actor) -> dict[str, UUID]:
    """A list from FBR, a row of it, and what somebody said of an uncertain document."""
    raw = f"FBR invoice no,Buyer name,Date,Value\nX1,{SECRET} Traders,2026-11-20,1000\n".encode()
    row = statements.upload(
        file=SimpleUploadedFile(f"{SECRET}.csv", raw),
        entity=entity,
        covers_from=factories.DAY,
        covers_until=factories.DAY,
        actor=actor,
        at=factories.AT,
    )
    claim = claiming.claim_missing(
        invoice=doubts_cast.make_uncertain(),
        why=SECRET,
        has_factor=True,
        actor=actor,
        at=factories.AT,
    )
    settled = doubts_cast.make_uncertain()
    resolving.settle_found(
        invoice=settled,
        found=Found(number="7000008DI1", note=SECRET),
        proof=doubts_cast.picture(),
        actor=actor,
        at=factories.AT,
    )
    return {
        "statement_id": row.pk,
        "row_id": StatementRow.objects.get().pk,
        "claim_id": claim.pk,
        "evidence_id": Evidence.objects.get(invoice=settled).pk,
    }


def _window_of(tenant: Tenant, actor: Actor) -> SupportWindow:
    """A day on which they let our people look, long over."""
    with tenancy.in_tenant(tenant.pk):
        return staff_access.open_window(
            reason=SECRET, lasts=timedelta(hours=1), actor=actor, at=factories.AT
        )


def _digest(tenant: Tenant) -> dict[str, Any]:
    """What stands in every table of the wall for one tenant."""
    found = {}
    with tenancy.in_tenant(tenant.pk), transaction.atomic(), connection.cursor() as cursor:
        for model in _walled():
            table = model._meta.db_table
            cursor.execute(
                f"SELECT count(*), md5(string_agg(t::text, '' ORDER BY t::text)) FROM {table} t"
            )
            found[table] = cursor.fetchone()
    return found


def _walled() -> list[type]:
    return [model for model in apps.get_models() if issubclass(model, TenantModel)]


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
    before = _digest(theirs.tenant)
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
    assert _digest(theirs.tenant) == before


@pytest.mark.parametrize("route", [r for r in WITH_ID if r.name in PROGRAM], ids=lambda r: r.name)
def test_a_foreign_id_by_the_api_is_not_found(business, theirs, client, route):
    before = _digest(theirs.tenant)
    key = factories.make_key(business, factories.make_member(business))
    bearer = {"Authorization": f"Bearer {key}"}
    unknown = dict.fromkeys(theirs.ids, factories.make_tenant("x", ntn_cnic="1234567").pk)

    foreign = dict(_calls(client, _url(route, theirs.ids), **bearer))
    nowhere = dict(_calls(client, _url(route, unknown), **bearer))

    assert 404 in {answer.status_code for answer in foreign.values()}
    for method, answer in foreign.items():
        assert answer.status_code in {404, 405, 403}, method
        assert answer.content == nowhere[method].content
    assert _digest(theirs.tenant) == before


@pytest.mark.parametrize(
    "route",
    [r for r in DOORS if r.name in MEMBER | DESK | OURS | PROGRAM],
    ids=lambda r: r.name,
)
def test_staff_without_a_grant_finds_nothing(theirs, client, route):
    """All roles at once, and a superuser: of the business's doors none is there."""
    before = _digest(theirs.tenant)
    client.force_login(factories.make_staff(*StaffRole, is_superuser=True))

    for method, answer in _calls(client, _url(route, theirs.ids)):
        assert SECRET.encode() not in answer.content
        if route.name in PROGRAM:
            assert answer.status_code in {401, 405}, method
        elif route.name in MEMBER | DESK:
            assert answer.status_code in {404, 405}, method
    assert _digest(theirs.tenant) == before
    assert StaffLook.objects.count() == 0


@pytest.mark.parametrize("route", DOORS, ids=lambda r: r.name)
def test_nobody_signed_in_sees_nothing(theirs, client, route):
    before = _digest(theirs.tenant)
    ids = {**theirs.ids, "secret": "x" * 43}

    for method, answer in _calls(client, _url(route, ids)):
        assert SECRET.encode() not in answer.content
        if route.name in PROGRAM:
            assert answer.status_code in {401, 405}, method
        elif route.name not in OPEN:
            assert answer.status_code in {302, 404, 405}, method
            assert answer.status_code != 302 or "/accounts/login/" in answer["Location"]
    assert _digest(theirs.tenant) == before


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
    before = _digest(theirs.tenant)
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
    assert _digest(theirs.tenant) == before


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


def test_a_task_run_under_another_tenant_does_nothing(business, theirs, transactional_db):
    before = _digest(theirs.tenant)

    invoice_id = str(theirs.ids["invoice_id"])
    ids = {"tenant_id": str(business.pk), "invoice_id": invoice_id}
    app.tasks["invoices.print"].apply(kwargs=ids)

    assert _digest(theirs.tenant) == before


def test_staff_pages_show_no_table_of_the_wall():
    registered = set(admin.site._registry)

    assert not [model for model in registered if issubclass(model, TenantModel | Tenant)]


# --- the layers, each alone -------------------------------------------------------------------


def test_raw_sql_inside_a_tenant_sees_no_foreign_row(business, theirs):
    with tenancy.in_tenant(business.pk), transaction.atomic(), connection.cursor() as cursor:
        for model in _walled():
            cursor.execute(
                f"SELECT count(*) FROM {model._meta.db_table} WHERE tenant_id = %s",
                [theirs.tenant.pk],
            )
            assert cursor.fetchone() == (0,), model


def test_raw_sql_outside_any_tenant_sees_no_row(theirs):
    with transaction.atomic(), connection.cursor() as cursor:
        for model in _walled():
            cursor.execute(f"SELECT count(*) FROM {model._meta.db_table}")
            assert cursor.fetchone() == (0,), model


@pytest.fixture
def without_row_security(laid_database, transactional_db) -> Iterator[None]:
    """The database's layer taken away, to see whether the manager holds alone."""
    tables = [model._meta.db_table for model in _walled()]
    with laid_database.cursor() as cursor:
        for table in tables:
            cursor.execute(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY")
    yield
    with laid_database.cursor() as cursor:
        for table in tables:
            cursor.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")


def _foreign_rows(tenant: Tenant) -> int:
    with tenancy.in_tenant(tenant.pk), transaction.atomic():
        return sum(model.objects.exclude(tenant_id=tenant.pk).count() for model in _walled())


def test_the_managers_hold_without_row_security(without_row_security, business, theirs):
    assert _foreign_rows(business) == 0


def test_twin_without_row_security_and_filter_the_matrix_sees_foreign_rows(
    without_row_security, business, theirs, monkeypatch
):
    monkeypatch.setattr(tenancy.InTenant, "as_sql", lambda self, *args, **kwargs: ("TRUE", []))

    assert _foreign_rows(business) > 0


def test_twin_without_one_policy_raw_sql_sees_foreign_rows(
    laid_database, business, theirs, transactional_db
):
    with laid_database.cursor() as cursor:
        cursor.execute("ALTER TABLE invoices_invoice DISABLE ROW LEVEL SECURITY")
    try:
        with pytest.raises(AssertionError):
            test_raw_sql_inside_a_tenant_sees_no_foreign_row(business, theirs)
    finally:
        with laid_database.cursor() as cursor:
            cursor.execute("ALTER TABLE invoices_invoice ENABLE ROW LEVEL SECURITY")


def test_a_query_without_a_tenant_is_refused():
    for model in _walled():
        with pytest.raises(tenancy.NoTenant):
            model.objects.count()


def test_a_key_of_ours_is_not_theirs(business, theirs):
    with tenancy.in_tenant(business.pk), transaction.atomic():
        assert not ApiKey.objects.filter(pk=theirs.ids["key_id"]).exists()
