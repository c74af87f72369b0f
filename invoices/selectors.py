"""Questions about documents and masters, each with all that its page needs."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any, Final, Generic, TypeVar
from uuid import UUID

from django.db import models
from django.db.models import Q, QuerySet

from accounts import registration, texts
from accounts.models import LegalEntity
from invoices import reference, standing, tariff
from invoices.content import Party
from invoices.enums import DocumentType, NoteDirection, State
from invoices.models import AdvanceUse, Buyer, Invoice, InvoiceLine, Product, Till
from smartinvoicing.errors import NotFound, RuleViolation

PAGE: Final = 50
LARGEST_PAGE: Final = 200
_TOP: Final = "\U0010ffff"
# Whatever a stranger's text may do on its way to two strings, the second of them an id.
_NO_CURSOR: Final = (ValueError, TypeError, AttributeError, RecursionError)

M = TypeVar("M", bound=models.Model)


@dataclass(frozen=True)
class Page(Generic[M]):
    """Some rows, and the cursor of those that follow (older) or "" at the end."""

    rows: list[M]
    next: str


@dataclass(frozen=True, kw_only=True)
class InvoiceFilter:
    """What a list of documents is narrowed to; empty means everything."""

    state: str = ""
    environment: str = ""
    since: date | None = None
    until: date | None = None
    buyer_id: UUID | None = None
    text: str = ""


def write_cursor(*parts: object) -> str:
    return base64.urlsafe_b64encode(json.dumps([str(part) for part in parts]).encode()).decode()


def read_cursor(cursor: str) -> list[str]:
    """Raises: RuleViolation for a cursor that we did not write."""
    try:
        parts = json.loads(base64.urlsafe_b64decode(cursor.encode()))
        edge, key = parts
        UUID(key)
        edge.encode()
    except _NO_CURSOR as error:
        raise RuleViolation("This cursor is not one of ours. Start at the first page.") from error
    if "\0" in edge:
        raise RuleViolation("This cursor is not one of ours. Start at the first page.")
    return [edge, key]


def invoices(wanted: InvoiceFilter) -> QuerySet[Invoice]:
    """Documents, newest first. Every filter has an index that begins with the tenant."""
    rows = Invoice.objects.order_by("-invoice_date", "-id")
    if wanted.state:
        rows = rows.filter(state=wanted.state)
    if wanted.environment:
        rows = rows.filter(environment=wanted.environment)
    if wanted.since:
        rows = rows.filter(invoice_date__gte=wanted.since)
    if wanted.until:
        rows = rows.filter(invoice_date__lte=wanted.until)
    if wanted.buyer_id:
        rows = rows.filter(buyer_id=wanted.buyer_id)
    text = texts.clean(wanted.text)
    if text:
        rows = rows.filter(_found(text))
    return rows


def _found(text: str) -> Q:
    """Whose number, reference, FBR number or customer begins with `text`: ranges, no LIKE.

    By the name of a customer who was set aside or erased nothing is found: what law keeps of them
    is looked up by number and by day.
    """
    low = text.lower()
    aside = Buyer.objects.filter(restricted_at__isnull=False)
    return (
        _begins("buyer_key", low) & ~Q(buyer_id__in=aside.values("pk"))
        | _begins("number", text.upper())
        | Q(client_reference=text)
        | Q(fbr_number=text)
    )


def _begins(field: str, text: str) -> Q:
    return Q(**{f"{field}__gte": text, f"{field}__lt": text + _TOP})


def invoice_page(wanted: InvoiceFilter, *, cursor: str = "", size: int = PAGE) -> Page[Invoice]:
    """One page by keyset: its cost does not grow with how deep it lies."""
    rows = invoices(wanted)
    if cursor:
        day, key = read_cursor(cursor)
        try:
            edge, edge_id = date.fromisoformat(day), UUID(key)
        except ValueError as error:
            raise RuleViolation("This cursor is not one of ours. Start again.") from error
        rows = rows.filter(invoice_date__lte=edge).filter(
            Q(invoice_date__lt=edge) | Q(invoice_date=edge, id__lt=edge_id)
        )
    found = list(rows[: min(size, LARGEST_PAGE) + 1])
    page = found[: min(size, LARGEST_PAGE)]
    more = len(found) > len(page)
    return Page(page, write_cursor(page[-1].invoice_date, page[-1].pk) if more else "")


def invoice(invoice_id: UUID) -> Invoice:
    """Raises: NotFound."""
    row = find_invoice(invoice_id)
    if row is None:
        raise NotFound("There is no such invoice.")
    return row


def find_invoice(invoice_id: UUID) -> Invoice | None:
    """The document of this id, if there is one."""
    return Invoice.objects.select_related("legal_entity").filter(pk=invoice_id).first()


def lines_of(row: Invoice) -> list[InvoiceLine]:
    return list(InvoiceLine.objects.filter(invoice=row).order_by("position"))


def advances_of(row: Invoice, lines: Iterable[InvoiceLine]) -> list[AdvanceUse]:
    """What `row` takes of advance receipts; no query where no line was charged in advance."""
    if not any(line.advance for line in lines):
        return []
    return list(AdvanceUse.objects.filter(invoice=row).order_by("receipt_id"))


def notes_of(row: Invoice) -> list[Invoice]:
    """The notes on a document, oldest first."""
    return list(Invoice.objects.filter(original=row).order_by("id"))


def noted_lines(row: Invoice) -> list[tuple[Invoice, InvoiceLine]]:
    """The lines of the notes that count against what is left of `row`, each with its note."""
    found = InvoiceLine.objects.filter(
        invoice__original=row, invoice__state__in=standing.COUNTED
    ).select_related("invoice")
    return [(line.invoice, line) for line in found.order_by("invoice_id", "position")]


def uses_of(receipt: Invoice) -> list[AdvanceUse]:
    """The invoices that took something off for an advance receipt, oldest first."""
    uses = AdvanceUse.objects.filter(receipt=receipt).select_related("invoice")
    return list(uses.order_by("invoice_id"))


def receipts_left(
    buyer: Party, entity: LegalEntity, *, apart_from: UUID | None = None
) -> list[standing.Receipt]:
    """The accepted advance receipts of a customer of which something is left, oldest first.

    By tax number where the customer has one, else by name.
    apart_from: the document that wants to use them, whose own use does not count.
    """
    number = registration.normal(buyer.ntn_cnic)
    if not number and not buyer.name:
        return []
    whose = {"buyer_ntn_cnic": number} if number else {"buyer_key": buyer.name.lower()}
    found = Invoice.objects.filter(
        is_advance=True,
        state=State.ACCEPTED,
        legal_entity=entity,
        environment=entity.environment,
        **(whose if number else whose | {"buyer_ntn_cnic": ""}),
    ).order_by("invoice_date", "id")[:LARGEST_PAGE]
    receipts = standing.with_use(list(found), apart_from=apart_from).values()
    return [receipt for receipt in receipts if receipt.left > 0]


def advance_uses_of(row: Invoice) -> list[AdvanceUse]:
    """What `row` takes of advance receipts, whatever its lines say, each with its receipt."""
    uses = AdvanceUse.objects.filter(invoice=row).select_related("receipt")
    return list(uses.order_by("receipt_id"))


def tills_in_use(entity: LegalEntity) -> list[Till]:
    """The tills at which `entity` can sell now."""
    rows = Till.objects.filter(legal_entity=entity, environment=entity.environment, retired_at=None)
    return list(rows.order_by("name", "id"))


def default_entity() -> LegalEntity:
    """The business whose documents are written when nobody says which.

    Raises: NotFound while the tenant has none.
    """
    entity = LegalEntity.objects.order_by("id").first()
    if entity is None:
        raise NotFound("Fill in your business profile first.")
    return entity


def _named_page(rows: QuerySet[M], text: str, cursor: str, size: int) -> Page[M]:
    rows = rows.order_by("name_key", "id")
    if text:
        rows = rows.filter(_begins("name_key", text.lower()))
    if cursor:
        name, key = read_cursor(cursor)
        rows = rows.filter(name_key__gte=name).filter(
            Q(name_key__gt=name) | Q(name_key=name, id__gt=key)
        )
    found: list[Any] = list(rows[: size + 1])
    page = found[:size]
    more = len(found) > len(page)
    return Page(page, write_cursor(page[-1].name_key, page[-1].pk) if more else "")


def buyers(*, text: str = "", cursor: str = "", size: int = PAGE) -> Page[Buyer]:
    """Customers by name; digits look for the NTN or CNIC. Who was set aside is not among them."""
    rows = Buyer.objects.filter(restricted_at=None)
    text = texts.clean(text)
    if text.replace("-", "").isdigit():
        return _named_page(
            rows.filter(_begins("ntn_cnic", text.replace("-", ""))), "", cursor, size
        )
    return _named_page(rows, text, cursor, size)


def products(*, text: str = "", cursor: str = "", size: int = PAGE) -> Page[Product]:
    return _named_page(Product.objects.all(), texts.clean(text), cursor, size)


def buyer(buyer_id: UUID) -> Buyer:
    """Raises: NotFound."""
    row = Buyer.objects.filter(pk=buyer_id).first()
    if row is None:
        raise NotFound("There is no such customer.")
    return row


def product(product_id: UUID) -> Product:
    """Raises: NotFound."""
    row = Product.objects.filter(pk=product_id).first()
    if row is None:
        raise NotFound("There is no such product.")
    return row


_TAKE_BACK: Final = (DocumentType.DEBIT_NOTE, DocumentType.CREDIT_NOTE)
ATTENTION: Final = (State.UNCERTAIN, State.REJECTED)


def red_list(environment: str, *, most: int = 10) -> list[Invoice]:
    """Documents that need a person now: uncertain first, then refused; oldest first."""
    found: list[Invoice] = []
    for state in ATTENTION:
        rows = Invoice.objects.filter(state=state, environment=environment)
        found += rows.order_by("state_at")[: most - len(found)]
        if len(found) >= most:
            break
    return found


@dataclass(frozen=True, kw_only=True)
class MonthFigures:
    """Sales and tax of one month's reported and waiting documents."""

    value: Any
    sales_tax: Any
    count: int


def _sold(environment: str, first: date, last: date) -> QuerySet[Invoice]:
    """Numbered, not voided documents of those days; `sign` is -1 for one that takes back.

    Tests in the sandbox are no sales: each environment has figures of its own.
    """
    takes_back = Q(document_type__in=_TAKE_BACK) & ~Q(direction=NoteDirection.INCREASE)
    return (
        Invoice.objects.filter(
            environment=environment, invoice_date__gte=first, invoice_date__lte=last
        )
        .exclude(state__in=[State.DRAFT, State.VOID, State.CANCELLED, State.REJECTED])
        .annotate(sign=models.Case(models.When(takes_back, then=-1), default=1))
    )


def month_figures(environment: str, first: date, last: date) -> MonthFigures:
    """Sales and tax of one month, notes taken off."""
    taxed = models.F("sales_tax") + models.F("further_tax")
    figures = _sold(environment, first, last).aggregate(
        value=models.Sum(models.F("value") * models.F("sign"), default=0),
        sales_tax=models.Sum(taxed * models.F("sign"), default=0),
        count=models.Count("id"),
    )
    return MonthFigures(**figures)


@dataclass(frozen=True, kw_only=True)
class DayFigures:
    """Sales and tax of one day."""

    value: Any
    tax: Any


def daily_sales(environment: str, first: date, last: date) -> dict[date, DayFigures]:
    """Value without tax, and the tax on it, per day; reported or waiting, notes taken off."""
    rows = (
        _sold(environment, first, last)
        .values("invoice_date")
        .annotate(
            sold=models.Sum(models.F("value") * models.F("sign")),
            taxed=models.Sum((models.F("total") - models.F("value")) * models.F("sign")),
        )
        .order_by("invoice_date")
    )
    return {row["invoice_date"]: DayFigures(value=row["sold"], tax=row["taxed"]) for row in rows}


def drafts_up_to(most: int) -> int:
    """How many drafts there are; counting stops at `most`."""
    return Invoice.objects.filter(state=State.DRAFT)[:most].count()


def has_issued() -> bool:
    """Whether the business has ever given a document a number."""
    return Invoice.objects.exclude(state=State.DRAFT).exists()


def buyer_choices(*, chosen: UUID | None = None, most: int = 200) -> list[tuple[str, str]]:
    """The first customers by name for a list to choose from, and the chosen one."""
    free = Buyer.objects.filter(restricted_at=None).order_by("name_key", "id")
    rows = list(free.values_list("pk", "name")[:most])
    found = [(str(pk), name) for pk, name in rows]
    if chosen and str(chosen) not in dict(found):
        also = Buyer.objects.filter(pk=chosen).values_list("pk", "name").first()
        found += [(str(also[0]), also[1])] if also else []
    return found


def hs_search(text: str, *, limit: int = 20) -> list[tariff.Code]:
    """Tariff codes by their digits, by words in any order, by everyday words, with typos."""
    return reference.current().index.search(text, limit=limit)


def find_buyer(buyer_id: UUID) -> Buyer | None:
    """The customer of this id, if there is one."""
    return Buyer.objects.filter(pk=buyer_id).first()
