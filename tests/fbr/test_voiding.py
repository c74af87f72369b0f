"""Numbers that are given up: only what FBR refused, or what never was on its way."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.db import connection, transaction

from accounts import tenancy
from accounts.access import Actor
from accounts.enums import AuditAction, Role
from accounts.models import AuditEvent, LegalEntity
from fbr.models import Attempt, Outbox
from fbr.models.work import WorkState
from fbr.services import sending, voiding
from invoices import lifecycle
from invoices.enums import State
from invoices.models import Invoice, Series
from smartinvoicing import clock
from smartinvoicing.errors import NotAllowed, RuleViolation, StateConflict
from tests import factories
from tests.factories import AT, SYSTEM
from tests.fbr.pump_cast import leased
from tests.fbr.test_issuing import rejected

TOKEN = "3f2a9c71-5d8e-4b60-9a1f-0c7e2d4b8e55"
REASON = "The order was called off"


def void(invoice, actor=SYSTEM, reason=REASON):
    voiding.void(invoice=invoice, reason=reason, actor=actor, at=AT)


def state_of(invoice):
    return Invoice.objects.get(pk=invoice.pk).state


def test_a_refused_document_gives_its_number_up_with_a_reason(inside, business):
    actor = Actor.person(factories.make_member(business, Role.ACCOUNTANT).pk, Role.ACCOUNTANT)
    invoice = rejected()

    void(invoice, actor)

    stored = Invoice.objects.get(pk=invoice.pk)
    assert (stored.state, stored.void_reason) == ("void", REASON)
    assert (stored.number, stored.serial) == (invoice.number, invoice.serial)
    assert stored.events.last().note == REASON
    event = AuditEvent.objects.get(action=AuditAction.INVOICE_VOIDED)
    assert (event.actor, event.details) == (actor.name, {"was": "rejected"})


def test_a_queued_document_leaves_the_queue_in_the_same_step(entity):
    factories.make_credential(entity, TOKEN)
    invoice = factories.make_issued()

    void(invoice)

    work = Outbox.objects.get()
    assert state_of(invoice) == State.VOID
    assert (work.state, work.done_at, work.hold_reason) == (WorkState.DONE, AT, "")


def test_a_held_document_may_be_given_up_too(inside):
    invoice = factories.make_issued()  # without a token it waits for one

    void(invoice)

    assert state_of(invoice) == State.VOID


def test_the_number_stays_used(inside):
    first = factories.make_issued()
    void(first)

    second = factories.make_issued()

    assert (first.number, second.number) == ("INV-2026-000001", "INV-2026-000002")
    assert Series.objects.get().last == 2


@pytest.mark.parametrize("reason", ["", " \u200f ", "x" * 301])
def test_a_reason_is_a_must(inside, reason):
    invoice = rejected()

    with pytest.raises(RuleViolation) as refused:
        void(invoice, reason=reason)

    assert [each["field"] for each in refused.value.details["problems"]] == ["reason"]
    assert state_of(invoice) == State.REJECTED


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.VIEWER, Role.AUDITOR])
def test_who_may_not_settle_gives_nothing_up(inside, business, role):
    invoice = rejected()

    with pytest.raises(NotAllowed):
        void(invoice, Actor.person(factories.make_member(business, role).pk, role))

    assert state_of(invoice) == State.REJECTED


def test_what_is_at_fbr_or_may_be_is_not_given_up(inside):
    draft, sent, uncertain, accepted = (
        factories.make_draft()[0],
        factories.make_issued(),
        factories.make_issued(),
        factories.make_issued(),
    )
    lifecycle.transition(sent, State.SUBMITTING, actor=SYSTEM, at=AT)
    lifecycle.transition(uncertain, State.SUBMITTING, actor=SYSTEM, at=AT)
    lifecycle.transition(uncertain, State.UNCERTAIN, actor=SYSTEM, at=AT)
    factories.accept(accepted)

    for invoice in (draft, sent, uncertain, accepted):
        before = state_of(invoice)
        with pytest.raises(StateConflict):
            void(invoice)
        assert state_of(invoice) == before


def test_a_queued_document_that_was_ever_tried_is_not_given_up(inside):
    invoice = factories.make_issued()
    work = Outbox.objects.get()
    Attempt(
        work=work,
        invoice=invoice,
        attempt_no=1,
        body_sha256=work.body_sha256,
        worker="w",
        started_at=AT,
        finished_at=AT,
        sent=False,
        outcome="retryable",
    ).save(force_insert=True)

    with pytest.raises(StateConflict):
        void(invoice)

    assert state_of(invoice) == State.QUEUED
    assert not voiding.may_be_void(invoice)
    assert Outbox.objects.get().state == WorkState.WAITING


# --- against a worker -------------------------------------------------------------------------


@pytest.fixture
def queued(business, transactional_db):
    """A document that may go at once, committed."""
    with tenancy.in_tenant(business.pk), transaction.atomic():
        factories.make_credential(LegalEntity.objects.get(), TOKEN)
        invoice = factories.make_issued()
    with tenancy.in_tenant(business.pk), transaction.atomic():
        Outbox.objects.update(run_after=clock.database_now() - timedelta(seconds=1))
        return invoice, Outbox.objects.get()


def in_business(business, deed):
    with tenancy.in_tenant(business.pk), transaction.atomic():
        return deed()


def test_a_leased_document_is_not_given_up_and_goes_its_way(business, queued):
    invoice, work = queued
    lease = leased(work)

    with pytest.raises(StateConflict):
        in_business(business, lambda: void(invoice))

    assert len(sending.mark([lease], SYSTEM)) == 1
    assert in_business(business, lambda: state_of(invoice)) == State.SUBMITTING


def test_a_worker_whose_lease_ran_out_finds_the_document_gone(business, queued):
    invoice, work = queued
    lease = leased(work)
    past = clock.database_now() - timedelta(seconds=1)
    in_business(business, lambda: Outbox.objects.update(lease_until=past))

    in_business(business, lambda: void(invoice))

    assert sending.mark([lease], SYSTEM) == []
    assert sending.take(1, only=work.pk) == []
    assert in_business(business, Attempt.objects.count) == 0
    assert in_business(business, lambda: state_of(invoice)) == State.VOID


def test_nobody_leases_a_document_while_it_is_being_given_up(business, queued):
    invoice, work = queued
    got = []

    with tenancy.in_tenant(business.pk), transaction.atomic():
        void(invoice)
        worker = threading.Thread(target=lambda: got.extend(_taken(work)))
        worker.start()
        worker.join(10)
        still_running = worker.is_alive()

    worker.join(10)
    assert not still_running  # it is passed over, not waited for
    assert got == []
    assert in_business(business, lambda: state_of(invoice)) == State.VOID


def _taken(work):
    try:
        return sending.take(1, only=work.pk)
    finally:
        connection.close()


def test_twin_without_the_lock_and_the_look_a_leased_document_would_be_lost_to_its_worker(
    business, queued, monkeypatch
):
    """The queue left alone: the worker then marks a document that was already given up."""
    invoice, work = queued
    lease = leased(work)
    monkeypatch.setattr(voiding, "_close", lambda invoice, *, at: None)

    in_business(business, lambda: void(invoice))

    assert in_business(business, lambda: Outbox.objects.get().state) == WorkState.WAITING
    assert in_business(business, lambda: Outbox.objects.get().attempt_no) == lease.fence
