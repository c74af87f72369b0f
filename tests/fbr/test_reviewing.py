"""Codes that nobody explains: counted once a code, without a number of anybody's, for staff."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import psycopg2
import pytest
from django.db import IntegrityError, ProgrammingError, connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts import tenancy
from accounts.enums import StaffRole
from fbr import tasks
from fbr.models import Outbox, UnknownCode
from fbr.models.work import Call
from fbr.outcomes import CodeOnLine, Outcome
from fbr.services import reviewing, sending
from invoices.models import Invoice
from tests import factories
from tests.accounts.cast import browser_of
from tests.factories import AT
from tests.fbr.answers_cast import header_refused, said
from tests.fbr.pump_cast import landed, marked_by_hand

LATER = AT + timedelta(hours=1)


def note(*pairs, channel="di", at=AT):
    found = [CodeOnLine(code=code, text=text, line=1) for code, text in pairs]
    reviewing.note_unknown(found, channel=channel, at=at)


def known():
    return {
        (row.channel, row.code): (row.text, row.times)
        for row in UnknownCode.objects.order_by("channel", "code")
    }


def test_a_code_without_words_of_ours_is_kept(db):
    note(("0999", "A rule of tomorrow"))

    row = UnknownCode.objects.get()
    assert (row.channel, row.code, row.text) == ("di", "0999", "A rule of tomorrow")
    assert (row.first_seen_at, row.last_seen_at, row.times) == (AT, AT, 1)
    assert (row.reviewed_at, row.reviewed_by, row.note) == (None, "", "")


def test_what_we_have_words_for_is_not(db):
    note(("0052", "Invalid HS Code."), ("0553", "x"))
    note(("104", "You are not authorized"), ("900901", "x"), channel="pos")

    assert known() == {}


def test_the_channels_have_codes_of_their_own(db):
    note(("104", "x"))
    note(("0052", "x"), channel="pos")

    assert set(known()) == {("di", "104"), ("pos", "0052")}


def test_a_refusal_in_words_only_is_kept_too(db):
    note(("no_code", "Wrong."))

    assert known() == {("di", "no_code"): ("Wrong.", 1)}


def test_a_code_seen_again_is_counted_and_its_newest_words_are_kept(db):
    note(("0999", "old"), ("0999", ""), ("0998", "x"))
    note(("0999", "new"), at=LATER)
    note(("0999", ""), at=AT)

    row = UnknownCode.objects.get(code="0999")
    assert known() == {("di", "0998"): ("x", 1), ("di", "0999"): ("new", 4)}
    assert (row.first_seen_at, row.last_seen_at) == (AT, LATER)


def test_the_first_sight_calls_us_and_no_other(db, caplog):
    with caplog.at_level(logging.ERROR, logger="fbr.services.reviewing"):
        note(("0999", "x"), ("0999", "x"))
        note(("0999", "x"))

    assert [record.message for record in caplog.records] == ["fbr.unknown_code"]
    assert (caplog.records[0].code, caplog.records[0].channel) == ("0999", "di")


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("Buyer 7000007 is wrong", "Buyer … is wrong"),
        ("CNIC 35202-1234567-1 is wrong", "CNIC … is wrong"),
        ("call 0300 123 4567", "call …"),
        ("call 0300-1234567.", "call …."),
        ("invoice 7000007DI1747119701593-1", "invoice …DI…"),
        ("no 1234", "no …"),
        ("no ١٢٣٤٥٦٧", "no …"),
        ("line 123 of 18%", "line 123 of 18%"),
        ("a\x00b \ud800c\n", "a b c"),
        ("x" * 900, "x" * 500),
    ],
)
def test_no_number_of_anybody_is_stored(db, text, kept):
    note(("0999", text))

    assert known() == {("di", "0999"): (kept, 1)}


@pytest.mark.parametrize(
    ("code", "kept"),
    [
        ("E-17", "E-17"),
        ("900999", "900999"),
        ("7000007", "…"),
        ("35202-1234567-1", "…"),
        ("E\x0017", "E 17"),
        ("\x00", "?"),
    ],
)
def test_no_code_is_a_number_of_somebody(db, code, kept):
    note((code, "x"))

    assert known() == {("di", kept): ("x", 1)}


def test_the_row_is_of_no_tenant(inside):
    note(("0999", "x"))

    with tenancy.in_tenant(inside.pk):
        assert UnknownCode.objects.count() == 1
    assert not hasattr(UnknownCode, "tenant")


def test_the_role_that_serves_may_not_delete_one(db):
    note(("0999", "x"))

    with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
        UnknownCode.objects.all().delete()
    assert UnknownCode.objects.count() == 1


def test_a_review_has_a_name(db):
    note(("0999", "x"))

    with pytest.raises(IntegrityError, match="unknowncode_reviewed"), transaction.atomic():
        UnknownCode.objects.update(reviewed_at=AT)


# --- many senders at once -----------------------------------------------------------------------


def in_thread(work):
    try:
        with transaction.atomic():
            work()
    finally:
        connection.close()


@pytest.mark.django_db(transaction=True)
def test_forty_senders_at_once_lose_no_count():
    pairs = [(f"{code:04d}", "x") for code in (991, 992, 993)]

    def send(turn):
        mixed = pairs[turn % 3 :] + pairs[: turn % 3]
        in_thread(lambda: note(*mixed, at=AT + timedelta(seconds=turn)))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(send, range(40)))

    assert known() == {("di", code): ("x", 40) for code, _ in pairs}
    assert {row.last_seen_at for row in UnknownCode.objects.all()} == {AT + timedelta(seconds=39)}


def note_crosswise(work, laid_database):
    """Two senders with the same two codes, given the other way round; both are begun at once."""
    both = threading.Barrier(2, timeout=20)
    errors = []

    def send(pairs):
        try:
            in_thread(lambda: work(pairs, both))
        except Exception as error:  # handed to the test
            errors.append(error)

    threads = [
        threading.Thread(target=send, args=(pairs,))
        for pairs in ([("0991", "x"), ("0992", "x")], [("0992", "x"), ("0991", "x")])
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return errors


@pytest.mark.django_db(transaction=True)
def test_senders_with_the_same_codes_wait_for_each_other_in_one_order(laid_database):
    def work(pairs, both):
        both.wait()
        note(*pairs)

    for _ in range(10):
        assert note_crosswise(work, laid_database) == []


@pytest.mark.django_db(transaction=True)
def test_without_the_order_they_lock_each_other_out(laid_database):
    """Sabotage: in the order in which FBR named them."""

    def work(pairs, both):
        first, second = pairs
        note(first)
        both.wait()
        note(second)

    errors = note_crosswise(work, laid_database)

    assert [type(error.__cause__) for error in errors] == [psycopg2.errors.DeadlockDetected]


# --- a send ---------------------------------------------------------------------------------------


def refused_with(work, answer):
    """One send of `work` that FBR answered with `answer`."""
    one = marked_by_hand(work)
    return sending.conclude([landed(one, said(answer), Call.RECORD)], tasks.SENDER)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("answer", "noted"),
    [
        (header_refused("0999", error="Wrong for 7000007"), {("di", "0999"): ("Wrong for …", 1)}),
        (header_refused("0052"), {}),
    ],
    ids=["unknown", "known"],
)
def test_a_refusal_leaves_the_codes_that_nobody_knows(answer, noted):
    tenant_id = factories.make_reporting_tenant(1, token="token-of-one", ntn_cnic="7200001")
    with tenancy.in_tenant(tenant_id):
        with transaction.atomic():
            work = Outbox.objects.get(invoice=factories.make_issued())
        outcome = refused_with(work, answer)
        with transaction.atomic():
            problems = Invoice.objects.get().problems

    assert [each.outcome for each in outcome] == [Outcome.REJECTED]
    assert [problem["code"] for problem in problems] == [answer["validationResponse"]["errorCode"]]
    assert known() == noted


@pytest.mark.django_db(transaction=True)
def test_the_shared_row_is_the_last_thing_that_a_send_locks():
    """While another sender holds the row, this one holds all that is its own already."""
    tenant_id = factories.make_reporting_tenant(1, token="token-of-one", ntn_cnic="7200001")
    with CaptureQueriesContext(connection) as queries, tenancy.in_tenant(tenant_id):
        with transaction.atomic():
            work = Outbox.objects.get(invoice=factories.make_issued())
        refused_with(work, header_refused("0999"))

    writes = [
        query["sql"] for query in queries if query["sql"].lstrip()[:6] in {"INSERT", "UPDATE"}
    ]
    shared = [any(name in sql for name in ("fbr_unknowncode", "fbr_breaker")) for sql in writes]
    assert shared == sorted(shared)
    assert any("fbr_unknowncode" in sql for sql in writes)


# --- staff --------------------------------------------------------------------------------------


def test_a_review_is_written_once_with_its_note(db):
    note(("0998", "x"), ("0999", "x"))
    ids = list(UnknownCode.objects.values_list("pk", flat=True))

    first = reviewing.mark_reviewed(code_ids=ids[:1], by="user:1", note=" asked PRAL ", at=AT)
    second = reviewing.mark_reviewed(code_ids=ids, by="user:2", note="", at=LATER)

    rows = {row.pk: row for row in UnknownCode.objects.all()}
    assert (first, second) == (1, 1)
    assert (rows[ids[0]].reviewed_by, rows[ids[0]].note) == ("user:1", "asked PRAL")
    assert (rows[ids[1]].reviewed_by, rows[ids[1]].reviewed_at) == ("user:2", LATER)


def test_a_reviewed_code_is_counted_on_and_stays_reviewed(db):
    note(("0999", "x"))
    reviewing.mark_reviewed(
        code_ids=UnknownCode.objects.values_list("pk", flat=True), by="user:1", note="", at=AT
    )

    note(("0999", "x"), at=LATER)

    row = UnknownCode.objects.get()
    assert (row.times, row.reviewed_at, row.last_seen_at) == (2, AT, LATER)


@pytest.fixture
def staff(db):
    return factories.make_staff(StaffRole.SUPPORT)


LIST = "admin:fbr_unknowncode_changelist"


def test_the_desk_lists_and_filters(staff):
    note(("0998", "waits for us"), ("0999", "seen by us"))
    reviewing.mark_reviewed(
        code_ids=[UnknownCode.objects.get(code="0999").pk], by="user:1", note="", at=AT
    )
    browser = browser_of(staff)

    def page(choice=""):
        return browser.get(reverse(LIST), {"reviewed": choice} if choice else {}).content.decode()

    assert "waits for us" in page()
    assert "seen by us" in page()
    assert "seen by us" not in page("no")
    assert "waits for us" not in page("yes")
    assert browser.get(reverse(LIST), {"q": "0998"}).status_code == 200


def test_the_desk_marks_through_the_service(staff):
    note(("0998", "x"), ("0999", "x"))
    code = UnknownCode.objects.get(code="0999")

    response = browser_of(staff).post(
        reverse(LIST),
        {"action": "mark_reviewed", "_selected_action": [str(code.pk)], "note": "known now"},
    )

    code.refresh_from_db()
    assert response.status_code == 302
    assert (code.reviewed_by, code.note) == (f"user:{staff.pk}", "known now")
    assert UnknownCode.objects.get(code="0998").reviewed_at is None


def test_the_desk_saves_no_row_itself(staff):
    note(("0999", "x"))
    code = UnknownCode.objects.get()
    browser = browser_of(staff)
    before = list(UnknownCode.objects.values())

    assert browser.get(reverse("admin:fbr_unknowncode_change", args=[code.pk])).status_code == 200
    for deed, args in (("add", []), ("change", [code.pk]), ("delete", [code.pk])):
        url = reverse(f"admin:fbr_unknowncode_{deed}", args=args)
        assert browser.post(url, {"post": "yes"}).status_code == 403
    assert list(UnknownCode.objects.values()) == before


def test_staff_without_the_right_only_look(db):
    viewer = factories.make_staff(StaffRole.AUDITOR, is_superuser=True)
    note(("0999", "x"))
    code = UnknownCode.objects.get()

    assert browser_of(viewer).get(reverse(LIST)).status_code == 200
    browser_of(viewer).post(
        reverse(LIST), {"action": "mark_reviewed", "_selected_action": [str(code.pk)]}
    )
    code.refresh_from_db()
    assert code.reviewed_at is None


def test_the_page_is_closed_to_everybody_else(db):
    assert Client().get(reverse(LIST)).status_code == 302
