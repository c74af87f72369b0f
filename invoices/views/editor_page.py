"""What the editor's page shows above and below its lines, as values for its templates."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
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
from invoices import amounts, editing, judging, pages, reference
from invoices.content import PARTY
from invoices.editing import Sheet
from invoices.enums import EDITABLE, State
from invoices.forms import mark
from invoices.judging import Fault, Judgement
from invoices.models import Invoice
from invoices.services.saving import Slip
from invoices.states import look_of
from invoices.views import editor_head, editor_lines, editor_problems
from smartinvoicing.errors import Problem

Context = dict[str, Any]

_INLINE: Final = tuple(f"buyer_{name}" for name in PARTY)
_NAMED: Final = frozenset(
    {
        *("buyer", "invoice_date", "client_reference", "scenario", "withholding"),
        *("till", "payment_mode", "reason", "direction", "is_advance", "advances"),
        *_INLINE,
    }
)


@dataclass(frozen=True, kw_only=True)
class Page:
    """One drawing of the editor.

    entity:   the business that would issue it.
    invoice:  the document behind it, once there is one.
    is_asked: somebody wanted it saved or issued, so everything that is missing is said.
    also:     what the service found beside what the page itself tells.
    other:    the newer version that stands there already, and `conflict`, the words for it.
    opened:   places of the lines whose particulars somebody wants to see.
    focus:    name of the field to go on with, "" for the usual one.
    notice:   what became of a button that changed the page.
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
    opened: frozenset[int] = frozenset()
    focus: str = ""
    notice: str = ""

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
    lists = reference.current()
    on = judgement.content.invoice_date
    return _focused(
        _running(page, judgement)
        | _head(page, judgement)
        | {
            "title": pages.title_of(page.invoice) if page.invoice else _("New invoice"),
            "state": look_of(state),
            "inline": _INLINE,
            "walk_in": not page.sheet.head["buyer"] and any(page.sheet.head[f] for f in _INLINE),
            "slip": page.slip,
            "asked": "1" if page.is_asked else "",
            "prefix": editing.PREFIX,
            "lines": editor_lines.lines_of(
                page.sheet,
                judgement,
                all_of_them=page.is_asked,
                opened=page.opened,
            ),
            "blank": editor_lines.blank(editing.new_row(on)),
            "rates": list(lists.rates),
            "units": sorted(lists.units),
            "verdict": _verdict(page, judgement),
            "refusal": _refusal(page) if state == State.REJECTED else [],
            "urls": _urls(page),
            "conflict": bool(page.conflict),
            "may_save": state in EDITABLE,
            "may_issue": actor.may(Permission.ISSUE_INVOICE) and state in EDITABLE,
        },
        page.focus,
    )


def _focused(found: Context, field: str) -> Context:
    """The page with the cursor in the field that somebody came for."""
    forms = [line["form"] for line in found["lines"]]
    forms += [line["detail"]["form"] for line in found["lines"] if "form" in line["detail"]]
    for form in [found["form"], *forms]:
        name = field.removeprefix(f"{form.prefix}-") if form.prefix else field
        if field and name in form.fields:
            form.fields[name].widget.attrs["autofocus"] = True
    return found


def running(page: Page, *, at: datetime, shown: Mapping[str, Any]) -> Context:
    """The totals and the problems alone, for the page that stands in the browser.

    shown: what was posted, with the mark of what each line shows; one that stays is not sent.
    """
    judgement = _judged(page, at=at)
    lines = [
        editor_lines.sums(row, judgement, all_of_them=page.is_asked) for row in page.sheet.rows
    ]
    return _running(page, judgement) | {
        "lines": [line for line in lines if shown.get(f"{line['prefix']}-mark") != line["mark"]],
        "oob": True,
    }


def _judged(page: Page, *, at: datetime) -> Judgement:
    judgement = judging.judge(page.sheet, page.entity, at=at)
    if not page.also:
        return judgement
    also = judging.faults_of(page.sheet, page.also)
    places = {(fault.row, fault.field) for fault in also}
    others = [each for each in judgement.faults if (each.row, each.field) not in places]
    return replace(judgement, faults=(*also, *others))


def _urls(page: Page) -> dict[str, str]:
    return editor_lines.urls() | {
        "save": _save_url(page),
        "autosave": reverse("invoices:autosave"),
        "preview": reverse("invoices:preview"),
        "buyer_note": reverse("invoices:buyer_note"),
        "back": reverse("invoices:list"),
        "other": page.other.get_absolute_url() if page.other else "",
    }


def _save_url(page: Page) -> str:
    """Where the whole page goes: to its document, once there is one."""
    if page.invoice is None:
        return reverse("invoices:new")
    return reverse("invoices:edit", args=[page.slip.draft_id])


# --- above the lines --------------------------------------------------------------------------


def _head(page: Page, judgement: Judgement) -> Context:
    found = editor_head.context(
        page.sheet,
        judgement,
        page.entity,
        draft_id=page.slip.draft_id,
        has_scenario=page.has_scenario(),
    )
    form = found["form"]
    faults = judging.told(judgement.faults, all_of_them=page.is_asked)
    wrong = {fault.field for fault in faults if fault.row is None}
    mark(form, wrong, said_in="")
    if not wrong and not page.conflict and not page.opened and not page.focus:
        form.fields["buyer"].widget.attrs["autofocus"] = True
    return found | {"focus": page.focus}


def of_buyer(page: Page, *, at: datetime) -> Context:
    """What changes above the lines when another customer is chosen."""
    found = _head(page, _judged(page, at=at))
    kept = ("buyer_note", "advances")
    return {name: found[name] for name in kept} | {"withholding": found["form"]["withholding"]}


def _verdict(page: Page, judgement: Judgement) -> Context | None:
    """Why the page came back instead of going on."""
    if page.conflict:
        return {
            "tone": "attention",
            "icon": "merge",
            "title": page.conflict,
            "text": _conflict_text(page.other),
        }
    if page.notice:
        return {"tone": "attention", "icon": "info", "title": page.notice, "text": ""}
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


def _refusal(page: Page) -> list[Context]:
    """What FBR found, each with the way to its field and, where one press mends it, the press."""
    stored = page.invoice.problems if page.invoice else []
    problems = [Problem(**each) for each in stored]
    shown = []
    for fault in judging.faults_of(page.sheet, problems):
        said = editor_problems.shown(fault)
        shown.append(said | {"label": pages.place_of(fault.problem.as_dict() | _line_of(fault))})
    return shown


def _line_of(fault: Fault) -> dict[str, Any]:
    return {"line": fault.row.number if fault.row else fault.problem.line}


# --- below the lines --------------------------------------------------------------------------


def _running(page: Page, judgement: Judgement) -> Context:
    told = list(judging.told(judgement.faults, all_of_them=page.is_asked))
    of_document = [fault for fault in told if fault.row is None]
    warned = [fault for fault in judgement.warnings if fault.row is None]
    return {
        "totals": amounts.totals_of(judgement.totals),
        "problems": [
            editor_problems.shown(fault) for fault in of_document if fault.field not in _NAMED
        ],
        "missing": "" if page.is_asked else _missing(judgement.faults),
        "ready": not judgement.faults,
        "twice": _twice(len(judgement.warnings)),
        "head_problems": _by_field(of_document, warned),
    }


def _twice(count: int) -> str:
    if not count:
        return ""
    return ngettext("One thing to look at twice", "%(n)d things to look at twice", count) % {
        "n": count
    }


def _by_field(faults: Sequence[Fault], warned: Sequence[Fault]) -> list[Context]:
    """Each field above the lines with what is said about it; most have nothing."""
    unlabelled = {"label": "", "target": ""}
    return [
        {
            "name": name,
            "problems": [
                editor_problems.shown(fault, tone=tone) | unlabelled
                for found, tone in (
                    (faults, editor_problems.DANGER),
                    (warned, editor_problems.LOOK_TWICE),
                )
                for fault in found
                if fault.field == name
            ],
        }
        for name in sorted(_NAMED)
    ]


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
