"""A letter of the business to an authority: its words, before anybody sets them in type. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Letter:
    """Plain lines from top to bottom.

    facts:    names and values, as a small table below the first paragraph.
    enclosed: what goes with it.
    """

    sender: tuple[str, ...]
    recipient: tuple[str, ...]
    day: str
    subject: str
    opening: str
    paragraphs: tuple[str, ...]
    facts: tuple[tuple[str, str], ...] = ()
    closing: str = ""
    signed_by: tuple[str, ...] = ()
    enclosed: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """For a JSON column."""
        return asdict(self)

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> Letter:
        """The letter of a JSON column."""
        read = {name: _frozen(value) for name, value in stored.items()}
        return cls(**read)

    @property
    def sha256(self) -> str:
        """Of its words, whatever it is printed on."""
        words = json.dumps(self.as_dict(), sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(words.encode()).hexdigest()


def _frozen(value: Any) -> Any:
    return tuple(_frozen(each) for each in value) if isinstance(value, list) else value
