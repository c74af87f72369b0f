"""The relay does to a line what its words say, and nothing else."""

from __future__ import annotations

import socket
import socketserver
import threading
import time

import pytest

from tests.chaos.relay import HOST, Relay


class Parrot(socketserver.StreamRequestHandler):
    """Says again what it hears, and remembers it."""

    def handle(self):
        for line in self.rfile:
            self.server.heard.append(line)
            self.wfile.write(line)


@pytest.fixture
def parrot():
    with socketserver.ThreadingTCPServer((HOST, 0), Parrot) as server:
        server.daemon_threads = True
        server.heard = []
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def relay(parrot):
    with Relay(parrot.server_address[1]) as made:
        yield made


@pytest.fixture
def line(relay):
    with connected(relay) as made:
        yield made


def connected(relay):
    return socket.create_connection((HOST, relay.port), timeout=1)


def said(line, word):
    line.sendall(word)
    return line.recv(100)


def test_it_carries_both_ways(line):
    assert said(line, b"one\n") == b"one\n"
    assert said(line, b"two\n") == b"two\n"


def test_its_address_is_the_servers_but_for_the_port(parrot):
    relay = Relay.before(f"redis://:word@127.0.0.1:{parrot.server_address[1]}/3")

    assert relay.target == parrot.server_address[1]
    assert relay.url == f"redis://:word@127.0.0.1:{relay.port}/3"


def test_slow_takes_longer_each_way(relay, line):
    relay.slow(0.2)
    began = time.monotonic()

    said(line, b"one\n")

    assert time.monotonic() - began >= 0.4


def test_held_is_neither_carried_nor_lost(relay, line, parrot):
    relay.hold()
    with pytest.raises(TimeoutError):
        said(line, b"one\n")
    with connected(relay) as later, pytest.raises(TimeoutError):
        said(later, b"two\n")
    assert parrot.heard == []

    relay.heal()

    assert line.recv(100) == b"one\n"


def test_cut_resets_what_is_open_and_refuses_what_is_new(relay, line):
    said(line, b"one\n")
    relay.cut()
    with pytest.raises(ConnectionResetError):
        line.recv(100)
    with pytest.raises(ConnectionRefusedError):
        connected(relay)

    relay.heal()

    with connected(relay) as later:
        assert said(later, b"two\n") == b"two\n"


def test_half_closed_still_hears(relay, line, parrot):
    said(line, b"one\n")
    relay.half_close()

    assert said(line, b"two\n") == b""
    until = time.monotonic() + 1
    while parrot.heard != [b"one\n", b"two\n"] and time.monotonic() < until:
        time.sleep(0.01)
    assert parrot.heard == [b"one\n", b"two\n"]


def test_a_server_that_moves_is_followed(relay, parrot):
    with connected(relay) as before:
        said(before, b"one\n")
    with socketserver.ThreadingTCPServer((HOST, 0), Parrot) as other:
        other.heard, other.daemon_threads = [], True
        threading.Thread(target=other.serve_forever, daemon=True).start()
        relay.target = other.server_address[1]
        with connected(relay) as after:
            assert said(after, b"two\n") == b"two\n"
        other.shutdown()

    assert (parrot.heard, other.heard) == ([b"one\n"], [b"two\n"])


def test_a_server_that_is_gone_is_a_reset(relay, parrot):
    relay.target = 9

    with pytest.raises(ConnectionResetError), connected(relay) as line:
        said(line, b"one\n")
