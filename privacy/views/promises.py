"""What we promise, and whether it is kept: for everybody."""

from __future__ import annotations

from collections import Counter
from typing import Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from privacy.models import PromiseState
from privacy.services import promises as service
from smartinvoicing import clock

PER_LINE: Final = 14
STEP: Final = 20  # from one square of the picture to the next


@require_GET
def promises(request: HttpRequest) -> HttpResponse:
    """Counts as a picture, then every promise with its proof and its last ninety days."""
    sections = service.page(at=clock.now())
    rows = [row for section in sections for row in section.rows]
    count = Counter(row.state for row in rows)
    context = {
        "sections": sections,
        "run": service.last_run(),
        "counts": [
            {"look": service.LOOKS[state], "n": count[state]}
            for state in (PromiseState.KEPT, PromiseState.DUE, PromiseState.BROKEN)
        ],
        "total": len(rows),
        "squares": [
            {
                "x": place % PER_LINE * STEP,
                "y": place // PER_LINE * STEP,
                "id": row.promise.id,
                "look": row.look,
            }
            for place, row in enumerate(rows)
        ],
        "width": PER_LINE * STEP,
        "height": -(-len(rows) // PER_LINE) * STEP,
        "days": service.DAYS,
    }
    return render(request, "privacy/promises.html", context)
