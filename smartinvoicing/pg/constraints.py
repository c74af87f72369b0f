"""Composite foreign keys, as a constraint that `makemigrations` sees."""

from __future__ import annotations

from typing import Any

from django.db import models


class SameTenant(models.BaseConstraint):
    """(tenant_id, <field>_id) must be a (tenant_id, id) of the parent.

    The field itself is a plain ForeignKey with `db_constraint=False`: joins stay on `id`, and
    the database refuses a child that points into another tenant.
    """

    def __init__(self, field: str, *, name: str) -> None:
        super().__init__(name=name)
        self.field = field

    def deconstruct(self) -> tuple[str, tuple[Any, ...], dict[str, Any]]:
        path, args, kwargs = super().deconstruct()
        return path, tuple(args), {**kwargs, "field": self.field}

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SameTenant):
            return NotImplemented
        return (self.name, self.field) == (other.name, other.field)

    def __hash__(self) -> int:
        return hash((self.name, self.field))

    def validate(self, *args: Any, **kwargs: Any) -> None:
        """The database decides."""

    def create_sql(self, model: Any, schema_editor: Any) -> str:
        """At the end of the migration: the parent's own pair of keys must stand first."""
        field, quote = model._meta.get_field(self.field), schema_editor.quote_name
        schema_editor.deferred_sql.append(
            f"ALTER TABLE {quote(model._meta.db_table)} ADD CONSTRAINT {quote(self.name)} "
            f"FOREIGN KEY (tenant_id, {quote(field.column)}) "
            f"REFERENCES {quote(field.related_model._meta.db_table)} (tenant_id, id) "
            "DEFERRABLE INITIALLY IMMEDIATE"
        )
        return ""

    constraint_sql = create_sql  # inside CREATE TABLE alike

    def remove_sql(self, model: Any, schema_editor: Any) -> str:
        quote = schema_editor.quote_name
        return f"ALTER TABLE {quote(model._meta.db_table)} DROP CONSTRAINT {quote(self.name)}"
