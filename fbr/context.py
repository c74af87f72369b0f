"""What this floor adds to every page of a business."""

from __future__ import annotations

from typing import Any

from django.db import connection
from django.http import HttpRequest

from fbr import outage_pages
from smartinvoicing import clock
from smartinvoicing.fragments import is_fragment


def page(request: HttpRequest) -> dict[str, Any]:
    """The banner of an outage. A part of a page has none; an error page asks nothing."""
    is_member = getattr(request, "membership", None) is not None
    if not is_member or not connection.in_atomic_block or is_fragment(request):
        return {}
    return {"outage": outage_pages.banner(at=clock.now())}
