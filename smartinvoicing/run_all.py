"""`make run` after the set-up: the whole product in the foreground, until somebody stops it."""

from __future__ import annotations

import base64
import fcntl
import hashlib
import http.client
import json
import os
import secrets
import signal
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import IO, Any, Final
from urllib.parse import urlsplit

import psycopg2

from smartinvoicing import processes
from smartinvoicing.devserver import CannotStart, Postgres, Valkey
from smartinvoicing.pg import databases, roles
from smartinvoicing.provision import LOCAL, ROOT
from smartinvoicing.supervisor import Failed, Stop, Supervisor, say

READY_S: Final = 120
LEAVING_S: Final = 2  # for a server on our port that is just going
KEPT: Final = ("SECRET_KEY", "FIELD_KEY")  # addresses are chosen anew at each start
MANAGE: Final = "manage.py"


def run_all() -> int:
    """Start everything, say READY, stay until told to stop. The exit code."""
    LOCAL.mkdir(mode=0o700, exist_ok=True)
    supervisor = Supervisor(root=ROOT, notes=LOCAL / "pids.json")
    supervisor.obey(signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    if "MAKELEVEL" in os.environ:  # a make that is killed takes us along
        processes.die_with_parent(os.getppid(), signal.SIGTERM)
    try:
        with lock():
            return supervise(supervisor)
    except Failed as problem:
        say(f"make run: {problem}")
        return 1


def supervise(supervisor: Supervisor) -> int:
    try:
        supervisor.end_leftovers()
        settle(supervisor)
        start(supervisor)
        while True:
            supervisor.pump(0.5)
            supervisor.watch()
    except Stop:
        return 0
    except (Failed, CannotStart, roles.RolesMissing, psycopg2.OperationalError) as problem:
        if supervisor.asked:  # a Ctrl-C reached a helper before it reached us
            return 0
        say(f"make run: {problem}")
        return 1
    finally:
        if supervisor.children:
            say("Stopping ...")
        supervisor.stop()
        say("Stopped.")


def lock() -> IO[str]:
    """One `make run` a clone. Gone with this process, however it ends.

    Raises: Failed when another one holds it.
    """
    file = (LOCAL / "lock").open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise Failed("it runs already in this clone.") from error
    return file


# --- the environment --------------------------------------------------------------------------


def settle(supervisor: Supervisor) -> None:
    """Servers, addresses and secrets: afterwards `.local/env` and the children's environment."""
    if os.environ.get("ENVIRONMENT", "development") != "development":
        raise Failed("this is for development; ENVIRONMENT says otherwise.")
    port = wanted_port()
    database, redis = own_servers(supervisor)
    fake = f"http://127.0.0.1:{processes.free_port()}"
    kept = read_env()
    chosen = {
        "ENVIRONMENT": "development",
        "SECRET_KEY": kept.get("SECRET_KEY") or secrets.token_urlsafe(64),
        "FIELD_KEY": kept.get("FIELD_KEY") or base64.b64encode(secrets.token_bytes(32)).decode(),
        "FBR_DI_URL": fake,
        "FBR_POS_SANDBOX_URL": fake,
        "FBR_POS_PRODUCTION_URL": fake,
        "MEDIA_ROOT": str(LOCAL / "media"),
    }
    chosen = {name: os.environ.get(name) or value for name, value in chosen.items()}
    chosen |= {
        "PORT": str(port),
        "DATABASE_URL": database.app,
        "DATABASE_OWNER_URL": database.owner,
        "PURGE_DATABASE_URL": database.purge,
        "REDIS_URL": redis,
        "FAKE_FBR_URL": fake,
    }
    write_env({**kept, **chosen})
    supervisor.env = {**os.environ, **chosen, "PYTHONUNBUFFERED": "1"}


def wanted_port() -> int:
    """PORT, if it is free.

    Raises: Failed.
    """
    text = os.environ.get("PORT") or "8000"
    if not text.isdigit() or not 0 < int(text) < 65_536:
        raise Failed(f"PORT must be a number of a port, not {text!r}.")
    port = int(text)
    until = time.monotonic() + LEAVING_S
    while not processes.is_free(port):
        if time.monotonic() > until:
            raise Failed(f"port {port} is taken; choose another: PORT={port + 1} make run.")
        time.sleep(0.1)
    return port


def own_servers(supervisor: Supervisor) -> tuple[roles.Addresses, str]:
    """PostgreSQL and Valkey, ours or the given ones; the addresses of both."""
    database_url = os.environ.get("DATABASE_URL", "")
    owner_url = os.environ.get("DATABASE_OWNER_URL", "")
    redis_url = os.environ.get("REDIS_URL", "")
    valkey, postgres = Valkey(LOCAL / "valkey"), Postgres(LOCAL / "postgres")
    if not redis_url:
        supervisor.serve(valkey)
    if database_url or owner_url:
        database = given_database(database_url, owner_url)
    else:
        supervisor.serve(postgres)
        postgres.wait(supervisor.watch)
        database = databases.prepare(postgres.url("smartinvoicing"))
    if not redis_url:
        valkey.wait(supervisor.watch)
    return database, redis_url or valkey.url


def given_database(database_url: str, owner_url: str) -> roles.Addresses:
    """The rest of the addresses, from those that are set."""
    if database_url and owner_url:
        return databases.prepare(owner_url, database_url)
    if database_url and roles.user_of(database_url) == roles.APP:
        raise Failed("DATABASE_URL is the role app's, so DATABASE_OWNER_URL is needed as well.")
    return databases.prepare(owner_url or database_url)


def read_env() -> dict[str, str]:
    """What the last run kept, and what a person added to the file."""
    try:
        lines = (LOCAL / "env").read_text().splitlines()
    except FileNotFoundError:
        return {}
    pairs = (line.partition("=") for line in lines if not line.startswith("#"))
    return {name.strip(): value for name, found, value in pairs if found}


def write_env(values: dict[str, str]) -> None:
    """Whole or not at all, and for nobody else's eyes."""
    lines = ["# Written by `make run` at each start; secrets stay, addresses change."]
    lines += [f"{name}={value}" for name, value in values.items()]
    new = LOCAL / "env.new"
    new.touch(mode=0o600)
    new.write_text("\n".join(lines) + "\n")
    new.replace(LOCAL / "env")


# --- what is done once, and again when something changed --------------------------------------


class Done:
    """Notes of what was done, so that a second start need not do it again."""

    def __init__(self) -> None:
        self.path = LOCAL / "done.json"
        try:
            self.notes: dict[str, str] = json.loads(self.path.read_text())
        except (OSError, ValueError):
            self.notes = {}

    def unless(self, name: str, mark: Callable[[], str], action: Callable[[], None]) -> None:
        """Do it, unless it was done when `mark` was the same as now."""
        if self.notes.get(name) == mark():
            return
        action()
        self.notes[name] = mark()  # what was done may have changed it
        self.path.write_text(json.dumps(self.notes))


def prepare(supervisor: Supervisor) -> None:
    """Migrate, seed the demo, collect static files: as far as needed."""
    owner_url = supervisor.env["DATABASE_OWNER_URL"]
    done = Done()
    done.unless(
        "migrated",
        lambda: (
            digest(ROOT.glob("*/migrations/*.py")) + history(owner_url, "count(*), max(applied)")
        ),
        lambda: supervisor.run("migrate", MANAGE, "migrate", "--noinput", "--publish"),
    )
    done.unless(
        "static",
        lambda: (
            digest([*ROOT.glob("static/**/*"), *ROOT.glob("*/static/**/*")])
            + str((static_root() / "staticfiles.json").exists())
        ),
        lambda: supervisor.run("static", MANAGE, "collectstatic", "--noinput", "-v", "0"),
    )
    if not any(ROOT.glob("*/management/commands/demo.py")):
        say("No demo yet: there is no command of that name.")
        return
    done.unless(
        "demo",
        lambda: history(owner_url, "min(applied)"),
        lambda: supervisor.run("demo", MANAGE, "demo"),
    )


def digest(paths: Iterable[Path]) -> str:
    """Changes when one of these files does, or what is installed."""
    sums = hashlib.sha256((ROOT / "requirements" / "local.lock").read_bytes())
    for path in sorted(path for path in paths if path.is_file()):
        sums.update(f"{path.relative_to(ROOT)} {path.stat().st_size}\n".encode())
        sums.update(path.read_bytes())
    return sums.hexdigest()


def history(owner_url: str, columns: str) -> str:
    """Which database this is and how far it is migrated, in one word."""
    with roles.session(owner_url) as cursor:
        cursor.execute("SELECT to_regclass('public.django_migrations')")
        if cursor.fetchone()[0] is None:
            return "empty"
        cursor.execute(f"SELECT {columns} FROM django_migrations")  # noqa: S608 -- our own words
        return " ".join(str(value) for value in cursor.fetchone())


def static_root() -> Path:
    return Path(os.environ.get("STATIC_ROOT") or ROOT / "staticfiles")


# --- the processes ----------------------------------------------------------------------------


def start(supervisor: Supervisor) -> None:
    """Start them side by side, and say READY when all answer."""
    env = supervisor.env
    fake_port = urlsplit(env["FAKE_FBR_URL"]).port
    # The workers' last questions still get an answer, or their documents would stay uncertain.
    supervisor.start("fake-fbr", MANAGE, "fake_fbr", "--port", str(fake_port), outlives=True)
    prepare(supervisor)
    start_web(supervisor)
    start_worker(supervisor, "reporting", queues="reporting", threads=4)
    start_worker(supervisor, "documents", queues="documents,default", threads=2)
    start_worker(supervisor, "errands", queues="errands", threads=4)
    start_worker(supervisor, "purge", queues="purge", threads=1)
    supervisor.start(
        "beat",
        *("-m", "celery", "-A", "smartinvoicing", "beat", "-l", "INFO"),
        *("--pidfile=", "-s", str(LOCAL / "beat-schedule")),
    )
    supervisor.start("dispatcher", MANAGE, "fbr_dispatch")
    supervisor.start("watchdog", MANAGE, "watch")
    web = f"http://127.0.0.1:{env['PORT']}"
    supervisor.wait_for(
        {
            "web": lambda: answers(f"{web}/healthz", lambda status: status == 200),
            "fake-fbr": lambda: answers(env["FAKE_FBR_URL"], lambda status: status < 500),
            "the workers": Workers(
                env["REDIS_URL"], {"reporting", "documents", "errands", "purge"}
            ),
        },
        READY_S,
    )
    say(f"READY {web}")


def start_web(supervisor: Supervisor) -> None:
    supervisor.start(
        "web",
        *("-m", "gunicorn", "smartinvoicing.wsgi", "--bind", f"127.0.0.1:{supervisor.env['PORT']}"),
        *("--workers", "2", "--worker-class", "gthread", "--threads", "4", "--preload"),
        *("--graceful-timeout", "10", "--no-control-socket"),
        orphaned=signal.SIGTERM,  # it ends its own workers
    )


def start_worker(supervisor: Supervisor, name: str, *, queues: str, threads: int) -> None:
    supervisor.start(
        name,
        *("-m", "celery", "-A", "smartinvoicing", "worker", "-l", "INFO", "-n", f"{name}@%h"),
        *("-Q", queues, "-P", "threads", "-c", str(threads)),
        *("--without-gossip", "--without-mingle"),
    )


def answers(url: str, is_well: Callable[[int], bool]) -> bool:
    """Whether a GET there is answered, and well."""
    parts = urlsplit(url)
    line = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=2)
    try:
        line.request("GET", parts.path or "/")
        return is_well(line.getresponse().status)
    except (OSError, http.client.HTTPException):
        return False
    finally:
        line.close()


class Workers:
    """Asks the broker, twice a second at most, whether the named workers answer a ping."""

    def __init__(self, redis_url: str, names: set[str]) -> None:
        self.redis_url = redis_url
        self.names = names
        self.next = 0.0
        self.app: Any = None

    def __call__(self) -> bool:
        if time.monotonic() < self.next:
            return False
        if self.app is None:
            from celery import Celery  # noqa: PLC0415 -- slow import, while the others start

            self.app = Celery(broker=self.redis_url, set_as_current=False)
        found = self.app.control.ping(timeout=0.5, limit=len(self.names))
        self.next = time.monotonic() + 0.5
        return self.names <= {name.partition("@")[0] for one in found for name in one}
