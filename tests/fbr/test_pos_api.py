"""Bills of tills by the API: find the till, write and issue the bill, take it back."""

from __future__ import annotations

import json

import pytest
from django.db import transaction
from django.urls import reverse

from accounts import tenancy
from accounts.enums import Permission, Role
from fbr import selectors
from fbr.services import credentials, tills
from invoices.models import Till
from tests import factories
from tests.factories import AT, SYSTEM
from tests.fbr.pump_cast import drain

TOKEN = "demo-pos-sandbox-token-0000-817001"
LINE = {
    "description": "Soap, bar of 100 g",
    "hs_code": "3401.1100",
    "quantity": "2",
    "unit_price": "118",
}


class Program:
    """A shop's software with a key."""

    def __init__(self, client, tenant, scopes=None):
        self.client, self.tenant = client, tenant
        owner = factories.make_member(tenant, Role.OWNER)
        more = {"scopes": scopes} if scopes else {}
        self.key = factories.make_key(tenant, owner, **more)

    def get(self, name, *args):
        return self.client.get(
            reverse(f"api:{name}", args=args), headers={"Authorization": f"Bearer {self.key}"}
        )

    def post(self, name, body, *args):
        return self.client.post(
            reverse(f"api:{name}", args=args),
            body,
            content_type="application/json",
            headers={"Authorization": f"Bearer {self.key}"},
        )


@pytest.fixture
def program(client, business):
    return Program(client, business)


# --- the list ------------------------------------------------------------------------------------


def test_a_program_finds_the_tills_with_what_holds_them(program, inside):
    factories.make_till(token=TOKEN, branch="Mall Road")
    factories.make_till(name="Two", pos_id="817002")
    factories.make_till(name="Three", pos_id="817003", transport="agent")
    held = factories.make_till(name="Four", pos_id="817004", token="another-token-0001")
    token = selectors.token_of(held)
    credentials.hold(credential=token, why="code 104", actor=SYSTEM, at=AT)
    gone = factories.make_till(name="Five", pos_id="817005")
    tills.retire(till=gone, actor=SYSTEM, at=AT)

    rows = program.get("tills").json()["results"]

    assert {row["name"]: row["hold"] for row in rows} == {
        "Counter 1": None,
        "Two": "credential",
        "Three": "till",
        "Four": "credential",
        "Five": "credential",
    }
    (first,) = [row for row in rows if row["name"] == "Counter 1"]
    assert (first["pos_id"], first["environment"], first["branch"]) == (
        817001,
        "sandbox",
        "Mall Road",
    )
    assert (first["transport"], first["retired_at"]) == ("cloud", None)
    assert (rows[-1]["name"], rows[-1]["retired_at"] is not None) == ("Five", True)


def test_the_list_never_tells_a_token(program, inside):
    factories.make_till(token="the-secret-of-a-till-zzzz")

    assert b"zzzz" not in program.get("tills").content


def test_the_list_wants_a_key_that_may_look(client, business):
    blind = Program(client, business, scopes=[Permission.WRITE_DRAFTS])

    assert blind.get("tills").status_code == 403


# --- bills ---------------------------------------------------------------------------------------


def test_a_draft_at_a_till_says_what_is_missing(program, inside):
    till = factories.make_till()

    answer = program.post("invoices", {"till_id": str(till.pk), "lines": [LINE]})

    body = answer.json()
    assert answer.status_code == 201
    assert (body["channel"], body["till_id"]) == ("pos", str(till.pk))
    assert [problem["code"] for problem in body["problems"]] == ["payment_mode"]


def test_a_bill_is_refused_whole_where_pos_cannot_say_it(program, inside):
    till = factories.make_till()
    cement = LINE | {"sale_type": "Cement /Concrete Block", "rate": "Rs.3"}

    answer = program.post(
        "invoices",
        {"till_id": str(till.pk), "payment_mode": "cash", "lines": [cement], "issue": True},
    )

    codes = [problem["code"] for problem in answer.json()["details"]["problems"]]
    assert answer.status_code == 422
    assert "rate_at_till" in codes


def test_a_till_of_nobody_is_refused(program, inside):
    unknown = "01a20142-2d8b-7ec0-abf5-ed1aa4fe685a"

    answer = program.post("invoices", {"till_id": unknown, "payment_mode": "cash"})

    assert answer.status_code == 422
    assert answer.json()["details"]["problems"][0]["field"] == "till_id"


@pytest.mark.django_db(transaction=True)
def test_from_the_call_to_fbr_and_back_again(client, transactional_db, fake_fbr, settings):
    settings.FBR_POS_SANDBOX_URL = fake_fbr.url
    tenant = factories.make_tenant("Shop")
    program = Program(client, tenant)
    with tenancy.in_tenant(tenant.pk), transaction.atomic():
        factories.make_till(token=TOKEN)
    (till,) = program.get("tills").json()["results"]
    at_till = {"till_id": till["id"], "payment_mode": "card", "issue": True}

    sold = program.post("invoices", at_till | {"prices_include_tax": True, "lines": [LINE]}).json()
    drain()
    back = program.post(
        "invoices",
        at_till
        | {
            "document_type": "credit_note",
            "original_id": sold["id"],
            "lines": [LINE | {"quantity": "1", "unit_price": "100"}],
        },
    )
    drain()

    assert (sold["state"], sold["hold"], sold["totals"]["total"]) == ("queued", None, "236.00")
    assert (back.status_code, back.json()["original_id"]) == (201, sold["id"])
    states = [program.get("invoice", row["id"]).json() for row in (sold, back.json())]
    assert [row["state"] for row in states] == ["accepted", "accepted"]
    recorded = fake_fbr.ledger()["recorded"]
    assert [row["number"] for row in recorded] == [row["fbr_number"] for row in states]
    bills = [json.loads(row["body"]) for row in recorded]
    assert [bill["PaymentMode"] for bill in bills] == [2, 2]
    assert (bills[1]["RefUSIN"], bills[1]["TotalBillAmount"]) == (sold["number"], 118)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("lines", [None, [{"position": 1, "quantity": "1"}]])
def test_what_is_left_of_a_bill_comes_back_by_one_call(
    client, transactional_db, fake_fbr, settings, lines
):
    """The call that makes a debit note of an invoice makes a return of a bill."""
    settings.FBR_POS_SANDBOX_URL = fake_fbr.url
    tenant = factories.make_tenant("Shop")
    program = Program(client, tenant)
    with tenancy.in_tenant(tenant.pk), transaction.atomic():
        till = factories.make_till(token=TOKEN)
    odd = LINE | {"quantity": "3", "unit_price": "99.99", "discount": "0.05"}
    bill = {"till_id": str(till.pk), "payment_mode": "cash", "issue": True, "lines": [odd]}
    sold = program.post("invoices", bill | {"prices_include_tax": True}).json()
    drain()

    asked = {"reason": "Return of goods", "issue": True}
    asked |= {"lines": lines} if lines else {}
    back = program.post("invoice-debit-note", asked, sold["id"])
    drain()

    assert back.status_code == 201, back.content
    assert back.json()["document_type"] == "credit_note"
    state = program.get("invoice", back.json()["id"]).json()["state"]
    told = [json.loads(row["body"]) for row in fake_fbr.ledger()["recorded"]]
    assert (state, [each["InvoiceType"] for each in told]) == ("accepted", [1, 3])
    assert told[1]["RefUSIN"] == sold["number"]


def test_a_bill_of_a_shops_own_computer_waits_with_that_reason(program, inside):
    till = factories.make_till(transport="agent")

    answer = program.post(
        "invoices",
        {"till_id": str(till.pk), "payment_mode": "cash", "lines": [LINE], "issue": True},
    ).json()

    assert (answer["state"], answer["hold"]) == ("queued", "till")
    assert Till.objects.get().transport == "agent"
