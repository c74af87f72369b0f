"""What FBR's answer to a POST means, by the rules of DI. Pure.

Only what stands here in full is *accepted*; what FBR clearly refused is *rejected*; what was
proven not to be recorded is sent again; all the rest is *uncertain* and waits for a person.
Source: PRAL DI API v1.12, section 5; reliability contract, 2.1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from fbr import wire
from fbr.outcomes import NO_CODE, CodeOnLine, Evidence, Hold, Outcome, Reading
from fbr.wire import CODE_LIMIT, NUMBER_LIMIT, WORDS_LIMIT, uncertain, word
from smartinvoicing import clock

_VERDICT: Final = "validationResponse"
_AUTH_CODE: Final = "0401"
_DATE_CODE: Final = "0043"

Row = Mapping[str, Any]


def read(evidence: Evidence, *, lines: int, at: datetime) -> Reading:
    """The meaning of one exchange about a document of `lines` lines, received at `at`."""
    nothing = wire.unanswered(evidence)
    if nothing is not None:
        return nothing
    answer = wire.parsed(evidence.body)
    fault = wire.fault_of(evidence.body, answer)
    if fault is None and evidence.status == 200:
        return _of_answer(answer, lines=lines, at=at)
    number = _number(answer) or _trace(evidence.body, answer)
    if number:
        return uncertain("a number in an answer that accepts nothing", number=number)
    if fault is not None:
        return wire.reading_of_fault(fault, evidence)
    return wire.reading_of_status(evidence)


def read_dry_run(evidence: Evidence, *, lines: int, at: datetime) -> Reading:
    """The meaning of a `validateinvoicedata` answer: nothing is recorded, so nothing is uncertain.

    A valid document reads as ACCEPTED without a number: go on and record it.
    """
    reading = read(evidence, lines=lines, at=at)
    if reading.outcome != Outcome.UNCERTAIN:
        return reading
    answer = wire.parsed(evidence.body)
    verdict = answer.get(_VERDICT) if isinstance(answer, dict) else None
    if evidence.status == 200 and isinstance(verdict, dict):
        rows, known = _rows(verdict)
        if known and _names_every_line(rows, lines) and _is_valid(verdict, rows):
            return Reading(outcome=Outcome.ACCEPTED, why="valid")
    return Reading(outcome=Outcome.RETRYABLE, why=f"dry run: {reading.why}", hold=Hold.BREAKER)


def _number(answer: Any) -> str:
    """The number that an answer gives, whatever else it says."""
    given = answer.get("invoiceNumber") if isinstance(answer, dict) else None
    return given.strip()[:NUMBER_LIMIT] if isinstance(given, str) else ""


def _trace(body: bytes, answer: Any) -> str:
    """A number under another name or in a wreck. Lines have numbers of their own in refusals."""
    return next(wire.traces(body, answer, but=(_VERDICT,)), "")


def _of_answer(answer: Any, *, lines: int, at: datetime) -> Reading:
    """HTTP 200 without a fault: by the verdict in it."""
    if not isinstance(answer, dict):
        return uncertain("HTTP 200 with a body that is no JSON object")
    verdict = answer.get(_VERDICT)
    if not isinstance(verdict, dict):
        return uncertain("HTTP 200 without a verdict")
    number = _number(answer)
    rows, known = _rows(verdict)
    if not known and number:
        return uncertain("a verdict of no known form", number=number)
    codes = _codes(verdict, rows, lines)
    if number and _is_valid(verdict, rows):
        return _accepted(answer, rows, lines=lines)
    if _is_given(answer.get("invoiceNumber")) or _trace(b"", answer):
        return uncertain("a number and a refusal at once", number=number, codes=codes)
    if codes or _marks(verdict, rows) - {"00", ""}:
        return _refusal(codes or _unexplained(verdict, rows, lines), at=at)
    return uncertain("nothing is marked invalid, but there is no number")


def _rows(verdict: Row) -> tuple[list[Row], bool]:
    """What the verdict says line by line, and whether all of it has the form we know."""
    statuses = verdict.get("invoiceStatuses")
    if not isinstance(statuses, list):
        return [], statuses is None
    rows: list[Row] = [row for row in statuses if isinstance(row, dict)]
    return rows, len(rows) == len(statuses)


def _marks(verdict: Row, rows: Sequence[Row]) -> set[str]:
    return {_status(row) for row in (verdict, *rows)}


def _is_valid(verdict: Row, rows: Sequence[Row]) -> bool:
    """Whether everything that is said is good: document and lines, without any code."""
    return _marks(verdict, rows) == {"00"} and not any(map(_error, (verdict, *rows)))


def _is_given(number: Any) -> bool:
    """Whether anything at all stands in the place of the number."""
    if isinstance(number, str):
        return bool(number.strip())
    return number not in (None, 0)


def _accepted(answer: Row, rows: Sequence[Row], *, lines: int) -> Reading:
    number = str(answer["invoiceNumber"]).strip()
    blank = number.lower() in {"null", "none", "0"}
    if blank or len(number) > NUMBER_LIMIT or not number.isprintable():
        return uncertain("a number of no known form")
    if not _names_every_line(rows, lines):
        return uncertain("a number, but not every line is answered for", number=number)
    dated = answer.get("dated")
    shown = dated.strip()[:40] if isinstance(dated, str) and dated.isprintable() else ""
    return Reading(outcome=Outcome.ACCEPTED, why="recorded", number=number, dated=shown)


def _names_every_line(rows: Sequence[Row], lines: int) -> bool:
    """One entry for every line that was sent; by their places where no entry says its line.

    Source: PRAL DI API v1.12, section 5 (`itemSNo`).
    """
    if len(rows) != lines or not rows:
        return False
    if all(row.get("itemSNo") in (None, "") for row in rows):
        return True
    return {_serial(row) for row in rows} == set(range(1, lines + 1))


def _serial(row: Row) -> int:
    """The line that an entry says it is about, 0 where it says nothing of use."""
    given = row.get("itemSNo")
    said = "" if isinstance(given, bool) else word(_whole(given))
    return int(said) if said.isdecimal() and len(said) < 5 else 0


def _refusal(codes: tuple[CodeOnLine, ...], *, at: datetime) -> Reading:
    known = {code.code for code in codes}
    if _AUTH_CODE in known:
        return Reading(outcome=Outcome.AUTH, why="code 0401", codes=codes, hold=Hold.CREDENTIAL)
    local = clock.karachi(at)
    if known == {_DATE_CODE} and local.hour < 5:
        # FBR's calendar seems to run on UTC: today in Pakistan is tomorrow there until 05:00.
        return Reading(
            outcome=Outcome.RETRYABLE,
            why="code 0043 before 05:00",
            hold=Hold.CLOCK,
            not_before=local.replace(hour=5, minute=0, second=0, microsecond=0)
            + timedelta(minutes=1),
        )
    return Reading(outcome=Outcome.REJECTED, why="refused by FBR", codes=codes)


def _status(row: Row) -> str:
    """`statusCode` normalised: 0, "0", 0.0 -> "00"; 1 -> "01"."""
    given = row.get("statusCode")
    if isinstance(given, bool) or given is None:
        return ""
    return word(_whole(given)).zfill(2)


def _whole(given: Any) -> Any:
    """1.0 as 1; all else as it is."""
    return int(given) if isinstance(given, float) and given.is_integer() else given


def _error(row: Row) -> str:
    """`errorCode` normalised: none of "", "0", "00", "0000"; digits padded to four."""
    given = row.get("errorCode")
    text = "" if given is None else word(given)
    if not text.strip("0"):
        return ""
    return text.zfill(4)[:CODE_LIMIT] if text.isdecimal() else text[:CODE_LIMIT]


def _codes(verdict: Row, rows: Sequence[Row], lines: int) -> tuple[CodeOnLine, ...]:
    found = []
    if _error(verdict):
        found.append(CodeOnLine(code=_error(verdict), text=_text(verdict)))
    for place, row in enumerate(rows, start=1):
        if _error(row):
            line = _line(row, place, lines)
            found.append(CodeOnLine(code=_error(row), text=_text(row), line=line))
    return tuple(found)


def _unexplained(verdict: Row, rows: Sequence[Row], lines: int) -> tuple[CodeOnLine, ...]:
    """A refusal without any code: FBR's words, at least."""
    marked = [
        (verdict, None),
        *((row, _line(row, place, lines)) for place, row in enumerate(rows, start=1)),
    ]
    return tuple(
        CodeOnLine(code=NO_CODE, text=_text(row), line=line)
        for row, line in marked
        if _status(row) not in {"00", ""} and _text(row)
    )


def _line(row: Row, place: int, lines: int) -> int | None:
    """The line that a refusal stands at: as it says, else by its place, if there is such a line."""
    serial = _serial(row)
    if 1 <= serial <= lines:
        return serial
    return place if place <= lines else None


def _text(row: Row) -> str:
    given = row.get("error")
    return given.strip()[:WORDS_LIMIT] if isinstance(given, str) else ""
