"""The editor's page as text: what was typed, what `intake` reads in it, where each problem stands.

The page and the API are judged by the same code: the posted fields become the body that a program
would send. Nothing typed is lost: every field's text is kept beside what was made of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from django.utils.translation import gettext as _

from accounts.models import LegalEntity
from invoices import intake, representation, tax
from invoices.content import MOST_LINES, Content
from invoices.enums import DocumentType, SaleType
from invoices.models import Invoice, InvoiceLine
from invoices.services import drafts
from smartinvoicing.errors import Problem, RuleViolation

PREFIX: Final = "lines"
PARTY: Final = ("name", "registration_type", "ntn_cnic", "province", "address")
LINE: Final = (
    "product",
    "description",
    "hs_code",
    "quantity",
    "unit",
    "unit_price",
    "discount",
    "sale_type",
    "rate",
    "retail_price",
    "sro_schedule",
    "sro_item",
    "further_tax",
    "extra_tax",
    "fed",
    "withheld",
)
USUAL: Final[Mapping[str, str]] = {"sale_type": SaleType.STANDARD.value, "rate": "18%"}
_HEAD: Final = (
    "document_type",
    "invoice_date",
    "client_reference",
    "scenario",
    "prices_include_tax",
    "buyer",
    *(f"buyer_{name}" for name in PARTY),
)
# A row in which none of these was touched is not a line yet.
_BEGUN_BY: Final = ("product", "description", "hs_code", "quantity", "unit_price", "discount")

Texts = Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Row:
    """One row of the page.

    place:  its number in the names of its fields.
    number: as it is counted on the page, from 1.
    line:   the line of the document that it became, from 1; 0 while it is blank.
    """

    place: int
    number: int
    line: int
    text: Texts

    @property
    def is_blank(self) -> bool:
        return self.line == 0


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """All that stands on the page, and the document that it makes."""

    head: Texts
    rows: tuple[Row, ...]
    content: Content
    noted: tuple[Problem, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Nothing is worth keeping yet."""
        begun = ("client_reference", "buyer", *(f"buyer_{name}" for name in PARTY))
        return not self.content.lines and not any(self.head[name] for name in begun)


# --- text to sheet ----------------------------------------------------------------------------


def posted(data: Mapping[str, Any], *, today: date) -> Sheet:
    """The page as it was sent: deleted rows are gone, the others keep their places."""
    head = {name: str(data.get(name, "")) for name in _HEAD}
    places = [place for place in range(_count(data)) if f"{PREFIX}-{place}-DELETE" not in data]
    texts = [
        (place, {name: str(data.get(f"{PREFIX}-{place}-{name}", "")) for name in LINE})
        for place in places
    ]
    return _sheet(head, texts or [(0, new_row())], today=today)


def _count(data: Mapping[str, Any]) -> int:
    given = str(data.get(f"{PREFIX}-TOTAL_FORMS", ""))
    return min(int(given), 2 * MOST_LINES) if given.isdecimal() and len(given) < 6 else 0


def blank(*, today: date, buyer_id: str = "") -> Sheet:
    """A page on which nothing stands yet but today's date, and one row to begin with."""
    head = dict.fromkeys(_HEAD, "") | {
        "document_type": DocumentType.SALE_INVOICE.value,
        "invoice_date": today.isoformat(),
        "buyer": buyer_id,
    }
    return _sheet(head, [(0, new_row())], today=today)


def new_row() -> dict[str, str]:
    return {**dict.fromkeys(LINE, ""), **USUAL}


def stored(invoice: Invoice, lines: Sequence[InvoiceLine]) -> Sheet:
    """A kept document as the text that would make it; a chosen customer is read anew."""
    body = representation.typed(invoice, lines)
    party = {} if body["buyer_id"] else body["buyer"]
    head = {name: str(body.get(name) or "") for name in _HEAD}
    head |= {f"buyer_{name}": str(party.get(name, "")) for name in PARTY}
    head["buyer"] = body["buyer_id"] or ""
    head["prices_include_tax"] = "on" if body["prices_include_tax"] else ""
    rows = [
        {name: str(line.get(name) or "") for name in LINE} | {"product": line["product_id"] or ""}
        for line in body["lines"]
    ]
    for row in rows:
        row |= {name: "" for name in ("quantity", "unit_price", "discount") if row[name] == "0"}
    return _sheet(head, list(enumerate(rows or [new_row()])), today=invoice.invoice_date)


def _sheet(head: Texts, texts: Sequence[tuple[int, Texts]], *, today: date) -> Sheet:
    rows, bodies = [], []
    for number, (place, text) in enumerate(texts, start=1):
        is_begun = any(text[name].strip() for name in _BEGUN_BY)
        if is_begun:
            bodies.append(_line_body(text))
        line = len(bodies) if is_begun else 0
        rows.append(Row(place=place, number=number, line=line, text=text))
    content, noted = intake.read(_body(head, bodies), today=today)
    return Sheet(head=head, rows=tuple(rows), content=content, noted=tuple(noted))


def _body(head: Texts, lines: list[dict[str, Any]]) -> dict[str, Any]:
    """The body that a program would send for this page."""
    typed = {name: head[f"buyer_{name}"] for name in PARTY}
    return {
        "document_type": head["document_type"] or None,
        "invoice_date": head["invoice_date"].strip(),
        "client_reference": head["client_reference"],
        "scenario": head["scenario"],
        "buyer_id": head["buyer"] or None,
        "buyer": {} if head["buyer"] else typed,
        "prices_include_tax": bool(head["prices_include_tax"]),
        "lines": lines,
    }


def _line_body(text: Texts) -> dict[str, Any]:
    body: dict[str, Any] = {name: value.strip() for name, value in text.items()}
    body["product_id"] = body.pop("product") or None
    return body


# --- what is wrong, and where -----------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Fault:
    """A problem at its place on the page.

    row:        None for the document.
    field:      name of the page's field, "" for none.
    is_missing: nothing is wrong yet, it is only not filled in.
    """

    problem: Problem
    row: Row | None
    field: str
    is_missing: bool


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """What the page amounts to, and what keeps it from being issued."""

    lines: tuple[tax.Taxes, ...]
    totals: tax.Taxes
    faults: tuple[Fault, ...]

    def of(self, row: Row) -> tax.Taxes | None:
        return self.lines[row.line - 1] if 0 < row.line <= len(self.lines) else None

    def at(self, row: Row) -> list[Fault]:
        return [fault for fault in self.faults if fault.row == row]


def judge(sheet: Sheet, entity: LegalEntity, *, at: datetime) -> Judgement:
    """Taxes and problems of the page as `entity` would issue it at `at`. Stores nothing."""
    noted = list(sheet.noted)
    try:
        content = drafts.resolved(sheet.content)
    except RuleViolation as refused:
        noted += [Problem(**each) for each in refused.details["problems"]]
        content = sheet.content
    assessment = drafts.assess(content, entity, at=at)
    known = {(problem.field, problem.line) for problem in noted}
    others = [each for each in assessment.problems if (each.field, each.line) not in known]
    return Judgement(
        lines=assessment.lines,
        totals=assessment.totals,
        faults=tuple(faults_of(sheet, [*noted, *others])),
    )


def faults_of(sheet: Sheet, problems: Sequence[Problem]) -> list[Fault]:
    """Each problem at its place; a customer who is missing altogether is said once."""
    found: list[Fault] = []
    rows = {row.line: row for row in sheet.rows if not row.is_blank}
    for problem in problems:
        fault = _placed(sheet, problem, rows.get(problem.line or 0))
        if not (_is_no_customer(fault) and any(_is_no_customer(each) for each in found)):
            found.append(fault)
    return found


def _is_no_customer(fault: Fault) -> bool:
    return fault.field == "buyer" and fault.is_missing


def _placed(sheet: Sheet, problem: Problem, row: Row | None) -> Fault:
    if row is not None:
        field = "product" if problem.field == "product_id" else problem.field
        is_missing = not row.text.get(field, "-").strip()
        return Fault(problem=problem, row=row, field=field, is_missing=is_missing)
    if problem.field == "buyer_id" or problem.field.startswith("buyer."):
        return _of_buyer(sheet, problem)
    is_missing = problem.code == "no_lines"
    field = problem.field if problem.field in _HEAD else ""
    return Fault(problem=problem, row=None, field=field, is_missing=is_missing)


def _of_buyer(sheet: Sheet, problem: Problem) -> Fault:
    if sheet.head["buyer"]:
        return Fault(problem=problem, row=None, field="buyer", is_missing=False)
    if not any(sheet.head[f"buyer_{name}"].strip() for name in PARTY):
        nobody = Problem(
            code=problem.code,
            field="buyer_id",
            message=_("The customer is missing."),
            fix=_("Choose one of your customers, or type a new one."),
        )
        return Fault(problem=nobody, row=None, field="buyer", is_missing=True)
    field = problem.field.replace(".", "_")
    is_missing = not sheet.head.get(field, "-").strip()
    return Fault(problem=problem, row=None, field=field, is_missing=is_missing)


def told(faults: Sequence[Fault], *, all_of_them: bool) -> Iterator[Fault]:
    """While one is still writing, what is only not filled in is no reproach yet."""
    return (fault for fault in faults if all_of_them or not fault.is_missing)


def problems_of(
    invoice: Invoice, lines: Sequence[InvoiceLine], *, at: datetime
) -> list[dict[str, Any]]:
    """What the page of a stored draft would say to whoever wanted to issue it at `at`."""
    faults = judge(stored(invoice, lines), invoice.legal_entity, at=at).faults
    return [fault.problem.as_dict() for fault in faults]


# --- changes to a page ------------------------------------------------------------------------


def with_row(sheet: Sheet, *, today: date) -> Sheet:
    """One more row at the end."""
    last = max((row.place for row in sheet.rows), default=-1)
    texts = [(row.place, row.text) for row in sheet.rows]
    return _sheet(sheet.head, [*texts, (last + 1, new_row())], today=today)


def without_row(sheet: Sheet, place: int, *, today: date) -> Sheet:
    """One row less; the last one is emptied."""
    texts = [(row.place, row.text) for row in sheet.rows if row.place != place]
    return _sheet(sheet.head, texts or [(0, new_row())], today=today)


def renumbered(sheet: Sheet) -> Sheet:
    """The same rows with places from 0, for a page that is drawn anew."""
    rows = tuple(replace(row, place=number) for number, row in enumerate(sheet.rows))
    return replace(sheet, rows=rows)


def place_of(prefix: str) -> int:
    """The place in "lines-3"; -1 for anything else."""
    name, _dash, place = prefix.rpartition("-")
    return int(place) if name == PREFIX and place.isdecimal() and len(place) < 6 else -1


def ident(text: str) -> UUID | None:
    """An id as our pages make them (version 7); None for anything else."""
    try:
        found = UUID(text)
    except ValueError:
        return None
    return found if found.version == 7 else None
