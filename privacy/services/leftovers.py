"""What a search finds of somebody who is gone, where it can be theirs and nobody else's.

A customer of one business may be a customer of another, or have an account here: their number
there is no trace of the first. What is found is counted by place, and never said.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from django.conf import settings

from privacy import scanning
from privacy.rules import model_of
from privacy.services import orphans
from privacy.services.person_tables import KEPT

Named = Mapping[UUID, Set[str]]  # paths that records of a business name

SHORTEST: Final = 6  # a word below this length stands everywhere


@dataclass(frozen=True, kw_only=True)
class Sought:
    """Words that lead to one person or one business. No names of people: others have the same.

    tenant_ids: rows and files of these businesses count.
    anywhere:   and so does what is of no business: rows outside the wall, queues, the cache.
    but:        whose tables do not count (`subject` of a model).
    """

    words: frozenset[str]
    tenant_ids: frozenset[UUID] = frozenset()
    anywhere: bool = False
    but: frozenset[str] = frozenset()


def words_of(found: Iterable[str]) -> frozenset[str]:
    """Those that are long enough to be searched for."""
    return frozenset(word for word in map(str.strip, found) if len(word) >= SHORTEST)


def left(
    sought: Iterable[Sought],
    *,
    folders: Iterable[Path],
    cursor: Any,
    redis_url: str | None = None,
) -> list[str]:
    """Tables and stores in which something of them is left, each with how many rows or things.

    cursor: of psycopg2, which sees all rows. Raises: BlindScan (privacy.scanning).
    """
    wanted = [each for each in sought if each.words]
    words = sorted({word for each in wanted for word in each.words})
    if not words:
        return []
    named = {each: orphans.named_by(each) for one in wanted for each in one.tenant_ids}
    files = [
        path
        for folder in folders
        for path in sorted(folder.rglob("*"))
        if path.is_file() and any(_is_file_of(path, each, named) for each in wanted)
    ]
    hits = scanning.scan(words, folders=files, cursor=cursor, redis_url=redis_url)
    theirs = {
        (hit.place, hit.row) if hit.store == "database" else (hit.store, hit.place)
        for hit in hits
        if any(_is_theirs(hit, each, named) for each in wanted)
    }
    counts = Counter(place for place, _row in theirs)
    return [f"{place} ({count})" for place, count in sorted(counts.items())]


def folders_of(tenant_id: UUID) -> Iterator[Path]:
    """Where files of a business may lie."""
    root = Path(settings.MEDIA_ROOT)
    for name in ("", *orphans.FOLDERS):
        folder = root / name / str(tenant_id)
        if folder.is_dir():
            yield folder


def _is_theirs(hit: scanning.Hit, sought: Sought, named: Named) -> bool:
    if hit.form != scanning.UNREADABLE and hit.token not in sought.words:
        return False
    if hit.store == "database":
        return not _stays(hit.place, sought.but) and _is_of(hit.tenant, sought)
    if hit.store == "files":
        return _is_file_of(Path(hit.place), sought, named)
    if hit.ends:
        return False  # counts of sign-ins: whoever tries each day would keep it open for ever
    return sought.anywhere or any(str(each) in hit.place for each in sought.tenant_ids)


def _is_of(tenant: str, sought: Sought) -> bool:
    return UUID(tenant) in sought.tenant_ids if tenant else sought.anywhere


def _stays(table: str, but: frozenset[str]) -> bool:
    """Whether law, or a proof, keeps this table; or it is about others than whom we seek."""
    try:
        privacy = getattr(model_of(table), "Privacy", None)
    except KeyError:
        return False  # no model of ours or of a package: nobody said that it may stay
    return privacy is not None and (privacy.retention in KEPT or privacy.subject in but)


def _is_file_of(place: Path, sought: Sought, named: Named) -> bool:
    """A file that a record names stays and goes with its record: nobody has to read it."""
    path = str(place.relative_to(settings.MEDIA_ROOT))
    owner = orphans.owner_of(path)
    if owner is None:
        return sought.anywhere
    return owner in sought.tenant_ids and path not in named[owner]
