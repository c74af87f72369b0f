"""Whether the chain of closings is whole, and whether it still says what the documents say."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from django.utils.translation import gettext as _

from accounts.enums import AuditAction
from accounts.models import AuditEvent, LegalEntity
from invoices import closing_sums
from invoices.models import Closing
from invoices.models.closings import ClosingKind, Confirmed
from invoices.services import closing_chain


@dataclass(frozen=True)
class Finding:
    """What is wrong with one link: its place in the chain, and a sentence."""

    seq: int
    sentence: str


def verify(*, entity: LegalEntity, environment: str, since: date | None = None) -> list[Finding]:
    """What is wrong with one chain of the current tenant; nothing, if all is well.

    Every link is hashed anew. The sums are added up anew from the documents, for the closings
    that end on `since` or later; without it for all.
    """
    chain = closing_chain.closings(entity, environment)
    return [
        *_links(chain.order_by("seq").iterator()),
        *_end(entity, environment),
        *_sums(entity, environment, since),
    ]


def _links(chain: Iterator[Closing]) -> Iterator[Finding]:
    seq, prev = 0, ""
    for closing in chain:
        if closing.seq != seq + 1:
            yield Finding(closing.seq, _("A closing before this one is missing."))
        elif closing.prev_hash != prev:
            yield Finding(closing.seq, _("It does not follow from the closing before it."))
        if closing_chain.link(closing) != closing.hash:
            yield Finding(closing.seq, _("It was changed after it was made."))
        seq, prev = closing.seq, closing.hash


def _end(entity: LegalEntity, environment: str) -> Iterator[Finding]:
    """The audit trail knows how far the chain came: a tail that was cut off is missed there."""
    told = AuditEvent.objects.filter(
        action=AuditAction.PERIOD_CLOSED,
        details__entity=str(entity.pk),
        details__environment=environment,
    )
    last_told = max(told.values_list("details__seq", "details__hash"), default=None)
    last = closing_chain.closings(entity, environment).order_by("-seq").first()
    if last_told is not None and (last is None or last.seq < last_told[0]):
        yield Finding(last_told[0], _("The audit trail names it, and it is gone."))
    elif last is not None and (last_told is None or tuple(last_told) != (last.seq, last.hash)):
        yield Finding(last.seq, _("The audit trail does not know it as it stands."))


def _sums(entity: LegalEntity, environment: str, since: date | None) -> Iterator[Finding]:
    chain = closing_chain.closings(entity, environment)
    recent = chain.filter(ends_on__gte=since) if since else chain
    before: dict[tuple[str, date], int] = defaultdict(int)
    for closing in recent.order_by("seq"):
        stretch = (closing.kind, closing.starts_on)
        if closing.kind == ClosingKind.DAY:
            rows = closing_chain.rows_of(closing.pk)
            covers = closing_chain.covers(closing.pk) if rows else ""
        else:
            entries = list(
                closing_chain.days_of(
                    chain,
                    closing.starts_on,
                    closing.ends_on,
                    after=before[stretch],
                    before=closing.seq,
                )
            )
            rows, covers = closing_chain.sum_of(entries), closing_chain.covers_days(entries)
        before[stretch] = closing.seq
        counted = tuple(closing_sums.counted(rows, what) for what in Confirmed)
        said = (closing.documents, closing.cancelled)
        if rows != closing.content["rows"] or counted != said:
            yield Finding(closing.seq, _("Its sums are not those of its documents."))
        elif covers != closing.content["covers"]:
            yield Finding(closing.seq, _("It covers other documents than it did."))
