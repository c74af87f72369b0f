"""Named points where a test may kill a process. Outside tests each is one look-up."""

from __future__ import annotations

import os
import signal
import time

from smartinvoicing import processes


def crashpoint(name: str) -> None:
    """Die here, as by a power cut, when the test that started this process asked for it.

    CRASHPOINT is the name of a point; `name:4711` has that process die here in our place, and
    `name:stop` has this one stand still here until it is told to go on; both once.
    """
    asked, _colon, victim = os.environ.get("CRASHPOINT", "").partition(":")
    if asked != name or os.environ.get("ENVIRONMENT") != "test":
        return
    if not victim:
        os.kill(os.getpid(), signal.SIGKILL)
    del os.environ["CRASHPOINT"]
    if victim == "stop":
        os.kill(os.getpid(), signal.SIGSTOP)
        time.sleep(0.2)  # this thread must not run on until the last of us stands still
        return
    os.kill(int(victim), signal.SIGQUIT)
    while processes.started_at(int(victim)) is not None:
        time.sleep(0.01)
