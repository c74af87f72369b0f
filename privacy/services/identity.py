"""Who asks: a code to an address that we hold, beside it a fact of an invoice; no document ever.

What somebody types into the public form is looked up by a task, later: the form says the same, in
the same time, to whoever knows us and to whoever guesses.
"""

from __future__ import annotations

import hmac
import secrets
from datetime import date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Final
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Q
from django.utils.crypto import constant_time_compare
from django.utils.translation import gettext as _

from accounts import tenancy
from accounts.access import Actor
from accounts.models import User
from accounts.proof import has_proved
from invoices.models import Buyer
from privacy.models import (
    Hat,
    IdentityProof,
    ProofMethod,
    ProofOutcome,
    RequestState,
    SubjectRequest,
)
from privacy.services import clocks, request_words, requests, rights_mail
from privacy.services.request_states import NEEDS_PROOF, note, transition
from privacy.services.request_words import Said
from privacy.subjects import SubjectKind
from smartinvoicing.errors import RuleViolation

TRIES: Final = 5
CODES_A_DAY: Final = 3
LIVES: Final = timedelta(hours=1)
DIGITS: Final = 8
MOST_RUPEES: Final = Decimal(10) ** 15  # no document has room for more
SYSTEM: Final = Actor.system("privacy.identity")


class WrongCode(RuleViolation):
    """The same words for a wrong code, one that ran out, and one that was never made."""

    code = "wrong_code"


# --- who it may be ----------------------------------------------------------------------------


@transaction.atomic
def look_up(request: SubjectRequest, *, at: datetime) -> None:
    """Find whose data it is about, and have a code mailed where that person may be reached.

    To an address of an account, or of nobody we know, the code goes to that address: who reads it
    is its owner. A customer of a business has to name a fact of an invoice as well, and the code
    goes to the address that the business holds of them, never to another. An address that got its
    answers of today waits. Who complains gets no code: they need not prove anything.
    """
    if not requests.may_look_up(request, at=at):
        return
    if not SubjectRequest.objects.filter(pk=request.pk, looked_up_at=None).update(looked_up_at=at):
        return
    requests.tell_received(request, at=at)
    if request.type not in NEEDS_PROOF:
        return
    said = request_words.said(request)
    names_invoice = bool(said.fbr_number or said.number)
    if names_invoice:
        _look_for_invoice(request, said, at)
        return
    user = User.objects.filter(email=said.address.strip().lower(), is_active=True).first()
    if user is not None and has_proved(user, user.email):
        _found(request, at, subject_kind=SubjectKind.USER, user_id=user.pk)
    send_code(request, method=ProofMethod.CODE, at=at)


def _look_for_invoice(request: SubjectRequest, said: Said, at: datetime) -> None:
    for tenant_id, buyer_id in _buyers_of(said):
        with tenancy.in_tenant(tenant_id):
            held = Buyer.objects.filter(pk=buyer_id).values_list("email", flat=True).first()
        if _is_same(held, said.address):
            _found(
                request,
                at,
                subject_kind=SubjectKind.BUYER,
                hat=Hat.PROCESSOR,
                tenant_id=tenant_id,
                buyer_id=buyer_id,
            )
            send_code(request, method=ProofMethod.CODE_AND_FACT, at=at)
            return
    note(request, "fact.unknown", by=SYSTEM, at=at)


def _is_same(held: str | None, given: str) -> bool:
    return bool(held) and (held or "").strip().casefold() == given.strip().casefold()


def _buyers_of(said: Said) -> list[tuple[UUID, UUID]]:
    """(tenant, customer) of the documents that this fact fits; ids, nothing else."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT tenant_id, buyer_id FROM privacy_invoices_said(%s, %s, %s, %s)",
            [said.fbr_number.strip(), said.number.strip(), _amount(said.total), _day(said.day)],
        )
        return [(tenant_id, buyer_id) for tenant_id, buyer_id in cursor.fetchall() if buyer_id]


def _amount(text: str) -> Decimal | None:
    try:
        number = Decimal(text.replace(",", "").strip())
    except InvalidOperation:
        return None
    return number if number.is_finite() and abs(number) < MOST_RUPEES else None


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        return None


def _found(request: SubjectRequest, at: datetime, **whose: object) -> None:
    requests.set_subject(request, **whose)
    note(request, "subject.found", by=SYSTEM, at=at, facts={"kind": str(request.subject_kind)})


# --- the code ---------------------------------------------------------------------------------


@transaction.atomic
def send_code(request: SubjectRequest, *, method: ProofMethod, at: datetime) -> bool:
    """Mail a new code, and end the one before.

    False when this day has had its codes already, or a code to this address would prove nothing.
    """
    held = SubjectRequest.objects.select_for_update().get(pk=request.pk)
    if not _proves(held):
        return False
    lately = IdentityProof.objects.filter(request=held, made_at__gt=at - timedelta(days=1))
    if lately.count() >= CODES_A_DAY:
        return False
    _end(held, ProofOutcome.EXPIRED, at)
    code = f"{secrets.randbelow(10**DIGITS):0{DIGITS}d}"
    proof = IdentityProof(
        request=held,
        method=method,
        outcome=ProofOutcome.WAITING,
        made_at=at,
        expires_at=at + LIVES,
    )
    proof.code_hash = _hash(proof, code)
    proof.save(force_insert=True)
    rights_mail.tell_person(
        held, "request_code", key=f"code-{proof.pk}", at=at, code=f"{code[:4]} {code[4:]}"
    )
    if held.proof_asked_at is None:
        SubjectRequest.objects.filter(pk=held.pk).update(proof_asked_at=at)
        clocks.proof_asked(held, at=at)
    return True


def _proves(request: SubjectRequest) -> bool:
    """Whether whoever reads a code at the address of this request is the one whose data it is.

    A customer is, where their business holds that address, or one of ours knows who writes there.
    """
    if request.subject_kind != SubjectKind.BUYER or request.proved_at is not None:
        return True
    if request.tenant_id is None or request.buyer_id is None:
        return False
    with tenancy.in_tenant(request.tenant_id):
        held = Buyer.objects.filter(pk=request.buyer_id).values_list("email", flat=True).first()
    return _is_same(held, request_words.address_of(request))


def again(request: SubjectRequest, *, at: datetime) -> bool:
    """Another code, the way the one before went. Its page tells nobody whether one left.

    The first one where a person of ours found whose customer it is.
    """
    last = (
        IdentityProof.objects.filter(
            request=request, method__in=[ProofMethod.CODE, ProofMethod.CODE_AND_FACT]
        )
        .order_by("-made_at")
        .first()
    )
    if last is None and request.subject_kind != SubjectKind.BUYER:
        return False
    method = ProofMethod(last.method) if last else ProofMethod.CODE
    return send_code(request, method=method, at=at)


def try_code(request: SubjectRequest, code: str, *, at: datetime) -> None:
    """The code that somebody typed. Five wrong ones end it.

    Raises: WrongCode, whatever is wrong with it.
    """
    with transaction.atomic():
        is_right = _try(request, "".join(code.split()), at)
    if not is_right:
        raise WrongCode(_("This code does not fit, or has run out. Ask for a new one."))


def _try(request: SubjectRequest, code: str, at: datetime) -> bool:
    proof = (
        IdentityProof.objects.select_for_update()
        .filter(request=request, outcome=ProofOutcome.WAITING)
        .first()
    )
    if proof is None:
        constant_time_compare(code, "0" * DIGITS)
        return False
    if proof.expires_at <= at:
        _end(request, ProofOutcome.EXPIRED, at)
        return False
    if not constant_time_compare(_hash(proof, code), proof.code_hash):
        proof.tries += 1
        proof.save(update_fields=["tries"])
        if proof.tries >= TRIES:
            _end(request, ProofOutcome.FAILED, at)
            note(request, "proof.failed", by=SYSTEM, at=at)
        return False
    _end(request, ProofOutcome.PROVED, at)
    proved(request, method=ProofMethod(proof.method), by=SYSTEM, at=at)
    return True


def _end(request: SubjectRequest, outcome: ProofOutcome, at: datetime) -> None:
    IdentityProof.objects.filter(request=request, outcome=ProofOutcome.WAITING).update(
        outcome=outcome, ended_at=at, code_hash=""
    )


def _hash(proof: IdentityProof, code: str) -> str:
    """Under our key: eight digits alone could be found by trying them all."""
    key = request_words.key_for("privacy code")
    return hmac.new(key, f"{proof.pk}/{code}".encode(), "sha256").hexdigest()


# --- proved -----------------------------------------------------------------------------------


@transaction.atomic
def proved(request: SubjectRequest, *, method: ProofMethod, by: Actor, at: datetime) -> None:
    """This is the person: the request goes on. Proved again later, it changes nothing."""
    held = SubjectRequest.objects.select_for_update().get(pk=request.pk)
    if held.proved_at is None:
        SubjectRequest.objects.filter(pk=held.pk).update(proved_at=at)
        clocks.settled(held, clocks.OF_PROOF, at=at)
        _lead(held)
    request.refresh_from_db()
    if request.state in {RequestState.RECEIVED, RequestState.IDENTITY_PENDING}:
        transition(
            request,
            RequestState.IN_PROGRESS,
            by=by,
            at=at,
            what="proved",
            facts={"method": str(method)},
        )


def _lead(request: SubjectRequest) -> None:
    """Of what was asked twice, the one that is proved leads: what a stranger began ends it not."""
    first = request.duplicate_of
    if first is None or first.proved_at is not None:
        return
    SubjectRequest.objects.filter(pk=request.pk).update(duplicate_of=None)
    SubjectRequest.objects.filter(
        Q(pk=first.pk) | Q(duplicate_of=first), closed_at=None, proved_at=None
    ).update(duplicate_of=request)


@transaction.atomic
def unproved(request: SubjectRequest, *, by: Actor, at: datetime) -> None:
    """It is about somebody else than was proved: codes end, and the proof is asked for anew."""
    _end(request, ProofOutcome.EXPIRED, at)
    SubjectRequest.objects.filter(pk=request.pk).update(proved_at=None, proof_asked_at=None)
    request.refresh_from_db()
    is_open = request.state in {RequestState.IN_PROGRESS, RequestState.WAITING_SUBJECT}
    if is_open and request.type in NEEDS_PROOF:
        transition(request, RequestState.IDENTITY_PENDING, by=by, at=at, what="proof.wanted")


@transaction.atomic
def by_session(request: SubjectRequest, *, by: Actor, at: datetime) -> None:
    """They are signed in and gave password or code a moment ago: the view made sure of it."""
    _write(request, ProofMethod.SESSION, at)
    proved(request, method=ProofMethod.SESSION, by=by, at=at)


@transaction.atomic
def by_person(request: SubjectRequest, *, why: str, by: Actor, at: datetime) -> None:
    """Somebody of ours is sure who it is, and says how they know."""
    _write(request, ProofMethod.STAFF, at)
    note(request, "proof.staff", by=by, at=at, words={"why": why.strip()})
    proved(request, method=ProofMethod.STAFF, by=by, at=at)


def _write(request: SubjectRequest, method: ProofMethod, at: datetime) -> None:
    IdentityProof(
        request=request,
        method=method,
        outcome=ProofOutcome.PROVED,
        made_at=at,
        expires_at=at,
        ended_at=at,
    ).save(force_insert=True)
