"""NTN and CNIC: what a registration number looks like.

Source: PRAL DI API v1.12, section 4 (seller and buyer number: 7-character NTN without its check
digit, or 13-digit CNIC); error codes 0002, 0108, 0402.
"""

from __future__ import annotations

import re
from typing import Final

_NTN: Final = re.compile(r"[A-Z0-9][0-9]{6}", re.ASCII)
_CNIC: Final = re.compile(r"[0-9]{13}", re.ASCII)
_NTN_WITH_CHECK: Final = re.compile(r"([A-Z0-9][0-9]{6})-[0-9]", re.ASCII)


def normal(text: str) -> str:
    """As FBR wants it: no spaces, no dashes, an NTN without its check digit."""
    text = text.strip().upper().replace(" ", "")
    with_check = _NTN_WITH_CHECK.fullmatch(text)
    return with_check.group(1) if with_check else text.replace("-", "")


def is_ntn(number: str) -> bool:
    return bool(_NTN.fullmatch(number))


def is_cnic(number: str) -> bool:
    return bool(_CNIC.fullmatch(number)) and number != "0" * 13


def is_number(number: str) -> bool:
    return is_ntn(number) or is_cnic(number)
