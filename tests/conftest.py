"""The cast that every test knows: one tenant with its people, a stranger of another."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

import pytest
from django.test import Client

from accounts import tenancy
from accounts.access import Actor
from accounts.enums import Role
from accounts.models import LegalEntity, Tenant, User
from fbr.fake import FakeFbr
from invoices.models import Buyer, Product
from smartinvoicing import arming, opening
from tests import factories

NOON: Final = datetime(2026, 11, 20, 7, 0, tzinfo=UTC)  # 12:00 in Karachi


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What starts browsers and processes comes first, or one worker would end alone with it."""
    slow = {"browser", "workers"}
    items.sort(key=lambda item: slow.isdisjoint(mark.name for mark in item.iter_markers()))


@pytest.fixture(autouse=True)
def _armed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test without a database may open a line too. Who tests the question calls `forget`."""
    monkeypatch.setattr(arming._known, "answer", True)
    monkeypatch.setattr(arming._known, "until", float("inf"))
    monkeypatch.setattr(opening._known, "answer", True)
    monkeypatch.setattr(opening._known, "until", float("inf"))


@pytest.fixture(autouse=True)
def _whole_sign_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever of ours is signed in by force has shown a second factor, as any sign-in asks for."""
    force_login = Client.force_login

    def with_factor(self: Client, user: User, backend: str | None = None) -> None:
        force_login(self, user, backend)
        if user.is_staff:
            factories.enrol(user)
            session = self.session
            session["account_authentication_methods"] = [{"method": "mfa", "at": time.time()}]
            session["account_authentication_methods_user"] = str(user.pk)
            session.save()

    monkeypatch.setattr(Client, "force_login", with_factor)


@pytest.fixture
def noon() -> datetime:
    return NOON


@pytest.fixture
def business(db: None) -> Tenant:
    """A tenant with a legal entity, 7000007 in the sandbox, and nobody in its scope yet."""
    return factories.make_tenant("Sample Weaving Mills")


@pytest.fixture
def other_business(db: None) -> Tenant:
    """Another tenant, of whom ours must never see anything."""
    return factories.make_tenant("Another Business", ntn_cnic="7000008")


@pytest.fixture
def inside(business: Tenant) -> Iterator[Tenant]:
    """The test runs inside `business`."""
    with tenancy.in_tenant(business.pk):
        yield business


@pytest.fixture
def entity(inside: Tenant) -> LegalEntity:
    return LegalEntity.objects.get()


@pytest.fixture
def owner(business: Tenant) -> User:
    return factories.make_member(business, Role.OWNER)


@pytest.fixture
def operator(business: Tenant) -> User:
    return factories.make_member(business, Role.OPERATOR)


@pytest.fixture
def viewer(business: Tenant) -> User:
    return factories.make_member(business, Role.VIEWER)


@pytest.fixture
def stranger(other_business: Tenant) -> User:
    return factories.make_member(other_business, Role.OWNER)


@pytest.fixture
def clerk(operator: User) -> Actor:
    """The operator as services know him."""
    return Actor.person(operator.pk, Role.OPERATOR)


@pytest.fixture
def reader(viewer: User) -> Actor:
    return Actor.person(viewer.pk, Role.VIEWER)


@pytest.fixture
def buyer(inside: Tenant) -> Buyer:
    return factories.make_buyer()


@pytest.fixture
def product(inside: Tenant) -> Product:
    return factories.make_product()


@pytest.fixture
def fake_fbr() -> Iterator[FakeFbr]:
    """A fake FBR of this test's own, in a thread, with an empty ledger."""
    with FakeFbr() as fake:
        yield fake
