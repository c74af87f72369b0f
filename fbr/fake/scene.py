"""A fault at work, as those who spoil answers see it."""

from dataclasses import dataclass

from fbr.fake.answers import Document, Reply
from fbr.fake.faults import Play


@dataclass(frozen=True, kw_only=True)
class Scene:
    """What would have been answered, and what may be said instead."""

    play: Play
    plain: Reply
    # The answer to a document that was recorded; None for every other one.
    accepted: Document | None
    lines: int
    dated: str
    earlier_number: str | None
    # Whether a POS bill was asked about, and the number that it gave itself.
    is_bill: bool = False
    usin: str | None = None
