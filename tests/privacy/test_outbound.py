"""The recorder of machines: it notes who is asked for, and tells ours from strangers (P18)."""

from __future__ import annotations

import contextlib
import socket

import pytest

from smartinvoicing.http import LineDown, open_line
from tests.egress import Egress
from tests.outbound import OUTBOUND

STRANGER = "203.0.113.9"  # of documents: routed nowhere


def reach_out():
    with contextlib.suppress(OSError), socket.socket() as line:
        line.settimeout(0.01)
        line.connect((STRANGER, 9))


def test_a_stranger_is_noted():
    reach_out()

    assert OUTBOUND.take() == {STRANGER}


def test_a_name_is_noted_before_it_is_found():
    with contextlib.suppress(OSError):
        socket.getaddrinfo("nobody.invalid", 443)

    assert OUTBOUND.take() == {"nobody.invalid"}


def test_whom_the_settings_name_is_none(settings):
    settings.FBR_DI_URL = f"http://{STRANGER}"
    reach_out()

    assert OUTBOUND.take() == set()


def test_twin_deaf_it_notes_nobody():
    OUTBOUND.fall_silent()
    try:
        reach_out()
    finally:
        OUTBOUND.listen()

    assert OUTBOUND.take() == set()


def test_this_machine_is_none(settings):
    with Egress() as world:
        settings.FBR_DI_URL = world.url
        open_line(world.url, timeout_s=2).close()

    assert OUTBOUND.take() == set()


@pytest.mark.django_db
def test_the_gate_stops_a_stranger_before_anybody_looks_it_up():
    with pytest.raises(LineDown):
        open_line("https://nobody.invalid", timeout_s=1)

    assert OUTBOUND.take() == set()
