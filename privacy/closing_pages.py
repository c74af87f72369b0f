"""The page of a closing: what happens on which day, what goes and what law keeps."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from django.utils.translation import gettext as _

from invoices.enums import State
from privacy import deadlines
from privacy.models import Closure, ClosureState
from privacy.services import closing_steps, open_matters
from privacy.services.closing_steps import STEPS
from privacy.services.erasure_plans import HOLD, PlannedRow
from smartinvoicing.clock import karachi_date

_DONE: Final = ("ok", "check")
_LATE: Final = ("danger", "alert")
_NOW: Final = ("wait", "clock")
_AHEAD: Final = ("neutral", "calendar")


def steps_of(closure: Closure, *, at: datetime) -> list[dict[str, Any]]:
    """Each step with its day, how it stands and what it means; the next one is open."""
    rows = {row.step: row for row in closure.steps.order_by("place")}
    first_open = next((name for name in STEPS if rows[name].done_at is None), "")
    shown = []
    for name, planned in STEPS.items():
        row = rows[name]
        tone, icon = _look(row.done_at, row.due_at, at, is_next=name == first_open)
        shown.append(
            {
                "title": planned.title,
                "text": planned.text,
                "tone": tone,
                "icon": icon,
                "word": _word(row.done_at, closure.begun_at, planned.day),
                "is_now": name == first_open,
            }
        )
    return shown


def _look(
    done_at: datetime | None, due_at: datetime, at: datetime, *, is_next: bool
) -> tuple[str, str]:
    if done_at is not None:
        return _DONE
    if at >= due_at:
        return _LATE
    return _NOW if is_next else _AHEAD


def _word(done_at: datetime | None, begun_at: datetime, day: int) -> str:
    if done_at is not None:
        return _("Done on %(day)s") % {"day": _day(done_at)}
    until = deadlines.day_of_closure(begun_at, day)
    return _("Until %(day)s") % {"day": _day(until)}


def planned_steps(at: datetime) -> list[dict[str, Any]]:
    """The same before anybody asked: as if it began now."""
    return [
        {
            "title": planned.title,
            "text": planned.text,
            "tone": "neutral",
            "icon": "calendar",
            "word": _day(deadlines.day_of_closure(at, planned.day)),
            "is_now": False,
        }
        for planned in STEPS.values()
    ]


def progress(closure: Closure) -> dict[str, Any]:
    done = closure.steps.exclude(done_at=None).count()
    return {"label": _("Steps done"), "done": done, "total": len(closing_steps.STEPS)}


def standing(closure: Closure) -> dict[str, str]:
    """One sentence about where it is, and what can be done."""
    until = _day(deadlines.day_of_closure(closure.begun_at, deadlines.REOPEN_DAYS))
    said = {
        ClosureState.BEGUN: _(
            "Everything can be read and fetched. Until %(until)s an owner can open it again."
        ),
        ClosureState.PURGING: _("Its data is being deleted. Nobody can undo that."),
        ClosureState.PURGED: _("Its data is deleted. The last backups run out."),
        ClosureState.SEALED: _("It is closed. Tax records alone are kept."),
    }
    return {
        "tone": "danger" if closure.state == ClosureState.BEGUN else "wait",
        "icon": "lock",
        "title": str(ClosureState(closure.state).label),
        "text": said[ClosureState(closure.state)] % {"until": until},
    }


def matters() -> list[dict[str, str]]:
    """Documents whose matter with FBR is open."""
    return [
        {"id": each.id, "number": each.number, "state": str(State(each.state).label)}
        for each in open_matters.of_business()
    ]


def kept(rows: list[PlannedRow]) -> list[dict[str, Any]]:
    """What law keeps, and until when."""
    return [
        {
            "count": row.count,
            "until": _day_of(row),
            "basis": row.basis,
        }
        for row in rows
        if row.deed == HOLD
    ]


def _day_of(row: PlannedRow) -> str:
    if row.until is None:
        return _("until the hold is lifted")
    return _("until %(day)s") % {"day": row.until.strftime("%-d %b %Y")}


def goes(rows: list[PlannedRow]) -> int:
    return sum(row.count for row in rows if row.deed != HOLD)


def _day(at: datetime) -> str:
    return karachi_date(at).strftime("%-d %b %Y")
