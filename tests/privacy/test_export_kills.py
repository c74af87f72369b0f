"""An export that is killed: what was printed stays, it is begun again, and it ends."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.db import transaction
from django.db.models import F

from accounts import tenancy
from invoices.models import InvoicePdf
from privacy.models import ExportFile, ExportState
from privacy.services import answering, export_documents, exporting
from smartinvoicing import clock
from smartinvoicing.celery import tell
from smartinvoicing.errors import StateConflict
from tests import factories
from tests.chaos import rig
from tests.privacy import rights_cast as cast

pytestmark = pytest.mark.django_db(transaction=True)

MANY = exporting.TRIES + 3


class Killed(BaseException):
    """The process is gone: nothing that catches errors sees it."""


@pytest.fixture(autouse=True)
def media(settings, tmp_path):
    settings.STORAGES = {
        **settings.STORAGES,
        "default": {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": tmp_path, "base_url": None},
        },
    }
    return tmp_path


def fill(tenant, count):
    """Documents that nobody has printed yet."""
    with tenancy.in_tenant(tenant.pk), transaction.atomic():
        for _ in range(count):
            factories.accept(factories.make_issued())


def printed(tenant):
    with tenancy.in_tenant(tenant.pk), transaction.atomic():
        return dict(InvoicePdf.objects.values_list("invoice_id", "rendered_at"))


def leases_end():
    """As after ten minutes in which nobody gave a sign of life."""
    ExportFile.objects.filter(state=ExportState.BUILDING).update(lease_until=F("asked_at"))


def killed_at(monkeypatch, point):
    """Each run dies when it comes there; the names of the points that it passed."""
    passed = []

    def crash(name):
        passed.append(name)
        if name == point:
            raise Killed

    monkeypatch.setattr(exporting, "crashpoint", crash)
    return passed


def test_killed_after_each_document_it_ends_and_prints_none_twice(business, monkeypatch):
    fill(business, MANY)
    monkeypatch.setattr(export_documents, "STEP", 1)
    at = clock.now()
    export = exporting.build_tenant_export(business.pk, at=at)
    killed_at(monkeypatch, "export.printed")

    for number in range(1, MANY + 1):
        with pytest.raises(Killed):
            answering.build_due(at=at + timedelta(seconds=number))
        assert len(printed(business)) == number
        leases_end()
    assert answering.build_due(at=at + timedelta(hours=1)) == 1

    export.refresh_from_db()
    assert export.state == ExportState.READY
    assert sorted(printed(business).values()) == [
        at + timedelta(seconds=number) for number in range(1, MANY + 1)
    ]
    _manifest, files = cast.opened(exporting.fetch(export, at=at))
    assert sum(name.startswith("documents/") for name in files) == MANY


def test_twin_where_getting_further_does_not_count_it_is_given_up(business, monkeypatch):
    real = exporting._alive
    monkeypatch.setattr(exporting, "_alive", lambda export, steps=0, **also: real(export, steps))
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        test_killed_after_each_document_it_ends_and_prints_none_twice(business, monkeypatch)
    assert ExportFile.objects.get().state == ExportState.FAILED


def test_killed_while_it_is_written_three_times_it_is_given_up(business, media, monkeypatch):
    fill(business, 1)
    at = clock.now()
    export = exporting.build_tenant_export(business.pk, at=at)
    killed_at(monkeypatch, "export.written")

    for _ in range(exporting.TRIES + 1):  # the first got further: it printed
        with pytest.raises(Killed):
            answering.build_due(at=at)
        leases_end()
    assert answering.build_due(at=at) == 0

    export.refresh_from_db()
    assert export.state == ExportState.FAILED
    assert list(media.rglob("*.sealed")) == []


def test_where_the_time_is_not_enough_it_goes_on_with_the_next_run(business, monkeypatch):
    fill(business, 2)
    monkeypatch.setattr(export_documents, "STEP", 1)
    at = clock.now()
    export = exporting.build_tenant_export(business.pk, at=at)
    claimed = exporting.claim(at=at)
    answers = iter([False, True])

    exporting.run(claimed, at=at, is_over=lambda: next(answers))

    export.refresh_from_db()
    assert (export.state, len(printed(business))) == (ExportState.WAITING, 1)
    assert answering.build_due(at=at) == 1


def test_a_worker_that_lost_its_lease_leaves_the_other_alone(business, media, monkeypatch):
    fill(business, 1)
    at = clock.now()
    export = exporting.build_tenant_export(business.pk, at=at)
    slow = exporting.claim(at=at)
    leases_end()
    assert answering.build_due(at=at) == 1

    with pytest.raises(StateConflict):
        exporting.run(slow, at=at)

    export.refresh_from_db()
    assert export.state == ExportState.READY
    assert [path.name for path in media.rglob("*.sealed")] == [export.name]
    exporting.fetch(export, at=at).close()


def test_a_lease_begins_when_it_is_taken_not_when_the_run_began(owner, viewer, monkeypatch):
    """The first of a run took an hour: the second is its worker's as long as the first was."""
    at = clock.now()
    for person in (owner, viewer):
        exporting.build_export(person, at=at)
    hours = iter([0.0, 0.0, 0.0, 3600.0, 3600.0, 3600.0])
    watch = SimpleNamespace(monotonic=lambda: next(hours, 7200.0))
    monkeypatch.setattr(answering, "time", watch)
    leases = []
    real = exporting.run

    def run(export, **how):
        leases.append(export.lease_until)
        real(export, **how)

    monkeypatch.setattr(exporting, "run", run)
    answering.build_due(at=at, budget_s=5000.0)

    assert [lease - exporting.LEASE - at for lease in leases] == [
        timedelta(),
        timedelta(hours=1),
    ]


def test_a_worker_is_killed_and_another_ends_it(business, start_worker, media, tmp_path):
    """Twice by a signal that nobody can catch: while it prints, and while it writes."""
    fill(business, export_documents.STEP + 1)
    env = {"MEDIA_ROOT": str(tmp_path)}
    export = exporting.build_tenant_export(business.pk, at=clock.now())
    for point in ("export.printed", "export.written"):
        doomed = start_worker("documents", concurrency=1, env={**env, "CRASHPOINT": point})
        tell(exporting.TASK)
        assert doomed.wait(120) == -9, doomed.log()
        leases_end()
    before = printed(business)
    assert len(list(media.rglob("*.sealed"))) == 1  # the piece that it had written

    start_worker("documents", concurrency=1, env=env)
    tell(exporting.TASK)
    rig.wait_until(lambda: ExportFile.objects.get().state == ExportState.READY)

    export.refresh_from_db()
    assert printed(business) == before
    assert [path.name for path in media.rglob("*.sealed")] == [export.name]
    _manifest, files = cast.opened(exporting.fetch(export, at=clock.now()))
    assert sum(name.startswith("documents/") for name in files) == export_documents.STEP + 1
