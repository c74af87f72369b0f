"""FBR fails in every way it knows, and real workers live through it (R2, R7, R8, R9).

Thirty documents where the contract says three hundred, two thousand where it says twenty thousand;
`make chaos` has the whole of it.
"""

from __future__ import annotations

import time
from collections import Counter
from datetime import timedelta

import pytest
import redis
from django.conf import settings
from django.db import transaction
from django.db.models import F

from accounts import tenancy
from bench import bulk
from fbr import tasks
from fbr.models import Breaker, Credential, Outbox
from fbr.services import breaker
from invoices.enums import State
from smartinvoicing.pg import roles
from tests.chaos import rig

pytestmark = [pytest.mark.workers, pytest.mark.django_db(transaction=True)]

QUEUED = 300 if rig.IS_WHOLE else 30
MANY = 20_000 if rig.IS_WHOLE else 2_000
CONCURRENCY = settings.FBR_CONCURRENCY
# One token may use the whole line: nothing but the breaker stands before an outage.
WIDE = {
    "FBR_CONCURRENCY_PER_CREDENTIAL": str(CONCURRENCY),
    "FBR_FIRST_CALLS": str(CONCURRENCY),
    "FBR_CALLS_PER_SECOND": "1000",
}


def counted(*tenants):
    return Counter(rig.states(tenants).values())


def calls(fake, **wanted):
    """How often FBR was asked to record something, by what stands in the request."""
    requests = [row for row in fake.ledger()["requests"] if row["kind"] in {"record", "pos"}]
    return sum(all(row[name] == value for name, value in wanted.items()) for row in requests)


def wait_for(tenant, **wanted):
    """At least so many in these states."""
    rig.wait_until(
        lambda: all(counted(tenant)[state] >= count for state, count in wanted.items()),
        what=lambda: f"{wanted}, not {counted(tenant)}",
    )


# --- R7: what one outage harms --------------------------------------------------------------------


@pytest.mark.parametrize("path", ["any", "post"], ids=["every call", "documents only"])
def test_an_outage_harms_no_more_documents_than_were_under_way(
    fake_fbr, start_worker, start_process, path
):
    """All of the queue is there when it is over, and goes by itself."""
    tenant = rig.reporting_tenant(fake_fbr)
    rig.issue(tenant, QUEUED)
    fake_fbr.script([{"fault": "accept_then_reset", "count": None, "path": path}])
    # Where safe calls go well each trial costs a document: there the waits are as in production.
    waits = {} if path == "any" else {"FBR_BREAKER_FIRST_S": "30", "FBR_BREAKER_LONGEST_S": "600"}
    env = rig.env_of(fake_fbr, **WIDE, **waits)
    for _ in range(2):
        start_worker("reporting", env=env)
    start_process("fbr_dispatch", env=env)
    tasks.ring()
    rig.wait_until(is_open, what="the breaker is open")
    time.sleep(4)

    harmed = counted(tenant)[State.UNCERTAIN]
    assert 0 < harmed <= CONCURRENCY
    assert counted(tenant)[State.QUEUED] == QUEUED - harmed
    fake_fbr.script([])
    if path == "post":
        breaker.release_all(environment="sandbox")
        tasks.ring()

    states = Counter(rig.wait_settled([tenant], seconds=90).values())
    assert states == {State.UNCERTAIN: harmed, State.ACCEPTED: QUEUED - harmed}
    rig.assert_ledger_agrees(fake_fbr, [tenant])
    rig.assert_sound()


def is_open():
    return Breaker.objects.filter(opened_at__isnull=False).exists()


WITHOUT_BREAKER = """
import time
from fbr import breaking, tasks
breaking.is_bad = lambda reading: False
until = time.monotonic() + 20
while time.monotonic() < until:
    tasks.dispatch()
    time.sleep(0.1)
"""


def test_twin_without_the_breaker_the_outage_harms_the_queue(fake_fbr, start_process):
    tenant = rig.reporting_tenant(fake_fbr)
    rig.issue(tenant, 40)
    fake_fbr.script([{"fault": "accept_then_reset", "count": None, "path": "any"}])

    start_process("shell", "-c", WITHOUT_BREAKER, env=rig.env_of(fake_fbr, **WIDE))

    wait_for(tenant, uncertain=40)
    assert counted(tenant)[State.UNCERTAIN] > CONCURRENCY


# --- what each failure comes to -------------------------------------------------------------------

FAILURES = {
    "a number that is ours": ({"fault": "repeated_number"}, State.UNCERTAIN),
    "accept_then_silence": ({"fault": "accept_then_silence"}, State.UNCERTAIN),
    "500 after recording": ({"fault": "500", "recorded": True}, State.UNCERTAIN),
    "a drip in time": ({"fault": "drip", "piece_bytes": 100, "every_ms": 100}, State.ACCEPTED),
    "a drip without end": ({"fault": "drip", "piece_bytes": 1, "every_ms": 100}, State.UNCERTAIN),
    "an answer of 2 GB": ({"fault": "big_body"}, State.UNCERTAIN),
    "half an answer": ({"fault": "half_json"}, State.UNCERTAIN),
    "a line that breaks": ({"fault": "reset_before", "at": "headers"}, State.UNCERTAIN),
    "a refusal": ({"fault": "invalid"}, State.REJECTED),
}


def test_each_failure_comes_to_what_the_contract_says(fake_fbr, start_worker, start_process):
    """One after the other, so that each meets its own document; safe calls go well."""
    first = rig.reporting_tenant(fake_fbr)
    rig.issue(first)
    env = rig.env_of(fake_fbr, FBR_BREAKER_LONGEST_S="1")
    start_worker("reporting", env=env)
    start_process("fbr_dispatch", env=env)
    assert set(rig.wait_settled([first]).values()) == {State.ACCEPTED}

    found = {}
    for number, (name, (fault, _)) in enumerate(FAILURES.items(), start=1):
        tenant = rig.reporting_tenant(fake_fbr, number)
        fake_fbr.script([{**fault, "count": 1}])
        rig.issue(tenant)
        [found[name]] = rig.wait_settled([tenant]).values()

    assert found == {name: state for name, (_, state) in FAILURES.items()}


# --- R8: a bad token ------------------------------------------------------------------------------


def two_with_a_bad_token(fake):
    """A's token is known to nobody; B's is well."""
    a, b = rig.reporting_tenant(fake, 0, is_known=False), rig.reporting_tenant(fake, 1)
    rig.issue(a, 10)
    rig.issue(b, 10)
    return a, b


def test_a_bad_token_costs_two_calls_and_nobody_elses_documents(
    fake_fbr, start_worker, start_process
):
    a, b = two_with_a_bad_token(fake_fbr)
    env = rig.env_of(fake_fbr)
    for _ in range(2):
        start_worker("reporting", env=env)
    start_process("fbr_dispatch", env=env)
    tasks.ring()

    assert set(rig.wait_settled([b]).values()) == {State.ACCEPTED}
    time.sleep(2)  # ticks go by
    assert counted(a) == {State.QUEUED: 10}
    assert calls(fake_fbr, status=401) <= 2
    with tenancy.in_tenant(a.pk), transaction.atomic():
        assert Credential.objects.get().held_at is not None


WITHOUT_HOLD = """
import time
from fbr import tasks
from fbr.services import credentials
credentials.hold = lambda **held: None
until = time.monotonic() + 20
while time.monotonic() < until:
    tasks.dispatch()
    time.sleep(0.1)
"""


def test_twin_without_the_hold_each_document_costs_a_call(fake_fbr, start_process):
    two_with_a_bad_token(fake_fbr)

    start_process("shell", "-c", WITHOUT_HOLD, env=rig.env_of(fake_fbr))

    rig.wait_until(lambda: calls(fake_fbr, status=401) > 2, what="a third call with the bad token")


# --- R2: no bell rings ----------------------------------------------------------------------------


@pytest.mark.parametrize("has_dispatcher", [True, False], ids=["dispatcher", "twin: none"])
def test_with_every_bell_lost_all_is_drained(fake_fbr, start_worker, start_process, has_dispatcher):
    """The broker is wiped all the time; what drains the queue is that somebody looks at it."""
    tenant = rig.reporting_tenant(fake_fbr)
    rig.issue(tenant, QUEUED)
    env = rig.env_of(fake_fbr)
    start_worker("reporting", env=env)
    if has_dispatcher:
        start_process("fbr_dispatch", env=env)
    valkey = redis.Redis.from_url(settings.REDIS_URL)
    until = time.monotonic() + (120 if has_dispatcher else 4)

    while counted(tenant) != {State.ACCEPTED: QUEUED} and time.monotonic() < until:
        valkey.flushdb()
        time.sleep(0.05)

    state = State.ACCEPTED if has_dispatcher else State.QUEUED
    assert counted(tenant) == {state: QUEUED}
    rig.assert_ledger_agrees(fake_fbr, [tenant])


# --- R9: one with many ----------------------------------------------------------------------------

# Without these two whoever came first goes first, whoever it is.
FAIR = {
    "(SELECT count(*) FROM flying f WHERE f.tenant_id = w.tenant_id)": "0",
    "row_number() OVER (PARTITION BY w.tenant_id": "row_number() OVER (",
}


@pytest.fixture
def without_fairness(laid_database):
    with laid_database.cursor() as cursor:
        cursor.execute("SELECT pg_get_functiondef('fbr_take'::regproc)")
        (fair,) = cursor.fetchone()
        unfair = fair
        for words, others in FAIR.items():
            assert words in unfair
            unfair = unfair.replace(words, others)
        cursor.execute(unfair)
        yield
        cursor.execute(fair)


@pytest.fixture
def posted_within(fake_fbr, laid_database, start_worker, start_process):
    """Seconds until FBR has B's one document, while A has thousands; None past the limit."""

    def wait(limit_s):
        many, one = rig.reporting_tenant(fake_fbr, 0), rig.reporting_tenant(fake_fbr, 1)
        rig.issue(many)
        admin = roles.with_database(laid_database.admin_url, laid_database.name)
        bulk.queue(admin, many.pk, MANY)
        with tenancy.in_tenant(many.pk), transaction.atomic():  # whatever is issued now comes last
            Outbox.objects.update(run_after=F("run_after") - timedelta(hours=1))
        fake_fbr.set_latency(150)
        env = rig.env_of(fake_fbr, **WIDE)
        start_worker("reporting", env=env)
        start_process("fbr_dispatch", env=env)
        rig.wait_until(lambda: calls(fake_fbr, seller="7100000") > 2 * CONCURRENCY)
        rig.issue(one)
        tasks.ring()
        began = time.monotonic()
        while time.monotonic() - began < limit_s:
            if calls(fake_fbr, seller="7100001"):
                return time.monotonic() - began
            time.sleep(0.1)
        return None

    return wait


def test_one_document_does_not_wait_for_the_thousands_of_another(posted_within):
    assert posted_within(30) < 8


def test_twin_without_fairness_it_waits_its_turn(without_fairness, posted_within):
    assert posted_within(8) is None
