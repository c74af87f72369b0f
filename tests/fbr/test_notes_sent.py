"""Notes and advance receipts on their whole way, against the ceilings of FBR's own ledger."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from fbr.models import Outbox
from fbr.outcomes import Hold
from fbr.services import issuing
from fbr.services.duplicates import release_duplicate
from invoices import reasons
from invoices.content import Advance
from invoices.enums import SaleType, State, Withholding
from invoices.models import Invoice
from invoices.remains import Wanted
from invoices.services import notes
from tests import factories
from tests.factories import AT, SYSTEM, make_content, make_line
from tests.fbr.test_sending import Business, fbr, mill

__all__ = ["fbr", "mill"]
D = Decimal


def sent(mill: Business, content) -> Invoice:
    """A document that the fake FBR was sent."""
    work = mill.inside(lambda: Outbox.objects.get(invoice=factories.make_issued(content)))
    mill.send(work)
    return mill.invoice(work)


def noted(mill: Business, original, **fields) -> Invoice:
    """A note that the fake FBR was sent."""

    def issue():
        note, lines = notes.debit_note(
            original=Invoice.objects.select_related("legal_entity").get(pk=original.pk),
            actor=SYSTEM,
            at=AT,
            **{"reason": reasons.RETURNED, **fields},
        )
        work = issuing.issue(invoice=note, lines=lines, actor=SYSTEM, at=AT)
        if work.hold_reason == Hold.DUPLICATE_SUSPECT:  # a second note that says the same
            release_duplicate(invoice=note, reason="Another part", actor=SYSTEM, at=AT)
        return work

    work = mill.inside(issue)
    mill.send(work)
    return mill.invoice(work)


def recorded(fbr):
    return [json.loads(row["body"]) for row in fbr.ledger()["recorded"]]


CONTENTS = {
    "plain": make_content(),
    "inclusive": make_content(make_line(unit_price=D("3.33")), prices_include_tax=True),
    "withheld": make_content(withholding=Withholding.FULL),
    "retail": make_content(
        make_line(sale_type=SaleType.THIRD_SCHEDULE, retail_price=D("3.33"), hs_code="3304.9990")
    ),
    "discount": make_content(make_line(discount=D("33.33"), unit_price=D("2.37"))),
}


@pytest.mark.parametrize("content", CONTENTS.values(), ids=CONTENTS)
def test_notes_in_three_parts_are_accepted_up_to_the_last_paisa(mill, fbr, content):
    original = sent(mill, content)
    assert original.state == State.ACCEPTED, original.problems

    third = [Wanted(position=1, quantity=D("133.3333"))]
    parts = [noted(mill, original, lines=lines) for lines in (third, third, None)]

    assert [note.state for note in parts] == [State.ACCEPTED] * 3, [n.problems for n in parts]
    assert original.value - sum(note.value for note in parts) < D("0.10")
    assert [body["invoiceRefNo"] for body in recorded(fbr)[1:]] == [original.fbr_number] * 3
    assert {body["reason"] for body in recorded(fbr)[1:]} == {"Return of goods"}


def test_a_price_cut_and_a_return_together_are_accepted(mill, fbr):
    original = sent(mill, make_content())
    cut = [Wanted(position=1, value=D("100.00"))]

    first = noted(mill, original, reason=reasons.VALUE, lines=cut)
    rest = noted(mill, original, reason=reasons.CANCELLED)

    assert (first.state, rest.state) == (State.ACCEPTED, State.ACCEPTED)
    assert first.value + rest.value == original.value


def test_twin_without_our_ceilings_fbr_refuses_the_second_note(mill, fbr, monkeypatch):
    monkeypatch.setattr("invoices.rules.links._of_ceilings", lambda *args: iter(()))
    monkeypatch.setattr("invoices.selectors.noted_lines", lambda row: [])
    original = sent(mill, make_content())

    first, second = noted(mill, original), noted(mill, original)

    assert first.state == State.ACCEPTED
    assert (second.state, second.problems[0]["code"]) == (State.REJECTED, "0036")


def test_an_advance_receipt_and_the_invoice_that_settles_it_are_accepted(mill, fbr):
    receipt = sent(mill, make_content(make_line(quantity=D(100)), is_advance=True))

    invoice = sent(
        mill, make_content(advances=(Advance(receipt_id=receipt.pk, value=receipt.value),))
    )

    first, second = (body["items"][0] for body in recorded(fbr))
    assert (receipt.state, invoice.state) == (State.ACCEPTED, State.ACCEPTED)
    assert {body["invoiceType"] for body in recorded(fbr)} == {"Sale Invoice"}
    assert [each["valueSalesExcludingST"] for each in (first, second)] == [250, 750]
    assert [each["salesTaxApplicable"] for each in (first, second)] == [45, 135]
