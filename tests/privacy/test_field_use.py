"""I3: a personal field that nobody fills, or nothing reads, comes before the officer in time."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import transaction
from django.test import Client
from django.urls import reverse

from accounts import tenancy
from accounts.enums import StaffRole
from accounts.models import StaffDeed
from invoices.models import Buyer
from privacy import inventory, readers
from privacy.models import DeskTask, FieldUse
from privacy.promise_checks import collecting
from privacy.services import field_use
from privacy.verdicts import Broken, Kept
from smartinvoicing.errors import NotAllowed
from tests import factories
from tests.conftest import NOON

DAY = timedelta(days=1)
QUARTER = field_use.QUARTER


@pytest.fixture
def look(role_urls, settings):
    settings.PURGE_DATABASE_URL = role_urls.purge
    return lambda at=NOON: field_use.look(at=at)


@pytest.fixture
def customers(business):
    """Two of a business, neither with a phone number."""
    with tenancy.in_tenant(business.pk), transaction.atomic():
        for name in ("One", "Two"):
            factories.make_buyer(name=name)


def use(field, model="invoices.Buyer"):
    return FieldUse.objects.get(model=model, field=field)


def tasks():
    return DeskTask.objects.filter(kind=field_use.TASK, done_at=None)


# --- the look ---------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_every_personal_field_is_counted_over_the_wall(look, customers):
    look()

    assert FieldUse.objects.count() == sum(bool(e.column) for e in inventory.personal_fields())
    assert (use("name").rows, use("name").filled, use("name").idle) == (2, 2, "")
    assert (use("phone").rows, use("phone").filled, use("phone").idle) == (2, 0, "empty")
    assert use("phone").idle_since == NOON


@pytest.mark.django_db(transaction=True)
def test_where_there_is_no_row_nothing_is_said_to_be_empty(look):
    look()

    assert (use("phone").rows, use("phone").idle) == (0, "")


@pytest.mark.django_db(transaction=True)
def test_a_field_that_nothing_reads_is_listed(look, customers, monkeypatch):
    """As if no module named a customer's name any more."""
    read = readers.names_read(inventory.OURS)
    monkeypatch.setattr(readers, "names_read", lambda apps: read - {"name"})

    look()

    assert (use("name").filled, use("name").idle) == (2, "unread")


@pytest.mark.django_db(transaction=True)
def test_a_field_that_is_filled_again_is_idle_no_more(look, customers, business):
    look()
    with tenancy.in_tenant(business.pk), transaction.atomic():
        Buyer.objects.update(phone="0300-1234567")

    look(NOON + DAY)

    assert (use("phone").idle, use("phone").idle_since) == ("", None)


@pytest.mark.django_db(transaction=True)
def test_what_left_the_map_is_forgotten(look):
    FieldUse.objects.create(model="gone.Model", field="name", looked_at=NOON - 2 * DAY)

    look()

    assert not FieldUse.objects.filter(model="gone.Model").exists()


@pytest.mark.django_db(transaction=True)
def test_one_look_a_night(look):
    assert field_use.is_due(at=NOON)
    look()

    assert not field_use.is_due(at=NOON + DAY / 2)
    assert field_use.is_due(at=NOON + DAY)


# Who did it, and from where: proofs that no page of ours shows, for whoever asks one day.
PROOFS = {
    *("accounts.ConsentEvent.ip_prefix", "accounts.PolicyAcceptance.address_prefix"),
    *("accounts.PolicyVersion.author", "fbr.CancelApplication.prepared_by"),
    *("fbr.GoLive.iris_typed_by", "fbr.GoLive.egress_listed_by", "fbr.Quarantine.resumed_by"),
    *("fbr.Statement.uploaded_by", "privacy.Campaign.planned_by", "privacy.LegalHold.lifted_by"),
    "privacy.SubjectRequest.handled_by",
}


def test_of_our_fields_only_proofs_are_read_by_nothing():
    unread = {
        f"{each.model}.{each.field}"
        for each in inventory.personal_fields()
        if not field_use.is_read(each)
    }

    assert unread == PROOFS


@pytest.mark.parametrize(
    ("source", "is_read"),
    [
        ("print(buyer.phone)", True),
        ("rows.filter(phone='x')", True),
        ("rows.filter(buyer__phone__isnull=True)", True),
        ("fields = ('name', 'phone')", True),
        ("SQL = 'SELECT b.phone FROM invoices_buyer b'", True),
        ("buyer.phone = ''", False),
        ("Buyer(phone='x')", False),
        ("label = _('Your phone number')", False),
        ("def phone(): pass", False),
    ],
)
def test_what_counts_as_reading(source, is_read):
    assert ("phone" in set(readers.in_module(source))) is is_read


# --- after a quarter --------------------------------------------------------------------------


@pytest.fixture
def idle(db):
    return FieldUse.objects.create(
        model="invoices.Buyer",
        field="phone",
        rows=9,
        idle="empty",
        idle_since=NOON - QUARTER,
        looked_at=NOON,
    )


@pytest.mark.django_db(transaction=True)
def test_after_a_quarter_it_is_a_task_and_not_before(look, customers):
    look()
    look(NOON + QUARTER - DAY)
    assert not tasks().exists()

    look(NOON + QUARTER)

    [task] = tasks()
    assert task.url == reverse("admin:privacy_datamap")
    assert "invoices.Buyer.phone" in task.facts["names"]


def test_twin_with_no_clock_it_never_is(idle, monkeypatch):
    monkeypatch.setattr(field_use, "QUARTER", timedelta(days=10_000))

    assert not field_use.due(at=NOON).exists()


def test_an_officer_keeps_it_for_a_quarter_more(idle):
    officer = factories.make_staff(StaffRole.PRIVACY_OFFICER)
    assert list(field_use.due(at=NOON)) == [idle]

    assert field_use.agree([idle.pk], by=officer, at=NOON) == 1

    assert not field_use.due(at=NOON).exists()
    assert list(field_use.due(at=NOON + QUARTER)) == [idle]
    assert StaffDeed.objects.filter(action="decided", object_id=str(idle.pk)).exists()


def test_whoever_keeps_no_registers_keeps_no_field(idle):
    agent = factories.make_staff(StaffRole.SUPPORT)

    with pytest.raises(NotAllowed):
        field_use.agree([idle.pk], by=agent, at=NOON)

    assert list(field_use.due(at=NOON)) == [idle]


def test_the_promise_is_red_when_nobody_looked_or_nobody_decided(idle):
    assert isinstance(collecting.every_field_has_a_use(NOON), Kept)

    late = NOON + collecting.ASKED
    assert isinstance(collecting.every_field_has_a_use(late), Broken)  # nobody looked since
    FieldUse.objects.update(looked_at=late)
    assert isinstance(collecting.every_field_has_a_use(late), Broken)  # nobody decided
    FieldUse.objects.update(agreed_at=late)
    assert isinstance(collecting.every_field_has_a_use(late), Kept)


# --- the page ---------------------------------------------------------------------------------


def test_the_page_of_the_map_shows_it_and_takes_the_answer(idle):
    line = Client()
    line.force_login(factories.make_staff(StaffRole.PRIVACY_OFFICER))
    shown = line.get(reverse("admin:privacy_datamap")).content.decode()
    assert "invoices.Buyer.phone: Nobody fills it in" in shown

    line.post(reverse("admin:privacy_datamap_needed"), {"field": [str(idle.pk)]})

    idle.refresh_from_db()
    assert idle.agreed_at is not None
