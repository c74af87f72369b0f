"""What FBR's answer to a bill of a till means, by the rules of POS. Pure.

The same five outcomes as in DI, from a shorter answer: `Code`, a number under one of two names,
`Errors`. There is no call that validates, looks up or cancels, and no key that keeps one bill
from being numbered twice: whatever is not clear waits for a person.

Where the reference leaves it open:

- A 403 without a fault holds the till like any other 401 or 403 (7.4); DI calls it uncertain.
- Code 101 is *rejected*: the component could not give a number, and 7.2 lets the same bill go
  again under its USIN once a person has looked at the component. No machine sends it again.
- Code 400, the component's general fault, is *rejected* as every other code but 100 (7.4).
- Codes 200 and 201 answer the component's own upload, not us (7.2): *uncertain*.
- A refusal under a 5xx is *uncertain* as any 5xx without a fault (7.4).

Source: FBR, data sharing through the Software Fiscal Component; POS reference, 1, 7 and 8;
reliability contract, 2.1.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from itertools import islice
from typing import Any, Final

from fbr import wire
from fbr.outcomes import CodeOnLine, Evidence, Hold, Outcome, Reading
from fbr.wire import NUMBER_LIMIT, WORDS_LIMIT, uncertain, word

_NUMBERS: Final = ("InvoiceNumber", "FBRInvoiceNumber")
_DECIDE: Final = frozenset({"Code", "Errors", *_NUMBERS})
_FOLDED: Final = frozenset(name.casefold() for name in _DECIDE)

_DONE: Final = "100"
_NEARLY_DONE: Final = re.compile(r"0*100")
_IS_CODE: Final = re.compile(r"[A-Za-z]{0,4}-?[0-9]{1,10}")
_HELD: Final = frozenset({"104", "112"})
_NOT_OURS: Final = frozenset({"200", "201"})

_FLOATING: Final = re.compile(r"[+-]?\d+(\.\d*([eE][+-]?\d+)?|[eE][+-]?\d+)")
_TEST: Final = "*test*"
_MOST_ERRORS: Final = 100
_NOTES_OF_THE_FORMAT: Final = frozenset({"$id", "$ref", "$type"})
_ITEM: Final = re.compile(r"\bItems\[(\d{1,4})\]", re.IGNORECASE)

Answer = Mapping[str, Any]


def read(evidence: Evidence, *, usin: str, test: bool, at: datetime) -> Reading:
    """The meaning of one exchange about the bill `usin`, received at `at`.

    test: the till is a test till, whose numbers may say so.
    at:   part of every reader; no rule of POS asks for the time.
    """
    nothing = wire.unanswered(evidence)
    if nothing is not None:
        return nothing
    answer = wire.parsed(evidence.body)
    fault = wire.fault_of(evidence.body, answer)
    claimed = next(_claims(evidence.body, answer, usin), "")
    if fault is None and _is_2xx(evidence):
        return _of_answer(answer, claimed, usin=usin, test=test)
    if claimed:
        return uncertain("a number in an answer that accepts nothing", number=claimed)
    if fault is not None:
        return wire.reading_of_fault(fault, evidence)
    return _of_status(evidence, answer)


def _is_2xx(evidence: Evidence) -> bool:
    return evidence.status is not None and 200 <= evidence.status < 300


def _of_status(evidence: Evidence, answer: Any) -> Reading:
    """Not 2xx, no fault, no number."""
    code = _code(answer)
    if _NEARLY_DONE.fullmatch(code):
        return uncertain("an acceptance in an answer that accepts nothing")
    if evidence.status in {401, 403}:
        why = f"code {code}" if code in _HELD else f"HTTP {evidence.status}"
        codes = _codes(answer) if code else ()
        return Reading(outcome=Outcome.AUTH, why=why, codes=codes, hold=Hold.CREDENTIAL)
    if wire.is_faulty_request(evidence) and code:
        return _refusal(code, answer)  # refused in words, under whatever status
    return wire.reading_of_status(evidence)


def _of_answer(answer: Any, claimed: str, *, usin: str, test: bool) -> Reading:
    """2xx without a fault: by the code in it.

    claimed: what may be a number of FBR's in it.
    """
    if not isinstance(answer, dict):
        return uncertain("HTTP 2xx with a body that is no JSON object", number=claimed)
    if _is_spelt_twice(answer):
        return uncertain("an answer whose names are spelt in another way", number=claimed)
    code = _code(answer)
    if code == _DONE:
        return _accepted(answer, claimed, usin=usin, test=test)
    if claimed:
        codes = _codes(answer) if code else ()
        return uncertain("a number and a refusal at once", number=claimed, codes=codes)
    return _refusal(code, answer)


def _accepted(answer: Answer, claimed: str, *, usin: str, test: bool) -> Reading:
    """Code 100: accepted with one usable number and nothing to object, else uncertain."""
    if any(_errors(answer)):
        return uncertain("a number, and errors beside it", number=claimed, codes=_codes(answer))
    given = {_as_text(answer[name]) for name in _NUMBERS if not _is_blank(answer.get(name))}
    if len(given) != 1:
        return uncertain("two numbers" if given else "code 100 without a number", number=claimed)
    number = given.pop()
    if _is_echo(number, usin):
        return uncertain("our own number instead of FBR's")
    if not _is_number(number):
        return uncertain("code 100, but what stands for the number is none", number=claimed)
    if not test and _TEST in number.casefold():
        return uncertain("a test number on a till that is in production", number=number)
    return Reading(outcome=Outcome.ACCEPTED, why="recorded", number=number)


def _refusal(code: str, answer: Answer) -> Reading:
    """No number, and a code other than 100: who refused, and was it a refusal at all."""
    if not code.strip("0") or _NEARLY_DONE.fullmatch(code):
        return uncertain("an answer without a code that says anything")
    codes, why = _codes(answer), f"code {code}"
    if code in _HELD:
        return Reading(outcome=Outcome.AUTH, why=why, codes=codes, hold=Hold.CREDENTIAL)
    if code in _NOT_OURS:
        return uncertain(why, codes=codes)
    return Reading(outcome=Outcome.REJECTED, why=why, codes=codes)


def _code(answer: Any) -> str:
    """`Code`, which comes as a text or a whole number; "" for what is none, such as `OK`."""
    given = _as_text(answer.get("Code")) if isinstance(answer, dict) else ""
    return given if _IS_CODE.fullmatch(given) else ""


def _is_spelt_twice(answer: Answer) -> bool:
    """Whether a name that decides stands there in other capitals, with something in it."""
    return any(
        name not in _DECIDE and name.casefold() in _FOLDED and not _is_blank(value)
        for name, value in answer.items()
    )


# --- the number ------------------------------------------------------------------------------


def _claims(body: bytes, answer: Any, usin: str) -> Iterator[str]:
    """What may be a number of FBR's, under its own names or any other; our own is none."""
    if isinstance(answer, dict):
        for name in _NUMBERS:
            given = answer.get(name)
            said = _as_text(given) or word(given)
            is_odd = isinstance(given, list | dict) or given is True
            has_digit = any(mark.isdigit() and mark != "0" for mark in said)
            if is_odd or (has_digit and not _is_echo(said, usin)):
                yield said[:NUMBER_LIMIT]
    for trace in wire.traces(body, answer):
        if not _is_echo(trace, usin):
            yield trace


def _as_text(given: Any) -> str:
    """A text or a whole number, which is exact here, as text; "" for all else, floats too."""
    if isinstance(given, bool) or not isinstance(given, str | int):
        return ""
    return word(given)


def _is_blank(given: Any) -> bool:
    return given is None or (isinstance(given, str) and not given.strip())


def _is_echo(number: str, usin: str) -> bool:
    """Whether FBR only said what we had said; as a whole number it loses its zeros."""
    mine = usin.strip().casefold()
    return bool(mine) and number.casefold().lstrip("0") == mine.lstrip("0")


def _is_number(text: str) -> bool:
    """Whether it can be a fiscal number: one word with digits. Its form is FBR's affair."""
    return (
        len(text) <= NUMBER_LIMIT
        and text.isprintable()
        and not any(mark.isspace() for mark in text)
        and any(mark.isdigit() and mark != "0" for mark in text)
        and not text.startswith("-")
        and not _FLOATING.fullmatch(text)
    )


# --- the errors ------------------------------------------------------------------------------


def _codes(answer: Answer) -> tuple[CodeOnLine, ...]:
    """The code, once for each error, with the line where the error names one."""
    code = _code(answer)
    found = tuple(
        CodeOnLine(code=code, text=text[:WORDS_LIMIT], line=line)
        for text, line in islice(_errors(answer), _MOST_ERRORS)
    )
    said = answer.get("Response")
    response = said.strip()[:WORDS_LIMIT] if isinstance(said, str) else ""
    return found or (CodeOnLine(code=code, text=response),)


def _errors(answer: Answer) -> Iterator[tuple[str, int | None]]:
    """Each error in `Errors`, whether it is a text, a list, or .NET's way to write either."""
    waiting = [("", answer.get("Errors"))]
    while waiting:
        place, value = waiting.pop()
        if isinstance(value, dict):
            inner = [
                (place if name == "$values" else f"{place} {name}".strip()[:WORDS_LIMIT], each)
                for name, each in value.items()
                if name not in _NOTES_OF_THE_FORMAT
            ]
            waiting += reversed(inner)
        elif isinstance(value, list):
            waiting += [(place, each) for each in reversed(value)]
        elif not _is_blank(value):
            text = f"{place}: {word(value)}" if place else word(value)
            yield text, _line(text)


def _line(text: str) -> int | None:
    """The line that .NET names as `Items[0]`, counted from 1."""
    found = _ITEM.search(text)
    return int(found.group(1)) + 1 if found else None
