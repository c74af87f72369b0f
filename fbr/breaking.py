"""How one of FBR's systems does, folded from outcome after outcome. Pure.

A good line carries as many calls at once as the settings allow. The first ambiguous outcome lets
it carry one, and that only after a safe call went well; more trouble, or the same again, opens
the breaker: nothing is sent until a safe call, tried ever more seldom, goes well. So an outage
leaves no more documents uncertain than were under way, and then one at each later trial.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from fbr.outcomes import Hold, Outcome, Reading

IN_A_ROW: Final = 5
LOOKED_AT: Final = 20
GOOD, BAD = "0", "1"
_AWAY: Final = frozenset({Hold.ENDPOINT, Hold.BREAKER})


@dataclass(frozen=True, kw_only=True)
class Limits:
    """cap: calls at once at most. first: at once on a line of which nothing was heard lately."""

    cap: int
    first: int
    first_wait_s: int
    longest_wait_s: int


@dataclass(frozen=True, kw_only=True)
class Line:
    """The fields of `fbr.Breaker` that an outcome may change; what they mean stands there."""

    window: int = 0
    is_suspect: bool = False
    recent: str = ""
    bad_in_row: int = 0
    hold: str = ""
    why: str = ""
    opened_at: datetime | None = None
    retry_at: datetime | None = None
    wait_s: int = 0
    last_good_at: datetime | None = None
    last_bad_at: datetime | None = None

    @property
    def is_calm(self) -> bool:
        """Whether one more good outcome would change nothing but times."""
        return not (self.is_suspect or self.opened_at or self.bad_in_row or BAD in self.recent)


def is_ambiguous(reading: Reading) -> bool:
    return reading.outcome == Outcome.UNCERTAIN


def is_bad(reading: Reading) -> bool:
    """Whether it speaks against the line. A refused token or too many calls do not."""
    return is_ambiguous(reading) or (
        reading.outcome == Outcome.RETRYABLE
        and (reading.hold in _AWAY or reading.why.startswith("not sent"))
    )


def after(line: Line, reading: Reading, *, at: datetime, limits: Limits) -> Line:
    """The line after one more document's outcome."""
    if is_bad(reading):
        return _after_bad(line, reading, at=at, limits=limits)
    heard = replace(line, recent=(line.recent + GOOD)[-LOOKED_AT:], last_good_at=at)
    if line.retry_at is not None or line.is_suspect:
        return heard  # it was under way before the trouble and says nothing of what came since
    was_on_trial = line.opened_at is not None
    return replace(
        heard,
        **_WELL,
        # As long as a line is young each good answer lets one more call go.
        window=min(limits.cap, line.window + 1),
        bad_in_row=0,
        recent="" if was_on_trial else heard.recent,
    )


_WELL: Final[dict[str, Any]] = {"hold": "", "why": "", "opened_at": None, "wait_s": 0}


def _after_bad(line: Line, reading: Reading, *, at: datetime, limits: Limits) -> Line:
    recent = (line.recent + BAD)[-LOOKED_AT:]
    was_on_trial = line.opened_at is not None and line.retry_at is None
    worse = replace(
        line,
        recent=recent,
        bad_in_row=line.bad_in_row + 1,
        is_suspect=line.is_suspect or is_ambiguous(reading),
        window=1 if is_ambiguous(reading) else line.window,
        why=reading.why[:200],
        last_bad_at=at,
    )
    many = len(recent) == LOOKED_AT and recent.count(BAD) * 2 >= LOOKED_AT
    again = is_ambiguous(reading) and line.window == 1 and not line.is_suspect
    is_endpoint = reading.hold == Hold.ENDPOINT
    if was_on_trial or many or again or is_endpoint or worse.bad_in_row >= IN_A_ROW:
        return _opened(worse, hold=Hold.ENDPOINT if is_endpoint else Hold.BREAKER, at=at, by=limits)
    return worse


def _opened(line: Line, *, hold: Hold, at: datetime, by: Limits) -> Line:
    if line.retry_at is not None:
        return line  # what was still under way adds nothing
    wait_s = min(line.wait_s * 2 or by.first_wait_s, by.longest_wait_s)
    return replace(
        line,
        hold=hold,
        is_suspect=True,
        window=1,
        opened_at=line.opened_at or at,
        retry_at=at + timedelta(seconds=wait_s),
        wait_s=wait_s,
    )


def after_probe(line: Line, *, is_well: bool, has_work: bool, at: datetime, limits: Limits) -> Line:
    """The line after a safe call.

    has_work: a document is waiting, and its answer decides; without one the safe call does.
    """
    if not is_well:
        return _opened(
            replace(line, retry_at=None), hold=Hold(line.hold or Hold.BREAKER), at=at, by=limits
        )
    well = replace(line, is_suspect=False, retry_at=None, window=1)
    if has_work:
        return well
    return replace(well, **_WELL, bad_in_row=0, recent="", last_good_at=at)
