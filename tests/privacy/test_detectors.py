"""P3 (c): what looks personal in a field that is said to be plain is found, told, and let go."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction

from accounts import tenancy
from fbr.models import Alert
from privacy import detectors, inventory
from privacy.models import DeskTask, Detection
from privacy.services import detecting
from smartinvoicing import clock
from tests import factories
from tests.conftest import NOON


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("e-mail", "write to ayesha.khan@example.com.pk today"),
        ("CNIC", '{"id": "35202-1234567-1"}'),
        ("CNIC", "3520212345671"),
        ("NTN", "NTN 1234567-8"),
        ("phone", "0300-1234567"),
        ("phone", "+92 321 1234567"),
        ("phone", "00923001234567"),
        ("IBAN", "PK36SCBL0000001123456702"),
        ("IBAN", "pk36 scbl 0000 0011 2345 6702"),
        ("card", "4111 1111 1111 1111"),
        ("card", "378282246310005"),
    ],
)
def test_each_kind_is_found(kind, text):
    assert kind in detectors.found_in(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "5205.1100",
        "01a20228-7702-765a-bd5a-810e6d12c2a8",
        "01a20228-7702-765a-bd5a-03123456789a",
        "7000007DI1747119701593",
        "817001100726113855128*test*",
        "2026-11-22T09:31:05+00:00",
        "INV-2026-0000001",
        "PK36SCBL0000001123456703",  # does not add up
        "4111 1111 1111 1112",  # nor does this
        "c48b7874b01ecef307a3e039a3f7aed9164863448d4ac619acbac63e55923e64",
    ],
)
def test_what_is_like_it_is_not(text):
    assert detectors.found_in(text) == frozenset()


# --- the nightly look ------------------------------------------------------------------------


@pytest.fixture
def look(role_urls, settings):
    settings.PURGE_DATABASE_URL = role_urls.purge
    return lambda at: detecting.detect(at=at)


def planted(**facts):
    return Alert.objects.create(
        kind="red", key="canary", details=facts, raised_at=clock.now(), tell_after=clock.now()
    )


def open_places():
    return {(s.table, s.field, s.kind) for s in Detection.objects.filter(cleared_at=None)}


@pytest.mark.django_db(transaction=True)
def test_what_stands_where_nothing_should_is_told_and_let_go(look):
    at = clock.now()
    alert = planted(told="ayesha@example.com", by="0300-1234567")

    run = look(at)

    assert open_places() == {
        ("fbr_alert", "details", "e-mail"),
        ("fbr_alert", "details", "phone"),
    }
    assert (run.found, run.values > 0, run.fields > 50) == (2, True, True)
    task = DeskTask.objects.get(kind=detecting.TASK, done_at=None)
    assert task.key == "fbr_alert.details"
    assert "ayesha" not in f"{task.title} {task.facts} {list(Detection.objects.values())}"
    with pytest.raises(CommandError, match=r"fbr_alert\.details: e-mail"):
        call_command("datamap", "--check")

    Alert.objects.filter(pk=alert.pk).update(details={"by": "0300-1234567"})
    look(at + timedelta(days=1))
    assert open_places() == {("fbr_alert", "details", "phone")}
    assert DeskTask.objects.filter(kind=detecting.TASK, done_at=None).exists()

    alert.delete()
    look(at + timedelta(days=2))
    assert open_places() == set()
    assert not DeskTask.objects.filter(kind=detecting.TASK, done_at=None).exists()
    out = StringIO()
    call_command("datamap", "--check", stdout=out)
    assert "all on the map" in out.getvalue()


@pytest.mark.django_db(transaction=True)
def test_without_its_detector_nothing_is_told(look, monkeypatch):
    """The twin: the same rows, and nobody who knows what an address looks like."""
    planted(told="ayesha@example.com")
    monkeypatch.setattr(detectors, "DETECTORS", {})

    assert look(clock.now()).found == 0
    call_command("datamap", "--check", stdout=StringIO())


@pytest.mark.django_db(transaction=True)
def test_it_looks_over_the_wall_and_knows_what_is_personal(look, business):
    """A product's name may not be a telephone; a customer's telephone may."""
    with tenancy.in_tenant(business.pk), transaction.atomic():
        factories.make_product(name="ring 0300-1234567")
        factories.make_buyer(name="0300-7654321", address="0300-7654321")

    look(clock.now())

    assert {(table, field) for table, field, _ in open_places()} == {
        ("invoices_product", "name"),
    }


@pytest.mark.django_db(transaction=True)
def test_it_looks_once_a_night(look):
    assert detecting.is_due(at=NOON)

    look(NOON)

    assert not detecting.is_due(at=NOON + timedelta(hours=19))
    assert detecting.is_due(at=NOON + timedelta(hours=20))


def watched():
    found = detecting.watched().items()
    return {(model._meta.db_table, name) for model, names in found for name in names}


def test_what_only_looks_personal_is_a_field_that_is_watched():
    assert detecting.LIKENESSES.keys() <= watched()
    assert len(watched()) > 50


def test_no_personal_field_is_watched():
    personal = {(entry.table, entry.field) for entry in inventory.personal_fields()}

    assert not personal & watched()
