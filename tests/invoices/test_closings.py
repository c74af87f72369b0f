"""Closings: every day, week and month once, sums equal to the documents', nothing rewritten."""

from __future__ import annotations

import importlib
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta
from decimal import Decimal

import psycopg2
import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models import Sum
from django.urls import reverse

from accounts import tenancy
from accounts.enums import AuditAction, Environment, NoticeKind
from accounts.models import AuditEvent, LegalEntity, Notice
from invoices import closing_sums, lifecycle, tasks
from invoices.enums import State
from invoices.models import BookEntry, Closing, Invoice, Signature
from invoices.models.closings import ClosingKind, Confirmed
from invoices.services import closing, closing_chain, closing_proof, signing
from smartinvoicing import clock
from tests import factories
from tests.factories import AT, SYSTEM

D = Decimal
SUNDAY = date(2026, 10, 25)
SANDBOX = Environment.SANDBOX


def midnight(day, *, minutes=5):
    """Shortly after the beginning of `day` in Karachi."""
    return datetime(day.year, day.month, day.day, 0, minutes, tzinfo=clock.KARACHI)


def issued(day, **fields):
    return factories.make_issued(factories.make_content(invoice_date=day, **fields))


def sold(day, **fields):
    invoice = issued(day, **fields)
    factories.accept(invoice)
    return invoice


def close(at, *, environment=SANDBOX):
    """What is due in the current tenant's one chain."""
    while closing.close(entity=LegalEntity.objects.get(), environment=environment, at=at):
        pass


def made(kind=None, **where):
    found = Closing.objects.order_by("seq").filter(**where)
    return list(found.filter(kind=kind) if kind else found)


def names(closings):
    return [(each.kind, each.starts_on, each.amends_id is not None) for each in closings]


def total_of(closings):
    return sum((closing_sums.net(each.content["rows"]).total for each in closings), D(0))


def raw_total(first, last):
    found = Invoice.objects.filter(state=State.ACCEPTED, invoice_date__range=(first, last))
    return found.aggregate(sum=Sum("total", default=D(0)))["sum"]


def uncertain(invoice):
    for state in (State.SUBMITTING, State.UNCERTAIN):
        lifecycle.transition(invoice, state, actor=SYSTEM, at=AT)


# --- one day ----------------------------------------------------------------------------------


def test_a_day_is_closed_after_its_midnight_in_karachi(inside):
    sold(SUNDAY)
    last_minute = midnight(SUNDAY + timedelta(days=1)) - timedelta(minutes=10)

    close(last_minute)
    assert made() == []
    close(last_minute + timedelta(minutes=10))

    (day, week) = made()
    assert names([day, week]) == [("day", SUNDAY, False), ("week", date(2026, 10, 19), False)]


def test_a_closing_adds_up_what_fbr_confirmed(inside):
    sold(SUNDAY)
    sold(SUNDAY)
    issued(SUNDAY)

    close(midnight(date(2026, 10, 26)))

    day = made(ClosingKind.DAY)[0]
    (row,) = day.content["rows"]
    assert (day.documents, day.cancelled) == (2, 0)
    assert (row["count"], row["value"], row["sales_tax"], row["total"]) == (
        *(2, "2000.00"),
        *("360.00", "2360.00"),
    )
    assert day.content["others"] == {"queued": {"count": 1, "total": "1180.00"}}
    assert total_of([day]) == raw_total(SUNDAY, SUNDAY)


def test_a_closing_tells_tills_apart(inside):
    till = factories.make_till(token="t" * 36)
    for _ in range(2):
        bill = factories.make_issued(factories.make_bill(till, invoice_date=SUNDAY))
        factories.accept(bill)
    sold(SUNDAY)

    close(midnight(date(2026, 10, 26)))

    rows = made(ClosingKind.DAY)[0].content["rows"]
    assert Counter({row["till"]: row["count"] for row in rows}) == {817001: 2, None: 1}


def test_what_is_covered_is_signed(inside):
    sold(SUNDAY)

    close(midnight(date(2026, 10, 26)))

    entry = BookEntry.objects.get()
    assert entry.closing == made(ClosingKind.DAY)[0]
    assert entry.signature == Signature.objects.get()


def test_a_closing_is_told_to_the_audit_trail(inside):
    sold(SUNDAY)

    close(midnight(date(2026, 10, 26)))

    told = AuditEvent.objects.filter(action=AuditAction.PERIOD_CLOSED)
    assert {each.details["hash"] for each in told} == {each.hash for each in made()}


def test_an_empty_day_is_closed_too(inside):
    sold(SUNDAY)

    close(midnight(SUNDAY + timedelta(days=3)))

    days = made(ClosingKind.DAY)
    assert [each.documents for each in days] == [1, 0, 0]


def test_a_second_run_finds_nothing(inside):
    sold(SUNDAY)
    at = midnight(date(2026, 11, 10))
    close(at)
    once = made()

    close(at + timedelta(minutes=10))

    assert made() == once


def test_a_business_that_has_issued_nothing_has_no_closings(inside):
    factories.make_draft()

    close(midnight(date(2026, 11, 10)))

    assert made() == []


def test_the_world_that_a_business_left_gets_no_empty_days(inside, entity):
    sold(SUNDAY)
    close(midnight(date(2026, 10, 26)))
    entity.environment = Environment.PRODUCTION
    entity.save()

    late = issued_in_sandbox(entity, SUNDAY + timedelta(days=2))
    close(midnight(date(2026, 11, 3)))

    assert [each.starts_on for each in made(ClosingKind.DAY)] == [SUNDAY, late.invoice_date]
    assert made(environment=Environment.PRODUCTION) == []


def issued_in_sandbox(entity, day):
    """A document of the sandbox that is confirmed after the business went on."""
    entity.environment = SANDBOX
    entity.save()
    invoice = sold(day)
    entity.environment = Environment.PRODUCTION
    entity.save()
    return invoice


def test_what_was_accepted_before_there_was_a_book_is_entered(
    transactional_db, business, laid_database, owner_url
):
    with tenancy.in_tenant(business.pk), transaction.atomic():
        sold(SUNDAY)
        factories.cancel(sold(SUNDAY))
        issued(SUNDAY)
    attack(laid_database, "DELETE FROM invoices_bookentry")
    migration = importlib.import_module("invoices.migrations.0008_signatures_and_closings")

    with psycopg2.connect(owner_url) as line, line.cursor() as cursor:
        cursor.execute("SELECT set_config('app.across', 'on', true)")
        cursor.execute(migration.BEFORE)
    line.close()

    with tenancy.in_tenant(business.pk), transaction.atomic():
        entries = BookEntry.objects.values_list("what", "day")
        assert Counter(entries) == {("accepted", SUNDAY): 2, ("cancelled", SUNDAY): 1}
        close(midnight(date(2026, 10, 26)))
        assert names(made())[0] == ("day", SUNDAY, False)


# --- late documents ---------------------------------------------------------------------------


def test_a_late_document_opens_later_entries_and_rewrites_nothing(inside):
    sold(date(2026, 10, 20))
    close(midnight(date(2026, 11, 2)))
    before = made()
    first = {each.kind: each for each in before if each.documents}

    sold(date(2026, 10, 20))
    close(midnight(date(2026, 11, 2), minutes=15))

    later = [each for each in made() if each.amends_id]
    assert made()[: len(before)] == before
    assert {each.amends_id for each in later} == {each.pk for each in first.values()}
    assert [each.kind for each in later] == ["day", "week", "month"]
    assert [each.documents for each in later] == [1, 1, 1]


def test_a_document_of_a_day_before_the_first_moves_the_beginning(inside):
    sold(date(2026, 10, 24))
    close(midnight(SUNDAY))

    sold(date(2026, 10, 21))
    close(midnight(SUNDAY, minutes=15))

    days = [each.starts_on.day for each in made(ClosingKind.DAY)]
    assert days == [24, 21, 22, 23]
    assert not [each for each in made() if each.amends_id]


def test_a_cancellation_after_the_closing_is_taken_off_by_a_later_entry(inside):
    invoice = sold(SUNDAY)
    sold(SUNDAY)
    close(midnight(date(2026, 10, 26)))

    factories.cancel(invoice)
    close(midnight(date(2026, 10, 26), minutes=15))

    first, later = made(ClosingKind.DAY)
    assert (first.documents, later.cancelled) == (2, 1)
    assert total_of([later]) == -invoice.total
    assert total_of([first, later]) == raw_total(SUNDAY, SUNDAY)


def test_a_refused_cancellation_enters_nothing_twice(inside):
    invoice = sold(SUNDAY)
    for state in (State.CANCEL_REQUESTED, State.ACCEPTED):
        lifecycle.transition(invoice, state, actor=SYSTEM, at=AT)

    assert BookEntry.objects.count() == 1


# --- R19: catch-up ----------------------------------------------------------------------------

BACK = date(2026, 11, 3)  # a Tuesday: nine days were missed, a week and a month ended in them


def test_r19_nine_days_without_beat_and_every_closing_appears_once(inside):
    sold(SUNDAY)
    close(midnight(date(2026, 10, 26)))
    for number in (1, 2, 4, 6, 7, 9):
        for _ in range(number % 3 + 1):
            sold(SUNDAY + timedelta(days=number))

    close(midnight(BACK + timedelta(days=1)))

    nine = [SUNDAY + timedelta(days=number) for number in range(1, 10)]
    assert Counter(each.starts_on for each in made(ClosingKind.DAY)) == Counter([SUNDAY, *nine])
    assert [each.starts_on for each in made(ClosingKind.WEEK)] == [
        date(2026, 10, 19),
        date(2026, 10, 26),
    ]
    assert [each.starts_on for each in made(ClosingKind.MONTH)] == [date(2026, 10, 1)]
    for each in made():
        assert total_of([each]) == raw_total(each.starts_on, each.ends_on), each
    assert Closing.objects.filter(kind="day").aggregate(n=Sum("documents"))["n"] == 12
    assert closing_proof.verify(entity=LegalEntity.objects.get(), environment=SANDBOX) == []


def test_twin_without_catch_up_closings_are_missing(inside, monkeypatch):
    yesterday = lambda chain, waiting, made: {chain.today - timedelta(days=1)}  # noqa: E731 -- sabotage
    monkeypatch.setattr(closing, "_days", yesterday)

    with pytest.raises(AssertionError):
        test_r19_nine_days_without_beat_and_every_closing_appears_once(inside)


def test_a_long_absence_is_caught_up_in_pieces(inside, monkeypatch):
    monkeypatch.setattr(closing, "DAYS_AT_ONCE", 4)
    sold(SUNDAY)

    steps = 1
    while closing.close(
        entity=LegalEntity.objects.get(), environment=SANDBOX, at=midnight(date(2026, 11, 3))
    ):
        steps += 1

    assert (steps, len(made(ClosingKind.DAY))) == (3, 9)
    assert [each.documents for each in made(ClosingKind.MONTH)] == [1]


# --- R25: who selects by what is due, and once ------------------------------------------------


def test_r25_three_days_without_beat_and_each_business_catches_up_once(
    transactional_db, business, other_business, monkeypatch
):
    for tenant in (business, other_business):
        with tenancy.in_tenant(tenant.pk), transaction.atomic():
            sold(SUNDAY)
    monkeypatch.setattr(clock, "now", lambda: midnight(SUNDAY + timedelta(days=3)))

    for _ in range(2):
        tasks.close_periods()

    assert closing.due(at=clock.now()) == []
    for tenant in (business, other_business):
        with tenancy.in_tenant(tenant.pk), transaction.atomic():
            assert names(made()) == [
                *(("day", SUNDAY + timedelta(days=number), False) for number in range(3)),
                ("week", date(2026, 10, 19), False),
            ]


def two_at_once(tenant_id, at):
    """Two workers of the same tick: what became of each."""
    together = threading.Barrier(2)

    def work(_number):
        try:
            with tenancy.in_tenant(tenant_id):
                with transaction.atomic():
                    entity = LegalEntity.objects.get()
                together.wait(timeout=30)
                closing.close(entity=entity, environment=SANDBOX, at=at)
        except IntegrityError:
            return "refused"
        else:
            return "done"
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        return sorted(pool.map(work, range(2)))


def test_two_ticks_at_once_close_once(transactional_db, business):
    with tenancy.in_tenant(business.pk), transaction.atomic():
        signing.sign(invoice=sold(SUNDAY), at=AT)

    assert two_at_once(business.pk, midnight(date(2026, 10, 26))) == ["done", "done"]

    with tenancy.in_tenant(business.pk), transaction.atomic():
        assert [each.kind for each in made()] == ["day", "week"]


def test_twin_without_the_turn_two_ticks_collide(transactional_db, business, monkeypatch):
    """The database is the second net: the slower one is refused as a whole."""
    monkeypatch.setattr(closing, "_take_turn", lambda entity, environment: True)
    met = threading.Barrier(2)
    rest = closing._close_days

    def meet(chain):
        met.wait(timeout=30)
        return rest(chain)

    monkeypatch.setattr(closing, "_close_days", meet)
    with pytest.raises(AssertionError):
        test_two_ticks_at_once_close_once(transactional_db, business)
    with tenancy.in_tenant(business.pk), transaction.atomic():
        assert [each.kind for each in made()] == ["day", "week"]


# --- exact while others work ------------------------------------------------------------------


def accept_elsewhere(tenant_id, ident):
    def work():
        try:
            with tenancy.in_tenant(tenant_id), transaction.atomic():
                factories.accept(Invoice.objects.get(pk=ident))
        finally:
            connection.close()

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(timeout=30)


def test_what_is_confirmed_while_a_day_closes_counts_once(transactional_db, business, monkeypatch):
    with tenancy.in_tenant(business.pk), transaction.atomic():
        sold(SUNDAY)
        second = issued(SUNDAY)
    summed = closing_chain.rows_of
    waiting = [second.pk]

    def interrupted(ident):
        if waiting:
            accept_elsewhere(business.pk, waiting.pop())
        return summed(ident)

    monkeypatch.setattr(closing_chain, "rows_of", interrupted)
    with tenancy.in_tenant(business.pk):
        for minutes in (5, 15):
            with transaction.atomic():
                close(midnight(date(2026, 10, 26), minutes=minutes))
        with transaction.atomic():
            days = made(ClosingKind.DAY)
            assert [each.documents for each in days] == [1, 1]
            assert total_of(days) == raw_total(SUNDAY, SUNDAY)
            assert total_of(made(ClosingKind.WEEK)) == raw_total(SUNDAY, SUNDAY)


def test_twin_when_the_sum_is_by_date_the_late_one_counts_twice(
    transactional_db, business, monkeypatch
):
    """Adding up what is accepted instead of what is covered."""

    def by_date(closing_id):
        day = BookEntry.objects.filter(closing_id=closing_id).values_list("day", flat=True)[0]
        found = Invoice.objects.filter(state=State.ACCEPTED, invoice_date=day)
        sums = found.aggregate(**{name: Sum(name) for name in closing_sums.SUMS})
        sort = {"what": "accepted", "document_type": "sale_invoice", "direction": "", "till": None}
        return [closing_sums.row_of({**sort, "count": found.count(), **sums})]

    monkeypatch.setattr(closing_chain, "rows_of", by_date)

    with pytest.raises(AssertionError):
        test_what_is_confirmed_while_a_day_closes_counts_once(
            transactional_db, business, monkeypatch
        )


# --- a month that waits -----------------------------------------------------------------------


@pytest.mark.parametrize("doubtful", [True, False])
def test_a_month_waits_for_what_fbr_has_not_settled(inside, entity, doubtful):
    open_one = issued(SUNDAY)
    if doubtful:
        uncertain(open_one)
    sold(SUNDAY)
    at = midnight(date(2026, 11, 2))

    close(at)
    assert {each.kind for each in made()} == {"day", "week"}
    assert closing.is_blocked(entity, SANDBOX, closing_chain.stretch_of(SUNDAY, "month"))
    bell = Notice.objects.get(kind=NoticeKind.CLOSING_LATE)
    assert (bell.object_id, bell.facts) == (entity.pk, {"month": "2026-10", "count": "1"})
    assert closing.due(at=at) == [closing.Due(entity.tenant_id, entity.pk, "sandbox")]

    if not doubtful:
        lifecycle.transition(open_one, State.SUBMITTING, actor=SYSTEM, at=AT)
    also = {"fbr_number": "fbr-1", "accepted_at": AT}
    lifecycle.transition(open_one, State.ACCEPTED, actor=SYSTEM, at=AT, also=also)
    close(at + timedelta(minutes=10))

    (month,) = made(ClosingKind.MONTH)
    assert (month.documents, month.content["others"]) == (2, {})
    bell.refresh_from_db()
    assert bell.cleared_at is not None


def test_twin_a_month_that_does_not_wait_is_closed_with_an_open_document(
    inside, entity, monkeypatch
):
    monkeypatch.setattr(closing, "is_blocked", lambda entity, environment, stretch: False)

    with pytest.raises(AssertionError):
        test_a_month_waits_for_what_fbr_has_not_settled(inside, entity, doubtful=True)


def test_a_month_that_waits_since_midnight_rings_nobody_yet(inside):
    issued(date(2026, 10, 31))

    close(midnight(date(2026, 11, 1)))

    assert not made(ClosingKind.MONTH)
    assert not Notice.objects.filter(kind=NoticeKind.CLOSING_LATE).exists()


def test_a_rejected_document_keeps_no_month_open(inside):
    invoice = issued(SUNDAY)
    for state in (State.SUBMITTING, State.REJECTED):
        lifecycle.transition(invoice, state, actor=SYSTEM, at=AT)

    close(midnight(date(2026, 11, 2)))

    (month,) = made(ClosingKind.MONTH)
    assert month.content["others"]["rejected"]["count"] == 1


# --- the chain --------------------------------------------------------------------------------

ATTACKS = {
    "a sum": (
        """UPDATE invoices_closing SET content = jsonb_set(content, '{rows,0,total}', '"1.00"')
        WHERE seq = 1""",
        1,
    ),
    "a link taken out": ("DELETE FROM invoices_closing WHERE seq = 2", 3),
    "two links swapped": (
        """UPDATE invoices_closing SET seq = 99 WHERE seq = 2;
        UPDATE invoices_closing SET seq = 2 WHERE seq = 3;
        UPDATE invoices_closing SET seq = 3 WHERE seq = 99""",
        2,
    ),
    "the tail cut off": ("DELETE FROM invoices_closing WHERE seq >= 3", 4),
    "a document": ("UPDATE invoices_invoice SET total = total + 1", 1),
    "an entry moved": (
        """UPDATE invoices_bookentry
        SET closing_id = (SELECT id FROM invoices_closing WHERE seq = 2)""",
        1,
    ),
}


@pytest.fixture
def chain(transactional_db, business):
    """Three days and a week, committed; the test runs inside the tenant."""
    with tenancy.in_tenant(business.pk):
        with transaction.atomic():
            sold(SUNDAY)
        with transaction.atomic():
            close(midnight(SUNDAY + timedelta(days=3)))
        yield business


def found(tenant):
    with transaction.atomic():
        return closing_proof.verify(entity=LegalEntity.objects.get(), environment=SANDBOX)


def attack(laid_database, statement):
    with laid_database.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute("DROP INDEX IF EXISTS none")
        cursor.execute(statement)
        cursor.execute("SET session_replication_role = origin")


def test_a_whole_chain_has_no_fault(chain):
    assert found(chain) == []


@pytest.mark.parametrize("name", ATTACKS)
def test_verify_names_the_closing_that_was_touched(chain, laid_database, name):
    statement, seq = ATTACKS[name]
    attack(laid_database, statement)

    assert seq in {finding.seq for finding in found(chain)}


@pytest.mark.parametrize("name", ["a sum", "a link taken out"])
def test_twin_without_the_chain_and_the_sums_nothing_is_named(
    chain, laid_database, monkeypatch, name
):
    monkeypatch.setattr(closing_proof, "_links", lambda links: [])
    monkeypatch.setattr(closing_proof, "_sums", lambda entity, environment, since: [])

    with pytest.raises(AssertionError):
        test_verify_names_the_closing_that_was_touched(chain, laid_database, name)


def test_twin_without_the_audit_trail_a_cut_tail_is_not_missed(chain, laid_database, monkeypatch):
    monkeypatch.setattr(closing_proof, "_end", lambda entity, environment: [])

    with pytest.raises(AssertionError):
        test_verify_names_the_closing_that_was_touched(chain, laid_database, "the tail cut off")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE invoices_closing SET documents = 9",
        "DELETE FROM invoices_closing",
        "TRUNCATE invoices_closing CASCADE",
        "UPDATE invoices_bookentry SET closing_id = NULL",
        "UPDATE invoices_bookentry SET day = day + 1",
    ],
)
def test_the_application_cannot_rewrite_a_closing(inside, statement):
    sold(SUNDAY)
    close(midnight(date(2026, 10, 26)))

    with (
        pytest.raises(Exception, match=r"permission denied|written once"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)


# --- sums -------------------------------------------------------------------------------------


def row(**fields):
    known = {"what": Confirmed.ACCEPTED, "document_type": "sale_invoice", "direction": ""}
    sums = dict.fromkeys(closing_sums.SUMS, "0.00")
    return {**known, "till": None, "count": 1, **sums, **fields}


@pytest.mark.parametrize(
    ("fields", "sign"),
    [
        ({}, 1),
        ({"document_type": "debit_note", "direction": "decrease"}, -1),
        ({"document_type": "debit_note", "direction": "increase"}, 1),
        ({"document_type": "credit_note"}, -1),
        ({"what": "cancelled"}, -1),
        ({"what": "cancelled", "document_type": "credit_note"}, 1),
    ],
)
def test_sign_takes_off_what_takes_back(fields, sign):
    assert closing_sums.sign(row(**fields)) == sign


def test_added_keeps_sorts_apart_and_loses_no_paisa():
    rows = [row(total="0.10"), row(total="0.20"), row(total="5.00", till=7)]

    found = closing_sums.added(rows)

    assert {(each["till"], each["count"], each["total"]) for each in found} == {
        (None, 2, "0.30"),
        (7, 1, "5.00"),
    }


# --- the page ---------------------------------------------------------------------------------


@pytest.fixture
def browser(client, viewer, inside):
    client.force_login(viewer)
    return client


def page(browser, **query):
    return browser.get(reverse("invoices:closings"), query).content.decode()


def test_the_page_of_a_business_that_has_none_says_how_they_come(browser):
    assert "No closings yet" in page(browser)


def test_the_page_shows_a_month_and_its_later_entries(browser):
    sold(SUNDAY)
    close(midnight(date(2026, 11, 2)))
    sold(SUNDAY)
    close(midnight(date(2026, 11, 2), minutes=15))

    shown = page(browser, month="2026-10")

    assert "This month is closed" in shown
    assert shown.count("later entry") >= 3
    assert "1,180.00" in shown


def test_the_page_names_what_keeps_a_month_open(browser):
    open_one = issued(SUNDAY)
    uncertain(open_one)
    close(midnight(date(2026, 11, 2)))

    shown = page(browser, month="2026-10")

    assert "cannot be closed yet" in shown
    assert open_one.get_absolute_url() in shown


def test_the_page_takes_any_month_and_refuses_none(browser):
    assert "Closings" in page(browser, month="nonsense", environment="nowhere")


def test_the_button_checks_the_chain_and_says_so(browser):
    sold(SUNDAY)
    close(midnight(date(2026, 11, 2)))

    answer = browser.post(reverse("invoices:closings_verify") + "?month=2026-10", follow=True)

    assert "The chain is whole" in answer.content.decode()


def test_the_export_has_a_line_for_each_closing_of_the_month(browser):
    sold(SUNDAY)
    close(midnight(date(2026, 11, 2)))

    answer = browser.get(reverse("invoices:closings_export"), {"month": "2026-10"})

    lines = answer.content.decode("utf-8-sig").splitlines()
    assert len(lines) == 1 + len([each for each in made() if each.ends_on.month == 10])
    assert "1180.00" in lines[1]


def test_the_page_asks_as_much_for_a_full_month_as_for_one_day(
    browser, django_assert_max_num_queries, django_assert_num_queries
):
    sold(SUNDAY)
    close(midnight(date(2026, 10, 26)))
    with django_assert_max_num_queries(21) as first:
        page(browser, month="2026-10")
    sold(SUNDAY)
    close(midnight(date(2026, 10, 31)))

    with django_assert_num_queries(len(first)):
        page(browser, month="2026-10")
