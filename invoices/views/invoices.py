"""Documents: the list, one of them, its copy on paper, and what can be done with a draft."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_POST

from accounts.enums import Environment, Permission
from accounts.guards import MemberRequest, member_required
from invoices import (
    amounts,
    document_facts,
    intake,
    judging,
    note_pages,
    pages,
    selectors,
    tasks,
)
from invoices.enums import EDITABLE, REPORTED, State
from invoices.forms import FilterForm
from invoices.reports import register
from invoices.services import drafts, printing, signing
from smartinvoicing import clock
from smartinvoicing.errors import Problem, StateConflict
from smartinvoicing.forms import refuse
from smartinvoicing.fragments import is_fragment, page_or_part

_FILTERS: Final = ("q", "state", "environment", "buyer", "from", "to")
_TABS: Final = (
    ("", gettext_lazy("All")),
    (State.DRAFT, gettext_lazy("Drafts")),
    (State.QUEUED, State.QUEUED.label),
    (State.ACCEPTED, State.ACCEPTED.label),
    (State.REJECTED, State.REJECTED.label),
    (State.UNCERTAIN, State.UNCERTAIN.label),
    (State.CANCELLED, State.CANCELLED.label),
    (State.VOID, State.VOID.label),
)


# --- the list ---------------------------------------------------------------------------------


@require_GET
@member_required(Permission.VIEW)
def invoices(request: MemberRequest) -> HttpResponse:
    """All documents, newest first; the filters stand in the address."""
    current = selectors.default_entity().environment
    wanted, problems = _wanted(request, current)
    cursor = request.GET.get("cursor", "")
    page = selectors.invoice_page(wanted, cursor=cursor)
    given = _given(request)
    form = FilterForm(given, buyers=selectors.buyer_choices(chosen=wanted.buyer_id))
    refuse(form, [problem.as_dict() for problem in problems])
    context = {
        "tabs": [*_tabs(given), *_other_environment(wanted.environment, current)],
        "filter": form,
        "filtered": bool(given),
        "problems": [problem.as_dict() for problem in problems],
        "rows": pages.rows_of(page.rows),
        "newest": _address(given) if cursor else "",
        "older": _address(given, cursor=page.next) if page.next else "",
        "export_url": f"{reverse('invoices:export')}?{given.urlencode()}",
        "may_write": request.actor.may(Permission.WRITE_DRAFTS),
    }
    return page_or_part(request, "invoices/list.html", "invoices/_rows.html", context)


def _wanted(request: HttpRequest, current: str) -> tuple[selectors.InvoiceFilter, list[Problem]]:
    """Documents of the two environments are never mixed: the current ones, unless asked."""
    problems: list[Problem] = []
    reader = intake.Reader(request.GET.dict(), problems)
    wanted = selectors.InvoiceFilter(
        state=reader.word("state", State.values, ""),
        environment=reader.word("environment", Environment.values, "") or current,
        since=reader.optional_day("from"),
        until=reader.optional_day("to"),
        buyer_id=reader.ident("buyer"),
        text=reader.text("q"),
    )
    return wanted, problems


def _given(request: HttpRequest) -> QueryDict:
    """The filters that say something, for addresses of this list."""
    given = QueryDict(mutable=True)
    for name in _FILTERS:
        if request.GET.get(name):
            given[name] = request.GET[name]
    return given


def _address(given: QueryDict, **more: str) -> str:
    query = given.copy()
    for name, value in more.items():
        query[name] = value
    return f"{reverse('invoices:list')}?{query.urlencode()}".rstrip("?")


def _tabs(given: QueryDict) -> list[dict[str, Any]]:
    here = given.get("state", "")
    others = given.copy()
    others.pop("state", None)
    return [
        {
            "url": _address(others, state=state) if state else _address(others),
            "label": label,
            "current": state == here,
        }
        for state, label in _TABS
    ]


def _other_environment(shown: str, current: str) -> list[dict[str, Any]]:
    """The way to the tests of a business that is live, and back."""
    if shown != current:
        return [{"url": _address(QueryDict()), "label": Environment(current).label}]
    if current == Environment.SANDBOX:
        return []
    sandbox = QueryDict(f"environment={Environment.SANDBOX.value}")
    return [{"url": _address(sandbox), "label": Environment.SANDBOX.label}]


@require_GET
@member_required(Permission.VIEW)
def export(request: MemberRequest) -> StreamingHttpResponse:
    """The filtered list as CSV, all pages of it."""
    wanted, _problems = _wanted(request, selectors.default_entity().environment)
    tenant_id = request.membership.tenant_id
    day = clock.karachi_date(clock.now()).isoformat()
    return StreamingHttpResponse(
        register.stream(wanted, tenant_id=tenant_id, with_numbers=request.actor.sees_numbers),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="invoices-{day}.csv"'},
    )


# --- one of them ------------------------------------------------------------------------------


@require_GET
@member_required(Permission.VIEW)
def detail(request: MemberRequest, invoice_id: UUID) -> HttpResponse:
    """One document. What happens at FBR comes from above, as a fragment."""
    invoice = selectors.invoice(invoice_id)
    lines, advances = selectors.lines_of(invoice), selectors.advance_uses_of(invoice)
    if invoice.state == State.DRAFT:
        # As it stands today: its date and FBR's lists have gone on since it was saved.
        invoice.problems = judging.problems_of(invoice, lines, advances, at=clock.now())
    signature = signing.of(invoice) if invoice.state in REPORTED else None
    context = pages.moving_parts(invoice, request.actor) | {
        "invoice": {
            "id": invoice.pk,
            "number": pages.title_of(invoice),
            "kind": invoice.get_document_type_display(),
            "prices_include_tax": invoice.prices_include_tax,
            "is_issued": bool(invoice.number),
            "seen_by_fbr": _("What FBR will see")
            if invoice.state in EDITABLE
            else _("What FBR sees"),
        },
        "seller": pages.seller_of(invoice),
        "buyer": pages.buyer_of(invoice, request.actor),
        "about": document_facts.about(invoice, signature),
        "totals": amounts.totals_of(invoice),
        "beside": amounts.beside_totals(invoice),
        "links": note_pages.links_of(invoice, lines),
    }
    found = {each["position"]: each["problems"] for each in context["refused"]}
    context["lines"] = amounts.lines_of(lines, found)
    return render(request, "invoices/detail.html", context)


@require_POST
@member_required(Permission.WRITE_DRAFTS)
def delete(request: MemberRequest, invoice_id: UUID) -> HttpResponse:
    invoice = selectors.invoice(invoice_id)
    try:
        drafts.delete(invoice=invoice, actor=request.actor, at=clock.now())
    except StateConflict as conflict:
        messages.warning(request, conflict.message)
        return redirect(invoice)
    messages.success(request, _("The draft is deleted."))
    return redirect("invoices:list")


@require_POST
@member_required(Permission.WRITE_DRAFTS)
def duplicate(request: MemberRequest, invoice_id: UUID) -> HttpResponse:
    """A new draft of today with what stands on this one."""
    invoice = selectors.invoice(invoice_id)
    made = drafts.copy(invoice=invoice, actor=request.actor, at=clock.now())
    messages.success(
        request, _("A copy of %(number)s, with today's date.") % {"number": str(invoice)}
    )
    return redirect("invoices:edit", made.pk)


@require_GET
@member_required(Permission.VIEW)
def pdf(request: MemberRequest, invoice_id: UUID) -> HttpResponse:
    """The printed copy; until a worker has rendered it, a page that waits.

    A till's bill comes as a receipt, and with ?format=a4 on a sheet.
    """
    invoice = selectors.invoice(invoice_id)
    paper = request.GET.get("format", "")
    kept = printing.kept(invoice, paper)
    if kept is None:
        tasks.ask_for_copy(invoice, paper)
        if is_fragment(request):
            return HttpResponse(status=204)
    elif not is_fragment(request):
        return printing.download(kept, invoice)
    context = {
        "number": pages.title_of(invoice),
        "back": invoice.get_absolute_url(),
        "here": request.get_full_path(),
        "ready": kept is not None,
    }
    return page_or_part(request, "invoices/pdf.html", "invoices/_pdf.html", context)
