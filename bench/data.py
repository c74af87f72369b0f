"""The tenants of a benchmark."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import transaction

from accounts import tenancy
from accounts.access import SCOPES, Actor
from accounts.enums import Environment, Province, Role
from accounts.models import ApiKey, LegalEntity, Membership, Tenant, User
from accounts.secret_hash import hash_of
from bench.create_rate import body
from fbr.models import Credential, Outbox
from fbr.models.work import WorkState
from fbr.services import credentials, issuing
from invoices import intake, lifecycle
from invoices.enums import State
from invoices.models import Invoice
from invoices.services import drafts, signing
from smartinvoicing.api import read_json
from smartinvoicing.ids import uuid7

AT: Final = datetime(2026, 11, 20, 7, tzinfo=UTC)
ACTOR: Final = Actor.system("bench")


@transaction.atomic
def lay_tenant(number: int) -> tuple[UUID, User, str]:
    """A tenant with a token `bench-token-<seller>`; its id, its owner and its seller number."""
    seller = f"{7200000 + number}"
    tenant_id = uuid7()
    user = User.objects.create_user(f"owner{number}@bench.example", None, name="Bench")
    with tenancy.in_tenant(tenant_id):
        Tenant(id=tenant_id, name=f"Bench {number}", opened_at=AT).save(force_insert=True)
        Membership(user=user, role=Role.OWNER, since=AT).save(force_insert=True)
        entity = LegalEntity(
            name=f"Bench {number} (Pvt) Ltd",
            ntn_cnic=seller,
            province=Province.PUNJAB,
            address="Lahore",
            environment=Environment.SANDBOX,
        )
        entity.save(force_insert=True)
        credentials.store(
            entity=entity,
            environment=Environment.SANDBOX,
            token=f"bench-token-{seller}",
            actor=ACTOR,
            at=AT,
        )
    return tenant_id, user, seller


def lay_draft(tenant_id: UUID) -> Invoice:
    """A draft of five lines."""
    with tenancy.in_tenant(tenant_id), transaction.atomic():
        content, _ = intake.read(read_json(body("")), today=AT.date())
        entity = LegalEntity.objects.get()
        invoice, _lines = drafts.create(content=content, entity=entity, actor=ACTOR, at=AT)
    return invoice


def lay_accepted(tenant_id: UUID) -> Invoice:
    """A document of five lines that FBR has, without anybody having asked FBR."""
    invoice = lay_draft(tenant_id)
    with tenancy.in_tenant(tenant_id), transaction.atomic():
        issuing.issue(invoice=invoice, actor=ACTOR, at=AT)
        lifecycle.transition(invoice, State.SUBMITTING, actor=ACTOR, at=AT)
        also = {"fbr_number": str(invoice.pk), "accepted_at": AT}
        lifecycle.transition(invoice, State.ACCEPTED, actor=ACTOR, at=AT, also=also)
        Outbox.objects.filter(invoice=invoice).update(state=WorkState.DONE, done_at=AT)
        signing.sign(invoice=invoice, at=AT)
    return invoice


def lay_key(tenant_id: UUID, user: User) -> str:
    """The text of a new key with every scope."""
    key = f"si_{secrets.token_urlsafe(32)}"
    with tenancy.in_tenant(tenant_id), transaction.atomic():
        ApiKey(
            name="bench",
            prefix=key[:9],
            key_hash=hash_of(key),
            scopes=[scope.value for scope in SCOPES],
            made_by=user,
            made_at=AT,
            expires_at=AT + timedelta(days=3650),
        ).save(force_insert=True)
    return key


def lay() -> tuple[str, UUID]:
    """A tenant whose documents wait, its token held, and the text of its key."""
    tenant_id, user, _ = lay_tenant(0)
    with tenancy.in_tenant(tenant_id), transaction.atomic():
        credentials.hold(credential=Credential.objects.get(), why="bench", actor=ACTOR, at=AT)
    return lay_key(tenant_id, user), tenant_id
