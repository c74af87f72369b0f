"""The search that proves a closing: each table is counted, then all are searched for what went."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import transaction
from django.utils.dateparse import parse_datetime

from accounts import selectors, tenancy
from accounts.models import LegalEntity, Membership
from invoices.models import Buyer
from privacy import scanning
from privacy.models import Closure, ClosureStep
from privacy.services import closing, leftovers, person_tables, tenant_purge
from privacy.services.leftovers import Sought

STEP: Final = "check"
EVERY: Final = timedelta(days=1)  # all rows of all tables are looked at: that is much
MOST_WORDS: Final = 100

Words = Mapping[str, list[str]]


def words_of(tenant_id: UUID) -> dict[str, list[str]]:
    """What nobody should find afterwards: of people that work nowhere else, of customers."""
    people: list[str] = []
    with tenancy.in_tenant(tenant_id), transaction.atomic():
        for membership in Membership.objects.select_related("user").order_by("id")[:MOST_WORDS]:
            alone = len(selectors.memberships_of(membership.user_id)) == 1
            if alone and tenant_purge.goes_along(membership.user):
                people += person_tables.addresses_of(membership.user)
        customers = list(LegalEntity.objects.values_list("phone", flat=True))
        for buyer in Buyer.objects.order_by("id").only("email", "phone")[:MOST_WORDS]:
            customers += [buyer.email, buyer.phone]
    return {
        "people": sorted(leftovers.words_of(people)),
        "customers": sorted(leftovers.words_of(customers)),
    }


def sought(tenant_id: UUID, words: Words) -> list[Sought]:
    """Of people nothing may be left anywhere; of customers nothing that is of this business."""
    ours = frozenset({tenant_id})
    return [
        Sought(words=frozenset(words.get("people", [])), tenant_ids=ours, anywhere=True),
        Sought(words=frozenset(words.get("customers", [])), tenant_ids=ours),
    ]


def is_due(closure: Closure, *, at: datetime) -> bool:
    """Not again on the day on which it found something."""
    facts = ClosureStep.objects.get(closure=closure, step=STEP).facts
    last = parse_datetime(facts.get("searched_at", ""))
    return last is None or at >= last + EVERY


def check(closure: Closure, *, at: datetime) -> list[str]:
    """Where something of the business is left: tables and stores, with how much."""
    counted = tenant_purge.left(closure.tenant_id)
    left = [f"{table} ({count})" for table, count in counted.items()] or _by_word(closure)
    if left:
        facts = {"searched_at": at.isoformat(), "found": left}
        ClosureStep.objects.filter(closure=closure, step=STEP).update(facts=facts)
    return left


def _by_word(closure: Closure) -> list[str]:
    wanted = sought(closure.tenant_id, closing.opened(closure))
    if not any(each.words for each in wanted):
        return []
    folders = leftovers.folders_of(closure.tenant_id)
    with scanning.sight() as cursor:
        return leftovers.left(wanted, folders=folders, cursor=cursor)
