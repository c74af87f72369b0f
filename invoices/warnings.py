"""What is worth a second look before a document is issued. Nothing here keeps it from that."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from django.utils.translation import gettext as _

from invoices import sale_types
from invoices.content import Line
from invoices.validation import Case
from smartinvoicing.errors import Problem

MERGE: Final = "merge_lines"
OLD: Final = timedelta(days=3)


def warnings_of(case: Case) -> Iterator[Problem]:
    """Document first, then line by line."""
    yield from _of_date(case)
    yield from _of_excise(case)
    yield from _of_levy(case)
    yield from _of_lines(case)


def can_merge(one: Line, other: Line) -> bool:
    """Whether two lines can be one line of the summed quantity, without moving a paisa of tax."""
    return _sameness(one) == _sameness(other)


def _sameness(line: Line) -> tuple[object, ...]:
    given = (line.further_tax, line.extra_tax, line.fed, line.withheld)
    return (
        line.product_id,
        line.hs_code,
        line.sale_type,
        line.rate,
        line.unit,
        line.unit_price,
        line.retail_price,
        line.sro_schedule,
        line.sro_item,
        line.fed_type,
        line.fed_rate,
        line.petroleum_levy_on,
        *(amount is None or amount == 0 for amount in given),
    )


def _of_date(case: Case) -> Iterator[Problem]:
    if case.today - case.content.invoice_date > OLD:
        yield Problem(
            code="old_date",
            field="invoice_date",
            message=_("The invoice date lies more than three days back; FBR may refuse it."),
            fix=_("Use today's date unless the supply was really made then."),
            put=case.today.isoformat(),
        )


def _of_excise(case: Case) -> Iterator[Problem]:
    """An invoice with excise has six particulars to print (rule 150R(13)(aa) to (ff))."""
    for number, (line, taxes) in enumerate(
        zip(case.content.lines, case.amounts, strict=True), start=1
    ):
        if taxes.fed and not line.fed_type:
            yield Problem(
                code="fed_type",
                field="fed_type",
                line=number,
                message=_("The invoice does not say what kind of excise this is."),
                fix=_("Type it for the print, for example: First Schedule Table I."),
            )


def _of_levy(case: Case) -> Iterator[Problem]:
    """FBR's document has no such box; integrators report that the sandbox asks for it (0129)."""
    for number, line in enumerate(case.content.lines, start=1):
        if sale_types.of(line.sale_type).levy and not line.petroleum_levy_on:
            yield Problem(
                code="0129",
                field="petroleum_levy_on",
                line=number,
                message=_("FBR may ask on what the petroleum levy is charged."),
                fix=_("Choose one of: %(words)s.") % {"words": ", ".join(sale_types.LEVIES)},
            )


def _of_lines(case: Case) -> Iterator[Problem]:
    """Repeated goods are reported to be flagged; one HS code at two rates is often a slip."""
    first_with: dict[str, int] = {}
    for number, line in enumerate(case.content.lines, start=1):
        first = first_with.setdefault(line.hs_code, number)
        if not line.hs_code or first == number:
            continue
        yield _of_pair(case.content.lines[first - 1], line, first=first, number=number)


def _of_pair(one: Line, other: Line, *, first: int, number: int) -> Problem:
    deed = MERGE if can_merge(one, other) else ""
    where = {"first": first}
    if one.description.casefold() == other.description.casefold():
        return Problem(
            code="repeated_line",
            field="description",
            line=number,
            message=_("The same goods stand on line %(first)d; FBR may flag the repetition.")
            % where,
            fix=_("Merge both into one line, or make the descriptions differ."),
            deed=deed,
        )
    if (one.sale_type, one.rate) != (other.sale_type, other.rate):
        return Problem(
            code="shared_hs_code",
            field="hs_code",
            line=number,
            message=_("Line %(first)d has this HS code with another kind of supply or rate.")
            % where,
            fix=_("Look whether both are right: one HS code rarely has two rates."),
        )
    return Problem(
        code="shared_hs_code",
        field="hs_code",
        line=number,
        message=_("Line %(first)d has the same HS code; FBR takes both.") % where,
        fix=_("Leave them if the goods differ, or merge them into one line."),
        deed=deed,
    )
