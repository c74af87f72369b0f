"""A document as FBR reads it, before it goes and ever after; and a refused one sent again."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from accounts.enums import Permission
from accounts.guards import MemberRequest, member_required
from fbr import pages, previewing, tasks
from fbr.services import resending
from invoices import pages as invoice_pages
from invoices import selectors
from invoices.enums import Channel
from smartinvoicing import clock
from smartinvoicing.errors import StateConflict
from smartinvoicing.fragments import page_or_part


@require_GET
@member_required(Permission.VIEW)
def preview(request: MemberRequest, invoice_id: UUID) -> HttpResponse:
    """Field by field with our words, and the exact text below. Stores nothing."""
    invoice = selectors.invoice(invoice_id)
    found = previewing.preview_of(invoice, selectors.lines_of(invoice), at=clock.now())
    if found is not None and not request.actor.sees_numbers:
        found = previewing.in_part(found, invoice.buyer_ntn_cnic)
    context = {
        "title": _("What FBR sees") if found and found.is_stored else _("What FBR will see"),
        "number": invoice_pages.title_of(invoice),
        "back": invoice.get_absolute_url(),
        "system": Channel(invoice.channel).label,
        "preview": found,
        "text": pages.readable(found.body) if found else "",
    }
    return page_or_part(request, "fbr/preview.html", "fbr/_preview.html", context)


@require_POST
@member_required(Permission.ISSUE_INVOICE)
def send_again(request: MemberRequest, invoice_id: UUID) -> HttpResponse:
    """A refused document once more, unchanged."""
    invoice = selectors.invoice(invoice_id)
    try:
        with transaction.atomic():
            resending.send_again(invoice=invoice, actor=request.actor, at=clock.now())
    except StateConflict as conflict:
        messages.warning(request, conflict.message)
        return redirect(invoice)
    transaction.on_commit(tasks.ring)
    messages.success(request, _("It goes to FBR once more, just as it was."))
    return redirect(invoice)
