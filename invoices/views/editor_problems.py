"""A problem on the editor's page: its words, where it points, and the button that mends it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any, Final

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from invoices import editing, pages
from invoices.enums import DocumentType, NoteDirection, Withholding
from invoices.judging import Fault
from invoices.warnings import MERGE
from smartinvoicing import clock
from smartinvoicing.errors import Problem
from smartinvoicing.templatetags.formats import karachi_date

Context = dict[str, Any]

DANGER: Final = "danger"
LOOK_TWICE: Final = "attention"
_TODAY: Final = "set_today"
# Deeds that empty a field: which, whether of the line, and what the button says.
_EMPTIED: Final[Mapping[str, tuple[str, bool, Any]]] = {
    "clear_scenario": ("scenario", False, gettext_lazy("Remove the scenario")),
    "clear_extra_tax": ("extra_tax", True, gettext_lazy("Empty the extra tax")),
}
_WORDS: Final[Mapping[str, Any]] = {
    "withholding": Withholding,
    "direction": NoteDirection,
    "document_type": DocumentType,
}


def shown(fault: Fault, *, tone: str = DANGER) -> Context:
    prefix = fault.row.prefix if fault.row else ""
    label = pages.label_of(fault.problem.field)
    return {
        "message": fault.problem.message,
        "fix": fault.problem.fix,
        "label": label,
        "target": f"id_{prefix}-{fault.field}" if prefix and label else "",
        "tone": tone,
        "mend": mend_of(fault.problem, fault.field, prefix),
    }


def mend_of(problem: Problem, field: str, prefix: str) -> Context | None:
    """The button: what it says, and what it sends when the page has no script to do it."""
    if problem.deed == MERGE and prefix:
        label = _("Merge the two lines")
        # The page names its draft, so that it may be sent here at any time.
        anew = reverse("invoices:new")
        return {"label": label, "name": "merge_lines", "value": prefix, "url": anew}
    if problem.deed in _EMPTIED:
        emptied, of_line, label = _EMPTIED[problem.deed]
        if of_line and not prefix:
            return None
        return _put(f"{prefix}-{emptied}" if of_line else emptied, "", str(label))
    if problem.deed == _TODAY:
        today = clock.karachi_date(clock.now())
        label = _("Put %(text)s") % {"text": karachi_date(today)}
        return _put("invoice_date", today.isoformat(), label)
    known = field in editing.LINE if prefix else field in editing.HEAD
    if not problem.put or not known or field == "buyer":
        return None  # a chosen customer is mended where it is kept
    address = f"{prefix}-{field}" if prefix else field
    said = _said(field, problem.put)
    return _put(address, problem.put, _("Put %(text)s") % {"text": said} if said else _("Mend it"))


def _put(address: str, text: str, label: str) -> Context:
    return {
        "label": label,
        "name": "put",
        "value": f"{address}={text}",
        "into": f"id_{address}",
        "text": text,
    }


def _said(field: str, text: str) -> str:
    """What the button would write, as the page shows it; "" for what is no text for people."""
    if field in editing.IDS:
        return ""
    if field == "invoice_date":
        return karachi_date(date.fromisoformat(text))
    words = _WORDS.get(field)
    return str(words(text).label) if words and text in words.values else text
