"""The servers and processes of a benchmark: durable, on loopback, thrown away afterwards."""

from __future__ import annotations

import base64
import contextlib
import os
import shutil
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final
from urllib.request import Request, urlopen

from smartinvoicing import devserver, processes
from smartinvoicing.pg import databases

ROOT: Final = Path(__file__).resolve().parent.parent
LATENCY_MS: Final = 150
CONCURRENCY: Final = 8


def line(name: str, value: float, unit: str, beside: str, ratio: float) -> None:
    """One figure: name, value, unit, what it is compared with, ratio."""
    print(f"{name}\t{value:.2f}\t{unit}\t{beside}\t{ratio:.3f}", flush=True)


def percentile(values: list[float], percent: int) -> float:
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


@contextlib.contextmanager
def servers() -> Iterator[str]:
    """PostgreSQL (fsync on) and Valkey; the environment of this process points at them.

    Yields the superuser's address of the benchmark's database.
    """
    folder = devserver.throw_away_folder()
    postgres = devserver.Postgres(folder / "postgres")
    valkey = devserver.Valkey(folder / "valkey", throw_away=True)
    for server in (postgres, valkey):
        server.folder.mkdir(mode=0o700, exist_ok=True)
        server.start(subprocess.DEVNULL)
    try:
        for server in (postgres, valkey):
            server.wait()
        admin = postgres.url("bench")
        addresses = databases.prepare(admin)
        os.environ.update(
            ENVIRONMENT="test",
            DJANGO_SETTINGS_MODULE="smartinvoicing.settings",
            SECRET_KEY="bench" * 12,
            FIELD_KEY=base64.b64encode(os.urandom(32)).decode(),
            DATABASE_URL=addresses.app,
            DATABASE_OWNER_URL=addresses.owner,
            PURGE_DATABASE_URL=addresses.purge,
            REDIS_URL=valkey.url,
            MEDIA_ROOT=str(folder / "media"),
            LOG_LEVEL="WARNING",
            FBR_CONCURRENCY=str(CONCURRENCY),
        )
        yield admin
    finally:
        for server in (valkey, postgres):
            server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def set_up_django() -> None:
    """Migrate and make Django usable in this process, as the role app."""
    import django  # noqa: PLC0415 -- after the environment is known

    django.setup()
    from django.core.management import call_command  # noqa: PLC0415

    call_command("migrate", verbosity=0)


@contextlib.contextmanager
def running(*words: str | Path, ready: Callable[[], bool], **env: str) -> Iterator[int]:
    """A process of ours until the block ends; its number."""
    process = subprocess.Popen(
        [sys.executable, *map(str, words)],
        cwd=ROOT,
        env={**os.environ, **env},
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        until = time.monotonic() + 60
        while not ready():
            if process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"{words} did not start")
            time.sleep(0.05)
        yield process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(30)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def answers(url: str) -> bool:
    try:
        with urlopen(Request(url), timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


@contextlib.contextmanager
def web(**env: str) -> Iterator[int]:
    """gunicorn as `make run` starts it; yields its port."""
    port = processes.free_port()
    words = (
        *("-m", "gunicorn", "smartinvoicing.wsgi", "--bind", f"127.0.0.1:{port}"),
        *("--workers", "2", "--worker-class", "gthread", "--threads", "4"),
        *("--keep-alive", "30", "--log-level", "error"),
    )
    with running(*words, ready=lambda: answers(f"http://127.0.0.1:{port}/healthz"), **env):
        yield port


@contextlib.contextmanager
def worker(queues: str, concurrency: int, **env: str) -> Iterator[int]:
    """A Celery worker that answered a ping; its number."""
    from smartinvoicing.celery import app  # noqa: PLC0415 -- after the environment is known

    name = f"{queues}-bench@loopback"
    words = (
        *("-m", "celery", "-A", "smartinvoicing", "worker", "-Q", queues, "-P", "threads"),
        *("-c", str(concurrency), "-n", name, "--without-gossip", "--without-mingle"),
    )
    with running(
        *words,
        ready=lambda: bool(app.control.ping([name], timeout=0.5)),
        **env,
    ) as pid:
        yield pid


def rows_of(cursor: Any, sql: str, params: list[Any]) -> list[tuple[Any, ...]]:
    cursor.execute(sql, params)
    found: list[tuple[Any, ...]] = cursor.fetchall()
    return found
