"""Assessments and switches, reviews of security and what they found, the officer."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Final

from django.db import transaction
from django.utils.translation import gettext as _

from accounts import four_eyes, staff
from accounts.enums import Desk, StaffAction, StaffRole
from accounts.models import Approval, User
from accounts.services import trainings
from privacy import selectors
from privacy.models import Dpia, Dpo, FeatureFlag, Finding, Residual, SecurityReview
from privacy.services import register_alarms
from smartinvoicing import clock
from smartinvoicing.errors import NotAllowed, NotFound, RuleViolation, StateConflict

APPROVE: Final = "approve_dpia"


# --- impact assessments -----------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Thought:
    """What an assessment says."""

    feature: str
    necessity: str
    risks: str
    measures: str
    residual: Residual


@transaction.atomic
def write_dpia(*, given: Thought, by: User, at: datetime) -> Dpia:
    """Raises: NotAllowed; RuleViolation where something is not said."""
    staff.allow(by, Desk.KEEP_REGISTERS)
    known = {name: str(value).strip() for name, value in asdict(given).items()}
    if not all(known.values()):
        raise RuleViolation(_("Each question has to be answered."))
    dpia = Dpia(**known, written_at=at, written_by=by)
    dpia.save(force_insert=True)
    staff.record(by, StaffAction.ADDED, dpia, at=at)
    return dpia


@transaction.atomic
def give_opinion(*, dpia: Dpia, opinion: str, by: User, at: datetime) -> None:
    """What the privacy officer says of it. Changed, it has to be agreed to anew.

    Raises: NotAllowed for anybody else; RuleViolation; StateConflict once it is approved.
    """
    staff.allow(by, Desk.KEEP_REGISTERS)
    if StaffRole.PRIVACY_OFFICER not in staff.roles_of(by):
        raise NotAllowed(_("Only a privacy officer gives this opinion."))
    if not opinion.strip():
        raise RuleViolation(_("Each question has to be answered."))
    changed = Dpia.objects.filter(pk=dpia.pk, approved_at=None, withdrawn_at=None)
    if not changed.update(opinion=opinion.strip()):
        raise StateConflict(_("This was approved, or withdrawn. Write a new one."))
    staff.record(by, StaffAction.DECIDED, dpia, at=at)


@transaction.atomic
def ask_approval(*, dpia: Dpia, why: str, by: User, at: datetime) -> Approval:
    """Ask a second person to agree to exactly these words.

    Raises: NotAllowed; RuleViolation; StateConflict.
    """
    staff.allow(by, Desk.KEEP_REGISTERS)
    held = _fresh(dpia)
    if held.written_by_id != by.pk:
        raise NotAllowed(_("Whoever wrote it asks for its approval."))
    return four_eyes.ask(APPROVE, held, digest=_digest(held), why=why, by=by, at=at)


@transaction.atomic
def approve(*, dpia: Dpia, by: User, at: datetime) -> None:
    """It counts from now on, for a year; a second person agreed to exactly these words.

    Raises: NotAllowed; RuleViolation; StateConflict.
    """
    staff.allow(by, Desk.KEEP_REGISTERS)
    held = _fresh(dpia)
    agreed = four_eyes.spend(APPROVE, held, digest=_digest(held), by=by, at=at)
    held.approved_at = at
    held.approved_by = agreed.answered_by
    held.review_on = trainings.ends_on(clock.karachi_date(at))
    held.save(update_fields=["approved_at", "approved_by", "review_on"])
    staff.record(by, StaffAction.DECIDED, held, at=at, approved=True)
    register_alarms.of_dpia(held, at=at)


@transaction.atomic
def withdraw_dpia(*, dpia: Dpia, why: str, by: User, at: datetime) -> None:
    """It counts no more; what hangs on it is switched off.

    Raises: NotAllowed; RuleViolation without a reason; StateConflict.
    """
    staff.allow(by, Desk.KEEP_REGISTERS)
    if not why.strip():
        raise RuleViolation(_("Say why."))
    if not Dpia.objects.filter(pk=dpia.pk, withdrawn_at=None).update(withdrawn_at=at):
        raise StateConflict(_("This was withdrawn before."))
    dpia.refresh_from_db()
    for flag in FeatureFlag.objects.filter(dpia=dpia, is_on=True, is_high_risk=True):
        _switch(flag, None, is_on=False, at=at)
    staff.record(by, StaffAction.CLOSED, dpia, at=at, why=why)
    register_alarms.of_dpia(dpia, at=at)


def _fresh(dpia: Dpia) -> Dpia:
    """Raises: RuleViolation where it cannot be approved; StateConflict where it was."""
    held: Dpia = Dpia.objects.select_for_update(of=("self",)).get(pk=dpia.pk)
    if held.approved_at is not None or held.withdrawn_at is not None:
        raise StateConflict(_("This was approved, or withdrawn. Write a new one."))
    if not held.opinion:
        raise RuleViolation(_("The privacy officer has not said what they think."))
    if held.residual == Residual.HIGH:
        raise RuleViolation(_("With a high risk left it is not approved: do more against it."))
    return held


def _digest(dpia: Dpia) -> str:
    words = ("feature", "necessity", "risks", "measures", "residual", "opinion")
    return four_eyes.digest_of(dpia=dpia.pk, **{name: getattr(dpia, name) for name in words})


# --- switches ---------------------------------------------------------------------------------


@transaction.atomic
def switch_on(*, flag: FeatureFlag, dpia: Dpia | None, by: User, at: datetime) -> None:
    """Raises: NotAllowed; RuleViolation without a basis, or of a high risk in production without
    an assessment that was approved and still counts.
    """
    staff.allow(by, Desk.KEEP_REGISTERS)
    if not flag.basis:
        raise RuleViolation(_("Without a legal basis it stays off."))
    in_danger = flag.is_high_risk and flag.environment == "production"
    if in_danger and (dpia is None or not selectors.counting(at=at).filter(pk=dpia.pk).exists()):
        raise RuleViolation(
            _("A switch of high risk needs an approved impact assessment that still counts.")
        )
    _switch(flag, dpia, is_on=True, at=at)
    staff.record(by, StaffAction.CHANGED, flag, at=at, on=True, where=flag.environment)


@transaction.atomic
def switch_off(*, flag: FeatureFlag, why: str, by: User, at: datetime) -> None:
    """Raises: NotAllowed."""
    staff.allow(by, Desk.KEEP_REGISTERS)
    _switch(flag, None, is_on=False, at=at)
    staff.record(by, StaffAction.CHANGED, flag, at=at, why=why, on=False, where=flag.environment)


def _switch(flag: FeatureFlag, dpia: Dpia | None, *, is_on: bool, at: datetime) -> None:
    held = FeatureFlag.objects.select_for_update(of=("self",)).get(pk=flag.pk)
    held.is_on, held.dpia, held.changed_at = is_on, dpia, at
    held.save(update_fields=["is_on", "dpia", "changed_at"])


# --- reviews of security ----------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Look:
    """One review."""

    kind: str
    scope: str
    done_on: date
    done_by: str
    summary: str
    next_on: date


@transaction.atomic
def write_review(*, given: Look, by: User, at: datetime) -> SecurityReview:
    """Raises: NotAllowed; RuleViolation of days that cannot be."""
    staff.allow(by, Desk.KEEP_REGISTERS)
    if given.done_on > clock.karachi_date(at) or given.next_on <= given.done_on:
        raise RuleViolation(_("It was done before today, and the next one comes after it."))
    review = SecurityReview(**asdict(given), written_at=at)
    review.save(force_insert=True)
    staff.record(by, StaffAction.ADDED, review, at=at)
    register_alarms.of_review(review, at=at)
    return review


@transaction.atomic
def write_finding(
    *,
    review: SecurityReview,
    what: str,
    severity: str,
    owner: str,
    due_on: date,
    by: User,
    at: datetime,
) -> Finding:
    """A weakness that the review found. owner: the address of one of ours.

    Raises: NotAllowed; NotFound; RuleViolation.
    """
    staff.allow(by, Desk.KEEP_REGISTERS)
    if not what.strip():
        raise RuleViolation(_("Each question has to be answered."))
    finding = Finding(
        review=review,
        what=what.strip(),
        severity=severity,
        owner=of_ours(owner),
        due_on=due_on,
        written_at=at,
    )
    finding.save(force_insert=True)
    staff.record(by, StaffAction.ADDED, finding, at=at, severity=severity)
    register_alarms.of_finding(finding, at=at)
    return finding


@transaction.atomic
def close_finding(*, finding: Finding, how: str, by: User, at: datetime) -> None:
    """Raises: NotAllowed; RuleViolation without a word how; StateConflict when it is closed."""
    staff.allow(by, Desk.KEEP_REGISTERS)
    if not how.strip():
        raise RuleViolation(_("Say how it was closed."))
    changed = Finding.objects.filter(pk=finding.pk, closed_at=None)
    if not changed.update(closed_at=at, how=how.strip()[:300]):
        raise StateConflict(_("This is closed."))
    finding.refresh_from_db()
    staff.record(by, StaffAction.CLOSED, finding, at=at)
    register_alarms.of_finding(finding, at=at)


# --- the officer ------------------------------------------------------------------------------


@transaction.atomic
def appoint(
    *, person: str, deputy: str, contact: str, conflicts: str, by: User, at: datetime
) -> Dpo:
    """Who is data protection officer from now on, instead of whoever was. By their addresses.

    Raises: NotAllowed; NotFound; RuleViolation for one without the role, or without a deputy.
    """
    staff.allow(by, Desk.KEEP_REGISTERS)
    officer, second = of_ours(person), of_ours(deputy)
    if officer.pk == second.pk:
        raise RuleViolation(_("The deputy is somebody else."))
    if StaffRole.PRIVACY_OFFICER not in staff.roles_of(officer):
        raise RuleViolation(_("They have to sit as privacy officer first."))
    if not (contact.strip() and conflicts.strip()):
        raise RuleViolation(_("Each question has to be answered."))
    Dpo.objects.filter(until=None).update(until=at)
    row = Dpo(
        person=officer,
        deputy=second,
        contact=contact.strip(),
        conflicts=conflicts.strip(),
        since=at,
    )
    row.save(force_insert=True)
    staff.record(by, StaffAction.ADDED, row, at=at)
    register_alarms.of_office(at=at)
    return row


@transaction.atomic
def step_down(*, row: Dpo, why: str, by: User, at: datetime) -> None:
    """Nobody is officer from now on; a day later the desk rings.

    Raises: NotAllowed; RuleViolation without a reason; StateConflict.
    """
    staff.allow(by, Desk.KEEP_REGISTERS)
    if not why.strip():
        raise RuleViolation(_("Say why."))
    if not Dpo.objects.filter(pk=row.pk, until=None).update(until=at):
        raise StateConflict(_("This is over."))
    staff.record(by, StaffAction.CLOSED, row, at=at, why=why)
    register_alarms.of_office(at=at)


def of_ours(email: str) -> User:
    """Raises: NotFound."""
    person = User.objects.filter(email=email.strip().lower(), is_active=True, is_staff=True).first()
    if person is None:
        raise NotFound(_("Nobody of ours has this address."))
    return person
