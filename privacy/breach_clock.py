"""The clocks of a breach: which step is due when, and who is told if it is not done. Pure.

Both run from the moment we knew, in UTC, without a pause: nights, weekends and Eid count.
Source: Regulation (EU) 2016/679, art. 33 (72 hours); Sales Tax Rules 2006, rule 150XA(c), (d)
(24 hours, where invoicing is affected).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from django.utils.translation import gettext_lazy as _


class Hears(StrEnum):
    """Who is told."""

    OFFICER = "officer"
    DEPUTY = "deputy"
    SECURITY = "security"
    OWNER = "owner"
    BOARD = "board"


class Need(StrEnum):
    """What a step asks for; `breach_alerts` knows when it is done."""

    NOTHING = "nothing"  # it only tells
    ACKNOWLEDGED = "acknowledged"
    SCOPED = "scoped"
    GRADED = "graded"
    FBR_TOLD = "fbr_told"
    TENANTS_TOLD = "tenants_told"
    DECIDED = "decided"
    DRAFTED = "drafted"
    AUTHORITY_TOLD = "authority_told"


HOURS: Final = timedelta(hours=72)
FBR_HOURS: Final = timedelta(hours=24)
_DESK: Final = (Hears.OFFICER, Hears.DEPUTY, Hears.SECURITY)


@dataclass(frozen=True, kw_only=True)
class Step:
    """Due `hours` after we knew; repeat: until it is done; says: what the alert asks for."""

    name: str
    hours: int
    need: Need
    hears: tuple[Hears, ...]
    says: Any
    repeat: timedelta | None = None
    fbr_only: bool = False


STEPS: Final = (
    Step(
        name="h00_paged",
        hours=0,
        need=Need.NOTHING,
        hears=_DESK,
        says=_("A breach was opened. Keep the evidence and renew the secrets on its lists."),
    ),
    Step(
        name="h01_acknowledge",
        hours=1,
        need=Need.ACKNOWLEDGED,
        hears=(Hears.OWNER,),
        repeat=timedelta(minutes=30),
        says=_("Nobody took this breach in hand."),
    ),
    Step(
        name="h12_scope",
        hours=12,
        need=Need.SCOPED,
        hears=(Hears.OFFICER, Hears.OWNER),
        says=_("Nobody asked the logs yet what it touched."),
    ),
    Step(
        name="h24_severity",
        hours=24,
        need=Need.GRADED,
        hears=(Hears.OWNER,),
        says=_("Nobody said yet how severe it is."),
    ),
    Step(
        name="h24_fbr",
        hours=24,
        need=Need.FBR_TOLD,
        hears=(Hears.OWNER, Hears.OFFICER),
        fbr_only=True,
        says=_("The letter to FBR and the Commissioner must be out by now."),
    ),
    Step(
        name="h36_tenants",
        hours=36,
        need=Need.TENANTS_TOLD,
        hears=(Hears.OWNER,),
        says=_("The businesses whose data it is were not told."),
    ),
    Step(
        name="h48_decision",
        hours=48,
        need=Need.DECIDED,
        hears=(Hears.BOARD,),
        says=_("Nobody decided yet who is told and who is not."),
    ),
    Step(
        name="h60_draft",
        hours=60,
        need=Need.DRAFTED,
        hears=(Hears.OFFICER, Hears.OWNER, Hears.BOARD),
        repeat=timedelta(hours=24),
        says=_("No letter is drafted. One in phases was prepared; meet about it each day."),
    ),
    Step(
        name="h66_warning",
        hours=66,
        need=Need.AUTHORITY_TOLD,
        hears=(Hears.OFFICER, Hears.OWNER),
        says=_("Six hours are left. What is known can be sent now, the rest later."),
    ),
    Step(
        name="h70_warning",
        hours=70,
        need=Need.AUTHORITY_TOLD,
        hears=(Hears.OFFICER, Hears.OWNER, Hears.BOARD),
        says=_("Two hours are left. What is known can be sent now, the rest later."),
    ),
    Step(
        name="h72_missed",
        hours=72,
        need=Need.AUTHORITY_TOLD,
        hears=tuple(Hears),
        repeat=timedelta(hours=4),
        says=_("The 72 hours are over and the authority was not told. Say why, and send."),
    ),
)
BY_NAME: Final = {step.name: step for step in STEPS}


def due_at(step: Step, aware_at: datetime) -> datetime:
    """When this step has to be done."""
    return aware_at + timedelta(hours=step.hours)


def ends_at(aware_at: datetime) -> datetime:
    """The end of the 72 hours."""
    return aware_at + HOURS


def fbr_ends_at(aware_at: datetime) -> datetime:
    """The end of the 24 hours that FBR gives."""
    return aware_at + FBR_HOURS


def steps_of(*, touches_invoicing: bool, is_processor: bool) -> Iterator[Step]:
    """The steps that a breach has: FBR's where invoicing is affected, tenants' as processor."""
    for step in STEPS:
        if step.fbr_only and not touches_invoicing:
            continue
        if step.need == Need.TENANTS_TOLD and not is_processor:
            continue
        yield step


def is_over(deadline: datetime, *, at: datetime) -> bool:
    """At the instant itself the time is up."""
    return at >= deadline
