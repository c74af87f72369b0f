"""What law wants kept does not change (R13): every column of every table, asked of the catalogue.

`test_frozen.py` attacks the document itself; here is whatever a later table brings, unasked.
"""

from __future__ import annotations

from io import StringIO

import psycopg2
import pytest
from django.db import DatabaseError, connection, transaction

from accounts import tenancy
from fbr.services import invariants
from tests.invoices import evidence_cast
from tests.invoices.evidence_cast import MODELS

ROW, BEFORE, INSERT, DELETE, UPDATE, TRUNCATE = 1, 2, 4, 8, 16, 32  # pg_trigger.tgtype
NO_RIGHT = "42501"

# Reviewed: what of a kept row may change after all, and why. Everything else is refused.
MAY_CHANGE = {
    # A till has a name and an address; law keeps that it was there.
    "invoices_till": {"*"},
    # A tally of what an outage meant; the documents themselves are the evidence.
    "fbr_offlinespell": {"*"},
    # A run goes on, by one.
    "invoices_series": {"last"},
    # Its signature and its closing are written into the book once, where there is none yet.
    "invoices_bookentry": {"signature_id", "closing_id"},
}
# Rows that are of no tenant, or that only the chain's own function writes.
UNATTACKED = {"accounts_audithead", "accounts_auditlink"}


@pytest.fixture
def ask(db):
    def rows(sql, *params):
        with connection.cursor() as cursor:
            cursor.execute(sql, params)
            return cursor.fetchall()

    return rows


# --- the catalogue --------------------------------------------------------------------------------


def triggers(ask):
    """(table, name): its bits, of each trigger that fires."""
    return {
        (table, name): bits
        for table, name, bits in ask(
            "SELECT tgrelid::regclass::text, tgname::text, tgtype FROM pg_trigger"
            " WHERE NOT tgisinternal AND tgenabled = 'O'"
        )
    }


def fires(ask, table, event, *, row):
    wanted = BEFORE | event | (ROW if row else 0)
    return [
        name
        for (name_of, name), bits in triggers(ask).items()
        if name_of == table and bits & wanted == wanted and bool(bits & ROW) == row
    ]


def test_there_are_tables_to_keep():
    assert len(MODELS) > 25


def test_every_table_that_law_keeps_refuses_to_be_emptied(ask):
    assert [t for t in MODELS if "no_truncate" not in fires(ask, t, TRUNCATE, row=False)] == []


def test_every_table_that_law_keeps_asks_before_a_row_goes(ask):
    assert [t for t in MODELS if "tax_retention" not in fires(ask, t, DELETE, row=True)] == []


def test_every_table_that_law_keeps_guards_its_rows_or_takes_no_update(ask):
    """The exceptions are reviewed, each with its reason above."""
    open_to_app = [
        table
        for table in MODELS
        if not fires(ask, table, UPDATE, row=True)
        and ask("SELECT has_any_column_privilege('app', %s, 'UPDATE')", table) == [(True,)]
    ]

    assert sorted(open_to_app) == sorted(t for t, may in MAY_CHANGE.items() if "*" in may)


@pytest.mark.parametrize("role", ["app", "purge", "readonly"])
def test_no_role_that_serves_may_touch_a_table_itself(ask, role):
    assert (
        ask(
            "SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace"
            " AND c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f') AND (c.relowner = %s::regrole"
            "  OR c.relkind IN ('r', 'p')"
            "   AND has_table_privilege(%s, c.oid, 'TRUNCATE, TRIGGER, REFERENCES'))",
            role,
            role,
        )
        == []
    )


@pytest.mark.parametrize("role", ["app", "purge", "readonly"])
def test_no_role_that_serves_owns_or_makes_anything(ask, role):
    owned = ask(
        "SELECT 'function ' || proname FROM pg_proc WHERE proowner = %(role)s::regrole"
        " UNION ALL SELECT 'type ' || typname FROM pg_type WHERE typowner = %(role)s::regrole"
        " UNION ALL SELECT 'schema ' || nspname FROM pg_namespace"
        "  WHERE nspowner = %(role)s::regrole".replace("%(role)s", f"'{role}'")
    )
    makes = ask(
        "SELECT nspname FROM pg_namespace WHERE has_schema_privilege(%s, oid, 'CREATE')"
        " AND nspname NOT LIKE 'pg\\_%%'",
        role,
    )
    becomes = ask(
        "SELECT r.rolname FROM pg_roles r"
        " WHERE r.rolname <> %s AND pg_has_role(%s, r.oid, 'MEMBER')",
        role,
        role,
    )

    assert (owned, makes, becomes) == ([], [], [])


def test_twin_a_table_without_its_guards_is_found(ask, owner_url):
    """The questions above are not answered by themselves."""
    before = fires(ask, "fbr_attempt", DELETE, row=True)
    line = psycopg2.connect(owner_url)
    try:
        with line.cursor() as owner:
            owner.execute("DROP TRIGGER tax_retention ON fbr_attempt")
            owner.execute("DROP TRIGGER no_truncate ON fbr_attempt")

            def rows(sql, *params):
                owner.execute(sql, params)
                return owner.fetchall()

            assert "tax_retention" in before
            assert "tax_retention" not in fires(rows, "fbr_attempt", DELETE, row=True)
            assert fires(rows, "fbr_attempt", TRUNCATE, row=False) == []
    finally:
        line.rollback()
        line.close()


# --- the attacks ----------------------------------------------------------------------------------


@pytest.fixture
def cast(business, laid_database, transactional_db):
    return evidence_cast.make(business, laid_database)


def goes_through(cast, sql, params=()):
    """Whether an attack by app changes anything; it is taken back."""
    try:
        with (
            tenancy.in_tenant(cast.tenant.pk),
            transaction.atomic(),
            connection.cursor() as app,
        ):
            app.execute(sql, params)
            changed = app.rowcount
            transaction.set_rollback(True)
    except DatabaseError:
        return False
    return changed != 0


def updates(table):
    """An UPDATE of each column, by its name."""
    return {
        name: f"UPDATE {table} SET {name} = {other} WHERE id = %s"
        for name, other in evidence_cast.columns(table).items()
    }


def other_ways(table):
    """The same change of one column by other statements."""
    columns = evidence_cast.columns(table)
    names = [n for n in columns if n not in {"id", "tenant_id", *MAY_CHANGE.get(table, ())}]
    name = next((n for n in reversed(names) if not n.endswith("_id")), names[-1])
    other = columns[name]
    listed = ", ".join(columns)
    moved = other.replace(name, f"{table}.{name}")
    return {
        "delete": f"DELETE FROM {table} WHERE id = %s",
        "upsert": f"INSERT INTO {table} ({listed}) SELECT {listed} FROM {table} WHERE id = %s"
        f" ON CONFLICT (id) DO UPDATE SET {name} = {moved}",
        "merge": f"MERGE INTO {table} USING (SELECT 1) one ON id = %s"
        f" WHEN MATCHED THEN UPDATE SET {name} = {other}",
        "merge away": f"MERGE INTO {table} USING (SELECT 1) one ON id = %s"
        " WHEN MATCHED THEN DELETE",
        "locked first": f"WITH mine AS (SELECT id FROM {table} WHERE id = %s FOR UPDATE)"
        f" UPDATE {table} t SET {name} = {other.replace(name, 't.' + name)}"
        " FROM mine WHERE t.id = mine.id",
    }


def test_no_column_of_a_kept_row_changes(cast):
    changed = {
        table: {name for name, sql in updates(table).items() if goes_through(cast, sql, [ident])}
        for table, ident in cast.rows.items()
        if table not in UNATTACKED
    }
    unlawful = {
        table: names - MAY_CHANGE.get(table, set())
        for table, names in changed.items()
        if "*" not in MAY_CHANGE.get(table, ())
    }

    assert {table: names for table, names in unlawful.items() if names} == {}


def test_a_kept_row_neither_goes_nor_changes_by_another_way(cast):
    through = {
        (table, way)
        for table, ident in cast.rows.items()
        for way, sql in other_ways(table).items()
        if goes_through(cast, sql, [ident])
    }

    assert {(t, way) for t, way in through if "*" not in MAY_CHANGE.get(t, ())} == set()
    assert {t for t, way in through if way in {"delete", "merge away"}} == set()


def test_a_program_in_the_database_gets_no_further(cast):
    """A block that locks the row and changes it afterwards."""
    block = (
        "DO $$ DECLARE kept invoices_invoice; BEGIN"
        f" SELECT * INTO kept FROM invoices_invoice WHERE id = '{cast.invoice_id}' FOR UPDATE;"
        " SET CONSTRAINTS ALL DEFERRED;"
        " kept.total := 0;"
        " UPDATE invoices_invoice SET total = kept.total WHERE id = kept.id; END $$"
    )

    assert not goes_through(cast, block)


SHADOW = (
    "CREATE TRIGGER mine BEFORE UPDATE ON {table} FOR EACH ROW"
    " EXECUTE FUNCTION suppress_redundant_updates_trigger()"
)


@pytest.mark.parametrize(
    "attack",
    [
        "TRUNCATE {table}",
        "TRUNCATE {table} CASCADE",
        "ALTER TABLE {table} DISABLE TRIGGER ALL",
        "ALTER TABLE {table} DISABLE TRIGGER tax_retention",
        "DROP TRIGGER tax_retention ON {table}",
        "ALTER TABLE {table} DISABLE ROW LEVEL SECURITY",
        "ALTER TABLE {table} OWNER TO app",
        "DROP TABLE {table} CASCADE",
        "CREATE RULE mine AS ON DELETE TO {table} DO INSTEAD NOTHING",
        SHADOW,
        "CREATE TABLE mine (id uuid REFERENCES {table} ON DELETE CASCADE)",
    ],
)
def test_no_table_is_taken_out_of_its_guards(inside, attack):
    refused = {}
    for table in MODELS:
        with (
            pytest.raises(DatabaseError) as error,
            transaction.atomic(),
            connection.cursor() as app,
        ):
            app.execute(attack.format(table=table))
        refused[table] = error.value.__cause__.pgcode

    assert refused == dict.fromkeys(MODELS, NO_RIGHT)


def test_no_guard_is_written_anew(inside, ask):
    functions = ask(
        "SELECT DISTINCT p.proname::text FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid"
        " JOIN pg_class c ON c.oid = t.tgrelid WHERE NOT t.tgisinternal AND c.relname = ANY(%s)",
        [*MODELS],
    )
    assert ("tax_retention",) in functions
    for (name,) in functions:
        with (
            pytest.raises(DatabaseError) as error,
            transaction.atomic(),
            connection.cursor() as app,
        ):
            app.execute(
                f"CREATE OR REPLACE FUNCTION public.{name}() RETURNS trigger LANGUAGE plpgsql"
                " AS $f$ BEGIN RETURN NEW; END $f$"
            )
        assert error.value.__cause__.pgcode == NO_RIGHT


def copied(cast, table):
    """Whether a row comes in by COPY, which asks no INSERT."""
    name = "id, tenant_id, invoice_id, value, receipt_id"
    row = f"{evidence_cast.uuid7()}\t{cast.tenant.pk}\t{cast.invoice_id}\t1.00\t{cast.invoice_id}\n"
    try:
        with (
            tenancy.in_tenant(cast.tenant.pk),
            transaction.atomic(),
            connection.cursor() as app,
        ):
            app.cursor.copy_expert(f"COPY {table} ({name}) FROM STDIN", StringIO(row))
            transaction.set_rollback(True)
    except (DatabaseError, psycopg2.Error):
        return False
    return True


def test_nothing_comes_in_by_copy(cast):
    assert not copied(cast, "invoices_advanceuse")


# --- the twin -------------------------------------------------------------------------------------


@pytest.fixture
def unguarded(laid_database, cast):
    """Every guard off, and the rights as they are by default."""
    with laid_database.cursor() as cursor:
        for table in MODELS:
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
            cursor.execute(f"GRANT UPDATE, DELETE ON {table} TO app")
        cursor.execute("ALTER TABLE invoices_advanceuse DISABLE ROW LEVEL SECURITY")
    yield cast
    laid_database._lay_anew()


def test_twin_without_guards_every_kept_row_changes(unguarded):
    changed = {
        table: [name for name, sql in updates(table).items() if goes_through(unguarded, sql, [row])]
        for table, row in unguarded.rows.items()
    }
    ways = {
        (table, way)
        for table, ident in unguarded.rows.items()
        for way, sql in other_ways(table).items()
        if goes_through(unguarded, sql, [ident])
    }

    assert {table for table, names in changed.items() if not names} == set()
    assert len(ways) > 3 * len(MODELS)
    assert copied(unguarded, "invoices_advanceuse")
    assert {f.object_id for f in invariants.of_database()} >= {*MODELS}
