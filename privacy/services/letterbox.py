"""Where the mailbox lies: a Maildir, or an account of IMAP over TLS.

What was taken in is deleted there. Two marks say what was left: *answered* (`R`) what answers by
itself, for `ASIDE`; a *star* (`F`) what could not be read, until somebody of ours deletes it. All
without a mark is new, whoever opened it before.
"""

from __future__ import annotations

import imaplib
import logging
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from django.conf import settings

logger = logging.getLogger(__name__)

MOST: Final = 50  # of each sort in one run
LARGEST: Final = 2_000_000  # bytes that are read
ASIDE: Final = timedelta(days=30)  # `stores` says so too
_TIMEOUT_S: Final = 20
_PORT: Final = 993


class Behind(Exception):
    """Not all of it was read, or what was taken in still lies there."""


AWAY: Final = (Behind, OSError, imaplib.IMAP4.error)


@dataclass(frozen=True, kw_only=True)
class Letter:
    """One mail, and what can be done with it there.

    is_starred: it could not be read before. is_old: it was set aside `ASIDE` ago.
    """

    raw: bytes
    is_starred: bool
    is_old: bool
    discard: Callable[[], object]
    set_aside: Callable[[], object]
    star: Callable[[], object]


def is_set_up() -> bool:
    return bool(settings.PRIVACY_MAILDIR or settings.PRIVACY_IMAP_URL)


def letters(*, at: datetime) -> Iterator[Letter]:
    """Those with a star, then what is new, then what was set aside long enough.

    Raises: one of AWAY, at the latest at its end: it is not read to its end by this run.
    """
    if settings.PRIVACY_MAILDIR:
        yield from _of_maildir(Path(settings.PRIVACY_MAILDIR), at=at)
    elif settings.PRIVACY_IMAP_URL:
        yield from _of_imap(settings.PRIVACY_IMAP_URL, at=at)


# --- a folder ---------------------------------------------------------------------------------


def _of_maildir(folder: Path, *, at: datetime) -> Iterator[Letter]:
    ends = (at - ASIDE).timestamp()
    both = (sorted((folder / name).iterdir()) for name in ("new", "cur"))
    lying = [path for paths in both for path in paths if not path.name.startswith(".")]
    starred = [path for path in lying if "F" in _flags_of(path)]
    rest = [path for path in lying if "F" not in _flags_of(path)]
    new = [path for path in rest if "R" not in _flags_of(path)]
    old = [path for path in rest if "R" in _flags_of(path) and _is_before(path, ends)]
    handled: list[Path] = []
    for path in [*starred[:MOST], *new[:MOST], *old[:MOST]]:
        try:
            with path.open("rb") as file:
                raw = file.read(LARGEST)
        except OSError as error:  # the others are read all the same
            handled.append(path)
            logger.warning("mailbox.shut", extra={"failure": type(error).__name__})
            continue
        yield Letter(
            raw=raw,
            is_starred=path in starred,
            is_old=path in old,
            discard=partial(_away_from_its_place, handled, path, None),
            set_aside=partial(_away_from_its_place, handled, path, "RS"),
            star=partial(_away_from_its_place, handled, path, "FS"),
        )
    if max(len(starred), len(new)) > MOST or any(path.exists() for path in handled):
        raise Behind


def _flags_of(path: Path) -> str:
    return path.name.partition(":2,")[2]


def _is_before(path: Path, ends: float) -> bool:
    try:
        return path.stat().st_mtime < ends
    except FileNotFoundError:  # somebody deleted it meanwhile
        return False


def _away_from_its_place(handled: list[Path], path: Path, flags: str | None) -> None:
    """Deleted, or renamed to bear these flags too; what fails is seen at the end of the run."""
    base, _sign, had = path.name.partition(":2,")
    place = path.parent.parent / "cur" / f"{base}:2,{''.join(sorted({*had, *(flags or '')}))}"
    try:
        if flags is None:
            path.unlink(missing_ok=True)
        elif place != path:
            path.rename(place)
    except OSError as error:
        logger.warning("mailbox.shut", extra={"failure": type(error).__name__})
    if flags is None or place != path:
        handled.append(path)


# --- an account -------------------------------------------------------------------------------


def _of_imap(address: str, *, at: datetime) -> Iterator[Letter]:
    """By unique ids: the numbers of a folder change as soon as something is expunged."""
    parts = urlsplit(address)
    with imaplib.IMAP4_SSL(
        parts.hostname or "",
        parts.port or _PORT,
        ssl_context=ssl.create_default_context(),
        timeout=_TIMEOUT_S,
    ) as line:
        line.login(unquote(parts.username or ""), unquote(parts.password or ""))
        _done(*line.select(unquote(parts.path.strip("/")) or "INBOX"))
        yield from _of_folder(line, at=at)


def _of_folder(line: imaplib.IMAP4_SSL, *, at: datetime) -> Iterator[Letter]:
    before = f"{at - ASIDE:%d-%b-%Y}"
    starred = _found(line, "UNDELETED", "FLAGGED")
    new = _found(line, "UNDELETED", "UNFLAGGED", "UNANSWERED")
    old = _found(line, "UNDELETED", "UNFLAGGED", "ANSWERED", "BEFORE", before)
    gone: list[str] = []
    is_shut = False
    for uid in [*starred[:MOST], *new[:MOST], *old[:MOST]]:
        raw = _fetched(line, uid)
        if not raw:
            is_shut = True
            logger.warning("mailbox.shut", extra={"failure": "FETCH"})
            continue
        yield Letter(
            raw=raw,
            is_starred=uid in starred,
            is_old=uid in old,
            discard=partial(_deleted, line, gone, uid),
            set_aside=partial(_marked, line, uid, "\\Seen \\Answered"),
            star=partial(_marked, line, uid, "\\Seen \\Flagged"),
        )
    _done(*line.expunge())  # what an earlier run deleted and did not expunge goes too
    left = _found(line, "UID", ",".join(gone)) if gone else []
    if left or is_shut or max(len(starred), len(new)) > MOST:
        raise Behind


def _found(line: imaplib.IMAP4_SSL, *criteria: str) -> list[str]:
    found = _done(*line.uid("SEARCH", *criteria))
    return (found[0] or b"").decode("ascii").split()


def _fetched(line: imaplib.IMAP4_SSL, uid: str) -> bytes:
    """Nothing where it was deleted meanwhile, or cannot be handed out."""
    _status, answered = line.uid("FETCH", uid, f"(BODY.PEEK[]<0.{LARGEST}>)")
    return next((part[1] for part in answered if isinstance(part, tuple)), b"")


def _deleted(line: imaplib.IMAP4_SSL, gone: list[str], uid: str) -> None:
    gone.append(uid)
    _marked(line, uid, "\\Seen \\Deleted")


def _marked(line: imaplib.IMAP4_SSL, uid: str, flags: str) -> None:
    """What a server refuses is seen at the end of the run, or comes again with the next one."""
    line.uid("STORE", uid, "+FLAGS.SILENT", f"({flags})")


def _done(status: str, answered: list[bytes | None]) -> list[bytes | None]:
    if status != "OK":
        raise Behind
    return answered
