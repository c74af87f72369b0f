"""The four roles and their addresses. What they may do in a database: `databases.py`.

`owner` migrates and owns the tables, `app` serves, `purge` deletes what law no longer wants
kept, `readonly` looks. None is a superuser and none passes by the row policies. Everything
here may be repeated; a role that others made is looked at, never taken over.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
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


def purge_address(environment: str, given: str, *, database_url: str) -> str:
    """Where the role purge signs in: as it was given, or outside production from a lone address.

    Empty where neither says: then no tax record goes.
    """
    if given or environment == "production" or user_of(database_url) == APP:
        return given
    return derive(database_url).purge


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
        found = {role: _role(cursor, role) for role in passwords}
        above = [role for role, facts in found.items() if facts and facts.is_above_policies]
        if above:
            raise RolesMissing(
                f"Above the row policies: {', '.join(above)}.",
                [f"ALTER ROLE {role} NOSUPERUSER NOBYPASSRLS;" for role in above],
            )
        missing = [role for role, facts in found.items() if facts is None]
        try:
            for role in missing:
                _create_role(cursor, role, passwords[role])
        except errors.InsufficientPrivilege as error:
            raise RolesMissing(
                f"Roles are missing, and the given role may not make them: {', '.join(missing)}.",
                [_creation(role, passwords[role]) for role in missing],
            ) from error


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
                set_password(cursor, role, password)
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
    cursor.execute(sql.SQL("CREATE ROLE {} " + ATTRIBUTES).format(name))
    cursor.execute(sql.SQL("COMMENT ON ROLE {} IS %s").format(name), [MARK])
    if password is not None:
        set_password(cursor, role, password)


def _creation(role: str, password: str | None) -> str:
    """For a DBA to read and type; no password of ours stands in it."""
    signs_in = "" if password is None else f" PASSWORD '<the one in the address of {role}>'"
    return f"CREATE ROLE {role} {ATTRIBUTES}{signs_in};"


def set_password(cursor: Any, role: str, password: str) -> None:
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
