"""The editor. The page, its saving while one types, the totals that run along, and the way out.

To issue is a deed of the floor above: the page is saved here and handed on to it by address.
"""

from __future__ import annotations

from datetime import date
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from accounts.enums import Permission
from accounts.guards import MemberRequest, member_required
from invoices import editing, selectors
from invoices.enums import EDITABLE
from invoices.models import Invoice, Product
from invoices.services import saving
from invoices.services.saving import Slip
from invoices.views import editor_page
from invoices.views.editor_page import Page
from smartinvoicing import clock, money
from smartinvoicing.errors import Problem, RuleViolation, StateConflict
from smartinvoicing.ids import uuid7

page_or_post = require_http_methods(["GET", "HEAD", "POST"])


class SamePost(HttpResponseRedirect):
    """On to the next view with the method and the body that came."""

    status_code = 307


def _today() -> date:
    return clock.karachi_date(clock.now())


def _slip(request: HttpRequest) -> Slip:
    """What the page says it knows; one that says nothing begins anew."""
    version = request.POST.get("version", "")
    return Slip(
        draft_id=editing.ident(request.POST.get("draft", "")) or uuid7(),
        version=int(version) if version.isdecimal() and len(version) < 9 else -1,
        tab=request.POST.get("tab", "")[:40],
    )


def _page(
    sheet: editing.Sheet, slip: Slip, invoice: Invoice | None = None, *, is_asked: bool = False
) -> Page:
    entity = invoice.legal_entity if invoice else selectors.default_entity()
    return Page(sheet=sheet, slip=slip, entity=entity, invoice=invoice, is_asked=is_asked)


# --- the page ---------------------------------------------------------------------------------


@page_or_post
@member_required(Permission.WRITE_DRAFTS)
def new(request: MemberRequest) -> HttpResponse:
    """A page without a draft behind it yet; its id is made now, so that two sends make one."""
    if request.method == "POST":
        return _post(request)
    buyer_id = editing.ident(request.GET.get("buyer", ""))
    sheet = editing.blank(today=_today(), buyer_id=str(buyer_id or ""))
    slip = Slip(draft_id=uuid7(), version=0, tab=uuid7().hex)
    return _draw(request, _page(sheet, slip))


@page_or_post
@member_required(Permission.WRITE_DRAFTS)
def edit(request: MemberRequest, invoice_id: UUID) -> HttpResponse:
    """A draft, or a refused document that is corrected."""
    invoice = selectors.invoice(invoice_id)
    if request.method == "POST":
        return _post(request, invoice)
    if invoice.state not in EDITABLE:
        messages.info(request, _("This invoice was issued: it changes no more."))
        return redirect(invoice)
    sheet = editing.stored(invoice, selectors.lines_of(invoice))
    slip = Slip(draft_id=invoice.pk, version=invoice.version, tab=uuid7().hex)
    return _draw(request, _page(sheet, slip, invoice, is_asked="check" in request.GET))


def _draw(request: MemberRequest, page: Page, *, status: int = 200) -> HttpResponse:
    context = editor_page.context(page, actor=request.actor, at=clock.now())
    return render(request, "invoices/edit.html", context, status=status)


def _post(request: MemberRequest, invoice: Invoice | None = None) -> HttpResponse:
    """A whole page that was sent: saved, issued, or only changed where JavaScript is missing."""
    sheet, slip = editing.posted(request.POST, today=_today()), _slip(request)
    if invoice is not None:
        slip = Slip(draft_id=invoice.pk, version=slip.version, tab=slip.tab)
    page = _page(sheet, slip, invoice or selectors.find_invoice(slip.draft_id))
    changed = _changed(request, sheet)
    if changed is not None:
        return _draw(request, page.of(changed))
    return _save(request, page)


def _changed(request: HttpRequest, sheet: editing.Sheet) -> editing.Sheet | None:
    """The page after a button that saves nothing; None for those that save."""
    if "add_line" in request.POST:
        return editing.with_row(sheet, today=_today())
    if "remove_line" in request.POST:
        place = editing.place_of(request.POST["remove_line"])
        return editing.without_row(sheet, place, today=_today())
    return sheet if "recalculate" in request.POST else None


def _save(request: MemberRequest, page: Page) -> HttpResponse:
    """Keep it and go on; what is wrong is said on the page, with all that was typed."""
    if page.sheet.noted:
        return _draw(request, page.asked(), status=422)
    try:
        invoice = _keep(request, page, over="over" in request.POST)
    except RuleViolation as refused:
        problems = [Problem(**each) for each in refused.details["problems"]]
        return _draw(request, page.refused(problems), status=422)
    except StateConflict as conflict:
        return _conflict(request, page, conflict)
    if "issue" in request.POST:
        url = reverse("fbr:issue", args=[invoice.pk])
        return SamePost(f"{url}?seen={invoice.version}")
    messages.success(request, _("Saved."))
    return redirect(invoice)


def _keep(request: MemberRequest, page: Page, *, over: bool = False) -> Invoice:
    return saving.save(
        slip=page.slip,
        content=page.sheet.content,
        entity=page.entity,
        actor=request.actor,
        at=clock.now(),
        over=over,
    )


def _conflict(request: MemberRequest, page: Page, conflict: StateConflict) -> HttpResponse:
    """Somebody else was faster: what was typed stays, and the person decides."""
    now = selectors.invoice(page.slip.draft_id)
    if now.state not in EDITABLE and saving.is_own(now, page.slip):
        return redirect(now)  # sent twice: the first one has issued it
    return _draw(request, page.beside(now, conflict.message), status=409)


# --- while one types --------------------------------------------------------------------------


@require_POST
@member_required(Permission.WRITE_DRAFTS)
def autosave(request: MemberRequest) -> HttpResponse:
    """Keep what stands on the page, as far as it can be read."""
    sheet, slip = editing.posted(request.POST, today=_today()), _slip(request)
    page = _page(sheet, slip, selectors.find_invoice(slip.draft_id))
    if sheet.is_empty and page.invoice is None:
        return render(request, "invoices/_saved.html", {"saved": ""})
    try:
        invoice = _keep(request, page)
    except RuleViolation as refused:
        sentence = _("Not saved yet: %(why)s") % {"why": refused.message}
        return render(request, "invoices/_saved.html", {"saved": sentence, "alarm": True})
    time = clock.karachi(clock.now()).strftime("%H:%M")
    sentence = _("Saved %(time)s") % {"time": time}
    if sheet.noted:
        sentence = _("Saved %(time)s, except what is marked") % {"time": time}
    context = {"saved": sentence, "alarm": bool(sheet.noted), "version": invoice.version}
    response = render(request, "invoices/_saved.html", context)
    response["HX-Replace-Url"] = reverse("invoices:edit", args=[invoice.pk])
    return response


@require_POST
@member_required(Permission.WRITE_DRAFTS)
def preview(request: MemberRequest) -> HttpResponse:
    """The totals, and what is wrong, as the page stands now. Stores nothing."""
    sheet = editing.posted(request.POST, today=_today())
    page = _page(sheet, _slip(request), is_asked=bool(request.POST.get("asked")))
    return render(request, "invoices/_totals.html", editor_page.running(page, at=clock.now()))


@require_POST
@member_required(Permission.WRITE_DRAFTS)
def line(request: MemberRequest) -> HttpResponse:
    """One row anew, filled in from the product that was chosen in it."""
    sheet = editing.posted(request.POST, today=_today())
    place = editing.place_of(request.POST.get("line", ""))
    row = next((row for row in sheet.rows if row.place == place), None)
    chosen = editing.ident(row.text["product"]) if row else None
    if row is None or chosen is None:
        return HttpResponse(status=204)
    text = dict(row.text) | _of_product(selectors.product(chosen))
    context = editor_page.one_line(text, place=place, number=row.number)
    return render(request, "invoices/_line.html", context)


def _of_product(product: Product) -> dict[str, str]:
    price = money.write_short(product.unit_price)
    return {
        "description": product.name,
        "hs_code": product.hs_code,
        "unit": product.unit,
        "unit_price": "" if price == "0" else price,
        "sale_type": product.sale_type,
        "rate": product.rate,
    }
