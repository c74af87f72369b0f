"""200 queued documents of 20 tenants, reported by one worker at the default concurrency."""

from __future__ import annotations

import time
from typing import Any, Final
from uuid import UUID

import psycopg2
from django.db import transaction

from accounts import tenancy
from accounts.models import LegalEntity
from bench import data, reporting, rig
from bench.create_rate import body
from fbr import tasks
from fbr.services import issuing
from invoices import intake
from invoices.services import drafts
from smartinvoicing.api import read_json

TENANTS: Final = 20
DOCUMENTS: Final = 10


def _queue(tenant_id: UUID) -> None:
    """Ten documents of one tenant, issued, nobody told."""
    with tenancy.in_tenant(tenant_id), transaction.atomic():
        entity = LegalEntity.objects.get()
        for number in range(DOCUMENTS):
            typed = read_json(body(f"report {number}"))
            content, _ = intake.read(typed, today=data.AT.date())
            invoice, lines = drafts.create(
                content=content, entity=entity, actor=data.ACTOR, at=data.AT
            )
            issuing.issue(invoice=invoice, lines=lines, entity=entity, actor=data.ACTOR, at=data.AT)


def _accepted(cursor: Any, tenants: list[UUID]) -> int:
    query = "SELECT count(*) FROM invoices_invoice WHERE state = 'accepted' AND tenant_id = ANY(%s)"
    return int(rig.rows_of(cursor, query, [tenants])[0][0])


def measure(admin: str, key: str, tenant_id: UUID) -> None:
    """Documents a second beside concurrency / latency, the most that could be."""
    most = rig.CONCURRENCY / (rig.LATENCY_MS / 1000)
    with reporting.fake(200, TENANTS) as (server, laid):
        tenants = [tenant for tenant, _ in laid]
        for tenant in tenants:
            _queue(tenant)
        with (
            rig.worker("reporting", 4, FBR_DI_URL=server.url),
            psycopg2.connect(admin) as connection,
            connection.cursor() as cursor,
        ):
            connection.autocommit = True
            began = time.perf_counter()
            tasks.ring()
            while (done := _accepted(cursor, tenants)) < TENANTS * DOCUMENTS:
                if time.perf_counter() - began > 60:
                    raise RuntimeError(f"{done} accepted within 60 s")
                time.sleep(0.02)
            rate = done / (time.perf_counter() - began)
        flying = server.summary()["max_recording"]
    rig.line(
        "report_rate",
        rate,
        "documents/s",
        f"concurrency / latency = {most:.1f}/s, at most {flying} at a time",
        rate / most,
    )
