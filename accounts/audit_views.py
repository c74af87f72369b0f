"""The audit trail: read it, check it, take it along."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods

from accounts import audit_pages, pages, selectors
from accounts.enums import Permission
from accounts.guards import MemberRequest, member_required
from accounts.services import audit_export, verifying
from smartinvoicing import clock

AUDIT_PAGE: Final = 50
NEWEST: Final = 20_000  # entries that are checked while somebody waits; all of them at night


@require_http_methods(["GET", "HEAD", "POST"])
@member_required(Permission.SEE_AUDIT)
def audit_trail(request: MemberRequest) -> HttpResponse:
    """Who did what, newest first; a POST checks the chain and changes nothing."""
    here, before = reverse("accounts:audit"), request.GET.get("before", "")
    events = selectors.audit_page(before=_id(before) if before else None, size=AUDIT_PAGE + 1)
    shown = events[:AUDIT_PAGE]
    older = f"{here}?before={shown[-1].pk}" if len(events) > AUDIT_PAGE else ""
    context = {
        "rows": pages.deeds(shown),
        "newer": here if before else "",
        "older": older,
        "verdict": _verdict(request) if request.method == "POST" else None,
        "export_url": reverse("accounts:audit_export"),
        "can_check": True,
    }
    return render(request, "accounts/audit.html", context)


def _verdict(request: MemberRequest) -> dict[str, str]:
    tenant_id = request.membership.tenant_id
    report = verifying.verify_tenant(tenant_id, at=clock.now(), newest=NEWEST)
    return audit_pages.verdict(report, selectors.audit_check(), tenant_id=str(tenant_id))


def _id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise Http404 from error


@require_GET
@member_required(Permission.SEE_AUDIT)
def export(request: MemberRequest) -> StreamingHttpResponse:
    """The whole trail with its hashes, so that others can reckon them too."""
    day = clock.karachi_date(clock.now()).isoformat()
    return StreamingHttpResponse(
        audit_export.stream(request.membership.tenant_id),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="audit-{day}.csv"'},
    )
