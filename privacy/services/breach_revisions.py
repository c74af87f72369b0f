"""A case as it changes: one revision a change, with what was before it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from django.utils.translation import gettext as _

from accounts import staff
from accounts.enums import StaffAction
from accounts.models import User
from privacy.models import BreachCase, BreachRevision
from smartinvoicing.errors import Problem, RuleViolation, StateConflict

RANGES: Final = ("subjects_low", "subjects_high", "records_low", "records_high")


def change(
    case: BreachCase, to: Mapping[str, Any], *, by: User, at: datetime, why: str = ""
) -> BreachCase:
    """One revision: the row as it becomes, and what it was. A signature falls with it.

    Raises: RuleViolation; StateConflict once it is closed.
    """
    current = locked(case)
    facts = {name: value for name, value in to.items() if getattr(current, name) != value}
    if not facts:
        return current
    if "closed_at" not in facts and "signed_at" not in facts and current.signed_at is not None:
        facts |= {"signed_at": None, "signed_by": ""}
    before = {name: getattr(current, name) for name in facts}
    for name, value in facts.items():
        setattr(current, name, value)
    problems = list(problems_of_ranges({name: getattr(current, name) for name in RANGES}))
    if problems:
        raise RuleViolation.of(problems)
    current.revision += 1
    current.save(update_fields=[*facts, "revision"])
    write_down(current, told(before), told(facts), by=by, at=at, why=why)
    staff.record(
        by, StaffAction.CHANGED, current, at=at, why=why, fields=sorted(facts), to=current.revision
    )
    return current


def write_down(
    case: BreachCase,
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    *,
    by: User,
    at: datetime,
    why: str,
) -> None:
    """The revision that the case has now."""
    BreachRevision.objects.create(
        case=case,
        number=case.revision,
        at=at,
        who=staff.name_of(by),
        why=why[:300],
        before=dict(before),
        after=dict(after),
    )


def told(values: Mapping[str, Any]) -> dict[str, Any]:
    """As JSON: instants as text."""
    return {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in values.items()
    }


def locked(case: BreachCase) -> BreachCase:
    """As it is now. Raises: StateConflict once it is closed."""
    current = BreachCase.objects.select_for_update().get(pk=case.pk)
    if current.closed_at is not None:
        raise StateConflict(_("This case is closed."))
    return current


def problems_of_ranges(values: Mapping[str, Any]) -> Iterator[Problem]:
    """Ranges that go down."""
    for name in ("subjects", "records"):
        low, high = values[f"{name}_low"], values[f"{name}_high"]
        if high is not None and high < low:
            yield problem(
                f"{name}_high", _("At most is less than at least."), _("Exchange the two.")
            )


def problem(field: str, message: str, fix: str) -> Problem:
    """Of a form's field, or of the case as a whole."""
    return Problem(code=field, field=field, message=message, fix=fix)
