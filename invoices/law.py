"""Figures of the law with the day from which each holds. Data only, newest first.

A figure is looked up by the date of the document: an old invoice keeps the law of its day.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final, Generic, TypeVar

from invoices.enums import FurtherTaxWhy, SaleType

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Since(Generic[T]):
    """One figure: from when it holds, what it is, and where that is written."""

    on: date
    value: T
    source: str


def in_force(table: Sequence[Since[T]], on: date) -> T | None:
    """What `table` says on that day; None before its first entry."""
    return next((row.value for row in table if on >= row.on), None)


_ALWAYS: Final = date(1990, 1, 1)

# Percent of the value, on taxable supplies to persons who are not registered.
FURTHER_TAX: Final = (
    Since(on=date(2023, 7, 1), value=Decimal(4), source="Finance Act 2023, s. 3(1A) STA"),
    Since(on=_ALWAYS, value=Decimal(3), source="s. 3(1A) STA as it was"),
)

# Sale types that bear no further tax, and why.
NO_FURTHER_TAX: Final = (
    Since(
        on=_ALWAYS,
        value={
            SaleType.EXEMPT.value: FurtherTaxWhy.EXEMPT,
            SaleType.ZERO.value: FurtherTaxWhy.ZERO_RATED,
            SaleType.THIRD_SCHEDULE.value: FurtherTaxWhy.THIRD_SCHEDULE,
            SaleType.DTRE.value: FurtherTaxWhy.DTRE,
        },
        source="s. 3(1A) STA: taxable supplies; notifications on Third Schedule goods",
    ),
)

# The rate text of standard-rate goods.
STANDARD_RATE: Final = (
    Since(on=date(2023, 2, 15), value="18%", source="Finance (Supplementary) Act 2023"),
    Since(on=_ALWAYS, value="17%", source="s. 3(1) STA as it was"),
)

# Rupees, tax included: up to this a retailer's ordinary consumer stays without a number.
CONSUMER_UP_TO: Final = (
    Since(on=date(2020, 7, 1), value=Decimal(100_000), source="s. 23(1)(b) STA, Finance Act 2020"),
    Since(on=_ALWAYS, value=Decimal(50_000), source="s. 23(1)(b) STA, Finance Act 2019"),
)

# Rupees before tax: above this FBR refuses the rate of 5 % (code 0079).
FIVE_PERCENT_UP_TO: Final = (
    Since(on=_ALWAYS, value=Decimal(20_000), source="PRAL DI API v1.12, code 0079"),
)

# Days after the invoice in which a note may be made (code 0034).
NOTE_DAYS: Final = (Since(on=_ALWAYS, value=180, source="s. 9 STA; PRAL DI API v1.12, 0034"),)

# Rupees on each bill of a Tier-1 retailer.
SERVICE_FEE: Final = (
    Since(on=date(2021, 10, 1), value=Decimal("1.00"), source="SRO 1279(I)/2021, s. 76 STA"),
)
