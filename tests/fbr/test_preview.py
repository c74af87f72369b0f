"""What FBR will see, and did; and a refused document that goes once more as it is."""

from __future__ import annotations

import hashlib
import json
from decimal import Decimal

import pytest
import time_machine
from django.urls import reverse

from accounts.access import Actor
from accounts.enums import Role
from accounts.models import AuditEvent
from fbr import previewing
from fbr.di import codes
from fbr.field_labels import label_of
from fbr.models import Outbox
from fbr.models.work import WorkState
from fbr.outcomes import CodeOnLine, Hold
from fbr.services import issuing, resending
from invoices import lifecycle, reasons, selectors
from invoices.content import Advance
from invoices.enums import BuyerKind, State
from invoices.models import Invoice
from invoices.services import notes
from smartinvoicing.errors import NotAllowed, StateConflict
from tests import factories
from tests.conftest import NOON
from tests.factories import AT, SYSTEM, make_content, make_line, make_party
from tests.invoices.pages_cast import HTMX, page_of, text_of

TRANSIENT = ("0077", "0099")


@pytest.fixture(autouse=True)
def _at_noon():
    with time_machine.travel(NOON, tick=True):
        yield


@pytest.fixture
def browser(client, inside, operator):
    client.force_login(operator)
    return client


def preview(invoice):
    invoice = selectors.invoice(invoice.pk)
    return previewing.preview_of(invoice, selectors.lines_of(invoice), at=AT)


def refused(*found, content=None, lines=(1, 2, 3, 4)):
    """A document that FBR refused with these codes, each on a line of its own."""
    return refuse(factories.make_issued(content), *found, lines=lines)


def refuse(invoice, *found, lines=(1, 2, 3, 4)):
    lifecycle.transition(invoice, State.SUBMITTING, actor=SYSTEM, at=AT)
    problems = [
        codes.problem_of(CodeOnLine(code=code, text="", line=line)).as_dict()
        for code, line in zip(found, lines, strict=False)
    ]
    lifecycle.transition(invoice, State.REJECTED, actor=SYSTEM, at=AT, also={"problems": problems})
    Outbox.objects.filter(invoice=invoice).update(state=WorkState.DONE, done_at=AT)
    return Invoice.objects.get(pk=invoice.pk)


# --- what FBR sees ----------------------------------------------------------------------------


def test_a_draft_shows_the_very_bytes_that_its_issue_will_send(inside):
    draft, _lines = factories.make_draft()
    before = Invoice.objects.values().get(), Outbox.objects.count()

    shown = preview(draft)

    assert (Invoice.objects.values().get(), Outbox.objects.count()) == before
    work = issuing.issue(invoice=draft, actor=SYSTEM, at=AT)
    assert (shown.body, shown.is_stored) == (bytes(work.body), False)


def test_an_issued_document_shows_what_is_stored_with_its_fingerprint(inside):
    invoice = factories.make_issued()

    shown = preview(invoice)

    assert shown.is_stored
    assert shown.sha256 == hashlib.sha256(shown.body).hexdigest() == invoice.work.get().body_sha256


def test_every_field_has_its_value_to_the_letter_and_our_words(inside):
    draft, _lines = factories.make_draft(make_content(make_line(), make_line(description="Cones")))

    shown = preview(draft)

    assert [len(item) for item in shown.items] == [17, 17]
    header = {field.name: field.value for field in shown.header}
    sent = json.loads(shown.body)
    assert header == {name: text for name, text in sent.items() if name != "items"}
    assert '"quantity":400,' in shown.body.decode()
    assert {field.value for field in shown.items[0] if field.name == "quantity"} == {"400"}
    assert all(field.label for part in (shown.header, *shown.items) for field in part)


def test_a_bill_of_a_till_is_shown_as_the_pos_service_reads_it(inside):
    till = factories.make_till()
    draft, _lines = factories.make_draft(factories.make_bill(till))

    shown = preview(draft)

    assert {"POSID", "USIN", "TotalBillAmount"} <= {field.name for field in shown.header}
    assert all(field.label for part in (shown.header, *shown.items) for field in part)


def test_a_name_that_fbr_does_not_use_has_no_words():
    assert label_of("nothing", channel="di") == ""


def test_a_draft_without_a_customer_has_nothing_to_show(browser):
    draft, _lines = factories.make_draft(make_content(buyer=make_party(registration_type="")))

    response = browser.get(reverse("fbr:preview", args=[draft.pk]))

    assert preview(draft) is None
    assert "Nothing to show yet" in text_of(response)


def test_the_preview_is_a_page_and_a_fragment(browser):
    draft, _lines = factories.make_draft()
    url = reverse("fbr:preview", args=[draft.pk])

    page, fragment = browser.get(url), browser.get(url, headers=HTMX)

    assert "<html" in text_of(page)
    assert "<html" not in text_of(fragment)
    for response in (page, fragment):
        assert "valueSalesExcludingST" in text_of(response)
        assert "Value without sales tax, after discount" in text_of(response)
        assert "&quot;invoiceType&quot;:&quot;Sale Invoice&quot;" in text_of(response)


def test_the_page_of_a_stored_document_shows_the_fingerprint(browser):
    invoice = factories.make_issued()

    response = browser.get(reverse("fbr:preview", args=[invoice.pk]))

    assert invoice.work.get().body_sha256 in text_of(response)


def test_the_editor_saves_and_shows_what_fbr_will_see(browser):
    draft, _lines = factories.make_draft()
    response = browser.post(
        reverse("invoices:edit", args=[draft.pk]),
        page_of(draft=str(draft.pk), see="1", client_reference="SO-5"),
    )

    assert response["Location"] == reverse("fbr:preview", args=[draft.pk])
    assert Invoice.objects.get().client_reference == "SO-5"


# --- once more, unchanged ---------------------------------------------------------------------


def send_again(invoice, actor=SYSTEM):
    return resending.send_again(invoice=invoice, actor=actor, at=AT)


@pytest.mark.parametrize("found", [TRANSIENT[:1], TRANSIENT[1:], TRANSIENT])
def test_what_fbr_is_known_to_take_later_goes_again_byte_for_byte(inside, found):
    invoice = refused(*found)
    first = invoice.work.get()

    work = send_again(invoice)

    invoice.refresh_from_db()
    assert (invoice.state, invoice.problems) == (State.QUEUED, [])
    assert (bytes(work.body), work.body_sha256) == (bytes(first.body), first.body_sha256)
    assert work.version == invoice.version == first.version + 1
    assert work.hold_reason == Hold.CREDENTIAL
    assert invoice.number
    assert AuditEvent.objects.order_by("id").last().details["unchanged"] is True


def test_it_goes_with_the_token_that_is_stored_now(inside, entity):
    invoice = refused("0099")
    credential = factories.make_credential(entity, "another token")

    work = send_again(invoice)

    assert (work.credential, work.hold_reason) == (credential, "")


def test_it_goes_again_once_only(inside):
    invoice = refused("0077")
    send_again(invoice)
    lifecycle.transition(invoice, State.SUBMITTING, actor=SYSTEM, at=AT)
    problem = codes.problem_of(CodeOnLine(code="0077", text="", line=1)).as_dict()
    lifecycle.transition(invoice, State.REJECTED, actor=SYSTEM, at=AT, also={"problems": [problem]})
    Outbox.objects.exclude(state=WorkState.DONE).update(state=WorkState.DONE, done_at=AT)

    with pytest.raises(StateConflict):
        send_again(invoice)

    assert Outbox.objects.count() == 2


@pytest.mark.parametrize("found", [(), ("0052",), ("0077", "0052")])
def test_any_other_code_is_to_be_mended_first(inside, found):
    invoice = refused(*found)

    with pytest.raises(StateConflict):
        send_again(invoice)

    assert Outbox.objects.count() == 1


def test_what_was_changed_since_is_not_unchanged(inside):
    invoice = refused("0077")
    Invoice.objects.filter(pk=invoice.pk).update(version=invoice.version + 1)
    invoice.refresh_from_db()

    with pytest.raises(StateConflict):
        send_again(invoice)


@pytest.mark.parametrize("state", [State.QUEUED, State.SUBMITTING, State.UNCERTAIN])
def test_only_what_was_refused_goes_again(inside, state):
    invoice = factories.make_issued()
    if state != State.QUEUED:
        lifecycle.transition(invoice, State.SUBMITTING, actor=SYSTEM, at=AT)
    if state == State.UNCERTAIN:
        lifecycle.transition(invoice, state, actor=SYSTEM, at=AT)

    with pytest.raises(StateConflict):
        send_again(invoice)


def test_an_advance_receipt_that_was_used_up_meanwhile_is_not_used_again(inside):
    receipt = factories.make_issued(make_content(is_advance=True))
    factories.accept(receipt)
    content = make_content(
        make_line(quantity=Decimal(800)),
        advances=(Advance(receipt_id=receipt.pk, value=Decimal(1000)),),
    )
    invoice = refused("0099", content=content)
    other = factories.make_issued(content)
    factories.accept(other)

    with pytest.raises(StateConflict, match=f"Of {receipt.number} Rs 0.00 is left"):
        send_again(invoice)

    assert Invoice.objects.get(pk=invoice.pk).state == State.REJECTED
    assert invoice.work.count() == 1


def test_a_note_whose_invoice_was_corrected_meanwhile_does_not_go_again(inside):
    original = factories.make_issued()
    factories.accept(original)
    note, _lines = notes.debit_note(original=original, reason=reasons.RETURNED, actor=SYSTEM, at=AT)
    issuing.issue(invoice=note, actor=SYSTEM, at=AT)
    note = refuse(note, "0077")
    other, _lines = notes.debit_note(
        original=original, reason=reasons.RETURNED, actor=SYSTEM, at=AT
    )
    issuing.issue(invoice=other, actor=SYSTEM, at=AT)

    with pytest.raises(StateConflict, match="Nothing is left to correct"):
        send_again(note)


def test_what_still_fits_its_receipt_goes_again(inside):
    receipt = factories.make_issued(make_content(is_advance=True))
    factories.accept(receipt)
    content = make_content(
        make_line(quantity=Decimal(800)),
        advances=(Advance(receipt_id=receipt.pk, value=Decimal(1000)),),
    )

    assert send_again(refused("0099", content=content)).version == 2


def test_who_may_not_issue_may_not_send_again(inside, viewer):
    invoice = refused("0077")

    with pytest.raises(NotAllowed):
        send_again(invoice, Actor.person(viewer.pk, Role.VIEWER))

    assert Outbox.objects.count() == 1


def test_the_button_is_there_once_and_does_it(browser):
    invoice = refused("0099")
    panel, url = (
        reverse("fbr:panel", args=[invoice.pk]),
        reverse("fbr:send_again", args=[invoice.pk]),
    )
    offered = browser.get(panel)

    done = browser.post(url, follow=True)
    again = browser.post(url, follow=True)

    assert "Send again unchanged" in text_of(offered)
    assert "once more, just as it was" in text_of(done)
    assert "Send again unchanged" not in text_of(browser.get(panel))
    assert "cannot be sent again unchanged" in text_of(again)


def test_a_refusal_that_must_be_mended_offers_no_sending_again(browser):
    invoice = refused("0052")

    assert "Send again unchanged" not in text_of(
        browser.get(reverse("fbr:panel", args=[invoice.pk]))
    )


# --- what FBR found, under the line -----------------------------------------------------------


def test_codes_stand_under_their_line_with_the_way_to_mend_them(browser):
    invoice = refused("0052", "0099", content=make_content(make_line(), make_line()))

    page = browser.get(invoice.get_absolute_url())

    lines = page.context["lines"]
    assert [line["problems"][0]["label"] for line in lines] == ["0052 HS code", "0099 Unit"]
    edit = reverse("invoices:edit", args=[invoice.pk])
    assert lines[1]["problems"][0]["mend"]["href"] == f"{edit}?at=lines-1-unit"
    assert page.context["state"]["problems"] == []
    assert "under 2 lines" in page.context["state"]["sentence"]


def test_what_concerns_the_whole_document_stays_above(browser):
    invoice = refused("0043", lines=(None,))

    page = browser.get(invoice.get_absolute_url())

    assert page.context["lines"][0]["problems"] == []
    assert page.context["state"]["problems"][0]["mend"]["href"].endswith("?at=invoice_date")


def test_the_panel_moves_them_on_the_page_and_lists_them_on_its_own(browser):
    invoice = refused("0052")
    url = reverse("fbr:panel", args=[invoice.pk])

    moved, alone = browser.get(url, headers=HTMX), browser.get(url)

    assert 'id="line-1-refused" hx-swap-oob="true"' in text_of(moved)
    assert "line-1-refused" not in text_of(alone)
    assert alone.context["state"]["problems"][0]["label"] == "Line 1, HS code"


def test_a_viewer_reads_them_and_is_offered_nothing(client, inside, viewer):
    invoice = refused(
        "0099", content=make_content(buyer=make_party(registration_type=BuyerKind.REGISTERED))
    )
    client.force_login(viewer)

    page = client.get(invoice.get_absolute_url())
    panel = client.get(reverse("fbr:panel", args=[invoice.pk]), headers=HTMX)

    assert page.context["lines"][0]["problems"][0]["mend"] is None
    assert "Send again" not in text_of(panel)


@pytest.mark.parametrize(
    ("code", "button"),
    [
        ("0062", 'name="put" value="lines-0-unit=MT"'),
        ("0101", 'name="put" value="lines-0-sale_type=Toll Manufacturing"'),
        ("0204", 'name="put" value="scenario="'),
    ],
)
def test_what_one_press_mends_is_offered_in_the_editor(browser, code, button):
    invoice = refused(code)

    page = browser.get(reverse("invoices:edit", args=[invoice.pk]))

    assert button in text_of(page)
