"""People of ours: roles by seats, deeds written once, four eyes."""

from datetime import timedelta

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from accounts import four_eyes, staff
from accounts.access import MAY_AT_DESK
from accounts.enums import Desk, StaffAction, StaffRole
from accounts.models import Approval, StaffDeed
from smartinvoicing.errors import NotAllowed, RuleViolation, StateConflict
from tests import factories
from tests.conftest import NOON

pytestmark = pytest.mark.django_db
DIGEST = four_eyes.digest_of(rows=3)


@pytest.fixture
def officer():
    return factories.make_staff(StaffRole.PRIVACY_OFFICER)


@pytest.fixture
def guard():
    return factories.make_staff(StaffRole.SECURITY)


def test_a_superuser_may_nothing_by_being_one():
    boss = factories.make_staff(is_superuser=True)

    assert staff.deeds_of(boss) == frozenset()


def test_a_seat_gives_what_its_role_may_and_no_more(officer):
    assert staff.deeds_of(officer) == MAY_AT_DESK[StaffRole.PRIVACY_OFFICER]
    assert not staff.may(officer, Desk.BREAK_GLASS)


def test_a_seat_that_was_taken_gives_nothing(officer):
    officer.seats.update(until=NOON, taken_by="staff:x")

    assert staff.deeds_of(officer) == frozenset()


def test_whoever_is_not_ours_any_more_may_nothing(officer):
    officer.is_staff = False

    assert staff.deeds_of(officer) == frozenset()


def test_each_deed_of_the_desk_is_somebodys():
    assert frozenset().union(*MAY_AT_DESK.values()) == frozenset(Desk)


@pytest.mark.parametrize(
    "sql", ["UPDATE accounts_staffdeed SET why = 'x'", "DELETE FROM accounts_staffdeed"]
)
def test_a_deed_is_written_once(officer, sql):
    staff.record(officer, StaffAction.ADDED, officer, at=NOON)

    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql)
    assert StaffDeed.objects.get().who == f"staff:{officer.pk}"


def asked(officer, **words):
    return four_eyes.ask("purge", officer, digest=DIGEST, why="due", by=officer, at=NOON, **words)


def spend(officer, at=NOON, digest=DIGEST):
    return four_eyes.spend("purge", officer, digest=digest, by=officer, at=at)


def agree(approval, by, at=NOON, **words):
    return four_eyes.answer(approval, agrees=True, by=by, at=at, desk=Desk.APPROVE_PURGE, **words)


def test_two_people_and_then_it_is_done_once(officer, guard):
    agree(asked(officer), guard)

    assert spend(officer).spent_at == NOON
    with pytest.raises(NotAllowed):
        spend(officer)


def test_nobody_agrees_to_their_own_question(officer):
    with pytest.raises(NotAllowed):
        agree(asked(officer), officer)
    with pytest.raises(NotAllowed):
        spend(officer)


def test_the_database_refuses_it_too(officer):
    approval = asked(officer)

    with pytest.raises(IntegrityError, match="approval_by_another"):
        Approval.objects.filter(pk=approval.pk).update(
            answered_by=officer, answered_at=NOON, is_agreed=True
        )


def test_another_content_needs_another_approval(officer, guard):
    agree(asked(officer), guard)

    with pytest.raises(NotAllowed):
        spend(officer, digest=four_eyes.digest_of(rows=4))


def test_an_approval_runs_out(officer, guard):
    approval = asked(officer, lasts=timedelta(hours=1))

    with pytest.raises(StateConflict):
        agree(approval, guard, at=NOON + timedelta(hours=1))


def test_who_may_not_do_it_may_not_agree(officer):
    agent = factories.make_staff(StaffRole.PRIVACY_AGENT)

    with pytest.raises(NotAllowed):
        agree(asked(officer), agent)


def test_a_refusal_has_a_reason_and_ends_the_question(officer, guard):
    approval = asked(officer)
    no = {"agrees": False, "by": guard, "at": NOON, "desk": Desk.APPROVE_PURGE}

    with pytest.raises(RuleViolation):
        four_eyes.answer(approval, **no)
    four_eyes.answer(approval, why="too many rows", **no)

    with pytest.raises(NotAllowed):
        spend(officer)
    assert asked(officer).pk != approval.pk
