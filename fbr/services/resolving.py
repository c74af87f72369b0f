"""Documents of which nobody knows whether FBR has them: settled by evidence, never by time.

"FBR has it" needs proof and one person, or FBR's own late answer. "FBR does not have it" needs two
people (`claiming`). The locks are taken in the order of the sender: first the work, then the
document.
Source: reliability contract, 5; DI API reference, 5.7 and 5.8.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.core.files.uploadedfile import UploadedFile
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from accounts import audit, texts
from accounts.access import Actor, allow
from accounts.enums import AuditAction, NoticeKind, Permission
from accounts.services import notices
from fbr import doubts, proofs
from fbr.models import Attempt, Claim, Evidence, Outbox, StatementRow
from fbr.models.evidence import EvidenceKind, Verdict
from fbr.models.work import Call, WorkState
from fbr.outcomes import Hold, Outcome, Reading
from fbr.services import alerts, claiming, doubles, duplicates
from fbr.services.proving import (
    LONGEST_NOTE,
    copy_it,
    evidence_row,
    locked,
    person_behind,
    problem,
)
from fbr.wire import NUMBER_LIMIT
from invoices import lifecycle
from invoices.enums import State
from invoices.models import Invoice
from smartinvoicing.errors import Problem, RuleViolation
from smartinvoicing.pg import rows

logger = logging.getLogger(__name__)

LONGEST_DATED: Final = 40
# The way of a document that FBR took by an earlier send than the last one.
_TO_UNCERTAIN: Final[Mapping[State, tuple[State, ...]]] = {
    State.REJECTED: (State.QUEUED, State.SUBMITTING, State.UNCERTAIN),
    State.QUEUED: (State.SUBMITTING, State.UNCERTAIN),
}
_NO_NUMBER: Final = frozenset({"null", "none", "nil", "n/a", "-", "0"})


@dataclass(frozen=True, kw_only=True)
class Found:
    """What a person or a program read in IRIS. note: where; a reference, where there is no file."""

    number: str
    dated: str = ""
    note: str = ""


# --- uncertain --------------------------------------------------------------------------------


def entered(invoice: Invoice, at: datetime) -> None:
    """`invoice` has just become uncertain: its people hear of it at once."""
    notices.post(NoticeKind.UNCERTAIN, invoice, at=at, number=invoice.number)


# --- FBR has it -------------------------------------------------------------------------------


@transaction.atomic
def settle_found(
    *, invoice: Invoice, found: Found, proof: UploadedFile[Any] | None, actor: Actor, at: datetime
) -> None:
    """FBR has it under the number that somebody read there, with a picture or a reference of it.

    Raises: NotAllowed; RuleViolation naming the field; StateConflict when it is settled already.
    """
    allow(actor, Permission.SETTLE)
    found = Found(
        number=texts.clean(found.number),
        dated=texts.clean(found.dated),
        note=texts.clean(found.note),
    )
    problems = list(_problems_of(found, has_proof=proof is not None))
    if problems:
        raise RuleViolation.of(problems)
    document = locked(invoice, State.UNCERTAIN)
    row = evidence_row(document, EvidenceKind.TYPED, by=actor, at=at)
    row.fbr_number, row.fbr_dated, row.note = found.number, found.dated, found.note
    if proof is None:
        _settle(document, row, actor=actor, at=at)
        return
    with proofs.stored(proof, at=at) as kept:
        row.proof_path, row.proof_sha256 = kept.path, kept.sha256
        row.proof_type = kept.media_type
        _settle(document, row, actor=actor, at=at)


@transaction.atomic
def settle_by_row(*, invoice: Invoice, row: StatementRow, actor: Actor, at: datetime) -> None:
    """FBR has it: this row of a list from FBR is it, as somebody saw.

    Raises: NotAllowed; RuleViolation; StateConflict.
    """
    allow(actor, Permission.SETTLE)
    document = locked(invoice, State.UNCERTAIN)
    if row.statement.environment != document.environment:
        raise RuleViolation(_("This list is of FBR's other environment."))
    found = evidence_row(document, EvidenceKind.LIST_ROW, by=actor, at=at)
    found.fbr_number, found.row, found.statement = row.fbr_number, row, row.statement
    _settle(document, found, actor=actor, at=at)


@transaction.atomic
def settle_by_answer(*, invoice: Invoice, actor: Actor, at: datetime) -> None:
    """FBR has it, as its own late answer says; a document that waits to go again goes no more.

    A later send may have been refused meanwhile: FBR has the earlier one all the same.

    Raises: NotAllowed; RuleViolation without such an answer, or where the document was changed
            since FBR took it; StateConflict.
    """
    allow(actor, Permission.SETTLE)
    document = locked(invoice, State.UNCERTAIN, *_TO_UNCERTAIN)
    answer = doubts.said_yes_to_this(document) or doubts.said_yes(document)
    if answer is None:
        raise RuleViolation(_("FBR has not answered that it has this document."))
    _refuse_another_text(document, answer.fbr_number)
    note = _("FBR's late answer says that it has it; it is not sent again.")
    for step in _TO_UNCERTAIN.get(State(document.state), ()):
        lifecycle.transition(document, step, actor=actor, at=at, note=note)
    _accept(document, answer, actor=actor, at=at)


def _refuse_another_text(invoice: Invoice, fbr_number: str) -> None:
    """What the customer has is what FBR has: a number stays with the text that it was given to.

    Raises: RuleViolation, which says what to do.
    """
    if not doubts.is_of_another_text(invoice, fbr_number):
        return
    words = _("FBR gave this number to the document as it was before it was changed here.")
    fix = _("Put the document back as it was sent then; correct it by a note afterwards.")
    if invoice.state == State.UNCERTAIN:
        fix = _(
            "Look in IRIS whether FBR has the changed one too, and give its number. If it has not,"
            " write to our support."
        )
    raise RuleViolation.of([problem("fbr_number", "another_text", words, fix)])


def _problems_of(found: Found, *, has_proof: bool) -> Iterator[Problem]:
    number = found.number
    if not number or number.casefold() in _NO_NUMBER:
        yield problem("fbr_number", "missing", _("FBR's number is missing."), copy_it())
    elif len(number) > NUMBER_LIMIT or " " in number:
        yield problem("fbr_number", "not_a_number", _("This is no number of FBR's."), copy_it())
    if len(found.dated) > LONGEST_DATED:
        yield problem("dated", "too_long", _("The date is too long."), copy_it())
    if len(found.note) > LONGEST_NOTE:
        words = _("Say it in at most %(most)d characters.") % {"most": LONGEST_NOTE}
        yield problem("proof", "too_long", _("The text is too long."), words)
    if not has_proof and not found.note:
        fix = _("Give a screenshot of IRIS, or the reference under which it stands there.")
        yield problem("proof", "missing", _("There is no proof."), fix)


def _settle(invoice: Invoice, row: Evidence, *, actor: Actor, at: datetime) -> None:
    """One person's word with its proof: written down, confirmed by itself, applied."""
    _refuse_another_text(invoice, row.fbr_number)
    _supersede(invoice, actor=actor, at=at)
    rows.insert(row)
    attempt = doubts.last_attempt(invoice)
    claim = Claim(
        tenant_id=invoice.tenant_id,
        invoice=invoice,
        attempt=attempt,
        verdict=Verdict.AT_FBR,
        why=row.note or str(EvidenceKind(row.kind).label),
        evidence=row,
        made_at=at,
        made_by=actor.name,
        made_person=person_behind(actor),
        ripe_at=at,
        confirmed_at=at,
        confirmed_by=actor.name,
        confirmed_person=person_behind(actor),
    )
    rows.insert(claim)
    audit.record(actor, AuditAction.EVIDENCE_ADDED, invoice, at=at, kind=str(row.kind))
    audit.record(
        actor,
        AuditAction.CLAIM_MADE,
        invoice,
        at=at,
        verdict=Verdict.AT_FBR.value,
        evidence=str(row.kind),
    )
    _accept(invoice, row, actor=actor, at=at)


def _supersede(invoice: Invoice, *, actor: Actor, at: datetime) -> None:
    """What somebody said before and nobody confirmed is overtaken."""
    claim = doubts.open_claim(invoice)
    if claim is not None:
        claiming.take_back(claim, actor=actor, at=at)


def _accept(invoice: Invoice, row: Evidence, *, actor: Actor, at: datetime) -> None:
    """UNCERTAIN becomes ACCEPTED with the number of `row`; its work is done.

    Raises: RuleViolation, in words that tell of nobody else, when the number cannot be had.
    """
    own = Invoice.objects.filter(environment=invoice.environment, fbr_number=row.fbr_number)
    other = own.exclude(pk=invoice.pk).first()
    if other is not None:
        words = _("Your document %(number)s has this FBR number already.")
        raise RuleViolation.of(
            [problem("fbr_number", "known", words % {"number": other.number}, _compare())]
        )
    if not _take_number(invoice, row, actor=actor, at=at):
        words = _("This FBR number cannot be taken for this document.")
        raise RuleViolation.of([problem("fbr_number", "refused", words, _compare())])
    _close(invoice, at)
    notices.clear(NoticeKind.UNCERTAIN, invoice, at=at)
    notices.clear(NoticeKind.DUPLICATE_SUSPECT, invoice, at=at)
    audit.record(
        actor,
        AuditAction.INVOICE_SETTLED,
        invoice,
        at=at,
        outcome=Outcome.ACCEPTED.value,
        by=str(row.kind),
    )
    doubles.report_double(invoice, actor=actor, at=at)


def _compare() -> str:
    return _("Compare it with IRIS, digit by digit. If it is right, write to our support.")


def _take_number(invoice: Invoice, row: Evidence, *, actor: Actor, at: datetime) -> bool:
    """False when somebody, here or elsewhere, has this number."""
    also: Mapping[str, Any] = {
        "fbr_number": row.fbr_number,
        "fbr_dated": row.fbr_dated,
        "accepted_at": at,
    }
    note = str(EvidenceKind(row.kind).label)
    try:
        with transaction.atomic():
            lifecycle.transition(invoice, State.ACCEPTED, actor=actor, at=at, note=note, also=also)
    except IntegrityError as error:
        if "invoice_fbr_number_once" not in str(error):
            raise
        logger.error("fbr.number_seen_twice", extra={"invoice": str(invoice.pk)})  # noqa: TRY400 -- no trace: it would hold the number
        return False
    return True


def _close(invoice: Invoice, at: datetime) -> None:
    done = {"state": WorkState.DONE, "done_at": at, "lease_until": None, "leased_by": ""}
    Outbox.objects.filter(invoice=invoice).exclude(state=WorkState.DONE).update(**done)


# --- FBR's own answer, late -------------------------------------------------------------------


def take_late_answer(
    *, work: Outbox, attempt: Attempt, reading: Reading, actor: Actor, at: datetime
) -> None:
    """The answer of `attempt` came after its verdict: it is kept, and applied where it may be.

    An acceptance settles the document of that very send. A later send of the same document is
    stopped where it still waits; where FBR has both, that is an incident. Called inside the
    tenant and a transaction; a second call changes nothing.
    """
    told = reading.outcome
    is_nothing_new = told in {attempt.outcome, Outcome.UNCERTAIN} or attempt.call != Call.RECORD
    if is_nothing_new or _is_kept(attempt):
        return
    invoice = locked(work.invoice)
    if told == Outcome.ACCEPTED and _is_anothers(invoice, reading.number):
        logger.error("fbr.number_seen_twice", extra={"invoice": str(invoice.pk)})
        alerts.count(alerts.NUMBER_TWICE, at=at)
        return
    row = evidence_row(invoice, EvidenceKind.LATE_ANSWER, by=actor, at=at)
    row.attempt, row.outcome, row.note = attempt, told, reading.why[:LONGEST_NOTE]
    row.fbr_number, row.fbr_dated = reading.number, reading.dated[:LONGEST_DATED]
    is_settled = told == Outcome.ACCEPTED and _is_settled_by(invoice, attempt)
    if is_settled and not _settles(invoice, row, actor=actor, at=at):
        return
    if not is_settled:
        rows.insert(row)
    audit.record(
        actor, AuditAction.EVIDENCE_ADDED, invoice, at=at, kind=str(row.kind), outcome=str(told)
    )
    if told == Outcome.ACCEPTED and not is_settled:
        _stop(invoice, row, actor=actor, at=at)


def _is_kept(attempt: Attempt) -> bool:
    late = Evidence.objects.filter(attempt=attempt, kind=EvidenceKind.LATE_ANSWER)
    return late.exists()


def _is_anothers(invoice: Invoice, number: str) -> bool:
    """Whether another document of this business has the number."""
    own = Invoice.objects.filter(environment=invoice.environment, fbr_number=number)
    return own.exclude(pk=invoice.pk).exists()


def _is_settled_by(invoice: Invoice, attempt: Attempt) -> bool:
    """Whether nothing but this very send is in doubt."""
    last = doubts.last_attempt(invoice)
    return invoice.state == State.UNCERTAIN and last is not None and last.pk == attempt.pk


def _settles(invoice: Invoice, row: Evidence, *, actor: Actor, at: datetime) -> bool:
    """The late answer of the send in doubt: applied by the machine. False for a known number."""
    try:
        with transaction.atomic():
            _supersede(invoice, actor=actor, at=at)
            rows.insert(row)
            _accept(invoice, row, actor=actor, at=at)
    except RuleViolation:
        logger.warning("fbr.late_number_refused", extra={"invoice": str(invoice.pk)})
        alerts.count(alerts.NUMBER_TWICE, at=at)
        return False
    return True


def _stop(invoice: Invoice, row: Evidence, *, actor: Actor, at: datetime) -> None:
    """FBR has a send that was given up: the document must not go, or has gone, once more."""
    match invoice.state:
        case State.QUEUED:
            _hold(invoice)
            duplicates.suspected(invoice, at)
        case State.SUBMITTING:
            doubles.open_double(
                invoice, _("FBR has the first send; a second one is on its way."), actor, at
            )
        case State.UNCERTAIN | State.REJECTED:
            _supersede(invoice, actor=actor, at=at)
            entered(invoice, at)
        case _:
            doubles.report_double(invoice, actor=actor, at=at)
    logger.warning("fbr.late_acceptance", extra={"invoice": str(invoice.pk), "at": row.at})


def _hold(invoice: Invoice) -> None:
    """The waiting work goes no more; one that leased it and has not begun is fenced out."""
    work = Outbox.objects.defer("body").get(invoice=invoice, state=WorkState.WAITING)
    fence = work.attempt_no + 1 if work.lease_until is not None else work.attempt_no
    Outbox.objects.filter(pk=work.pk).update(
        hold_reason=Hold.DUPLICATE_SUSPECT, attempt_no=fence, lease_until=None, leased_by=""
    )
