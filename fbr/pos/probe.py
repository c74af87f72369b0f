"""What FBR's answer to an empty bill says about a token. Pure.

A bill without a box can never be recorded, so a person may try a token with it at any time.
Source: POS reference, section 3 (token probe): code 102 means that the token opens the service.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.utils.translation import gettext as _

from fbr.outcomes import Evidence, Outcome
from fbr.pos import answers, codes

EMPTY_BILL: Final = b"{}"
WITHIN_S: Final = 15.0  # a person waits for it


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What a trial came to. works: None where the answer settles nothing. why: our reading."""

    works: bool | None
    said: str
    why: str


def read(evidence: Evidence, *, at: datetime) -> Verdict:
    """The meaning of one exchange about an empty bill, received at `at`."""
    reading = answers.read(evidence, usin="", test=True, at=at)
    if reading.outcome == Outcome.REJECTED and not reading.defect:
        return Verdict(works=True, said=_("FBR takes this token."), why=reading.why)
    if reading.outcome == Outcome.AUTH:
        problem = codes.problem_of_hold(reading.why)
        return Verdict(works=False, said=f"{problem.message} {problem.fix}", why=reading.why)
    if not evidence.sent:
        said = _("FBR could not be reached; the token was not tried.")
    else:
        said = _("FBR's answer says nothing about the token. Try it again later.")
    return Verdict(works=None, said=said, why=reading.why)
