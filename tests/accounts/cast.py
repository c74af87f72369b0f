"""People and businesses of these tests. Plain functions; a test says what it is about."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from allauth.account.models import EmailAddress
from django.contrib.auth.hashers import MD5PasswordHasher
from django.db import connection, transaction
from django.test import Client

from accounts.access import Actor
from accounts.enums import Activity, Province, Role, Sector
from accounts.models import Membership, Tenant, User
from accounts.services import sign_up
from accounts.tenancy import in_tenant

NOON = datetime(2026, 11, 21, 7, tzinfo=UTC)  # in Karachi
PASSWORD = "eleven green parrots sing"
BACKEND = "allauth.account.auth_backends.AuthenticationBackend"

PARTICULARS: dict[str, str] = {
    "name": "Lahore Yarn Mills",
    "ntn_cnic": "2046004",
    "strn": "",
    "province": Province.PUNJAB.value,
    "address": "12 Ferozepur Road, Lahore",
    "phone": "",
    "activity": Activity.MANUFACTURER.value,
    "sector": Sector.TEXTILE.value,
}


class CountingHasher(MD5PasswordHasher):
    """Counts how often a password is hashed: what a clock outside would notice."""

    count = 0

    def encode(self, password: str, salt: str) -> str:
        CountingHasher.count += 1
        return super().encode(password, salt)


@dataclass(frozen=True)
class Shop:
    """A tenant, its owner, and the owner as an actor."""

    tenant: Tenant
    owner: User
    actor: Actor


class Beside:
    """Does `deed` in a thread beside the open transaction, and waits a moment for it.

    What a lock keeps is still waiting then, and ends after the commit.
    """

    def __init__(self, deed: Callable[[], None]) -> None:
        self._deed = deed
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        self._thread.join(0.7)

    def _run(self) -> None:
        try:
            self._deed()
        except Exception as error:
            self._error = error
        finally:
            connection.close()

    def error(self) -> Exception | None:
        """How the deed ended."""
        self._thread.join(30)
        assert not self._thread.is_alive(), "it never ended"
        return self._error


def person(email: str, *, name: str = "", verified: bool = True, **fields: Any) -> User:
    user = User.objects.create_user(email, PASSWORD, name=name, **fields)
    EmailAddress.objects.create(user=user, email=user.email, verified=verified, primary=True)
    return user


def shop_of(user: User, **changes: str) -> Shop:
    tenant = sign_up.open_business(user=user, at=NOON, **(PARTICULARS | changes))
    return Shop(tenant, user, Actor.person(user.pk, Role.OWNER))


def join(shop: Shop, user: User, role: Role) -> Membership:
    with in_tenant(shop.tenant.pk), transaction.atomic():
        membership = Membership(tenant=shop.tenant, user=user, role=role, since=NOON)
        membership.save(force_insert=True)
    return membership


def actor_of(membership: Membership) -> Actor:
    return Actor.person(membership.user_id, Role(membership.role))


def browser_of(user: User) -> Client:
    """A browser in which `user` is signed in."""
    client = Client()
    client.force_login(user, backend=BACKEND)
    return client
