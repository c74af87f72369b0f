"""The page of our own mistakes, and of a database that cannot be asked now."""

from __future__ import annotations

import sys

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string
from django.utils.translation import gettext as _

from smartinvoicing.errors import ComeAgain


def server_error(request: HttpRequest) -> HttpResponse:
    """500 with its reference. Without a request no context processor runs: one may have failed."""
    if isinstance(sys.exception(), OperationalError | InterfaceError):
        return _come_again(request)
    return HttpResponse(render_to_string("500.html", {"request": request}), status=500)


def _come_again(request: HttpRequest) -> HttpResponse:
    """503: the database is away, full, or took too long."""
    error = come_again()
    if request.path.startswith("/api/"):
        body = {"code": error.code, "message": error.message, "details": error.details}
        answer: HttpResponse = JsonResponse(body, status=error.http_status)
    else:
        template = "_error.html" if request.headers.get("HX-Request") else "503.html"
        page = render_to_string(template, {"request": request, "error": error})
        answer = HttpResponse(page, status=error.http_status)
    answer["Retry-After"] = str(error.after_s)
    return answer


def come_again() -> ComeAgain:
    return ComeAgain(
        _("Our database cannot be asked at the moment. Try again soon; look first what was kept.")
    )
