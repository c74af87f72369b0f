"""Pages of tills: the list with the terms, one till with its token, the sheet for IRIS."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.enums import Permission
from accounts.guards import MemberRequest, member_required
from accounts.texts import clean
from fbr import selectors, tasks, till_pages
from fbr.services import credentials, tills
from fbr.services.tills import Particulars, Terms
from fbr.till_forms import TermsForm, TillForm, TillTokenForm
from invoices import selectors as invoice_selectors
from invoices.models import Till
from smartinvoicing import clock
from smartinvoicing.errors import RuleViolation
from smartinvoicing.forms import attempt

page_or_post = require_http_methods(["GET", "HEAD", "POST"])

_PARTICULARS: Final = ("pos_id", "name", "branch", "address", "transport")

# --- the list ---------------------------------------------------------------------------------


@page_or_post
@member_required(Permission.MANAGE_BUSINESS)
def till_list(request: MemberRequest) -> HttpResponse:
    """Every till with how it stands; a new one, and the terms of all."""
    entity = invoice_selectors.default_entity()
    data = request.POST if request.method == "POST" else None
    form = TillForm(data, initial={"environment": entity.environment})
    if form.is_bound:
        till = attempt(
            form,
            lambda: tills.register(
                entity=entity,
                environment=request.POST.get("environment", ""),
                given=_particulars(request.POST),
                actor=request.actor,
                at=clock.now(),
            ),
        )
        if till is not None:
            messages.success(request, _("Registered. Store its token next."))
            return redirect("fbr:till", till.pk)
    return _list(request, form, _terms_form(None))


@require_POST
@member_required(Permission.MANAGE_BUSINESS)
def terms(request: MemberRequest) -> HttpResponse:
    """How the business settles what FBR leaves open."""
    form = _terms_form(request.POST)
    given = {name: clean(request.POST.get(f"terms-{name}", "")) for name in form.fields}
    deed = tills.set_terms
    entity, at = invoice_selectors.default_entity(), clock.now()
    stored = attempt(
        form, lambda: deed(entity=entity, given=Terms(**given), actor=request.actor, at=at)
    )
    if stored is not None:
        messages.success(request, _("Saved. It holds for bills from now on."))
        return redirect("fbr:tills")
    return _list(request, TillForm(initial={"environment": entity.environment}), form)


def _terms_form(data: QueryDict | None) -> TermsForm:
    known = selectors.pos_terms(invoice_selectors.default_entity())
    return TermsForm(data, initial=till_pages.initial_of_terms(known))


def _list(request: MemberRequest, form: TillForm, terms_form: TermsForm) -> HttpResponse:
    found = list(selectors.tills())
    tokens, waiting = selectors.tokens_of_tills(found), selectors.waiting_at(found)
    context = {
        "rows": [
            till_pages.row(till, tokens.get(till.pk), waiting.get(till.pk, 0)) for till in found
        ],
        "form": form,
        "terms_form": terms_form,
    }
    refused = form.errors or terms_form.errors
    return render(request, "fbr/tills.html", context, status=422 if refused else 200)


@require_GET
@member_required(Permission.MANAGE_BUSINESS)
def sheet(request: MemberRequest) -> HttpResponse:
    """What IRIS asks for when tills are registered, to print and to copy from."""
    entity = invoice_selectors.default_entity()
    used = [till for till in selectors.tills(entity) if till.retired_at is None]
    context = {"entity": entity, "parts": till_pages.sheet(entity, used)}
    return render(request, "fbr/till_sheet.html", context)


# --- one till ---------------------------------------------------------------------------------


@page_or_post
@member_required(Permission.MANAGE_BUSINESS)
def till(request: MemberRequest, till_id: UUID) -> HttpResponse:
    """A till: its particulars to change, its token, why its bills wait."""
    found = selectors.till(till_id)
    form = _form_of(found, request.POST if request.method == "POST" else None)
    if form.is_bound:
        given = _particulars(request.POST)
        changed = attempt(
            form,
            lambda: tills.change(till=found, given=given, actor=request.actor, at=clock.now()),
        )
        if changed is not None:
            transaction.on_commit(tasks.ring)
            messages.success(request, _("Saved."))
            return redirect("fbr:till", found.pk)
    return _one(request, found, form, TillTokenForm())


@require_POST
@member_required(Permission.MANAGE_BUSINESS)
def token(request: MemberRequest, till_id: UUID) -> HttpResponse:
    """Store the token of a till."""
    found = selectors.till(till_id)
    form = TillTokenForm(request.POST)
    given = request.POST.get("token", "")
    stored = attempt(
        form,
        lambda: tills.store_token(till=found, token=given, actor=request.actor, at=clock.now()),
    )
    if stored is None:
        return _one(request, found, _form_of(found), form)
    transaction.on_commit(tasks.ring)
    messages.success(request, _("Stored. What waited for it goes on."))
    return redirect("fbr:till", found.pk)


@transaction.non_atomic_requests
@require_POST
@member_required(Permission.MANAGE_BUSINESS)
def test(request: MemberRequest, till_id: UUID) -> HttpResponse:
    """Ask FBR whether it takes the token: no transaction is open while it thinks."""
    with transaction.atomic():
        found = selectors.till(till_id)
    try:
        verdict = tills.test_token(till=found, actor=request.actor)
    except RuleViolation as refused:
        messages.error(request, refused.message)
        return redirect("fbr:till", found.pk)
    tell = {True: messages.success, False: messages.error, None: messages.warning}[verdict.works]
    tell(request, verdict.said)
    tasks.ring()
    return redirect("fbr:till", found.pk)


@require_POST
@member_required(Permission.MANAGE_BUSINESS)
def release(request: MemberRequest, till_id: UUID) -> HttpResponse:
    """Try a till again that FBR refused."""
    found = selectors.till(till_id)
    held = selectors.token_of(found)
    if held is not None:
        credentials.release(credential=held, actor=request.actor, at=clock.now())
        transaction.on_commit(tasks.ring)
        messages.success(request, _("The till is tried again. What waited goes on."))
    return redirect("fbr:till", found.pk)


@require_POST
@member_required(Permission.MANAGE_BUSINESS)
def retire(request: MemberRequest, till_id: UUID) -> HttpResponse:
    """No new bill at this till."""
    found = selectors.till(till_id)
    tills.retire(till=found, actor=request.actor, at=clock.now())
    messages.success(request, _("Retired. What was issued still goes to FBR."))
    return redirect("fbr:tills")


def _form_of(found: Till, data: QueryDict | None = None) -> TillForm:
    form = TillForm(data, initial={name: getattr(found, name) for name in _PARTICULARS})
    del form.fields["environment"]
    return form


def _one(
    request: MemberRequest, found: Till, form: TillForm, token_form: TillTokenForm
) -> HttpResponse:
    credential = selectors.token_of(found)
    waiting = selectors.waiting_at([found]).get(found.pk, 0)
    context = {
        "till": found,
        "badge": till_pages.badge(found, credential),
        "facts": till_pages.facts(found, credential, waiting),
        "hold": till_pages.hold(found, credential),
        "has_token": credential is not None,
        "form": form,
        "token_form": token_form,
        "dialogs": [till_pages.dialog(found)] if found.retired_at is None else [],
    }
    refused = form.errors or token_form.errors
    return render(request, "fbr/till.html", context, status=422 if refused else 200)


def _particulars(data: QueryDict) -> Particulars:
    return Particulars(**{name: clean(data.get(name, "")) for name in _PARTICULARS})
