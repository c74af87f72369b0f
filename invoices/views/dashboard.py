"""The first page after sign-in: what needs somebody, how the month stands, what came last."""

from __future__ import annotations

from datetime import date
from typing import Any, Final

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import dateformat
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET

from accounts.enums import Permission
from accounts.guards import MemberRequest, member_required
from invoices import pages, periods, selectors
from invoices.enums import State
from invoices.models import Invoice
from invoices.states import look_of
from smartinvoicing import clock
from smartinvoicing.money import ZERO
from smartinvoicing.templatetags.formats import karachi_date, karachi_time, rupees, short_rupees

_RED: Final = 5
_LAST: Final = 8
_COUNTED: Final = 100


@require_GET
@member_required(Permission.VIEW)
def dashboard(request: MemberRequest) -> HttpResponse:
    today = clock.karachi_date(clock.now())
    month = periods.month_of(today)
    environment = selectors.default_entity().environment
    last = selectors.invoice_page(selectors.InvoiceFilter(environment=environment), size=_LAST)
    context = {
        "today": today,
        "due": _due(today),
        "tasks": _tasks(selectors.red_list(environment, most=_RED + 1)),
        "steps": [] if selectors.has_issued() else _steps(request),
        "stats": _stats(environment, month),
        "chart": _chart(environment, month),
        "month": _month_name(month),
        "rows": pages.rows_of(last.rows),
        "may_write": request.actor.may(Permission.WRITE_DRAFTS),
    }
    return render(request, "invoices/dashboard.html", context)


def _month_name(month: periods.Month) -> str:
    return dateformat.format(month.first, "F Y")


def _due(today: date) -> str:
    """The sentence beside the date: an accountant lives by it."""
    month, due_on = periods.next_return(today)
    left = (due_on - today).days
    about = {"month": dateformat.format(month.first, "F"), "day": karachi_date(due_on), "n": left}
    if not left:
        return _("The sales tax return of %(month)s is due today.") % about
    return (
        ngettext(
            "The sales tax return of %(month)s is due tomorrow, %(day)s.",
            "The sales tax return of %(month)s is due on %(day)s, in %(n)d days.",
            left,
        )
        % about
    )


# --- what needs somebody ----------------------------------------------------------------------


def _tasks(red: list[Invoice]) -> list[dict[str, Any]]:
    """Uncertain ones first, then refused ones; beyond the first few a way to all."""
    found = [_task(invoice) for invoice in red[:_RED]]
    if len(red) > _RED:
        state = red[_RED].state
        found.append(
            {
                "tone": look_of(state).tone,
                "icon": "dots",
                "title": _("There are more"),
                "sentence": _("The list shows all that are in this state."),
                "url": f"{reverse('invoices:list')}?state={state}",
                "action": _("See all"),
            }
        )
    return found


def _task(invoice: Invoice) -> dict[str, Any]:
    look = look_of(invoice.state)
    is_refused = invoice.state == State.REJECTED
    return {
        "tone": look.tone,
        "icon": look.icon,
        "title": f"{look.label}: {pages.number_of(invoice)}, {invoice.buyer_name},"
        f" {rupees(invoice.total)}",
        "sentence": _refusal(invoice) if is_refused else _doubt(invoice),
        "url": reverse("invoices:edit" if is_refused else "invoices:detail", args=[invoice.pk]),
        "action": _("Correct it") if is_refused else _("Look"),
    }


def _refusal(invoice: Invoice) -> str:
    first = pages.problems_of(invoice.problems[:1])
    return f"{first[0]['label']}: {first[0]['message']}".lstrip(": ") if first else ""


def _doubt(invoice: Invoice) -> str:
    return _("Sent %(at)s, no answer. Look in IRIS before anybody writes it again.") % {
        "at": karachi_time(invoice.state_at)
    }


# --- the first steps --------------------------------------------------------------------------


def _steps(request: MemberRequest) -> list[dict[str, Any]]:
    """How a new business begins. Its way to production comes from above, as a fragment."""
    may_manage = request.actor.may(Permission.MANAGE_BUSINESS)
    may_list = request.actor.may(Permission.WRITE_CATALOGUE)
    may_write = request.actor.may(Permission.WRITE_DRAFTS)
    return [
        {
            "done": True,
            "title": _("Your business"),
            "sentence": _("Name, NTN, STRN and address, as they stand on every invoice."),
            "url": reverse("accounts:business") if may_manage else "",
            "action": _("Check"),
        },
        {
            "done": bool(selectors.buyers(size=1).rows),
            "title": _("A customer"),
            "sentence": _("Entered once; from then on two letters are enough."),
            "url": reverse("invoices:buyer_new") if may_list else "",
            "action": _("New customer"),
        },
        {
            "done": bool(selectors.products(size=1).rows),
            "title": _("A product"),
            "sentence": _("With HS code, unit and rate, so that the tax is right by itself."),
            "url": reverse("invoices:product_new") if may_list else "",
            "action": _("New product"),
        },
        {
            "done": False,
            "title": _("The first invoice"),
            "sentence": _("In the sandbox you can try everything: nothing counts for tax."),
            "url": reverse("invoices:new") if may_write else "",
            "action": _("New invoice"),
        },
    ]


# --- figures ----------------------------------------------------------------------------------


def _stats(environment: str, month: periods.Month) -> list[dict[str, Any]]:
    before = periods.month_before(month)
    now = selectors.month_figures(environment, month.first, month.last)
    then = selectors.month_figures(environment, before.first, before.last)
    drafts = selectors.drafts_up_to(_COUNTED)
    last_month = dateformat.format(before.first, "F")
    here = reverse("invoices:list")
    return [
        {
            "label": _("Sales without tax"),
            "value": rupees(now.value),
            "note": f"{last_month}: {rupees(then.value)}",
        },
        {
            "label": _("Sales tax"),
            "value": rupees(now.sales_tax),
            "note": f"{last_month}: {rupees(then.sales_tax)}",
        },
        {
            "label": _("Invoices issued"),
            "value": f"{now.count:,}",
            "note": f"{last_month}: {then.count:,}",
            "url": f"{here}?from={month.first.isoformat()}",
        },
        {
            "label": _("Drafts"),
            "value": str(drafts) if drafts < _COUNTED else f"{_COUNTED - 1}+",
            "note": _("not issued yet"),
            "url": f"{here}?state={State.DRAFT.value}",
        },
    ]


def _chart(environment: str, month: periods.Month) -> dict[str, Any]:
    sales = selectors.daily_sales(environment, month.first, month.last)
    days = [month.first.replace(day=number) for number in range(1, month.last.day + 1)]
    bars = [_bar(day, sales.get(day)) for day in days]
    highest = max((bar["value"] for bar in bars), default=ZERO)
    return {
        "bars": bars,
        "title": _("Sales with tax, day by day"),
        "top": short_rupees(highest) if highest else "",
    }


def _bar(day: date, figures: selectors.DayFigures | None) -> dict[str, Any]:
    value, tax = (figures.value, figures.tax) if figures else (ZERO, ZERO)
    about = {"day": karachi_date(day), "total": rupees(value + tax), "tax": rupees(tax)}
    return {
        "label": str(day.day),
        "value": value + tax,
        "part": tax,
        "text": _("%(day)s: %(total)s, of which tax %(tax)s") % about,
    }
