"""Our words for a code of FBR's, and FBR's own beside them. Pure; the words are data elsewhere."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from django.utils.functional import Promise
from django.utils.translation import gettext as _

from fbr.outcomes import NO_CODE, CodeOnLine
from smartinvoicing.errors import Problem

Scope = Literal["sales", "auth", "purchase", "reported", "pos", "gateway"]

# What mends a document in one step, for a page that draws a button of it. The field is the
# code's own; "" where no single step does.
#   set_unit           put the unit of `Code.put` into the line
#   set_sale_type      put the kind of supply of `Code.put` into the line
#   set_today          date the document today (Karachi)
#   set_withheld_zero  type 0 as tax withheld
#   clear_extra_tax    empty the extra tax
#   clear_scenario     empty the scenario: the right one is then chosen by itself
#   send_again         send the same once more: FBR is known to take it the second time
Remedy = Literal[
    "",
    "set_unit",
    "set_sale_type",
    "set_today",
    "set_withheld_zero",
    "clear_extra_tax",
    "clear_scenario",
    "send_again",
]

# What the editor does at one press; the others put a text, or are the sender's affair.
_DEEDS: Final = frozenset({"set_today", "clear_extra_tax", "clear_scenario"})
_UNFILLED: Final = re.compile(r"\{\d*\}")
_WORD: Final = re.compile(r"[A-Za-z]+")


@dataclass(frozen=True, kw_only=True)
class Code:
    """One of FBR's codes.

    scope:   the list it stands in; `reported` for one seen live but in no list of FBR's.
    meaning: what is wrong.
    fix:     what to do now.
    field:   name of the field in our API, "" for the document as a whole.
    remedy:  what mends it in one step.
    put:     the text that the remedy puts into the field, where it is one and the same.
    """

    code: str
    scope: Scope
    meaning: Promise
    fix: Promise
    field: str
    remedy: Remedy = ""
    put: str = ""


def problem_of(found: CodeOnLine, known: Code | None, *, field: str = "") -> Problem:
    """What to tell about one code in FBR's answer, in the language that is active now.

    field: where FBR's words are more exact than the code.

    FBR's own words stand beside ours, unless they are blank or a form nobody filled in.
    """
    if known is None:
        return _of_no_code(found) if found.code == NO_CODE else _of_unknown(found)
    return Problem(
        code=found.code,
        field=field or known.field,
        line=found.line,
        message=_beside(str(known.meaning), _words(found.text)),
        fix=str(known.fix),
        put=known.put,
        deed=known.remedy if known.remedy in _DEEDS else "",
    )


def named_field(text: str, boxes: Mapping[str, str]) -> str:
    """Our name of the box that FBR names in its words; "" where it names none, or several.

    boxes: FBR's names, and ours.
    """
    said = {word.casefold() for word in _WORD.findall(text)}
    named = {ours for box, ours in boxes.items() if box.casefold() in said}
    return named.pop() if len(named) == 1 else ""


def unexplained(why: str) -> Problem:
    """What to tell about a refusal without any code. why: our reading of the answer."""
    message = _("FBR refused the document without naming a reason (%(why)s).") % {"why": why}
    return Problem(
        code="unexplained",
        field="",
        message=message if why else _("FBR refused the document without naming a reason."),
        fix=_("Check the document and send it again; if FBR refuses it again, ask our support."),
    )


def _of_no_code(found: CodeOnLine) -> Problem:
    """FBR refused in words only."""
    words = _words(found.text)
    return Problem(
        code="unexplained",
        field="",
        line=found.line,
        message=_beside(_("FBR refused this without a code."), words),
        fix=_("Correct what FBR names and send again; if unclear, ask our support."),
    )


def _of_unknown(found: CodeOnLine) -> Problem:
    code, words = printable(found.code), _words(found.text)
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
    return "" if _UNFILLED.search(text) else printable(text)


def printable(text: str) -> str:
    """One line that PostgreSQL takes: it refuses NUL and half a surrogate pair."""
    return " ".join("".join(mark if mark.isprintable() else " " for mark in text).split())
