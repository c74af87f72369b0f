"""How long the seller may cancel alone: 72 hours from the earlier of two clocks, and the month."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from fbr import windows
from fbr.windows import Window, window_of

# 14:00 in Karachi on Friday 20 November 2026.
RECEIVED = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


def window(dated="", **more):
    return window_of(dated=dated, accepted_at=RECEIVED, **more)


def test_the_window_ends_72_hours_after_the_earlier_of_the_two():
    fbr_first = window("2026-11-20 13:59:00")
    we_first = window("2026-11-20 14:01:00")

    assert fbr_first.ends_at == RECEIVED - MINUTE + 72 * HOUR
    assert we_first.ends_at == RECEIVED + 72 * HOUR


def test_fbrs_time_is_read_as_karachi_time():
    told = window("2026-11-20 10:00:00")

    assert told.began_at == datetime(2026, 11, 20, 5, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("dated", "said"),
    [
        ("2026-11-20 13:00:00", datetime(2026, 11, 20, 8, 0, tzinfo=UTC)),
        ("2026-11-20T13:00:00", datetime(2026, 11, 20, 8, 0, tzinfo=UTC)),
        (" 2026-11-20 13:00:00.25 ", datetime(2026, 11, 20, 8, 0, 0, 250_000, tzinfo=UTC)),
        ("2026-11-20T13:00:00+00:00", datetime(2026, 11, 20, 13, 0, tzinfo=UTC)),
        ("2026-11-20", datetime(2026, 11, 19, 19, 0, tzinfo=UTC)),
        ("20 November, about noon", None),
        ("", None),
    ],
)
def test_fbrs_words_for_its_time_are_read_or_left_alone(dated, said):
    assert windows.read_dated(dated) == said


def test_without_fbrs_time_the_sending_counts_because_an_answer_can_come_late():
    sent_at = RECEIVED - 5 * HOUR

    assert window("?", sent_at=sent_at).began_at == sent_at
    assert window("2026-11-20 14:00:00", sent_at=sent_at).began_at == RECEIVED
    assert window("?").began_at == RECEIVED


@pytest.mark.parametrize(
    ("after", "is_open"),
    [
        (71 * HOUR + 59 * MINUTE, True),
        (72 * HOUR - timedelta(microseconds=1), True),
        (72 * HOUR, False),
        (72 * HOUR + MINUTE, False),
    ],
)
def test_the_window_is_open_until_the_very_end(after, is_open):
    assert window().is_open(RECEIVED + after) is is_open


def test_what_is_left_is_told_in_full_hours_and_never_below_none():
    seen = window()

    assert seen.hours_left(RECEIVED) == 72
    assert seen.hours_left(RECEIVED + MINUTE) == 72
    assert seen.hours_left(RECEIVED + 71 * HOUR + MINUTE) == 1
    assert seen.hours_left(RECEIVED + 100 * HOUR) == 0
    assert seen.left(RECEIVED + 100 * HOUR) == timedelta()


@pytest.mark.parametrize(
    ("left", "step"),
    [
        (25 * HOUR, None),
        (24 * HOUR, 24),
        (7 * HOUR, 24),
        (6 * HOUR, 6),
        (61 * MINUTE, 6),
        (HOUR, 1),
        (MINUTE, 1),
        (timedelta(), None),
    ],
)
def test_warnings_come_at_24_6_and_1_hours(left, step):
    seen = window()

    assert seen.warning_due(seen.ends_at - left) == step


def test_the_end_of_the_month_is_shown_where_it_comes_first_and_counts_where_it_is_set():
    last_day = datetime(2026, 11, 30, 10, 0, tzinfo=UTC)
    midnight = datetime(2026, 11, 30, 19, 0, tzinfo=UTC)  # 1 December in Karachi

    warned = window_of(dated="", accepted_at=last_day)
    cut = window_of(dated="", accepted_at=last_day, ends_with_month=True)

    assert (warned.month_at, warned.ends_at) == (midnight, last_day + 72 * HOUR)
    assert (cut.month_at, cut.ends_at) == (midnight, midnight)
    assert warned.is_past_month(midnight)
    assert not warned.is_past_month(midnight - MINUTE)
    assert not cut.is_past_month(midnight)
    assert window().month_at is None


def test_the_month_is_karachis():
    at = datetime(2026, 11, 30, 19, 30, tzinfo=UTC)  # 1 December, 00:30

    assert windows.end_of_month(at) == datetime(2026, 12, 31, 19, 0, tzinfo=UTC)


def test_the_month_of_february_and_of_december_end_too():
    leap = datetime(2028, 2, 29, 12, 0, tzinfo=UTC)
    last = datetime(2026, 12, 31, 12, 0, tzinfo=UTC)

    assert windows.end_of_month(leap) == datetime(2028, 2, 29, 19, 0, tzinfo=UTC)
    assert windows.end_of_month(last) == datetime(2026, 12, 31, 19, 0, tzinfo=UTC)


def test_twin_a_window_counted_from_our_receipt_alone_would_be_open_too_long():
    """The rule taken out: FBR's earlier time must close what our later receipt leaves open."""
    dated = "2026-11-20 13:00:00"
    at = RECEIVED + 72 * HOUR - MINUTE

    ours_alone = Window(began_at=RECEIVED, ends_at=RECEIVED + windows.LENGTH)

    assert ours_alone.is_open(at)
    assert not window(dated).is_open(at)
