"""A day of grace, as arithmetic: its stages, its pace, its end."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fbr import deadlines
from fbr.deadlines import Stage
from tests.conftest import NOON

HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)
DEADLINE = NOON + 24 * HOUR


@pytest.mark.parametrize(
    ("passed", "stage"),
    [
        (timedelta(0), Stage.EARLY),
        (12 * HOUR - SECOND, Stage.EARLY),
        (12 * HOUR, Stage.HALF),
        (20 * HOUR - SECOND, Stage.HALF),
        (20 * HOUR, Stage.LATE),
        (23 * HOUR - SECOND, Stage.LATE),
        (23 * HOUR, Stage.LAST),
        (24 * HOUR - SECOND, Stage.LAST),
        (24 * HOUR, Stage.OVER),
        (240 * HOUR, Stage.OVER),
    ],
)
def test_each_stage_begins_on_the_second(passed, stage):
    assert deadlines.stage_at(DEADLINE, at=NOON + passed) == stage


def test_before_the_event_it_is_early():
    assert deadlines.stage_at(DEADLINE, at=NOON - HOUR) == Stage.EARLY


def test_the_deadline_is_a_day_after_the_event():
    assert deadlines.deadline_after(NOON) == DEADLINE


@pytest.mark.parametrize(("passed", "is_long"), [(24 * HOUR - SECOND, False), (24 * HOUR, True)])
def test_a_day_without_a_restoration_is_long(passed, is_long):
    assert deadlines.is_unrestored_long(NOON, at=NOON + passed) is is_long


def too_slow(left, done, passed):
    return deadlines.is_too_slow(
        left=left, done=done, restored_at=NOON, deadline=DEADLINE, at=NOON + passed
    )


@pytest.mark.parametrize(
    ("left", "done", "passed", "slow"),
    [
        (0, 0, HOUR, False),  # nothing waits
        (10, 0, timedelta(minutes=14), False),  # too early to say
        (10, 0, timedelta(minutes=15), True),  # nothing went at all
        (23, 1, HOUR, False),  # one an hour, 23 hours left: just so
        (24, 1, HOUR, True),
        (100, 100, HOUR, False),
        (1, 1, 24 * HOUR, False),  # the deadline has an alert of its own
    ],
)
def test_the_pace_since_the_restoration_says_whether_it_will_do(left, done, passed, slow):
    assert too_slow(left, done, passed) is slow


@given(
    left=st.integers(1, 100_000), done=st.integers(1, 100_000), minutes=st.integers(15, 24 * 60 - 1)
)
def test_too_slow_is_when_the_rest_takes_longer_than_there_is(left, done, minutes):
    at = NOON + timedelta(minutes=minutes)
    rest = deadlines.time_left(left=left, done=done, restored_at=NOON, at=at)

    assert rest is not None
    seconds = abs(rest - (DEADLINE - at)).total_seconds()
    assert seconds < 1 or too_slow(left, done, at - NOON) is (rest > DEADLINE - at)


@pytest.mark.parametrize(("left", "done"), [(0, 5), (5, 0)])
def test_no_pace_is_made_up(left, done):
    assert deadlines.time_left(left=left, done=done, restored_at=NOON, at=NOON + HOUR) is None
