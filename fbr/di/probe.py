"""What a token is good for, read from the answer to a list that files nothing. Pure.

Source: PRAL DI API v1.12, section 5 (all lists want a token); gateway faults as in `fbr.wire`.
"""

from __future__ import annotations

from typing import Final

from django.db import models
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from fbr import wire
from fbr.outcomes import Evidence

PATH: Final = "/pdi/v1/provinces"  # the smallest list there is
WITHIN_S: Final = 15.0


class Finding(models.TextChoices):
    """What a test of a token came to, in the owner's words."""

    WORKS = "works", _("FBR takes this token")
    REFUSED = "refused", _("FBR does not know this token")
    FORBIDDEN = "forbidden", _("FBR knows this token, but does not let us in with it")
    BUSY = "busy", _("FBR is busy and did not look at the token")
    DOWN = "down", _("FBR's system is out of order just now")
    ADDRESS = "address", _("FBR's address does not answer as it should")
    NO_LINE = "no_line", _("There is no connection to FBR")
    SLOW = "slow", _("FBR did not answer in time")
    ODD = "odd", _("FBR answered something that nobody here understands")


ADVICE: Final[dict[Finding, Promise]] = {
    Finding.WORKS: _("Nothing was filed: we only asked FBR for its list of provinces."),
    Finding.REFUSED: _(
        "It may be cut off or mistyped, run out, or replaced by a newer one. Copy it again from"
        " IRIS, whole, and store it here."
    ),
    Finding.FORBIDDEN: _("One of three things is wrong:"),
    Finding.BUSY: _("This says nothing about the token. Test it again in some minutes."),
    Finding.DOWN: _("This says nothing about the token. Test it again later."),
    Finding.ADDRESS: _(
        "This is not your mistake and says nothing about the token. Tell our support."
    ),
    Finding.NO_LINE: _(
        "This says nothing about the token. Either FBR is away, or the address of this server is"
        " not let through: check that IRIS lists our addresses, then test again."
    ),
    Finding.SLOW: _("This says nothing about the token. Test it again in some minutes."),
    Finding.ODD: _("Test it again later; if it stays, tell our support."),
}

CAUSES: Final[dict[Finding, tuple[Promise, ...]]] = {
    Finding.FORBIDDEN: (
        _("It is a token of another service: of a till (POS), not of Digital Invoicing."),
        _("It is the token of FBR's other environment: sandbox and production have one each."),
        _("Our addresses are not listed in IRIS for your NTN, or not approved yet."),
    )
}


def read(evidence: Evidence) -> Finding:
    """What FBR's answer to the list says about the token that asked for it."""
    if evidence.status is None or evidence.failure:
        return Finding.SLOW if _is_late(evidence.failure) else Finding.NO_LINE
    answer = wire.parsed(evidence.body)
    fault = wire.fault_of(evidence.body, answer)
    if fault is not None:
        return _of_fault(fault, evidence.status)
    if evidence.status == 200:
        return Finding.WORKS if isinstance(answer, list) and answer else Finding.ODD
    return _of_status(evidence.status)


def _is_late(failure: str) -> bool:
    return failure == "ReadTimeout" or "deadline" in failure


def _of_fault(code: int, status: int) -> Finding:
    if code in wire.FORBIDDEN_FAULTS:
        return Finding.FORBIDDEN
    if code in wire.REFUSED_FAULTS:
        return Finding.REFUSED
    if code in wire.THROTTLE_FAULTS:
        return Finding.BUSY
    return _of_status(status)


def _of_status(status: int) -> Finding:
    known = {
        401: Finding.REFUSED,
        403: Finding.FORBIDDEN,
        404: Finding.ADDRESS,
        405: Finding.ADDRESS,
        429: Finding.BUSY,
    }
    return known.get(status, Finding.DOWN if status >= 500 else Finding.ODD)
