"""A large account is closed: how fast it empties, and what its neighbours feel of it.

`python -m bench closing`; BENCH_DOCUMENTS sets how many accepted documents it has. The closing
runs in this process, as it does in the worker of purges; the neighbour's page comes from a web
server of its own, asked by a third process.
"""

from __future__ import annotations

import contextlib
import http.client
import multiprocessing
import os
import statistics
import time
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import psycopg2
from django.conf import settings
from django.core.files.storage import default_storage
from django.db import transaction
from django.test import Client
from django.urls import reverse

from accounts import tenancy
from accounts.access import Actor
from accounts.enums import Province, Role
from accounts.models import Membership, Tenant, User
from bench import bulk, data, rig
from invoices.content import Party
from invoices.enums import BuyerKind, Withholding
from invoices.models import Buyer
from invoices.services import catalogue, printing
from privacy import tasks
from privacy.models import Closure, ClosureState, Erasure
from privacy.services import closed_tables, closing, closing_engine, tenant_purge
from privacy.subjects import SubjectKind
from smartinvoicing import clock

DOCUMENTS: Final = int(os.environ.get("BENCH_DOCUMENTS", "100000"))
DRAFTS: Final = DOCUMENTS // 20
FILES: Final = DOCUMENTS // 20  # of documents that stay; each draft has one too
PEOPLE: Final = 50
BUYERS: Final = 5_000  # every second one of them stands on documents
NEIGHBOUR: Final = 1_000
QUIET_S: Final = 10.0
PAUSE_S: Final = 0.05
LIMIT_S: Final = tasks.close_accounts.soft_time_limit

Looks = list[tuple[float, float]]


def measure(admin: str, key: str, tenant_id: UUID) -> None:
    """Lay it, close it, and look at another business's list before and meanwhile."""
    large, owner, _seller = data.lay_tenant(501)
    neighbour, watcher, _other = data.lay_tenant(502)
    _fill(admin, large)
    with bulk.unguarded(admin) as cursor:
        bulk.documents(cursor, data.lay_accepted(neighbour).pk, NEIGHBOUR - 1)
        bare = _bare(cursor, neighbour)
    at = clock.now()
    closure = _begun(large, owner, at)
    before = _rows(admin, large)
    with rig.web() as port, _looking(port, watcher) as looks:
        time.sleep(QUIET_S)
        began = time.monotonic()
        if not tenant_purge.run(closure, at=at, is_over=lambda: False):
            raise RuntimeError("something keeps it")
        emptied = time.monotonic()
        closing_engine.advance(closure, at=at)
        checked = time.monotonic()
    closure.refresh_from_db()
    gone = _refuse_unfinished(closure, large, before, _rows(admin, large))
    _say(gone, bare, (began, emptied, checked), looks)


def _say(gone: int, bare: float, when: tuple[float, float, float], looks: Looks) -> None:
    began, emptied, checked = when
    rate = gone / (emptied - began)
    rig.line(
        "closing_rows_per_s",
        rate,
        "rows/s",
        f"a bare DELETE, {bare:.0f} rows/s; {gone:,} rows, {PEOPLE + 1} people and"
        f" {DRAFTS:,} files gone in {emptied - began:.0f} s, {DOCUMENTS:,} documents kept",
        rate / bare,
    )
    rig.line(
        "closing_check_s",
        checked - emptied,
        "s",
        f"the {LIMIT_S} s that its task has; every table and {FILES:,} files searched",
        (checked - emptied) / LIMIT_S,
    )
    quiet = statistics.median(ms for at, ms in looks if began - QUIET_S / 2 < at < began)
    busy = statistics.median(ms for at, ms in looks if began < at < checked)
    rig.line(
        "closing_neighbour_ms",
        busy,
        "ms",
        f"a neighbour's list meanwhile, at p50; {quiet:.1f} ms before",
        busy / quiet,
    )


def _begun(tenant_id: UUID, owner: User, at: datetime) -> Closure:
    """Begun 46 days ago, its token gone and its ledger laid down: the next step deletes."""
    with tenancy.in_tenant(tenant_id), transaction.atomic():
        tenant = Tenant.objects.get()
        closure = closing.begin(
            tenant=tenant,
            typed_name=tenant.name,
            actor=Actor.person(owner.pk, Role.OWNER),
            at=at - timedelta(days=46),
        )
    closing_engine.advance(closure, at=at, is_over=lambda: True)
    closure.refresh_from_db()
    if closure.state != ClosureState.PURGING:
        raise RuntimeError(f"it is {closure.state}")
    return closure


# --- what has to be true ----------------------------------------------------------------------


def _rows(admin: str, tenant_id: UUID) -> dict[str, int]:
    """How many rows each table of the business holds, and how many files lie in its folder."""
    tables = {each.table for each in closed_tables.taken()} | {"accounts_membership"}
    tables |= {*bulk.DOCUMENT, "invoices_invoicepdf"}
    found = {}
    with psycopg2.connect(admin) as line, line.cursor() as cursor:
        for table in sorted(tables):
            asked = f"SELECT count(*) FROM {table} WHERE tenant_id = %s"
            found[table] = int(rig.rows_of(cursor, asked, [str(tenant_id)])[0][0])
    line.close()
    folder = Path(default_storage.path(str(tenant_id)))
    return found | {"files": sum(path.is_file() for path in folder.rglob("*"))}


def _refuse_unfinished(
    closure: Closure, tenant_id: UUID, before: dict[str, int], after: dict[str, int]
) -> int:
    """What day 45 has to show: a clean search, receipts that add up, documents untouched.

    What goes with a person stands in the receipt of that person.
    """
    if closure.state != ClosureState.PURGED or tenant_purge.left(tenant_id):
        raise RuntimeError(f"{closure.state}: {tenant_purge.left(tenant_id)}")
    told: Counter[str] = Counter()
    people = Erasure.objects.filter(subject_kind=SubjectKind.USER)
    for receipt in [closure.receipt, *people.values_list("receipt", flat=True)]:
        told.update({row["table"]: row["count"] for row in receipt if row["deed"] == "delete"})
    gone = {table: count - after[table] for table, count in before.items() if table != "files"}
    wrong = {table: (count, told[table]) for table, count in gone.items() if count != told[table]}
    if wrong:
        raise RuntimeError(f"gone, and told by the receipt: {wrong}")
    kept = {row["table"]: row["count"] for row in closure.receipt if row["deed"] == "hold"}
    if kept != {"invoices_invoice": DOCUMENTS} or after["invoices_invoice"] != DOCUMENTS:
        raise RuntimeError(f"kept: {kept}, there: {after['invoices_invoice']}")
    if (before["files"], after["files"]) != (DRAFTS + FILES, FILES):
        raise RuntimeError(f"{before['files']} files, then {after['files']}")
    return sum(gone.values())


# --- a neighbour ------------------------------------------------------------------------------


@contextlib.contextmanager
def _looking(port: int, user: User) -> Iterator[Looks]:
    """A person who opens the list again and again, from another process."""
    client = Client()
    client.force_login(user, backend=settings.AUTHENTICATION_BACKENDS[1])
    cookie = f"{settings.SESSION_COOKIE_NAME}={client.cookies[settings.SESSION_COOKIE_NAME].value}"
    fork = multiprocessing.get_context("fork")
    over = fork.Event()
    ours, theirs = fork.Pipe(duplex=False)
    asked = (port, reverse("invoices:list"), cookie, over, theirs)
    person = fork.Process(target=_look, args=asked, daemon=True)
    person.start()
    theirs.close()
    found: Looks = []
    try:
        yield found
    finally:
        over.set()
        found += ours.recv()
        person.join()


def _look(port: int, page: str, cookie: str, over: Any, into: Any) -> None:
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    found: Looks = []
    while not over.wait(PAUSE_S):
        began = time.monotonic()
        line.request("GET", page, headers={"Cookie": cookie})
        answer = line.getresponse()
        answer.read()
        if answer.status != 200:
            raise RuntimeError(f"HTTP {answer.status}")
        found.append((began, (time.monotonic() - began) * 1000))
    into.send(found)


# --- laying -----------------------------------------------------------------------------------


def _fill(admin: str, tenant_id: UUID) -> None:
    """A document, a draft, a customer and a clerk, copied; a part of the documents as files."""
    accepted, draft = data.lay_accepted(tenant_id), data.lay_draft(tenant_id)
    with tenancy.in_tenant(tenant_id):
        pdfs = [
            printing.render_and_keep(invoice_id=each.pk, at=data.AT) for each in (accepted, draft)
        ]
        with transaction.atomic():
            buyer = _buyer()
            for number in range(PEOPLE):
                user = User.objects.create_user(
                    f"clerk{number}@bench.example", None, name=f"Clerk Number {number}"
                )
                Membership(user=user, role=Role.OPERATOR, since=data.AT).save(force_insert=True)
    stands_on = f"md5('{buyer}' || (2 * mod(n, {BUYERS // 2}) + 1))::uuid"
    with bulk.unguarded(admin) as cursor:
        bulk.multiply(cursor, "invoices_buyer", BUYERS, where="id", of=buyer, **_NAMED)
        bulk.documents(cursor, accepted.pk, DOCUMENTS - 1, buyer_id=stands_on)
        bulk.documents(
            cursor, draft.pk, DRAFTS - 1, number="''", fbr_number="''", serial="NULL::integer"
        )
        for pdf, count in zip(pdfs, (FILES, DRAFTS), strict=True):
            bulk.files(cursor, pdf.pk, count - 1)
        event = _last_event(cursor, tenant_id)
        bulk.multiply(
            cursor, "accounts_auditevent", DOCUMENTS, where="id", of=event, id=bulk.key("id")
        )
        cursor.execute(_BESIDE, {"count": DOCUMENTS, "tenant": str(tenant_id), "event": str(event)})


def _last_event(cursor: Any, tenant_id: UUID) -> UUID:
    asked = "SELECT id FROM accounts_auditevent WHERE tenant_id = %s ORDER BY id DESC LIMIT 1"
    return UUID(str(rig.rows_of(cursor, asked, [str(tenant_id)])[0][0]))


def _buyer() -> UUID:
    party = Party(
        name="Customer",
        registration_type=BuyerKind.REGISTERED,
        ntn_cnic="2046004",
        province=Province.SINDH,
        address="Karachi",
    )
    return catalogue.save_buyer(
        buyer=Buyer(),
        party=party,
        phone="",
        email="",
        withholding=Withholding.NONE,
        actor=data.ACTOR,
        at=data.AT,
    ).pk


_NAMED: Final = {
    "id": bulk.key("id"),
    "name": "'Customer ' || n",
    "ntn_cnic": "lpad(n::text, 7, '0')",
    "phone": "'0300' || lpad(n::text, 7, '0')",
    "email": "'buyer' || n || '@bench.example'",
}
# Beside the events that `bulk.multiply` made of this one.
_BESIDE: Final = """
    INSERT INTO accounts_auditprivate (id, tenant_id, salt, facts)
    SELECT md5(%(event)s || n::text)::uuid, %(tenant)s, md5(n::text), '{"address": "203.0.113.9"}'
    FROM generate_series(1, %(count)s) n
"""


def _bare(cursor: Any, tenant_id: UUID) -> float:
    """Rows a second of one DELETE, of as many of the rows of which most go."""
    named = {"count": DOCUMENTS, "tenant": str(tenant_id), "event": str(tenant_id)}
    cursor.execute(_BESIDE, named)
    began = time.perf_counter()
    cursor.execute("DELETE FROM accounts_auditprivate WHERE tenant_id = %s", [str(tenant_id)])
    return int(cursor.rowcount) / (time.perf_counter() - began)
