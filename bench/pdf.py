"""One page, rendered in a warm process."""

from __future__ import annotations

import statistics
import time
from typing import Final
from uuid import UUID

from django.db import transaction

from accounts import tenancy
from accounts.models import LegalEntity
from bench import data, rig
from bench.create_rate import body
from invoices import intake, pdf
from invoices.printed import printed_of
from invoices.services import drafts
from smartinvoicing.api import read_json

RENDERS: Final = 20
LIMIT_MS: Final = 150


def measure(admin: str, key: str, tenant_id: UUID) -> None:
    """The median of twenty."""
    with tenancy.in_tenant(tenant_id), transaction.atomic():
        content, _ = intake.read(read_json(body("")), today=data.AT.date())
        entity = LegalEntity.objects.get()
        invoice, lines = drafts.create(content=content, entity=entity, actor=data.ACTOR, at=data.AT)
        printed = printed_of(invoice, lines, entity)
    pdf.render(printed)
    took = []
    for _ in range(RENDERS):
        began = time.perf_counter()
        pdf.render(printed)
        took.append((time.perf_counter() - began) * 1000)
    median = statistics.median(took)
    rig.line("pdf_ms", median, "ms", f"the limit, {LIMIT_MS} ms", median / LIMIT_MS)
