"""A large account is closed: how fast it empties, and what its neighbours feel of it.

`python -m bench closing`; BENCH_DOCUMENTS sets how many accepted documents it has.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import threading
import time
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import psycopg2
from django.conf import settings
from django.db import connection, transaction
from django.test import Client
from django.urls import reverse
from psycopg2 import sql

from accounts import tenancy
from accounts.access import Actor
from accounts.enums import Role
from accounts.models import LegalEntity, Membership, Tenant, User
from bench import data, rig
from bench.create_rate import body
from fbr.services import issuing
from invoices import intake
from invoices.services import drafts, masters
from privacy.models import ClosureState
from privacy.services import closing, closing_engine, tenant_purge
from smartinvoicing import clock
from smartinvoicing.api import read_json

DOCUMENTS: Final = int(os.environ.get("BENCH_DOCUMENTS", "100000"))
PEOPLE: Final = 50
BUYERS: Final = 5_000
ROUNDS: Final = 40


def measure(admin: str, key: str, tenant_id: UUID) -> None:
    """Lay it, close it, and look at another business's list before and meanwhile."""
    settings.ERASURE_LEDGER_DIR = tempfile.mkdtemp(prefix="bench-erasures-")
    large, owner, _seller = data.lay_tenant(501)
    neighbour, watcher, _other = data.lay_tenant(502)
    _fill(admin, large)
    _one(neighbour)
    quiet = _page_ms(watcher, stop=None)
    at = clock.now()
    with tenancy.in_tenant(large), transaction.atomic():
        tenant = Tenant.objects.get(pk=large)
        actor = Actor.person(owner.pk, Role.OWNER)
        begun = closing.begin(
            tenant=tenant, typed_name=tenant.name, actor=actor, at=at - timedelta(days=46)
        )
    during: list[float] = []
    over = threading.Event()
    looking = threading.Thread(target=_watch, args=(watcher, during, over))
    looking.start()
    began = time.perf_counter()
    closing_engine.advance(begun, at=at)
    took = time.perf_counter() - began
    over.set()
    looking.join()
    begun.refresh_from_db()
    _refuse_unfinished(begun, large)
    rows = sum(begun.counts.values_list("count", flat=True))
    busy = statistics.median(during or [quiet])
    rig.line(
        "closing_rows_per_s",
        rows / took,
        "rows/s",
        f"{DOCUMENTS:,} documents kept, {rows:,} rows gone with the search;"
        f" a neighbour's list {busy:.0f} ms meanwhile, {quiet:.0f} ms before",
        busy / quiet,
    )


def _refuse_unfinished(closure: Any, tenant_id: UUID) -> None:
    """What day 45 has to show: nothing left, a receipt that adds up, documents untouched."""
    if closure.state != ClosureState.PURGED or tenant_purge.left(tenant_id):
        raise RuntimeError(f"not emptied: {tenant_purge.left(tenant_id)}")
    counted = sum(closure.counts.values_list("count", flat=True))
    told = sum(row["count"] for row in closure.receipt if row["deed"] != "hold")
    kept = sum(row["count"] for row in closure.receipt if row["deed"] == "hold")
    if told != counted or kept != DOCUMENTS:
        raise RuntimeError(f"the receipt says {told} and {kept}, the tables {counted}")


def _watch(user: User, found: list[float], over: threading.Event) -> None:
    while not over.is_set():
        found.append(_page_ms(user, stop=over))
    connection.close()


def _page_ms(user: User, *, stop: threading.Event | None) -> float:
    client = Client()
    client.force_login(user)
    took = []
    for _round in range(ROUNDS if stop is None else 5):
        began = time.perf_counter()
        client.get(reverse("invoices:list"))
        took.append((time.perf_counter() - began) * 1000)
    return statistics.median(took)


# --- laying -----------------------------------------------------------------------------------


def _one(tenant_id: UUID) -> None:
    with tenancy.in_tenant(tenant_id), transaction.atomic():
        content, _ = intake.read(read_json(body("")), today=data.AT.date())
        entity = LegalEntity.objects.get()
        written = masters.written_out(content)
        invoice, lines = drafts.create(content=written, entity=entity, actor=data.ACTOR, at=data.AT)
        issuing.issue(invoice=invoice, lines=lines, entity=entity, actor=data.ACTOR, at=data.AT)


def _fill(admin: str, tenant_id: UUID) -> None:
    """One accepted document, copied; people, customers, what stands beside the trail."""
    _one(tenant_id)
    with tenancy.in_tenant(tenant_id), transaction.atomic():
        for number in range(PEOPLE):
            user = User.objects.create_user(f"clerk{number}@bench.example", None, name="Clerk")
            Membership(user=user, role=Role.OPERATOR, since=data.AT).save(force_insert=True)
    line = psycopg2.connect(admin)
    line.autocommit = True
    with line.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(_ACCEPTED, [str(tenant_id)])
        _copy(cursor, tenant_id)
        cursor.execute(_BUYERS, [BUYERS, str(tenant_id)])
        cursor.execute(_BESIDE, [DOCUMENTS, str(tenant_id)])
        cursor.execute("RESET session_replication_role")
        cursor.execute("ANALYZE")
    line.close()


def _copy(cursor: Any, tenant_id: UUID) -> None:
    """The one document, as often as wanted: another id, number and number of FBR each."""
    names = [
        name
        for (name,) in rig.rows_of(
            cursor,
            "SELECT attname::text FROM pg_attribute WHERE attrelid = 'invoices_invoice'::regclass"
            " AND attnum > 0 AND attgenerated = '' AND NOT attisdropped",
            [],
        )
    ]
    cursor.execute(
        sql.SQL(
            "INSERT INTO invoices_invoice ({}) SELECT {} FROM invoices_invoice t,"
            " generate_series(1, %s) n WHERE t.tenant_id = %s"
        ).format(
            sql.SQL(", ").join(map(sql.Identifier, names)),
            sql.SQL(", ").join(
                sql.SQL(_CHANGED[name]) if name in _CHANGED else sql.Identifier("t", name)
                for name in names
            ),
        ),
        [DOCUMENTS - 1, str(tenant_id)],
    )


_CHANGED: Final = {
    "id": "gen_random_uuid()",
    "serial": "n + 1",
    "number": "'INV-' || n",
    "fbr_number": "gen_random_uuid()::text",
}
_ACCEPTED: Final = """
    UPDATE invoices_invoice SET state = 'accepted', fbr_number = id::text, accepted_at = now()
    WHERE tenant_id = %s
"""
_BUYERS: Final = """
    INSERT INTO invoices_buyer (id, tenant_id, name, registration_type, ntn_cnic, province,
        address, phone, email, withholding, register_says, standing)
    SELECT gen_random_uuid(), t.id, 'Customer ' || n, 'Registered', lpad(n::text, 7, '0'),
        'PUNJAB', 'Lahore', '0300' || lpad(n::text, 7, '0'), 'buyer' || n || '@bench.example',
        'none', '', ''
    FROM accounts_tenant t, generate_series(1, %s) n WHERE t.id = %s
"""
_BESIDE: Final = """
    INSERT INTO accounts_auditprivate (id, tenant_id, salt, facts)
    SELECT gen_random_uuid(), t.id, md5(n::text), '{"address": "203.0.113.9"}'
    FROM accounts_tenant t, generate_series(1, %s) n WHERE t.id = %s
"""
