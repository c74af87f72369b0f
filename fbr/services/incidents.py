"""The register of failures: opened by what happened or by a person, told to FBR, closed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.utils.translation import gettext as _

from accounts import audit, tenancy
from accounts.access import Actor, allow
from accounts.enums import AuditAction, Environment, NoticeKind, Permission
from accounts.models import LegalEntity
from accounts.services import notices
from fbr import deadlines, proofs
from fbr.deadlines import Stage
from fbr.models import Incident, IncidentDocument, IncidentKind, Told
from invoices.models import Invoice
from smartinvoicing.errors import Problem, RuleViolation, StateConflict

# What a person may open; the others the machine finds by itself.
BY_HAND: Final = (IncidentKind.HARDWARE, IncidentKind.GATEWAY_DOWN, IncidentKind.OTHER)


# --- opened -----------------------------------------------------------------------------------


@transaction.atomic
def open_incident(
    *,
    kind: IncidentKind,
    key: str,
    at: datetime,
    actor: Actor,
    invoice_ids: Iterable[UUID] = (),
    why: str = "",
    environment: str = "",
    happened_at: datetime | None = None,
) -> Incident:
    """The open incident of this kind and key, made now if there is none; with these documents.

    environment: FBR's; without it that of the documents, or the one the business is in.
    happened_at: when it began, where that was before anybody knew.
    """
    wanted = list(dict.fromkeys(invoice_ids))
    fresh = Incident(
        tenant_id=tenancy.current_tenant_id(),
        kind=kind,
        key=key[:120],
        environment=environment or _environment_of(wanted),
        happened_at=happened_at or at,
        aware_at=at,
        due_at=deadlines.deadline_after(at),
        opened_by=actor.name,
        why=why[:300],
    )
    Incident.objects.bulk_create([fresh], ignore_conflicts=True)  # two may find it at once
    incident = Incident.objects.select_for_update(of=("self",)).get(
        kind=kind, key=key[:120], closed_at=None
    )
    if incident.pk == fresh.pk:
        audit.record(actor, AuditAction.INCIDENT_OPENED, incident, at=at, kind=kind.value)
    add_documents(incident, wanted)
    remind(incident, at=at)
    return incident


def _environment_of(invoice_ids: list[UUID]) -> str:
    own = Invoice.objects.filter(pk__in=invoice_ids[:1]).values_list("environment", flat=True)
    found = own.first() if invoice_ids else None
    if found is None:
        found = LegalEntity.objects.values_list("environment", flat=True).order_by("pk").first()
    return found or Environment.SANDBOX.value


def add_documents(incident: Incident, invoice_ids: Iterable[UUID]) -> None:
    """Documents that it touched; one that is known already is no second one."""
    rows = [
        IncidentDocument(tenant_id=incident.tenant_id, incident=incident, invoice_id=invoice_id)
        for invoice_id in invoice_ids
    ]
    IncidentDocument.objects.bulk_create(rows, ignore_conflicts=True, batch_size=500)


def was_ever_opened(kind: IncidentKind, key: str) -> bool:
    """Whether there is one, closed ones too: what the machine saw once it does not open again."""
    return Incident.objects.filter(kind=kind, key=key[:120]).exists()


@dataclass(frozen=True, kw_only=True)
class Report:
    """What a person says of a failure that no machine sees."""

    kind: str
    what: str
    happened_at: datetime


@transaction.atomic
def report(*, given: Report, actor: Actor, at: datetime) -> Incident:
    """A till or computer out of order, or something else, as a person tells it.

    Raises: NotAllowed; RuleViolation.
    """
    allow(actor, Permission.ISSUE_INVOICE)
    problems = list(_problems_of_report(given, at))
    if problems:
        raise RuleViolation.of(problems)
    incident = open_incident(
        kind=IncidentKind(given.kind),
        key=f"{actor.name} {at.isoformat()}",
        at=at,
        actor=actor,
        happened_at=given.happened_at,
    )
    Incident.objects.filter(pk=incident.pk).update(what=given.what)
    incident.what = given.what
    return incident


def _problems_of_report(given: Report, at: datetime) -> Iterable[Problem]:
    if given.kind not in BY_HAND:
        yield Problem(
            code="kind",
            field="kind",
            message=_("Say what kind of failure it is."),
            fix=_("Choose one of the list."),
        )
    if not given.what:
        yield Problem(
            code="what",
            field="what",
            message=_("FBR wants to know what happened."),
            fix=_("Write two or three sentences: what failed, where, and since when."),
        )
    if given.happened_at > at:
        yield _in_the_future("happened_at")


def _in_the_future(field: str) -> Problem:
    return Problem(
        code="in_the_future",
        field=field,
        message=_("This time has not come yet."),
        fix=_("Type the time as the clock in Pakistan showed it."),
    )


# --- in hand ----------------------------------------------------------------------------------


@transaction.atomic
def describe(
    *, incident: Incident, what: str, ended_at: datetime | None, actor: Actor, at: datetime
) -> None:
    """What the letter shall say in the words of the business, and when it was over.

    Raises: NotAllowed; RuleViolation; StateConflict once it is closed.
    """
    allow(actor, Permission.SETTLE)
    if ended_at is not None and not incident.happened_at <= ended_at <= at:
        raise RuleViolation.of(
            [
                Problem(
                    code="ended_at",
                    field="ended_at",
                    message=_("It cannot be over before it began, nor in the future."),
                    fix=_("Leave it empty while it lasts."),
                )
            ]
        )
    _locked(incident)
    Incident.objects.filter(pk=incident.pk).update(what=what, ended_at=ended_at)
    audit.record(actor, AuditAction.INCIDENT_CHANGED, incident, at=at)


@dataclass(frozen=True, kw_only=True)
class Sent:
    """How and when FBR was told. proof: a receipt, a screenshot, the sent mail as PDF."""

    how: str
    sent_at: datetime
    reference: str = ""
    late_reason: str = ""
    proof: UploadedFile[Any] | None = None


@transaction.atomic
def note_told(*, incident: Incident, given: Sent, actor: Actor, at: datetime) -> None:
    """FBR was told: how, when and by what it can be shown. The clock stops.

    Raises: NotAllowed; RuleViolation; StateConflict when it was told already.
    """
    allow(actor, Permission.SETTLE)
    current = _locked(incident)
    if current.told_at is not None:
        raise StateConflict(_("It is written down already that FBR was told."))
    problems = list(_problems_of_sent(current, given, at))
    if problems:
        raise RuleViolation.of(problems)
    proof = proofs.store(given.proof, at=at) if given.proof else None
    Incident.objects.filter(pk=incident.pk).update(
        told_at=given.sent_at,
        told_how=given.how,
        told_reference=given.reference,
        told_by=actor.name,
        late_reason=given.late_reason,
        proof_path=proof.path if proof else "",
        proof_sha256=proof.sha256 if proof else "",
        proof_media_type=proof.media_type if proof else "",
    )
    is_late = given.sent_at > current.due_at
    audit.record(actor, AuditAction.INCIDENT_REPORTED, incident, at=at, how=given.how, late=is_late)
    notices.clear(NoticeKind.INCIDENT_DUE, incident, at=at)


def _problems_of_sent(incident: Incident, given: Sent, at: datetime) -> Iterable[Problem]:
    if given.how not in Told.values:
        yield Problem(
            code="how",
            field="how",
            message=_("Say how FBR was told."),
            fix=_("Choose one of the list."),
        )
    if given.sent_at > at:
        yield _in_the_future("sent_at")
    elif given.sent_at < incident.happened_at:
        yield Problem(
            code="before_it_happened",
            field="sent_at",
            message=_("FBR cannot have been told before it happened."),
            fix=_("Type the time at which the letter left."),
        )
    if not given.reference and given.proof is None:
        yield Problem(
            code="no_evidence",
            field="reference",
            message=_("Nothing shows yet that FBR was told."),
            fix=_("Type a reference, or attach the receipt or a screenshot."),
        )
    if given.sent_at > incident.due_at and not given.late_reason:
        yield Problem(
            code="late_reason",
            field="late_reason",
            message=_("The 24 hours were over by then, so FBR will ask why."),
            fix=_("Write the reason; it stands in the register."),
        )


@transaction.atomic
def close(*, incident: Incident, note: str, actor: Actor, at: datetime) -> None:
    """Nothing more is to be done. One that FBR was not told of needs a word why not.

    Raises: NotAllowed; RuleViolation; StateConflict.
    """
    allow(actor, Permission.SETTLE)
    current = _locked(incident)
    if current.told_at is None and not note:
        raise RuleViolation.of(
            [
                Problem(
                    code="note",
                    field="note",
                    message=_("FBR was not told of this one."),
                    fix=_("Write why it need not be, for example that it was only the sandbox."),
                )
            ]
        )
    Incident.objects.filter(pk=incident.pk).update(
        closed_at=at, closed_by=actor.name, closed_note=note
    )
    audit.record(
        actor, AuditAction.INCIDENT_CLOSED, incident, at=at, told=current.told_at is not None
    )
    notices.clear(NoticeKind.INCIDENT_DUE, incident, at=at)


def _locked(incident: Incident) -> Incident:
    """As it is now. Raises: StateConflict once it is closed."""
    current = Incident.objects.select_for_update(of=("self",)).get(pk=incident.pk)
    if current.closed_at is not None:
        raise StateConflict(_("This incident is closed."))
    return current


# --- the clock --------------------------------------------------------------------------------


def remind(incident: Incident, *, at: datetime) -> None:
    """Ring for an incident that FBR has not heard of: when it opens, and at each stage after.

    Runs inside the caller's tenant and transaction. The sandbox is an exercise: no bell rings.
    """
    if incident.environment != Environment.PRODUCTION:
        return
    if incident.told_at is not None or incident.closed_at is not None:
        notices.clear(NoticeKind.INCIDENT_DUE, incident, at=at)
        return
    stage = deadlines.stage_at(incident.due_at, at=at)
    notices.post(
        NoticeKind.INCIDENT_DUE,
        incident,
        at=at,
        due_at=incident.due_at,
        step=stage.value,
        hours=str(int(Stage.OVER) - int(stage)),
        count=str(incident.documents.count()),
    )


def remind_all(*, at: datetime) -> None:
    """Ring for all incidents of the current tenant that FBR has not heard of."""
    with transaction.atomic():
        for incident in Incident.objects.filter(told_at=None, closed_at=None):
            remind(incident, at=at)
