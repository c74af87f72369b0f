"""What FBR's register answers about a number, read into two words. Pure.

It is decided on the word and never on the code: sources disagree whether an active taxpayer
carries 00 or 01. Keys are matched without capitals and spaces (`status code`, `REGISTRATION_TYPE`).
Source: PRAL DI API v1.12, 5.11 (statl) and 5.12 (Get_Reg_Type).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.utils.translation import gettext as _

from fbr import wire
from fbr.outcomes import Evidence
from invoices.enums import Registration, TaxpayerStanding
from smartinvoicing.errors import AppError

STANDING_PATH: Final = "/dist/v1/statl"
REGISTRATION_PATH: Final = "/dist/v1/Get_Reg_Type"
_LONGEST: Final = 60

_REGISTRATION: Final[Mapping[str, Registration]] = {
    "registered": Registration.REGISTERED,
    "unregistered": Registration.UNREGISTERED,
    "notregistered": Registration.UNREGISTERED,
}
_STANDING: Final[Mapping[str, TaxpayerStanding]] = {
    "active": TaxpayerStanding.ACTIVE,
    "inactive": TaxpayerStanding.INACTIVE,
    "notactive": TaxpayerStanding.INACTIVE,
}


class NoAnswer(AppError):
    """FBR's register could not be asked, or said nothing that can be read."""

    code = "no_answer"
    http_status = 502


@dataclass(frozen=True, kw_only=True)
class Word:
    """What the register says of a number, and FBR's own words for it."""

    registration: Registration
    standing: TaxpayerStanding
    said: str


def word_of(registration: Evidence, standing: Evidence) -> Word:
    """What two answers mean together.

    Raises: NoAnswer when either did not come.
    """
    kind = _member(registration, "registrationtype")
    status = _member(standing, "status")
    return Word(
        registration=_REGISTRATION.get(_plain(kind), Registration.UNKNOWN),
        standing=_STANDING.get(_plain(status), TaxpayerStanding.UNKNOWN),
        said=f"{kind or '-'}; {status or '-'}",
    )


def _member(evidence: Evidence, name: str) -> str:
    """The text under a key, "" where the answer has none."""
    if evidence.status is None or evidence.failure:
        raise NoAnswer(_("FBR's register did not answer."), failure=evidence.failure)
    answer = wire.parsed(evidence.body)
    fault = wire.fault_of(evidence.body, answer)
    if evidence.status in {401, 403}:
        raise NoAnswer(_("FBR's register refused the token."), status=evidence.status)
    if evidence.status != 200 or fault is not None or not isinstance(answer, dict):
        raise NoAnswer(
            _("FBR's register did not answer as it should (HTTP %(status)s).")
            % {"status": evidence.status}
        )
    members: dict[str, Any] = {_plain(str(key)): value for key, value in answer.items()}
    given = members.get(name)
    return given.strip()[:_LONGEST] if isinstance(given, str) and given.isprintable() else ""


def _plain(text: str) -> str:
    """Small letters alone: `In-Active`, `REGISTRATION_TYPE` and `status code` lose the rest."""
    return re.sub(r"[^a-z]", "", text.lower())
