"""The tax of a line and the totals of a document. Pure: values in, values out.

No other file multiplies money by a rate, and no JavaScript does. Each amount is rounded once, to
whole paisa, half up; sums are never rounded again (PRAL DI API v1.12, sample arithmetic).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import date
from decimal import Decimal
from typing import Final

from invoices import law, sale_types
from invoices.enums import BuyerKind, FurtherTaxWhy, Withholding
from invoices.rates import Rate
from smartinvoicing.money import ZERO, to_paisa

HUNDRED: Final = Decimal(100)
FIFTH: Final = Decimal(5)


@dataclass(frozen=True, kw_only=True)
class Supply:
    """What the tax of one line depends on.

    unit_price, retail_price: rupees a unit; retail_price is the one printed on the goods.
    discount:  rupees for the whole line.
    advance:   value before tax that an advance receipt has charged already, in rupees.
    fed_rate:  federal excise outside sales tax mode, None when there is none.
    A given amount (rupees) is used as it stands; None means: compute it.
    """

    sale_type: str
    rate: Rate
    quantity: Decimal
    unit_price: Decimal
    discount: Decimal = ZERO
    advance: Decimal = ZERO
    retail_price: Decimal | None = None
    fed_rate: Rate | None = None
    further_tax: Decimal | None = None
    extra_tax: Decimal | None = None
    fed: Decimal | None = None
    withheld: Decimal | None = None


@dataclass(frozen=True, kw_only=True)
class Terms:
    """What the taxes of all lines of a document depend on.

    inclusive:        prices were entered with every tax but further tax in them.
    retail_inclusive: the printed retail price has the sales tax in it (Sales Tax Act 1990,
                      s. 3(2)(a)); the base of the tax is then the price without it (s. 2(27)).
    """

    on: date
    buyer_kind: str
    inclusive: bool = False
    retail_inclusive: bool = True
    withholding: str = Withholding.NONE


@dataclass(frozen=True, kw_only=True)
class Taxes:
    """The amounts of a document: rupees, two places. FED outside sales tax mode is in `value`."""

    value: Decimal = ZERO
    sales_tax: Decimal = ZERO
    further_tax: Decimal = ZERO
    extra_tax: Decimal = ZERO
    fed: Decimal = ZERO
    discount: Decimal = ZERO
    withheld: Decimal = ZERO
    total: Decimal = ZERO


@dataclass(frozen=True, kw_only=True)
class LineTaxes(Taxes):
    """The amounts of a line, and what they rest on.

    retail_value: the whole line at its retail price before tax, 0 outside the Third Schedule.
    residue:      the paisa by which total and taxes differ, from a price with tax in it.
    """

    retail_value: Decimal = ZERO
    residue: Decimal = ZERO
    further_tax_why: str = ""


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


def further_tax(*, value: Decimal, sale_type: str, rate: Rate, terms: Terms) -> Decimal:
    """Further tax on a taxable supply to a person who is not registered.

    Source: Sales Tax Act 1990, s. 3(1A).
    """
    why = why_further_tax(sale_type=sale_type, rate=rate, terms=terms)
    if why != FurtherTaxWhy.CHARGED:
        return ZERO
    percent = law.in_force(law.FURTHER_TAX, terms.on) or Decimal(0)
    return to_paisa(value * percent / HUNDRED)


def why_further_tax(*, sale_type: str, rate: Rate, terms: Terms) -> FurtherTaxWhy:
    """Whether the law asks for further tax on such a line, and why not.

    Source: Sales Tax Act 1990, s. 3(1A); retail sales to final consumers by notification.
    """
    excluded = (law.in_force(law.NO_FURTHER_TAX, terms.on) or {}).get(sale_type)
    if excluded is not None:
        return excluded
    if rate.is_exempt:
        return FurtherTaxWhy.EXEMPT
    if not rate.percent and not rate.per_unit:
        return FurtherTaxWhy.ZERO_RATED
    if not terms.buyer_kind:  # a till's customer is whoever comes in
        return FurtherTaxWhy.CONSUMER
    if terms.buyer_kind != BuyerKind.UNREGISTERED:
        return FurtherTaxWhy.REGISTERED
    if law.in_force(law.FURTHER_TAX, terms.on) is None:
        return FurtherTaxWhy.NONE_IN_FORCE
    return FurtherTaxWhy.CHARGED


def retail_value(supply: Supply, *, retail_inclusive: bool) -> Decimal:
    """What the whole line costs at its printed retail price, before sales tax.

    Source: Sales Tax Act 1990, s. 2(27) and s. 3(2)(a); PRAL DI API v1.12, field
    `fixedNotifiedValueOrRetailPrice`: a total for the line.
    """
    if supply.retail_price is None or not sale_types.of(supply.sale_type).on_retail_price:
        return ZERO
    printed = supply.quantity * supply.retail_price
    if retail_inclusive:
        printed = printed * HUNDRED / (HUNDRED + supply.rate.percent)
    return to_paisa(printed)


def of_line(supply: Supply, terms: Terms) -> LineTaxes:
    """All amounts of one line.

    The total is the value and every tax on it; what the buyer withholds does not change it.
    Entered with tax, value, tax and `residue` give back the gross: a missing paisa goes into the
    total, never into the tax.
    """
    retail = retail_value(supply, retail_inclusive=terms.retail_inclusive)
    gross = to_paisa(supply.quantity * supply.unit_price) - supply.discount
    value, fed = _value_and_fed(supply, gross, retail, inclusive=terms.inclusive)
    value = to_paisa(value - supply.advance)
    tax = _sales_tax(supply, value=value, retail=retail)
    residue = ZERO
    if terms.inclusive and not supply.advance:
        residue = gross - value - tax
    further, why = supply.further_tax, FurtherTaxWhy.TYPED
    if further is None:
        why = why_further_tax(sale_type=supply.sale_type, rate=supply.rate, terms=terms)
        further = further_tax(
            value=value, sale_type=supply.sale_type, rate=supply.rate, terms=terms
        )
    extra = supply.extra_tax or ZERO
    withheld = supply.withheld
    if withheld is None:
        withheld = withheld_from(tax, terms.withholding)
    return LineTaxes(
        value=value,
        sales_tax=tax,
        further_tax=to_paisa(further),
        extra_tax=to_paisa(extra),
        fed=to_paisa(fed),
        discount=to_paisa(supply.discount),
        withheld=to_paisa(withheld),
        total=to_paisa(value + tax + residue + further + extra),
        retail_value=retail,
        residue=residue,
        further_tax_why=why,
    )


def withheld_from(tax: Decimal, withholding: str) -> Decimal:
    """What a withholding agent keeps back of `tax`, in rupees."""
    if withholding == Withholding.FULL:
        return tax
    return to_paisa(tax / FIFTH) if withholding == Withholding.FIFTH else ZERO


def _sales_tax(supply: Supply, *, value: Decimal, retail: Decimal) -> Decimal:
    base = retail if sale_types.of(supply.sale_type).on_retail_price else value
    return sales_tax(value=max(base, ZERO), quantity=supply.quantity, rate=supply.rate)


def _value_and_fed(
    supply: Supply, gross: Decimal, retail: Decimal, *, inclusive: bool
) -> tuple[Decimal, Decimal]:
    """The value on which tax is charged, after discount, and the excise within it.

    Excise outside sales tax mode is part of the value of a supply (Sales Tax Act 1990, s. 2(46)):
    it comes on top of a price without tax, and is already in a price with it.
    """
    if not inclusive:
        fed = _fed(supply, base=gross, within=False)
        return gross + fed, fed
    if sale_types.of(supply.sale_type).on_retail_price:
        value = gross - _sales_tax(supply, value=ZERO, retail=retail)
    else:
        net = gross - supply.quantity * supply.rate.per_unit
        value = to_paisa(net * HUNDRED / (HUNDRED + supply.rate.percent))
    return value, _fed(supply, base=value, within=True)


def _fed(supply: Supply, *, base: Decimal, within: bool) -> Decimal:
    """Excise on `base`: rupees before excise, or with the excise in it."""
    if supply.fed is not None or supply.fed_rate is None:
        return supply.fed or ZERO
    rate = supply.fed_rate
    per_unit = supply.quantity * rate.per_unit
    if within:
        net = (base - per_unit) * HUNDRED / (HUNDRED + rate.percent)
        return to_paisa(base - net)
    return to_paisa(base * rate.percent / HUNDRED + per_unit)


def totals(lines: Iterable[Taxes]) -> Taxes:
    """Sums of rounded lines: the header is never rounded again."""
    rows = list(lines)
    return Taxes(**{name: sum((getattr(row, name) for row in rows), ZERO) for name in AMOUNTS})
