"""Why a record is still held, and what goes when."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import models
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from accounts.enums import Permission
from accounts.guards import MemberRequest, member_required, signed_in
from invoices.models import Buyer, Invoice, Product
from privacy.services import why as asking
from smartinvoicing import clock
from smartinvoicing.errors import NotFound


@require_GET
@member_required(Permission.VIEW)
def of_invoice(request: MemberRequest, invoice_id: UUID) -> HttpResponse:
    return _of(request, Invoice.objects.all(), invoice_id, page="invoices:detail")


@require_GET
@member_required(Permission.VIEW)
def of_buyer(request: MemberRequest, buyer_id: UUID) -> HttpResponse:
    return _of(request, Buyer.objects.all(), buyer_id, page="invoices:buyer")


@require_GET
@member_required(Permission.VIEW)
def of_product(request: MemberRequest, product_id: UUID) -> HttpResponse:
    return _of(request, Product.objects.all(), product_id, page="invoices:product")


@require_GET
@signed_in
def why_me(request: MemberRequest) -> HttpResponse:
    """Of one's own account."""
    back = {"url": reverse("accounts:profile"), "label": _("Profile")}
    return _shown(request, request.user, back)


def _of(
    request: MemberRequest, rows: models.QuerySet[Any], record_id: UUID, *, page: str
) -> HttpResponse:
    record = rows.filter(pk=record_id).first()
    if record is None:
        raise NotFound(_("There is no such record."))
    return _shown(request, record, {"url": reverse(page, args=[record.pk]), "label": str(record)})


def _shown(request: MemberRequest, record: models.Model, back: dict[str, str]) -> HttpResponse:
    answer = asking.why(record, at=clock.now())
    facts = [
        {"name": _("What it is to us"), "value": answer.title},
        {"name": _("Rests on"), "value": answer.basis_label},
        {"name": _("Kept for"), "value": answer.term},
    ]
    if answer.source:
        facts.append({"name": _("Law"), "value": answer.source})
    return render(request, "privacy/why.html", {"back": back, "facts": facts, "answer": answer})


@require_GET
@member_required(Permission.VIEW)
def calendar(request: MemberRequest) -> HttpResponse:
    """How much of the business's data goes in which month."""
    return render(request, "privacy/calendar.html", {"rows": asking.calendar(at=clock.now())})
