"""Pages that take documents back: who gets there, what they say, what they do; and the API."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.urls import reverse

from accounts.enums import Permission, Role
from fbr.models import CancelApplication, Cancellation
from fbr.services import cancelling, issuing
from invoices import lifecycle, reasons
from invoices.enums import State
from invoices.models import Invoice
from invoices.services import notes
from tests import factories
from tests.factories import AT, SYSTEM
from tests.fbr.proof_cast import png, upload
from tests.fbr.test_issuing import rejected
from tests.invoices.test_links import accepted

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
PASSWORD = "a long password"
TOO_LATE = AT + 73 * HOUR


@pytest.fixture
def at():
    """Moves the clock: at(TOO_LATE)."""
    travellers = []

    def move(when):
        while travellers:
            travellers.pop().stop()
        travellers.append(time_machine.travel(when, tick=True))
        travellers[-1].start()

    yield move
    while travellers:
        travellers.pop().stop()


@pytest.fixture
def person(business):
    return factories.make_member(business, Role.ACCOUNTANT, password=PASSWORD)


@pytest.fixture
def later(client, person, at):
    """later(when): the same browser at that time, signed in by password; it proves for a while."""

    def signed_in(when):
        client.logout()
        at(when)
        typed = {"login": person.email, "password": PASSWORD}
        assert client.post(reverse("account_login"), typed).status_code == 302
        return client

    return signed_in


@pytest.fixture
def browser(later):
    return later(AT + HOUR)


@pytest.fixture
def invoice(inside):
    return accepted()


def page(name, invoice):
    return reverse(f"fbr:{name}", args=[invoice.pk])


def text_of(answer):
    text = re.sub(r"<[^>]+>", " ", answer.content.decode())
    return " ".join(text.replace("\xa0", " ").split())


def fresh(invoice):
    return Invoice.objects.get(pk=invoice.pk)


def panel_of(browser, invoice):
    return text_of(browser.get(page("panel", invoice)))


# --- the clock beside the document ------------------------------------------------------------


def test_an_accepted_document_shows_how_long_it_may_be_cancelled(browser, invoice):
    shown = panel_of(browser, invoice)

    assert "71 hours left" in shown or "70 hours left" in shown
    assert "You can cancel it in IRIS until 23 Nov 2026, 12:00, Pakistan time." in shown
    assert page("cancel", invoice) in browser.get(page("panel", invoice)).content.decode()


def test_in_the_last_hour_minutes_are_counted(later, invoice):
    browser = later(AT + 71 * HOUR + 29 * MINUTE)

    assert re.search("(30|31) minutes left", panel_of(browser, invoice))


def test_after_the_window_the_button_is_the_application(later, invoice):
    shown = panel_of(later(TOO_LATE), invoice)

    assert "Prepare the application to the Commissioner" in shown
    assert "Cancel it" not in shown
    assert "ended on 23 Nov 2026, 12:00" in shown


def test_the_end_of_the_month_is_warned_of(later, inside):
    last_day = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)
    invoice = factories.make_issued()
    lifecycle.transition(invoice, State.SUBMITTING, actor=SYSTEM, at=AT)
    told = {"fbr_number": "x", "accepted_at": last_day}
    lifecycle.transition(invoice, State.ACCEPTED, actor=SYSTEM, at=last_day, also=told)

    before = panel_of(later(last_day), invoice)
    after = panel_of(later(last_day + 12 * HOUR), invoice)

    assert "Better before 1 Dec 2026, 00:00" in before
    assert "Its month is over" in after


def test_a_reader_sees_the_clock_and_no_button(client, at, invoice, viewer):
    at(AT + HOUR)
    client.force_login(viewer)

    shown = panel_of(client, invoice)

    assert "hours left" in shown
    assert "Cancel it" not in shown


# --- step-up ----------------------------------------------------------------------------------

CANCELLING = ("cancel", "cancel_approved", "cancel_confirmed", "cancel_refused")


@pytest.mark.parametrize("name", CANCELLING)
@pytest.mark.parametrize("method", ["get", "post"])
def test_an_old_proof_of_oneself_does_not_cancel(browser, at, invoice, name, method):
    at(AT + HOUR + 11 * MINUTE)
    request = {"reason": "Wrong customer"}

    answer = getattr(browser, method)(page(name, invoice), request)

    assert answer.status_code == 302
    assert answer["Location"].startswith(reverse("account_reauthenticate"))
    assert f"next={page(name, invoice).replace('/', '%2F')}" in answer["Location"]
    assert fresh(invoice).state == State.ACCEPTED


def test_a_fresh_proof_leads_back_and_cancels(browser, at, invoice):
    at(AT + 2 * HOUR)
    asked = browser.get(page("cancel", invoice))["Location"]

    back = browser.post(asked, {"password": PASSWORD})
    done = browser.post(page("cancel", invoice), {"reason": "Wrong customer"})

    assert back["Location"] == page("cancel", invoice)
    assert done.status_code == 302
    assert fresh(invoice).state == State.CANCEL_REQUESTED


def test_twin_without_the_step_up_an_old_session_would_cancel(browser, at, invoice, monkeypatch):
    monkeypatch.setattr("fbr.cancel_views.proved_lately", lambda request, at: True)
    at(AT + 2 * HOUR)

    browser.post(page("cancel", invoice), {"reason": "Wrong customer"})

    assert fresh(invoice).state == State.CANCEL_REQUESTED


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.VIEWER, Role.AUDITOR])
@pytest.mark.parametrize("name", [*CANCELLING, "application", "application_pdf"])
def test_who_may_not_cancel_is_told_so(client, business, invoice, role, name):
    client.force_login(factories.make_member(business, role))

    answer = client.get(page(name, invoice))

    assert answer.status_code == 403
    assert fresh(invoice).state == State.ACCEPTED


# --- asked and settled ------------------------------------------------------------------------


def test_a_cancellation_from_the_question_to_the_proof(browser, invoice):
    asks = text_of(browser.get(page("cancel", invoice)))
    browser.post(page("cancel", invoice), {"reason": "Wrong customer"})
    walk = text_of(browser.get(page("cancel", invoice)))
    done = browser.post(
        page("cancel_confirmed", invoice),
        {"reference": "IRIS-77", "cancelled_at": "2026-11-20T12:55", "proof": upload()},
    )
    proof = browser.get(page("cancel_proof", invoice))
    shown = panel_of(browser, invoice)

    assert "value Rs 1,000.00 and tax Rs 180.00 are no longer yours to declare" in asks
    assert "Not cancelled yet" in walk
    assert invoice.fbr_number in walk
    assert "IRIS takes it until 23 Nov 2026, 12:00" in walk
    assert done["Location"] == invoice.get_absolute_url()
    assert fresh(invoice).state == State.CANCELLED
    assert Cancellation.objects.get().cancelled_at == datetime(2026, 11, 20, 7, 55, tzinfo=UTC)
    assert proof.content == png()
    assert proof["Content-Disposition"].startswith("attachment")
    assert "IRIS-77" in shown


def test_until_it_is_confirmed_no_page_says_cancelled(browser, invoice):
    browser.post(page("cancel", invoice), {"reason": "Wrong customer"})

    pages = (
        invoice.get_absolute_url(),
        page("panel", invoice),
        page("cancel", invoice),
        reverse("invoices:list"),
    )
    shown = {address: text_of(browser.get(address)) for address in pages}

    for text in shown.values():
        assert "Cancellation requested" in text or "Not cancelled yet" in text
        assert "FBR has cancelled it" not in text
    assert "Until IRIS says so, the document counts in full." in shown[page("panel", invoice)]


def test_notes_that_rest_on_it_are_named(browser, invoice):
    note, _lines = notes.debit_note(
        original=invoice, reason=reasons.CANCELLED, actor=SYSTEM, at=AT + HOUR
    )
    issuing.issue(invoice=note, actor=SYSTEM, at=AT + HOUR)

    shown = text_of(browser.get(page("cancel", invoice)))

    assert f"settle them too: {fresh(note).number}." in shown


def test_what_is_missing_is_said_under_its_field_and_nothing_changes(browser, invoice):
    browser.post(page("cancel", invoice), {"reason": "Wrong customer"})

    answer = browser.post(page("cancel_confirmed", invoice), {"cancelled_at": "yesterday"})

    shown = text_of(answer)
    assert answer.status_code == 422
    assert "The reference is missing." in shown
    assert "cannot be read" in shown
    assert "There is no proof yet." in shown
    assert fresh(invoice).state == State.CANCEL_REQUESTED


def test_a_refusal_is_kept_and_shown_beside_the_document(browser, invoice):
    browser.post(page("cancel", invoice), {"reason": "Wrong customer"})

    browser.post(page("cancel_refused", invoice), {"why": "Already in a return"})

    assert fresh(invoice).state == State.ACCEPTED
    assert "A cancellation was refused on 20 Nov 2026: Already in a return" in panel_of(
        browser, invoice
    )


def test_at_73_hours_the_page_offers_the_letter_and_takes_the_approval(later, invoice):
    browser = later(TOO_LATE)

    late = browser.post(page("cancel", invoice), {"reason": "Wrong customer"})
    letter = browser.post(page("application", invoice), {"reason": "Wrong customer"})
    printed = text_of(browser.get(letter["Location"]))
    pdf = browser.get(page("application_pdf", invoice))
    unchanged = fresh(invoice).state
    browser.post(
        page("cancel_approved", invoice),
        {"reason": "Wrong customer", "reference": "CIR/7", "proof": upload()},
    )

    assert late.status_code == 422
    assert "The 72 hours in which the seller may cancel alone are over." in text_of(late)
    assert "The Commissioner Inland Revenue" in printed
    assert invoice.fbr_number in printed
    assert pdf.content.startswith(b"%PDF")
    assert unchanged == State.ACCEPTED
    assert CancelApplication.objects.get().reason == "Wrong customer"
    assert fresh(invoice).state == State.CANCEL_REQUESTED
    assert browser.get(page("cancel_approval", invoice)).content == png()


def test_somebody_faster_is_told_in_words(browser, invoice):
    browser.post(page("cancel", invoice), {"reason": "Wrong customer"})
    cancelling.refuse(invoice=fresh(invoice), why="Taken back", actor=SYSTEM, at=AT + HOUR)

    answer = browser.post(page("cancel_refused", invoice), {"why": "No"})

    assert "No cancellation of this document is open" in text_of(answer)
    assert fresh(invoice).state == State.ACCEPTED


# --- the coach --------------------------------------------------------------------------------


def ways(browser, invoice, what):
    shown = browser.get(page("correct", invoice), {"what": what})
    return re.findall(r"<h2>(?:<svg.*?</svg>)?([^<]*)</h2>", shown.content.decode())[1:]


CANCEL = "Cancel it in IRIS, then write it anew"
APPLY = "Apply to the Commissioner"
NOTE = "Write a note that takes it back"
ADD = "Write a debit note that adds to it"
SECOND = "Write a second invoice over the difference"


@pytest.mark.parametrize(
    ("what", "within", "after"),
    [
        ("buyer", [CANCEL, NOTE], [APPLY, NOTE]),
        ("too_high", [CANCEL, NOTE], [NOTE, APPLY]),
        ("too_low", [CANCEL, SECOND], [SECOND, ADD]),
        ("returned", [NOTE], [NOTE]),
        ("never", [CANCEL, NOTE], [NOTE, APPLY]),
        ("duplicate", [CANCEL, NOTE], [APPLY, NOTE]),
    ],
)
def test_the_coach_shows_the_way_that_is_open(later, invoice, what, within, after):
    in_time = ways(later(AT + HOUR), invoice, what)
    late = ways(later(TOO_LATE), invoice, what)

    assert (in_time, late) == (within, after)


def test_the_coach_tells_the_effect_in_rupees_and_the_window(browser, invoice):
    shown = text_of(browser.get(page("correct", invoice), {"what": "buyer"}))

    assert "Rs 1,000.00, then nothing" in shown
    assert "Rs 180.00, then nothing" in shown
    assert "Rs 1,000.00 less" in shown
    assert "until 23 Nov 2026, 12:00" in shown


def test_the_coach_says_what_keeps_a_note_from_being_made(browser, inside):
    walk_in = factories.make_party(registration_type="unregistered", ntn_cnic="")
    invoice = accepted(factories.make_content(buyer=walk_in))

    shown = text_of(browser.get(page("correct", invoice), {"what": "returned"}))

    assert NOTE in shown
    assert "Recommended" not in shown
    assert "Write the note" not in shown


def test_the_coach_asks_first_and_survives_an_odd_answer(browser, invoice):
    for query in ({}, {"what": "nothing of ours"}):
        shown = text_of(browser.get(page("correct", invoice), query))
        assert "What happened?" in shown
        assert "Recommended" not in shown


def test_the_page_of_an_accepted_document_leads_to_the_coach(browser, invoice):
    shown = browser.get(invoice.get_absolute_url()).content.decode()

    assert page("correct", invoice) in shown


def test_the_coach_is_for_accepted_documents_only(browser, inside):
    invoice = factories.make_issued()

    assert browser.get(page("correct", invoice))["Location"] == invoice.get_absolute_url()


def test_who_may_not_cancel_sees_the_way_and_who_to_ask(client, operator, at, invoice):
    at(AT + HOUR)
    client.force_login(operator)

    shown = text_of(client.get(page("correct", invoice), {"what": "buyer"}))

    assert "Your role does not allow this" in shown


# --- voiding ----------------------------------------------------------------------------------


def test_a_refused_document_is_made_void_with_its_consequence_said(browser, inside):
    invoice = rejected()

    asked = text_of(browser.get(page("void", invoice)))
    missing = browser.post(page("void", invoice), {"reason": ""})
    done = browser.post(page("void", invoice), {"reason": "Called off"})

    assert "Number INV-2026-000001 is not used again" in asked
    assert missing.status_code == 422
    assert done["Location"] == invoice.get_absolute_url()
    assert fresh(invoice).state == State.VOID
    assert "Called off" in text_of(browser.get(invoice.get_absolute_url()))


def test_the_button_stands_where_a_number_may_be_given_up(browser, inside):
    refused, queued, taken = rejected(), factories.make_issued(), accepted()

    assert "Make it void" in panel_of(browser, refused)
    assert "Make it void" in panel_of(browser, queued)
    assert "Make it void" not in panel_of(browser, taken)


def test_a_document_on_its_way_is_not_made_void(browser, invoice):
    answer = browser.post(page("void", invoice), {"reason": "Called off"}, follow=True)

    assert "can be made void" in text_of(answer)
    assert fresh(invoice).state == State.ACCEPTED


# --- the API ----------------------------------------------------------------------------------


@pytest.fixture
def call(client, business, at):
    at(AT + HOUR)
    maker = factories.make_member(business)

    def post(name, invoice, body, *, scopes=(Permission.CANCEL, Permission.SETTLE), **headers):
        key = factories.make_key(business, maker, scopes=scopes)
        return client.post(
            reverse(f"api:invoice-{name}", args=[invoice.pk]),
            body,
            content_type="application/json",
            headers={"Authorization": f"Bearer {key}", **headers},
        )

    return post


def test_a_program_asks_for_a_cancellation(call, invoice):
    answer = call("cancel", invoice, {"reason": "Wrong customer"})

    assert answer.status_code == 202
    assert answer.json()["state"] == "cancel_requested"
    assert Cancellation.objects.get().asked_by.startswith("key:")


def test_a_program_asks_once_with_one_key(call, invoice):
    key = {"Idempotency-Key": "cancel-1"}

    first = call("cancel", invoice, {"reason": "Wrong customer"}, **key)
    again = call("cancel", invoice, {"reason": "Wrong customer"}, **key)

    assert (first.status_code, again.status_code) == (202, 200)
    assert first.json() == again.json()
    assert Cancellation.objects.count() == 1


def test_a_program_is_told_that_the_window_is_over(call, at, invoice):
    at(TOO_LATE)

    answer = call("cancel", invoice, {"reason": "Wrong customer"})

    assert answer.status_code == 422
    assert answer.json()["details"]["problems"][0]["code"] == "window_over"
    assert fresh(invoice).state == State.ACCEPTED


@pytest.mark.parametrize(
    ("body", "status"), [({}, 422), ({"reason": 5}, 422), ({"reason": "x", "also": 1}, 422)]
)
def test_a_body_without_a_reason_is_refused(call, invoice, body, status):
    assert call("cancel", invoice, body).status_code == status
    assert fresh(invoice).state == State.ACCEPTED


def test_a_program_makes_void(call, inside):
    invoice = rejected()

    answer = call("void", invoice, {"reason": "Called off"})

    assert answer.status_code == 200
    assert answer.json()["state"] == "void"


def test_a_program_needs_the_scope_of_the_deed(call, inside, invoice):
    refused = rejected()

    cancel = call("cancel", invoice, {"reason": "x"}, scopes=[Permission.SETTLE])
    void = call("void", refused, {"reason": "x"}, scopes=[Permission.CANCEL])

    assert (cancel.status_code, void.status_code) == (403, 403)
    assert (fresh(invoice).state, fresh(refused).state) == ("accepted", "rejected")


def test_a_document_that_is_not_accepted_is_a_conflict(call, inside):
    assert call("cancel", factories.make_issued(), {"reason": "x"}).status_code == 409
    assert call("void", accepted(), {"reason": "x"}).status_code == 409
