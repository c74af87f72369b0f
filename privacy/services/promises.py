"""Proving the promises: each check alone, its answer kept, what is broken brought to the desk."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import Any, Final

from django.db import connection, transaction
from django.db.models import Max
from django.utils.module_loading import import_string
from django.utils.translation import gettext as _

from accounts import four_eyes, staff
from accounts.enums import Desk, StaffAction
from accounts.models import PolicyVersion, User
from privacy.models import CheckResult, CheckRun, EgressStatement, PromiseState
from privacy.promises import BY_ID, PROMISES, SECTIONS, Promise
from privacy.services import desk, policy_texts, registers
from privacy.verdicts import Broken, Due, Kept, Verdict
from smartinvoicing import clock

logger = logging.getLogger(__name__)

TASK: Final = "promise"
JOB: Final = "privacy.prove_promises"
LIMIT_S: Final = 5  # for one statement of a check
EVERY: Final = timedelta(hours=20)
STALE: Final = 2 * EVERY
DAYS: Final = 90  # of the history
# What a new version mends: it does not stand in the way of its own remedy.
MENDED: Final = frozenset({"I7", "I11", "S39"})
FAILED: Final = "The check itself failed: %(failure)s."


# --- proving ----------------------------------------------------------------------------------


def is_due(*, at: datetime) -> bool:
    """Whether tonight's look is still to come."""
    return not CheckRun.objects.filter(at__gt=at - EVERY).exists()


def prove(*, at: datetime, by: User | None = None) -> CheckRun:
    """Look at every promise, write down how each stands, and open or settle the desk's tasks.

    Raises: NotAllowed of a person who may not.
    """
    if by is not None:
        staff.allow(by, Desk.SEE_REGISTERS)
    began = time.monotonic()
    results = [_looked_at(promise, at) for promise in PROMISES]
    with transaction.atomic():
        run = _keep(results, at=at, by=by, took_ms=_since(began))
        for result in results:
            _tell_desk(result, at=at)
        if by is not None:
            staff.record(by, StaffAction.RUN, run, at=at, broken=run.broken)
    return run


def answer_of(promise: Promise, *, at: datetime) -> Verdict:
    """What its check says now. In a savepoint that is taken back, with a limit to each statement:
    a check changes nothing, and holds up none of the others."""
    check: Callable[[datetime], Verdict] = import_string(promise.check)
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('statement_timeout', %s, true)", [f"{LIMIT_S}s"])
        verdict = check(at)
        transaction.set_rollback(True)
    return verdict


def _looked_at(promise: Promise, at: datetime) -> CheckResult:
    began = time.monotonic()
    is_fault = False
    try:
        verdict = answer_of(promise, at=at)
    except Exception as fault:
        logger.exception("promise.failed", extra={"promise": promise.id})
        is_fault = True
        verdict = Broken(FAILED, {"failure": type(fault).__name__})
    return CheckResult(
        promise=promise.id,
        state=_state_of(verdict),
        is_fault=is_fault,
        evidence=verdict.evidence,
        facts=verdict.facts,
        due_on=verdict.on if isinstance(verdict, Due) else None,
        took_ms=_since(began),
    )


def _state_of(verdict: Verdict) -> PromiseState:
    if isinstance(verdict, Kept):
        return PromiseState.KEPT
    return PromiseState.DUE if isinstance(verdict, Due) else PromiseState.BROKEN


def _since(began: float) -> int:
    return int((time.monotonic() - began) * 1000)


def _keep(
    results: Sequence[CheckResult], *, at: datetime, by: User | None, took_ms: int
) -> CheckRun:
    count = Counter(result.state for result in results)
    run = CheckRun.objects.create(
        at=at,
        by=staff.name_of(by, JOB),
        kept=count[PromiseState.KEPT],
        broken=count[PromiseState.BROKEN],
        due=count[PromiseState.DUE],
        took_ms=took_ms,
    )
    for result in results:
        result.run = run
    CheckResult.objects.bulk_create(results)
    return run


def _tell_desk(result: CheckResult, *, at: datetime) -> None:
    """A task while it is broken, or while people have something to do; gone by itself."""
    if result.state == PromiseState.KEPT:
        desk.done(TASK, result.promise, at=at)
        return
    title = _("Promise %(id)s: %(what)s")
    if result.due_on is not None and result.due_on > clock.karachi_date(at):
        desk.done(TASK, result.promise, at=at)
        return
    desk.open_task(
        TASK,
        result.promise,
        title=title % {"id": result.promise, "what": said(result)},
        at=at,
        url=f"/admin/privacy/checkrun/{result.run_id}/change/",
        promise=result.promise,
    )


def said(result: CheckResult) -> str:
    """Its evidence in the reader's language."""
    words: str = _(result.evidence) % result.facts
    return words


# --- who is asked before a text is published ---------------------------------------------------


def objections(versions: Sequence[PolicyVersion], *, at: datetime) -> list[str]:
    """Each promise of these texts that was broken when it was looked at last, but for those that
    just these texts mend. An old look, or none, says nothing of today."""
    run = last_run()
    if run is None or run.at < at - STALE:
        return [_("Nobody has looked lately whether the promises are kept. Look first.")]
    said_here = {code for version in versions for code in policy_texts.promises_in(version.body)}
    said_here -= MENDED
    broken = run.results.filter(state=PromiseState.BROKEN, promise__in=said_here)
    return [
        _("Promise %(id)s is broken: %(what)s") % {"id": each.promise, "what": said(each)}
        for each in broken.order_by("promise")
    ]


# --- the yearly statement -----------------------------------------------------------------------


@transaction.atomic
def sign_statement(*, by: User, at: datetime) -> EgressStatement:
    """Sign the list of machines that may be reached as it is now, and that nothing is sold.

    Raises: NotAllowed.
    """
    staff.allow(by, Desk.KEEP_REGISTERS)
    hosts = list(registers.reachable())
    signed = EgressStatement.objects.create(
        signed_at=at, signed_by=by, hosts=hosts, digest=four_eyes.digest_of(hosts=hosts)
    )
    staff.record(by, StaffAction.DECIDED, signed, at=at, machines=len(hosts))
    return signed


# --- what the page shows ------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Look:
    tone: str
    icon: str
    label: Any
    turning: bool = False


LOOKS: Final[Mapping[PromiseState, Look]] = {
    PromiseState.KEPT: Look(tone="ok", icon="check", label=PromiseState.KEPT.label),
    PromiseState.DUE: Look(tone="wait", icon="clock", label=PromiseState.DUE.label),
    PromiseState.BROKEN: Look(tone="danger", icon="alert", label=PromiseState.BROKEN.label),
}


@dataclass(frozen=True, kw_only=True)
class Span:
    """Days alike, in a drawing one unit a day wide."""

    x: int
    width: int
    tone: str


@dataclass(frozen=True, kw_only=True)
class Row:
    """One promise for everybody. spans: its last ninety days, days alike drawn as one."""

    promise: Promise
    state: PromiseState
    evidence: str
    due_on: date | None
    proved_at: datetime | None
    spans: Sequence[Span]

    @property
    def look(self) -> Look:
        return LOOKS[self.state]


@dataclass(frozen=True, kw_only=True)
class Section:
    id: str
    title: Any
    rows: Sequence[Row]


def last_run() -> CheckRun | None:
    return CheckRun.objects.order_by("-at", "-id").first()


def page(*, at: datetime) -> Sequence[Section]:
    """Every promise in the order of the policy; where nobody looked yet none is said to be kept."""
    run = last_run()
    newest = {each.promise: each for each in run.results.all()} if run else {}
    days, proved = _history(at)
    rows = [_row(each, newest.get(each.id), proved, days.get(each.id, {}), at) for each in PROMISES]
    return [
        Section(id=key, title=title, rows=[row for row in rows if row.promise.section == key])
        for key, title in SECTIONS.items()
    ]


def _row(
    promise: Promise,
    result: CheckResult | None,
    proved: Mapping[str, datetime],
    days: Mapping[date, str],
    at: datetime,
) -> Row:
    if result is None:
        evidence = _("Not looked at yet; the first look comes soon after the start.")
    elif result.state == PromiseState.BROKEN:
        evidence = _("This could not be proved at the last look. Our officer has it as a task.")
    else:
        evidence = said(result)
    today = clock.karachi_date(at)
    return Row(
        promise=promise,
        state=PromiseState(result.state) if result else PromiseState.DUE,
        evidence=evidence,
        due_on=result.due_on if result else today,
        proved_at=proved.get(promise.id),
        spans=_spans([days.get(today - timedelta(days=ago), "") for ago in reversed(range(DAYS))]),
    )


def _spans(days: Sequence[str]) -> Sequence[Span]:
    found, x = [], 0
    for state, alike in groupby(days):
        width = len(list(alike))
        if state:
            found.append(Span(x=x, width=width, tone=LOOKS[PromiseState(state)].tone))
        x += width
    return found


def _history(at: datetime) -> tuple[Mapping[str, Mapping[date, str]], Mapping[str, datetime]]:
    """Of each promise the last word of each day, and when it was last seen to be kept."""
    seen = CheckResult.objects.filter(run__at__gt=at - timedelta(days=DAYS), promise__in=BY_ID)
    days: dict[str, dict[date, str]] = {}
    proved: dict[str, datetime] = {}
    for code, state, when in seen.order_by("run__at").values_list("promise", "state", "run__at"):
        days.setdefault(code, {})[clock.karachi_date(when)] = state
        if state == PromiseState.KEPT:
            proved[code] = when
    return days, {**proved, **_proved_before(set(days) - set(proved))}


def _proved_before(codes: set[str]) -> Mapping[str, datetime]:
    """The same for those that were not kept for ninety days, if they ever were."""
    if not codes:
        return {}
    kept = CheckResult.objects.filter(state=PromiseState.KEPT, promise__in=codes)
    last = kept.values("promise").annotate(at=Max("run__at")).values_list("promise", "at")
    return dict(last)
