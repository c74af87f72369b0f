"""What a document amounts to, and what keeps it from being issued. Stores nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Final

from accounts.models import LegalEntity
from invoices import reference, tax, validation, warnings
from invoices.content import Content, Line
from invoices.services import masters
from invoices.standing import ALONE, Standing, standing_of
from smartinvoicing import clock
from smartinvoicing.errors import Problem, RuleViolation
from smartinvoicing.money import ZERO, to_paisa

_GIVEN: Final = ("further_tax", "extra_tax", "fed", "withheld")


@dataclass(frozen=True, kw_only=True)
class Assessment:
    """Amounts of each line with what an advance took of it, their sums, what is wrong.

    problems: keep it from being issued. warnings: worth a second look, no more.
    """

    lines: tuple[tax.LineTaxes, ...]
    advances: tuple[Decimal, ...]
    totals: tax.Taxes
    problems: tuple[Problem, ...]
    warnings: tuple[Problem, ...] = ()


def assess(
    content: Content, entity: LegalEntity, *, at: datetime, standing: Standing = ALONE
) -> Assessment:
    """Taxes and problems of `content` as `entity` would issue it at `at`."""
    lists = reference.current()
    terms = _terms(content, entity, standing)
    supplies = [_supply(line, lists) for line in content.lines]
    advances = _shares(content, supplies, terms)
    amounts = [
        tax.of_line(replace(supply, advance=share) if share else supply, terms)
        for supply, share in zip(supplies, advances, strict=True)
    ]
    totals = tax.totals(amounts)
    case = validation.Case(
        content=content,
        terms=terms,
        amounts=amounts,
        totals=totals,
        entity=entity,
        reference=lists,
        standing=standing,
        today=clock.karachi_date(at),
    )
    return Assessment(
        lines=tuple(amounts),
        advances=tuple(advances),
        totals=totals,
        problems=tuple(validation.problems_of(case)),
        warnings=tuple(warnings.warnings_of(case)),
    )


def _terms(content: Content, entity: LegalEntity, standing: Standing = ALONE) -> tax.Terms:
    """A note is judged by the law of the supply that it corrects."""
    original = standing.original
    return tax.Terms(
        on=original.invoice.invoice_date if original else content.invoice_date,
        buyer_kind=content.buyer.registration_type,
        inclusive=content.prices_include_tax,
        retail_inclusive=entity.retail_price_includes_tax,
        withholding=content.withholding,
    )


def values_on(content: Content, entity: LegalEntity) -> Callable[[Line], Decimal]:
    """What a line is worth before tax, in rupees, on the terms of this document."""
    lists, terms = reference.current(), _terms(content, entity)
    return lambda line: tax.of_line(_supply(line, lists), terms).value


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """A document as somebody sends it, judged as it would stand if it were stored.

    content:  with its masters written out, as far as they are here.
    problems: what could not be read, and what else is wrong: said once, not one after the other.
    """

    content: Content
    standing: Standing
    assessment: Assessment
    problems: tuple[Problem, ...]


def judge(
    content: Content, noted: Sequence[Problem], entity: LegalEntity, *, at: datetime
) -> Judgement:
    """noted: what was already found while `content` was read."""
    found = list(noted)
    try:
        content = masters.written_out(content)
    except RuleViolation as refused:
        found += [Problem(**each) for each in refused.details["problems"]]
    standing = standing_of(content)
    assessment = assess(content, entity, at=at, standing=standing)
    known = {(problem.field, problem.line) for problem in found}
    others = [each for each in assessment.problems if (each.field, each.line) not in known]
    return Judgement(
        content=content,
        standing=standing,
        assessment=assessment,
        problems=(*found, *others),
    )


def _supply(line: Line, lists: reference.Reference) -> tax.Supply:
    return tax.Supply(
        sale_type=line.sale_type,
        rate=lists.rate(line.rate),
        quantity=max(line.quantity, ZERO),
        unit_price=line.unit_price,
        discount=line.discount,
        retail_price=line.retail_price,
        fed_rate=lists.rate(line.fed_rate) if line.fed_rate else None,
        **{name: getattr(line, name) for name in _GIVEN},
    )


def _shares(content: Content, supplies: Sequence[tax.Supply], terms: tax.Terms) -> list[Decimal]:
    """What was received before, spread over the lines by value; the last takes the rounding."""
    received = sum((each.value for each in content.advances), ZERO)
    if not received:
        return [ZERO] * len(supplies)
    values = [max(tax.of_line(supply, terms).value, ZERO) for supply in supplies]
    whole = sum(values, ZERO)
    if not whole:
        return [ZERO] * len(supplies)
    shares = [to_paisa(received * value / whole) for value in values[:-1]]
    return [*shares, received - sum(shares, ZERO)]
