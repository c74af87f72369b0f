"""Parts of pages that move while FBR is away."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET

from accounts.enums import Permission
from accounts.guards import MemberRequest, member_required
from fbr import outage_pages
from invoices import selectors as invoice_selectors
from smartinvoicing import clock
from smartinvoicing.fragments import is_fragment


@require_GET
@member_required(Permission.VIEW)
def banner(request: MemberRequest) -> HttpResponse:
    """The banner as it is now; nothing once all is well. Without htmx: how the line is."""
    if not is_fragment(request):
        return redirect("fbr:light")
    outage = outage_pages.banner(at=clock.now())
    if outage is None:
        return HttpResponse()
    return render(request, "fbr/_outage_banner.html", {"outage": outage})


@require_GET
@member_required(Permission.VIEW)
def offline(request: MemberRequest, invoice_id: UUID) -> HttpResponse:
    """The clock of a document that was issued offline. Without htmx: its page."""
    invoice = invoice_selectors.invoice(invoice_id)
    shown = outage_pages.offline(invoice, at=clock.now())
    if shown is None or not is_fragment(request):
        return redirect("fbr:panel", invoice.pk)
    return render(request, "fbr/_offline.html", {"offline": shown})
