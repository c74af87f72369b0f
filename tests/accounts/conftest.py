"""Two businesses that must never meet, and clean counters."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.core.cache import caches
from django.test import Client

from accounts.tenancy import in_tenant
from tests.accounts.cast import Shop, browser_of, person, shop_of


@pytest.fixture(autouse=True)
def _fresh_counters() -> Iterator[None]:
    """Rate limits and remembered keys are not part of a transaction."""
    yield
    for name in ("default", "keys"):
        caches[name].clear()


@pytest.fixture
def shop(db: None) -> Shop:
    return shop_of(person("ayesha@mills.example", name="Ayesha"))


@pytest.fixture
def rival(db: None) -> Shop:
    user = person("bilal@rival.example", name="Bilal")
    return shop_of(user, name="Rival Traders", ntn_cnic="3456789")


@pytest.fixture
def open_shop(shop: Shop) -> Iterator[Shop]:
    """The test runs inside the tenant of `shop`."""
    with in_tenant(shop.tenant.pk):
        yield shop


@pytest.fixture
def browser(open_shop: Shop) -> Client:
    """The owner of `shop` at work."""
    return browser_of(open_shop.owner)
