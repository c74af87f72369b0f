"""The pages on which people of ours look at a business that let them in. None of them writes.

`accounts.staff_access` has asked for the grant, entered the business and shut it for writing
before any of them runs, and writes the line of the look after it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from accounts import staff
from accounts.enums import Desk
from accounts.guards import MemberRequest, showed_factor, signed_in, to_factor
from accounts.models import Hat, SupportWindow, Tenant
from accounts.services import staff_access
from accounts.staff_access import DeskRequest
from invoices import selectors
from invoices.selectors import InvoiceFilter
from privacy import desk_pages
from privacy.desk_forms import GlassForm
from privacy.services import glass
from smartinvoicing import clock
from smartinvoicing.forms import attempt

View = Callable[..., HttpResponseBase]


def let_in(view: View) -> View:
    """Only inside the business whose grant this request carries."""

    @wraps(view)
    def guarded(request: HttpRequest, tenant_id: UUID, **kwargs: Any) -> HttpResponseBase:
        grant = getattr(request, "grant", None)
        if grant is None or grant.tenant_id != tenant_id:
            raise Http404
        return view(request, **kwargs)

    guarded.permission = None  # type: ignore[attr-defined]  # the isolation test reads it
    return guarded


def _page(request: DeskRequest, template: str, context: Mapping[str, Any]) -> HttpResponse:
    name = Tenant.objects.get(pk=request.grant.tenant_id).name
    around = {
        "nav": desk_pages.nav(request.grant, request.path),
        "environment_banner": desk_pages.watermark(request.grant, name),
    }
    return render(request, template, {**around, **context})


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def desks(request: MemberRequest) -> HttpResponseBase:
    """The doors that are open now, and the way in for an emergency."""
    deeds = staff.deeds_of_request(request)
    if deeds.isdisjoint({Desk.LOOK_AT_TENANTS, Desk.BREAK_GLASS}):
        raise Http404
    form = GlassForm(request.POST or None)
    if request.method == "POST":
        if not showed_factor(request, at=clock.now()):
            return to_factor(request)
        opened = _break(request, form)
        if opened is not None:
            return opened
    open_ones = staff_access.open_windows(at=clock.now()) if Desk.LOOK_AT_TENANTS in deeds else []
    context = {
        "windows": [_door(each) for each in open_ones],
        "form": form if Desk.BREAK_GLASS in deeds else None,
    }
    return render(request, "privacy/desk/desks.html", context)


def _door(window: SupportWindow) -> dict[str, Any]:
    ids: list[UUID] = [window.tenant_id]
    page = "privacy:desk"
    if window.document_id is not None:
        page, ids = "privacy:desk_document", [window.tenant_id, window.document_id]
    return {
        "business": str(window.tenant_id),
        "why": window.reason,
        "until": window.until,
        "scope": _("One document") if window.document_id else _("Everything"),
        "url": reverse(page, args=ids),
    }


def _break(request: MemberRequest, form: GlassForm) -> HttpResponseBase | None:
    if not form.is_valid():
        return None
    opened = attempt(
        form,
        lambda: glass.break_glass(user=request.user, at=clock.now(), **form.cleaned_data),
    )
    if opened is None:
        return None
    if opened.legal_bar:
        messages.warning(request, _("You may look as soon as a second person has agreed."))
        return redirect("privacy:desks")
    return redirect("privacy:desk", tenant_id=opened.tenant_id)


@require_http_methods(["GET", "HEAD", "POST"])
@let_in
def business(request: DeskRequest) -> HttpResponse:
    """The profile of the business and how its documents stand."""
    entity = selectors.default_entity()
    request.look.at_one(entity)
    request.look.hat = Hat.CONTROLLER
    revealed = _revealed(request, desk_pages.BUSINESS_FIELDS)
    shown = desk_pages.business(entity, revealed)
    return _page(request, "privacy/desk/business.html", {"shown": shown})


@require_GET
@let_in
def documents(request: DeskRequest) -> HttpResponse:
    wanted = InvoiceFilter(text=request.GET.get("q", "")[:80])
    page = selectors.invoice_page(wanted, cursor=request.GET.get("cursor", ""))
    request.look.at_many("invoice", page.rows)
    rows = desk_pages.documents(page.rows, request.grant.tenant_id)
    context = {"rows": rows, "q": wanted.text, **_pager(request, page.next)}
    return _page(request, "privacy/desk/documents.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@let_in
def document(request: DeskRequest, invoice_id: UUID) -> HttpResponse:
    """One document; a POST shows one masked value of it."""
    row = selectors.invoice(invoice_id)
    request.look.at_one(row)
    revealed = _revealed(request, desk_pages.DOCUMENT_FIELDS)
    context = {
        "shown": desk_pages.document(row, selectors.lines_of(row), revealed),
        "events": desk_pages.history(row),
    }
    return _page(request, "privacy/desk/document.html", context)


@require_GET
@let_in
def customers(request: DeskRequest) -> HttpResponse:
    text = request.GET.get("q", "")[:80]
    page = selectors.buyers(text=text, cursor=request.GET.get("cursor", ""))
    request.look.at_many("buyer", page.rows)
    rows = desk_pages.customers(page.rows, request.grant.tenant_id)
    context = {"rows": rows, "q": text, **_pager(request, page.next)}
    return _page(request, "privacy/desk/customers.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@let_in
def customer(request: DeskRequest, buyer_id: UUID) -> HttpResponse:
    """One customer; a POST shows one masked value of it."""
    row = selectors.buyer(buyer_id)
    request.look.at_one(row)
    revealed = _revealed(request, desk_pages.BUYER_FIELDS)
    shown = desk_pages.customer(row, revealed)
    return _page(request, "privacy/desk/customer.html", {"shown": shown})


def _revealed(request: DeskRequest, fields: Mapping[str, Any]) -> list[str]:
    """The one value that is asked to be shown; it stands in the line of this look.

    Raises: Http404 for anything else.
    """
    if request.method != "POST":
        return []
    field = request.POST.get("reveal", "")
    if field not in fields:
        raise Http404
    request.look.fields = [field]
    return [field]


def _pager(request: HttpRequest, following: str) -> dict[str, str]:
    given = request.GET.copy()
    given.pop("cursor", None)
    newest = f"{request.path}?{given.urlencode()}" if request.GET.get("cursor") else ""
    given["cursor"] = following
    older = f"{request.path}?{given.urlencode()}" if following else ""
    return {"newest": newest, "older": older}
