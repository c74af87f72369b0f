"""What a page of the editor amounts to: taxes, and each problem at the place where it stands."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _

from accounts.models import LegalEntity
from invoices import editing, merging, tax
from invoices.content import PARTY, Content, Line
from invoices.editing import Row, Sheet
from invoices.models import AdvanceUse, Invoice, InvoiceLine
from invoices.services import assessing
from invoices.standing import Standing
from invoices.warnings import MERGE
from smartinvoicing import money
from smartinvoicing.errors import Problem

# What `put` of a problem writes where the page's field has another name than the document's.
_NAMES = {
    "product_id": "product",
    "original_id": "original",
    "till_id": "till",
    "advances.value": "advances",
    "advances.receipt_id": "advances",
}


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
    """What the page amounts to, what keeps it from being issued, what to look at twice.

    content: the document with its masters written out.
    """

    content: Content
    standing: Standing
    lines: tuple[tax.LineTaxes, ...]
    advances: tuple[Decimal, ...]
    totals: tax.Taxes
    faults: tuple[Fault, ...]
    warnings: tuple[Fault, ...] = ()

    def of(self, row: Row) -> tax.LineTaxes | None:
        return self.lines[row.line - 1] if 0 < row.line <= len(self.lines) else None

    def at(self, row: Row) -> list[Fault]:
        return [fault for fault in self.faults if fault.row == row]

    def warned_at(self, row: Row) -> list[Fault]:
        return [fault for fault in self.warnings if fault.row == row]


def judge(sheet: Sheet, entity: LegalEntity, *, at: datetime) -> Judgement:
    """Taxes and problems of the page as `entity` would issue it at `at`. Stores nothing."""
    judged = assessing.judge(sheet.content, sheet.noted, entity, at=at)
    assessment = judged.assessment
    values = assessing.values_on(judged.content, entity)
    warnings = [_without_vain_deed(each, sheet, values) for each in assessment.warnings]
    return Judgement(
        content=judged.content,
        standing=judged.standing,
        lines=assessment.lines,
        advances=assessment.advances,
        totals=assessment.totals,
        faults=tuple(faults_of(sheet, judged.problems)),
        warnings=tuple(faults_of(sheet, warnings)),
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
    field = _NAMES.get(problem.field, problem.field)
    if row is not None:
        is_missing = not row.text.get(field, "-").strip()
        return Fault(problem=problem, row=row, field=field, is_missing=is_missing)
    if problem.field == "buyer_id" or problem.field.startswith("buyer."):
        return _of_buyer(sheet, problem)
    known = field in editing.HEAD or field == "advances"
    return Fault(
        problem=problem,
        row=None,
        field=field if known else "",
        is_missing=problem.code == "no_lines",
    )


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
    invoice: Invoice,
    lines: Sequence[InvoiceLine],
    advances: Sequence[AdvanceUse] = (),
    *,
    at: datetime,
) -> list[dict[str, Any]]:
    """What the page of a stored draft would say to whoever wanted to issue it at `at`."""
    sheet = editing.stored(invoice, lines, advances)
    faults = judge(sheet, invoice.legal_entity, at=at).faults
    return [fault.problem.as_dict() for fault in faults]


# --- two lines as one -------------------------------------------------------------------------


def _without_vain_deed(
    warning: Problem, sheet: Sheet, value_of: Callable[[Line], Decimal]
) -> Problem:
    """A merging that would be refused is not offered."""
    if warning.deed != MERGE or _pair(sheet, warning.line or 0, value_of):
        return warning
    return replace(warning, deed="")


def _pair(
    sheet: Sheet, number: int, value_of: Callable[[Line], Decimal]
) -> tuple[int, Line] | None:
    """The line into which line `number` of the page may go, and what becomes of the two."""
    lines = sheet.content.lines
    first = merging.partner_of(lines, number)
    unread = {problem.line for problem in sheet.noted}
    if first is None or {first, number} & unread:
        return None
    made = merging.merged(lines[first - 1], lines[number - 1], value_of=value_of)
    return None if made is None else (first, made)


def merged(sheet: Sheet, place: int, entity: LegalEntity, *, today: date) -> Sheet | None:
    """The page with the row at `place` in the row above that sells the same; None where the two
    cannot be one."""
    row = sheet.row_at(place)
    value_of = assessing.values_on(sheet.content, entity)
    pair = _pair(sheet, row.line, value_of) if row else None
    if row is None or pair is None:
        return None
    first, made = pair
    into = next(each for each in sheet.rows if each.line == first)
    text = {**into.text, **_written(made)}
    rows = [(at, text if at == into.place else old) for at, old in editing.texts_of(sheet)]
    kept = [(at, old) for at, old in rows if at != row.place]
    return editing.with_texts(sheet, kept, today=today)


def _written(line: Line) -> dict[str, str]:
    """What merging changes, as text of a row."""
    given = {name: getattr(line, name) for name in ("further_tax", "extra_tax", "withheld", "fed")}
    return {
        "description": line.description,
        "quantity": money.write_short(line.quantity),
        "discount": money.write_short(line.discount) if line.discount else "",
        **{name: "" if value is None else money.write(value) for name, value in given.items()},
    }
