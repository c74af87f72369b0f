"""What the wire and FBR's gateway say about a POST: the same for every system of FBR's. Pure.

The two readers (`di.answers`, `pos.answers`) ask here first and judge the body themselves.
Source: PRAL DI API v1.12, section 5.5; POS reference, 7.3 and 7.4; reliability contract, 2.1.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, Final

from fbr.outcomes import Evidence, Hold, Outcome, Reading
from smartinvoicing.http import ANSWER_LIMIT

NUMBER_LIMIT: Final = 64  # as many characters as a number of FBR's may have here
WORDS_LIMIT: Final = 500
CODE_LIMIT: Final = 20

_BOM: Final = b"\xef\xbb\xbf"
_FAULT_IN_XML: Final = re.compile(rb"<(?:\w+:)?code>\s*(\d{5,6})\s*</(?:\w+:)?code>")
FORBIDDEN_FAULTS: Final = frozenset({900908, 900909, 900910})  # known, but not for this
REFUSED_FAULTS: Final = frozenset({900900, 900901, 900902, 900903, 900904, 900905})
THROTTLE_FAULTS: Final = range(900800, 900900)
_AUTH_FAULTS: Final = FORBIDDEN_FAULTS | REFUSED_FAULTS
_NEVER_FORWARDED: Final = frozenset({303001, 101503})
_MAYBE_PROCESSED: Final = frozenset({101504, 101505})
_FAULTY_REQUEST: Final = frozenset({400, 413, 415})
_WRONG_ADDRESS: Final = frozenset({404, 405})

# Registration (POSID, NTN, CNIC), then a stamp and a serial: every form that was ever seen.
_NUMBER: Final = r"[0-9]{6}[0-9A-Z-]{10,58}(?:\*(?i:test)\*)?"
_LIKE_A_NUMBER: Final = re.compile(_NUMBER)
# The same as a value in JSON that was cut or wrapped; bounded, for bodies of a million blanks.
_NUMBER_IN_PIECES: Final = re.compile(
    rf'(?:"|&quot;)\s{{0,9}}:\s{{0,9}}\[?(?:"|&quot;)?\s{{0,9}}({_NUMBER})(?![0-9A-Za-z])'.encode()
)


def unanswered(evidence: Evidence) -> Reading | None:
    """What it means that nothing came which could be read; None when a whole answer came."""
    if not evidence.sent:
        return Reading(outcome=Outcome.RETRYABLE, why=f"not sent: {evidence.failure}")
    if evidence.status is None or evidence.failure:
        return uncertain(f"no complete answer: {evidence.failure}")
    if len(evidence.body) > ANSWER_LIMIT:
        return uncertain("the answer is too long to be one")
    return None


def uncertain(why: str, **more: Any) -> Reading:
    return Reading(outcome=Outcome.UNCERTAIN, why=why, **more)


def parsed(body: bytes) -> Any:
    """The one JSON value, or None. An object that says one thing twice says nothing."""
    try:
        return json.loads(body, object_pairs_hook=_said_once, parse_constant=_no_json)
    except (ValueError, RecursionError):
        return None


def _said_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("the same name twice in one object")
    return found


def _no_json(word: str) -> Any:
    raise ValueError(f"{word} is no JSON")


def word(given: Any) -> str:
    """A text or a number as text; anything else is a word that nobody knows."""
    return str(given).strip() if isinstance(given, str | int | float) else "?"


def fault_of(body: bytes, answer: Any) -> int | None:
    """The code of a gateway fault, in JSON or in the XML of older nodes; 0 for one without.

    answer: `parsed(body)`, here and below.
    """
    if isinstance(answer, dict) and isinstance(answer.get("fault"), dict):
        code = word(answer["fault"].get("code"))
        return int(code) if code.isdecimal() and len(code) < 10 else 0
    text = body.removeprefix(_BOM).lstrip()
    if answer is not None or not text.startswith(b"<") or b"fault>" not in text:
        return None  # somebody else's words, in whatever text they stand
    in_xml = _FAULT_IN_XML.search(text[:4000])
    return int(in_xml.group(1)) if in_xml else None


def reading_of_fault(code: int, evidence: Evidence) -> Reading:
    """A fault decides by its code, whatever the status; an unknown one by the status."""
    why = f"gateway fault {code}"
    if code in _AUTH_FAULTS:
        return Reading(outcome=Outcome.AUTH, why=why, hold=Hold.CREDENTIAL)
    if code in THROTTLE_FAULTS:
        return _later(why, evidence)
    if code in _NEVER_FORWARDED:
        return replace(_later(why, evidence), hold=Hold.BREAKER)
    if code in _MAYBE_PROCESSED or evidence.status == 200:
        return uncertain(why)
    if evidence.status == 403:
        return Reading(outcome=Outcome.AUTH, why=why, hold=Hold.CREDENTIAL)
    return reading_of_status(evidence)  # a code that nobody told us of


def reading_of_status(evidence: Evidence) -> Reading:
    """What a status means by itself, without a word of the invoicing system's."""
    why = f"HTTP {evidence.status}"
    if evidence.status == 401:
        return Reading(outcome=Outcome.AUTH, why=why, hold=Hold.CREDENTIAL)
    if evidence.status == 429:
        return _later(why, evidence)
    if evidence.status in _WRONG_ADDRESS:
        return Reading(outcome=Outcome.RETRYABLE, why=why, hold=Hold.ENDPOINT, defect=True)
    if is_faulty_request(evidence):
        return Reading(outcome=Outcome.REJECTED, why=why, defect=True)
    return uncertain(why)


def is_faulty_request(evidence: Evidence) -> bool:
    """Whether the status says that what we sent was no request at all."""
    return evidence.status in _FAULTY_REQUEST


def _later(why: str, evidence: Evidence) -> Reading:
    seconds = _seconds(evidence.retry_after)
    return Reading(outcome=Outcome.RETRYABLE, why=why, retry_after_s=seconds)


def _seconds(retry_after: str) -> int | None:
    return min(int(retry_after), 3600) if retry_after.strip().isdecimal() else None


def traces(body: bytes, answer: Any, *, but: Sequence[str] = ()) -> Iterator[str]:
    """What looks like a number of FBR's, under whatever name and in whatever wreck it stands.

    but: names at the top whose contents do not count.

    Nothing is accepted upon a trace. It keeps a refusal, and a machine's second try, from
    what FBR may have numbered.
    """
    if answer is None:
        yield from (found.group(1).decode() for found in _NUMBER_IN_PIECES.finditer(body))
        return
    if isinstance(answer, dict):
        answer = [value for name, value in answer.items() if name not in but]
    waiting = [answer]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value
        elif not isinstance(value, bool) and _LIKE_A_NUMBER.fullmatch(word(value)):
            yield word(value)
