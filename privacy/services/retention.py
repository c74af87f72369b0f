"""Purges: plan what would go, have it agreed to, carry it out, show what was done.

What no law keeps goes by itself, once a day. Tax records go after a second person agreed to the
plan, and no other ones than those of the plan: a run reads the clocks at the plan's own instant,
and takes nothing more where something that kept a record has ended since.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Sum
from django.utils.translation import gettext as _

from accounts import audit, four_eyes, staff, tenancy
from accounts.access import Actor
from accounts.enums import AuditAction, Desk, StaffAction
from accounts.models import Approval, Tenant, User
from privacy import rules
from privacy.models import (
    PurgeBatch,
    PurgeKind,
    PurgePlan,
    PurgeReceipt,
    PurgeRun,
    TaxRetention,
)
from privacy.rules import Rule
from privacy.services import desk, purge_counts, purging
from privacy.services.purge_queries import GOES, NAMED, Moment
from privacy.services.stops import stopped
from smartinvoicing.errors import NotAllowed, StateConflict
from smartinvoicing.ids import uuid7

DEED: Final = "purge"
JOB: Final = "privacy.purge"
DAY: Final = timedelta(days=1)
LOCK: Final = "one purge at a time"
UNAGREED: Final = "not in the plan"


# --- planning -------------------------------------------------------------------------------------


def plan(
    kind: PurgeKind,
    *,
    at: datetime,
    by: User | str,
    whole: bool = False,
    plan_id: UUID | None = None,
) -> PurgePlan:
    """Count what would go and what stays, and why: nothing is touched.

    What another record of the plan names (`named`) goes in the same run, once that is gone.
    whole:   what is not due yet as well, with the day on which the first of it is.
    plan_id: its id, where somebody waits for it; asked twice, it is made once.
    Raises: NotAllowed for a person who may not plan purges.
    """
    if isinstance(by, User):
        staff.allow(by, Desk.PLAN_PURGE)
    known = PurgePlan.objects.filter(pk=plan_id).first() if plan_id else None
    if known is not None:
        return known
    lines = purge_counts.lines(_rules(kind), moment_of(at), whole=whole)
    made = PurgePlan(
        id=plan_id or uuid7(),
        kind=kind,
        at=at,
        made_by=_who(by),
        lines=lines,
        rows=sum(one["rows"] for one in lines if one["why"] == GOES),
        digest=four_eyes.digest_of(kind=kind, at=at.isoformat(), lines=lines),
    )
    with transaction.atomic():
        made.save(force_insert=True)
        staff.record(by, StaffAction.PLANNED, made, at=at, rows=made.rows)
    return made


def moment_of(at: datetime) -> Moment:
    """The clocks as they stand at `at`."""
    years = TaxRetention.objects.values_list("years", flat=True).get()
    return Moment(at=at, years=years, stopped=stopped(at=at))


def _rules(kind: str) -> list[Rule]:
    return [rule for rule in rules.rules() if rule.is_tax == (kind == PurgeKind.TAX)]


# --- agreeing -------------------------------------------------------------------------------------


def ask(made: PurgePlan, *, why: str, by: User, at: datetime) -> Approval:
    """Ask a second person to agree to exactly this plan.

    Raises: NotAllowed; RuleViolation without a reason; StateConflict when it was run already.
    """
    staff.allow(by, Desk.PLAN_PURGE)
    _refuse_done(made)
    return four_eyes.ask(DEED, made, digest=made.digest, why=why, by=by, at=at)


def approve(asked: Approval, *, by: User, at: datetime) -> Approval:
    """The second person's yes.

    Raises: NotAllowed, for whoever asked as well; StateConflict.
    """
    return four_eyes.answer(asked, agrees=True, by=by, at=at, desk=Desk.APPROVE_PURGE)


def is_agreed(made: PurgePlan, *, at: datetime) -> bool:
    """Whether a second person agreed and nobody carried it out yet."""
    open_ones = Approval.objects.filter(
        deed=DEED, object_id=str(made.pk), digest=made.digest, is_agreed=True
    )
    return open_ones.filter(spent_at=None, expires_at__gt=at).exists()


def _refuse_done(made: PurgePlan) -> None:
    if PurgeRun.objects.filter(plan=made).exists():
        raise StateConflict(_("This plan was carried out already."))


# --- carrying out ---------------------------------------------------------------------------------


@transaction.atomic
def begin(made: PurgePlan, *, by: User | str, at: datetime) -> PurgeRun:
    """Open the run of a plan; of tax records only with the approval, which is used up.

    Raises: NotAllowed; StateConflict when it was begun before.
    """
    if isinstance(by, User):
        staff.allow(by, Desk.PLAN_PURGE)
    _refuse_done(made)
    digest = four_eyes.digest_of(kind=made.kind, at=made.at.isoformat(), lines=made.lines)
    if digest != made.digest:
        raise NotAllowed(_("This plan is not the one that was made."))
    approver = ""
    if made.kind == PurgeKind.TAX:
        spent = four_eyes.spend(DEED, made, digest=made.digest, by=by, at=at)
        approver = staff.name_of(spent.answered_by)
    opened = PurgeRun(plan=made, began_at=at, began_by=_who(by), approved_by=approver)
    opened.save(force_insert=True)
    staff.record(by, StaffAction.RUN, opened, at=at, rows=made.rows)
    return opened


def run(opened: PurgeRun, *, at: datetime, budget_s: float | None = None) -> bool:
    """Go on with a run until it is through, or until `budget_s` is used up; whether it is through.

    Two at once: the second does nothing. After a kill the next call takes what is left.
    """
    with _alone() as mine:
        if not mine:
            return False
        opened.refresh_from_db()
        if opened.ended_at is not None:
            return True
        moment = moment_of(opened.plan.at)
        if more := _unagreed(opened, moment):
            _end(opened, {UNAGREED: more}, at=at)
            return True
        until = None if budget_s is None else time.monotonic() + budget_s
        stuck: dict[str, int] = {}
        for rule in _rules(opened.plan.kind):
            for tenant_id in purge_counts.tenants(rule):
                if tenant_id in moment.stopped.tenants:
                    continue
                if not _drained(opened, rule, tenant_id, moment, stuck, at=at, until=until):
                    return False
        _end(opened, stuck, at=at)
        return True


def _unagreed(opened: PurgeRun, moment: Moment) -> int:
    """How many tax records more would go than their plan said when it was agreed to.

    A hold was lifted since, or a matter ended: somebody looks at a new plan.
    """
    made = opened.plan
    if made.kind != PurgeKind.TAX:
        return 0
    asked = _rules(made.kind)
    left = [one for one in purge_counts.lines(asked, moment, whole=False) if one["why"] == GOES]
    goes = Counter({one["table"]: one["rows"] for one in left})
    for batch in PurgeBatch.objects.filter(run=opened).only("rows").iterator():
        goes.update(batch.rows)
    agreed: Counter[str] = Counter()
    for one in made.lines:
        if one["why"] in {GOES, NAMED}:
            agreed[one["table"]] += one["rows"]
    more = goes - agreed
    return sum(more[rule.table] for rule in asked)


def _drained(
    opened: PurgeRun,
    rule: Rule,
    tenant_id: UUID | None,
    moment: Moment,
    stuck: dict[str, int],
    *,
    at: datetime,
    until: float | None,
) -> bool:
    """Batch by batch, and again while something went: what named a record may be gone by now."""
    while purging.is_due(rule, tenant_id, moment):
        records, after = 0, None
        refused: dict[str, int] = {}
        while True:
            if until is not None and time.monotonic() >= until:
                return False
            taken = purging.take(opened, rule, tenant_id, moment, after=after, at=at)
            if taken is None:
                break
            records, after = records + taken.records, taken.last
            for why, count in taken.stuck.items():
                refused[why] = refused.get(why, 0) + count
        if not records:
            for why, count in refused.items():
                stuck[why] = stuck.get(why, 0) + count
            break
    return True


@contextmanager
def _alone() -> Iterator[bool]:
    """One purge at a time, by a lock of the database session that a crash gives back."""
    with tenancy.outside(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", [LOCK])
        mine: bool = cursor.fetchone()[0]
    try:
        yield mine
    finally:
        if mine:
            with tenancy.outside(), connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", [LOCK])


@transaction.atomic
def _end(opened: PurgeRun, stuck: dict[str, int], *, at: datetime) -> None:
    """Receipts, the businesses' own audit trails, and a task where something would not go."""
    if not PurgeRun.objects.filter(pk=opened.pk, ended_at=None).update(ended_at=at, stuck=stuck):
        return
    opened.refresh_from_db()
    rows: dict[str, int] = {}
    digests: dict[str, str] = {}
    of_business: dict[UUID, dict[str, int]] = {}
    for batch in PurgeBatch.objects.filter(run=opened).order_by("id").iterator():
        for table, count in batch.rows.items():
            rows[table] = rows.get(table, 0) + count
            digests[table] = purging.add_digests(digests.get(table, "0"), batch.digests[table])
            if batch.business:
                mine = of_business.setdefault(batch.business, {})
                mine[table] = mine.get(table, 0) + count
    _write_receipts(opened, rows, digests, at=at)
    for tenant_id, counts in of_business.items():
        _tell(tenant_id, opened, counts, at=at)
    if stuck:
        rows_stuck = sum(stuck.values())
        title = _("A purge left records behind")
        desk.open_task("purge_stuck", str(opened.pk), title=title, at=at, records=rows_stuck)


def _write_receipts(
    opened: PurgeRun, rows: dict[str, int], digests: dict[str, str], *, at: datetime
) -> None:
    PurgeReceipt.objects.bulk_create(
        PurgeReceipt(
            run=opened,
            table=table,
            retention=_class_of(table),
            rows=count,
            digest=digests[table],
            job=JOB,
            approver=opened.approved_by,
            at=at,
        )
        for table, count in sorted(rows.items())
    )


def _class_of(table: str) -> str:
    rule = rules.rule_of(table)
    return rule.retention.value if rule else ""


def _tell(tenant_id: UUID, opened: PurgeRun, counts: dict[str, int], *, at: datetime) -> None:
    """The business reads in its own trail how much went."""
    with tenancy.in_tenant(tenant_id):
        tenant = Tenant.objects.get(pk=tenant_id)
        actor, run_id = Actor.system(JOB), str(opened.pk)
        audit.record(actor, AuditAction.DATA_PURGED, tenant, at=at, run=run_id, rows=counts)


def progress(opened: PurgeRun) -> tuple[int, int]:
    """How many rows are gone, and how many the plan counted."""
    gone = sum(sum(batch.rows.values()) for batch in opened.batches.only("rows").iterator())
    return gone, opened.plan.rows


def _who(by: User | str) -> str:
    return staff.name_of(by) if isinstance(by, User) else staff.name_of(None, by)


# --- the day --------------------------------------------------------------------------------------


def of_the_day(*, at: datetime) -> list[PurgeRun]:
    """What is to be gone on with now: runs that were begun, today's routine, plans agreed to.

    Today's plans are made by the first call of the day; a stopped scheduler loses nothing by it.
    """
    for kind in PurgeKind:
        if not PurgePlan.objects.filter(kind=kind, at__gt=at - DAY, made_by=_who(JOB)).exists():
            _planned_today(kind, at=at)
    for made in PurgePlan.objects.filter(kind=PurgeKind.TAX, run=None, at__gt=at - four_eyes.LASTS):
        if is_agreed(made, at=at):
            begin(made, by=JOB, at=at)
    return list(PurgeRun.objects.filter(ended_at=None).order_by("began_at"))


def _planned_today(kind: PurgeKind, *, at: datetime) -> None:
    made = plan(kind, at=at, by=JOB)
    if kind == PurgeKind.ROUTINE:
        begin(made, by=JOB, at=at)
    elif made.rows:
        desk.open_task(
            "purge_plan",
            "tax",
            title=_("Tax records may go: look at the plan and agree to it"),
            at=at,
            url=f"/admin/privacy/purgeplan/{made.pk}/change/",
            rows=made.rows,
        )
    else:
        desk.done("purge_plan", "tax", at=at)


def adds_up(opened: PurgeRun) -> bool:
    """Whether receipts and batches say the same."""
    told = opened.receipts.aggregate(all=Sum("rows"))["all"] or 0
    return bool(told == progress(opened)[0])
