"""Legal holds at the staff's desk: asked for by an authority, reviewed, lifted by two."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import transaction

from accounts import four_eyes, tenancy
from accounts.enums import Desk, StaffRole
from accounts.models import AuditEvent, StaffDeed
from invoices.models import Invoice
from privacy.models import Alarm, DeskTask, HoldListed, LegalHold
from privacy.services import alarms, holds
from privacy.services.holds import Case
from smartinvoicing.errors import NotAllowed, NotFound
from smartinvoicing.ids import uuid7
from tests import factories
from tests.factories import AT

pytestmark = pytest.mark.django_db

REVIEW = date(2027, 3, 1)
CASE = Case(authority="High Court, Lahore", reference="W.P. 1/2026", review_on=REVIEW)
DUE = datetime(2027, 2, 28, 19, 0, tzinfo=UTC)  # midnight in Karachi
WHY = "The appeal was decided."


@pytest.fixture
def officer(db):
    return factories.make_staff(StaffRole.PRIVACY_OFFICER)


@pytest.fixture
def second(db):
    return factories.make_staff(StaffRole.PRIVACY_OFFICER)


def placed(business, officer, scope="tenant", covers=None):
    return holds.placed_by_staff(
        tenant_id=business.pk, case=CASE, scope_word=scope, covers=covers, by=officer, at=AT
    )


def test_the_desk_places_a_hold_and_both_trails_say_so(business, officer):
    hold = placed(business, officer)

    with tenancy.in_tenant(business.pk), transaction.atomic():
        event = AuditEvent.objects.get(object_id=hold.pk)
    deed = StaffDeed.objects.get(object_id=str(hold.pk))
    assert event.actor == deed.who == f"staff:{officer.pk}"
    assert deed.tenant_id == business.pk


def test_only_who_keeps_holds_does(business):
    for role in (StaffRole.PRIVACY_AGENT, StaffRole.SECURITY, StaffRole.SUPPORT):
        with pytest.raises(NotAllowed):
            placed(business, factories.make_staff(role))


def test_what_is_not_there_is_not_held(business, other_business, officer):
    with tenancy.in_tenant(other_business.pk), transaction.atomic():
        theirs, _ = factories.make_draft()
    with pytest.raises(NotFound):
        placed(business, officer, "invoice", theirs.pk)
    with pytest.raises(NotFound):
        holds.placed_by_staff(
            tenant_id=uuid7(), case=CASE, scope_word="tenant", covers=None, by=officer, at=AT
        )


def test_the_list_is_of_all_businesses_and_tells_ids(business, other_business, officer):
    mine, theirs = placed(business, officer), placed(other_business, officer)

    listed = {row.pk: row for row in HoldListed.objects.all()}

    assert {mine.pk, theirs.pk} == set(listed)
    assert listed[mine.pk].business == business.pk
    assert listed[mine.pk].review_on == REVIEW
    words = {field.name for field in HoldListed._meta.concrete_fields}
    assert words.isdisjoint({"reference", "authority", "placed_by", "lifted_why"})


def test_two_people_lift_a_hold(business, officer, second):
    hold = placed(business, officer)
    lifting = {"tenant_id": business.pk, "hold_id": hold.pk, "why": WHY, "at": AT}
    with pytest.raises(NotAllowed):
        holds.lifted_by_staff(**lifting, by=officer)

    asked = holds.ask_to_lift(**lifting, by=officer)
    with pytest.raises(NotAllowed):
        four_eyes.answer(asked, agrees=True, by=officer, at=AT, desk=Desk.HOLD)
    with pytest.raises(NotAllowed):
        holds.lifted_by_staff(**lifting, by=officer)
    four_eyes.answer(asked, agrees=True, by=second, at=AT, desk=four_eyes.DESK_OF["lift_hold"])
    holds.lifted_by_staff(**lifting, by=officer)

    with tenancy.in_tenant(business.pk), transaction.atomic():
        assert LegalHold.objects.get().lifted_why == WHY
    assert HoldListed.objects.get().lifted_at == AT


def test_a_review_that_is_due_is_asked_for_each_day_until_it_was_done(business, officer):
    hold = placed(business, officer)
    assert alarms.sound_due(at=DUE - timedelta(seconds=1)) == 0

    for day in range(3):
        assert alarms.sound_due(at=DUE + timedelta(days=day)) == 1
    assert DeskTask.objects.get(kind="hold_review", done_at=None).due_at == DUE
    later = DUE + timedelta(days=3)
    holds.reviewed_by_staff(
        tenant_id=business.pk,
        hold_id=hold.pk,
        until=date(2028, 3, 1),
        why="Still before the court.",
        by=officer,
        at=later,
    )

    assert not DeskTask.objects.filter(kind="hold_review", done_at=None).exists()
    assert alarms.sound_due(at=later + timedelta(days=30)) == 0
    assert alarms.sound_due(at=datetime(2028, 3, 2, tzinfo=UTC)) == 1


@pytest.mark.parametrize("between", [REVIEW, date(2028, 3, 1)])
def test_a_hold_that_was_looked_at_is_asked_about_on_the_day_that_it_keeps(
    business, officer, between
):
    hold = placed(business, officer)
    for until in (between, REVIEW):
        holds.reviewed_by_staff(
            tenant_id=business.pk, hold_id=hold.pk, until=until, why="Looked.", by=officer, at=AT
        )

    assert alarms.sound_due(at=DUE - timedelta(seconds=1)) == 0
    assert alarms.sound_due(at=DUE) == 1


def test_a_lifted_hold_is_not_asked_about(business, officer, second):
    hold = placed(business, officer)
    lifting = {"tenant_id": business.pk, "hold_id": hold.pk, "why": WHY, "by": officer, "at": AT}
    asked = holds.ask_to_lift(**lifting)
    four_eyes.answer(asked, agrees=True, by=second, at=AT, desk=Desk.HOLD)
    holds.lifted_by_staff(**lifting)

    assert alarms.sound_due(at=datetime(2040, 1, 1, tzinfo=UTC)) == 0
    assert not Alarm.objects.filter(silenced_at=None).exists()


def test_a_hold_on_a_customer_covers_the_documents(business, officer):
    with tenancy.in_tenant(business.pk), transaction.atomic():
        buyer = factories.make_buyer()
    hold = placed(business, officer, "buyer", buyer.pk)

    assert (hold.scope, hold.covers) == ("buyer", buyer.pk)
    with tenancy.in_tenant(business.pk), transaction.atomic():
        assert not Invoice.objects.exists()
