"""What a document must meet because of others: notes, advance receipts, tills."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from django.db import connection, transaction

from accounts import tenancy
from accounts.models import LegalEntity
from fbr.services import issuing
from invoices import law, lifecycle, reasons, standing
from invoices.content import Advance
from invoices.enums import Channel, DocumentType, NoteDirection, SaleType, State
from invoices.models import Invoice, Till
from invoices.rules import links
from invoices.services import drafts, notes
from invoices.standing import Original, Receipt, Standing
from invoices.tax import Taxes
from smartinvoicing.errors import RuleViolation
from tests import factories
from tests.factories import AT, DAY, SYSTEM, make_content, make_line, make_party

D = Decimal
ENTITY, OTHER = UUID(int=1), UUID(int=2)
ORIGINAL, RECEIPT, SECOND, TILL = UUID(int=10), UUID(int=20), UUID(int=21), UUID(int=30)
SELLER = LegalEntity(id=ENTITY, ntn_cnic="7000007", environment="sandbox")
NOTE = Taxes(value=D("400.00"), sales_tax=D("72.00"), withheld=D("10.00"), total=D("472.00"))


def make_invoice(**fields):
    known = {
        "id": ORIGINAL,
        "legal_entity_id": ENTITY,
        "environment": "sandbox",
        "channel": Channel.DI,
        "document_type": DocumentType.SALE_INVOICE,
        "state": State.ACCEPTED,
        "number": "INV-2026-000001",
        "fbr_number": "7000007DI1",
        "invoice_date": DAY,
        "buyer_name": "Sample Traders",
        "buyer_ntn_cnic": "2046004",
        "buyer_registration_type": "registered",
        "value": D("1000.00"),
        "sales_tax": D("180.00"),
        "withheld": D("36.00"),
    }
    return Invoice(**{**known, **fields})


def make_note(**fields):
    known = {
        "document_type": DocumentType.DEBIT_NOTE,
        "original_id": ORIGINAL,
        "reason": reasons.RETURNED,
        "direction": NoteDirection.DECREASE,
    }
    return make_content(**{**known, **fields})


def found_in(content, standing=None, *, totals=NOTE, on=None):
    if standing is None:
        standing = Standing(original=Original(invoice=make_invoice()))
    found = links.problems_of(
        content, totals, standing, seller=SELLER, on=on or content.invoice_date
    )
    return list(found)


def codes(problems):
    return [(each.code, each.field, each.put) for each in problems]


# --- notes ------------------------------------------------------------------------------------


def test_nothing_is_wrong_with_a_note_within_its_invoice():
    assert found_in(make_note()) == []


def test_nothing_is_wrong_with_a_plain_invoice():
    assert found_in(make_content(), Standing()) == []


@pytest.mark.parametrize(
    "fields",
    [{"original_id": ORIGINAL}, {"reason": reasons.VALUE}, {"direction": "increase"}],
)
def test_only_a_note_points_to_an_invoice(fields):
    assert codes(found_in(make_content(**fields), Standing())) == [
        ("not_a_note", "document_type", "debit_note")
    ]


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("", ("0027", "reason", "")),
        ("because", ("0027", "reason", "")),
        ("return of goods", ("0027", "reason", "Return of goods")),
        ("Others", ("0028", "reason", "")),
    ],
)
def test_a_reason_that_fbr_does_not_take_is_said(reason, expected):
    assert codes(found_in(make_note(reason=reason))) == [expected]


@pytest.mark.parametrize("reason", sorted(reasons.REASONS))
def test_every_reason_of_the_list_is_taken(reason):
    assert found_in(make_note(reason=reason)) == []


@pytest.mark.parametrize("direction", ["", "sideways"])
def test_a_note_without_a_direction_is_said(direction):
    assert codes(found_in(make_note(direction=direction))) == [
        ("direction", "direction", "decrease")
    ]


def test_a_note_on_nothing_is_said():
    assert codes(found_in(make_note(original_id=None), Standing())) == [("0026", "original_id", "")]


@pytest.mark.parametrize(
    "fields",
    [
        {"document_type": DocumentType.DEBIT_NOTE},
        {"legal_entity_id": OTHER},
        {"environment": "production"},
        *({"state": state} for state in State if state != State.ACCEPTED),
    ],
    ids=str,
)
def test_a_note_corrects_only_what_fbr_has_recorded_for_us(fields):
    original = Original(invoice=make_invoice(**fields), noted_value=D(1000))

    found = found_in(make_note(), Standing(original=original))

    assert codes(found) == [("0057", "original_id", "")]


def test_each_state_of_an_original_has_words_of_its_own():
    said = {
        found_in(make_note(), Standing(original=Original(invoice=make_invoice(state=state))))[
            0
        ].message
        for state in (State.QUEUED, State.CANCEL_REQUESTED, State.CANCELLED)
    }

    assert len(said) == 3


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        (DAY - timedelta(days=1), [("0035", "invoice_date", DAY.isoformat())]),
        (DAY, []),
        (DAY + timedelta(days=180), []),
        (DAY + timedelta(days=181), [("0034", "invoice_date", "")]),
    ],
)
def test_a_note_comes_within_180_days_of_its_invoice(day, expected):
    assert codes(found_in(make_note(invoice_date=day))) == expected


def test_the_last_day_of_a_note_is_named():
    (problem,) = found_in(make_note(invoice_date=DAY + timedelta(days=181)))

    assert "19 May 2027" in problem.message


def test_twin_another_law_another_last_day(monkeypatch):
    monkeypatch.setattr(law, "NOTE_DAYS", (law.Since(on=date(1990, 1, 1), value=30, source="-"),))

    found = found_in(make_note(invoice_date=DAY + timedelta(days=31)))

    assert codes(found) == [("0034", "invoice_date", "")]


@pytest.mark.parametrize("whose", ["original", "note"])
def test_a_sale_to_a_walk_in_has_no_note_and_no_way_back(whose):
    unregistered = {"buyer_registration_type": "unregistered"} if whose == "original" else {}
    buyer = make_party(registration_type="registered" if whose == "original" else "unregistered")
    original = Original(invoice=make_invoice(**unregistered))

    (problem,) = found_in(make_note(buyer=buyer), Standing(original=original))

    assert (problem.code, problem.field) == ("0106", "buyer.registration_type")
    assert "72 hours" in problem.fix


@pytest.mark.parametrize(
    ("buyer", "original", "expected"),
    [
        ({"name": "Renamed"}, {}, []),
        ({"ntn_cnic": "2046004-7"}, {}, []),
        ({"ntn_cnic": "1234567"}, {}, [("note_buyer", "buyer.ntn_cnic", "2046004")]),
        ({"ntn_cnic": ""}, {}, [("note_buyer", "buyer.ntn_cnic", "2046004")]),
        ({"ntn_cnic": ""}, {"buyer_ntn_cnic": ""}, []),
        (
            {"ntn_cnic": "", "name": "Somebody"},
            {"buyer_ntn_cnic": ""},
            [("note_buyer", "buyer.name", "Sample Traders")],
        ),
    ],
)
def test_a_note_goes_to_the_customer_of_its_invoice(buyer, original, expected):
    standing = Standing(original=Original(invoice=make_invoice(**original)))

    assert codes(found_in(make_note(buyer=make_party(**buyer)), standing)) == expected


@pytest.mark.parametrize(
    ("totals", "expected"),
    [
        ({"value": D("600.00")}, None),
        ({"value": D("600.01")}, ("0036", "600.00")),
        ({"sales_tax": D("108.00")}, None),
        ({"sales_tax": D("108.01")}, ("0067", "108.00")),
        ({"withheld": D("20.00")}, None),
        ({"withheld": D("20.01")}, ("0037", "20.00")),
    ],
)
def test_all_notes_together_stay_within_their_invoice(totals, expected):
    original = Original(
        invoice=make_invoice(),
        noted_value=D("400.00"),
        noted_tax=D("72.00"),
        noted_withheld=D("16.00"),
    )

    found = found_in(make_note(), Standing(original=original), totals=replace(NOTE, **totals))

    assert [(each.code, each.field) for each in found] == (
        [(expected[0], "lines")] if expected else []
    )
    assert all(f"Rs {expected[1]} is left" in each.message for each in found)


def test_what_was_settled_of_a_receipt_is_not_given_back():
    original = Original(invoice=make_invoice(is_advance=True), settled=D("700.00"))

    (problem,) = found_in(make_note(), Standing(original=original))

    assert (problem.code, "Rs 300.00 is left" in problem.message) == ("0036", True)


def test_a_bill_of_a_till_is_corrected_at_that_till_and_only_lowered():
    bill = make_invoice(channel=Channel.POS, till_id=TILL, buyer_registration_type="unregistered")
    standing = Standing(original=Original(invoice=bill), till=make_till())
    walk_in = make_party(registration_type="unregistered")

    elsewhere = found_in(make_note(buyer=walk_in), standing)
    raised = found_in(
        make_note(buyer=walk_in, till_id=TILL, payment_mode="cash", direction="increase"), standing
    )
    right = found_in(make_note(buyer=walk_in, till_id=TILL, payment_mode="cash"), standing)

    assert codes(elsewhere) == [("note_till", "till_id", str(TILL))]
    assert codes(raised) == [("note_direction", "direction", "decrease")]
    assert right == []


# --- advance receipts -------------------------------------------------------------------------


def make_receipt(**fields):
    used = fields.pop("used", D(0))
    known = {"id": RECEIPT, "is_advance": True, "number": "INV-2026-000009", "value": D("500.00")}
    return Receipt(invoice=make_invoice(**{**known, **fields}), used=used)


def settling(value="200.00", receipt=None, *, totals=NOTE, **fields):
    content = make_content(**{"advances": (Advance(receipt_id=RECEIPT, value=D(value)),), **fields})
    receipts = {RECEIPT: receipt or make_receipt()}
    return found_in(content, Standing(receipts=receipts), totals=totals)


def test_an_invoice_takes_what_is_left_of_a_receipt():
    assert settling("500.00") == []


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"is_advance": False}, ("not_advance", "advances", "")),
        ({"legal_entity_id": OTHER}, ("advance_elsewhere", "advances", "")),
        ({"environment": "production"}, ("advance_elsewhere", "advances", "")),
        ({"state": State.QUEUED}, ("advance_state", "advances", "")),
        ({"state": State.CANCELLED}, ("advance_state", "advances", "")),
        ({"buyer_ntn_cnic": "1234567"}, ("advance_buyer", "advances", "")),
        ({"used": D("300.01")}, ("advance_left", "advances", "199.99")),
        ({"used": D("500.00")}, ("advance_left", "advances", "")),
    ],
    ids=str,
)
def test_a_receipt_that_cannot_be_used_is_said(fields, expected):
    assert codes(settling(receipt=make_receipt(**fields))) == [expected]


def test_the_rupees_that_are_left_of_a_receipt_are_named():
    (problem,) = settling(receipt=make_receipt(used=D("300.01")))

    assert "Of INV-2026-000009 Rs 199.99 is left" in problem.message


def test_one_figure_mends_nothing_when_there_are_two_receipts():
    advances = tuple(Advance(receipt_id=each, value=D("600.00")) for each in (RECEIPT, SECOND))
    receipts = {RECEIPT: make_receipt(), SECOND: make_receipt(id=SECOND, value=D("900.00"))}

    found = found_in(make_content(advances=advances), Standing(receipts=receipts))

    assert codes(found) == [("advance_left", "advances", "")]


def test_a_receipt_that_is_not_here_is_said():
    content = make_content(advances=(Advance(receipt_id=SECOND, value=D(1)),))

    assert codes(found_in(content, Standing())) == [("unknown_advances", "advances", "")]


@pytest.mark.parametrize(
    "line",
    [
        {"sale_type": SaleType.THIRD_SCHEDULE, "retail_price": D(3)},
        {"sale_type": SaleType.CEMENT, "rate": "Rs.3"},
        {"sale_type": SaleType.POTASSIUM, "rate": "18% along with rupees 60 per kilogram"},
    ],
)
def test_an_advance_is_not_taken_off_a_tax_that_is_no_percentage(line):
    (problem,) = settling(lines=(make_line(), make_line(**line)))

    assert (problem.code, problem.field, problem.line) == ("advance_rate", "rate", 2)


@pytest.mark.parametrize("rate", ["0%", "Exempt", "1.43%", "nonsense"])
def test_an_advance_is_taken_off_every_percentage(rate):
    assert settling(lines=(make_line(rate=rate),)) == []


@pytest.mark.parametrize("value", ["0.00", "-1.00"])
def test_an_advance_leaves_something_to_charge(value):
    assert codes(settling(totals=replace(NOTE, value=D(value)))) == [
        ("advance_whole", "advances", "")
    ]


@pytest.mark.parametrize(
    "fields",
    [{"is_advance": True}, {"document_type": "debit_note", "original_id": ORIGINAL}],
)
def test_only_an_ordinary_invoice_uses_up_a_receipt(fields):
    content = make_note(**fields) if "original_id" in fields else make_content(**fields)
    content = replace(content, advances=(Advance(receipt_id=RECEIPT, value=D(1)),))

    assert codes(found_in(content)) == [("advance_place", "advances", "")]


def test_an_advance_receipt_is_a_sale_invoice():
    assert found_in(make_content(is_advance=True), Standing()) == []
    assert codes(found_in(make_note(is_advance=True))) == [("advance_kind", "is_advance", "false")]
    bill = make_content(is_advance=True, till_id=TILL, payment_mode="cash")
    assert codes(found_in(bill, Standing(till=make_till()))) == [
        ("advance_kind", "is_advance", "false")
    ]


# --- tills ------------------------------------------------------------------------------------


def make_till(**fields):
    return Till(**{"id": TILL, "legal_entity_id": ENTITY, "environment": "sandbox", **fields})


@pytest.mark.parametrize(
    "till",
    [
        None,
        make_till(legal_entity_id=OTHER),
        make_till(environment="production"),
        make_till(retired_at=datetime(2026, 1, 1, tzinfo=UTC)),
    ],
)
def test_a_till_that_cannot_sell_is_said(till):
    content = make_content(till_id=TILL, payment_mode="cash")

    assert codes(found_in(content, Standing(till=till))) == [("till", "till_id", "")]


def test_a_bill_says_how_it_was_paid():
    content = make_content(till_id=TILL)

    assert codes(found_in(content, Standing(till=make_till()))) == [
        ("payment_mode", "payment_mode", "")
    ]


# --- two at once, in the database -------------------------------------------------------------


def accepted(content=None, *, number="7000007DI1"):
    """A document that FBR has accepted."""
    invoice = factories.make_issued(content)
    for state, also in (
        (State.SUBMITTING, {}),
        (State.ACCEPTED, {"fbr_number": number, "accepted_at": AT}),
    ):
        lifecycle.transition(invoice, state, actor=SYSTEM, at=AT, also=also)
    return invoice


def _issued_together(tenant_id, ids):
    """How each of the drafts fared, issued at the same moment."""
    together = threading.Barrier(len(ids))

    def work(draft_id):
        try:
            with tenancy.in_tenant(tenant_id), transaction.atomic():
                invoice = Invoice.objects.get(pk=draft_id)
                together.wait(timeout=30)
                issuing.issue(invoice=invoice, actor=SYSTEM, at=AT)
        except RuleViolation as refused:
            return refused.details["problems"][0]["code"]
        else:
            return "issued"
        finally:
            connection.close()

    with ThreadPoolExecutor(len(ids)) as pool:
        return sorted(pool.map(work, ids))


@pytest.mark.django_db(transaction=True)
def test_two_notes_issued_at_once_do_not_pass_their_invoice(business):
    with tenancy.in_tenant(business.pk), transaction.atomic():
        original = accepted()
        ids = [
            notes.debit_note(original=original, reason=reasons.RETURNED, actor=SYSTEM, at=AT)[0].pk
            for _ in range(2)
        ]

    assert _issued_together(business.pk, ids) == ["0036", "issued"]


@pytest.mark.django_db(transaction=True)
def test_twin_without_the_lock_both_notes_pass(business, monkeypatch):
    """Both read what is left before either is written."""
    real, together = standing.standing_of, threading.Barrier(2)

    def unlocked(content, *, apart_from=None, for_issue=False):
        found = real(content, apart_from=apart_from)
        if for_issue:
            together.wait(timeout=30)
        return found

    with tenancy.in_tenant(business.pk), transaction.atomic():
        original = accepted()
        ids = [
            notes.debit_note(original=original, reason=reasons.RETURNED, actor=SYSTEM, at=AT)[0].pk
            for _ in range(2)
        ]

    monkeypatch.setattr("invoices.services.freezing.standing_of", unlocked)
    assert _issued_together(business.pk, ids) == ["issued", "issued"]


@pytest.mark.django_db(transaction=True)
def test_two_invoices_issued_at_once_do_not_use_a_receipt_twice(business):
    with tenancy.in_tenant(business.pk), transaction.atomic():
        receipt = accepted(make_content(is_advance=True))
        content = make_content(
            make_line(quantity=D(800)), advances=(Advance(receipt_id=receipt.pk, value=D(600)),)
        )
        ids = [factories.make_draft(content)[0].pk for _ in range(2)]

    assert _issued_together(business.pk, ids) == ["advance_left", "issued"]


def test_a_receipt_is_used_by_invoices_and_by_notes_on_it(inside):
    receipt = accepted(make_content(is_advance=True))
    first = make_content(
        make_line(quantity=D(800)), advances=(Advance(receipt_id=receipt.pk, value=D(300)),)
    )
    factories.make_issued(first)
    note, _lines = notes.debit_note(original=receipt, reason=reasons.CANCELLED, actor=SYSTEM, at=AT)
    found = standing.standing_of(drafts.content_of(note, note.lines.all()), apart_from=note.pk)
    assert (found.original.settled, found.original.value_left) == (D(300), D(700))

    part = replace(
        drafts.content_of(note, list(note.lines.all())), lines=(make_line(quantity=D(40)),)
    )
    drafts.change(invoice=note, content=part, actor=SYSTEM, at=AT, seen_version=note.version)
    issuing.issue(invoice=note, actor=SYSTEM, at=AT)

    left = standing.standing_of(first).receipts[receipt.pk]
    assert (left.used, left.left) == (D(400), D(600))
