"""A person becomes a number: nothing leads back from it, and nobody can sign in with it."""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import Final
from uuid import UUID

from django.contrib.admin.models import LogEntry
from django.contrib.auth.hashers import make_password
from django.contrib.contenttypes.models import ContentType
from django.core.cache import caches
from django.db import connection, transaction
from django.db.models import Q

from accounts import audit, consents, tenancy
from accounts.access import Actor
from accounts.enums import AuditAction
from accounts.models import ApiKey, Invitation, Membership, SuppressionReason, User
from privacy.services import person_tables

DOMAIN: Final = "erased.invalid"  # a domain that is never anybody's (RFC 2606)
BATCH: Final = 500


def is_tombstone(user: User) -> bool:
    return not user.is_active and user.email.endswith(f"@{DOMAIN}")


@transaction.atomic
def tombstone(user: User, *, actor: Actor, at: datetime) -> None:
    """Write over what the account says of its person, and delete all that goes with it.

    Where they were is asked first: afterwards no membership tells it.
    """
    held = User.objects.select_for_update().get(pk=user.pk)
    tenants = person_tables.businesses_of(held.pk)
    for tenant_id in tenants:
        leave(tenant_id, held.pk, actor=actor, at=at)
    addresses = person_tables.addresses_of(held)
    for rows, _retention in list(person_tables.of(held)):
        rows.delete()
    for address in addresses:
        consents.suppress(address, why=SuppressionReason.ERASED, at=at)
        forget_invitations(address)
    _clean_admin_log(held)
    held.groups.clear()
    held.user_permissions.clear()
    User.objects.filter(pk=held.pk).update(
        email=f"{secrets.token_hex(16)}@{DOMAIN}",
        name="",
        password=make_password(None),
        last_login=None,
        date_joined=held.date_joined.replace(day=1, hour=0, minute=0, second=0, microsecond=0),
        is_active=False,
        is_staff=False,
        is_superuser=False,
    )
    for tenant_id in tenants:
        erase_beside_the_trail(tenant_id, held.pk)
    user.refresh_from_db()


def leave(tenant_id: UUID, user_id: UUID, *, actor: Actor, at: datetime) -> int:
    """One business without this person: membership, keys, invitations by them. How many left."""
    with tenancy.in_tenant(tenant_id), transaction.atomic():
        left = list(Membership.objects.filter(user_id=user_id))
        for membership in left:
            audit.record(actor, AuditAction.MEMBER_REMOVED, membership, at=at, role=membership.role)
        Membership.objects.filter(user_id=user_id).delete()
        Invitation.objects.filter(invited_by_id=user_id).delete()
        _revoke_keys(user_id, actor=actor, at=at)
        return len(left)


def _revoke_keys(user_id: UUID, *, actor: Actor, at: datetime) -> None:
    for key in ApiKey.objects.filter(made_by_id=user_id, revoked_at=None):
        ApiKey.objects.filter(pk=key.pk).update(revoked_at=at)
        audit.record(actor, AuditAction.KEY_REVOKED, key, at=at)
        transaction.on_commit(lambda hashed=key.key_hash: caches["keys"].delete(hashed))  # type: ignore[misc]  # the model is known at run time


def erase_beside_the_trail(tenant_id: UUID, user_id: UUID) -> int:
    """What stands beside the audit trail of somebody who is a tombstone; the chain stays whole."""
    gone = 0
    with tenancy.in_tenant(tenant_id):
        while True:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(
                    "SELECT privacy_erase_once('accounts_auditprivate', %s, %s, %s)",
                    [tenant_id, user_id, BATCH],
                )
                count = int(cursor.fetchone()[0])
            gone += count
            if count < BATCH:
                return gone


def forget_invitations(address: str) -> int:
    """Seats that any business keeps for this address; the database says no more than how many."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT privacy_forget_invitations(%s)", [address])
        return int(cursor.fetchone()[0])


def _clean_admin_log(user: User) -> None:
    """The desk's history keeps numbers, not what the object was called."""
    of_user = Q(content_type=ContentType.objects.get_for_model(User), object_id=str(user.pk))
    named = Q(object_repr__icontains=user.email) | Q(change_message__icontains=user.email)
    LogEntry.objects.filter(of_user | named).update(object_repr="", change_message="")
