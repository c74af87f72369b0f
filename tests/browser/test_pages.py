"""Every page, with a business in it that has lived: sound in both sizes, both lights, to all."""

from __future__ import annotations

from uuid import UUID

import pytest
from django.db import transaction

from accounts import tenancy
from invoices.enums import State
from invoices.models import Buyer, Invoice, Product
from privacy import demo
from smartinvoicing import clock
from smartinvoicing.ids import uuid7

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

PASSWORD = "seven quiet lamps"


@pytest.fixture
def lived_in() -> UUID:
    """The demo: documents in every lasting state."""
    known = demo.Secrets(
        tenant=str(uuid7()),
        email="owner@demo.example",
        password=PASSWORD,
        api_key="si_for_pictures_only",
        staff_email="staff@demo.example",
        staff_password=PASSWORD,
    )
    demo.lay(known, at=clock.now())
    return UUID(known.tenant)


def test_every_page_of_a_lived_in_business_is_sound(lived_in, open_browser):
    eyes = open_browser()
    eyes.sign_in("owner@demo.example", PASSWORD)
    with tenancy.in_tenant(lived_in), transaction.atomic():
        one_of = {row.state: row.pk for row in Invoice.objects.order_by("made_at")}
        buyer, product = Buyer.objects.first(), Product.objects.first()
    pages = {
        "dashboard": "/",
        "list": "/invoices/",
        "list-nothing": "/invoices/?q=zzz",
        "new": "/invoices/new/",
        "buyers": "/buyers/",
        "buyer": f"/buyers/{buyer.pk}/",
        "products": "/products/",
        "product": f"/products/{product.pk}/",
        "tokens": "/fbr/tokens/",
        "lists": "/fbr/lists/",
        "register": "/fbr/register/",
        "buyer-checks": f"/buyers/{buyer.pk}/checks/",
        "golive": "/fbr/go-live/",
        "golive-sheet": "/fbr/go-live/iris/",
        "scenarios": "/fbr/go-live/scenarios/",
        "environment": "/fbr/environment/",
        "business": "/business/",
        **{f"detail-{state}": f"/invoices/{pk}/" for state, pk in one_of.items()},
        "edit-rejected": f"/invoices/{one_of[State.REJECTED]}/edit/",
        "edit-check": f"/invoices/{one_of[State.DRAFT]}/edit/?check=1",
    }
    for name, address in pages.items():
        eyes.visit(address)
        eyes.look(name)
