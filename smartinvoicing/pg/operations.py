"""Migration operations of the tenant wall."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from django.db.migrations.operations import RunSQL
from django.db.migrations.operations.base import Operation

TENANT: Final = "NULLIF(current_setting('app.tenant_id', true), '')::uuid"
USER: Final = "NULLIF(current_setting('app.user_id', true), '')::uuid"
BEARER: Final = "NULLIF(current_setting('app.bearer', true), '')"


class EnableRLS(Operation):
    """Row security on one model's table, forced upon its owner too.

    `also` holds more policies for reading, as (name, condition): what may be seen before the
    tenant is known. `across` is bound to the roles `owner` and `purge`: the role `app` may set
    the variable and gains nothing.
    """

    reduces_to_sql = True
    reversible = True

    def __init__(
        self, name: str, column: str = "tenant_id", also: Sequence[tuple[str, str]] = ()
    ) -> None:
        self.name, self.column, self.also = name, column, tuple(also)

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        return type(self).__qualname__, [self.name], {"column": self.column, "also": self.also}

    def state_forwards(self, app_label: str, state: Any) -> None:
        pass

    def describe(self) -> str:
        return f"Row security on {self.name}"

    def _table(self, app_label: str, editor: Any, state: Any) -> str:
        name: str = editor.quote_name(state.apps.get_model(app_label, self.name)._meta.db_table)
        return name

    def database_forwards(
        self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        table = self._table(app_label, schema_editor, to_state)
        mine = f"{self.column} = {TENANT}"
        across = "current_setting('app.across', true) = 'on'"
        statements = [
            f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
            f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY",
            f"CREATE POLICY tenant ON {table} USING ({mine}) WITH CHECK ({mine})",
            f"CREATE POLICY across ON {table} TO owner, purge USING ({across})",
        ]
        for name, condition in self.also:
            statements.append(f"CREATE POLICY {name} ON {table} FOR SELECT USING ({condition})")
        for statement in statements:
            schema_editor.execute(statement, params=None)

    def database_backwards(
        self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        table = self._table(app_label, schema_editor, from_state)
        for name in ("tenant", "across", *(name for name, _ in self.also)):
            schema_editor.execute(f"DROP POLICY {name} ON {table}", params=None)
        schema_editor.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY", params=None)
        schema_editor.execute(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY", params=None)


def across_tenants() -> RunSQL:
    """First in each migration that touches tenants' rows or adds a foreign key to them.

    Without it the owner sees no row under FORCE: an UPDATE hits nothing and a new foreign key
    is declared valid unseen.
    """
    return RunSQL("SELECT set_config('app.across', 'on', true)", RunSQL.noop)


def append_only(table: str) -> RunSQL:
    """Rows of `table` are written once: no UPDATE, no TRUNCATE, DELETE by the role `purge`."""
    return RunSQL(
        f"""
        REVOKE UPDATE, DELETE ON {table} FROM app;
        CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON {table}
            FOR EACH ROW EXECUTE FUNCTION append_only();
        CREATE TRIGGER no_truncate BEFORE TRUNCATE ON {table}
            FOR EACH STATEMENT EXECUTE FUNCTION append_only();
        """,
        f"""
        DROP TRIGGER no_truncate ON {table};
        DROP TRIGGER append_only ON {table};
        GRANT UPDATE, DELETE ON {table} TO app;
        """,
    )


def append_only_function() -> RunSQL:
    """The one trigger function of every append-only table; it names its constraint."""
    return RunSQL(
        """
        CREATE FUNCTION append_only() RETURNS trigger LANGUAGE plpgsql AS $f$
        BEGIN
            IF TG_OP = 'DELETE' AND current_user = 'purge' THEN
                RETURN OLD;
            END IF;
            RAISE EXCEPTION '% is append-only (%)', TG_TABLE_NAME, TG_OP
                USING ERRCODE = '23514', CONSTRAINT = 'append_only';
        END $f$;
        """,
        "DROP FUNCTION append_only()",
    )
