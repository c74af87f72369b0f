"""Rows by the hundred thousand, copied inside the database past its triggers: for benchmarks."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import psycopg2
from django.core.files.storage import default_storage

# Copies of one queued document of a tenant, each with a number and an identity of its own.
_QUEUED: Final = """
SET LOCAL session_replication_role = replica;
CREATE TEMP TABLE copies ON COMMIT DROP AS
    SELECT g AS n, gen_random_uuid() AS id, gen_random_uuid() AS work_id
    FROM generate_series(1, %(count)s) g;
CREATE TEMP TABLE one ON COMMIT DROP AS
    SELECT * FROM invoices_invoice WHERE tenant_id = %(tenant)s AND state = 'queued' LIMIT 1;
INSERT INTO invoices_invoice ({invoice}) SELECT {invoice_values} FROM one i, copies c;
INSERT INTO invoices_invoiceline ({line})
    SELECT {line_values} FROM invoices_invoiceline l, copies c
    WHERE l.invoice_id = (SELECT id FROM one);
INSERT INTO fbr_outbox ({work}) SELECT {work_values} FROM fbr_outbox o, copies c
    WHERE o.invoice_id = (SELECT id FROM one);
"""

# Work that was done long ago, of documents that nobody looks at here.
_DONE: Final = """
SET LOCAL session_replication_role = replica;
INSERT INTO fbr_outbox ({work})
    SELECT {work_values} FROM (
        SELECT * FROM fbr_outbox WHERE tenant_id = %(tenant)s LIMIT 1
    ) o, (SELECT gen_random_uuid() AS id, gen_random_uuid() AS work_id
          FROM generate_series(1, %(count)s)) c;
"""


def queue(admin: str, tenant_id: UUID, count: int) -> None:
    """`count` more of the tenant's one queued document, queued as it is."""
    with psycopg2.connect(admin) as connection, connection.cursor() as cursor:
        number = "i.number || '-' || c.n"
        parts = {
            "invoice": _columns(cursor, "invoices_invoice"),
            "invoice_values": _values(
                cursor,
                "invoices_invoice",
                "i",
                id="c.id",
                serial="i.serial + c.n",
                number=number,
                client_reference="''",
            ),
            "line": _columns(cursor, "invoices_invoiceline"),
            "line_values": _values(
                cursor, "invoices_invoiceline", "l", id="gen_random_uuid()", invoice_id="c.id"
            ),
            "work": _columns(cursor, "fbr_outbox"),
            "work_values": _values(cursor, "fbr_outbox", "o", id="c.work_id", invoice_id="c.id"),
        }
        cursor.execute(_QUEUED.format(**parts), {"tenant": str(tenant_id), "count": count})
    connection.close()


def finish(admin: str, tenant_id: UUID, count: int) -> None:
    """`count` rows of finished work, of the size that real ones have."""
    with psycopg2.connect(admin) as connection, connection.cursor() as cursor:
        parts = {
            "work": _columns(cursor, "fbr_outbox"),
            "work_values": _values(
                cursor,
                "fbr_outbox",
                "o",
                id="c.work_id",
                invoice_id="c.id",
                state="'done'",
                done_at="now()",
                lease_until="NULL",
                leased_by="''",
            ),
        }
        cursor.execute(_DONE.format(**parts), {"tenant": str(tenant_id), "count": count})
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE fbr_outbox")
    connection.close()


# --- documents that FBR accepted, and whatever else ---------------------------------------------

# Tables of a document, and the column that names it.
DOCUMENT: Final = {
    "invoices_invoice": "id",
    "invoices_invoiceline": "invoice_id",
    "invoices_invoiceevent": "invoice_id",
    "invoices_signature": "invoice_id",
    "invoices_bookentry": "invoice_id",
    "fbr_outbox": "invoice_id",
}
_PDFS: Final = """
    INSERT INTO invoices_invoicepdf
        (id, tenant_id, invoice_id, shows, version, paper, file, sha256, rendered_at)
    SELECT gen_random_uuid(), i.tenant_id, i.id, i.state, i.version, p.paper,
        i.tenant_id || '/' || i.id || '/' || md5(i.id::text) || '.pdf', p.sha256, p.rendered_at
    FROM invoices_invoice i, invoices_invoicepdf p
    WHERE p.id = %s AND i.tenant_id = p.tenant_id AND i.state = p.shows AND i.id <> p.invoice_id
    ORDER BY i.id LIMIT %s
    RETURNING file
"""


@contextlib.contextmanager
def unguarded(admin: str) -> Iterator[Any]:
    """A superuser's cursor, past triggers and policies; in the end the tables are tidied."""
    connection = psycopg2.connect(admin)
    with connection, connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        yield cursor
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    connection.close()


def key(column: str) -> str:
    """SQL: the id that stands in this column, as the copy numbered n has it."""
    return f"md5(t.{column}::text || n::text)::uuid"


def multiply(cursor: Any, table: str, count: int, *, where: str, of: UUID, **changed: str) -> int:
    """Copies 1 to `count` of each row `t` whose column `where` is `of`; how many rows that made.

    changed: SQL of the columns that differ, with `n` for the number of the copy.
    """
    names = _names(cursor, table)
    cursor.execute(
        f"INSERT INTO {table} ({', '.join(names)}) SELECT"
        f" {', '.join(changed.get(name, f't.{name}') for name in names)}"
        f" FROM {table} t, generate_series(1, %s) n WHERE t.{where} = %s",
        [count, str(of)],
    )
    return int(cursor.rowcount)


def documents(cursor: Any, invoice_id: UUID, count: int, **changed: str) -> int:
    """`count` copies of one document with its rows; how many rows that made."""
    made = 0
    for table, column in DOCUMENT.items():
        new = {"id": key("id")} | {column: key(column)}
        if table == "invoices_invoice":
            new |= {"serial": "t.serial + n", "number": "t.number || '-' || n"}
            new |= {"fbr_number": "t.fbr_number || '-' || n", "client_reference": "''"} | changed
        if table == "invoices_bookentry":
            new["signature_id"] = key("signature_id")
        made += multiply(cursor, table, count, where=column, of=invoice_id, **new)
    return made


def files(cursor: Any, pdf_id: UUID, count: int) -> int:
    """The same printed copy of `count` more of the documents in this state; each is a file."""
    cursor.execute("SELECT file FROM invoices_invoicepdf WHERE id = %s", [str(pdf_id)])
    with default_storage.open(cursor.fetchone()[0]) as file:
        content = file.read()
    cursor.execute(_PDFS, [str(pdf_id), count])
    names = [name for (name,) in cursor.fetchall()]
    for name in names:
        path = Path(default_storage.path(name))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return len(names)


def _columns(cursor: Any, table: str) -> str:
    return ", ".join(_names(cursor, table))


def _values(cursor: Any, table: str, alias: str, **others: str) -> str:
    return ", ".join(others.get(name, f"{alias}.{name}") for name in _names(cursor, table))


def _names(cursor: Any, table: str) -> list[str]:
    """All columns that are not computed."""
    cursor.execute(
        "SELECT column_name FROM information_schema.columns WHERE table_schema = 'public'"
        " AND table_name = %s AND is_generated = 'NEVER' ORDER BY ordinal_position",
        [table],
    )
    return [name for (name,) in cursor.fetchall()]
