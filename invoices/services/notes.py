"""Debit notes: a draft that takes back, or adds to, what an accepted invoice says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Final

from django.db import transaction
from django.utils.translation import gettext as _

from accounts.access import Actor, allow
from accounts.enums import Permission
from accounts.models import LegalEntity
from invoices import reference, remains, selectors, tax
from invoices.content import Content, Line
from invoices.enums import DocumentType, NoteDirection
from invoices.models import Invoice, InvoiceLine
from invoices.rates import Rate
from invoices.remains import Rest, Wanted
from invoices.rules import links
from invoices.services import drafts
from invoices.services.assessing import Assessment, assess
from invoices.standing import standing_of
from smartinvoicing import clock
from smartinvoicing.errors import Problem, RuleViolation

_COPIED: Final = (
    *("buyer_id", "buyer", "scenario", "prices_include_tax"),
    *("withholding", "till_id", "payment_mode"),
)


@dataclass(frozen=True, kw_only=True)
class Correctable:
    """An invoice with what its notes have left of it."""

    invoice: Invoice
    lines: tuple[InvoiceLine, ...]
    rests: tuple[Rest, ...]

    @property
    def is_inclusive(self) -> bool:
        return bool(self.invoice.prices_include_tax)

    def rates(self) -> dict[str, Rate]:
        """The rate texts of its lines, read."""
        lists = reference.current()
        texts = {text for line in self.lines for text in (line.rate, line.fed_rate) if text}
        return {text: lists.rate(text) for text in texts}

    def terms(self) -> tax.Terms:
        """Of a note on it: prices without tax, and the law of the invoice's own day."""
        invoice = self.invoice
        return tax.Terms(
            on=invoice.invoice_date,
            buyer_kind=invoice.buyer_registration_type,
            retail_inclusive=invoice.legal_entity.retail_price_includes_tax,
            withholding=invoice.withholding,
        )

    def cheaper_by(self, rest: Rest, price: Decimal) -> Decimal:
        """How much less value there is of a line whose unit costs `price`; rupees before tax."""
        return remains.difference(
            rest, price, inclusive=self.is_inclusive, rates=self.rates(), terms=self.terms()
        )


def correctable(invoice: Invoice) -> Correctable:
    """`invoice` as a note would find it now."""
    lines = selectors.lines_of(invoice)
    rests = remains.rests_of(lines, selectors.noted_lines(invoice))
    return Correctable(invoice=invoice, lines=tuple(lines), rests=tuple(rests))


def content_of(
    paper: Correctable,
    *,
    reason: str,
    direction: str = NoteDirection.DECREASE,
    lines: Sequence[Wanted] | None = None,
    at: datetime,
) -> Content:
    """What stands on a note of today that takes `lines` of the invoice, or all that is left.

    Raises: RuleViolation, naming line and field, when so much is not left.
    """
    if lines is None:
        lines = [Wanted(position=rest.line.position) for rest in paper.rests if rest.value > 0]
    problems = list(remains.problems_of(lines, paper.rests))
    if not lines:
        problems.append(_nothing_left())
    if problems:
        raise RuleViolation.of(problems)
    invoice = paper.invoice
    typed = drafts.content_of(invoice, ())
    content = Content(
        document_type=DocumentType.CREDIT_NOTE if invoice.till_id else DocumentType.DEBIT_NOTE,
        invoice_date=clock.karachi_date(at),
        original_id=invoice.pk,
        reason=reason,
        direction=direction,
        **{name: getattr(typed, name) for name in _COPIED},
    )
    return _filled(content, paper, lines)


def _filled(content: Content, paper: Correctable, wanted: Sequence[Wanted]) -> Content:
    """With its lines: as they were typed where the note takes them whole, else without tax."""
    rests = {rest.line.position: rest for rest in paper.rests}
    pairs = [(each, rests[each.position]) for each in wanted]
    if all(remains.is_whole(each, rest) for each, rest in pairs):
        return replace(content, lines=tuple(remains.copied(rest.line) for _each, rest in pairs))
    rates, terms = paper.rates(), paper.terms()
    lines: list[Line] = [
        remains.part_of(rest, each, inclusive=paper.is_inclusive, rates=rates, terms=terms)
        for each, rest in pairs
    ]
    return replace(
        content,
        lines=tuple(lines),
        prices_include_tax=False,
        withholding=remains.withholding_of(paper.invoice, paper.lines),
    )


def _nothing_left() -> Problem:
    return Problem(
        code="0036",
        field="lines",
        message=_("Nothing of this invoice is left: its notes have taken all of it."),
        fix=_("Look at the notes that exist already."),
    )


def hindrances(invoice: Invoice, *, at: datetime) -> list[Problem]:
    """What keeps any note of today from correcting `invoice`."""
    today = clock.karachi_date(at)
    return list(links.hindrances(invoice, seller=invoice.legal_entity, on=today))


def effect(content: Content, entity: LegalEntity, *, at: datetime) -> Assessment:
    """What such a note would come to, and what is wrong with it. Stores nothing."""
    return assess(content, entity, at=at, standing=standing_of(content))


@transaction.atomic
def debit_note(
    *,
    original: Invoice,
    reason: str,
    direction: str = NoteDirection.DECREASE,
    lines: Sequence[Wanted] | None = None,
    actor: Actor,
    at: datetime,
) -> tuple[Invoice, list[InvoiceLine]]:
    """A draft note on `original`; None for `lines`: all that is left of it.

    What it amounts to can be changed until it is issued; then it gets a number of its own run.
    Raises: NotAllowed; RuleViolation when the invoice can have no note, or not so much is left.
    """
    allow(actor, Permission.WRITE_DRAFTS)
    hindered = hindrances(original, at=at)
    if hindered:
        raise RuleViolation.of(hindered)
    paper = correctable(original)
    content = content_of(paper, reason=reason, direction=direction, lines=lines, at=at)
    return drafts.create(content=content, entity=original.legal_entity, actor=actor, at=at)
