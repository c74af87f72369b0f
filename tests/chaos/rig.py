"""Real workers, a real queue, a ledger that is not ours, and kill -9."""

from __future__ import annotations

import itertools
import os
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

from django.db import transaction

from accounts import tenancy
from accounts.models import Tenant
from fbr.fake import FakeFbr
from fbr.models import Credential, Outbox
from fbr.models.work import WorkState
from fbr.services import invariants
from invoices.content import Content
from invoices.enums import DocumentType, State
from invoices.models import Invoice, Till
from smartinvoicing import clock
from tests import factories, services

# The limits and the lease, shortened together: the arithmetic still holds.
SHORT = {
    "FBR_CONNECT_TIMEOUT_S": "1",
    "FBR_READ_TIMEOUT_S": "2",
    "FBR_TOTAL_TIMEOUT_S": "2",
    "TASK_SOFT_LIMIT_S": "3",
    "TASK_HARD_LIMIT_S": "4",
    "FBR_LEASE_S": "5",
    "FBR_TICK_S": "1",
    "FBR_SWEEP_S": "1",
    "FBR_BREAKER_FIRST_S": "1",
    "FBR_BREAKER_LONGEST_S": "2",
    "DATABASE_IDLE_S": "2",
    "DATABASE_LOCK_S": "4",
}
LEASE_S = int(SHORT["FBR_LEASE_S"])
OPEN = {State.QUEUED, State.SUBMITTING}
IS_WHOLE = int(os.environ.get("CHAOS_SCHEDULES", "20")) >= 500 or "CHAOS_WHOLE" in os.environ
MISLEADING = {"repeated_number"}  # FBR's answer names another document's number
_quantities = itertools.count(401)


def env_of(fake: FakeFbr, **more: str) -> dict[str, str]:
    """The environment of a process that reports to `fake`."""
    urls = ("FBR_DI_URL", "FBR_POS_SANDBOX_URL", "FBR_POS_PRODUCTION_URL")
    spool = {"SPOOL_DIR": str(spool_of(fake))}
    return {**os.environ, **SHORT, **spool, **dict.fromkeys(urls, fake.url), **more}


def spool_of(fake: FakeFbr) -> Path:
    """Where the processes of one test write what their database does not take."""
    return Path(os.environ[services.FOLDER]) / f"spool-{services.worker_name()}-{fake.port}"


def reporting_tenant(fake: FakeFbr, number: int = 0, *, is_known: bool = True) -> Tenant:
    """A tenant whose token `fake` knows, committed."""
    seller = f"{7100000 + number}"
    token = f"chaos-token-{number:04d}-{seller}"
    if is_known:
        fake.add_tokens([{"token": token, "seller": seller, "environment": "sandbox"}])
    tenant = factories.make_tenant(f"Chaos {number}", ntn_cnic=seller)
    with tenancy.in_tenant(tenant.pk), transaction.atomic():
        factories.make_credential(tenancy_entity(), token)
    return tenant


@dataclass(frozen=True)
class Shop:
    """A tenant with one till."""

    tenant: Tenant
    till: Till
    token: str

    def issue(self, count: int = 1, **fields: Any) -> list[UUID]:
        """Bills in the queue, committed, no bell rung."""
        content = factories.make_bill(self.till, **fields)
        with tenancy.in_tenant(self.tenant.pk), transaction.atomic():
            return [factories.make_issued(content).pk for _ in range(count)]

    def take_back(self, invoice_id: UUID) -> UUID:
        """The return of a whole bill, in the queue."""
        [made] = self.issue(document_type=DocumentType.CREDIT_NOTE, original_id=invoice_id)
        return made

    def invoice(self, invoice_id: UUID) -> Invoice:
        with tenancy.in_tenant(self.tenant.pk), transaction.atomic():
            return Invoice.objects.get(pk=invoice_id)


def reporting_shop(fake: FakeFbr, number: int = 0, **known: Any) -> Shop:
    """A tenant with a till whose token `fake` knows, committed.

    known: what `fake` shall know otherwise: another pos_id, cloud=False.
    """
    seller, pos_id = f"{7400000 + number}", 840001 + number
    token = f"chaos-till-{number:04d}-{pos_id}"
    entry = {"token": token, "seller": seller, "environment": "sandbox", "channel": "pos"}
    fake.add_tokens([{**entry, "pos_id": pos_id, **known}])
    tenant = factories.make_tenant(f"Chaos shop {number}", ntn_cnic=seller)
    with tenancy.in_tenant(tenant.pk), transaction.atomic():
        till = factories.make_till(pos_id=str(pos_id), token=token)
    return Shop(tenant, till, token)


def tenancy_entity() -> Any:
    from accounts.models import LegalEntity  # noqa: PLC0415 -- keeps the rig's own imports short

    return LegalEntity.objects.get()


def issue(tenant: Tenant, count: int = 1) -> list[UUID]:
    """Documents in the queue, no two alike, committed, no bell rung."""
    with tenancy.in_tenant(tenant.pk), transaction.atomic():
        return [factories.make_issued(one_more()).pk for _ in range(count)]


def one_more() -> Content:
    """A sale that is like no other."""
    line = factories.make_line(quantity=Decimal(next(_quantities)))
    return factories.make_content(line)


def states(tenants: Iterable[Tenant]) -> dict[UUID, str]:
    found: dict[UUID, str] = {}
    for tenant in tenants:
        with tenancy.in_tenant(tenant.pk), transaction.atomic():
            found |= dict(Invoice.objects.values_list("pk", "state"))
    return found


def wait_until(
    is_so: Callable[[], bool], *, seconds: float = 30, what: str | Callable[[], str] = ""
) -> None:
    """what: said when it is not so in time; a function is asked then."""
    until = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > until:
            said = what if isinstance(what, str) else what()
            raise AssertionError(f"not within {seconds} s: {said}")
        time.sleep(0.05)


def hurry(tenants: Iterable[Tenant]) -> None:
    """What waits for its next try waits no longer: nothing but time has passed."""
    for tenant in tenants:
        with tenancy.in_tenant(tenant.pk), transaction.atomic():
            now = clock.database_now()
            waiting = Outbox.objects.filter(state=WorkState.WAITING, lease_until=None)
            waiting.filter(run_after__gt=now).update(run_after=now)
            Credential.objects.filter(paced_until__gt=now).update(paced_until=now)


def wait_settled(
    tenants: list[Tenant], *, seconds: float = 30, hurried: bool = False
) -> dict[UUID, str]:
    """Until nothing is queued or submitting any more. hurried: no next try waits for its time."""

    def settled() -> bool:
        if hurried:
            hurry(tenants)
        return not OPEN & set(states(tenants).values())

    wait_until(
        settled,
        seconds=seconds,
        what=lambda: f"documents settled: {states(tenants)}",
    )
    return states(tenants)


@dataclass(frozen=True)
class Ours:
    """What we believe of one document."""

    state: str
    number: str
    body: bytes


def _ours(tenants: Iterable[Tenant]) -> list[Ours]:
    found = []
    for tenant in tenants:
        with tenancy.in_tenant(tenant.pk), transaction.atomic():
            bodies = {row.invoice_id: bytes(row.body) for row in Outbox.objects.all()}
            found += [
                Ours(row.state, row.fbr_number, bodies[row.pk])
                for row in Invoice.objects.exclude(state=State.DRAFT)
            ]
    return found


def assert_ledger_agrees(fake: FakeFbr, tenants: Iterable[Tenant]) -> None:
    """R1: what FBR recorded is what we accepted, byte for byte, plus what we know we do not know.

    Every accepted document is in the ledger under its number, every record is that of a document
    that is accepted or uncertain, and none was recorded twice. Only where FBR itself answered with
    a number that it had given before may a number be wrong: we cannot see it.
    """
    ledger, ours = fake.ledger(), _ours(tenants)
    by_number = {row["number"]: row["body"].encode() for row in ledger["recorded"]}
    assert len(by_number) == len(ledger["recorded"]), "FBR gave one number twice"
    recorded = Counter(by_number.values())
    accepted = [row for row in ours if row.state == State.ACCEPTED]
    uncertain = [row for row in ours if row.state == State.UNCERTAIN]

    misled = {row["body"].encode() for row in ledger["requests"] if row["fault"] in MISLEADING}
    wrong = [
        row.number
        for row in accepted
        if by_number.get(row.number) != row.body and row.body not in misled
    ]
    missing = Counter(row.body for row in accepted) - recorded
    twice = recorded - Counter(row.body for row in (*accepted, *uncertain))
    assert not missing, f"{missing.total()} accepted, but not in the ledger"
    assert not twice, f"{twice.total()} more recorded than known: reported twice"
    assert not wrong, f"accepted under other numbers than the ledger's: {wrong}"


def assert_sound() -> None:
    """Everything in the database is as it must be, whatever happened to the processes."""
    found = invariants.broken()
    assert not found, "\n".join(map(str, found))
