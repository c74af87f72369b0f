"""The one call that asks FBR to cancel a document, where an operator has switched it on."""

from __future__ import annotations

import logging
from uuid import UUID

from django.db import connection, transaction

from fbr import cancel_adapter, selectors
from fbr.cancel_adapter import CancelLine
from fbr.models import Cancellation
from fbr.models.cancelling import Way
from fbr.services import credentials
from fbr.services.cancelling import OPEN
from invoices.enums import State
from invoices.models import Invoice
from smartinvoicing import arming, clock
from smartinvoicing.pg import rows

logger = logging.getLogger(__name__)


def call(*, request_id: UUID) -> None:
    """Ask FBR once, and keep what it says as evidence; the document stays CANCEL_REQUESTED.

    Called inside its tenant and outside a transaction. A second run, or one after a crash in the
    middle, finds the call made and does nothing.
    """
    marked = _mark(request_id)
    if marked is None:
        return
    request, token, line = marked
    if connection.in_atomic_block:
        raise RuntimeError("a transaction is open across the wire")
    evidence = line.ask(request.invoice, reason=request.reason, token=token)
    told = {
        "call_ended_at": clock.now(),
        "call_status": evidence.status,
        "call_answer": evidence.body,
        "call_failure": evidence.failure[:80],
    }
    with transaction.atomic(durable=True):
        rows.update(Cancellation, where={"id": request.pk, "call_ended_at": None}, to=told)
    logger.info("fbr.cancel_called", extra={"request": str(request.pk), "sent": evidence.sent})


def _mark(request_id: UUID) -> tuple[Cancellation, str, CancelLine] | None:
    """About to call: durable before the first byte. None when there is nothing to call."""
    with transaction.atomic(durable=True):
        request = Cancellation.objects.select_related("invoice").get(pk=request_id)
        invoice = request.invoice
        line = cancel_adapter.line_for(invoice.channel)
        now = clock.database_now()
        if not arming.is_armed():
            return None
        if line is None or invoice.state != State.CANCEL_REQUESTED:
            return None
        if request.window_ends_at <= now:
            return None
        token = _token(invoice)
        where = {"id": request.pk, "way": Way.API, "call_at": None, **OPEN}
        if not token or not rows.update(Cancellation, where=where, to={"call_at": now}):
            return None
    return request, token, line


def _token(invoice: Invoice) -> str:
    """The seller's own token for these books; "" where it may not be used."""
    credential = selectors.credential_of(invoice.legal_entity, invoice.environment)
    if credential is None or credential.held_at is not None:
        return ""
    if credential.seller_ntn_cnic != invoice.seller_ntn_cnic:
        return ""
    return credentials.opened(credential)
