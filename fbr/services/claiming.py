""" "FBR does not have it": said by one person, confirmed by another, and only then sent again.

The database keeps the same rules by its own clock (migration 0010): two different people, thirty
minutes after the send had ended, about this very send. In a business of one the second person is
a witness from the platform, a day later, and the first one has shown the second factor.
Source: reliability contract, 5.2.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from accounts import access, audit, selectors, staff, tenancy, texts
from accounts.access import Actor, allow
from accounts.enums import AuditAction, Desk, NoticeKind, Permission
from accounts.models import User
from accounts.services import notices
from fbr import doubts
from fbr.models import Claim, Evidence, Outbox, Statement, WitnessRequest
from fbr.models.evidence import EvidenceKind, Standing, Verdict
from fbr.models.work import WorkState
from fbr.outcomes import Hold
from fbr.services.proving import LONGEST_NOTE, evidence_row, locked, person_behind, problem
from invoices import lifecycle
from invoices.enums import State
from invoices.models import Invoice
from smartinvoicing import clock
from smartinvoicing.errors import NotAllowed, RuleViolation, StateConflict
from smartinvoicing.pg import rows
from smartinvoicing.templatetags.formats import karachi_time

_SETTLING: Final = frozenset(
    role for role, permissions in access.MAY.items() if Permission.SETTLE in permissions
)


def is_alone(person: UUID) -> bool:
    """Whether nobody else in the business may settle a document."""
    members = selectors.members().filter(role__in=_SETTLING, user__is_active=True)
    return not members.exclude(user_id=person).exists()


@transaction.atomic
def claim_missing(
    *,
    invoice: Invoice,
    why: str,
    actor: Actor,
    at: datetime,
    statement: Statement | None = None,
    has_factor: bool = False,
) -> Claim:
    """Say that FBR does not have it. Nothing is sent until somebody else says so too.

    why:        where one looked, and what was seen.
    statement:  a list from FBR that covers the day and does not hold the document.
    has_factor: whether the person has just shown a second factor.

    Raises: NotAllowed; RuleViolation; StateConflict when it is settled, or said already.
    """
    allow(actor, Permission.SETTLE)
    why, person = texts.clean(why), person_behind(actor)
    document = locked(invoice, State.UNCERTAIN)
    _refuse_claim(document, why)
    alone = _is_alone_with_factor(person, has_factor=has_factor)
    evidence = _absence(document, statement, actor, at) if statement is not None else None
    claim = Claim(
        tenant_id=document.tenant_id,
        invoice=document,
        attempt=doubts.last_attempt(document),
        verdict=Verdict.NOT_AT_FBR,
        why=why,
        evidence=evidence,
        made_at=at,
        made_by=actor.name,
        made_person=person,
        is_alone=alone,
        ripe_at=at,
    )
    rows.insert(claim)
    claim.refresh_from_db()  # the database says when it is ripe
    _tell(claim, actor, at)
    return claim


def _is_alone_with_factor(person: UUID, *, has_factor: bool) -> bool:
    """Whether the person is alone here; then the second factor was shown.

    Raises: NotAllowed where it was not.
    """
    alone = is_alone(person)
    if alone and not has_factor:
        raise NotAllowed(
            _("Nobody else here can confirm it. Say it in the portal, with your second factor.")
        )
    return alone


def _tell(claim: Claim, actor: Actor, at: datetime) -> None:
    """The trail, the second person, and in a business of one the witness."""
    document = claim.invoice
    audit.record(
        actor,
        AuditAction.CLAIM_MADE,
        document,
        at=at,
        verdict=str(claim.verdict),
        alone=claim.is_alone,
    )
    notices.post(NoticeKind.CLAIM_WAITS, document, at=at, number=document.number)
    if claim.is_alone:
        _ask_for_witness(claim, at)


def _refuse_claim(invoice: Invoice, why: str) -> None:
    if doubts.said_yes(invoice) is not None:
        raise RuleViolation(_("FBR itself has answered that it has this document."))
    if doubts.open_claim(invoice) is not None:
        raise StateConflict(_("Somebody said so already; a second person is asked."))
    if not why:
        words = _("It is not said where you looked.")
        fix = _("Say where: which list in IRIS, of which days, and what you searched for.")
        raise RuleViolation.of([problem("why", "missing", words, fix)])
    if len(why) > LONGEST_NOTE:
        fix = _("Say it in at most %(most)d characters.") % {"most": LONGEST_NOTE}
        raise RuleViolation.of([problem("why", "too_long", _("The text is too long."), fix)])


def _absence(invoice: Invoice, statement: Statement, actor: Actor, at: datetime) -> Evidence:
    """The list as evidence: of the right business, days and time.

    Raises: RuleViolation, where it proves nothing.
    """
    if statement.pk not in {each.pk for each in doubts.covering(invoice)}:
        raise RuleViolation(_("This list does not cover the day of the document."))
    if statement.uploaded_at < doubts.sure_from(invoice):
        raise RuleViolation(_("This list is older than the send, or too fresh: get a new one."))
    row = evidence_row(invoice, EvidenceKind.ABSENT, by=actor, at=at)
    row.statement = statement
    rows.insert(row)
    audit.record(actor, AuditAction.EVIDENCE_ADDED, invoice, at=at, kind=str(row.kind))
    return row


def _ask_for_witness(claim: Claim, at: datetime) -> None:
    WitnessRequest(
        business=claim.tenant_id,
        claim=claim.pk,
        number=claim.invoice.number,
        environment=claim.invoice.environment,
        asked_at=at,
        ripe_at=claim.ripe_at,
    ).save(force_insert=True)


# --- confirmed --------------------------------------------------------------------------------


@transaction.atomic
def confirm(*, claim: Claim, actor: Actor, at: datetime) -> None:
    """A second person looked and says so too: the very same bytes go into the queue again.

    Raises: NotAllowed; RuleViolation while it is too early; StateConflict.
    """
    allow(actor, Permission.SETTLE)
    if actor.user_id is None:
        raise NotAllowed(_("Only a person can be the second one to say so."))
    if actor.user_id == claim.made_person:
        raise NotAllowed(_("You, or a program with your key, said it first. Ask somebody else."))
    _confirm(claim, actor, Standing.MEMBER, at)


@transaction.atomic
def witness(*, request: WitnessRequest, user: User, at: datetime) -> None:
    """Somebody of the platform confirms for a business of one, a day later.

    Raises: NotAllowed; RuleViolation while it is too early; StateConflict.
    """
    staff.allow(user, Desk.LOOK_AT_TENANTS)
    with tenancy.in_tenant(request.business):
        claim = doubts.claim(request.claim)
        if user.pk == claim.made_person:
            raise NotAllowed(_("Nobody is a witness to what they said themselves."))
        agent = Actor(name=f"user:{user.pk}", permissions=frozenset(), user_id=user.pk)
        _confirm(claim, agent, Standing.WITNESS, at)


def _confirm(claim: Claim, actor: Actor, standing: Standing, at: datetime) -> None:
    document = locked(claim.invoice, State.UNCERTAIN)
    claim = Claim.objects.select_for_update(of=("self",)).get(pk=claim.pk)
    if claim.confirmed_at is not None or claim.withdrawn_at is not None:
        raise StateConflict(_("It was confirmed or taken back meanwhile. Look again."))
    if doubts.said_yes(document) is not None:
        raise RuleViolation(_("FBR itself has answered that it has this document."))
    last = doubts.last_attempt(document)
    if (last and last.pk) != claim.attempt_id:
        raise StateConflict(_("It was sent again meanwhile. Take this back and look again."))
    _refuse_haste(claim, document)
    to: dict[str, Any] = {
        "confirmed_at": at,
        "confirmed_by": actor.name,
        "confirmed_person": actor.user_id,
        "confirmed_as": standing,
    }
    rows.update(Claim, where={"id": claim.pk, "confirmed_at": None}, to=to)
    _requeue(document, actor=actor, at=at)
    close_request(claim, by=actor.name, at=at)
    audit.record(
        actor,
        AuditAction.CLAIM_CONFIRMED,
        document,
        at=at,
        verdict=str(claim.verdict),
        standing=str(standing),
    )
    notices.clear(NoticeKind.UNCERTAIN, document, at=at)
    notices.clear(NoticeKind.CLAIM_WAITS, document, at=at)


def _refuse_haste(claim: Claim, invoice: Invoice) -> None:
    """FBR's portal shows a document minutes after it was recorded; haste would report it twice."""
    ripe_at = max(claim.ripe_at, doubts.sure_from(invoice))
    if clock.database_now() < ripe_at:
        words = _("It is too early: what FBR recorded may not be shown yet. Confirm after %(at)s.")
        raise RuleViolation(words % {"at": karachi_time(ripe_at)})


def _requeue(invoice: Invoice, *, actor: Actor, at: datetime) -> None:
    """The same work with the same bytes waits again; its attempts stay, the next counts on."""
    note = _("Two people say that FBR does not have it.")
    lifecycle.transition(invoice, State.QUEUED, actor=actor, at=at, note=note)
    work = Outbox.objects.defer("body").filter(invoice=invoice, state=WorkState.STOPPED).first()
    if work is None:
        raise RuntimeError(f"the uncertain document {invoice.pk} has no stopped work")
    waiting = {
        "state": WorkState.WAITING,
        "hold_reason": "" if work.credential_id else Hold.CREDENTIAL,
        "run_after": at,
    }
    rows.update(Outbox, where={"id": work.pk}, to=waiting)


# --- taken back -------------------------------------------------------------------------------


@transaction.atomic
def withdraw(*, claim: Claim, actor: Actor, at: datetime) -> None:
    """Whoever may settle may end a claim that nobody confirmed.

    Raises: NotAllowed; StateConflict.
    """
    allow(actor, Permission.SETTLE)
    locked(claim.invoice)
    take_back(claim, actor=actor, at=at)


def take_back(claim: Claim, *, actor: Actor, at: datetime) -> None:
    """End an open claim, in the caller's transaction; the witness is not asked any more."""
    to = {"withdrawn_at": at, "withdrawn_by": actor.name}
    where = {"id": claim.pk, "confirmed_at": None, "withdrawn_at": None}
    if not rows.update(Claim, where=where, to=to):
        raise StateConflict(_("It was confirmed or taken back meanwhile. Look again."))
    close_request(claim, by=actor.name, at=at)
    notices.clear(NoticeKind.CLAIM_WAITS, claim.invoice, at=at)
    audit.record(
        actor, AuditAction.CLAIM_WITHDRAWN, claim.invoice, at=at, verdict=str(claim.verdict)
    )


def close_request(claim: Claim, *, by: str, at: datetime) -> None:
    """A claim that has ended asks for no witness."""
    request = doubts.witness_request(claim.pk)
    if request is not None and request.closed_at is None:
        request.closed_at, request.closed_by = at, by
        request.save(update_fields=["closed_at", "closed_by"])
