"""Accepted documents never change (R13): raw SQL by the role `app`, each attack refused."""

from __future__ import annotations

from datetime import timedelta

import psycopg2
import pytest
from django.db import DatabaseError, connection, transaction

from accounts import tenancy
from fbr.models import Attempt, Outbox
from fbr.models.work import Call, WorkState
from fbr.outcomes import Outcome
from invoices import lifecycle
from invoices.enums import State
from invoices.models import Invoice, InvoicePdf
from tests import factories
from tests.factories import AT, SYSTEM
from tests.invoices.test_lifecycle import _in_state

NO_RIGHT = "42501"  # PostgreSQL's insufficient_privilege
TABLES = (
    "invoices_invoice",
    "invoices_invoiceline",
    "invoices_invoiceevent",
    "invoices_invoicepdf",
    "invoices_series",
    "fbr_outbox",
    "fbr_attempt",
)


def make_accepted():
    """An accepted document with all that hangs on it, and a draft beside it."""
    invoice = factories.make_issued()
    work = Outbox.objects.get(invoice=invoice)
    Outbox.objects.filter(pk=work.pk).update(state=WorkState.SENDING, attempt_no=1)
    lifecycle.transition(invoice, State.SUBMITTING, actor=SYSTEM, at=AT)
    attempt = Attempt(
        work=work,
        invoice=invoice,
        attempt_no=1,
        body_sha256=work.body_sha256,
        worker="test",
        started_at=AT,
    )
    attempt.save(force_insert=True)
    Attempt.objects.filter(pk=attempt.pk).update(
        call=Call.RECORD,
        answered_at=AT,
        sent=True,
        http_status=200,
        answer=b"{}",
        took_ms=150,
        outcome=Outcome.ACCEPTED,
        why="recorded",
        finished_at=AT,
    )
    number = {"fbr_number": "7000007DI1234567890123", "accepted_at": AT}
    lifecycle.transition(invoice, State.ACCEPTED, actor=SYSTEM, at=AT, also=number)
    Outbox.objects.filter(pk=work.pk).update(state=WorkState.DONE, done_at=AT)
    pdf = InvoicePdf(
        invoice=invoice, shows="accepted", version=1, file="a.pdf", sha256="0" * 64, rendered_at=AT
    )
    pdf.save(force_insert=True)
    draft, _ = factories.make_draft()
    return {
        "invoice": invoice.pk,
        "draft": draft.pk,
        "tenant": invoice.tenant_id,
        "series": invoice.series_id,
        "line": invoice.lines.get().pk,
        "draft_line": draft.lines.get().pk,
        "new": factories.uuid7(),
        "later": AT + timedelta(days=1),
    }


@pytest.fixture
def ids(inside):
    return make_accepted()


def everything():
    with connection.cursor() as cursor:
        rows = []
        for table in TABLES:
            cursor.execute(f"SELECT to_jsonb(t)::text FROM {table} t ORDER BY 1")
            rows.append(cursor.fetchall())
    return rows


def columns_of(table, **instead):
    """`SELECT` list that copies a row of `table` with some columns changed."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT column_name FROM information_schema.columns"
            " WHERE table_name = %s AND is_generated = 'NEVER' ORDER BY ordinal_position",
            [table],
        )
        names = [name for (name,) in cursor.fetchall()]
    picked = ", ".join(instead.get(name, name) for name in names)
    return f"({', '.join(names)}) SELECT {picked} FROM {table}"


FROZEN, KEPT = "invoice_is_frozen", "invoice_is_kept"
EVIDENCE, OUTBOX, SERIES = "attempt_is_evidence", "outbox_is_frozen", "series_goes_on"
MINE = "WHERE id = %(invoice)s"
ON_INVOICE = [
    (f"UPDATE invoices_invoice SET total = total + 1 {MINE}", FROZEN),
    (f"UPDATE invoices_invoice SET buyer_name = 'Somebody' {MINE}", FROZEN),
    (f"UPDATE invoices_invoice SET buyer_ntn_cnic = '1234567' {MINE}", FROZEN),
    (f"UPDATE invoices_invoice SET seller_name = 'Somebody' {MINE}", FROZEN),
    (f"UPDATE invoices_invoice SET invoice_date = invoice_date - 1 {MINE}", FROZEN),
    (f"UPDATE invoices_invoice SET fbr_number = 'X' {MINE}", FROZEN),
    (f"UPDATE invoices_invoice SET fbr_dated = 'X' {MINE}", FROZEN),
    (f"UPDATE invoices_invoice SET accepted_at = %(later)s {MINE}", FROZEN),
    (f"UPDATE invoices_invoice SET state_at = %(later)s {MINE}", FROZEN),
    (f"UPDATE invoices_invoice SET version = version + 1 {MINE}", FROZEN),
    (f"UPDATE invoices_invoice SET problems = '[1]' {MINE}", FROZEN),
    (f"UPDATE invoices_invoice SET number = 'INV-2026-999999' {MINE}", FROZEN),
    (f"UPDATE invoices_invoice SET serial = 9 {MINE}", FROZEN),
    (f"UPDATE invoices_invoice SET id = %(new)s {MINE}", FROZEN),
    (f"UPDATE invoices_invoice SET tenant_id = %(new)s {MINE}", FROZEN),
    (f"UPDATE invoices_invoice SET environment = 'production' {MINE}", FROZEN),
    (f"UPDATE invoices_invoice SET state = 'cancel_requested', total = 0 {MINE}", FROZEN),
    (f"UPDATE invoices_invoice SET state = 'draft' {MINE}", "invoice_state_step"),
    (f"UPDATE invoices_invoice SET state = 'rejected' {MINE}", "invoice_state_step"),
    (f"UPDATE invoices_invoice SET state = 'void' {MINE}", "invoice_state_step"),
    ("UPDATE invoices_invoice SET total = 0", FROZEN),
    (f"DELETE FROM invoices_invoice {MINE}", KEPT),
    ("DELETE FROM invoices_invoice", KEPT),
    (
        (
            "MERGE INTO invoices_invoice i USING (SELECT 1) one ON i.id = %(invoice)s"
            " WHEN MATCHED THEN UPDATE SET total = 0"
        ),
        FROZEN,
    ),
    (
        (
            "MERGE INTO invoices_invoice i USING (SELECT 1) one ON i.id = %(invoice)s"
            " WHEN MATCHED THEN DELETE"
        ),
        KEPT,
    ),
    (
        f"WITH gone AS (DELETE FROM invoices_invoice {MINE} RETURNING 1) SELECT * FROM gone",
        KEPT,
    ),
    ("TRUNCATE invoices_invoice CASCADE", NO_RIGHT),
]
ON_LINES = [
    ("UPDATE invoices_invoiceline SET value = 0 WHERE id = %(line)s", FROZEN),
    ("UPDATE invoices_invoiceline SET position = 2 WHERE id = %(line)s", FROZEN),
    ("UPDATE invoices_invoiceline SET description = 'x' WHERE id = %(line)s", FROZEN),
    (
        (
            "UPDATE invoices_invoiceline SET invoice_id = %(draft)s, position = 2"
            " WHERE id = %(line)s"
        ),
        FROZEN,
    ),
    (
        (
            "UPDATE invoices_invoiceline SET invoice_id = %(invoice)s, position = 2"
            " WHERE id = %(draft_line)s"
        ),
        FROZEN,
    ),
    ("DELETE FROM invoices_invoiceline WHERE id = %(line)s", FROZEN),
    ("DELETE FROM invoices_invoiceline", FROZEN),
    ("TRUNCATE invoices_invoiceline", NO_RIGHT),
]
ON_THE_REST = [
    ("UPDATE invoices_invoiceevent SET note = 'x'", NO_RIGHT),
    ("DELETE FROM invoices_invoiceevent", NO_RIGHT),
    ("TRUNCATE invoices_invoiceevent", NO_RIGHT),
    ("UPDATE invoices_invoicepdf SET sha256 = repeat('1', 64)", NO_RIGHT),
    ("DELETE FROM invoices_invoicepdf", "append_only"),
    ("TRUNCATE invoices_invoicepdf", NO_RIGHT),
    ("UPDATE fbr_outbox SET body = '{}'", OUTBOX),
    ("UPDATE fbr_outbox SET body_sha256 = repeat('1', 64)", OUTBOX),
    ("UPDATE fbr_outbox SET state = 'waiting'", OUTBOX),
    ("UPDATE fbr_outbox SET attempt_no = attempt_no + 1", OUTBOX),
    ("UPDATE fbr_outbox SET done_at = NULL", OUTBOX),
    ("DELETE FROM fbr_outbox", OUTBOX),
    ("TRUNCATE fbr_outbox CASCADE", NO_RIGHT),
    ('UPDATE fbr_attempt SET answer = \'{"invoiceNumber": "X"}\'', EVIDENCE),
    ("UPDATE fbr_attempt SET answer = NULL", EVIDENCE),
    ("UPDATE fbr_attempt SET outcome = 'rejected'", EVIDENCE),
    ("UPDATE fbr_attempt SET outcome = ''", EVIDENCE),
    ("UPDATE fbr_attempt SET sent = false", EVIDENCE),
    ("UPDATE fbr_attempt SET finished_at = NULL", EVIDENCE),
    ("UPDATE fbr_attempt SET started_at = %(later)s", EVIDENCE),
    ("UPDATE fbr_attempt SET failure = 'forged afterwards'", EVIDENCE),
    ("DELETE FROM fbr_attempt", EVIDENCE),
    ("TRUNCATE fbr_attempt", NO_RIGHT),
    ("UPDATE invoices_series SET last = 0", SERIES),
    ("UPDATE invoices_series SET last = last - 1", SERIES),
    ("UPDATE invoices_series SET last = last + 2", SERIES),
    ("UPDATE invoices_series SET prefix = 'X'", SERIES),
    ("UPDATE invoices_series SET last = last + 1, year = 2025", SERIES),
    ("DELETE FROM invoices_series", SERIES),
    ("TRUNCATE invoices_series CASCADE", NO_RIGHT),
]
ON_THE_GUARDS = [
    *(
        (sql.format(table=table), NO_RIGHT)
        for table in TABLES
        for sql in (
            "ALTER TABLE {table} DISABLE TRIGGER ALL",
            "ALTER TABLE {table} DISABLE ROW LEVEL SECURITY",
            "ALTER TABLE {table} OWNER TO app",
            "DROP TABLE {table} CASCADE",
        )
    ),
    ("ALTER TABLE invoices_invoice DISABLE TRIGGER invoice_guard", NO_RIGHT),
    ("DROP TRIGGER invoice_guard ON invoices_invoice", NO_RIGHT),
    ("DROP FUNCTION invoice_guard() CASCADE", NO_RIGHT),
    (
        (
            "CREATE OR REPLACE FUNCTION invoice_guard() RETURNS trigger LANGUAGE plpgsql"
            " AS $f$ BEGIN RETURN NEW; END $f$"
        ),
        NO_RIGHT,
    ),
    ("CREATE RULE r AS ON DELETE TO invoices_invoice DO INSTEAD NOTHING", NO_RIGHT),
    ("SET LOCAL session_replication_role = replica", NO_RIGHT),
    ("SELECT set_config('session_replication_role', 'replica', true)", NO_RIGHT),
    ("SET LOCAL ROLE owner", NO_RIGHT),
    ("SET LOCAL ROLE purge", NO_RIGHT),
    ("CREATE TABLE public.mine (a int)", NO_RIGHT),
    # A shadow of the table in pg_temp would blind the trigger of the lines.
    ("CREATE TEMP TABLE invoices_invoice (id uuid, state text)", NO_RIGHT),
    ("UPDATE pg_trigger SET tgenabled = 'D'", NO_RIGHT),
]


def refusal_of(sql, params):
    """What the database said no with: the name of a constraint, or an SQLSTATE."""
    with pytest.raises(DatabaseError) as refused, transaction.atomic(), connection.cursor() as app:
        app.execute(sql, params)
    cause = refused.value.__cause__
    return cause.diag.constraint_name or cause.pgcode


@pytest.mark.parametrize(
    ("attack", "guard"), [*ON_INVOICE, *ON_LINES, *ON_THE_REST, *ON_THE_GUARDS]
)
def test_an_attack_is_refused_and_changes_nothing(ids, attack, guard):
    before = everything()

    assert refusal_of(attack, ids) == guard

    assert everything() == before


@pytest.mark.parametrize(
    ("table", "instead", "where", "guard"),
    [
        (
            "invoices_invoice",
            {"id": "%(new)s", "number": "'A'", "serial": "9", "fbr_number": "'A'"},
            MINE,
            "invoice_begins_as_draft",
        ),
        (
            "invoices_invoiceline",
            {"id": "%(new)s", "position": "2"},
            "WHERE id = %(line)s",
            FROZEN,
        ),
        (
            "invoices_invoiceline",
            {"id": "%(new)s", "position": "2", "invoice_id": "%(invoice)s"},
            "WHERE id = %(draft_line)s",
            FROZEN,
        ),
    ],
)
def test_nothing_is_slipped_in(ids, table, instead, where, guard):
    before = everything()
    sql = f"INSERT INTO {table} {columns_of(table, **instead)} {where}"

    assert refusal_of(sql, ids) == guard

    assert everything() == before


@pytest.mark.parametrize(
    ("table", "instead", "where", "change", "guard"),
    [
        ("invoices_invoice", {"id": "%(invoice)s"}, "WHERE id = %(draft)s", "total = 0", FROZEN),
        (
            "invoices_invoiceline",
            {"id": "%(line)s"},
            "WHERE id = %(draft_line)s",
            "value = 0",
            FROZEN,
        ),
        ("fbr_outbox", {}, "LIMIT 1", "body = '{}'", OUTBOX),
        ("fbr_attempt", {}, "LIMIT 1", "outcome = 'rejected'", EVIDENCE),
        ("invoices_series", {}, "LIMIT 1", "last = 0", SERIES),
        ("invoices_invoicepdf", {}, "LIMIT 1", "sha256 = repeat('1', 64)", NO_RIGHT),
        ("invoices_invoiceevent", {}, "LIMIT 1", "note = 'x'", NO_RIGHT),
    ],
)
def test_an_upsert_is_an_update_and_is_refused(ids, table, instead, where, change, guard):
    before = everything()
    copied = columns_of(table, **instead)
    sql = f"INSERT INTO {table} {copied} {where} ON CONFLICT (id) DO UPDATE SET {change}"

    assert refusal_of(sql, ids) == guard

    assert everything() == before


@pytest.mark.parametrize("state", [s for s in State if s not in {State.DRAFT, State.REJECTED}])
def test_lines_are_frozen_from_issue_on(inside, state):
    """Not only once accepted: the bytes to send were made of them."""
    invoice = _in_state(state)
    before = everything()

    found = refusal_of("UPDATE invoices_invoiceline SET value = 0", {})
    also = refusal_of("UPDATE invoices_invoice SET total = 0", {})

    assert (found, also) == (FROZEN, FROZEN)
    assert everything() == before
    assert Invoice.objects.get(pk=invoice.pk).state == state


def test_the_bytes_are_frozen_from_issue_on(inside):
    factories.make_issued()
    before = everything()

    for attack in (
        "UPDATE fbr_outbox SET body = '{}'",
        "UPDATE fbr_outbox SET body_sha256 = repeat('1', 64)",
        "UPDATE fbr_outbox SET lines = 2",
        "UPDATE fbr_outbox SET version = 7",
        "UPDATE fbr_outbox SET attempt_no = attempt_no + 2",
        "UPDATE fbr_outbox SET environment = 'production'",
        "DELETE FROM fbr_outbox",
    ):
        assert refusal_of(attack, {}) == OUTBOX

    assert everything() == before


@pytest.mark.parametrize(
    "sql",
    [
        "SET session_replication_role = replica",
        "ALTER TABLE invoices_invoice DISABLE TRIGGER ALL",
        "TRUNCATE invoices_invoice CASCADE",
        "SET ROLE owner",
    ],
)
@pytest.mark.parametrize("role", ["app", "readonly", "purge"])
def test_no_role_that_serves_may_take_the_guards_away(ids, role_urls, role, sql):
    line = psycopg2.connect(getattr(role_urls, role))
    try:
        with line.cursor() as cursor, pytest.raises(psycopg2.Error) as refused:
            cursor.execute(sql)
    finally:
        line.close()

    assert refused.value.pgcode == NO_RIGHT


# --- the twin ------------------------------------------------------------------------------------

BY_TRIGGER = [
    (sql, guard)
    for sql, guard in (*ON_INVOICE, *ON_LINES, *ON_THE_REST)
    if guard in {FROZEN, KEPT, OUTBOX, EVIDENCE, SERIES}
    and "tenant_id =" not in sql  # the row policies would refuse it still
    and " SET id =" not in sql  # and the keys of what hangs on it
    and "SET state" not in sql
    and "DELETE" not in sql
] + [
    ("DELETE FROM invoices_invoiceline WHERE id = %(line)s", FROZEN),
    ("DELETE FROM fbr_attempt", EVIDENCE),
]


def succeeds(sql, params):
    """Whether the attack changes a row; it is taken back."""
    with transaction.atomic(), connection.cursor() as app:
        app.execute(sql, params)
        changed = app.rowcount
        transaction.set_rollback(True)
    return changed > 0


@pytest.mark.django_db(transaction=True)
def test_the_twin_without_triggers_is_open_to_the_same_attacks(business, owner_url):
    """Sabotage: the owner switches the triggers off; what was refused goes through."""
    with tenancy.in_tenant(business.pk), transaction.atomic():
        ids = make_accepted()
    owner = psycopg2.connect(owner_url)
    owner.autocommit = True
    try:
        with owner.cursor() as cursor:
            for table in TABLES:
                cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        with tenancy.in_tenant(business.pk):
            went_through = [sql for sql, _ in BY_TRIGGER if succeeds(sql, ids)]
    finally:
        with owner.cursor() as cursor:
            for table in TABLES:
                cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")
        owner.close()

    assert went_through == [sql for sql, _ in BY_TRIGGER]
