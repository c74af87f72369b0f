"""The page After a restore: what is held, the list that ends it, what it left."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from accounts import tenancy
from accounts.models import LegalEntity
from fbr.models import LostReport, NumberGap, Quarantine
from fbr.services import quarantine, resuming, statements
from smartinvoicing import arming, clock
from tests import factories
from tests.factories import SYSTEM

PAGE = reverse("fbr:restored")


@pytest.fixture
def portal(client, business, owner):
    """Signed in as an owner, inside the business."""
    client.force_login(owner)
    return client


@pytest.fixture
def held(inside):
    """A quarantine of two hours ago, with one document that waits."""
    factories.make_credential(LegalEntity.objects.get(), "a token that is long enough")
    long_ago = clock.now() - timedelta(hours=3)
    invoice = factories.make_issued(at=long_ago)
    quarantine.begin(
        lost_from=long_ago,
        lost_until=long_ago + timedelta(hours=1),
        actor=SYSTEM,
        at=long_ago + timedelta(hours=1),
    )
    return invoice


def nothing_listed(row, **changes):
    today = clock.karachi_date(clock.now())
    days = {
        "covers_from": (today - timedelta(days=5)).isoformat(),
        "covers_until": (today + timedelta(days=1)).isoformat(),
    }
    return {"quarantine": str(row.pk), "statement": "", "last_numbers": "", **days, **changes}


def test_what_is_held_and_why_stands_there(portal, held):
    page = portal.get(PAGE).content.decode()

    assert held.number in page
    assert "Nothing is issued, voided or sent for now" in page


def test_without_a_restore_there_is_nothing(portal, inside):
    assert "Nothing waits" in portal.get(PAGE).content.decode()


def test_a_member_ends_it_and_the_gap_stays_to_be_seen(portal, held):
    row = Quarantine.objects.get()

    answer = portal.post(
        PAGE, nothing_listed(row, last_numbers=held.number.replace("000001", "000040"))
    )

    assert answer.status_code == 302
    row.refresh_from_db()
    assert row.resumed_by.startswith("user:")
    assert NumberGap.objects.filter(last=40).exists()
    page = portal.get(PAGE).content.decode()
    assert f"{held.number.replace('000001', '000002')} … 000040" in page
    assert not LostReport.objects.exists()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"covers_from": ""}, "no days are given"),
        ({"covers_until": "2026-01-02", "covers_from": "2026-01-01"}, "does not cover"),
        ({"last_numbers": "XYZ-7"}, "no number of this business"),
    ],
)
def test_what_proves_nothing_is_refused_in_words(portal, held, changes, words):
    answer = portal.post(PAGE, nothing_listed(Quarantine.objects.get(), **changes))

    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert Quarantine.objects.get().resumed_at is None


@pytest.mark.parametrize("typed", ["", "x", "01a201f5-6505-728e-8c4b-3956129ac533"])
def test_another_ones_quarantine_is_not_found(portal, held, typed):
    assert portal.post(PAGE, {"quarantine": typed}).status_code == 404


def test_who_may_not_settle_does_not_see_it(client, business, operator):
    client.force_login(operator)

    assert client.get(PAGE).status_code == 403


def test_issuing_meanwhile_says_what_to_do(portal, held):
    with tenancy.in_tenant(held.tenant_id):
        draft, _ = factories.make_draft(
            factories.make_content(factories.make_line(description="Another"))
        )

    answer = portal.post(reverse("fbr:issue", args=[draft.pk]), {"version": "0"}, follow=True)

    assert "list of your" in answer.content.decode()


def test_what_looks_like_a_lost_document_is_shown_beside_its_row(portal, held):
    row = Quarantine.objects.get()
    long_ago = row.lost_from
    day = clock.karachi_date(long_ago)
    listed = f"FBR Invoice No,Date,Value,Sales Tax\nFBR-77,{day},1250,225\n"
    statement = statements.upload(
        file=SimpleUploadedFile("list.csv", listed.encode()),
        entity=row.legal_entity,
        covers_from=day - timedelta(days=1),
        covers_until=day + timedelta(days=2),
        actor=SYSTEM,
        at=clock.now(),
    )
    resuming.resume_series(
        entity=row.legal_entity, statement=statement, actor=SYSTEM, at=clock.now()
    )
    again = factories.make_issued(
        factories.make_content(factories.make_line(quantity=Decimal(500)), invoice_date=day),
        at=clock.now(),
    )

    page = portal.get(reverse("fbr:panel", args=[again.pk])).content.decode()

    assert "FBR-77" in page
    assert "the sale counts already" in page


# --- not armed --------------------------------------------------------------------------------


@pytest.fixture
def disarmed(monkeypatch):
    monkeypatch.setattr(arming._known, "answer", False)


def test_every_page_says_that_it_is_not_armed(portal, inside, disarmed):
    page = portal.get(reverse("invoices:list")).content.decode()

    assert "nothing is sent to FBR or by mail" in page


def test_an_armed_one_says_nothing_of_it(portal, inside):
    assert "Not armed" not in portal.get(reverse("invoices:list")).content.decode()


def test_a_document_that_waits_says_why(portal, inside, disarmed):
    factories.make_credential(LegalEntity.objects.get(), "a token that is long enough")
    invoice = factories.make_issued()

    page = portal.get(reverse("fbr:panel", args=[invoice.pk])).content.decode()

    assert "This installation sends nothing" in page
