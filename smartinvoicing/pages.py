"""The page of our own mistakes."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string


def server_error(request: HttpRequest) -> HttpResponse:
    """500 with its reference. Without a request no context processor runs: one may have failed."""
    return HttpResponse(render_to_string("500.html", {"request": request}), status=500)
