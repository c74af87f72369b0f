"""What one line must meet. Pure.

Source: PRAL DI API v1.12, sections 4, 7 and 8, and codes that integrators report.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Final

from django.utils.translation import gettext as _

from invoices import law, rates, sale_types, tax
from invoices.content import Line
from invoices.enums import BuyerKind, SaleType, Withholding
from invoices.reference import Reference
from smartinvoicing.errors import Problem
from smartinvoicing.money import LARGEST, ZERO, write

_HS_CODE: Final = re.compile(r"[0-9]{4}\.[0-9]{4}", re.ASCII)
_ELECTRICITY: Final = "2716."
_TAXES: Final = ("further_tax", "extra_tax", "fed", "withheld")


class Maker:
    """Makes the problems of one line."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __call__(
        self, code: str, field: str, message: str, fix: str, *, put: str = "", deed: str = ""
    ) -> Problem:
        return Problem(
            code=code,
            field=field,
            line=self.number,
            message=message,
            fix=fix,
            put=put,
            deed=deed,
        )


def problems_of(
    number: int,
    line: Line,
    taxes: tax.LineTaxes,
    terms: tax.Terms,
    reference: Reference,
    *,
    province: str,
) -> Iterator[Problem]:
    """Everything that is wrong with line `number` of a document on these terms.

    province: the seller's; FBR's rates may depend on it.
    """
    problem = Maker(number)
    yield from _of_goods(problem, line, reference)
    yield from _of_unit(problem, line, reference)
    possible = possible_rates(line.sale_type, terms.on, reference, province=province)
    yield from _of_rate(problem, line, possible, reference)
    yield from _of_schedule(problem, line, terms)
    yield from _of_amounts(problem, line, taxes)
    yield from _of_sale_type(problem, line, taxes, terms)
    yield from _of_given_taxes(problem, line, taxes, terms, reference)
    yield from _of_excise(problem, line)


def _of_goods(problem: Maker, line: Line, reference: Reference) -> Iterator[Problem]:
    if not line.description:
        yield problem(
            "description",
            "description",
            _("The line says not what is sold."),
            _("Name the goods or the service."),
        )
    if not _HS_CODE.fullmatch(line.hs_code) or line.hs_code not in reference.hs_codes:
        dotted = f"{line.hs_code[:4]}.{line.hs_code[4:]}"
        yield problem(
            "0044" if line.hs_code else "0019",
            "hs_code",
            _("FBR does not know this HS code.") if line.hs_code else _("The HS code is missing."),
            _("Choose a code from the tariff list, written like 5205.1100."),
            put=dotted if dotted in reference.hs_codes else "",
        )


def _of_unit(problem: Maker, line: Line, reference: Reference) -> Iterator[Problem]:
    """FBR forces the unit by HS code, by the rate's own unit, and for steel."""
    if line.unit not in reference.units:
        yield problem(
            "0099",
            "unit",
            _("FBR does not know this unit of measure.")
            if line.unit
            else _("The unit of measure is missing."),
            _("Choose the unit from the list; capitals count."),
            put=_same_but_for_capitals(line.unit, reference),
        )
        return
    allowed, code = forced_unit(line, reference)
    if allowed is not None and line.unit not in allowed:
        words = {"units": ", ".join(sorted(allowed)), "hs_code": line.hs_code}
        yield problem(
            code,
            "unit",
            _("This line is counted in %(units)s, not in the unit chosen.") % words,
            _("Choose %(units)s, and count the quantity in it.") % words,
            put=min(allowed) if len(allowed) == 1 else "",
        )


def _same_but_for_capitals(unit: str, reference: Reference) -> str:
    return next((known for known in reference.units if known.lower() == unit.lower()), "")


def forced_unit(line: Line, reference: Reference) -> tuple[frozenset[str] | None, str]:
    """The units that are possible, and FBR's code for any other; None where any is."""
    if line.hs_code.startswith(_ELECTRICITY):
        return frozenset({"KWH"}), "0096"
    wanted = sale_types.of(line.sale_type).unit
    if wanted:
        return frozenset({wanted}), "0062"
    by_rate = sale_types.UNIT_OF_RATE.get(reference.rate(line.rate).unit.lower())
    if by_rate is not None:
        return by_rate
    return reference.units_of(line.hs_code), "0099"


def _of_rate(
    problem: Maker, line: Line, possible: tuple[str, ...] | None, reference: Reference
) -> Iterator[Problem]:
    if line.sale_type not in SaleType.values:
        yield problem(
            "0013",
            "sale_type",
            _("FBR does not list this kind of supply."),
            _("Choose the kind of supply from the list."),
        )
        return
    if possible is not None and line.rate not in possible:
        words = {"rates": ", ".join(possible[:6])}
        yield problem(
            "0046" if line.rate else "0020",
            "rate",
            _("This rate does not go with this kind of supply."),
            _("Write %(rates)s, exactly so.") % words,
            put=possible[0] if len(possible) == 1 else "",
        )
    elif not reference.knows_rate(line.rate):
        yield problem(
            "0046" if line.rate else "0020",
            "rate",
            _("FBR does not know this rate."),
            _("Choose the rate from the list, for example 18%."),
        )


def possible_rates(
    sale_type: str, on: date, reference: Reference, *, province: str = ""
) -> tuple[str, ...] | None:
    """The rate texts FBR takes for a kind of supply, None where nobody knows the whole list."""
    if sale_type == SaleType.STANDARD:
        standard = law.in_force(law.STANDARD_RATE, on)
        return (standard,) if standard else None
    return sale_types.of(sale_type).rates or reference.rates_for(sale_type, on, province)


def _of_schedule(problem: Maker, line: Line, terms: tax.Terms) -> Iterator[Problem]:
    """A rate that is not the standard one rests on an SRO or schedule, and an entry of it."""
    standard = law.in_force(law.STANDARD_RATE, terms.on)
    if not sale_types.of(line.sale_type).needs_sro or line.rate == standard:
        return
    if not line.sro_schedule:
        yield problem(
            "0077",
            "sro_schedule",
            _("This rate needs the SRO or schedule that grants it."),
            _("Choose the SRO or schedule from FBR's list."),
        )
    if not line.sro_item:
        yield problem(
            "0078",
            "sro_item",
            _("The serial number in the SRO or schedule is missing."),
            _("Type the entry under which these goods stand."),
        )


def _of_amounts(problem: Maker, line: Line, taxes: tax.LineTaxes) -> Iterator[Problem]:
    if line.quantity <= 0:
        yield problem(
            "0098", "quantity", _("The quantity is not above zero."), _("Type how many were sold.")
        )
    if line.unit_price <= 0:
        yield problem(
            "0021",
            "unit_price",
            _("The price is not above zero."),
            _("Type the price of one unit."),
        )
    if line.discount < 0:
        yield problem(
            "0300", "discount", _("The discount is negative."), _("Type it without a minus.")
        )
    elif line.quantity > 0 and line.unit_price > 0 and taxes.value <= 0:
        yield problem(
            "0300",
            "discount",
            _("Nothing is left of the value after the discount."),
            _("Make the discount smaller than quantity times price."),
        )
    if abs(taxes.total) > LARGEST:
        yield problem(
            "0300", "unit_price", _("The amount is too large."), _("Check quantity and price.")
        )


def _of_sale_type(
    problem: Maker, line: Line, taxes: tax.LineTaxes, terms: tax.Terms
) -> Iterator[Problem]:
    kind = sale_types.of(line.sale_type)
    if kind.on_retail_price and not line.retail_price:
        yield problem(
            "0090",
            "retail_price",
            _("Third Schedule goods are taxed on the printed retail price."),
            _("Type the retail price printed on one unit."),
        )
    if kind.registered_only and terms.buyer_kind == BuyerKind.UNREGISTERED:
        yield problem(
            "0100",
            "sale_type",
            _("This supply is reported for registered customers only."),
            _("Choose a registered customer, or another kind of supply."),
        )
    if line.petroleum_levy_on and line.petroleum_levy_on not in sale_types.LEVIES:
        yield problem(
            "0129",
            "petroleum_levy_on",
            _("FBR does not know this base of the petroleum levy."),
            _("Choose one of: %(words)s.") % {"words": ", ".join(sale_types.LEVIES)},
        )
    most = law.in_force(law.FIVE_PERCENT_UP_TO, terms.on)
    if line.rate == "5%" and most is not None and taxes.value > most:
        yield problem(
            "0079",
            "rate",
            _("FBR refuses 5%% on a value above Rs %(most)s.") % {"most": f"{most:,.0f}"},
            _("Split the line, or choose the rate that applies above it."),
        )


def _of_given_taxes(
    problem: Maker, line: Line, taxes: tax.LineTaxes, terms: tax.Terms, reference: Reference
) -> Iterator[Problem]:
    for field in _TAXES:
        given: Decimal | None = getattr(line, field)
        if given is not None and given < 0:
            yield problem(
                "0300", field, _("A tax is not negative."), _("Leave it empty to have it computed.")
            )
    yield from _of_withheld(problem, line, taxes, terms)
    if line.extra_tax and sale_types.of(line.sale_type).no_extra_tax:
        yield problem(
            "0091",
            "extra_tax",
            _("FBR takes no extra tax on this kind of supply."),
            _("Leave it empty."),
            deed="clear_extra_tax",
        )
    rate = reference.rate(line.rate)
    due = tax.further_tax(
        value=max(taxes.value, ZERO), sale_type=line.sale_type, rate=rate, terms=terms
    )
    if line.further_tax is not None and line.further_tax not in {ZERO, due}:
        yield problem(
            "further_tax",
            "further_tax",
            _("The further tax is not what the law asks for this customer and value."),
            _("Leave it empty to have it computed, or type 0 where a notification frees you."),
            put=write(due),
        )


def _of_withheld(
    problem: Maker, line: Line, taxes: tax.LineTaxes, terms: tax.Terms
) -> Iterator[Problem]:
    if line.withheld is None:
        return
    possible = {ZERO, taxes.sales_tax}
    if terms.withholding == Withholding.FIFTH:
        possible.add(tax.withheld_from(taxes.sales_tax, Withholding.FIFTH))
    if line.withheld not in possible:
        yield problem(
            "0050" if line.sale_type == SaleType.COTTON else "0008",
            "withheld",
            _("FBR takes sales tax withheld only as zero or as the whole sales tax."),
            _("Leave it empty, or type the whole sales tax of the line."),
            put=write(taxes.sales_tax),
        )
    if line.withheld and terms.buyer_kind == BuyerKind.UNREGISTERED:
        yield problem(
            "0070",
            "withheld",
            _("Only a customer who is registered withholds sales tax."),
            _("Leave it empty, or change the customer's registration."),
            put="0",
        )


def _of_excise(problem: Maker, line: Line) -> Iterator[Problem]:
    has_excise = bool(line.fed) or bool(line.fed_rate)
    if has_excise and sale_types.of(line.sale_type).fed_mode:
        yield problem(
            "fed_in_st_mode",
            "fed",
            _("In sales tax mode the excise is the sales tax of the line; there is no other."),
            _("Leave the excise and its rate empty."),
            put="0",
        )
    if line.fed_rate:
        try:
            rates.parse(line.fed_rate)
        except rates.UnknownRate:
            yield problem(
                "fed_rate",
                "fed_rate",
                _("The rate of excise cannot be read."),
                _("Write it like 16%, Rs. 5 per KG or 10% and Rs. 2 per Liter."),
            )
