"""How a reply goes over the socket, or does not."""

import contextlib
import selectors
import socket
import struct
import threading
from collections.abc import Callable
from http.client import responses
from typing import Final

from fbr.fake.answers import Manner, Reply

_RESET: Final = struct.pack("ii", 1, 0)
_CHUNK: Final = b"9" * 65_536
_FLOOD_BEGINS: Final = b'{"invoiceNumber":"'


class Stop:
    """The end of the server, for whoever waits: for a time, or for a silent client."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self._bell, self._ringer = socket.socketpair()

    def ring(self) -> None:
        """Wake everybody, for good."""
        self._event.set()
        self._ringer.close()

    def close(self) -> None:
        """Give the sockets back, when nobody waits any more."""
        self._bell.close()
        self._ringer.close()

    def wait(self, seconds: float) -> bool:
        """Wait so long; True when the server ended meanwhile."""
        return seconds > 0 and self._event.wait(seconds)

    def until_readable(self, other: socket.socket, seconds: float | None = None) -> bool:
        """Wait for something to read on a socket; False when the time or the server ended first."""
        with selectors.DefaultSelector() as selector:
            selector.register(self._bell, selectors.EVENT_READ)
            selector.register(other, selectors.EVENT_READ)
            ready = [key.fileobj for key, _ in selector.select(seconds)]
        return ready == [other]

    def until_hung_up(self, connection: socket.socket, seconds: float) -> None:
        """Wait until the client closes its end, the time is over or the server ends."""
        if self.until_readable(connection, seconds) and connection.recv(1, socket.MSG_PEEK):
            # The client talks on: from here only the clock and the server's end matter.
            self._event.wait(seconds)


class Line:
    """The server's end of one connection."""

    def __init__(self, connection: socket.socket, stop: Stop) -> None:
        self._socket = connection
        self._stop = stop

    def reset(self) -> None:
        """Break the connection with a TCP reset."""
        with contextlib.suppress(OSError):
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self.hang_up()

    def hang_up(self) -> None:
        """Close the connection now, whatever else still holds the socket."""
        with contextlib.suppress(OSError):
            socket.close(self._socket.detach())

    def deliver(self, reply: Reply, *, keep: bool, before_last: Callable[[], None]) -> bool:
        """Put a reply on the line in its manner; True when the connection may be used again.

        `before_last` is called just before the client can see that the request is over.
        Raises: OSError when the client is gone.
        """
        if reply.manner is Manner.SEND:
            before_last()
            self._socket.sendall(_head(reply, len(reply.body), keep=keep) + reply.body)
            return keep
        if reply.manner is Manner.DRIP:
            return self._drip(reply, keep=keep, before_last=before_last)
        if reply.manner is Manner.FLOOD:
            self._flood(reply)
        if reply.manner is Manner.SILENCE:
            self._stop.until_hung_up(self._socket, reply.pause_s)
        before_last()
        if reply.manner is Manner.CUT:
            self._socket.sendall(_head(reply, reply.length, keep=False) + reply.body)
        if reply.manner is Manner.RESET:
            self.reset()
        self.hang_up()
        return False

    def _drip(self, reply: Reply, *, keep: bool, before_last: Callable[[], None]) -> bool:
        answer = _head(reply, len(reply.body), keep=keep) + reply.body
        last = (len(answer) - 1) // reply.piece * reply.piece
        for start in range(0, last, reply.piece):
            self._socket.sendall(answer[start : start + reply.piece])
            if self._stop.wait(reply.pause_s):
                return False
        before_last()
        self._socket.sendall(answer[last:])
        return keep

    def _flood(self, reply: Reply) -> None:
        """A JSON text that begins well and goes on; never more than one chunk in memory."""
        self._socket.sendall(_head(reply, reply.length, keep=False) + _FLOOD_BEGINS)
        left = reply.length - len(_FLOOD_BEGINS)
        while left > 0:
            self._socket.sendall(_CHUNK[:left])
            left -= len(_CHUNK)


def _head(reply: Reply, length: int, *, keep: bool) -> bytes:
    lines = [
        f"HTTP/1.1 {reply.status} {responses.get(reply.status or 0, 'Unknown')}",
        f"Content-Type: {reply.content_type}",
        f"Content-Length: {length}",
        *(f"{name}: {value}" for name, value in reply.headers),
    ]
    if not keep:
        lines.append("Connection: close")
    return "\r\n".join([*lines, "", ""]).encode("latin-1")
