"""The page of a correction: what it asks, what it would do to the money, what it writes."""

from __future__ import annotations

from decimal import Decimal

import pytest
import time_machine
from django.test import Client
from django.urls import reverse

from fbr.services import issuing
from invoices import reasons
from invoices.content import Advance
from invoices.enums import NoteDirection, State
from invoices.models import Invoice
from invoices.remains import Wanted
from invoices.services import notes, printing
from tests import factories
from tests.conftest import NOON
from tests.factories import AT, SYSTEM, make_content, make_line, make_party
from tests.invoices.test_links import accepted

D = Decimal
HTMX = {"HX-Request": "true"}


@pytest.fixture(autouse=True)
def _at_noon():
    with time_machine.travel(NOON, tick=True):
        yield


@pytest.fixture
def browser(client, inside, operator) -> Client:
    client.force_login(operator)
    return client


@pytest.fixture
def invoice(inside) -> Invoice:
    return accepted(make_content(make_line(), make_line(description="Another yarn")))


def page(invoice):
    return reverse("invoices:note", args=[invoice.pk])


def text_of(response):
    return " ".join(response.content.decode().split())


def test_the_page_asks_what_happened(browser, invoice):
    text = text_of(browser.get(page(invoice)))

    for event in reasons.EVENTS.values():
        assert str(event.label) in text
    assert "Write the note" in text
    assert Invoice.objects.count() == 1


def test_a_look_at_the_effect_writes_nothing(browser, invoice):
    answer = browser.post(page(invoice), {"event": "returned", "quantity-1": "100"}, headers=HTMX)

    text = text_of(answer)
    assert "<html" not in text
    assert "Sample Traders owes you Rs 295.00 less" in text
    assert "Return of goods" in text
    assert "Value left Rs 1,750.00" in text
    assert Invoice.objects.count() == 1


def test_without_javascript_the_whole_page_comes_back_with_what_was_typed(browser, invoice):
    text = text_of(browser.post(page(invoice), {"event": "returned", "quantity-1": "100"}))

    assert "<html" in text
    assert 'value="returned" checked' in text
    assert 'name="quantity-1" value="100"' in text


@pytest.mark.parametrize(
    ("typed", "reason", "direction", "value"),
    [
        ({"event": "returned", "quantity-1": "100"}, reasons.RETURNED, "decrease", "250.00"),
        ({"event": "too_high", "price-2": "2"}, reasons.VALUE, "decrease", "200.00"),
        ({"event": "too_low", "price-2": "3"}, reasons.VALUE, "increase", "200.00"),
        ({"event": "cancelled"}, reasons.CANCELLED, "decrease", "2000.00"),
        ({"event": "tax"}, reasons.TAX, "decrease", "2000.00"),
        ({"event": "nature", "quantity-1": "1"}, reasons.NATURE, "decrease", "2000.00"),
    ],
)
def test_what_happened_becomes_a_note_in_the_editor(
    browser, invoice, typed, reason, direction, value
):
    answer = browser.post(page(invoice), typed | {"make": "1"})

    note = Invoice.objects.exclude(pk=invoice.pk).get()
    assert answer["Location"] == reverse("invoices:edit", args=[note.pk])
    assert (note.original_id, note.reason, note.direction, note.value, note.state) == (
        invoice.pk,
        reason,
        NoteDirection(direction),
        D(value),
        State.DRAFT,
    )
    assert note.problems == []


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ({}, "what happened"),
        ({"event": "nonsense"}, "what happened"),
        ({"event": "returned"}, "how many came back"),
        ({"event": "too_high"}, "what its price should have been"),
        ({"event": "returned", "quantity-1": "four"}, "not a plain number"),
        ({"event": "returned", "quantity-1": "401"}, "400 KG are left"),
        ({"event": "returned", "quantity-2": "-1"}, "400 KG are left"),
        ({"event": "too_high", "price-1": "2.60"}, "Type the lower price"),
        ({"event": "too_high", "price-1": "-1"}, "Type the lower price"),
        ({"event": "too_low", "price-1": "2.40"}, "Type the higher price"),
        ({"event": "too_low", "price-1": "5.01"}, "Rs 1000.00 is left"),
    ],
)
def test_what_cannot_be_noted_is_said_and_nothing_is_written(browser, invoice, typed, words):
    answer = browser.post(page(invoice), typed | {"make": "1"})

    assert answer.status_code == 200
    assert words in text_of(answer)
    assert Invoice.objects.count() == 1


@pytest.mark.parametrize(
    ("buyer", "day", "words"),
    [
        ({"registration_type": "unregistered"}, None, "72 hours"),
        ({}, "2027-08-01", "until 19 May 2027"),
    ],
)
def test_an_invoice_that_can_have_no_note_says_why(browser, operator, buyer, day, words):
    original = accepted(make_content(buyer=make_party(**buyer)))

    with time_machine.travel(day or NOON, tick=True):
        browser.force_login(operator)
        shown = text_of(browser.get(page(original)))
        browser.post(page(original), {"event": "cancelled", "make": "1"})

    assert words in shown
    assert "Write the note" not in shown
    assert Invoice.objects.count() == 1


def test_a_viewer_corrects_nothing(client, invoice, viewer):
    client.force_login(viewer)

    assert client.get(page(invoice)).status_code == 403
    assert client.post(page(invoice), {"event": "cancelled", "make": "1"}).status_code == 403
    assert Invoice.objects.count() == 1


# --- what a document says of others -----------------------------------------------------------


def detail(browser, invoice):
    return text_of(browser.get(invoice.get_absolute_url()))


def test_an_accepted_invoice_offers_to_correct_it(browser, invoice):
    assert reverse("fbr:correct", args=[invoice.pk]) in detail(browser, invoice)


def test_a_note_and_its_invoice_name_each_other(browser, invoice):
    note, _ = notes.debit_note(
        original=invoice,
        reason=reasons.RETURNED,
        lines=[Wanted(position=1, quantity=D(100))],
        actor=SYSTEM,
        at=AT,
    )
    issuing.issue(invoice=note, actor=SYSTEM, at=AT)

    of_note, of_invoice = detail(browser, note), detail(browser, invoice)

    assert f'href="{invoice.get_absolute_url()}"' in of_note
    assert invoice.fbr_number in of_note
    assert "Return of goods" in of_note
    assert page(note) not in of_note
    assert f'href="{note.get_absolute_url()}"' in of_invoice
    assert "value Rs 1,750.00, sales tax Rs 315.00" in of_invoice


def test_a_receipt_and_the_invoice_that_uses_it_name_each_other(browser, inside):
    receipt = accepted(make_content(is_advance=True))
    user = factories.make_issued(
        make_content(
            make_line(quantity=D(800)), advances=(Advance(receipt_id=receipt.pk, value=D(300)),)
        )
    )

    of_receipt, of_user = detail(browser, receipt), detail(browser, user)

    assert f'href="{user.get_absolute_url()}"' in of_receipt
    assert "Rs 700.00" in of_receipt
    assert f'href="{receipt.get_absolute_url()}"' in of_user
    assert receipt.fbr_number in of_user


def test_a_plain_draft_asks_nothing_of_others(browser, django_assert_max_num_queries):
    draft, _ = factories.make_draft()
    browser.get(draft.get_absolute_url())

    with django_assert_max_num_queries(25):
        text = detail(browser, draft)

    assert "Notes on it" not in text
    assert "Charged in advance" not in text


# --- the copies of a bill ---------------------------------------------------------------------


def test_a_bill_offers_its_receipt_and_a_sheet(browser, inside):
    till = factories.make_till()
    bill = accepted(make_content(till_id=till.pk, payment_mode="cash"))

    text = detail(browser, bill)

    address = reverse("invoices:pdf", args=[bill.pk])
    assert f'href="{address}"' in text
    assert f'href="{address}?format=a4"' in text
    assert "Receipt" in text


def test_an_invoice_offers_one_copy(browser, invoice):
    assert "?format=" not in detail(browser, invoice)


def test_a_sheet_of_a_bill_is_waited_for_at_its_own_address(browser, inside):
    till = factories.make_till()
    bill = accepted(make_content(till_id=till.pk, payment_mode="cash"))
    address = reverse("invoices:pdf", args=[bill.pk])

    waiting = text_of(browser.get(f"{address}?format=a4"))
    printing.render_and_keep(invoice_id=bill.pk, at=AT, paper="a4")
    sheet = browser.get(f"{address}?format=a4")
    receipt = text_of(browser.get(address))

    assert f'hx-get="{address}?format=a4"' in waiting
    assert sheet["Content-Type"] == "application/pdf"
    assert "being made" in receipt
