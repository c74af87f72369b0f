"""Documents of some age, with files, for tests of the purge."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import transaction

from accounts import tenancy
from accounts.enums import StaffRole
from invoices.models import InvoicePdf
from privacy.models import PurgeKind
from privacy.services import retention
from tests import factories
from tests.factories import AT

# Documents of 20 November 2026 may go at this midnight of Karachi; the bare DELETE says the same.
DUE = datetime(2033, 11, 30, 19, 0, tzinfo=UTC)
YEARS_ON = datetime(2035, 3, 1, tzinfo=UTC)
DOCUMENT_TABLES = (
    *("invoices_invoice", "invoices_invoiceline", "invoices_invoiceevent", "invoices_invoicepdf"),
    *("invoices_bookentry", "fbr_outbox"),
)


@transaction.atomic
def make_document(tenant, *, with_file=True):
    """An accepted document; its printed copy is a real file."""
    with tenancy.in_tenant(tenant.pk):
        invoice = factories.make_issued()
        factories.accept(invoice)
        if with_file:
            name = f"{tenant.pk}/{invoice.pk}/{secrets.token_hex(8)}.pdf"
            default_storage.save(name, ContentFile(b"%PDF- a copy"))
            InvoicePdf(
                invoice=invoice,
                shows="accepted",
                version=1,
                file=name,
                sha256="0" * 64,
                rendered_at=AT,
            ).save(force_insert=True)
    return invoice


def make_documents(tenant, count):
    return [make_document(tenant).pk for _ in range(count)]


def dated(laid_database, invoice, day):
    """As if it had been issued that day; nobody who serves could."""
    with laid_database.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(
            "UPDATE invoices_invoice SET invoice_date = %s WHERE id = %s", [day, invoice.pk]
        )
        cursor.execute("RESET session_replication_role")


def counts(laid_database, tables=DOCUMENT_TABLES):
    with laid_database.cursor() as cursor:
        found = {}
        for table in tables:
            cursor.execute(f"SELECT count(*) FROM {table}")
            found[table] = cursor.fetchone()[0]
        return found


def files_of(tenant):
    """All files in the folder of one business."""
    try:
        folders, _ = default_storage.listdir(str(tenant.pk))
    except FileNotFoundError:
        return []
    return [
        f"{tenant.pk}/{folder}/{name}"
        for folder in folders
        for name in default_storage.listdir(f"{tenant.pk}/{folder}")[1]
    ]


def agreed(at):
    """A run of the tax records that are due at `at`, with both people's consent."""
    officer = factories.make_staff(StaffRole.PRIVACY_OFFICER)
    second = factories.make_staff(StaffRole.SECURITY)
    plan = retention.plan(PurgeKind.TAX, at=at, by=officer)
    asked = retention.ask(plan, why="Their time is over.", by=officer, at=at)
    retention.approve(asked, by=second, at=at)
    return retention.begin(plan, by=officer, at=at)
