"""DI's refusal codes in words that a shop owner can act upon. Pure.

The words themselves are data and stand in `code_table`.
Source: PRAL DI API v1.12, lists of sales and purchase error codes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from fbr import words
from fbr.di import code_table
from fbr.outcomes import CodeOnLine
from fbr.words import Code, Scope, unexplained
from smartinvoicing.errors import Problem

__all__ = [
    "CODES",
    "Code",
    "is_known",
    "may_send_again_unchanged",
    "problem_of",
    "unexplained",
]

_TABLES: Final[Mapping[Scope, Mapping[str, code_table.Row]]] = {
    "sales": code_table.SALES,
    "auth": code_table.AUTH,
    "purchase": code_table.PURCHASE,
    "reported": code_table.REPORTED,
}
_NO_REMEDY: Final[code_table.Mend] = ("", "")
CODES: Final[Mapping[str, Code]] = {
    code: Code(
        code=code,
        scope=scope,
        meaning=meaning,
        fix=fix,
        field=field,
        remedy=code_table.REMEDIES.get(code, _NO_REMEDY)[0],
        put=code_table.REMEDIES.get(code, _NO_REMEDY)[1],
    )
    for scope, table in _TABLES.items()
    for code, (field, meaning, fix) in table.items()
}


def is_known(code: str) -> bool:
    """Whether we have words of our own for `code`, four digits as FBR writes it."""
    return code in CODES


def may_send_again_unchanged(code: str) -> bool:
    """Whether a person may be offered to send the refused document once more as it is.

    FBR refused these and took the same bytes later, in 11 of 11 cases integrators reported on
    DI production; no document of FBR's says so.
    """
    return code in CODES and CODES[code].remedy == "send_again"


def problem_of(found: CodeOnLine) -> Problem:
    """What to tell about one code in FBR's answer, in the language that is active now."""
    names_box = found.code in code_table.NAMES_ITS_BOX
    field = words.named_field(found.text, code_table.BOXES) if names_box else ""
    return words.problem_of(found, CODES.get(found.code), field=field)
