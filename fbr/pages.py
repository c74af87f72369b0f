"""What the pages of the line to FBR show, as plain values for their templates."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final
from uuid import UUID

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts import selectors as people
from accounts.access import Actor
from accounts.enums import Permission
from fbr.models import Attempt, Credential, Outbox
from fbr.outcomes import Hold, Outcome
from fbr.pos import codes as pos_codes
from fbr.selectors import Backlog
from invoices.enums import Channel, State
from invoices.models import Invoice, InvoiceEvent
from invoices.states import Look, look_of
from smartinvoicing import clock
from smartinvoicing.templatetags.formats import karachi_date, karachi_time, rupees

Row = dict[str, Any]

SHOWN: Final = 20
_LONGEST: Final = 20_000  # characters of an answer that a page shows
_MACHINE: Final = "SmartInvoicing"

HOLDS: Final[Mapping[str, tuple[Any, Any]]] = MappingProxyType(
    {
        Hold.CREDENTIAL: (
            gettext_lazy("It waits for an FBR token"),
            gettext_lazy(
                "There is no token that FBR takes. As soon as one is stored, it goes by itself."
            ),
        ),
        Hold.BREAKER: (
            gettext_lazy("FBR is not answering"),
            gettext_lazy(
                "Nothing is lost and nothing goes twice: it is sent as soon as FBR answers again."
            ),
        ),
        Hold.ENDPOINT: (
            gettext_lazy("FBR's address does not answer as it should"),
            gettext_lazy("This is not your mistake. It is tried again by itself."),
        ),
        Hold.TENANT_PAUSED: (
            gettext_lazy("Reporting is paused"),
            gettext_lazy("Nothing of this business goes to FBR until the pause ends."),
        ),
        Hold.CLOCK: (
            gettext_lazy("FBR's day has not begun yet"),
            gettext_lazy(
                "Until five in the morning FBR takes today's date for tomorrow's."
                " It goes by itself after that."
            ),
        ),
        Hold.DISARMED: (
            gettext_lazy("This installation sends nothing"),
            gettext_lazy("It was restored or copied. Somebody must arm it before it reports."),
        ),
        Hold.DUPLICATE_SUSPECT: (
            gettext_lazy("It looks like another invoice"),
            gettext_lazy(
                "Customer, date and amounts are those of an invoice that FBR has, or may have."
                " Compare the two before it is let go."
            ),
        ),
        Hold.TILL: (
            gettext_lazy("This till reports from the shop's own computer"),
            gettext_lazy(
                "Nothing takes its bills to FBR from there yet: the bill waits, it is not lost."
                " If FBR registers the till as cloud based, change the till to our server."
            ),
        ),
    }
)

_OUTCOMES: Final[Mapping[str, tuple[str, str, Any]]] = MappingProxyType(
    {
        Outcome.ACCEPTED: ("ok", "check-circle", gettext_lazy("FBR accepted it")),
        Outcome.REJECTED: ("danger", "x-circle", gettext_lazy("FBR refused it")),
        Outcome.RETRYABLE: (
            "wait",
            "undo",
            gettext_lazy("Not recorded at FBR; it is sent again"),
        ),
        Outcome.AUTH: ("attention", "key", gettext_lazy("FBR refused the token")),
        Outcome.UNCERTAIN: (
            "danger",
            "question",
            gettext_lazy("Sent, and no answer that can be relied on"),
        ),
        "": ("wait", "turning", gettext_lazy("Being sent")),
    }
)


# --- one document -----------------------------------------------------------------------------


def look_at(invoice: Invoice, hold: str | None, work: Outbox | None = None) -> Look:
    """How a document is shown to those who know whether it is held, and with which token."""
    look = look_of(invoice.state)
    if not hold:
        return look
    title, text = HOLDS[hold]
    sentence = f"{title}. {text}"
    if hold == Hold.CREDENTIAL and invoice.channel == Channel.POS:
        sentence = _held_till(work.credential if work else None)
    label = _("%(state)s, on hold") % {"state": look.label}
    return Look(tone="attention", icon="pause", label=label, sentence=sentence)


def _held_till(credential: Credential | None) -> str:
    """A till can be held for reasons of its own; each ends in another way."""
    if credential is None or credential.held_at is None:
        return _("The till has no token that FBR takes. Once one is stored, the bill goes.")
    problem = pos_codes.problem_of_hold(credential.held_why)
    return f"{problem.message} {problem.fix}"


def hold_action(hold: str | None, actor: Actor, invoice: Invoice) -> Row | None:
    """The way to what ends a hold, for those who may go it."""
    if not actor.may(Permission.MANAGE_BUSINESS):
        return None
    if invoice.till_id is not None and hold in {Hold.CREDENTIAL, Hold.TILL}:
        return {"url": reverse("fbr:till", args=[invoice.till_id]), "label": _("The till")}
    if hold == Hold.CREDENTIAL:
        return {"url": reverse("fbr:tokens"), "label": _("FBR tokens")}
    return None


def next_try(work: Outbox | None, *, at: datetime) -> str:
    """When a document that FBR did not get goes again."""
    if work is None or not work.attempt_no or work.run_after <= at:
        return ""
    return _("FBR could not be reached. The next try is at %(time)s, by itself.") % {
        "time": f"{clock.karachi(work.run_after):%H:%M:%S}"
    }


def doubt(invoice: Invoice, attempts: Sequence[Attempt]) -> list[Row]:
    """What was sent when, for whoever looks for it in IRIS."""
    if invoice.state != State.UNCERTAIN or not attempts:
        return []
    last = attempts[-1]
    return [
        {"name": _("Sent"), "value": seconds(last.started_at)},
        {"name": _("What we know"), "value": _known(last)},
        {"name": _("Our number"), "value": invoice.number, "code": True},
        {"name": _("Dated"), "value": karachi_date(invoice.invoice_date)},
        {"name": _("Customer"), "value": f"{invoice.buyer_name} {invoice.buyer_ntn_cnic}".strip()},
        {"name": _("Value and tax"), "value": _amounts(invoice)},
    ]


def _amounts(invoice: Invoice) -> str:
    charged = invoice.sales_tax + invoice.further_tax
    about = {"value": rupees(invoice.value), "tax": rupees(charged)}
    return _("%(value)s and %(tax)s") % about


def _known(attempt: Attempt) -> str:
    if attempt.answered_at is None:
        return _("The sending process ended before an answer came; all of it may have left.")
    if attempt.failure:
        return _("All of it may have left, and no complete answer came back (%(failure)s).") % {
            "failure": attempt.failure
        }
    about = {"status": attempt.http_status, "why": attempt.why}
    return _("FBR answered with HTTP %(status)s, which settles nothing (%(why)s).") % about


def seconds(at: datetime) -> str:
    """21 Nov 2026, 14:05:09, in Karachi."""
    return f"{karachi_time(at)}:{clock.karachi(at):%S}"


# --- what happened ----------------------------------------------------------------------------


def happened(
    events: Iterable[InvoiceEvent], attempts: Sequence[Attempt], works: Iterable[Outbox]
) -> list[Row]:
    """The history of a document, newest first: what was sent, what FBR answered, who did what.

    attempts: the last ones, one more than are shown where there are earlier ones.
    """
    deeds = [event for event in events if not _is_told_by_an_attempt(event)]
    names = people.names_of(event.actor for event in deeds)
    versions = {work.pk: work for work in works}
    tried = {attempt.work_id for attempt in attempts}
    rows = _tries(attempts, versions)
    rows += [_waiting(work) for work in versions.values() if work.pk not in tried]
    rows += [_deed(event, names) for event in deeds]
    return sorted(rows, key=lambda row: row["at"], reverse=True)


def _is_told_by_an_attempt(event: InvoiceEvent) -> bool:
    return State.SUBMITTING in {event.was, event.became}


def _deed(event: InvoiceEvent, names: Mapping[str, str]) -> Row:
    look = look_of(event.became)
    titles = {
        (State.DRAFT, State.QUEUED): _("Issued"),
        (State.REJECTED, State.QUEUED): _("Corrected and issued again"),
        (State.UNCERTAIN, State.QUEUED): _("Settled as not at FBR; to be sent again"),
        (State.CANCEL_REQUESTED, State.ACCEPTED): _("FBR did not cancel it"),
    }
    return {
        "tone": "neutral" if event.became == State.QUEUED else look.tone,
        "icon": "send" if event.became == State.QUEUED else look.icon,
        "title": titles.get((State(event.was), State(event.became)), look.label),
        "at": event.at,
        "by": names.get(event.actor, _MACHINE),
        "text": event.note,
    }


def _tries(attempts: Sequence[Attempt], versions: Mapping[UUID, Outbox]) -> list[Row]:
    """Each time that bytes may have left. What was sent is shown once for each version."""
    rows, told = [], set()
    for attempt in reversed(attempts[-SHOWN:]):
        work = None if attempt.work_id in told else versions.get(attempt.work_id)
        told.add(attempt.work_id)
        rows.append(_try(attempt, work))
    if len(attempts) > SHOWN:
        rows[-1]["text"] += " " + _("Earlier tries are not shown.")
    return rows


def _try(attempt: Attempt, work: Outbox | None) -> Row:
    tone, icon, title = _OUTCOMES[attempt.outcome]
    details = [_sent(work)] if work else []
    if attempt.answer:
        answer = readable(bytes(attempt.answer))
        details.append({"name": _("What FBR answered"), "body": answer})
    return {
        "tone": tone,
        "icon": icon,
        "title": title,
        "at": attempt.started_at,
        "by": "",
        "text": _course(attempt),
        "details": details,
    }


def _course(attempt: Attempt) -> str:
    """Sent 14:05:03, answered 14:05:04: HTTP 200."""
    parts = [_("Sent %(time)s") % {"time": f"{clock.karachi(attempt.started_at):%H:%M:%S}"}]
    if attempt.sent is False:
        parts = [_("Nothing left this house")]
    elif attempt.http_status:
        at = attempt.answered_at or attempt.started_at
        about = {"time": f"{clock.karachi(at):%H:%M:%S}", "status": attempt.http_status}
        parts.append(_("answered %(time)s with HTTP %(status)s") % about)
    text = ", ".join(parts)
    is_plain = attempt.outcome in {Outcome.ACCEPTED, Outcome.REJECTED, ""}
    return f"{text}." if is_plain or not attempt.why else f"{text}: {attempt.why}."


def _sent(work: Outbox) -> Row:
    return {
        "name": _("What was sent"),
        "body": f"{readable(bytes(work.body))}\n\nsha256 {work.body_sha256}",
    }


def _waiting(work: Outbox) -> Row:
    return {
        "tone": "wait",
        "icon": "clock",
        "title": _("Waits to be sent"),
        "at": work.made_at,
        "by": "",
        "text": "",
        "details": [{**_sent(work), "name": _("What will be sent")}],
    }


def readable(raw: bytes) -> str:
    """Bytes of the wire as text: JSON on lines of its own, not a character of it changed."""
    text = raw.decode("utf-8", "replace")
    shown = indented(text) if text[:1] in {"{", "["} else text
    if len(shown) > _LONGEST:
        return shown[:_LONGEST] + "\n…"
    return shown


def indented(text: str) -> str:
    """Line breaks between the parts of a JSON text; its own characters stay as they are."""
    found: list[str] = []
    depth, in_string, escaped = 0, False, False
    for mark in text:
        if in_string:
            found.append(mark)
            in_string = escaped or mark != '"'
            escaped = mark == "\\" and not escaped
            continue
        in_string = mark == '"'
        depth += (mark in "{[") - (mark in "}]")
        before = "\n" + "  " * depth if mark in "}]" else ""
        after = "\n" + "  " * depth if mark in "{[," else ""
        found.append(before + mark + after)
    return "".join(found)


# --- the line ---------------------------------------------------------------------------------


def light(backlog: Backlog, last: Attempt | None, credential: Credential | None) -> Row:
    """How FBR's line stands, for one business."""
    if credential is None:
        return {
            "tone": "attention",
            "label": _("No FBR token yet"),
            "sentence": _("Invoices can be written and issued; they wait until one is stored."),
        }
    if credential.held_at is not None:
        return {
            "tone": "danger",
            "label": _("FBR refuses the token"),
            "sentence": _("Since %(at)s. Store a new one; what waits goes by itself.")
            % {"at": karachi_time(credential.held_at)},
        }
    if last is None:
        return {
            "tone": "neutral",
            "label": _("Nothing sent yet"),
            "sentence": _("The first invoice that you issue shows whether FBR answers."),
        }
    return _of_last(last)


def _of_last(last: Attempt) -> Row:
    at = {"at": karachi_time(last.started_at)}
    match last.outcome:
        case Outcome.ACCEPTED | Outcome.REJECTED:
            return {"tone": "ok", "label": _("FBR answers"), "sentence": _("Last: %(at)s.") % at}
        case Outcome.RETRYABLE | Outcome.AUTH:
            label = _("FBR cannot be reached")
            text = _("Last tried %(at)s. It is tried again by itself; nothing goes twice.") % at
            return {"tone": "attention", "label": label, "sentence": text}
        case Outcome.UNCERTAIN:
            label = _("FBR's last answer was lost")
            text = _("Sent %(at)s. Until FBR answers again, more can become uncertain.") % at
            return {"tone": "attention", "label": label, "sentence": text}
    return {"tone": "wait", "label": _("Sending now"), "sentence": _("Since %(at)s.") % at}


def light_facts(backlog: Backlog) -> list[Row]:
    """What waits at FBR's door, where anything does."""
    here = reverse("invoices:list")
    queued, uncertain = f"{here}?state={State.QUEUED}", f"{here}?state={State.UNCERTAIN}"
    counts = (
        (_("Waiting for their turn"), backlog.waiting, queued),
        (_("On hold"), backlog.held, queued),
        (_("Uncertain"), backlog.stopped, uncertain),
    )
    return [{"name": name, "value": n, "url": url} for name, n, url in counts if n]
