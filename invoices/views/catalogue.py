"""Customers and products."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts import texts
from accounts.access import Actor
from accounts.enums import Permission
from accounts.guards import MemberRequest, member_required
from invoices import (
    filling,
    intake,
    line_fields,
    pages,
    reference,
    representation,
    selectors,
)
from invoices.content import PARTY
from invoices.enums import Withholding
from invoices.forms import BuyerForm, ProductForm, SearchForm
from invoices.models import Buyer, Product
from invoices.services import catalogue
from smartinvoicing import clock, money
from smartinvoicing.errors import Problem
from smartinvoicing.forms import TypedForm, attempt, refuse
from smartinvoicing.fragments import page_or_part

page_or_post = require_http_methods(["GET", "HEAD", "POST"])

_OF_PARTY: Final = {f"buyer.{name}": name for name in PARTY}


# --- customers --------------------------------------------------------------------------------


@require_GET
@member_required(Permission.VIEW)
def buyers(request: MemberRequest) -> HttpResponse:
    page = selectors.buyers(text=_words(request), cursor=request.GET.get("cursor", ""))
    context = _list(request, "invoices:buyers", page.next, Permission.WRITE_CATALOGUE) | {
        "filter": SearchForm(_words(request), label=_("Name or tax number")),
        "rows": [_buyer_row(row) for row in page.rows],
    }
    return page_or_part(request, "invoices/buyers.html", "invoices/_buyer_rows.html", context)


def _buyer_row(row: Buyer) -> dict[str, Any]:
    return {
        "url": row.get_absolute_url(),
        "name": row.name,
        "number": row.ntn_cnic,
        "registration": pages.kind_of(row.registration_type),
        "province": pages.province_of(row.province),
        "reach": row.phone or row.email,
        "invoices_url": f"{reverse('invoices:list')}?buyer={row.pk}",
    }


@page_or_post
@member_required(Permission.WRITE_CATALOGUE)
def buyer_new(request: MemberRequest) -> HttpResponse:
    return _buyer(request, Buyer(), title=_("New customer"))


@page_or_post
@member_required(Permission.VIEW)
def buyer(request: MemberRequest, buyer_id: UUID) -> HttpResponse:
    """A customer: to look at for all, to change for those who may."""
    found = selectors.buyer(buyer_id)
    return _buyer(request, found, title=found.name)


def _buyer(request: MemberRequest, row: Buyer, *, title: str) -> HttpResponse:
    posted = request.POST if request.method == "POST" else None
    form = BuyerForm(posted, initial=_texts(row, request.actor))
    if form.is_bound:
        problems: list[Problem] = []
        reader = intake.Reader(request.POST.dict(), problems)
        withholding = reader.word("withholding", Withholding.values, Withholding.NONE)
        party = intake.party(request.POST.dict(), problems, prefix="")
        deed = partial(
            catalogue.save_buyer,
            buyer=row,
            party=party,
            phone=reader.text("phone"),
            email=reader.text("email"),
            withholding=withholding or Withholding.NONE,
            actor=request.actor,
            at=clock.now(),
        )
        if _done(request, form, problems, deed):
            return redirect("invoices:buyers")
    stored = not row._state.adding
    back = {"url": reverse("invoices:buyers"), "label": _("Customers")}
    context = _form_page(request, form, title=title, back=back)
    context["actions"] = _buyer_actions(request, row) if stored else []
    context["checks_url"] = reverse("fbr:buyer_checks", args=[row.pk]) if stored else ""
    return _answer(request, "invoices/buyer_form.html", form, context)


def _texts(row: Buyer, actor: Actor) -> dict[str, Any]:
    found = {name: getattr(row, name) for name in BuyerForm.base_fields}
    if not actor.sees_numbers:
        found["ntn_cnic"] = pages.number_for(actor, row.ntn_cnic) if row.ntn_cnic else ""
    return found


def _buyer_actions(request: MemberRequest, row: Buyer) -> list[dict[str, Any]]:
    list_url = f"{reverse('invoices:list')}?buyer={row.pk}"
    checks_url = reverse("fbr:buyer_checks", args=[row.pk])
    found = [
        {"label": _("FBR's register"), "url": checks_url, "icon": "shield"},
        {"label": _("Invoices"), "url": list_url, "icon": "invoice"},
    ]
    if request.actor.may(Permission.WRITE_DRAFTS):
        new_url = f"{reverse('invoices:new')}?buyer={row.pk}"
        found.append({"label": _("New invoice"), "url": new_url, "icon": "plus"})
    why_url = reverse("privacy:why_buyer", args=[row.pk])
    found.append({"label": _("Why do you still hold this?"), "url": why_url, "icon": "question"})
    return found


# --- products ---------------------------------------------------------------------------------


@require_GET
@member_required(Permission.VIEW)
def products(request: MemberRequest) -> HttpResponse:
    page = selectors.products(text=_words(request), cursor=request.GET.get("cursor", ""))
    context = _list(request, "invoices:products", page.next, Permission.WRITE_CATALOGUE) | {
        "filter": SearchForm(_words(request), label=_("Description")),
        "rows": [_product_row(row) for row in page.rows],
    }
    return page_or_part(request, "invoices/products.html", "invoices/_product_rows.html", context)


def _product_row(row: Product) -> dict[str, Any]:
    return {
        "url": row.get_absolute_url(),
        "description": row.name,
        "hs_code": row.hs_code,
        "unit": row.unit,
        "sale_type": pages.sale_type_of(row.sale_type),
        "rate": row.rate,
        "price": row.unit_price,
    }


@page_or_post
@member_required(Permission.WRITE_CATALOGUE)
def product_new(request: MemberRequest) -> HttpResponse:
    return _product(request, Product(), title=_("New product"))


@page_or_post
@member_required(Permission.VIEW)
def product(request: MemberRequest, product_id: UUID) -> HttpResponse:
    """A product: to look at for all, to change for those who may."""
    found = selectors.product(product_id)
    return _product(request, found, title=found.name)


def _product(request: MemberRequest, row: Product, *, title: str) -> HttpResponse:
    form = _product_form(request, row)
    if form.is_bound:
        problems: list[Problem] = []
        goods = catalogue.read_goods(intake.Reader(_typed(form.data), problems))
        deed = partial(
            catalogue.save_product, product=row, goods=goods, actor=request.actor, at=clock.now()
        )
        if _done(request, form, problems, deed):
            return redirect("invoices:products")
    lists = reference.current()
    back = {"url": reverse("invoices:products"), "label": _("Products")}
    context = _form_page(request, form, title=title, back=back) | {
        "rates": list(lists.rates),
        "units": sorted(lists.units),
        **_taxed(form),
    }
    return _answer(request, "invoices/product_form.html", form, context)


def _product_form(request: HttpRequest, row: Product) -> ProductForm:
    """The form as posted, or as the product stands."""
    if request.method == "POST":
        posted = {name: request.POST.get(name, "") for name in ProductForm.base_fields}
        return ProductForm(filling.with_usual_rate(posted, on=clock.karachi_date(clock.now())))
    initial = representation.product(row) if row.name else {"rate": row.rate}
    initial.setdefault("sale_type", row.sale_type)
    return ProductForm(initial=initial | {filling.MEMORY: initial["sale_type"]})


def _typed(data: Mapping[str, Any]) -> dict[str, Any]:
    """The form as a program would send it."""
    body = {name: data.get(name, "") for name in ProductForm.base_fields}
    body |= {name: money.ungrouped(body[name]) for name in ("unit_price", "retail_price")}
    return body | {"no_further_tax": bool(body["no_further_tax"])}


def _taxed(form: ProductForm) -> dict[str, Any]:
    """What the kind of supply asks for in sight, the rest folded away."""
    text = form.data or form.initial
    shown = line_fields.shown_for(text, known=tuple(form.fields), wrong=tuple(form.errors))
    return {
        "plain": [form[name] for name in shown.plain if name != "sale_type"],
        "folded": [form[name] for name in shown.folded],
        "excise": [form[name] for name in shown.excise],
        "excise_open": shown.excise_open,
    }


@require_POST
@member_required(Permission.WRITE_CATALOGUE)
def product_taxed(request: MemberRequest) -> HttpResponse:
    """How a product is taxed, anew for the kind of supply that was chosen. Stores nothing."""
    form = _product_form(request, Product())
    context = {"form": form, "may_write": True, **_taxed(form)}
    return render(request, "invoices/_product_taxed.html", context)


# --- both -------------------------------------------------------------------------------------


def _words(request: HttpRequest) -> str:
    return texts.clean(request.GET.get("q", ""))[:100]


def _list(
    request: MemberRequest, url_name: str, cursor: str, permission: Permission
) -> dict[str, Any]:
    words, here = _words(request), reverse(url_name)
    query = {"q": words} if words else {}
    return {
        "filtered": bool(words),
        "newest": f"{here}?{urlencode(query)}".rstrip("?") if "cursor" in request.GET else "",
        "older": f"{here}?{urlencode(query | {'cursor': cursor})}" if cursor else "",
        "may_write": request.actor.may(permission),
    }


def _done(
    request: MemberRequest, form: TypedForm, problems: list[Problem], deed: Callable[[], object]
) -> bool:
    """Whether the deed was done; otherwise the form says why not."""
    if problems:
        refuse(form, [problem.as_dict() for problem in problems])
        return False
    if attempt(form, deed, names=_OF_PARTY) is None:
        return False
    messages.success(request, _("Saved."))
    return True


def _form_page(
    request: MemberRequest, form: TypedForm, *, title: str, back: dict[str, str]
) -> dict[str, Any]:
    may_write = request.actor.may(Permission.WRITE_CATALOGUE)
    if not may_write:
        for field in form.fields.values():
            field.disabled = True
    return {"form": form, "title": title, "back": back, "may_write": may_write}


def _answer(
    request: HttpRequest, template: str, form: TypedForm, context: dict[str, Any]
) -> HttpResponse:
    """The page; 422 where it shows what is wrong with what was typed."""
    return render(request, template, context, status=422 if form.errors else 200)
