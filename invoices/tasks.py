"""Jobs of the invoices floor."""

from __future__ import annotations

from uuid import UUID

from accounts.task_base import TenantTask
from invoices.services import printing
from smartinvoicing import clock
from smartinvoicing.celery import app


@app.task(name="invoices.print", base=TenantTask)
def print_invoice(*, tenant_id: str, invoice_id: str) -> None:
    """Render the copy of a document as it stands now; a second run finds it rendered."""
    printing.render_and_keep(invoice_id=UUID(invoice_id), at=clock.now())
