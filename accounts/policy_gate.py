"""After a sign-in: whoever has not answered a material change of our texts is asked first.

Looked up once, at the sign-in, and kept in the session: a page costs no query for it. A session
lasts hours, so what comes into force meanwhile is asked at the next one.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from accounts import policies
from accounts.models import User

SESSION_KEY: Final = "policies"
DUE: Final = "due"  # something has to be answered before work goes on
NEWS: Final = "news"  # something is announced: shown once, and nothing waits for it

# Where one gets to without an answer: our papers, one's own data and the way out of the account
# (all of the privacy floor), sign-in and sign-out, the staff's desk, and programs, which have none.
_OPEN: Final = frozenset({"privacy", "admin", "api"})
_OPEN_PATHS: Final = ("/accounts/", "/admin/", "/api/")
_OPEN_NAMES: Final = frozenset({"alive", "ready", "metrics", "schema", "accounts:theme"})


def note(request: HttpRequest, user: User, *, at: datetime) -> None:
    """What this session has to ask; people of ours are told at work."""
    request.session.pop(SESSION_KEY, None)
    if user.is_staff:
        return
    if policies.due(user, at):
        request.session[SESSION_KEY] = DUE
    elif _has_news(user, at):
        request.session[SESSION_KEY] = NEWS


def _has_news(user: User, at: datetime) -> bool:
    """Whether a material change is announced that this person has not answered already."""
    return any(
        each.is_material and each.kind in policies.REQUIRED and not policies.standing_of(user, each)
        for each in policies.announced(at)
    )


class PolicyGate:
    """Leads to the page that asks, until it is answered; export and closing stay open."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Any, args: Any, kwargs: Any
    ) -> HttpResponse | None:
        if not request.user.is_authenticated or SESSION_KEY not in request.session:
            return None
        if request.path.startswith(_OPEN_PATHS):
            return None
        match = request.resolver_match
        if match is None or match.view_name in _OPEN_NAMES or _OPEN & set(match.namespaces):
            return None
        return redirect("privacy:please_read")
