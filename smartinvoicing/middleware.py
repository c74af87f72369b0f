"""What every request passes: its id, the headers of safety, errors made readable."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from smartinvoicing.errors import AppError
from smartinvoicing.logs import request_id

GetResponse = Callable[[HttpRequest], HttpResponse]

_ID = re.compile(r"[A-Za-z0-9-]{8,64}")


class RequestId:
    """A reference that stands in the answer, on error pages and in each log line."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        given = request.headers.get("X-Request-Id", "")
        reference = given if _ID.fullmatch(given) else secrets.token_hex(8)
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
