"""A customer of a business: off its list; documents with a number keep what law wants on them."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import connection, transaction

from accounts import audit
from accounts.access import Actor
from accounts.enums import AuditAction
from accounts.models import IdempotencyKey
from invoices.enums import State
from invoices.models import Buyer, Invoice
from invoices.services import printing
from privacy.services import closed_tables

_DRAFT: Final = dict.fromkeys(
    ("buyer_name", "buyer_ntn_cnic", "buyer_province", "buyer_address"), ""
)
BATCH: Final = 500


def erase_buyer(tenant_id: UUID, buyer_id: UUID, *, actor: Actor, at: datetime) -> None:
    """Blank the customer wherever nothing forbids it, then delete what nothing points at.

    In the scope of the business. A customer on numbered documents stays as an empty row, set
    aside, so that no list and no search finds it.
    """
    with transaction.atomic():
        buyer = Buyer.objects.select_for_update(of=("self",)).filter(pk=buyer_id).first()
        if buyer is None:
            return
        _forget_answers(buyer)
        drafts = Invoice.objects.filter(buyer_id=buyer_id, state=State.DRAFT)
        for draft in drafts:
            printing.forget_drafts(draft)
        drafts.update(buyer=None, **_DRAFT)
        _name, values = closed_tables.BLANKS[Buyer]
        Buyer.objects.filter(pk=buyer_id).update(**values, restricted_at=at)
        audit.record(actor, AuditAction.BUYER_ERASED, buyer, at=at)
    _forget_checks(tenant_id, buyer_id)
    with transaction.atomic():
        if not Invoice.objects.filter(buyer_id=buyer_id).exists():
            Buyer.objects.filter(pk=buyer_id).delete()


def set_aside(buyer_id: UUID, *, actor: Actor, at: datetime) -> None:
    """While something keeps all of the customer: out of every list, used for nothing else."""
    free = Buyer.objects.select_for_update(of=("self",)).filter(restricted_at=None)
    buyer = free.filter(pk=buyer_id).first()
    if buyer is not None:
        Buyer.objects.filter(pk=buyer_id).update(restricted_at=at)
        audit.record(actor, AuditAction.BUYER_RESTRICTED, buyer, at=at, on=True)


def _forget_answers(buyer: Buyer) -> None:
    """What a program was answered about them, kept a week for its retries."""
    words = [word for word in (buyer.name, buyer.ntn_cnic, buyer.email, buyer.phone) if word]
    for word in words:
        IdempotencyKey.objects.filter(answer__icontains=word).delete()


def _forget_checks(tenant_id: UUID, buyer_id: UUID) -> None:
    while True:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                "SELECT privacy_erase_once('invoices_buyercheck', %s, %s, %s)",
                [tenant_id, buyer_id, BATCH],
            )
            if int(cursor.fetchone()[0]) < BATCH:
                return
