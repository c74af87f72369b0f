"""Digital signatures: of one document, and the keys that they are checked with."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from accounts.enums import Permission
from accounts.guards import MemberRequest, member_required
from invoices import closing_pages, selectors
from invoices.services import signing, signing_keys
from smartinvoicing import clock
from smartinvoicing.errors import NotFound


@require_GET
@member_required(Permission.VIEW)
def signature(request: MemberRequest, invoice_id: UUID) -> JsonResponse:
    """What was signed of a document, the mark, and the name of the key: a file to keep."""
    invoice = selectors.invoice(invoice_id)
    made = signing.of(invoice)
    if made is None:
        raise NotFound(_("This document has no signature yet."))
    told = {
        "number": invoice.number,
        "content": made.content,
        "sha256": made.sha256,
        "signature": made.written,
        "algorithm": signing_keys.ALGORITHM,
        "key_id": made.key.key_id,
        "signed_at": made.signed_at.isoformat(),
    }
    name = f"{invoice.number}-signature.json"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return JsonResponse(told, headers=headers, json_dumps_params={"indent": 2})


@require_GET
@member_required(Permission.VIEW)
def keys(request: MemberRequest) -> HttpResponse:
    """The keys of this business, and how anybody checks a signature with them."""
    context = closing_pages.keys_context(
        signing_keys.keys(), signing.last_round(), actor=request.actor
    )
    return render(request, "invoices/signing_keys.html", context)


@require_POST
@member_required(Permission.MANAGE_BUSINESS)
def rotate(request: MemberRequest) -> HttpResponse:
    made = signing_keys.rotate(actor=request.actor, at=clock.now())
    messages.success(
        request, _("Documents are signed with key %(key)s from now on.") % {"key": made.key_id}
    )
    return redirect("invoices:signing_keys")


@require_GET
def public_key(request: HttpRequest, signing_key: str) -> JsonResponse:
    """One public key by its printed name, for anybody; nothing of the business stands in it."""
    try:
        key = signing_keys.public(signing_key)
    except NotFound as missing:
        raise Http404(missing.message) from missing
    return JsonResponse(signing_keys.told(key), json_dumps_params={"indent": 2})
