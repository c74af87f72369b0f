"""When to try again: 15 s doubling to 15 min, full jitter, Retry-After as the least."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest

from fbr import backoff


@pytest.mark.parametrize(
    ("attempt", "ceiling"),
    [(1, 15), (2, 30), (3, 60), (4, 120), (5, 240), (6, 480), (7, 900), (8, 900), (60, 900)],
)
def test_the_ceiling_doubles_to_a_quarter_of_an_hour(attempt, ceiling):
    most = backoff.wait(attempt=attempt, dice=1 - 1e-12)

    assert timedelta(seconds=ceiling - 0.001) < most <= timedelta(seconds=ceiling)


@pytest.mark.parametrize("attempt", [1, 5, 10_000])
def test_the_jitter_is_full_but_never_hurries(attempt):
    assert backoff.wait(attempt=attempt, dice=0.0) == timedelta(seconds=1)


def test_the_dice_decide_evenly():
    dice = random.Random(15)

    waits = [backoff.wait(attempt=7, dice=dice.random()).total_seconds() for _ in range(500)]

    assert 1 <= min(waits) < 30
    assert 870 < max(waits) <= 900
    assert 400 < sum(waits) / len(waits) < 500


@pytest.mark.parametrize(
    ("retry_after_s", "dice", "seconds"),
    [
        (120, 0.0, 120),
        (120, 0.999, 120),
        (5, 0.0, 5),
        (0, 0.0, 1),
        (None, 0.0, 1),
        (3600, 0.5, 3600),
    ],
)
def test_fbrs_own_word_is_the_least(retry_after_s, dice, seconds):
    wait = backoff.wait(attempt=1, dice=dice, retry_after_s=retry_after_s)

    assert wait == timedelta(seconds=seconds)


def test_a_short_retry_after_does_not_shorten_the_jitter():
    assert backoff.wait(attempt=7, dice=0.5, retry_after_s=5) > timedelta(seconds=400)


@pytest.mark.parametrize("attempt", [0, 1, 2**31])
def test_no_count_of_attempts_is_an_accident(attempt):
    assert backoff.wait(attempt=attempt, dice=0.5) <= timedelta(seconds=backoff.LONGEST_S)
