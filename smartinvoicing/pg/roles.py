"""The four roles, the database, and who may do what in it.

`owner` migrates and owns the tables, `app` serves, `purge` deletes what law no longer wants
kept, `readonly` looks. None is a superuser and none passes by the row policies. Everything
here may be repeated; a role that others made is looked at, never taken over.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Final
from urllib.parse import quote, unquote, urlsplit, urlunsplit

import psycopg2
from psycopg2 import errors, extensions, sql

OWNER: Final = "owner"
APP: Final = "app"
PURGE: Final = "purge"
READONLY: Final = "readonly"
ROLES: Final = (OWNER, APP, PURGE, READONLY)
SERVED: Final = (APP, PURGE, READONLY)
ATTRIBUTES: Final = "LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE NOREPLICATION NOINHERIT"
MARK: Final = "SmartInvoicing: made by smartinvoicing/pg/roles.py"
LOCK: Final = 7_226_461  # an advisory lock: two clones may start on one server at once

TABLE_RIGHTS: Final = {APP: "SELECT, INSERT, UPDATE, DELETE", PURGE: "SELECT, DELETE"} | {
    READONLY: "SELECT"
}


class RolesMissing(Exception):
    """The given role may not do what is needed; `statements` is what a DBA must run."""

    def __init__(self, reason: str, statements: list[str]) -> None:
        self.statements = statements
        lines = "\n".join(f"    {statement}" for statement in statements)
        super().__init__(
            f"{reason} As a superuser of that server, run:\n{lines}" if lines else reason
        )


@dataclass(frozen=True, kw_only=True)
class Addresses:
    """One database as each role sees it. `admin` is the address that was given."""

    admin: str = field(repr=False)
    owner: str = field(repr=False)
    app: str = field(repr=False)
    purge: str = field(repr=False)
    readonly: str = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class RoleFacts:
    """What the database says about the role of one connection."""

    name: str
    is_superuser: bool
    is_above_policies: bool
    owns_tables: bool


@dataclass(frozen=True, kw_only=True)
class _Role:
    is_above_policies: bool
    is_ours: bool


# --- addresses --------------------------------------------------------------------------------


def user_of(url: str) -> str:
    return unquote(urlsplit(url).username or "")


def password_of(url: str) -> str:
    return unquote(urlsplit(url).password or "")


def database_of(url: str) -> str:
    return unquote(urlsplit(url).path.lstrip("/"))


def with_user(url: str, user: str, password: str) -> str:
    """The same server and database, as somebody else."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{quote(user)}:{quote(password, safe='')}@{host}"))


def with_database(url: str, name: str) -> str:
    """The same server and role, another database."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{quote(name, safe='')}"))


def derived_password(given: str, role: str) -> str:
    """The same for the same given password, so two clones on one server agree."""
    message = f"smartinvoicing role {role}".encode()
    return hmac.new(given.encode(), message, hashlib.sha256).hexdigest()[:40]


def derive(database_url: str) -> Addresses:
    """All addresses from one: the role owner's, a superuser's, or one that may make roles.

    Nothing is asked and nothing is made (`prepare` does that), so settings may call it.
    """
    given = password_of(database_url)
    urls = {role: with_user(database_url, role, derived_password(given, role)) for role in ROLES}
    if user_of(database_url) == OWNER:
        urls[OWNER] = database_url
    return Addresses(admin=database_url, **urls)


def resolve(environment: str, database_url: str, owner_url: str) -> tuple[str, str]:
    """The addresses of app and owner, from what the environment gives (interface, part 2).

    Outside production a lone DATABASE_URL is an owner's or a superuser's; as `app` it is app's
    own, and nothing can migrate with it. In production nothing is derived.
    """
    if environment == "production":
        return database_url, owner_url
    if not owner_url and user_of(database_url) != APP:
        derived = derive(database_url)
        return derived.app, derived.owner
    if owner_url and user_of(owner_url) != OWNER:
        owner_url = derive(owner_url).owner
    return database_url, owner_url


# --- connections ------------------------------------------------------------------------------


@contextmanager
def session(url: str) -> Iterator[Any]:
    """A cursor in autocommit: neither databases nor the grants on them need a transaction."""
    connection = psycopg2.connect(url, connect_timeout=5, application_name="smartinvoicing roles")
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            yield cursor
    finally:
        connection.close()


@contextmanager
def maintenance(url: str) -> Iterator[Any]:
    """A session in a database that is always there, under a lock, to make or drop others."""
    with session(with_database(url, _reachable(url))) as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [LOCK])  # gone with the session
        yield cursor


def _reachable(url: str) -> str:
    """`postgres`, or the given database on a server where that one is missing or closed."""
    try:
        with session(with_database(url, "postgres")):
            return "postgres"
    except psycopg2.OperationalError:
        return database_of(url)


def role_facts(connection: Any) -> RoleFacts:
    """Who an open connection (Django's or psycopg2's) is, and whether policies bind it."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT rolname, rolsuper, rolbypassrls, EXISTS (SELECT 1 FROM pg_class c"
            " WHERE c.relowner = r.oid AND c.relkind IN ('r', 'p')"
            " AND c.relnamespace = 'public'::regnamespace)"
            " FROM pg_roles r WHERE rolname = current_user"
        )
        name, is_superuser, is_above, owns = cursor.fetchone()
    return RoleFacts(
        name=name, is_superuser=is_superuser, is_above_policies=is_above, owns_tables=owns
    )


# --- roles ------------------------------------------------------------------------------------


def ensure_roles(admin_url: str, passwords: Mapping[str, str | None]) -> None:
    """Make each named role that is missing, with its password; None makes one that may not sign in.

    A role that is there is looked at and left alone (`ensure_passwords` may change ours).

    Raises: RolesMissing with the SQL for a DBA, where `admin_url` may not make a role, or where
            one is above the row policies.
    """
    with maintenance(admin_url) as cursor:
        for role, password in passwords.items():
            found = _role(cursor, role)
            if found is None:
                _create_role(cursor, role, password)
            elif found.is_above_policies:
                raise RolesMissing(
                    f"The role {role} is above the row policies.",
                    [f"ALTER ROLE {role} NOSUPERUSER NOBYPASSRLS;"],
                )


def ensure_passwords(admin_url: str, passwords: Mapping[str, str]) -> None:
    """Where a role cannot sign in with its password, give it that one, if the role is ours.

    Raises: RolesMissing where it is not, or where `admin_url` may not.
    """
    with maintenance(admin_url) as cursor:
        for role, password in passwords.items():
            if role == user_of(admin_url) or _may_sign_in(admin_url, role, password):
                continue
            wanted = f"ALTER ROLE {role} PASSWORD '<the one in the address of {role}>';"
            found = _role(cursor, role)
            if found is None or not found.is_ours:
                raise RolesMissing(f"Others made the role {role}, with another password.", [wanted])
            try:
                _set_password(cursor, role, password)
            except errors.InsufficientPrivilege as error:
                raise RolesMissing(f"The role {role} has another password.", [wanted]) from error


def _role(cursor: Any, role: str) -> _Role | None:
    cursor.execute(
        "SELECT rolsuper OR rolbypassrls, shobj_description(oid, 'pg_authid')"
        " FROM pg_roles WHERE rolname = %s",
        [role],
    )
    row = cursor.fetchone()
    return row and _Role(is_above_policies=row[0], is_ours=row[1] == MARK)


def _create_role(cursor: Any, role: str, password: str | None) -> None:
    name = sql.Identifier(role)
    try:
        cursor.execute(sql.SQL("CREATE ROLE {} " + ATTRIBUTES).format(name))
        cursor.execute(sql.SQL("COMMENT ON ROLE {} IS %s").format(name), [MARK])
        if password is not None:
            _set_password(cursor, role, password)
    except errors.InsufficientPrivilege as error:
        raise RolesMissing(
            f"The role {role} is missing, and the given role may not make it.",
            [f"CREATE ROLE {role} {ATTRIBUTES} PASSWORD '<the one in the address of {role}>';"],
        ) from error


def _set_password(cursor: Any, role: str, password: str) -> None:
    """By its SCRAM verifier, made here: the password reaches neither the server nor its log."""
    verifier = extensions.encrypt_password(
        password, role, scope=cursor.connection, algorithm="scram-sha-256"
    )
    cursor.execute(sql.SQL("ALTER ROLE {} PASSWORD %s").format(sql.Identifier(role)), [verifier])


def _may_sign_in(admin_url: str, role: str, password: str) -> bool:
    try:
        with session(with_user(with_database(admin_url, "template1"), role, password)):
            return True
    except psycopg2.OperationalError as error:
        # Refused after the password was taken: only the database is closed to it.
        return "permission denied for database" in str(error)


# --- the database -----------------------------------------------------------------------------


def ensure_database(admin_url: str, name: str) -> bool:
    """Make the database `name`, owned by `owner`, unless it is there. True when it was made."""
    with maintenance(admin_url) as cursor:
        cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name])
        if cursor.fetchone():
            return False
        _create_database(cursor, name, template="template0", strategy="WAL_LOG")
        return True


def copy_database(admin_url: str, source: str, target: str) -> None:
    """Lay `target` anew as a copy of `source`, which nobody may be using."""
    with maintenance(admin_url) as cursor:
        _drop_database(cursor, target)
        _create_database(cursor, target, template=source, strategy="FILE_COPY")
        _open_database(cursor, target)


def drop_database(admin_url: str, name: str) -> None:
    """Drop the database `name`, whoever is still connected to it."""
    with maintenance(admin_url) as cursor:
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
            statement += sql.SQL(" OWNER {}").format(sql.Identifier(OWNER))
        cursor.execute(statement)
    except errors.InsufficientPrivilege as error:
        wanted = f'CREATE DATABASE "{name}" OWNER {OWNER} TEMPLATE template0;'
        raise RolesMissing(f"The database {name} is missing.", [wanted]) from error


def _open_database(cursor: Any, name: str) -> None:
    """Closed to all but the four. Rights on a database do not come along in a copy of it."""
    database = sql.Identifier(name)
    served = sql.SQL(", ").join(map(sql.Identifier, SERVED))
    owner = sql.Identifier(OWNER)
    for statement in (
        sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(database),
        sql.SQL("GRANT ALL ON DATABASE {} TO {}").format(database, owner),
        sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(database, served),
    ):
        cursor.execute(statement)


def _open_schema(cursor: Any) -> None:
    served = sql.SQL(", ").join(map(sql.Identifier, SERVED))
    cursor.execute("REVOKE ALL ON SCHEMA public FROM PUBLIC")
    cursor.execute(sql.SQL("GRANT USAGE ON SCHEMA public TO {}").format(served))
    cursor.execute(sql.SQL("GRANT ALL ON SCHEMA public TO {}").format(sql.Identifier(OWNER)))


def grant_privileges(admin_url: str, owner_url: str) -> None:
    """What each role may do in the database of these addresses, now and in tables to come.

    Before the first migration: rights by default reach new tables only. `admin_url` is whoever
    owns the database (`owner` itself, where it does).

    Raises: RolesMissing with the SQL for a DBA.
    """
    name = database_of(admin_url)
    with session(admin_url) as cursor:
        if _owns_database(cursor):
            _open_database(cursor, name)
            _open_schema(cursor)
        elif not _is_open(cursor):
            raise RolesMissing(
                f"The database {name} is closed to our roles.",
                [
                    f'REVOKE ALL ON DATABASE "{name}" FROM PUBLIC;',
                    f'GRANT ALL ON DATABASE "{name}" TO {OWNER};',
                    f'GRANT CONNECT ON DATABASE "{name}" TO {", ".join(SERVED)};',
                    "REVOKE ALL ON SCHEMA public FROM PUBLIC;  -- in that database",
                    f"GRANT USAGE ON SCHEMA public TO {', '.join(SERVED)};",
                    f"GRANT ALL ON SCHEMA public TO {OWNER};",
                ],
            )
    with session(owner_url) as cursor:
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
        [OWNER, list(SERVED)],
    )
    is_open: bool = cursor.fetchone()[0]
    return is_open


def _default_privileges(cursor: Any) -> None:
    always = "ALTER DEFAULT PRIVILEGES"
    for role, rights in TABLE_RIGHTS.items():
        cursor.execute(f"{always} IN SCHEMA public GRANT {rights} ON TABLES TO {role}")
    cursor.execute(f"{always} IN SCHEMA public GRANT USAGE, SELECT ON SEQUENCES TO {APP}")
    cursor.execute(f"{always} REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC")
    cursor.execute(f"{always} GRANT EXECUTE ON FUNCTIONS TO {', '.join(SERVED)}")


def guard_history(cursor: Any) -> None:
    """Migrated or not is the owner's to say; the rights by default would let app write it."""
    cursor.execute("SELECT to_regclass('public.django_migrations')")
    if cursor.fetchone()[0]:
        cursor.execute(f"REVOKE INSERT, UPDATE, DELETE ON django_migrations FROM {APP}, {PURGE}")


# --- all of it --------------------------------------------------------------------------------


def prepare(admin_url: str, app_url: str = "") -> Addresses:
    """Roles, database and rights from one address: development and tests.

    With `app_url`, that is app's, and the passwords of `purge` and `readonly` are others' affair.

    Raises: RolesMissing with the SQL for a DBA.
    """
    urls = derive(admin_url)
    if app_url:
        urls = replace(urls, app=app_url)
    passwords = {role: password_of(getattr(urls, role)) for role in ROLES}
    known = (OWNER, APP) if app_url else ROLES
    ensure_roles(admin_url, passwords)
    ensure_passwords(admin_url, {role: passwords[role] for role in known})
    ensure_database(admin_url, database_of(admin_url))
    grant_privileges(admin_url, urls.owner)
    return urls


def prepare_as_owner(owner_url: str, app_url: str) -> None:
    """Before each `migrate` with DATABASE_OWNER_URL: roles and rights, also on a foreign server.

    A role that is missing is made, `app` with the password of `app_url`, `purge` and `readonly`
    with none.

    Raises: RolesMissing with the SQL for a DBA.
    """
    ensure_roles(owner_url, {APP: password_of(app_url), PURGE: None, READONLY: None})
    grant_privileges(owner_url, owner_url)
