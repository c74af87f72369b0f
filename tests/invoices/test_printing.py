"""Kept copies: once a state and version, proven by their hash, and no file left behind."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from io import BytesIO

import pypdf
import pytest
from django.db import IntegrityError, connection, transaction
from django.http import HttpResponse

from accounts import tenancy
from accounts.access import Actor
from accounts.enums import Role
from fbr.services import issuing
from invoices import lifecycle, reasons
from invoices.content import Advance
from invoices.enums import Paper, State
from invoices.models import Invoice, InvoicePdf, Till
from invoices.services import drafts, notes, printing
from tests import factories
from tests.factories import AT
from tests.invoices.test_links import accepted


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


# --- what stands beside a document, and the two papers of a bill ------------------------------


@pytest.fixture
def bill(entity, operator):
    """A bill of a till that FBR has accepted, issued by the operator."""
    till = Till(
        tenant_id=entity.tenant_id,
        legal_entity=entity,
        environment=entity.environment,
        name="Till 1",
        pos_id=817001,
        branch="Liberty branch",
    )
    till.save(force_insert=True)
    actor = Actor.person(operator.pk, Role.OPERATOR)
    content = factories.make_content(till_id=till.pk, payment_mode="cash")
    invoice, lines = factories.make_draft(content)
    issuing.issue(invoice=invoice, lines=lines, actor=actor, at=AT)
    number = {"fbr_number": "817001FKTL123", "accepted_at": AT}
    lifecycle.transition(invoice, State.SUBMITTING, actor=actor, at=AT)
    lifecycle.transition(invoice, State.ACCEPTED, actor=actor, at=AT, also=number)
    return invoice


def text_of(row):
    pages = pypdf.PdfReader(BytesIO(printing.open_kept(row))).pages
    return " ".join(" ".join(page.extract_text() for page in pages).split())


def test_a_bill_is_a_receipt_and_may_be_had_on_a_sheet(bill, shelf):
    receipt = printing.render_and_keep(invoice_id=bill.pk, at=AT)
    sheet = printing.render_and_keep(invoice_id=bill.pk, at=AT, paper="a4")

    assert (receipt.paper, sheet.paper) == (Paper.RECEIPT, Paper.A4)
    assert (printing.kept(bill), printing.kept(bill, "a4")) == (receipt, sheet)
    assert "POS number 817001" in text_of(receipt)
    assert "Page 1 of 1" in text_of(sheet)
    assert "POS number 817001" in text_of(sheet)
    assert len(files_on(shelf)) == 2


def test_a_receipt_names_who_issued_the_bill_and_when(bill, operator):
    text = text_of(printing.render_and_keep(invoice_id=bill.pk, at=AT))

    assert f"Cashier {operator.name}" in text
    assert "Time 12:00:00" in text
    assert "Liberty branch" in text


@pytest.mark.parametrize("wanted", ["", "a4", "receipt", "papyrus"])
def test_a_document_without_a_till_is_printed_on_a_sheet(draft, wanted):
    assert printing.paper_of(draft, wanted) == Paper.A4


@pytest.mark.parametrize(
    ("wanted", "paper"),
    [("", Paper.RECEIPT), ("receipt", Paper.RECEIPT), ("a4", Paper.A4), ("A4", Paper.RECEIPT)],
)
def test_the_paper_of_a_bill_is_the_one_asked_for(bill, wanted, paper):
    assert printing.paper_of(bill, wanted) == paper


def test_the_copy_of_a_note_names_its_invoice(inside):
    original = accepted()
    note, _lines = notes.debit_note(
        original=original, reason=reasons.RETURNED, actor=factories.SYSTEM, at=AT
    )

    text = text_of(printing.render_and_keep(invoice_id=note.pk, at=AT))

    assert f"Invoice reference no. {original.fbr_number}" in text
    assert f"Corrects {original.number}, 20 Nov 2026" in text


def test_the_copy_of_an_invoice_names_the_advance_receipts_that_come_off(inside):
    receipt = accepted(factories.make_content(is_advance=True))
    invoice = factories.make_issued(
        factories.make_content(advances=(Advance(receipt_id=receipt.pk, value=Decimal(600)),))
    )

    text = text_of(printing.render_and_keep(invoice_id=invoice.pk, at=AT))

    assert f"{receipt.number} {receipt.fbr_number} 20 Nov 2026 600.00" in text


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
