"""FBR's refusal codes in words that a shop owner can act upon. Pure.

The words themselves are data and stand in `code_table`.
Source: PRAL DI API v1.12, lists of sales and purchase error codes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from django.utils.functional import Promise
from django.utils.translation import gettext as _

from fbr.di import code_table
from fbr.outcomes import CodeOnLine
from smartinvoicing.errors import Problem

Scope = Literal["sales", "auth", "purchase", "reported"]


@dataclass(frozen=True, kw_only=True)
class Code:
    """One of FBR's codes.

    scope:   the list it stands in; `reported` for one seen live but in no list of FBR's.
    meaning: what is wrong.
    fix:     what to do now.
    field:   name of the field in our API, "" for the document as a whole.
    """

    code: str
    scope: Scope
    meaning: Promise
    fix: Promise
    field: str


_TABLES: Final[Mapping[Scope, Mapping[str, code_table.Row]]] = {
    "sales": code_table.SALES,
    "auth": code_table.AUTH,
    "purchase": code_table.PURCHASE,
    "reported": code_table.REPORTED,
}
CODES: Final[Mapping[str, Code]] = {
    code: Code(code=code, scope=scope, meaning=meaning, fix=fix, field=field)
    for scope, table in _TABLES.items()
    for code, (field, meaning, fix) in table.items()
}

# FBR refused these and took the same bytes later, in 11 of 11 cases integrators reported.
_TRANSIENT: Final = frozenset({"0077", "0099"})
_UNFILLED: Final = re.compile(r"\{\d*\}")


def is_known(code: str) -> bool:
    """Whether we have words of our own for `code`, four digits as FBR writes it."""
    return code in CODES


def may_send_again_unchanged(code: str) -> bool:
    """Whether a person may be offered to send the refused document once more as it is.

    Source: reports of integrators on DI production; no document of FBR's says so.
    """
    return code in _TRANSIENT


def problem_of(found: CodeOnLine) -> Problem:
    """What to tell about one code in FBR's answer, in the language that is active now.

    FBR's own words stand beside ours, unless they are blank or a form nobody filled in.
    """
    known = CODES.get(found.code)
    if known is None:
        return _of_unknown(found)
    return Problem(
        code=found.code,
        field=known.field,
        line=found.line,
        message=_beside(str(known.meaning), _words(found.text)),
        fix=str(known.fix),
    )


def unexplained(why: str) -> Problem:
    """What to tell about a refusal without any code. why: our reading of the answer."""
    message = _("FBR refused the document without naming a reason (%(why)s).") % {"why": why}
    return Problem(
        code="unexplained",
        field="",
        message=message if why else _("FBR refused the document without naming a reason."),
        fix=_("Check the document and send it again; if FBR refuses it again, ask our support."),
    )


def _of_unknown(found: CodeOnLine) -> Problem:
    code, words = _printable(found.code), _words(found.text)
    fix = (
        _("Correct what FBR names and send again; if unclear, ask our support about %(code)s.")
        if words
        else _("Check every entry and send again; if that fails, ask our support about %(code)s.")
    )
    meaning = _("FBR refused this with code %(code)s, which its published lists do not explain.")
    return Problem(
        code=code,
        field="",
        line=found.line,
        message=_beside(meaning % {"code": code}, words),
        fix=fix % {"code": code},
    )


def _beside(meaning: str, words: str) -> str:
    if not words:
        return meaning
    return _("%(meaning)s FBR says: “%(words)s”") % {"meaning": meaning, "words": words}


def _words(text: str) -> str:
    """FBR's text, "" when it still has the holes of its form (`{0}`)."""
    return "" if _UNFILLED.search(text) else _printable(text)


def _printable(text: str) -> str:
    """One line that PostgreSQL takes into JSON: it refuses NUL and half a surrogate pair."""
    return " ".join("".join(mark if mark.isprintable() else " " for mark in text).split())
