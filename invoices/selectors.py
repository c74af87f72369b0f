"""Questions about documents and masters, each with all that its page needs."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from datetime import date
from typing import Any, Final, Generic, TypeVar
from uuid import UUID

from django.db import models
from django.db.models import Q, QuerySet

from accounts.models import LegalEntity
from invoices import intake
from invoices.enums import State
from invoices.models import Buyer, HsCode, Invoice, InvoiceLine, Product
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
    if wanted.since:
        rows = rows.filter(invoice_date__gte=wanted.since)
    if wanted.until:
        rows = rows.filter(invoice_date__lte=wanted.until)
    if wanted.buyer_id:
        rows = rows.filter(buyer_id=wanted.buyer_id)
    text = intake.clean(wanted.text)
    if text:
        rows = rows.filter(_found(text))
    return rows


def _found(text: str) -> Q:
    """Whose number, reference, FBR number or customer begins with `text`: ranges, no LIKE."""
    low = text.lower()
    return (
        _begins("buyer_key", low)
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
    """Customers by name; digits look for the NTN or CNIC."""
    rows = Buyer.objects.all()
    text = intake.clean(text)
    if text.replace("-", "").isdigit():
        return _named_page(
            rows.filter(_begins("ntn_cnic", text.replace("-", ""))), "", cursor, size
        )
    return _named_page(rows, text, cursor, size)


def products(*, text: str = "", cursor: str = "", size: int = PAGE) -> Page[Product]:
    return _named_page(Product.objects.all(), intake.clean(text), cursor, size)


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


ATTENTION: Final = (State.UNCERTAIN, State.REJECTED)


def red_list(*, most: int = 10) -> list[Invoice]:
    """Documents that need a person now: uncertain first, then refused; oldest first."""
    found: list[Invoice] = []
    for state in ATTENTION:
        found += Invoice.objects.filter(state=state).order_by("state_at")[: most - len(found)]
        if len(found) >= most:
            break
    return found


@dataclass(frozen=True, kw_only=True)
class MonthFigures:
    """Sales and tax of one month's reported and waiting documents."""

    value: Any
    sales_tax: Any
    count: int


def month_figures(first: date, last: date) -> MonthFigures:
    """Over numbered, not voided documents dated in the month."""
    figures = (
        Invoice.objects.filter(invoice_date__gte=first, invoice_date__lte=last)
        .exclude(state__in=[State.DRAFT, State.VOID, State.CANCELLED, State.REJECTED])
        .aggregate(
            value=models.Sum("value", default=0),
            sales_tax=models.Sum(models.F("sales_tax") + models.F("further_tax"), default=0),
            count=models.Count("id"),
        )
    )
    return MonthFigures(**figures)


@dataclass(frozen=True, kw_only=True)
class DayFigures:
    """Sales and tax of one day."""

    value: Any
    tax: Any


def daily_sales(first: date, last: date) -> dict[date, DayFigures]:
    """Value without tax, and the tax on it, per day; reported or waiting."""
    rows = (
        Invoice.objects.filter(invoice_date__gte=first, invoice_date__lte=last)
        .exclude(state__in=[State.DRAFT, State.VOID, State.CANCELLED, State.REJECTED])
        .values("invoice_date")
        .annotate(sold=models.Sum("value"), taxed=models.Sum("total") - models.Sum("value"))
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
    rows = list(Buyer.objects.order_by("name_key", "id").values_list("pk", "name")[:most])
    found = [(str(pk), name) for pk, name in rows]
    if chosen and str(chosen) not in dict(found):
        also = Buyer.objects.filter(pk=chosen).values_list("pk", "name").first()
        found += [(str(also[0]), also[1])] if also else []
    return found


def hs_codes(text: str, *, most: int = 20) -> list[HsCode]:
    """Codes that begin with the digits typed, or whose words hold each word typed."""
    rows = HsCode.objects.order_by("code")
    digits = text.replace(".", "").replace(" ", "")
    if digits.isdigit():
        code = digits if len(digits) < 5 else f"{digits[:4]}.{digits[4:]}"
        return list(rows.filter(code__startswith=code)[:most])
    for word in text.split():
        rows = rows.filter(Q(description__icontains=word) | Q(heading__icontains=word))
    return list(rows[:most])


def find_buyer(buyer_id: UUID) -> Buyer | None:
    """The customer of this id, if there is one."""
    return Buyer.objects.filter(pk=buyer_id).first()
