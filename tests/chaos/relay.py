"""A line between a process and a server that a test may slow, hold, half close or cut."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import urlsplit, urlunsplit

from smartinvoicing import processes

HOST: Final = "127.0.0.1"
RESET: Final = struct.pack("ii", 1, 0)  # SO_LINGER: what is closed is reset


class Relay:
    """Listens on a port of its own and carries to `target`, which may move meanwhile.

    with Relay.before(settings.REDIS_URL) as valkey:
        worker = start_worker(env={"REDIS_URL": valkey.url})
        valkey.cut()
    """

    def __init__(self, target: int, url: str = "") -> None:
        self.target, self._url = target, url
        self.port = processes.free_port()
        self.delay_s = 0.0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="relay", daemon=True)
        self._ends: set[asyncio.StreamWriter] = set()
        self._towards_clients: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None
        self._open = asyncio.Event()

    @classmethod
    def before(cls, url: str) -> Self:
        """Before the server of this address."""
        return cls(urlsplit(url).port or 0, url)

    @property
    def url(self) -> str:
        """The address of the server, by way of the relay."""
        parts = urlsplit(self._url)
        who, at, _host = parts.netloc.rpartition("@")
        return urlunsplit(parts._replace(netloc=f"{who}{at}{HOST}:{self.port}"))

    def __enter__(self) -> Self:
        self._thread.start()
        self.heal()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.cut()
        self._do(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    # --- what may befall it -------------------------------------------------------------------

    def heal(self) -> None:
        """Carry at once, what is held too; listen again."""
        self._do(self._heal())

    def slow(self, seconds: float) -> None:
        """Everything takes so much longer, each way."""
        self.delay_s = seconds

    def hold(self) -> None:
        """A black hole: take connections and bytes, carry none until it is healed."""
        self._do(self._hold())

    def cut(self) -> None:
        """Reset every connection and refuse new ones."""
        self._do(self._cut())

    def half_close(self) -> None:
        """The server seems to have said its last word; what clients say still arrives."""
        self._do(self._half_close())

    # --- in the thread ------------------------------------------------------------------------

    def _do(self, deed: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(deed, self._loop).result(10)

    async def _heal(self) -> None:
        self.delay_s = 0.0
        self._open.set()
        if self._server is None:
            self._server = await asyncio.start_server(self._join, HOST, self.port)

    async def _hold(self) -> None:
        self._open.clear()

    async def _cut(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        for end in [*self._ends]:
            _reset(end)
        await asyncio.sleep(0)  # what was reset is gone when we return

    async def _end(self) -> None:
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    async def _half_close(self) -> None:
        for end in self._towards_clients:
            end.write_eof()

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there = await asyncio.open_connection(HOST, self.target)
        except OSError:
            _reset(writer)
            return
        ends = {writer, there[1]}
        self._ends |= ends
        self._towards_clients.add(writer)
        try:
            await asyncio.gather(self._carry(reader, there[1]), self._carry(there[0], writer))
        finally:
            self._ends -= ends
            self._towards_clients.discard(writer)
            for end in ends:
                end.close()

    async def _carry(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        try:
            while data := await source.read(65_536):
                if self.delay_s:
                    await asyncio.sleep(self.delay_s)
                await self._open.wait()
                sink.write(data)
                await sink.drain()
            sink.write_eof()
        except (OSError, RuntimeError):  # one end is gone: the other one hears of it
            _reset(sink)


def _reset(end: asyncio.StreamWriter) -> None:
    line = end.get_extra_info("socket")
    with contextlib.suppress(OSError):
        line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    end.transport.abort()
