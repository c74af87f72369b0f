"""A request comes in: kept, answered at once, its clocks started. What then: `deciding`."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.db.models import Count, F, Q, QuerySet

from accounts import staff, tenancy, traces
from accounts.access import Actor
from accounts.enums import Desk, StaffAction
from accounts.models import User
from privacy import deadlines
from privacy.models import (
    ENDED,
    Hat,
    RequestChannel,
    RequestState,
    RequestType,
    SubjectRequest,
)
from privacy.services import clocks, request_words, rights_mail
from privacy.services.request_states import NEEDS_PROOF, NEXT, note, transition
from privacy.services.request_words import Said
from privacy.subjects import Subject, SubjectKind
from smartinvoicing.celery import tell
from smartinvoicing.errors import NotFound

A_DAY: Final = 5  # answers to one address of which nobody proved anything; the rest waits
DAY: Final = timedelta(days=1)
TASK: Final = "privacy.look_up_requests"


@transaction.atomic
def receive(
    *,
    type: RequestType,  # noqa: A002 -- the word of the law
    channel: RequestChannel,
    at: datetime,
    user_id: UUID | None = None,
    said: Said | None = None,
    address: str = "",
    text: str = "",
    tenant_id: UUID | None = None,
    buyer_id: UUID | None = None,
    language: str = "en",
    mail_key: str | None = None,
    by: Actor | None = None,
    answered: bool = True,
) -> SubjectRequest:
    """Keep it, say at once that it came and until when it is decided, start its clocks.

    said: all that they wrote, where it is more than an address and a text.
    answered: False where the mail that it came is left to the look-up.
    tenant_id, buyer_id: of a customer of a business, where who enters it knows them.
    """
    words = said or Said(address=address, text=text)
    request = SubjectRequest(
        type=type,
        channel=channel,
        subject_kind=_kind(user_id, buyer_id),
        hat=Hat.PROCESSOR if tenant_id else Hat.CONTROLLER,
        state_at=at,
        tenant_id=tenant_id,
        user_id=user_id,
        buyer_id=buyer_id,
        language=language if language in {"en", "ur"} else "en",
        mail_key=mail_key,
        received_at=at,
        due_at=deadlines.decision_due(at),
        human_due_at=deadlines.working_days_after(at, deadlines.HUMAN_DAYS),
    )
    request_words.write(request, words)
    request.duplicate_of = _same_before(request)
    request.save(force_insert=True)
    whose = by or Actor.system(f"privacy.{channel}")
    note(request, "received", by=whose, at=at, became=RequestState.RECEIVED)
    clocks.start(request)
    rights_mail.open_task(request, at=at)
    if answered:
        tell_received(request, at=at)
    return request


def tell_received(request: SubjectRequest, *, at: datetime) -> None:
    """It came, and until when it is decided: mailed once, however often it is asked for."""
    rights_mail.tell_person(request, "request_received", key="received", at=at)


def _kind(user_id: UUID | None, buyer_id: UUID | None) -> SubjectKind:
    if user_id is not None:
        return SubjectKind.USER
    return SubjectKind.BUYER if buyer_id is not None else SubjectKind.LEAD


def _same_before(request: SubjectRequest) -> SubjectRequest | None:
    """The oldest open one of the same person for the same: both are answered together."""
    same = SubjectRequest.objects.filter(
        **about(request), type=request.type, closed_at=None, duplicate_of=None
    ).exclude(pk=request.pk)
    if request.user_id is None:
        if not request.address_key:
            return None
        same = same.filter(address_key=request.address_key)
    return same.order_by("received_at").first()


def about(request: SubjectRequest) -> dict[str, Any]:
    """Whose data, and of which business: only what is alike in all of this is answered together."""
    return {
        "subject_kind": request.subject_kind,
        "user_id": request.user_id,
        "tenant_id": request.tenant_id,
        "buyer_id": request.buyer_id,
    }


@transaction.atomic
def set_subject(request: SubjectRequest, **whose: Any) -> None:
    """It turned out whose data it is about: what the address alone linked may be about others."""
    SubjectRequest.objects.filter(pk=request.pk).update(**whose)
    request.duplicates.filter(closed_at=None).update(duplicate_of=None)
    request.refresh_from_db()
    request.duplicate_of = _same_before(request)
    request.save(update_fields=["duplicate_of"])


@transaction.atomic
def await_proof(request: SubjectRequest, *, by: Actor, at: datetime) -> None:
    """First it is proved who asks; who complains need not prove it, and is heard at once."""
    if request.type in NEEDS_PROOF:
        transition(request, RequestState.IDENTITY_PENDING, by=by, at=at, what="proof.wanted")
    else:
        transition(request, RequestState.IN_PROGRESS, by=by, at=at, what="begun")


@transaction.atomic
def from_stranger(
    *,
    type: RequestType,  # noqa: A002 -- the word of the law
    channel: RequestChannel,
    said: Said,
    at: datetime,
    language: str = "en",
    mail_key: str | None = None,
) -> SubjectRequest:
    """From somebody who is not signed in. Who they are is looked up later, by a task.

    Anybody may type anybody's address: it is always kept, for it may be the true one. Where its
    address got its answers of today, ours wait, so that nobody is flooded by us.
    """
    lately = SubjectRequest.objects.filter(
        address_key=traces.key_of(said.address), received_at__gt=at - DAY
    )
    request = receive(
        type=type,
        channel=channel,
        at=at,
        said=said,
        language=language,
        mail_key=mail_key,
        answered=lately.count() < A_DAY,
    )
    await_proof(request, by=Actor.system(f"privacy.{channel}"), at=at)
    transaction.on_commit(lambda: tell(TASK))
    return request


def to_look_up(*, at: datetime) -> list[SubjectRequest]:
    """Those of strangers of whom nobody has looked up yet who they may be.

    A complaint is among them until it is answered that it came.
    """
    complaints = Q(type=RequestType.COMPLAINT, state=RequestState.IN_PROGRESS)
    waiting = SubjectRequest.objects.filter(
        Q(state=RequestState.IDENTITY_PENDING) | complaints, looked_up_at=None
    ).exclude(address_key__in=_answered_enough(at=at).values("address_key"))
    return list(waiting.order_by("received_at", "pk")[:100])


def may_look_up(request: SubjectRequest, *, at: datetime) -> bool:
    """Whether its address may get another answer of ours today."""
    return not _answered_enough(at=at).filter(address_key=request.address_key).exists()


def _answered_enough(*, at: datetime) -> QuerySet[Any, Any]:
    """Addresses of which so many were looked up within a day."""
    lately = SubjectRequest.objects.filter(looked_up_at__gt=at - DAY).exclude(address_key="")
    return lately.values("address_key").annotate(times=Count("pk")).filter(times__gte=A_DAY)


@transaction.atomic
def enter(
    *,
    type: RequestType,  # noqa: A002 -- the word of the law
    said: Said,
    by: User,
    at: datetime,
    language: str = "en",
) -> SubjectRequest:
    """Somebody of ours enters what came by letter or telephone. Raises: NotAllowed."""
    staff.allow(by, Desk.WORK_REQUESTS)
    request = receive(
        type=type,
        channel=RequestChannel.STAFF,
        at=at,
        said=said,
        language=language,
        by=Actor.staff(by.pk),
    )
    await_proof(request, by=Actor.staff(by.pk), at=at)
    staff.record(by, StaffAction.ADDED, request, at=at, type=str(type))
    if said.address:
        transaction.on_commit(lambda: tell(TASK))
    return request


@transaction.atomic
def take_back(request: SubjectRequest, *, by: Actor, at: datetime) -> None:
    """The person wants it no longer. Raises: StateConflict when it has ended."""
    transition(request, RequestState.WITHDRAWN, by=by, at=at, what="withdrawn")


def end_duplicates(request: SubjectRequest, to: RequestState, *, by: Actor, at: datetime) -> None:
    """They end with the one that was answered; where nobody proved that one, each stands alone.

    So does one that turned out to be about somebody else, or to lie with another business.
    """
    others = request.duplicates.filter(closed_at=None)
    if request.type in NEEDS_PROOF and request.proved_at is None:
        others.update(duplicate_of=None)
        return
    same = others.filter(**about(request))
    others.exclude(pk__in=same.values("pk")).update(duplicate_of=None)
    for other in same:
        is_next = to in NEXT[RequestState(other.state)]
        end = to if is_next else RequestState.WITHDRAWN  # nobody proved who wrote the second one
        transition(other, end, by=by, at=at, what="duplicate", facts={"of": str(request.pk)})


# --- questions --------------------------------------------------------------------------------


def subject_of(request: SubjectRequest) -> Subject:
    """Whose data it is about, for the planner, the eraser and the export."""
    return Subject(
        kind=SubjectKind(request.subject_kind),
        user_id=request.user_id if request.subject_kind == SubjectKind.USER else None,
        tenant_id=request.tenant_id if request.subject_kind == SubjectKind.BUYER else None,
        buyer_id=request.buyer_id,
        address=request_words.said(request).address
        if request.subject_kind in {SubjectKind.LEAD, SubjectKind.INVITEE}
        else "",
    )


def of_user(user_id: UUID) -> QuerySet[SubjectRequest]:
    return SubjectRequest.objects.filter(user_id=user_id).order_by("-received_at")


def of_business() -> QuerySet[SubjectRequest]:
    """What was handed to the business of the scope; the table itself is the platform's."""
    return SubjectRequest.objects.filter(
        tenant_id=tenancy.current_tenant_id(), hat=Hat.PROCESSOR, forwarded_at__isnull=False
    ).order_by(F("closed_at").asc(nulls_first=True), "due_at")


def one_of(rows: QuerySet[SubjectRequest], request_id: UUID) -> SubjectRequest:
    """Raises: NotFound, whether it never was or is somebody else's."""
    found = rows.filter(pk=request_id).first()
    if found is None:
        raise NotFound("There is no such request.")
    return found


def is_open(request: SubjectRequest) -> bool:
    return request.state not in ENDED
