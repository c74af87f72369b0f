"""Store, hold and release FBR's tokens."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Final

from django.db import connection, transaction

from accounts import audit
from accounts.access import Actor, allow
from accounts.enums import AuditAction, Permission
from accounts.models import LegalEntity
from fbr.models import Credential, Outbox
from fbr.models.work import WorkState
from fbr.outcomes import Hold
from smartinvoicing import crypto
from smartinvoicing.errors import AppError, Problem, RuleViolation
from smartinvoicing.ids import uuid7

LONGEST: Final = 500


class NoToken(AppError):
    """There is no usable token for this document: it waits, it is not refused."""

    code = "no_token"
    http_status = 409


@transaction.atomic
def store(
    *, entity: LegalEntity, environment: str, token: str, actor: Actor, at: datetime
) -> Credential:
    """Seal a token for one legal entity and environment; what waited for it goes on.

    Raises: NotAllowed; RuleViolation for a token that cannot be one.
    """
    allow(actor, Permission.MANAGE_BUSINESS)
    _keep_issues_out(entity)
    token = token.strip()
    if not 8 <= len(token) <= LONGEST or not token.isascii() or not token.isprintable():
        problem = Problem(
            code="token",
            field="token",
            message="This does not look like an FBR token.",
            fix="Copy the whole token from FBR's portal, without spaces before or after it.",
        )
        raise RuleViolation.of([problem])
    known = Credential.objects.filter(legal_entity=entity, environment=environment).first()
    credential = known or Credential(id=uuid7(), legal_entity=entity, environment=environment)
    credential.seller_ntn_cnic = entity.ntn_cnic
    credential.token_sealed = crypto.seal(
        token, tenant_id=str(entity.tenant_id), place=credential.place
    )
    credential.last_four = token[-4:]
    credential.stored_at = at
    credential.held_at, credential.held_why = None, ""
    credential.save()
    audit.record(actor, AuditAction.CREDENTIAL_STORED, credential, at=at, environment=environment)
    _let_go(credential)
    return credential


def for_issue(entity: LegalEntity, environment: str) -> Credential | None:
    """The token that new work of `entity` waits for.

    Where there is none, nobody stores one before this transaction has ended: the new work and the
    new token would not see each other, and the work would wait for ever.
    """
    wanted = Credential.objects.filter(legal_entity=entity, environment=environment)
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


def _let_go(credential: Credential) -> None:
    """What waited for this token waits no more."""
    Outbox.objects.filter(
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
    try:
        return crypto.unseal(
            bytes(credential.token_sealed),
            tenant_id=str(work.tenant_id),
            place=credential.place,
        )
    except crypto.CannotOpen as error:
        raise NoToken("The stored token does not open. Paste it again.") from error
