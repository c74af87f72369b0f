"""An accepted document, and one row in every table that law wants kept."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.apps import apps
from django.db import connection, models, transaction
from psycopg2.extras import Json

from accounts import tenancy
from accounts.models import Tenant
from accounts.tenancy import TenantModel
from smartinvoicing.classified import Retention
from smartinvoicing.ids import uuid7
from tests.factories import AT, DAY
from tests.invoices.test_frozen import make_accepted

MODELS = {
    model._meta.db_table: model
    for model in apps.get_models()
    if getattr(getattr(model, "Privacy", None), "retention", None) == Retention.TAX
}
# What a row needs so that it is over and done with.
ENDED: dict[str, dict[str, Any]] = {
    "fbr_cancellation": {
        "window_ends_at": AT + timedelta(hours=1),
        "refused_at": AT,
        "refused_by": "x",
        "refused_why": "x",
    },
    "fbr_claim": {"withdrawn_at": AT, "withdrawn_by": "x"},
    "fbr_incident": {"closed_at": AT, "closed_note": "mended"},
    "fbr_outage": {"restored_at": AT + timedelta(hours=1)},
    "fbr_quarantine": {"resumed_at": AT, "resumed_by": "x", "statement_id": uuid7()},
    "fbr_numbergap": {"first": 7, "last": 9},
    "invoices_closing": {"starts_on": DAY, "ends_on": DAY},
    "invoices_signingkey": {"sealed": None},
    "invoices_till": {"retired_at": AT},
    "privacy_legalhold": {
        "scope": "tenant",
        "lifted_at": AT,
        "lifted_by": "x",
        "lifted_why": "x",
    },
}
VALUES: dict[type[models.Field], Any] = {
    models.BigIntegerField: 1,
    models.BinaryField: b"x",
    models.BooleanField: False,
    models.DateField: DAY,
    models.DateTimeField: AT,
    models.DecimalField: Decimal(1),
    models.IntegerField: 1,
    models.JSONField: Json({}),
    models.CharField: "x",
    models.TextField: "x",
}


@dataclass(frozen=True)
class Cast:
    """Ids of one row of each table, by the table's name."""

    tenant: Tenant
    invoice_id: UUID
    rows: dict[str, Any]


def make(tenant: Tenant, laid_database: Any) -> Cast:
    """Committed. What no service made here stands in its table by a superuser's hand."""
    with tenancy.in_tenant(tenant.pk), transaction.atomic():
        invoice_id = make_accepted()["invoice"]
    rows: dict[str, Any] = {"invoices_invoice": invoice_id}
    with laid_database.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        try:
            for table, model in MODELS.items():
                if table not in rows:
                    known = {"invoice_id": invoice_id, **rows_of(rows)}
                    rows[table] = _one(cursor, model, tenant, invoice_id, known)
        finally:
            cursor.execute("RESET session_replication_role")
    return Cast(tenant, invoice_id, rows)


def rows_of(rows: dict[str, Any]) -> dict[str, Any]:
    """Rows made so far, by the column that would name them."""
    return {
        "statement_id": rows.get("fbr_statement"),
        "quarantine_id": rows.get("fbr_quarantine"),
        "incident_id": rows.get("fbr_incident"),
        "outage_id": rows.get("fbr_outage"),
    }


def _one(cursor: Any, model: Any, tenant: Tenant, invoice_id: UUID, known: Any) -> Any:
    """A row of the document where there is one, else a new one."""
    table, names = model._meta.db_table, [f.column for f in model._meta.concrete_fields]
    if "tenant_id" in names and table not in ENDED:
        mine = "invoice_id = %s" if "invoice_id" in names else "tenant_id = %s"
        cursor.execute(
            f"SELECT id FROM {table} WHERE {mine} LIMIT 1",
            [invoice_id if "invoice_id" in names else tenant.pk],
        )
        found = cursor.fetchone()
        if found:
            return found[0]
    values = {f.column: _value(f, tenant, known) for f in model._meta.concrete_fields}
    values |= ENDED.get(table, {})
    values = {n: v for n, v in values.items() if not model._meta.get_field(n).generated}
    columns, marks = ", ".join(values), ", ".join(["%s"] * len(values))
    cursor.execute(
        f"INSERT INTO {table} ({columns}) VALUES ({marks}) RETURNING id", list(values.values())
    )
    return cursor.fetchone()[0]


def _value(field: Any, tenant: Tenant, known: dict[str, Any]) -> Any:
    if field.column == "tenant_id":
        return tenant.pk
    if known.get(field.column) is not None:
        return known[field.column]
    if field.primary_key:
        return tenant.pk if field.model._meta.db_table == "accounts_audithead" else _key(field)
    if field.null:
        return None
    if field.is_relation:
        return _key(field.target_field)
    if field.blank and isinstance(field, models.CharField | models.TextField):
        return ""
    if field.choices:
        return field.choices[0][0]
    kind = next((k for k in type(field).__mro__ if k in VALUES), None)
    return VALUES[kind] if kind else uuid7()


def _key(field: Any) -> Any:
    return uuid7() if isinstance(field, models.UUIDField) else 1


# --- attacks --------------------------------------------------------------------------------------

OTHER = {
    "uuid": "gen_random_uuid()",
    "text": "'z' || substr(coalesce({0}, ''), 2)",
    "character varying": "'z' || substr(coalesce({0}, ''), 2)",
    "boolean": "NOT coalesce({0}, false)",
    "jsonb": "'[\"forged\"]'::jsonb",
    "bytea": "coalesce({0}, '') || '\\x00'::bytea",
    "date": "coalesce({0}, current_date) - 1",
    "timestamp with time zone": "coalesce({0}, now()) - interval '1 day'",
    "numeric": "coalesce({0}, 0) + 1",
    "integer": "coalesce({0}, 0) + 1",
    "bigint": "coalesce({0}, 0) + 1",
    "smallint": "coalesce({0}, 0) + 1",
}


def columns(table: str) -> dict[str, str]:
    """Each column that can be written, and SQL for another value in it."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT column_name, data_type FROM information_schema.columns"
            " WHERE table_schema = 'public' AND table_name = %s AND is_generated = 'NEVER'"
            " ORDER BY ordinal_position",
            [table],
        )
        return {name: OTHER[kind].format(name) for name, kind in cursor.fetchall()}


def is_walled(table: str) -> bool:
    return issubclass(MODELS[table], TenantModel)
