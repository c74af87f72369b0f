"""What the red list shows, as plain values: all documents that need a person."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.access import Actor
from accounts.enums import Permission
from fbr import doubts, pages
from fbr.doubts import Some
from fbr.models import Claim, Outbox
from fbr.outcomes import Hold
from invoices import pages as invoice_pages
from invoices.enums import State
from invoices.models import Invoice
from smartinvoicing.templatetags.formats import duration, karachi_time, rupees

Row = dict[str, Any]

SHOWN: Final = 50


def red_list(environment: str, actor: Actor, *, at: datetime) -> Row:
    """Everything that needs a person, the worst first."""
    sections = [
        _uncertain_ones(environment, actor, at),
        _twice_ones(environment),
        _suspect_ones(environment),
        _pressed_ones(environment, at),
        _rejected_ones(environment, actor),
        _held_ones(environment, actor),
    ]
    found = [section for section in sections if section["tasks"]]
    return {"sections": found, "stats": [_stat(section) for section in found]}


def _uncertain_ones(environment: str, actor: Actor, at: datetime) -> Row:
    some = doubts.in_state(State.UNCERTAIN, environment, most=SHOWN)
    claims = doubts.open_claims(some.rows)
    tasks = [_uncertain(row, claims.get(row.pk), actor, at) for row in some.rows]
    title = _("Nobody knows whether FBR has it")
    return _section("uncertain", title, "question", "danger", some, tasks)


def _twice_ones(environment: str) -> Row:
    some = doubts.reported_twice(environment, most=SHOWN)
    tasks = [_twice(row) for row in some.rows]
    return _section("twice", _("FBR has it twice"), "copy", "danger", some, tasks)


def _suspect_ones(environment: str) -> Row:
    some = doubts.suspects(environment, most=SHOWN)
    tasks = [_suspect(row) for row in some.rows]
    title = _("Looks like another invoice")
    return _section("suspects", title, "copy", "attention", some, tasks)


def _pressed_ones(environment: str, at: datetime) -> Row:
    some = doubts.pressed(environment, at=at, most=SHOWN)
    works = doubts.works_of(some.rows)
    tasks = [_pressed(row, works[row.pk], at) for row in some.rows]
    return _section("pressed", _("A deadline is near"), "clock", "danger", some, tasks)


def _rejected_ones(environment: str, actor: Actor) -> Row:
    some = doubts.in_state(State.REJECTED, environment, most=SHOWN)
    tasks = [_rejected(row, actor) for row in some.rows]
    return _section("rejected", _("FBR refused it"), "x-circle", "danger", some, tasks)


def _held_ones(environment: str, actor: Actor) -> Row:
    some = doubts.held(environment, most=SHOWN)
    works = doubts.works_of(some.rows)
    tasks = [_held(row, works, actor) for row in some.rows]
    return _section("held", _("On hold"), "pause", "attention", some, tasks)


def _section(name: str, title: str, icon: str, tone: str, some: Some, tasks: list[Row]) -> Row:
    return {
        "id": name,
        "title": title,
        "icon": icon,
        "tone": tone,
        "tasks": tasks,
        "count": f"{len(some.rows)}+" if some.more else str(len(some.rows)),
        "more": some.more,
    }


def _stat(section: Row) -> Row:
    return {
        "label": section["title"],
        "value": section["count"],
        "tone": section["tone"],
        "url": f"#{section['id']}",
    }


def _task(invoice: Invoice, tone: str, icon: str, sentence: str, url: str, action: str) -> Row:
    name = invoice.buyer_name or _("no customer")
    return {
        "tone": tone,
        "icon": icon,
        "title": f"{invoice_pages.number_of(invoice)}, {name}, {rupees(invoice.total)}",
        "sentence": sentence,
        "url": url or invoice.get_absolute_url(),
        "action": action,
    }


def age(since: datetime, at: datetime) -> str:
    """3 hours: how long something has been so."""
    return duration(max(at - since, timedelta()))


def _uncertain(invoice: Invoice, claim: Claim | None, actor: Actor, at: datetime) -> Row:
    may_settle = actor.may(Permission.SETTLE)
    url = reverse("fbr:settle", args=[invoice.pk]) if may_settle else ""
    about = {"at": karachi_time(invoice.state_at), "age": age(invoice.state_at, at)}
    if claim is None:
        words = _(
            "Sent %(at)s, no answer: for %(age)s. Look in IRIS; it never goes again by itself."
        )
        action = _("Settle it") if may_settle else _("Look")
        return _task(invoice, "danger", "question", words % about, url, action)
    said = {"at": karachi_time(claim.made_at)}
    words = _("Somebody said on %(at)s that FBR does not have it. A second person is asked.")
    mine = claim.made_person == actor.user_id
    action = _("Look") if mine or not may_settle else _("Confirm or deny")
    return _task(invoice, "attention", "people", words % said, url, action)


def _twice(invoice: Invoice) -> Row:
    words = _("One sale, two numbers: the tax counts twice until one of them is cancelled.")
    url = reverse("fbr:double", args=[invoice.pk])
    return _task(invoice, "danger", "copy", words, url, _("What to do"))


def _suspect(invoice: Invoice) -> Row:
    words = _("Customer, day and amounts are those of another document. Compare the two.")
    return _task(invoice, "attention", "copy", words, "", _("Compare"))


def _pressed(invoice: Invoice, work: Outbox, at: datetime) -> Row:
    if work.deadline is None or work.deadline <= at:
        words = _("It should have been at FBR by now.")
    else:
        about = {"left": duration(work.deadline - at), "at": karachi_time(work.deadline)}
        words = _("It must be at FBR within %(left)s, by %(at)s.") % about
    return _task(invoice, "danger", "clock", words, "", _("Look"))


def _rejected(invoice: Invoice, actor: Actor) -> Row:
    first = invoice_pages.problems_of(invoice.problems[:1])
    words = f"{first[0]['label']}: {first[0]['message']}".lstrip(": ") if first else ""
    may_mend = actor.may(Permission.WRITE_DRAFTS)
    url = reverse("invoices:edit", args=[invoice.pk]) if may_mend else ""
    action = _("Correct it") if may_mend else _("Look")
    return _task(invoice, "danger", "x-circle", words, url, action)


def _held(invoice: Invoice, works: Mapping[UUID, Outbox], actor: Actor) -> Row:
    hold = str(works[invoice.pk].hold_reason or Hold.CREDENTIAL)
    title, text = pages.HOLDS[hold]
    way = pages.hold_action(hold, actor, invoice) or {}
    return _task(
        invoice,
        "attention",
        "pause",
        f"{title}. {text}",
        way.get("url", ""),
        way.get("label", _("Look")),
    )
