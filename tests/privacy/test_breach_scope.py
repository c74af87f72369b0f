"""What the logs say that a breach touched, asked on one screen and frozen into the case."""

from __future__ import annotations

import pytest
from django.db import DatabaseError, connection, transaction

from accounts.enums import Role, StaffRole
from accounts.models import AccessLog, StaffLook
from privacy.models import BreachScope
from privacy.services import scope
from privacy.services.scope import Question
from smartinvoicing.errors import NotAllowed, RuleViolation
from smartinvoicing.ids import uuid7
from smartinvoicing.pg import rows
from tests import factories
from tests.isolation import walk
from tests.privacy.breach_cast import AWARE, HOUR, make_case

pytestmark = pytest.mark.django_db
THIEF = "198.51.100.7"


def asked(route, tenant=None, *, hours=1, **fields):
    """One request in the log, `hours` before we knew."""
    known = {"method": "GET", "status": 200, "address": THIEF, "user_id": None}
    tenant_id = tenant.pk if tenant else None
    rows.insert(
        AccessLog(at=AWARE - hours * HOUR, route=route, tenant_id=tenant_id, **{**known, **fields})
    )


def ask(**narrowed):
    return scope.ask(Question(since=AWARE - 10 * HOUR, until=AWARE, **narrowed))


def tables(found):
    return {(row["tenant"], row["table"]) for row in found.rows}


def test_it_names_businesses_tables_rows_and_times(business, other_business):
    buyers = [uuid7(), uuid7()]
    asked("invoices:buyer", business, object_id=buyers[0], hours=3)
    asked("invoices:buyer", business, object_id=buyers[1], hours=2)
    asked("invoices:products", other_business)

    found = ask()

    mine = (str(business.pk), "invoices_buyer")
    assert tables(found) == {mine, (str(other_business.pk), "invoices_product")}
    (row,) = [row for row in found.rows if row["table"] == "invoices_buyer"]
    assert (row["requests"], row["objects"], row["by"]) == (2, 2, ["access log"])
    assert (row["first"], row["last"]) == (
        (AWARE - 3 * HOUR).isoformat(),
        (AWARE - 2 * HOUR).isoformat(),
    )
    assert (found.subjects_low, found.subjects_high) == (2, 2)


def test_a_list_counts_as_all_that_it_may_have_shown(inside):
    for number in range(3):
        factories.make_buyer(name=f"Buyer {number}")
    asked("invoices:buyers", inside)

    found = ask()

    assert (found.subjects_low, found.subjects_high) == (0, 3)


@pytest.mark.parametrize(
    "fields",
    [
        {"hours": 11},
        {"hours": 0},
        {"status": 404},
        {"address": "198.51.101.7"},
        {"user_id": uuid7()},
    ],
)
def test_what_does_not_fit_the_question_is_not_in_the_answer(business, fields):
    thief = uuid7()
    known = {"user_id": thief, "hours": 1}
    asked("invoices:buyers", business, **{**known, **fields})

    assert ask(users=(thief,), network="198.51.100.0/24").rows == []


def test_twin_what_fits_is(business):
    thief = uuid7()
    asked("invoices:buyers", business, user_id=thief)

    assert ask(users=(thief,), network="198.51.100.0/24").tenants == [str(business.pk)]


def test_programs_and_our_own_people_are_in_the_same_answer(business, other_business):
    key = uuid7()
    asked("api-buyers", business, key_id=key)
    StaffLook.objects.create(
        at=AWARE - HOUR,
        who="staff:x",
        role="support",
        tenant_id=other_business.pk,
        page="desk_customer",
        object_type="buyer",
        object_id=str(uuid7()),
        purpose="ticket",
        window_id=uuid7(),
        method="GET",
        result=200,
    )

    by = {row["tenant"]: row["by"] for row in ask().rows}

    assert by == {str(business.pk): ["API log"], str(other_business.pk): ["staff log"]}
    assert ask(keys=(key,)).tenants == [str(business.pk)]


def test_an_export_that_was_fetched_is_all_of_the_business(inside):
    for number in range(3):
        factories.make_buyer(name=f"Buyer {number}")
    asked("privacy:business_export_file", inside, object_id=uuid7())

    found = ask()

    mine = {table for _tenant, table in tables(found)}
    assert {"invoices_buyer", "invoices_invoice", "accounts_membership"} <= mine
    assert (found.subjects_low, found.subjects_high) == (0, 3)


def test_twin_taken_for_a_page_about_one_row_it_would_be_one_person(inside, monkeypatch):
    monkeypatch.setattr(scope, "WHOLE", frozenset())
    for number in range(3):
        factories.make_buyer(name=f"Buyer {number}")
    asked("privacy:business_export_file", inside, object_id=uuid7())

    assert ask().subjects_high == 0


@pytest.mark.parametrize(
    ("route", "table"),
    [
        ("privacy:desk_customers", "invoices_buyer"),
        ("privacy:desk_document", "invoices_invoice"),
        ("privacy:business_requests", "invoices_buyer"),
        ("privacy:why_buyer", "invoices_buyer"),
        ("privacy:export_file", "accounts_user"),
        ("admin:privacy_disclosure_change", "invoices_invoice"),
        ("admin:privacy_ticket_changelist", "privacy_ticket"),
    ],
)
def test_pages_of_privacy_reach_more_than_its_own_tables(route, table):
    assert table in scope.tables_of(route)


def test_whoever_came_is_not_among_those_it_touched(business, owner):
    thief = factories.make_member(business, Role.VIEWER)
    asked("accounts:members", business, user_id=thief.pk)
    asked("account_change_password", user_id=thief.pk)

    assert ask(users=(thief.pk,)).persons == [str(owner.pk)]
    assert set(ask().persons) == {str(owner.pk), str(thief.pk)}


def test_people_whose_own_pages_were_opened_are_named(business, owner):
    asked("accounts:members", business)

    assert ask().persons == [str(owner.pk)]


@pytest.mark.parametrize("route", walk.own_routes(), ids=lambda route: route.name)
def test_no_address_of_ours_is_taken_to_reach_nothing(route):
    """One that nobody wrote down reaches every table of its app."""
    harmless = {"alive", "ready", "schema", "metrics", "signing-key"}

    assert bool(scope.tables_of(route.name)) is (route.name not in harmless)


def test_time_runs_forward():
    with pytest.raises(RuleViolation):
        scope.ask(Question(since=AWARE, until=AWARE))


# --- frozen -----------------------------------------------------------------------------------


@pytest.fixture
def officer():
    return factories.make_staff(StaffRole.PRIVACY_OFFICER)


@pytest.fixture
def frozen(officer, business):
    asked("invoices:buyers", business)
    question = Question(since=AWARE - 10 * HOUR, until=AWARE)
    return scope.freeze(case=make_case(officer), question=question, by=officer, at=AWARE)


def test_the_answer_stays_when_the_logs_are_gone(frozen, business):
    AccessLog.objects.all().delete()

    kept = BreachScope.objects.get()

    assert kept.found["tenants"] == [str(business.pk)]
    assert scope.is_whole(kept)
    assert ask().rows == []


def test_the_businesses_that_were_found_are_in_the_case(frozen, business):
    assert [row.tenant_id for row in frozen.case.tenants.all()] == [business.pk]


def test_nobody_writes_a_frozen_answer_over(frozen):
    with pytest.raises(DatabaseError, match="permission denied"), transaction.atomic():
        connection.cursor().execute("UPDATE privacy_breachscope SET found = '{}'")


def test_twin_one_that_was_written_over_past_the_database_shows_it(frozen):
    frozen.found = {**frozen.found, "subjects_high": 99}

    assert not scope.is_whole(frozen)


def test_whoever_has_no_part_in_breaches_freezes_nothing(officer):
    case = make_case(officer)
    auditor = factories.make_staff(StaffRole.AUDITOR)

    with pytest.raises(NotAllowed):
        scope.freeze(
            case=case,
            question=Question(since=AWARE - HOUR, until=AWARE),
            by=auditor,
            at=AWARE,
        )
    assert not BreachScope.objects.exists()
