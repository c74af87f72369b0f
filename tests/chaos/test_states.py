"""The state machine from outside: no door writes a state, a number or an acceptance.

`tests/invoices/test_lifecycle.py` walks the 81 pairs through `transition` and raw SQL. Here every
route that takes a document is called with each state as its wish: a document may only go where a
deed of its own takes it, and what was forged in the request stands nowhere.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.contrib import admin
from django.db import IntegrityError, connection, transaction
from django.urls import reverse

from accounts import tenancy
from fbr.services import invariants
from invoices.enums import State
from invoices.models import Invoice
from smartinvoicing.ids import uuid7
from tests import factories
from tests.fbr.test_api import BODY
from tests.fbr.test_invariants import make
from tests.invoices.test_lifecycle import ALLOWED
from tests.isolation import walk

pytestmark = pytest.mark.django_db

FORGED = "FORGED-2026-999999"
WISHES: dict[str, Any] = {
    "number": FORGED,
    "serial": 999999,
    "series": str(uuid7()),
    "series_id": str(uuid7()),
    "fbr_number": FORGED,
    "fbr_dated": "2026-11-20",
    "accepted_at": "2026-11-20T12:00:00Z",
    "state_at": "2000-01-01T00:00:00Z",
    "version": 77,
    "fingerprint": "f" * 64,
    "issued_offline": True,
    "environment": "production",
    "void_reason": FORGED,
    "problems": [],
    "events": [{"became": "accepted"}],
}
# What a deed's own route may write of these, from the state in which it may be done.
BY_DEED = {("uncertain", "accepted"): {"fbr_number"}}
ROUTES = [route for route in walk.own_routes() if route.parameters == {"invoice_id"}]
PROGRAMS = [route for route in ROUTES if route.name.startswith("api")]
PAGES = [route for route in ROUTES if not route.name.startswith("api")]


def fields_of(tenant, invoice_id):
    """What a request must not write, or None where the draft is gone."""
    with tenancy.in_tenant(tenant.pk), transaction.atomic():
        names = ("state", "number", "serial", "fbr_number", "version", "fingerprint", "environment")
        return Invoice.objects.filter(pk=invoice_id).values(*names).first()


def call(client, route, method, invoice_id, body, headers):
    """What a program sends as JSON, a page sends as a form."""
    url = reverse(route.name, args=[invoice_id])
    if route in PROGRAMS:
        return getattr(client, method)(
            url, json.dumps(body), content_type="application/json", headers=headers
        )
    form = {name: json.dumps(v) if isinstance(v, list) else str(v) for name, v in body.items()}
    return client.post(url, form)


def walked(business, was, calls):
    """The steps that calls made, each on a document that is in `was`."""
    steps, invoice = set(), None
    for each in calls:
        if invoice is None:
            with tenancy.in_tenant(business.pk), transaction.atomic():
                invoice = make(was)
        step = moved(business, invoice, was, *each)
        steps.add(step)
        if step != (was.value, was.value):
            invoice = None
    return steps


def moved(business, invoice, was, client, route, method, body, headers):
    """The step that one call made, after it was found lawful."""
    before = fields_of(business, invoice.pk)

    answer = call(client, route, method, invoice.pk, body, headers)

    assert answer.status_code < 500, (route.name, method, answer.content[:300])
    after = fields_of(business, invoice.pk)
    if after is None:
        assert was == State.DRAFT  # thrown away
        return (was.value, "deleted")
    step = (was.value, after["state"])
    assert step in ALLOWED or was.value == after["state"], (route.name, method, step)
    forged = {name for name, wish in WISHES.items() if name in after and after[name] == wish}
    assert forged <= BY_DEED.get(step, set()), (route.name, method, step)
    if was != State.DRAFT:
        assert (after["number"], after["serial"]) == (before["number"], before["serial"])
    assert after["environment"] == before["environment"] == "sandbox"
    return step


@pytest.fixture
def headers(business, owner, client):
    client.force_login(owner)
    return {"Authorization": f"Bearer {factories.make_key(business, owner)}"}


def test_there_are_doors_to_try():
    assert {"api:invoice", "api:invoice-issue"} <= {route.name for route in PROGRAMS}
    assert len(PAGES) > 6


def wishes(client, headers):
    for route in PROGRAMS:
        for method in ("post", "put", "patch", "delete"):
            is_own = route.name == "api:invoice" and method in {"put", "patch"}
            for to in State if is_own else [State.ACCEPTED]:
                body = BODY | WISHES | {"state": to.value, "client_reference": ""}
                yield client, route, method, body, headers


@pytest.mark.parametrize("was", State)
def test_no_program_writes_a_state(business, client, headers, was):
    """Each state as a wish at the document's own address, one at each of the others."""
    steps = walked(business, was, wishes(client, headers))

    # Nothing but a deed of its own moves it, and no program cancels or accepts by itself.
    assert steps <= {(was.value, was.value), (was.value, "deleted")} | {
        step for step in ALLOWED if step[0] == was.value
    }
    assert steps.isdisjoint({("cancel_requested", "cancelled"), ("submitting", "accepted")})


@pytest.mark.parametrize("was", State)
def test_no_page_writes_a_state(business, client, headers, was):
    body = WISHES | {"state": "accepted"}
    steps = walked(business, was, [(client, page, "post", body, headers) for page in PAGES])

    assert ("submitting", "accepted") not in steps


def test_a_new_document_is_a_draft_whatever_is_asked_for(business, client, headers):
    for state in State:
        answer = client.post(
            reverse("api:invoices"),
            json.dumps(BODY | WISHES | {"state": state.value, "client_reference": ""}),
            content_type="application/json",
            headers=headers,
        )
        assert answer.status_code in {201, 400, 422}

    with tenancy.in_tenant(business.pk), transaction.atomic():
        found = {(i.state, i.number, i.fbr_number) for i in Invoice.objects.all()}
    assert found <= {("draft", "", "")}


def test_staff_have_no_form_for_a_document():
    """No desk holds a tax record; what a desk shows of the queue it cannot write."""
    tables = {*invariants.tax_tables()}
    written = {
        model._meta.label
        for model, desk in admin.site._registry.items()
        if model._meta.db_table in tables
        and (desk.has_change_permission(None) or desk.has_add_permission(None))
    }

    assert written == set()


@pytest.mark.parametrize("state", [s for s in State if s != State.DRAFT])
def test_no_row_comes_in_past_the_first_state(inside, state):
    """Raw SQL as app: a copy of a draft in another state, by INSERT and by an upsert's INSERT."""
    draft, _ = factories.make_draft()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT column_name FROM information_schema.columns"
            " WHERE table_name = 'invoices_invoice' AND is_generated = 'NEVER'"
        )
        names = [name for (name,) in cursor.fetchall()]
    instead = {
        "id": "gen_random_uuid()",
        "state": f"'{state.value}'",
        "serial": "9",
        "number": "'INV-2026-000009'",
        "fbr_number": "'X'" if state in {"accepted", "cancel_requested", "cancelled"} else "''",
        "accepted_at": "now()"
        if state in {"accepted", "cancel_requested", "cancelled"}
        else "NULL",
    }
    picked = ", ".join(instead.get(name, name) for name in names)
    sql = (
        f"INSERT INTO invoices_invoice ({', '.join(names)})"
        f" SELECT {picked} FROM invoices_invoice WHERE id = %s"
    )

    for tail in ("", " ON CONFLICT (id) DO NOTHING"):
        with (
            pytest.raises(IntegrityError) as refused,
            transaction.atomic(),
            connection.cursor() as app,
        ):
            app.execute(sql + tail, [draft.pk])
        assert refused.value.__cause__.diag.constraint_name == "invoice_begins_as_draft"
    assert Invoice.objects.count() == 1


def test_twin_a_door_that_writes_a_state_is_caught(business, client, headers, monkeypatch):
    """Sabotage: a view that takes the state from the request."""
    route = next(route for route in PROGRAMS if route.name == "api:invoice")

    def naive(client, route, method, invoice_id, body, headers):
        with tenancy.in_tenant(business.pk), transaction.atomic():
            Invoice.objects.filter(pk=invoice_id).update(fingerprint=body["fingerprint"])
        return client.get(reverse(route.name, args=[invoice_id]), headers=headers)

    monkeypatch.setitem(globals(), "call", naive)

    with pytest.raises(AssertionError):
        walked(business, State.REJECTED, [(client, route, "patch", WISHES, headers)])
