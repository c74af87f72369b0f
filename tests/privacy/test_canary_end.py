"""P1 to its end: an account that was lived in is closed, and seven years later nothing is left."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import transaction

from accounts import tenancy
from accounts.access import Actor
from accounts.enums import Role
from accounts.models import Tenant
from accounts.services import access_logs, mailing
from privacy import deadlines
from privacy.models import ClosureState, PurgeKind
from privacy.services import alarms, closing, closing_engine, orphans, retention
from smartinvoicing import clock
from tests.privacy import purge_cast
from tests.privacy.canary import ASKS, TOKENS
from tests.privacy.test_canary import canary, left_over, look  # noqa: F401 -- a fixture
from tests.privacy.test_purge_guard import it_is  # noqa: F401 -- likewise

pytestmark = pytest.mark.django_db(transaction=True)

HALF_DAY = timedelta(hours=12)
YEARS = timedelta(days=366 * 8)


@pytest.fixture
def closed(canary, settings, tmp_path, laid_database):  # noqa: F811 -- the fixture
    """By its owner, a hundred days ago; the engine went through all its days.

    Nobody came since. What was noted of visits before anybody signed in leads to no account: time
    alone takes it.
    """
    with laid_database.cursor() as cursor:
        cursor.execute("UPDATE accounts_accesslog SET at = at - interval '100 days'")
    settings.ERASURE_LEDGER_DIR = str(tmp_path / "ledger")
    begun_at = clock.now() - timedelta(days=100)
    actor = Actor.person(canary.user_id, Role.OWNER)
    with tenancy.in_tenant(canary.tenant_id), transaction.atomic():
        tenant = Tenant.objects.get()
        closure = closing.begin(tenant=tenant, typed_name=tenant.name, actor=actor, at=begun_at)
    for number in (*range(32), 33, 45, 82):
        at = deadlines.day_of_closure(begun_at, number) + HALF_DAY
        alarms.sound_due(at=at)
        closing_engine.advance(closure, at=at)
        mailing.deliver_due(at=at + HALF_DAY)
        closure.refresh_from_db()
    access_logs.keep()
    assert closure.state == ClosureState.SEALED, list(closure.steps.values_list("step", "facts"))
    return canary


def found(canary):  # noqa: F811 -- not the fixture
    return [hit for hit in look(canary, TOKENS.values()) if not hit.ends]


def test_after_day_45_they_stand_in_what_law_holds_and_nowhere_else(closed):
    left = [hit for hit in found(closed) if hit.token not in ASKS.values()]

    assert left_over(left) == set()


def test_twin_before_it_was_closed_they_are_all_over_the_place(canary):  # noqa: F811 -- the fixture
    assert len(left_over(found(canary))) > 20


def test_after_the_years_of_tax_law_nothing_at_all_is_left(closed, it_is):  # noqa: F811 -- likewise
    later = clock.now() + YEARS
    it_is(later)

    assert retention.run(purge_cast.agreed(later), at=later)
    plan = retention.plan(PurgeKind.ROUTINE, at=later, by="test")
    retention.run(retention.begin(plan, by="test", at=later), at=later)
    orphans.sweep(at=later)

    assert found(closed) == []
