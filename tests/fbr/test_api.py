"""The API as a program meets it (interface.md 4): documents, customers, products."""

from __future__ import annotations

import json
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection, transaction
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from drf_spectacular.validation import validate_schema

from accounts import idempotency, tenancy
from accounts.enums import Permission
from accounts.models import ApiKey, AuditEvent, IdempotencyKey, LegalEntity
from fbr.models import Attempt, Outbox
from invoices import lifecycle
from invoices.enums import State
from invoices.models import Buyer, Invoice, InvoiceEvent, InvoiceLine, Product, Series
from smartinvoicing import clock
from tests import factories
from tests.factories import AT, SYSTEM, number_of_today
from tests.invoices.test_intake import SAMPLE

INVOICES = "/api/v1/invoices"
BODY = json.loads(SAMPLE) | {"invoice_date": "2026-11-20", "issue": False}
BUYER = BODY["buyer"]
PRODUCT = {"name": "Cotton yarn", "hs_code": "5205.1100", "unit": "KG", "unit_price": "2.50"}
TABLES = (
    Invoice,
    InvoiceLine,
    InvoiceEvent,
    Outbox,
    Attempt,
    Series,
    Buyer,
    Product,
    IdempotencyKey,
)


@dataclass
class Program:
    """A program with a key of one tenant."""

    tenant_id: UUID
    key: str

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        raw = body if isinstance(body, bytes | str) else json.dumps(body)
        sent = {} if body is None else {"data": raw, "content_type": "application/json"}
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        auth = {"Authorization": f"Bearer {self.key}"} if self.key else {}
        return Client().generic(method, path, headers={**auth, **named}, **sent)

    def get(self, path: str, **headers: str) -> Any:
        return self.ask("GET", path, **headers)

    def post(self, path: str, body: Any, **headers: str) -> Any:
        return self.ask("POST", path, body, **headers)

    def create(self, **changes: Any) -> Any:
        answer = self.post(INVOICES, BODY | {"client_reference": ""} | changes)
        assert answer.status_code == 201, answer.content
        return answer.json()

    def inside(self, work: Any) -> Any:
        with tenancy.in_tenant(self.tenant_id), transaction.atomic():
            return work()

    def everything(self) -> Any:
        return self.inside(
            lambda: (
                [list(model.objects.order_by("id").values()) for model in TABLES],
                AuditEvent.objects.count(),
            )
        )

    def invoice(self, answer: Any) -> Invoice:
        return self.inside(lambda: Invoice.objects.get(pk=answer["id"]))


@pytest.fixture
def program(business, owner):
    return Program(business.pk, factories.make_key(business, owner))


@pytest.fixture
def other(other_business, stranger):
    return Program(other_business.pk, factories.make_key(other_business, stranger))


def codes(answer):
    return [(p["code"], p["field"], p["line"]) for p in answer.json()["details"]["problems"]]


def is_error(answer, status, code):
    body = answer.json()
    return (answer.status_code, body["code"], set(body)) == (
        status,
        code,
        {"code", "message", "details"},
    )


# --- create --------------------------------------------------------------------------------------


def test_create_stores_a_draft_and_shows_it(program):
    answer = program.post(INVOICES, BODY)

    body = answer.json()
    assert answer.status_code == 201
    assert (body["state"], body["number"], body["hold"], body["problems"]) == (
        "draft",
        None,
        None,
        [],
    )
    assert (body["client_reference"], body["invoice_date"]) == ("SO-1001", "2026-11-20")
    assert body["buyer"] == {**BUYER, "province": "SINDH"}
    assert body["totals"] == {
        "value": "1000.00",
        "sales_tax": "180.00",
        "further_tax": "0.00",
        "extra_tax": "0.00",
        "fed": "0.00",
        "discount": "0.00",
        "withheld": "0.00",
        "total": "1180.00",
    }
    (line,) = body["lines"]
    assert (line["quantity"], line["unit_price"], line["sales_tax"]) == ("400", "2.5", "180.00")
    assert program.invoice(body).state == State.DRAFT


def test_create_and_issue_in_one_call(program):
    answer = program.post(INVOICES, BODY | {"issue": True})

    body = answer.json()
    assert answer.status_code == 201
    assert (body["state"], body["number"], body["hold"]) == (
        "queued",
        number_of_today(1),
        "credential",
    )
    assert program.inside(lambda: Outbox.objects.get().invoice_id) == UUID(body["id"])


def test_with_a_token_nothing_holds_it(program):
    program.inside(lambda: factories.make_credential(LegalEntity.objects.get(), "a-token-1234"))

    assert program.post(INVOICES, BODY | {"issue": True}).json()["hold"] is None


def test_an_answer_is_not_kept_by_anybody_on_the_way(program):
    answer = program.post(INVOICES, BODY)

    assert answer["Cache-Control"] == "no-store"
    assert answer["Content-Type"] == "application/json"


@pytest.mark.parametrize(
    "written",
    ['"1234.50"', "1234.50", "1234.5", '"1234.5"', '"\\u06f1\\u06f2\\u06f3\\u06f4.\\u06f5"'],
)
def test_amounts_are_taken_as_texts_and_numbers_and_given_as_texts(program, written):
    raw = json.dumps(BODY).replace('"2.50"', written).replace('"400"', "1")

    body = program.post(INVOICES, raw).json()

    assert (body["totals"]["value"], body["totals"]["sales_tax"]) == ("1234.50", "222.21")


def test_an_amount_that_a_float_cannot_hold_is_exact(program):
    raw = json.dumps(BODY).replace('"2.50"', "99999999999.99").replace('"400"', "10")

    assert program.post(INVOICES, raw).json()["totals"]["value"] == "999999999999.90"


def test_an_unfinished_draft_is_stored_with_its_problems(program):
    answer = program.post(INVOICES, {"lines": [{"hs_code": "1"}]})

    body = answer.json()
    assert (answer.status_code, body["state"]) == (201, "draft")
    assert {(p["code"], p["line"]) for p in body["problems"]} >= {("0010", None), ("0044", 1)}
    assert all(p["message"] and p["fix"] for p in body["problems"])


def test_a_refused_document_is_not_stored_at_all(program):
    before = program.everything()
    body = BODY | {"issue": True, "lines": [BODY["lines"][0] | {"quantity": "0", "unit": "kg"}]}

    answer = program.post(INVOICES, body, Idempotency_Key="k-1")

    assert is_error(answer, 422, "rule_violation")
    assert codes(answer) == [("0099", "unit", 1), ("0098", "quantity", 1)]
    assert program.everything() == before


def test_a_mended_document_may_use_the_key_of_the_refused_one(program):
    wrong = BODY | {"issue": True, "lines": []}
    assert program.post(INVOICES, wrong, Idempotency_Key="k-1").status_code == 422

    answer = program.post(INVOICES, BODY | {"issue": True}, Idempotency_Key="k-1")

    assert (answer.status_code, answer.json()["number"]) == (201, number_of_today(1))


def bad_value(field, value):
    return BODY | {"lines": [BODY["lines"][0], BODY["lines"][0] | {field: value}]}


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (bad_value("quantity", "NaN"), ("0300", "quantity", 2)),
        (bad_value("quantity", "-1"), ("0300", "quantity", 2)),
        (bad_value("unit_price", "1e400"), ("0300", "unit_price", 2)),
        (bad_value("unit_price", "2.50001"), ("0302", "unit_price", 2)),
        (bad_value("discount", "Infinity"), ("0300", "discount", 2)),
        (bad_value("quantity", [1]), ("0300", "quantity", 2)),
        (bad_value("description", "x" * 301), ("too_long", "description", 2)),
        (bad_value("colour", "red"), ("unknown_field", "colour", 2)),
        (bad_value("product_id", "x"), ("not_id", "product_id", 2)),
        (bad_value("product_id", str(uuid4())), ("unknown_product", "product_id", 2)),
        (BODY | {"buyer": None, "buyer_id": str(uuid4())}, ("unknown_buyer", "buyer_id", None)),
        (BODY | {"invoice_date": "21-11-2026"}, ("0005", "invoice_date", None)),
        (BODY | {"issue": "true"}, ("not_boolean", "issue", None)),
        (BODY | {"lines": [{}] * 1001}, ("too_many_lines", "lines", None)),
        (BODY | {"buyer": BUYER | {"ntn_cnic": "1" * 14}}, ("0002", "buyer.ntn_cnic", None)),
        (BODY | {"state": "accepted"}, ("unknown_field", "state", None)),
        (BODY | {"fbr_number": "7000007DI1"}, ("unknown_field", "fbr_number", None)),
        (BODY | {"\ud800": 1}, ("unknown_field", None, None)),
    ],
)
def test_a_bad_value_names_field_and_line_and_stores_nothing(program, body, problem):
    before = program.everything()

    answer = program.post(INVOICES, body, Idempotency_Key="k-1")

    assert is_error(answer, 422, "rule_violation")
    ((code, field, line),) = codes(answer)
    assert (code, field if problem[1] else None, line) == problem
    assert program.everything() == before


@pytest.mark.parametrize("written", ["1e400", "1E2", "123456789012345678901234567890", "1e-9"])
def test_a_json_number_that_is_no_amount_is_refused_by_field(program, written):
    raw = json.dumps(BODY).replace('"2.50"', written)
    before = program.everything()

    answer = program.post(INVOICES, raw)

    assert codes(answer) == [("0300", "unit_price", 1)]
    assert program.everything() == before


def test_amounts_that_no_column_holds_are_refused(program):
    raw = json.dumps(BODY).replace('"2.50"', '"9999999999999.99"').replace('"400"', '"9999999999"')
    before = program.everything()

    assert codes(program.post(INVOICES, raw)) == [("0300", "unit_price", 1)]
    assert program.everything() == before


@pytest.mark.parametrize(
    "raw",
    [
        b"{",
        b"",
        b"not json",
        b"[]",
        b"null",
        b'"text"',
        b'{"lines": [{"quantity": NaN}]}',
        b'{"lines": [{"quantity": Infinity}]}',
        b'{"issue": false, "issue": true}',
        b'{"buyer": {"name": "a", "name": "b"}}',
        b'{"a": "\xff"}',
        b"[" * 50_000,
        b'{"a":' * 50_000,
    ],
    ids=lambda raw: repr(raw[:30]),
)
@pytest.mark.parametrize("path", [INVOICES, "/api/v1/buyers", "/api/v1/products"])
def test_what_is_not_one_json_object_is_a_400(program, raw, path):
    before = program.everything()

    answer = program.post(path, raw)

    assert is_error(answer, 400, "parse_error") or (raw == b"" and path != INVOICES)
    assert program.everything() == before


def test_another_media_type_is_a_415(program):
    answer = Client().post(INVOICES, {"a": "b"}, headers={"Authorization": f"Bearer {program.key}"})

    assert is_error(answer, 415, "unsupported_media_type")


@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_a_body_that_is_much_too_large_is_refused_unread(program, method):
    made = program.create()
    before = program.everything()
    path = INVOICES if method == "POST" else f"{INVOICES}/{made['id']}"
    raw = b'{"client_reference": "' + b"x" * 2_600_000 + b'"}'

    answer = program.ask(method, path, raw)

    assert is_error(answer, 413, "too_large")
    assert program.everything() == before


# --- references and keys -------------------------------------------------------------------------


def test_a_client_reference_is_used_once(program, other):
    program.post(INVOICES, BODY)
    before = program.everything()

    answer = program.post(INVOICES, BODY, Idempotency_Key="k-1")

    assert is_error(answer, 422, "rule_violation")
    assert codes(answer) == [("client_reference_used", "client_reference", None)]
    assert program.everything() == before
    assert other.post(INVOICES, BODY).status_code == 201


def test_a_repeated_post_gets_the_first_answer(program):
    first = program.post(INVOICES, BODY | {"issue": True}, Idempotency_Key="k-1")
    lifecycle_of(program, first.json(), State.SUBMITTING)
    before = program.everything()

    again = program.post(INVOICES, BODY | {"issue": True}, Idempotency_Key="k-1")

    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json() == first.json()
    assert program.everything() == before


def lifecycle_of(program, answer, *steps):
    def walk():
        invoice = Invoice.objects.get(pk=answer["id"])
        for step in steps:
            lifecycle.transition(invoice, step, actor=SYSTEM, at=clock.now())

    program.inside(walk)


def test_the_same_key_with_another_body_is_refused(program):
    program.post(INVOICES, BODY, Idempotency_Key="k-1")
    before = program.everything()

    answer = program.post(INVOICES, BODY | {"client_reference": "SO-2"}, Idempotency_Key="k-1")

    assert is_error(answer, 422, "rule_violation")
    assert program.everything() == before


def test_without_a_key_every_post_is_new(program):
    first, second = program.create(), program.create()

    assert first["id"] != second["id"]
    assert program.inside(IdempotencyKey.objects.count) == 0


def test_keys_of_two_tenants_are_two_keys(program, other):
    first = program.post(INVOICES, BODY, Idempotency_Key="k-1")
    second = other.post(INVOICES, BODY, Idempotency_Key="k-1")

    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json()["id"] != second.json()["id"]


def test_two_long_keys_with_the_same_beginning_are_two_keys(program):
    first = program.post(INVOICES, BODY, Idempotency_Key="k" * 200 + "1")
    body = BODY | {"client_reference": "SO-2"}
    second = program.post(INVOICES, body, Idempotency_Key="k" * 200 + "2")

    assert first.status_code in {201, 400, 422}
    assert second.status_code == first.status_code


@pytest.mark.django_db(transaction=True)
def test_a_key_whose_first_request_still_runs_is_a_409(program):
    raw = json.dumps(BODY)
    before = program.everything()
    answers = []

    def second():
        answers.append(program.post(INVOICES, raw, Idempotency_Key="k-1"))
        connection.close()

    with tenancy.in_tenant(program.tenant_id), transaction.atomic():
        assert idempotency.begin("k-1", raw.encode()) is None  # the first one has come so far
        thread = threading.Thread(target=second)
        thread.start()
        thread.join(20)

    assert is_error(answers[0], 409, "state_conflict")
    assert program.everything() == before
    assert program.post(INVOICES, raw, Idempotency_Key="k-1").status_code == 201


@pytest.mark.django_db(transaction=True)
def test_parallel_posts_with_one_key_make_one_document(program):
    """R12: twelve at once, each is the first, told to wait, or given the first one's answer."""
    raw = json.dumps(BODY | {"issue": True})

    def one(_):
        try:
            return program.post(INVOICES, raw, Idempotency_Key="k-1")
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(one, range(12)))

    statuses = [answer.status_code for answer in answers]
    assert statuses.count(201) == 1
    assert set(statuses) <= {201, 200, 409}
    ids = {answer.json()["id"] for answer in answers if answer.status_code != 409}
    assert len(ids) == 1
    assert program.inside(lambda: (Invoice.objects.count(), Series.objects.get().last)) == (1, 1)


# --- who may -------------------------------------------------------------------------------------

CALLS = [
    ("GET", INVOICES, None, Permission.VIEW),
    ("POST", INVOICES, BODY, Permission.WRITE_DRAFTS),
    ("GET", INVOICES + "/{id}", None, Permission.VIEW),
    ("PATCH", INVOICES + "/{id}", {"client_reference": "x"}, Permission.WRITE_DRAFTS),
    ("DELETE", INVOICES + "/{id}", None, Permission.WRITE_DRAFTS),
    ("POST", INVOICES + "/{id}/issue", None, Permission.ISSUE_INVOICE),
    ("GET", INVOICES + "/{id}/pdf", None, Permission.VIEW),
    ("GET", INVOICES + "/{id}/attempts", None, Permission.VIEW),
    ("GET", INVOICES + "/{id}/events", None, Permission.VIEW),
    ("GET", "/api/v1/buyers", None, Permission.VIEW),
    ("POST", "/api/v1/buyers", BUYER, Permission.WRITE_CATALOGUE),
    ("GET", "/api/v1/products", None, Permission.VIEW),
    ("POST", "/api/v1/products", PRODUCT, Permission.WRITE_CATALOGUE),
]
NAMES = [f"{call[0]} {call[1].removeprefix('/api/v1/')}" for call in CALLS]


@pytest.mark.parametrize(("method", "path", "body", "scope"), CALLS, ids=NAMES)
def test_a_key_without_the_scope_is_a_403_and_changes_nothing(
    program, business, owner, method, path, body, scope
):
    made = program.create()
    scopes = [each for each in Permission if each != scope]
    weak = Program(business.pk, factories.make_key(business, owner, scopes=scopes))
    before = program.everything()

    answer = weak.ask(method, path.format(id=made["id"]), body)

    assert is_error(answer, 403, "not_allowed")
    assert answer.json()["details"] == {"permission": scope}
    assert program.everything() == before


@pytest.mark.parametrize("path", [call[1] for call in CALLS if call[0] == "GET"])
def test_a_head_needs_what_a_get_needs(program, business, owner, path):
    made = program.create()
    scopes = [Permission.WRITE_DRAFTS]
    weak = Program(business.pk, factories.make_key(business, owner, scopes=scopes))

    assert weak.ask("HEAD", path.format(id=made["id"])).status_code == 403
    assert program.ask("HEAD", path.format(id=made["id"])).status_code in {200, 202}


@pytest.mark.parametrize(("method", "path", "body", "scope"), CALLS, ids=NAMES)
def test_the_one_scope_is_enough(program, business, owner, method, path, body, scope):
    made = program.create()
    narrow = Program(business.pk, factories.make_key(business, owner, scopes=[scope]))

    answer = narrow.ask(method, path.format(id=made["id"]), body)

    assert answer.status_code in {200, 201, 202, 204}, answer.content


def test_to_issue_while_creating_needs_both_scopes(program, business, owner):
    writer = Program(
        business.pk, factories.make_key(business, owner, scopes=[Permission.WRITE_DRAFTS])
    )
    before = program.everything()

    answer = writer.post(INVOICES, BODY | {"issue": True})

    assert is_error(answer, 403, "not_allowed")
    assert program.everything() == before


def expired(business, owner, **fields):
    key = factories.make_key(business, owner)
    with tenancy.in_tenant(business.pk), transaction.atomic():
        ApiKey.objects.update(**fields)
    return key


KEYS = {
    "none": lambda *_: "",
    "unknown": lambda *_: "si_test_" + "9" * 36,
    "not ascii": lambda *_: "\u00e9" * 10,
    "expired": lambda *who: expired(*who, expires_at=datetime(2026, 1, 1, tzinfo=UTC)),
    "revoked": lambda *who: expired(*who, revoked_at=AT),
}


@pytest.mark.parametrize("make", KEYS.values(), ids=KEYS)
@pytest.mark.parametrize(("method", "path", "body", "_scope"), CALLS, ids=NAMES)
def test_without_a_valid_key_is_a_401(business, owner, make, method, path, body, _scope):
    nobody = Program(business.pk, make(business, owner))

    answer = nobody.ask(method, path.format(id=uuid4()), body)

    assert answer.status_code == 401
    assert answer["WWW-Authenticate"].startswith("Bearer")
    assert set(answer.json()) == {"code", "message", "details"}


@pytest.mark.parametrize("word", ["Basic", "Token", "bearer-ish", ""])
def test_another_scheme_is_a_401(program, word):
    answer = Client().get(INVOICES, headers={"Authorization": f"{word} {program.key}"})

    assert answer.status_code == 401


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [call[:3] for call in CALLS if "{id}" in call[1]],
    ids=[name for name in NAMES if "{id}" in name],
)
def test_a_foreign_id_is_a_404_like_one_that_never_was(program, other, method, path, body):
    theirs = other.create()
    before = other.everything()

    foreign = program.ask(method, path.format(id=theirs["id"]), body)
    unknown = program.ask(method, path.format(id=uuid4()), body)

    assert is_error(foreign, 404, "not_found")
    assert (foreign.status_code, foreign.content) == (unknown.status_code, unknown.content)
    assert other.everything() == before


def test_foreign_masters_are_unknown(program, other):
    theirs = other.post("/api/v1/buyers", BUYER).json()["id"]
    product = other.post("/api/v1/products", PRODUCT).json()["id"]
    before = program.everything()

    buyer = program.post(INVOICES, BODY | {"buyer": None, "buyer_id": theirs})
    line = program.post(INVOICES, BODY | {"lines": [{"product_id": product, "quantity": "1"}]})
    beside = program.post(INVOICES, BODY | {"buyer_id": theirs})

    assert codes(buyer) == [("unknown_buyer", "buyer_id", None)]
    assert codes(line) == [("unknown_product", "product_id", 1)]
    assert codes(beside) == [("unknown_buyer", "buyer_id", None)]
    assert program.everything() == before


def test_the_lists_show_only_ones_own(program, other):
    other.create()
    other.post("/api/v1/buyers", BUYER)
    other.post("/api/v1/products", PRODUCT)

    for path in (INVOICES, "/api/v1/buyers", "/api/v1/products"):
        assert program.get(path).json() == {"results": [], "next": None}


@pytest.mark.parametrize("method", ["PUT", "DELETE", "TRACE"])
def test_a_method_that_is_not_there_does_nothing(program, method):
    before = program.everything()

    assert program.ask(method, INVOICES, {}).status_code in {403, 405}
    assert program.everything() == before


# --- one document --------------------------------------------------------------------------------


def test_get_shows_what_create_showed(program):
    made = program.post(INVOICES, BODY).json()

    assert program.get(f"{INVOICES}/{made['id']}").json() == made


def test_patch_changes_what_is_given_and_keeps_the_rest(program):
    made = program.post(INVOICES, BODY | {"scenario": "SN001"}).json()

    answer = program.ask("PATCH", f"{INVOICES}/{made['id']}", {"scenario": "SN026"})

    body = answer.json()
    assert (answer.status_code, body["scenario"]) == (200, "SN026")
    kept = {name: value for name, value in body.items() if name != "scenario"}
    assert kept == {name: value for name, value in made.items() if name != "scenario"}
    assert program.invoice(made).version == 1


def test_patch_replaces_lines_and_buyer_whole(program):
    made = program.create()
    line = BODY["lines"][0] | {"quantity": "1"}
    walk_in = {"name": "Walk-in", "registration_type": "unregistered", "province": "Punjab"}

    body = program.ask(
        "PATCH",
        f"{INVOICES}/{made['id']}",
        {"lines": [line, line], "buyer": walk_in, "scenario": "SN002"},
    ).json()

    assert [row["position"] for row in body["lines"]] == [1, 2]
    assert (body["buyer"]["name"], body["buyer"]["ntn_cnic"]) == ("Walk-in", "")
    assert [(p["code"], p["field"]) for p in body["problems"]] == [
        ("buyer_address", "buyer.address")
    ]
    assert body["totals"]["further_tax"] == "0.20"


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"lines": [{"quantity": "NaN"}]}, ("0300", "quantity", 1)),
        ({"invoice_date": "never"}, ("0005", "invoice_date", None)),
        ({"number": "INV-1"}, ("unknown_field", "number", None)),
        ({"buyer_id": str(uuid4())}, ("unknown_buyer", "buyer_id", None)),
    ],
)
def test_patch_with_a_bad_value_changes_nothing(program, change, problem):
    made = program.create()
    before = program.everything()

    answer = program.ask("PATCH", f"{INVOICES}/{made['id']}", change)

    assert codes(answer) == [problem]
    assert program.everything() == before


def test_patch_to_a_reference_used_before_is_refused(program):
    program.post(INVOICES, BODY)
    made = program.create()
    before = program.everything()

    answer = program.ask("PATCH", f"{INVOICES}/{made['id']}", {"client_reference": "SO-1001"})

    assert codes(answer) == [("client_reference_used", "client_reference", None)]
    assert program.everything() == before


def test_patch_of_a_rejected_document_keeps_its_number(program):
    made = program.create(issue=True)
    lifecycle_of(program, made, State.SUBMITTING, State.REJECTED)
    line = BODY["lines"][0] | {"quantity": "1"}

    body = program.ask("PATCH", f"{INVOICES}/{made['id']}", {"lines": [line]}).json()

    assert (body["state"], body["number"]) == ("rejected", made["number"])
    assert body["totals"]["value"] == "2.50"


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
@pytest.mark.parametrize("steps", [(), (State.SUBMITTING,), (State.VOID,)])
def test_an_issued_document_is_not_changed_or_deleted(program, method, steps):
    made = program.create(issue=True)
    lifecycle_of(program, made, *steps)
    before = program.everything()

    answer = program.ask(method, f"{INVOICES}/{made['id']}", {"scenario": "SN002"})

    assert is_error(answer, 409, "state_conflict")
    assert program.everything() == before


def test_a_rejected_document_is_not_deleted(program):
    made = program.create(issue=True)
    lifecycle_of(program, made, State.SUBMITTING, State.REJECTED)
    before = program.everything()

    assert program.ask("DELETE", f"{INVOICES}/{made['id']}").status_code == 409
    assert program.everything() == before


def test_delete_throws_a_draft_away(program):
    made = program.create()

    answer = program.ask("DELETE", f"{INVOICES}/{made['id']}")

    assert (answer.status_code, answer.content) == (204, b"")
    assert program.get(f"{INVOICES}/{made['id']}").status_code == 404


def test_issue_queues_and_shows_the_document(program):
    made = program.create()

    answer = program.post(f"{INVOICES}/{made['id']}/issue", None)

    body = answer.json()
    assert (answer.status_code, body["state"], body["number"]) == (
        202,
        "queued",
        number_of_today(1),
    )
    assert body == program.get(f"{INVOICES}/{made['id']}").json()


def test_issue_twice_is_a_409(program):
    made = program.create(issue=True)
    before = program.everything()

    answer = program.post(f"{INVOICES}/{made['id']}/issue", None)

    assert is_error(answer, 409, "state_conflict")
    assert program.everything() == before


def test_issue_of_an_unfinished_draft_says_what_is_missing(program):
    made = program.create(buyer={})
    before = program.everything()

    answer = program.post(f"{INVOICES}/{made['id']}/issue", {})

    assert answer.status_code == 422
    assert ("0010", "buyer.name", None) in codes(answer)
    assert program.everything() == before


def test_issue_after_a_rejection_keeps_the_number(program):
    made = program.create(issue=True)
    lifecycle_of(program, made, State.SUBMITTING, State.REJECTED)
    program.inside(lambda: Outbox.objects.update(state="done"))

    answer = program.post(f"{INVOICES}/{made['id']}/issue", None)

    assert (answer.status_code, answer.json()["number"]) == (202, made["number"])


def test_events_tell_the_story(program):
    made = program.create(issue=True)
    lifecycle_of(program, made, State.SUBMITTING, State.REJECTED)

    body = program.get(f"{INVOICES}/{made['id']}/events").json()

    steps = [(event["was"], event["became"]) for event in body["results"]]
    assert steps == [("draft", "queued"), ("queued", "submitting"), ("submitting", "rejected")]
    assert body["next"] is None
    assert all(re.fullmatch(r"\d{4}-.*Z", event["at"]) for event in body["results"])


def test_attempts_show_what_went_and_what_came(program):
    made = program.create(issue=True)

    def attempt():
        work = Outbox.objects.get()
        row = Attempt(
            work=work,
            invoice_id=made["id"],
            attempt_no=1,
            body_sha256=work.body_sha256,
            worker="w",
            started_at=AT,
            answered_at=AT,
            sent=True,
            http_status=200,
            answer=b'{"a": "\xff"}',
            outcome="uncertain",
            why="no JSON",
        )
        row.save(force_insert=True)

    program.inside(attempt)

    (found,) = program.get(f"{INVOICES}/{made['id']}/attempts").json()["results"]
    assert (found["attempt_no"], found["http_status"], found["outcome"]) == (1, 200, "uncertain")
    assert (found["sent"], found["answer"]) == (True, '{"a": "\ufffd"}')


def test_a_pdf_that_is_not_there_yet_is_on_its_way(program):
    made = program.create()

    answer = program.get(made["pdf_url"])

    assert (answer.status_code, answer["Retry-After"]) == (202, "1")


# --- the list ------------------------------------------------------------------------------------


def test_a_document_with_a_word_for_a_number_is_judged_with_its_masters(program):
    """Only what is wrong is said: not that a customer who is named by id has no name."""
    buyer = program.post("/api/v1/buyers", BUYER).json()
    line = {**BODY["lines"][0], "quantity": "many"}

    answer = program.post(
        INVOICES,
        BODY | {"buyer": None, "buyer_id": buyer["id"], "lines": [line], "issue": True},
    )

    assert answer.status_code == 422
    assert codes(answer) == [("0300", "quantity", 1)]


def test_the_list_shows_the_newest_first_without_lines(program):
    first = program.create(invoice_date="2026-11-19")
    second = program.create(invoice_date="2026-11-20")

    body = program.get(INVOICES).json()

    assert [row["id"] for row in body["results"]] == [second["id"], first["id"]]
    row = body["results"][0]
    assert row == {name: value for name, value in second.items() if name in row}
    assert {"state", "hold", "number", "buyer", "totals", "problems"} <= set(row)
    assert not {"lines", "prices_include_tax", "scenario"} & set(row)


def test_the_list_is_narrowed(program):
    buyer = program.post("/api/v1/buyers", BUYER).json()
    old = program.create(invoice_date="2026-10-01", client_reference="SO-9")
    theirs = program.create(buyer=None, buyer_id=buyer["id"])
    queued = program.create(issue=True, buyer=BUYER | {"name": "Zenith"})

    def found(query):
        return [row["id"] for row in program.get(f"{INVOICES}?{query}").json()["results"]]

    assert found("state=queued") == [queued["id"]]
    assert found("state=draft&to=2026-10-31") == [old["id"]]
    assert found("from=2026-11-01") == [queued["id"], theirs["id"]]
    assert found(f"buyer={buyer['id']}") == [theirs["id"]]
    assert found("q=zen") == [queued["id"]]
    assert found(f"q={number_of_today(1)[:-4].lower()}") == [queued["id"]]
    assert found("q=SO-9") == [old["id"]]
    assert found("q=%00") == [queued["id"], theirs["id"], old["id"]]


def test_holds_show_in_the_list(program):
    program.create(issue=True)

    assert [row["hold"] for row in program.get(INVOICES).json()["results"]] == ["credential"]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("state=lost", "state"),
        ("from=yesterday", "from"),
        ("to=2026-13-01", "to"),
        ("buyer=somebody", "buyer"),
        ("state=lost&from=x", "state"),
    ],
)
def test_a_wrong_filter_names_its_parameter(program, query, field):
    answer = program.get(f"{INVOICES}?{query}")

    assert answer.status_code == 422
    assert codes(answer)[0][1] == field


@pytest.mark.parametrize("path", [INVOICES, "/api/v1/buyers", "/api/v1/products"])
@pytest.mark.parametrize("cursor", ["x", "%00", "W10=", "WyJhIiwgImIiXQ==", "bnVsbA=="])
def test_a_cursor_that_is_none_of_ours_is_a_422(program, path, cursor):
    assert is_error(program.get(f"{path}?cursor={cursor}"), 422, "rule_violation")


def test_the_pages_follow_one_another(program):
    made = [program.create()["id"] for _ in range(5)]
    found, path = [], f"{INVOICES}?limit=2&state=draft"
    pages = 0

    while path:
        body = program.get(path).json()
        found += [row["id"] for row in body["results"]]
        pages += 1
        path = body["next"] and body["next"].removeprefix("http://testserver")

    assert (found, pages) == (made[::-1], 3)


@pytest.mark.parametrize(
    ("limit", "count"), [("1", 1), ("0", 1), ("-1", 3), ("x", 3), ("99999999", 3), ("\u0662", 2)]
)
def test_a_limit_is_a_number_or_left_out(program, limit, count):
    for _ in range(3):
        program.create()

    assert len(program.get(f"{INVOICES}?limit={limit}").json()["results"]) == count


@pytest.mark.parametrize("count", [1, 12])
def test_the_list_costs_the_same_however_long(program, count, django_assert_max_num_queries):
    for _ in range(count):
        program.create(issue=True)
    program.get(INVOICES)

    with django_assert_max_num_queries(10) as ran:
        program.get(f"{INVOICES}?limit=200")

    asked = [
        query["sql"]
        for query in ran
        if query["sql"].startswith("SELECT ") and "FROM" in query["sql"]
    ]
    assert len(asked) == 2


# --- masters -------------------------------------------------------------------------------------


def test_a_customer_is_stored_and_found(program):
    body = BUYER | {"phone": "0300 1234567", "email": "a@example.com", "ntn_cnic": "2046004-5"}

    answer = program.post("/api/v1/buyers", body)

    made = answer.json()
    assert answer.status_code == 201
    assert (made["ntn_cnic"], made["province"], made["phone"]) == (
        "2046004",
        "SINDH",
        "0300 1234567",
    )
    assert program.get("/api/v1/buyers?q=samp").json() == {"results": [made], "next": None}
    assert program.get("/api/v1/buyers?q=2046").json()["results"] == [made]
    assert program.get("/api/v1/buyers?q=%00zzz").json()["results"] == []


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        ({"name": ""}, "0010", "name"),
        ({"name": "x" * 201}, "too_long", "name"),
        ({"ntn_cnic": "12"}, "0002", "ntn_cnic"),
        ({"ntn_cnic": "1" * 14}, "0002", "ntn_cnic"),
        ({"province": "Atlantis"}, "0074", "province"),
        ({"address": ""}, "buyer_address", "address"),
        ({"address": "x" * 301}, "too_long", "address"),
        ({"registration_type": "maybe"}, "unknown_word", "registration_type"),
        ({"phone": "1" * 21}, "too_long", "phone"),
        ({"phone": 300}, "not_text", "phone"),
        ({"email": "x" * 260 + "@example.com"}, "too_long", "email"),
        ({"email": "not an address"}, "email", "email"),
        ({"iban": "x"}, "unknown_field", "iban"),
    ],
)
def test_a_wrong_customer_names_the_field_and_is_not_stored(program, change, code, field):
    before = program.everything()

    answer = program.post("/api/v1/buyers", BUYER | change)

    assert answer.status_code == 422
    ((found, place, _),) = codes(answer)[:1]
    assert (found, place.removeprefix("buyer.")) == (code, field)
    assert program.everything() == before


def test_a_product_is_stored_and_found(program):
    answer = program.post("/api/v1/products", PRODUCT | {"unit_price": 2.5})

    made = answer.json()
    assert answer.status_code == 201
    assert (made["rate"], made["unit_price"]) == ("18%", "2.5")
    assert program.get("/api/v1/products?q=COT").json() == {"results": [made], "next": None}


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        ({"name": ""}, "name", "name"),
        ({"name": "x" * 201}, "too_long", "name"),
        ({"hs_code": "1234"}, "0044", "hs_code"),
        ({"unit": "kg"}, "0099", "unit"),
        ({"rate": "17.3%"}, "0046", "rate"),
        ({"sale_type": "Goods"}, "0013", "sale_type"),
        ({"unit_price": "-1"}, "0300", "unit_price"),
        ({"unit_price": "NaN"}, "0300", "unit_price"),
        ({"unit_price": "1.00001"}, "0302", "unit_price"),
        ({"stock": 1}, "unknown_field", "stock"),
    ],
)
def test_a_wrong_product_names_the_field_and_is_not_stored(program, change, code, field):
    before = program.everything()

    answer = program.post("/api/v1/products", PRODUCT | change)

    assert answer.status_code == 422
    assert codes(answer) == [(code, field, None)]
    assert program.everything() == before


@pytest.mark.parametrize(
    ("path", "body"), [("/api/v1/buyers", BUYER), ("/api/v1/products", PRODUCT)]
)
def test_masters_page_by_name(program, path, body):
    for number in range(52):
        assert program.post(path, body | {"name": f"Name {number:02d}"}).status_code == 201

    first = program.get(path).json()
    second = program.get(first["next"].removeprefix("http://testserver")).json()

    names = [row["name"] for row in first["results"] + second["results"]]
    assert names == [f"Name {number:02d}" for number in range(52)]
    assert (len(first["results"]), second["next"]) == (50, None)


def test_a_document_may_name_its_masters(program):
    buyer = program.post("/api/v1/buyers", BUYER).json()
    product = program.post("/api/v1/products", PRODUCT).json()

    body = program.create(
        buyer=None, buyer_id=buyer["id"], lines=[{"product_id": product["id"], "quantity": "400"}]
    )

    assert (body["problems"], body["totals"]["total"]) == ([], "1180.00")
    assert (body["buyer_id"], body["lines"][0]["product_id"]) == (buyer["id"], product["id"])


# --- the published description -------------------------------------------------------------------


def api_routes(resolver=None, before=""):
    """Every route below /api/v1/, as OpenAPI writes it."""
    for entry in (resolver or get_resolver()).url_patterns:
        path = before + re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", str(entry.pattern))
        if isinstance(entry, URLResolver):
            yield from api_routes(entry, path)
        elif isinstance(entry, URLPattern) and path.startswith("api/v1/"):
            yield f"/{path}"


@cache
def published():
    answer = Client().get("/api/v1/schema", headers={"Accept": "application/vnd.oai.openapi+json"})
    assert answer.status_code == 200
    return answer.content


@pytest.fixture
def schema(db):
    return json.loads(published())


def test_the_schema_is_valid_openapi_and_open_to_all(schema):
    validate_schema(schema)


def test_every_route_of_the_api_is_described(schema):
    routes = set(api_routes()) - {"/api/v1/schema"}

    assert routes == set(schema["paths"])
    assert f"{INVOICES}/{{invoice_id}}/issue" in routes


@pytest.mark.parametrize(("method", "path", "_body", "_scope"), CALLS, ids=NAMES)
def test_every_call_is_described(schema, method, path, _body, _scope):
    described = schema["paths"][path.replace("{id}", "{invoice_id}")]

    assert method.lower() in described


def test_what_the_sample_sends_and_gets_is_described(schema, program):
    shapes = schema["components"]["schemas"]
    answer = program.create()

    assert set(BODY) <= set(shapes["InvoiceIn"]["properties"])
    assert set(BODY["lines"][0]) <= set(shapes["LineIn"]["properties"])
    assert set(answer) == set(shapes["InvoiceOut"]["properties"])
    assert set(answer["lines"][0]) <= set(shapes["LineOut"]["properties"])
    assert Decimal(answer["totals"]["total"]) == Decimal("1180.00")
