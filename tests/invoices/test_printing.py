"""Kept copies: once a state and version, proven by their hash, and no file left behind."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import IntegrityError, connection, transaction
from django.http import HttpResponse

from accounts import tenancy
from invoices.enums import State
from invoices.models import Invoice, InvoicePdf
from invoices.services import drafts, printing
from tests import factories
from tests.factories import AT


@pytest.fixture(autouse=True)
def shelf(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path
    settings.STORAGES = {
        **settings.STORAGES,
        "default": {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": tmp_path, "base_url": None},
        },
    }
    return tmp_path


@pytest.fixture
def draft(inside):
    invoice, _ = factories.make_draft()
    return invoice


def files_on(shelf):
    return [path for path in shelf.rglob("*") if path.is_file()]


def test_render_and_keep_stores_what_the_document_shows_now(draft, shelf):
    row = printing.render_and_keep(invoice_id=draft.pk, at=AT)

    assert (row.shows, row.version, row.rendered_at) == (State.DRAFT, draft.version, AT)
    assert row.file.startswith(f"{draft.tenant_id}/{draft.pk}/")
    assert printing.open_kept(row).startswith(b"%PDF-")
    assert printing.kept(draft) == row


def test_render_and_keep_twice_is_once(draft, shelf):
    row = printing.render_and_keep(invoice_id=draft.pk, at=AT)

    assert printing.render_and_keep(invoice_id=draft.pk, at=AT) == row
    assert len(files_on(shelf)) == 1


def test_kept_forgets_the_copy_of_another_version(draft, shelf):
    printing.render_and_keep(invoice_id=draft.pk, at=AT)

    drafts.change(
        invoice=draft,
        content=factories.make_content(),
        actor=factories.SYSTEM,
        at=AT,
        seen_version=draft.version,
    )

    assert printing.kept(draft) is None
    assert printing.render_and_keep(invoice_id=draft.pk, at=AT).version == draft.version


def test_a_draft_with_a_kept_copy_can_be_deleted(draft, shelf, django_capture_on_commit_callbacks):
    printing.render_and_keep(invoice_id=draft.pk, at=AT)

    with django_capture_on_commit_callbacks(execute=True):
        drafts.delete(invoice=draft, actor=factories.SYSTEM, at=AT)

    assert not Invoice.objects.filter(pk=draft.pk).exists()
    assert files_on(shelf) == []


def test_the_copy_of_an_issued_document_cannot_be_deleted(inside, shelf):
    row = printing.render_and_keep(invoice_id=factories.make_issued().pk, at=AT)

    with pytest.raises(IntegrityError, match="kept"), transaction.atomic():
        row.delete()

    assert InvoicePdf.objects.filter(pk=row.pk).exists()


def test_open_kept_raises_when_the_file_was_changed(draft, shelf):
    row = printing.render_and_keep(invoice_id=draft.pk, at=AT)
    (shelf / row.file).write_bytes(b"%PDF-1.7 something else")

    with pytest.raises(printing.CopyChanged):
        printing.open_kept(row)


def test_download_is_an_attachment(draft):
    row = printing.render_and_keep(invoice_id=draft.pk, at=AT)

    answer = printing.download(row, draft)

    assert isinstance(answer, HttpResponse)
    assert answer["Content-Disposition"] == 'attachment; filename="draft.pdf"'
    assert answer["Content-Type"] == "application/pdf"


@pytest.mark.django_db(transaction=True)
def test_render_and_keep_of_two_workers_keeps_one_row_and_one_file(business, shelf):
    with tenancy.in_tenant(business.pk), transaction.atomic():
        invoice, _ = factories.make_draft()
    together = threading.Barrier(4)

    def work(_: int):
        try:
            with tenancy.in_tenant(business.pk):
                together.wait()
                return printing.render_and_keep(invoice_id=invoice.pk, at=AT).pk
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        rows = set(pool.map(work, range(4)))

    assert len(rows) == 1
    assert len(files_on(shelf)) == 1
