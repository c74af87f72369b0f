"""Tills: register, change, retire; their tokens; when a bill of theirs may leave from here."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db import transaction
from django.utils.translation import gettext as _

from accounts import audit
from accounts.access import Actor, allow
from accounts.enums import AuditAction, Environment, Permission
from accounts.models import LegalEntity
from fbr import carriers, selectors
from fbr.carriers import Parcel
from fbr.models import Credential, Outbox
from fbr.models.work import Call, WorkState
from fbr.outcomes import Hold
from fbr.pos import probe
from fbr.services import credentials
from fbr.services.credentials import NoToken
from invoices.enums import Channel, PosAmounts, ServiceFee, State, Transport
from invoices.models import Invoice, PosTerms, Till
from smartinvoicing import clock
from smartinvoicing.errors import AppError, Problem, RuleViolation, StateConflict

_POS_ID: Final = re.compile(r"[0-9]{6}", re.ASCII)
_PCT_CODE: Final = re.compile(r"[0-9]{8}", re.ASCII)
_FBR_MODES: Final = range(1, 7)
_LONGEST: Final = {"name": 60, "branch": 100, "address": 300}
# FBR said no to the till, not to its token: a token that works says nothing about these.
_OF_THE_TILL: Final = frozenset({"code 104", "code 112"})


class NotFromHere(AppError):
    """The bills of this till leave from the shop's own computer: here they wait."""

    code = "not_from_here"
    http_status = 409


@dataclass(frozen=True, kw_only=True)
class Particulars:
    """A till as typed. pos_id: FBR's registration number, six digits."""

    name: str
    pos_id: str
    branch: str = ""
    address: str = ""
    transport: str = Transport.CLOUD


@dataclass(frozen=True, kw_only=True)
class Terms:
    """How a business settles what FBR leaves open, as typed.

    bank_as, credit_as: FBR's number for a way to pay that it has none for.
    """

    amounts: str
    bank_as: str
    credit_as: str
    service_fee: str
    usual_pct_code: str


# --- what the owner does ----------------------------------------------------------------------


@transaction.atomic
def register(
    *, entity: LegalEntity, environment: str, given: Particulars, actor: Actor, at: datetime
) -> Till:
    """Enter a till as FBR registered it; one that was retired comes back.

    Raises: NotAllowed; RuleViolation naming each field.
    """
    allow(actor, Permission.MANAGE_BUSINESS)
    problems = list(_problems_of(given))
    if environment not in Environment.values:
        problems.append(_unknown("environment", _("Choose the sandbox or production.")))
    if problems:
        raise RuleViolation.of(problems)
    known = _locked(environment=environment, pos_id=int(given.pos_id))
    if known is not None and (known.retired_at is None or known.legal_entity_id != entity.pk):
        raise RuleViolation.of([_taken()])
    till = known or Till(legal_entity=entity, environment=environment, pos_id=int(given.pos_id))
    till.retired_at = None
    _put(till, given, actor, at)
    return till


@transaction.atomic
def change(*, till: Till, given: Particulars, actor: Actor, at: datetime) -> Till:
    """Correct a till. Its registration number stays, once a bill has borne it.

    After:  bills that wait follow the till to its new transport.
    Raises: NotAllowed; RuleViolation naming each field.
    """
    allow(actor, Permission.MANAGE_BUSINESS)
    kept: Till = Till.objects.select_for_update(of=("self",), no_key=True).get(pk=till.pk)
    problems = list(_problems_of(given))
    if not problems and int(given.pos_id) != kept.pos_id:
        problems += _problems_of_another(kept, int(given.pos_id))
    if problems:
        raise RuleViolation.of(problems)
    kept.pos_id = int(given.pos_id)
    _put(kept, given, actor, at)
    return kept


@transaction.atomic
def retire(*, till: Till, actor: Actor, at: datetime) -> None:
    """No new bill at this till; what was issued still goes to FBR. Retiring twice is once.

    Raises: NotAllowed.
    """
    allow(actor, Permission.MANAGE_BUSINESS)
    if Till.objects.filter(pk=till.pk, retired_at=None).update(retired_at=at):
        audit.record(actor, AuditAction.TILL_RETIRED, till, at=at)


@transaction.atomic
def set_terms(*, entity: LegalEntity, given: Terms, actor: Actor, at: datetime) -> PosTerms:
    """Settle what FBR leaves open. Bills keep the terms under which they were issued.

    Raises: NotAllowed; RuleViolation naming each field.
    """
    allow(actor, Permission.MANAGE_BUSINESS)
    problems = list(_problems_of_terms(given))
    if problems:
        raise RuleViolation.of(problems)
    terms, _made = PosTerms.objects.get_or_create(legal_entity=entity)
    terms.amounts, terms.service_fee = given.amounts, given.service_fee
    terms.bank_as, terms.credit_as = int(given.bank_as), int(given.credit_as)
    terms.usual_pct_code = given.usual_pct_code
    terms.save()
    audit.record(actor, AuditAction.POS_TERMS_SAVED, terms, at=at)
    return terms


@transaction.atomic
def store_token(*, till: Till, token: str, actor: Actor, at: datetime) -> Credential:
    """Seal the token of a till; its bills that waited for one go on.

    Raises: NotAllowed; RuleViolation for a token that cannot be one.
    """
    return credentials.store(
        entity=till.legal_entity,
        environment=till.environment,
        token=token,
        actor=actor,
        at=at,
        till=till,
    )


def test_token(*, till: Till, actor: Actor) -> probe.Verdict:
    """Ask FBR with an empty bill, which it can never record, whether it takes the till's token.

    No transaction may be open: it talks to FBR. A token that FBR takes is released, unless FBR
    had said no to the till itself; one that it refuses is held.

    Raises: NotAllowed; RuleViolation where there is no token that opens.
    """
    with transaction.atomic(durable=True):
        allow(actor, Permission.MANAGE_BUSINESS)
        credential, token = _opened(till)
    began = clock.now()
    parcel = Parcel(
        channel=Channel.POS,
        environment=till.environment,
        call=Call.RECORD,
        body=probe.EMPTY_BILL,
    )
    evidence = carriers.of(Transport.CLOUD).carry(parcel, token=token, within_s=probe.WITHIN_S)
    at = clock.now()
    verdict = probe.read(evidence, at=at)
    if verdict.works is None:
        return verdict
    with transaction.atomic(durable=True):
        credentials.record_test(
            credential=credential, said=verdict.said, works=verdict.works, actor=actor, at=at
        )
        if not verdict.works:
            credentials.hold(
                credential=credential, why=verdict.why, tried_at=began, actor=actor, at=at
            )
        elif credential.held_at is not None and credential.held_why not in _OF_THE_TILL:
            credentials.release(credential=credential, actor=actor, at=at)
    return verdict


def _opened(till: Till) -> tuple[Credential, str]:
    credential = selectors.token_of(till)
    problem = Problem(
        code="no_token",
        field="token",
        message=_("There is no token to test."),
        fix=_("Store the token that FBR gave for this till."),
    )
    if credential is None:
        raise RuleViolation.of([problem])
    try:
        return credential, credentials.opened(credential)
    except NoToken as error:
        raise RuleViolation.of([problem], error.message) from error


# --- what the pipeline asks -------------------------------------------------------------------


def for_issue(invoice: Invoice) -> Till | None:
    """The till of a bill that is being issued, kept as it is until then; None without a till.

    A change of its transport waits meanwhile, and finds the bill: none is forgotten.

    Raises: StateConflict when it was retired meanwhile.
    """
    if invoice.till_id is None:
        return None
    till: Till = Till.objects.select_for_update(of=("self",), no_key=True).get(pk=invoice.till_id)
    if till.retired_at is not None:
        raise StateConflict("This till was retired meanwhile. Choose another one.")
    return till


def hold_of(till: Till | None, credential: Credential | None) -> str:
    """Why a document that is issued now waits for somebody; "" when it does not."""
    if till is not None and not carriers.has(till.transport):
        return Hold.TILL
    return "" if credential else Hold.CREDENTIAL


def check(work: Outbox) -> None:
    """Before a bill leaves: till, token, environment and bytes belong together.

    Raises: NotFromHere for a till that reports from its shop; NoToken with the reason.
    """
    till = Till.objects.get(pk=work.invoice.till_id)
    if not carriers.has(till.transport):
        # Looked at again under its lock: a change back to our server finds the hold we write.
        till = Till.objects.select_for_update(of=("self",), no_key=True).get(pk=till.pk)
    if not carriers.has(till.transport):
        raise NotFromHere("The bills of this till leave from the shop's own computer.")
    if till.environment != work.environment:
        raise NoToken("The till belongs to FBR's other environment.")
    if work.credential is not None and work.credential.till_id != till.pk:
        raise NoToken("The token belongs to another till than the bill.")
    if json.loads(bytes(work.body))["POSID"] != till.pos_id:
        raise NoToken("The bill was written for another POSID than the till's.")


# --- parts ------------------------------------------------------------------------------------


def _locked(*, environment: str, pos_id: int) -> Till | None:
    return (
        Till.objects.select_for_update(of=("self",), no_key=True)
        .filter(environment=environment, pos_id=pos_id)
        .first()
    )


def _put(till: Till, given: Particulars, actor: Actor, at: datetime) -> None:
    was = till.transport
    till.name, till.branch, till.address = given.name, given.branch, given.address
    till.transport = given.transport
    is_new = till._state.adding
    till.save()
    if not is_new and carriers.has(was) != carriers.has(till.transport):
        _reroute(till)
    audit.record(actor, AuditAction.TILL_SAVED, till, at=at, transport=till.transport)


def _reroute(till: Till) -> None:
    """Bills that wait: held where nobody here takes them to FBR, free where we do."""
    waiting = Outbox.objects.filter(invoice__till=till, state=WorkState.WAITING)
    if not carriers.has(till.transport):
        # Whether it is a duplicate is asked first; the send looks at the till again.
        waiting.exclude(hold_reason=Hold.DUPLICATE_SUSPECT).update(hold_reason=Hold.TILL)
        return
    token = credentials.for_issue(till.legal_entity, till.environment, till_id=till.pk)
    waiting.filter(hold_reason=Hold.TILL).update(
        credential=token, hold_reason="" if token else Hold.CREDENTIAL
    )


def _problems_of(given: Particulars) -> Iterator[Problem]:
    for field, longest in _LONGEST.items():
        if len(getattr(given, field)) > longest:
            yield Problem(
                code="too_long",
                field=field,
                message=_("The text is too long: at most %(most)d characters.") % {"most": longest},
                fix=_("Shorten it."),
            )
    if not given.name:
        yield Problem(
            code="name",
            field="name",
            message=_("The till has no name."),
            fix=_("Name it as your staff does, for example: Counter 1."),
        )
    if not _POS_ID.fullmatch(given.pos_id):
        yield Problem(
            code="pos_id",
            field="pos_id",
            message=_("FBR's registration number of a till (POSID) has six digits."),
            fix=_("Copy it from IRIS; the access code beside it is another thing."),
        )
    if given.transport not in Transport.values:
        yield _unknown("transport", _("Choose one of the two ways."))


def _problems_of_another(till: Till, pos_id: int) -> Iterator[Problem]:
    if _locked(environment=till.environment, pos_id=pos_id) is not None:
        yield _taken()
    if Invoice.objects.filter(till=till).exclude(state=State.DRAFT).exists():
        yield Problem(
            code="pos_id_in_use",
            field="pos_id",
            message=_("Bills of this till bear its POSID; it changes no more."),
            fix=_("Retire this till and register the other POSID as a new one."),
            put=str(till.pos_id),
        )


def _problems_of_terms(given: Terms) -> Iterator[Problem]:
    if given.amounts not in PosAmounts.values:
        yield _unknown("amounts", _("Choose one of the two ways."))
    if given.service_fee not in ServiceFee.values:
        yield _unknown("service_fee", _("Choose one of the three ways."))
    for field in ("bank_as", "credit_as"):
        chosen = getattr(given, field)
        if not chosen.isdecimal() or int(chosen) not in _FBR_MODES:
            yield _unknown(field, _("Choose one of FBR's six ways to pay."))
    if given.usual_pct_code and not _PCT_CODE.fullmatch(given.usual_pct_code):
        yield Problem(
            code="usual_pct_code",
            field="usual_pct_code",
            message=_("A tariff code for FBR has eight digits and no dot."),
            fix=_("Write it like 98211000, or leave it empty."),
        )


def _unknown(field: str, fix: str) -> Problem:
    return Problem(code="unknown_word", field=field, message=_("This is not possible."), fix=fix)


def _taken() -> Problem:
    return Problem(
        code="pos_id_taken",
        field="pos_id",
        message=_("A till with this POSID is registered here already."),
        fix=_("Look for it in the list of tills; each POSID belongs to one till."),
    )
