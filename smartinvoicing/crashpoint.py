"""Named points where a test may kill this process. Outside tests each is one look-up."""

from __future__ import annotations

import os
import signal


def crashpoint(name: str) -> None:
    """Die here, as by a power cut, when the test that started this process asked for it."""
    if os.environ.get("CRASHPOINT") == name and os.environ.get("ENVIRONMENT") == "test":
        os.kill(os.getpid(), signal.SIGKILL)
