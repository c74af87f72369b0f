"""Kill -9 at each step, restart, drain, compare with the fake FBR's ledger (contract, 3.1)."""

from __future__ import annotations

import random
import signal
import time

import pytest
import redis
from django.conf import settings
from django.db import transaction

from accounts import tenancy
from fbr import tasks
from fbr.models import Attempt, Outbox
from fbr.models.work import WorkState
from invoices import lifecycle
from invoices.enums import State
from invoices.models import Invoice
from smartinvoicing import clock
from tests import factories
from tests.chaos import rig

pytestmark = [pytest.mark.workers, pytest.mark.django_db(transaction=True)]

ISSUE_AND_DIE = """
import os, signal, uuid
from django.db import transaction
from accounts import tenancy
from tests import factories
with tenancy.in_tenant(uuid.UUID({tenant!r})), transaction.atomic():
    factories.make_issued()
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize(
    ("killed", "state", "posts"),
    [
        ("after_T1", State.ACCEPTED, 1),
        ("after_T2", State.UNCERTAIN, 0),
        ("after_T3", State.UNCERTAIN, 1),
        ("after_T4", State.ACCEPTED, 1),
        ("after_T5", State.ACCEPTED, 1),
    ],
)
def test_a_worker_killed_between_two_steps_reports_at_most_once(
    fake_fbr, start_worker, start_process, killed, state, posts
):
    tenant = rig.reporting_tenant(fake_fbr)
    [invoice_id] = rig.issue(tenant)
    doomed = start_worker("reporting", env=rig.env_of(fake_fbr, CRASHPOINT=killed))
    tasks.ring()
    assert doomed.wait() == -signal.SIGKILL

    start_worker("reporting", env=rig.env_of(fake_fbr))
    start_process("fbr_dispatch", env=rig.env_of(fake_fbr))

    assert rig.wait_settled([tenant]) == {invoice_id: state}
    assert fake_fbr.summary()["by_kind"].get("record", 0) == posts
    rig.assert_ledger_agrees(fake_fbr, [tenant])


def test_a_worker_killed_while_fbr_thinks_leaves_an_uncertain_document(
    fake_fbr, start_worker, start_process
):
    tenant = rig.reporting_tenant(fake_fbr)
    [invoice_id] = rig.issue(tenant)
    fake_fbr.set_latency(1500)
    doomed = start_worker("reporting", env=rig.env_of(fake_fbr))
    tasks.ring()
    rig.wait_until(lambda: len(fake_fbr.ledger()["recorded"]) == 1)
    doomed.kill()

    fake_fbr.set_latency(0)
    start_worker("reporting", env=rig.env_of(fake_fbr))
    start_process("fbr_dispatch", env=rig.env_of(fake_fbr))

    assert rig.wait_settled([tenant]) == {invoice_id: State.UNCERTAIN}
    assert fake_fbr.summary()["by_kind"]["record"] == 1


def test_an_issue_killed_before_its_commit_leaves_nothing(fake_fbr, start_process):
    tenant = rig.reporting_tenant(fake_fbr)
    code = ISSUE_AND_DIE.format(tenant=str(tenant.pk))

    assert start_process("shell", "-c", code, env=rig.env_of(fake_fbr)).wait() == -signal.SIGKILL

    assert rig.states([tenant]) == {}
    rig.issue(tenant)
    with tenancy.in_tenant(tenant.pk), transaction.atomic():
        assert Invoice.objects.get().number == "INV-2026-000001"


def test_a_lost_doorbell_is_harmless(fake_fbr, start_worker, start_process):
    tenant = rig.reporting_tenant(fake_fbr)
    [invoice_id] = rig.issue(tenant)

    start_worker("reporting", env=rig.env_of(fake_fbr))
    start_process("fbr_dispatch", env=rig.env_of(fake_fbr))

    assert rig.wait_settled([tenant], seconds=15) == {invoice_id: State.ACCEPTED}
    assert fake_fbr.summary()["by_kind"]["record"] == 1


def test_without_any_broker_the_dispatcher_reports_by_itself(fake_fbr, start_process):
    tenant = rig.reporting_tenant(fake_fbr)
    invoice_ids = rig.issue(tenant, 5)
    away = {"REDIS_URL": "redis://127.0.0.1:9/0"}

    start_process("fbr_dispatch", env=rig.env_of(fake_fbr, **away))

    assert set(rig.wait_settled([tenant]).values()) == {State.ACCEPTED}
    assert len(fake_fbr.ledger()["recorded"]) == len(invoice_ids)
    rig.assert_ledger_agrees(fake_fbr, [tenant])


def test_a_worker_stopped_past_its_lease_overwrites_nothing(fake_fbr, start_worker, start_process):
    tenant = rig.reporting_tenant(fake_fbr)
    [invoice_id] = rig.issue(tenant)
    fake_fbr.set_latency(600)
    sleeper = start_worker("reporting", env=rig.env_of(fake_fbr))
    tasks.ring()
    rig.wait_until(lambda: len(fake_fbr.ledger()["recorded"]) == 1)
    sleeper.signal(signal.SIGSTOP)
    start_process("fbr_dispatch", env=rig.env_of(fake_fbr))
    assert rig.wait_settled([tenant]) == {invoice_id: State.UNCERTAIN}

    sleeper.signal(signal.SIGCONT)

    def late_answer() -> bool:
        with tenancy.in_tenant(tenant.pk), transaction.atomic():
            return Attempt.objects.get().answered_at is not None

    rig.wait_until(late_answer, what="the late answer is kept as evidence")
    time.sleep(0.3)
    assert rig.states([tenant]) == {invoice_id: State.UNCERTAIN}
    assert fake_fbr.summary()["by_kind"]["record"] == 1


def _sabotaged_sweep(tenant):
    """What must never be: a document goes back to the queue because time passed."""
    with tenancy.in_tenant(tenant.pk), transaction.atomic():
        for work in Outbox.objects.filter(state=WorkState.SENDING):
            invoice = Invoice.objects.get(pk=work.invoice_id)
            lifecycle.transition(
                invoice, State.QUEUED, actor=factories.SYSTEM, at=clock.database_now()
            )
            Attempt.objects.filter(work=work).update(finished_at=clock.database_now())
            Outbox.objects.filter(pk=work.pk).update(state=WorkState.WAITING, lease_until=None)


def test_twin_with_a_sweep_that_sends_again_the_ledger_shows_a_double_report(
    fake_fbr, start_worker
):
    tenant = rig.reporting_tenant(fake_fbr)
    rig.issue(tenant)
    doomed = start_worker("reporting", env=rig.env_of(fake_fbr, CRASHPOINT="after_T3"))
    tasks.ring()
    doomed.wait()

    _sabotaged_sweep(tenant)
    start_worker("reporting", env=rig.env_of(fake_fbr))
    tasks.ring()
    rig.wait_settled([tenant])

    with pytest.raises(AssertionError, match="reported twice"):
        rig.assert_ledger_agrees(fake_fbr, [tenant])


FAULTS = [
    {"fault": "accept_then_reset", "count": None, "chance": 0.06},
    {"fault": "500", "count": None, "chance": 0.05, "recorded": True},
    {"fault": "503", "count": None, "chance": 0.05},
    {"fault": "html_200", "count": None, "chance": 0.05},
    {"fault": "429", "count": None, "chance": 0.05, "retry_after": 1},
    {"fault": "half_json", "count": None, "chance": 0.05},
]


@pytest.mark.parametrize("round_", range(3))
def test_random_kills_faults_and_a_wiped_broker_never_report_twice(
    fake_fbr, start_worker, start_process, round_
):
    seed = random.SystemRandom().randrange(10**6)
    print(f"seed {seed}")  # noqa: T201 -- shown when the test fails
    dice = random.Random(seed)
    tenants = [rig.reporting_tenant(fake_fbr, number) for number in range(3)]
    for tenant in tenants:
        rig.issue(tenant, 8)
    fake_fbr.script(FAULTS)
    fake_fbr.set_latency(40)
    environment = rig.env_of(fake_fbr, FBR_LEASE_S="5")
    start_process("fbr_dispatch", env=environment)
    workers = [start_worker("reporting", env=environment) for _ in range(2)]

    for _ in range(5):
        time.sleep(dice.uniform(0.05, 0.6))
        victim = dice.randrange(len(workers))
        workers[victim].kill()
        if dice.random() < 0.4:
            redis.Redis.from_url(settings.REDIS_URL).flushdb()
        workers[victim] = start_worker("reporting", env=environment)

    fake_fbr.script([])
    rig.wait_settled(tenants, seconds=60)
    rig.assert_ledger_agrees(fake_fbr, tenants)
