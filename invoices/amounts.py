"""Amounts of a document and of its lines as the pages list them, with what they rest on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _

from invoices import line_words, pages, tax
from invoices.models import Invoice, InvoiceLine
from smartinvoicing.templatetags.formats import price

Row = dict[str, Any]


def totals_of(amounts: tax.Taxes | Invoice) -> list[Row]:
    """The sums of a document; those that are nought and rare are left out."""
    rounding = amounts.total - amounts.value - tax_of(amounts)
    rows = (
        (_("Value without tax"), amounts.value, True),
        (_("Sales tax"), amounts.sales_tax, True),
        (_("Further tax"), amounts.further_tax, False),
        (_("Extra tax"), amounts.extra_tax, False),
        (_("Rounding"), rounding, False),
        (_("Excise, within the value"), amounts.fed, False),
        (_("Withheld, of the total"), amounts.withheld, False),
    )
    found: list[Row] = [
        {"name": name, "value": value} for name, value, always in rows if always or value
    ]
    return [*found, {"name": _("Total"), "value": amounts.total, "grand": True}]


def beside_totals(invoice: Invoice) -> list[Row]:
    """What is contained in the sums or does not change them."""
    rows = ((_("Discount given"), invoice.discount), (_("FBR service fee"), invoice.service_fee))
    return [{"name": name, "value": value} for name, value in rows if value]


def tax_of(amounts: tax.Taxes | Invoice | InvoiceLine) -> Decimal:
    """All that comes on top of a value; excise outside sales tax mode is within it."""
    found: Decimal = amounts.sales_tax + amounts.further_tax + amounts.extra_tax
    return found


def lines_of(
    lines: Iterable[InvoiceLine], problems: Mapping[int, Sequence[Row]] | None = None
) -> list[Row]:
    """The lines as the page of a document lists them.

    problems: what FBR found in a line, by its position.
    """
    found = problems or {}
    return [
        {
            "number": line.position,
            "description": line.description,
            "hs_code": line.hs_code,
            "sale_type": pages.sale_type_of(line.sale_type),
            "quantity": line.quantity,
            "unit": line.unit,
            "unit_price": line.unit_price,
            "discount": line.discount,
            "rate": line.rate,
            "value": line.value,
            "tax": tax_of(line),
            "total": line.total,
            "particulars": _particulars(line),
            "notes": line_words.notes_of(line, sale_type=line.sale_type, advance=line.advance),
            "problems": list(found.get(line.position, ())),
        }
        for line in lines
    ]


def _particulars(line: InvoiceLine) -> list[Row]:
    """What was said beyond what every line says."""
    printed = None if line.retail_price is None else price(line.retail_price)
    unit_price = None if line.fed_unit_price is None else price(line.fed_unit_price)
    rows = (
        (_("Printed retail price"), printed),
        (_("SRO or schedule"), line.sro_schedule),
        (_("Serial in the SRO"), line.sro_item),
        (_("Petroleum levy on"), line.petroleum_levy_on),
        (_("Kind of excise"), line.fed_type),
        (_("Rate of excise"), line.fed_rate),
        (_("Price of a unit for excise"), unit_price),
        (_("SRO or schedule of excise"), line.fed_schedule),
        (_("Serial in it"), line.fed_item),
    )
    return [{"name": name, "value": value} for name, value in rows if value]
