"""The sockets: one thread a connection, HTTP/1.1, an answer in one write."""

import contextlib
import socket
import socketserver
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from http.server import BaseHTTPRequestHandler
from typing import Any, Final

from fbr.fake import answers, control
from fbr.fake.answers import Reply
from fbr.fake.delivery import Line, Stop
from fbr.fake.faults import Play
from fbr.fake.gateway import LARGEST_BODY, Gateway, Knock

_CHUNK: Final = 65_536
_LAST_WORDS_S: Final = 2.0


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: "Server"

    def handle(self) -> None:
        """Serve request after request, unless the script breaks the line at once."""
        self._line = Line(self.connection, self.server.stop)
        play = self.server.gateway.script.take_connection()
        if play:
            self.server.gateway.ledger.abort(play.fault)
            self._break(play)
        else:
            super().handle()

    def do_GET(self) -> None:
        """Serve one request; POST comes here too."""
        if self.path.startswith(control.PREFIX):
            body, _ = self._body()
            self._send(control.control(self.server.gateway, self.command, self.path, body))
            return
        flights = self.server.gateway.flights
        knock = self.server.gateway.knock(
            self.command,
            self.path,
            authorization=self.headers.get("Authorization"),
            content_type=self.headers.get("Content-Type", ""),
        )
        flight = flights.start(knock.request, self.connection)
        try:
            self._serve(knock, lambda: flights.land(flight))
        finally:
            flights.land(flight)

    do_POST = do_GET  # noqa: N815 -- http.server's name

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 -- inherited
        """Say nothing: the ledger knows it all."""

    def _serve(self, knock: Knock, land: Callable[[], None]) -> None:
        gateway = self.server.gateway
        play = gateway.script.take(knock.request)
        if play and play.is_before_body:
            gateway.ledger.add(replace(knock.request, is_whole=False), fault=play.fault)
            self._break(play)
            return
        if "Transfer-Encoding" in self.headers:
            self.close_connection = True
            gateway.ledger.add(replace(knock.request, is_whole=False)).status = 411
            self._send(answers.report(411))
            return
        body, is_whole = self._body()
        request = replace(knock.request, body=body, is_whole=is_whole)
        entry, reply = gateway.answer(replace(knock, request=request), play)
        wait_s = gateway.latency_s + (play.wait_s if play else 0.0)
        if not is_whole or self.server.stop.wait(wait_s):
            self.close_connection = True
            return
        entry.status = reply.status
        if not self._send(reply, land):
            entry.status = None

    def _body(self) -> tuple[bytes, bool]:
        """As much of the body as came, and whether that is all of it."""
        declared = self.headers.get("Content-Length", "")
        length = int(declared) if declared.isdecimal() else 0
        wanted = min(length, LARGEST_BODY + 1)
        pieces: list[bytes] = []
        while wanted > 0:
            try:
                piece = self.rfile.read1(min(wanted, _CHUNK))
            except OSError:
                break
            if not piece:
                break
            pieces.append(piece)
            wanted -= len(piece)
        if length > LARGEST_BODY:
            self.close_connection = True
        return b"".join(pieces), wanted == 0

    def _send(self, reply: Reply, land: Callable[[], None] = lambda: None) -> bool:
        """Deliver a reply; False when the client was gone."""
        keep = not self.close_connection
        try:
            is_open = self._line.deliver(reply, keep=keep, before_last=land)
        except OSError:
            self.close_connection = True
            return False
        self.close_connection = not is_open
        return True

    def _break(self, play: Play) -> None:
        self.close_connection = True
        self.server.stop.wait(play.wait_s)
        if play.fault == "tls_abort":
            self._line.hang_up()
        else:
            self._line.reset()


class Server(socketserver.ThreadingTCPServer):
    """The listening socket and the connections made through it."""

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 256

    def __init__(self, address: tuple[str, int], gateway: Gateway) -> None:
        self.gateway = gateway
        self._live: set[Any] = set()
        self._quiet = threading.Condition()
        self._accepting = threading.Thread(target=self._accept, name="fake-fbr", daemon=True)
        super().__init__(address, Handler)
        self.stop = Stop()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Remember the connection, and give it a thread."""
        with self._quiet:
            self._live.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Forget the connection."""
        super().shutdown_request(request)
        with self._quiet:
            self._live.discard(request)
            self._quiet.notify_all()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that is gone is no error; anything else is a fault of this program."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)

    def begin(self) -> None:
        """Accept connections in a thread of its own, until `end`."""
        self._accepting.start()

    def end(self) -> None:
        """Stop listening, break every connection, and wait a moment for their threads."""
        self.stop.ring()
        self._accepting.join()
        self.server_close()
        with self._quiet:
            for connection in self._live:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
            self._quiet.wait_for(lambda: not self._live, timeout=_LAST_WORDS_S)
        self.stop.close()

    def _accept(self) -> None:
        while self.stop.until_readable(self.socket):
            with contextlib.suppress(OSError):
                self.process_request(*self.get_request())
