"""In how many ways one value may be written: what a scan for it has to look for. Pure.

A plain search misses a name inside a URL, in bytes that print as hexadecimal, in base64 at any
of its three places, as a digest, in Urdu digits. Capitals are left to whoever searches.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import quopri
import re
import string
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from itertools import chain
from types import MappingProxyType
from typing import Final
from urllib.parse import quote, quote_plus

AS_IT_IS: Final = "as it is"
_EXACT: Final = "base64"  # there, capitals are other letters
_SHORTEST: Final = 8  # a piece of base64 below this length stands everywhere
_ARABIC: Final = str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")
_URDU: Final = str.maketrans("0123456789", "۰۱۲۳۴۵۶۷۸۹")
_ASCII: Final = {
    ord(digit): str(number)
    for digits in ("٠١٢٣٤٥٦٧٨٩", "۰۱۲۳۴۵۶۷۸۹")
    for number, digit in enumerate(digits)
}
_RUN: Final = "run together"
_SPACED: Final = "phone with gaps"
_LOOSE: Final = frozenset({_RUN, _SPACED})  # digests of these nobody makes
_PHONE: Final = re.compile(r"(?:\+?92|0092|0)?(\d{3})(\d{7})")
_NUMBER: Final = re.compile(r"[\d\s()+.-]+")


def variants(token: str) -> frozenset[str]:
    """All that may stand for `token`, itself among them."""
    return frozenset(forms(token))


@lru_cache(maxsize=512)
def forms(token: str) -> Mapping[str, str]:
    """Each variant of a value, and the name of its form."""
    token = token.strip()
    found = {token: AS_IT_IS} if token else {}
    for spelling, form in _spellings(token) if token else ():
        found.setdefault(spelling, form)
    for spelling, form in list(found.items()):
        for variant, code in _written(spelling):
            found.setdefault(variant, code)
        if form.partition(",")[0] not in _LOOSE:
            for way in _cases(spelling):
                for variant, code in _turned(way):
                    found.setdefault(variant, code)
    return MappingProxyType(found)


# --- searching -------------------------------------------------------------------------------

IGNORED: Final = '\\" \n\t\r'  # what a row or a page puts between letters of its own accord
ESCAPED: Final = ("\\n", "\\r", "\\t")  # blanks as JSON writes them
_NOTHING: Final = {ord(sign): None for sign in IGNORED}
_LOWER: Final = {ord(sign): sign.lower() for sign in string.ascii_uppercase}
_PIECE: Final = 8
_Sought = tuple[str, str, str, int]  # a spelling, its form, of which value, how plain it is


def bare(text: str) -> str:
    """A text as it is searched in: without blanks and what escapes."""
    for blank in ESCAPED:
        text = text.replace(blank, "")
    return text.translate(_NOTHING)


def low(text: str) -> str:
    """Without the capitals of ASCII, as the database does it in the collation "C"."""
    return text.translate(_LOWER)


def met(text: str, token: str) -> str:
    """In which form `token` stands in `text`, the plainest first; "" where it does not."""
    naked = bare(text)
    small = low(naked)
    for variant, form in _searched(token):
        if variant in (naked if form.startswith(_EXACT) else small):
            return form
    return ""


@lru_cache(maxsize=512)
def _searched(token: str) -> tuple[tuple[str, str], ...]:
    known: dict[str, str] = {}
    for variant, form in forms(token).items():
        naked = bare(variant)
        known.setdefault(naked if form.startswith(_EXACT) else low(naked), form)
    return tuple(known.items())


class Sieve:
    """Many values, looked for in one text after the other.

    However many spellings there are, a text is gone through once: all its pieces of a length are
    compared with how the spellings begin, and only what begins in it is looked for as a whole.
    """

    def __init__(self, tokens: Iterable[str]) -> None:
        self._short: list[_Sought] = []
        self._begins: dict[str, list[_Sought]] = {}
        for token in dict.fromkeys(tokens):
            for place, (variant, form) in enumerate(_searched(token)):
                one = (variant, form, token, place)
                if len(variant) < _PIECE:
                    self._short.append(one)
                else:
                    self._begins.setdefault(low(variant)[:_PIECE], []).append(one)
        self._known = frozenset(self._begins)

    def met(self, text: str) -> dict[str, str]:
        """Which of them stand in `text`, each in its plainest form."""
        naked = bare(text)
        small = low(naked)
        pieces = {small[at : at + _PIECE] for at in range(len(small) - _PIECE + 1)}
        begun = (self._begins[piece] for piece in pieces & self._known)
        found: dict[str, tuple[int, str]] = {}
        for variant, form, token, place in chain(self._short, *begun):
            if token in found and found[token][0] < place:
                continue
            if variant in (naked if form.startswith(_EXACT) else small):
                found[token] = (place, form)
        return {token: form for token, (_place, form) in found.items()}


# --- spellings -------------------------------------------------------------------------------


def _spellings(token: str) -> Iterator[tuple[str, str]]:
    western = token.translate(_ASCII)
    for written, form in (*_numbers(western), *_names(token), (western, "western digits")):
        yield written, form
        if any(sign.isdigit() for sign in written):
            yield written.translate(_URDU), f"{form}, Urdu digits"
            yield written.translate(_ARABIC), f"{form}, Arabic digits"


def _numbers(token: str) -> Iterator[tuple[str, str]]:
    """A number of the identity card, of the tax register or of a telephone, as people write it."""
    if not _NUMBER.fullmatch(token):
        return
    digits = re.sub(r"\D", "", token)
    if len(digits) == 13 and not token.startswith(("+", "00")):
        yield digits, "without dashes"
        yield f"{digits[:5]}-{digits[5:12]}-{digits[12]}", "with dashes"
        yield f"{digits[:5]} {digits[5:12]} {digits[12]}", "with blanks"
    if len(digits) == 8 and "+" not in token:
        yield digits, "without dashes"
        yield f"{digits[:7]}-{digits[7]}", "with dashes"
    phone = _PHONE.fullmatch(digits)
    if phone:
        yield from _phones(*phone.groups())


def _phones(network: str, number: str) -> Iterator[tuple[str, str]]:
    for prefix in ("+92", "0092", "92", "0"):
        yield f"{prefix}{network}{number}", f"phone with {prefix}"
        between = "" if prefix == "0" else "-"
        yield f"{prefix}{between}{network}-{number}", _SPACED
        yield f"{prefix}{between}{network}-{number[:3]}-{number[3:]}", _SPACED
        yield f"{prefix}{between}{network}-{number}".replace("-", " "), _SPACED


def _names(token: str) -> Iterator[tuple[str, str]]:
    """Of a name of several words: turned round, and run together."""
    words = token.split()
    if len(words) < 2 or any(sign.isdigit() for sign in token):
        return
    yield " ".join(words), AS_IT_IS
    yield " ".join(reversed(words)), "reversed"
    yield f"{words[-1]}, {' '.join(words[:-1])}", _RUN
    for glue in ("", ".", "-", "_"):
        yield glue.join(words), _RUN
        yield glue.join(reversed(words)), _RUN


def _cases(spelling: str) -> tuple[str, ...]:
    """Where letters are turned into other letters, each way to write them is a value of its own."""
    return tuple(dict.fromkeys((spelling, spelling.lower(), spelling.upper(), spelling.title())))


# --- encodings -------------------------------------------------------------------------------


def _written(text: str) -> Iterator[tuple[str, str]]:
    """What a program writes for it where not all letters are allowed."""
    yield quote(text, safe=""), "URL"
    yield quote_plus(text, safe=""), "URL"
    yield quote(text), "URL"
    yield json.dumps(text)[1:-1], "JSON"
    yield html.escape(text), "HTML"
    yield text.encode("ascii", "xmlcharrefreplace").decode(), "HTML"
    yield quopri.encodestring(text.encode()).decode("ascii", "replace").strip(), "quoted-printable"


def _turned(text: str) -> Iterator[tuple[str, str]]:
    """What is no text any more."""
    raw = text.encode()
    yield raw.hex(), "hexadecimal"
    for piece in _base64(raw):
        yield piece, "base64"
        yield piece.translate(str.maketrans("+/", "-_")), "base64 for URLs"
    for algorithm in ("md5", "sha1", "sha256"):
        digest = hashlib.new(algorithm, raw, usedforsecurity=False)
        yield digest.hexdigest(), algorithm


def _base64(raw: bytes) -> Iterator[str]:
    """What stays the same of it in base64, whatever stands before and after it."""
    for before in range(3):
        text = base64.b64encode(bytes(before) + raw).decode().rstrip("=")
        first = (0, 2, 3)[before]
        last = len(text) - (1 if (before + len(raw)) % 3 else 0)
        if last - first >= _SHORTEST:
            yield text[first:last]
