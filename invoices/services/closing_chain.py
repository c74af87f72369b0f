"""The chain of closings: what a link holds, what it covers, and how it is hashed."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db.models import Count, F, QuerySet, Sum

from accounts import audit
from accounts.access import Actor
from accounts.enums import AuditAction
from accounts.models import LegalEntity
from invoices import closing_sums, periods, snapshots
from invoices.enums import State
from invoices.models import BookEntry, Closing, Invoice
from invoices.models.closings import ClosingKind, Confirmed
from smartinvoicing import clock, money

CLOSER: Final = Actor.system("invoices.close")
_SETTLED: Final = (State.DRAFT, State.ACCEPTED, State.CANCELLED)


@dataclass(frozen=True, order=True)
class Stretch:
    """A day, a week or a month, by its first and last day."""

    first: date
    last: date
    kind: str


def stretch_of(day: date, kind: str) -> Stretch:
    """The day, week or month in which `day` lies."""
    if kind == ClosingKind.WEEK:
        monday = day - timedelta(days=day.weekday())
        return Stretch(monday, monday + timedelta(days=6), kind)
    if kind == ClosingKind.MONTH:
        month = periods.month_of(day)
        return Stretch(month.first, month.last, kind)
    return Stretch(day, day, kind)


class Chain:
    """One taxpayer's closings in one of FBR's worlds, and the last link of them."""

    def __init__(self, entity: LegalEntity, environment: str, at: datetime) -> None:
        self.entity, self.environment, self.at = entity, environment, at
        self.today = clock.karachi_date(at)
        last = self.closings().order_by("-seq").first()
        self.seq, self.hash = (last.seq, last.hash) if last else (0, "")

    @property
    def is_current(self) -> bool:
        """Whether the business works in this world: then empty days are closed too."""
        return self.entity.environment == self.environment

    def closings(self) -> QuerySet[Closing]:
        return closings(self.entity, self.environment)

    def waiting(self) -> QuerySet[BookEntry]:
        """What was confirmed of ended days and stands in no closing."""
        return BookEntry.objects.filter(
            legal_entity=self.entity,
            environment=self.environment,
            closing=None,
            day__lt=self.today,
        )

    def add(
        self, ident: UUID, stretch: Stretch, content: dict[str, Any], *, amends: UUID | None
    ) -> None:
        made = Closing(
            id=ident,
            legal_entity=self.entity,
            environment=self.environment,
            seq=self.seq + 1,
            kind=stretch.kind,
            starts_on=stretch.first,
            ends_on=stretch.last,
            amends_id=amends,
            documents=closing_sums.counted(content["rows"], Confirmed.ACCEPTED),
            cancelled=closing_sums.counted(content["rows"], Confirmed.CANCELLED),
            content=content,
            made_at=self.at,
            prev_hash=self.hash,
            tenant_id=self.entity.tenant_id,
        )
        made.hash = link(made)
        made.save(force_insert=True)
        self.seq, self.hash = made.seq, made.hash
        audit.record(
            CLOSER,
            AuditAction.PERIOD_CLOSED,
            made,
            at=self.at,
            entity=str(self.entity.pk),
            environment=self.environment,
            kind=stretch.kind,
            starts_on=stretch.first.isoformat(),
            seq=made.seq,
            hash=made.hash,
        )


def closings(entity: LegalEntity, environment: str) -> QuerySet[Closing]:
    return Closing.objects.filter(legal_entity=entity, environment=environment)


def link(closing: Closing) -> str:
    """The hash of a closing and of the one before it."""
    said = {
        "tenant": str(closing.tenant_id),
        "legal_entity": str(closing.legal_entity_id),
        "environment": closing.environment,
        "seq": closing.seq,
        "kind": closing.kind,
        "starts_on": closing.starts_on.isoformat(),
        "ends_on": closing.ends_on.isoformat(),
        "amends": str(closing.amends_id or ""),
        "documents": closing.documents,
        "cancelled": closing.cancelled,
        "content": closing.content,
        "made_at": snapshots.instant(closing.made_at),
        "prev": closing.prev_hash,
    }
    return hashlib.sha256(snapshots.written(said).encode()).hexdigest()


# --- what a link covers ---------------------------------------------------------------------


def rows_of(closing_id: UUID) -> list[closing_sums.Row]:
    """What the documents of a day's closing come to, from the documents themselves."""
    groups = (
        BookEntry.objects.filter(closing_id=closing_id)
        .values(
            "what",
            document_type=F("invoice__document_type"),
            direction=F("invoice__direction"),
            till=F("invoice__till__pos_id"),
        )
        .annotate(
            count=Count("id"), **{name: Sum(f"invoice__{name}") for name in closing_sums.SUMS}
        )
        .order_by()
    )
    return closing_sums.added(closing_sums.row_of(group) for group in groups)


def covers(closing_id: UUID) -> str:
    """One hash over the documents that a day's closing covers, as they were signed."""
    entries = BookEntry.objects.filter(closing_id=closing_id).order_by("id")
    whole = hashlib.sha256()
    for entry in entries.values_list("id", "invoice_id", "what", "signature__sha256").iterator():
        whole.update((" ".join(str(each or "") for each in entry) + "\n").encode())
    return whole.hexdigest()


def others_of(chain: Chain, stretch: Stretch) -> dict[date, dict[str, Any]]:
    """By day: how many issued documents stand elsewhere than confirmed, by their state."""
    groups = (
        Invoice.objects.filter(
            legal_entity=chain.entity,
            environment=chain.environment,
            invoice_date__range=(stretch.first, stretch.last),
        )
        .exclude(state__in=_SETTLED)
        .values("invoice_date", "state")
        .annotate(count=Count("id"), total=Sum("total"))
        .order_by()
    )
    found: dict[date, dict[str, Any]] = defaultdict(dict)
    for group in groups:
        counted = {"count": group["count"], "total": money.write(group["total"])}
        found[group["invoice_date"]][group["state"]] = counted
    return found


def days_of(
    among: QuerySet[Closing], first: date, last: date, *, after: int, before: int
) -> QuerySet[Closing]:
    """The entries of the days of a stretch that were made between two links of the chain."""
    return among.filter(
        kind=ClosingKind.DAY, starts_on__range=(first, last), seq__gt=after, seq__lt=before
    ).order_by("seq")


def sum_of(entries: Sequence[Closing]) -> list[closing_sums.Row]:
    return closing_sums.added(row for entry in entries for row in entry.content["rows"])


def covers_days(entries: Sequence[Closing]) -> str:
    """One hash over the entries that a week or month adds up."""
    text = "".join(f"{entry.seq} {entry.hash}\n" for entry in entries)
    return hashlib.sha256(text.encode()).hexdigest()
