"""The bills of tills: one fiscal number a bill, whatever dies when. Storms: `test_schedules.py`."""

from __future__ import annotations

import json
import signal
import time

import pytest
from django.db import transaction

from accounts import tenancy
from fbr import tasks
from fbr.models import Attempt, Credential, Outbox
from fbr.models.work import WorkState
from fbr.outcomes import Hold
from fbr.services import credentials
from invoices import lifecycle
from invoices.enums import State
from invoices.models import Invoice
from smartinvoicing import clock
from tests import factories
from tests.chaos import rig

pytestmark = [pytest.mark.workers, pytest.mark.django_db(transaction=True)]


def bills_at(fake):
    return fake.summary()["by_kind"].get("pos", 0)


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
def test_a_worker_killed_between_two_steps_reports_a_bill_at_most_once(
    fake_fbr, start_worker, start_process, killed, state, posts
):
    shop = rig.reporting_shop(fake_fbr)
    [bill] = shop.issue()
    doomed = start_worker("reporting", env=rig.env_of(fake_fbr, CRASHPOINT=killed))
    tasks.ring()
    assert doomed.wait() == -signal.SIGKILL

    start_worker("reporting", env=rig.env_of(fake_fbr))
    start_process("fbr_dispatch", env=rig.env_of(fake_fbr))

    assert rig.wait_settled([shop.tenant]) == {bill: state}
    assert bills_at(fake_fbr) == posts
    rig.assert_ledger_agrees(fake_fbr, [shop.tenant])


def test_a_worker_killed_while_fbr_thinks_leaves_an_uncertain_bill(
    fake_fbr, start_worker, start_process
):
    shop = rig.reporting_shop(fake_fbr)
    [bill] = shop.issue()
    fake_fbr.script([{"fault": "accept_then_silence"}])
    doomed = start_worker("reporting", env=rig.env_of(fake_fbr))
    tasks.ring()
    rig.wait_until(lambda: len(fake_fbr.ledger()["recorded"]) == 1)
    doomed.kill()

    start_worker("reporting", env=rig.env_of(fake_fbr))
    start_process("fbr_dispatch", env=rig.env_of(fake_fbr))

    assert rig.wait_settled([shop.tenant]) == {bill: State.UNCERTAIN}
    assert bills_at(fake_fbr) == 1
    rig.assert_ledger_agrees(fake_fbr, [shop.tenant])


@pytest.mark.parametrize(("killed", "state"), [("after_T3", "uncertain"), ("after_T4", "accepted")])
def test_a_return_is_taken_back_once(fake_fbr, start_worker, start_process, killed, state):
    shop = rig.reporting_shop(fake_fbr)
    [sold] = shop.issue()
    first = start_worker("reporting", env=rig.env_of(fake_fbr))
    tasks.ring()
    rig.wait_settled([shop.tenant])
    first.kill()
    back = shop.take_back(sold)
    doomed = start_worker("reporting", env=rig.env_of(fake_fbr, CRASHPOINT=killed))
    tasks.ring()
    assert doomed.wait() == -signal.SIGKILL

    start_process("fbr_dispatch", env=rig.env_of(fake_fbr))

    assert rig.wait_settled([shop.tenant]) == {sold: "accepted", back: state}
    original, credit = (row for row in fake_fbr.ledger()["recorded"])
    told = json.loads(credit["body"])
    assert (told["InvoiceType"], told["RefUSIN"]) == (3, original["usin"])
    assert original["usin"] == shop.invoice(sold).number
    rig.assert_ledger_agrees(fake_fbr, [shop.tenant])


@pytest.mark.parametrize(
    ("known", "code"), [({"pos_id": 849999}, "code 104"), ({"cloud": False}, "code 112")]
)
def test_a_till_that_fbr_does_not_let_in_is_held_and_resumes(
    fake_fbr, start_worker, start_process, known, code
):
    shop, other = rig.reporting_shop(fake_fbr, 0, **known), rig.reporting_shop(fake_fbr, 1)
    bills, theirs = shop.issue(3), other.issue(3)
    start_worker("reporting", env=rig.env_of(fake_fbr))
    start_process("fbr_dispatch", env=rig.env_of(fake_fbr))
    tasks.ring()

    rig.wait_settled([other.tenant])
    rig.wait_until(lambda: held(shop) is not None, what="the till is held")
    asked = [row for row in fake_fbr.ledger()["requests"] if row["pos_id"] == shop.till.pos_id]
    states = rig.states([shop.tenant])

    assert (held(shop), set(states.values())) == (code, {State.QUEUED})
    assert len(asked) <= 2  # what was in flight when the first answer came
    entry = {"token": shop.token, "seller": "7400000", "environment": "sandbox"}
    fake_fbr.add_tokens([{**entry, "channel": "pos", "pos_id": shop.till.pos_id, "cloud": True}])
    with tenancy.in_tenant(shop.tenant.pk), transaction.atomic():
        credentials.release(
            credential=Credential.objects.get(), actor=factories.SYSTEM, at=clock.now()
        )
        Outbox.objects.update(run_after=clock.now())

    assert rig.wait_settled([shop.tenant]) == dict.fromkeys(bills, State.ACCEPTED)
    assert set(rig.states([other.tenant])) == set(theirs)
    rig.assert_ledger_agrees(fake_fbr, [shop.tenant, other.tenant])


def held(shop):
    with tenancy.in_tenant(shop.tenant.pk), transaction.atomic():
        credential = Credential.objects.get()
        return credential.held_why if credential.held_at else None


def test_a_till_that_reports_from_its_shop_is_left_alone(fake_fbr, start_worker, start_process):
    shop, other = rig.reporting_shop(fake_fbr, 0), rig.reporting_shop(fake_fbr, 1)
    with tenancy.in_tenant(shop.tenant.pk), transaction.atomic():
        shop.till.transport = "agent"
        shop.till.save()
    [waiting], gone = shop.issue(), other.issue(4)
    start_worker("reporting", env=rig.env_of(fake_fbr))
    start_process("fbr_dispatch", env=rig.env_of(fake_fbr))
    tasks.ring()

    rig.wait_settled([other.tenant])
    time.sleep(2.5)  # ticks and sweeps go by

    assert rig.states([shop.tenant]) == {waiting: State.QUEUED}
    assert bills_at(fake_fbr) == len(gone)
    with tenancy.in_tenant(shop.tenant.pk), transaction.atomic():
        assert Outbox.objects.get().hold_reason == Hold.TILL


def sabotaged_sweep(tenant):
    """What must never be: a bill goes back to the queue because time passed."""
    with tenancy.in_tenant(tenant.pk), transaction.atomic():
        for work in Outbox.objects.filter(state=WorkState.SENDING):
            invoice = Invoice.objects.get(pk=work.invoice_id)
            now = clock.database_now()
            lifecycle.transition(invoice, State.QUEUED, actor=factories.SYSTEM, at=now)
            Attempt.objects.filter(work=work).update(finished_at=now)
            Outbox.objects.filter(pk=work.pk).update(state=WorkState.WAITING, lease_until=None)


def test_twin_with_a_sweep_that_sends_again_the_ledger_shows_two_numbers_for_one_bill(
    fake_fbr, start_worker
):
    shop = rig.reporting_shop(fake_fbr)
    shop.issue()
    doomed = start_worker("reporting", env=rig.env_of(fake_fbr, CRASHPOINT="after_T3"))
    tasks.ring()
    doomed.wait()

    sabotaged_sweep(shop.tenant)
    start_worker("reporting", env=rig.env_of(fake_fbr))
    tasks.ring()
    rig.wait_settled([shop.tenant])

    usins = [row["usin"] for row in fake_fbr.ledger()["recorded"]]
    assert len(usins) == 2
    assert len(set(usins)) == 1
    with pytest.raises(AssertionError, match="reported twice"):
        rig.assert_ledger_agrees(fake_fbr, [shop.tenant])
