"""Purging documents with all that hangs on them, beside a bare DELETE of the same rows."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import psycopg2
from django.conf import settings
from django.db import transaction
from psycopg2 import sql

from accounts import tenancy
from accounts.enums import StaffRole
from accounts.models import Course, LegalEntity, StaffSeat, StaffTraining, User
from bench import data, rig
from bench.create_rate import body
from fbr.services import issuing
from invoices import intake
from invoices.services import drafts
from privacy import rules
from privacy.models import PurgeKind
from privacy.services import retention
from smartinvoicing import clock
from smartinvoicing.api import read_json

DOCUMENTS: Final = 5_000
DUE: Final = datetime(2034, 3, 1, tzinfo=UTC)
# In the order in which they may be inserted; what a queued document has.
TABLES: Final = (
    "invoices_invoice",
    "invoices_invoiceline",
    "invoices_invoiceevent",
    "invoices_bookentry",
    "fbr_outbox",
)
CHANGED: Final = {
    "serial": "n + 1",
    "number": "'INV-' || lpad((n + 1)::text, 6, '0')",
    "state": "'accepted'",
    "fbr_number": "substr(t.id::text, 25) || 'DI' || lpad(n::text, 13, '0')",
    "accepted_at": "now()",
}


def _first(tenant_id: UUID) -> None:
    with tenancy.in_tenant(tenant_id), transaction.atomic():
        content, _ = intake.read(read_json(body("")), today=data.AT.date())
        entity = LegalEntity.objects.get()
        invoice, lines = drafts.create(content=content, entity=entity, actor=data.ACTOR, at=data.AT)
        issuing.issue(invoice=invoice, lines=lines, entity=entity, actor=data.ACTOR, at=data.AT)


def _multiply(line: Any, tenant_id: UUID) -> int:
    """Copies of the tenant's one document with its rows; how many rows there are then."""
    new = "md5({0} || n::text)::uuid"
    with line.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        for table in TABLES:
            names = [
                name
                for (name,) in rig.rows_of(
                    cursor,
                    "SELECT attname::text FROM pg_attribute WHERE attrelid = %s::regclass"
                    " AND attnum > 0 AND attgenerated = '' AND NOT attisdropped",
                    [table],
                )
            ]
            values = []
            for name in names:
                if name == "id":
                    values.append(sql.SQL(new.format("t.id::text")))
                elif name == "invoice_id":
                    values.append(sql.SQL(new.format("t.invoice_id::text")))
                elif table == TABLES[0] and name in CHANGED:
                    values.append(sql.SQL(CHANGED[name]))
                else:
                    values.append(sql.Identifier("t", name))
            cursor.execute(
                sql.SQL(
                    "INSERT INTO {} ({}) SELECT {} FROM {} t, generate_series(1, %s) n"
                    " WHERE t.tenant_id = %s"
                ).format(
                    sql.Identifier(table),
                    sql.SQL(", ").join(map(sql.Identifier, names)),
                    sql.SQL(", ").join(values),
                    sql.Identifier(table),
                ),
                [DOCUMENTS - 1, str(tenant_id)],
            )
        cursor.execute(
            "UPDATE invoices_invoice SET state = 'accepted',"
            " fbr_number = id::text, accepted_at = now() WHERE tenant_id = %s AND state = 'queued'",
            [str(tenant_id)],
        )
        cursor.execute("RESET session_replication_role")
        for table in TABLES:
            cursor.execute(sql.SQL("ANALYZE {}").format(sql.Identifier(table)))
        return sum(_count(cursor, table, tenant_id) for table in TABLES)


def _count(cursor: Any, table: str, tenant_id: UUID) -> int:
    cursor.execute(f"SELECT count(*) FROM {table} WHERE tenant_id = %s", [str(tenant_id)])
    return int(cursor.fetchone()[0])


def _bare(tenant_id: UUID) -> float:
    """The same rows by the same role, one statement a table: guards on, nothing else."""
    began = time.perf_counter()
    with psycopg2.connect(settings.PURGE_DATABASE_URL) as line, line.cursor() as cursor:
        cursor.execute("SELECT set_config('app.tenant_id', %s, true)", [str(tenant_id)])
        document = rules.rule_of(rules.DOCUMENT)
        if document is None:
            raise RuntimeError("documents have no rule")
        for table in document.tables:
            cursor.execute(f"DELETE FROM {table} WHERE tenant_id = %s", [str(tenant_id)])
    line.close()
    return time.perf_counter() - began


def _person(number: int, role: StaffRole) -> User:
    user = User.objects.create_user(f"desk{number}@bench.example", None, name="B", is_staff=True)
    StaffSeat.objects.create(user=user, role=role, since=data.AT, given_by="system:bench")
    at = clock.now()
    StaffTraining.objects.create(
        person=user,
        course=Course.PRIVACY,
        version="1",
        score=100,
        taken_on=clock.karachi_date(at),
        expires_on=clock.karachi_date(at) + timedelta(days=365),
        recorded_at=at,
        recorded_by="system:bench",
    )
    return user


def measure(admin: str, key: str, tenant_id: UUID) -> None:
    """Rows a second, all guards and receipts included."""
    ours, theirs = data.lay_tenant(401)[0], data.lay_tenant(402)[0]
    with psycopg2.connect(admin) as line:
        line.autocommit = True
        rows = 0
        for each in (ours, theirs):
            _first(each)
            rows = _multiply(line, each)
        with line.cursor() as cursor:
            cursor.execute(
                "CREATE OR REPLACE FUNCTION purge_clock() RETURNS timestamptz LANGUAGE sql"
                f" VOLATILE AS $$ SELECT '{DUE.isoformat()}'::timestamptz $$"
            )
    bare = rows / _bare(theirs)
    officer, second = _person(1, StaffRole.PRIVACY_OFFICER), _person(2, StaffRole.SECURITY)
    plan = retention.plan(PurgeKind.TAX, at=DUE, by=officer)
    asked = retention.ask(plan, why="bench", by=officer, at=DUE)
    retention.approve(asked, by=second, at=DUE)
    run = retention.begin(plan, by=officer, at=DUE)
    began = time.perf_counter()
    if not retention.run(run, at=DUE):
        raise RuntimeError("the purge did not end")
    took = time.perf_counter() - began
    gone, planned = retention.progress(run)
    if gone < planned or gone < rows:
        raise RuntimeError(f"{gone} of {planned} rows")
    rate = gone / took
    rig.line(
        "purge_rows_per_s",
        rate,
        "rows/s",
        f"a bare DELETE of such rows by the same role, {bare:.0f} rows/s;"
        f" {DOCUMENTS:,} documents, {gone:,} rows",
        rate / bare,
    )
