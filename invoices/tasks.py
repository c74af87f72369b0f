"""Jobs of the invoices floor."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from datetime import datetime
from functools import partial
from typing import Final
from uuid import UUID

from django.core.cache import cache
from django.db import transaction
from kombu.exceptions import OperationalError

from accounts import tenancy
from accounts.models import LegalEntity
from accounts.task_base import TenantTask
from invoices.models import Invoice
from invoices.services import closing, printing, signing
from smartinvoicing import clock
from smartinvoicing.celery import app

logger = logging.getLogger(__name__)

_ASKED_S: Final = 20
_TASK_S: Final = 45.0  # of work over many tenants; what is left is due again at the next tick


@app.task(name="invoices.print", base=TenantTask)
def print_invoice(*, tenant_id: str, invoice_id: str, paper: str = "") -> None:
    """Render the copy of a document as it stands now; a second run finds it rendered."""
    printing.render_and_keep(invoice_id=UUID(invoice_id), at=clock.now(), paper=paper)


@app.task(name="invoices.print_all")
def print_all(*, copies: list[list[str]]) -> None:
    """Ring for the copies of documents that have just been accepted: of [tenant, document] each."""
    for tenant_id, invoice_id in copies:
        _ring({"tenant_id": tenant_id, "invoice_id": invoice_id})


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


# --- what is due over all tenants -------------------------------------------------------------


@app.task(name="invoices.sign_due")
def sign_due() -> None:
    """Sign what was accepted and has no signature yet; a second run finds nothing."""
    at = clock.now()
    _for_each((each, partial(_signs_more, at)) for each in signing.unsigned_tenants())


def _signs_more(at: datetime) -> bool:
    return signing.sign_due(at=at) == signing.PAGE


@app.task(name="invoices.verify_signatures")
def verify_signatures() -> None:
    """Once a day, look at all signatures of each business; a second run finds the round made."""
    at = clock.now()
    _for_each((each, partial(signing.verify_some, at=at)) for each in signing.rounds_due(at=at))


@app.task(name="invoices.close_periods")
def close_periods() -> None:
    """Close the days, weeks and months that have ended; a second run finds them closed."""
    at = clock.now()
    _for_each((each.tenant_id, partial(_close, each, at)) for each in closing.due(at=at))


def _close(due: closing.Due, at: datetime) -> bool:
    with transaction.atomic():
        entity = LegalEntity.objects.get(pk=due.entity_id)
    return closing.close(entity=entity, environment=due.environment, at=at)


def _for_each(due: Iterable[tuple[UUID, Callable[[], bool]]]) -> None:
    """Each in its own tenant, a piece at a time, whatever befalls the others."""
    failed: Exception | None = None
    until = time.monotonic() + _TASK_S
    for tenant_id, go_on in due:
        try:
            with tenancy.in_tenant(tenant_id):
                while time.monotonic() < until and go_on():
                    pass
        except Exception as error:
            logger.exception("invoices.due_failed", extra={"tenant": str(tenant_id)})
            failed = error
    if failed is not None:
        raise failed
