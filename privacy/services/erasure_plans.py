"""What erasing somebody would do, table by table: looked at before, sent to the person after."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from django.db import connection, models, transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from accounts import tenancy, traces
from accounts.enums import Role
from accounts.models import AuditEvent, Invitation, Membership, OutgoingMail, User
from invoices.enums import State
from invoices.models import Buyer, BuyerCheck, Invoice
from privacy.models import HoldScope, LegalHold, Ticket
from privacy.services import closed_tables, person_tables, stops
from privacy.subjects import Subject, SubjectKind
from smartinvoicing.classified import Retention
from smartinvoicing.clock import karachi_date

DELETE: Final = "delete"
ANONYMISE: Final = "anonymise"
HOLD: Final = "hold"
CLOSE_FIRST: Final = "close_first"
GOES: Final = frozenset({DELETE, ANONYMISE})

_LAW: Final = "Sales Tax Act 1990, s. 24; Income Tax Ordinance 2001, s. 174"

# Documents by the day from which they may go, and whether a hold covers them: the same question
# that the guard of the tables asks of each.
_DOCUMENTS: Final = """
    SELECT (tax_kept_until(i.invoice_date) AT TIME ZONE 'Asia/Karachi')::date AS kept,
           EXISTS (
               SELECT 1 FROM privacy_legalhold h
               WHERE h.tenant_id = i.tenant_id AND h.lifted_at IS NULL
                 AND (h.scope = 'tenant'
                      OR h.covers IN (i.id, i.original_id, i.legal_entity_id, i.buyer_id)
                      OR i.invoice_date BETWEEN h.from_on AND h.to_on)
           ) AS is_held,
           count(*)
    FROM invoices_invoice i
    WHERE i.tenant_id = %s AND i.state <> 'draft' AND (%s::uuid IS NULL OR i.buyer_id = %s)
    GROUP BY kept, is_held ORDER BY is_held, kept
"""


@dataclass(frozen=True, kw_only=True)
class PlannedRow:
    """What becomes of some rows of one table. until: the day from which a held row may go; None
    while nobody can say. basis: why it is held; "" for what goes.
    """

    retention: Retention
    table: str
    deed: str
    count: int
    until: date | None = None
    basis: str = ""

    def as_dict(self) -> dict[str, Any]:
        return asdict(self) | {"until": self.until.isoformat() if self.until else None}


def digest_of(rows: Iterable[dict[str, Any]]) -> str:
    """SHA-256 of a receipt, which whoever has the receipt can reckon again."""
    return hashlib.sha256(json.dumps(list(rows), sort_keys=True).encode()).hexdigest()


@transaction.atomic
def plan_for(subject: Subject, *, at: datetime) -> list[PlannedRow]:
    """What erasing this subject would do now. It changes nothing."""
    return stopped(parts_of(subject, at=at), why=why_stopped(subject, at=at))


@transaction.atomic
def parts_of(subject: Subject, *, at: datetime) -> list[PlannedRow]:
    """What becomes of each table, unless all of this subject is kept."""
    return [row for row in _PLANS[subject.kind](subject, at) if row.count]


def why_stopped(subject: Subject, *, at: datetime) -> str:
    """What keeps all of this subject for now, in words; "" where nothing does.

    A legal hold on a whole business, on a taxpayer of it or on this customer; or a breach that is
    open and touches a business: its records may be evidence. A closing asks by itself.
    """
    if subject.kind is SubjectKind.TENANT:
        return ""
    tenants = tenants_of(subject)
    if any(_is_held(tenant_id, subject.buyer_id) for tenant_id in tenants):
        return _("A legal hold covers it.")
    if any(stop.tenant_id in tenants for stop in stops.of_breaches(at=at)):
        return _("An incident about it is open.")
    return ""


def stopped(rows: Iterable[PlannedRow], *, why: str) -> list[PlannedRow]:
    """The same rows, of which none goes until nobody knows when; without a reason as they are."""
    return [
        replace(row, deed=HOLD, until=None, basis=why) if why and row.deed in GOES else row
        for row in rows
    ]


def tenants_of(subject: Subject) -> list[UUID]:
    """The businesses in which a hold may stand in the way of erasing this subject."""
    if subject.tenant_id is not None:
        return [subject.tenant_id]
    if subject.kind is SubjectKind.USER and subject.user_id is not None:
        return person_tables.businesses_of(subject.user_id)
    return []


def _is_held(tenant_id: UUID, buyer_id: UUID | None) -> bool:
    covers = Q(scope__in=(HoldScope.TENANT, HoldScope.ENTITY))
    if buyer_id is not None:
        covers |= Q(scope=HoldScope.BUYER, covers=buyer_id)
    with tenancy.in_tenant(tenant_id), transaction.atomic():
        return LegalHold.objects.filter(covers, lifted_at=None).exists()


# --- each kind --------------------------------------------------------------------------------


def _user(subject: Subject, at: datetime) -> Iterator[PlannedRow]:
    user_id = _id_of(subject)
    if subject.tenant_id is not None:
        yield from _membership(subject.tenant_id, user_id, at)
        return
    yield _row(User, ANONYMISE, User.objects.filter(pk=user_id).count())
    user = User.objects.filter(pk=user_id).first()
    if user is not None:
        for queryset, retention in person_tables.of(user):
            yield _row(queryset.model, DELETE, queryset.count(), retention)
    for tenant_id in tenants_of(subject):
        yield from _membership(tenant_id, user_id, at)


def _membership(tenant_id: UUID, user_id: UUID, at: datetime) -> Iterator[PlannedRow]:
    with tenancy.in_tenant(tenant_id), transaction.atomic():
        is_last = is_last_owner(user_id) and _is_open(tenant_id)
        yield _row(
            Membership,
            CLOSE_FIRST if is_last else DELETE,
            Membership.objects.filter(user_id=user_id).count(),
            basis=_("The account has to be closed first, or given another owner.")
            if is_last
            else "",
        )
        deeds = AuditEvent.objects.filter(actor=f"user:{user_id}")
        if newest := deeds.aggregate(at=models.Max("at"))["at"]:
            until = _kept(karachi_date(newest))
            yield _row(AuditEvent, HOLD, deeds.count(), until=until, basis=_LAW)
        if _owns(user_id):
            yield from _documents(tenant_id, at)


def _is_open(tenant_id: UUID) -> bool:
    return closed_tables.tenant(tenant_id).closing_at is None


def _owns(user_id: UUID) -> bool:
    return Membership.objects.filter(user_id=user_id, role=Role.OWNER).exists()


def is_last_owner(user_id: UUID) -> bool:
    """Whether the business of the scope has no owner but this person."""
    others = Membership.objects.filter(role=Role.OWNER).exclude(user_id=user_id)
    return _owns(user_id) and not others.exists()


def _buyer(subject: Subject, at: datetime) -> Iterator[PlannedRow]:
    if subject.tenant_id is None or subject.buyer_id is None:
        raise ValueError("A customer is of a business.")
    with tenancy.in_tenant(subject.tenant_id), transaction.atomic():
        of_buyer = Invoice.objects.filter(buyer_id=subject.buyer_id)
        numbered = of_buyer.exclude(state=State.DRAFT).exists()
        deed = ANONYMISE if numbered else DELETE
        yield _row(Buyer, deed, Buyer.objects.filter(pk=subject.buyer_id).count())
        yield _row(BuyerCheck, DELETE, BuyerCheck.objects.filter(buyer=subject.buyer_id).count())
        yield _row(Invoice, ANONYMISE, of_buyer.filter(state=State.DRAFT).count(), Retention.ACC)
        yield from _documents(subject.tenant_id, at, buyer_id=subject.buyer_id)


def _invitee(subject: Subject, at: datetime) -> Iterator[PlannedRow]:
    mails = OutgoingMail.objects.filter(to__iexact=subject.address)
    yield _row(OutgoingMail, DELETE, mails.count())
    asked = Ticket.objects.filter(address_key__in=traces.keys_of(subject.address))
    yield _row(Ticket, DELETE, asked.count())
    if subject.tenant_id is not None:
        with tenancy.in_tenant(subject.tenant_id), transaction.atomic():
            seats = Invitation.objects.filter(email__iexact=subject.address)
            yield _row(Invitation, DELETE, seats.count())


def _tenant(subject: Subject, at: datetime) -> Iterator[PlannedRow]:
    if subject.tenant_id is None:
        raise ValueError("Which business?")
    with tenancy.in_tenant(subject.tenant_id), transaction.atomic():
        for taken in closed_tables.taken():
            gone, blanked = closed_tables.counts(taken, subject.tenant_id)
            yield _row(taken.model, DELETE, gone, taken.retention)
            yield _row(taken.model, ANONYMISE, blanked, taken.retention)
        drafts = Invoice.objects.filter(state=State.DRAFT).count()
        yield _row(Invoice, DELETE, drafts, Retention.ACC)
        yield from _documents(subject.tenant_id, at)


_PLANS: Final = {
    SubjectKind.USER: _user,
    SubjectKind.BUYER: _buyer,
    SubjectKind.INVITEE: _invitee,
    SubjectKind.LEAD: _invitee,
    SubjectKind.TENANT: _tenant,
}


def _documents(
    tenant_id: UUID, at: datetime, *, buyer_id: UUID | None = None
) -> Iterator[PlannedRow]:
    """Numbered documents: held by law or by a hold, or due at the next purge."""
    today = karachi_date(at)
    with connection.cursor() as cursor:
        cursor.execute(_DOCUMENTS, [tenant_id, buyer_id, buyer_id])
        found = cursor.fetchall()
    for kept, is_held, count in found:
        if is_held:
            yield _row(Invoice, HOLD, count, basis=_("A legal hold covers it."))
        elif kept > today:
            yield _row(Invoice, HOLD, count, until=kept, basis=_LAW)
        else:
            yield _row(Invoice, DELETE, count, until=kept)


def _kept(day: date) -> date:
    with connection.cursor() as cursor:
        cursor.execute("SELECT (tax_kept_until(%s) AT TIME ZONE 'Asia/Karachi')::date", [day])
        until: date = cursor.fetchone()[0]
    return until


def _row(
    model: type[models.Model],
    deed: str,
    count: int,
    retention: Retention | None = None,
    *,
    until: date | None = None,
    basis: str = "",
) -> PlannedRow:
    return PlannedRow(
        retention=retention or Retention(model.Privacy.retention),  # type: ignore[attr-defined]  # the model is known at run time
        table=model._meta.db_table,
        deed=deed,
        count=count,
        until=until,
        basis=basis,
    )


def _id_of(subject: Subject) -> UUID:
    if subject.user_id is None:
        raise ValueError("Which person?")
    return subject.user_id


def resumes_on(rows: Iterable[PlannedRow]) -> date | None:
    """The first day on which something that is held may go; None where nothing is held."""
    held = [row for row in rows if row.deed == HOLD]
    days = [row.until for row in held if row.until is not None]
    if not held:
        return None
    return min(days) if days else date.max
