"""Debit notes as a program meets them."""

from __future__ import annotations

from decimal import Decimal
from uuid import uuid4

import pytest
import time_machine

from accounts.enums import Permission
from invoices import reasons
from invoices.models import Invoice
from invoices.services import printing
from tests import factories
from tests.conftest import NOON
from tests.factories import make_content, make_line, make_party
from tests.fbr.test_api import INVOICES, Program, codes, is_error, other, program
from tests.invoices.test_links import accepted

__all__ = ["other", "program"]
RETURN = {"reason": reasons.RETURNED}


@pytest.fixture(autouse=True)
def _at_noon():
    with time_machine.travel(NOON, tick=True):
        yield


@pytest.fixture
def sold(program):
    """An accepted invoice of two lines: 2,000.00 and 360.00 of tax."""
    lines = (make_line(), make_line(description="Another yarn"))
    return program.inside(lambda: accepted(make_content(*lines)))


def note_on(program, invoice, body, **headers):
    return program.post(f"{INVOICES}/{invoice.pk}/debit-note", body, **headers)


def documents(program):
    return program.inside(Invoice.objects.count)


def test_a_note_takes_all_that_is_left(program, sold):
    answer = note_on(program, sold, RETURN)

    body = answer.json()
    assert answer.status_code == 201, body
    assert (body["document_type"], body["state"], body["problems"]) == ("debit_note", "draft", [])
    assert (body["original_id"], body["reason"], body["direction"]) == (
        str(sold.pk),
        "Return of goods",
        "decrease",
    )
    assert (body["totals"]["value"], body["totals"]["sales_tax"]) == ("2000.00", "360.00")


def test_a_note_takes_the_lines_that_are_named(program, sold):
    lines = [{"position": 1, "quantity": "100"}, {"position": 2, "value": "50.5"}]

    body = note_on(program, sold, {"reason": reasons.VALUE, "lines": lines}).json()

    assert [(row["quantity"], row["value"]) for row in body["lines"]] == [
        ("100", "250.00"),
        ("400", "50.50"),
    ]


def test_a_note_is_issued_at_once_when_that_is_wanted(program, sold):
    answer = note_on(program, sold, RETURN | {"direction": "increase", "issue": True})

    body = answer.json()
    assert answer.status_code == 201
    assert (body["state"], body["number"], body["direction"]) == (
        "queued",
        "INV-DN-2026-000001",
        "increase",
    )
    assert body["original_fbr_number"] == sold.fbr_number


def test_a_second_note_takes_what_the_first_has_left(program, sold):
    first = RETURN | {"issue": True, "lines": [{"position": 1}]}
    note_on(program, sold, first)

    body = note_on(program, sold, RETURN).json()

    assert body["totals"]["value"] == "1000.00"


def test_the_same_key_is_one_note(program, sold):
    key = str(uuid4())

    first = note_on(program, sold, RETURN, Idempotency_Key=key)
    again = note_on(program, sold, RETURN, Idempotency_Key=key)
    other_body = note_on(program, sold, {"reason": reasons.VALUE}, Idempotency_Key=key)

    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json() == first.json()
    assert other_body.status_code == 422
    assert documents(program) == 2


def test_the_same_key_on_another_invoice_is_no_replay(program, sold):
    another = program.inside(lambda: accepted(number="7000007DI2"))
    key = str(uuid4())
    note_on(program, sold, RETURN, Idempotency_Key=key)

    answer = note_on(program, another, RETURN, Idempotency_Key=key)

    assert answer.status_code == 422
    assert documents(program) == 3


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"reasons": "x"} | RETURN, ("unknown_field", "reasons", None)),
        (RETURN | {"direction": "up"}, ("unknown_word", "direction", None)),
        (RETURN | {"issue": "yes"}, ("not_boolean", "issue", None)),
        (RETURN | {"lines": []}, ("not_list", "lines", None)),
        (RETURN | {"lines": {"position": 1}}, ("not_list", "lines", None)),
        (RETURN | {"lines": [{}]}, ("not_position", "position", 1)),
        (RETURN | {"lines": [{"position": True}]}, ("not_position", "position", 1)),
        (RETURN | {"lines": [{"position": 1, "price": 2}]}, ("unknown_field", "price", 1)),
        (RETURN | {"lines": [{"position": 9}]}, ("note_line", "position", 9)),
        (RETURN | {"lines": [{"position": 1}] * 2}, ("note_line", "position", 1)),
        (RETURN | {"lines": [{"position": 2, "quantity": 401}]}, ("note_quantity", "quantity", 2)),
        (RETURN | {"lines": [{"position": 2, "value": "1000.01"}]}, ("0036", "value", 2)),
        ({"issue": True}, ("0027", "reason", None)),
        ({"reason": "Others", "issue": True}, ("0028", "reason", None)),
    ],
)
def test_what_cannot_be_noted_is_refused_and_nothing_is_stored(program, sold, body, expected):
    before = program.everything()

    answer = note_on(program, sold, body)

    assert is_error(answer, 422, "rule_violation")
    assert codes(answer) == [expected]
    assert program.everything() == before


def test_a_draft_note_is_stored_with_its_problems(program, sold):
    body = note_on(program, sold, {"reason": "Others"}).json()

    assert [each["code"] for each in body["problems"]] == ["0028"]


def test_a_refusal_says_what_mends_it(program, sold):
    lines = [{"position": 2, "quantity": 401}]

    answer = note_on(program, sold, RETURN | {"lines": lines})

    assert answer.json()["details"]["problems"][0]["put"] == "400"


def test_an_invoice_of_a_walk_in_has_no_note(program):
    walk_in = make_party(registration_type="unregistered")
    invoice = program.inside(lambda: accepted(make_content(buyer=walk_in)))

    answer = note_on(program, invoice, RETURN)

    assert codes(answer) == [("0106", "buyer.registration_type", None)]
    assert documents(program) == 1


def test_an_invoice_that_fbr_has_not_accepted_has_no_note(program):
    invoice = program.inside(factories.make_issued)

    assert codes(note_on(program, invoice, RETURN)) == [("0057", "original_id", None)]


def test_a_body_that_is_no_json_is_refused(program, sold):
    assert note_on(program, sold, b"{").status_code == 400
    assert note_on(program, sold, b"").status_code == 400


def test_a_key_that_may_write_but_not_issue_leaves_a_draft(business, owner, sold):
    scopes = [Permission.VIEW, Permission.WRITE_DRAFTS]
    writer = Program(business.pk, factories.make_key(business, owner, scopes=scopes))
    before = documents(writer)

    refused = note_on(writer, sold, RETURN | {"issue": True})
    written = note_on(writer, sold, RETURN)

    assert is_error(refused, 403, "not_allowed")
    assert written.status_code == 201
    assert documents(writer) == before + 1


def test_a_key_that_may_only_read_writes_no_note(business, owner, sold):
    reader = Program(business.pk, factories.make_key(business, owner, scopes=[Permission.VIEW]))

    assert note_on(reader, sold, RETURN).status_code == 403
    assert documents(reader) == 1


def test_another_businesss_invoice_is_not_found(other, sold):
    assert note_on(other, sold, RETURN).status_code == 404
    assert documents(other) == 0


def test_amounts_come_exactly(program, sold):
    lines = [{"position": 1, "value": 0.1}]

    body = note_on(program, sold, {"reason": reasons.VALUE, "lines": lines}).json()

    assert Decimal(body["totals"]["value"]) == Decimal("0.10")


def test_a_bill_is_had_as_a_receipt_and_on_a_sheet(program):
    def lay():
        till = factories.make_till()
        bill = accepted(make_content(till_id=till.pk, payment_mode="cash"))
        printing.render_and_keep(invoice_id=bill.pk, at=NOON, paper="a4")
        return bill

    path = f"{INVOICES}/{program.inside(lay).pk}/pdf"

    assert program.get(f"{path}?format=a4").status_code == 200
    assert program.get(path).status_code == 202
    assert program.get(f"{path}?format=papyrus").status_code == 202
