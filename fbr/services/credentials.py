"""Store, hold, release and test FBR's tokens."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterator
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from accounts import audit, selectors
from accounts.access import Actor, allow
from accounts.enums import AuditAction, Permission
from accounts.models import LegalEntity
from fbr.models import Credential, Outbox
from fbr.models.work import WorkState
from fbr.outcomes import Hold
from invoices.enums import Channel
from invoices.models import Till
from smartinvoicing import clock, crypto
from smartinvoicing.errors import AppError, Problem, RuleViolation
from smartinvoicing.ids import uuid7

LONGEST: Final = 500
SHORTEST: Final = 8
_DESTROYED: Final = "destroyed when the account was closed"

# What people copy along with a token.
_BEFORE: Final = re.compile(r"(?:authorization\s*:\s*)?bearer\s+", re.IGNORECASE)


class NoToken(AppError):
    """There is no usable token for this document: it waits, it is not refused."""

    code = "no_token"
    http_status = 409


@transaction.atomic
def store(
    *,
    entity: LegalEntity,
    environment: str,
    token: str,
    actor: Actor,
    at: datetime,
    till: Till | None = None,
    expires_on: date | None = None,
) -> Credential:
    """Seal a token for one legal entity, environment and till; what waited for it goes on.

    till:       None for Digital Invoicing, whose token is the taxpayer's.
    expires_on: the last day on which FBR takes it, as far as the owner knows.
    Raises:     NotAllowed; RuleViolation for a token that cannot be one.
    """
    allow(actor, Permission.MANAGE_BUSINESS)
    selectors.refuse_while_closing()
    _keep_issues_out(entity)
    token = bare(token)
    problems = list(_problems_of(token, entity, environment, expires_on, at))
    if problems:
        raise RuleViolation.of(problems)
    place = {"legal_entity": entity, "environment": environment, "till": till}
    credential = Credential.objects.filter(**place).first() or Credential(id=uuid7(), **place)
    credential.channel = Channel.POS if till else Channel.DI
    credential.seller_ntn_cnic = entity.ntn_cnic
    credential.token_sealed = crypto.seal(
        token, tenant_id=str(entity.tenant_id), place=credential.place
    )
    credential.last_four = token[-4:]
    credential.stored_at = at
    credential.expires_on = expires_on
    credential.tested_at, credential.test_said, credential.test_worked = None, "", None
    credential.held_at, credential.held_why = None, ""
    credential.save()
    details: dict[str, Any] = {"environment": environment}
    details |= {"till": str(till.pk)} if till else {}
    audit.record(actor, AuditAction.CREDENTIAL_STORED, credential, at=at, **details)
    _let_go(credential)
    return credential


def bare(token: str) -> str:
    """A token without what was pasted along: the word before it, white space around it."""
    text = token.strip()
    before = _BEFORE.match(text)
    return text[before.end() :] if before else text


def _problems_of(
    token: str, entity: LegalEntity, environment: str, expires_on: date | None, at: datetime
) -> Iterator[Problem]:
    if not SHORTEST <= len(token) <= LONGEST or not token.isascii() or not token.isprintable():
        yield Problem(
            code="token",
            field="token",
            message=_("This does not look like an FBR token."),
            fix=_("Copy the whole token from FBR's portal, without spaces before or after it."),
        )
    elif _stands_in_the_other(entity, environment, token):
        yield Problem(
            code="token_of_the_other",
            field="token",
            message=_("This token is stored for FBR's other environment already."),
            fix=_("IRIS shows one for the sandbox and one for production: copy the other one."),
        )
    if expires_on is not None and expires_on < clock.karachi_date(at):
        yield Problem(
            code="expires_on",
            field="expires_on",
            message=_("This day is over: the token would be of no use."),
            fix=_("Type the day that IRIS shows, or leave it empty."),
        )


def _stands_in_the_other(entity: LegalEntity, environment: str, token: str) -> bool:
    """Whether the same token is stored for the other environment: one of the two is wrong."""
    others = Credential.objects.filter(legal_entity=entity).exclude(environment=environment)
    return any(_is_the_token_of(other, token) for other in others)


def _is_the_token_of(credential: Credential, token: str) -> bool:
    try:
        known = opened(credential)
    except NoToken:
        return False  # what opens no more is compared with nothing
    return hmac.compare_digest(known.encode(), token.encode())


def for_issue(
    entity: LegalEntity, environment: str, *, till_id: UUID | None = None
) -> Credential | None:
    """The token that new work of `entity`, or of its till, waits for.

    Where there is none, nobody stores one before this transaction has ended: the new work and the
    new token would not see each other, and the work would wait for ever.
    """
    wanted = Credential.objects.filter(
        _of_till(till_id), legal_entity=entity, environment=environment
    )
    found = wanted.first()
    if found is None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock_shared(%s)", [_lock_number(entity)])
        found = wanted.first()
    return found


def _keep_issues_out(entity: LegalEntity) -> None:
    """Until this transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_lock_number(entity)])


def _lock_number(entity: LegalEntity) -> int:
    digest = hashlib.sha256(b"fbr credential " + entity.pk.bytes).digest()
    return int.from_bytes(digest[:8], "big", signed=True)


def _of_till(till_id: UUID | None, *, of: str = "till") -> Q:
    """What is of one till; without one, what is of none."""
    return Q(**{f"{of}_id": till_id}) if till_id else Q(**{f"{of}__isnull": True})


def _let_go(credential: Credential) -> None:
    """What waited for this token waits no more."""
    Outbox.objects.filter(
        _of_till(credential.till_id, of="invoice__till"),
        invoice__legal_entity_id=credential.legal_entity_id,
        environment=credential.environment,
        state=WorkState.WAITING,
        hold_reason=Hold.CREDENTIAL,
    ).update(credential=credential, hold_reason="")


@transaction.atomic
def hold(
    *,
    credential: Credential,
    why: str,
    actor: Actor,
    at: datetime,
    tried_at: datetime | None = None,
) -> None:
    """Stop every document of this token until somebody mends it; holding twice is once.

    tried_at: when the refused token was tried; one that was stored since is not the refused one.
    """
    held = Credential.objects.filter(pk=credential.pk, held_at=None, stored_at__lte=tried_at or at)
    if held.update(held_at=at, held_why=why[:200]):
        audit.record(actor, AuditAction.CREDENTIAL_HELD, credential, at=at)


@transaction.atomic
def release(*, credential: Credential, actor: Actor, at: datetime) -> None:
    """Let the documents of this token go again.

    Raises: NotAllowed.
    """
    allow(actor, Permission.MANAGE_BUSINESS)
    if Credential.objects.filter(pk=credential.pk, held_at__isnull=False).update(
        held_at=None, held_why=""
    ):
        audit.record(actor, AuditAction.CREDENTIAL_RELEASED, credential, at=at)
    _let_go(credential)


@transaction.atomic
def destroy(*, actor: Actor, at: datetime) -> int:
    """Forget every token of the current tenant for good; how many there were.

    The rows stay without them, for work that was done points at them.
    Raises: NotAllowed.
    """
    allow(actor, Permission.MANAGE_BUSINESS)
    kept = Credential.objects.exclude(token_sealed=b"").order_by("id")
    gone = list(kept.select_for_update(of=("self",)))
    for credential in gone:
        audit.record(actor, AuditAction.CLOSURE_STEP, credential, at=at, step="token_destroyed")
    Credential.objects.filter(pk__in=[credential.pk for credential in gone]).update(
        token_sealed=b"", last_four="", held_at=at, held_why=_DESTROYED
    )
    return len(gone)


@transaction.atomic
def record_test(
    *, credential: Credential, said: str, works: bool, actor: Actor, at: datetime
) -> None:
    """Write down what FBR made of a token; not upon one that was replaced meanwhile.

    said: a word of `fbr.di.probe`, or for people to read as it stands.
    Raises: NotAllowed.
    """
    allow(actor, Permission.MANAGE_BUSINESS)
    tested = Credential.objects.filter(pk=credential.pk, stored_at=credential.stored_at)
    if tested.update(tested_at=at, test_said=said[:200], test_worked=works):
        audit.record(actor, AuditAction.CREDENTIAL_TESTED, credential, at=at, works=works)


def opened(credential: Credential) -> str:
    """The token itself, for the wire and nothing else.

    Raises: NoToken when it does not open any more.
    """
    try:
        return crypto.unseal(
            bytes(credential.token_sealed),
            tenant_id=str(credential.tenant_id),
            place=credential.place,
        )
    except crypto.CannotOpen as error:
        raise NoToken("The stored token does not open. Paste it again.") from error


def token_for(work: Outbox, *, seller_ntn_cnic: str) -> str:
    """The open token for one send: same seller, same environment, not held.

    Raises: NoToken with the reason.
    """
    credential = work.credential
    if credential is None or credential.held_at is not None:
        raise NoToken("There is no FBR token for this business, or FBR refused it.")
    if credential.environment != work.environment:
        raise NoToken("The token belongs to FBR's other environment.")
    if credential.seller_ntn_cnic != seller_ntn_cnic:
        raise NoToken("The token belongs to another NTN than the invoice.")
    return opened(credential)
