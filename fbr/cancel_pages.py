"""What the pages of cancelling and voiding show, as plain values for their templates."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts import selectors as people
from accounts.access import Actor
from accounts.enums import Environment, Permission
from fbr.models import Cancellation
from fbr.models.cancelling import Way
from fbr.services import applications, cancelling, voiding
from fbr.windows import WARNED_H, Window
from invoices import selectors as invoice_selectors
from invoices.enums import State
from invoices.models import Invoice
from invoices.standing import COUNTED
from smartinvoicing.templatetags.formats import karachi_date, karachi_time, rupees

Row = dict[str, Any]

_MACHINE: Final = "SmartInvoicing"
_CLOSE: Final = WARNED_H[0]  # hours left from which the countdown is more than a remark


# --- beside the document ----------------------------------------------------------------------


def panel_of(invoice: Invoice, actor: Actor, *, at: datetime) -> Row | None:
    """What stands beside a document about taking it back; None where there is nothing to say."""
    if invoice.state in {State.QUEUED, State.REJECTED}:
        return _of_void(invoice, actor)
    window = cancelling.window_of(invoice)
    if window is None:
        return None
    requests = cancelling.requests_of(invoice)
    newest = requests[0] if requests else None
    may = actor.may(Permission.CANCEL)
    if invoice.state == State.ACCEPTED:
        return _of_accepted(invoice, window, newest, at=at, may=may)
    if invoice.state == State.CANCEL_REQUESTED:
        return _of_requested(invoice, newest, at=at, may=may)
    return _of_cancelled(invoice, newest)


def _of_void(invoice: Invoice, actor: Actor) -> Row | None:
    if not actor.may(Permission.SETTLE) or not voiding.may_be_void(invoice):
        return None
    return {
        "title": _("Give the number up"),
        "tone": "",
        "icon": "ban",
        "sentences": [
            _(
                "If this sale is not to be reported, make the document void. Its number stays in"
                " the register with your reason."
            ),
        ],
        "actions": [_link("void", invoice, _("Make it void"))],
    }


def _of_accepted(
    invoice: Invoice, window: Window, last: Cancellation | None, *, at: datetime, may: bool
) -> Row:
    is_open = window.is_open(at)
    sentences = [_refused_before(last)] if last else []
    sentences += countdown(window, at=at)
    label = _("Cancel it") if is_open else _("Prepare the application to the Commissioner")
    hours = window.hours_left(at)
    return {
        "title": _("Time to cancel") if is_open else _("Cancelling needs approval"),
        "tone": "attention" if is_open and hours <= _CLOSE else "",
        "icon": "clock",
        "left": left_in_words(window, at=at) if is_open else "",
        "sentences": sentences,
        "actions": [_link("cancel", invoice, label)] if may else [],
    }


def _of_requested(
    invoice: Invoice, request: Cancellation | None, *, at: datetime, may: bool
) -> Row:
    sentences = [_("FBR has not confirmed it. Until IRIS says so, the document counts in full.")]
    left = ""
    if request is not None:
        if request.way != Way.COMMISSIONER:
            window = _window_of(request)
            left = left_in_words(window, at=at) if window.is_open(at) else ""
            sentences.append(_end_of(request, window, at=at))
        if request.way == Way.API:
            sentences.append(called(request))
    return {
        "title": _("To be cancelled in IRIS"),
        "tone": "attention",
        "icon": "clock",
        "left": left,
        "sentences": sentences,
        "facts": facts_of(request) if request else [],
        "actions": [_link("cancel", invoice, _("Go on with it"))] if may else [],
    }


def _of_cancelled(invoice: Invoice, request: Cancellation | None) -> Row:
    return {
        "title": _("How it was cancelled"),
        "tone": "",
        "icon": "ban",
        "sentences": [],
        "facts": facts_of(request) if request else [],
        "actions": [],
    }


def _link(name: str, invoice: Invoice, label: str) -> Row:
    return {"label": label, "url": reverse(f"fbr:{name}", args=[invoice.pk])}


def _window_of(request: Cancellation) -> Window:
    """The window as it was reckoned when the cancellation was asked for."""
    return Window(began_at=request.asked_at, ends_at=request.window_ends_at)


def _refused_before(request: Cancellation) -> str:
    about = {"day": karachi_date(request.refused_at), "why": request.refused_why}
    return _("A cancellation was refused on %(day)s: %(why)s") % about


def _end_of(request: Cancellation, window: Window, *, at: datetime) -> str:
    end = {"end": karachi_time(request.window_ends_at)}
    if window.is_open(at):
        return _("IRIS takes it until %(end)s, Pakistan time.") % end
    return (
        _(
            "The time for it ended on %(end)s. If IRIS had it cancelled before, record that now; if"
            " not, record the refusal and apply to the Commissioner."
        )
        % end
    )


# --- the clock --------------------------------------------------------------------------------


def left_in_words(window: Window, *, at: datetime) -> str:
    """61 hours left; 40 minutes left."""
    left = window.left(at)
    minutes = int(left.total_seconds() // 60)
    if minutes < 60:
        return ngettext("%(n)d minute left", "%(n)d minutes left", minutes) % {"n": minutes}
    hours = minutes // 60
    return ngettext("%(n)d hour left", "%(n)d hours left", hours) % {"n": hours}


def countdown(window: Window, *, at: datetime) -> list[str]:
    """Until when the seller may cancel alone, and what else may end it."""
    end = {"end": karachi_time(window.ends_at)}
    if not window.is_open(at):
        return [
            _(
                "The 72 hours in which you could cancel it alone ended on %(end)s, Pakistan time."
                " From then on the Commissioner has to approve it first."
            )
            % end
        ]
    told = [_("You can cancel it in IRIS until %(end)s, Pakistan time.") % end]
    if window.month_at is not None and window.month_at < window.ends_at:
        told.append(_month(window, at=at))
    return told


def _month(window: Window, *, at: datetime) -> str:
    if window.is_past_month(at):
        return _(
            "Its month is over: IRIS is said to refuse by then, although the 72 hours still run."
            " Try it, and record what IRIS says."
        )
    return _(
        "Better before %(month)s: IRIS is said to end the time with the month, whatever is left"
        " of the 72 hours."
    ) % {"month": karachi_time(window.month_at)}


# --- one request ------------------------------------------------------------------------------


def facts_of(request: Cancellation) -> list[Row]:
    """What was asked and what proves how it ended."""
    names = people.names_of([request.asked_by, request.confirmed_by])
    found: list[Row] = [
        {"name": _("Reason"), "value": request.reason},
        {"name": _("Way"), "value": request.get_way_display()},
        {"name": _("Asked"), "value": _who(request.asked_at, request.asked_by, names)},
    ]
    if request.approval_reference:
        found.append(
            {
                "name": _("Approval"),
                "value": request.approval_reference,
                "url": reverse("fbr:cancel_approval", args=[request.invoice_id]),
            }
        )
    if request.confirmed_at is not None:
        found += [
            {"name": _("Cancelled in IRIS"), "value": karachi_time(request.cancelled_at)},
            {"name": _("IRIS reference"), "value": request.iris_reference, "code": True},
            {
                "name": _("Proof"),
                "value": _("Download it"),
                "url": reverse("fbr:cancel_proof", args=[request.invoice_id]),
            },
            {
                "name": _("Confirmed"),
                "value": _who(request.confirmed_at, request.confirmed_by, names),
            },
        ]
    return found


def _who(at: datetime, actor: str, names: Any) -> str:
    return f"{karachi_time(at)}, {names.get(actor, _MACHINE)}"


def called(request: Cancellation) -> str:
    """What became of the call to FBR, which proves nothing by itself."""
    if request.call_at is None:
        return _("FBR is being asked by a call.")
    if request.call_status is None:
        about = {"time": karachi_time(request.call_at), "failure": request.call_failure or "?"}
        return (
            _(
                "FBR was asked at %(time)s and no complete answer came back (%(failure)s): nobody"
                " knows what it did. Look in IRIS."
            )
            % about
        )
    about = {"time": karachi_time(request.call_at), "status": str(request.call_status)}
    return (
        _(
            "FBR was asked at %(time)s and answered with HTTP %(status)s. Only IRIS shows whether"
            " it is cancelled: look there."
        )
        % about
    )


# --- the pages --------------------------------------------------------------------------------


def at_stake(invoice: Invoice) -> list[Row]:
    """What a cancellation takes away, in rupees."""
    charged = invoice.sales_tax + invoice.further_tax + invoice.extra_tax
    return [
        {"name": _("FBR number"), "value": invoice.fbr_number, "code": True},
        {"name": _("Customer"), "value": invoice.buyer_name},
        {"name": _("Value"), "value": rupees(invoice.value)},
        {"name": _("Tax on it"), "value": rupees(charged)},
        {"name": _("Total"), "value": rupees(invoice.total)},
    ]


def consequence(invoice: Invoice) -> str:
    about = {
        "tax": rupees(invoice.sales_tax + invoice.further_tax + invoice.extra_tax),
        "value": rupees(invoice.value),
        "name": invoice.buyer_name or _("the customer"),
    }
    return (
        _(
            "Once IRIS has cancelled it, value %(value)s and tax %(tax)s are no longer yours to"
            " declare, and %(name)s can no longer claim the tax. It cannot be undone."
        )
        % about
    )


def others(invoice: Invoice) -> list[str]:
    """Documents that rest on it, and would then rest on nothing."""
    on_it = [row for row in invoice_selectors.notes_of(invoice) if row.state in COUNTED]
    users = (
        [use.invoice for use in invoice_selectors.uses_of(invoice)] if invoice.is_advance else []
    )
    told = []
    if on_it:
        told.append(_("Notes quote its FBR number, settle them too: %s.") % _numbers(on_it))
    if users:
        told.append(_("Its money was taken off other invoices: %s.") % _numbers(users))
    return told


def _numbers(rows: Iterable[Invoice]) -> str:
    return ", ".join(row.number or _("a draft") for row in rows)


def iris_steps(invoice: Invoice) -> list[Row]:
    """What to do in IRIS, one thing at a time."""
    is_sandbox = invoice.environment == Environment.SANDBOX
    place = _("the sandbox of Digital Invoicing") if is_sandbox else _("Digital Invoicing")
    return [
        {
            "title": _("Open IRIS and go to the list of your invoices"),
            "text": _("Sign in at iris.fbr.gov.pk as %(ntn)s and open %(place)s.")
            % {"ntn": invoice.seller_ntn_cnic, "place": place},
        },
        {
            "title": _("Find it by its FBR number"),
            "text": invoice.fbr_number,
            "code": True,
        },
        {
            "title": _("Compare it"),
            "text": _("Dated %(date)s, to %(name)s, total %(total)s.")
            % {
                "date": karachi_date(invoice.invoice_date),
                "name": invoice.buyer_name,
                "total": rupees(invoice.total),
            },
        },
        {
            "title": _("Cancel the whole invoice, not single lines"),
            "text": _("A line that was edited there is said to be closed to cancelling."),
        },
        {
            "title": _("Take a picture of what IRIS says"),
            "text": _("With the FBR number, the status and the time on it. Then come back here."),
        },
    ]


def page(invoice: Invoice, window: Window, *, at: datetime) -> Row:
    """The page of a cancellation, in whichever state it is. part: asks, applies, settles."""
    request = cancelling.open_request(invoice)
    is_open = window.is_open(at)
    part = "settles" if request else "asks" if is_open else "applies"
    return {
        "title": _("Cancel %(number)s") % {"number": invoice.number},
        "number": invoice.number,
        "back": invoice.get_absolute_url(),
        "invoice_id": invoice.pk,
        "part": {part: True},
        "clock": _clock_of(request, window, at=at),
        "left": left_in_words(window, at=at) if is_open else "",
        "at_stake": at_stake(invoice),
        "consequence": consequence(invoice),
        "others": others(invoice),
        "steps": iris_steps(invoice),
        "facts": facts_of(request) if request else [],
        "called": called(request) if request and request.way == Way.API else "",
        "has_letter": not request and applications.newest(invoice) is not None,
    }


def _clock_of(request: Cancellation | None, window: Window, *, at: datetime) -> list[str]:
    if request is None:
        return countdown(window, at=at)
    if request.way == Way.COMMISSIONER:
        return [_("The Commissioner has approved it: no time runs out.")]
    return [_end_of(request, _window_of(request), at=at)]


def void_page(invoice: Invoice) -> Row:
    """What giving a number up means."""
    return {
        "title": _("Make %(number)s void") % {"number": invoice.number},
        "number": invoice.number,
        "back": invoice.get_absolute_url(),
        "sentences": [
            _("FBR never hears of it: value %(value)s and tax %(tax)s are not reported.")
            % {"value": rupees(invoice.value), "tax": rupees(invoice.sales_tax)},
            _(
                "Number %(number)s is not used again; the register keeps it with your reason."
                " This cannot be undone."
            )
            % {"number": invoice.number},
            _("If goods were sold, issue a right invoice for them: every supply must be reported."),
        ],
    }
