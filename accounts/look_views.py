"""Who of ours looked at a business, and the door that it opens to us."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any, Final
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from accounts import look_pages, selectors
from accounts.enums import Permission
from accounts.guards import MemberRequest, member_required, proved_lately, to_proof
from accounts.look_forms import WindowForm
from accounts.services import staff_access
from smartinvoicing import clock
from smartinvoicing.forms import attempt

PAGE: Final = 50
MOST: Final = 20


@require_GET
@member_required(Permission.SEE_AUDIT)
def overview(request: MemberRequest) -> HttpResponse:
    """The doors that were opened, emergencies, and each single look, newest first."""
    form = WindowForm(initial={"document_id": request.GET.get("document", "")})
    return _page(request, form)


def _page(request: MemberRequest, form: WindowForm) -> HttpResponse:
    at, may_open = clock.now(), request.actor.may(Permission.MANAGE_BUSINESS)
    before = request.GET.get("before", "")
    found = selectors.looks(before=_id(before) if before else None, size=PAGE + 1)
    shown = found[:PAGE]
    here = reverse("accounts:staff_access")
    context: dict[str, Any] = {
        "windows": look_pages.windows(selectors.windows(most=MOST), at=at, may_end=may_open),
        "emergencies": look_pages.emergencies(selectors.emergencies(most=MOST), at=at),
        "looks": look_pages.looks(shown),
        "newest": here if before else "",
        "older": f"{here}?before={shown[-1].pk}" if len(found) > PAGE else "",
        "form": form if may_open else None,
    }
    status = 422 if form.is_bound and not form.is_valid() else 200
    return render(request, "accounts/staff_access.html", context, status=status)


def _id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise Http404 from error


@require_POST
@member_required(Permission.MANAGE_BUSINESS)
def open_window(request: MemberRequest) -> HttpResponseBase:
    """Let our people look; whoever opens the door has proved lately who they are."""
    if not proved_lately(request, at=clock.now()):
        return to_proof(request)
    form = WindowForm(request.POST)
    if form.is_valid():
        deed = partial(
            staff_access.open_window,
            reason=form.cleaned_data["reason"],
            lasts=timedelta(hours=form.cleaned_data["hours"]),
            document_id=form.cleaned_data["document_id"],
            actor=request.actor,
            at=clock.now(),
        )
        if attempt(form, deed) is not None:
            messages.success(request, _("Our staff may look now. You can close it at any time."))
            return redirect("accounts:staff_access")
    return _page(request, form)


@require_POST
@member_required(Permission.MANAGE_BUSINESS)
def end_window(request: MemberRequest, window_id: UUID) -> HttpResponse:
    staff_access.end_window(window_id=window_id, actor=request.actor, at=clock.now())
    messages.success(request, _("The door is closed. Nobody of us sees anything of yours now."))
    return redirect("accounts:staff_access")
