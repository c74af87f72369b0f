"""Pages of the line to FBR: issue, what became of it, how the line is, the tokens."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Final
from uuid import UUID

from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from accounts.access import Actor
from accounts.enums import Permission
from accounts.guards import MemberRequest, member_required
from fbr import (
    answer_pages,
    cancel_pages,
    list_pages,
    outage_pages,
    pages,
    resolve_pages,
    selectors,
    tasks,
)
from fbr.models import Attempt, Outbox
from fbr.services import issuing, resending
from invoices import pages as invoice_pages
from invoices import selectors as invoice_selectors
from invoices.enums import State
from invoices.models import Invoice
from smartinvoicing import clock
from smartinvoicing.errors import RuleViolation, StateConflict
from smartinvoicing.fragments import is_fragment, page_or_part
from smartinvoicing.templatetags.formats import with_ends_only

_OPEN: Final = frozenset({State.QUEUED, State.SUBMITTING})
_FRESH: Final = timedelta(minutes=1)


# --- issue ------------------------------------------------------------------------------------


@require_POST
@member_required(Permission.ISSUE_INVOICE)
def issue(request: MemberRequest, invoice_id: UUID) -> HttpResponse:
    """Number it, freeze it, queue it. `seen` is the version that the person looked at."""
    invoice = invoice_selectors.invoice(invoice_id)
    try:
        with transaction.atomic():
            _refuse_unseen(invoice, request.GET.get("seen", ""))
            issuing.issue(invoice=invoice, actor=request.actor, at=clock.now())
    except RuleViolation:
        return redirect(f"{reverse('invoices:edit', args=[invoice.pk])}?check=1")
    except StateConflict as conflict:
        messages.warning(request, conflict.message)
        return redirect(invoice)
    transaction.on_commit(tasks.ring)
    return redirect(invoice)


def _refuse_unseen(invoice: Invoice, seen: str) -> None:
    """What a person issues is what that person saw."""
    if seen and seen != str(invoice.version):
        raise StateConflict(_("Somebody changed this invoice meanwhile. Look at it again."))


# --- what became of it ------------------------------------------------------------------------


@require_GET
@member_required(Permission.VIEW)
def panel(request: MemberRequest, invoice_id: UUID) -> HttpResponse:
    """What was sent, when, and what FBR answered; as a fragment it moves the whole page along."""
    invoice = invoice_selectors.invoice(invoice_id)
    work = selectors.open_work(invoice)
    hold = selectors.hold_of(work) if invoice.state == State.QUEUED else None
    seen = _fingerprint(invoice, hold, selectors.attempts_of(invoice).defer("answer").last(), work)
    if is_fragment(request) and request.GET.get("seen") == seen:
        return HttpResponse(status=204)
    attempts = selectors.latest_attempts_of(invoice, most=pages.SHOWN + 1)
    is_alone = "alone" in request.GET or not is_fragment(request)
    look = answer_pages.look_at(invoice, pages.look_at(invoice, hold, work))
    context = invoice_pages.moving_parts(invoice, request.actor, look, has_lines=not is_alone)
    if request.actor.may(Permission.ISSUE_INVOICE) and resending.may_be_sent_again(invoice):
        context["state"]["again"] = reverse("fbr:send_again", args=[invoice.pk])
    context["state"]["facts"] = pages.doubt(invoice, attempts)
    context["state"]["action"] = pages.hold_action(hold, request.actor, invoice)
    context |= {
        "number": invoice_pages.title_of(invoice),
        "back": invoice.get_absolute_url(),
        "panel": {
            "url": _again(request, seen, is_alone=is_alone) if invoice.state in _OPEN else "",
            "every": _pace(invoice, at=clock.now()),
            "offline": outage_pages.offline(invoice, at=clock.now()),
            "note": pages.next_try(work, at=clock.now()) if not hold else "",
            "events": _events(invoice, attempts, request.actor),
            "resolve": resolve_pages.panel_of(invoice, hold, request.actor, at=clock.now()),
            "cancel": cancel_pages.panel_of(invoice, request.actor, at=clock.now()),
        },
    }
    return page_or_part(request, "fbr/panel.html", "fbr/_panel_moves.html", context)


def _events(invoice: Invoice, attempts: Sequence[Attempt], actor: Actor) -> list[dict[str, Any]]:
    """What happened; of a customer's CNIC not everybody sees more than the ends."""
    events = pages.happened(invoice.events.all(), attempts, selectors.works_of(invoice))
    if not actor.sees_numbers:
        for part in [part for event in events for part in event.get("details", [])]:
            part["body"] = with_ends_only(part["body"], invoice.buyer_ntn_cnic)
    return events


def _again(request: MemberRequest, seen: str, *, is_alone: bool) -> str:
    """Where the panel looks next. is_alone: it stands on a page without the document's lines."""
    return f"{request.path}?{urlencode({'seen': seen} | ({'alone': 1} if is_alone else {}))}"


def _fingerprint(
    invoice: Invoice, hold: str | None, last: Attempt | None, work: Outbox | None
) -> str:
    """Changes with whatever the panel shows; while it does not, nothing is drawn anew."""
    shown = (
        invoice.state,
        invoice.version,
        hold,
        last and (last.pk, last.outcome, last.answered_at),
        work and work.run_after,
    )
    return sha256(repr(shown).encode()).hexdigest()[:12]


def _pace(invoice: Invoice, *, at: datetime) -> int:
    """Seconds between two looks: often while an answer is near, seldom when it waits for long."""
    return 2 if at - invoice.state_at < _FRESH else 10


# --- the line ---------------------------------------------------------------------------------


@require_GET
@member_required(Permission.VIEW)
def light(request: MemberRequest) -> HttpResponse:
    """Whether FBR answers, and what waits."""
    entity = invoice_selectors.default_entity()
    backlog, at = selectors.backlog(), clock.now()
    context = {
        "light": outage_pages.light(at=at)
        or pages.light(backlog, selectors.last_attempt(), selectors.line_token(entity)),
        "facts": pages.light_facts(backlog),
        "old_lists": list_pages.old_lists(selectors.last_readings(), at=at),
    }
    return page_or_part(request, "fbr/light.html", "fbr/_light.html", context)
