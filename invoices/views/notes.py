"""The correction of an accepted invoice: what happened, what it does to the money, the note."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from accounts.enums import Permission
from accounts.guards import MemberRequest, member_required
from invoices import note_pages, selectors
from invoices.note_pages import Asked
from invoices.services import notes
from invoices.services.notes import Correctable
from smartinvoicing import clock
from smartinvoicing.errors import Problem, RuleViolation
from smartinvoicing.fragments import page_or_part


@require_http_methods(["GET", "POST"])
@member_required(Permission.WRITE_DRAFTS)
def note(request: MemberRequest, invoice_id: UUID) -> HttpResponse:
    """Ask, show the effect, and write the draft when that is wanted."""
    invoice = selectors.invoice(invoice_id)
    paper = notes.correctable(invoice)
    at = clock.now()
    if request.method == "GET":
        context = note_pages.context(paper, request.GET.dict(), at=at)
        return render(request, "invoices/note.html", context)
    data = request.POST.dict()
    asked = note_pages.read(data, paper)
    also: list[Problem] = []
    if "make" in data and not asked.problems:
        made = _made(request, paper, asked, also)
        if made is not None:
            return made
    context = note_pages.context(paper, data, at=at, asked=asked, also=also)
    return page_or_part(request, "invoices/note.html", "invoices/_note_effect.html", context)


def _made(
    request: MemberRequest, paper: Correctable, asked: Asked, also: list[Problem]
) -> HttpResponse | None:
    """To the draft in the editor; None where a rule refuses it, and then `also` says why."""
    event = asked.what
    try:
        draft, _lines = notes.debit_note(
            original=paper.invoice,
            reason=event.reason,
            direction=event.direction,
            lines=asked.lines,
            actor=request.actor,
            at=clock.now(),
        )
    except RuleViolation as refused:
        also += [Problem(**each) for each in refused.details["problems"]]
        return None
    messages.success(
        request,
        _("The note on %(number)s is a draft. Look through it, then issue it.")
        % {"number": paper.invoice.number},
    )
    return redirect("invoices:edit", draft.pk)
