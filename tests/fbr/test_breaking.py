"""The breaker, outcome after outcome: what it lets through, when it opens, how it comes back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from fbr import breaking
from fbr.breaking import Limits, Line
from fbr.outcomes import Hold, Outcome, Reading

T0 = datetime(2026, 11, 20, 7, tzinfo=UTC)
LIMITS = Limits(cap=8, first=2, first_wait_s=30, longest_wait_s=600)
GOOD = Reading(outcome=Outcome.ACCEPTED, why="")
REFUSED = Reading(outcome=Outcome.REJECTED, why="refused by FBR")
TOKEN = Reading(outcome=Outcome.AUTH, why="HTTP 401", hold=Hold.CREDENTIAL)
BUSY = Reading(outcome=Outcome.RETRYABLE, why="HTTP 429", retry_after_s=5)
AWAY = Reading(outcome=Outcome.RETRYABLE, why="not sent: ConnectionRefusedError")
NOWHERE = Reading(outcome=Outcome.RETRYABLE, why="HTTP 404", hold=Hold.ENDPOINT)
DOUBT = Reading(outcome=Outcome.UNCERTAIN, why="no complete answer: TimeoutError")


def told(*readings: Reading, line: Line | None = None, at: datetime = T0) -> Line:
    line = line or Line()
    for reading in readings:
        line = breaking.after(line, reading, at=at, limits=LIMITS)
    return line


def probed(line: Line, *, is_well: bool, has_work: bool = True, at: datetime = T0) -> Line:
    return breaking.after_probe(line, is_well=is_well, has_work=has_work, at=at, limits=LIMITS)


@pytest.mark.parametrize("reading", [GOOD, REFUSED, TOKEN, BUSY])
def test_what_fbr_says_in_its_own_words_speaks_for_the_line(reading):
    line = told(*[reading] * 7)

    assert (line.is_suspect, line.opened_at, line.bad_in_row) == (False, None, 0)
    assert line.last_good_at == T0


def test_each_good_answer_lets_one_more_go_up_to_the_cap():
    windows = [told(*[GOOD] * count).window for count in (1, 2, 3, 20)]

    assert windows == [1, 2, 3, 8]


def test_the_first_doubt_leaves_one_call_and_that_after_a_safe_one():
    line = told(*[GOOD] * 8, DOUBT)

    assert (line.window, line.is_suspect, line.opened_at) == (1, True, None)


def test_what_was_under_way_before_the_doubt_does_not_clear_it():
    line = told(*[GOOD] * 8, DOUBT, GOOD, GOOD)

    assert (line.window, line.is_suspect) == (1, True)


def test_the_same_doubt_after_a_good_safe_call_opens_the_breaker():
    trusted = probed(told(*[GOOD] * 8, DOUBT), is_well=True)
    assert (trusted.window, trusted.is_suspect) == (1, False)

    line = told(DOUBT, line=trusted)

    assert (line.opened_at, line.retry_at) == (T0, T0 + timedelta(seconds=30))


def test_a_good_answer_after_a_good_safe_call_is_the_end_of_it():
    line = told(GOOD, line=probed(told(*[GOOD] * 8, DOUBT), is_well=True))

    assert (line.window, line.bad_in_row, line.is_suspect) == (2, 0, False)


@pytest.mark.parametrize("reading", [AWAY, DOUBT])
def test_five_in_a_row_open_it(reading):
    assert told(*[reading] * 4).opened_at is None

    line = told(*[reading] * 5)

    assert (line.opened_at, line.hold, line.is_suspect) == (T0, Hold.BREAKER, True)
    assert line.why == reading.why


def test_half_of_twenty_open_it():
    mixed = [GOOD, AWAY] * 10

    assert told(*mixed[:19]).opened_at is None
    assert told(*mixed).opened_at == T0


def test_a_wrong_address_opens_it_at_once():
    line = told(GOOD, NOWHERE)

    assert (line.opened_at, line.hold) == (T0, Hold.ENDPOINT)


def test_what_still_lands_while_it_is_open_changes_neither_wait_nor_beginning():
    opened = told(*[DOUBT] * 5)
    later = T0 + timedelta(seconds=20)

    line = told(DOUBT, GOOD, DOUBT, line=opened, at=later)

    assert (line.opened_at, line.retry_at, line.wait_s) == (T0, opened.retry_at, 30)


def test_each_bad_safe_call_doubles_the_wait_up_to_ten_minutes():
    line, waits = told(*[DOUBT] * 5), []
    for _ in range(7):
        waits.append(line.wait_s)
        line = probed(line, is_well=False)

    assert waits == [30, 60, 120, 240, 480, 600, 600]
    assert line.opened_at == T0


def test_after_a_good_safe_call_one_document_decides():
    trial = probed(told(*[DOUBT] * 5), is_well=True)
    assert (trial.retry_at, trial.window, trial.opened_at) == (None, 1, T0)

    well = told(GOOD, line=trial, at=T0 + timedelta(minutes=1))
    ill = told(DOUBT, line=trial)

    assert (well.opened_at, well.hold, well.wait_s, well.window) == (None, "", 0, 2)
    assert (ill.opened_at, ill.wait_s, ill.retry_at) == (T0, 60, T0 + timedelta(seconds=60))


def test_with_nothing_to_send_the_safe_call_itself_ends_it():
    line = probed(told(*[AWAY] * 5), is_well=True, has_work=False)

    assert (line.opened_at, line.retry_at, line.bad_in_row) == (None, None, 0)
    assert line.last_good_at == T0


def doubts_of_an_outage(limits: Limits, *, minutes: int) -> int:
    """How many documents an outage makes uncertain that takes every document and answers none,
    while safe calls go well: the worst that there is.
    """
    line = told(*[GOOD] * 8)
    doubts, at = 0, T0
    while at < T0 + timedelta(minutes=minutes):
        if line.retry_at is None and not line.is_suspect:
            flying = min(limits.cap, line.window)
            for _ in range(flying):
                line = breaking.after(line, DOUBT, at=at, limits=limits)
            doubts += flying
        if line.retry_at is None or line.retry_at <= at:
            line = breaking.after_probe(line, is_well=True, has_work=True, at=at, limits=limits)
        at += timedelta(seconds=1)
    return doubts


def test_the_worst_outage_costs_what_was_under_way_and_then_ever_less():
    assert doubts_of_an_outage(LIMITS, minutes=1) <= LIMITS.cap + 2
    assert doubts_of_an_outage(LIMITS, minutes=60) <= LIMITS.cap + 11


def test_twin_without_the_breaker_each_trial_costs_one(monkeypatch):
    monkeypatch.setattr(breaking, "_after_bad", lambda line, reading, **how: line)

    assert doubts_of_an_outage(LIMITS, minutes=1) > 60
