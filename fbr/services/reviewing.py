"""Codes of FBR's that our tables do not hold: written down, counted, looked at by staff."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import connection, transaction

from fbr import words
from fbr.di import codes as di_codes
from fbr.models import UnknownCode
from fbr.outcomes import CodeOnLine
from fbr.pos import codes as pos_codes
from fbr.wire import CODE_LIMIT, WORDS_LIMIT
from invoices.enums import Channel
from smartinvoicing.ids import uuid7
from smartinvoicing.pg import rows

logger = logging.getLogger(__name__)

_IS_KNOWN: Final[Mapping[str, Callable[[str], bool]]] = {
    Channel.DI: di_codes.is_known,
    Channel.POS: pos_codes.is_known,
}
# A number of somebody's, also where it is written in groups (35202-1234567-1).
_NUMBER: Final = re.compile(r"\d(?:[ ./-]?\d){3,}")
# A code has digits by right; from seven on it is an NTN, a CNIC or a telephone.
_NUMBER_FOR_A_CODE: Final = re.compile(r"\d(?:[ ./-]?\d){6,}")

# One row a statement, in the order of the codes: whoever needs two waits for them in the same
# order as everybody else.
_NOTE: Final = """
INSERT INTO fbr_unknowncode AS known
    (id, channel, code, text, first_seen_at, last_seen_at, times, reviewed_by, note)
VALUES (%s, %s, %s, %s, %s, %s, %s, '', '')
ON CONFLICT (channel, code) DO UPDATE SET
    times = known.times + EXCLUDED.times,
    last_seen_at = greatest(known.last_seen_at, EXCLUDED.last_seen_at),
    text = CASE WHEN EXCLUDED.text = '' THEN known.text ELSE EXCLUDED.text END
RETURNING known.times = %s
"""


def note_unknown(codes: Iterable[CodeOnLine], *, channel: str, at: datetime) -> None:
    """Count the codes among `codes` that nobody here has words for, in the caller's transaction.

    The rows are every tenant's, and are locked until that transaction ends: call this last in
    it. A code that staff have reviewed is counted on and stays reviewed.
    """
    found: dict[str, list[str]] = {}
    for each in codes:
        if not _IS_KNOWN[channel](each.code):
            code = masked_code(each.code)
            found.setdefault(code, []).append(masked(each.text))
    for code in sorted(found):
        _note(code, found[code], channel=channel, at=at)


def _note(code: str, texts: list[str], *, channel: str, at: datetime) -> None:
    text, times = next(filter(None, texts), ""), len(texts)
    with connection.cursor() as cursor:
        cursor.execute(_NOTE, [uuid7(), channel, code, text, at, at, times, times])
        row = cursor.fetchone()
    if row and row[0]:
        logger.error("fbr.unknown_code", extra={"channel": channel, "code": code})


def masked(text: str) -> str:
    """FBR's words without the numbers in them: no NTN, CNIC, telephone or invoice number."""
    return _NUMBER.sub("…", words.printable(text))[:WORDS_LIMIT]


def masked_code(code: str) -> str:
    """A code that can be stored; one that looks like somebody's number is masked."""
    return _NUMBER_FOR_A_CODE.sub("…", words.printable(code))[:CODE_LIMIT] or "?"


@transaction.atomic
def mark_reviewed(*, code_ids: Iterable[UUID], by: str, note: str, at: datetime) -> int:
    """Staff have looked at these codes; how many of them nobody had looked at before.

    by:   who, as the page of staff names them.
    note: what came of it; blank leaves what stood there.
    """
    waiting = UnknownCode.objects.filter(pk__in=code_ids, reviewed_at=None)
    pairs = sorted(waiting.values_list("channel", "code"))
    verdict = {"reviewed_at": at, "reviewed_by": by[:254]}
    if note.strip():
        verdict["note"] = note.strip()[:500]
    return sum(
        rows.update(
            UnknownCode, where={"channel": channel, "code": code, "reviewed_at": None}, to=verdict
        )
        for channel, code in pairs
    )
