"""Empty a closed account: batch by batch, counted where it is deleted, to be broken off anywhere.

What was done is what is gone: the next run looks at the tables, not at notes of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import transaction
from django.db.models import F

from accounts import selectors, tenancy
from accounts.access import Actor
from accounts.models import Membership, Tenant, User
from invoices.enums import State
from invoices.models import AdvanceUse, Invoice, InvoiceLine, InvoicePdf
from invoices.services import printing
from privacy.models import Closure, ClosureCount, ExportFile, HoldScope, LegalHold
from privacy.services import closed_tables, erasing, export_archive, stops, tombstones
from privacy.services.closed_tables import Taken
from privacy.services.erasure_plans import ANONYMISE, DELETE
from privacy.subjects import Subject, SubjectKind
from smartinvoicing.classified import Retention
from smartinvoicing.crashpoint import crashpoint

BATCH: Final = 500
ACTOR: Final = Actor.system("privacy.close")
HOLDING: Final = (HoldScope.TENANT, HoldScope.ENTITY, HoldScope.BUYER)
_FILES: Final = ExportFile._meta.db_table

Step = Callable[[Closure, datetime], int]


def run(closure: Closure, *, at: datetime, is_over: Callable[[], bool]) -> bool:
    """Go on until nothing is left, or `is_over`; whether nothing is left."""
    for step in _steps():
        while True:
            if is_over():
                return False
            with tenancy.in_tenant(closure.tenant_id), transaction.atomic():
                if is_kept(closure.tenant_id, at=at):
                    return False
                done = step(closure, at)
            crashpoint("closure_batch")
            if not done:
                break
    return True


def is_kept(tenant_id: UUID, *, at: datetime) -> bool:
    """Whether a hold or an open matter keeps what is to go, in the scope of the business.

    Until the transaction ends the answer stays what it is. Holds on documents alone keep nothing
    of this: documents stay anyway.
    """
    stops.wait_for_holds(tenant_id)
    holds = LegalHold.objects.filter(scope__in=HOLDING, lifted_at=None)
    return holds.exists() or tenant_id in stops.stopped(at=at).tenants


def _steps() -> list[Step]:
    """People first, then what points at others, then drafts, then what documents point at."""
    taken = closed_tables.taken()
    free = [each for each in taken if each.model not in closed_tables.BLANKS]
    bound = [each for each in taken if each.model in closed_tables.BLANKS]
    return [
        _people,
        *(_deleting(each) for each in free),
        _drafts,
        *(_deleting(each) for each in bound),
        *(_blanking(each) for each in bound),
        _name,
    ]


def _deleting(each: Taken) -> Step:
    def step(closure: Closure, at: datetime) -> int:
        if each.table == _FILES:
            _forget_files(closure.tenant_id)
        gone = closed_tables.delete(each, closure.tenant_id, most=BATCH)
        _count(closure, each.table, each.retention, DELETE, gone)
        return gone

    return step


def _blanking(each: Taken) -> Step:
    def step(closure: Closure, at: datetime) -> int:
        done = closed_tables.blank(each, most=BATCH)
        _count(closure, each.table, each.retention, ANONYMISE, done)
        return done

    return step


def _forget_files(tenant_id: UUID) -> None:
    """Archives that somebody fetched; each is gone from the disk before its row is."""
    for name in ExportFile.objects.filter(tenant_id=tenant_id).values_list("name", flat=True):
        if name:
            export_archive.remove(name)


def _people(closure: Closure, at: datetime) -> int:
    """One person leaves; whoever works nowhere else is erased. One at a time, for each is much."""
    rows = Membership.objects.select_for_update(of=("self",)).order_by("id")
    membership = rows.first()
    if membership is None:
        return 0
    user_id = membership.user_id
    Membership.objects.filter(pk=membership.pk).delete()
    _count(closure, Membership._meta.db_table, Retention.ACC, DELETE, 1)
    user = User.objects.get(pk=user_id)
    if goes_along(user) and not selectors.memberships_of(user_id):
        receipt = erasing.erase(Subject(SubjectKind.USER, user_id=user_id), at=at, actor=ACTOR)
        if not receipt.is_stopped:
            _count(closure, User._meta.db_table, Retention.ACC, ANONYMISE, 1)
    return 1


def goes_along(user: User) -> bool:
    """Whether somebody who works nowhere else goes with the business: also who is locked out."""
    return not (user.is_staff or tombstones.is_tombstone(user))


def _drafts(closure: Closure, at: datetime) -> int:
    """What was never issued is no tax record."""
    drafts = list(Invoice.objects.filter(state=State.DRAFT).order_by("id")[:BATCH])
    ids = [draft.pk for draft in drafts]
    copies = sum(printing.forget_drafts(draft) for draft in drafts)
    _count(closure, InvoicePdf._meta.db_table, Retention.ACC, DELETE, copies)
    for model in (InvoicePdf, InvoiceLine, AdvanceUse):
        gone, _each = model.objects.filter(invoice_id__in=ids).delete()
        _count(closure, model._meta.db_table, Retention.ACC, DELETE, gone)
    Invoice.objects.filter(pk__in=ids).delete()
    _count(closure, Invoice._meta.db_table, Retention.ACC, DELETE, len(ids))
    return len(ids)


def _name(closure: Closure, at: datetime) -> int:
    """The business keeps a number in the place of its name."""
    unnamed = f"Closed account {closure.pk.hex[-8:]}"
    changed = Tenant.objects.exclude(name=unnamed).update(name=unnamed)
    _count(closure, Tenant._meta.db_table, Retention.ACC, ANONYMISE, changed)
    return changed


def _count(closure: Closure, table: str, retention: Retention, deed: str, count: int) -> None:
    if not count:
        return
    place = {"closure": closure, "table": table, "deed": deed}
    ClosureCount.objects.get_or_create(**place, defaults={"retention": retention})
    ClosureCount.objects.filter(**place).update(count=F("count") + count)


def left(tenant_id: UUID) -> dict[str, int]:
    """What should be gone and is not, by table: nothing at all, when the work is done."""
    found = {}
    with tenancy.in_tenant(tenant_id), transaction.atomic():
        for each in closed_tables.taken():
            found[each.table] = closed_tables.to_do(each, tenant_id)
        found["accounts_membership"] = Membership.objects.count()
        found["invoices_invoice drafts"] = Invoice.objects.filter(state=State.DRAFT).count()
    return {table: count for table, count in found.items() if count}
