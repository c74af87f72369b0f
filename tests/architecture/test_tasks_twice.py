"""Every Celery task may come twice: a second run with the same words changes nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import transaction

from accounts import tenancy
from accounts.enums import Role, StaffRole
from accounts.models import IdempotencyKey, Tenant
from fbr.services import buyer_checks, cancelling, reference
from invoices.enums import State
from invoices.models import Invoice
from smartinvoicing import clock
from smartinvoicing.celery import app
from tests import factories
from tests.factories import SYSTEM

pytestmark = pytest.mark.django_db(transaction=True)

TOKEN = "token-of-business-0000"
SELLER = "7200000"

# A second run may say that it ran: when, and nothing else.
SAYS_WHEN = {
    "accounts_heartbeat": {"at"},
    "accounts_auditcheck": {"checked_at"},
    "fbr_reach": {"checked_at"},
    "fbr_breaker": {"last_good_at"},
}


@dataclass
class House:
    """A business in the middle of its work, at the end of a fake FBR's line."""

    tenant_id: UUID
    queued: UUID
    accepted: UUID
    cancel_request: UUID
    rows: Callable[[], dict[str, list[str]]]

    def inside(self, deed: Callable[[], Any]) -> Any:
        with tenancy.in_tenant(self.tenant_id), transaction.atomic():
            return deed()

    def run_id(self) -> str:
        return str(self.inside(lambda: reference.begin(actor=SYSTEM, at=clock.now())).pk)


@pytest.fixture
def house(fake_fbr, settings, tmp_path, laid_database, monkeypatch):
    app.loader.import_default_modules()
    for paced in (reference, buyer_checks):
        monkeypatch.setattr(paced, "PER_S", 1e9)
    settings.FBR_DI_URL = fake_fbr.url
    settings.SPOOL_DIR = tmp_path
    settings.AUDIT_ANCHOR_DIR = str(tmp_path / "anchors")
    fake_fbr.add_tokens([{"token": TOKEN, "seller": SELLER, "environment": "sandbox"}])
    tenant_id = factories.make_reporting_tenant(0, token=TOKEN, ntn_cnic=SELLER)
    factories.make_member(Tenant(pk=tenant_id), Role.OWNER)
    with tenancy.in_tenant(tenant_id), transaction.atomic():
        accepted = factories.make_issued()
        factories.accept(accepted)
        cancelled = factories.make_issued()
        factories.accept(cancelled)
        request = cancelling.ask(
            invoice=Invoice.objects.get(pk=cancelled.pk),
            reason="Goods came back",
            actor=SYSTEM,
            at=factories.AT,
        )
        queued = factories.make_issued()
        factories.make_buyer(name="A customer", ntn_cnic="2046004")
    return House(tenant_id, queued.pk, accepted.pk, request.pk, lambda: _rows(laid_database.cursor))


def _rows(cursor_of: Callable[[], Any]) -> dict[str, list[str]]:
    """Every row of every table as a superuser sees it, without what may differ."""
    found = {}
    with cursor_of() as cursor:
        cursor.execute(
            "SELECT c.relname FROM pg_class c WHERE c.relkind = 'r'"
            " AND c.relnamespace = 'public'::regnamespace"
        )
        for (table,) in cursor.fetchall():
            cursor.execute(f"SELECT to_jsonb(t) FROM {table} t")
            left_out = SAYS_WHEN.get(table, set())
            rows = [{k: v for k, v in row.items() if k not in left_out} for (row,) in cursor]
            found[table] = sorted(json.dumps(row, sort_keys=True) for row in rows)
    return found


Words = Callable[[House], dict[str, Any]]

# name: the words it is rung with
TASKS: dict[str, Words] = {
    "privacy.send_notices": lambda house: {},
    "privacy.watch_policies": lambda house: {},
    "privacy.prove_promises": lambda house: {},
    "privacy.sound_alarms": lambda house: {},
    "privacy.look_up_requests": lambda house: {},
    "privacy.build_exports": lambda house: {},
    "privacy.forget_exports": lambda house: {},
    "privacy.read_mailbox": lambda house: {},
    "privacy.watch_staff": lambda house: {},
    "privacy.compare_map": lambda house: {},
    "privacy.detect": lambda house: {},
    "privacy.look_for_unused": lambda house: {},
    "privacy.first_look": lambda house: {},
    "privacy.purge": lambda house: {},
    "privacy.plan_purge": lambda house: {
        "kind": "tax",
        "user_id": str(factories.make_staff(StaffRole.PRIVACY_OFFICER).pk),
        "plan_id": "01940000-0000-7000-8000-000000000001",
    },
    "privacy.sweep_files": lambda house: {},
    "privacy.forget_usage": lambda house: {},
    "privacy.close_accounts": lambda house: {},
    "privacy.go_on_erasing": lambda house: {},
    "accounts.deliver_mail": lambda house: {},
    "accounts.heartbeat": lambda house: {},
    "accounts.keep_access_log": lambda house: {},
    "privacy.follow_breach_mail": lambda house: {},
    "accounts.forget_replays": lambda house: {},
    "accounts.anchor_audit": lambda house: {},
    "accounts.sign_anchors": lambda house: {},
    "accounts.verify_audit": lambda house: {},
    "invoices.print": lambda house: {
        "tenant_id": str(house.tenant_id),
        "invoice_id": str(house.accepted),
    },
    "invoices.print_all": lambda house: {
        "copies": [[str(house.tenant_id), str(house.accepted)]],
    },
    "invoices.sign_due": lambda house: {},
    "invoices.verify_signatures": lambda house: {},
    "invoices.close_periods": lambda house: {},
    "fbr.dispatch": lambda house: {},
    "fbr.sweep": lambda house: {},
    "fbr.sync_reference": lambda house: {},
    "fbr.refresh_lists": lambda house: {
        "tenant_id": str(house.tenant_id),
        "run_id": house.run_id(),
    },
    "fbr.fetch_units": lambda house: {
        "tenant_id": str(house.tenant_id),
        "hs_code": "5205.1100",
    },
    "fbr.begin_walks": lambda house: {},
    "fbr.check_buyers": lambda house: {},
    "fbr.look_for_outages": lambda house: {},
    "fbr.look_for_incidents": lambda house: {},
    "fbr.check_integrity": lambda house: {},
    "fbr.check_invariants": lambda house: {},
    "fbr.call_cancel": lambda house: {
        "tenant_id": str(house.tenant_id),
        "request_id": str(house.cancel_request),
    },
    "fbr.watch_cancellations": lambda house: {},
}


def ours() -> set[str]:
    app.loader.import_default_modules()
    floors = {"accounts", "invoices", "fbr", "privacy"}
    return {name for name in app.tasks if name.split(".")[0] in floors}


def test_every_task_is_run_twice_here():
    assert ours() == set(TASKS)


def test_every_job_of_the_timetable_is_a_task():
    assert {each["task"] for each in app.conf.beat_schedule.values()} <= ours()


@pytest.fixture
def silent(monkeypatch):
    """What a task rings for is not run here: it has a row of its own in the table."""
    rung = []
    monkeypatch.setattr(app, "send_task", lambda name, *args, **words: rung.append(name))
    return rung


def run(name: str, words: dict[str, Any]) -> None:
    app.tasks[name].apply(kwargs=words, throw=True)


@pytest.mark.parametrize("name", TASKS)
def test_a_second_run_changes_nothing(house, silent, name, monkeypatch):
    at = clock.now()
    monkeypatch.setattr(clock, "now", lambda: at)  # the hour, or the day, may end in between
    words = TASKS[name](house)
    run(name, words)
    while name in silent:  # it goes on in another message: that is the same run
        silent.clear()
        run(name, words)
    first = house.rows()

    run(name, words)

    second = house.rows()
    changed = {table for table in first if first[table] != second[table]}
    assert changed == set()


def test_twin_a_task_without_memory_is_found(house, silent):
    """One that writes each time it comes."""
    first = house.rows()
    with tenancy.in_tenant(house.tenant_id), transaction.atomic():
        factories.make_buyer(name="Once more")

    assert house.rows() != first


def test_the_first_run_did_something(house, silent):
    """Else two runs that do nothing would prove nothing."""
    before = house.rows()

    run("fbr.dispatch", {})
    run("fbr.begin_walks", {})
    run("invoices.print", TASKS["invoices.print"](house))

    after = house.rows()
    changed = {table for table in before if before[table] != after[table]}
    assert {"fbr_attempt", "fbr_buyercheckrun", "invoices_invoicepdf"} <= changed
    assert house.inside(lambda: Invoice.objects.get(pk=house.queued).state) == State.ACCEPTED


# --- R25: beat was off for three days -----------------------------------------------------------


def test_a_walk_that_was_missed_begins_once(house, silent, monkeypatch):
    """A job chooses by what is due, not by the tick that was to bring it."""
    run("fbr.begin_walks", {})
    buyers = house.inside(lambda: buyer_checks.last_walk().total)
    house.inside(lambda: _finish_walks(clock.now()))
    real = clock.now
    monkeypatch.setattr(clock, "now", lambda: real() + timedelta(days=10))

    for _ in range(3):  # beat is back and rings for each hour it was away
        run("fbr.begin_walks", {})

    walks = house.rows()["fbr_buyercheckrun"]
    assert buyers == 1
    assert len(walks) == 2


def _finish_walks(at: Any) -> None:
    walk = buyer_checks.last_walk()
    type(walk).objects.filter(pk=walk.pk).update(ended_at=at)


def test_lists_that_were_missed_are_read_once(house, silent, monkeypatch):
    run("fbr.sync_reference", {})
    real = clock.now
    monkeypatch.setattr(clock, "now", lambda: real() + timedelta(days=3))

    for _ in range(3):
        run("fbr.sync_reference", {})

    assert len(house.rows()["invoices_referencerun"]) == 2
    assert silent.count("fbr.refresh_lists") == 2


def test_replays_that_were_kept_too_long_go_at_once(house, silent):
    with tenancy.in_tenant(house.tenant_id), transaction.atomic():
        for age in (6, 8, 10):
            IdempotencyKey(
                key=f"of {age} days",
                body_hash="x" * 64,
                status=201,
                answer={},
                at=clock.now() - timedelta(days=age),
            ).save(force_insert=True)

    run("accounts.forget_replays", {})

    assert len(house.rows()["accounts_idempotencykey"]) == 1
