"""Purging documents with all that hangs on them, beside a bare DELETE of the same rows."""

from __future__ import annotations

import os
import time
from datetime import timedelta
from typing import Final
from uuid import UUID

import psycopg2
from django.conf import settings

from accounts.enums import StaffRole
from accounts.models import Course, StaffSeat, StaffTraining, User
from bench import bulk, data, rig
from privacy import rules
from privacy.models import PurgeKind
from privacy.services import retention
from smartinvoicing import clock

DOCUMENTS: Final = int(os.environ.get("BENCH_DOCUMENTS", "5000"))
DAY: Final = "2018-03-01"  # what was issued then may go


def _fill(admin: str, *tenants: UUID) -> int:
    """As many documents in each of them, of a year long past; how many rows those of one are."""
    made = 0
    for tenant_id in tenants:
        first = data.lay_accepted(tenant_id)
        with bulk.unguarded(admin) as cursor:
            made = bulk.documents(cursor, first.pk, DOCUMENTS, invoice_date=f"DATE '{DAY}'")
    return made


def _bare(tenant_id: UUID) -> float:
    """The same rows by the same role, one statement a table: guards on, nothing else."""
    began = time.perf_counter()
    with psycopg2.connect(settings.PURGE_DATABASE_URL) as line, line.cursor() as cursor:
        cursor.execute("SELECT set_config('app.tenant_id', %s, true)", [str(tenant_id)])
        document = rules.rule_of(rules.DOCUMENT)
        if document is None:
            raise RuntimeError("documents have no rule")
        for table in document.tables:
            column = "id" if table == rules.DOCUMENT else "invoice_id"
            cursor.execute(
                f"DELETE FROM {table} WHERE tenant_id = %s AND {column} IN"
                " (SELECT id FROM invoices_invoice WHERE tenant_id = %s AND invoice_date = %s)",
                [str(tenant_id), str(tenant_id), DAY],
            )
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
    rows = _fill(admin, ours, theirs)
    bare = rows / _bare(theirs)
    officer, second = _person(1, StaffRole.PRIVACY_OFFICER), _person(2, StaffRole.SECURITY)
    at = clock.now()
    plan = retention.plan(PurgeKind.TAX, at=at, by=officer)
    asked = retention.ask(plan, why="bench", by=officer, at=at)
    retention.approve(asked, by=second, at=at)
    run = retention.begin(plan, by=officer, at=at)
    began = time.perf_counter()
    if not retention.run(run, at=at):
        raise RuntimeError("the purge did not end")
    took = time.perf_counter() - began
    gone, planned = retention.progress(run)
    if (gone, planned) != (rows, rows):
        raise RuntimeError(f"{gone} of {rows} rows, {planned} planned")
    rate = gone / took
    rig.line(
        "purge_rows_per_s",
        rate,
        "rows/s",
        f"a bare DELETE of such rows by the same role, {bare:.0f} rows/s;"
        f" {DOCUMENTS:,} documents, {gone:,} rows",
        rate / bare,
    )
