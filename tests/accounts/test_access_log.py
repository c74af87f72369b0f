"""The access log: one row a request, cut by months, held back from nobody's answer."""

from __future__ import annotations

import re
from datetime import date, timedelta

import psycopg2
import pytest
from django.db import DatabaseError, connection, transaction
from django.db.utils import OperationalError
from django.urls import reverse

from accounts import access_log
from accounts.access import Actor
from accounts.enums import StaffRole
from accounts.models import AccessLog
from accounts.services import access_logs
from privacy.services import holds
from privacy.services.holds import Case
from smartinvoicing import clock
from smartinvoicing.pg import rows
from tests import factories
from tests.factories import AT, SYSTEM
from tests.privacy import breach_cast

pytestmark = pytest.mark.django_db


def noted():
    return AccessLog.objects.order_by("at", "id")


def test_a_request_of_a_member_is_noted_once_with_who_and_whose(business, owner, client):
    client.force_login(owner)

    client.get(reverse("invoices:list"), {"q": "Zarghoon"}, headers={"User-Agent": "Browser/1"})

    row = noted().get()
    assert (row.user_id, row.tenant_id, row.key_id) == (owner.pk, business.pk, None)
    assert (row.method, row.route, row.status) == ("GET", "invoices:list", 200)
    assert (row.address, row.agent, row.object_id) == ("127.0.0.1", "Browser/1", None)
    assert "Zarghoon" not in str(row.__dict__)


def test_what_was_asked_for_is_noted_by_its_id_and_never_as_an_address(inside, owner, client):
    invoice, _ = factories.make_draft()
    client.force_login(owner)

    client.get(reverse("invoices:detail", args=[invoice.pk]))

    row = noted().get()
    assert (row.route, row.object_id) == ("invoices:detail", invoice.pk)


def test_a_key_is_noted_and_no_person(business, owner, client):
    key = factories.make_key(business, owner)

    client.get(reverse("api:invoices"), headers={"Authorization": f"Bearer {key}"})

    row = noted().get()
    assert (row.user_id, row.tenant_id) == (None, business.pk)
    assert row.key_id is not None


def test_a_refusal_and_an_address_that_is_not_there_are_noted_too(client):
    client.get(reverse("invoices:list"))
    client.get("/nothing/here")

    assert [*noted().values_list("route", "status")] == [("invoices:list", 302), ("-", 404)]


def test_who_signs_out_is_noted(business, owner, client):
    client.force_login(owner)

    client.post(reverse("account_logout"))

    assert noted().get().user_id == owner.pk


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/static/css/app.css"])
def test_what_only_asks_whether_we_live_is_not_noted(client, path):
    client.get(path)

    assert not noted().exists()


@pytest.fixture
def broken(monkeypatch):
    def refuse(entry):
        raise OperationalError("the log is away")

    monkeypatch.setattr(access_log, "_write", refuse)


def test_a_log_that_cannot_be_written_is_told_and_holds_no_answer_back(
    business, owner, client, broken, caplog
):
    client.force_login(owner)

    answer = client.get(reverse("invoices:list"))

    assert answer.status_code == 200
    assert "access_log.not_written" in caplog.messages
    assert not noted().exists()


def test_twin_without_the_middleware_nothing_is_noted(business, owner, client, settings):
    settings.MIDDLEWARE = [each for each in settings.MIDDLEWARE if "access_log" not in each]
    client.force_login(owner)

    client.get(reverse("invoices:list"))

    assert not noted().exists()


# --- kept for its time and no longer ----------------------------------------------------------


def laid(days: float, address: str = "203.0.113.77", **fields) -> AccessLog:
    row = AccessLog(
        **fields,
        at=clock.now() - timedelta(days=days),
        method="GET",
        route="invoices:list",
        status=200,
        address=address,
    )
    rows.insert(row)
    return row


@pytest.mark.parametrize(
    ("address", "network"),
    [("203.0.113.77", "203.0.113.0"), ("2001:db8:1:2::7", "2001:db8:1::")],
)
def test_after_thirty_days_only_the_network_is_left(address, network):
    young, old = laid(29.9, address), laid(30.1, address)

    assert access_logs.keep().cut == 1
    assert access_logs.keep().cut == 0

    kept = dict(noted().values_list("pk", "address"))
    assert kept == {young.pk: address, old.pk: network}


def test_after_ninety_days_a_row_is_gone():
    young, _old = laid(89.9), laid(90.1)

    assert access_logs.keep().deleted == 1
    assert [row.pk for row in noted()] == [young.pk]


@pytest.fixture
def kept_of(inside, owner):
    """Rows of a business and of nobody's, old enough to be cut and to go."""

    def rows_left():
        access_logs.keep()
        return {(row.tenant_id, row.address) for row in noted()}

    for days in (31, 91):
        laid(days, tenant_id=inside.pk)
        laid(days)
    return rows_left


def test_what_is_of_a_business_under_a_hold_stays_as_it_is(inside, kept_of):
    case = Case(authority="Court", reference="1", review_on=date(2036, 1, 1))
    hold = holds.place(case=case, actor=SYSTEM, at=AT)

    assert kept_of() == {(inside.pk, "203.0.113.77"), (None, "203.0.113.0")}
    assert noted().filter(tenant_id=inside.pk).count() == 2

    holds.lift(hold=hold, why="Decided.", actor=SYSTEM, at=AT)
    assert kept_of() == {(inside.pk, "203.0.113.0"), (None, "203.0.113.0")}
    assert noted().filter(tenant_id=inside.pk).count() == 1


def test_what_is_of_a_business_in_an_open_breach_stays_as_it_is(inside, kept_of):
    officer = factories.make_staff(StaffRole.PRIVACY_OFFICER)
    breach_cast.make_case(officer, tenant_ids=[inside.pk])

    assert kept_of() == {(inside.pk, "203.0.113.77"), (None, "203.0.113.0")}


def test_twin_of_a_business_that_nothing_holds_it_is_cut_and_goes(inside, kept_of):
    assert kept_of() == {(inside.pk, "203.0.113.0"), (None, "203.0.113.0")}


def test_what_was_cut_already_is_not_looked_at_again(laid_database):
    """The question of the upkeep is the one by which the index of whole addresses is laid."""
    with laid_database.cursor() as cursor:
        cursor.execute("SELECT pg_get_functiondef('accounts_keep_access_log()'::regprocedure)")
        body = cursor.fetchone()[0]
        cursor.execute("BEGIN; SET LOCAL enable_seqscan = off; DROP INDEX accesslog_when")
        cursor.execute(f"EXPLAIN {body[body.index('UPDATE') : body.index('AND NOT')]}")
        used = set(re.findall(r"accesslog_y2\w+_idx\w*", str(cursor.fetchall())))
        cursor.execute(
            "SELECT DISTINCT indpred IS NOT NULL FROM pg_index"
            " WHERE indexrelid = ANY (%s::regclass[])",
            [[f"accounts_{name}" for name in used]],
        )
        are_of_whole = cursor.fetchall()
        cursor.execute("ROLLBACK")

    assert are_of_whole == [(True,)]


def test_twin_without_the_upkeep_all_stays_as_it_was():
    laid(31)
    laid(91)

    assert noted().filter(address="203.0.113.77").count() == 2


def test_the_months_ahead_are_there():
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_inherits WHERE inhparent = 'accounts_accesslog'::regclass"
        )
        assert cursor.fetchone()[0] >= 4  # three months, and what fits in none
    laid(0)
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM accounts_accesslog_rest")
        assert cursor.fetchone() == (0,)


def test_a_month_that_is_over_is_dropped_and_a_late_one_takes_its_rows(owner_url):
    """As the owner, in a transaction that is rolled back."""
    line = psycopg2.connect(owner_url)
    cursor = line.cursor()
    cursor.execute("SET lock_timeout = '5s'")
    try:
        cursor.execute(
            "INSERT INTO accounts_accesslog (id, at, method, route, status, agent)"
            " VALUES (gen_random_uuid(), now() - interval '200 days', 'GET', 'x', 200, '')"
        )
        cursor.execute("SELECT count(*) FROM accounts_accesslog_rest")
        assert cursor.fetchone() == (1,)
        cursor.execute("SELECT accounts_make_log_month((now() - interval '200 days')::date)")
        cursor.execute("SELECT count(*) FROM accounts_accesslog_rest")
        assert cursor.fetchone() == (0,)
        cursor.execute("SELECT dropped FROM accounts_keep_log_months()")
        assert cursor.fetchone() == (1,)
    finally:
        line.rollback()
        line.close()


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE accounts_accesslog SET status = 200",
        "SELECT accounts_make_log_month('2020-01-01')",
        "DELETE FROM accounts_accesslog_rest",
    ],
)
def test_who_serves_changes_no_row_and_makes_no_month(sql):
    laid(200)

    with pytest.raises(DatabaseError, match="permission denied"), transaction.atomic():
        connection.cursor().execute(sql)


def test_the_entry_of_a_key_names_the_key(rf):
    key = factories.uuid7()
    request = rf.get("/")
    request.resolver_match = None
    request.user = access_log.KeyHolder(Actor.key(key, []), factories.uuid7(), clock.now())

    assert access_log.entry_of(request, 200).key_id == key
