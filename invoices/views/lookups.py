"""What the pickers of the editor ask while somebody types."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any, Final

from django.db.transaction import non_atomic_requests
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.views.decorators.http import require_GET

from accounts import texts
from accounts.enums import Permission
from accounts.guards import MemberRequest, member_required
from invoices import pages, reference, selectors, tariff, unit_bell
from invoices.models import Buyer, Product
from smartinvoicing import clock
from smartinvoicing.templatetags.formats import ntn_in_part, rupees

_SHORTEST: Final = 2
_SHOWN: Final = 8
_CODES: Final = 20
_TEXTS: Final = 40
_WORDS: Final = 120


def _words(request: HttpRequest) -> str:
    return texts.clean(request.GET.get("q", ""))[:100]


def _options(
    request: HttpRequest, options: Iterable[dict[str, Any]], *, more: bool
) -> HttpResponse:
    # Without the request: what every page has around it would be worked out for nothing.
    found = {"options": list(options), "more": more}
    return HttpResponse(render_to_string("ui/options.html", found))


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
    number = ntn_in_part(row.ntn_cnic) if row.ntn_cnic else pages.kind_of(row.registration_type)
    detail = f"{number} · {pages.province_of(row.province)}"
    return {"value": row.pk, "label": row.name, "detail": detail}


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


@non_atomic_requests  # the lists are in memory
@require_GET
@member_required(Permission.VIEW)
def hs_search(request: MemberRequest) -> HttpResponse:
    """Tariff codes by their digits, by words in any order, by everyday words, with typos."""
    words = _words(request)
    if len(words) < _SHORTEST:
        return _options(request, [], more=False)
    rows = selectors.hs_search(words, limit=_CODES + 1)
    return _options(request, map(_code, rows[:_CODES]), more=len(rows) > _CODES)


def _code(row: tariff.Code) -> dict[str, Any]:
    words = row.words
    detail = words if len(words) <= _WORDS else f"{words[:_WORDS].rstrip()}…"
    return {"value": row.code, "label": row.code, "detail": detail}


# --- what goes with a code, a kind of supply, a rate, a schedule ------------------------------


@require_GET
@member_required(Permission.VIEW)
def unit_options(request: MemberRequest) -> HttpResponse:
    """The units of an HS code; one whose units nobody knows is asked for behind the scenes."""
    code = request.GET.get("hs_code", "")
    unit_bell.ring_for_units([code], at=clock.now())
    return _texts(request, reference.current().units_offered(code))


@non_atomic_requests  # the lists are in memory
@require_GET
@member_required(Permission.VIEW)
def rate_options(request: MemberRequest) -> HttpResponse:
    """The rates that go with a kind of supply on a day."""
    lists = reference.current()
    return _texts(request, lists.rates_offered(request.GET.get("sale_type", ""), _day(request)))


@non_atomic_requests  # the lists are in memory
@require_GET
@member_required(Permission.VIEW)
def schedule_options(request: MemberRequest) -> HttpResponse:
    """The SROs and schedules on which a rate may rest."""
    asked = request.GET
    found = reference.current().schedules_offered(
        asked.get("sale_type", ""), asked.get("rate", ""), _day(request)
    )
    return _texts(request, found)


@non_atomic_requests  # the lists are in memory
@require_GET
@member_required(Permission.VIEW)
def item_options(request: MemberRequest) -> HttpResponse:
    """The serials of an SRO or schedule."""
    return _texts(request, reference.current().items_offered(request.GET.get("schedule", "")))


def _day(request: HttpRequest) -> date:
    """The day of the document; today in Karachi where it is not written as one."""
    try:
        return date.fromisoformat(request.GET.get("date", ""))
    except ValueError:
        return clock.karachi_date(clock.now())


def _texts(request: HttpRequest, texts: Iterable[str]) -> HttpResponse:
    """Those that hold what was typed, the ones that begin with it first."""
    typed = _words(request).lower()
    fits = [text for text in texts if typed in text.lower()]
    fits.sort(key=lambda text: not text.lower().startswith(typed))
    options = ({"value": text, "label": text, "detail": ""} for text in fits[:_TEXTS])
    return _options(request, options, more=len(fits) > _TEXTS)
