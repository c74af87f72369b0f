"""What every page shows around its own content."""

from __future__ import annotations

from typing import Any, Final

from django.db import connection
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts import pages, selectors
from accounts.access import Actor
from accounts.enums import Environment, Permission
from accounts.models import Membership
from smartinvoicing import arming

# URL names of higher floors are strings: a test resolves each.
_NAV: Final = (
    ("invoices:dashboard", gettext_lazy("Today"), "home", Permission.VIEW),
    ("invoices:list", gettext_lazy("Invoices"), "invoice", Permission.VIEW),
    ("fbr:red_list", gettext_lazy("Red list"), "alert", Permission.VIEW),
    ("invoices:buyers", gettext_lazy("Customers"), "people", Permission.VIEW),
    ("invoices:products", gettext_lazy("Products"), "box", Permission.VIEW),
    ("invoices:closings", gettext_lazy("Closings"), "lock", Permission.VIEW),
    ("fbr:incidents", gettext_lazy("Incidents"), "plug", Permission.VIEW),
    ("accounts:business", gettext_lazy("Business"), "building", Permission.MANAGE_BUSINESS),
    (
        "privacy:business_requests",
        gettext_lazy("Data requests"),
        "shield",
        Permission.MANAGE_BUSINESS,
    ),
    ("accounts:members", gettext_lazy("People"), "person", Permission.MANAGE_MEMBERS),
    ("accounts:api_keys", gettext_lazy("API keys"), "key", Permission.MANAGE_KEYS),
    ("accounts:audit", gettext_lazy("Audit trail"), "clock", Permission.SEE_AUDIT),
    ("accounts:staff_access", gettext_lazy("Who looked"), "eye", Permission.SEE_AUDIT),
    ("privacy:tickets", gettext_lazy("Support"), "question", Permission.VIEW),
)


def page(request: HttpRequest) -> dict[str, Any]:
    """Tenant, switcher, navigation, theme and the banner of the sandbox."""
    theme = request.COOKIES.get("theme", "")
    base: dict[str, Any] = {"theme": theme if theme in {"light", "dark"} else ""}
    membership = getattr(request, "membership", None)
    # An error page is drawn after the view's transaction ended: it asks the database nothing.
    if membership is None or not connection.in_atomic_block:
        return base
    environment, ringing = selectors.head_of_page()
    return base | {
        "tenant": membership.tenant,
        "memberships": request.memberships,  # type: ignore[attr-defined]  # MemberRequest
        "nav": _nav(request, request.actor),  # type: ignore[attr-defined]
        "bell": pages.bell(ringing),
        "environment_banner": _banner(request.actor, environment),  # type: ignore[attr-defined]
        "closing_banner": _closing_banner(membership),
    }


def _closing_banner(membership: Membership) -> dict[str, str] | None:
    """Everybody in the business has to know that nothing can be added to it any more."""
    since = membership.tenant.closing_at
    if since is None:
        return None
    return {
        "tone": "danger",
        "icon": "lock",
        "word": _("Being closed:"),
        "text": _("this account can be read; no invoice is issued and nothing is added to it."),
        "url": reverse("privacy:closure"),
        "action": _("See the plan"),
    }


def _nav(request: HttpRequest, actor: Actor) -> list[dict[str, Any]]:
    return [
        {"url": url, "label": label, "icon": icon, "current": _is_here(url, request.path)}
        for url, label, icon in (
            (reverse(name), label, icon)
            for name, label, icon, permission in _NAV
            if actor.may(permission)
        )
    ]


def _is_here(url: str, path: str) -> bool:
    """The page itself, or one below it."""
    return path == url or (url != "/" and path.startswith(url))


def _banner(actor: Actor, environment: str) -> dict[str, str] | None:
    """Outside FBR's production nothing counts, and of a copy nothing leaves; that must not be
    forgotten on any page."""
    if not arming.is_armed():
        return {
            "tone": "danger",
            "icon": "pause",
            "word": _("Not armed:"),
            "text": _("this is a copy or was restored; nothing is sent to FBR or by mail."),
            "url": "",
            "action": "",
        }
    if environment == Environment.PRODUCTION:
        return None
    may_manage = actor.may(Permission.MANAGE_BUSINESS)
    return {
        "tone": "attention",
        "icon": "flask",
        "word": _("Sandbox:"),
        "text": _("invoices go to FBR's test system and do not count for tax."),
        "url": reverse("fbr:golive") if may_manage else "",
        "action": _("Go live"),
    }
