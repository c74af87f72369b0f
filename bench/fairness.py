"""One business queues 20,000 documents, another one a single one: how long that one waits."""

from __future__ import annotations

import time
from typing import Final
from uuid import UUID

import psycopg2

from bench import bulk, drain_rate, reporting, rig
from fbr import tasks

MANY: Final = 20_000


def measure(admin: str, key: str, tenant_id: UUID) -> None:
    with reporting.fake(1100, 2) as (server, [(many, _), (one, _)]):
        drain_rate.queue(many, 1)
        bulk.queue(admin, many, MANY)
        with (
            rig.worker("reporting", 4, FBR_DI_URL=server.url),
            psycopg2.connect(admin) as connection,
            connection.cursor() as cursor,
        ):
            connection.autocommit = True
            tasks.ring()
            time.sleep(2)  # the queue of the one is well under way
            drain_rate.queue(one, 1)
            began = time.perf_counter()
            tasks.ring()
            query = "SELECT count(*) FROM fbr_outbox WHERE state = 'done' AND tenant_id = %s"
            while not rig.rows_of(cursor, query, [one])[0][0]:
                if time.perf_counter() - began > 60:
                    raise RuntimeError("not within 60 s")
                time.sleep(0.01)
            waited = time.perf_counter() - began
    rig.line("fairness_s", waited, "s", f"behind {MANY} of another; latency 0.15", waited / 0.15)
