"""The editor's page as text: what was typed, and what `intake` reads in it.

The page and the API are judged by the same code: the posted fields become the body that a program
would send. Nothing typed is lost: every field's text is kept beside what was made of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, Final
from uuid import UUID

from invoices import filling, intake, representation
from invoices.content import MOST_LINES, PARTY, Content
from invoices.enums import DocumentType, SaleType
from invoices.models import AdvanceUse, Invoice, InvoiceLine
from smartinvoicing import money
from smartinvoicing.errors import Problem

PREFIX: Final = "lines"
ADVANCE: Final = "advance"
LINE: Final = (
    *("product", "description", "hs_code", "quantity", "unit", "unit_price", "discount"),
    *("sale_type", "rate", "retail_price", "sro_schedule", "sro_item", "petroleum_levy_on"),
    *("further_tax", "extra_tax", "withheld"),
    *("fed", "fed_type", "fed_rate", "fed_unit_price", "fed_schedule", "fed_item"),
    filling.MEMORY,
)
NUMBERS: Final = (
    *("quantity", "unit_price", "discount", "retail_price", "fed_unit_price"),
    *("further_tax", "extra_tax", "withheld", "fed"),
)
FLAGS: Final = ("prices_include_tax", "is_advance")
IDS: Final = {"buyer": "buyer_id", "original": "original_id", "till": "till_id"}
HEAD: Final = (
    *("document_type", "invoice_date", "client_reference", "scenario", "withholding"),
    *("reason", "direction", "payment_mode"),
    *FLAGS,
    *IDS,
    *(f"buyer_{name}" for name in PARTY),
)
# A row in which none of these was touched is not a line yet.
_BEGUN_BY: Final = ("product", "description", "hs_code", "quantity", "unit_price", "discount")
_MOST_ADVANCES: Final = 50
# Where an amount of nought means that nobody typed one.
_EMPTY_AT_NOUGHT: Final = ("quantity", "unit_price", "discount")

Texts = Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Row:
    """One row of the page.

    place:  its number in the names of its fields.
    number: as it is counted on the page, from 1.
    line:   the line of the document that it became, from 1; 0 while it is blank.
    """

    place: int
    number: int
    line: int
    text: Texts

    @property
    def is_blank(self) -> bool:
        return self.line == 0

    @property
    def prefix(self) -> str:
        return f"{PREFIX}-{self.place}"


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """All that stands on the page, and the document that it makes.

    advances: what is typed beside each advance receipt, by the receipt's id.
    """

    head: Texts
    rows: tuple[Row, ...]
    content: Content
    advances: Texts = field(default_factory=dict)
    noted: tuple[Problem, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Nothing is worth keeping yet."""
        begun = ("client_reference", "buyer", *(f"buyer_{name}" for name in PARTY))
        return not self.content.lines and not any(self.head[name] for name in begun)

    def row_at(self, place: int) -> Row | None:
        return next((row for row in self.rows if row.place == place), None)


# --- text to sheet ----------------------------------------------------------------------------


def posted(data: Mapping[str, Any], *, today: date) -> Sheet:
    """The page as it was sent: deleted rows are gone, the others keep their places."""
    head = {name: str(data.get(name, "")) for name in HEAD}
    on = _day(head, today)
    places = [place for place in range(_count(data)) if f"{PREFIX}-{place}-DELETE" not in data]
    texts = [(place, _row(data, place, on=on)) for place in places]
    return made_of(head, texts or [(0, new_row(on))], _advances(data), today=today)


def posted_row(data: Mapping[str, Any], place: int, *, today: date) -> dict[str, str]:
    """One row alone, of a page that sent no more than that."""
    return _row(data, place, on=_day(data, today))


def _row(data: Mapping[str, Any], place: int, *, on: date) -> dict[str, str]:
    text = {name: str(data.get(f"{PREFIX}-{place}-{name}", "")) for name in LINE}
    return filling.with_usual_rate(text, on=on)


def _day(head: Mapping[str, Any], today: date) -> date:
    return intake.Reader({"day": str(head.get("invoice_date", "")).strip()}, []).day("day", today)


def _count(data: Mapping[str, Any]) -> int:
    given = str(data.get(f"{PREFIX}-TOTAL_FORMS", ""))
    return min(int(given), 2 * MOST_LINES) if given.isdecimal() and len(given) < 6 else 0


def _advances(data: Mapping[str, Any]) -> dict[str, str]:
    named = {str(key).removeprefix(f"{ADVANCE}-"): str(key) for key in data}
    known = sorted(name for name, key in named.items() if name != key and ident(name))
    return {name: str(data[named[name]]) for name in known[:_MOST_ADVANCES]}


def blank(*, today: date, buyer_id: str = "") -> Sheet:
    """A page on which nothing stands yet but today's date, and one row to begin with."""
    head = dict.fromkeys(HEAD, "") | {
        "document_type": DocumentType.SALE_INVOICE.value,
        "invoice_date": today.isoformat(),
        "buyer": buyer_id,
    }
    return made_of(head, [(0, new_row(today))], {}, today=today)


def new_row(on: date) -> dict[str, str]:
    usual = SaleType.STANDARD.value
    rate = filling.usual_rate(usual, on=on)
    return dict.fromkeys(LINE, "") | {"sale_type": usual, "rate": rate, filling.MEMORY: usual}


def stored(
    invoice: Invoice, lines: Sequence[InvoiceLine], advances: Sequence[AdvanceUse] = ()
) -> Sheet:
    """A kept document as the text that would make it; a chosen customer is read anew."""
    body = representation.typed(invoice, lines, advances)
    party = {} if body["buyer_id"] else body["buyer"]
    head = {name: str(body.get(IDS.get(name, name)) or "") for name in HEAD}
    head |= {f"buyer_{name}": str(party.get(name, "")) for name in PARTY}
    head |= {name: "on" if body[name] else "" for name in FLAGS}
    rows = [_stored_row(line) for line in body["lines"]]
    taken = {each["receipt_id"]: str(each["value"]) for each in body["advances"]}
    day = invoice.invoice_date
    return made_of(head, list(enumerate(rows or [new_row(day)])), taken, today=day)


def _stored_row(line: Mapping[str, Any]) -> dict[str, str]:
    text = {name: str(line.get(name) or "") for name in LINE}
    text |= {"product": line["product_id"] or "", filling.MEMORY: str(line["sale_type"])}
    return text | {name: "" for name in _EMPTY_AT_NOUGHT if text[name] == "0"}


def made_of(
    head: Texts, texts: Sequence[tuple[int, Texts]], advances: Texts, *, today: date
) -> Sheet:
    """The sheet of these texts, each row with its place."""
    rows, bodies = [], []
    for number, (place, text) in enumerate(texts, start=1):
        is_begun = any(text[name].strip() for name in _BEGUN_BY)
        if is_begun:
            bodies.append(_line_body(text))
        line = len(bodies) if is_begun else 0
        rows.append(Row(place=place, number=number, line=line, text=text))
    content, noted = intake.read(_body(head, bodies, advances), today=today)
    return Sheet(
        head=head, rows=tuple(rows), content=content, advances=advances, noted=tuple(noted)
    )


def _body(head: Texts, lines: list[dict[str, Any]], advances: Texts) -> dict[str, Any]:
    """The body that a program would send for this page."""
    typed = {name: head[f"buyer_{name}"] for name in PARTY}
    same = ("client_reference", "scenario", "withholding", "reason", "direction", "payment_mode")
    return {
        "document_type": head["document_type"] or None,
        "invoice_date": head["invoice_date"].strip(),
        **{name: head[name] for name in same},
        **{name: bool(head[name]) for name in FLAGS},
        **{field: head[name] or None for name, field in IDS.items()},
        "buyer": {} if head["buyer"] else typed,
        "advances": [
            {"receipt_id": receipt, "value": money.ungrouped(text.strip())}
            for receipt, text in advances.items()
            if text.strip()
        ],
        "lines": lines,
    }


def _line_body(text: Texts) -> dict[str, Any]:
    body: dict[str, Any] = {
        name: value.strip() for name, value in text.items() if name != filling.MEMORY
    }
    body |= {name: money.ungrouped(body[name]) for name in NUMBERS}
    body["product_id"] = body.pop("product") or None
    return body


# --- changes to a page ------------------------------------------------------------------------


def with_texts(sheet: Sheet, texts: Iterable[tuple[int, Texts]], *, today: date) -> Sheet:
    """The same page with other rows."""
    return made_of(sheet.head, list(texts) or _one_row(sheet, today), sheet.advances, today=today)


def texts_of(sheet: Sheet) -> list[tuple[int, Texts]]:
    return [(row.place, row.text) for row in sheet.rows]


def _one_row(sheet: Sheet, today: date) -> list[tuple[int, Texts]]:
    return [(0, new_row(_day(sheet.head, today)))]


def with_row(sheet: Sheet, *, today: date) -> Sheet:
    """One more row at the end."""
    last = max((row.place for row in sheet.rows), default=-1)
    new = (last + 1, new_row(_day(sheet.head, today)))
    return with_texts(sheet, [*texts_of(sheet), new], today=today)


def without_row(sheet: Sheet, place: int, *, today: date) -> Sheet:
    """One row less; the last one is emptied."""
    kept = [(at, text) for at, text in texts_of(sheet) if at != place]
    return with_texts(sheet, kept, today=today)


def with_put(sheet: Sheet, address: str, text: str, *, today: date) -> Sheet:
    """`text` in the field of this name, as it stands on the page (`scenario`, `lines-2-unit`);
    the page as it is where there is no such field."""
    if address in HEAD:
        head = {**sheet.head, address: text}
        return made_of(head, texts_of(sheet), sheet.advances, today=today)
    prefix, _dash, name = address.rpartition("-")
    row = sheet.row_at(place_of(prefix))
    if row is None or name not in LINE:
        return sheet
    on = _day(sheet.head, today)
    changed = filling.with_usual_rate({**row.text, name: text}, on=on)
    texts = [(at, changed if at == row.place else old) for at, old in texts_of(sheet)]
    return with_texts(sheet, texts, today=today)


def renumbered(sheet: Sheet) -> Sheet:
    """The same rows with places from 0, for a page that is drawn anew."""
    rows = tuple(replace(row, place=number) for number, row in enumerate(sheet.rows))
    return replace(sheet, rows=rows)


def place_of(prefix: str) -> int:
    """The place in "lines-3"; -1 for anything else."""
    name, _dash, place = prefix.rpartition("-")
    return int(place) if name == PREFIX and place.isdecimal() and len(place) < 6 else -1


def ident(text: str) -> UUID | None:
    """An id as our pages make them (version 7); None for anything else."""
    try:
        found = UUID(text)
    except ValueError:
        return None
    return found if found.version == 7 else None
