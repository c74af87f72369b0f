"""The list of documents at 1,000 and 100,000 in one tenant: first page and a deep one."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any, Final
from uuid import UUID

import psycopg2
from django.conf import settings
from django.db import connection, transaction
from django.http import HttpRequest, HttpResponse
from django.template import engines
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext
from django.urls import include, path, reverse
from psycopg2 import sql

from accounts import tenancy
from accounts.models import LegalEntity, User
from bench import data, rig
from bench.create_rate import body
from fbr.services import issuing
from invoices import intake, selectors
from invoices.models import Invoice
from invoices.services import drafts
from smartinvoicing.api import read_json

ROUNDS: Final = 60
SMALL: Final = 1_000
LARGE: Final = 100_000
BARE: Final = """<!DOCTYPE html><table>{% for row in rows %}<tr><td>{{ row.number }}</td>
<td>{{ row.invoice_date }}</td><td>{{ row.buyer_name }}</td><td>{{ row.client_reference }}</td>
<td>{{ row.value }}</td><td>{{ row.sales_tax }}</td><td>{{ row.total }}</td>
<td>{{ row.get_state_display }}</td></tr>{% endfor %}</table>"""


def bare(request: HttpRequest) -> HttpResponse:
    """The same rows by Django alone: one query, one table, behind the same middleware."""
    rows = Invoice.objects.order_by("-invoice_date", "-id")[: selectors.PAGE]
    return HttpResponse(engines["django"].from_string(BARE).render({"rows": rows}, request))


urlpatterns = [path("bare/", bare), path("", include("smartinvoicing.urls"))]


def _first(tenant_id: UUID) -> None:
    with tenancy.in_tenant(tenant_id), transaction.atomic():
        entity = LegalEntity.objects.get()
        content, _ = intake.read(read_json(body("")), today=data.AT.date())
        invoice, lines = drafts.create(content=content, entity=entity, actor=data.ACTOR, at=data.AT)
        issuing.issue(invoice=invoice, lines=lines, entity=entity, actor=data.ACTOR, at=data.AT)


def _multiply(admin: str, tenant_id: UUID, count: int) -> None:
    """Copies of the tenant's one document, dated back, as if FBR had accepted each."""
    changed = {
        "id": "('0197' || lpad(to_hex(n), 8, '0') || left(md5(n || t.id::text), 20))::uuid",
        "serial": "n + 1",
        "number": "'INV-2026-' || lpad((n + 1)::text, 6, '0')",
        "invoice_date": "DATE '2026-11-20' - n / 200",
        "buyer_name": "'Customer ' || mod(n, 997)",
        "state": "'accepted'",
        "fbr_number": "substr(t.id::text, 25) || 'DI' || lpad(n::text, 13, '0')",
        "accepted_at": "now()",
    }
    with psycopg2.connect(admin) as line, line.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(
            "SELECT attname FROM pg_attribute WHERE attrelid = 'invoices_invoice'::regclass"
            " AND attnum > 0 AND attgenerated = ''"
        )
        names = [name for (name,) in cursor.fetchall()]
        values = [
            sql.SQL(changed[name]) if name in changed else sql.Identifier("t", name)
            for name in names
        ]
        cursor.execute(
            sql.SQL(
                "INSERT INTO invoices_invoice ({}) SELECT {} FROM invoices_invoice t,"
                " generate_series(1, %s) n WHERE t.tenant_id = %s"
            ).format(sql.SQL(", ").join(map(sql.Identifier, names)), sql.SQL(", ").join(values)),
            [count - 1, str(tenant_id)],
        )
        if cursor.rowcount != count - 1:
            raise RuntimeError(f"{cursor.rowcount} rows")
        cursor.execute("ANALYZE invoices_invoice")


def _deep(tenant_id: UUID, count: int) -> str:
    """The cursor of a page behind nine tenths of the rows."""
    with tenancy.in_tenant(tenant_id), transaction.atomic():
        day, key = Invoice.objects.order_by("-invoice_date", "-id").values_list(
            "invoice_date", "id"
        )[count * 9 // 10]
    return selectors.write_cursor(day, key)


def _times(ask: Callable[[], Any]) -> list[float]:
    for _ in range(5):
        ask()
    took = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        answer = ask()
        took.append((time.perf_counter() - began) * 1000)
        if answer.status_code != 200:
            raise RuntimeError(answer.status_code)
    return took


def _queries(ask: Callable[[], Any]) -> int:
    with CaptureQueriesContext(connection) as queries:
        ask()
    return len(queries)


def _asked(user: User, deep: str) -> dict[str, Callable[[], Any]]:
    """The three pages, as this person's browser asks for them."""
    client, address = Client(), reverse("invoices:list")
    client.force_login(user, backend=settings.AUTHENTICATION_BACKENDS[1])
    return {
        "first": lambda: client.get(address),
        "deep": lambda: client.get(address, {"cursor": deep}),
        "bare": lambda: client.get("/bare/"),
    }


@override_settings(ROOT_URLCONF="bench.list_page", ALLOWED_HOSTS=["testserver"])
def measure(admin: str, key: str, tenant_id: UUID) -> None:
    """p50 and p95 of the ready HTML; large beside small, and beside a bare Django list."""
    found: dict[tuple[int, str], list[float]] = {}
    counts: dict[tuple[int, str], int] = {}
    for place, count in enumerate((SMALL, LARGE)):
        mine, user, _ = data.lay_tenant(300 + place)
        _first(mine)
        _multiply(admin, mine, count)
        asked = _asked(user, _deep(mine, count))
        for name, ask in asked.items():
            found[count, name] = _times(ask)
            counts[count, name] = _queries(ask)
    for name in ("first", "deep"):
        small, large = found[SMALL, name], found[LARGE, name]
        for label, of in (("p50", statistics.median), ("p95", lambda row: rig.percentile(row, 95))):
            rig.line(
                f"list_page_ms_{name}_{label}",
                of(large),
                "ms",
                f"{LARGE:,} documents beside {SMALL:,}: {of(small):.1f} ms; "
                f"{counts[LARGE, name]} queries beside {counts[SMALL, name]}",
                of(large) / of(small),
            )
    ours, plain = (statistics.median(found[LARGE, name]) for name in ("first", "bare"))
    rig.line(
        "list_page_ms_beside_bare",
        ours,
        "ms",
        f"a bare Django list of the same rows, {plain:.1f} ms",
        ours / plain,
    )
