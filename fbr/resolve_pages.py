"""What the pages that settle a document show, as plain values for their templates."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from accounts import selectors as people
from accounts.access import Actor
from accounts.enums import Permission
from fbr import answer_pages, doubts, windows
from fbr.matching import Match
from fbr.models import Attempt, Claim, Evidence, Statement, StatementRow
from fbr.models.evidence import EvidenceKind
from fbr.outcomes import Hold, Outcome
from fbr.resolve_forms import ReleaseForm
from fbr.services import losses, statements
from fbr.services.statements import Beside, Candidate
from invoices import pages as invoice_pages
from invoices.enums import State
from invoices.models import Invoice
from smartinvoicing import clock
from smartinvoicing.templatetags.formats import (
    amount,
    duration,
    karachi_date,
    karachi_time,
    ntn,
    rupees,
)

Row = dict[str, Any]

_MACHINE: Final = "SmartInvoicing"

_FIELDS: Final[Mapping[str, Any]] = MappingProxyType(
    {
        "number": gettext_lazy("Our number"),
        "buyer": gettext_lazy("Customer"),
        "date": gettext_lazy("Date"),
        "value": gettext_lazy("Value"),
        "tax": gettext_lazy("Sales tax"),
    }
)


# --- one document: what is known ----------------------------------------------------------------


def evidence_rows(found: Iterable[Evidence]) -> list[Row]:
    """What was found about a document, newest first, for `ui/timeline.html`."""
    listed = list(found)
    names = people.names_of(row.by for row in listed)
    rows: list[Row] = [
        {
            "tone": "ok" if row.outcome in {"", Outcome.ACCEPTED} else "neutral",
            "icon": "eye",
            "title": EvidenceKind(row.kind).label,
            "at": row.at,
            "by": names.get(row.by, _MACHINE),
            "text": _told(row),
            "details": [],
        }
        for row in listed
    ]
    return rows[::-1]


def _told(row: Evidence) -> str:
    parts = [
        Outcome(row.outcome).label if row.outcome else "",
        _("number %(number)s") % {"number": row.fbr_number} if row.fbr_number else "",
        row.fbr_dated,
        row.statement.name if row.statement is not None else "",
        row.note,
    ]
    return ", ".join(str(part) for part in parts if part)


def proof_facts(found: Iterable[Evidence]) -> list[Row]:
    """Files that somebody gave, to open."""
    return [
        {
            "name": karachi_time(row.at),
            "value": _("Open the picture"),
            "url": reverse("fbr:evidence_file", args=[row.pk]),
        }
        for row in found
        if row.proof_path
    ]


def claim_card(
    claim: Claim | None, actor: Actor, *, sure_from: datetime, at: datetime
) -> Row | None:
    """What was said, and what the person who looks may do about it."""
    if claim is None:
        return None
    who = people.names_of([claim.made_by]).get(claim.made_by, _MACHINE)
    ripe_at = max(claim.ripe_at, sure_from)
    is_mine = claim.made_person == actor.user_id
    sentences = [
        _("%(who)s said on %(at)s that FBR does not have it.")
        % {"who": who, "at": karachi_time(claim.made_at)},
        claim.why,
    ]
    if claim.is_alone:
        words = _("Nobody else here may confirm it: after %(at)s a witness of ours looks with you.")
        sentences.append(words % {"at": karachi_time(ripe_at)})
    elif is_mine:
        sentences.append(_("Now somebody else must look in IRIS and say so too."))
    elif at < ripe_at:
        words = _("Look in IRIS yourself. You can confirm it after %(at)s: FBR's list lags behind.")
        sentences.append(words % {"at": karachi_time(ripe_at)})
    else:
        sentences.append(_("Look in IRIS yourself before you confirm: then it is sent once more."))
    may_confirm = not is_mine and at >= ripe_at and actor.may(Permission.SETTLE)
    return {
        "title": _("A second person is asked"),
        "sentences": sentences,
        "confirm": reverse("fbr:claim_confirm", args=[claim.pk]) if may_confirm else "",
        "withdraw": reverse("fbr:claim_withdraw", args=[claim.pk]),
    }


def early(sure_from: datetime, at: datetime) -> str:
    """A warning while FBR's own list may still lag behind; "" afterwards."""
    if at >= sure_from:
        return ""
    words = _("It was sent a short while ago: FBR's list may show it only after %(at)s.")
    return words % {"at": karachi_time(sure_from)}


# --- one document: beside lists -----------------------------------------------------------------


def candidate_row(invoice: Invoice, candidate: Candidate) -> Row:
    """A row of a list beside a document: what differs stands out."""
    row, match = candidate.row, candidate.match
    return {
        "fbr_number": row.fbr_number,
        "points": match.points,
        "badge": _fit(match),
        "facts": [
            {"name": str(_FIELDS[name]), **each}
            for name, each in _pairs(invoice, row, match).items()
        ],
        "url": reverse("fbr:settle_row", args=[invoice.pk, row.pk]),
    }


def _fit(match: Match) -> Row:
    if match.is_sure and not match.differs:
        return {"tone": "ok", "icon": "check-circle", "label": _("Agrees in everything")}
    label = _("Agrees to %(points)d %%") % {"points": match.points}
    if match.is_sure:
        return {"tone": "ok", "icon": "check-circle", "label": label}
    return {"tone": "attention", "icon": "alert", "label": label}


def _pairs(invoice: Invoice, row: StatementRow, match: Match) -> dict[str, Row]:
    found = {}
    for name, (ours, theirs) in statements.differences(invoice, row).items():
        if theirs in (None, ""):
            continue
        found[name] = {
            "ours": _written(name, ours),
            "theirs": _written(name, theirs),
            "differs": name in match.differs,
        }
    return found


def _written(name: str, value: Any) -> str:
    if value in (None, ""):
        return "\N{EN DASH}"
    if name == "date":
        return karachi_date(value)
    if name in {"value", "tax"}:
        return amount(value)
    return ntn(value) if name == "buyer" and str(value)[:1].isdecimal() else str(value)


def beside_rows(found: Iterable[Beside]) -> list[Row]:
    """Each uncertain document, with the rows that may be it."""
    return [
        {
            "title": f"{invoice_pages.number_of(each.invoice)}, {each.invoice.buyer_name},"
            f" {rupees(each.invoice.total)}",
            "url": reverse("fbr:settle", args=[each.invoice.pk]),
            "candidates": [candidate_row(each.invoice, one) for one in each.candidates],
        }
        for each in found
    ]


def statement_row(row: Statement) -> Row:
    bad = len(row.problems)
    return {
        "name": row.name,
        "url": reverse("fbr:statement", args=[row.pk]),
        "at": karachi_time(row.uploaded_at),
        "period": _period(row),
        "read": row.read,
        "summary": _summary(row),
        "bad": ngettext("one row not read", "%(n)d rows not read", bad) % {"n": bad} if bad else "",
    }


def _summary(row: Statement) -> str:
    count = ngettext("one document read", "%(n)d documents read", row.read) % {"n": row.read}
    about = {"at": karachi_time(row.uploaded_at), "count": count, "period": _period(row)}
    if row.covers_from is None:
        return _("Uploaded %(at)s, %(count)s. No period was named.") % about
    return _("Uploaded %(at)s, %(count)s, for %(period)s.") % about


def _period(row: Statement) -> str:
    if row.covers_from is None or row.covers_until is None:
        return "\N{EN DASH}"
    return f"{karachi_date(row.covers_from)} \N{EN DASH} {karachi_date(row.covers_until)}"


def list_choices(found: Iterable[Statement]) -> list[tuple[str, str]]:
    """Lists in which the document is missing, to choose from."""
    return [
        (
            str(row.pk),
            _("%(name)s of %(at)s: it is not in it")
            % {"name": row.name, "at": karachi_time(row.uploaded_at)},
        )
        for row in found
    ]


# --- beside the document's own page ---------------------------------------------------------------


def panel_of(invoice: Invoice, hold: str | None, actor: Actor, *, at: datetime) -> Row | None:
    """What the page of a document says about its doubt; None where there is none."""
    if invoice.state == State.UNCERTAIN:
        return _doubt_card(invoice, actor, at)
    is_suspect = invoice.state == State.QUEUED and hold == Hold.DUPLICATE_SUSPECT
    if is_suspect or invoice.state == State.REJECTED:
        answer = doubts.said_yes(invoice)
        if answer is not None:
            return answer_pages.card(invoice, answer, actor)
    if is_suspect:
        return _suspect_card(invoice, actor, at)
    if doubts.second_numbers(invoice):
        return {
            "title": _("FBR has it twice"),
            "icon": "copy",
            "tone": "danger",
            "sentences": [
                _("One sale, two numbers: the tax counts twice until one of them is cancelled.")
            ],
            "actions": [
                {
                    "label": _("What to do"),
                    "url": reverse("fbr:double", args=[invoice.pk]),
                    "kind": "primary",
                }
            ],
        }
    return None


def _doubt_card(invoice: Invoice, actor: Actor, at: datetime) -> Row:
    claim = claim_card(
        doubts.open_claim(invoice), actor, sure_from=doubts.sure_from(invoice), at=at
    )
    sentences = [
        _("Look in IRIS whether FBR has it, then say so here. Until then it prints as pending.")
    ]
    if claim is not None:
        sentences = claim["sentences"]
    url = reverse("fbr:settle", args=[invoice.pk])
    action = {"label": _("Settle it"), "url": url, "icon": "check"}
    return {
        "title": claim["title"] if claim else _("Does FBR have it?"),
        "icon": "people" if claim else "question",
        "tone": "danger",
        "sentences": sentences,
        "actions": [action] if actor.may(Permission.SETTLE) else [],
    }


def _suspect_card(invoice: Invoice, actor: Actor, at: datetime) -> Row:
    twins = doubts.twins_of(invoice, at=at)
    lost = losses.reported_before(invoice)
    void = {
        "label": _("Void this one"),
        "url": reverse("fbr:void", args=[invoice.pk]),
        "kind": "danger",
        "icon": "ban",
    }
    may_issue = actor.may(Permission.ISSUE_INVOICE)
    return {
        "title": _("Is it another sale?"),
        "icon": "copy",
        "tone": "attention",
        "sentences": [
            _("It was written twice, or sold twice: only you know. FBR would count both."),
            *([_lost_words()] if lost else []),
        ],
        "facts": [*(_twin(twin) for twin in twins), *(_lost(row) for row in lost)],
        "actions": [void] if actor.may(Permission.SETTLE) else [],
        "release": reverse("fbr:release_duplicate", args=[invoice.pk]) if may_issue else "",
        "form": ReleaseForm(),
    }


def _twin(twin: Invoice) -> Row:
    state = State(twin.state).label
    return {
        "name": state,
        "value": f"{twin.number}, {karachi_date(twin.invoice_date)}, {rupees(twin.total)}",
        "url": twin.get_absolute_url(),
    }


def _lost_words() -> str:
    return _(
        "FBR's list has one like it from the time that a restore of our database lost. If it is"
        " that one, void this one: the sale counts already, under FBR's number."
    )


def _lost(row: StatementRow) -> Row:
    said = [row.fbr_number]
    said += [karachi_date(row.dated_on)] if row.dated_on is not None else []
    said += [rupees(row.value)] if row.value is not None else []
    return {"name": _("In FBR's list"), "value": ", ".join(said)}


# --- twice at FBR -----------------------------------------------------------------------------


def double_page(invoice: Invoice, second: Evidence, sent: Attempt | None, *, at: datetime) -> Row:
    """Which number stays, which one goes, and until when IRIS lets it go."""
    window = windows.window_of(
        dated=second.fbr_dated,
        accepted_at=second.at,
        sent_at=sent.started_at if sent is not None else None,
    )
    left = window.left(at)
    clock_words = (
        _("IRIS lets you cancel it until %(at)s: %(left)s are left.")
        % {"at": karachi_time(window.ends_at), "left": duration(left)}
        if window.is_open(at)
        else _("The 72 hours are over: it takes the approval of the Commissioner.")
    )
    return {
        "number": invoice.number,
        "back": invoice.get_absolute_url(),
        "clock": clock_words,
        "stays": invoice.fbr_number,
        "goes": second.fbr_number,
        "facts": [
            {"name": _("Stays"), "value": invoice.fbr_number, "code": True},
            {"name": _("Cancel in IRIS"), "value": second.fbr_number, "code": True},
            {"name": _("Recorded"), "value": second.fbr_dated or karachi_time(second.at)},
            {"name": _("Customer"), "value": invoice.buyer_name},
            {"name": _("Total"), "value": rupees(invoice.total)},
            {"name": _("Tax that counts twice"), "value": rupees(invoice.sales_tax)},
        ],
        "steps": [
            _("Sign in to IRIS and open Digital Invoicing, then the list of invoices."),
            _("Search for the number that goes. Check customer, day and value once more."),
            _("Cancel that one, and only that one. The other stays, here and at FBR."),
            _("Take a screenshot of the confirmation and come back with its reference."),
        ],
        "day": karachi_date(clock.karachi_date(at)),
    }
