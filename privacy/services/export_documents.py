"""The documents that go into an export, a few at a time; each with its printed copy."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet

from accounts import tenancy
from invoices.enums import State
from invoices.models import Invoice
from invoices.services import printing
from privacy.services import export_words
from privacy.services.export_archive import Archive
from privacy.services.export_rows import Whose
from privacy.subjects import SubjectKind

STEP: Final = 25  # between two signs of life


def pieces(whose: Whose, *, unkept: bool = False) -> Iterator[list[tuple[UUID, UUID]]]:
    """Documents that are theirs, a few at a time, as (tenant, document).

    unkept: only those of which no printed copy is kept.
    """
    tenant_id, last = _tenant_of(whose), UUID(int=0)
    while tenant_id is not None:
        with transaction.atomic(), tenancy.in_tenant(tenant_id):
            rows = _theirs(whose, unkept=unkept).filter(pk__gt=last).order_by("pk")
            ids = list(rows.values_list("pk", flat=True)[:STEP])
        if not ids:
            return
        last = ids[-1]
        yield [(tenant_id, pk) for pk in ids]


def count(whose: Whose, *, unkept: bool = False) -> int:
    tenant_id = _tenant_of(whose)
    if tenant_id is None:
        return 0
    with transaction.atomic(), tenancy.in_tenant(tenant_id):
        return _theirs(whose, unkept=unkept).count()


def _tenant_of(whose: Whose) -> UUID | None:
    """Where their documents are: a person has none of their own."""
    has_some = whose.subject.kind in {SubjectKind.BUYER, SubjectKind.TENANT}
    return whose.subject.tenant_id if has_some else None


def _theirs(whose: Whose, *, unkept: bool) -> QuerySet[Invoice]:
    """On which a customer stands; all of a business."""
    rows = Invoice.objects.exclude(state=State.DRAFT)
    if whose.subject.kind == SubjectKind.BUYER:
        of_number = Q(buyer_ntn_cnic__in=sorted(whose.numbers))
        rows = rows.filter(Q(buyer_id=whose.subject.buyer_id) | of_number)
    return printing.without_copy(rows) if unkept else rows


def add(archive: Archive, tenant_id: UUID, invoice_id: UUID, at: datetime) -> None:
    """The printed copy of one document, drawn now if none is kept."""
    with tenancy.in_tenant(tenant_id):
        copy = printing.render_and_keep(invoice_id=invoice_id, at=at)
        content = printing.open_kept(copy)
        with transaction.atomic():
            number = Invoice.objects.values_list("number", flat=True).get(pk=invoice_id)
    archive.add(f"documents/{number or invoice_id}.pdf", content, **export_words.OF_DOCUMENTS)
