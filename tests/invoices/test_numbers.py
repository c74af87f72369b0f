"""Numbers without gaps (R11): many threads, three in ten of them rolled back."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import IntegrityError, connection, transaction

from accounts import tenancy
from accounts.enums import Environment
from accounts.models import LegalEntity
from invoices import numbers
from invoices.enums import DocumentType
from invoices.models import Invoice, Series
from tests import factories

THREADS = 16
TRIES = 20
ROLLED_BACK = 0.3
SEED = 20261120


def taken(entity, **fields):
    invoice = Invoice(
        tenant_id=entity.tenant_id,
        environment=fields.pop("environment", entity.environment),
        document_type=fields.pop("document_type", DocumentType.SALE_INVOICE),
    )
    return numbers.take_next(invoice, entity, year=fields.pop("year", 2026))


def test_a_run_begins_at_one_and_goes_on(entity):
    found = [taken(entity) for _ in range(3)]

    assert [each["serial"] for each in found] == [1, 2, 3]
    assert [each["number"] for each in found] == [f"INV-2026-00000{n}" for n in (1, 2, 3)]
    series = Series.objects.get()
    assert series.last == 3
    assert {each["series_id"] for each in found} == {series.pk}


@pytest.mark.parametrize(
    "other",
    [
        {"year": 2027},
        {"environment": Environment.PRODUCTION},
        {"document_type": DocumentType.DEBIT_NOTE},
    ],
)
def test_each_year_environment_and_kind_has_a_run_of_its_own(entity, other):
    taken(entity)
    taken(entity)

    assert taken(entity, **other)["serial"] == 1
    assert taken(entity)["serial"] == 3
    assert Series.objects.count() == 2


def test_another_prefix_and_another_business_begin_anew(entity, other_business):
    taken(entity)
    entity.series = "B"

    assert taken(entity)["number"] == "B-2026-000001"
    with tenancy.in_tenant(other_business.pk):
        assert taken(LegalEntity.objects.get())["number"] == "INV-2026-000001"
        assert Series.objects.count() == 1


def test_a_rolled_back_number_is_given_again(entity):
    taken(entity)
    with transaction.atomic():
        taken(entity)
        transaction.set_rollback(True)

    assert taken(entity)["serial"] == 2


def in_threads(work):
    """`work(dice)` THREADS x TRIES times; the list of what it returned, None where undone."""

    def many(seed):
        dice = random.Random(SEED + seed)
        try:
            return [once(work, dice) for _ in range(TRIES)]
        finally:
            connection.close()

    with ThreadPoolExecutor(THREADS) as pool:
        return [each for found in pool.map(many, range(THREADS)) for each in found]


def once(work, dice):
    with transaction.atomic():
        found = work()
        undone = dice.random() < ROLLED_BACK
        transaction.set_rollback(undone)
    return None if undone else found


@pytest.mark.django_db(transaction=True)
def test_sixteen_threads_with_rollbacks_leave_no_gap_and_no_double(business):
    with tenancy.in_tenant(business.pk), transaction.atomic():
        entity = LegalEntity.objects.get()

    def work():
        with tenancy.in_tenant(business.pk):
            return taken(entity)["serial"]

    found = in_threads(work)

    kept = sorted(serial for serial in found if serial is not None)
    undone = len(found) - len(kept)
    assert undone > len(found) * 0.2, f"seed {SEED}"
    assert kept == list(range(1, len(kept) + 1)), f"seed {SEED}"
    with tenancy.in_tenant(business.pk), transaction.atomic():
        assert Series.objects.get().last == len(kept)


@pytest.mark.django_db(transaction=True)
def test_the_twin_with_a_sequence_leaves_gaps(business, laid_database):
    """Sabotage: PostgreSQL's own sequence does not roll back."""
    with laid_database.cursor() as cursor:
        cursor.execute("CREATE SEQUENCE twin; GRANT USAGE ON SEQUENCE twin TO app")

    def work():
        with connection.cursor() as cursor:
            cursor.execute("SELECT nextval('twin')")
            return cursor.fetchone()[0]

    try:
        found = in_threads(work)
    finally:
        with laid_database.cursor() as cursor:
            cursor.execute("DROP SEQUENCE twin")

    kept = [serial for serial in found if serial is not None]
    assert len(set(kept)) == len(kept)
    assert max(kept) > len(kept), f"seed {SEED}"


def test_an_issued_document_carries_the_number_for_good(entity):
    invoice = factories.make_issued()

    stored = Invoice.objects.get(pk=invoice.pk)
    assert (stored.number, stored.serial) == ("INV-2026-000001", 1)
    assert stored.series == Series.objects.get()


def test_two_documents_never_share_a_serial(entity):
    first = factories.make_issued()
    second, _ = factories.make_draft()

    with pytest.raises(IntegrityError, match="invoice_serial_once"), transaction.atomic():
        Invoice.objects.filter(pk=second.pk).update(
            state="queued", series=first.series, serial=first.serial, number="COPY"
        )

    assert Invoice.objects.get(pk=second.pk).serial is None
