"""The tax of a line and the totals of a document. Pure: values in, values out.

No other file multiplies money by a rate, and no JavaScript does.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import date
from decimal import Decimal
from typing import Final

from invoices.enums import BuyerKind, SaleType
from smartinvoicing.money import ZERO, to_paisa

HUNDRED: Final = Decimal(100)

# (from, percent), newest first. Source: Sales Tax Act 1990, s. 3(1A); 3 % before Finance Act 2023.
FURTHER_TAX: Final = ((date(2023, 7, 1), Decimal(4)), (date(1990, 1, 1), Decimal(3)))


@dataclass(frozen=True, kw_only=True)
class Rate:
    """A rate text read into numbers.

    percent as printed (18 for 18 %), per_unit in rupees a unit; a mixed rate has both.
    """

    text: str
    percent: Decimal = Decimal(0)
    per_unit: Decimal = Decimal(0)


@dataclass(frozen=True, kw_only=True)
class Supply:
    """What the tax of one line depends on.

    unit_price and discount in rupees, the discount for the whole line. A given amount is used
    as it stands; None means: compute it.
    """

    sale_type: str
    rate: Rate
    quantity: Decimal
    unit_price: Decimal
    discount: Decimal = ZERO
    further_tax: Decimal | None = None
    extra_tax: Decimal | None = None
    fed: Decimal | None = None
    withheld: Decimal | None = None


@dataclass(frozen=True, kw_only=True)
class Taxes:
    """The amounts of one line, or of a document: rupees, two places."""

    value: Decimal = ZERO
    sales_tax: Decimal = ZERO
    further_tax: Decimal = ZERO
    extra_tax: Decimal = ZERO
    fed: Decimal = ZERO
    discount: Decimal = ZERO
    withheld: Decimal = ZERO
    total: Decimal = ZERO


AMOUNTS: Final = tuple(field.name for field in fields(Taxes))


def sales_tax(*, value: Decimal, quantity: Decimal, rate: Rate) -> Decimal:
    """Sales tax on one line.

    Units:   value in rupees before tax; quantity in the line's own unit.
    Returns: rupees, two places, rounded once, half up.
    Raises:  ValueError for a negative value or quantity.
    Source:  Sales Tax Act 1990, s. 3; PRAL DI API v1.12, rate texts and samples.
    """
    if value < 0 or quantity < 0:
        raise ValueError("a supply is not negative")
    return to_paisa(value * rate.percent / HUNDRED + quantity * rate.per_unit)


def further_tax(*, value: Decimal, sale_type: str, buyer_kind: str, on: date) -> Decimal:
    """Further tax on a taxable supply to a person who is not registered.

    Source: Sales Tax Act 1990, s. 3(1A).
    """
    if buyer_kind != BuyerKind.UNREGISTERED or sale_type != SaleType.STANDARD:
        return ZERO
    percent = next((percent for since, percent in FURTHER_TAX if on >= since), ZERO)
    return to_paisa(value * percent / HUNDRED)


def value_before_tax(supply: Supply, *, inclusive: bool) -> Decimal:
    """The value on which tax is charged, after discount.

    From a price that includes tax the value is gross x 100 / (100 + rate), rounded; rupees per
    unit are taken off first. Further tax comes on top: it depends on the buyer, not the goods.
    """
    gross = to_paisa(supply.quantity * supply.unit_price) - supply.discount
    if not inclusive:
        return to_paisa(gross)
    net = gross - supply.quantity * supply.rate.per_unit
    return to_paisa(net * HUNDRED / (HUNDRED + supply.rate.percent))


def of_line(supply: Supply, *, inclusive: bool, buyer_kind: str, on: date) -> Taxes:
    """All amounts of one line.

    The total is the value and every tax on it; what the buyer withholds does not change it.
    Entered with tax, value and tax give back the gross: a missing paisa goes into the total,
    never into the tax.
    """
    value = value_before_tax(supply, inclusive=inclusive)
    tax = sales_tax(value=max(value, ZERO), quantity=supply.quantity, rate=supply.rate)
    further = supply.further_tax
    if further is None:
        further = further_tax(value=value, sale_type=supply.sale_type, buyer_kind=buyer_kind, on=on)
    extra, fed = supply.extra_tax or ZERO, supply.fed or ZERO
    with_tax = value + tax
    if inclusive:
        with_tax = to_paisa(supply.quantity * supply.unit_price) - supply.discount
    return Taxes(
        value=value,
        sales_tax=tax,
        further_tax=to_paisa(further),
        extra_tax=to_paisa(extra),
        fed=to_paisa(fed),
        discount=to_paisa(supply.discount),
        withheld=to_paisa(supply.withheld or ZERO),
        total=to_paisa(with_tax + further + extra + fed),
    )


def totals(lines: Iterable[Taxes]) -> Taxes:
    """Sums of rounded lines: the header is never rounded again."""
    rows = list(lines)
    return Taxes(**{name: sum((getattr(row, name) for row in rows), ZERO) for name in AMOUNTS})
