"""What a line's amounts rest on, in words: under the line of the editor and of the document."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from invoices import sale_types, tax
from invoices.enums import FurtherTaxWhy
from invoices.models import InvoiceLine
from smartinvoicing.money import ZERO
from smartinvoicing.templatetags.formats import rupees

_FURTHER: Final[Mapping[str, Any]] = {
    FurtherTaxWhy.CHARGED: gettext_lazy("Further tax %(amount)s: the customer is not registered"),
    FurtherTaxWhy.REGISTERED: gettext_lazy("No further tax: the customer is registered"),
    FurtherTaxWhy.EXEMPT: gettext_lazy("No further tax: the supply is exempt"),
    FurtherTaxWhy.ZERO_RATED: gettext_lazy("No further tax: the supply is zero-rated"),
    FurtherTaxWhy.THIRD_SCHEDULE: gettext_lazy("No further tax on Third Schedule goods"),
    FurtherTaxWhy.DTRE: gettext_lazy("No further tax on DTRE goods"),
    FurtherTaxWhy.TYPED: gettext_lazy("Further tax %(amount)s, as typed"),
    FurtherTaxWhy.CONSUMER: gettext_lazy("No further tax: a final consumer at a till"),
    FurtherTaxWhy.NONE_IN_FORCE: gettext_lazy("No further tax was in force on that day"),
}


def notes_of(
    amounts: tax.LineTaxes | InvoiceLine, *, sale_type: str, advance: Decimal = ZERO
) -> list[str]:
    """Short sentences, most telling first. advance: rupees that a receipt has charged already."""
    return list(_notes(amounts, sale_type, advance))


def _notes(amounts: tax.LineTaxes | InvoiceLine, sale_type: str, advance: Decimal) -> Iterator[str]:
    if sale_types.of(sale_type).fed_mode and amounts.sales_tax:
        yield _("The tax is federal excise in sales tax mode")
    for sentence, amount in (
        (_("Tax on retail value %(amount)s"), amounts.retail_value),
        (_("Excise %(amount)s within the value"), amounts.fed),
        (_("Extra tax %(amount)s"), amounts.extra_tax),
        (_("%(amount)s of the value was charged in advance"), advance),
        (_("The customer withholds %(amount)s"), amounts.withheld),
    ):
        if amount:
            yield sentence % {"amount": rupees(amount)}
    if amounts.further_tax_why in _FURTHER:
        yield str(_FURTHER[amounts.further_tax_why]) % {"amount": rupees(amounts.further_tax)}
    if amounts.residue:
        yield rounding(amounts.residue)


def rounding(residue: Decimal) -> str:
    """Where the paisa of a price with tax in it went."""
    about = {"amount": rupees(abs(residue)).replace("Rs", "Re", 1)}
    if abs(residue) > 1:
        about = {"amount": rupees(abs(residue))}
    if residue > 0:
        return _("Rounding %(amount)s into the total") % about
    return _("Rounding %(amount)s out of the total") % about
