"""What the page of a correction shows, and what a document's page says of others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.urls import reverse
from django.utils.translation import gettext as _

from invoices import amounts, intake, pages, selectors, standing
from invoices.content import Content
from invoices.enums import NOTES, REPORTED, Channel, NoteDirection
from invoices.models import AdvanceUse, Invoice, InvoiceLine
from invoices.reasons import EVENTS, Event
from invoices.remains import Rest, Wanted
from invoices.services import notes
from invoices.services.assessing import Assessment
from invoices.services.notes import Correctable
from invoices.states import look_of
from smartinvoicing.errors import Problem, RuleViolation
from smartinvoicing.money import ZERO, write_short
from smartinvoicing.templatetags.formats import rupees

Row = dict[str, Any]
Texts = Mapping[str, str]

# Events that FBR's POS service takes: it knows no note that raises a bill.
_AT_A_TILL: Final = tuple(
    name for name, event in EVENTS.items() if event.direction == NoteDirection.DECREASE
)


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What stands on the page: what happened, and what it means for each line.

    lines: None where the event asks nothing of them: all that is left.
    """

    event: str
    lines: tuple[Wanted, ...] | None
    problems: tuple[Problem, ...]

    @property
    def what(self) -> Event:
        return EVENTS[self.event]


# --- reading ----------------------------------------------------------------------------------


def read(data: Texts, paper: Correctable) -> Asked:
    """The posted page."""
    problems: list[Problem] = []
    event = str(data.get("event", ""))
    if event not in events_of(paper.invoice):
        problems.append(
            Problem(
                code="event",
                field="event",
                message=_("It is not said what happened."),
                fix=_("Choose what comes nearest; it decides which reason FBR is told."),
            )
        )
        return Asked(event="", lines=None, problems=tuple(problems))
    asks = EVENTS[event].asks
    if not asks:
        return Asked(event=event, lines=None, problems=())
    made = (_wanted(asks, data, rest, paper, problems, event) for rest in paper.rests)
    lines = tuple(each for each in made if each is not None)
    if not lines and not problems:
        problems.append(_nothing_said(asks))
    return Asked(event=event, lines=lines, problems=tuple(problems))


def _nothing_said(asks: str) -> Problem:
    return Problem(
        code="note_empty",
        field="lines",
        message=_("No line is changed yet."),
        fix=_("Say of at least one line how many came back.")
        if asks == "quantity"
        else _("Say of at least one line what its price should have been."),
    )


def _wanted(
    asks: str,
    data: Texts,
    rest: Rest,
    paper: Correctable,
    problems: list[Problem],
    event: str,
) -> Wanted | None:
    position = rest.line.position
    reader = intake.Reader({asks: data.get(f"{asks}-{position}", "")}, problems, line=position)
    number = reader.number(asks, places=4, default=None)
    if number is None or (asks == "quantity" and not number):
        return None
    if asks == "quantity":
        return Wanted(position=position, quantity=number)
    less = paper.cheaper_by(rest, number)
    if EVENTS[event].direction == NoteDirection.INCREASE:
        less = -less
    if less <= 0 or number < 0:
        problems.append(_wrong_way(event, position, rest.line))
        return None
    return Wanted(position=position, value=less)


def _wrong_way(event: str, position: int, line: InvoiceLine) -> Problem:
    was = {"price": write_short(line.unit_price)}
    higher = EVENTS[event].direction == NoteDirection.INCREASE
    return Problem(
        code="note_price",
        field="price",
        line=position,
        message=_("The invoice says Rs %(price)s a unit.") % was,
        fix=_("Type the higher price that should have stood there.")
        if higher
        else _("Type the lower price that should have stood there."),
    )


def events_of(invoice: Invoice) -> tuple[str, ...]:
    """What can have happened to such a document."""
    return _AT_A_TILL if invoice.channel == Channel.POS else tuple(EVENTS)


# --- the page ---------------------------------------------------------------------------------


def context(
    paper: Correctable,
    data: Texts,
    *,
    at: datetime,
    asked: Asked | None = None,
    also: Sequence[Problem] = (),
) -> Row:
    """The whole page. also: what the service refused."""
    invoice = paper.invoice
    return {
        "title": _("Correct %(number)s") % {"number": invoice.number},
        "back": invoice.get_absolute_url(),
        "number": invoice.number,
        "here": reverse("invoices:note", args=[invoice.pk]),
        "hindrances": _told(notes.hindrances(invoice, at=at)),
        "events": [
            {"value": name, "label": EVENTS[name].label, "help": EVENTS[name].help}
            | {"chosen": data.get("event") == name}
            for name in events_of(invoice)
        ],
        "lines": [_line(rest, data) for rest in paper.rests],
        "effect": effect_of(paper, asked, at=at, also=also),
    }


def _line(rest: Rest, data: Texts) -> Row:
    line, position = rest.line, rest.line.position
    return {
        "position": position,
        "description": line.description,
        "unit": line.unit,
        "sold": line.quantity,
        "left": rest.quantity,
        "value": rest.value,
        "price": line.unit_price,
        "quantity_typed": str(data.get(f"quantity-{position}", "")),
        "price_typed": str(data.get(f"price-{position}", "")),
    }


def effect_of(
    paper: Correctable, asked: Asked | None, *, at: datetime, also: Sequence[Problem] = ()
) -> Row:
    """What the note would do to the money, or what keeps it from being told."""
    if asked is None:
        return {}
    problems = [*asked.problems, *also]
    if problems:
        return {"problems": _told(problems)}
    event = asked.what
    try:
        content = notes.content_of(
            paper, reason=event.reason, direction=event.direction, lines=asked.lines, at=at
        )
    except RuleViolation as refused:
        return {"problems": pages.problems_of(refused.details["problems"])}
    found = notes.effect(content, paper.invoice.legal_entity, at=at)
    return {
        "problems": _told(found.problems),
        "reason": event.reason,
        "sentence": _sentence(content, found, paper.invoice),
        "totals": amounts.totals_of(found.totals),
        "left": _left(content, found),
    }


def _sentence(content: Content, found: Assessment, invoice: Invoice) -> str:
    owed = {
        "name": invoice.buyer_name,
        "sum": rupees(found.totals.total - found.totals.withheld),
    }
    if content.direction == NoteDirection.INCREASE:
        return _("%(name)s owes you %(sum)s more.") % owed
    return _("%(name)s owes you %(sum)s less, or gets it back.") % owed


def _left(content: Content, found: Assessment) -> list[Row]:
    """What further notes could still take."""
    original = standing.standing_of(content).original
    if original is None:
        return []
    return [
        {"name": _("Value left"), "value": max(original.value_left - found.totals.value, ZERO)},
        {
            "name": _("Sales tax left"),
            "value": max(original.tax_left - found.totals.sales_tax, ZERO),
        },
    ]


def _told(problems: Sequence[Problem]) -> list[Row]:
    return pages.problems_of([each.as_dict() for each in problems])


# --- what a document says of others -----------------------------------------------------------


def links_of(invoice: Invoice, lines: Sequence[InvoiceLine]) -> Row:
    """Its invoice, its notes, its advances: what the page of a document links to."""
    return {
        "original": _original_of(invoice),
        "notes": _notes_on(invoice),
        "taken": [_taken(use) for use in _advances_of(invoice, lines)],
        "receipt": _receipt(invoice),
    }


def _original_of(invoice: Invoice) -> Row | None:
    if invoice.document_type not in NOTES or invoice.original_id is None:
        return None
    original = selectors.invoice(invoice.original_id)
    return {
        "number": pages.title_of(original),
        "url": original.get_absolute_url(),
        "date": original.invoice_date,
        "fbr_number": original.fbr_number,
        "reason": invoice.reason,
        "direction": invoice.get_direction_display() if invoice.direction else "",
    }


def _notes_on(invoice: Invoice) -> Row | None:
    """The notes, and what is left for more; nothing where the document can have none."""
    if invoice.document_type in NOTES or invoice.state not in REPORTED:
        return None
    found = selectors.notes_of(invoice)
    taken = [row for row in found if row.state in standing.COUNTED]
    value = sum((row.value for row in taken), ZERO)
    tax = sum((row.sales_tax for row in taken), ZERO)
    return {
        "rows": [_row(row) | {"reason": row.reason} for row in found],
        "value_left": max(invoice.value - value, ZERO),
        "tax_left": max(invoice.sales_tax - tax, ZERO),
    }


def _row(invoice: Invoice) -> Row:
    return {
        "number": pages.number_of(invoice),
        "url": invoice.get_absolute_url(),
        "date": invoice.invoice_date,
        "value": invoice.value,
        "total": invoice.total,
        "state": look_of(invoice.state),
    }


def _advances_of(invoice: Invoice, lines: Sequence[InvoiceLine]) -> list[AdvanceUse]:
    uses = selectors.advances_of(invoice, lines)
    receipts = Invoice.objects.in_bulk([use.receipt_id for use in uses]) if uses else {}
    for use in uses:
        use.receipt = receipts[use.receipt_id]
    return uses


def _taken(use: AdvanceUse) -> Row:
    return _row(use.receipt) | {"value": use.value, "fbr_number": use.receipt.fbr_number}


def _receipt(invoice: Invoice) -> Row | None:
    """What was used of an advance receipt, by which invoices, and what is left."""
    if not invoice.is_advance:
        return None
    standing_now = standing.with_use([invoice])[invoice.pk]
    uses = selectors.uses_of(invoice)
    return {
        "rows": [_row(use.invoice) | {"value": use.value} for use in uses],
        "used": standing_now.used,
        "left": max(standing_now.left, ZERO),
        "whole": invoice.value,
    }
