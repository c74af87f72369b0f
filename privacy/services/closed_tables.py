"""What becomes of each table of a business that is closed: read from the classes of the models.

A row goes unless its class outlives the account. What a tax record points at cannot go with it:
it is written over, and stays without a word about anybody.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from graphlib import TopologicalSorter
from types import MappingProxyType
from typing import Any, Final
from uuid import UUID

from django.apps import apps
from django.db import connection, models

from accounts.models import LegalEntity, Membership, Tenant
from accounts.tenancy import TenantModel
from fbr.models import Credential
from invoices.models import Buyer, Product
from privacy.services.person_tables import KEPT
from smartinvoicing.classified import Retention

Model = type[models.Model]

# Written once, and no tax record: they go by a function of the database's own.
ONCE: Final = frozenset({"accounts_auditprivate", "invoices_buyercheck"})


def _number() -> str:
    """In the place of a tax number, which is unique in its business: it follows from nothing."""
    return f"x{secrets.token_hex(6)}"


# What is written over, by the field that says whether it still has to be.
BLANKS: Final[Mapping[Model, tuple[str, Mapping[str, Any]]]] = MappingProxyType(
    {
        LegalEntity: (
            "name",
            {"ntn_cnic": _number}
            | dict.fromkeys(("name", "strn", "address", "phone", "software_no"), ""),
        ),
        Buyer: (
            "name",
            {"checked_at": None}
            | dict.fromkeys(("name", "ntn_cnic", "address", "phone", "email"), "")
            | dict.fromkeys(("register_says", "standing"), ""),
        ),
        Product: ("name", {"name": "", "item_code": ""}),
        Credential: (
            "seller_ntn_cnic",
            {"seller_ntn_cnic": "", "token_sealed": b"", "last_four": "", "test_said": ""},
        ),
    }
)


@dataclass(frozen=True, kw_only=True)
class Taken:
    """One table. kept_by: what stays and points at its rows, as (table, column)."""

    model: Model
    retention: Retention
    kept_by: tuple[tuple[str, str], ...] = field(default=())

    @property
    def table(self) -> str:
        return self.model._meta.db_table

    @property
    def unless(self) -> str:
        """SQL: nothing that stays points at this row `r`."""
        return " AND ".join(
            f"NOT EXISTS (SELECT 1 FROM {table} k WHERE k.tenant_id = r.tenant_id"  # noqa: S608 -- our models' names
            f" AND k.{column} = r.id)"
            for table, column in self.kept_by
        )


@cache
def taken() -> tuple[Taken, ...]:
    """Every table that a closure empties, those first that point at the others."""
    ours = [model for model in apps.get_models() if _is_of_a_business(model)]
    going = {model for model in ours if model.Privacy.retention not in KEPT}  # type: ignore[attr-defined]  # the model is known at run time
    going.discard(Membership)  # people go one by one
    graph = TopologicalSorter[Model]()
    for model in sorted(going, key=lambda each: each._meta.db_table):
        graph.add(model)
        for target in _targets(model):
            if target in going and target is not model:
                graph.add(target, model)
    return tuple(_taken(model, ours, going) for model in graph.static_order())


def _is_of_a_business(model: Model) -> bool:
    if not hasattr(model, "Privacy") or model is Tenant:
        return False
    return issubclass(model, TenantModel) or any(
        each.attname == "tenant_id" for each in model._meta.concrete_fields
    )


def _targets(model: Model) -> list[Model]:
    found = (each.related_model for each in model._meta.concrete_fields if each.is_relation)
    return [target for target in found if target is not None]


def _taken(model: Model, ours: list[Model], going: set[Model]) -> Taken:
    kept_by = tuple(
        (other._meta.db_table, str(each.column))
        for other in ours
        if other not in going
        for each in other._meta.concrete_fields
        if each.is_relation and each.related_model is model
    )
    if kept_by and model not in BLANKS:
        raise LookupError(f"{model._meta.label} stays behind, and nobody said what is written over")
    return Taken(model=model, retention=Retention(model.Privacy.retention), kept_by=kept_by)  # type: ignore[attr-defined]


# --- a batch ----------------------------------------------------------------------------------


def delete(each: Taken, tenant_id: UUID, *, most: int) -> int:
    """Delete up to `most` rows that nothing which stays points at; how many."""
    with connection.cursor() as cursor:
        if each.table in ONCE:
            cursor.execute(
                "SELECT privacy_erase_once(%s, %s, NULL, %s)", [each.table, tenant_id, most]
            )
            return int(cursor.fetchone()[0])
        where = f"r.tenant_id = %s AND {each.unless}" if each.kept_by else "r.tenant_id = %s"
        cursor.execute(
            f"DELETE FROM {each.table} WHERE id = ANY(ARRAY("  # noqa: S608 -- our models' names
            f"SELECT r.id FROM {each.table} r WHERE {where} ORDER BY r.id LIMIT %s))",
            [tenant_id, most],
        )
        return int(cursor.rowcount)


def blank(each: Taken, *, most: int) -> int:
    """Write over up to `most` rows that stay; how many. In the scope of the business."""
    if each.model not in BLANKS:
        return 0
    name, values = BLANKS[each.model]
    rows = _rows(each.model)
    ids = list(rows.exclude(**{name: ""}).order_by("pk").values_list("pk", flat=True)[:most])
    for pk in ids:
        made = {key: value() if callable(value) else value for key, value in values.items()}
        rows.filter(pk=pk).update(**made)
    return len(ids)


def _rows(model: Model) -> models.QuerySet[Any]:
    manager = model._meta.default_manager
    if manager is None:
        raise LookupError(f"{model._meta.label} has no rows")
    return manager.all()


def counts(each: Taken, tenant_id: UUID) -> tuple[int, int]:
    """How many rows would go, and how many would be written over."""
    where = "r.tenant_id = %s"
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {each.table} r WHERE {where}", [tenant_id])  # noqa: S608
        whole = int(cursor.fetchone()[0])
        if not each.kept_by:
            return whole, 0
        cursor.execute(
            f"SELECT count(*) FROM {each.table} r WHERE {where} AND {each.unless}",  # noqa: S608
            [tenant_id],
        )
        gone = int(cursor.fetchone()[0])
    return gone, whole - gone


def to_do(each: Taken, tenant_id: UUID) -> int:
    """How many rows still have to go or to be written over."""
    gone, _stays = counts(each, tenant_id)
    if each.model not in BLANKS:
        return gone
    name, _values = BLANKS[each.model]
    return gone + _rows(each.model).exclude(**{name: ""}).count()


def tenant(tenant_id: UUID) -> Tenant:
    """The business itself, from inside it."""
    return Tenant.objects.get(pk=tenant_id)
