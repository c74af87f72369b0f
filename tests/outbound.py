"""pytest plugin: whom the tests' own process speaks to, and that each stands in a register (P18).

Names that are looked up and addresses that are connected to are noted as they are asked for. The
loopback is this machine; everything else has to be a machine of the settings or of the register
of processors, or the test that reached out fails.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterator
from typing import Any, Final

import pytest


class Outbound:
    """Notes each machine that somebody wants to reach, for as long as it listens."""

    def __init__(self) -> None:
        self.strangers: set[str] = set()
        self._names: dict[str, str] = {}  # of addresses that came from a name
        self._connect = socket.socket.connect
        self._look_up = socket.getaddrinfo

    def listen(self) -> None:
        outbound, connect, look_up = self, self._connect, self._look_up

        def noted_connect(line: socket.socket, address: Any) -> None:
            if line.family in {socket.AF_INET, socket.AF_INET6}:
                outbound.note(str(address[0]))
            return connect(line, address)

        def noted_look_up(host: Any, *args: Any, **kwargs: Any) -> Any:
            name = host.decode() if isinstance(host, bytes) else str(host or "localhost")
            outbound.note(name)
            found = look_up(host, *args, **kwargs)
            for *_, address in found:
                outbound._names[str(address[0])] = name
            return found

        socket.socket.connect = noted_connect  # type: ignore[method-assign,assignment]
        socket.getaddrinfo = noted_look_up

    def fall_silent(self) -> None:
        socket.socket.connect = self._connect  # type: ignore[method-assign]
        socket.getaddrinfo = self._look_up

    def note(self, host: str) -> None:
        """By the settings of that moment: a test may change them."""
        from smartinvoicing import hosts  # noqa: PLC0415 -- the settings are read by now

        name = self._names.get(host, host).lower()
        if not _is_here(name) and name not in hosts.of_settings():
            self.strangers.add(name)

    def take(self) -> set[str]:
        """The strangers, and forget them."""
        found = set(self.strangers)
        self.strangers.clear()
        return found


def _is_here(name: str) -> bool:
    """This machine: its loopback, its own name, or any address of it."""
    if name in {"localhost", socket.gethostname().lower()}:
        return True
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


OUTBOUND: Final = Outbound()


@pytest.fixture(scope="session", autouse=True)
def _outbound() -> Iterator[None]:
    OUTBOUND.listen()
    yield
    OUTBOUND.fall_silent()


@pytest.fixture(autouse=True)
def _nobody_else_is_reached(_outbound: None) -> Iterator[None]:
    """Of the register of processors no test reaches any: its rows are gone with their test."""
    yield
    strangers = OUTBOUND.take()
    assert not strangers, f"reached outside of every register: {', '.join(sorted(strangers))}"
