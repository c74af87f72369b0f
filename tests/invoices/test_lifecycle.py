"""The state machine: 81 ordered pairs, through `transition` and through raw SQL as `app`."""

from __future__ import annotations

import itertools
from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction

from accounts.models import Tenant
from fbr.models import Claim
from fbr.models.evidence import Standing, Verdict
from invoices import lifecycle
from invoices.enums import State
from invoices.models import Invoice
from smartinvoicing.errors import StateConflict
from tests import factories
from tests.factories import AT, SYSTEM

PAIRS = list(itertools.product(State, State))
ALLOWED = {
    ("draft", "queued"),
    ("queued", "submitting"),
    ("queued", "void"),
    ("submitting", "accepted"),
    ("submitting", "rejected"),
    ("submitting", "uncertain"),
    ("submitting", "queued"),
    ("rejected", "queued"),
    ("rejected", "void"),
    ("uncertain", "accepted"),
    ("uncertain", "queued"),
    ("accepted", "cancel_requested"),
    ("cancel_requested", "cancelled"),
    ("cancel_requested", "accepted"),
}
# How each state is reached from a queued document.
WAYS = {
    State.QUEUED: (),
    State.SUBMITTING: (State.SUBMITTING,),
    State.ACCEPTED: (State.SUBMITTING, State.ACCEPTED),
    State.REJECTED: (State.SUBMITTING, State.REJECTED),
    State.UNCERTAIN: (State.SUBMITTING, State.UNCERTAIN),
    State.CANCEL_REQUESTED: (State.SUBMITTING, State.ACCEPTED, State.CANCEL_REQUESTED),
    State.CANCELLED: (
        State.SUBMITTING,
        State.ACCEPTED,
        State.CANCEL_REQUESTED,
        State.CANCELLED,
    ),
    State.VOID: (State.VOID,),
}
LONG_AGO = AT - timedelta(days=3650)
NUMBERED = {"fbr_number": "7000007DI1234567890123", "accepted_at": AT}


def _in_state(state: State) -> Invoice:
    if state == State.DRAFT:
        return factories.make_draft()[0]
    invoice = factories.make_issued()
    for step in WAYS[state]:
        also = NUMBERED if step == State.ACCEPTED and not invoice.fbr_number else {}
        # Long over: a claim about an uncertain document waits for the database's own clock.
        at = LONG_AGO if step == State.UNCERTAIN else AT
        if step == State.CANCELLED:
            factories.prove_cancelled(invoice)
        lifecycle.transition(invoice, step, actor=SYSTEM, at=at, also=also)
    return invoice


def _two_people_looked(invoice: Invoice) -> None:
    """What alone lets an uncertain document back into the queue: "not at FBR", by two people."""
    tenant = Tenant.objects.get()
    first, second = (factories.make_member(tenant).pk for _ in range(2))
    claim = Claim(
        invoice=invoice,
        verdict=Verdict.NOT_AT_FBR,
        why="IRIS",
        made_at=AT,
        made_by=f"user:{first}",
        made_person=first,
        ripe_at=AT,
    )
    claim.save(force_insert=True)
    Claim.objects.filter(pk=claim.pk).update(
        confirmed_at=AT,
        confirmed_by=f"user:{second}",
        confirmed_person=second,
        confirmed_as=Standing.MEMBER,
    )


def _ready_for(was: State, to: State) -> Invoice:
    """A document in `was`, with all that others ask of the step, so that it alone is judged."""
    invoice = _in_state(was)
    if (was, to) == (State.UNCERTAIN, State.QUEUED):
        _two_people_looked(invoice)
    if (was, to) == (State.CANCEL_REQUESTED, State.CANCELLED):
        factories.prove_cancelled(invoice)
    return invoice


def _fields(was: State, to: State) -> dict[str, object]:
    """What the CHECKs ask of the target state, so that only the step itself is judged."""
    fields: dict[str, object] = {}
    if to in {State.ACCEPTED, State.CANCEL_REQUESTED, State.CANCELLED} and was not in {
        State.ACCEPTED,
        State.CANCEL_REQUESTED,
        State.CANCELLED,
    }:
        fields |= {"fbr_number": "7000007DI9999999999999", "accepted_at": AT}
    if was == State.DRAFT and to != State.DRAFT:
        fields |= {"serial": 99, "number": "INV-2026-000099"}
    return fields


@pytest.mark.parametrize(("was", "to"), PAIRS)
def test_transition_makes_exactly_the_listed_steps(inside, was, to):
    invoice = _ready_for(was, to)
    events = invoice.events.count()

    if (was, to) in ALLOWED:
        lifecycle.transition(invoice, to, actor=SYSTEM, at=AT, also=_fields(was, to))
        assert Invoice.objects.get(pk=invoice.pk).state == to
        assert invoice.events.count() == events + 1
    else:
        with pytest.raises(StateConflict):
            lifecycle.transition(invoice, to, actor=SYSTEM, at=AT)
        assert Invoice.objects.get(pk=invoice.pk).state == was
        assert invoice.events.count() == events


@pytest.mark.parametrize(("was", "to"), PAIRS)
def test_the_database_makes_exactly_the_listed_steps(inside, was, to):
    invoice = _ready_for(was, to)
    fields = {"state": to, **_fields(was, to)}
    columns = ", ".join(f"{name} = %s" for name in fields)

    def step():
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                f"UPDATE invoices_invoice SET {columns} WHERE id = %s",
                [*fields.values(), invoice.pk],
            )

    if (was, to) in ALLOWED or was == to:
        step()
        assert Invoice.objects.get(pk=invoice.pk).state == to
    else:
        with pytest.raises(IntegrityError):
            step()
        assert Invoice.objects.get(pk=invoice.pk).state == was


def test_an_uncertain_document_does_not_go_back_on_one_word(inside):
    """Not even where the pair is allowed: the database asks for two people."""
    invoice = _in_state(State.UNCERTAIN)

    with pytest.raises(IntegrityError), transaction.atomic():
        lifecycle.transition(invoice, State.QUEUED, actor=SYSTEM, at=AT)

    assert Invoice.objects.get(pk=invoice.pk).state == State.UNCERTAIN


def test_the_table_in_code_is_the_one_of_the_contract():
    listed = {(was, to) for was, next_ in lifecycle.NEXT.items() for to in next_}

    assert listed == ALLOWED


def test_transition_fails_for_the_slower_of_two_workers(inside):
    invoice = factories.make_issued()
    stale = Invoice.objects.get(pk=invoice.pk)
    lifecycle.transition(invoice, State.SUBMITTING, actor=SYSTEM, at=AT)

    with pytest.raises(StateConflict):
        lifecycle.transition(stale, State.SUBMITTING, actor=SYSTEM, at=AT)

    assert [event.became for event in invoice.events.all()] == ["queued", "submitting"]
