"""One POST on a real socket: what is proven not sent, and what is known of the rest."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from django.conf import settings

from fbr import gateway
from fbr.gateway import DEADLINE
from smartinvoicing.http import ANSWER_LIMIT, LineDown, open_line
from tests.fbr.fake_client import SANDBOX_TOKEN, dumps, invoice

PATH = "/di_data/v1/di/postinvoicedata_sb"
TOKEN = SANDBOX_TOKEN
BODY = dumps(invoice(scenarioId="SN001")).encode()
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


@pytest.fixture(autouse=True)
def patience(settings):
    """More than a loaded machine needs; a test that waits in vain says how long."""
    settings.FBR_CONNECT_TIMEOUT_S = 5
    settings.FBR_READ_TIMEOUT_S = 5
    settings.FBR_TOTAL_TIMEOUT_S = 10
    return settings


def post(url, body=BODY, token=TOKEN):
    return gateway.post(url, PATH, body, token=token, within_s=settings.FBR_TOTAL_TIMEOUT_S)


class Raw:
    """A server that does to each connection what a test says, and counts them."""

    def __init__(self, act: Callable[[socket.socket], None]) -> None:
        self.act = act
        self.connections = 0
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.socket.getsockname()[1]}"
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.socket.accept()
                self.connections += 1
                with connection, contextlib.suppress(OSError):
                    self.act(connection)

    def close(self) -> None:
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        self.thread.join(5)


@pytest.fixture
def raw() -> Iterator[Callable[..., Raw]]:
    servers: list[Raw] = []

    def start(act: Callable[[socket.socket], None]) -> Raw:
        servers.append(Raw(act))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


def saying(*pieces: bytes, pause_s: float = 0.0) -> Callable[[socket.socket], None]:
    """Read the request, then say this."""

    def act(connection: socket.socket) -> None:
        got = connection.recv(65536)
        while not got.endswith(BODY):  # unread bytes would turn the close into a reset
            got += connection.recv(65536)
        for piece in pieces:
            connection.sendall(piece)
            time.sleep(pause_s)

    return act


# --- an answer -----------------------------------------------------------------------------------


def test_an_accepted_post_carries_the_bytes_and_brings_the_answer(fake_fbr):
    evidence = post(fake_fbr.url)

    assert (evidence.sent, evidence.status, evidence.failure) == (True, 200, "")
    assert json.loads(evidence.body)["validationResponse"]["statusCode"] == "00"
    (request,) = fake_fbr.ledger()["requests"]
    assert request["body"].encode() == BODY
    assert (request["method"], request["path"]) == ("POST", PATH)
    assert request["recorded"]


@pytest.mark.parametrize(
    ("rule", "status"),
    [
        ({"fault": "html_200"}, 200),
        ({"fault": "empty_200"}, 200),
        ({"fault": "half_json"}, 200),
        ({"fault": "not_an_object"}, 200),
        ({"fault": "drip", "piece_bytes": 64, "every_ms": 1}, 200),
        ({"fault": "slow", "after_ms": 100}, 200),
        *(({"fault": str(code)}, code) for code in (400, 401, 403, 404, 405, 413, 415)),
        *(({"fault": str(code)}, code) for code in (429, 500, 502, 503, 504)),
        ({"fault": "gateway_fault", "code": 101504, "xml": True}, 504),
    ],
    ids=lambda value: value["fault"] if isinstance(value, dict) else None,
)
def test_whatever_comes_whole_is_brought_and_not_judged(fake_fbr, rule, status):
    fake_fbr.script([rule])

    evidence = post(fake_fbr.url)

    assert (evidence.sent, evidence.status, evidence.failure) == (True, status, "")
    assert fake_fbr.ledger()["requests"][0]["status"] == status


def test_retry_after_comes_along(fake_fbr):
    fake_fbr.script([{"fault": "429", "retry_after": "37"}])

    assert post(fake_fbr.url).retry_after == "37"


@pytest.mark.parametrize(
    ("header", "kept"), [(b"5", "5"), (b"x" * 500, "x" * 40), (b"5\x00", ""), (b"\xff\x01", "")]
)
def test_a_strange_retry_after_can_be_stored(raw, header, kept):
    answer = b"HTTP/1.1 429 Slow\r\nRetry-After: " + header + b"\r\nContent-Length: 0\r\n\r\n"

    assert post(raw(saying(answer)).url).retry_after == kept


@pytest.mark.parametrize(
    ("prefix", "asked"),
    [("", PATH), ("/", PATH), ("/fbr", f"/fbr{PATH}"), ("/a/b/", f"/a/b{PATH}")],
)
def test_an_address_may_have_a_path_of_its_own(fake_fbr, prefix, asked):
    evidence = post(fake_fbr.url + prefix)

    (request,) = fake_fbr.ledger()["requests"]
    assert request["path"] == asked
    assert (evidence.sent, request["recorded"]) == (True, asked == PATH)


def test_the_evidence_holds_no_token(fake_fbr):
    fake_fbr.script([{"fault": "401"}])

    assert TOKEN not in repr(post(fake_fbr.url))


def test_a_redirect_is_an_answer_and_not_an_order(raw, fake_fbr):
    moved = f"HTTP/1.1 307 Moved\r\nLocation: {fake_fbr.url}{PATH}\r\nContent-Length: 0\r\n\r\n"

    evidence = post(raw(saying(moved.encode())).url)

    assert (evidence.status, evidence.failure) == (307, "")
    assert fake_fbr.ledger()["requests"] == []


def test_a_proxy_of_the_environment_is_not_asked(raw, fake_fbr, monkeypatch):
    proxy = raw(saying(ANSWER))
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, proxy.url)

    assert post(fake_fbr.url).status == 200
    assert proxy.connections == 0


# --- proven not sent -----------------------------------------------------------------------------


def test_a_refused_port_is_not_sent(fake_fbr):
    url = fake_fbr.url
    fake_fbr.stop()

    evidence = post(url)

    assert (evidence.sent, evidence.status) == (False, None)
    assert evidence.failure == "ConnectionRefusedError"


def test_a_connection_that_does_not_come_about_is_not_sent(patience):
    patience.FBR_CONNECT_TIMEOUT_S = 0.3
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full, contextlib.ExitStack() as stack:
        address = full.getsockname()
        for _ in range(4):  # nobody accepts: the queue of the port is full
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(address)
        time.sleep(0.05)

        evidence = post(f"http://127.0.0.1:{address[1]}")

    assert (evidence.sent, evidence.failure) == (False, "TimeoutError")
    assert evidence.took_ms >= 250


def test_a_broken_handshake_is_not_sent(fake_fbr):
    fake_fbr.script([{"fault": "tls_abort"}])

    evidence = post(fake_fbr.url.replace("http:", "https:"))

    assert (evidence.sent, evidence.status) == (False, None)
    assert evidence.failure in {"SSLEOFError", "SSLZeroReturnError", "ConnectionResetError"}
    ledger = fake_fbr.ledger()
    assert (len(ledger["aborted"]), ledger["requests"]) == (1, [])


def test_a_handshake_with_something_else_is_not_sent(raw):
    server = raw(lambda connection: connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n"))

    evidence = post(server.url.replace("http:", "https:"))

    assert (evidence.sent, evidence.failure) == (False, "SSLError")


def test_a_handshake_that_never_ends_is_not_sent(raw, patience):
    patience.FBR_CONNECT_TIMEOUT_S = 0.3
    given_up = threading.Event()
    server = raw(lambda connection: given_up.wait(30))

    evidence = post(server.url.replace("http:", "https:"))
    given_up.set()

    assert (evidence.sent, evidence.failure) == (False, "TimeoutError")


def certificate(folder):
    """A certificate that nobody vouches for."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    path = folder / "server.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path


def test_a_certificate_that_nobody_vouches_for_is_not_sent(raw, tmp_path):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate(tmp_path))
    heard = []

    def act(connection):
        with context.wrap_socket(connection, server_side=True) as line:
            heard.append(line.recv(65536))

    evidence = post(raw(act).url.replace("http:", "https:"))

    assert (evidence.sent, evidence.failure) == (False, "SSLCertVerificationError")
    assert heard == []


# --- sent, and no whole answer -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "failures", "recorded"),
    [
        ({"fault": "accept_then_reset"}, {"ConnectionResetError"}, 1),
        ({"fault": "accept_then_close"}, {"RemoteDisconnected"}, 1),
        ({"fault": "reset_before", "at": "body"}, {"ConnectionResetError"}, 0),
        (
            {"fault": "reset_before", "at": "headers"},
            {"ConnectionResetError", "BrokenPipeError"},
            0,
        ),
        ({"fault": "half_json", "transfer": True}, {"IncompleteRead"}, 1),
    ],
    ids=lambda value: str(value)[:60] if isinstance(value, dict) else None,
)
def test_a_line_that_breaks_after_the_first_byte_was_sent(fake_fbr, rule, failures, recorded):
    fake_fbr.script([rule])

    evidence = post(fake_fbr.url)

    assert evidence.sent
    assert evidence.failure in failures
    assert len(fake_fbr.ledger()["recorded"]) == recorded
    assert len(fake_fbr.ledger()["requests"]) == 1


def test_a_line_that_breaks_at_once_was_sent_for_all_we_know(fake_fbr):
    """Unless it broke while it was being made: then nothing of ours was written."""
    fake_fbr.script([{"fault": "reset_before", "at": "accept"}])

    evidence = post(fake_fbr.url)

    assert evidence.sent or evidence.failure == "ConnectionResetError"
    assert evidence.failure
    assert (evidence.status, fake_fbr.ledger()["requests"]) == (None, [])


@pytest.mark.parametrize("fault", ["silence", "accept_then_silence"])
def test_silence_ends_with_the_read_limit(fake_fbr, patience, fault):
    patience.FBR_READ_TIMEOUT_S = 0.3
    fake_fbr.script([{"fault": fault}])

    evidence = post(fake_fbr.url)

    assert (evidence.sent, evidence.status, evidence.failure) == (True, None, "TimeoutError")
    assert 250 <= evidence.took_ms < 5000


@pytest.mark.parametrize(
    ("piece_bytes", "status"),
    [(1, None), (200, 200)],
    ids=["cut in the headers", "cut in the body"],
)
def test_a_drip_ends_with_the_total_deadline(fake_fbr, patience, piece_bytes, status):
    """Each read comes in time; only the clock on the wall sees that it never ends."""
    patience.FBR_TOTAL_TIMEOUT_S = 1.5
    fake_fbr.script([{"fault": "drip", "piece_bytes": piece_bytes, "every_ms": 4000}])

    evidence = post(fake_fbr.url)

    assert (evidence.sent, evidence.failure) == (True, DEADLINE)
    assert evidence.status == status
    assert 1400 <= evidence.took_ms < 5000


def test_an_answer_that_lasts_but_arrives_in_time_is_whole(fake_fbr, patience):
    patience.FBR_READ_TIMEOUT_S = 1
    fake_fbr.script([{"fault": "drip", "piece_bytes": 100, "every_ms": 150}])

    evidence = post(fake_fbr.url)

    assert (evidence.status, evidence.failure) == (200, "")
    assert json.loads(evidence.body)["invoiceNumber"]


def test_a_body_of_two_gigabytes_is_read_as_far_as_it_can_be_an_answer(fake_fbr):
    fake_fbr.script([{"fault": "big_body"}])

    evidence = post(fake_fbr.url)

    assert (evidence.sent, evidence.status, evidence.failure) == (True, 200, "")
    assert len(evidence.body) == ANSWER_LIMIT + 1
    assert evidence.took_ms < 5000


def test_a_body_without_a_length_that_ends_is_whole(raw):
    server = raw(saying(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{}"))

    evidence = post(server.url)

    assert (evidence.status, evidence.body, evidence.failure) == (200, b"{}", "")


def test_a_body_without_a_length_that_our_deadline_ended_is_not(raw, patience):
    patience.FBR_TOTAL_TIMEOUT_S = 1.5
    server = raw(saying(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{}", pause_s=4))

    evidence = post(server.url)

    assert (evidence.status, evidence.failure) == (200, DEADLINE)


@pytest.mark.parametrize(
    ("answer", "failure"),
    [
        (b"not HTTP at all\r\n\r\n", "BadStatusLine"),
        (b"HTTP/1.1 999999 x\r\n\r\n", "BadStatusLine"),
        (b"HTTP/1.1 200 " + b"x" * 70_000, "LineTooLong"),
        (b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 200, "HTTPException"),
        (b"", "RemoteDisconnected"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{", "IncompleteRead"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", "IncompleteRead"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n{}", "IncompleteRead"),
    ],
    ids=lambda value: repr(value)[:50] if isinstance(value, bytes) else None,
)
def test_what_is_no_http_was_sent_and_raises_nothing(raw, answer, failure):
    evidence = post(raw(saying(answer)).url)

    assert (evidence.sent, evidence.failure) == (True, failure)


# --- once ----------------------------------------------------------------------------------------


def test_one_post_is_one_connection_and_one_request(fake_fbr, raw):
    closes = raw(lambda connection: connection.recv(10))

    post(closes.url)
    post(fake_fbr.url)

    assert closes.connections == 1
    assert len(fake_fbr.ledger()["requests"]) == 1


def test_a_line_never_opens_itself_again(raw):
    server = raw(saying(ANSWER))
    line = open_line(server.url, timeout_s=5)
    line.request("POST", PATH, BODY)
    line.getresponse().read()
    line.close()

    with pytest.raises(http.client.NotConnected):
        line.request("POST", PATH, BODY)

    assert server.connections == 1


def test_the_twin_with_http_client_as_it_comes_sends_a_second_time(raw):
    """Sabotage: what `auto_open` does when the line was closed under us."""
    server = raw(saying(ANSWER))
    line = open_line(server.url, timeout_s=5)
    line.auto_open = 1
    for _ in range(2):
        line.request("POST", PATH, BODY)
        line.getresponse().read()
        line.close()

    assert server.connections == 2


def test_a_line_that_is_down_says_how():
    with socket.create_server(("127.0.0.1", 0)) as closed:
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"

    with pytest.raises(LineDown) as down:
        open_line(url, timeout_s=1)

    assert down.value.details == {"failure": "ConnectionRefusedError"}


def test_no_thread_and_no_socket_is_left_behind(fake_fbr):
    post(fake_fbr.url)
    before = threading.active_count()

    for _ in range(5):
        post(fake_fbr.url)

    until = time.monotonic() + 5  # the fake's own threads end when they have seen the end
    while threading.active_count() > before + 1 and time.monotonic() < until:
        time.sleep(0.05)
    assert threading.active_count() <= before + 1
