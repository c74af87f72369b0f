"""FBR's desk: what a request asks for, whether it may, and what is written in the ledger.

Source: PRAL DI API v1.12, sections 2 (tokens), 3 (addresses) and 4 (record and validate); FBR's
specification of the fiscal component for the two addresses of the POS service.
"""

import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta, timezone
from hashlib import sha256
from typing import Final
from urllib.parse import parse_qsl

from fbr.fake import answers, lookups
from fbr.fake.answers import Document, Reply
from fbr.fake.document import Malformed, read
from fbr.fake.faults import Play
from fbr.fake.flights import Flights
from fbr.fake.ledger import POS, RECORD, Bill, Entry, Facts, Ledger, Request
from fbr.fake.lists import Lists, loaded
from fbr.fake.manners import Manners
from fbr.fake.pos import desk as pos_desk
from fbr.fake.references import REFERENCE
from fbr.fake.register import PRODUCTION, SANDBOX, Holder, Register, bearer_of
from fbr.fake.rules import Case, judge
from fbr.fake.scene import Scene
from fbr.fake.script import Script
from fbr.fake.spoiling import spoil

PAKISTAN: Final = timezone(timedelta(hours=5), "PKT")
LARGEST_BODY: Final = 10 * 1024 * 1024

_DI: Final = "/di_data/v1/di"
POS_SANDBOX: Final = "/FBR/v1/api/Live/PostData"
POS_PRODUCTION: Final = "/imsp/v1/api/Live/PostData"
_DOCUMENTS: Final = {
    POS_SANDBOX: (POS, SANDBOX),
    POS_PRODUCTION: (POS, PRODUCTION),
    f"{_DI}/postinvoicedata_sb": (RECORD, SANDBOX),
    f"{_DI}/postinvoicedata": (RECORD, PRODUCTION),
    f"{_DI}/validateinvoicedata_sb": ("validate", SANDBOX),
    f"{_DI}/validateinvoicedata": ("validate", PRODUCTION),
}
_LAST_THIRTEEN: Final = 10**13
_LOOKUP_METHODS: Final = {"both": ("GET", "POST"), "post": ("POST",), "get": ("GET",)}


@dataclass(frozen=True, kw_only=True)
class Knock:
    """What a request's first lines tell, before its body is read."""

    request: Request
    authorization: str | None
    content_type: str
    holder: Holder | None


@dataclass(frozen=True, kw_only=True)
class Judged:
    """What FBR would answer; with facts, a document that it would record."""

    reply: Reply
    facts: Facts | Bill | None = None
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
        self.lists = Lists(loaded())
        self._serials = itertools.count(_first_serial(self.seed))

    def behave(self, manners: Manners) -> None:
        """Take other manners from here on."""
        self.manners = manners
        self.register.strict = manners.strict_register

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
            seller=(holder.seller or None) if holder else None,
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
        if knock.request.kind == POS:
            knock = replace(knock, request=pos_desk.addressed(knock.request, knock.holder))
        request = knock.request
        judged = self._judge(knock)
        fault = play.fault if play else None
        if not request.is_whole or judged.facts is None or (play and not play.records):
            entry = self.ledger.add(request, fault=fault)
            return entry, self._spoilt(play, judged, request, accepted=None, earlier=None)
        earlier = self.ledger.last_number(request.kind)
        number, accepted = self._numbered(judged.facts, judged.lines, play)
        entry = self.ledger.add(request, fault=fault, number=number, facts=judged.facts)
        judged = replace(judged, reply=answers.reply(accepted))
        return entry, self._spoilt(play, judged, request, accepted=accepted, earlier=earlier)

    def _numbered(self, facts: Facts | Bill, lines: int, play: Play | None) -> tuple[str, Document]:
        """A number for what FBR records, and the answer that gives it."""
        serial = next(self._serials)
        if isinstance(facts, Bill):
            at = self.clock().astimezone(PAKISTAN)
            return pos_desk.numbered(
                facts, serial=serial, at=at, manners=pos_desk.manners_of(self.manners, play)
            )
        number = f"{facts.seller}DI{serial % _LAST_THIRTEEN:013d}"
        return number, answers.accepted(number=number, dated=self._dated(), lines=lines)

    def _spoilt(
        self,
        play: Play | None,
        judged: Judged,
        request: Request,
        *,
        accepted: Document | None,
        earlier: str | None,
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
                is_bill=request.kind == POS,
                usin=request.usin,
            )
        )

    def _judge(self, knock: Knock) -> Judged:
        refusal = _gate(knock, self.manners)
        if refusal:
            return Judged(reply=refusal)
        path, _, query = knock.request.path.partition("?")
        if path in REFERENCE:
            rows = REFERENCE[path](self.lists, dict(parse_qsl(query)))
            return Judged(reply=answers.reply(rows))
        try:
            if path in lookups.LOOKUPS:
                found = lookups.LOOKUPS[path](read(knock.request.body), self.register)
                return Judged(reply=answers.reply(found))
            if knock.request.kind == POS:
                return self._judge_bill(knock)
            return self._judge_invoice(knock)
        except Malformed as error:
            return Judged(reply=answers.report(400, str(error)))

    def _judge_bill(self, knock: Knock) -> Judged:
        holder, environment = knock.holder, knock.request.environment
        if holder is None or environment is None:
            raise Malformed("nobody holds this token")
        reply, bill = pos_desk.judged(
            read(knock.request.body),
            tills=holder.tills,
            environment=environment,
            manners=self.manners,
            history=self.ledger,
        )
        return Judged(reply=reply, facts=bill)

    def _judge_invoice(self, knock: Knock) -> Judged:
        case = self._case(knock)
        verdict, lines, dated = judge(case), len(case.items), self._dated()
        if verdict.header:
            document = answers.refused(verdict.header, dated=dated)
        elif not verdict.is_accepted:
            document = answers.refused_lines(verdict.lines, dated=dated, outer=self.manners.outer)
        else:
            document = answers.valid(dated=dated, lines=lines)
        is_recorded = verdict.is_accepted and knock.request.kind == RECORD
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
            lists=self.lists,
            history=self.ledger,
            exact_totals=self.manners.exact_totals,
        )

    def _dated(self) -> str:
        return self.clock().astimezone(PAKISTAN).strftime("%Y-%m-%d %H:%M:%S")


def _place(path: str) -> tuple[str, str | None]:
    """Of what kind a path is, and in which environment; reference paths serve both."""
    if path in _DOCUMENTS:
        return _DOCUMENTS[path]
    is_known = path in REFERENCE or path in lookups.LOOKUPS
    return ("reference" if is_known else "unknown"), None


def _methods(path: str, manners: Manners) -> tuple[str, ...]:
    """By which methods a path answers. FBR's document says GET for lookups, clients use POST."""
    if path in REFERENCE:
        return ("GET",)
    if path in lookups.LOOKUPS:
        return _LOOKUP_METHODS[manners.lookups]
    return ("POST",)


def _gate(knock: Knock, manners: Manners) -> Reply | None:
    """What the gateway refuses before the service behind it sees anything."""
    request = knock.request
    if request.kind == "unknown":
        return answers.report(404)
    path = request.path.partition("?")[0]
    if request.method not in _methods(path, manners):
        return answers.report(405)
    if bearer_of(knock.authorization) is None:
        return answers.fault(900902)
    if knock.holder is None:
        return answers.fault(900901)
    if not _is_subscribed(request, knock.holder):
        return answers.fault(900908)
    if len(request.body) > LARGEST_BODY:
        return answers.report(413)
    if (
        path not in REFERENCE
        and knock.content_type.partition(";")[0].strip().lower() != "application/json"
    ):
        return answers.report(415)
    return None


def _is_subscribed(request: Request, holder: Holder) -> bool:
    """Whether a token opens this API: one of DI never opens the POS service, nor the other way.

    Sandbox and production of the POS service are two APIs. DI looks at the environment itself.
    """
    if request.kind == POS:
        return holder.is_pos and holder.environment == request.environment
    return not holder.is_pos


def _first_serial(seed: int | None) -> int:
    """Where the numbers begin: by the seed, else by the clock, so that a restart repeats none.

    FBR's own thirteen digits look like milliseconds since 1970.
    """
    if seed is None:
        return time.time_ns() // 1_000_000
    return int.from_bytes(sha256(str(seed).encode()).digest()[:8]) % (9 * 10**12)
