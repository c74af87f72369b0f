"""Figures for monitoring inside."""

from __future__ import annotations

import hmac
from typing import Final

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_GET

from fbr import metrics
from fbr.services import alerts, watching
from smartinvoicing import clock

# A proxy writes one of these; then the address of the line is the proxy's, not the asker's.
_CARRIED: Final = ("X-Forwarded-For", "X-Real-IP", "Forwarded", "Via")
_HERE: Final = frozenset({"127.0.0.1", "::1"})


@require_GET
def figures(request: HttpRequest) -> HttpResponse:
    """Ages and counts, for whoever holds the token. To others there is no such page."""
    if not _may_read(request):
        raise Http404
    text = metrics.exposition(watching.figures(at=clock.now()), alerts.open_by_kind())
    return HttpResponse(text, content_type=metrics.CONTENT_TYPE)


def _may_read(request: HttpRequest) -> bool:
    """With a token set, that and nothing else; without one, this machine, outside production."""
    if settings.METRICS_TOKEN:
        given = request.headers.get("Authorization", "").encode()
        return hmac.compare_digest(given, f"Bearer {settings.METRICS_TOKEN}".encode())
    is_direct = not any(name in request.headers for name in _CARRIED)
    return not settings.PRODUCTION and is_direct and request.META.get("REMOTE_ADDR") in _HERE
