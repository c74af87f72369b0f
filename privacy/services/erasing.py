"""Erase a person, a customer of a business or an address: what goes, goes; what law holds, waits.

The ledger first, on the disk: whoever is erased stays erased, from whichever backup we come back.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from accounts import consents, staff, tenancy, traces
from accounts.access import Actor
from accounts.enums import StaffAction
from accounts.models import Invitation, MailState, OutgoingMail, SuppressionReason, User
from privacy.models import Erasure, ErasureState, SubjectRequest, Ticket
from privacy.services import (
    buyer_erasing,
    desk,
    erasure_ledger,
    request_words,
    sealed_words,
    stops,
    tombstones,
)
from privacy.services.erasure_plans import (
    CLOSE_FIRST,
    HOLD,
    PlannedRow,
    digest_of,
    parts_of,
    plan_for,
    resumes_on,
    stopped,
    tenants_of,
    why_stopped,
)
from privacy.services.tombstones import tombstone
from privacy.subjects import Subject, SubjectKind
from smartinvoicing.clock import karachi_date
from smartinvoicing.errors import StateConflict

__all__ = ["PlannedRow", "Receipt", "erase", "go_on", "plan_for", "tombstone", "with_letter"]

logger = logging.getLogger(__name__)

SYSTEM: Final = Actor.system("privacy.erase")
MOST: Final = 500
LOOK_AGAIN: Final = timedelta(days=30)


@dataclass(frozen=True, kw_only=True)
class Receipt:
    """What became of each table, and its SHA-256.

    is_stopped: a legal hold or an open breach keeps all of it, nothing went.
    """

    erasure_id: UUID
    rows: tuple[PlannedRow, ...]
    sha256: str
    resumes_on: date | None
    is_stopped: bool = False


def erase(
    subject: Subject,
    *,
    at: datetime,
    actor: Actor,
    request_id: UUID | None = None,
    again: erasure_ledger.Entry | None = None,
) -> Receipt:
    """Erase what can go, and remember to go on with the rest when its time has come.

    Once is enough: a second call for the same subject finds nothing left to do.
    again: its file in the ledger, where a restore undid it: nobody is asked, no file is added.
    Raises: StateConflict where somebody is the last owner of a business that is open.
    """
    if subject.kind is SubjectKind.TENANT:
        raise ValueError("An account is closed, not erased at once: see closing.begin.")
    rows = parts_of(subject, at=at)
    if again is None and any(row.deed == CLOSE_FIRST for row in rows):
        raise StateConflict(
            _("You are the only owner of a business. Close its account, or make another owner.")
        )
    erasure = _begun(subject, at=at, actor=actor, request_id=request_id, again=again)
    if again is None:
        erasure_ledger.lay_down(_entry(erasure, rows))
    with transaction.atomic():
        for tenant_id in tenants_of(subject):
            stops.wait_for_holds(tenant_id)
        why = why_stopped(subject, at=at)
        if not why:
            _DEEDS[subject.kind](subject, actor, at)
        elif subject.kind is SubjectKind.BUYER:
            _set_aside(subject, actor, at)
    return _ended(erasure, stopped(rows, why=why), at=at, is_stopped=bool(why))


@transaction.atomic
def _begun(
    subject: Subject,
    *,
    at: datetime,
    actor: Actor,
    request_id: UUID | None,
    again: erasure_ledger.Entry | None,
) -> Erasure:
    """The row of the ledger; one that was begun and not ended is gone on with.

    What a restore took away comes back as its file names it.
    """
    keys = erasure_ledger.keys_of(subject)
    known = Erasure.objects.filter(subject_key__in=keys).exclude(state=ErasureState.DONE).first()
    if known is not None:
        return known
    erasure = Erasure(
        subject_kind=subject.kind,
        subject_key=erasure_ledger.key_of(subject),
        user_id=subject.user_id,
        tenant_id=subject.tenant_id,
        buyer_id=subject.buyer_id,
        asked_by=actor.name,
        request_id=request_id,
        at=at,
    )
    if again is not None:
        erasure.id, erasure.subject_key, erasure.at = again.id, again.key, again.at
    if subject.address:
        erasure.sealed = sealed_words.seal(erasure, {"address": subject.address})
    erasure.save(force_insert=True)
    return erasure


def _entry(erasure: Erasure, rows: list[PlannedRow]) -> erasure_ledger.Entry:
    return erasure_ledger.Entry(
        id=erasure.pk,
        subject_kind=erasure.subject_kind,
        key=erasure.subject_key,
        classes=tuple(sorted({row.retention.value for row in rows})),
        at=erasure.at,
    )


@transaction.atomic
def _ended(erasure: Erasure, rows: list[PlannedRow], *, at: datetime, is_stopped: bool) -> Receipt:
    told = [row.as_dict() for row in rows]
    again = _again(rows, at=at, is_stopped=is_stopped)
    erasure.state = ErasureState.HELD if again else ErasureState.DONE
    erasure.done_at, erasure.resumes_on = at, again
    erasure.receipt, erasure.receipt_sha256 = told, digest_of(told)
    if again is None:
        erasure.user_id, erasure.buyer_id, erasure.sealed = None, None, b""
    erasure.save()
    staff.record(
        "privacy.erase",
        StaffAction.ERASED,
        erasure,
        at=at,
        tenant_id=erasure.tenant_id,
        sha256=erasure.receipt_sha256,
        kind=erasure.subject_kind,
        is_stopped=is_stopped,
    )
    return Receipt(
        erasure_id=erasure.pk,
        rows=tuple(rows),
        sha256=erasure.receipt_sha256,
        resumes_on=again,
        is_stopped=is_stopped,
    )


def _again(rows: list[PlannedRow], *, at: datetime, is_stopped: bool) -> date | None:
    """When somebody looks again; a hold of which nobody knows the end is asked each month."""
    soon = karachi_date(at + LOOK_AGAIN)
    if is_stopped:
        return soon
    day = resumes_on(rows)
    return soon if day == date.max else day


# --- each kind --------------------------------------------------------------------------------


def _user(subject: Subject, actor: Actor, at: datetime) -> None:
    user_id = subject.user_id
    if user_id is None:
        raise ValueError("Which person?")
    if subject.tenant_id is not None:
        tombstones.leave(subject.tenant_id, user_id, actor=actor, at=at)
        return
    user = User.objects.get(pk=user_id)
    if not tombstones.is_tombstone(user):
        tombstone(user, actor=actor, at=at)


def _buyer(subject: Subject, actor: Actor, at: datetime) -> None:
    if subject.tenant_id is None or subject.buyer_id is None:
        raise ValueError("A customer is of a business.")
    with tenancy.in_tenant(subject.tenant_id):
        buyer_erasing.erase_buyer(subject.tenant_id, subject.buyer_id, actor=actor, at=at)


def _set_aside(subject: Subject, actor: Actor, at: datetime) -> None:
    if subject.tenant_id is None or subject.buyer_id is None:
        raise ValueError("A customer is of a business.")
    with tenancy.in_tenant(subject.tenant_id):
        buyer_erasing.set_aside(subject.buyer_id, actor=actor, at=at)


def _address(subject: Subject, actor: Actor, at: datetime) -> None:
    with transaction.atomic():
        consents.suppress(subject.address, why=SuppressionReason.ERASED, at=at)
        if subject.tenant_id is None:
            tombstones.forget_invitations(subject.address)
        else:
            with tenancy.in_tenant(subject.tenant_id):
                Invitation.objects.filter(email__iexact=subject.address).delete()
        OutgoingMail.objects.filter(to__iexact=subject.address).delete()
        Ticket.objects.filter(address_key__in=traces.keys_of(subject.address)).delete()


_DEEDS: Final[dict[SubjectKind, Callable[[Subject, Actor, datetime], None]]] = {
    SubjectKind.USER: _user,
    SubjectKind.BUYER: _buyer,
    SubjectKind.INVITEE: _address,
    SubjectKind.LEAD: _address,
}


# --- afterwards -------------------------------------------------------------------------------


def with_letter(erasure_id: UUID, mail_key: str) -> None:
    """Remember the letter that tells the person: its row goes as soon as it has left."""
    Erasure.objects.filter(pk=erasure_id).update(mail_key=mail_key)


def go_on(*, at: datetime) -> int:
    """Whatever was broken off, whatever law held until now, and the letters that have left.

    Returns: how many erasures went on. One that cannot keeps none of the others back.
    """
    _forget_letters()
    today = karachi_date(at)
    due = Erasure.objects.filter(
        Q(state=ErasureState.BEGUN, at__lt=at - timedelta(minutes=15))
        | Q(state=ErasureState.HELD, resumes_on__lte=today)
    )
    count = 0
    for erasure in due.exclude(subject_kind=SubjectKind.TENANT).order_by("at")[:100]:
        try:
            _take_up(erasure, at)
        except Exception:
            logger.exception("erasure.stuck", extra={"erasure": str(erasure.pk)})
            title = _("An erasure cannot go on")
            desk.open_task("erasure_stuck", str(erasure.pk), title=title, at=at)
        else:
            desk.done("erasure_stuck", str(erasure.pk), at=at)
            count += 1
    return count


@transaction.atomic
def _take_up(erasure: Erasure, at: datetime) -> None:
    """With it goes what they wrote to us, which stayed while something kept all of them."""
    asked = SubjectRequest.objects.filter(pk__in=[erasure.request_id], closed_at__isnull=False)
    # Asked before: a tombstone has no address.
    letters = [(each, request_words.address_of(each)) for each in asked]
    if erase(_subject_of(erasure), at=at, actor=SYSTEM).is_stopped:
        return
    for request, address in letters:
        request_words.forget(request, address=address)


def _subject_of(erasure: Erasure) -> Subject:
    """Whom it is about, as it was asked for. Raises: CannotOpen."""
    return Subject(
        SubjectKind(erasure.subject_kind),
        user_id=erasure.user_id,
        tenant_id=erasure.tenant_id,
        buyer_id=erasure.buyer_id,
        address=sealed_words.unseal(erasure).get("address", ""),
    )


def _forget_letters() -> None:
    """Those that have left. One that still waits keeps none of the others."""
    waiting = OutgoingMail.objects.filter(state=MailState.WAITING).values("key")
    over = Erasure.objects.exclude(mail_key="").exclude(mail_key__in=waiting).order_by("at")
    keys = list(over.values_list("mail_key", flat=True)[:MOST])
    with transaction.atomic():
        OutgoingMail.objects.filter(key__in=keys).delete()
        Erasure.objects.filter(mail_key__in=keys).update(mail_key="")


def held(rows: list[PlannedRow]) -> list[PlannedRow]:
    """What stays for now."""
    return [row for row in rows if row.deed == HOLD]
