"""Finds the membership in the session, sets `request.actor`, enters the tenant."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from axes.helpers import get_client_ip_address
from django.http import HttpRequest, HttpResponse

from accounts import selectors, tenancy
from accounts.access import Actor
from accounts.enums import Role

SESSION_KEY: Final = "tenant"

# Pages of Django, allauth and programs: they query tables outside the wall, or enter it themselves.
OUTSIDE: Final = ("/admin/", "/desk/", "/accounts/", "/api/", "/static/", "/healthz", "/readyz")


class TenantMiddleware:
    """The tenant comes from the membership of the session's user, from nothing else."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.actor = request.membership = None  # type: ignore[attr-defined]  # MemberRequest
        request.memberships = []  # type: ignore[attr-defined]
        if request.path.startswith(OUTSIDE) or not request.user.is_authenticated:
            return self.get_response(request)
        memberships = selectors.memberships_of(request.user.pk)
        membership = selectors.chosen(memberships, request.session.get(SESSION_KEY))
        request.memberships = memberships  # type: ignore[attr-defined]
        if membership is None:
            return self.get_response(request)
        request.membership = membership  # type: ignore[attr-defined]
        request.actor = Actor.person(  # type: ignore[attr-defined]
            request.user.pk,
            Role(membership.role),
            address=get_client_ip_address(request) or "",
            is_closing=membership.tenant.closing_at is not None,
        )
        with tenancy.in_tenant(membership.tenant_id):
            return self.get_response(request)
