"""What a document must know of the world when it is issued: is FBR there, is it like another."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from django.db import connection

from fbr.services import losses
from invoices.models import Invoice

FRESH: Final = timedelta(hours=24)

# A document that FBR may have, or has had since yesterday, and that says the same.
_TWIN: Final = """
SELECT i.id FROM invoices_invoice i
WHERE i.tenant_id = %(tenant)s AND i.fingerprint = %(fingerprint)s AND i.id <> %(itself)s
  AND i.environment = %(environment)s
  AND (i.state IN ('uncertain', 'submitting')
       OR (i.state = 'accepted' AND i.accepted_at > clock_timestamp() - %(fresh)s))
  AND (i.client_reference = '' OR %(reference)s = '')
ORDER BY i.accepted_at DESC NULLS FIRST LIMIT 1
"""


def is_suspect(invoice: Invoice) -> bool:
    """Whether FBR may have it already: as another document of ours, or as one that we lost."""
    is_twin = twin_of(invoice, invoice.fingerprint) is not None
    return is_twin or bool(losses.reported_before(invoice))


def twin_of(invoice: Invoice, fingerprint: str) -> UUID | None:
    """A document that reports the same supply, as far as anybody can see.

    Two that both carry a reference of the business's own are two: no two have the same one.
    Source: reliability contract, 5.4.
    """
    if not fingerprint:
        return None
    asked: dict[str, Any] = {
        "tenant": invoice.tenant_id,
        "fingerprint": fingerprint,
        "itself": invoice.pk,
        "environment": invoice.environment,
        "fresh": FRESH,
        "reference": invoice.client_reference,
    }
    with connection.cursor() as cursor:
        cursor.execute(_TWIN, asked)
        row = cursor.fetchone()
    return row[0] if row else None
