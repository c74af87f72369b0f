"""Who is told when a step of a breach is due and not done, and how late that was."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import datetime
from typing import Final

from django.conf import settings

from accounts import staff
from accounts.enums import StaffRole
from accounts.models import User
from accounts.services import mailing
from privacy import breach_clock, breach_letters
from privacy.breach_clock import Hears, Need, Step
from privacy.models import Alarm, BreachAlert, BreachCase
from privacy.services import alarms, breach_notices, breach_steps
from smartinvoicing.templatetags import formats

logger = logging.getLogger(__name__)

PUNCTUAL_S: Final = 120  # the scheduler looks once a minute
_ROLE_OF: Final = {
    Hears.OFFICER: StaffRole.PRIVACY_OFFICER,
    Hears.DEPUTY: StaffRole.PRIVACY_AGENT,
    Hears.SECURITY: StaffRole.SECURITY,
}


def hear(alarm: Alarm, *, at: datetime) -> None:
    """A step is due: tell those whom the contract names, unless it was done meanwhile."""
    case = BreachCase.objects.get(pk=alarm.about)
    step = breach_clock.BY_NAME[alarm.step]
    if case.closed_at is not None or breach_steps.is_done(case, step.need):
        alarms.silence(breach_steps.KIND, case.pk, at=at, steps=[step.name])
        return
    if step.need == Need.DRAFTED:
        breach_notices.prepare(case=case, at=at)
    told = dict(_told(step))
    for address, user in told.items():
        _mail(case, step, alarm, address, user, at=at)
    BreachAlert.objects.create(
        case=case,
        step=step.name,
        due_at=alarm.due_at,
        at=at,
        late_s=alarm.late_s,
        told=[str(user.pk) if user else "" for user in told.values()],
    )
    logger.error(
        "breach.step_due",
        extra={"breach": str(case.pk), "step": step.name, "late_s": alarm.late_s},
    )


def is_late(late_s: int) -> bool:
    """Whether an alert came after its time, not only after the next tick."""
    return late_s > PUNCTUAL_S


def _told(step: Step) -> Iterator[tuple[str, User | None]]:
    """Each address once. Without an owner or a board in the settings the operators stand in."""
    for hears in step.hears:
        if hears in _ROLE_OF:
            for user in staff.in_role(_ROLE_OF[hears]):
                yield user.email, user
            continue
        board = settings.PRIVACY_BOARD_EMAILS if hears == Hears.BOARD else ()
        for address in board or settings.PRIVACY_OWNER_EMAILS or settings.OPERATOR_EMAILS:
            yield address, None


def _mail(
    case: BreachCase, step: Step, alarm: Alarm, address: str, user: User | None, *, at: datetime
) -> None:
    late_min = alarm.late_s // 60 if is_late(alarm.late_s) else 0
    mailing.post(
        key=f"breach-{case.pk}-{step.name}-{at:%Y%m%d%H%M%S}-{user.pk if user else address}"[:120],
        to=address,
        template="privacy/mail/breach_alert",
        context={
            "reference": breach_letters.reference_of(case),
            "says": str(step.says),
            "hours": step.hours,
            "due": formats.karachi_time(alarm.due_at),
            "ends": formats.karachi_time(breach_clock.ends_at(case.aware_at)),
            "late_min": late_min,
            "url": settings.PUBLIC_URL + case.get_absolute_url(),
        },
        at=at,
        user_id=user.pk if user else None,
    )
