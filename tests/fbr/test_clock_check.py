"""Whether the clocks agree, and what is held when they do not."""

from __future__ import annotations

import socket
import struct
import threading
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection

from accounts import tenancy
from accounts.models import LegalEntity
from fbr.models import LineCheck
from fbr.services import timekeeping
from smartinvoicing import clock, sntp
from tests import factories

EPOCH = datetime(1900, 1, 1, tzinfo=UTC)


class TimeServer:
    """Answers SNTP on loopback with a clock that is `ahead` of ours."""

    def __init__(self, ahead: timedelta = timedelta(), *, spoil=lambda answer: answer):
        self._line = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._line.bind(("127.0.0.1", 0))
        self._ahead, self._spoil = ahead, spoil
        self.host = f"127.0.0.1:{self._line.getsockname()[1]}"

    def __enter__(self):
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *what):
        self._line.sendto(b"", self._line.getsockname())
        self._thread.join()
        self._line.close()

    def _serve(self):
        while True:
            question, asker = self._line.recvfrom(512)
            if not question:
                return
            self._line.sendto(self._spoil(self._answer(question)), asker)

    def _answer(self, question):
        now = (datetime.now(UTC) + self._ahead - EPOCH) / timedelta(seconds=1)
        stamp = struct.pack("!II", int(now) % 2**32, int(now % 1 * 2**32))
        head = struct.pack("!BBbb3I", 0b00_100_100, 2, 0, -20, 0, 0, 0)
        return head + stamp + question[40:48] + stamp + stamp


# --- the time server --------------------------------------------------------------------------


@pytest.mark.parametrize("seconds", [0, 45, -45, 86_400 * 4_000])
def test_the_distance_to_a_server_is_measured(seconds):
    """The last is beyond February 2036, where the count of seconds begins anew."""
    with TimeServer(timedelta(seconds=seconds)) as server:
        skew = sntp.skew(server.host)

    assert abs(skew - timedelta(seconds=seconds)) < timedelta(seconds=1)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda answer: answer[:47],
        lambda answer: b"\x1c" + b"\x00" + answer[2:],  # a kiss of death: stratum 0
        lambda answer: bytes([0b11_100_100]) + answer[1:],  # not synchronised
        lambda answer: bytes([0b00_100_011]) + answer[1:],  # a client's question
        lambda answer: answer[:24] + bytes(8) + answer[32:],  # to somebody else
    ],
)
def test_an_answer_that_is_none_is_not_believed(spoil):
    with TimeServer(spoil=spoil) as server, pytest.raises(sntp.NoTime):
        sntp.skew(server.host)


def test_a_silent_server_is_not_waited_for():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as deaf:
        deaf.bind(("127.0.0.1", 0))
        with pytest.raises(sntp.NoTime):
            sntp.skew(f"127.0.0.1:{deaf.getsockname()[1]}", patience_s=0.05)


# --- the check --------------------------------------------------------------------------------


def is_sane() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_is_sane()")
        return cursor.fetchone()[0]


@pytest.mark.django_db
def test_the_database_next_door_agrees(settings):
    settings.NTP_HOST = ""

    row = timekeeping.check()

    assert abs(row.skew_ms) < 500
    assert (row.ntp_skew_ms, row.holds) == (None, False)
    assert is_sane()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("seconds", "holds"), [(1, False), (29, False), (31, True), (-31, True), (86_400 * 400, True)]
)
def test_beyond_thirty_seconds_sending_is_held(settings, seconds, holds):
    with TimeServer(timedelta(seconds=seconds)) as server:
        settings.NTP_HOST = server.host
        row = timekeeping.check()

    assert abs(row.ntp_skew_ms - min(seconds * 1000, 2**31 - 1)) < 1000
    assert row.holds is holds
    assert is_sane() is not holds


@pytest.mark.django_db
def test_a_database_with_another_time_holds_sending(settings, monkeypatch):
    settings.NTP_HOST = ""
    monkeypatch.setattr(
        clock, "now", lambda: datetime.now(UTC) - timedelta(seconds=40)
    )  # ours is late

    row = timekeeping.check()

    assert 39_000 < row.skew_ms < 41_000
    assert row.holds
    assert not is_sane()


@pytest.mark.django_db
def test_twin_a_check_that_never_holds_lets_a_mad_clock_send(settings, monkeypatch):
    monkeypatch.setattr(timekeeping, "HELD", timedelta(days=36_500))
    with TimeServer(timedelta(days=400)) as server:
        settings.NTP_HOST = server.host
        timekeeping.check()

    assert is_sane()


@pytest.mark.django_db
def test_a_good_look_lets_go_again(settings):
    settings.NTP_HOST = ""
    LineCheck.objects.create(skew_ms=60_000, checked_at=clock.database_now(), holds=True)
    assert not is_sane()

    timekeeping.check()

    assert is_sane()


@pytest.mark.django_db
def test_a_look_of_ten_minutes_ago_says_nothing(db):
    old = clock.database_now() - timedelta(minutes=10, seconds=1)
    LineCheck.objects.create(skew_ms=60_000, checked_at=old, holds=True)

    assert is_sane()


@pytest.mark.django_db
def test_without_an_answer_the_rest_is_still_known(settings):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
        line.bind(("127.0.0.1", 0))
        settings.NTP_HOST = f"127.0.0.1:{line.getsockname()[1]}"
    # closed: the machine says that nobody is there

    row = timekeeping.check()

    assert row.ntp_skew_ms is None
    assert abs(row.skew_ms) < 500


# --- the sender asks --------------------------------------------------------------------------


@pytest.fixture
def due(business, db):
    with tenancy.in_tenant(business.pk):
        factories.make_credential(LegalEntity.objects.get(), "a token to send with")
        invoice = factories.make_issued()
        invoice.work.update(run_after=clock.database_now() - timedelta(seconds=1))
    return invoice


def taken(settings) -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM fbr_take(%s, 'test', 150, 8, 2, 20, 2, 8, NULL)",
            [settings.INSTANCE_ID],
        )
        return cursor.fetchone()[0]


@pytest.mark.parametrize(("holds", "number"), [(True, 0), (False, 1)])
def test_nothing_is_taken_while_the_clock_is_mad(due, settings, holds, number):
    LineCheck.objects.create(skew_ms=0, checked_at=clock.database_now(), holds=holds)

    assert taken(settings) == number
