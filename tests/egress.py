"""A host of the world outside that answers nobody and counts who tried."""

from __future__ import annotations

import socket

from tests.listener import Listener


class Egress(Listener):
    """Each connection is counted and closed at once."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def meet(self, line: socket.socket) -> None:
        self.count += 1
