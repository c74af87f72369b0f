"""The 28 sandbox scenarios of one tenant, issued and reported by one worker."""

from __future__ import annotations

import time
from typing import Any, Final
from uuid import UUID

import psycopg2
from django.db import transaction

from accounts import tenancy
from accounts.models import LegalEntity
from bench import data, reporting, rig
from fbr import scenarios, tasks
from fbr.services import issuing
from invoices.services import drafts

PER_TOKEN: Final = 2  # FBR_CONCURRENCY_PER_CREDENTIAL


def measure(admin: str, key: str, tenant_id: UUID) -> None:
    """Seconds from the first draft to the last answer, beside latency alone, two at a time."""
    least = len(scenarios.SCENARIOS) * rig.LATENCY_MS / 1000 / PER_TOKEN
    with reporting.fake(900, 1) as (server, laid):
        tenant = laid[0][0]
        with (
            rig.worker("reporting", rig.CONCURRENCY, FBR_DI_URL=server.url),
            psycopg2.connect(admin) as connection,
            connection.cursor() as cursor,
        ):
            connection.autocommit = True
            began = time.perf_counter()
            _issue(tenant)
            while (done := _accepted(cursor, tenant)) < len(scenarios.SCENARIOS):
                if time.perf_counter() - began > 60:
                    raise RuntimeError(f"{done} scenarios passed within 60 s")
                time.sleep(0.02)
            took = time.perf_counter() - began
    rig.line("scenario_run_s", took, "s", f"latency alone, {least:.2f} s", took / least)


def _issue(tenant: UUID) -> None:
    with tenancy.in_tenant(tenant):
        for scenario in scenarios.SCENARIOS:
            with transaction.atomic():
                entity = LegalEntity.objects.get()
                content = scenarios.content_of(scenario, entity=entity, on=data.AT.date())
                invoice, lines = drafts.create(
                    content=content, entity=entity, actor=data.ACTOR, at=data.AT
                )
                issuing.issue(
                    invoice=invoice, lines=lines, entity=entity, actor=data.ACTOR, at=data.AT
                )
            tasks.ring()


def _accepted(cursor: Any, tenant: UUID) -> int:
    query = "SELECT count(*) FROM invoices_invoice WHERE state = 'accepted' AND tenant_id = %s"
    return int(rig.rows_of(cursor, query, [tenant])[0][0])
