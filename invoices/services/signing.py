"""The digital signature of accepted documents: made once, checked every day.

Source: Sales Tax Rules 2006, rule 150R(4)(b), (c).
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import connection, transaction
from django.utils.translation import gettext as _

from accounts import audit, tenancy
from accounts.access import Actor
from accounts.enums import AuditAction, NoticeKind
from accounts.services import notices
from invoices import snapshots
from invoices.enums import REPORTED
from invoices.models import (
    AdvanceUse,
    BookEntry,
    Invoice,
    InvoiceLine,
    Signature,
    SignatureRound,
    SigningKey,
)
from invoices.models.closings import Confirmed
from invoices.services import signing_keys
from smartinvoicing import clock
from smartinvoicing.errors import StateConflict

logger = logging.getLogger(__name__)

CHECKER: Final = Actor.system("invoices.verify_signatures")
PAGE: Final = 200
MOST_TENANTS: Final = 100


# --- signing ----------------------------------------------------------------------------------


def of(invoice: Invoice) -> Signature | None:
    return Signature.objects.filter(invoice=invoice).select_related("key").first()


def sign(*, invoice: Invoice, at: datetime) -> Signature:
    """The signature of an accepted document, made now if there is none.

    What is signed is read from the database. Two may do it at once; one row stays.
    Raises: StateConflict for a document that FBR has not accepted; CannotOpen.
    """
    with transaction.atomic():
        known = of(invoice)
        if known is not None:
            return known
        fresh = Invoice.objects.get(pk=invoice.pk)
        if fresh.state not in REPORTED:
            raise StateConflict(_("Only a document that FBR has accepted is signed."))
        key = signing_keys.current(at=at)
        content = snapshots.text_of(
            fresh,
            InvoiceLine.objects.filter(invoice=fresh),
            AdvanceUse.objects.filter(invoice=fresh),
        )
        made, _mine = Signature.objects.get_or_create(
            invoice=fresh,
            defaults={
                "tenant_id": fresh.tenant_id,
                "key": key,
                "layout": snapshots.LAYOUT,
                "content": content,
                "sha256": hashlib.sha256(content.encode()).hexdigest(),
                "signature": signing_keys.sign(key, content.encode()),
                "signed_at": at,
            },
        )
        entries = BookEntry.objects.filter(invoice=fresh, what=Confirmed.ACCEPTED)
        entries.filter(signature=None).update(signature=made)
    return made


def sign_due(*, at: datetime, most: int = PAGE) -> int:
    """Sign the oldest accepted documents of the current tenant that have no signature."""
    waiting = BookEntry.objects.filter(what=Confirmed.ACCEPTED, signature=None)
    with transaction.atomic():
        entries = list(waiting.order_by("entered_at").select_related("invoice")[:most])
    for entry in entries:
        sign(invoice=entry.invoice, at=at)
    return len(entries)


def unsigned_tenants() -> list[UUID]:
    """Who has accepted documents without a signature, the longest waiting first: ids only."""
    return _ids("SELECT tenant_id FROM invoices_unsigned(%s)", [MOST_TENANTS])


def rounds_due(*, at: datetime, most: int | None = MOST_TENANTS) -> list[UUID]:
    """Whose signatures were not all looked at on the day of `at`: ids only. most: None for all."""
    day = clock.karachi_date(at)
    return _ids("SELECT tenant_id FROM invoices_rounds_due(%s, %s)", [day, most])


def _ids(sql: str, params: list[Any]) -> list[UUID]:
    with (
        tenancy.across_tenants(why="invoices.sign"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(sql, params)
        return [tenant_id for (tenant_id,) in cursor.fetchall()]


# --- checking ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Rows:
    """The rows of a page of documents, and which keys are ours."""

    lines: Mapping[UUID, list[InvoiceLine]]
    advances: Mapping[UUID, list[AdvanceUse]]
    keys: dict[UUID, bool] = field(default_factory=dict)

    @classmethod
    def of(cls, invoice_ids: Iterable[UUID]) -> _Rows:
        ids = list(invoice_ids)
        lines: dict[UUID, list[InvoiceLine]] = {each: [] for each in ids}
        advances: dict[UUID, list[AdvanceUse]] = {each: [] for each in ids}
        for line in InvoiceLine.objects.filter(invoice_id__in=ids):
            lines[line.invoice_id].append(line)
        for use in AdvanceUse.objects.filter(invoice_id__in=ids):
            advances[use.invoice_id].append(use)
        return cls(lines, advances)

    def is_ours(self, key: SigningKey) -> bool:
        if key.pk not in self.keys:
            self.keys[key.pk] = signing_keys.is_ours(key)
        return self.keys[key.pk]


def fault_of(invoice: Invoice) -> str:
    """What is wrong with the signature of one document: "" for nothing.

    Words: `content`, the document is not what was signed; `signature`, the mark does not fit;
    `key`, it was made with a key that is not ours; `missing`, it was there and is gone.
    """
    entries = BookEntry.objects.filter(invoice=invoice, what=Confirmed.ACCEPTED)
    entry = entries.select_related("invoice", "signature__key").first()
    if entry is None:
        return "missing" if invoice.state in REPORTED else ""
    return _fault(entry, _Rows.of([invoice.pk]))


def _fault(entry: BookEntry, rows: _Rows) -> str:
    if entry.signature_id is None:
        return ""  # its turn comes
    kept, invoice = entry.signature, entry.invoice
    if kept is None or kept.invoice_id != invoice.pk or kept.layout not in snapshots.LAYOUTS:
        return "missing"
    now = snapshots.text_of(
        invoice, rows.lines[invoice.pk], rows.advances[invoice.pk], layout=kept.layout
    )
    content = kept.content.encode()
    if now != kept.content or hashlib.sha256(content).hexdigest() != kept.sha256:
        return "content"
    if not signing_keys.fits(kept.key, bytes(kept.signature), content):
        return "signature"
    return "" if rows.is_ours(kept.key) else "key"


def verify_all(*, at: datetime, anew: bool = False) -> list[UUID]:
    """Documents of the current tenant whose signature does not fit.

    A round a day looks at all of them, a page a transaction; asked again that day it answers
    from the round. anew: look at all of them now.
    """
    if anew:
        with transaction.atomic():
            _begin(_round(at), at=at)
    while verify_some(at=at):
        pass
    with transaction.atomic():
        return sorted(UUID(ident) for ident in _round(at).broken)


def verify_some(*, at: datetime, size: int = PAGE) -> bool:
    """The next page of the round of this day; whether there are more. One worker at a time."""
    with transaction.atomic():
        this = _round(at)
        if this.day < clock.karachi_date(at):
            _begin(this, at=at)
        if this.ended_at is not None:
            return False
        entries = BookEntry.objects.filter(what=Confirmed.ACCEPTED).order_by("id")
        if this.after is not None:
            entries = entries.filter(pk__gt=this.after)
        page = list(entries.select_related("invoice", "signature__key")[:size])
        rows = _Rows.of(entry.invoice_id for entry in page)
        faults = {entry.invoice_id: _fault(entry, rows) for entry in page}
        _tell(this, faults, at=at)
        this.checked += len(page)
        if len(page) == size:
            this.after = page[-1].pk
        else:
            _tell(this, dict.fromkeys(_not_in_the_book(), "missing"), at=at)
            this.ended_at = at
        this.save()
    return this.ended_at is None


def _round(at: datetime) -> SignatureRound:
    """The row of the current tenant, locked until the transaction ends."""
    SignatureRound.objects.get_or_create(
        tenant_id=tenancy.current_tenant_id(), defaults={"day": clock.karachi_date(at)}
    )
    return SignatureRound.objects.select_for_update().get()


def _begin(this: SignatureRound, *, at: datetime) -> None:
    this.day, this.after, this.checked, this.ended_at = clock.karachi_date(at), None, 0, None
    this.save()


def _not_in_the_book() -> Iterable[UUID]:
    """Accepted documents whose entry was taken away."""
    booked = BookEntry.objects.filter(what=Confirmed.ACCEPTED).values("invoice_id")
    reported = Invoice.objects.filter(state__in=REPORTED).exclude(pk__in=booked)
    return reported.values_list("pk", flat=True)


def _tell(this: SignatureRound, faults: Mapping[UUID, str], *, at: datetime) -> None:
    """Each document that does not fit is told once, and again only after it fitted."""
    known = {UUID(ident) for ident in this.broken}
    broken = {ident for ident, fault in faults.items() if fault}
    mended = (known & faults.keys()) - broken
    for invoice in Invoice.objects.filter(pk__in=broken - known).order_by("id"):
        fault = faults[invoice.pk]
        logger.error("signature.broken", extra={"invoice": str(invoice.pk), "fault": fault})
        audit.record(CHECKER, AuditAction.SIGNATURE_BROKEN, invoice, at=at, fault=fault)
        notices.post(NoticeKind.SIGNATURE_BROKEN, invoice, at=at, number=invoice.number)
    for invoice in Invoice.objects.filter(pk__in=mended):
        notices.clear(NoticeKind.SIGNATURE_BROKEN, invoice, at=at)
    this.broken = sorted(str(ident) for ident in (known | broken) - mended)


def last_round() -> SignatureRound | None:
    """How far the daily check of the current tenant came."""
    return SignatureRound.objects.first()
