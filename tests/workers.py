"""pytest plugin: real processes for tests, quickly: workers, web and commands, forked ready-made.

    worker = start_worker("reporting", concurrency=4, env={"CRASHPOINT": "after_mark"})
    worker.kill(); worker.stop(); worker.wait(); worker.log()

A test ends what it started, and only that; what it forgets is killed after it.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.request import urlopen

import pytest
import redis

from smartinvoicing import processes
from smartinvoicing.provision import ROOT
from tests import services
from tests.hearing import EAR, Ear

READY_S: Final = 30


class Zygote:
    """A process that has imported all libraries and forks on demand (`tests/zygote.py`)."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.zygote", str(os.getpid()), os.environ[services.FOLDER]],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
            text=True,
            start_new_session=True,
        )

    def ask(self, **question: Any) -> Any:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError("The zygote is gone; its own error stands above.")
        return json.loads(answer)

    def end(self) -> None:
        assert self._process.stdin
        self._process.stdin.close()  # it ends with its last reader
        self._process.wait(10)


class Forked:
    """One process that a test started."""

    def __init__(self, zygote: Zygote, words: list[str], env: Mapping[str, str], log: Path) -> None:
        self._zygote = zygote
        self._log = log
        self._ready = log.with_suffix(".ready")
        self._code: int | None = None
        self.words = words
        self.pid: int = zygote.ask(
            do="start", words=words, env=dict(env), log=str(log), ready=str(self._ready)
        )

    @property
    def is_alive(self) -> bool:
        return self.poll() is None

    @property
    def is_stopped(self) -> bool:
        """Whether it stands still (SIGSTOP), on Linux."""
        stat = Path(f"/proc/{self.pid}/stat").read_text()
        return stat.rpartition(")")[2].split()[0] == "T"

    def poll(self) -> int | None:
        """Its exit code, negative for a signal; None while it runs."""
        if self._code is None:
            self._code = self._zygote.ask(do="poll", pid=self.pid)
        return self._code

    def wait(self, timeout_s: float = 30) -> int:
        """Its exit code, once it has ended."""
        until = time.monotonic() + timeout_s
        while (code := self.poll()) is None:
            if time.monotonic() > until:
                raise TimeoutError(f"{self.words} runs on after {timeout_s} s:\n{self.log()}")
            time.sleep(0.01)
        return code

    def signal(self, signum: signal.Signals) -> None:
        """Its number stays its own until we have asked for its exit code."""
        if self.is_alive:
            os.kill(self.pid, signum)

    def kill(self) -> int:
        """End it and its children as a power cut would."""
        if self.is_alive:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
            # One that was made a moment ago has no group of its own yet.
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
        return self.wait()

    def stop(self, timeout_s: float = 30) -> int:
        """Ask it to end, and wait until it has."""
        self.signal(signal.SIGTERM)
        return self.wait(timeout_s)

    def log(self) -> str:
        return self._log.read_text() if self._log.exists() else ""

    def tell(self, ear: Ear) -> None:
        """Have each line of its log heard."""
        for line in self.log().splitlines():
            ear.hear(line)

    def wait_ready(self, timeout_s: float = READY_S) -> None:
        """Until a worker takes messages (a command is ready when its test can tell)."""
        until = time.monotonic() + timeout_s
        while not self._ready.exists():
            if not self.is_alive:
                raise RuntimeError(f"{self.words} ended with {self._code}:\n{self.log()}")
            if time.monotonic() > until:
                raise TimeoutError(f"{self.words} is not ready after {timeout_s} s:\n{self.log()}")
            time.sleep(0.01)


@dataclass(frozen=True)
class Web:
    """gunicorn with its workers."""

    url: str
    process: Forked

    def wait_ready(self, timeout_s: float = READY_S) -> None:
        until = time.monotonic() + timeout_s
        while True:
            with contextlib.suppress(OSError), urlopen(f"{self.url}/healthz", timeout=5):
                return
            if not self.process.is_alive or time.monotonic() > until:
                raise RuntimeError(f"the web does not answer:\n{self.process.log()}")
            time.sleep(0.05)


@pytest.fixture(scope="session")
def zygote() -> Iterator[Zygote]:
    """Costs two seconds once a run, and only in a run that starts workers."""
    made = Zygote()
    yield made
    made.end()


@pytest.fixture
def start_process(
    request: pytest.FixtureRequest, zygote: Zygote, tmp_path: Path
) -> Iterator[Callable[..., Forked]]:
    """`start_process("fbr_dispatch", env={...})`: a Django command in a process of its own."""
    started: list[Forked] = []

    def start(*words: str, env: Mapping[str, str] | None = None) -> Forked:
        log = tmp_path / f"process-{len(started)}.log"
        inherited = {**os.environ, **(env or {})}
        forked = Forked(zygote, list(words), inherited, log)
        started.append(forked)
        return forked

    yield start
    for forked in started:
        forked.kill()
        forked.tell(EAR)


@pytest.fixture
def start_worker(start_process: Callable[..., Forked]) -> Callable[..., Forked]:
    """`start_worker("reporting", concurrency=4, env={...})`: a real Celery worker, ready."""
    numbers = iter(range(1000))

    def start(
        queues: str = "reporting",
        *,
        concurrency: int = 4,
        env: Mapping[str, str] | None = None,
        ready: bool = True,
    ) -> Forked:
        name = f"{queues.replace(',', '-')}-{os.getpid()}-{next(numbers)}@test"
        worker = start_process(
            *("celery-worker", "-Q", queues, "-P", "threads", "-c", str(concurrency)),
            *("-n", name, "-l", "INFO", "--without-gossip", "--without-mingle"),
            env=env,
        )
        if ready:
            worker.wait_ready()
        return worker

    return start


@pytest.fixture
def start_web(start_process: Callable[..., Forked]) -> Callable[..., Web]:
    """`start_web(env={...})`: gunicorn as `make run` has it, answering."""

    def start(*, workers: int = 1, env: Mapping[str, str] | None = None) -> Web:
        port = free_port()
        words = ("--bind", f"127.0.0.1:{port}", "--workers", str(workers))
        more = ("--worker-class", "gthread", "--threads", "4", "--no-control-socket")
        process = start_process("gunicorn", "smartinvoicing.wsgi", *words, *more, env=env)
        web = Web(f"http://127.0.0.1:{port}", process)
        web.wait_ready()
        return web

    return start


@pytest.fixture(autouse=True)
def _clean_valkey(request: pytest.FixtureRequest) -> Iterator[None]:
    """Counters, caches and messages of one test are not the next one's.

    Celery's bindings stay: a publisher remembers having made them.
    """
    yield
    client = request.config.stash.setdefault(_VALKEY, None) or _connect(request.config)
    left = [key for key in client.scan_iter(count=1000) if not key.startswith(b"_kombu.binding.")]
    if left:
        client.delete(*left)


_VALKEY: Final = pytest.StashKey[Any]()


def _connect(config: pytest.Config) -> Any:
    config.stash[_VALKEY] = client = redis.Redis.from_url(os.environ["REDIS_URL"])
    return client


def free_port() -> int:
    """A loopback port for a server that a test starts."""
    return processes.free_port()
