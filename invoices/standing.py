"""What other rows say about a document: the invoice that a note corrects, money received before,
the till that sold. Read once, then judged by pure code."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final
from uuid import UUID

from django.db.models import Sum

from invoices.content import Content
from invoices.enums import NoteDirection, State
from invoices.models import AdvanceUse, Invoice, PosTerms, Product, Till
from smartinvoicing.money import ZERO

# Documents that count against what is left: all that FBR has, or may have.
COUNTED: Final = frozenset(
    {State.QUEUED, State.SUBMITTING, State.UNCERTAIN, State.ACCEPTED, State.CANCEL_REQUESTED}
)


@dataclass(frozen=True, kw_only=True)
class Original:
    """An invoice that a note corrects, and what other notes took of it: rupees.

    settled: of an advance receipt, what invoices took off their value for it.
    """

    invoice: Invoice
    noted_value: Decimal = ZERO
    noted_tax: Decimal = ZERO
    noted_withheld: Decimal = ZERO
    settled: Decimal = ZERO

    @property
    def value_left(self) -> Decimal:
        left: Decimal = self.invoice.value - self.noted_value - self.settled
        return left

    @property
    def tax_left(self) -> Decimal:
        left: Decimal = self.invoice.sales_tax - self.noted_tax
        return left

    @property
    def withheld_left(self) -> Decimal:
        left: Decimal = self.invoice.withheld - self.noted_withheld
        return left


@dataclass(frozen=True, kw_only=True)
class Receipt:
    """An advance receipt, and what other documents took of it: rupees before tax.

    used: by invoices that were charged in advance, and by notes that gave the money back.
    """

    invoice: Invoice
    used: Decimal = ZERO

    @property
    def left(self) -> Decimal:
        left: Decimal = self.invoice.value - self.used
        return left


@dataclass(frozen=True, kw_only=True)
class Standing:
    """All of it. What `content` names and is not here is None, or missing from `receipts`.

    item_codes: of the products that a till's bill names and that have one.
    """

    original: Original | None = None
    receipts: Mapping[UUID, Receipt] = field(default_factory=dict)
    till: Till | None = None
    pos_terms: PosTerms | None = None
    item_codes: Mapping[UUID, str] = field(default_factory=dict)


ALONE: Final = Standing()


def standing_of(
    content: Content, *, apart_from: UUID | None = None, for_issue: bool = False
) -> Standing:
    """What the rows that `content` names say; no query when it names none.

    apart_from: the document itself, which does not count against what is left.
    for_issue:  lock what caps it, so that two documents cannot use up the same rest.
    """
    wanted = [each.receipt_id for each in content.advances]
    if content.original_id is None and content.till_id is None and not wanted:
        return ALONE
    till = Till.objects.filter(pk=content.till_id).first() if content.till_id else None
    return Standing(
        original=_original(content.original_id, apart_from, for_issue=for_issue),
        receipts=_receipts(wanted, apart_from, for_issue=for_issue),
        till=till,
        pos_terms=_terms(till),
        item_codes=_item_codes(content) if till else {},
    )


def _terms(till: Till | None) -> PosTerms | None:
    if till is None:
        return None
    return PosTerms.objects.filter(legal_entity_id=till.legal_entity_id).first()


def _item_codes(content: Content) -> dict[UUID, str]:
    wanted = {line.product_id for line in content.lines if line.product_id}
    found = Product.objects.filter(pk__in=wanted).exclude(item_code="")
    return dict(found.values_list("pk", "item_code")) if wanted else {}


def _original(
    original_id: UUID | None, apart_from: UUID | None, *, for_issue: bool
) -> Original | None:
    found = _documents([original_id] if original_id else [], for_issue=for_issue)
    if not found:
        return None
    sums = (
        Invoice.objects.filter(original_id=original_id, state__in=COUNTED)
        .exclude(pk__in=[apart_from] if apart_from else [])
        .aggregate(value=Sum("value"), tax=Sum("sales_tax"), withheld=Sum("withheld"))
    )
    return Original(
        invoice=found[0],
        noted_value=sums["value"] or ZERO,
        noted_tax=sums["tax"] or ZERO,
        noted_withheld=sums["withheld"] or ZERO,
        settled=_settled(found, apart_from).get(found[0].pk, ZERO),
    )


def _receipts(
    wanted: Iterable[UUID], apart_from: UUID | None, *, for_issue: bool
) -> dict[UUID, Receipt]:
    return with_use(_documents(wanted, for_issue=for_issue), apart_from=apart_from)


def with_use(receipts: Sequence[Invoice], *, apart_from: UUID | None = None) -> dict[UUID, Receipt]:
    """Each receipt with what other documents took of it, by its id."""
    settled, returned = _settled(receipts, apart_from), _returned(receipts, apart_from)
    return {
        row.pk: Receipt(invoice=row, used=settled.get(row.pk, ZERO) + returned.get(row.pk, ZERO))
        for row in receipts
    }


def _settled(receipts: Sequence[Invoice], apart_from: UUID | None) -> dict[UUID, Decimal]:
    """What invoices took off their value for each receipt; no query where there is none."""
    ours = [row.pk for row in receipts if row.is_advance]
    if not ours:
        return {}
    return {
        row["receipt_id"]: row["used"]
        for row in AdvanceUse.objects.filter(receipt__in=ours, invoice__state__in=COUNTED)
        .exclude(invoice_id__in=[apart_from] if apart_from else [])
        .values("receipt_id")
        .annotate(used=Sum("value"))
        .order_by()
    }


def _returned(receipts: Sequence[Invoice], apart_from: UUID | None) -> dict[UUID, Decimal]:
    """What notes gave back of each receipt."""
    ours = [row.pk for row in receipts if row.is_advance]
    if not ours:
        return {}
    return {
        row["original_id"]: row["given"]
        for row in Invoice.objects.filter(original__in=ours, state__in=COUNTED)
        .exclude(direction=NoteDirection.INCREASE)
        .exclude(pk__in=[apart_from] if apart_from else [])
        .values("original_id")
        .annotate(given=Sum("value"))
        .order_by()
    }


def _documents(wanted: Iterable[UUID], *, for_issue: bool) -> list[Invoice]:
    ids = list(wanted)
    if not ids:
        return []
    rows = Invoice.objects.filter(pk__in=ids).order_by("pk")
    return list(rows.select_for_update(of=("self",), no_key=True) if for_issue else rows)
