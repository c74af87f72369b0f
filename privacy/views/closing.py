"""Close the account of a business, see how far it is, open it again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from django.contrib import messages
from django.db import transaction
from django.http.response import HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from accounts.enums import Permission, Role
from accounts.guards import (
    MemberRequest,
    gave_password,
    member_required,
    proved_lately,
    showed_factor,
    to_factor,
    to_proof,
)
from privacy import closing_pages
from privacy.closing_forms import CloseForm
from privacy.models import Closure, ClosureState
from privacy.services import closing, exporting
from privacy.services.erasure_plans import plan_for
from privacy.subjects import Subject, SubjectKind
from smartinvoicing import clock
from smartinvoicing.celery import tell
from smartinvoicing.errors import NotFound
from smartinvoicing.forms import attempt


@require_http_methods(["GET", "HEAD", "POST"])
@member_required(Permission.VIEW)
def closure(request: MemberRequest) -> HttpResponseBase:
    """The plan; for an owner, the button that begins it and the one that takes it back."""
    if request.method != "POST":
        return _page(request, CloseForm())
    deed = _DEEDS.get(request.POST.get("deed", ""))
    if deed is None:
        raise NotFound(_("There is no such thing to do here."))
    return deed(request)


def _page(request: MemberRequest, form: CloseForm, status: int = 200) -> HttpResponse:
    at = clock.now()
    tenant = request.membership.tenant
    found = closing.current(tenant.pk)
    rows = plan_for(Subject(SubjectKind.TENANT, tenant_id=tenant.pk), at=at)
    context: dict[str, Any] = {
        "form": form,
        "business": tenant.name,
        "may_close": request.membership.role == Role.OWNER,
        "closing": found,
        "kept": closing_pages.kept(rows),
        "goes": closing_pages.goes(rows),
        "matters": closing_pages.matters(),
        "steps": closing_pages.planned_steps(at),
    }
    if found is not None:
        context |= {
            "steps": closing_pages.steps_of(found, at=at),
            "standing": closing_pages.standing(found),
            "bar": closing_pages.progress(found),
            "may_reopen": context["may_close"]
            and found.state == ClosureState.BEGUN
            and at < found.purge_from,
            "is_handed_over": bool(found.open_items),
        }
    return render(request, "privacy/closing.html", context, status=status)


def _begin(request: MemberRequest) -> HttpResponseBase:
    at = clock.now()
    if not gave_password(request, at=at):
        return to_proof(request)
    if not showed_factor(request, at=at):
        return to_factor(request)
    form = CloseForm(request.POST)

    def deed() -> Closure:
        with transaction.atomic():
            return closing.begin(
                tenant=request.membership.tenant,
                typed_name=request.POST.get("typed_name", ""),
                actor=request.actor,
                at=at,
            )

    if attempt(form, deed) is None:
        return _page(request, form, status=422)
    transaction.on_commit(lambda: tell("privacy.close_accounts"))
    messages.success(request, _("The account is being closed. Nothing is deleted yet."))
    return redirect("privacy:closure")


def _revoke(request: MemberRequest) -> HttpResponseBase:
    closing.revoke(closure=_found(request), actor=request.actor, at=clock.now())
    messages.success(request, _("The account is open again. Make new keys, paste a new token."))
    return redirect("privacy:closure")


def _hand_over(request: MemberRequest) -> HttpResponseBase:
    count = closing.hand_over(closure=_found(request), actor=request.actor, at=clock.now())
    messages.success(
        request,
        _("You took over %(count)s open documents: finish them in IRIS.") % {"count": count},
    )
    transaction.on_commit(lambda: tell("privacy.close_accounts"))
    return redirect("privacy:closure")


def _export(request: MemberRequest) -> HttpResponseBase:
    at = clock.now()
    if request.membership.role != Role.OWNER:
        raise NotFound(_("There is no such thing to do here."))
    if not proved_lately(request, at=at):
        return to_proof(request)
    exporting.build_tenant_export(request.membership.tenant_id, at=at, asked_by=request.user.pk)
    messages.success(
        request, _("Everything is being put together. A notice says when it is ready.")
    )
    return redirect("privacy:closure")


def _found(request: MemberRequest) -> Closure:
    found = closing.current(request.membership.tenant_id)
    if found is None:
        raise NotFound(_("This account is not being closed."))
    return found


_DEEDS: Final[dict[str, Callable[[MemberRequest], HttpResponseBase]]] = {
    "begin": _begin,
    "revoke": _revoke,
    "hand_over": _hand_over,
    "export": _export,
}
