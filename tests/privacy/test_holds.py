"""Legal holds: who places and lifts one, and what stays of it."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from django.db import IntegrityError, connection, transaction

from accounts.enums import AuditAction
from accounts.models import AuditEvent
from privacy.models import HoldScope, LegalHold
from privacy.services import holds
from privacy.services.holds import Case
from smartinvoicing.errors import NotAllowed, RuleViolation, StateConflict
from tests import factories
from tests.factories import AT, DAY, SYSTEM

CASE = Case(authority="High Court, Lahore", reference="W.P. 1/2026", review_on=date(2027, 1, 1))


def placed(**fields):
    return holds.place(**{"case": CASE, "actor": SYSTEM, "at": AT, **fields})


def deeds():
    return [*AuditEvent.objects.order_by("id").values_list("action", "details")]


def test_a_hold_covers_all_of_the_business(inside):
    hold = placed()

    assert (hold.scope, hold.covers, hold.lifted_at) == (HoldScope.TENANT, None, None)
    assert deeds() == [(AuditAction.LEGAL_HOLD_PLACED, {"scope": "tenant"})]


def test_a_hold_covers_a_taxpayer_a_document_or_a_period(entity):
    invoice, _ = factories.make_draft()

    found = [
        (hold.scope, hold.covers, hold.from_on, hold.to_on)
        for hold in (placed(on=entity), placed(on=invoice), placed(period=(DAY, DAY)))
    ]

    assert found == [
        ("entity", entity.pk, None, None),
        ("invoice", invoice.pk, None, None),
        ("period", None, DAY, DAY),
    ]


@pytest.mark.parametrize(
    "fields",
    [
        {"period": (DAY, DAY - timedelta(days=1))},
        {"case": Case(authority=" ", reference="1", review_on=date(2027, 1, 1))},
        {"case": Case(authority="Court", reference="", review_on=date(2027, 1, 1))},
        {"case": Case(authority="Court", reference="1", review_on=DAY)},
    ],
)
def test_a_hold_that_says_too_little_is_refused(inside, fields):
    with pytest.raises(RuleViolation):
        placed(**fields)

    assert not LegalHold.objects.exists()


def test_a_hold_covers_one_thing(entity):
    with pytest.raises(RuleViolation):
        placed(on=entity, period=(DAY, DAY))


def test_who_may_not_manage_the_business_places_and_lifts_no_hold(inside, clerk):
    hold = placed()

    with pytest.raises(NotAllowed):
        placed(actor=clerk)
    with pytest.raises(NotAllowed):
        holds.lift(hold=hold, why="over", actor=clerk, at=AT)
    with pytest.raises(NotAllowed):
        holds.review(hold=hold, until=date(2028, 1, 1), actor=clerk, at=AT)

    assert LegalHold.objects.get().lifted_at is None


def test_a_hold_is_lifted_once_with_a_reason(inside):
    hold = placed()
    with pytest.raises(RuleViolation):
        holds.lift(hold=hold, why=" ", actor=SYSTEM, at=AT)

    holds.lift(hold=hold, why="The appeal was decided.", actor=SYSTEM, at=AT)
    with pytest.raises(StateConflict):
        holds.lift(hold=hold, why="Again.", actor=SYSTEM, at=AT)

    assert (hold.lifted_at, hold.lifted_by) == (AT, SYSTEM.name)
    assert [action for action, _ in deeds()] == ["legal_hold.placed", "legal_hold.lifted"]


def test_a_review_moves_the_next_one(inside):
    hold = placed()

    holds.review(hold=hold, until=date(2028, 1, 1), actor=SYSTEM, at=AT)
    with pytest.raises(RuleViolation):
        holds.review(hold=hold, until=DAY, actor=SYSTEM, at=AT)

    assert LegalHold.objects.get().review_on == date(2028, 1, 1)


@pytest.mark.parametrize(
    "change",
    [
        "scope = 'period', from_on = '2026-01-01', to_on = '2026-01-01'",
        "placed_at = now()",
        "reference = 'x'",
        "tenant_id = gen_random_uuid()",
    ],
)
def test_a_hold_does_not_change(inside, change):
    placed()

    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as app:
        app.execute(f"UPDATE privacy_legalhold SET {change}")


def test_a_lifted_hold_does_not_come_back(inside):
    hold = placed()
    holds.lift(hold=hold, why="over", actor=SYSTEM, at=AT)

    with pytest.raises(IntegrityError), transaction.atomic():
        LegalHold.objects.update(lifted_at=None, lifted_by="", lifted_why="")

    assert LegalHold.objects.get().lifted_at == AT
