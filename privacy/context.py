"""The banner that asks, and whether this page may count: for every page, without the database."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from privacy.services.choices import Choice


def page(request: HttpRequest) -> dict[str, Any]:
    """choice: what this browser chose; a page that the middleware did not see asks nothing."""
    return {"choice": getattr(request, "choice", None) or Choice(is_made=True)}
