"""How far our clock is from a time server's: one question by SNTP.

Source: RFC 4330 (SNTPv4), sections 4 and 5.
"""

from __future__ import annotations

import secrets
import socket
import struct
from datetime import UTC, datetime, timedelta
from typing import Final

from smartinvoicing import clock

PORT: Final = 123
PATIENCE_S: Final = 2.0
_PACKET: Final = struct.Struct("!B B b b 11I")
_EPOCH: Final = datetime(1900, 1, 1, tzinfo=UTC)
_SECOND: Final = 2**32  # of the fraction
_ERA: Final = timedelta(seconds=_SECOND)  # the count of seconds begins anew in 2036
_ASK: Final = 0b00_100_011  # no leap, version 4, a client
_MODE: Final = 0b111
_SERVER: Final = 4
_UNSYNCHRONISED: Final = 0b11
_STRATA: Final = range(1, 16)


class NoTime(Exception):
    """No answer that could be used, and why."""


def skew(host: str, *, patience_s: float = PATIENCE_S) -> timedelta:
    """The server's clock less ours; half of the way there and back taken off.

    host:   a name or an address, with `:port` where it is another than 123.
    Raises: NoTime.
    """
    name, _, port = host.partition(":")
    nonce = secrets.randbits(64)  # comes back in the answer: nobody else's packet is taken for it
    question = _PACKET.pack(_ASK, 0, 0, 0, *([0] * 9), nonce >> 32, nonce % _SECOND)
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
            line.settimeout(patience_s)
            line.connect((name, int(port or PORT)))
            asked_at = clock.now()
            line.send(question)
            answer = line.recv(512)
            answered_at = clock.now()
    except OSError as error:
        raise NoTime(type(error).__name__) from error
    received, sent = _read(answer, nonce, near=answered_at)
    return ((received - asked_at) + (sent - answered_at)) / 2


def _read(answer: bytes, nonce: int, *, near: datetime) -> tuple[datetime, datetime]:
    """When the server took our question and when it answered."""
    if len(answer) < _PACKET.size:
        raise NoTime("too short")
    head, stratum, _poll, _precision, *words = _PACKET.unpack(answer[: _PACKET.size])
    if head & _MODE != _SERVER or head >> 6 == _UNSYNCHRONISED or stratum not in _STRATA:
        raise NoTime("it does not know the time itself")
    if (words[5] << 32) + words[6] != nonce:
        raise NoTime("an answer to somebody else")
    return _instant(words[7], words[8], near), _instant(words[9], words[10], near)


def _instant(seconds: int, fraction: int, near: datetime) -> datetime:
    since = timedelta(seconds=seconds, microseconds=fraction * 1_000_000 // _SECOND)
    eras = round((near - _EPOCH - since) / _ERA)
    return _EPOCH + since + eras * _ERA
