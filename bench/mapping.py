"""A document of a hundred lines to the exact bytes for FBR."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from django.db import transaction

from accounts import tenancy
from accounts.models import LegalEntity
from bench import data, rig
from bench.create_rate import body
from fbr.di import document, mapping
from invoices import intake
from invoices.services import drafts
from smartinvoicing.api import read_json

LINES: Final = 100
TURNS: Final = 50
LIMIT_MS: Final = 5


def measure(admin: str, key: str, tenant_id: UUID) -> None:
    """The median of fifty, beside the limit and beside json.dumps of the same values."""
    with tenancy.in_tenant(tenant_id), transaction.atomic():
        content, _ = intake.read(read_json(body("")), today=data.AT.date())
        content = replace(content, lines=(content.lines[0],) * LINES)
        entity = LegalEntity.objects.get()
        invoice, lines = drafts.create(content=content, entity=entity, actor=data.ACTOR, at=data.AT)
    written = document.to_bytes(mapping.document_of(invoice, lines))
    plain = json.loads(written)
    ours = _median_ms(lambda: document.to_bytes(mapping.document_of(invoice, lines)))
    bare = _median_ms(lambda: json.dumps(plain, default=_number))
    rig.line("mapping_100_lines_ms", ours, "ms", f"the limit, {LIMIT_MS} ms", ours / LIMIT_MS)
    rig.line("mapping_100_lines_ms", ours, "ms", f"json.dumps, {bare:.2f} ms", ours / bare)


def _number(value: Decimal) -> float:
    return float(value)


def _median_ms(deed: Callable[[], Any]) -> float:
    took = []
    for _ in range(TURNS):
        began = time.perf_counter()
        deed()
        took.append((time.perf_counter() - began) * 1000)
    return statistics.median(took)
