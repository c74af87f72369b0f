"""Closings: a month at a time, their export, and the proof of their chain."""

from __future__ import annotations

from datetime import date
from typing import Final

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_POST

from accounts.enums import Environment, Permission
from accounts.guards import MemberRequest, member_required
from accounts.models import LegalEntity
from invoices import closing_pages, periods, selectors
from invoices.periods import Month
from invoices.reports import closings as report
from invoices.services import closing_proof
from smartinvoicing import clock

_TOLD: Final = 5  # findings on the page


@require_GET
@member_required(Permission.VIEW)
def closings(request: MemberRequest) -> HttpResponse:
    """The closings of one month, and what keeps it open."""
    entity = selectors.default_entity()
    today = clock.karachi_date(clock.now())
    context = closing_pages.context(
        entity,
        _environment(request, entity),
        _month(request, today),
        actor=request.actor,
        today=today,
    )
    return render(request, "invoices/closings.html", context)


@require_GET
@member_required(Permission.VIEW)
def export(request: MemberRequest) -> HttpResponse:
    """The closings that end in one month, as CSV."""
    entity = selectors.default_entity()
    month = _month(request, clock.karachi_date(clock.now()))
    text = report.csv_of(entity, _environment(request, entity), month)
    name = f"closings-{month.first:%Y-%m}.csv"
    return HttpResponse(
        text.encode("utf-8-sig"),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


@require_POST
@member_required(Permission.VIEW)
def verify(request: MemberRequest) -> HttpResponse:
    """Hash the whole chain anew, and add up the month that is shown; it changes nothing."""
    entity = selectors.default_entity()
    environment = _environment(request, entity)
    month = _month(request, clock.karachi_date(clock.now()))
    findings = closing_proof.verify(entity=entity, environment=environment, since=month.first)
    if not findings:
        messages.success(
            request,
            _("The chain is whole, and its sums since %(month)s are those of the documents.")
            % {"month": f"{month.first:%Y-%m}"},
        )
    for finding in findings[:_TOLD]:
        place = _("Closing no. %(seq)s") % {"seq": finding.seq}
        messages.error(request, f"{place}: {finding.sentence}")
    left = len(findings) - _TOLD
    if left > 0:
        messages.error(
            request,
            ngettext("And one more.", "And %(n)d more.", left) % {"n": left},
        )
    return redirect(
        closing_pages.address("invoices:closings", month=month, environment=environment)
    )


def _environment(request: MemberRequest, entity: LegalEntity) -> str:
    wanted = request.GET.get("environment", "")
    return wanted if wanted in Environment.values else entity.environment


def _month(request: MemberRequest, today: date) -> Month:
    """The month that was asked for; this one, where none was or none can be read."""
    try:
        return periods.month_of(date.fromisoformat(f"{request.GET.get('month', '')}-01"))
    except ValueError:
        return periods.month_of(today)
