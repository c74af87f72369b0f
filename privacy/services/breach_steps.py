"""The alarms of one breach: set when it is opened, silenced as its steps are done."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Final

from privacy import breach_clock
from privacy.breach_clock import Need, Step
from privacy.models import (
    Audience,
    BreachCase,
    BreachDecision,
    BreachNotice,
    Delivery,
    OurHat,
)
from privacy.services import alarms

KIND: Final = "breach"
MANY: Final = frozenset({Audience.TENANTS, Audience.SUBJECTS})  # each by a notice of their own
_REACHED: Final = (Delivery.SENT, Delivery.SEEN, Delivery.ELSEWHERE)


def decisions_of(case: BreachCase) -> dict[Audience, BreachDecision]:
    """The newest decision of each audience that has one."""
    rows = case.decisions.order_by("audience", "-at", "-id").distinct("audience")
    return {Audience(row.audience): row for row in rows}


def steps_of(case: BreachCase) -> list[Step]:
    """The steps that this breach has."""
    return list(
        breach_clock.steps_of(
            touches_invoicing=case.touches_invoicing,
            is_processor=case.hat != OurHat.CONTROLLER,
        )
    )


def set_all(case: BreachCase, *, at: datetime) -> None:
    """Set what is to come. Called again after a change, it moves what has not sounded yet."""
    for step in steps_of(case):
        due = breach_clock.due_at(step, case.aware_at)
        alarms.set_alarm(KIND, case.pk, step.name, due_at=due, repeat=step.repeat)
    gone = breach_clock.BY_NAME.keys() - {step.name for step in steps_of(case)}
    alarms.silence(KIND, case.pk, at=at, steps=gone)


def settle(case: BreachCase, *, at: datetime) -> None:
    """Silence each alarm whose step is done; let those sound whose step is not, or no longer."""
    steps = steps_of(case)
    done = {step.name for step in steps if is_done(case, step.need)}
    alarms.silence(KIND, case.pk, at=at, steps=done)
    alarms.revive(KIND, case.pk, steps={step.name for step in steps} - done)


def end(case: BreachCase, *, at: datetime) -> None:
    """The case is closed: nothing of it sounds any more."""
    alarms.silence(KIND, case.pk, at=at)


def is_done(case: BreachCase, need: Need) -> bool:
    """Whether what a step asks for has been done."""
    return _DONE[need](case)


def is_told(case: BreachCase, audience: Audience) -> bool:
    """A letter to them left (of businesses: to each that it touches by now; an office has it),
    or somebody decided that they are not told."""
    if _has_letter(case, audience):
        return True
    decision = decisions_of(case).get(audience)
    return decision is not None and not decision.tells


def reached_at(case: BreachCase, audience: Audience) -> datetime | None:
    """When the first letter was with this office; what waits, or came back, is not."""
    notices = BreachNotice.objects.filter(
        letter__case=case, letter__audience=audience, state__in=_REACHED
    )
    return notices.order_by("state_at").values_list("state_at", flat=True).first()


def _has_letter(case: BreachCase, audience: Audience) -> bool:
    if audience not in MANY:
        return reached_at(case, audience) is not None
    sent = case.letters.filter(audience=audience, sent_at__isnull=False).exists()
    return sent and not (audience == Audience.TENANTS and _has_untold(case))


def _has_untold(case: BreachCase) -> bool:
    """Whether a business was found after the letter to businesses had left."""
    told = BreachNotice.objects.filter(letter__case=case, tenant_id__isnull=False)
    return case.tenants.exclude(tenant_id__in=told.values("tenant_id")).exists()


def _is_drafted(case: BreachCase) -> bool:
    by_people = set(case.letters.filter(by_machine=False).values_list("audience", flat=True))
    return all(
        audience in by_people or is_told(case, audience)
        for audience in (Audience.AUTHORITY, Audience.SUBJECTS)
    )


_DONE: Final[Mapping[Need, Callable[[BreachCase], bool]]] = MappingProxyType(
    {
        Need.NOTHING: lambda case: False,
        Need.ACKNOWLEDGED: lambda case: case.acknowledged_at is not None,
        Need.SCOPED: lambda case: case.scopes.exists(),
        Need.GRADED: lambda case: bool(case.severity),
        Need.FBR_TOLD: lambda case: is_told(case, Audience.FBR),
        Need.TENANTS_TOLD: lambda case: is_told(case, Audience.TENANTS),
        Need.DECIDED: lambda case: decisions_of(case).keys() == set(Audience),
        Need.DRAFTED: _is_drafted,
        Need.AUTHORITY_TOLD: lambda case: is_told(case, Audience.AUTHORITY),
    }
)
