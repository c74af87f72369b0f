"""FBR's own book: every request that came, and every document that FBR recorded.

Tests compare this ledger with the product's tables, so it must say what happened and
nothing else: a request and the recording it caused enter together, under one lock.
"""

import base64
import hashlib
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

# The kinds of request that ask FBR to record something: a DI invoice, a POS bill.
RECORD: Final = "record"
POS: Final = "pos"
RECORDING: Final = (RECORD, POS)


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What later debit notes are measured against."""

    environment: str
    seller: str
    is_note: bool
    reference: str
    dated: date
    value: Decimal
    tax: Decimal
    withheld: Decimal


@dataclass(frozen=True, kw_only=True)
class Bill:
    """A bill of the POS service, which later credits may name."""

    environment: str
    pos_id: int
    usin: str
    is_credit: bool = False


@dataclass(frozen=True, kw_only=True)
class Request:
    """One request as it stood on the wire; `seller` is the holder of its token.

    A POS bill also says which till it is of, and the number it gave itself.
    """

    method: str
    path: str
    kind: str
    environment: str | None
    seller: str | None
    body: bytes
    # False when the client went away before it had sent the whole body.
    is_whole: bool = True
    pos_id: int | None = None
    usin: str | None = None


@dataclass(slots=True, kw_only=True)
class Entry:
    """A request in the book, with what became of it."""

    seq: int
    at: datetime
    request: Request
    fault: str | None
    number: str | None
    status: int | None = None
    sha256: str = field(init=False)

    def __post_init__(self) -> None:
        self.sha256 = hashlib.sha256(self.request.body).hexdigest()

    def as_json(self) -> dict[str, Any]:
        """The entry as `GET /_ledger` shows it."""
        request = self.request
        return {
            "seq": self.seq,
            "at": self.at.isoformat(),
            "method": request.method,
            "path": request.path,
            "environment": request.environment,
            "seller": request.seller,
            "kind": request.kind,
            "pos_id": request.pos_id,
            "usin": request.usin,
            **_body(request.body),
            "body_sha256": self.sha256,
            "body_whole": request.is_whole,
            "fault": self.fault,
            "status": self.status,
            "recorded": self.number is not None,
            "number": self.number,
        }

    def as_recorded(self) -> dict[str, Any]:
        """The recording that the request caused, as `GET /_ledger` shows it."""
        return {
            "seq": self.seq,
            "at": self.at.isoformat(),
            "number": self.number,
            "environment": self.request.environment,
            "seller": self.request.seller,
            "kind": self.request.kind,
            "pos_id": self.request.pos_id,
            "usin": self.request.usin,
            "body_sha256": self.sha256,
            **_body(self.request.body),
        }


class Ledger:
    """The book. Entries are only ever added, until `clear` begins a new one."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._lock = threading.Lock()
        self._clock = clock
        self._begin()

    def _begin(self) -> None:
        self._entries: list[Entry] = []
        self._recorded: list[Entry] = []
        self._aborted: list[dict[str, Any]] = []
        self._facts: dict[str, Facts] = {}
        self._notes: dict[str, list[Facts]] = {}
        self._bills: set[Bill] = set()

    def add(
        self,
        request: Request,
        *,
        fault: str | None = None,
        number: str | None = None,
        facts: Facts | Bill | None = None,
    ) -> Entry:
        """Enter a request, and with a number also the document that FBR recorded for it."""
        with self._lock:
            entry = Entry(
                seq=len(self._entries) + 1,
                at=self._clock(),
                request=request,
                fault=fault,
                number=number,
            )
            self._entries.append(entry)
            if number is not None:
                self._recorded.append(entry)
            if number is not None and facts is not None:
                self._remember(number, facts)
            return entry

    def _remember(self, number: str, facts: Facts | Bill) -> None:
        if isinstance(facts, Bill):
            self._bills.add(facts)
            return
        self._facts[number] = facts
        if facts.is_note:
            self._notes.setdefault(facts.reference, []).append(facts)

    def abort(self, fault: str) -> None:
        """Enter a connection that was broken before it could carry a request."""
        with self._lock:
            self._aborted.append({"at": self._clock().isoformat(), "fault": fault})

    def last_number(self, kind: str) -> str | None:
        """The number of the latest recording of a kind."""
        with self._lock:
            same = (entry for entry in reversed(self._recorded) if entry.request.kind == kind)
            return next((entry.number for entry in same), None)

    def invoice(self, number: str) -> Facts | None:
        """What was recorded under a number."""
        with self._lock:
            return self._facts.get(number)

    def notes_on(self, number: str) -> tuple[Facts, ...]:
        """The debit notes recorded against an invoice."""
        with self._lock:
            return tuple(self._notes.get(number, ()))

    def has_bill(self, bill: Bill) -> bool:
        """Whether such a bill of the POS service was recorded."""
        with self._lock:
            return bill in self._bills

    def clear(self) -> None:
        """Begin an empty book."""
        with self._lock:
            self._begin()

    def as_json(self) -> dict[str, Any]:
        """The whole book."""
        with self._lock:
            entries, recorded = list(self._entries), list(self._recorded)
            aborted = list(self._aborted)
        return {
            "requests": [entry.as_json() for entry in entries],
            "recorded": [entry.as_recorded() for entry in recorded],
            "aborted": aborted,
        }

    def summary(self) -> dict[str, Any]:
        """The counts of the book."""
        with self._lock:
            kinds = Counter(entry.request.kind for entry in self._entries)
            return {
                "requests": len(self._entries),
                "recorded": len(self._recorded),
                "aborted": len(self._aborted),
                "by_kind": dict(kinds),
            }


def _body(body: bytes) -> dict[str, str | None]:
    try:
        return {"body": body.decode(), "body_base64": None}
    except UnicodeDecodeError:
        return {
            "body": body.decode(errors="replace"),
            "body_base64": base64.b64encode(body).decode(),
        }
