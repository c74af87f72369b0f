"""An emergency at a business: opened here, so that its hour ends by an alarm and is reviewed."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import transaction
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.models import BreakGlass, User
from accounts.models.staff_access import REVIEW_WITHIN
from accounts.services import staff_access
from privacy.models import Alarm
from privacy.services import alarms, desk

KIND: Final = "glass"
TASK: Final = "glass_review"


@transaction.atomic
def break_glass(
    *, tenant_id: UUID, reason: str, ticket: str, user: User, at: datetime, legal_bar: str = ""
) -> BreakGlass:
    """Open it, set its alarms, and have the officer look at it afterwards.

    Raises: as `accounts.services.staff_access.break_glass` does.
    """
    glass = staff_access.break_glass(
        tenant_id=tenant_id, reason=reason, ticket=ticket, user=user, at=at, legal_bar=legal_bar
    )
    alarms.set_alarm(KIND, glass.pk, "alone", due_at=glass.confirm_by)
    alarms.set_alarm(KIND, glass.pk, "time", due_at=glass.until)
    desk.open_task(
        TASK,
        str(glass.pk),
        title=_("Review an emergency access to a business"),
        url=reverse("admin:accounts_breakglass_change", args=[glass.pk]),
        at=at,
        due_at=at + REVIEW_WITHIN,
    )
    return glass


def hear(alarm: Alarm, *, at: datetime) -> None:
    """Fifteen minutes or the hour are over: what the clock says is written down."""
    staff_access.settle_glass(BreakGlass.objects.get(pk=alarm.about), at=at)


@transaction.atomic
def review(*, glass: BreakGlass, finding: str, user: User, at: datetime) -> None:
    """The officer's word, and the task goes from the red list.

    Raises: as `accounts.services.staff_access.review_glass` does.
    """
    staff_access.review_glass(glass=glass, finding=finding, user=user, at=at)
    alarms.silence(KIND, glass.pk, at=at)
    desk.done(TASK, str(glass.pk), at=at)
