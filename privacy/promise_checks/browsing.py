"""What a browser gets that comes for the first time: asked of the program as it runs."""

from __future__ import annotations

from datetime import datetime
from io import BytesIO
from typing import Final
from urllib.parse import urlsplit

from django.conf import settings
from django.core.handlers.base import BaseHandler
from django.core.handlers.wsgi import WSGIRequest
from django.http import HttpResponseBase
from django.middleware.csrf import REASON_NO_CSRF_COOKIE
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.module_loading import import_string
from django.utils.translation import gettext_noop as _

from privacy import cookies
from privacy.cookies import CookieKind
from privacy.promise_checks import catalogue
from privacy.verdicts import Broken, Kept, Verdict

FORBIDDEN: Final = 403
OK: Final = 200
ADDRESSES: Final = frozenset({"inet", "cidr"})
OURS: Final = frozenset({"'self'", "'none'", "data:"})


def _request(path: str) -> WSGIRequest:
    """Of a browser that was never here, as the web server hands it on."""
    return WSGIRequest(
        {
            "REQUEST_METHOD": "GET",
            "PATH_INFO": path,
            "SERVER_NAME": "localhost",
            "SERVER_PORT": "443",
            "HTTP_HOST": urlsplit(settings.PUBLIC_URL).netloc,
            "HTTP_X_FORWARDED_PROTO": "https",
            "REMOTE_ADDR": "127.0.0.1",
            "wsgi.url_scheme": "https",
            "wsgi.input": BytesIO(),
        }
    )


def _visit() -> HttpResponseBase:
    """The page on which people sign in, through all that stands before it."""
    handler = BaseHandler()
    handler.load_middleware()
    return handler.get_response(_request(reverse("account_login")))


def first_visit_is_quiet(at: datetime) -> Verdict:
    answer = _visit()
    if answer.status_code != OK:
        return Broken(_("The page to sign in answers with %(n)s."), {"n": answer.status_code})
    stray = []
    for name, morsel in answer.cookies.items():
        row = cookies.row_of(name)
        if morsel.value and (row is None or row.kind != CookieKind.ESSENTIAL):
            stray.append(name)
    if stray:
        return Broken(_("A first visit is given the cookie %(what)s."), {"what": stray[0]})
    return Kept(_("A first visit was given %(n)s cookies, all needed."), {"n": len(answer.cookies)})


def no_cookies_is_explained(at: datetime) -> Verdict:
    view = import_string(settings.CSRF_FAILURE_VIEW)
    answer = view(_request(reverse("account_login")), reason=REASON_NO_CSRF_COOKIE)
    ours = render_to_string("privacy/cookies_off.html", request=_request("/"))
    said = answer.content.decode()
    title = ours[ours.index("<title>") : ours.index("</title>")]
    if answer.status_code != FORBIDDEN or title not in said:
        return Broken(_("Without cookies people are told nothing that helps."))
    return Kept(_("Without cookies a page says what does not work."))


def pages_stay_here(at: datetime) -> Verdict:
    answer = _visit()
    rules = answer.headers.get("Content-Security-Policy", "")
    if not rules:
        return Broken(_("A page may load anything."))
    sources = {word for rule in rules.split(";") for word in rule.split()[1:]}
    stray = sorted(word for word in sources - OURS if not word.startswith("'nonce-"))
    if stray:
        return Broken(_("A page may load something from elsewhere: %(what)s."), {"what": stray[0]})
    if answer.headers.get("Referrer-Policy") not in {"same-origin", "no-referrer"}:
        return Broken(_("Other sites are told which page of ours led to them."))
    return Kept(_("A page loads from here alone, and tells other sites nothing."))


def no_address_is_counted(at: datetime) -> Verdict:
    columns = catalogue.columns_of("privacy_usageevent")
    stray = sorted(name for name, kind in columns.items() if kind in ADDRESSES or "address" in name)
    if stray:
        return Broken(_("Statistics hold a network address in %(what)s."), {"what": stray[0]})
    return Kept(
        _("%(n)s columns are counted; none can hold a network address."), {"n": len(columns)}
    )
