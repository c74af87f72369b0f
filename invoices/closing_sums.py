"""What a closing counts: rows of a kind, their sums, and what they come to. Pure.

A row stands for the documents of one sort: what FBR confirmed, the type, what a note does, and
the till. Amounts are text, so that a stored closing is hashed as it was written.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from invoices.enums import NOTES, NoteDirection
from smartinvoicing import money

SUMS: Final = (
    "value",
    "sales_tax",
    "further_tax",
    "extra_tax",
    "fed",
    "discount",
    "withheld",
    "service_fee",
    "total",
)
SORT: Final = ("what", "document_type", "direction", "till")
CANCELLED: Final = "cancelled"

Row = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Net:
    """What rows come to: notes that take back and cancelled documents taken off."""

    value: Decimal
    tax: Decimal
    total: Decimal


def row_of(found: Mapping[str, Any]) -> Row:
    """One row of a closing, from one group of the database."""
    sort = {name: found[name] for name in SORT}
    sums = {name: money.write(found[name]) for name in SUMS}
    return {**sort, "count": found["count"], **sums}


def added(rows: Iterable[Row]) -> list[Row]:
    """Rows of one sort added up, in a fixed order."""
    whole: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in rows:
        sort = tuple(row[name] for name in SORT)
        known = whole.setdefault(sort, {"count": 0, **dict.fromkeys(SUMS, money.ZERO)})
        known["count"] += row["count"]
        for name in SUMS:
            known[name] += Decimal(row[name])
    found = [row_of({**dict(zip(SORT, sort, strict=True)), **row}) for sort, row in whole.items()]
    return sorted(found, key=lambda row: [str(row[name]) for name in SORT])


def counted(rows: Iterable[Row], what: str) -> int:
    return sum(row["count"] for row in rows if row["what"] == what)


def net(rows: Sequence[Row]) -> Net:
    """In rupees. Tax: sales tax, further tax and extra tax."""
    return Net(
        value=_net(rows, "value"),
        tax=sum(
            (_net(rows, name) for name in ("sales_tax", "further_tax", "extra_tax")), money.ZERO
        ),
        total=_net(rows, "total"),
    )


def _net(rows: Sequence[Row], name: str) -> Decimal:
    return sum((sign(row) * Decimal(row[name]) for row in rows), money.ZERO)


def sign(row: Row) -> int:
    """Minus one for what takes back; what is cancelled takes its own sign back."""
    takes_back = row["document_type"] in NOTES and row["direction"] != NoteDirection.INCREASE
    return (-1 if takes_back else 1) * (-1 if row["what"] == CANCELLED else 1)
