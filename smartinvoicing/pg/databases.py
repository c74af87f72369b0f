"""A database, its copies, and who may do what in it. The roles themselves: `roles.py`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from psycopg2 import errors, sql

from smartinvoicing.pg import roles

TABLE_RIGHTS: Final = {
    roles.APP: "SELECT, INSERT, UPDATE, DELETE",
    roles.PURGE: "SELECT, DELETE",
    roles.READONLY: "SELECT",
}


def ensure_database(admin_url: str, name: str) -> bool:
    """Make the database `name`, owned by `owner`, unless it is there. True when it was made."""
    with roles.maintenance(admin_url) as cursor:
        cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name])
        if cursor.fetchone():
            return False
        _create_database(cursor, name, template="template0", strategy="WAL_LOG")
        return True


def copy_database(admin_url: str, source: str, target: str) -> None:
    """Lay `target` anew as a copy of `source`, which nobody may be using."""
    with roles.maintenance(admin_url) as cursor:
        _drop_database(cursor, target)
        _create_database(cursor, target, template=source, strategy="FILE_COPY")
        _open_database(cursor, target)


def drop_database(admin_url: str, name: str) -> None:
    """Drop the database `name`, whoever is still connected to it."""
    with roles.maintenance(admin_url) as cursor:
        _drop_database(cursor, name)


def _drop_database(cursor: Any, name: str) -> None:
    cursor.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def _create_database(cursor: Any, name: str, *, template: str, strategy: str) -> None:
    statement = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY {}").format(
        sql.Identifier(name), sql.Identifier(template), sql.Identifier(strategy)
    )
    try:
        cursor.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
        if cursor.fetchone()[0]:  # others would have to be members of owner
            statement += sql.SQL(" OWNER {}").format(sql.Identifier(roles.OWNER))
        cursor.execute(statement)
    except errors.InsufficientPrivilege as error:
        wanted = f'CREATE DATABASE "{name}" OWNER {roles.OWNER} TEMPLATE template0;'
        raise roles.RolesMissing(f"The database {name} is missing.", [wanted]) from error


def _open_database(cursor: Any, name: str) -> None:
    """Closed to all but the four. Rights on a database do not come along in a copy of it."""
    database = sql.Identifier(name)
    served = sql.SQL(", ").join(map(sql.Identifier, roles.SERVED))
    owner = sql.Identifier(roles.OWNER)
    for statement in (
        sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(database),
        sql.SQL("GRANT ALL ON DATABASE {} TO {}").format(database, owner),
        sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(database, served),
    ):
        cursor.execute(statement)


def _open_schema(cursor: Any) -> None:
    served = sql.SQL(", ").join(map(sql.Identifier, roles.SERVED))
    cursor.execute("REVOKE ALL ON SCHEMA public FROM PUBLIC")
    cursor.execute(sql.SQL("GRANT USAGE ON SCHEMA public TO {}").format(served))
    cursor.execute(sql.SQL("GRANT ALL ON SCHEMA public TO {}").format(sql.Identifier(roles.OWNER)))


def grant_privileges(admin_url: str, owner_url: str) -> None:
    """What each role may do in the database of these addresses, now and in tables to come.

    Before the first migration: rights by default reach new tables only. `admin_url` is whoever
    owns the database (`owner` itself, where it does).

    Raises: RolesMissing with the SQL for a DBA.
    """
    name = roles.database_of(admin_url)
    with roles.session(admin_url) as cursor:
        if _owns_database(cursor):
            _open_database(cursor, name)
            _open_schema(cursor)
        elif not _is_open(cursor):
            raise roles.RolesMissing(
                f"The database {name} is closed to our roles.",
                [
                    f'REVOKE ALL ON DATABASE "{name}" FROM PUBLIC;',
                    f'GRANT ALL ON DATABASE "{name}" TO {roles.OWNER};',
                    f'GRANT CONNECT ON DATABASE "{name}" TO {", ".join(roles.SERVED)};',
                    "REVOKE ALL ON SCHEMA public FROM PUBLIC;  -- in that database",
                    f"GRANT USAGE ON SCHEMA public TO {', '.join(roles.SERVED)};",
                    f"GRANT ALL ON SCHEMA public TO {roles.OWNER};",
                ],
            )
    with roles.session(owner_url) as cursor:
        _default_privileges(cursor)
        guard_history(cursor)


def _owns_database(cursor: Any) -> bool:
    cursor.execute(
        "SELECT pg_has_role(datdba, 'USAGE') FROM pg_database WHERE datname = current_database()"
    )
    owns: bool = cursor.fetchone()[0]
    return owns


def _is_open(cursor: Any) -> bool:
    cursor.execute(
        "SELECT has_schema_privilege(%s, 'public', 'CREATE')"
        " AND bool_and(has_database_privilege(role, current_database(), 'CONNECT')"
        " AND has_schema_privilege(role, 'public', 'USAGE')) FROM unnest(%s) AS role",
        [roles.OWNER, list(roles.SERVED)],
    )
    is_open: bool = cursor.fetchone()[0]
    return is_open


def _default_privileges(cursor: Any) -> None:
    always = "ALTER DEFAULT PRIVILEGES"
    for role, rights in TABLE_RIGHTS.items():
        cursor.execute(f"{always} IN SCHEMA public GRANT {rights} ON TABLES TO {role}")
    cursor.execute(f"{always} IN SCHEMA public GRANT USAGE, SELECT ON SEQUENCES TO {roles.APP}")
    cursor.execute(f"{always} REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC")
    cursor.execute(f"{always} GRANT EXECUTE ON FUNCTIONS TO {', '.join(roles.SERVED)}")


def guard_history(cursor: Any) -> None:
    """Migrated or not is the owner's to say; the rights by default would let app write it."""
    cursor.execute("SELECT to_regclass('public.django_migrations')")
    if cursor.fetchone()[0]:
        cursor.execute(
            f"REVOKE INSERT, UPDATE, DELETE ON django_migrations FROM {roles.APP}, {roles.PURGE}"
        )


# --- all of it --------------------------------------------------------------------------------


def prepare(admin_url: str, app_url: str = "") -> roles.Addresses:
    """Roles, database and rights from one address: development and tests.

    With `app_url`, that is app's, and the passwords of `purge` and `readonly` are others' affair.

    Raises: RolesMissing with the SQL for a DBA.
    """
    urls = roles.derive(admin_url)
    if app_url:
        urls = replace(urls, app=app_url)
    passwords = {role: roles.password_of(getattr(urls, role)) for role in roles.ROLES}
    known = (roles.OWNER, roles.APP) if app_url else roles.ROLES
    roles.ensure_roles(admin_url, passwords)
    roles.ensure_passwords(admin_url, {role: passwords[role] for role in known})
    ensure_database(admin_url, roles.database_of(admin_url))
    grant_privileges(admin_url, urls.owner)
    return urls


def prepare_as_owner(owner_url: str, app_url: str) -> None:
    """Before each `migrate` with DATABASE_OWNER_URL: roles and rights, also on a foreign server.

    A role that is missing is made, `app` with the password of `app_url`, `purge` and `readonly`
    with none.

    Raises: RolesMissing with the SQL for a DBA.
    """
    roles.ensure_roles(
        owner_url, {roles.APP: roles.password_of(app_url), roles.PURGE: None, roles.READONLY: None}
    )
    grant_privileges(owner_url, owner_url)
