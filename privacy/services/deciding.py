"""What is decided on a request, and what then happens: done, refused, extended; by whom, with whom.

What hands out or destroys needs a proof of identity; refusing and erasing need a second person.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from django.db import transaction
from django.utils.translation import gettext as _

from accounts import four_eyes, staff
from accounts.access import Actor, allow
from accounts.enums import Desk, Permission, StaffAction
from accounts.models import Approval, User
from privacy import deadlines
from privacy.models import Hat, RequestState, RequestType, SubjectRequest
from privacy.services import (
    clocks,
    erasing,
    erasure_words,
    identity,
    request_words,
    requests,
    rights_mail,
    routing,
)
from privacy.services.request_states import NEEDS_PROOF, note, transition
from smartinvoicing.errors import RuleViolation, StateConflict

REFUSE: Final = "request_refuse"
ERASE: Final = "request_erase"
EXPORTED: Final = frozenset({RequestType.ACCESS, RequestType.PORTABILITY})


# --- first looks ------------------------------------------------------------------------------


@transaction.atomic
def look(request: SubjectRequest, *, by: User, at: datetime) -> None:
    """A person of ours has taken it up: the three working days are kept."""
    staff.allow(by, Desk.WORK_REQUESTS)
    held = SubjectRequest.objects.filter(pk=request.pk, human_at=None)
    if held.update(human_at=at, handled_by=staff.name_of(by)):
        request.refresh_from_db()
        clocks.settled(request, clocks.OF_HUMAN, at=at)
        note(request, "looked", by=Actor.staff(by.pk), at=at)
        rights_mail.tell_person(request, "request_looked", key="looked", at=at)
        staff.record(by, StaffAction.CHANGED, request, at=at, deed="look")


@transaction.atomic
def ask_proof(request: SubjectRequest, *, by: User, at: datetime) -> bool:
    """Have a new code mailed. False when today's codes are used up, or nobody was recognised."""
    staff.allow(by, Desk.WORK_REQUESTS)
    _took_up(request, by, at)
    sent = identity.again(request, at=at)
    staff.record(by, StaffAction.SENT, request, at=at, deed="code", sent=sent)
    return sent


@transaction.atomic
def accept_proof(request: SubjectRequest, *, why: str, by: User, at: datetime) -> None:
    """Somebody of ours knows who it is, and says how. Raises: NotAllowed; RuleViolation."""
    staff.allow(by, Desk.DECIDE_REQUESTS)
    if not why.strip():
        raise RuleViolation(_("Say how you know who it is. Keep no copy of a document."))
    _took_up(request, by, at)
    identity.by_person(request, why=why, by=Actor.staff(by.pk), at=at)
    staff.record(by, StaffAction.DECIDED, request, at=at, deed="proof")


@transaction.atomic
def extend(request: SubjectRequest, *, why: str, by: User, at: datetime) -> None:
    """Sixty days more, once, with a reason that the person is told before the thirty are over.

    Raises: NotAllowed; RuleViolation; StateConflict when it has ended or was extended before.
    """
    staff.allow(by, Desk.DECIDE_REQUESTS)
    if not why.strip():
        raise RuleViolation(_("Say why it takes longer: the person is told."))
    if at >= request.due_at:
        raise RuleViolation(_("It is late already. It can be extended only before its last day."))
    later = deadlines.decision_due(request.received_at, is_extended=True)
    held = SubjectRequest.objects.filter(pk=request.pk, extended_at=None, closed_at=None)
    if not held.update(extended_at=at, due_at=later):
        raise StateConflict(_("It was extended once already, or has ended."))
    request.refresh_from_db()
    clocks.extended(request, at=at)
    rights_mail.open_task(request, at=at)
    note(request, "extended", by=Actor.staff(by.pk), at=at, words={"why": why.strip()})
    rights_mail.tell_person(request, "request_extended", key="extended", at=at, why=why.strip())
    staff.record(by, StaffAction.DECIDED, request, at=at, deed="extend")


@transaction.atomic
def ask_person(request: SubjectRequest, *, text: str, by: User, at: datetime) -> None:
    """Ask the person something. The clock of the decision goes on."""
    staff.allow(by, Desk.WORK_REQUESTS)
    if not text.strip():
        raise RuleViolation(_("Write what you want to know."))
    _took_up(request, by, at)
    transition(
        request,
        RequestState.WAITING_SUBJECT,
        by=Actor.staff(by.pk),
        at=at,
        what="asked",
        words={"text": text.strip()},
    )
    mark = int(at.timestamp())
    rights_mail.tell_person(request, "request_asked", key=f"asked-{mark}", at=at, text=text.strip())
    staff.record(by, StaffAction.SENT, request, at=at, deed="ask")


@transaction.atomic
def heard(request: SubjectRequest, *, text: str, by: Actor, at: datetime) -> None:
    """What the person adds; where we waited for it, the work goes on."""
    if not text.strip():
        raise RuleViolation(_("Write something first."))
    if request.state == RequestState.WAITING_SUBJECT:
        transition(
            request,
            RequestState.IN_PROGRESS,
            by=by,
            at=at,
            what="heard",
            words={"text": text.strip()},
        )
    else:
        note(request, "heard", by=by, at=at, words={"text": text.strip()})


# --- the end ----------------------------------------------------------------------------------


@transaction.atomic
def finish(
    request: SubjectRequest,
    *,
    text: str,
    by: Actor,
    at: datetime,
    facts: Mapping[str, Any] | None = None,
) -> None:
    """It is done as asked, and the person is told how. Its duplicates end with it.

    Raises: RuleViolation while it is not proved who asks; StateConflict.
    """
    _end(request, RequestState.DONE, text=text, by=by, at=at, facts=facts)


@transaction.atomic
def finish_with_table(
    request: SubjectRequest,
    *,
    rows: list[dict[str, Any]],
    receipt: Mapping[str, Any],
    by: Actor,
    at: datetime,
) -> None:
    """The answer is a table: what we hold, why and until when."""
    _end(
        request,
        RequestState.DONE,
        text="",
        by=by,
        at=at,
        template="request_why",
        receipt=receipt,
        rows=rows,
    )


@transaction.atomic
def finish_at_desk(request: SubjectRequest, *, text: str, by: User, at: datetime) -> None:
    """Somebody of ours decided. Raises: NotAllowed; RuleViolation without an answer."""
    staff.allow(by, Desk.DECIDE_REQUESTS)
    if not text.strip():
        raise RuleViolation(_("Write what was done: the person is told."))
    _refuse_business(request, at)
    _took_up(request, by, at)
    finish(request, text=text.strip(), by=Actor.staff(by.pk), at=at)
    staff.record(by, StaffAction.DECIDED, request, at=at, deed="done")


@transaction.atomic
def refuse_at_desk(request: SubjectRequest, *, why: str, by: User, at: datetime) -> Approval | None:
    """Refuse it. The first call asks a second person; once they agreed, the next one does it.

    Returns: the question that waits for the second person, None when it is refused.
    """
    staff.allow(by, Desk.WORK_REQUESTS)
    if not why.strip():
        raise RuleViolation(_("Say why it is refused, and on which ground: the person is told."))
    _refuse_business(request, at)
    waiting = _agreed(REFUSE, request, why.strip(), by, at)
    if waiting is not None:
        return waiting
    _took_up(request, by, at)
    _end(request, RequestState.REFUSED, text=why.strip(), by=Actor.staff(by.pk), at=at)
    staff.record(by, StaffAction.DECIDED, request, at=at, deed="refused", why=why)
    return None


@transaction.atomic
def erase_at_desk(request: SubjectRequest, *, why: str, by: User, at: datetime) -> Approval | None:
    """Erase whom it is about, after a second person looked at the plan too.

    Returns: the question that waits for the second person, None when it is done.
    """
    staff.allow(by, Desk.WORK_REQUESTS)
    _lock_open(request)
    _refuse_unproved(request)
    _refuse_business(request, at)
    waiting = _agreed(ERASE, request, why.strip(), by, at)
    if waiting is not None:
        return waiting
    _took_up(request, by, at)
    erase(request, actor=Actor.staff(by.pk), at=at)
    staff.record(by, StaffAction.ERASED, request, at=at, why=why)
    return None


def _lock_open(request: SubjectRequest) -> None:
    """Nobody ends it while we erase: what the ledger says must be what was done.

    Raises: StateConflict when it has ended; RuleViolation where nobody asked to be erased.
    """
    held = SubjectRequest.objects.select_for_update().get(pk=request.pk)
    if held.closed_at is not None:
        raise StateConflict(_("This request has ended."))
    if held.type != RequestType.ERASURE:
        raise RuleViolation(_("Nobody asked to be erased."))
    request.refresh_from_db()  # as it is now that nobody changes it: whom it is about, and proved


def digest_of(request: SubjectRequest, deed: str, why: str, at: datetime) -> str:
    """Of what the second person agrees to: this deed, this request, of whom, these words.

    Of an erasure also what it leaves for now; what goes differs by the day, with each sign-in.
    """
    asked: dict[str, Any] = {"deed": deed, "request": request.pk, "why": why}
    if deed == ERASE:
        plan = erasing.plan_for(requests.subject_of(request), at=at)
        asked["kept"] = sorted({(row.table, str(row.until)) for row in erasing.held(plan)})
    return four_eyes.digest_of(**asked, **requests.about(request))


def _agreed(
    deed: str, request: SubjectRequest, why: str, by: User, at: datetime
) -> Approval | None:
    digest = digest_of(request, deed, why, at)
    asked = four_eyes.ask(deed, request, digest=digest, why=why, by=by, at=at)
    if not asked.is_agreed:
        return asked
    four_eyes.spend(deed, request, digest=digest, by=by, at=at)
    return None


def erase(request: SubjectRequest, *, actor: Actor, at: datetime) -> erasing.Receipt:
    """Erase, tell the person table by table, forget where the letter went unless all is kept.

    Raises: RuleViolation while it is not proved who asks; StateConflict where a business has no
    other owner.
    """
    _refuse_unproved(request)
    address = request_words.address_of(request)
    receipt = erasing.erase(requests.subject_of(request), at=at, actor=actor, request_id=request.pk)
    table = [row.as_dict() for row in receipt.rows]
    with transaction.atomic():
        _end(
            request,
            RequestState.DONE,
            text="",
            by=actor,
            at=at,
            facts={"sha256": receipt.sha256},
            address=address,
            template="request_erased",
            rows=erasure_words.told(table, language=request.language),
            sha256=receipt.sha256,
            is_stopped=receipt.is_stopped,
            receipt={"rows": table, "sha256": receipt.sha256},
            resumes_on=receipt.resumes_on,
        )
        erasing.with_letter(receipt.erasure_id, f"request-{request.pk}-ended")
        if not receipt.is_stopped:
            request_words.forget(request, address=address)
    return receipt


# --- a business decides -----------------------------------------------------------------------


@transaction.atomic
def grant_by_business(request: SubjectRequest, *, text: str, actor: Actor, at: datetime) -> None:
    """The business did what its customer asked, and says what. Raises: NotAllowed."""
    allow(actor, Permission.MANAGE_BUSINESS)
    if not text.strip():
        raise RuleViolation(_("Write what you did: your customer is told."))
    routing.answered(request, actor=actor, at=at, outcome="done")
    finish(request, text=text.strip(), by=actor, at=at)


@transaction.atomic
def refuse_by_business(request: SubjectRequest, *, why: str, actor: Actor, at: datetime) -> None:
    """The business refuses, with a reason that its customer is told. Raises: NotAllowed."""
    allow(actor, Permission.MANAGE_BUSINESS)
    if not why.strip():
        raise RuleViolation(_("Say why you refuse: your customer is told."))
    routing.answered(request, actor=actor, at=at, outcome="refused")
    _end(request, RequestState.REFUSED, text=why.strip(), by=actor, at=at)


@transaction.atomic
def erase_by_business(request: SubjectRequest, *, actor: Actor, at: datetime) -> None:
    """The business has its customer erased; what its documents hold, law keeps.

    Answered and erased, or neither. Raises: NotAllowed; RuleViolation; StateConflict.
    """
    allow(actor, Permission.MANAGE_BUSINESS)
    _lock_open(request)
    _refuse_unproved(request)
    is_stopped = erase(request, actor=actor, at=at).is_stopped
    routing.answered(request, actor=actor, at=at, outcome="held" if is_stopped else "erased")


# --- shared -----------------------------------------------------------------------------------


def _end(
    request: SubjectRequest,
    to: RequestState,
    *,
    text: str,
    by: Actor,
    at: datetime,
    facts: Mapping[str, Any] | None = None,
    address: str = "",
    template: str = "",
    receipt: Mapping[str, Any] | None = None,
    resumes_on: Any = None,
    **context: Any,
) -> None:
    if to == RequestState.DONE:
        _refuse_unproved(request)
    transition(
        request,
        to,
        by=by,
        at=at,
        what=str(to),
        words={"text": text} if text else None,
        facts=facts,
        receipt=dict(receipt or {}),
        resumes_on=resumes_on,
    )
    rights_mail.tell_person(
        request,
        template or f"request_{to}",
        key="ended",
        at=at,
        to=address,
        text=text,
        **context,
    )
    requests.end_duplicates(request, to, by=by, at=at)


def _refuse_unproved(request: SubjectRequest) -> None:
    if request.type in NEEDS_PROOF and request.proved_at is None:
        raise RuleViolation(_("It is not proved yet who asks. Nothing is handed out or done."))


def _refuse_business(request: SubjectRequest, at: datetime) -> None:
    """What lies with a business is the business's, until nobody is left there."""
    if request.hat != Hat.PROCESSOR or request.state != RequestState.WAITING_CONTROLLER:
        return
    if not routing.is_ours(request):
        raise RuleViolation(_("This lies with the business: it decides, we only assist."))
    routing.take_over(request, by=routing.SYSTEM, at=at)


def take_in_hand(request: SubjectRequest, *, by: User, at: datetime) -> None:
    """Before somebody of ours hands anything out. Raises: RuleViolation where they may not yet."""
    _refuse_unproved(request)
    _refuse_business(request, at)
    _took_up(request, by, at)


def _took_up(request: SubjectRequest, by: User, at: datetime) -> None:
    if request.human_at is None:
        look(request, by=by, at=at)
