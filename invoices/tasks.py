"""Jobs of the invoices floor."""

from __future__ import annotations

import logging
from typing import Final
from uuid import UUID

from django.core.cache import cache
from django.db import transaction
from kombu.exceptions import OperationalError

from accounts.task_base import TenantTask
from invoices.models import Invoice
from invoices.services import printing
from smartinvoicing import clock
from smartinvoicing.celery import app

logger = logging.getLogger(__name__)

_ASKED_S: Final = 20


@app.task(name="invoices.print", base=TenantTask)
def print_invoice(*, tenant_id: str, invoice_id: str, paper: str = "") -> None:
    """Render the copy of a document as it stands now; a second run finds it rendered."""
    printing.render_and_keep(invoice_id=UUID(invoice_id), at=clock.now(), paper=paper)


def ask_for_copy(invoice: Invoice, paper: str = "") -> None:
    """Have a worker render `invoice` as it stands; asking again within a while does nothing.

    It never raises: who waits asks again.
    """
    paper = printing.paper_of(invoice, paper)
    asked = f"print:{invoice.tenant_id}:{invoice.pk}:{invoice.state}:{invoice.version}:{paper}"
    if cache.add(asked, 1, _ASKED_S):
        ids = {
            "tenant_id": str(invoice.tenant_id),
            "invoice_id": str(invoice.pk),
            "paper": str(paper),
        }
        transaction.on_commit(lambda: _ring(ids))


def _ring(ids: dict[str, str]) -> None:
    try:
        print_invoice.delay(**ids)
    except OperationalError as error:
        logger.warning("pdf.bell_is_broken", extra={"failure": type(error).__name__})
