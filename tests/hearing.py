"""pytest plugin: nothing that the run logs, as production writes it, holds a person's data (P20).

One handler hears all records of this process and writes each with the formatter of the settings,
net and all. A number, an address or a token in whatever spelling fails the test that said it:
with xdist in the worker itself. What processes that a test starts have written is read after it.
"""

from __future__ import annotations

import base64
import binascii
import html
import logging
import logging.config
import re
import unicodedata
from collections.abc import Iterator
from functools import cache
from typing import Any, Final
from urllib.parse import unquote_plus

import pytest

# Of programs: a key of ours, and whatever follows the word for one.
TOKENS: Final = re.compile(
    r"\bsi_[\w-]{20,}|(?i:bearer\s+[\w.~+/=-]{8,})|eyJ[\w-]{8,}\.[\w-]{8,}\."
)
# The number of a request is drawn by lot: now and then it adds up as a card's does.
_DRAWN: Final = re.compile(r'"request": "[0-9a-f]{16}"')
_HEX: Final = re.compile(r"(?:[0-9A-Fa-f]{2}){8,}")
_BASE64: Final = re.compile(r"[A-Za-z0-9+/_-]{12,}={0,2}")
_configure: Final = logging.config.dictConfig
_TURNS: Final = str.maketrans("-_", "+/")


class Ear(logging.Handler):
    """Hears what is logged and keeps what may not be said."""

    def __init__(self) -> None:
        super().__init__()
        self.slips: list[str] = []
        self.lines = 0
        self._loggers: list[logging.Logger] = []

    def listen(self) -> None:
        """On the root, and on those that the settings keep apart from it."""
        from django.conf import settings  # noqa: PLC0415 -- they are read by now
        from django.utils.module_loading import import_string  # noqa: PLC0415 -- likewise

        said = settings.LOGGING
        writes = said["formatters"][said["handlers"]["stdout"]["formatter"]]["()"]
        self.setFormatter(import_string(writes)())
        apart = [name for name, known in said["loggers"].items() if "handlers" in known]
        self._loggers = [logging.getLogger(), *map(logging.getLogger, apart)]
        self._attach()
        logging.config.dictConfig = self._configured

    def _attach(self) -> None:
        for logger in self._loggers:
            logger.addHandler(self)

    def _configured(self, config: dict[str, Any]) -> None:
        """Whoever sets Django up anew takes every handler off; this one comes back."""
        _configure(config)
        self._attach()

    def fall_silent(self) -> None:
        logging.config.dictConfig = _configure
        for logger in self._loggers:
            logger.removeHandler(self)

    def is_deaf(self) -> bool:
        """Whether somebody took it off."""
        return not all(self in logger.handlers for logger in self._loggers)

    def emit(self, record: logging.LogRecord) -> None:
        self.hear(self.format(record))

    def hear(self, line: str) -> None:
        """One line as it is written."""
        self.lines += 1
        self.slips += [f"{kind} in {line}" for kind in slips_of(_DRAWN.sub("", line))]

    def take(self) -> list[str]:
        """What was said and may not be; and forget it."""
        found, self.slips = self.slips, []
        return found


def slips_of(line: str) -> list[str]:
    """What of a person or of a secret stands in a line, in any spelling."""
    from privacy.detectors import found_in  # noqa: PLC0415 -- as the others

    found = {kind for text in _readings(line) for kind in found_in(text)}
    if any(TOKENS.search(text) for text in _readings(line)):
        found.add("token")
    return sorted(found | _canaries(line))


def _readings(line: str) -> Iterator[str]:
    """The line, and what it says where it is encoded."""
    yield line
    plain = html.unescape(unquote_plus(line))
    digits = "".join(str(unicodedata.digit(sign, sign)) for sign in plain)
    if digits != line:
        yield digits
    for blob in _HEX.findall(line):
        yield from _words(bytes.fromhex(blob))
    for blob in _BASE64.findall(line):
        body = blob.rstrip("=").translate(_TURNS)
        try:
            yield from _words(base64.b64decode(body + "=" * (-len(body) % 4)))
        except binascii.Error:
            continue


def _words(raw: bytes) -> Iterator[str]:
    """Bytes that are text; a digest or a key is none."""
    text = raw.decode("ascii", "replace")
    if text.isprintable() and "\N{REPLACEMENT CHARACTER}" not in text:
        yield text


def _canaries(line: str) -> set[str]:
    sieve, names = _known()
    return {f"the canary's {names[token]}" for token in sieve.met(line)}


@cache
def _known() -> tuple[Any, dict[str, str]]:
    """All that leads to the canaries, and what each is called."""
    from privacy.spellings import Sieve  # noqa: PLC0415 -- as the others
    from tests.privacy import canary  # noqa: PLC0415 -- it needs the models

    names = {each: f"secret {place}" for place, each in enumerate(canary.SECRETS)}
    names |= {token: name for name, token in canary.TOKENS.items()}
    return Sieve(names), names


EAR: Final = Ear()


@pytest.fixture(scope="session", autouse=True)
def _ear() -> Iterator[None]:
    EAR.listen()
    yield
    EAR.fall_silent()
    slips = EAR.take()  # after the last test's own look
    assert not slips, slips


@pytest.fixture(autouse=True)
def _nobodys_data_is_logged(_ear: None) -> Iterator[None]:
    yield
    slips = EAR.take()
    assert not slips, "logged, and may not be:\n" + "\n".join(slips)
    assert not EAR.is_deaf(), "somebody took the ear off the logs"
