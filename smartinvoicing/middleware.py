"""What every request passes: its id, the headers of safety, errors made readable."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from typing import Final

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils.translation import gettext as _

from smartinvoicing import opening
from smartinvoicing.errors import AppError
from smartinvoicing.logs import redact, request_id

GetResponse = Callable[[HttpRequest], HttpResponse]

_ID = re.compile(r"[A-Za-z0-9-]{8,64}")


class RequestId:
    """A reference that stands in the answer, on error pages and in each log line."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        given = request.headers.get("X-Request-Id", "")
        is_fit = _ID.fullmatch(given) and redact(given) == given  # a CNIC is no reference
        reference = given if is_fit else secrets.token_hex(8)
        token = request_id.set(reference)
        request.reference = reference  # type: ignore[attr-defined]  # read by the error pages
        try:
            response = self.get_response(request)
        finally:
            request_id.reset(token)
        response["X-Request-Id"] = reference
        return response


class SecurityHeaders:
    """What Django's own SecurityMiddleware leaves out."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.setdefault("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
        response.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        user = getattr(request, "user", None)
        if request.path.startswith("/api/") or (user is not None and user.is_authenticated):
            response.setdefault("Cache-Control", "no-store")
        return response


# Staff have to sign in and look; health has to answer; a page needs its style sheet.
_PAST_THE_GATE: Final = (
    *("/admin/", "/static/", "/healthz", "/readyz", "/metrics"),
    *("/accounts/login/", "/accounts/logout/", "/accounts/2fa/", "/accounts/reauthenticate/"),
)


class RestoreGate:
    """A database that came out of a backup is shown to nobody until those who were erased since
    are erased in it again.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path.startswith(_PAST_THE_GATE) or opening.is_open():
            return self.get_response(request)
        if request.path.startswith("/api/"):
            told: HttpResponse = JsonResponse(
                {"code": "restored", "message": _("Restored from a backup, not open yet.")},
                status=503,
            )
        else:
            told = HttpResponse(render_to_string("restored.html"), status=503)
        told["Retry-After"] = "600"
        return told


class AppErrors:
    """An AppError becomes a page (or a fragment, for HTMX) with its sentence and status."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if not isinstance(error, AppError):
            return None
        template = "_error.html" if request.headers.get("HX-Request") else "error.html"
        return render(request, template, {"error": error}, status=error.http_status)
