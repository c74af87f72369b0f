"""What the editor's page shows, as values for its templates."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby
from typing import Any, Final

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.access import Actor
from accounts.enums import Environment, Permission
from accounts.models import LegalEntity
from invoices import editing, pages, reference, selectors, tax
from invoices.content import Party
from invoices.editing import Fault, Judgement, Row, Sheet
from invoices.enums import EDITABLE, State
from invoices.forms import HeadForm, LineForm, mark
from invoices.models import Invoice
from invoices.services.saving import Slip
from invoices.states import look_of
from smartinvoicing.errors import Problem

Context = dict[str, Any]

_INLINE: Final = tuple(f"buyer_{name}" for name in editing.PARTY)
_MORE: Final = (
    "retail_price",
    "sro_schedule",
    "sro_item",
    "further_tax",
    "extra_tax",
    "fed",
    "withheld",
)
_FOLDED: Final = ("sale_type", "rate", *_MORE)


@dataclass(frozen=True, kw_only=True)
class Page:
    """One drawing of the editor.

    entity:   the business that would issue it.
    invoice:  the document behind it, once there is one.
    is_asked: somebody wanted it saved or issued, so everything that is missing is said.
    also:     what the service found beside what the page itself tells.
    other:    the newer version that stands there already, and `conflict`, the words for it.
    """

    sheet: Sheet
    slip: Slip
    entity: LegalEntity
    invoice: Invoice | None = None
    is_asked: bool = False
    is_unsaved: bool = False
    also: tuple[Problem, ...] = ()
    other: Invoice | None = None
    conflict: str = ""

    def of(self, sheet: Sheet) -> Page:
        return replace(self, sheet=sheet)

    def asked(self) -> Page:
        return replace(self, is_asked=True, is_unsaved=True)

    def refused(self, problems: Iterable[Problem]) -> Page:
        return replace(self, is_asked=True, is_unsaved=True, also=tuple(problems))

    def beside(self, other: Invoice, conflict: str) -> Page:
        return replace(self, invoice=other, other=other, conflict=conflict)

    def has_scenario(self) -> bool:
        in_sandbox = self.entity.environment == Environment.SANDBOX
        return in_sandbox or bool(self.sheet.head["scenario"])


def context(page: Page, *, actor: Actor, at: datetime) -> Context:
    """The whole page."""
    page = page.of(editing.renumbered(page.sheet))
    judgement = _judged(page, at=at)
    state = page.invoice.state if page.invoice else State.DRAFT
    return _running(page, judgement) | {
        "title": pages.title_of(page.invoice) if page.invoice else _("New invoice"),
        "state": look_of(state),
        "form": _head(page, judgement),
        "inline": _INLINE,
        "walk_in": not page.sheet.head["buyer"] and any(page.sheet.head[f] for f in _INLINE),
        "slip": page.slip,
        "asked": "1" if page.is_asked else "",
        "buyer_note": _buyer_note(page),
        "prefix": editing.PREFIX,
        "lines": [_line(row, judgement, all_of_them=page.is_asked) for row in page.sheet.rows],
        "blank": _blank_line(),
        "rates": list(reference.current().rates),
        "verdict": _verdict(page, judgement),
        "refusal": pages.problems_of(page.invoice.problems)
        if page.invoice and state == State.REJECTED
        else [],
        "urls": _urls(page),
        "conflict": bool(page.conflict),
        "may_save": state in EDITABLE,
        "may_issue": actor.may(Permission.ISSUE_INVOICE) and state in EDITABLE,
    }


def running(page: Page, *, at: datetime) -> Context:
    """The totals and the problems alone, for the page that stands in the browser."""
    judgement = _judged(page, at=at)
    rows = page.sheet.rows
    return _running(page, judgement) | {
        "lines": [_sums(row, judgement, all_of_them=page.is_asked) for row in rows],
        "oob": True,
    }


def one_line(text: editing.Texts, *, place: int, number: int) -> Context:
    """One row that was filled in; its sums follow with the next preview."""
    row = Row(place=place, number=number, line=0, text=text)
    empty = Judgement(lines=(), totals=tax.Taxes(), faults=())
    line = _line(row, empty, all_of_them=False)
    line["form"].fields["quantity"].widget.attrs["autofocus"] = True
    return {"line": line, "urls": {"line": reverse("invoices:line")}}


def _judged(page: Page, *, at: datetime) -> Judgement:
    judgement = editing.judge(page.sheet, page.entity, at=at)
    if not page.also:
        return judgement
    also = editing.faults_of(page.sheet, page.also)
    places = {(fault.row, fault.field) for fault in also}
    others = [each for each in judgement.faults if (each.row, each.field) not in places]
    return replace(judgement, faults=(*also, *others))


def _urls(page: Page) -> dict[str, str]:
    stored = page.invoice is not None
    save = reverse("invoices:edit", args=[page.slip.draft_id]) if stored else ""
    return {
        "save": save or reverse("invoices:new"),
        "autosave": reverse("invoices:autosave"),
        "preview": reverse("invoices:preview"),
        "line": reverse("invoices:line"),
        "buyer_note": reverse("invoices:buyer_note"),
        "back": reverse("invoices:list"),
        "other": page.other.get_absolute_url() if page.other else "",
    }


# --- above the lines --------------------------------------------------------------------------


def _head(page: Page, judgement: Judgement) -> HeadForm:
    form = HeadForm(
        page.sheet.head,
        buyers=selectors.buyer_choices(chosen=page.sheet.content.buyer_id),
        has_scenario=page.has_scenario(),
    )
    faults = editing.told(judgement.faults, all_of_them=page.is_asked)
    wrong = {fault.field for fault in faults if fault.row is None}
    mark(form, wrong, said_in="")
    if not wrong and not page.conflict:
        form.fields["buyer"].widget.attrs["autofocus"] = True
    return form


def _buyer_note(page: Page) -> Context | None:
    chosen = page.sheet.content.buyer_id
    buyer = selectors.find_buyer(chosen) if chosen else None
    return None if buyer is None else buyer_note(buyer)


def buyer_note(buyer: Any) -> Context:
    """What we know of the chosen customer."""
    return pages.buyer_note(Party(**{name: getattr(buyer, name) for name in editing.PARTY}))


def _verdict(page: Page, judgement: Judgement) -> Context | None:
    """Why the page came back instead of going on."""
    if page.conflict:
        return {
            "tone": "attention",
            "icon": "merge",
            "title": page.conflict,
            "text": _conflict_text(page.other),
        }
    found = len(judgement.faults)
    if not page.is_asked or not found:
        return None
    title = _("This is not saved yet") if page.is_unsaved else _("This is not issued yet")
    text = ngettext(
        "One thing is to be corrected first; it is marked below. Nothing you typed is lost.",
        "%(n)d things are to be corrected first; they are marked below. Nothing you typed is lost.",
        found,
    ) % {"n": found}
    return {"tone": "danger", "icon": "alert", "title": title, "text": text}


def _conflict_text(other: Invoice | None) -> str:
    if other is None or other.state not in EDITABLE:
        return _("What you typed is still here, but it cannot be kept in this invoice any more.")
    return _(
        "What you typed is still here. Look at the other version first; then keep yours over it,"
        " or leave it."
    )


# --- the lines --------------------------------------------------------------------------------


def _blank_line() -> Context:
    text = editing.new_row()
    form = LineForm(text, place="__prefix__", units=_units())
    return {
        "form": form,
        "prefix": form.prefix,
        "number": "",
        "summary": _summary(text),
        "problems": [],
    }


def _units() -> list[str]:
    return sorted(reference.current().units)


def _line(row: Row, judgement: Judgement, *, all_of_them: bool) -> Context:
    faults = list(editing.told(judgement.at(row), all_of_them=all_of_them))
    form = LineForm(row.text, place=row.place, units=_units())
    wrong = {fault.field for fault in faults}
    mark(form, wrong, said_in=f"{form.prefix}-problems")
    is_unusual = any(row.text[name] for name in _MORE)
    return _sums(row, judgement, all_of_them=all_of_them) | {
        "form": form,
        "summary": _summary(row.text),
        "open": is_unusual or bool(wrong & set(_FOLDED)),
    }


def _summary(text: editing.Texts) -> str:
    return ", ".join(filter(None, [pages.sale_type_of(text["sale_type"]), text["rate"]]))


def _sums(row: Row, judgement: Judgement, *, all_of_them: bool) -> Context:
    taxes = judgement.of(row)
    prefix = f"{editing.PREFIX}-{row.place}"
    told = editing.told(judgement.at(row), all_of_them=all_of_them)
    return {
        "prefix": prefix,
        "number": row.number,
        "value": taxes.value if taxes else None,
        "tax": pages.tax_of(taxes) if taxes else None,
        "total": taxes.total if taxes else None,
        "problems": [_problem(fault, prefix) for fault in told],
    }


# --- below the lines --------------------------------------------------------------------------


def _running(page: Page, judgement: Judgement) -> Context:
    told = list(editing.told(judgement.faults, all_of_them=page.is_asked))
    named = {"buyer", "invoice_date", "client_reference", *_INLINE}
    if page.has_scenario():
        named.add("scenario")
    return {
        "totals": pages.totals_of(judgement.totals),
        "problems": [
            _problem(fault) for fault in told if fault.row is None and fault.field not in named
        ],
        "missing": "" if page.is_asked else _missing(judgement.faults),
        "ready": not judgement.faults,
        "head_problems": _by_field(told, named),
    }


def _by_field(faults: Sequence[Fault], names: set[str]) -> list[Context]:
    """Each field above the lines with what is wrong with it; most have nothing."""
    return [
        {
            "name": name,
            "problems": [
                _problem(fault) | {"label": "", "target": ""}
                for fault in faults
                if fault.row is None and fault.field == name
            ],
        }
        for name in sorted(names)
    ]


def _problem(fault: Fault, prefix: str = "") -> Context:
    label = pages.label_of(fault.problem.field)
    return {
        "message": fault.problem.message,
        "fix": fault.problem.fix,
        "label": label,
        "target": f"id_{prefix}-{fault.field}" if prefix and label else "",
        "tone": "danger",
    }


def _missing(faults: Sequence[Fault]) -> str:
    """Customer; line 2: HS code, quantity."""
    missing = [fault for fault in faults if fault.is_missing]
    missing.sort(key=lambda each: (each.row.number if each.row else 0, each.field == ""))
    parts = []
    for number, group in groupby(missing, key=lambda each: each.row.number if each.row else 0):
        labels = ", ".join(filter(None, (_label(each) for each in group)))
        line = _("line %(number)s") % {"number": number}
        parts.append(f"{line}: {labels}" if number else labels)
    return "; ".join(parts)


def _label(fault: Fault) -> str:
    return pages.label_of("buyer" if fault.field == "buyer" else fault.problem.field)
