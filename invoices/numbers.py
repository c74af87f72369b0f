"""The next number of a run, under its row lock, without gaps.

The lock is held until the issuing transaction ends, so a number is used or never given.
Source: Sales Tax Act 1990, s. 23 (serially numbered tax invoices); reliability contract, R11.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from django.db import connection

from accounts.models import LegalEntity
from invoices.enums import DocumentType
from invoices.models import Invoice
from smartinvoicing.ids import uuid7

_NEXT: Final = """
    INSERT INTO invoices_series
        (id, tenant_id, legal_entity_id, environment, document_type, prefix, year, last)
    VALUES (%s, %s, %s, %s, %s, %s, %s, 1)
    ON CONFLICT (tenant_id, legal_entity_id, environment, document_type, prefix, year)
    DO UPDATE SET last = invoices_series.last + 1
    RETURNING id, last
"""


# What a number says between prefix and year: two runs never print the same number.
_KIND: Final[Mapping[str, str]] = {
    DocumentType.DEBIT_NOTE: "-DN",
    DocumentType.CREDIT_NOTE: "-CN",
}


def take_next(invoice: Invoice, entity: LegalEntity, *, year: int) -> dict[str, object]:
    """The fields that number `invoice`: series, serial and the printed number."""
    with connection.cursor() as cursor:
        cursor.execute(
            _NEXT,
            [
                uuid7(),
                invoice.tenant_id,
                entity.pk,
                invoice.environment,
                invoice.document_type,
                entity.series,
                year,
            ],
        )
        row = cursor.fetchone()
    series_id, serial = row
    head = head_of(entity.series, invoice.document_type, year)
    return {"series_id": series_id, "serial": serial, "number": f"{head}{serial:06d}"}


def head_of(prefix: str, document_type: str, year: int) -> str:
    """What all numbers of a run begin with."""
    return f"{prefix}{_KIND.get(document_type, '')}-{year}-"
