"""What the bill of a till must meet, and what of Digital Invoicing's demands it need not. Pure.

Whether the till may be used at all stands in `links`.
Source: FBR, data sharing through the Software Fiscal Component; POS reference, sections 4 to 6
and 9; Sales Tax Act 1990, s. 23(1)(b).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from django.utils.translation import gettext as _

from invoices import rates
from invoices.content import Content, Line
from invoices.enums import DocumentType, Withholding
from invoices.rules.lines import Maker
from invoices.standing import Standing
from invoices.tax import LineTaxes
from smartinvoicing.errors import Problem
from smartinvoicing.money import places_of

_RATE_PLACES: Final = 2

# What DI wants to be told and FBR's POS service has no box for: it may stay empty, not be wrong.
_BUYER: Final = {
    "0010": "name",
    "0012": "registration_type",
    "0074": "province",
    "buyer_address": "address",
}
_LINE: Final = {
    "0099": "unit",
    "0077": "sro_schedule",
    "0078": "sro_item",
    "0129": "petroleum_levy_on",
}
_NO_HS_CODE: Final = "0019"


def problems_of(
    content: Content, amounts: Sequence[LineTaxes], standing: Standing
) -> Iterator[Problem]:
    """Everything that FBR's POS service cannot be told, or wants to be told."""
    if content.till_id is None:
        yield from _of_credit_without_till(content)
        return
    yield from _of_document(content)
    for number, (line, taxes) in enumerate(zip(content.lines, amounts, strict=True), start=1):
        yield from _of_line(Maker(number), line, taxes, standing)


def is_excused(problem: Problem, content: Content, standing: Standing) -> bool:
    """Whether `problem` is one that the bill of a till does not have.

    A shop's customer may be nobody in particular, and POS has no box for units, schedules and
    levies: what is empty is excused, what is filled in wrongly is not.
    """
    if content.till_id is None:
        return False
    if problem.code in _BUYER:
        return not getattr(content.buyer, _BUYER[problem.code])
    if problem.line is None:
        return False
    line = content.lines[problem.line - 1]
    if problem.code == _NO_HS_CODE:
        return bool(standing.pos_terms and standing.pos_terms.usual_pct_code)
    return problem.code in _LINE and not getattr(line, _LINE[problem.code])


def _of_credit_without_till(content: Content) -> Iterator[Problem]:
    if content.document_type == DocumentType.CREDIT_NOTE:
        yield Problem(
            code="credit_note_without_till",
            field="document_type",
            message=_("FBR knows credit notes of tills only; Digital Invoicing takes debit notes."),
            fix=_("Make it a debit note, or choose the till that made the bill."),
            put=DocumentType.DEBIT_NOTE,
        )


def _of_document(content: Content) -> Iterator[Problem]:
    if content.document_type == DocumentType.DEBIT_NOTE:
        yield Problem(
            code="debit_note_at_till",
            field="document_type",
            message=_("FBR's POS service takes no debit note for goods."),
            fix=_("For a return make a credit note; for more to pay write a new bill."),
            put=DocumentType.CREDIT_NOTE,
        )
    if content.scenario:
        yield Problem(
            code="scenario_at_till",
            field="scenario",
            message=_("FBR's POS service knows no sandbox scenarios."),
            fix=_("Remove the scenario."),
            deed="clear_scenario",
        )
    if content.advances:
        yield Problem(
            code="advance_at_till",
            field="advances",
            message=_("A till's bill cannot tell FBR of money that was taxed before."),
            fix=_("Write an ordinary invoice without a till."),
        )
    if content.withholding not in {"", Withholding.NONE}:
        yield _withheld(None, "withholding", put=Withholding.NONE)


def _withheld(line: int | None, field: str, *, put: str) -> Problem:
    return Problem(
        code="withheld_at_till",
        field=field,
        line=line,
        message=_("A till's bill cannot tell FBR of sales tax that the customer withholds."),
        fix=_("Write an ordinary invoice without a till for this customer."),
        put=put,
    )


def _of_line(problem: Maker, line: Line, taxes: LineTaxes, standing: Standing) -> Iterator[Problem]:
    yield from _of_rate(problem, line)
    if taxes.extra_tax:
        yield problem(
            "extra_tax_at_till",
            "extra_tax",
            _("A till's bill cannot tell FBR of extra tax."),
            _("Write an ordinary invoice without a till for these goods."),
            put="0",
        )
    if line.withheld:
        yield _withheld(problem.number, "withheld", put="0")
    if line.product_id is not None and not standing.item_codes.get(line.product_id):
        yield problem(
            "item_code",
            "product_id",
            _("FBR asks a till for the item code of each product, and this one has none."),
            _("Open the product and give it the code that stands on its shelf or barcode."),
        )


def _of_rate(problem: Maker, line: Line) -> Iterator[Problem]:
    """FBR's box holds a percentage with two places."""
    try:
        rate = rates.parse(line.rate)
    except rates.UnknownRate:
        return  # said already, with the rates that are possible
    if rate.per_unit:
        yield problem(
            "rate_at_till",
            "rate",
            _("A till tells FBR a percentage; this rate is rupees for each unit."),
            _("Write an ordinary invoice without a till for these goods."),
        )
    elif places_of(rate.percent) > _RATE_PLACES:
        yield problem(
            "rate_at_till",
            "rate",
            _("A till tells FBR a percentage with at most two decimal places."),
            _("Write an ordinary invoice without a till for these goods."),
        )
