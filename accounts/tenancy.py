"""The tenant wall: who may be seen, decided when SQL is compiled, and again by the database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar, TypeVar, cast
from uuid import UUID

from django.db import models

from smartinvoicing.ids import uuid7
from smartinvoicing.pg import scope as pg
from smartinvoicing.pg.scope import Scope


class NoTenant(RuntimeError):
    """A query on a tenant's table without a scope: a programmer's mistake, never all rows."""


@contextmanager
def in_tenant(tenant_id: UUID) -> Iterator[None]:
    """Inside the block only this tenant's rows exist."""
    with pg.entered(Scope(tenant_id=tenant_id)):
        yield


@contextmanager
def as_person(user_id: UUID) -> Iterator[None]:
    """Before the tenant is known: a person's own memberships and their tenants, to read."""
    with pg.entered(Scope(user_id=user_id)):
        yield


@contextmanager
def as_bearer(secret_hash: str) -> Iterator[None]:
    """Before the tenant is known: the one row whose secret has this hash, to read."""
    with pg.entered(Scope(bearer=secret_hash)):
        yield


@contextmanager
def across_tenants(*, why: str) -> Iterator[None]:
    """All tenants, for a reason that stands in the list of `tests/isolation`.

    The role `app` still sees no row by it: only `owner` and `purge` do, and functions that
    return ids.
    """
    with pg.entered(Scope(across=why)):
        yield


@contextmanager
def outside() -> Iterator[None]:
    """Of no tenant, whatever the scope was: tables outside the wall, and what is lent to us."""
    with pg.entered(pg.NOBODY):
        yield


def current_tenant_id() -> UUID:
    """The tenant of the scope.

    Raises: NoTenant outside one.
    """
    tenant_id = pg.current().tenant_id
    if tenant_id is None:
        raise NoTenant("Enter in_tenant(tenant_id) first.")
    return tenant_id


class InTenant(models.Func):
    """The WHERE of the current scope, decided when SQL is compiled, not when it is built."""

    conditional = True
    output_field: ClassVar[models.Field[Any, Any]] = models.BooleanField()

    def as_sql(self, compiler: Any, connection: Any, *args: Any, **extra: Any) -> Any:
        scope = pg.current()
        if scope.tenant_id is not None:
            column, params = compiler.compile(self.source_expressions[0])
            value, more = compiler.compile(models.Value(scope.tenant_id, models.UUIDField()))
            return f"{column} = {value}", [*params, *more]
        if scope == pg.NOBODY:
            raise NoTenant("Enter in_tenant(tenant_id) or across_tenants(why=...) first.")
        return "TRUE", []  # the row policies decide what a person or a key may see


M = TypeVar("M", bound=models.Model)


class TenantManager(models.Manager[M]):
    """Adds the scope to every query; without one it refuses."""

    column = "tenant_id"

    def get_queryset(self) -> models.QuerySet[M]:
        return super().get_queryset().filter(InTenant(models.F(self.column)))


class TenantModel(models.Model):
    """A row that belongs to one tenant."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    # The unique pair below is its index.
    tenant = models.ForeignKey(
        "accounts.Tenant", on_delete=models.PROTECT, related_name="+", db_index=False
    )

    objects = TenantManager()

    class Meta:
        abstract = True
        base_manager_name = "objects"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["tenant", "id"], name="%(app_label)s_%(class)s_tenant_id"
            )
        ]

    def save(self, *args: Any, **kwargs: Any) -> None:
        """The house's one override: no row of another tenant than the scope's."""
        tenant_id = current_tenant_id()
        if cast("UUID | None", self.tenant_id) is None:
            self.tenant_id = tenant_id
        if self.tenant_id != tenant_id:
            raise NoTenant("This row belongs to another tenant than the scope's.")
        super().save(*args, **kwargs)


def within_tenant(to: str, *, related_name: str, **kwargs: Any) -> Any:
    """A foreign key between tenants' tables: joined on `id`, kept by `SameTenant`.

    Its index, where a query needs one, begins with the tenant and is written out.
    """
    kwargs = {"on_delete": models.PROTECT, "db_index": False, **kwargs}
    return models.ForeignKey(to, db_constraint=False, related_name=related_name, **kwargs)
