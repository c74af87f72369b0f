"""After a restore, as a member sees it: what is held, since when, and which list ends it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from fbr import doubts
from fbr.models import NumberGap, Quarantine, Statement
from fbr.services import quarantine, resuming
from invoices import numbers
from smartinvoicing import clock
from smartinvoicing.forms import TypedForm

_LISTS = 30
_ROWS = 200


class ResumeForm(TypedForm):
    """The list that tells what FBR got, and what anybody saw on paper."""

    statement = forms.CharField(
        label=gettext_lazy("List from FBR's portal"), required=False, widget=forms.Select()
    )
    covers_from = forms.CharField(
        label=gettext_lazy("Nothing listed, from"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}),
        help_text=gettext_lazy("Only where IRIS shows no invoice at all: the days you looked at."),
    )
    covers_until = forms.CharField(
        label=gettext_lazy("until"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}),
    )
    last_numbers = forms.CharField(
        label=gettext_lazy("Highest numbers that you find on paper or in mails"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 2, "spellcheck": "false"}),
        help_text=gettext_lazy("As they are printed, one a line: INV-2026-000123."),
    )

    def __init__(self, data: Any = None, *, lists: Iterable[Statement]) -> None:
        super().__init__(data)
        choices = [(str(row.pk), f"{row.name}, {stamp_of(row)}") for row in lists]
        self.fields["statement"].widget.choices = [("", _("IRIS shows nothing")), *choices]


def stamp_of(row: Statement) -> str:
    """When a list was uploaded, in Karachi."""
    return f"{clock.karachi(row.uploaded_at):%d %b %Y %H:%M}"


def form_for(row: Quarantine, data: Any = None) -> ResumeForm:
    """With the lists of this very seller that are late enough to tell."""
    lists = [
        each
        for each in doubts.statements(most=_LISTS)
        if each.legal_entity_id == row.legal_entity_id
        and each.environment == row.environment
        and each.uploaded_at >= row.lost_until
    ]
    return ResumeForm(data, lists=lists)


def card(row: Quarantine, form: ResumeForm) -> dict[str, Any]:
    """One seller whose numbers wait."""
    held = quarantine.held(row)
    return {
        "id": row.pk,
        "name": row.legal_entity.name,
        "environment": row.get_environment_display(),
        "facts": [
            {"name": _("Lost from"), "value": _stamp(row.lost_from)},
            {"name": _("until"), "value": _stamp(row.lost_until)},
            {
                "label": _("FBR's list may be downloaded from"),
                "value": _stamp(row.lost_until + resuming.SHOWN_AFTER),
            },
        ],
        "held": [
            {"number": each.number, "url": each.get_absolute_url(), "total": each.total}
            for each in held[:_ROWS]
        ],
        "count": len(held),
        "form": form,
    }


def ended(rows: Iterable[Quarantine]) -> list[dict[str, Any]]:
    """What former restores left: numbers given to nobody, documents that FBR has and we lost."""
    return [
        {
            "at": _stamp(row.resumed_at),
            "lost": list(row.lost.select_related("row").order_by("fbr_number")[:_ROWS]),
            "gaps": [_gap(gap) for gap in row.gaps.select_related("series").order_by("id")],
            "pending": len(resuming.pending(row)),
            "id": row.pk,
        }
        for row in rows
    ]


def _gap(gap: NumberGap) -> str:
    head = numbers.head_of(gap.series.prefix, gap.series.document_type, gap.series.year)
    return f"{head}{gap.first:06d} … {gap.last:06d}"


def _stamp(at: Any) -> str:
    return f"{clock.karachi(at):%d %b %Y %H:%M}"
