"""What a line of the editor fills in by itself while somebody writes. Pure of queries.

Each function takes a row's texts and returns them with what follows from the rest; what somebody
typed stays, unless it only repeats what the old choice had filled in.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Final

from invoices import law, sale_types
from invoices.content import PARTICULARS, Line
from invoices.enums import SaleType
from invoices.models import Product
from invoices.reference import Reference
from invoices.rules import lines
from smartinvoicing import money

Texts = Mapping[str, str]

# The kind of supply for which a row was filled in and drawn last.
MEMORY: Final = "drawn_for"

_FROM_PRODUCT: Final = ("hs_code", "unit", "sale_type", "rate", *PARTICULARS)


def usual_rate(sale_type: str, *, on: date) -> str:
    """The rate to offer first for a kind of supply, on the day of the document."""
    if sale_type == SaleType.STANDARD:
        return law.in_force(law.STANDARD_RATE, on) or ""
    return sale_types.of(sale_type).usual_rate


def with_usual_rate(text: Texts, *, on: date) -> dict[str, str]:
    """After another kind of supply was chosen: its usual rate in place of the old one's."""
    was, chosen = text[MEMORY], text["sale_type"]
    filled = {**text, MEMORY: chosen}
    if was and was != chosen and text["rate"].strip() in {"", usual_rate(was, on=on)}:
        filled["rate"] = usual_rate(chosen, on=on)
    return filled


def with_forced_unit(text: Texts, lists: Reference) -> dict[str, str]:
    """The unit, where FBR takes only one for these goods at this rate."""
    line = Line(
        hs_code=text["hs_code"].strip(),
        sale_type=text["sale_type"],
        rate=text["rate"].strip(),
        unit=text["unit"],
    )
    allowed, _code = lines.forced_unit(line, lists)
    if allowed is None or len(allowed) != 1 or text["unit"].strip() in allowed:
        return dict(text)
    return {**text, "unit": min(allowed)}


def with_product(text: Texts, product: Product) -> dict[str, str]:
    """All that the master says; quantity, discount and amounts typed by hand stay."""
    further = {True: "0", False: "" if text["further_tax"] == "0" else text["further_tax"]}
    return {
        **text,
        **{name: str(getattr(product, name)) for name in _FROM_PRODUCT},
        "description": product.name,
        "unit_price": money.write_short(product.unit_price) if product.unit_price else "",
        "retail_price": "" if product.retail_price is None else money.write(product.retail_price),
        "further_tax": further[product.no_further_tax],
        MEMORY: str(product.sale_type),
    }
