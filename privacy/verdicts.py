"""What a check of a promise answers. Its words are for everybody, its figures fill them in."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import TypeAlias

Facts: TypeAlias = dict[str, str | int]


@dataclass(frozen=True)
class Kept:
    """evidence: what was seen, marked for translation; `%(name)s` in it stands for a fact."""

    evidence: str
    facts: Facts = field(default_factory=dict)


@dataclass(frozen=True)
class Broken:
    """evidence: what is wrong, for the desk alone: the public page says only that it is."""

    evidence: str
    facts: Facts = field(default_factory=dict)


@dataclass(frozen=True)
class Due:
    """What people of ours have to do by a day that is not over yet."""

    evidence: str
    on: date
    facts: Facts = field(default_factory=dict)


Verdict: TypeAlias = Kept | Broken | Due
