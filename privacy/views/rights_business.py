"""A business answers its customers: what was handed to it, and its own full export."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from types import MappingProxyType
from typing import Any, Final
from uuid import UUID

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods

from accounts import audit
from accounts.enums import AuditAction, Permission
from accounts.guards import MemberRequest, member_required, proved_lately, to_proof
from accounts.models import Tenant
from invoices.models import Buyer
from privacy import rights_pages as pages
from privacy.models import ExportFile, RequestType, SubjectRequest
from privacy.rights_forms import BusinessExportForm, RectifyForm, TextForm
from privacy.services import (
    deciding,
    erasing,
    erasure_words,
    exporting,
    request_words,
    requests,
    routing,
)
from privacy.subjects import SubjectKind
from privacy.views.rights import send
from smartinvoicing import clock
from smartinvoicing.errors import NotFound
from smartinvoicing.forms import TypedForm, attempt
from smartinvoicing.fragments import is_fragment

page_or_post = require_http_methods(["GET", "HEAD", "POST"])
_PARTS: Final[Mapping[str, Any]] = MappingProxyType(
    {
        "accounts": gettext_lazy("Business, people and audit trail"),
        "invoices": gettext_lazy("Documents, customers and products"),
        "fbr": gettext_lazy("What was exchanged with FBR"),
        "privacy": gettext_lazy("Holds"),
        exporting.DOCUMENTS: gettext_lazy("Printed copies of all documents"),
    }
)


@require_GET
@member_required(Permission.MANAGE_BUSINESS)
def business_requests(request: MemberRequest) -> HttpResponse:
    """Requests of customers that were handed to this business, the open ones first."""
    at = clock.now()
    rows = [
        pages.row(each, at=at, url=reverse("privacy:business_request", args=[each.pk]))
        for each in requests.of_business()[:100]
    ]
    return render(request, "privacy/business_requests.html", {"rows": rows})


@page_or_post
@member_required(Permission.MANAGE_BUSINESS)
def business_request(request: MemberRequest, request_id: UUID) -> HttpResponseBase:
    """One of them: who asks what, what is kept of them, and the answer."""
    at = clock.now()
    found = requests.one_of(requests.of_business(), request_id)
    buyer = routing.buyer_of(found)
    deed = request.POST.get("deed", "")
    text = TextForm(request.POST if deed in {"grant", "refuse"} else None)
    master = RectifyForm(request.POST if deed == "rectify" else None, initial=_particulars(buyer))
    if request.method == "POST":
        if deed in _PROVED and not proved_lately(request, at=at):
            return to_proof(request)
        if _done(request, found, text, master, at):
            return redirect("privacy:business_request", request_id=found.pk)
    status = 422 if text.errors or master.errors else 200
    context = _page(found, buyer, at) | {"form": text, "rectify_form": master}
    return render(request, "privacy/business_request.html", context, status=status)


_PROVED: Final = frozenset({"erase", "export"})


def _particulars(buyer: Buyer | None) -> dict[str, str]:
    if buyer is None:
        return {}
    return {name: str(getattr(buyer, name)) for name in RectifyForm.base_fields}


def _page(found: SubjectRequest, buyer: Buyer | None, at: datetime) -> dict[str, Any]:
    said = request_words.said(found) if found.sealed else None
    erases = buyer is not None and found.type == RequestType.ERASURE
    plan = erasing.plan_for(requests.subject_of(found), at=at) if erases else []
    return {
        "row": pages.row(found, at=at, url=""),
        "facts": pages.facts_of(found),
        "said": said,
        "buyer": buyer,
        "timeline": pages.timeline(found, with_words=False),
        "plan": erasure_words.told(row.as_dict() for row in plan),
        "table": erasure_words.told(found.receipt.get("rows", [])),
    }


def _done(
    request: MemberRequest,
    found: SubjectRequest,
    text: TextForm,
    master: TypedForm,
    at: datetime,
) -> bool:
    """Whether the deed was done; else a form says why not."""
    deed = request.POST.get("deed", "")
    actor = request.actor
    words = request.POST.get("text", "")
    typed = {name: request.POST.get(name, "") for name in master.fields}
    deeds: dict[str, tuple[Any, Callable[[], Any]]] = {
        "grant": (
            text,
            partial(deciding.grant_by_business, found, text=words, actor=actor, at=at),
        ),
        "refuse": (
            text,
            partial(deciding.refuse_by_business, found, why=words, actor=actor, at=at),
        ),
        "rectify": (master, partial(routing.rectify, found, to=typed, actor=actor, at=at)),
        "dispute": (master, partial(_flag, found, actor, at, what="disputed_at")),
        "restrict": (master, partial(_flag, found, actor, at, what="restricted_at")),
        "export": (text, partial(exporting.build_export, found, at=at)),
        "erase": (text, partial(deciding.erase_by_business, found, actor=actor, at=at)),
    }
    if deed not in deeds:
        return False
    form, do = deeds[deed]
    if not form.is_bound:
        do()
    else:
        attempt(form, do)
        if form.errors:
            return False
    messages.success(request, _SAID[deed])
    return True


_SAID: Final[Mapping[str, Any]] = MappingProxyType(
    {
        "grant": gettext_lazy("Your customer is told that it is done."),
        "refuse": gettext_lazy("Your customer is told why not."),
        "rectify": gettext_lazy("Corrected. Documents that FBR has keep what they say."),
        "dispute": gettext_lazy("The mark was changed."),
        "restrict": gettext_lazy("The mark was changed."),
        "export": gettext_lazy("It is put together; your customer gets a link."),
        "erase": gettext_lazy("Done. Your customer is told what went and what is kept."),
    }
)


def _flag(found: SubjectRequest, actor: Any, at: datetime, *, what: str) -> None:
    """Set where it is not, taken away where it is."""
    buyer = routing.buyer_of(found)
    on = buyer is None or getattr(buyer, what) is None
    change = routing.dispute if what == "disputed_at" else routing.restrict
    change(found, actor=actor, at=at, on=on)


# --- everything of the business ---------------------------------------------------------------


@page_or_post
@member_required(Permission.MANAGE_BUSINESS)
def business_export(request: MemberRequest) -> HttpResponseBase:
    """The full export by parts: ask for it, see how far it is, fetch it."""
    at = clock.now()
    form = BusinessExportForm(request.POST if request.method == "POST" else None)
    form.fields["parts"].choices = [  # type: ignore[attr-defined]  # a field of choices
        (name, _PARTS.get(name, name)) for name in exporting.parts_of_business()
    ]
    if form.is_bound and form.is_valid():
        if not proved_lately(request, at=at):
            return to_proof(request)
        exporting.build_tenant_export(
            request.membership.tenant_id,
            at=at,
            asked_by=request.user.pk,
            categories=form.cleaned_data["parts"],
        )
        tenant = Tenant.objects.get()
        audit.record(
            request.actor,
            AuditAction.EXPORT_ASKED,
            tenant,
            at=at,
            parts=form.cleaned_data["parts"],
        )
        messages.success(request, _("It is being put together. You may leave this page."))
        return redirect("privacy:business_export")
    context = {
        "form": form,
        "exports": pages.exports(_files(request)[:10], route="privacy:business_export_file"),
    }
    template = "privacy/_exports.html" if is_fragment(request) else "privacy/business_export.html"
    return render(request, template, context)


def _files(request: MemberRequest) -> QuerySet[ExportFile]:
    return ExportFile.objects.filter(
        tenant_id=request.membership.tenant_id, subject_kind=SubjectKind.TENANT
    ).order_by("-asked_at")


@page_or_post
@member_required(Permission.MANAGE_BUSINESS)
def business_export_file(request: MemberRequest, export_id: UUID) -> HttpResponseBase:
    """One archive of the business, to a member who proved a moment ago to be themselves."""
    at = clock.now()
    found = _files(request).filter(pk=export_id).first()
    if found is None:
        raise NotFound(_("There is no such export."))
    if not proved_lately(request, at=at):
        return to_proof(request)
    if request.method != "POST":
        rows = pages.exports([found], route="privacy:business_export_file")
        return render(request, "privacy/export.html", {"export": rows[0]})
    audit.record(request.actor, AuditAction.EXPORT_FETCHED, Tenant.objects.get(), at=at)
    return send(found, at=at, by=request.user)
