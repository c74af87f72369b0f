"""A list from FBR's portal (IRIS, Annex-C), CSV or XLSX, to rows. Pure.

No two exports name their columns alike: the heading is found by its words, wherever it stands.
A row that cannot be read is told by its number, with what is wrong; the others count.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts import registration, texts
from fbr import workbook
from smartinvoicing import money

LARGEST: Final = 5 * 1024 * 1024
MOST_ROWS: Final = 20_000
ACCEPTED: Final = ".csv,.txt,.xlsx"  # for the attribute `accept`

_SEARCHED: Final = 20  # rows in which the heading is looked for
_CELL: Final = 300

# Words of headings, letters and digits only. The first that fits wins.
_HEADINGS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "fbr_number": (
            *("fbrinvoiceno", "fbrinvoicenumber", "fbrnumber", "fbrinvoice", "fbrno"),
            *("irn", "digitalinvoiceno", "digitalinvoicenumber", "einvoiceno", "diinvoiceno"),
        ),
        "number": (
            *("invoiceno", "invoicenumber", "invoicerefno", "invoicereferenceno", "documentno"),
            *("documentnumber", "docno", "usin", "sellerinvoiceno", "refno", "referenceno"),
        ),
        "seller": (
            *("sellerntncnic", "sellerntn", "sellerregistrationno", "sellerregno", "supplierntn"),
        ),
        "buyer": (
            *("buyerntncnic", "buyerntn", "buyercnic", "buyerregistrationno", "buyerregno"),
            *("ntncnic", "ntn", "registrationno", "ntncnicofbuyer", "customerntn", "cnic"),
        ),
        "buyer_name": (
            *("buyername", "buyerbusinessname", "nameofbuyer", "customername", "buyer", "name"),
        ),
        "dated_on": (
            *("invoicedate", "documentdate", "docdate", "date", "dated", "dateofinvoice"),
        ),
        "value": (
            *("valueofsalesexcludingsalestax", "valuesalesexcludingst", "valueexcludingsalestax"),
            *("valueofsales", "salesvalue", "valueofsupply", "taxablevalue", "valueexclst"),
            *("valueexcludingst", "totalvalueofsales", "value", "amount"),
        ),
        "tax": (
            *("salestaxapplicable", "salestaxfedinstmode", "salestaxinvolved", "salestaxamount"),
            *("salestax", "salestaxfed", "taxamount", "totalsalestax", "gst", "tax"),
        ),
        "lines": ("items", "noofitems", "numberofitems", "lines", "noofline", "totalitems"),
    }
)
_DATE_FORMS: Final = (
    *("%Y-%m-%d", "%d-%m-%Y", "%d/%m/%Y", "%d.%m.%Y", "%Y/%m/%d"),
    *("%d-%b-%Y", "%d %b %Y", "%d-%b-%y", "%d %B %Y", "%b %d, %Y"),
)
_TIME_BEHIND: Final = re.compile(r"[T ]\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?( ?[AaPp][Mm])?Z?$")
# Registration, stamp and serial run together: longer than any number of a shop's own.
_LIKE_FBRS: Final = re.compile(r"[0-9]{6}[0-9A-Za-z*-]{10,58}")


class Unreadable(ValueError):
    """No list can be read out of the file; the words are for a person."""


@dataclass(frozen=True, kw_only=True)
class ListRow:
    """One document as the list has it. row: its place in the file, counted from 1."""

    row: int
    fbr_number: str
    number: str = ""
    seller: str = ""
    buyer: str = ""
    buyer_name: str = ""
    dated_on: date | None = None
    value: Decimal | None = None
    tax: Decimal | None = None
    lines: int | None = None


@dataclass(frozen=True, kw_only=True)
class RowProblem:
    """A row that does not count, and what is wrong with it."""

    row: int
    message: str


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """What a list says."""

    rows: tuple[ListRow, ...]
    problems: tuple[RowProblem, ...]


class _BadCell(ValueError):
    """One cell that does not say what its column is for."""


def read(raw: bytes) -> Sheet:
    """Raises: Unreadable, when there is no list in it at all."""
    if len(raw) > LARGEST:
        raise Unreadable(_("The file is larger than 5 MB. Download a shorter period."))
    cells = _cells(raw)
    at, columns = _heading(cells)
    found: list[ListRow] = []
    problems: list[RowProblem] = []
    for place, row in enumerate(cells[at + 1 :], start=at + 2):
        named = {name: _cell(row, column) for name, column in columns.items()}
        if not any(named.values()) or _is_total(named):
            continue
        try:
            found.append(_row(place, named))
        except _BadCell as bad:
            problems.append(RowProblem(row=place, message=str(bad)))
    if not found and not problems:
        raise Unreadable(_("There is a heading, but no row below it."))
    merged, conflicts = _merged(found)
    problems = sorted([*problems, *conflicts], key=lambda problem: problem.row)
    return Sheet(rows=tuple(merged), problems=tuple(problems))


def _cells(raw: bytes) -> list[list[str]]:
    if raw.startswith(workbook.MARK):
        try:
            return workbook.rows(raw, most=MOST_ROWS + _SEARCHED)
        except workbook.NoWorkbook as why:
            words = _("The workbook cannot be read (%(why)s). Save it as CSV and try again.")
            raise Unreadable(words % {"why": why}) from why
    text = _decoded(raw)
    head = "\n".join(text.splitlines()[:_SEARCHED])
    separator = max((",", ";", "\t", "|"), key=head.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    try:
        found = [row for row, _count in zip(reader, range(MOST_ROWS + _SEARCHED + 1), strict=False)]
    except csv.Error as error:
        raise Unreadable(_("This is no CSV file: its quotes do not fit.")) from error
    if len(found) > MOST_ROWS + _SEARCHED:
        words = _("The list has more than %(most)d rows. Download a shorter period.")
        raise Unreadable(words % {"most": MOST_ROWS})
    return found


def _decoded(raw: bytes) -> str:
    if b"\0" in raw and not raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise Unreadable(_("This is neither a CSV file nor an XLSX workbook."))
    for encoding in ("utf-16",) if raw.startswith((b"\xff\xfe", b"\xfe\xff")) else ("utf-8-sig",):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            break
    return raw.decode("cp1252", "replace")


def _heading(cells: Sequence[Sequence[str]]) -> tuple[int, dict[str, int]]:
    """The row that names the columns, and the column of each name.

    Raises: Unreadable, saying which column is missing.
    """
    best: tuple[int, dict[str, int]] = (0, {})
    for place, row in enumerate(cells[:_SEARCHED]):
        columns = _columns(row)
        if len(columns) > len(best[1]):
            best = place, columns
    columns = best[1]
    if not columns.keys() & {"fbr_number", "number"}:
        raise Unreadable(_("No column for FBR's invoice number was found. Keep the heading in."))
    if len(columns.keys() & {"buyer", "buyer_name", "dated_on", "value", "tax"}) < 2:
        raise Unreadable(
            _("The list needs two of these columns besides: buyer, date, value, sales tax.")
        )
    return best


def _columns(row: Sequence[str]) -> dict[str, int]:
    words = [re.sub(r"[^a-z0-9]", "", texts.clean(cell).casefold()) for cell in row]
    found: dict[str, int] = {}
    for name, known in _HEADINGS.items():
        for word in known:
            if word in words and words.index(word) not in found.values():
                found[name] = words.index(word)
                break
    return found


def _cell(row: Sequence[str], column: int) -> str:
    text = texts.clean(row[column]) if column < len(row) else ""
    return text.removeprefix("'")[:_CELL]


def _is_total(named: Mapping[str, str]) -> bool:
    """A line of sums at the end: it belongs to no document."""
    words = {text.casefold().strip(" :") for text in named.values()}
    return bool(words & {"total", "grand total", "totals"})


def _row(place: int, named: Mapping[str, str]) -> ListRow:
    """Raises: _BadCell with the words for a person."""
    number, fbr_number = named.get("number", ""), named.get("fbr_number", "")
    if not fbr_number and _LIKE_FBRS.fullmatch(number):
        number, fbr_number = "", number
    if not fbr_number:
        raise _BadCell(_("There is no FBR number in it."))
    if len(fbr_number) > 64:
        raise _BadCell(_("The FBR number is longer than any."))
    values: dict[str, Any] = {
        name: _said(read_cell, label, named.get(name, ""))
        for name, (read_cell, label) in _READERS.items()
    }
    return ListRow(
        row=place,
        fbr_number=fbr_number,
        number=number[:64],
        seller=registration.normal(texts.ascii_digits(named.get("seller", "")))[:20],
        buyer=registration.normal(texts.ascii_digits(named.get("buyer", "")))[:20],
        buyer_name=named.get("buyer_name", "")[:200],
        **values,
    )


def _said(read_cell: Callable[[str], Any], label: Any, text: str) -> Any:
    if not text:
        return None
    try:
        return read_cell(texts.ascii_digits(text))
    except ValueError as error:
        shown = text if len(text) < 40 else f"{text[:40]}…"
        words = _("%(column)s cannot be read: “%(text)s”.")
        raise _BadCell(words % {"column": label, "text": shown}) from error


def _day(text: str) -> date:
    bare = _TIME_BEHIND.sub("", text)
    for form in _DATE_FORMS:
        try:
            return datetime.strptime(bare, form).date()  # noqa: DTZ007 -- a calendar day
        except ValueError:
            continue
    raise ValueError(text)


def _amount(text: str) -> Decimal:
    """Rupees as people and portals write them: Rs 1,234.50, (12.00) for less than nothing."""
    bare = re.sub(r"(?i)^(rs\.?|pkr)\s*", "", text.replace(" ", ""))
    if bare.startswith("(") and bare.endswith(")"):
        bare = f"-{bare[1:-1]}"
    amount = money.to_paisa(money.parse(money.ungrouped(bare)))
    if abs(amount) > money.LARGEST:
        raise ValueError(text)
    return amount


def _count(text: str) -> int:
    if not text.isdecimal() or len(text) > 5:
        raise ValueError(text)
    return int(text)


_READERS: Final[Mapping[str, tuple[Callable[[str], Any], Any]]] = MappingProxyType(
    {
        "dated_on": (_day, gettext_lazy("The date")),
        "value": (_amount, gettext_lazy("The value")),
        "tax": (_amount, gettext_lazy("The sales tax")),
        "lines": (_count, gettext_lazy("The number of lines")),
    }
)


def _merged(rows: Sequence[ListRow]) -> tuple[list[ListRow], Iterator[RowProblem]]:
    """Annex-C has a row a rate: those of one FBR number become one document.

    Rows of one number that name different customers or days are told, and the number is left out.
    """
    by_number: dict[str, list[ListRow]] = {}
    for row in rows:
        by_number.setdefault(row.fbr_number, []).append(row)
    found, broken = [], []
    for several in by_number.values():
        if len({(row.buyer, row.dated_on, row.seller) for row in several}) > 1:
            broken += several[1:]
        else:
            found.append(_sum(several))
    words = _("The same FBR number stands in another row with another customer or date.")
    return found, (RowProblem(row=row.row, message=words) for row in broken)


def _sum(several: Sequence[ListRow]) -> ListRow:
    first = several[0]
    if len(several) == 1:
        return first
    values = [row.value for row in several if row.value is not None]
    taxes = [row.tax for row in several if row.tax is not None]
    return replace(
        first,
        value=sum(values, money.ZERO) if values else None,
        tax=sum(taxes, money.ZERO) if taxes else None,
        lines=first.lines if first.lines is not None else len(several),
    )
