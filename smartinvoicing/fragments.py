"""Pages that answer with a part of themselves when htmx asks for it."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


def is_fragment(request: HttpRequest) -> bool:
    """Whether htmx asks, and not for a whole page that its history lost."""
    asks = request.headers.get("HX-Request") == "true"
    return asks and "HX-History-Restore-Request" not in request.headers


def page_or_part(
    request: HttpRequest, page: str, part: str, context: dict[str, Any], *, status: int = 200
) -> HttpResponse:
    """The page, or the part of it that moves."""
    return render(request, part if is_fragment(request) else page, context, status=status)
