"""The pump under fire: outages, bad tokens, long queues, a database that goes away."""

from __future__ import annotations

import threading
import time
from collections import Counter
from datetime import timedelta

import pytest
from django.conf import settings as django_settings
from django.db import OperationalError, connection, transaction

from accounts import tenancy
from fbr import breaking, tasks
from fbr.models import Attempt, Breaker, Credential, Outbox
from fbr.models.work import WorkState
from fbr.outcomes import Hold, Outcome, Reading
from fbr.services import breaker, credentials, draining, sending, settling, spool, sweeping
from fbr.services.breaker import Told
from fbr.services.draining import Pump
from invoices.enums import State
from invoices.models import Invoice
from smartinvoicing import clock
from smartinvoicing.pg import rows
from tests import factories
from tests.fbr.pump_cast import SENDER, calm, drain, due

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def fbr(fake_fbr, settings, transactional_db, tmp_path):
    settings.FBR_DI_URL = fake_fbr.url
    settings.FBR_CONNECT_TIMEOUT_S = settings.FBR_READ_TIMEOUT_S = 5
    settings.FBR_TOTAL_TIMEOUT_S = 10
    settings.SPOOL_DIR = tmp_path / "spool"
    settings.FBR_CALLS_PER_SECOND = 1000
    calm()
    return fake_fbr


class Business:
    """A tenant that reports, with `count` documents in the queue."""

    def __init__(self, fbr, number, count, *, known=True, **work):
        seller = f"{7500000 + number}"
        token = f"token-under-fire-{number:04d}"
        if known:
            fbr.add_tokens([{"token": token, "seller": seller, "environment": "sandbox"}])
        self.pk = factories.make_reporting_tenant(number, token=token, ntn_cnic=seller)
        self.ids = self.inside(lambda: [factories.make_issued().pk for _ in range(count)])
        if work:
            self.inside(lambda: Outbox.objects.update(**work))

    def inside(self, deed):
        with tenancy.in_tenant(self.pk), transaction.atomic():
            return deed()

    def states(self):
        return Counter(self.inside(lambda: list(Invoice.objects.values_list("state", flat=True))))

    def work(self):
        return self.inside(lambda: Outbox.objects.order_by("made_at", "id").first())


def heard(fbr):
    return Counter(request["kind"] for request in fbr.ledger()["requests"])


def age_breakers(seconds=3600):
    """The breaker's waits are over."""
    past = clock.now() - timedelta(seconds=seconds)
    Breaker.objects.filter(retry_at__isnull=False).update(retry_at=past)


# --- R7: one outage ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "outage",
    [
        [{"fault": "accept_then_reset", "count": None}],
        [{"fault": "accept_then_reset", "count": None, "path": "any"}],
        [{"fault": "500", "recorded": True, "count": None, "path": "any"}],
        [{"fault": "html_200", "count": None}],
    ],
    ids=["documents only", "every call", "500 after recording", "a page instead"],
)
def test_one_outage_leaves_no_more_uncertain_than_may_fly(fbr, settings, outage):
    """R7."""
    settings.FBR_CONCURRENCY_PER_CREDENTIAL = 8
    settings.FBR_FIRST_CALLS = 8
    many = Business(fbr, 1, 40)
    fbr.script(outage)

    for _ in range(3):
        drain()

    assert 0 < many.states()[State.UNCERTAIN] <= settings.FBR_CONCURRENCY
    assert many.states()[State.QUEUED] >= 40 - settings.FBR_CONCURRENCY
    assert Breaker.objects.get().opened_at is not None


def test_twin_without_the_blast_radius_one_outage_takes_the_whole_queue(fbr, settings, monkeypatch):
    monkeypatch.setattr(breaking, "is_bad", lambda reading: False)
    settings.FBR_CONCURRENCY_PER_CREDENTIAL = settings.FBR_FIRST_CALLS = 8
    many = Business(fbr, 1, 40)
    fbr.script([{"fault": "accept_then_reset", "count": None}])

    drain()

    assert many.states() == {State.UNCERTAIN: 40}


def test_after_an_outage_the_queue_drains_by_itself(fbr):
    many = Business(fbr, 1, 12)
    fbr.script([{"fault": "accept_then_reset", "count": None, "path": "any"}])
    drain()
    fbr.script([])

    drain()
    assert many.states()[State.ACCEPTED] == 0  # the breaker waits
    age_breakers()
    drain()

    left = many.states()
    assert left[State.QUEUED] == 0
    assert left[State.ACCEPTED] + left[State.UNCERTAIN] == 12
    assert heard(fbr)["validate"] >= 1
    row = Breaker.objects.get()
    assert (row.opened_at, row.is_suspect) == (None, False)


def test_a_safe_call_asks_before_any_document_does(fbr):
    Business(fbr, 1, 4)
    Breaker.objects.create(
        environment="sandbox",
        channel="di",
        is_suspect=True,
        window=1,
        opened_at=clock.now(),
        retry_at=clock.now() - timedelta(seconds=1),
        wait_s=30,
    )
    fbr.script([{"fault": "500", "count": None, "path": "validate"}])

    drain()

    assert heard(fbr) == {"validate": 1}
    assert Breaker.objects.get().wait_s == 60


@pytest.mark.parametrize(("bad", "is_open"), [(5, True), (0, False)])
def test_a_safe_call_that_trouble_overtook_closes_no_breaker(fbr, bad, is_open):
    """It was asked when one document was in doubt; by its answer the breaker had opened."""
    Business(fbr, 1, 1)
    Breaker.objects.create(environment="sandbox", channel="di", is_suspect=True, window=1)
    assert breaker.claim_probe() is not None
    doubt = Told("sandbox", "di", Reading(outcome=Outcome.UNCERTAIN, why="a page of HTML"))
    with transaction.atomic():
        breaker.note([doubt] * bad, at=clock.now())

    breaker.record_probe(("sandbox", "di"), is_well=True, has_work=True)

    assert (Breaker.objects.get().retry_at is not None) == is_open


def test_trouble_of_one_system_stops_no_other(fbr):
    """Sandbox trouble never stops production."""
    Business(fbr, 1, 3)
    for environment, channel in (("production", "di"), ("sandbox", "pos")):
        Breaker.objects.create(
            environment=environment,
            channel=channel,
            is_suspect=True,
            opened_at=clock.now(),
            retry_at=clock.now() + timedelta(hours=1),
            wait_s=30,
        )

    drain()

    assert heard(fbr)["record"] == 3


# --- R8: a bad token -----------------------------------------------------------------------------


def test_a_bad_token_costs_two_calls_and_holds_its_own_documents_only(fbr):
    """R8."""
    bad, good = Business(fbr, 1, 10, known=False), Business(fbr, 2, 10)

    drain()

    assert bad.states() == {State.QUEUED: 10}
    assert good.states() == {State.ACCEPTED: 10}
    sellers = Counter(request["seller"] for request in fbr.ledger()["requests"])
    assert sellers[None] <= 2


def test_twin_without_the_hold_the_bad_token_is_tried_with_every_document(fbr, monkeypatch):
    monkeypatch.setattr(credentials, "hold", lambda **_: None)
    Business(fbr, 1, 10, known=False)

    drain()

    sellers = Counter(request["seller"] for request in fbr.ledger()["requests"])
    assert sellers[None] == 10


# --- R9: fairness and limits ---------------------------------------------------------------------


def test_one_with_many_does_not_stand_before_one_with_few(fbr, settings):
    """R9: the second business' only document is among the first that go."""
    settings.FBR_FIRST_CALLS = settings.FBR_CONCURRENCY_PER_CREDENTIAL = 8
    many = Business(fbr, 1, 30)
    few = Business(fbr, 2, 1)

    first = due(most=3)

    assert few.pk in {each.tenant_id for each in first}
    drain()
    assert (many.states(), few.states()) == ({State.ACCEPTED: 30}, {State.ACCEPTED: 1})


def test_twin_without_the_rank_the_one_with_few_waits_for_all_the_others(
    fbr, settings, laid_database
):
    settings.FBR_FIRST_CALLS = settings.FBR_CONCURRENCY_PER_CREDENTIAL = 8
    Business(fbr, 1, 30)
    few = Business(fbr, 2, 1)
    with laid_database.cursor() as cursor:
        cursor.execute("SELECT pg_get_functiondef('fbr_take'::regproc)")
        (right,) = cursor.fetchone()
        cursor.execute(right.replace(".rank, ", ".is_bulk, "))
        try:
            first = due(most=3)
        finally:
            cursor.execute(right)

    assert few.pk not in {each.tenant_id for each in first}


def test_rank_is_inside_the_tenant_not_inside_the_token(fbr, settings):
    """Two tokens of one business do not make it two."""
    settings.FBR_FIRST_CALLS = 8
    settings.FBR_CONCURRENCY = 3
    double = Business(fbr, 1, 4)
    other = Business(fbr, 2, 2)

    def second_token():
        first = Credential.objects.get()
        till = factories.make_till(pos_id="850001", token="token-of-a-till-850001")
        second = Credential.objects.exclude(pk=first.pk).get(till=till)
        half = Outbox.objects.order_by("id").values_list("pk", flat=True)[:2]
        Outbox.objects.filter(pk__in=list(half)).update(credential=second)

    double.inside(second_token)

    counted = Counter(each.tenant_id for each in due())
    assert counted[other.pk] >= 1
    assert counted[double.pk] <= 2


def test_a_quarter_of_the_line_is_kept_for_who_waits(fbr, settings):
    settings.FBR_FIRST_CALLS = settings.FBR_CONCURRENCY_PER_CREDENTIAL = 8
    bulk = Business(fbr, 1, 12, is_bulk=True)
    assert len(due()) == 6

    person = Business(fbr, 2, 4)

    counted = Counter(each.tenant_id for each in due())
    assert (counted[bulk.pk], counted[person.pk]) == (4, 4)


def test_an_earlier_deadline_goes_first(fbr, settings):
    settings.FBR_CONCURRENCY_PER_CREDENTIAL = 4
    settings.FBR_CONCURRENCY = 1
    one = Business(fbr, 1, 4)
    last = one.inside(lambda: Outbox.objects.order_by("-id").first())
    one.inside(lambda: Outbox.objects.filter(pk=last.pk).update(deadline=clock.now()))

    assert [each.work_id for each in due()] == [last.pk]


def test_a_token_that_spoke_too_often_waits_a_moment(fbr, settings):
    settings.FBR_CALLS_PER_SECOND = 2
    one = Business(fbr, 1, 8)
    began = time.monotonic()

    drain()

    assert time.monotonic() - began > 1.5
    assert one.states() == {State.ACCEPTED: 8}


# --- not sane, not armed -------------------------------------------------------------------------


def test_a_database_that_is_not_armed_here_sends_nothing(fbr, settings):
    one = Business(fbr, 1, 2)
    settings.INSTANCE_ID = "of another installation"

    drain()

    assert (one.states(), heard(fbr)) == ({State.QUEUED: 2}, {})


def test_a_clock_that_is_wrong_sends_nothing(fbr, laid_database):
    one = Business(fbr, 1, 2)
    with laid_database.cursor() as cursor:
        cursor.execute(
            "INSERT INTO fbr_linecheck (id, skew_ms, checked_at, holds)"
            " VALUES (1, 60000, now(), true)"
        )

    drain()
    assert (one.states(), heard(fbr)) == ({State.QUEUED: 2}, {})

    with laid_database.cursor() as cursor:
        cursor.execute("UPDATE fbr_linecheck SET holds = false")
    drain()
    assert one.states() == {State.ACCEPTED: 2}


# --- the database goes away ----------------------------------------------------------------------


def gone(*_):
    raise OperationalError("the database is gone")


def test_an_answer_that_cannot_be_journalled_is_spooled_and_replayed(fbr, monkeypatch):
    one = Business(fbr, 1, 2)

    with monkeypatch.context() as patched:
        patched.setattr(settling, "_write_answer", gone)
        drain()
    kept = [answer for _, answer in spool.kept()]
    assert len(kept) == 2
    assert {answer.evidence.status for answer in kept} == {200}
    assert one.states() == {State.SUBMITTING: 2}

    sweeping.replay_spool()

    assert one.states() == {State.ACCEPTED: 2}
    assert list(spool.kept()) == []
    assert heard(fbr)["record"] == 2
    before = one.inside(lambda: list(Attempt.objects.values()))
    sweeping.replay_spool()
    assert one.inside(lambda: list(Attempt.objects.values())) == before


def test_what_lies_in_the_spool_cannot_be_read_without_the_key(fbr, monkeypatch):
    one = Business(fbr, 1, 1)
    monkeypatch.setattr(
        settling, "_write_answer", lambda *_: (_ for _ in ()).throw(OperationalError())
    )
    drain()

    (path,) = django_settings.SPOOL_DIR.glob("*.answer")

    number = fbr.ledger()["recorded"][0]["number"]
    assert number.encode() not in path.read_bytes()
    assert path.stat().st_mode & 0o077 == 0 or path.parent.stat().st_mode & 0o077 == 0
    assert one.states() == {State.SUBMITTING: 1}


def test_a_spooled_answer_that_comes_after_the_sweep_still_brings_its_number(
    fbr, monkeypatch, laid_database
):
    one = Business(fbr, 1, 1)
    with monkeypatch.context() as patched:
        patched.setattr(
            settling, "_write_answer", lambda *_: (_ for _ in ()).throw(OperationalError())
        )
        drain()
    with laid_database.cursor() as cursor:
        cursor.execute("UPDATE fbr_outbox SET lease_until = now() - interval '1 s'")
    with tenancy.in_tenant(one.pk):
        sweeping.sweep_one(work_id=one.work().pk)
    assert one.states() == {State.UNCERTAIN: 1}

    sweeping.replay_spool()

    assert one.states() == {State.ACCEPTED: 1}


def test_a_spoilt_file_is_put_aside_and_said(fbr, caplog):
    folder = django_settings.SPOOL_DIR
    folder.mkdir(parents=True)
    name = "01a20000-0000-7000-8000-000000000000.01a20000-0000-7000-8000-000000000001"
    (folder / f"{name}.answer").write_bytes(b"scrap")

    sweeping.replay_spool()

    assert [path.suffix for path in folder.iterdir()] == [".spoilt"]
    assert "fbr.spool_spoilt" in caplog.messages


# --- batches -------------------------------------------------------------------------------------


def test_one_that_cannot_be_marked_keeps_none_of_the_others_back(fbr, monkeypatch):
    one, other = Business(fbr, 1, 1), Business(fbr, 2, 1)
    leases = sending.take(8)
    assert len(leases) == 2
    with tenancy.in_tenant(other.pk), transaction.atomic():
        rows.update(Outbox, where={"id": other.work().pk}, to={"attempt_no": 2})

    (marked,) = sending.mark(leases, SENDER)

    assert marked.work.tenant_id == one.pk


def test_one_that_was_fenced_out_keeps_none_of_the_others_back(fbr, laid_database):
    one, other = Business(fbr, 1, 1), Business(fbr, 2, 1)
    answers = [sending.carry(each) for each in sending.mark(sending.take(8), SENDER)]
    with laid_database.cursor() as cursor:
        cursor.execute(
            "UPDATE fbr_outbox SET lease_until = now() - interval '1 s' WHERE tenant_id = %s",
            [str(other.pk)],
        )
    with tenancy.in_tenant(other.pk):
        sweeping.sweep_one(work_id=other.work().pk)
    assert other.states() == {State.UNCERTAIN: 1}

    settled = sending.conclude(answers, SENDER)

    assert [each.tenant_id for each in settled] == [one.pk]
    assert other.states() == {State.ACCEPTED: 1}  # by its late answer
    assert heard(fbr)["record"] == 2


def test_the_pump_carries_on_when_carrying_fails_for_a_reason_of_our_own(fbr, monkeypatch):
    one = Business(fbr, 1, 1)
    monkeypatch.setattr(sending, "carry", lambda each: 1 / 0)

    drain()

    assert one.states() == {State.UNCERTAIN: 1}


def test_a_slow_answer_keeps_its_lease(fbr, settings):
    settings.FBR_LEASE_S = 2
    one = Business(fbr, 1, 1)
    fbr.set_latency(2500)

    drain()

    assert one.states() == {State.ACCEPTED: 1}
    assert heard(fbr)["record"] == 1


def test_a_bell_while_the_pump_runs_is_not_lost(fbr, monkeypatch):
    Business(fbr, 1, 1)
    on_the_wire, go_on = threading.Event(), threading.Event()
    carry = sending.carry
    done = []

    def held(each):
        on_the_wire.set()
        assert go_on.wait(20)
        return carry(each)

    def run():
        try:
            done.append(drain())
        finally:
            connection.close()

    monkeypatch.setattr(sending, "carry", held)
    thread = threading.Thread(target=run)
    thread.start()
    assert on_the_wire.wait(20)
    late = Business(fbr, 2, 1)
    assert draining.drain(Pump(slots=1, actor=SENDER)) is None
    go_on.set()
    thread.join(20)

    assert done == [2]
    assert late.states() == {State.ACCEPTED: 1}


def test_told_to_stop_it_takes_nothing_more_and_finishes_what_flies(fbr):
    one = Business(fbr, 1, 6)
    fbr.set_latency(100)
    looks = iter([False] + [True] * 100)

    draining.drain(Pump(slots=2, actor=SENDER, is_over=lambda: next(looks)))

    assert one.states() == {State.ACCEPTED: 2, State.QUEUED: 4}
    assert one.inside(lambda: Outbox.objects.filter(state=WorkState.SENDING).count()) == 0


def test_the_second_ring_of_a_dispatch_changes_nothing(fbr):
    """Rule 9."""
    one = Business(fbr, 1, 3)
    tasks.dispatch()
    before = one.inside(lambda: list(Outbox.objects.order_by("id").values()))

    tasks.dispatch()

    assert one.inside(lambda: list(Outbox.objects.order_by("id").values())) == before


def test_a_person_may_call_the_line_well(fbr):
    Breaker.objects.create(
        environment="sandbox",
        channel="di",
        is_suspect=True,
        opened_at=clock.now(),
        retry_at=clock.now() + timedelta(hours=1),
        wait_s=600,
        hold=Hold.BREAKER,
    )
    one = Business(fbr, 1, 1)
    assert due() == []

    breaker.release_all(environment="sandbox")

    drain()
    assert one.states() == {State.ACCEPTED: 1}
