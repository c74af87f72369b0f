"""2,000 queued documents of 50 tenants, reported by one worker, eight to 128 at a time.

Beside concurrency / latency, and beside threads that do nothing but post the same bytes to the
same fake FBR: what they cannot reach, nobody can on this machine.
"""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import UUID

import psycopg2
from django.db import transaction

from accounts import tenancy
from accounts.models import LegalEntity
from bench import bulk, data, reporting, rig
from bench.create_rate import body
from fbr import tasks
from fbr.fake import FakeFbr
from fbr.services import issuing
from invoices import intake
from invoices.services import drafts
from smartinvoicing.api import read_json

TENANTS: Final = 50
DOCUMENTS: Final = 2000
FINISHED: Final = 1_000_000


def measure(admin: str, key: str, tenant_id: UUID) -> None:
    with reporting.fake(1000, TENANTS) as (server, laid):
        tenants = [tenant for tenant, _ in laid]
        for concurrency in (8, 32, 128):
            drained = _drain(admin, server, tenants, concurrency)
            most = concurrency / (rig.LATENCY_MS / 1000)
            bare = _bare_threads(server, concurrency)
            beside = f"{most:.0f}/s; bare threads {bare / most:.2f}; {drained.peak_mb} MB"
            name = f"drain_rate_{concurrency}"
            rig.line(name, drained.rate, "documents/s", beside, drained.rate / most)
        queue(tenants[0], 1)
        bulk.finish(admin, tenants[0], FINISHED)
        later = _drain(admin, server, tenants, 32)
        name = "drain_rate_32_after_1m"
        most = 32 / (rig.LATENCY_MS / 1000)
        rig.line(name, later.rate, "documents/s", f"{most:.0f}/s", later.rate / most)


@dataclass(frozen=True)
class Drained:
    """Documents a second, and the most memory that the worker ever held."""

    rate: float
    peak_mb: int


def _drain(admin: str, server: FakeFbr, tenants: Sequence[UUID], concurrency: int) -> Drained:
    for tenant in tenants:
        queue(tenant, DOCUMENTS // len(tenants))
    knobs = {
        "FBR_DI_URL": server.url,
        "FBR_CONCURRENCY": str(concurrency),
        "FBR_CONCURRENCY_PER_CREDENTIAL": str(max(2, concurrency // 10)),
    }
    with (
        rig.worker("reporting", 4, **knobs) as pid,
        psycopg2.connect(admin) as connection,
        connection.cursor() as cursor,
    ):
        connection.autocommit = True
        began = time.perf_counter()
        tasks.ring()
        while left := _under_way(cursor):
            if time.perf_counter() - began > 180:
                raise RuntimeError(f"{left} left after 180 s")
            time.sleep(0.05)
        rate = DOCUMENTS / (time.perf_counter() - began)
        peak = peak_mb(pid)
        if stopped := _left(cursor, tenants):
            raise RuntimeError(f"{stopped} were not reported")
    return Drained(rate, peak)


def queue(tenant_id: UUID, count: int) -> None:
    """Documents of one tenant, issued, nobody told."""
    with tenancy.in_tenant(tenant_id), transaction.atomic():
        entity = LegalEntity.objects.get()
        for number in range(count):
            typed = read_json(body(f"drain {time.time_ns()} {number}"))
            content, _ = intake.read(typed, today=data.AT.date())
            invoice, lines = drafts.create(
                content=content, entity=entity, actor=data.ACTOR, at=data.AT
            )
            issuing.issue(invoice=invoice, lines=lines, entity=entity, actor=data.ACTOR, at=data.AT)


def _under_way(cursor: Any) -> int:
    """What waits or is leased, by the indexes: of a million finished rows it reads none."""
    query = (
        "SELECT (SELECT count(*) FROM fbr_outbox WHERE state = 'waiting'"
        " AND hold_reason IN ('', 'clock', 'endpoint'))"
        " + (SELECT count(*) FROM fbr_outbox WHERE lease_until IS NOT NULL)"
    )
    return int(rig.rows_of(cursor, query, [])[0][0])


def _left(cursor: Any, tenants: Sequence[UUID]) -> int:
    query = "SELECT count(*) FROM fbr_outbox WHERE state <> 'done' AND tenant_id = ANY(%s)"
    return int(rig.rows_of(cursor, query, [list(tenants)])[0][0])


def peak_mb(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    (line,) = [row for row in status.splitlines() if row.startswith("VmHWM")]
    return int(line.split()[1]) // 1024


def _bare_threads(server: FakeFbr, concurrency: int, count: int = DOCUMENTS) -> float:
    """Posts a second of threads without a database, a rule or a journal."""
    raw = json.loads(server.ledger()["recorded"][-1]["body"])
    sent, where = json.dumps(raw).encode(), urlsplit(server.url)
    headers = {"Content-Type": "application/json"}
    headers["Authorization"] = f"Bearer bench-token-{raw['sellerNTNCNIC']}"

    def post(_: int) -> None:
        line = http.client.HTTPConnection(where.hostname or "", where.port, timeout=60)
        line.request("POST", "/di_data/v1/di/postinvoicedata_sb", sent, headers)
        line.getresponse().read()
        line.close()

    began = time.perf_counter()
    with ThreadPoolExecutor(concurrency) as pool:
        list(pool.map(post, range(count)))
    return count / (time.perf_counter() - began)
