"""How the service is used: sums and plots, never a row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from django.contrib import admin
from django.db import models
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.desk import DeskAdmin
from accounts.enums import Desk
from privacy.models import UsageEvent
from privacy.services import usage_figures
from privacy.services.usage_figures import FEW, Sum
from smartinvoicing import clock

SPANS: Final = (4, 12, 52)
BAR: Final = 24  # width and gap of a bar in the drawing
HEIGHT: Final = 120
WIDEST: Final = 200


class UsageEventAdmin(DeskAdmin):
    """The list is a page of plots; there is no page of one event."""

    lead = gettext_lazy(
        "What visitors did who said yes to being counted: a number for the visitor, never a person."
    )
    sees = (Desk.SEE_ANALYTICS,)

    def has_view_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return obj is None and super().has_view_permission(request)

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if not self.has_view_permission(request):
            return super().changelist_view(request, extra_context)  # which refuses
        asked = request.GET.get("weeks", "")
        weeks = int(asked) if asked in {str(span) for span in SPANS} else SPANS[1]
        found = usage_figures.figures(at=clock.now(), weeks=weeks)
        context = {
            **self.admin_site.each_context(request),
            "title": _("How the service is used"),
            "opts": self.opts,
            "spans": [{"weeks": span, "current": span == weeks} for span in SPANS],
            "few": FEW,
            "columns": _columns(found.weeks),
            "drawing": {"width": max(len(found.weeks), 1) * BAR, "height": HEIGHT},
            "visit_minutes": found.visit_minutes,
            "shares": [
                {"title": _("Pages opened"), "rows": _bars(found.pages)},
                {"title": _("Buttons used"), "rows": _bars(found.deeds)},
                {"title": _("Systems"), "rows": _bars(found.systems)},
                {"title": _("Screens"), "rows": _bars(found.screens)},
            ],
        }
        return TemplateResponse(request, "admin/privacy/usage.html", context)


def _columns(weeks: Sequence[Sum]) -> list[dict[str, Any]]:
    """One bar a week; a week too small to be told is an empty place."""
    highest = max((each.browsers or 0 for each in weeks), default=0) or 1
    return [
        {
            "label": each.label,
            "browsers": each.browsers,
            "events": each.events,
            "x": place * BAR + 4,
            "height": (each.browsers or 0) * HEIGHT // highest,
            "y": HEIGHT - (each.browsers or 0) * HEIGHT // highest,
        }
        for place, each in enumerate(weeks)
    ]


def _bars(sums: Sequence[Sum]) -> list[dict[str, Any]]:
    highest = max((each.browsers or 0 for each in sums), default=0) or 1
    return [
        {
            "label": each.label,
            "browsers": each.browsers,
            "events": each.events,
            "width": (each.browsers or 0) * WIDEST // highest,
        }
        for each in sums
    ]


admin.site.register(UsageEvent, UsageEventAdmin)
