"""From the issue call's answer to `accepted` in the database, one document at a time."""

from __future__ import annotations

import http.client
import json
import statistics
import time
import uuid
from typing import Final
from uuid import UUID

import psycopg2

from bench import data, reporting, rig
from bench.create_rate import body

DOCUMENTS: Final = 40
LIMIT_MS: Final = 250


def _issue(line: http.client.HTTPConnection, key: str) -> str:
    """A new document, issued; its id. The clock starts when this returns."""
    reference = uuid.uuid4().hex
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    line.request("POST", "/api/v1/invoices", body(reference), headers)
    answer = line.getresponse()
    document = json.loads(answer.read())
    if answer.status != 201:
        raise RuntimeError(document)
    return str(document["id"])


def measure(admin: str, key: str, tenant_id: UUID) -> None:
    """The median of what we add to FBR's own time."""
    over = []
    with reporting.fake(100, 1) as (server, [(mine, user)]):
        own_key = data.lay_key(mine, user)
        env = {"FBR_DI_URL": server.url}
        with (
            rig.worker("reporting", rig.CONCURRENCY + 2, **env),
            rig.web(**env) as port,
            psycopg2.connect(admin) as connection,
            connection.cursor() as cursor,
        ):
            connection.autocommit = True
            line = http.client.HTTPConnection("127.0.0.1", port)
            for number in range(DOCUMENTS + 5):
                document = _issue(line, own_key)
                began = time.perf_counter()
                query = "SELECT state FROM invoices_invoice WHERE id = %s"
                while rig.rows_of(cursor, query, [document]) != [("accepted",)]:
                    if time.perf_counter() - began > 20:
                        raise RuntimeError("not accepted within 20 s")
                    time.sleep(0.002)
                if number >= 5:
                    over.append((time.perf_counter() - began) * 1000 - rig.LATENCY_MS)
    median = statistics.median(over)
    rig.line(
        "issue_to_accepted_overhead_ms",
        median,
        "ms",
        f"the fake's {rig.LATENCY_MS} ms, taken off; the limit is {LIMIT_MS} ms",
        median / LIMIT_MS,
    )
