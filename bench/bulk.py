"""Rows by the hundred thousand, copied inside the database past its triggers: for benchmarks."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

import psycopg2

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
