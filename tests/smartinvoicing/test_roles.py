"""Roles and rights, on a server of their own: what stands in the cluster belongs to the test."""

import os
import subprocess

import psycopg2
import pytest
from django.db import connection

from smartinvoicing import devserver
from smartinvoicing.pg import databases, roles


@pytest.fixture(scope="module")
def server():
    postgres = devserver.Postgres(devserver.throw_away_folder() / "postgres", throw_away=True)
    postgres.start(output=subprocess.DEVNULL)
    postgres.wait()
    yield postgres
    postgres.stop()


@pytest.fixture
def fresh_server(server):
    """No role and no database but the superuser's."""
    with roles.session(server.url()) as cursor:
        cursor.execute("SELECT datname FROM pg_database WHERE datname LIKE 'shop%'")
        for (name,) in cursor.fetchall():
            databases.drop_database(server.url(), name)
        for role in (*roles.ROLES, "boss"):
            cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role])
            if cursor.fetchone():
                cursor.execute(f"DROP OWNED BY {role} CASCADE")
                cursor.execute(f"DROP ROLE {role}")
    return server


def refused(url, statement):
    """The reason why the role of `url` may not run `statement`."""
    with (
        roles.session(url) as cursor,
        pytest.raises(psycopg2.errors.InsufficientPrivilege) as error,
    ):
        cursor.execute(statement)
    return error.value


def make_table(owner_url, name="things"):
    with roles.session(owner_url) as cursor:
        cursor.execute(f"CREATE TABLE {name} (id int PRIMARY KEY)")


# --- the tests themselves run as app ----------------------------------------------------------


def test_the_tests_run_as_app_under_the_policies(db):
    facts = roles.role_facts(connection)

    assert facts == roles.RoleFacts(
        name="app", is_superuser=False, is_above_policies=False, owns_tables=False
    )


def test_app_may_not_write_the_history_of_migrations(db):
    assert refused(os.environ["DATABASE_URL"], "DELETE FROM django_migrations")


# --- addresses --------------------------------------------------------------------------------


def test_derive_gives_the_same_passwords_for_the_same_address():
    url = "postgresql://postgres:s%40fe@localhost:5433/shop?sslmode=require"

    assert roles.derive(url) == roles.derive(url)
    assert roles.derive(url).app != roles.derive(url.replace("s%40fe", "other")).app


def test_derive_keeps_server_database_and_options():
    app = roles.derive("postgresql://postgres:s%40fe@localhost:5433/shop?sslmode=require").app

    assert app.startswith("postgresql://app:")
    assert app.endswith("@localhost:5433/shop?sslmode=require")


def test_derive_takes_an_owner_for_the_owner():
    url = "postgresql://owner:secret@localhost/shop"

    assert roles.derive(url).owner == url


def test_addresses_show_no_password():
    urls = roles.derive("postgresql://postgres:hunter2@localhost/shop")

    assert "hunter2" not in repr(urls)
    assert roles.password_of(urls.app) not in repr(urls)


@pytest.mark.parametrize(
    ("environment", "given", "owner", "users"),
    [
        ("development", "postgresql://postgres:x@h/d", "", ("app", "owner")),
        ("development", "postgresql://owner:x@h/d", "", ("app", "owner")),
        ("development", "postgresql://app:x@h/d", "postgresql://owner:y@h/d", ("app", "owner")),
        ("development", "postgresql://app:x@h/d", "postgresql://postgres:y@h/d", ("app", "owner")),
        ("development", "postgresql://app:x@h/d", "", ("app", "")),
        ("production", "postgresql://postgres:x@h/d", "", ("postgres", "")),
    ],
)
def test_resolve_derives_outside_production_only(environment, given, owner, users):
    found = roles.resolve(environment, given, owner)

    assert tuple(map(roles.user_of, found)) == users


# --- one superuser's address ------------------------------------------------------------------


def test_prepare_makes_roles_that_the_policies_bind(fresh_server):
    urls = databases.prepare(fresh_server.url("shop"))

    for role in roles.ROLES:
        opened = psycopg2.connect(getattr(urls, role))
        assert roles.role_facts(opened) == roles.RoleFacts(
            name=role, is_superuser=False, is_above_policies=False, owns_tables=False
        )
        opened.close()


def test_prepare_may_be_repeated(fresh_server):
    first = databases.prepare(fresh_server.url("shop"))
    make_table(first.owner)

    assert databases.prepare(fresh_server.url("shop")) == first
    assert databases.prepare(fresh_server.url("shop_two")).app != first.app


def test_app_writes_rows_and_nothing_else(fresh_server):
    urls = databases.prepare(fresh_server.url("shop"))
    make_table(urls.owner)

    with roles.session(urls.app) as cursor:
        cursor.execute("INSERT INTO things VALUES (1)")

    assert refused(urls.app, "TRUNCATE things")
    assert refused(urls.app, "DROP TABLE things")
    assert refused(urls.app, "CREATE TABLE others (id int)")
    assert refused(urls.app, "CREATE TEMPORARY TABLE others (id int)")
    assert refused(urls.app, "SET session_replication_role = replica")


def test_purge_deletes_and_readonly_reads(fresh_server):
    urls = databases.prepare(fresh_server.url("shop"))
    make_table(urls.owner)

    for url in (urls.purge, urls.readonly):
        with roles.session(url) as cursor:
            cursor.execute("SELECT count(*) FROM things")
        assert refused(url, "INSERT INTO things VALUES (1)")
    with roles.session(urls.purge) as cursor:
        cursor.execute("DELETE FROM things")
    assert refused(urls.readonly, "DELETE FROM things")


def test_a_copy_is_as_closed_as_its_source(fresh_server):
    urls = databases.prepare(fresh_server.url("shop"))
    make_table(urls.owner)

    databases.copy_database(fresh_server.url(), "shop", "shop_copy")

    app = roles.with_database(urls.app, "shop_copy")
    with roles.session(app) as cursor:
        cursor.execute("INSERT INTO things VALUES (1)")
    assert refused(app, "CREATE TEMPORARY TABLE others (id int)")


def test_prepare_leaves_a_stranger_of_the_same_name_alone(fresh_server):
    with roles.session(fresh_server.url()) as cursor:
        cursor.execute("CREATE ROLE app LOGIN PASSWORD 'theirs'")

    with pytest.raises(roles.RolesMissing, match="Others made the role app"):
        databases.prepare(fresh_server.url("shop"))

    theirs = roles.with_user(fresh_server.url("postgres"), "app", "theirs")
    with roles.session(theirs) as cursor:
        cursor.execute("SELECT 1")


def test_prepare_refuses_an_app_above_the_policies(fresh_server):
    with roles.session(fresh_server.url()) as cursor:
        cursor.execute("CREATE ROLE app LOGIN BYPASSRLS PASSWORD 'theirs'")

    with pytest.raises(roles.RolesMissing, match="ALTER ROLE app NOSUPERUSER NOBYPASSRLS"):
        databases.prepare(fresh_server.url("shop"))


# --- a server of others -----------------------------------------------------------------------


def test_prepare_works_for_one_that_may_only_make_roles_and_databases(fresh_server):
    with roles.session(fresh_server.url()) as cursor:
        cursor.execute("CREATE ROLE boss LOGIN CREATEROLE CREATEDB PASSWORD 'b'")

    urls = databases.prepare(roles.with_user(fresh_server.url("shop"), "boss", "b"))

    make_table(urls.owner)
    with roles.session(urls.app) as cursor:
        cursor.execute("INSERT INTO things VALUES (1)")


def test_an_owner_without_rights_is_told_what_a_dba_must_run(fresh_server):
    with roles.session(fresh_server.url()) as cursor:
        cursor.execute("CREATE ROLE owner LOGIN PASSWORD 'o'")
        cursor.execute("CREATE DATABASE shop OWNER owner")
    owner = roles.with_user(fresh_server.url("shop"), "owner", "o")
    app = roles.with_user(fresh_server.url("shop"), "app", "a")

    with pytest.raises(roles.RolesMissing) as missing:
        databases.prepare_as_owner(owner, app)

    assert missing.value.statements == [
        f"CREATE ROLE app {roles.ATTRIBUTES} PASSWORD '<the one in the address of app>';",
        f"CREATE ROLE purge {roles.ATTRIBUTES};",
        f"CREATE ROLE readonly {roles.ATTRIBUTES};",
    ]


def test_what_the_dba_is_told_is_enough(fresh_server):
    with roles.session(fresh_server.url()) as cursor:
        cursor.execute("CREATE ROLE owner LOGIN PASSWORD 'o'")
        for role in roles.SERVED:
            cursor.execute(f"CREATE ROLE {role} {roles.ATTRIBUTES} PASSWORD '{role[0]}'")
        cursor.execute("CREATE DATABASE shop")
    owner = roles.with_user(fresh_server.url("shop"), "owner", "o")
    app = roles.with_user(fresh_server.url("shop"), "app", "a")
    with pytest.raises(roles.RolesMissing) as missing:
        databases.prepare_as_owner(owner, app)

    with roles.session(fresh_server.url("shop")) as cursor:
        for statement in missing.value.statements:
            cursor.execute(statement)
    databases.prepare_as_owner(owner, app)

    make_table(owner)
    with roles.session(app) as cursor:
        cursor.execute("INSERT INTO things VALUES (1)")


def test_prepare_with_both_addresses_keeps_the_given_password(fresh_server):
    app = roles.with_user(fresh_server.url("shop"), "app", "chosen")

    urls = databases.prepare(fresh_server.url("shop"), app)

    assert urls.app == app
    with roles.session(app) as cursor:
        cursor.execute("SELECT 1")
