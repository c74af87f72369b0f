"""One POST to FBR. It judges nothing and raises nothing for what FBR or the network does.

The line is connected first (name, route, TLS); only then is anything written. So what fails
before the first byte is proven *not sent*, and what fails after it may have arrived.
"""

from __future__ import annotations

import heapq
import http.client
import itertools
import os
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from django.conf import settings

from fbr.outcomes import Evidence
from smartinvoicing.http import ANSWER_LIMIT, LineDown, open_line, path_at

DEADLINE: Final = "total deadline"


def post(base_url: str, path: str, body: bytes, *, token: str, within_s: float) -> Evidence:
    """Send `body` once and say what is known of it.

    base_url: may have a path of its own, before which nothing stands and after which `path` does.
    within_s: wall clock for all of it.
    """
    began = time.monotonic()
    try:
        line = open_line(base_url, timeout_s=settings.FBR_CONNECT_TIMEOUT_S)
    except LineDown as error:
        failure = str(error.details["failure"])
        return Evidence(sent=False, failure=failure, took_ms=_since(began))
    deadline = _Deadline(line, within_s - (time.monotonic() - began))
    try:
        evidence = _exchange(line, path_at(base_url, path), body, token=token, began=began)
    except (OSError, http.client.HTTPException) as error:
        failure = DEADLINE if deadline.passed else type(error).__name__
        return Evidence(sent=True, failure=failure, took_ms=_since(began))
    else:
        # What the cut of the line ended looks like an answer that ended.
        return replace(evidence, failure=DEADLINE) if deadline.passed else evidence
    finally:
        deadline.end()
        line.close()


def _exchange(
    line: http.client.HTTPConnection, path: str, body: bytes, *, token: str, began: float
) -> Evidence:
    line.sock.settimeout(settings.FBR_READ_TIMEOUT_S)
    headers = {
        "Authorization": f"Bearer {token}",
        "Content-Type": "application/json",
        "Accept": "application/json",
        "Connection": "close",
    }
    line.request("POST", path, body, headers)
    answer = line.getresponse()
    raw = answer.read(ANSWER_LIMIT + 1)
    # http.client keeps silent about a bounded read that met the end too early.
    is_cut = bool(answer.length) and len(raw) <= ANSWER_LIMIT
    return Evidence(
        sent=True,
        status=answer.status,
        body=raw,
        retry_after=_printable(answer.headers.get("Retry-After", "")),
        failure=http.client.IncompleteRead.__name__ if is_cut else "",
        took_ms=_since(began),
    )


def _printable(header: str) -> str:
    """What a column takes: FBR's header may hold anything."""
    return header[:40] if header.isprintable() else ""


def _since(began: float) -> int:
    return round((time.monotonic() - began) * 1000)


class _Deadline:
    """Cuts the line when the whole exchange lasts too long: a socket's own limit is per read."""

    def __init__(self, line: http.client.HTTPConnection, seconds: float) -> None:
        self.passed = False
        self._socket: socket.socket | None = line.sock
        _watch.at(time.monotonic() + max(seconds, 0.1), self._cut)

    def _cut(self) -> None:
        line = self._socket
        if line is None:
            return
        self.passed = True
        try:
            line.shutdown(socket.SHUT_RDWR)
        except OSError:
            return  # already closed: the exchange ended in the same moment

    def end(self) -> None:
        """What waits for its time holds no socket."""
        self._socket = None


class _Watch:
    """One thread that looks at the clock for all calls under way: a timer each would cost more
    than the call.
    """

    def __init__(self) -> None:
        self._news = threading.Condition()
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._count = itertools.count()
        self._pid = 0

    def at(self, instant: float, act: Callable[[], None]) -> None:
        """Call `act` at `instant` of the monotonic clock."""
        with self._news:
            if self._pid != os.getpid():  # threads do not come along into a fork
                self._pid, self._due = os.getpid(), []
                threading.Thread(target=self._run, name="fbr-deadlines", daemon=True).start()
            heapq.heappush(self._due, (instant, next(self._count), act))
            if self._due[0][0] == instant:
                self._news.notify()

    def _run(self) -> None:
        while True:
            with self._news:
                while not self._due or self._due[0][0] > time.monotonic():
                    left = self._due[0][0] - time.monotonic() if self._due else None
                    self._news.wait(left if left is None else max(left, 0.0))
                _, _, act = heapq.heappop(self._due)
            act()


_watch: Final = _Watch()
