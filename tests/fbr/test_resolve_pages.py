"""The red list, the page that settles a document, look-alikes, lists; and the API's own door."""

from __future__ import annotations

import time
from decimal import Decimal

import pytest
from allauth.account.internal.flows import login
from allauth.mfa.models import Authenticator
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from accounts.access import SCOPES
from accounts.enums import NoticeKind, Permission, Role, StaffRole
from accounts.models import Notice
from fbr.models import Attempt, Claim, Evidence, Outbox, Statement, StatementRow, WitnessRequest
from fbr.models.work import WorkState
from fbr.outcomes import Hold
from fbr.services import claiming, issuing, resolving
from fbr.services.resolving import Found
from invoices import lifecycle
from invoices.enums import State
from invoices.models import Invoice
from smartinvoicing import clock
from tests import factories
from tests.factories import SYSTEM, make_content, make_line
from tests.fbr.doubts_cast import (
    NUMBER,
    answer_late,
    make_uncertain,
    person,
    picture,
    refused_at_the_second_send,
    write,
)

LIST = (
    f"FBR Invoice No,Buyer NTN,Date,Value,Sales Tax\n{NUMBER},2046004,2026-11-20,1000,180\n,,,,x\n"
)


def browser_of(user) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def two(inside):
    """Two people who may settle, each at a browser of their own."""
    return [browser_of(person(inside, role)[0]) for role in (Role.ACCOUNTANT, Role.OWNER)]


@pytest.fixture
def doubted(two):
    return make_uncertain()


def text_of(response) -> str:
    return response.content.decode()


def go(browser, name, *ids, data=None, **options):
    return browser.post(reverse(f"fbr:{name}", args=ids), data or {}, **options)


def found(**given):
    return {"fbr_number": NUMBER, "dated": "2026-11-20 12:00:05", "proof": picture(), **given}


# --- the red list -------------------------------------------------------------------------------


def test_the_red_list_is_empty_with_a_sentence(two):
    assert "Nothing needs you" in text_of(two[0].get(reverse("fbr:red_list")))


def test_the_red_list_shows_every_kind_with_its_next_step(two, doubted):
    held = factories.make_issued(make_content(make_line(unit_price=Decimal("3.50"))))
    suspect = factories.make_issued(make_content(make_line(unit_price=Decimal("4.50"))))
    Outbox.objects.filter(invoice=suspect).update(hold_reason=Hold.DUPLICATE_SUSPECT)
    refused = factories.make_issued(make_content(make_line(unit_price=Decimal("5.50"))))
    lifecycle.transition(refused, State.SUBMITTING, actor=SYSTEM, at=clock.now())
    lifecycle.transition(refused, State.REJECTED, actor=SYSTEM, at=clock.now())
    late = factories.make_issued(make_content(make_line(unit_price=Decimal("6.50"))))
    Outbox.objects.filter(invoice=late).update(deadline=clock.now(), hold_reason="")

    page = text_of(two[1].get(reverse("fbr:red_list")))

    for each in (doubted, held, suspect, refused, late):
        assert each.number in page
    for words in ("Settle it", "Compare", "Correct it", "FBR tokens", "should have been at FBR"):
        assert words in page
    assert reverse("fbr:settle", args=[doubted.pk]) in page


def test_the_red_list_costs_the_same_for_one_and_for_many(two, django_assert_max_num_queries):
    for place in range(6):
        make_uncertain(make_content(make_line(unit_price=Decimal(place + 1))))

    with django_assert_max_num_queries(30):
        two[0].get(reverse("fbr:red_list"))


def test_a_viewer_sees_the_red_list_and_settles_nothing(inside, doubted, viewer):
    browser = browser_of(viewer)

    page = text_of(browser.get(reverse("fbr:red_list")))

    assert doubted.number in page
    assert reverse("fbr:settle", args=[doubted.pk]) not in page
    for name in ("settle_found", "settle_missing", "settle_answer"):
        assert go(browser, name, doubted.pk).status_code == 403
    assert Invoice.objects.get().state == State.UNCERTAIN


# --- the document's own page ----------------------------------------------------------------------


def panel(browser, invoice):
    return text_of(
        browser.get(reverse("fbr:panel", args=[invoice.pk]), headers={"HX-Request": "true"})
    )


def test_the_document_says_what_is_asked_of_its_people(two, doubted):
    page = panel(two[0], doubted)

    assert "Does FBR have it?" in page
    assert reverse("fbr:settle", args=[doubted.pk]) in page
    assert "fbr:issue" not in page
    assert reverse("fbr:issue", args=[doubted.pk]) not in page
    assert reverse("invoices:duplicate", args=[doubted.pk]) not in page


def test_no_page_sends_it_again(two, doubted):
    body = bytes(Outbox.objects.get().body)

    for address in (
        reverse("fbr:issue", args=[doubted.pk]),
        reverse("fbr:send_again", args=[doubted.pk]),
        reverse("fbr:release_duplicate", args=[doubted.pk]),
        reverse("invoices:edit", args=[doubted.pk]),
    ):
        two[1].post(address, {"duplicate_reason": "send it again"})

    assert Invoice.objects.get().state == State.UNCERTAIN
    work = Outbox.objects.get()
    assert (work.state, bytes(work.body)) == (WorkState.STOPPED, body)


# --- settled --------------------------------------------------------------------------------------


def test_the_page_says_what_to_look_for(two, doubted):
    page = text_of(two[0].get(reverse("fbr:settle", args=[doubted.pk])))

    assert doubted.number in page
    assert "Sample Traders" in page
    assert "FBR has it under this number" in page
    assert "ask a second person" in page


def test_found_with_a_picture_it_is_accepted(two, doubted):
    response = go(two[0], "settle_found", doubted.pk, data=found(), follow=True)

    invoice = Invoice.objects.get()
    assert (invoice.state, invoice.fbr_number) == ("accepted", NUMBER)
    assert "Settled" in text_of(response)
    row = Evidence.objects.get()
    file = two[1].get(reverse("fbr:evidence_file", args=[row.pk]))
    assert file["Content-Disposition"].startswith("attachment")
    assert (file["X-Content-Type-Options"], file["Content-Type"]) == ("nosniff", "image/png")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"proof": ""}, "There is no proof"),
        ({"fbr_number": ""}, "number is missing"),
        ({"proof": SimpleUploadedFile("a.png", b"<svg onload=x>")}, "neither a PNG"),
        ({"proof": SimpleUploadedFile("a.png", b"\x89PNG\r\n\x1a\n" + b"0" * 6_000_000)}, "5 MB"),
    ],
)
def test_without_proof_the_form_says_what_is_missing(two, doubted, given, words):
    response = go(two[0], "settle_found", doubted.pk, data=found(**given))

    assert response.status_code == 422
    assert words in text_of(response)
    assert Invoice.objects.get().state == State.UNCERTAIN


def test_two_people_at_two_browsers_send_it_again(two, doubted, django_capture_on_commit_callbacks):
    go(two[0], "settle_missing", doubted.pk, data={"why": "IRIS, list of 20 November"})
    claim = Claim.objects.get()
    first, second = (text_of(each.get(reverse("fbr:settle", args=[doubted.pk]))) for each in two)
    confirm = reverse("fbr:claim_confirm", args=[claim.pk])
    assert (confirm in first, confirm in second) == (False, True)

    go(two[0], "claim_confirm", claim.pk)
    assert Invoice.objects.get().state == State.UNCERTAIN
    with django_capture_on_commit_callbacks() as bells:
        go(two[1], "claim_confirm", claim.pk)

    assert Invoice.objects.get().state == State.QUEUED
    assert "ring" in [bell.__name__ for bell in bells]
    assert Notice.objects.filter(kind=NoticeKind.CLAIM_WAITS, cleared_at=None).count() == 0


def test_a_claim_is_taken_back(two, doubted):
    go(two[0], "settle_missing", doubted.pk, data={"why": "IRIS"})

    go(two[0], "claim_withdraw", Claim.objects.get().pk)

    assert Claim.objects.get().withdrawn_at is not None


def test_alone_the_second_factor_comes_first(inside):
    user, _actor = person(inside, Role.OWNER)
    browser, doubted = browser_of(user), make_uncertain()
    said = {"why": "IRIS, list of the day"}

    page = text_of(browser.get(reverse("fbr:settle", args=[doubted.pk])))
    refused = go(browser, "settle_missing", doubted.pk, data=said)
    Authenticator.objects.create(user=user, type=Authenticator.Type.TOTP, data={})
    asked = go(browser, "settle_missing", doubted.pk, data=said)

    assert "Show the second factor" in page
    assert refused["Location"] == reverse("mfa_index")
    assert asked["Location"].startswith(reverse("mfa_reauthenticate"))
    assert Claim.objects.count() == 0

    session = browser.session
    session[login.AUTHENTICATION_METHODS_SESSION_KEY] = [
        {"method": "mfa", "at": time.time(), "type": "totp", "reauthenticated": True}
    ]
    session[login._AUTHENTICATION_METHODS_USER_SESSION_KEY] = login.user_id_to_str(user)
    session.save()
    go(browser, "settle_missing", doubted.pk, data=said)

    assert Claim.objects.get().is_alone is True
    assert WitnessRequest.objects.get().number == doubted.number


def test_staff_confirm_at_their_desk(inside, client, laid_database):
    _user, actor = person(inside, Role.OWNER)
    claiming.claim_missing(
        invoice=make_uncertain(), why="IRIS", has_factor=True, actor=actor, at=clock.now()
    )
    agent = factories.make_staff(StaffRole.SUPPORT)
    client.force_login(agent)
    request = WitnessRequest.objects.get()

    page = client.get(reverse("admin:fbr_witnessrequest_changelist"))
    answer = client.post(
        reverse("admin:fbr_witnessrequest_changelist"),
        {"action": "confirm", "_selected_action": [str(request.pk)]},
        follow=True,
    )

    assert request.number in text_of(page)
    assert "Sample Traders" not in text_of(page)
    assert "too early" in text_of(answer)
    assert Invoice.objects.get().state == State.UNCERTAIN


# --- look-alikes ----------------------------------------------------------------------------------


@pytest.fixture
def suspect(two):
    invoice = factories.make_issued()
    Outbox.objects.update(hold_reason=Hold.DUPLICATE_SUSPECT)
    return invoice


def test_a_look_alike_asks_whether_it_is_another_sale(two, suspect):
    page = panel(two[0], suspect)

    assert "This is another sale" in page
    assert reverse("fbr:void", args=[suspect.pk]) in page


def test_another_sale_needs_a_reason(two, suspect, django_capture_on_commit_callbacks):
    refused = go(two[0], "release_duplicate", suspect.pk, follow=True)
    assert "not said why" in text_of(refused)
    assert Outbox.objects.get().hold_reason == Hold.DUPLICATE_SUSPECT

    with django_capture_on_commit_callbacks() as bells:
        go(two[0], "release_duplicate", suspect.pk, data={"duplicate_reason": "second truck"})

    assert Outbox.objects.get().hold_reason != Hold.DUPLICATE_SUSPECT
    assert "ring" in [bell.__name__ for bell in bells]


def test_a_late_yes_is_taken_at_one_press(two, doubted):
    actors = [person(doubted.tenant)[1] for _ in "ab"]
    old = Attempt.objects.get()
    claim = claiming.claim_missing(invoice=doubted, why="IRIS", actor=actors[0], at=clock.now())
    claiming.confirm(claim=claim, actor=actors[1], at=clock.now())
    answer_late(doubted, old)

    assert "FBR has it already" in panel(two[0], doubted)
    go(two[0], "settle_answer", doubted.pk)

    assert Invoice.objects.get().fbr_number == NUMBER


def test_a_late_yes_to_a_text_that_was_changed_says_how_to_put_it_back(two, doubted):
    actors = [person(doubted.tenant)[1] for _ in "ab"]
    old = refused_at_the_second_send(doubted, actors)
    write(doubted, 399)
    issuing.issue(invoice=doubted, actor=SYSTEM, at=clock.now())
    answer_late(doubted, old)
    page = panel(two[0], doubted)

    go(two[0], "reopen", doubted.pk)

    assert "as it was before it was changed here" in page
    assert reverse("fbr:settle_answer", args=[doubted.pk]) not in page
    assert reverse("fbr:reopen", args=[doubted.pk]) in page
    assert Invoice.objects.get().state == State.REJECTED
    reopened = panel(two[0], doubted)
    assert "FBR has it already" in reopened
    assert "has it already. See below" in reopened
    assert "recorded nothing" not in reopened


# --- twice ----------------------------------------------------------------------------------------


def test_the_coach_says_which_number_goes_and_until_when(two, doubted):
    _user, actor = person(doubted.tenant)
    old = Attempt.objects.get()
    resolving.settle_found(
        invoice=doubted,
        found=Found(number="7000007DI1", note="seen"),
        proof=None,
        actor=actor,
        at=clock.now(),
    )
    answer_late(doubted, old, dated=f"{clock.karachi(clock.now()):%Y-%m-%d %H:%M:%S}")
    address = reverse("fbr:double", args=[doubted.pk])

    page = text_of(two[0].get(address))
    assert NUMBER in page
    assert "IRIS lets you cancel it until" in page
    assert address in panel(two[0], doubted)
    refused = go(two[0], "double", doubted.pk, data={"number": NUMBER, "reference": ""})
    assert refused.status_code == 422
    done = {"number": NUMBER, "reference": "IRIS 4711", "proof": picture()}
    go(two[0], "double", doubted.pk, data=done)

    assert two[0].get(address)["Location"] == doubted.get_absolute_url()


# --- lists ----------------------------------------------------------------------------------------


def upload(browser, text=LIST, **given):
    file = SimpleUploadedFile("iris.csv", text.encode())
    return go(browser, "statements", data={"file": file, **given}, follow=True)


def test_a_list_is_laid_beside_the_documents_and_one_press_settles(two, doubted):
    page = upload(two[0])

    text = text_of(page)
    assert NUMBER in text
    assert "Agrees in everything" in text
    assert "no FBR number" in text  # the row that could not be read
    row = StatementRow.objects.get()
    assert reverse("fbr:settle_row", args=[doubted.pk, row.pk]) in text

    back = go(two[0], "settle_row", doubted.pk, row.pk, data={"back": "statement"})

    assert back["Location"] == reverse("fbr:statement", args=[Statement.objects.get().pk])
    assert Invoice.objects.get().fbr_number == NUMBER


def test_what_differs_is_said(two, doubted):
    text = text_of(upload(two[0], LIST.replace(",180\n", ",90\n")))

    assert "here 180.00, FBR 90.00" in text


def test_a_file_that_is_no_list_is_refused_in_words(two):
    page = upload(two[0], "hello")

    assert page.status_code == 422
    assert "No column" in text_of(page)


def test_the_list_comes_back_as_it_was(two, doubted):
    upload(two[0])

    file = two[1].get(reverse("fbr:statement_file", args=[Statement.objects.get().pk]))

    assert file.content.decode() == LIST
    assert file["Content-Disposition"].startswith("attachment")


# --- the API ------------------------------------------------------------------------------------


@pytest.fixture
def call(business, owner, client, inside):
    """POST JSON with a key of the owner's."""

    def post(invoice, body, *, name="resolve", scopes=SCOPES, **headers):
        key = factories.make_key(business, owner, scopes=scopes)
        return client.post(
            reverse(f"api:invoice-{name}", args=[invoice.pk]),
            body,
            content_type="application/json",
            headers={"Authorization": f"Bearer {key}", **headers},
        )

    return post


def test_a_program_that_found_it_settles_it(call, doubted):
    body = {"found": True, "fbr_number": NUMBER, "dated": "2026-11-20", "proof": "IRIS list"}

    answer = call(doubted, body)

    assert answer.status_code == 200
    assert (answer.json()["state"], answer.json()["fbr_number"]) == ("accepted", NUMBER)


def test_a_program_that_did_not_find_it_waits_for_a_person(call, doubted, two):
    body = {"found": False, "why": "not in the list of 20 November"}

    answer = call(doubted, body, **{"Idempotency-Key": "one"})

    assert answer.status_code == 202
    assert answer.json()["state"] == "uncertain"
    assert answer.json()["claim"]["verdict"] == "not_at_fbr"
    claim = Claim.objects.get()
    go(two[0], "claim_confirm", claim.pk)
    assert Invoice.objects.get().state == State.QUEUED


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "found"),
        ({"found": "yes"}, "found"),
        ({"found": True, "fbr_number": NUMBER}, "proof"),
        ({"found": True, "proof": "IRIS"}, "fbr_number"),
        ({"found": False}, "why"),
        ({"found": True, "state": "queued"}, "state"),
    ],
)
def test_a_program_is_told_what_is_missing(call, doubted, body, field):
    answer = call(doubted, body)

    assert answer.status_code == 422
    assert field in [each["field"] for each in answer.json()["details"]["problems"]]
    assert Invoice.objects.get().state == State.UNCERTAIN


def test_a_key_without_the_scope_settles_nothing(call, doubted):
    answer = call(doubted, {"found": False, "why": "x"}, scopes=[Permission.VIEW])

    assert answer.status_code == 403
    assert Claim.objects.count() == 0


def test_a_settled_document_is_not_settled_again(call, doubted):
    body = {"found": True, "fbr_number": NUMBER, "proof": "IRIS list"}
    call(doubted, body)

    assert call(doubted, body | {"fbr_number": "X2"}).status_code == 409
    assert Invoice.objects.get().fbr_number == NUMBER


def test_a_program_lets_a_look_alike_go_with_a_reason(call, suspect):
    assert call(suspect, {"duplicate_reason": " "}, name="issue").status_code == 422

    answer = call(suspect, {"duplicate_reason": "second truck"}, name="issue")

    assert (answer.status_code, answer.json()["hold"]) == (202, "credential")
    assert call(suspect, {"duplicate_reason": "again"}, name="issue").status_code == 409


def test_no_call_sends_an_uncertain_document_again(call, doubted):
    for name, body in (
        ("issue", {}),
        ("issue", {"duplicate_reason": "send it"}),
        ("void", {"reason": "x"}),
        ("cancel", {"reason": "x"}),
    ):
        assert call(doubted, body, name=name).status_code in {409, 422}

    assert Invoice.objects.get().state == State.UNCERTAIN
