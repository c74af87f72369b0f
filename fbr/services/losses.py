"""What is issued after a restore, beside what FBR already had of the lost time.

A draft that the restore brought back, a sale that somebody types again, a program that posts it
again: the lost database may have reported it, and of that nothing is left here but a row of FBR's
list. Source: reliability contract, R21 and 5.4.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from django.db import connection
from django.db.models import Exists, OuterRef, Q

from fbr import matching
from fbr.models import Quarantine, StatementRow
from fbr.services import statements
from invoices.models import Invoice

_NEAR: Final = timedelta(days=1)


_RESTORED: Final = """
SELECT EXISTS (SELECT FROM fbr_quarantine
    WHERE legal_entity_id = %s AND environment = %s AND statement_id IS NOT NULL)
"""


def reported_before(invoice: Invoice) -> list[StatementRow]:
    """Rows that may be `invoice`, and that no document of ours bears the number of.

    They are of lists that ended a quarantine. At a till two like bills in a day are two customers:
    there only a bill that was written before the restore is compared.
    """
    if not _was_restored(invoice):
        return []
    quarantines = Quarantine.objects.filter(
        legal_entity_id=invoice.legal_entity_id, environment=invoice.environment
    )
    if invoice.till_id is not None:
        quarantines = quarantines.filter(began_at__gte=invoice.made_at)
    ours = Invoice.objects.filter(
        environment=invoice.environment, fbr_number=OuterRef("fbr_number")
    )
    days = (invoice.invoice_date - _NEAR, invoice.invoice_date + _NEAR)
    may_be = Q(dated_on=None) | Q(dated_on__range=days) | Q(number__iexact=invoice.number)
    found = StatementRow.objects.filter(
        may_be, ~Exists(ours), statement_id__in=quarantines.values("statement_id")
    )
    facts = statements.facts_of(invoice, 0)
    return [
        row
        for row in found.order_by("statement_id", "row")
        if matching.may_be_one(facts, statements.facts_of_row(row, invoice.legal_entity))
    ]


def _was_restored(invoice: Invoice) -> bool:
    """Hardly any seller ever was: each issue asks this much, and no more."""
    with connection.cursor() as cursor:
        cursor.execute(_RESTORED, [invoice.legal_entity_id, invoice.environment])
        return bool(cursor.fetchone()[0])
