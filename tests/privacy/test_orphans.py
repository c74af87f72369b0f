"""Files without a record and records without a file: both are found, once a week."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from privacy.models import DeskTask, ExportFile
from privacy.services import orphans
from smartinvoicing import clock
from tests.factories import AT
from tests.privacy import purge_cast

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _own_folder(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path
    settings.STORAGES = {
        **settings.STORAGES,
        "default": {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": tmp_path, "base_url": None},
        },
    }


@pytest.fixture
def tomorrow():
    """When files that were written now are old enough."""
    return clock.now() + timedelta(days=2)


def kept(path):
    return default_storage.save(path, ContentFile(b"x"))


def test_what_no_record_names_goes_and_the_rest_stays(business, tomorrow):
    purge_cast.make_document(business)
    (named,) = purge_cast.files_of(business)
    lost = [kept(f"{business.pk}/x/lost.pdf"), kept(f"proofs/{business.pk}/2026-11/lost.png")]
    foreign = kept("somebody/else.txt")

    swept = orphans.sweep(at=tomorrow)

    assert sorted(swept.deleted) == sorted(lost)
    assert swept.missing == []
    assert swept.unknown == [foreign]
    assert default_storage.exists(named)
    assert default_storage.exists(foreign)
    assert DeskTask.objects.get(done_at=None).kind == "files_unknown"


def test_a_young_file_may_still_get_its_record(business):
    kept(f"{business.pk}/x/young.pdf")

    assert orphans.sweep(at=clock.now()).deleted == []


def test_a_record_whose_file_is_gone_is_told(business, tomorrow):
    purge_cast.make_document(business)
    (named,) = purge_cast.files_of(business)
    default_storage.delete(named)

    swept = orphans.sweep(at=tomorrow)

    assert swept.missing == [named]
    assert DeskTask.objects.get(done_at=None).facts == {"files": 1}


def test_an_archive_of_an_export_is_left_to_who_makes_it(tomorrow):
    sealed, stray = kept("exports/0a-1.sealed"), kept("exports/notes.txt")

    swept = orphans.sweep(at=tomorrow)

    assert (swept.deleted, swept.unknown) == ([], [stray])
    assert default_storage.exists(sealed)


@pytest.mark.parametrize(("state", "is_told"), [("ready", True), ("gone", False)])
def test_an_archive_that_could_be_fetched_and_is_gone_is_told(business, tomorrow, state, is_told):
    ExportFile.objects.create(
        subject_kind="tenant",
        tenant_id=business.pk,
        state=state,
        name="0a-1.sealed",
        asked_at=AT,
        ready_at=AT,
        expires_at=tomorrow + timedelta(days=1),
    )

    assert orphans.sweep(at=tomorrow).missing == ["exports/0a-1.sealed"] * is_told


def test_twin_a_sweep_that_asks_nobody_takes_what_is_named(business, tomorrow, monkeypatch):
    purge_cast.make_document(business)
    monkeypatch.setattr(orphans, "named_by", lambda tenant_id: frozenset())

    assert orphans.sweep(at=tomorrow).deleted != []


def test_once_a_week(business, tomorrow):
    week = timedelta(days=7)
    swept = [
        orphans.sweep_when_due(at=at) is not None
        for at in (tomorrow, tomorrow + week - timedelta(seconds=1), tomorrow + week)
    ]

    assert swept == [True, False, True]
