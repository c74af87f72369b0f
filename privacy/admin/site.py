"""The first page of the desk: what has to be done, before what there is to look at."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from accounts import four_eyes, staff
from accounts.enums import Desk
from privacy.models import DeskTask
from privacy.services import desk
from smartinvoicing import clock
from smartinvoicing.templatetags.formats import karachi_date, karachi_time

_index = admin.site.index
_app_list = admin.site.get_app_list
REQUESTS: Final = {Desk.WORK_REQUESTS, Desk.DECIDE_REQUESTS, Desk.SEE_REGISTERS}
FIRST: Final = ("privacy", "accounts", "fbr")


def index(request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
    """The red list for whoever reads the registers, and what waits for a second person."""
    at, deeds = clock.now(), staff.deeds_of_request(request)
    mine = [deed for deed, needed in four_eyes.DESK_OF.items() if needed in deeds]
    waiting = four_eyes.waiting(at=at).filter(deed__in=mine).exclude(asked_by=request.user.pk)
    context = {
        "title": _("Your desk"),
        "red_list": [
            row(task, at) for task in (desk.red_list() if Desk.SEE_REGISTERS in deeds else [])
        ],
        "sees_red_list": Desk.SEE_REGISTERS in deeds,
        "sees_requests": not deeds.isdisjoint(REQUESTS),
        "approvals": [
            {
                "pk": each.pk,
                "said": four_eyes.called(each.deed),
                "why": each.why,
                "expires_at": each.expires_at,
            }
            for each in waiting
        ],
        "sees_doors": not deeds.isdisjoint({Desk.LOOK_AT_TENANTS, Desk.BREAK_GLASS}),
    }
    return _index(request, {**context, **(extra_context or {})})


def row(task: DeskTask, at: datetime) -> dict[str, Any]:
    """A task with its clock: how much of its time is used, in minutes, and until when."""
    shown: dict[str, Any] = {"task": task, "is_late": False, "tone": "wait", "until": ""}
    if task.due_at is None:
        return shown
    total = max(1, int((task.due_at - task.opened_at).total_seconds() // 60))
    used = max(0, min(total, int((at - task.opened_at).total_seconds() // 60)))
    is_late = task.due_at <= at
    tone = "danger" if is_late else "attention" if used * 4 > total * 3 else "wait"
    return shown | {
        "is_late": is_late,
        "tone": tone,
        "used": used,
        "total": total,
        "until": _until(task.due_at),
    }


def _until(due: datetime) -> str:
    """What ends at midnight ends with the day before it."""
    if clock.karachi(due).strftime("%H:%M") == "00:00":
        return karachi_date(due - timedelta(seconds=1))
    return karachi_time(due)


def app_list(request: HttpRequest, app_label: str | None = None) -> list[Any]:
    """The registers of privacy first, then people, then FBR, then what came along."""
    found = _app_list(request, app_label)
    return sorted(
        found, key=lambda app: (*(app["app_label"] != label for label in FIRST), app["name"])
    )


admin.site.get_app_list = app_list  # type: ignore[method-assign]  # a site of our own would lose its autodiscovery
admin.site.index = index  # type: ignore[method-assign,assignment]  # a site of our own would lose its autodiscovery
admin.site.index_template = "privacy/desk/index.html"
