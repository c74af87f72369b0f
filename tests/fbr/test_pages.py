"""Pages of the line to FBR: issue, what became of it, the light, the tokens."""

from __future__ import annotations

import json

import pytest
import time_machine
from django.test import Client
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st

from accounts.enums import Role
from fbr import pages
from fbr.models import Attempt, Credential, Outbox
from fbr.models.work import Call, WorkState
from fbr.outcomes import Evidence, Hold
from fbr.services import credentials, settling
from invoices import lifecycle
from invoices.enums import State
from invoices.models import Invoice
from smartinvoicing import clock
from tests import factories
from tests.conftest import NOON

HTMX = {"HX-Request": "true"}
TOKEN = "a-token-of-ours-7000007"


@pytest.fixture(autouse=True)
def _at_noon():
    with time_machine.travel(NOON, tick=True):
        yield


@pytest.fixture
def browser(client, inside, owner) -> Client:
    """The owner's."""
    client.force_login(owner)
    return client


@pytest.fixture
def credential(entity) -> Credential:
    return factories.make_credential(entity, TOKEN)


def text_of(response) -> str:
    return response.content.decode()


def issue(browser, invoice, seen="0", **options):
    return browser.post(f"{reverse('fbr:issue', args=[invoice.pk])}?seen={seen}", **options)


def panel_of(browser, invoice, seen=""):
    return browser.get(reverse("fbr:panel", args=[invoice.pk]), {"seen": seen}, headers=HTMX)


def seen_in(response) -> str:
    return response.context["panel"]["url"].partition("seen=")[2]


def answered(invoice: Invoice, evidence: Evidence) -> Attempt:
    """`invoice` was sent, and this is what came back."""
    work = Outbox.objects.get(invoice=invoice, state=WorkState.WAITING)
    lifecycle.transition(invoice, State.SUBMITTING, actor=factories.SYSTEM, at=NOON)
    Outbox.objects.filter(pk=work.pk).update(state=WorkState.SENDING, attempt_no=1)
    attempt = Attempt(
        work=work,
        invoice=invoice,
        attempt_no=1,
        body_sha256=work.body_sha256,
        worker="test",
        started_at=NOON,
    )
    attempt.save(force_insert=True)
    Attempt.objects.filter(pk=attempt.pk).update(
        call=Call.RECORD,
        answered_at=NOON,
        sent=evidence.sent,
        http_status=evidence.status,
        answer=evidence.body,
        failure=evidence.failure,
        took_ms=evidence.took_ms,
    )
    reading_of(work, attempt)
    return attempt


def reading_of(work, attempt):
    work.refresh_from_db()
    attempt.refresh_from_db()
    reading = settling._reading(work, attempt)
    work.invoice.refresh_from_db()
    settling.settle(work, attempt, reading, actor=factories.SYSTEM, now=clock.database_now())


ACCEPTED = Evidence(
    sent=True,
    status=200,
    body=b'{"invoiceNumber":"7000007DI1795136541792","dated":"2026-11-20 12:00:05",'
    b'"validationResponse":{"statusCode":"00","status":"Valid","error":"",'
    b'"invoiceStatuses":[{"itemSNo":"1","statusCode":"00","status":"Valid",'
    b'"invoiceNo":"7000007DI1795136541792-1","errorCode":"","error":""}]}}',
)
REFUSED = Evidence(
    sent=True,
    status=200,
    body=b'{"dated":"2026-11-20 12:00:05","validationResponse":{"statusCode":"00",'
    b'"status":"invalid","error":"","invoiceStatuses":[{"itemSNo":"1","statusCode":"01",'
    b'"status":"Invalid","invoiceNo":null,"errorCode":"0052","error":"Wrong HS code"}]}}',
)
SILENCE = Evidence(sent=True, failure="timeout", took_ms=60_000)
NOT_OUR_TOKEN = Evidence(sent=True, status=401, body=b"{}")
NOT_SENT = Evidence(sent=False, failure="ConnectionRefusedError")


# --- issue ------------------------------------------------------------------------------------


def test_issue_numbers_queues_and_rings(browser, credential, django_capture_on_commit_callbacks):
    draft, _lines = factories.make_draft()

    with django_capture_on_commit_callbacks() as bells:
        response = issue(browser, draft)

    invoice = Invoice.objects.get()
    assert response["Location"] == invoice.get_absolute_url()
    assert (invoice.state, invoice.number) == (State.QUEUED, "INV-2026-000001")
    assert [bell.__name__ for bell in bells] == ["ring"]


def test_issue_is_refused_with_the_way_to_what_is_missing(browser):
    draft, _lines = factories.make_draft(
        factories.make_content(buyer=factories.make_party(name=""))
    )

    response = issue(browser, draft, follow=True)

    assert response.redirect_chain[-1][0].endswith("?check=1")
    assert "This is not issued yet" in text_of(response)
    assert (Invoice.objects.get().state, Outbox.objects.exists()) == (State.DRAFT, False)


def test_issue_takes_only_what_the_person_saw(browser):
    draft, _lines = factories.make_draft()

    response = issue(browser, draft, seen="7", follow=True)

    assert "changed this invoice meanwhile" in text_of(response)
    assert Invoice.objects.get().state == State.DRAFT


def test_issue_twice_is_said_and_done_once(browser):
    draft, _lines = factories.make_draft()
    issue(browser, draft)

    response = issue(browser, draft, seen="", follow=True)

    assert "was issued already" in text_of(response)
    assert Outbox.objects.count() == 1


@pytest.mark.parametrize(
    ("role", "status"),
    [(Role.OPERATOR, 302), (Role.ACCOUNTANT, 302), (Role.VIEWER, 403), (Role.AUDITOR, 403)],
)
def test_issue_is_for_those_who_may(client, inside, role, status):
    client.force_login(factories.make_member(inside, role))
    draft, _lines = factories.make_draft()

    assert issue(client, draft).status_code == status
    assert Invoice.objects.get().state == (State.QUEUED if status == 302 else State.DRAFT)


# --- the panel --------------------------------------------------------------------------------


def test_panel_is_quiet_until_something_happened(browser, credential):
    invoice = factories.make_issued()
    first = panel_of(browser, invoice)

    quiet = panel_of(browser, invoice, seen_in(first))
    answered(invoice, ACCEPTED)
    moved = panel_of(browser, invoice, seen_in(first))

    assert (first.status_code, quiet.status_code, moved.status_code) == (200, 204, 200)
    assert quiet.content == b""


def test_panel_brings_number_mark_and_buttons_when_accepted(browser, credential):
    invoice = factories.make_issued()
    answered(invoice, ACCEPTED)

    response = panel_of(browser, invoice)

    shown = text_of(response)
    assert response.context["panel"]["url"] == ""  # it asks no more
    for part in ("state", "state-badge", "mark", "page-actions", "dialogs"):
        assert f'id="{part}" hx-swap-oob="true"' in shown.replace('aria-live="polite" ', "")
    assert "7000007DI1795136541792" in shown
    assert "Dated by FBR 20 Nov 2026, 12:00:05" in shown
    assert "QR code of the FBR invoice number" in shown


def test_panel_shows_what_was_sent_and_answered_word_for_word(browser, credential):
    invoice = factories.make_issued()
    answered(invoice, REFUSED)

    response = panel_of(browser, invoice)

    events = response.context["panel"]["events"]
    assert [event["title"] for event in events] == ["FBR refused it", "Issued"]
    work = Outbox.objects.get()
    sent, answer = (detail["body"] for detail in events[0]["details"])
    assert sent.endswith(f"sha256 {work.body_sha256}")
    assert flat(sent.partition("\n\nsha256")[0]) == flat(bytes(work.body).decode())
    assert flat(answer) == flat(REFUSED.body.decode())
    assert "Sent 12:00:00, answered 12:00:00 with HTTP 200" in events[0]["text"]


def flat(text: str) -> str:
    return "".join(text.split())


def test_a_refusal_names_line_field_and_fix(browser, credential):
    invoice = factories.make_issued()
    answered(invoice, REFUSED)

    for address, place in (
        (reverse("fbr:panel", args=[invoice.pk]), "Line 1, HS code"),
        (invoice.get_absolute_url(), "0052 HS code"),
    ):
        shown = text_of(browser.get(address))
        assert place in shown
        assert "Wrong HS code" in shown
        assert "Correct it" in shown or "fbr/" in address


def test_uncertain_says_what_was_sent_when_and_that_it_never_goes_again(browser, credential):
    invoice = factories.make_issued()
    answered(invoice, SILENCE)

    response = panel_of(browser, invoice)

    shown = text_of(response)
    facts = {fact["name"]: fact["value"] for fact in response.context["state"]["facts"]}
    assert "never sent again by machine" in shown
    assert facts["Sent"] == "20 Nov 2026, 12:00:00"
    assert facts["Value and tax"] == "Rs\xa01,000.00 and Rs\xa0180.00"
    assert "timeout" in facts["What we know"]
    assert f"{reverse('fbr:issue', args=[invoice.pk])}" not in shown
    assert reverse("invoices:duplicate", args=[invoice.pk]) not in shown
    assert issue(browser, invoice, seen="", follow=True).status_code == 200
    assert Invoice.objects.get().state == State.UNCERTAIN


def test_a_hold_is_explained_with_the_way_out(browser):
    invoice = factories.make_issued()

    response = panel_of(browser, invoice)

    assert "waits for an FBR token" in text_of(response)
    assert response.context["state"]["action"]["url"] == reverse("fbr:tokens")


def test_a_hold_shows_no_way_to_those_who_may_not_go_it(client, inside, operator):
    client.force_login(operator)

    assert panel_of(client, factories.make_issued()).context["state"]["action"] is None


@pytest.mark.parametrize("hold", Hold.values)
def test_every_hold_has_words(browser, credential, hold):
    invoice = factories.make_issued()
    Outbox.objects.update(hold_reason=hold)

    shown = panel_of(browser, invoice)

    assert str(pages.HOLDS[hold][0]) in shown.context["state"]["sentence"]


def test_what_was_not_recorded_says_when_it_goes_again(browser, credential):
    invoice = factories.make_issued()
    answered(invoice, NOT_SENT)

    response = panel_of(browser, invoice)

    assert "The next try is at" in response.context["panel"]["note"]
    assert "Nothing left this house" in response.context["panel"]["events"][0]["text"]


def test_panel_is_a_page_without_javascript(browser):
    invoice = factories.make_issued()

    response = browser.get(reverse("fbr:panel", args=[invoice.pk]))

    assert "<html" in text_of(response)
    assert "What will be sent" in text_of(response)


def test_queries_of_the_panel_do_not_grow(
    browser, credential, django_assert_max_num_queries, django_assert_num_queries
):
    short = factories.make_issued()
    long = factories.make_issued(factories.make_content(*[factories.make_line()] * 30))
    panel_of(browser, short)
    with django_assert_max_num_queries(21) as first:
        panel_of(browser, short)

    with django_assert_num_queries(len(first)):
        panel_of(browser, long)


@given(st.recursive(st.none() | st.text() | st.integers(), st.lists))
def test_indented_changes_no_character_of_json(value):
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)

    assert json.loads(pages.indented(text)) == value


def test_an_answer_that_is_no_text_is_shown_as_far_as_it_goes():
    assert pages.readable(b"\xff\xfe<html>") == "\ufffd\ufffd<html>"
    assert len(pages.readable(b"x" * 50_000)) < 21_000


# --- the light --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("evidence", "label", "facts"),
    [
        (None, "Nothing sent yet", []),
        (ACCEPTED, "FBR answers", []),
        (REFUSED, "FBR answers", []),
        (NOT_SENT, "FBR cannot be reached", ["Waiting for their turn"]),
        (SILENCE, "FBR's last answer was lost", ["Uncertain"]),
        (NOT_OUR_TOKEN, "FBR refuses the token", ["On hold"]),
    ],
)
def test_light_says_how_the_line_is(browser, credential, evidence, label, facts):
    if evidence:
        answered(factories.make_issued(), evidence)

    response = browser.get(reverse("fbr:light"), headers=HTMX)

    assert response.context["light"]["label"] == label
    assert [fact["name"] for fact in response.context["facts"]] == facts


def test_light_says_that_there_is_no_token(browser):
    light = browser.get(reverse("fbr:light")).context["light"]

    assert light["label"] == "No FBR token yet"


# --- tokens -----------------------------------------------------------------------------------


def store(browser, token, environment="sandbox"):
    return browser.post(
        reverse("fbr:tokens"), {"environment": environment, f"{environment}-token": token}
    )


def test_a_token_is_stored_and_never_shown(browser):
    invoice = factories.make_issued()

    response = store(browser, f" {TOKEN} ")

    shown = text_of(browser.get(reverse("fbr:tokens")))
    assert response.status_code == 302
    assert TOKEN not in shown
    assert "…0007" in shown
    assert "20 Nov 2026, 12:00" in shown
    assert Outbox.objects.get(invoice=invoice).hold_reason == ""


@pytest.mark.parametrize("token", ["", "short", "with\nbreak in it", "x" * 501, "ٹوکن ٹوکن"])
def test_what_cannot_be_a_token_is_refused_and_not_shown_again(browser, token):
    response = store(browser, token)

    assert response.status_code == 422
    assert "does not look like an FBR token" in text_of(response)
    assert not token or f'value="{token}"' not in text_of(response)
    assert not Credential.objects.exists()


def test_a_word_that_is_no_environment_stores_nothing(browser):
    assert store(browser, TOKEN, environment="moon").status_code == 200
    assert not Credential.objects.exists()


def test_a_token_that_fbr_refused_is_tried_again(browser, credential):
    credentials.hold(credential=credential, why="HTTP 401", actor=factories.SYSTEM, at=NOON)
    shown = text_of(browser.get(reverse("fbr:tokens")))

    browser.post(reverse("fbr:release", args=[credential.pk]))

    assert "FBR refused it on 20 Nov 2026, 12:00 (HTTP 401)" in shown
    assert Credential.objects.get().held_at is None


def test_the_page_of_the_business_shows_its_tokens_in_short(browser, credential):
    shown = browser.get(reverse("fbr:tokens"), headers=HTMX)

    assert "<html" not in text_of(shown)
    assert "…0007" in text_of(shown)


@pytest.mark.parametrize("role", [Role.ACCOUNTANT, Role.OPERATOR, Role.VIEWER, Role.AUDITOR])
def test_tokens_are_for_those_who_manage_the_business(client, inside, role):
    client.force_login(factories.make_member(inside, role))

    assert client.get(reverse("fbr:tokens")).status_code == 403
    assert store(client, TOKEN).status_code == 403
    assert not Credential.objects.exists()
