"""Kill -9 at each step, restart, drain, compare with the fake FBR's ledger (contract, 3.1).

The database that dies is in `test_database_lost.py`, the web worker in `test_web_lost.py`, the host
that is lost to an earlier minute, as to a replica that lags, in `test_restore.py`.
"""

from __future__ import annotations

import signal
from concurrent.futures import ThreadPoolExecutor

import pytest
import redis
import requests
from django.conf import settings
from django.db import connection, transaction

from accounts import tenancy
from fbr import tasks
from fbr.models import Attempt, Evidence, Outbox
from fbr.models.work import WorkState
from fbr.services import letters, sending, settling, sweeping
from invoices import lifecycle
from invoices.enums import State
from invoices.models import Invoice
from smartinvoicing import clock
from tests import factories
from tests.chaos import rig
from tests.chaos.relay import Relay
from tests.fbr.pump_cast import SENDER, calm
from tests.fbr.test_api import BODY

pytestmark = [pytest.mark.workers, pytest.mark.django_db(transaction=True)]

ISSUE = """
import os, signal, uuid
from django.db import transaction
from accounts import tenancy
from fbr import tasks
from tests import factories
with tenancy.in_tenant(uuid.UUID({tenant!r})), transaction.atomic():
    transaction.on_commit(tasks.ring)
    factories.make_issued()
    {end}
"""
DIE = "os.kill(os.getpid(), signal.SIGKILL)"


def inside(tenant, work):
    with tenancy.in_tenant(tenant.pk), transaction.atomic():
        return work()


def posts(fake):
    return fake.summary()["by_kind"].get("record", 0)


# --- T0 -----------------------------------------------------------------------------------------


def test_an_issue_killed_before_its_commit_leaves_nothing(fake_fbr, start_process):
    tenant = rig.reporting_tenant(fake_fbr)
    code = ISSUE.format(tenant=str(tenant.pk), end=DIE)

    assert start_process("shell", "-c", code, env=rig.env_of(fake_fbr)).wait() == -signal.SIGKILL

    assert rig.states([tenant]) == {}
    rig.issue(tenant)
    assert inside(tenant, Invoice.objects.get).number == "INV-2026-000001"


def test_an_issue_killed_before_its_bell_is_found_by_the_dispatcher(
    fake_fbr, start_worker, start_process
):
    tenant = rig.reporting_tenant(fake_fbr)
    code = ISSUE.format(tenant=str(tenant.pk), end="")
    environment = rig.env_of(fake_fbr, CRASHPOINT="after_T0")
    start_worker("reporting", env=rig.env_of(fake_fbr))
    assert start_process("shell", "-c", code, env=environment).wait() == -signal.SIGKILL
    assert set(rig.states([tenant]).values()) == {State.QUEUED}

    start_process("fbr_dispatch", env=rig.env_of(fake_fbr))

    assert set(rig.wait_settled([tenant], seconds=60).values()) == {State.ACCEPTED}
    assert posts(fake_fbr) == 1
    rig.assert_ledger_agrees(fake_fbr, [tenant])


# --- T1 to T5 -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("killed", "state", "count"),
    [
        ("after_T1", State.ACCEPTED, 1),
        ("after_T2", State.UNCERTAIN, 0),
        ("after_T3", State.UNCERTAIN, 1),
        ("after_T4", State.ACCEPTED, 1),
        ("after_T5", State.ACCEPTED, 1),
    ],
)
def test_a_worker_killed_between_two_steps_reports_at_most_once(
    fake_fbr, start_worker, start_process, killed, state, count
):
    tenant = rig.reporting_tenant(fake_fbr)
    [invoice_id] = rig.issue(tenant)
    doomed = start_worker("reporting", env=rig.env_of(fake_fbr, CRASHPOINT=killed))
    tasks.ring()
    assert doomed.wait() == -signal.SIGKILL

    start_worker("reporting", env=rig.env_of(fake_fbr))
    start_process("fbr_dispatch", env=rig.env_of(fake_fbr))

    assert rig.wait_settled([tenant]) == {invoice_id: state}
    assert posts(fake_fbr) == count
    rig.assert_ledger_agrees(fake_fbr, [tenant])


def test_a_worker_killed_while_fbr_thinks_leaves_an_uncertain_document(
    fake_fbr, start_worker, start_process
):
    tenant = rig.reporting_tenant(fake_fbr)
    [invoice_id] = rig.issue(tenant)
    fake_fbr.script([{"fault": "accept_then_silence"}])
    doomed = start_worker("reporting", env=rig.env_of(fake_fbr))
    tasks.ring()
    rig.wait_until(lambda: len(fake_fbr.ledger()["recorded"]) == 1)
    doomed.kill()

    start_worker("reporting", env=rig.env_of(fake_fbr))
    start_process("fbr_dispatch", env=rig.env_of(fake_fbr))

    assert rig.wait_settled([tenant]) == {invoice_id: State.UNCERTAIN}
    assert posts(fake_fbr) == 1
    rig.assert_ledger_agrees(fake_fbr, [tenant])


# --- the broker ---------------------------------------------------------------------------------


def test_without_any_broker_the_dispatcher_reports_by_itself(fake_fbr, start_process):
    tenant = rig.reporting_tenant(fake_fbr)
    invoice_ids = rig.issue(tenant, 5)
    away = {"REDIS_URL": "redis://127.0.0.1:9/0"}

    start_process("fbr_dispatch", env=rig.env_of(fake_fbr, **away))

    assert set(rig.wait_settled([tenant]).values()) == {State.ACCEPTED}
    assert len(fake_fbr.ledger()["recorded"]) == len(invoice_ids)
    rig.assert_ledger_agrees(fake_fbr, [tenant])


def test_a_broker_wiped_and_away_stops_neither_issuing_nor_reporting(
    fake_fbr, start_web, start_worker, start_process
):
    """Issued with no broker there: the dispatcher reports alone, on its return a worker does."""
    tenant = rig.reporting_tenant(fake_fbr)
    key = factories.make_key(tenant, factories.make_member(tenant))
    with Relay.before(settings.REDIS_URL) as valkey:
        env = rig.env_of(fake_fbr, REDIS_URL=valkey.url)
        web, worker = start_web(env=env), start_worker("reporting", env=env)
        valkey.cut()
        issue(web, key, 401, 402)
        dispatcher = start_process("fbr_dispatch", env=env)
        rig.wait_settled([tenant])
        alone = set(inside(tenant, lambda: [row.worker for row in Attempt.objects.all()]))
        dispatcher.kill()
        issue(web, key, 403, 404)

        redis.Redis.from_url(settings.REDIS_URL).flushdb()
        valkey.heal()
        start_process("fbr_dispatch", env=env)
        rig.wait_settled([tenant])

    assert len(rig.states([tenant])) == posts(fake_fbr) == 4
    rig.assert_ledger_agrees(fake_fbr, [tenant])
    by = inside(tenant, lambda: [row.worker for row in Attempt.objects.order_by("started_at")])
    assert alone == {by[0]}
    assert by[0].endswith(f":{dispatcher.pid}")
    assert {name.rpartition(":")[2] for name in by[2:]} == {str(worker.pid)}


def issue(web, key, *quantities):
    for quantity in quantities:
        lines = [BODY["lines"][0] | {"quantity": str(quantity)}]
        answer = requests.post(  # noqa: TID251 -- a customer's program
            f"{web.url}/api/v1/invoices",
            json=BODY | {"lines": lines, "issue": True, "client_reference": ""},
            headers={"Authorization": f"Bearer {key}"},
            timeout=20,
        )
        assert answer.status_code == 201, answer.text


# --- the lease and the fence --------------------------------------------------------------------


def test_two_beats_and_fifty_rings_at_eight_workers_make_one_post(
    fake_fbr, start_worker, start_process, tmp_path
):
    tenant = rig.reporting_tenant(fake_fbr)
    [invoice_id] = rig.issue(tenant)
    fake_fbr.set_latency(700)
    env = rig.env_of(fake_fbr)
    for name in ("one", "two"):
        words = ("-s", str(tmp_path / name), "--pidfile=")
        start_process("celery-beat", *words, env=env)
    workers = [start_worker("reporting", env=env, ready=False) for _ in range(8)]
    for worker in workers:
        worker.wait_ready()
    for _ in range(50):
        tasks.ring()

    assert rig.wait_settled([tenant]) == {invoice_id: State.ACCEPTED}
    rig.wait_until(lambda: not redis.Redis.from_url(settings.REDIS_URL).llen("reporting"))
    assert posts(fake_fbr) == 1
    assert inside(tenant, Attempt.objects.get).attempt_no == 1


def test_twin_workers_that_lease_nothing_post_it_each(fake_fbr, settings):
    """Sabotage: whoever hears the bell sends what is queued."""
    settings.FBR_DI_URL = fake_fbr.url
    tenant = rig.reporting_tenant(fake_fbr)
    rig.issue(tenant)
    fake_fbr.set_latency(100)

    def naive(_):
        try:
            work = inside(tenant, Outbox.objects.select_related("credential", "invoice").get)
            attempt = Attempt(work=work, invoice=work.invoice, attempt_no=1)
            token = f"chaos-token-0000-{work.invoice.seller_ntn_cnic}"
            sending.carry(letters.Sending(work, attempt, token))
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(naive, range(8)))

    assert posts(fake_fbr) == 8
    with pytest.raises(AssertionError, match="reported twice"):
        rig.assert_ledger_agrees(fake_fbr, [tenant])


def test_a_worker_stopped_past_its_lease_overwrites_nothing(fake_fbr, start_worker, start_process):
    """What it brings late is evidence, which settles its own document and no other."""
    tenant = rig.reporting_tenant(fake_fbr)
    [invoice_id] = rig.issue(tenant)
    sleeper = start_worker("reporting", env=rig.env_of(fake_fbr, CRASHPOINT="after_T3:stop"))
    tasks.ring()
    rig.wait_until(lambda: sleeper.is_stopped, what="it sleeps with the answer in its hand")
    start_process("fbr_dispatch", env=rig.env_of(fake_fbr))
    assert rig.wait_settled([tenant]) == {invoice_id: State.UNCERTAIN}

    sleeper.signal(signal.SIGCONT)

    def evidence():
        return inside(tenant, Evidence.objects.first)

    rig.wait_until(lambda: evidence() is not None, what="the late answer is kept as evidence")
    attempt = inside(tenant, Attempt.objects.get)
    assert (attempt.outcome, attempt.http_status) == ("uncertain", 200)
    assert evidence().fbr_number == fake_fbr.ledger()["recorded"][0]["number"]
    assert rig.states([tenant]) == {invoice_id: State.ACCEPTED}
    assert posts(fake_fbr) == 1
    rig.assert_ledger_agrees(fake_fbr, [tenant])
    rig.assert_sound()


@pytest.fixture
def sent_twice(fake_fbr, laid_database, settings):
    """A worker with the answer to the first send in hand, while a second send is under way.

    Between them two people said that FBR does not have it: here a superuser says it for them.
    """
    settings.FBR_DI_URL = fake_fbr.url
    calm()
    tenant = rig.reporting_tenant(fake_fbr)
    rig.issue(tenant)
    work = inside(tenant, Outbox.objects.get)

    [first] = sending.mark(sending.take(1), SENDER)
    asleep = sending.carry(first)
    age = "UPDATE fbr_outbox SET lease_until = now() - interval '1 s' WHERE lease_until IS NOT NULL"
    with laid_database.cursor() as cursor:
        cursor.execute(age)
        with tenancy.in_tenant(tenant.pk):
            sweeping.sweep_one(work_id=work.pk)
        cursor.execute("BEGIN; SET LOCAL session_replication_role = replica")
        cursor.execute("UPDATE invoices_invoice SET state = 'queued'")
        cursor.execute("UPDATE fbr_outbox SET state = 'waiting'; DELETE FROM fbr_breaker; COMMIT")
    [second] = sending.mark(sending.take(1), SENDER)
    assert second.attempt.attempt_no == 2
    return tenant, asleep


def under_way(tenant):
    """State of document and work, and which sends are open."""
    invoice, work = inside(tenant, Invoice.objects.get), inside(tenant, Outbox.objects.get)
    rows = inside(tenant, lambda: list(Attempt.objects.filter(finished_at=None)))
    return invoice.state, work.state, [row.attempt_no for row in rows]


def test_the_answer_of_an_earlier_send_settles_no_later_one(sent_twice):
    tenant, asleep = sent_twice

    assert sending.conclude([asleep], SENDER) == []

    assert under_way(tenant) == (State.SUBMITTING, WorkState.SENDING, [2])
    kept = inside(tenant, Evidence.objects.get)
    assert (kept.attempt_id, kept.outcome) == (asleep.sending.attempt.pk, "accepted")


def test_twin_without_the_fence_the_earlier_answer_settles_the_later_send(
    sent_twice, monkeypatch, laid_database
):
    """Sabotage: T5 does not ask whose turn it is, nor does the database that guards attempts."""
    tenant, asleep = sent_twice

    def unfenced(work, fence, state):
        return {"id": work.pk, "tenant_id": work.tenant_id, "state": state}

    monkeypatch.setattr(settling, "mine", unfenced)
    monkeypatch.setattr(settling, "_still_ours", lambda work, fence: clock.database_now())
    with laid_database.cursor() as cursor:
        cursor.execute("ALTER TABLE fbr_attempt DISABLE TRIGGER attempt_guard")
        try:
            sending.conclude([asleep], SENDER)
        finally:
            cursor.execute("ALTER TABLE fbr_attempt ENABLE TRIGGER attempt_guard")

    with pytest.raises(AssertionError):
        assert under_way(tenant) == (State.SUBMITTING, WorkState.SENDING, [2])


# --- twins --------------------------------------------------------------------------------------


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
