"""What is left of an invoice after the notes on it, and the lines of the next note. Pure.

A note's line is told from its value: quantity times price, less a discount that makes it exact.
The tax of all notes together never passes the invoice's, so a last note may end a paisa lower.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import partial
from typing import Final

from django.utils.translation import gettext as _

from invoices import reasons, sale_types, tax
from invoices.content import PARTICULARS, Line
from invoices.enums import Withholding
from invoices.models import Invoice, InvoiceLine
from invoices.rates import Rate
from smartinvoicing.errors import Problem
from smartinvoicing.money import PAISA, ZERO, price_reaching, to_paisa, write, write_short

_LEAST_QUANTITY: Final = Decimal("0.0001")
_SAME_GOODS: Final = ("hs_code", "sale_type", "rate", "unit", "description")
_COPIED: Final = (
    *("product_id", "description", "hs_code", "sale_type", "rate", "unit", "retail_price"),
    *PARTICULARS,
    "fed_unit_price",
)


@dataclass(frozen=True, kw_only=True)
class Rest:
    """What is left of one line: quantity in its unit, value before tax and sales tax in rupees."""

    line: InvoiceLine
    quantity: Decimal
    value: Decimal
    sales_tax: Decimal


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What a note takes of line `position` (from 1); nothing given: all that is left.

    quantity: how much of it comes back. value: rupees before tax.
    """

    position: int
    quantity: Decimal | None = None
    value: Decimal | None = None


def rests_of(
    lines: Sequence[InvoiceLine], noted: Iterable[tuple[Invoice, InvoiceLine]]
) -> list[Rest]:
    """What is left of each line. noted: the lines of the notes that count, each with its note.

    A note's line belongs to the line with the same goods; what belongs to none is left out here,
    and counts in the ceilings of the whole document only.
    """
    rests = [
        Rest(line=line, quantity=line.quantity, value=line.value, sales_tax=line.sales_tax)
        for line in lines
    ]
    for note, row in noted:
        is_return = not note.reason  # at a till nobody has to say why
        quantity = row.quantity if is_return or reasons.takes_goods(note.reason) else ZERO
        _take(rests, row, quantity)
    return rests


def _take(rests: list[Rest], row: InvoiceLine, quantity: Decimal) -> None:
    """Take `row` off the lines with its goods, from the first on."""
    value, sales_tax = row.value, row.sales_tax
    for place, rest in enumerate(rests):
        if not _is_same(rest.line, row):
            continue
        now = Rest(
            line=rest.line,
            quantity=max(rest.quantity - quantity, ZERO),
            value=max(rest.value - value, ZERO),
            sales_tax=max(rest.sales_tax - sales_tax, ZERO),
        )
        quantity -= rest.quantity - now.quantity
        value -= rest.value - now.value
        sales_tax -= rest.sales_tax - now.sales_tax
        rests[place] = now


def _is_same(line: InvoiceLine, other: InvoiceLine) -> bool:
    return all(getattr(line, name) == getattr(other, name) for name in _SAME_GOODS)


def problems_of(wanted: Sequence[Wanted], rests: Sequence[Rest]) -> Iterator[Problem]:
    """What keeps a note from taking what is wanted."""
    by_position = {rest.line.position: rest for rest in rests}
    seen: set[int] = set()
    for each in wanted:
        rest = by_position.get(each.position)
        if rest is None or each.position in seen:
            yield Problem(
                code="note_line",
                field="position",
                line=each.position,
                message=_("The invoice has no such line.")
                if rest is None
                else _("This line stands here twice."),
                fix=_("Name each line once, by its number on the invoice."),
            )
            continue
        seen.add(each.position)
        yield from _of_one(each, rest)


def _of_one(wanted: Wanted, rest: Rest) -> Iterator[Problem]:
    line = wanted.position
    if wanted.quantity is not None and not ZERO < wanted.quantity <= rest.quantity:
        words = {"left": write_short(rest.quantity), "unit": rest.line.unit}
        yield Problem(
            code="note_quantity",
            field="quantity",
            line=line,
            message=_("Of this line %(left)s %(unit)s are left.") % words,
            fix=_("Type how many come back, no more than are left."),
            put=write_short(rest.quantity) if rest.quantity else "",
        )
    if wanted.value is not None and not ZERO < wanted.value <= rest.value:
        yield Problem(
            code="0036",
            field="value",
            line=line,
            message=_("Of the value of this line Rs %(left)s is left.")
            % {"left": write(rest.value)},
            fix=_("Type the difference without tax, no more than is left."),
            put=write(rest.value) if rest.value else "",
        )
    only_value = wanted.value is not None and wanted.quantity is None
    if only_value and sale_types.of(rest.line.sale_type).on_retail_price:
        yield Problem(
            code="note_retail_price",
            field="value",
            line=line,
            message=_(
                "The tax of this line rests on the retail price: another price changes it not."
            ),
            fix=_("Name the quantity that comes back instead."),
        )


# --- the lines of a note ----------------------------------------------------------------------


def is_whole(wanted: Wanted, rest: Rest) -> bool:
    """Whether the note takes the line just as it stands on the invoice."""
    line = rest.line
    untouched = (rest.quantity, rest.value) == (line.quantity, line.value)
    return (
        untouched
        and not line.advance
        and wanted.quantity in {None, line.quantity}
        and wanted.value in {None, line.value}
    )


def copied(line: InvoiceLine) -> Line:
    """A line as it was typed."""
    return Line(
        **{name: getattr(line, name) for name in _COPIED},
        quantity=line.quantity,
        unit_price=line.unit_price,
        discount=line.discount,
        further_tax=line.further_tax_given,
        extra_tax=line.extra_tax_given,
        fed=line.fed_given,
        withheld=line.withheld_given,
    )


def part_of(
    rest: Rest, wanted: Wanted, *, inclusive: bool, rates: Mapping[str, Rate], terms: tax.Terms
) -> Line:
    """The line of a note that takes what is wanted of `rest`; its prices are without tax.

    inclusive: the invoice's prices have the tax in them, so they cannot be told again.
    rates:     the rate texts of the line, read.
    terms:     those of the note.
    """
    quantity, value = _measure(rest, wanted)
    line = _priced(rest.line, quantity, value, inclusive=inclusive)

    def fits(other: Line) -> bool:
        return tax.of_line(_supply(other, rates), terms).sales_tax <= rest.sales_tax

    if fits(line):
        return line
    if line.retail_price and sale_types.of(line.sale_type).on_retail_price:
        printed = _largest(line.retail_price, lambda each: fits(replace(line, retail_price=each)))
        return replace(line, retail_price=printed)
    cheaper = partial(_priced, rest.line, quantity, inclusive=inclusive)
    line = cheaper(_largest(value, lambda each: fits(cheaper(each))))
    if fits(line):
        return line
    # A rate by the unit does not follow the price: a little less comes back.
    fewer = partial(_priced, rest.line, value=value, inclusive=inclusive)
    return fewer(_largest(quantity, lambda each: fits(fewer(each)), step=_LEAST_QUANTITY))


def _largest(amount: Decimal, fits: Callable[[Decimal], bool], *, step: Decimal = PAISA) -> Decimal:
    """The largest amount below `amount`, in whole steps, that fits; one step where none does."""
    low, high = 1, int(amount / step)  # high does not fit
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle * step) else (low, middle)
    return low * step


def difference(
    rest: Rest, price: Decimal, *, inclusive: bool, rates: Mapping[str, Rate], terms: tax.Terms
) -> Decimal:
    """How much less value there is when a unit costs `price`, over what is still sold of the line.

    Rupees before tax; negative when the price is higher. `price` is told as the invoice tells
    its prices: with the tax in it where `inclusive`.
    """
    line = rest.line
    supply = _supply(replace(copied(line), unit_price=price), rates)
    right = tax.of_line(supply, replace(terms, inclusive=inclusive)).value
    whole = line.value + line.advance - right
    return to_paisa(whole * rest.quantity / line.quantity) if line.quantity else ZERO


def _measure(rest: Rest, wanted: Wanted) -> tuple[Decimal, Decimal]:
    """How many, and over how much. A price alone is corrected over all that is still sold."""
    line = rest.line
    quantity = wanted.quantity or rest.quantity or line.quantity
    if wanted.value is not None:
        return quantity, wanted.value
    if wanted.quantity is None or wanted.quantity == rest.quantity:
        return quantity, rest.value
    return quantity, min(to_paisa(line.value * quantity / line.quantity), rest.value)


def _priced(line: InvoiceLine, quantity: Decimal, value: Decimal, *, inclusive: bool) -> Line:
    """`quantity` at the invoice's own price where that reaches so far, else at a lower one."""
    share = value / line.value if line.value else ZERO
    fed = to_paisa(line.fed * share)
    gross = value - fed
    price = line.unit_price
    is_price_cut = quantity == line.quantity and value < line.value
    if inclusive or is_price_cut or to_paisa(quantity * price) < gross:
        price = price_reaching(gross, quantity)
    return Line(
        **{name: getattr(line, name) for name in _COPIED},
        quantity=quantity,
        unit_price=price,
        discount=to_paisa(quantity * price) - gross,
        further_tax=ZERO if line.further_tax_given == 0 else None,
        extra_tax=None if line.extra_tax_given is None else to_paisa(line.extra_tax_given * share),
        fed=fed if line.fed else line.fed_given,
        withheld=ZERO if not line.withheld else None,
    )


def _supply(line: Line, rates: Mapping[str, Rate]) -> tax.Supply:
    return tax.Supply(
        sale_type=line.sale_type,
        rate=rates[line.rate],
        quantity=line.quantity,
        unit_price=line.unit_price,
        discount=line.discount,
        retail_price=line.retail_price,
        fed=line.fed,
        fed_rate=rates.get(line.fed_rate),
    )


def withholding_of(invoice: Invoice, lines: Iterable[InvoiceLine]) -> str:
    """What the customer keeps back of a note's tax, where single lines of the invoice say so."""
    if invoice.withholding in {"", Withholding.NONE} and any(line.withheld for line in lines):
        return Withholding.FULL
    return invoice.withholding or Withholding.NONE
