"""Pages of FBR's lists, and of what FBR's register says of customers."""

from __future__ import annotations

import threading
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import UUID

from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts import registration, tenancy
from accounts.enums import Permission
from accounts.guards import MemberRequest, member_required
from fbr import list_pages as pages
from fbr import selectors
from fbr.register import NoAnswer
from fbr.services import buyer_checks, reference, tokens
from fbr.services.credentials import NoToken
from invoices import editing
from invoices import selectors as invoice_selectors
from invoices.models import Buyer
from smartinvoicing import clock
from smartinvoicing.celery import tell
from smartinvoicing.errors import StateConflict
from smartinvoicing.fragments import is_fragment, page_or_part

_SHOWN: Final = 50
# So that FBR's slowness never holds all threads of a web process.
_AT_ONCE: Final = threading.BoundedSemaphore(2)


# --- the lists ----------------------------------------------------------------------------------


@require_GET
@member_required(Permission.VIEW)
def lists(request: MemberRequest) -> HttpResponse:
    """What is known of FBR's lists and how old it is; as a fragment it follows a refresh."""
    at = clock.now()
    rows = pages.list_rows(selectors.last_readings(), at=at)
    run = selectors.last_refresh()
    context = {
        "rows": rows,
        "alert": pages.alert(rows),
        "progress": pages.progress_of(run),
        "failure": run.failure if run is not None and run.ended_at is not None else "",
        "url": reverse("fbr:lists"),
        "may_refresh": request.actor.may(Permission.MANAGE_BUSINESS),
    }
    return page_or_part(request, "fbr/lists.html", "fbr/_lists.html", context)


@require_POST
@member_required(Permission.MANAGE_BUSINESS)
def refresh_lists(request: MemberRequest) -> HttpResponse:
    """Read the lists now, with the token of this business."""
    try:
        run = reference.begin(actor=request.actor, at=clock.now())
    except (NoToken, StateConflict) as reason:
        messages.warning(request, reason.message)
        return redirect("fbr:lists")
    _ring("fbr.refresh_lists", tenant_id=str(tenancy.current_tenant_id()), run_id=str(run.pk))
    return redirect("fbr:lists")


def _ring(task: str, **kwargs: str) -> None:
    transaction.on_commit(lambda: tell(task, **kwargs))


# --- one customer -------------------------------------------------------------------------------


@transaction.non_atomic_requests  # no transaction is held while FBR is asked
@require_http_methods(["GET", "HEAD", "POST"])
@member_required(Permission.VIEW)
def buyer_check(request: MemberRequest) -> HttpResponse:
    """What the register says of a number, or of a customer's; a POST asks FBR where it is old."""
    failure = ""
    with transaction.atomic():
        buyer, number = _asked(request)
        due = _is_due(number)
    if request.method == "POST" and due:
        failure = _ask(request, number)
        due = False
    with transaction.atomic():
        context = _check_context(request, buyer, number) | {"failure": failure, "due": due}
        if is_fragment(request):
            answer = render(request, "fbr/_buyer_check.html", context)
            if request.method == "POST" and not failure:
                answer["HX-Trigger-After-Settle"] = "register-asked"  # the history has grown
            return answer
        if request.method == "POST" and buyer is not None:
            return redirect("fbr:buyer_checks", buyer.pk)
        return render(request, "fbr/buyer_check.html", context)


def _asked(request: MemberRequest) -> tuple[Buyer | None, str]:
    """The customer that is meant, by id or by number, and the number; "" for none."""
    chosen = editing.ident(request.GET.get("buyer", ""))
    if chosen is not None:
        buyer = invoice_selectors.find_buyer(chosen)
        return buyer, buyer.ntn_cnic if buyer else ""
    typed = request.GET.get("ntn_cnic") or request.GET.get("buyer_ntn_cnic") or ""
    number = registration.normal(typed[:40])
    if not registration.is_number(number):
        return None, ""
    return Buyer.objects.filter(ntn_cnic=number).order_by("id").first(), number


def _is_due(number: str) -> bool:
    """Whether FBR may be asked about it, and was not lately."""
    if not number or buyer_checks.fresh(number, at=clock.now()) is not None:
        return False
    try:
        tokens.for_asking()
    except NoToken:
        return False
    return True


def _ask(request: MemberRequest, number: str) -> str:
    """Ask FBR; why there is no answer, "" when there is one."""
    if not _AT_ONCE.acquire(blocking=False):
        return _("Others ask FBR's register in this moment. Try again shortly.")
    try:
        buyer_checks.check(number=number, actor=request.actor, at=clock.now())
    except (NoToken, NoAnswer) as error:
        return error.message
    finally:
        _AT_ONCE.release()
    return ""


def _check_context(request: MemberRequest, buyer: Buyer | None, number: str) -> dict[str, Any]:
    check = buyer_checks.last_of(number) if number else None
    asked = {"buyer": str(buyer.pk)} if buyer else {"ntn_cnic": number}
    return {
        "number": number,
        "check": pages.check_row(check) if check else None,
        "difference": pages.difference(buyer, check, request.actor),
        "url": f"{reverse('fbr:buyer_check')}?{urlencode(asked)}" if number else "",
    }


@require_POST
@member_required(Permission.WRITE_CATALOGUE)
def take_over(request: MemberRequest, buyer_id: UUID) -> HttpResponse:
    """Put the register's word into the customer."""
    buyer = invoice_selectors.buyer(buyer_id)
    try:
        buyer_checks.take_over(buyer=buyer, actor=request.actor, at=clock.now())
    except StateConflict as conflict:
        messages.info(request, conflict.message)
    else:
        messages.success(request, _("The customer is kept as FBR's register says."))
    if not is_fragment(request):
        return redirect("fbr:buyer_checks", buyer.pk)
    if _stands_on(request, buyer.get_absolute_url()):
        return HttpResponse(headers={"HX-Refresh": "true"})  # the form there shows the old word
    context = _check_context(request, buyer, buyer.ntn_cnic)
    answer = render(request, "fbr/_buyer_check.html", context)
    answer["HX-Trigger"] = "change"  # the editor works its sums out again
    return answer


def _stands_on(request: MemberRequest, url: str) -> bool:
    """Whether the page in the browser is this one."""
    return urlsplit(request.headers.get("HX-Current-URL", "")).path == url


@require_GET
@member_required(Permission.VIEW)
def buyer_checks_of(request: MemberRequest, buyer_id: UUID) -> HttpResponse:
    """Every answer about one customer; as a fragment for the customer's page."""
    buyer = invoice_selectors.buyer(buyer_id)
    found = selectors.checks_of(buyer)[:_SHOWN]
    context = _check_context(request, buyer, buyer.ntn_cnic) | {
        "title": buyer.name,
        "back": buyer.get_absolute_url(),
        "history": pages.history(found),
        "checks_url": request.path,
        "due": _is_due(buyer.ntn_cnic),
    }
    return page_or_part(request, "fbr/buyer_checks.html", "fbr/_buyer_checks.html", context)


# --- all customers ------------------------------------------------------------------------------


@require_GET
@member_required(Permission.VIEW)
def register(request: MemberRequest) -> HttpResponse:
    """How the last walk over all customers went, and of whom FBR says something else."""
    may_write = request.actor.may(Permission.WRITE_CATALOGUE)
    context = {
        "walk": pages.walk_row(buyer_checks.last_walk()),
        "rows": [pages.differing_row(row) for row in selectors.differing_buyers(most=_SHOWN)],
        "asked": buyer_checks.has_asked(),
        "url": reverse("fbr:register"),
        "may_write": may_write,
    }
    return page_or_part(request, "fbr/register.html", "fbr/_register.html", context)


@require_POST
@member_required(Permission.WRITE_CATALOGUE)
def check_all(request: MemberRequest) -> HttpResponse:
    """Ask FBR's register about every customer."""
    try:
        buyer_checks.begin_walk(actor=request.actor, at=clock.now())
    except (NoToken, StateConflict) as reason:
        messages.warning(request, reason.message)
    else:
        _ring("fbr.check_buyers")
    return redirect("fbr:register")
