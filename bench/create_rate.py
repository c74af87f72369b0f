"""Documents of 5 lines created and issued a second through the API, beside bare inserts."""

from __future__ import annotations

import http.client
import json
import threading
import time
import uuid
from typing import Any, Final
from uuid import UUID

import psycopg2
from psycopg2 import extras, sql

from bench import rig

SECONDS: Final = 6.0
TABLES: Final = (
    "invoices_invoice",
    "invoices_invoiceline",
    "invoices_invoiceevent",
    "fbr_outbox",
    "accounts_auditevent",
    "accounts_idempotencykey",
)


def body(reference: str) -> bytes:
    line = {
        "description": "Cotton yarn",
        "hs_code": "5205.1100",
        "unit": "KG",
        "quantity": "400",
        "unit_price": "2.50",
    }
    return json.dumps(
        {
            "invoice_date": "2026-11-20",
            "client_reference": reference,
            "buyer": {
                "name": "Sample Traders",
                "registration_type": "registered",
                "ntn_cnic": "2046004",
                "province": "Sindh",
                "address": "Karachi",
            },
            "lines": [{**line, "description": f"Cotton yarn {number}"} for number in range(5)],
            "issue": True,
        }
    ).encode()


def _client(port: int, key: str, until: float, counts: list[int]) -> None:
    line = http.client.HTTPConnection("127.0.0.1", port)
    done = 0
    while time.monotonic() < until:
        reference = uuid.uuid4().hex
        line.request(
            "POST",
            "/api/v1/invoices",
            body(reference),
            {
                "Authorization": f"Bearer {key}",
                "Content-Type": "application/json",
                "Idempotency-Key": reference,
            },
        )
        answer = line.getresponse()
        answer.read()
        if answer.status != 201:
            raise RuntimeError(f"HTTP {answer.status}")
        done += 1
    counts.append(done)


def through_the_api(port: int, key: str, clients: int) -> float:
    """Documents a second by `clients` clients that keep their connection."""
    counts: list[int] = []
    until = time.monotonic() + SECONDS
    threads = [
        threading.Thread(target=_client, args=(port, key, until, counts)) for _ in range(clients)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if len(counts) != clients:
        raise RuntimeError("a client failed")
    return sum(counts) / SECONDS


class Bare:
    """The rows of one document again and again, into bare copies of the tables."""

    def __init__(self, admin: str) -> None:
        self.admin = admin
        self.rows: dict[str, list[tuple[Any, ...]]] = {}
        self.columns: dict[str, list[str]] = {}
        with psycopg2.connect(admin) as connection, connection.cursor() as cursor:
            for table in TABLES:
                self._copy(cursor, table)

    def _copy(self, cursor: Any, table: str) -> None:
        cursor.execute(f"CREATE TABLE bare_{table} (LIKE {table} INCLUDING INDEXES)")
        found = rig.rows_of(
            cursor,
            "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0",
            [table],
        )
        self.columns[table] = [name for (name,) in found]
        newest = "(SELECT id FROM invoices_invoice WHERE number <> '' ORDER BY id DESC LIMIT 1)"
        key = {
            "invoices_invoice": "id",
            "accounts_auditevent": "object_id",
            "accounts_idempotencykey": "NULL",
        }.get(table, "invoice_id")
        where = f"WHERE {key} = {newest}" if key != "NULL" else "ORDER BY id DESC LIMIT 1"
        self.rows[table] = rig.rows_of(cursor, f"SELECT * FROM {table} {where}", [])

    def _write(self, until: float, counts: list[int]) -> None:
        connection = psycopg2.connect(self.admin)
        extras.register_uuid()
        done = 0
        with connection.cursor() as cursor:
            while time.monotonic() < until:
                for table in TABLES:
                    rows = [self._fresh(table, row) for row in self.rows[table]]
                    statement = sql.SQL("INSERT INTO {} VALUES %s").format(
                        sql.Identifier(f"bare_{table}")
                    )
                    extras.execute_values(cursor, statement, rows)
                connection.commit()
                done += 1
        connection.close()
        counts.append(done)

    def _fresh(self, table: str, row: tuple[Any, ...]) -> tuple[Any, ...]:
        """The row with keys of its own, so that no unique index stops it."""
        values = dict(zip(self.columns[table], row, strict=True))
        for name in ("id", "invoice_id", "tenant_id"):
            if name in values:
                values[name] = uuid.uuid4()
        return tuple(
            extras.Json(value) if isinstance(value, dict | list) else value
            for value in values.values()
        )

    def rate(self, connections: int) -> float:
        """Documents a second by `connections` connections, each document one durable commit."""
        counts: list[int] = []
        until = time.monotonic() + SECONDS
        threads = [
            threading.Thread(target=self._write, args=(until, counts)) for _ in range(connections)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return sum(counts) / SECONDS


def measure(admin: str, key: str, tenant_id: UUID) -> None:
    """Two lines: 1 client and 4 clients. Nothing reports meanwhile."""
    with rig.web() as port:
        through_the_api(port, key, 2)  # warm
        bare = Bare(admin)
        for clients in (1, 4):
            ours = through_the_api(port, key, clients)
            beside = bare.rate(clients)
            rig.line(
                f"create_rate_{clients}",
                ours,
                "documents/s",
                f"bare durable inserts of the same rows, {beside:.0f}/s",
                ours / beside,
            )
