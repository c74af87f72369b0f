"""Each layer of the wall alone: row security, the managers, and what they do without the other."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import connection, transaction

from accounts import tenancy
from accounts.models import ApiKey, Tenant
from smartinvoicing.celery import app
from tests.isolation.theirs_cast import Theirs, digest, make_theirs, walled

pytestmark = pytest.mark.django_db


@pytest.fixture
def theirs() -> Theirs:
    return make_theirs()


def test_a_task_run_under_another_tenant_does_nothing(business, theirs, transactional_db):
    invoice_id = str(theirs.ids["invoice_id"])
    ids = {"tenant_id": str(business.pk), "invoice_id": invoice_id}
    app.tasks["invoices.print"].apply(kwargs=ids)

    assert digest(theirs.tenant) == theirs.before


def test_raw_sql_inside_a_tenant_sees_no_foreign_row(business, theirs):
    with tenancy.in_tenant(business.pk), transaction.atomic(), connection.cursor() as cursor:
        for model in walled():
            cursor.execute(
                f"SELECT count(*) FROM {model._meta.db_table} WHERE tenant_id = %s",
                [theirs.tenant.pk],
            )
            assert cursor.fetchone() == (0,), model


def test_raw_sql_outside_any_tenant_sees_no_row(theirs):
    with transaction.atomic(), connection.cursor() as cursor:
        for model in walled():
            cursor.execute(f"SELECT count(*) FROM {model._meta.db_table}")
            assert cursor.fetchone() == (0,), model


@pytest.fixture
def without_row_security(laid_database, transactional_db) -> Iterator[None]:
    """The database's layer taken away, to see whether the manager holds alone."""
    tables = [model._meta.db_table for model in walled()]
    with laid_database.cursor() as cursor:
        for table in tables:
            cursor.execute(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY")
    yield
    with laid_database.cursor() as cursor:
        for table in tables:
            cursor.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")


def _foreign_rows(tenant: Tenant) -> int:
    with tenancy.in_tenant(tenant.pk), transaction.atomic():
        return sum(model.objects.exclude(tenant_id=tenant.pk).count() for model in walled())


def test_the_managers_hold_without_row_security(without_row_security, business, theirs):
    assert _foreign_rows(business) == 0


def test_twin_without_row_security_and_filter_the_matrix_sees_foreign_rows(
    without_row_security, business, theirs, monkeypatch
):
    monkeypatch.setattr(tenancy.InTenant, "as_sql", lambda self, *args, **kwargs: ("TRUE", []))

    assert _foreign_rows(business) > 0


def test_twin_without_one_policy_raw_sql_sees_foreign_rows(
    laid_database, business, theirs, transactional_db
):
    with laid_database.cursor() as cursor:
        cursor.execute("ALTER TABLE invoices_invoice DISABLE ROW LEVEL SECURITY")
    try:
        with pytest.raises(AssertionError):
            test_raw_sql_inside_a_tenant_sees_no_foreign_row(business, theirs)
    finally:
        with laid_database.cursor() as cursor:
            cursor.execute("ALTER TABLE invoices_invoice ENABLE ROW LEVEL SECURITY")


def test_a_query_without_a_tenant_is_refused():
    for model in walled():
        with pytest.raises(tenancy.NoTenant):
            model.objects.count()


def test_a_key_of_ours_is_not_theirs(business, theirs):
    with tenancy.in_tenant(business.pk), transaction.atomic():
        assert not ApiKey.objects.filter(pk=theirs.ids["key_id"]).exists()
