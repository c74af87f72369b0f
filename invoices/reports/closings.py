"""Closings as CSV: a line for each sort of document that a closing counts."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from io import StringIO
from typing import Any, Final

from django.utils.translation import gettext_lazy as _

from accounts.models import LegalEntity
from invoices import closing_sums
from invoices.enums import DocumentType, NoteDirection
from invoices.models import Closing
from invoices.models.closings import Confirmed
from invoices.periods import Month
from invoices.reports.register import guarded
from smartinvoicing.templatetags.formats import karachi_time

_TITLES: Final = (
    _("No."),
    _("Closing of"),
    _("From"),
    _("To"),
    _("Later entry"),
    _("Made"),
    _("What"),
    _("Document"),
    _("Effect"),
    _("POS number"),
    _("Documents"),
    _("Value without tax"),
    _("Sales tax"),
    _("Further tax"),
    _("Extra tax"),
    _("FED"),
    _("Discount"),
    _("Sales tax withheld"),
    _("POS service fee"),
    _("Total"),
    _("Hash before"),
    _("Hash"),
)
_EMPTY: Final = {
    **dict.fromkeys(closing_sums.SORT, ""),
    "count": 0,
    **dict.fromkeys(closing_sums.SUMS, "0.00"),
}


def csv_of(entity: LegalEntity, environment: str, month: Month) -> str:
    """The closings that end in `month`, in the order of their chain."""
    made = Closing.objects.filter(
        legal_entity=entity, environment=environment, ends_on__range=(month.first, month.last)
    )
    page = StringIO()
    writer = csv.writer(page)
    writer.writerow([str(title) for title in _TITLES])
    for closing in made.order_by("seq"):
        writer.writerows(_lines(closing))
    return page.getvalue()


def _lines(closing: Closing) -> Iterator[list[str]]:
    """One for each sort; an empty closing has a line of noughts."""
    head = [
        str(closing.seq),
        closing.get_kind_display(),
        closing.starts_on.isoformat(),
        closing.ends_on.isoformat(),
        str(_("yes")) if closing.amends_id else "",
        karachi_time(closing.made_at),
    ]
    for row in closing.content["rows"] or [_EMPTY]:
        sums = [row[name] for name in closing_sums.SUMS]
        line = [*head, *_sort(row), str(row["count"]), *sums, closing.prev_hash, closing.hash]
        yield [guarded(cell) if cell[:1] != "-" else cell for cell in line]


def _sort(row: dict[str, Any]) -> list[str]:
    return [
        _word(Confirmed, row["what"]),
        _word(DocumentType, row["document_type"]),
        _word(NoteDirection, row["direction"]),
        str(row["till"] or ""),
    ]


def _word(words: Any, value: str) -> str:
    return str(words(value).label) if value in words.values else value
