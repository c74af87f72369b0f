"""How a case ends: what it lacks, the officer's signature, its close."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from accounts import staff
from accounts.enums import Desk, StaffAction, StaffRole
from accounts.models import User
from privacy import breach_letters
from privacy.models import Audience, BreachCase
from privacy.services import breach_notices, breach_steps, desk
from privacy.services.breach_revisions import change, locked, problem
from privacy.services.breaches import TASK
from smartinvoicing.errors import NotAllowed, Problem, RuleViolation


@transaction.atomic
def sign(*, case: BreachCase, by: User, at: datetime) -> BreachCase:
    """The privacy officer stands by what the case says now; a change drops it.

    Raises: NotAllowed for anybody but the officer; RuleViolation while something is missing.
    """
    staff.allow(by, Desk.SIGN_BREACHES)
    if StaffRole.PRIVACY_OFFICER not in staff.roles_of(by):
        raise NotAllowed(_("The privacy officer signs it."))
    problems = list(missing(locked(case)))
    if problems:
        raise RuleViolation.of(problems)
    return change(case, {"signed_at": at, "signed_by": staff.name_of(by)}, by=by, at=at)


@transaction.atomic
def close(*, case: BreachCase, by: User, at: datetime) -> BreachCase:
    """Nothing more is to be done. It stays in the register and changes no more.

    Raises: NotAllowed; RuleViolation while something is missing; StateConflict.
    """
    staff.allow(by, Desk.WORK_BREACHES)
    current = locked(case)
    problems = list(missing(current))
    if current.signed_at is None:
        problems.append(
            problem("signed", _("The privacy officer has not signed it."), _("Ask for it."))
        )
    if problems:
        raise RuleViolation.of(problems)
    closed = change(current, {"closed_at": at, "closed_by": staff.name_of(by)}, by=by, at=at)
    breach_steps.end(closed, at=at)
    desk.done(TASK, str(closed.pk), at=at)
    staff.record(by, StaffAction.CLOSED, closed, at=at)
    return closed


def missing(case: BreachCase) -> Iterator[Problem]:
    """What a case lacks before it may be signed and closed."""
    if not case.severity:
        yield problem("severity", _("Nobody said how severe it is."), _("Grade it."))
    if not case.root_cause.strip():
        yield problem("root_cause", _("Its root cause is not written down."), _("Write it."))
    decisions = breach_steps.decisions_of(case)
    for audience in Audience:
        decision = decisions.get(audience)
        if decision is None:
            message = _("Nobody decided about: %(who)s.") % {"who": audience.label}
            yield problem("decisions", message, _("Decide, with the reason."))
        elif decision.tells and not breach_steps.is_told(case, audience):
            message = _("Not told yet: %(who)s.") % {"who": audience.label}
            yield problem("letters", message, _("Send the letter."))
    if back := breach_notices.came_back(case).count():
        message = _("Letters that came back: %(n)s.") % {"n": back}
        yield problem("letters", message, _("Tell these people another way, and say how."))
    if not case.late_reason.strip() and was_late(case):
        yield problem(
            "late_reason",
            _("The authority was told after the 72 hours."),
            _("Write why; it stands in the register."),
        )


def was_late(case: BreachCase) -> bool:
    """Whether the first letter was with the authority after its time."""
    first = breach_steps.reached_at(case, Audience.AUTHORITY)
    return first is not None and breach_letters.is_late(case, first)
