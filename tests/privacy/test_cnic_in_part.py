"""A customer's CNIC: its ends to whoever only reads, all of it to whoever writes or audits."""

from __future__ import annotations

import pytest
from django.urls import reverse

from accounts import access
from accounts.enums import Role
from fbr.models import Outbox
from invoices.models import Buyer
from tests import factories
from tests.accounts.cast import browser_of
from tests.factories import AT

pytestmark = pytest.mark.django_db

CNIC = "3520112345671"
DASHED = "35201-1234567-1"
IN_PART = "352••-•••••••-1"
LISTS = ("invoices:buyers", "invoices:buyer_search", "fbr:register")
ROOMS = ("invoices:buyer", "invoices:detail", "invoices:export", "fbr:preview", "fbr:panel")


@pytest.fixture
def sold(inside):
    """A document for somebody with a CNIC, reported; FBR's register says otherwise of them."""
    party = {"name": "Zarghoon Khan", "ntn_cnic": CNIC}
    buyer = factories.make_buyer(**party)
    said = {"register_says": "unregistered", "standing": "active"}
    Buyer.objects.filter(pk=buyer.pk).update(**said, checked_at=AT)
    content = factories.make_content(buyer=factories.make_party(**party), buyer_id=buyer.pk)
    invoice = factories.make_issued(content)
    factories.accept(invoice)
    assert CNIC in Outbox.objects.get().body.tobytes().decode()
    return {
        "invoices:buyer": [buyer.pk],
        "invoices:detail": [invoice.pk],
        "fbr:preview": [invoice.pk],
        "fbr:panel": [invoice.pk],
    }


def words_of(client, name, sold):
    query = {"q": "Zarghoon"} if name == "invoices:buyer_search" else {}
    answer = client.get(reverse(name, args=sold.get(name)), query)
    assert answer.status_code == 200, name
    parts = answer.streaming_content if answer.streaming else [answer.content]
    return b"".join(parts).decode()


def is_whole(words):
    return CNIC in words or DASHED in words


def seen_by(role, business, sold, names):
    client = browser_of(factories.make_member(business, role))
    return {name for name in names if is_whole(words_of(client, name, sold))}


def test_who_only_reads_sees_the_ends_of_a_cnic_on_every_page(business, sold):
    client = browser_of(factories.make_member(business, Role.VIEWER))
    words = {name: words_of(client, name, sold) for name in (*LISTS, *ROOMS)}

    assert [name for name, text in words.items() if is_whole(text)] == []
    assert IN_PART in words["invoices:buyer"]
    assert IN_PART in words["invoices:detail"]


def test_twin_whoever_may_read_sees_all_of_it(business, sold, monkeypatch):
    monkeypatch.setattr(access.Actor, "sees_numbers", True)

    assert seen_by(Role.VIEWER, business, sold, ROOMS) == set(ROOMS)


@pytest.mark.parametrize("role", [role for role in Role if role != Role.VIEWER])
def test_who_writes_or_audits_sees_all_of_it_and_no_list_shows_it(business, sold, role):
    assert seen_by(role, business, sold, ROOMS) == set(ROOMS)
    assert seen_by(role, business, sold, LISTS) == set()


def test_an_ntn_is_of_a_firm_and_stands_in_a_public_register(business, inside):
    buyer = factories.make_buyer(ntn_cnic="2046004")
    client = browser_of(factories.make_member(business, Role.VIEWER))

    assert "2046004" in words_of(client, "invoices:buyer", {"invoices:buyer": [buyer.pk]})
