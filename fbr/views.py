"""Pages of the line to FBR: issue, what became of it, how the line is, the tokens."""

from __future__ import annotations

from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final
from uuid import UUID

from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.enums import Environment, Permission
from accounts.guards import MemberRequest, member_required
from fbr import pages, selectors, tasks
from fbr.forms import TokenForm
from fbr.models import Attempt, Outbox
from fbr.services import credentials as credential_service
from fbr.services import issuing
from invoices import pages as invoice_pages
from invoices import selectors as invoice_selectors
from invoices.enums import State
from invoices.models import Invoice
from smartinvoicing import clock
from smartinvoicing.errors import RuleViolation, StateConflict
from smartinvoicing.forms import attempt
from smartinvoicing.fragments import is_fragment, page_or_part

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
    context = invoice_pages.moving_parts(invoice, request.actor, pages.look_at(invoice, hold))
    context["state"]["facts"] = pages.doubt(invoice, attempts)
    context["state"]["action"] = pages.hold_action(hold, request.actor)
    context |= {
        "number": invoice_pages.title_of(invoice),
        "back": invoice.get_absolute_url(),
        "panel": {
            "url": f"{request.path}?seen={seen}" if invoice.state in _OPEN else "",
            "every": _pace(invoice, at=clock.now()),
            "note": pages.next_try(work, at=clock.now()) if not hold else "",
            "events": pages.happened(invoice.events.all(), attempts, selectors.works_of(invoice)),
        },
    }
    return page_or_part(request, "fbr/panel.html", "fbr/_panel_moves.html", context)


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
    backlog = selectors.backlog()
    context = {
        "light": pages.light(
            backlog, selectors.last_attempt(), selectors.credential_of(entity, entity.environment)
        ),
        "facts": pages.light_facts(backlog),
    }
    return page_or_part(request, "fbr/light.html", "fbr/_light.html", context)


# --- tokens -----------------------------------------------------------------------------------


@require_http_methods(["GET", "HEAD", "POST"])
@member_required(Permission.MANAGE_BUSINESS)
def tokens(request: MemberRequest) -> HttpResponse:
    """The two places for a token; what goes in is never shown again."""
    wanted = request.POST.get("environment", "")
    forms = {
        environment: TokenForm(
            request.POST if wanted == environment else None, environment=environment
        )
        for environment in Environment.values
    }
    if wanted in forms and _store(request, forms[wanted], wanted):
        transaction.on_commit(tasks.ring)
        messages.success(request, _("Stored. What waited for it goes on."))
        return redirect("fbr:tokens")
    entity = invoice_selectors.default_entity()
    slots = [
        pages.slot(
            environment,
            selectors.credential_of(entity, environment),
            current=environment == entity.environment,
        )
        | {"form": forms[environment]}
        for environment in Environment
    ]
    refused = any(form.errors for form in forms.values())
    context = {"slots": slots, "entity": entity}
    return page_or_part(
        request, "fbr/tokens.html", "fbr/_tokens.html", context, status=422 if refused else 200
    )


def _store(request: MemberRequest, form: TokenForm, environment: str) -> bool:
    def deed() -> object:
        return credential_service.store(
            entity=invoice_selectors.default_entity(),
            environment=environment,
            token=request.POST.get(f"{environment}-token", ""),
            actor=request.actor,
            at=clock.now(),
        )

    return attempt(form, deed) is not None


@require_POST
@member_required(Permission.MANAGE_BUSINESS)
def release(request: MemberRequest, credential_id: UUID) -> HttpResponse:
    """Try a token again that FBR refused."""
    credential = get_object_or_404(selectors.credentials(), pk=credential_id)
    credential_service.release(credential=credential, actor=request.actor, at=clock.now())
    transaction.on_commit(tasks.ring)
    messages.success(request, _("The token is tried again. What waited for it goes on."))
    return redirect("fbr:tokens")


@require_GET
@member_required(Permission.VIEW)
def token_step(request: MemberRequest) -> HttpResponse:
    """The token among the first steps of a new business."""
    entity = invoice_selectors.default_entity()
    stored = selectors.credential_of(entity, entity.environment) is not None
    may_manage = request.actor.may(Permission.MANAGE_BUSINESS)
    step = {
        "done": stored,
        "title": _("FBR token"),
        "sentence": _("From IRIS, for the sandbox first. It is sealed and never shown again."),
        "url": reverse("fbr:tokens") if may_manage else "",
        "action": _("Look") if stored else _("Store it"),
    }
    if not is_fragment(request):
        return redirect("fbr:tokens" if may_manage else "invoices:dashboard")
    return render(request, "ui/step.html", {"step": step})
