"""The editor. The page, its saving while one types, the totals that run along, and the way out.

To issue is a deed of the floor above: the page is saved here and handed on to it by address.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date
from typing import Final
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from accounts.enums import Permission
from accounts.guards import MemberRequest, member_required
from invoices import editing, filling, judging, reference, selectors
from invoices.enums import EDITABLE
from invoices.models import Invoice
from invoices.services import saving
from invoices.services.saving import Slip
from invoices.views import editor_lines, editor_page
from invoices.views.editor_page import Page
from smartinvoicing import clock
from smartinvoicing.errors import Problem, RuleViolation, StateConflict
from smartinvoicing.ids import uuid7

# Parts of a line that are asked for: all its particulars, or those of another kind of supply.
_DETAILS: Final = {
    "detail": "invoices/_line_detail.html",
    "asked": "invoices/_line_supply.html",
}

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
    lines, advances = selectors.lines_of(invoice), selectors.advance_uses_of(invoice)
    sheet = editing.stored(invoice, lines, advances)
    slip = Slip(draft_id=invoice.pk, version=invoice.version, tab=uuid7().hex)
    page = _page(sheet, slip, invoice, is_asked="check" in request.GET)
    return _draw(request, _at(page, request.GET.get("at", "")))


def _at(page: Page, field: str) -> Page:
    """The page with a field in sight that somebody came for: `invoice_date`, `lines-2-unit`."""
    place = editing.place_of(field.rpartition("-")[0])
    known = field in editing.HEAD or page.sheet.row_at(place) is not None
    opened = frozenset({place}) if place >= 0 else frozenset()
    return replace(page, focus=field, opened=opened) if known else page


def _draw(request: MemberRequest, page: Page, *, status: int = 200) -> HttpResponse:
    context = editor_page.context(page, actor=request.actor, at=clock.now())
    return render(request, "invoices/edit.html", context, status=status)


def _post(request: MemberRequest, invoice: Invoice | None = None) -> HttpResponse:
    """A whole page that was sent: saved, issued, or only changed where JavaScript is missing."""
    sheet, slip = editing.posted(request.POST, today=_today()), _slip(request)
    if invoice is not None:
        slip = Slip(draft_id=invoice.pk, version=slip.version, tab=slip.tab)
    page = _page(sheet, slip, invoice or selectors.find_invoice(slip.draft_id))
    for name, change in _CHANGES.items():
        if name in request.POST:
            return _draw(request, change(page, request.POST[name]))
    return _save(request, page)


# --- buttons that change the page and save nothing ----------------------------------------------


def _with_row(page: Page, _text: str) -> Page:
    return page.of(editing.with_row(page.sheet, today=_today()))


def _without_row(page: Page, prefix: str) -> Page:
    return page.of(editing.without_row(page.sheet, editing.place_of(prefix), today=_today()))


def _with_open_row(page: Page, prefix: str) -> Page:
    """The particulars of one line, where they are folded away."""
    places = [row.place for row in page.sheet.rows]
    place = editing.place_of(prefix)
    opened = {places.index(place)} if place in places else set()
    return replace(page, opened=frozenset(opened))


def _with_put(page: Page, what: str) -> Page:
    """What mends a problem, put into its field: `lines-2-unit=KG`."""
    address, _equals, text = what.partition("=")
    return page.of(editing.with_put(page.sheet, address, text[:300], today=_today()))


def _with_merged(page: Page, prefix: str) -> Page:
    """A line that went into the one above that sells the same."""
    place = editing.place_of(prefix)
    merged = judging.merged(page.sheet, place, page.entity, today=_today())
    if merged is not None:
        return page.of(merged)
    sentence = _("These two lines cannot be one: their values would not add up to the paisa.")
    return replace(page, notice=sentence)


_CHANGES: Final[Mapping[str, Callable[[Page, str], Page]]] = {
    "add_line": _with_row,
    "remove_line": _without_row,
    "open_line": _with_open_row,
    "put": _with_put,
    "merge_lines": _with_merged,
    "recalculate": lambda page, _text: page,
}


# --- saving -----------------------------------------------------------------------------------


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
    if "see" in request.POST:
        return redirect("fbr:preview", invoice.pk)
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
    return render(
        request,
        "invoices/_totals.html",
        editor_page.running(page, at=clock.now(), shown=request.POST),
    )


@require_POST
@member_required(Permission.WRITE_DRAFTS)
def buyer_note(request: MemberRequest) -> HttpResponse:
    """What is known of the customer who was chosen; what that one withholds holds from now on."""
    sheet = editing.posted(request.POST, today=_today())
    sheet = editing.with_put(sheet, "withholding", "", today=_today())
    context = editor_page.of_buyer(_page(sheet, _slip(request)), at=clock.now())
    return render(request, "invoices/_buyer_chosen.html", context)


@require_POST
@member_required(Permission.WRITE_DRAFTS)
def line(request: MemberRequest) -> HttpResponse:
    """One row, or the part of it that moves, anew after a choice in it: its product, its kind of
    supply, its HS code."""
    place = editing.place_of(request.POST.get("line", ""))
    if place < 0:
        return HttpResponse(status=204)
    text = editing.posted_row(request.POST, place, today=_today())
    part = request.POST.get("part", "")
    if part in _DETAILS:
        context = {"detail": editor_lines.detail(text, place=place, is_open=True)}
        return render(request, _DETAILS[part], context | {"urls": editor_lines.urls()})
    if part == "unit":
        text = filling.with_forced_unit(text, reference.current())
        return render(request, "invoices/_line_unit.html", editor_lines.unit(text, place=place))
    chosen = editing.ident(text["product"])
    if chosen is None:
        return HttpResponse(status=204)
    text = filling.with_product(text, selectors.product(chosen))
    context = editor_lines.alone(text, place=place, number=place + 1)
    return render(request, "invoices/_line.html", context)
