"""What the pickers of the editor ask while somebody types."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from accounts.enums import Permission
from accounts.guards import MemberRequest, member_required
from invoices import editing, intake, pages, selectors
from invoices.models import Buyer, HsCode, Product
from invoices.views import editor_page
from smartinvoicing.templatetags.formats import ntn, rupees

_SHORTEST: Final = 2
_SHOWN: Final = 8
_CODES: Final = 20
_WORDS: Final = 120


def _words(request: HttpRequest) -> str:
    return intake.clean(request.GET.get("q", ""))[:100]


def _options(
    request: HttpRequest, options: Iterable[dict[str, Any]], *, more: bool
) -> HttpResponse:
    return render(request, "ui/options.html", {"options": list(options), "more": more})


@require_GET
@member_required(Permission.VIEW)
def buyer_search(request: MemberRequest) -> HttpResponse:
    """Customers whose name, or tax number, begins so."""
    words = _words(request)
    if len(words) < _SHORTEST:
        return _options(request, [], more=False)
    page = selectors.buyers(text=words, size=_SHOWN)
    return _options(request, map(_buyer, page.rows), more=bool(page.next))


def _buyer(row: Buyer) -> dict[str, Any]:
    number = ntn(row.ntn_cnic) if row.ntn_cnic else pages.kind_of(row.registration_type)
    detail = f"{number} · {pages.province_of(row.province)}"
    return {"value": row.pk, "label": row.name, "detail": detail}


@require_GET
@member_required(Permission.VIEW)
def buyer_note(request: MemberRequest) -> HttpResponse:
    """What we know of the customer who was chosen in the editor."""
    chosen = editing.ident(request.GET.get("buyer", ""))
    row = selectors.buyer(chosen) if chosen else None
    note = editor_page.buyer_note(row) if row else None
    return render(request, "invoices/_buyer_note.html", {"buyer_note": note})


@require_GET
@member_required(Permission.VIEW)
def product_search(request: MemberRequest) -> HttpResponse:
    """Products whose description begins so."""
    words = _words(request)
    if len(words) < _SHORTEST:
        return _options(request, [], more=False)
    page = selectors.products(text=words, size=_SHOWN)
    return _options(request, map(_product, page.rows), more=bool(page.next))


def _product(row: Product) -> dict[str, Any]:
    detail = f"{row.hs_code} · {row.unit} · {rupees(row.unit_price)}"
    return {"value": row.pk, "label": row.name, "detail": detail}


@require_GET
@member_required(Permission.VIEW)
def hs_search(request: MemberRequest) -> HttpResponse:
    """Tariff codes by their first digits, or by words of their description."""
    words = _words(request)
    if len(words) < _SHORTEST:
        return _options(request, [], more=False)
    rows = selectors.hs_codes(words, most=_CODES + 1)
    return _options(request, map(_code, rows[:_CODES]), more=len(rows) > _CODES)


def _code(row: HsCode) -> dict[str, Any]:
    words = (
        row.description if row.heading in row.description else f"{row.heading}: {row.description}"
    )
    detail = words if len(words) <= _WORDS else f"{words[:_WORDS].rstrip()}…"
    return {"value": row.code, "label": row.code, "detail": detail}
