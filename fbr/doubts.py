"""Questions about documents of which FBR may know, or not: proofs, claims, lists, look-alikes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import connection
from django.db.models import Q, QuerySet

from fbr.models import (
    Attempt,
    Claim,
    Evidence,
    Outbox,
    Statement,
    StatementRow,
    WitnessRequest,
)
from fbr.models.evidence import EvidenceKind
from fbr.models.work import WorkState
from fbr.outcomes import Hold, Outcome
from invoices.enums import REPORTED, State
from invoices.models import Invoice
from smartinvoicing.errors import NotFound

FRESH: Final = timedelta(hours=24)  # so long is an accepted document taken for what is typed again
NEAR: Final = timedelta(hours=12)  # a deadline that is nearer stands on the red list

_ON_THE_WAY: Final = (State.QUEUED, State.SUBMITTING, State.UNCERTAIN)


# --- one document -----------------------------------------------------------------------------


def evidence_of(invoice: Invoice) -> list[Evidence]:
    """What is known besides the attempts, oldest first."""
    rows = Evidence.objects.filter(invoice=invoice).select_related("statement", "twin")
    return list(rows.order_by("at", "id"))


def claims_of(invoice: Invoice) -> list[Claim]:
    return list(Claim.objects.filter(invoice=invoice).order_by("made_at", "id"))


def open_claim(invoice: Invoice) -> Claim | None:
    """What somebody said of it and nobody confirmed or took back."""
    return Claim.objects.filter(invoice=invoice, confirmed_at=None, withdrawn_at=None).first()


def claim(claim_id: UUID) -> Claim:
    """Raises: NotFound."""
    row = Claim.objects.select_related("invoice").filter(pk=claim_id).first()
    if row is None:
        raise NotFound("There is no such claim.")
    return row


def evidence(evidence_id: UUID) -> Evidence:
    """Raises: NotFound."""
    row = Evidence.objects.select_related("invoice").filter(pk=evidence_id).first()
    if row is None:
        raise NotFound("There is no such evidence.")
    return row


def last_attempt(invoice: Invoice) -> Attempt | None:
    """The newest send of a document, in the order that the database goes by too."""
    rows = Attempt.objects.defer("answer").filter(invoice=invoice)
    return rows.order_by("-started_at", "-id").first()


def sure_from(invoice: Invoice) -> datetime:
    """The first instant at which FBR's portal would show the last send: thirty minutes after it."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT fbr_ended_at(%s, %s) + interval '30 minutes'", [invoice.tenant_id, invoice.pk]
        )
        row = cursor.fetchone()
    at: datetime = row[0]
    return at


def said_yes(invoice: Invoice) -> Evidence | None:
    """FBR's own acceptance that came late, if there is one; the newest of several."""
    return _late_yes(invoice).order_by("-at", "-id").first()


def said_yes_to_this(invoice: Invoice) -> Evidence | None:
    """The same, of the very text that the document has now: nothing was changed since."""
    return _yes_to_this(invoice).order_by("-at", "-id").first()


def is_of_another_text(invoice: Invoice, fbr_number: str) -> bool:
    """Whether FBR gave this number to the document as it was before somebody changed it."""
    is_given = _late_yes(invoice).filter(fbr_number=fbr_number).exists()
    return is_given and not _yes_to_this(invoice).filter(fbr_number=fbr_number).exists()


def taken_works(invoice: Invoice) -> list[Outbox]:
    """The versions that FBR took, as its late answers say, with their bytes."""
    taken = _late_yes(invoice).values("attempt__work_id")
    return list(Outbox.objects.filter(pk__in=taken).order_by("version"))


def _late_yes(invoice: Invoice) -> QuerySet[Evidence]:
    return Evidence.objects.filter(
        invoice=invoice, kind=EvidenceKind.LATE_ANSWER, outcome=Outcome.ACCEPTED
    )


def _yes_to_this(invoice: Invoice) -> QuerySet[Evidence]:
    """A save raises the version of the document: then its newest work is no longer its text."""
    newest = Outbox.objects.filter(invoice=invoice).order_by("-version")
    work = newest.values_list("version", "body_sha256").first()
    if work is None or work[0] != invoice.version:
        return Evidence.objects.none()
    return _late_yes(invoice).filter(attempt__body_sha256=work[1])


def second_numbers(invoice: Invoice) -> list[Evidence]:
    """Numbers under which FBR has the document besides its own, and that are not cancelled yet."""
    if invoice.state not in REPORTED:
        return []
    rows = Evidence.objects.filter(invoice=invoice).exclude(fbr_number="").order_by("at", "id")
    found = list(rows.exclude(fbr_number=invoice.fbr_number))
    undone = {row.fbr_number for row in found if row.kind == EvidenceKind.UNDONE}
    kept = {
        row.fbr_number: row
        for row in found
        if row.fbr_number not in undone and _says_yes(row) and row.kind != EvidenceKind.UNDONE
    }
    return list(kept.values())


def _says_yes(row: Evidence) -> bool:
    return row.kind != EvidenceKind.LATE_ANSWER or row.outcome == Outcome.ACCEPTED


def twins_of(invoice: Invoice, *, at: datetime) -> list[Invoice]:
    """Documents that FBR has, or may have, with the same customer, date, totals and lines."""
    if not invoice.fingerprint:
        return []
    rows = Invoice.objects.filter(
        fingerprint=invoice.fingerprint, environment=invoice.environment
    ).exclude(pk=invoice.pk)
    on_the_way = Q(state__in=_ON_THE_WAY)
    fresh = Q(state__in=sorted(REPORTED), accepted_at__gte=at - FRESH)
    return list(rows.filter(on_the_way | fresh).order_by("id")[:5])


# --- the red list -----------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Some:
    """The first rows of a section of the red list, and whether there are more."""

    rows: list[Invoice]
    more: bool


def in_state(state: State, environment: str, *, most: int) -> Some:
    """Documents in one state, the oldest first."""
    rows = Invoice.objects.filter(state=state, environment=environment)
    return _some(rows.order_by("state_at", "id"), most)


def suspects(environment: str, *, most: int) -> Some:
    """Documents that wait because they look like another one."""
    return _some(_waiting(environment).filter(work__hold_reason=Hold.DUPLICATE_SUSPECT), most)


def held(environment: str, *, most: int) -> Some:
    """Documents that wait for something else than their turn, or for a token."""
    waits = Q(work__credential__held_at__isnull=False) | ~Q(work__hold_reason="")
    rows = _waiting(environment).filter(waits)
    return _some(rows.exclude(work__hold_reason=Hold.DUPLICATE_SUSPECT), most)


def pressed(environment: str, *, at: datetime, most: int) -> Some:
    """Documents that law wants at FBR soon, and that are not there yet."""
    rows = _waiting(environment).filter(work__deadline__lte=at + NEAR)
    return _some(rows.order_by("work__deadline", "id"), most)


def reported_twice(environment: str, *, most: int) -> Some:
    """Documents that FBR has under two numbers, one of which must be cancelled."""
    late = Evidence.objects.filter(kind=EvidenceKind.LATE_ANSWER, outcome=Outcome.ACCEPTED)
    rows = Invoice.objects.filter(
        pk__in=late.values("invoice_id"), environment=environment, state__in=sorted(REPORTED)
    )
    found = [row for row in rows.order_by("id") if second_numbers(row)]
    return Some(rows=found[:most], more=len(found) > most)


def _waiting(environment: str) -> QuerySet[Invoice]:
    return Invoice.objects.filter(
        state=State.QUEUED, environment=environment, work__state=WorkState.WAITING
    ).order_by("state_at", "id")


def _some(rows: QuerySet[Invoice], most: int) -> Some:
    found = list(rows[: most + 1])
    return Some(rows=found[:most], more=len(found) > most)


def works_of(invoices: Iterable[Invoice]) -> dict[UUID, Outbox]:
    """The open work of each document: one query."""
    rows = Outbox.objects.filter(
        invoice_id__in=[row.pk for row in invoices],
        state__in=[WorkState.WAITING, WorkState.SENDING, WorkState.STOPPED],
    )
    return {row.invoice_id: row for row in rows.select_related("credential").defer("body")}


def open_claims(invoices: Iterable[Invoice]) -> dict[UUID, Claim]:
    """What waits for a second person, by its document: one query."""
    rows = Claim.objects.filter(
        invoice_id__in=[row.pk for row in invoices], confirmed_at=None, withdrawn_at=None
    )
    return {row.invoice_id: row for row in rows}


# --- lists ------------------------------------------------------------------------------------


def statements(*, most: int) -> list[Statement]:
    return list(Statement.objects.order_by("-uploaded_at", "-id")[:most])


def statement(statement_id: UUID) -> Statement:
    """Raises: NotFound."""
    row = Statement.objects.filter(pk=statement_id).first()
    if row is None:
        raise NotFound("There is no such list.")
    return row


def statement_row(row_id: UUID) -> StatementRow:
    """Raises: NotFound."""
    row = StatementRow.objects.select_related("statement").filter(pk=row_id).first()
    if row is None:
        raise NotFound("There is no such row.")
    return row


def covering(invoice: Invoice) -> list[Statement]:
    """Lists whose period holds the day of `invoice`, newest first."""
    rows = Statement.objects.filter(
        legal_entity_id=invoice.legal_entity_id,
        environment=invoice.environment,
        covers_from__lte=invoice.invoice_date,
        covers_until__gte=invoice.invoice_date,
    )
    return list(rows.order_by("-uploaded_at", "-id")[:20])


# --- witnesses --------------------------------------------------------------------------------


def witness_request(claim_id: UUID) -> WitnessRequest | None:
    return WitnessRequest.objects.filter(claim=claim_id).first()
