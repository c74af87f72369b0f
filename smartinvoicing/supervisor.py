"""Children in the foreground: one log, one end. What `run_all` stands on.

One thread only, so that the kernel can end the children with us (`processes.spawn`).
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import FrameType
from typing import Final

from smartinvoicing import processes
from smartinvoicing.devserver import Server

GENTLE_S: Final = 16  # for our processes; the servers get what is left of thirty
LAST_S: Final = 3  # for those that outlive the others
NAME_WIDTH: Final = 10


class Stop(Exception):
    """Somebody asked us to stop."""


class Failed(Exception):
    """Something did not start, or ended by itself. The message is for a person."""


def write(text: bytes) -> None:
    """To standard output at once; without a reader, to nobody."""
    try:
        sys.stdout.buffer.write(text)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115 -- for the rest of our life


def say(text: str) -> None:
    write(f"{text}\n".encode())


def outcome_of(code: int) -> str:
    """An exit code in words."""
    return f"exit code {code}" if code >= 0 else f"by {signal.Signals(-code).name}"


class Child:
    """One process, its name in the log, and the end of the line that it has not finished."""

    def __init__(
        self, name: str, process: subprocess.Popen[bytes], *, outlives: bool = False
    ) -> None:
        self.name = name
        self.process = process
        self.outlives = outlives
        self.rest = b""

    @property
    def is_alive(self) -> bool:
        return self.process.poll() is None


class Supervisor:
    """Starts children, passes their lines on, and stops them all."""

    def __init__(self, *, root: Path, notes: Path) -> None:
        self.root = root
        self.notes = notes
        self.env: Mapping[str, str] = {}
        self.children: list[Child] = []
        self.servers: list[Server] = []
        self.asked = False
        self._pipes = selectors.DefaultSelector()

    def obey(self, *signals: signal.Signals) -> None:
        for signum in signals:
            signal.signal(signum, self._on_signal)

    def _on_signal(self, signum: int, frame: FrameType | None) -> None:
        if self.asked:  # the second time there is no more patience
            for child in self.children:
                processes.signal_group(child.process, signal.SIGKILL)
        self.asked = True

    # --- start --------------------------------------------------------------------------------

    def serve(self, server: Server) -> None:
        """Start a server; it stops after the children."""
        self.servers.append(server)
        server.start(subprocess.PIPE)
        assert server.process is not None
        self._adopt(Child(server.name.lower(), server.process))

    def start(
        self,
        name: str,
        *argv: str,
        orphaned: signal.Signals = signal.SIGKILL,
        outlives: bool = False,
    ) -> Child:
        """Start a Python process of ours.

        `orphaned` reaches it if we are killed; one that `outlives` is stopped after the others.
        """
        process = processes.spawn(
            [sys.executable, *argv],
            env=self.env,
            cwd=self.root,
            output=subprocess.PIPE,
            orphaned=orphaned,
        )
        child = Child(name, process, outlives=outlives)
        self._adopt(child)
        return child

    def _adopt(self, child: Child) -> None:
        self.children.append(child)
        assert child.process.stdout is not None
        os.set_blocking(child.process.stdout.fileno(), False)
        self._pipes.register(child.process.stdout, selectors.EVENT_READ, child)
        self._remember()

    def run(self, name: str, *argv: str) -> None:
        """Run one command to its end, its lines among the others.

        Raises: Failed when it fails; Stop.
        """
        step = self.start(name, *argv)
        while step.is_alive:
            self.pump()
            if self.asked:
                raise Stop
        self._drain(step)
        self.children.remove(step)
        code = step.process.returncode
        if code:
            raise Failed(f"{name} failed ({outcome_of(code)}); its own lines say why.")

    # --- watch --------------------------------------------------------------------------------

    def watch(self) -> None:
        """One look.

        Raises: Stop when we were asked to; Failed when a child ended.
        """
        self.pump()
        if self.asked:
            raise Stop
        for child in self.children:
            if not child.is_alive:
                self._drain(child)
                raise Failed(f"{child.name} ended ({outcome_of(child.process.returncode)}).")

    def wait_for(self, probes: Mapping[str, Callable[[], bool]], timeout_s: float) -> None:
        """Until each probe says yes.

        Raises: Stop, Failed.
        """
        silent = dict(probes)
        until = time.monotonic() + timeout_s
        while silent:
            self.watch()
            silent = {name: answers for name, answers in silent.items() if not answers()}
            if silent and time.monotonic() > until:
                raise Failed(f"No answer after {timeout_s} s from {', '.join(silent)}.")

    # --- lines --------------------------------------------------------------------------------

    def pump(self, timeout_s: float = 0.05) -> None:
        """Pass on what the children have written, or what comes first in `timeout_s`."""
        for key, _ in self._pipes.select(timeout_s):
            self._read(key.data)

    def _drain(self, child: Child) -> None:
        while self._read(child):
            pass

    def _read(self, child: Child) -> bool:
        """One piece of its lines. False when there is none now, or never again."""
        pipe = child.process.stdout
        if pipe is None or pipe.closed:
            return False
        try:
            piece = os.read(pipe.fileno(), 65_536)
        except BlockingIOError:
            return False
        if piece:
            *lines, child.rest = (child.rest + piece).split(b"\n")
        else:
            self._pipes.unregister(pipe)
            pipe.close()
            lines, child.rest = [child.rest] if child.rest else [], b""
        name = child.name.ljust(NAME_WIDTH).encode()
        write(b"".join(name + b" | " + line + b"\n" for line in lines))
        return bool(piece)

    # --- stop ---------------------------------------------------------------------------------

    def stop(self) -> None:
        """Our processes gently, those that outlive the others after them, then the servers."""
        theirs = [server.process for server in self.servers]
        ours = [child for child in self.children if child.process not in theirs]
        self._end([child for child in ours if not child.outlives], GENTLE_S)
        self._end([child for child in ours if child.outlives], LAST_S)
        for server in reversed(self.servers):
            server.stop()
        for child in self.children:
            self._drain(child)
        self.notes.unlink(missing_ok=True)

    def _end(self, children: list[Child], patience_s: float) -> None:
        """All at once, and then whoever is left of their groups."""
        for child in children:
            if child.is_alive:
                child.process.terminate()
        until = time.monotonic() + patience_s
        while any(child.is_alive for child in children) and time.monotonic() < until:
            self.pump()
        for child in children:
            if child.is_alive:
                say(f"{child.name} did not stop in {patience_s} s and was ended.")
            processes.end(child.process, signal.SIGKILL)

    # --- the start after a kill ---------------------------------------------------------------

    def _remember(self) -> None:
        pids = [child.process.pid for child in self.children if child.is_alive]
        self.notes.write_text(json.dumps([(pid, processes.started_at(pid)) for pid in pids]))

    def end_leftovers(self) -> None:
        """End what a killed supervisor left: only the very processes that it had started."""
        try:
            left = {int(pid): started for pid, started in json.loads(self.notes.read_text())}
        except (OSError, ValueError):
            return
        for signum, patience_s in ((signal.SIGTERM, 5), (signal.SIGKILL, 5)):
            until = time.monotonic() + patience_s
            for pid, started in left.items():
                if processes.started_at(pid) == started:
                    with contextlib.suppress(ProcessLookupError):
                        os.killpg(pid, signum)
            while any(processes.started_at(pid) == started for pid, started in left.items()):
                if time.monotonic() > until:
                    break
                time.sleep(0.05)
        self.notes.unlink(missing_ok=True)
