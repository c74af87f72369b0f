"""The dated steps of a closing, and who hears of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

from django.utils.translation import gettext_lazy as _

from privacy import deadlines
from privacy.models import Closure, ClosureStep
from privacy.services import alarms

KIND: Final = "closure"
# Backups of the last purge day run out on this one.
BACKUPS_GONE: Final = deadlines.LIVE_PURGE_DAY + deadlines.BACKUP_DAYS
MAIL_GONE: Final = deadlines.LIVE_PURGE_DAY + 5


@dataclass(frozen=True)
class Planned:
    """One step: the day at whose end it must be done, and what it is called."""

    day: int
    title: Any
    text: Any


STEPS: Final[Mapping[str, Planned]] = MappingProxyType(
    {
        "stop": Planned(0, _("Everything stops"), _("No invoice is issued; keys are revoked.")),
        "drain": Planned(
            1, _("What was queued goes to FBR"), _("Documents that were issued before still go.")
        ),
        "settle": Planned(
            30,
            _("Open matters are settled or handed over"),
            _("Uncertain documents and cancellations: settled here, or listed for you in writing."),
        ),
        "token": Planned(
            30, _("The FBR token is destroyed"), _("After that nothing can be sent in your name.")
        ),
        "purge": Planned(
            deadlines.LIVE_PURGE_DAY,
            _("All that law does not want kept is deleted"),
            _("People, customers, products, drafts, logs, files."),
        ),
        "check": Planned(
            deadlines.LIVE_PURGE_DAY,
            _("A search proves it"),
            _("Each table is counted, and all of them are searched for what was deleted."),
        ),
        "receipt": Planned(
            deadlines.LIVE_PURGE_DAY,
            _("You get the receipt"),
            _("What was deleted and what is kept, by mail."),
        ),
        "address": Planned(
            MAIL_GONE, _("The address of the receipt is deleted"), _("When the mail has left.")
        ),
        "backups": Planned(
            BACKUPS_GONE,
            _("The last backup with your data is gone"),
            _("Backups are kept for 35 days."),
        ),
        "seal": Planned(
            deadlines.PROMISED_DAYS - 1,
            _("The archive is sealed"),
            _("Tax records alone, closed to everybody, until law lets them go."),
        ),
    }
)


def lay(closure: Closure) -> None:
    """All steps with their days, and all alarms; laid twice is once."""
    ClosureStep.objects.bulk_create(
        [
            ClosureStep(
                closure=closure,
                step=name,
                place=place,
                due_at=deadlines.day_of_closure(closure.begun_at, planned.day + 1),
            )
            for place, (name, planned) in enumerate(STEPS.items())
        ],
        ignore_conflicts=True,
    )
    for day in deadlines.REMINDER_DAYS:
        _alarm(closure, f"remind_{day}", day)
    for day in deadlines.ALERT_DAYS:
        _alarm(closure, f"watch_{day}", day)
    _alarm(closure, "end", deadlines.PROMISED_DAYS)


def _alarm(closure: Closure, step: str, day: int) -> None:
    alarms.set_alarm(KIND, closure.pk, step, due_at=deadlines.day_of_closure(closure.begun_at, day))


def done(closure: Closure, step: str, *, at: datetime, **facts: Any) -> bool:
    """Note a step as done, once; whether it was this call that did."""
    return bool(
        ClosureStep.objects.filter(closure=closure, step=step, done_at=None).update(
            done_at=at, facts=facts
        )
    )


def is_done(closure: Closure, *steps: str) -> bool:
    left = ClosureStep.objects.filter(closure=closure, step__in=steps, done_at=None)
    return not left.exists()


def late(closure: Closure, *, at: datetime) -> list[str]:
    """Steps whose day has passed and that are not done."""
    rows = ClosureStep.objects.filter(closure=closure, done_at=None, due_at__lte=at)
    return list(rows.order_by("place").values_list("step", flat=True))


def unfinished(closure: Closure) -> list[str]:
    rows = ClosureStep.objects.filter(closure=closure, done_at=None)
    return list(rows.order_by("place").values_list("step", flat=True))
