"""Child processes that end with us, and free ports: what the development servers stand on."""

# ruff: noqa: S603 -- callers' words are our own

from __future__ import annotations

import ctypes
import os
import random
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Final

# Below 32768, where the ports of outgoing connections begin: there an idle port can be lost.
PORTS: Final = range(20_000, 32_000)
PR_SET_PDEATHSIG: Final = 1

_libc: Final = ctypes.CDLL(None) if sys.platform == "linux" else None


def free_port() -> int:
    """A loopback port that nobody listens on now."""
    for _ in range(1000):
        port = random.choice(PORTS)  # noqa: S311 -- no secret
        if is_free(port):
            return port
    raise OSError("No port between 20000 and 32000 is free on 127.0.0.1.")


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def die_with_parent(parent: int, signum: signal.Signals) -> None:
    """Have the kernel send us `signum` when `parent` is gone (Linux; elsewhere nothing)."""
    if _libc is None:
        return
    _libc.prctl(PR_SET_PDEATHSIG, int(signum))
    if os.getppid() != parent:  # it went while we were being made
        os.kill(os.getpid(), signum)


def spawn(
    argv: Sequence[str | Path],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    output: IO[bytes] | int | None = None,
    orphaned: signal.Signals = signal.SIGKILL,
) -> subprocess.Popen[bytes]:
    """Start `argv` as the head of its own process group; `orphaned` reaches it if we die.

    Only from the main thread: the kernel means the thread, not the process, that made the child.
    """
    return subprocess.Popen(
        [str(part) for part in argv],
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT if output is not None else None,
        env=None if env is None else dict(env),
        cwd=cwd,
        start_new_session=True,
        preexec_fn=_bind(orphaned),  # noqa: PLW1509 -- two system calls, nothing that takes a lock
    )


def _bind(signum: signal.Signals) -> Callable[[], None]:
    parent = os.getpid()
    return lambda: die_with_parent(parent, signum)


def signal_group(process: subprocess.Popen[bytes], signum: signal.Signals) -> None:
    """To the child and all that it started, also when the child itself is gone."""
    try:
        os.killpg(process.pid, signum)
    except (ProcessLookupError, PermissionError):
        return


def end(
    process: subprocess.Popen[bytes],
    gently: signal.Signals = signal.SIGTERM,
    *,
    timeout_s: float = 10,
) -> int:
    """Ask the child to end, wait, then end its whole group. Its exit code."""
    if process.poll() is None:
        process.send_signal(gently)
        try:
            process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            process.kill()
    signal_group(process, signal.SIGKILL)
    return process.wait()


def started_at(pid: int) -> str | None:
    """What tells this process from a later one of the same number; None when it is gone."""
    if sys.platform == "linux":
        try:
            stat = Path(f"/proc/{pid}/stat").read_text()
        except OSError:
            return None
        fields = stat.rpartition(")")[2].split()
        return None if fields[0] == "Z" else fields[19]
    return _ps(pid, "lstart=")


def command_line(pid: int) -> str:
    """What a process was started with; empty when it is gone."""
    if sys.platform != "linux":
        return _ps(pid, "args=") or ""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


def _ps(pid: int, column: str) -> str | None:
    argv = ["ps", "-o", column, "-p", str(pid)]
    answer = subprocess.run(argv, capture_output=True, text=True, check=False)
    return answer.stdout.strip() or None
