"""The register of breaches: opened, revised, graded, decided, signed and closed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from accounts import four_eyes, staff, tenancy
from accounts.access import Actor
from accounts.enums import Desk, StaffAction
from accounts.models import Approval, User
from fbr.models import IncidentKind
from fbr.services import incidents
from privacy import breach_clock, breach_grading, breach_letters
from privacy.models import (
    Audience,
    BreachCase,
    BreachDecision,
    BreachStep,
    BreachTenant,
    Severity,
    StepKind,
)
from privacy.services import breach_steps, desk
from privacy.services.breach_revisions import (
    change,
    locked,
    problem,
    problems_of_ranges,
    told,
    write_down,
)
from smartinvoicing.errors import Problem, RuleViolation, StateConflict

MOVE: Final = "move_aware_at"  # the deed for which a second person is asked
TASK: Final = "breach"
# What an officer may write anew while the case is open; the rest is changed by deeds of its own.
EDITABLE: Final = frozenset(
    {
        *("title", "occurred_at", "detected_at", "hat", "is_confidentiality", "is_integrity"),
        *("is_availability", "touches_invoicing", "data_classes", "what", "subjects_low"),
        *("subjects_high", "records_low", "records_high", "likely_harm", "measures"),
        *("root_cause", "lessons", "late_reason"),
    }
)


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What is known when a case is opened. `_high` is None while nobody can say."""

    title: str
    detected_at: datetime
    aware_at: datetime
    hat: str
    occurred_at: datetime | None = None
    is_confidentiality: bool = False
    is_integrity: bool = False
    is_availability: bool = False
    touches_invoicing: bool = False
    data_classes: tuple[str, ...] = ()
    what: str = ""
    subjects_low: int = 0
    subjects_high: int | None = None
    records_low: int = 0
    records_high: int | None = None
    likely_harm: str = ""
    measures: str = ""


# --- opened -----------------------------------------------------------------------------------


@transaction.atomic
def open_case(
    *, given: Facts, by: User, at: datetime, tenant_ids: Iterable[UUID] = ()
) -> BreachCase:
    """Write a breach down; from its `aware_at` the clocks run and all alarms are set.

    tenant_ids: businesses whose data it is. Where invoicing is affected, FBR's own register of
                incidents is opened for each of them, with its 24 hours and its letter.
    Raises: NotAllowed; RuleViolation.
    """
    staff.allow(by, Desk.WORK_BREACHES)
    problems = list(_problems_of(given, at))
    if problems:
        raise RuleViolation.of(problems)
    known = {**asdict(given), "data_classes": list(given.data_classes)}
    case = BreachCase(**known, created_at=at, opened_by=staff.name_of(by))
    case.save(force_insert=True)
    write_down(case, {}, told(known), by=by, at=at, why="")
    _lay_lists(case)
    staff.record(by, StaffAction.ADDED, case, at=at, touches_invoicing=given.touches_invoicing)
    breach_steps.set_all(case, at=at)
    add_tenants(case=case, tenant_ids=tenant_ids, by=by, at=at)
    desk.open_task(
        TASK,
        str(case.pk),
        title=_("Breach: %(reference)s") % {"reference": breach_letters.reference_of(case)},
        at=at,
        url=case.get_absolute_url(),
        due_at=breach_clock.ends_at(case.aware_at),
    )
    return case


def _problems_of(given: Facts, at: datetime) -> Iterator[Problem]:
    if not given.title.strip():
        yield problem("title", _("Say in a few words what it is."), _("No names of persons."))
    if given.aware_at > at:
        yield problem("aware_at", _("This time has not come yet."), _("Type when we knew of it."))
    if given.detected_at > given.aware_at:
        yield problem(
            "detected_at",
            _("Nobody knows of a thing before it is detected."),
            _("Type the earlier of both times here."),
        )
    if given.occurred_at is not None and given.occurred_at > given.detected_at:
        yield problem(
            "occurred_at",
            _("It cannot have been detected before it happened."),
            _("Leave it empty while nobody can say."),
        )
    if not (given.is_confidentiality or given.is_integrity or given.is_availability):
        yield problem("nature", _("Say what was hurt."), _("Tick at least one of the three."))
    yield from problems_of_ranges(asdict(given))


def _lay_lists(case: BreachCase) -> None:
    """Evidence to be kept and secrets to be renewed."""
    lists = (
        (StepKind.EVIDENCE, breach_grading.EVIDENCE),
        (StepKind.CREDENTIAL, breach_grading.CREDENTIALS),
    )
    BreachStep.objects.bulk_create(
        BreachStep(case=case, kind=kind, name=name) for kind, names in lists for name in names
    )


@transaction.atomic
def add_tenants(
    *, case: BreachCase, tenant_ids: Iterable[UUID], by: User, at: datetime
) -> list[BreachTenant]:
    """Businesses that it touches, and FBR's clock for each where invoicing is affected.

    Raises: NotAllowed; StateConflict once it is closed.
    """
    staff.allow(by, Desk.WORK_BREACHES)
    current = locked(case)
    known = set(current.tenants.values_list("tenant_id", flat=True))
    fresh = [
        BreachTenant(case=current, tenant_id=tenant_id, since=at)
        for tenant_id in dict.fromkeys(tenant_ids)
        if tenant_id not in known
    ]
    for row in fresh:
        row.save(force_insert=True)
        staff.record(by, StaffAction.ADDED, row, at=at, tenant_id=row.tenant_id)
    _open_incidents(current, at=at)
    breach_steps.settle(current, at=at)
    return fresh


def _open_incidents(case: BreachCase, *, at: datetime) -> None:
    """Each business's own report to FBR; its day runs from when we knew."""
    if not case.touches_invoicing:
        return
    for row in case.tenants.filter(incident_id=None).order_by("tenant_id"):
        with tenancy.in_tenant(row.tenant_id):
            incident = incidents.open_incident(
                kind=IncidentKind.OTHER,
                key=f"breach {case.pk}",
                at=case.aware_at,
                actor=Actor.system("breach"),
                happened_at=case.occurred_at,
                why=breach_letters.reference_of(case),
            )
            incidents.remind(incident, at=at)
        BreachTenant.objects.filter(pk=row.pk).update(incident_id=incident.pk)


# --- changed ----------------------------------------------------------------------------------


@transaction.atomic
def revise(
    *, case: BreachCase, to: Mapping[str, Any], why: str, by: User, at: datetime
) -> BreachCase:
    """Write facts anew; what they were stays in the revision. A signature falls with it.

    Raises: NotAllowed; RuleViolation; StateConflict once it is closed.
    """
    staff.allow(by, Desk.WORK_BREACHES)
    unknown = to.keys() - EDITABLE
    if unknown:
        raise ValueError(f"{sorted(unknown)} are no facts that are written anew.")
    changed = change(case, to, by=by, at=at, why=why)
    breach_steps.set_all(changed, at=at)
    _open_incidents(changed, at=at)
    breach_steps.settle(changed, at=at)
    return changed


# --- the moment we knew -----------------------------------------------------------------------


def ask_earlier(
    *, case: BreachCase, aware_at: datetime, why: str, by: User, at: datetime
) -> Approval:
    """Ask a second person to agree that we knew earlier.

    Raises: NotAllowed; RuleViolation for a later time, or without a reason.
    """
    staff.allow(by, Desk.WORK_BREACHES)
    _refuse_later(case, aware_at)
    return four_eyes.ask(MOVE, case, digest=_digest(case, aware_at), why=why, by=by, at=at)


@transaction.atomic
def move_aware_at(
    *, case: BreachCase, aware_at: datetime, why: str, by: User, at: datetime
) -> BreachCase:
    """Write down that we knew earlier, as a second person agreed; all clocks move with it.

    Raises: NotAllowed when nobody agreed to exactly this; RuleViolation for a later time.
    """
    staff.allow(by, Desk.WORK_BREACHES)
    _refuse_later(case, aware_at)
    if not why.strip():
        raise RuleViolation(_("Say why we knew earlier."))
    four_eyes.spend(MOVE, case, digest=_digest(case, aware_at), by=by, at=at)
    earlier = {"aware_at": aware_at}
    if case.detected_at > aware_at:
        earlier["detected_at"] = aware_at
    changed = change(case, earlier, by=by, at=at, why=why)
    breach_steps.set_all(changed, at=at)
    breach_steps.settle(changed, at=at)
    return changed


def _refuse_later(case: BreachCase, aware_at: datetime) -> None:
    if aware_at >= case.aware_at:
        raise RuleViolation(_("The moment when we knew moves only to an earlier one."))


def _digest(case: BreachCase, aware_at: datetime) -> str:
    return four_eyes.digest_of(case=case.pk, was=case.aware_at.isoformat(), to=aware_at.isoformat())


# --- worked on --------------------------------------------------------------------------------


@transaction.atomic
def acknowledge(*, case: BreachCase, by: User, at: datetime) -> BreachCase:
    """Somebody takes it in hand: the paging of the owner ends.

    Raises: NotAllowed; StateConflict when somebody did already.
    """
    staff.allow(by, Desk.WORK_BREACHES)
    if locked(case).acknowledged_at is not None:
        raise StateConflict(_("Somebody took this in hand already."))
    to = {"acknowledged_at": at, "acknowledged_by": staff.name_of(by)}
    changed = change(case, to, by=by, at=at)
    breach_steps.settle(changed, at=at)
    return changed


@transaction.atomic
def tick(*, step: BreachStep, note: str, by: User, at: datetime) -> None:
    """One line of the lists is done.

    Raises: NotAllowed; StateConflict when it was ticked already.
    """
    staff.allow(by, Desk.WORK_BREACHES)
    locked(step.case)
    done = {"done_at": at, "done_by": staff.name_of(by), "note": note[:300]}
    if not BreachStep.objects.filter(pk=step.pk, done_at=None).update(**done):
        raise StateConflict(_("This was ticked already."))
    staff.record(by, StaffAction.CHANGED, step, at=at, step=step.name)


@transaction.atomic
def grade(*, case: BreachCase, severity: str, why: str, by: User, at: datetime) -> BreachCase:
    """How severe it is, and why; who must be told follows from it.

    Raises: NotAllowed; RuleViolation without a reason.
    """
    staff.allow(by, Desk.WORK_BREACHES)
    if severity not in Severity.values or not why.strip():
        raise RuleViolation(_("Choose a severity and say why."))
    changed = change(case, {"severity": severity, "severity_why": why.strip()}, by=by, at=at)
    breach_steps.settle(changed, at=at)
    return changed


@transaction.atomic
def decide(
    *, case: BreachCase, audience: str, tells: bool, why: str, by: User, at: datetime
) -> BreachDecision:
    """Whether this audience is told, with the reason; a later decision replaces it.

    Raises: NotAllowed; RuleViolation without a reason or a severity, or where law leaves no
            choice; StateConflict once it is closed.
    """
    staff.allow(by, Desk.SIGN_BREACHES)
    current = locked(case)
    if audience not in Audience.values or not why.strip():
        raise RuleViolation(_("Choose an audience and say why it is told or not."))
    if not current.severity:
        raise RuleViolation(_("Say first how severe it is; who must be told follows from it."))
    if audience == Audience.FBR and current.touches_invoicing and not tells:
        raise RuleViolation(_("FBR is told of each incident of the invoicing system."))
    decision = BreachDecision.objects.create(
        case=current,
        audience=audience,
        tells=tells,
        why=why.strip()[:1000],
        at=at,
        who=staff.name_of(by),
    )
    _drop_signature(current, by=by, at=at)
    staff.record(by, StaffAction.DECIDED, decision, at=at, audience=audience, tells=tells)
    breach_steps.settle(current, at=at)
    return decision


def _drop_signature(case: BreachCase, *, by: User, at: datetime) -> None:
    """What was signed was something else."""
    if case.signed_at is not None:
        change(case, {"signed_at": None, "signed_by": ""}, by=by, at=at)
