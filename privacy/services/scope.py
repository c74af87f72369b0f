"""What a breach touched: from the access, staff and API logs to businesses, tables, persons, days.

Where a log cannot say, the answer is the larger one: a list that was opened counts as all of it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final
from uuid import UUID

from django.apps import apps
from django.db import models, transaction
from django.db.models import Count, Max, Min, Q
from django.utils.translation import gettext as _

from accounts import staff, tenancy
from accounts.enums import Desk, StaffAction
from accounts.models import AccessLog, Membership, StaffLook, User
from invoices.models import Buyer
from privacy.models import BreachCase, BreachScope
from privacy.services import breach_steps, breaches, export_rows
from privacy.subjects import SubjectKind
from smartinvoicing.errors import RuleViolation, StateConflict

SHOWN: Final = 500  # lines of one answer

# Which tables an address reaches, the longest beginning first. An address of ours that is not here
# is taken to reach every table of its app: `tables_of`.
REACHES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "accounts:members": ("accounts_membership", "accounts_user", "accounts_invitation"),
        "accounts:invit": ("accounts_invitation",),
        "accounts:profile": ("accounts_user",),
        "accounts:business": ("accounts_legalentity", "accounts_tenant"),
        "accounts:audit": ("accounts_auditevent", "accounts_auditprivate"),
        "accounts:api_keys": ("accounts_apikey",),
        "account_": ("accounts_user",),
        "mfa_": ("accounts_user", "mfa_authenticator"),
        "usersessions_": ("usersessions_usersession",),
        "invoices:buyer": ("invoices_buyer",),
        "invoices:product": ("invoices_product",),
        "invoices:hs_": ("invoices_hscode",),
        "invoices:closings": ("invoices_closing",),
        "invoices:": ("invoices_invoice", "invoices_invoiceline", "invoices_buyer"),
        "admin:": ("accounts_user",),
        "admin:privacy_disclosure": ("privacy_disclosure", "invoices_invoice", "invoices_buyer"),
        "admin:privacy_subjectrequest": ("accounts_user", "privacy_subjectrequest"),
        "admin:privacy_ticket": ("privacy_ticket", "privacy_ticketmessage"),
        "api": ("invoices_invoice", "invoices_invoiceline", "invoices_buyer", "invoices_product"),
        "api:invoice": ("invoices_invoice", "invoices_invoiceline"),
        "api:tills": ("invoices_till",),
        "api-buyers": ("invoices_buyer",),
        "api-products": ("invoices_product",),
        "api-reference": ("invoices_hscode",),
        "fbr:tokens": ("fbr_credential",),
        "fbr:buyer": ("invoices_buyer", "invoices_buyercheck"),
        "fbr:till": ("invoices_till", "fbr_credential"),
        "fbr:incident": ("fbr_incident",),
        "privacy:business_request": ("invoices_buyer", "privacy_subjectrequest"),
        "privacy:desk": ("accounts_tenant",),
        "privacy:desk_customer": ("invoices_buyer",),
        "privacy:desk_document": ("invoices_invoice", "invoices_invoiceline"),
        "privacy:export_file": ("accounts_user", "privacy_exportfile"),
        "privacy:mine": ("accounts_user", "privacy_subjectrequest"),
        "privacy:ticket": ("privacy_ticket", "privacy_ticketmessage"),
        "privacy:why_buyer": ("invoices_buyer",),
        "privacy:why_invoice": ("invoices_invoice",),
        "privacy:why_me": ("accounts_user",),
    }
)
# What hands out all of a business at once, whichever row its address names.
WHOLE: Final = frozenset({"privacy:business_export_file"})
# Tables that hold a business's customers, one row a person or with their particulars.
PERSONS_IN: Final = frozenset({"invoices_buyer", "invoices_invoice", "invoices_buyercheck"})


@dataclass(frozen=True, kw_only=True)
class Question:
    """From when to when; and, where it is known, who came, with what, from where, to whom."""

    since: datetime
    until: datetime
    users: tuple[UUID, ...] = ()
    keys: tuple[UUID, ...] = ()
    tenants: tuple[UUID, ...] = ()
    network: str = ""

    def as_dict(self) -> dict[str, Any]:
        given = asdict(self)
        for name in ("users", "keys", "tenants"):
            given[name] = [str(each) for each in given[name]]
        return given | {"since": self.since.isoformat(), "until": self.until.isoformat()}


@dataclass(kw_only=True)
class Touched:
    """One business and table. objects: rows that an address named; lists: requests for many."""

    tenant: str
    table: str
    requests: int = 0
    objects: int = 0
    lists: int = 0
    first: str = ""
    last: str = ""
    routes: list[str] = field(default_factory=list)
    by: list[str] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Found:
    """All of an answer, as it is shown and frozen."""

    rows: list[dict[str, Any]]
    tenants: list[str]
    persons: list[str]
    subjects_low: int
    subjects_high: int
    requests: int
    addresses: int
    is_cut: bool

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def ask(question: Question) -> Found:
    """What the logs say. It reads only.

    Raises: RuleViolation when the time runs backwards.
    """
    if question.until <= question.since:
        raise RuleViolation(_("The end lies before the beginning."))
    touched: dict[tuple[str, str], Touched] = {}
    entries = _entries(question)
    for line in _grouped(entries):
        _enter(touched, line, by="access log" if line["key_id"] is None else "API log")
    for line in _looks(question):
        _enter(touched, line, by="staff log")
    rows = sorted(touched.values(), key=lambda row: (row.tenant, row.table))
    tenants = sorted({row.tenant for row in rows if row.tenant})
    low, high, persons = _persons(rows, tenants, entries, who_came=question.users)
    return Found(
        rows=[asdict(row) for row in rows[:SHOWN]],
        tenants=tenants,
        persons=persons,
        subjects_low=low,
        subjects_high=high,
        requests=entries.count(),
        addresses=entries.exclude(address=None).values("address").distinct().count(),
        is_cut=len(rows) > SHOWN,
    )


def _entries(question: Question) -> models.QuerySet[AccessLog]:
    """Answered requests of the question; what was refused touched nothing."""
    found = AccessLog.objects.filter(
        at__gte=question.since, at__lt=question.until, status__lt=400
    ).exclude(route="-")
    who = Q()
    if question.users:
        who |= Q(user_id__in=question.users)
    if question.keys:
        who |= Q(key_id__in=question.keys)
    found = found.filter(who)
    if question.tenants:
        found = found.filter(tenant_id__in=question.tenants)
    if question.network:
        # Django has no lookup for networks.
        found = found.extra(where=["address <<= %s::inet"], params=[question.network])
    return found


def _grouped(entries: models.QuerySet[AccessLog]) -> Iterable[Mapping[str, Any]]:
    lines: Any = (
        entries.values("tenant_id", "route", "key_id")
        .annotate(
            requests=Count("id"),
            named=Count("object_id", distinct=True),
            lists=Count("id", filter=Q(object_id=None)),
            first=Min("at"),
            last=Max("at"),
        )
        .order_by("tenant_id", "route", "key_id")
    )
    yield from lines


def _looks(question: Question) -> Iterable[dict[str, Any]]:
    """What people of ours were shown of businesses."""
    looks = StaffLook.objects.filter(at__gte=question.since, at__lt=question.until)
    if question.users:
        looks = looks.filter(who__in=[f"staff:{each}" for each in question.users])
    elif question.keys or question.network:
        return []
    if question.tenants:
        looks = looks.filter(tenant_id__in=question.tenants)
    return [
        {
            "tenant_id": look.tenant_id,
            "route": look.page,
            "tables": _tables_of_type(look.object_type),
            "requests": 1,
            "named": max(len(look.objects_shown), 1 if look.object_id else 0),
            "lists": int(not look.object_id and not look.objects_shown),
            "first": look.at,
            "last": look.at,
        }
        for look in looks.order_by("at")
    ]


def _tables_of_type(object_type: str) -> tuple[str, ...]:
    tables = {model._meta.model_name: model._meta.db_table for model in apps.get_models()}
    return (tables.get(object_type, "invoices_invoice"),)


def tables_of(route: str) -> tuple[str, ...]:
    """The tables that an address reaches; all of its app where nobody wrote down which."""
    if route in WHOLE:
        return tuple(each.model._meta.db_table for each in export_rows.sources(SubjectKind.TENANT))
    known = [name for name in REACHES if route.startswith(name)]
    if known:
        return REACHES[max(known, key=len)]
    label = route.partition(":")[0]
    if not apps.is_installed(label):
        return ()
    return tuple(sorted(model._meta.db_table for model in apps.get_app_config(label).get_models()))


def _enter(touched: dict[tuple[str, str], Touched], line: Mapping[str, Any], *, by: str) -> None:
    tenant = str(line["tenant_id"] or "")
    is_whole = line["route"] in WHOLE
    for table in line.get("tables") or tables_of(line["route"]):
        row = touched.setdefault((tenant, table), Touched(tenant=tenant, table=table))
        first, last = line["first"].isoformat(), line["last"].isoformat()
        row.requests += line["requests"]
        row.objects += 0 if is_whole else line["named"]
        row.lists += line["requests"] if is_whole else line["lists"]
        row.first = min(row.first or first, first)
        row.last = max(row.last, last)
        row.routes = sorted({*row.routes, line["route"]})
        row.by = sorted({*row.by, by})


def _persons(
    rows: list[Touched],
    tenants: list[str],
    entries: models.QuerySet[AccessLog],
    *,
    who_came: Iterable[UUID],
) -> tuple[int, int, list[str]]:
    """At least, at most, and the ids of our users among them; whoever came is none of them.

    Whose account another used is found by that other's network.
    """
    low = high = 0
    users: set[UUID] = set()
    for tenant in tenants:
        mine = [row for row in rows if row.tenant == tenant]
        reached = [row for row in mine if row.table in PERSONS_IN]
        with tenancy.in_tenant(UUID(tenant)), transaction.atomic():
            if reached:
                low += max(row.objects for row in reached)
                all_of_them = any(row.lists for row in reached)
                high += Buyer.objects.count() if all_of_them else sum(r.objects for r in reached)
            if any(row.table in {"accounts_user", "accounts_membership"} for row in mine):
                users |= set(Membership.objects.values_list("user_id", flat=True))
    own = entries.filter(tenant_id=None).exclude(user_id=None).values_list("user_id", flat=True)
    users |= {each for each in own.distinct()[:SHOWN] if each is not None}
    users -= set(who_came)
    return low + len(users), max(high, low) + len(users), sorted(str(each) for each in users)


@transaction.atomic
def freeze(*, case: BreachCase, question: Question, by: User, at: datetime) -> BreachScope:
    """Ask once more and keep question and answer in the case, with their digest; the businesses
    that were found are taken into it.

    Raises: NotAllowed; RuleViolation; StateConflict once it is closed.
    """
    staff.allow(by, Desk.WORK_BREACHES)
    if BreachCase.objects.select_for_update().get(pk=case.pk).closed_at is not None:
        raise StateConflict(_("This case is closed."))
    asked, found = question.as_dict(), ask(question).as_dict()
    frozen = BreachScope.objects.create(
        case=case,
        at=at,
        who=staff.name_of(by),
        asked=asked,
        found=found,
        digest=digest(asked, found),
    )
    staff.record(by, StaffAction.RUN, frozen, at=at, tenants=len(found["tenants"]))
    breaches.add_tenants(
        case=case, tenant_ids=[UUID(each) for each in found["tenants"]], by=by, at=at
    )
    breach_steps.settle(case, at=at)
    return frozen


def digest(asked: Mapping[str, Any], found: Mapping[str, Any]) -> str:
    """Of question and answer, in one order."""
    words = json.dumps({"asked": asked, "found": found}, sort_keys=True)
    return hashlib.sha256(words.encode()).hexdigest()


def is_whole(frozen: BreachScope) -> bool:
    """Whether question and answer are what they were when they were frozen."""
    return digest(frozen.asked, frozen.found) == frozen.digest
