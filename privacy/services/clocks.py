"""The clocks of a request: set when it comes, moved when it is extended, heard when they are due.

Nothing stops them but its end: to wait for a proof or for a business is counted beside them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final

from accounts import tenancy
from accounts.access import Actor
from accounts.enums import NoticeKind
from accounts.services import notices
from privacy import deadlines
from privacy.models import ENDED, Alarm, Hat, RequestState, SubjectRequest
from privacy.services import alarms, rights_mail
from privacy.services.request_states import KIND, NEEDS_PROOF, transition

DAY: Final = timedelta(days=1)
OF_PROOF: Final = ("proof-reminder", "proof-close")
OF_HUMAN: Final = ("human", "human-late")
OF_FORWARDING: Final = ("forward",)
OF_BUSINESS: Final = ("forwarded-5", "forwarded-10")
SYSTEM: Final = Actor.system("privacy.clocks")


def start(request: SubjectRequest) -> None:
    """What runs from the moment it came in."""
    came = request.received_at
    alarms.set_alarm(KIND, request.pk, "human", due_at=came + 2 * DAY)
    alarms.set_alarm(KIND, request.pk, "human-late", due_at=request.human_due_at)
    _set_decision(request, "")


def extended(request: SubjectRequest, *, at: datetime) -> None:
    """The later day counts from now on, with alarms of its own."""
    old = [f"t-{days}" for days in deadlines.DECISION_ALERTS]
    alarms.silence(KIND, request.pk, at=at, steps=[*old, "overdue"])
    _set_decision(request, "-extended")


def _set_decision(request: SubjectRequest, mark: str) -> None:
    for days in deadlines.DECISION_ALERTS:
        due = request.due_at - days * DAY
        alarms.set_alarm(KIND, request.pk, f"t-{days}{mark}", due_at=due)
    alarms.set_alarm(KIND, request.pk, f"overdue{mark}", due_at=request.due_at, repeat=DAY)


def proof_asked(request: SubjectRequest, *, at: datetime) -> None:
    reminder, close = OF_PROOF
    alarms.set_alarm(KIND, request.pk, reminder, due_at=deadlines.PROOF_REMINDER.after(at))
    alarms.set_alarm(KIND, request.pk, close, due_at=deadlines.PROOF_CLOSE.after(at))
    alarms.revive(KIND, request.pk, steps=OF_PROOF)  # where another proof was settled before


def to_forward(request: SubjectRequest, *, at: datetime) -> None:
    """A business has to hear of it; until somebody handed it over this rings each day."""
    due = deadlines.working_days_after(at, deadlines.FORWARD_DAYS)
    alarms.set_alarm(KIND, request.pk, "forward", due_at=due, repeat=DAY)


def forwarded(request: SubjectRequest, *, at: datetime) -> None:
    alarms.silence(KIND, request.pk, at=at, steps=OF_FORWARDING)
    for days in deadlines.FORWARDED_ALERTS:
        alarms.set_alarm(KIND, request.pk, f"forwarded-{days}", due_at=at + days * DAY)


def settled(request: SubjectRequest, steps: tuple[str, ...], *, at: datetime) -> None:
    alarms.silence(KIND, request.pk, at=at, steps=steps)


def hear(alarm: Alarm, *, at: datetime) -> None:
    """One of them is due: mail whoever must act, or close what nobody proved in time."""
    request = SubjectRequest.objects.select_for_update().get(pk=alarm.about)
    if request.state in ENDED:
        alarms.silence(KIND, request.pk, at=at)
        return
    step = alarm.step.removesuffix("-extended")
    _HEARD.get(step, _alert)(request, alarm, at)


def _alert(request: SubjectRequest, alarm: Alarm, at: datetime) -> None:
    rights_mail.alert_desk(request, alarm.step, at=at, time=alarm.times + 1)


def _human(request: SubjectRequest, alarm: Alarm, at: datetime) -> None:
    if request.human_at is None:
        _alert(request, alarm, at)


def _overdue(request: SubjectRequest, alarm: Alarm, at: datetime) -> None:
    """The officers first; from the second day on whoever runs the service as well."""
    time = alarm.times + 1
    rights_mail.alert_desk(request, alarm.step, at=at, time=time, owner_too=time > 1)


def _remind(request: SubjectRequest, alarm: Alarm, at: datetime) -> None:
    if request.state == RequestState.IDENTITY_PENDING:
        rights_mail.tell_person(request, "request_reminder", key="reminder", at=at)


def _close_unproved(request: SubjectRequest, alarm: Alarm, at: datetime) -> None:
    if request.state != RequestState.IDENTITY_PENDING or request.type not in NEEDS_PROOF:
        return
    rights_mail.tell_person(request, "request_unproved", key="unproved", at=at)
    transition(
        request,
        RequestState.REFUSED,
        by=SYSTEM,
        at=at,
        what="refused",
        facts={"reason": "identity"},
    )


def _business(request: SubjectRequest, alarm: Alarm, at: datetime) -> None:
    """The business has not answered: its bell rings anew, and our desk hears of it."""
    if request.hat != Hat.PROCESSOR or request.tenant_id is None:
        return
    with tenancy.in_tenant(request.tenant_id):
        notices.post(
            NoticeKind.RIGHTS_REQUEST,
            request,
            at=at,
            due_at=request.due_at,
            step=alarm.step,
            number=request.reference,
        )
    _alert(request, alarm, at)


_HEARD: Final[Mapping[str, Callable[[SubjectRequest, Alarm, datetime], None]]] = MappingProxyType(
    {
        "human": _human,
        "human-late": _human,
        "overdue": _overdue,
        "proof-reminder": _remind,
        "proof-close": _close_unproved,
        "forwarded-5": _business,
        "forwarded-10": _business,
    }
)
