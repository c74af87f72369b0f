"""pytest plugin: the servers of one test run, started before Django's settings are read.

Loaded by `-p tests.services` (pyproject.toml), it brings the rest of the rig along. One throw-away
PostgreSQL and one Valkey a run; with xdist each process has a database and a Valkey number of its
own. A DATABASE_URL that is a superuser's, and a REDIS_URL without keys, are used instead.
"""

from __future__ import annotations

import base64
import contextlib
import os
import shutil
from pathlib import Path
from typing import Final

import psycopg2
import pytest
import redis

from smartinvoicing import devserver
from smartinvoicing.pg import databases, roles
from smartinvoicing.provision import missing_packages

REST: Final = (
    *("tests.no_skips", "tests.hearing", "tests.database", "tests.workers", "tests.outbound"),
)
ADMIN: Final = "TEST_ADMIN_URL"  # the superuser's; only the rig uses it
FOLDER: Final = "TEST_FOLDER"
NO_ONE: Final = "http://127.0.0.1:9"  # nobody listens there: a test names its own fake FBR

_servers: Final[list[devserver.Server]] = []


def is_leader() -> bool:
    """Whether this process started the servers: not so in xdist's workers."""
    return "PYTEST_XDIST_WORKER" not in os.environ


def worker_name() -> str:
    return os.environ.get("PYTEST_XDIST_WORKER", "main")


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Before pytest-django reads the settings."""
    if early_config.known_args_namespace.help or early_config.known_args_namespace.version:
        return
    if is_leader():
        start()
    export()
    refuse_a_redis_in_use()
    for name in REST:  # not earlier: the last fixture of a name wins, and ours must
        early_config.pluginmanager.import_plugin(name)


def start() -> None:
    """Start what is not given, and tell the workers of xdist by the environment."""
    folder = devserver.throw_away_folder()
    os.environ[FOLDER] = str(folder)
    given = os.environ.get("DATABASE_URL", "")
    if given and is_superuser(given):
        os.environ[ADMIN] = given
    else:
        postgres = devserver.Postgres(folder / "postgres", throw_away=True)
        _serve(postgres)
        os.environ[ADMIN] = postgres.url()
    if not os.environ.get("REDIS_URL"):
        valkey = devserver.Valkey(folder / "valkey", throw_away=True)
        _serve(valkey)
        os.environ["REDIS_URL"] = valkey.url


def is_superuser(url: str) -> bool:
    """Only such a one can make roles and databases, and empty tables against their triggers."""
    with contextlib.closing(psycopg2.connect(url)) as connection:
        return roles.role_facts(connection).is_superuser


def _serve(server: devserver.Server) -> None:
    _servers.append(server)
    with (Path(os.environ[FOLDER]) / f"{server.name}.log").open("wb") as log:
        server.start(log)
    server.wait()


def export() -> None:
    """The environment of this process and of every process that a test starts."""
    urls = roles.derive(roles.with_database(os.environ[ADMIN], database_name()))
    folder = Path(os.environ[FOLDER]) / worker_name()
    os.environ |= {
        "ENVIRONMENT": "test",
        "SECRET_KEY": "only for tests " * 5,
        "FIELD_KEY": base64.b64encode(b"a field key that is for tests...").decode(),
        "DATABASE_URL": urls.app,
        "DATABASE_OWNER_URL": urls.owner,
        "PURGE_DATABASE_URL": urls.purge,
        "REDIS_URL": redis_url(),
        "FBR_DI_URL": NO_ONE,
        "FBR_POS_SANDBOX_URL": NO_ONE,
        "FBR_POS_PRODUCTION_URL": NO_ONE,
        "MEDIA_ROOT": str(folder / "media"),
        "STATIC_ROOT": str(folder / "static"),
        "DJANGO_ALLOW_ASYNC_UNSAFE": "true",  # playwright's loop runs in the test's thread
    }


def database_name() -> str:
    run = Path(os.environ[FOLDER]).name.split("-")[2]
    return f"test_{run}_{worker_name()}"


def refuse_a_redis_in_use() -> None:
    """Tests throw its keys away: they must be ours."""
    with redis.Redis.from_url(os.environ["REDIS_URL"]) as client:
        if client.dbsize():
            raise pytest.UsageError("REDIS_URL holds keys; tests would delete them.")


def drop_databases() -> None:
    """On a server that is not ours to throw away."""
    run = f"{database_name().rpartition('_')[0]}_"
    with roles.session(os.environ[ADMIN]) as cursor:
        cursor.execute("SELECT datname FROM pg_database WHERE starts_with(datname, %s)", [run])
        names = [name for (name,) in cursor.fetchall()]
    for name in names:
        databases.drop_database(os.environ[ADMIN], name)


def redis_url() -> str:
    """The same server, a number of our own (1 to 15) in xdist's workers."""
    given = os.environ["REDIS_URL"]
    if is_leader():
        return given
    number = int(worker_name().removeprefix("gw")) % 15 + 1
    return f"{given.rpartition('/')[0]}/{number}"


def pytest_report_header() -> list[str]:
    """What the machine lacks, said before the tests that miss it."""
    missing = missing_packages("dev")
    lines = [f"servers: {', '.join(s.name for s in _servers)}, thrown away afterwards"]
    if missing:
        lines.append(f"MISSING here: {', '.join(missing)}; tests that need them cannot run")
    return lines


@pytest.hookimpl(trylast=True)
def pytest_unconfigure() -> None:
    if not is_leader():
        return
    if ADMIN in os.environ and not any(isinstance(s, devserver.Postgres) for s in _servers):
        drop_databases()
    for server in _servers:
        server.stop()
    _servers.clear()
    shutil.rmtree(os.environ.get(FOLDER, ""), ignore_errors=True)
