"""What each request may do with cookies and with counting: no more than its person agreed to."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from http.cookies import Morsel
from typing import Final

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse

from accounts import consents
from accounts.consents import How
from accounts.enums import Purpose
from accounts.models import ConsentChannel
from privacy import cookies
from privacy.cookies import CookieKind
from privacy.models import UsageName
from privacy.services import analytics, choices
from privacy.services.choices import Choice
from smartinvoicing import clock
from smartinvoicing.fragments import is_fragment

logger = logging.getLogger(__name__)

# Programs and probes have no person before the screen; the desk of staff is not counted.
OUTSIDE: Final = ("/api/", "/static/", "/healthz", "/readyz", "/metrics", "/admin/")
NOBODY: Final = Choice(is_made=True)


class Consents:
    """Reads the choice before the view; after it, lets no cookie out that nobody agreed to."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        at = clock.now()
        outside = request.path.startswith(OUTSIDE)
        had = NOBODY if outside else _choice(request, at)
        request.choice = had  # type: ignore[attr-defined]  # read by privacy.context
        response = self.get_response(request)
        now: Choice = request.choice  # type: ignore[attr-defined]
        if now is not had or (had.signal and cookies.VISITOR in request.COOKIES):
            _keep(response, request, now, at)
        _guard(response, now)
        if now.counts and not outside:
            _count(request, response, now, at)
        return response


def _choice(request: HttpRequest, at: datetime) -> Choice:
    """What holds; a browser that sends the signal after a yes has taken it back."""
    signal = request.headers.get("Sec-GPC") == "1"
    visitor = choices.visitor_of(request.COOKIES)
    if signal and visitor and consents.may_use(Purpose.ANALYTICS, visitor=visitor, at=at):
        how = How(channel=ConsentChannel.SIGNAL, evidence={"cookies": cookies.fingerprint()})
        return choices.choose(frozenset(), visitor=visitor, how=how, at=at, signal=True)
    return choices.read(request.COOKIES, signal=signal, at=at)


def _keep(response: HttpResponse, request: HttpRequest, choice: Choice, at: datetime) -> None:
    """Lay the choice down in the browser, and take from it what the choice does not cover."""
    life = int(cookies.KEPT.total_seconds())
    secure = request.is_secure()
    response.set_cookie(
        cookies.CHOICE,
        choices.written(choice, at),
        max_age=life,
        secure=secure,
        httponly=True,
        samesite="Lax",
    )
    if choice.counts:
        response.set_cookie(
            cookies.VISITOR,
            choice.visitor,
            max_age=life,
            secure=secure,
            httponly=True,
            samesite="Lax",
        )
    elif cookies.VISITOR in request.COOKIES:
        response.delete_cookie(cookies.VISITOR, samesite="Lax")
    if not choice.remembers and cookies.THEME in request.COOKIES:
        response.delete_cookie(cookies.THEME, samesite="Lax")


def _guard(response: HttpResponse, choice: Choice) -> None:
    """Hold back each cookie that is not on the list, or that its person did not agree to."""
    for name, morsel in list(response.cookies.items()):
        row = cookies.row_of(name)
        if row is None and not settings.PRODUCTION:
            raise ImproperlyConfigured(f"The cookie {name} is not in privacy/cookies.py.")
        if row is None or not (_is_deletion(morsel) or _is_covered(row, choice)):
            logger.error("cookie.held_back", extra={"known": row is not None})
            del response.cookies[name]


def _is_deletion(morsel: Morsel[str]) -> bool:
    return bool(morsel["max-age"] == 0)


def _is_covered(row: cookies.Cookie, choice: Choice) -> bool:
    if row.kind is CookieKind.ESSENTIAL or row.by_own_act:
        return True
    covered = {CookieKind.PREFERENCES: choice.remembers, CookieKind.ANALYTICS: choice.counts}
    return covered[row.kind]


def _count(request: HttpRequest, response: HttpResponse, choice: Choice, at: datetime) -> None:
    """A page that was shown, or a button that did its work. Never in the way of the answer."""
    match = request.resolver_match
    if match is None or is_fragment(request):
        return
    name = _name_of(request, response)
    if name is None:
        return
    try:
        analytics.note(
            name,
            match.view_name,
            visitor=choice.visitor,
            agent=request.headers.get("User-Agent", ""),
            at=at,
        )
    except DatabaseError as error:
        logger.warning("usage.not_counted", extra={"failure": type(error).__name__})


def _name_of(request: HttpRequest, response: HttpResponse) -> UsageName | None:
    is_page = response.headers.get("Content-Type", "").startswith("text/html")
    if request.method == "GET" and response.status_code == 200 and is_page:
        return UsageName.PAGE
    if request.method == "POST" and response.status_code < 400:
        return UsageName.DEED
    return None
