"""What the pages of requests and exports show, as plain values for their templates."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

from django.conf import settings
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from privacy import deadlines
from privacy.models import (
    ENDED,
    ExportFile,
    ExportState,
    IdentityProof,
    RequestEvent,
    RequestState,
    RequestType,
    SubjectRequest,
)
from privacy.services import exporting, sealed_words
from smartinvoicing.templatetags.formats import karachi_date, karachi_time

Row = dict[str, Any]

_LOOKS: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        RequestState.RECEIVED: ("wait", "clock"),
        RequestState.IDENTITY_PENDING: ("attention", "key"),
        RequestState.IN_PROGRESS: ("wait", "turning"),
        RequestState.WAITING_CONTROLLER: ("wait", "building"),
        RequestState.WAITING_SUBJECT: ("attention", "question"),
        RequestState.DONE: ("ok", "check-circle"),
        RequestState.REFUSED: ("neutral", "ban"),
        RequestState.WITHDRAWN: ("neutral", "undo"),
    }
)
_EVENTS: Final[Mapping[str, tuple[str, str, Any]]] = MappingProxyType(
    {
        "received": ("neutral", "mail", gettext_lazy("Received")),
        "begun": ("neutral", "check", gettext_lazy("Being worked on")),
        "proof.wanted": ("attention", "key", gettext_lazy("Waits for a proof of identity")),
        "proof.failed": ("danger", "x-circle", gettext_lazy("Too many wrong codes")),
        "proof.staff": ("ok", "person", gettext_lazy("A person checked who asks")),
        "proved": ("ok", "shield", gettext_lazy("Identity proved")),
        "subject.found": ("neutral", "search", gettext_lazy("We hold data of this person")),
        "fact.unknown": ("neutral", "search", gettext_lazy("The fact fits nothing that we hold")),
        "looked": ("ok", "eye", gettext_lazy("Taken up by a person")),
        "assigned": ("neutral", "building", gettext_lazy("The business was found")),
        "routed": ("wait", "send", gettext_lazy("Handed to the business")),
        "routed.nobody": ("attention", "building", gettext_lazy("Nobody is left in the business")),
        "extended": ("attention", "calendar", gettext_lazy("Extended")),
        "asked": ("wait", "question", gettext_lazy("A question to the person")),
        "heard": ("neutral", "mail", gettext_lazy("The person wrote")),
        "rectified": ("ok", "pencil", gettext_lazy("Corrected")),
        "disputed": ("attention", "alert", gettext_lazy("Marked as disputed")),
        "dispute.ended": ("ok", "check", gettext_lazy("Dispute ended")),
        "restricted": ("attention", "pause", gettext_lazy("Set aside")),
        "restriction.ended": ("ok", "check", gettext_lazy("No longer set aside")),
        "uses.stopped": ("ok", "ban", gettext_lazy("What rests on consent was stopped")),
        "exported": ("ok", "download", gettext_lazy("Export put together")),
        "fetched": ("neutral", "download", gettext_lazy("Export fetched")),
        "duplicate": ("neutral", "copy", gettext_lazy("Answered with an earlier request")),
        "done": ("ok", "check-circle", gettext_lazy("Done")),
        "refused": ("neutral", "ban", gettext_lazy("Refused")),
        "withdrawn": ("neutral", "undo", gettext_lazy("Taken back")),
    }
)
_OF_LOOKING: Final = ("subject.found", "fact.unknown")
_EXPORTS: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        ExportState.WAITING: ("wait", "clock"),
        ExportState.BUILDING: ("wait", "turning"),
        ExportState.READY: ("ok", "check-circle"),
        ExportState.GONE: ("neutral", "trash"),
        ExportState.FAILED: ("danger", "alert"),
    }
)


def badge_of(request: SubjectRequest) -> Row:
    tone, icon = _LOOKS[request.state]
    return {"tone": tone, "icon": icon, "label": RequestState(request.state).label}


def clock_of(request: SubjectRequest, *, at: datetime) -> Row:
    """How much of its time is used: a bar, and the words beside it."""
    until = request.closed_at or at
    total = max((request.due_at - request.received_at).days, 1)
    used = min(max((until - request.received_at).days, 0), total)
    late = (until - request.due_at).days + 1 if until >= request.due_at else 0
    left = max((request.due_at - until).days, 0)
    if request.closed_at is not None:
        words = _("ended %(day)s") % {"day": karachi_date(request.closed_at)}
    elif late:
        words = ngettext("late by %(days)s day", "late by %(days)s days", late) % {"days": late}
    else:
        words = ngettext("%(days)s day left", "%(days)s days left", left) % {"days": left}
    return {
        "used": used,
        "total": total,
        "words": words,
        "is_over": request.closed_at is not None,
        "until": deadlines.last_day(request.due_at),
        "tone": _tone_of(request, left=left, late=late),
    }


def _tone_of(request: SubjectRequest, *, left: int, late: int) -> str:
    if request.closed_at is not None:
        return "neutral"
    if late:
        return "danger"
    near, _nearer, _last = deadlines.DECISION_ALERTS
    return "attention" if left <= near else "wait"


def row(request: SubjectRequest, *, at: datetime, url: str) -> Row:
    return {
        "url": url,
        "reference": request.reference,
        "type": RequestType(request.type).label,
        "received": request.received_at,
        "badge": badge_of(request),
        "clock": clock_of(request, at=at),
        "is_open": request.state not in ENDED,
    }


def timeline(request: SubjectRequest, *, with_words: bool, names: bool = False) -> list[Row]:
    """What happened, newest first. names: whether ids of our people and words to them are shown.

    Who did not prove who they are is not told either whether we know the person.
    """
    events = request.events.order_by("-at", "-id")
    if not (with_words or names):
        events = events.exclude(what__in=_OF_LOOKING)
    return [_event(each, with_words=with_words, names=names) for each in events]


def _event(event: RequestEvent, *, with_words: bool, names: bool) -> Row:
    tone, icon, title = _EVENTS.get(event.what, ("neutral", "info", event.what))
    said = sealed_words.unseal(event) if with_words else {}
    return {
        "tone": tone,
        "icon": icon,
        "title": title,
        "at": event.at,
        "by": event.by if names else _role(event.by),
        "text": " · ".join(str(words) for words in said.values()),
        "details": [],
    }


def _role(by: str) -> str:
    """To people outside, ours are ours and no more."""
    kind = by.partition(":")[0]
    words = {"staff": _("SmartInvoicing"), "system": _("by itself"), "user": ""}
    return words.get(kind, "")


def facts_of(request: SubjectRequest) -> list[Row]:
    facts: list[Row] = [
        {"name": _("Number"), "value": request.reference, "code": True},
        {"name": _("Came in"), "value": karachi_time(request.received_at)},
        {"name": _("Decided by"), "value": karachi_date(deadlines.last_day(request.due_at))},
    ]
    if request.extended_at:
        extended = karachi_date(request.extended_at)
        facts.append({"name": _("Extended"), "value": extended})
    if request.forwarded_at:
        forwarded = karachi_date(request.forwarded_at)
        facts.append({"name": _("Handed to the business"), "value": forwarded})
    if request.closed_at:
        facts.append({"name": _("Ended"), "value": karachi_date(request.closed_at)})
    if request.resumes_on:
        resumes = karachi_date(request.resumes_on)
        facts.append({"name": _("Goes on by itself on"), "value": resumes})
    return facts


def proofs_of(request: SubjectRequest) -> list[Row]:
    """How they tried to show who they are; no code, no document."""
    found = IdentityProof.objects.filter(request=request).order_by("-made_at")
    return [
        {
            "at": each.made_at,
            "how": each.get_method_display(),
            "outcome": each.get_outcome_display(),
            "tries": each.tries,
        }
        for each in found
    ]


# --- exports ----------------------------------------------------------------------------------


def exports(found: Iterable[ExportFile], *, route: str, before: tuple[Any, ...] = ()) -> list[Row]:
    """route: the name of the page that hands one out; before: what its address takes first."""
    return [_export(each, reverse(route, args=[*before, each.pk])) for each in found]


def _export(export: ExportFile, url: str) -> Row:
    tone, icon = _EXPORTS[export.state]
    moves = export.state in {ExportState.WAITING, ExportState.BUILDING}
    return {
        "id": str(export.pk),
        "asked": export.asked_at,
        "badge": {"tone": tone, "icon": icon, "label": ExportState(export.state).label},
        "moves": moves,
        "done": export.done,
        "total": max(export.total, 1),
        "url": url if export.state == ExportState.READY else "",
        "until": export.expires_at,
        "size": export.size,
        "left": exporting.DOWNLOADS - export.downloads,
    }


def authority() -> Row:
    """Whom a person may complain to; empty where the operator named none."""
    return {
        "name": settings.PRIVACY_AUTHORITY_NAME,
        "address": settings.PRIVACY_AUTHORITY_ADDRESS,
        "url": settings.PRIVACY_AUTHORITY_URL,
    }
