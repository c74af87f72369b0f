"""FBR's desk: what a request asks for, whether it may, and what is written in the ledger.

Source: PRAL DI API v1.12, sections 2 (tokens), 3 (addresses) and 4 (record and validate).
"""

import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta, timezone
from hashlib import sha256
from typing import Final
from urllib.parse import parse_qsl

from fbr.fake import answers, lists, lookups
from fbr.fake.answers import Document, Reply
from fbr.fake.document import Malformed, read
from fbr.fake.faults import Play
from fbr.fake.flights import Flights
from fbr.fake.ledger import Entry, Facts, Ledger, Request
from fbr.fake.register import PRODUCTION, SANDBOX, Holder, Register, bearer_of
from fbr.fake.rules import Case, judge
from fbr.fake.script import Script
from fbr.fake.spoiling import Scene, spoil

PAKISTAN: Final = timezone(timedelta(hours=5), "PKT")
LARGEST_BODY: Final = 10 * 1024 * 1024

_DI: Final = "/di_data/v1/di"
_INVOICES: Final = {
    f"{_DI}/postinvoicedata_sb": ("record", SANDBOX),
    f"{_DI}/postinvoicedata": ("record", PRODUCTION),
    f"{_DI}/validateinvoicedata_sb": ("validate", SANDBOX),
    f"{_DI}/validateinvoicedata": ("validate", PRODUCTION),
}
_LAST_THIRTEEN: Final = 10**13


@dataclass(frozen=True, kw_only=True)
class Manners:
    """In what FBR is reported to differ from day to day, as a test wants it."""

    # The outer status code over refused lines: "00" by the document, "01" as seen live in 2026.
    outer: str = answers.LINE_ERRORS
    # Whether "today" is UTC's day, as reported, and not Pakistan's.
    dates_by_utc: bool = False
    # Whether a buyer whom nobody entered counts as not registered.
    strict_register: bool = False


@dataclass(frozen=True, kw_only=True)
class Knock:
    """What a request's first lines tell, before its body is read."""

    request: Request
    authorization: str | None
    content_type: str
    holder: Holder | None


@dataclass(frozen=True, kw_only=True)
class Judged:
    """What FBR would answer; with facts, an invoice that it would record."""

    reply: Reply
    facts: Facts | None = None
    lines: int = 1


@dataclass
class Gateway:
    """Everything this FBR knows; connections of any number may share one."""

    manners: Manners = field(default_factory=Manners)
    seed: int | None = None
    latency_s: float = 0.0
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)

    def __post_init__(self) -> None:
        self.ledger = Ledger(self.clock)
        self.script = Script(self.seed)
        self.flights = Flights()
        self.register = Register(strict=self.manners.strict_register)
        self._serials = itertools.count(_first_serial(self.seed))

    def knock(
        self, method: str, path: str, *, authorization: str | None, content_type: str
    ) -> Knock:
        """Who asks, and for what."""
        holder = self.register.holder(bearer_of(authorization) or "")
        kind, environment = _place(path.partition("?")[0])
        request = Request(
            method=method,
            path=path,
            kind=kind,
            environment=environment or (holder.environment if holder else None),
            seller=holder.seller if holder else None,
            body=b"",
        )
        return Knock(
            request=request,
            authorization=authorization,
            content_type=content_type,
            holder=holder,
        )

    def answer(self, knock: Knock, play: Play | None) -> tuple[Entry, Reply]:
        """Judge a whole request, write the ledger, and say what goes back."""
        request = knock.request
        judged = self._judge(knock)
        fault = play.fault if play else None
        if not request.is_whole or judged.facts is None or (play and not play.records):
            entry = self.ledger.add(request, fault=fault)
            return entry, self._spoilt(play, judged, accepted=None, earlier=None)
        earlier = self.ledger.last_number()
        number = self._next_number(judged.facts.seller)
        entry = self.ledger.add(request, fault=fault, number=number, facts=judged.facts)
        accepted = answers.accepted(number=number, dated=self._dated(), lines=judged.lines)
        judged = replace(judged, reply=answers.reply(accepted))
        return entry, self._spoilt(play, judged, accepted=accepted, earlier=earlier)

    def _spoilt(
        self, play: Play | None, judged: Judged, *, accepted: Document | None, earlier: str | None
    ) -> Reply:
        if play is None:
            return judged.reply
        return spoil(
            Scene(
                play=play,
                plain=judged.reply,
                accepted=accepted,
                lines=judged.lines,
                dated=self._dated(),
                earlier_number=earlier,
            )
        )

    def _judge(self, knock: Knock) -> Judged:
        refusal = _gate(knock)
        if refusal:
            return Judged(reply=refusal)
        path, _, query = knock.request.path.partition("?")
        if path in lists.REFERENCE:
            rows = lists.REFERENCE[path](dict(parse_qsl(query)))
            return Judged(reply=answers.reply(rows))
        try:
            if path in lookups.LOOKUPS:
                found = lookups.LOOKUPS[path](read(knock.request.body), self.register)
                return Judged(reply=answers.reply(found))
            return self._judge_invoice(knock)
        except Malformed as error:
            return Judged(reply=answers.report(400, str(error)))

    def _judge_invoice(self, knock: Knock) -> Judged:
        case = self._case(knock)
        verdict, lines, dated = judge(case), len(case.items), self._dated()
        if verdict.header:
            document = answers.refused(verdict.header, dated=dated)
        elif not verdict.is_accepted:
            document = answers.refused_lines(verdict.lines, dated=dated, outer=self.manners.outer)
        else:
            document = answers.valid(dated=dated, lines=lines)
        is_recorded = verdict.is_accepted and knock.request.kind == "record"
        return Judged(
            reply=answers.reply(document),
            facts=case.facts() if is_recorded else None,
            lines=lines,
        )

    def _case(self, knock: Knock) -> Case:
        fields = read(knock.request.body)
        if knock.holder is None or knock.request.environment is None:
            raise Malformed("nobody holds this token")
        return Case(
            fields=fields,
            items=fields.objects("items"),
            environment=knock.request.environment,
            holder=knock.holder,
            today=self.clock().astimezone(UTC if self.manners.dates_by_utc else PAKISTAN).date(),
            register=self.register,
            history=self.ledger,
        )

    def _dated(self) -> str:
        return self.clock().astimezone(PAKISTAN).strftime("%Y-%m-%d %H:%M:%S")

    def _next_number(self, seller: str) -> str:
        return f"{seller}DI{next(self._serials) % _LAST_THIRTEEN:013d}"


def _place(path: str) -> tuple[str, str | None]:
    """Of what kind a path is, and in which environment; reference paths serve both."""
    if path in _INVOICES:
        return _INVOICES[path]
    is_known = path in lists.REFERENCE or path in lookups.LOOKUPS
    return ("reference" if is_known else "unknown"), None


def _gate(knock: Knock) -> Reply | None:
    """What the gateway refuses before the service behind it sees anything."""
    request = knock.request
    if request.kind == "unknown":
        return answers.report(404)
    is_list = request.path.partition("?")[0] in lists.REFERENCE
    if request.method != ("GET" if is_list else "POST"):
        return answers.report(405)
    if bearer_of(knock.authorization) is None:
        return answers.fault(900902)
    if knock.holder is None:
        return answers.fault(900901)
    if len(request.body) > LARGEST_BODY:
        return answers.report(413)
    if not is_list and knock.content_type.partition(";")[0].strip().lower() != "application/json":
        return answers.report(415)
    return None


def _first_serial(seed: int | None) -> int:
    """Where the numbers begin: by the seed, else by the clock, so that a restart repeats none.

    FBR's own thirteen digits look like milliseconds since 1970.
    """
    if seed is None:
        return time.time_ns() // 1_000_000
    return int.from_bytes(sha256(str(seed).encode()).digest()[:8]) % (9 * 10**12)
