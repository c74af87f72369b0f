"""The errors a person may see. A programmer's mistake is none of these: it fails loudly."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final

_REMEDIES: Final = frozenset({"put", "deed"})


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One thing that is wrong with what somebody gave us, and what to do about it.

    code:  FBR's own code (`0099`) where FBR has one, else a word of ours (`too_long`).
    field: the name of the API's field (`buyer.ntn_cnic`, `quantity`), "" for the document.
    line:  number of the line, counted from 1; None for the document.
    put:   the text that mends it when it is put into the field; "" where no single one does.
    deed:  what else mends it at one press (`merge_lines`); "" where nothing does.
    """

    code: str
    field: str
    message: str
    fix: str
    line: int | None = None
    put: str = ""
    deed: str = ""

    def as_dict(self) -> dict[str, Any]:
        """What programs read: the remedies only where there is one."""
        told = asdict(self)
        return {name: value for name, value in told.items() if value or name not in _REMEDIES}


class AppError(Exception):
    """What happened, in a sentence that says what to do now."""

    code = "error"
    http_status = 400

    def __init__(self, message: str, **details: Any) -> None:
        super().__init__(message)
        self.message = message
        self.details = details


class RuleViolation(AppError):
    """A rule of law, of FBR or of the house does not hold."""

    code = "rule_violation"
    http_status = 422

    @classmethod
    def of(cls, problems: list[Problem], message: str = "") -> RuleViolation:
        return cls(
            message or problems[0].message,
            problems=[problem.as_dict() for problem in problems],
        )


class NotAllowed(AppError):
    """This actor may not do this."""

    code = "not_allowed"
    http_status = 403


class NotFound(AppError):
    """There is no such thing here: it never was, or it is somebody else's."""

    code = "not_found"
    http_status = 404


class StateConflict(AppError):
    """It is no longer what it was when the caller looked."""

    code = "state_conflict"
    http_status = 409


class ComeAgain(AppError):
    """What we stand on is away or has too much to do, and may have gone before it could confirm."""

    code = "unavailable"
    http_status = 503
    after_s = 5
