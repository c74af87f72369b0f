"""What FBR's answer to a POST means, by the rules of DI. Pure.

Only what stands here in full is *accepted*; what FBR clearly refused is *rejected*; what was
proven not to be recorded is sent again; all the rest is *uncertain* and waits for a person.
Source: PRAL DI API v1.12, section 5; reliability contract, 2.1.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from fbr.outcomes import CodeOnLine, Evidence, Hold, Outcome, Reading
from smartinvoicing import clock
from smartinvoicing.http import ANSWER_LIMIT

NUMBER_LIMIT: Final = 64
NO_CODE: Final = "no_code"

_FAULT_IN_XML: Final = re.compile(rb"<(?:\w+:)?code>\s*(\d{5,6})\s*</(?:\w+:)?code>")
_AUTH_FAULTS: Final = frozenset({900900, 900901, 900902, 900903, 900904, 900905, 900908, 900909})
_THROTTLE_FAULTS: Final = range(900800, 900900)
_NEVER_FORWARDED: Final = frozenset({303001, 101503})
_MAYBE_PROCESSED: Final = frozenset({101504, 101505})
_FAULTY_REQUEST: Final = frozenset({400, 413, 415})
_WRONG_ADDRESS: Final = frozenset({404, 405})
_AUTH_CODE: Final = "0401"
_DATE_CODE: Final = "0043"


def read(evidence: Evidence, *, lines: int, at: datetime) -> Reading:
    """The meaning of one exchange about a document of `lines` lines, received at `at`."""
    if not evidence.sent:
        return Reading(outcome=Outcome.RETRYABLE, why=f"not sent: {evidence.failure}")
    if evidence.status is None or evidence.failure:
        return _uncertain(f"no complete answer: {evidence.failure}")
    if len(evidence.body) > ANSWER_LIMIT:
        return _uncertain("the answer is too long to be one")
    fault = _fault(evidence.body)
    number = _number(_parsed(evidence.body))
    if number and (fault is not None or evidence.status != 200):
        return _uncertain("a number in an answer that accepts nothing", number=number)
    if fault is not None:
        return _of_fault(fault, evidence)
    if evidence.status != 200:
        return _of_status(evidence)
    return _of_body(evidence.body, lines=lines, at=at)


def read_dry_run(evidence: Evidence, *, lines: int, at: datetime) -> Reading:
    """The meaning of a `validateinvoicedata` answer: nothing is recorded, so nothing is uncertain.

    A valid document reads as ACCEPTED without a number: go on and record it.
    """
    reading = read(evidence, lines=lines, at=at)
    if reading.outcome != Outcome.UNCERTAIN:
        return reading
    answer = _parsed(evidence.body)
    verdict = answer.get("validationResponse") if isinstance(answer, dict) else None
    if evidence.status == 200 and isinstance(verdict, dict):
        statuses = verdict.get("invoiceStatuses")
        rows = statuses if isinstance(statuses, list) else []
        rows = rows if all(isinstance(row, dict) for row in rows) else []
        marks = {_status(row) for row in (verdict, *rows)}
        if len(rows) == lines and marks == {"00"} and not _codes(verdict, rows):
            return Reading(outcome=Outcome.ACCEPTED, why="valid")
    return Reading(outcome=Outcome.RETRYABLE, why=f"dry run: {reading.why}")


def _uncertain(why: str, **more: Any) -> Reading:
    return Reading(outcome=Outcome.UNCERTAIN, why=why, **more)


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _number(answer: Any) -> str:
    """The number that an answer gives, whatever else it says."""
    given = answer.get("invoiceNumber") if isinstance(answer, dict) else None
    return given.strip()[:NUMBER_LIMIT] if isinstance(given, str) else ""


def _fault(body: bytes) -> int | None:
    """The code of a gateway fault, in JSON or in the XML of older nodes."""
    parsed = _parsed(body)
    if isinstance(parsed, dict) and isinstance(parsed.get("fault"), dict):
        code = _word(parsed["fault"].get("code"))
        return int(code) if code.isdecimal() and len(code) < 10 else 0
    if parsed is not None or not body.lstrip().startswith(b"<") or b"fault>" not in body:
        return None  # somebody else's words, in whatever text they stand
    in_xml = _FAULT_IN_XML.search(body[:4000])
    return int(in_xml.group(1)) if in_xml else None


def _of_fault(code: int, evidence: Evidence) -> Reading:
    why = f"gateway fault {code}"
    if code in _AUTH_FAULTS:
        return Reading(outcome=Outcome.AUTH, why=why, hold=Hold.CREDENTIAL)
    if code in _THROTTLE_FAULTS or code in _NEVER_FORWARDED:
        return Reading(
            outcome=Outcome.RETRYABLE, why=why, retry_after_s=_seconds(evidence.retry_after)
        )
    if code in _MAYBE_PROCESSED or evidence.status == 200:
        return _uncertain(why)
    if evidence.status == 403:
        return Reading(outcome=Outcome.AUTH, why=why, hold=Hold.CREDENTIAL)
    return _of_status(evidence)  # a code that nobody told us of


def _of_status(evidence: Evidence) -> Reading:
    why = f"HTTP {evidence.status}"
    if evidence.status == 401:
        return Reading(outcome=Outcome.AUTH, why=why, hold=Hold.CREDENTIAL)
    if evidence.status == 429:
        return Reading(
            outcome=Outcome.RETRYABLE, why=why, retry_after_s=_seconds(evidence.retry_after)
        )
    if evidence.status in _WRONG_ADDRESS:
        return Reading(outcome=Outcome.RETRYABLE, why=why, hold=Hold.ENDPOINT, defect=True)
    if evidence.status in _FAULTY_REQUEST:
        return Reading(outcome=Outcome.REJECTED, why=why, defect=True)
    return _uncertain(why)


def _seconds(retry_after: str) -> int | None:
    return min(int(retry_after), 3600) if retry_after.strip().isdecimal() else None


def _of_body(body: bytes, *, lines: int, at: datetime) -> Reading:
    answer = _parsed(body)
    if not isinstance(answer, dict):
        return _uncertain("HTTP 200 with a body that is no JSON object")
    verdict = answer.get("validationResponse")
    if not isinstance(verdict, dict):
        return _uncertain("HTTP 200 without a verdict")
    given = answer.get("invoiceNumber")
    number = given.strip() if isinstance(given, str) else ""
    statuses = verdict.get("invoiceStatuses")
    rows = statuses if isinstance(statuses, list) else []
    if not (statuses is None or isinstance(statuses, list)) or not all(
        isinstance(row, dict) for row in rows
    ):
        return _uncertain("a verdict of no known form", number=number[:NUMBER_LIMIT])
    codes = _codes(verdict, rows)
    marks = {_status(row) for row in (verdict, *rows)}
    if number and marks == {"00"} and not codes:
        return _accepted(answer, number, answered=len(rows), lines=lines)
    if number or given not in (None, "", 0):
        return _uncertain(
            "a number and a refusal at once", number=number[:NUMBER_LIMIT], codes=codes
        )
    if codes or marks - {"00", ""}:
        return _refusal(codes or _unexplained(verdict, rows), at=at)
    return _uncertain("nothing is marked invalid, but there is no number")


def _accepted(answer: Mapping[str, Any], number: str, *, answered: int, lines: int) -> Reading:
    blank = number.lower() in {"null", "none", "0"}
    if blank or len(number) > NUMBER_LIMIT or not number.isprintable():
        return _uncertain("a number of no known form")
    if answered != lines:
        return _uncertain("a number, but not every line is answered for", number=number)
    dated = answer.get("dated")
    shown = dated.strip()[:40] if isinstance(dated, str) and dated.isprintable() else ""
    return Reading(outcome=Outcome.ACCEPTED, why="recorded", number=number, dated=shown)


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


def _status(row: Mapping[str, Any]) -> str:
    """`statusCode` normalised: 0, "0", 0.0 -> "00"; 1 -> "01"."""
    given = row.get("statusCode")
    if isinstance(given, bool) or given is None:
        return ""
    whole = isinstance(given, float) and given.is_integer()
    return _word(int(given) if whole else given).zfill(2)


def _word(given: Any) -> str:
    """A text or a number as text; anything else is a word that nobody knows."""
    return str(given).strip() if isinstance(given, str | int | float) else "?"


def _error(row: Mapping[str, Any]) -> str:
    """`errorCode` normalised: none of "", "0", "00", "0000"; digits padded to four."""
    given = row.get("errorCode")
    text = "" if given is None else _word(given)
    if not text.strip("0"):
        return ""
    return text.zfill(4)[:20] if text.isdecimal() else text[:20]


def _codes(verdict: Mapping[str, Any], rows: list[Mapping[str, Any]]) -> tuple[CodeOnLine, ...]:
    found = []
    if _error(verdict):
        found.append(CodeOnLine(code=_error(verdict), text=_text(verdict)))
    for position, row in enumerate(rows, start=1):
        if _error(row):
            found.append(CodeOnLine(code=_error(row), text=_text(row), line=_line(row, position)))
    return tuple(found)


def _unexplained(
    verdict: Mapping[str, Any], rows: list[Mapping[str, Any]]
) -> tuple[CodeOnLine, ...]:
    """A refusal without any code: FBR's words, at least."""
    marked = [(verdict, None), *((row, _line(row, at)) for at, row in enumerate(rows, start=1))]
    return tuple(
        CodeOnLine(code=NO_CODE, text=_text(row), line=line)
        for row, line in marked
        if _status(row) not in {"00", ""} and _text(row)
    )


def _line(row: Mapping[str, Any], position: int) -> int:
    given = _word(row.get("itemSNo"))
    return int(given) if given.isdecimal() and len(given) < 5 and int(given) else position


def _text(row: Mapping[str, Any]) -> str:
    given = row.get("error")
    return given.strip()[:500] if isinstance(given, str) else ""
