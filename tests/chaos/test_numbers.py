"""Numbers without gaps (R11): sixteen threads in four processes, three in ten issues rolled back,
two of the processes killed in the middle.

Its twin, the same threads with a sequence of PostgreSQL's, is in `tests/invoices/test_numbers.py`.
"""

from __future__ import annotations

import random

import pytest
from django.db import transaction

from accounts import tenancy
from accounts.models import AuditEvent
from fbr.models import Outbox
from invoices.models import Invoice, Series
from tests.chaos import rig

pytestmark = [pytest.mark.workers, pytest.mark.django_db(transaction=True)]

PROCESSES = 4
TRIES = 60 if rig.IS_WHOLE else 12

ISSUE = """
import random, uuid
from concurrent.futures import ThreadPoolExecutor
from django.db import transaction
from accounts import tenancy
from tests import factories

def many(seed):
    dice = random.Random(seed)
    for _ in range({tries}):
        with tenancy.in_tenant(uuid.UUID({tenant!r})), transaction.atomic():
            factories.make_issued()
            transaction.set_rollback(dice.random() < 0.3)

with ThreadPoolExecutor(4) as pool:
    list(pool.map(many, range({seed}, {seed} + 4)))
"""


def test_killed_and_rolled_back_issues_leave_no_gap_and_no_double(fake_fbr, start_process):
    seed = random.SystemRandom().randrange(10**6)
    print(f"seed {seed}")  # noqa: T201 -- shown when the test fails
    dice = random.Random(seed)
    tenant = rig.reporting_tenant(fake_fbr)
    env = rig.env_of(fake_fbr, DATABASE_LOCK_S="60")
    processes = [
        start_process(
            *("shell", "-c", ISSUE.format(tries=TRIES, tenant=str(tenant.pk), seed=seed + place)),
            env=env,
        )
        for place in range(PROCESSES)
    ]

    for victim, at in zip(processes[:2], (dice.randint(1, 9), dice.randint(10, 30)), strict=True):
        rig.wait_until(lambda at=at: len(serials(tenant)) >= at, what="they are at it")
        victim.kill()
    assert [process.wait(120) for process in processes[2:]] == [0, 0]

    given = serials(tenant)
    assert given == list(range(1, len(given) + 1))
    assert len(given) < PROCESSES * 4 * TRIES * 0.8  # some were undone, some killed
    with tenancy.in_tenant(tenant.pk), transaction.atomic():
        assert Series.objects.get().last == len(given)
        assert Outbox.objects.count() == len(given)
        assert AuditEvent.objects.filter(action="invoice.issued").count() == len(given)
    rig.assert_sound()


def serials(tenant):
    with tenancy.in_tenant(tenant.pk), transaction.atomic():
        return sorted(Invoice.objects.values_list("serial", flat=True))
