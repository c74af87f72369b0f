"""Random storms (R1): whatever fails at FBR, whoever is killed, cut or wiped when, nothing is
reported twice and nothing is forgotten.

Twenty in each run, five hundred with `make chaos`. One that fails prints its seed and its events;
CHAOS_SEED=<seed> CHAOS_SCHEDULES=1 plays it again.
"""

from __future__ import annotations

import os
import random

import pytest
from django.conf import settings

from fbr import tasks
from fbr.fake import FakeFbr
from invoices.enums import State
from tests.chaos import rig
from tests.chaos.relay import Relay
from tests.chaos.schedules import EVENTS, FAULTS, WAVES_S, Plan, World

pytestmark = [pytest.mark.workers, pytest.mark.django_db(transaction=True)]

SCHEDULES = int(os.environ.get("CHAOS_SCHEDULES", "20"))
EACH = 2  # documents of each of the three tenants, three times
MILLS = (0, 1)


def seed_of(place):
    given = os.environ.get("CHAOS_SEED")
    return int(given) + place if given else random.SystemRandom().randrange(10**9)


@pytest.mark.parametrize("place", range(SCHEDULES))
def test_a_storm_reports_nothing_twice_and_forgets_nothing(place, start_process, start_worker):
    plan = Plan.of(seed_of(place))
    print(f"place {place}, {plan}")  # noqa: T201 -- shown when the test fails
    start = start_process, start_worker
    with (
        FakeFbr(seed=plan.seed, latency_ms=plan.latency_ms) as fake,
        Relay.before(os.environ["DATABASE_URL"]) as database,
        Relay.before(settings.REDIS_URL) as valkey,
    ):
        tenants, issue = businesses(fake)
        fake.script(plan.faults)
        world = World(fake, database, valkey, start)
        world.live_through(plan, issue)

        fake.script([])
        fake.set_latency(0)
        world.heal()
        states = rig.wait_settled(tenants, seconds=60, hurried=True)
        world.end()

        assert len(states) == 3 * EACH * len(WAVES_S)
        assert set(states.values()) <= {State.ACCEPTED, State.UNCERTAIN}
        rig.assert_ledger_agrees(fake, tenants)
        rig.assert_sound()


def businesses(fake):
    """Two mills and a shop with a till, and what gives each of them work."""
    mills = [rig.reporting_tenant(fake, number) for number in MILLS]
    shop = rig.reporting_shop(fake, 2)

    def issue():
        for mill in mills:
            rig.issue(mill, EACH)
        shop.issue(EACH)
        tasks.ring()

    return [*mills, shop.tenant], issue


def test_a_seed_tells_all_of_a_storm():
    plans = [Plan.of(seed) for seed in range(300)]

    assert plans == [Plan.of(seed) for seed in range(300)]
    assert {event.what for plan in plans for event in plan.events} == {*EVENTS}
    assert {fault["fault"] for plan in plans for fault in plan.faults} == {
        fault["fault"] for fault in FAULTS
    }
    assert all(4 <= len(plan.events) <= 7 for plan in plans)
