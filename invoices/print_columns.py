"""The columns of amounts on a printed copy, and the calmest sheet on which they find room. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.utils.translation import gettext, gettext_lazy

from invoices.models import InvoiceLine
from smartinvoicing import money
from smartinvoicing.templatetags import formats

# Sheets from the calmest on, and how many characters of amounts each has room for.
_LAYOUTS: Final = (("", 88), ("wide", 150), ("wide small", 200), ("wide tiny", 256))
_GAP: Final = 2  # characters between two columns
_LEAST: Final = 8  # characters; print.css has a class for each width
_MOST: Final = 24
_UNIT: Final = 14


@dataclass(frozen=True, kw_only=True)
class Cell:
    """Text, and smaller text below it."""

    text: str
    more: str = ""
    kind: str = ""


@dataclass(frozen=True, kw_only=True)
class Column:
    """width: how many characters it holds in one line. kind: its class in print.css."""

    name: str
    title: str
    more: str
    width: int
    kind: str = ""


@dataclass(frozen=True, kw_only=True)
class _Plan:
    """A column that may be printed: what it says of a line, and whether a nought is worth it."""

    name: str
    title: Any
    says: Callable[[InvoiceLine], str]
    is_rare: bool = False
    more_title: Any = ""
    says_more: Callable[[InvoiceLine], str] = lambda line: ""
    kind: str = ""
    least: int = _LEAST
    most: int = _MOST


def _amount(name: str) -> Callable[[InvoiceLine], str]:
    return lambda line: formats.amount(getattr(line, name))


def _rare(name: str, title: Any) -> _Plan:
    return _Plan(name=name, title=title, says=_amount(name), is_rare=True)


def _always(name: str, title: Any) -> _Plan:
    return _Plan(name=name, title=title, says=_amount(name))


def price(amount: Any) -> str:
    """Two to four places: 1,250.00 and 0.1234."""
    return f"{amount:,.{max(2, money.places_of(amount))}f}"


_PLANS: Final = (
    _Plan(
        name="quantity",
        title=gettext_lazy("Quantity"),
        says=lambda line: formats.quantity(line.quantity),
        more_title=gettext_lazy("Unit"),
        says_more=lambda line: line.unit,
    ),
    _Plan(name="price", title=gettext_lazy("Price"), says=lambda line: price(line.unit_price)),
    _rare("discount", gettext_lazy("Discount")),
    _rare("advance", gettext_lazy("Charged in advance")),
    _always("value", gettext_lazy("Value excl. tax")),
    _rare("retail_value", gettext_lazy("Retail value")),
    _Plan(
        name="rate",
        title=gettext_lazy("Rate"),
        says=lambda line: line.rate,
        kind="rate",
        least=5,
        most=10,  # longer words of a rate may break
    ),
    _always("sales_tax", gettext_lazy("Sales tax")),
    _always("further_tax", gettext_lazy("Further tax")),
    _rare("extra_tax", gettext_lazy("Extra tax")),
    _rare("withheld", gettext_lazy("Tax withheld")),
    _Plan(name="total", title=gettext_lazy("Total"), says=_amount("total"), kind="total"),
)


def columns_of(lines: Sequence[InvoiceLine], *, inclusive: bool) -> tuple[Column, ...]:
    """The columns that some line needs. inclusive: the prices have the tax in them."""
    titles = {"price": gettext("Price incl. tax")} if inclusive else {}
    return tuple(
        Column(
            name=plan.name,
            title=titles.get(plan.name, str(plan.title)),
            more=str(plan.more_title),
            width=_width(plan, lines),
            kind=plan.kind,
        )
        for plan in _PLANS
        if not plan.is_rare or any(getattr(line, plan.name) for line in lines)
    )


def cells_of(line: InvoiceLine, columns: Iterable[Column]) -> tuple[Cell, ...]:
    """What `line` says in each of the columns."""
    return tuple(
        Cell(text=plan.says(line), more=plan.says_more(line), kind=plan.kind)
        for plan in (_PLAN[column.name] for column in columns)
    )


_PLAN: Final[Mapping[str, _Plan]] = {plan.name: plan for plan in _PLANS}


def _width(plan: _Plan, lines: Sequence[InvoiceLine]) -> int:
    longest = max([plan.least, *(len(plan.says(line)) for line in lines)])
    more = max([0, *(min(len(plan.says_more(line)), _UNIT) for line in lines)])  # it may break
    return min(max(longest, more), plan.most)


def layout_of(columns: Iterable[Column]) -> str:
    """ "", "wide", "wide small" or "wide tiny": the sheet on which they all find room."""
    needed = sum(column.width + _GAP for column in columns)
    return next((name for name, room in _LAYOUTS if needed <= room), _LAYOUTS[-1][0])
