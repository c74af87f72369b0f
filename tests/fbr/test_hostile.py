"""What a hostile reader of the contract tried against the pipeline, kept as tests."""

from __future__ import annotations

import threading
from collections import Counter
from datetime import timedelta

import pytest
from django.db import IntegrityError, InterfaceError, OperationalError, connection, transaction

from accounts import tenancy
from fbr import breaking, tasks
from fbr.models import Attempt, Breaker, Credential, Outbox
from fbr.models.work import WorkState
from fbr.outcomes import Evidence, Hold, Outcome
from fbr.services import (
    breaker,
    draining,
    resending,
    sending,
    settling,
    spool,
    sweeping,
    tills,
    voiding,
)
from fbr.services.draining import Probed, Pump
from fbr.wire import reading_of_fault
from invoices import lifecycle
from invoices.enums import State
from invoices.models import Invoice
from smartinvoicing import clock
from smartinvoicing.errors import StateConflict
from smartinvoicing.pg import scope
from tests import factories
from tests.factories import AT, SYSTEM
from tests.fbr import doubts_cast
from tests.fbr.pump_cast import SENDER, calm, drain, due, marked_by_hand

PROBE = breaker.Probe(
    environment="sandbox", channel="di", token="", body=b"", lines=0, has_work=False
)

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

    def __init__(self, fbr, number=1, count=1):
        seller, token = f"{7500000 + number}", f"token-hostile-{number:04d}"
        fbr.add_tokens([{"token": token, "seller": seller, "environment": "sandbox"}])
        self.pk = factories.make_reporting_tenant(number, token=token, ntn_cnic=seller)
        self.inside(lambda: [factories.make_issued() for _ in range(count)])

    def inside(self, deed):
        with tenancy.in_tenant(self.pk), transaction.atomic():
            return deed()

    def states(self):
        return Counter(self.inside(lambda: list(Invoice.objects.values_list("state", flat=True))))

    def work(self):
        return self.inside(lambda: Outbox.objects.order_by("made_at", "id").first())

    def invoice(self):
        return self.inside(lambda: Invoice.objects.order_by("state_at", "id").first())

    def change(self, **to):
        self.inside(lambda: Outbox.objects.update(**to))


def posts(fbr):
    return Counter(request["kind"] for request in fbr.ledger()["requests"])["record"]


def ends(deed, within_s=15):
    """Whether `deed`, in a thread of its own, comes to an end."""
    done = threading.Event()

    def run():
        try:
            deed()
        finally:
            connection.close()
            done.set()

    threading.Thread(target=run, daemon=True).start()
    return done.wait(within_s)


# --- a pump that never ends ----------------------------------------------------------------------


def test_a_bell_after_closing_time_does_not_keep_the_pump_for_ever():
    pump = Pump(slots=1, actor=SENDER, is_over=lambda: True)
    pump.wake()

    assert ends(lambda: draining.drain(pump), within_s=5)


def test_a_safe_call_that_cannot_be_written_down_loses_no_answer(fbr, monkeypatch):
    """The answers that were read off in the same look are journalled all the same."""
    one = Business(fbr)
    monkeypatch.setattr(breaker, "record_probe", lambda *_, **__: 1 / 0)
    pump = Pump(slots=1, actor=SENDER)
    (each,) = sending.mark(sending.take(1), SENDER)
    pump._flying.add(each)
    pump._probing = 1
    pump._landed.put(sending.carry(each))
    pump._landed.put(Probed(PROBE, is_well=True))

    def run():
        with pytest.raises(ZeroDivisionError):
            pump.run()

    assert ends(run)
    assert one.states() == {State.ACCEPTED: 1}


def test_a_carrier_that_cannot_be_started_leaves_the_document_uncertain_at_worst(fbr, monkeypatch):
    one = Business(fbr)

    def full(self, deed, *given):
        if deed.__name__ == "_carry":
            raise RuntimeError("can't start new thread")
        return real(self, deed, *given)

    real = draining.ThreadPoolExecutor.submit
    monkeypatch.setattr(draining.ThreadPoolExecutor, "submit", full)

    assert ends(drain)
    assert one.states() == {State.UNCERTAIN: 1}
    assert posts(fbr) == 0


# --- a transaction that never commits ------------------------------------------------------------


def test_a_scope_that_could_not_be_told_leaves_no_half_open_transaction(fbr, monkeypatch):
    """Else the next one believes itself inside another and commits nothing, before a POST."""
    one = Business(fbr)
    with monkeypatch.context() as patched:
        patched.setattr(scope, "apply", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            one.work()

    sending.mark(sending.take(1), SENDER)

    seen = []
    assert ends(lambda: seen.append(one.states()))
    assert seen == [{State.SUBMITTING: 1}]


def test_a_mark_that_is_not_committed_is_no_mark(fbr):
    Business(fbr)
    leases = sending.take(1)
    connection.set_autocommit(False)
    try:
        with pytest.raises(RuntimeError, match="across the wire"):
            sending.mark(leases, SENDER)
    finally:
        connection.rollback()
        connection.set_autocommit(True)


@pytest.mark.parametrize("error", [OperationalError, KeyError, IntegrityError])
def test_one_mark_that_fails_for_any_reason_loses_none_that_was_made(fbr, monkeypatch, error):
    """What is marked and not carried would be uncertain for nothing."""
    one = Business(fbr, count=2)
    leases = sending.take(2)
    real = sending._mark

    def mark(some, actor):
        if len(some) > 1 or some[0] == leases[1]:
            raise error("whatever")
        return real(some, actor)

    monkeypatch.setattr(sending, "_mark", mark)

    (marked,) = sending.mark(leases, SENDER)

    assert marked.work.pk == leases[0].work_id
    assert one.states() == {State.SUBMITTING: 1, State.QUEUED: 1}


def test_a_token_that_was_cut_short_holds_its_own_documents_only(fbr):
    bad, good = Business(fbr, 1), Business(fbr, 2)
    bad.inside(lambda: _cut(Credential.objects.get()))

    drain()

    assert (bad.states(), good.states()) == ({State.QUEUED: 1}, {State.ACCEPTED: 1})
    assert bad.work().hold_reason == Hold.CREDENTIAL


def _cut(credential):
    credential.token_sealed = bytes(credential.token_sealed)[:8]
    credential.save()


# --- sent although somebody holds it -------------------------------------------------------------


def test_a_hold_between_lease_and_mark_counts(fbr):
    """As a quarantine, or a till that moves to the shop, puts it."""
    one = Business(fbr)
    leases = sending.take(1)
    one.change(hold_reason=Hold.DISARMED)

    assert sending.mark(leases, SENDER) == []
    assert one.states() == {State.QUEUED: 1}
    assert one.work().hold_reason == Hold.DISARMED


def test_a_till_that_moves_and_comes_back_frees_no_duplicate(fbr):
    """Only a person with a reason does (5.4)."""
    one = Business(fbr)

    def moved():
        till = factories.make_till(pos_id="850001", token="token-of-a-till-850001")
        invoice = factories.make_issued(factories.make_bill(till))
        Outbox.objects.filter(invoice=invoice).update(hold_reason=Hold.DUPLICATE_SUSPECT)
        for transport in ("agent", "cloud"):
            given = tills.Particulars(name="1", pos_id="850001", transport=transport)
            tills.change(till=till, given=given, actor=SYSTEM, at=AT)
        return Outbox.objects.get(invoice=invoice).hold_reason

    assert one.inside(moved) == Hold.DUPLICATE_SUSPECT


# --- what stops the sweep ------------------------------------------------------------------------


@pytest.mark.parametrize("error", [ZeroDivisionError, InterfaceError])
def test_one_spooled_answer_that_cannot_be_applied_keeps_no_other_back(fbr, monkeypatch, error):
    one = Business(fbr, count=2)
    with monkeypatch.context() as patched:

        def gone(*_):
            raise error if error is InterfaceError else InterfaceError

        patched.setattr(settling, "_write_answer", gone)
        drain()
    first, second = [path for path, _ in spool.kept()]
    real = settling.replay

    def replay(answer, actor):
        if str(answer.attempt_id) in first.name:
            raise error
        return real(answer, actor)

    monkeypatch.setattr(settling, "replay", replay)
    tasks.sweep()

    assert (first.exists(), second.exists()) == (True, False)
    assert one.states() == {State.SUBMITTING: 1, State.ACCEPTED: 1}


def test_a_file_that_is_none_of_ours_stops_no_sweep(fbr, settings):
    settings.SPOOL_DIR.mkdir(parents=True)
    (settings.SPOOL_DIR / "read.me.answer").write_bytes(b"")

    tasks.sweep()


def test_a_full_disk_under_one_answer_loses_no_other(fbr, monkeypatch):
    one = Business(fbr, count=2)
    real, asked = spool.keep, []

    def keep(answer):
        asked.append(answer)
        if len(asked) == 1:
            raise OSError(28, "No space left on device")
        real(answer)

    def gone(*_):
        raise InterfaceError

    leases = sending.mark(sending.take(2), SENDER)
    landed = [sending.carry(each) for each in leases]
    with monkeypatch.context() as patched:
        patched.setattr(spool, "keep", keep)
        patched.setattr(settling, "_write_answer", gone)
        sending.conclude(landed, SENDER)

    assert len(list(spool.kept())) == 1
    sweeping.replay_spool()
    assert one.states() == {State.SUBMITTING: 1, State.ACCEPTED: 1}


# --- FBR has said yes, and nobody reads it -------------------------------------------------------


def test_an_answer_that_came_after_the_verdict_and_was_not_read_is_read_by_the_sweep(fbr):
    """Journalled, and the worker died before it applied it: no two people may overrule that."""
    one = Business(fbr)
    sent = marked_by_hand(one.work())
    landed = sending.carry(sent)
    one.change(lease_until=clock.now() - timedelta(seconds=1))
    tasks.sweep()
    assert one.states() == {State.UNCERTAIN: 1}
    settling.journal([landed])

    tasks.sweep()

    assert one.states() == {State.ACCEPTED: 1}
    before = one.inside(lambda: list(Attempt.objects.values()))
    tasks.sweep()
    assert one.inside(lambda: list(Attempt.objects.values())) == before


# --- FBR away ------------------------------------------------------------------------------------


def test_a_gateway_that_forwards_nothing_is_no_line_that_is_well():
    reading = reading_of_fault(101503, Evidence(sent=True, status=500, body=b""))

    assert reading.outcome == Outcome.RETRYABLE
    assert breaking.is_bad(reading)
    assert not breaking.is_bad(reading_of_fault(900802, Evidence(sent=True, status=429, body=b"")))


def test_a_dry_run_that_nobody_answers_speaks_against_the_line(fbr, settings):
    settings.FBR_VALIDATE_FIRST = True
    one = Business(fbr, count=1)
    fbr.script([{"fault": "500", "count": None, "path": "validate"}])

    drain()

    assert one.states() == {State.QUEUED: 1}
    assert (Breaker.objects.get().bad_in_row, Breaker.objects.get().last_good_at) == (1, None)


def test_with_nobody_to_ask_a_line_is_on_trial_and_not_well(fbr):
    """No answer of FBR's, no restoration."""
    one = Business(fbr)
    one.inside(lambda: Credential.objects.update(held_at=AT, held_why="no"))
    Breaker.objects.create(
        environment="sandbox",
        channel="di",
        is_suspect=True,
        opened_at=clock.now(),
        retry_at=clock.now() - timedelta(seconds=1),
        wait_s=30,
    )

    assert breaker.claim_probe() is None

    row = Breaker.objects.get()
    assert (row.retry_at, row.is_suspect, row.last_good_at) == (None, False, None)
    assert row.opened_at is not None


# --- fairness inside one token -------------------------------------------------------------------


def test_a_document_that_somebody_waits_for_does_not_stand_behind_the_own_import(fbr):
    one = Business(fbr, count=6)
    one.change(is_bulk=True)
    hurried = one.inside(lambda: factories.make_issued().pk)

    taken = {each.work_id for each in due()}

    assert one.inside(lambda: Outbox.objects.get(invoice_id=hurried).pk) in taken
    assert len(taken) == 2  # the cap of one token stays


def test_a_deadline_goes_before_what_has_none_however_long_the_queue(fbr):
    one = Business(fbr, count=6)
    last = one.inside(lambda: Outbox.objects.order_by("-run_after", "-id").first())
    one.inside(lambda: Outbox.objects.filter(pk=last.pk).update(deadline=clock.now()))

    assert last.pk in {each.work_id for each in due()}


# --- settled by hand -----------------------------------------------------------------------------


def test_what_fbr_has_under_an_earlier_send_is_not_given_up(fbr):
    """Its number is no number that was never reported."""

    def given_up():
        invoice = Invoice.objects.get()
        attempt = doubts_cast.begin(invoice)
        Attempt.objects.update(finished_at=clock.now(), outcome=Outcome.REJECTED)
        lifecycle.transition(invoice, State.REJECTED, actor=SYSTEM, at=AT)
        Outbox.objects.update(state=WorkState.DONE)
        assert voiding.may_be_void(invoice)
        doubts_cast.answer_late(invoice, attempt)
        assert not voiding.may_be_void(invoice)
        with pytest.raises(StateConflict):
            voiding.void(invoice=invoice, reason="Gone.", actor=SYSTEM, at=AT)

    Business(fbr).inside(given_up)


def test_a_refused_document_that_was_typed_again_does_not_go_again_unasked(fbr, monkeypatch):
    """5.4: FBR has the other one."""
    one = Business(fbr)
    fbr.script([{"fault": "invalid", "count": 1}])
    drain()
    assert one.states() == {State.REJECTED: 1}
    one.inside(factories.make_issued)
    drain()
    assert one.states() == {State.REJECTED: 1, State.ACCEPTED: 1}
    monkeypatch.setattr(resending, "may_be_sent_again", lambda invoice: True)

    def again():
        refused = Invoice.objects.get(state=State.REJECTED)
        return resending.send_again(invoice=refused, actor=SYSTEM, at=clock.now()).hold_reason

    assert one.inside(again) == Hold.DUPLICATE_SUSPECT
