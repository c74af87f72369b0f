"""Pages of the tokens of Digital Invoicing: store, test, let go on."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from accounts.enums import Environment, Permission
from accounts.guards import MemberRequest, member_required
from fbr import lookups, selectors, tasks, token_pages
from fbr.di import probe
from fbr.di.probe import Finding
from fbr.forms import TokenForm
from fbr.models import Credential
from fbr.services import credentials as credential_service
from invoices import selectors as invoice_selectors
from smartinvoicing import clock
from smartinvoicing.errors import Problem, RuleViolation
from smartinvoicing.forms import attempt
from smartinvoicing.fragments import page_or_part


@require_http_methods(["GET", "HEAD", "POST"])
@member_required(Permission.MANAGE_BUSINESS)
def tokens(request: MemberRequest) -> HttpResponse:
    """The two places for a token; what goes in is never shown again."""
    wanted = request.POST.get("environment", "")
    today = clock.karachi_date(clock.now())
    forms = {
        environment: TokenForm(
            request.POST if wanted == environment else None,
            environment=environment,
            usual_end=token_pages.usual_end(today),
        )
        for environment in Environment.values
    }
    if wanted in forms and _store(request, forms[wanted], wanted):
        transaction.on_commit(tasks.ring)
        messages.success(request, _("Stored. What waited for it goes on. Test it now."))
        return redirect("fbr:tokens")
    entity = invoice_selectors.default_entity()
    stored = {each.environment: each for each in selectors.tokens_of(entity)}
    slots = [
        token_pages.slot(
            environment,
            stored.get(environment),
            current=environment == entity.environment,
            today=today,
        )
        | {"form": forms[environment]}
        for environment in Environment
    ]
    refused = any(form.errors for form in forms.values())
    context = {"slots": slots, "entity": entity, "tills_url": token_pages.tills_url()}
    return page_or_part(
        request, "fbr/tokens.html", "fbr/_tokens.html", context, status=422 if refused else 200
    )


def _store(request: MemberRequest, form: TokenForm, environment: str) -> bool:
    def deed() -> Credential:
        return credential_service.store(
            entity=invoice_selectors.default_entity(),
            environment=environment,
            token=request.POST.get(f"{environment}-token", ""),
            expires_on=_day(request.POST.get(f"{environment}-expires_on", "")),
            actor=request.actor,
            at=clock.now(),
        )

    return attempt(form, deed) is not None


def _day(text: str) -> date | None:
    """Raises: RuleViolation for what is no day."""
    if not text.strip():
        return None
    try:
        return date.fromisoformat(text.strip())
    except ValueError as error:
        problem = Problem(
            code="expires_on",
            field="expires_on",
            message=_("This is no day of the calendar."),
            fix=_("Write it like 2031-11-21, or leave it empty."),
        )
        raise RuleViolation.of([problem]) from error


# No transaction is open while FBR is asked: each part has its own.
@transaction.non_atomic_requests
@require_POST
@member_required(Permission.MANAGE_BUSINESS)
def test(request: MemberRequest, credential_id: UUID) -> HttpResponse:
    """Ask FBR for its smallest list with a token: nothing is filed, and the answer is told."""
    with transaction.atomic():
        own = selectors.credentials().filter(till=None)
        credential = get_object_or_404(own, pk=credential_id)
        token = credential_service.opened(credential)
    evidence = lookups.get(probe.PATH, {}, token=token, within_s=probe.WITHIN_S)
    finding = probe.read(evidence)
    works = finding == Finding.WORKS
    credential_service.record_test(
        credential=credential, said=finding, works=works, actor=request.actor, at=clock.now()
    )
    (messages.success if works else messages.warning)(request, finding.label)
    return redirect("fbr:tokens")


@require_POST
@member_required(Permission.MANAGE_BUSINESS)
def release(request: MemberRequest, credential_id: UUID) -> HttpResponse:
    """Try a token again that FBR refused."""
    credential = get_object_or_404(selectors.credentials(), pk=credential_id)
    credential_service.release(credential=credential, actor=request.actor, at=clock.now())
    transaction.on_commit(tasks.ring)
    messages.success(request, _("The token is tried again. What waited for it goes on."))
    return redirect((credential.till_id and token_pages.tills_url()) or "fbr:tokens")
