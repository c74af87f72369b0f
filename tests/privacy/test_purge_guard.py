"""Only the role purge deletes a tax record, only after its time, under no hold (R14)."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from threading import Thread

import psycopg2
import pytest
from django.contrib import admin
from django.db import connection, transaction
from psycopg2 import errors

from accounts import tenancy
from fbr.models import Attempt
from fbr.services import invariants
from invoices.enums import State
from invoices.models import Invoice, Series
from invoices.services import drafts
from privacy.models import TaxRetention
from privacy.services import holds
from privacy.services.holds import Case
from tests import factories
from tests.factories import AT, SYSTEM
from tests.invoices import evidence_cast
from tests.invoices.test_frozen import make_accepted
from tests.invoices.test_lifecycle import _in_state

pytestmark = pytest.mark.django_db(transaction=True)

# The document of the cast is of 20 November 2026: seven years after the end of November.
DUE = datetime(2033, 11, 30, 19, 0, tzinfo=UTC)  # midnight in Karachi
CASE = Case(authority="High Court, Lahore", reference="W.P. 1/2026", review_on=date(2027, 1, 1))
CHILDREN = (
    "fbr_attempt",
    "fbr_outbox",
    "invoices_bookentry",
    "invoices_invoicepdf",
    "invoices_invoiceevent",
    "invoices_invoiceline",
)
KEPT = "tax_retention"
IN_TIME = datetime(2034, 2, 1, tzinfo=UTC)  # for what is reckoned by the year as well
# The chain of the audit trail: not even the role purge has a right to it.
NEVER = {"accounts_auditlink": "42501", "accounts_audithead": "42501"}
REAL_CLOCK = "SELECT clock_timestamp()"


@pytest.fixture
def it_is(laid_database):
    """Sets the clock that the guard asks, as nobody who serves could."""

    def at(instant):
        body = f"SELECT '{instant.isoformat()}'::timestamptz" if instant else REAL_CLOCK
        with laid_database.cursor() as cursor:
            cursor.execute(
                "CREATE OR REPLACE FUNCTION purge_clock() RETURNS timestamptz"
                f" LANGUAGE sql VOLATILE AS $$ {body} $$"
            )

    yield at
    at(None)


@pytest.fixture
def cast(business, laid_database):
    return evidence_cast.make(business, laid_database)


@pytest.fixture
def accepted(business):
    """An accepted document with what its sending left."""
    with tenancy.in_tenant(business.pk), transaction.atomic():
        return make_accepted()["invoice"]


@pytest.fixture
def as_role(business, role_urls):
    """A transaction of one of the roles, inside the tenant; the caller ends it."""
    lines = []

    def begin(role="purge"):
        line = psycopg2.connect(getattr(role_urls, role))
        lines.append(line)
        line.cursor().execute(
            "SELECT set_config('app.tenant_id', %s, false), set_config('app.across', 'on', false),"
            " set_config('lock_timeout', '5s', false)",
            [str(business.pk)],
        )
        line.commit()
        return line

    yield begin
    for line in lines:
        line.rollback()
        line.close()


def delete(line, table, ident):
    """How many rows went; they come back at once."""
    with line.cursor() as cursor:
        try:
            cursor.execute("SAVEPOINT attack")
            cursor.execute(f"DELETE FROM {table} WHERE id = %s", [ident])
            return cursor.rowcount
        finally:
            cursor.execute("ROLLBACK TO attack")


def refusal(line, table, ident):
    """By which guard a DELETE is refused; "" when none minds, whoever's key still points there."""
    try:
        assert delete(line, table, ident) == 1
    except errors.ForeignKeyViolation:
        return ""
    except psycopg2.Error as error:
        return error.diag.constraint_name or error.pgcode
    return ""


def purge_document(line, invoice_id):
    with line.cursor() as cursor:
        for table in CHILDREN:
            cursor.execute(f"DELETE FROM {table} WHERE invoice_id = %s", [invoice_id])
        cursor.execute("DELETE FROM invoices_invoice WHERE id = %s", [invoice_id])
        return cursor.rowcount


def rows_of(line, invoice_id):
    """One row of each table of a document."""
    with line.cursor() as cursor:
        found = {"invoices_invoice": invoice_id}
        for table in CHILDREN:
            cursor.execute(f"SELECT id FROM {table} WHERE invoice_id = %s LIMIT 1", [invoice_id])
            found[table] = cursor.fetchone()[0]
        return found


def series_of(business):
    with of(business), transaction.atomic():
        return Series.objects.get().pk


def of(business):
    return tenancy.in_tenant(business.pk)


# --- the day --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("years", "day", "until"),
    [
        (7, date(2026, 11, 1), "2033-12-01"),
        (7, date(2026, 11, 30), "2033-12-01"),
        (7, date(2026, 12, 31), "2034-01-01"),
        (7, date(2027, 2, 28), "2034-03-01"),
        (7, date(2028, 2, 29), "2035-03-01"),
        # The tax year of July ends on the next 30 June: six years after that at least.
        (7, date(2026, 7, 1), "2033-08-01"),
        (6, date(2026, 7, 1), "2033-07-01"),
        (6, date(2026, 6, 30), "2032-07-01"),
        (6, date(2026, 12, 31), "2033-07-01"),
        (6, date(2027, 6, 1), "2033-07-01"),
    ],
)
def test_a_record_stays_seven_years_after_its_tax_period(laid_database, years, day, until):
    with laid_database.cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute("UPDATE privacy_taxretention SET years = %s", [years])
        cursor.execute(
            "SELECT tax_kept_until(%s) = %s::timestamp AT TIME ZONE 'Asia/Karachi'", [day, until]
        )
        is_right = cursor.fetchone()[0]
        cursor.execute("ROLLBACK")

    assert is_right


def test_the_term_is_seven_years_and_never_below_six(owner_url):
    assert TaxRetention.objects.get().years == 7
    with (
        closing(psycopg2.connect(owner_url)) as owner,
        owner.cursor() as cursor,
        pytest.raises(errors.CheckViolation) as refused,
    ):
        cursor.execute("UPDATE privacy_taxretention SET years = 5")
    assert refused.value.diag.constraint_name == "taxretention_as_law_wants"


@pytest.mark.parametrize("role", ["app", "purge", "readonly"])
@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE privacy_taxretention SET years = 6",
        "DELETE FROM privacy_taxretention",
        "INSERT INTO privacy_taxretention (id, years) VALUES (1, 6)",
        "ALTER FUNCTION purge_clock() OWNER TO CURRENT_USER",
        "CREATE OR REPLACE FUNCTION purge_clock() RETURNS date LANGUAGE sql AS 'SELECT now()'",
        "ALTER TABLE fbr_attempt DISABLE TRIGGER tax_retention",
        "DROP TRIGGER tax_retention ON fbr_attempt",
        "SET session_replication_role = replica",
    ],
)
def test_nobody_who_serves_moves_the_day(as_role, role, sql):
    with as_role(role).cursor() as cursor, pytest.raises(errors.InsufficientPrivilege):
        cursor.execute(sql)


# --- who and when ---------------------------------------------------------------------------------


def test_one_second_early_nothing_goes(cast, it_is, as_role):
    it_is(DUE - timedelta(seconds=1))
    line = as_role()

    found = {table: refusal(line, table, ident) for table, ident in cast.rows.items()}

    assert found == {table: NEVER.get(table, KEPT) for table in cast.rows}


def test_in_time_no_guard_minds(cast, it_is, as_role):
    it_is(IN_TIME)
    line = as_role()

    found = {table: refusal(line, table, ident) for table, ident in cast.rows.items()}

    assert found == {table: NEVER.get(table, "") for table in cast.rows}


def test_a_document_goes_with_all_that_hangs_on_it(business, accepted, it_is, as_role):
    it_is(DUE)
    line = as_role()

    assert purge_document(line, accepted) == 1
    line.commit()

    with of(business), transaction.atomic():
        assert not Invoice.objects.filter(pk=accepted).exists()


@pytest.mark.parametrize("role", ["app", "owner", "readonly"])
def test_in_time_still_only_the_role_purge(cast, it_is, as_role, role):
    it_is(IN_TIME)
    line = as_role(role)

    found = {table: refusal(line, table, ident) for table, ident in cast.rows.items()}

    assert {table for table, by in found.items() if not by} == set()


def test_staff_have_no_page_that_deletes_a_tax_record():
    """The desk works as the role app besides, which the guard refuses."""
    tables = {*invariants.tax_tables()}
    deleting = [
        model._meta.label
        for model, desk in admin.site._registry.items()
        if model._meta.db_table in tables and desk.has_delete_permission(None)
    ]

    assert deleting == []


@pytest.mark.parametrize("state", ["queued", "submitting", "uncertain", "cancel_requested"])
def test_an_open_matter_stays_however_old_it_is(business, it_is, as_role, state):
    with of(business), transaction.atomic():
        invoice = _in_state(State(state))
        number_of_lines = invoice.lines.count()
    it_is(IN_TIME)
    line = as_role()

    assert refusal(line, "invoices_invoice", invoice.pk) == KEPT
    with of(business), transaction.atomic():
        assert invoice.lines.count() == number_of_lines


def test_a_draft_is_nobodys_record(business, as_role):
    """It goes by app, and by purge when an account is closed."""
    with of(business), transaction.atomic():
        draft, _ = factories.make_draft()
        line_id = draft.lines.get().pk
    line = as_role()

    assert refusal(line, "invoices_invoiceline", line_id) == ""
    assert refusal(line, "invoices_invoice", draft.pk) == ""
    with of(business), transaction.atomic():
        drafts.delete(invoice=draft, actor=SYSTEM, at=AT)
        assert not Invoice.objects.filter(pk=draft.pk).exists()


def test_the_lines_of_a_refused_document_are_still_apps_to_mend(business, accepted, as_role):
    with of(business), transaction.atomic():
        rejected = _in_state(State.REJECTED)
        line_id = rejected.lines.get().pk

    assert refusal(as_role("app"), "invoices_invoiceline", line_id) == ""
    assert refusal(as_role("purge"), "invoices_invoiceline", line_id) == KEPT


def test_a_document_that_is_not_to_be_seen_stays(business, accepted, it_is, as_role):
    """A WHERE that moves the session elsewhere leaves the guard without its document."""
    it_is(DUE)
    line = as_role()
    with line.cursor() as cursor, pytest.raises(errors.CheckViolation) as refused:
        cursor.execute(
            "DELETE FROM invoices_invoiceevent WHERE invoice_id = %s"
            " AND set_config('app.across', left(note, 0), false) = ''"
            " AND set_config('app.tenant_id', id::text, false) <> ''",
            [accepted],
        )

    assert refused.value.diag.constraint_name == KEPT


def test_a_purge_on_an_old_snapshot_is_refused(accepted, it_is, as_role):
    """It would not see the hold that was placed meanwhile."""
    it_is(DUE)
    line = as_role()
    line.set_session(isolation_level="REPEATABLE READ")

    assert refusal(line, "fbr_attempt", attempt_of(line, accepted)) == KEPT


def attempt_of(line, invoice_id):
    with line.cursor() as cursor:
        cursor.execute("SELECT id FROM fbr_attempt WHERE invoice_id = %s", [invoice_id])
        return cursor.fetchone()[0]


# --- holds ----------------------------------------------------------------------------------------


def place(business, accepted, scope):
    with of(business), transaction.atomic():
        invoice = Invoice.objects.select_related("legal_entity").get(pk=accepted)
        covered = {
            "tenant": {},
            "entity": {"on": invoice.legal_entity},
            "invoice": {"on": invoice},
            "period": {"period": (date(2026, 11, 20), date(2026, 11, 20))},
            "another period": {"period": (date(2026, 11, 21), date(2026, 12, 31))},
            "another document": {"on": factories.make_draft()[0]},
        }[scope]
        return holds.place(case=CASE, actor=SYSTEM, at=AT, **covered)


@pytest.mark.parametrize("scope", ["tenant", "entity", "invoice", "period"])
def test_what_a_hold_covers_stays_until_it_is_lifted(business, accepted, it_is, as_role, scope):
    it_is(IN_TIME)
    line = as_role()
    hold = place(business, accepted, scope)

    while_held = {
        table: refusal(line, table, ident) for table, ident in rows_of(line, accepted).items()
    }
    with of(business), transaction.atomic():
        holds.lift(hold=hold, why="The appeal was decided.", actor=SYSTEM, at=AT)

    assert while_held == dict.fromkeys([*CHILDREN, "invoices_invoice"], KEPT)
    assert purge_document(line, accepted) == 1


@pytest.mark.parametrize("scope", ["another period", "another document"])
def test_a_hold_on_something_else_does_not_keep_it(business, accepted, it_is, as_role, scope):
    it_is(IN_TIME)
    line = as_role()
    place(business, accepted, scope)

    assert purge_document(line, accepted) == 1
    assert refusal(line, "invoices_series", series_of(business)) == KEPT  # of no one document


def test_a_hold_on_a_document_keeps_its_notes(business, it_is, as_role, laid_database, accepted):
    with of(business), transaction.atomic():
        note = factories.make_issued()
        factories.accept(note)
    with laid_database.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(
            "UPDATE invoices_invoice SET original_id = %s WHERE id = %s", [accepted, note.pk]
        )
        cursor.execute("RESET session_replication_role")
    it_is(IN_TIME)
    line = as_role()
    assert refusal(line, "invoices_invoice", note.pk) == ""

    place(business, accepted, "invoice")

    assert refusal(line, "invoices_invoice", note.pk) == KEPT


def test_a_hold_of_another_business_does_not_keep_it(
    business, other_business, accepted, it_is, as_role
):
    with of(other_business), transaction.atomic():
        holds.place(case=CASE, actor=SYSTEM, at=AT)
    it_is(IN_TIME)

    assert purge_document(as_role(), accepted) == 1


def test_a_hold_in_force_is_no_record_to_purge(business, accepted, it_is, as_role):
    hold = place(business, accepted, "period")
    it_is(datetime(2100, 1, 1, tzinfo=UTC))

    assert refusal(as_role(), "privacy_legalhold", hold.pk) == KEPT


def test_a_hold_beats_a_purge_in_a_race(business, accepted, it_is, as_role):
    """A purge under way ends first, and the next one sees the hold: nothing goes in between."""
    it_is(IN_TIME)
    first = as_role()
    with first.cursor() as cursor:
        cursor.execute("DELETE FROM fbr_attempt WHERE invoice_id = %s", [accepted])
    placed = []
    waiting = Thread(target=lambda: placed.append(place_in_thread(business)))
    waiting.start()
    waiting.join(timeout=0.5)
    assert placed == []  # waits for the purge

    first.rollback()
    waiting.join(timeout=10)

    assert len(placed) == 1
    assert refusal(as_role(), "fbr_attempt", attempt_of(first, accepted)) == KEPT


def place_in_thread(business):
    try:
        with of(business), transaction.atomic():
            return holds.place(case=CASE, actor=SYSTEM, at=AT).pk
    finally:
        connection.close()


def test_a_purge_waits_for_a_hold_that_is_being_placed(business, accepted, it_is, as_role):
    it_is(IN_TIME)
    line = as_role()
    attempt = attempt_of(line, accepted)
    line.commit()
    said = []
    purging = Thread(target=lambda: said.append(refusal(line, "fbr_attempt", attempt)))
    with of(business), transaction.atomic():
        holds.place(case=CASE, actor=SYSTEM, at=AT)
        purging.start()
        purging.join(timeout=0.5)
        assert said == []

    purging.join(timeout=10)

    assert said == [KEPT]


# --- the twins ------------------------------------------------------------------------------------


def without(laid_database, trigger, table):
    with laid_database.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER {trigger}")


@pytest.fixture
def laid_anew(laid_database):
    yield laid_database
    laid_database._lay_anew()


def test_twin_without_the_guard_a_purge_takes_what_is_a_day_old(laid_anew, accepted, as_role):
    for table in (*CHILDREN, "invoices_invoice"):
        without(laid_anew, "tax_retention", table)

    assert purge_document(as_role(), accepted) == 1


def test_twin_without_the_question_a_hold_keeps_nothing(
    laid_anew, business, accepted, it_is, as_role
):
    it_is(IN_TIME)
    place(business, accepted, "tenant")
    with laid_anew.cursor() as cursor:
        cursor.execute("DROP POLICY asked ON privacy_legalhold")
        cursor.execute("DROP POLICY tenant ON privacy_legalhold")
        cursor.execute("DROP POLICY across ON privacy_legalhold")

    assert purge_document(as_role(), accepted) == 1


def test_twin_without_the_lock_a_hold_comes_too_late(laid_anew, business, accepted, it_is, as_role):
    """The hold is in force before the purge commits, and the purge takes it all the same."""
    it_is(IN_TIME)
    without(laid_anew, "legal_hold_guard", "privacy_legalhold")
    line = as_role()
    with line.cursor() as cursor:
        cursor.execute("DELETE FROM fbr_attempt WHERE invoice_id = %s", [accepted])
    with of(business), transaction.atomic():
        holds.place(case=CASE, actor=SYSTEM, at=AT)

    line.commit()

    with of(business), transaction.atomic():
        assert not Attempt.objects.filter(invoice_id=accepted).exists()
