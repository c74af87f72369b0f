"""Counting: only browsers that agreed, only words from a list, gone when taken back or too old."""

import ast
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from accounts import consents
from accounts.consents import How, Who
from accounts.enums import Purpose, Role
from accounts.models import ConsentChannel, ConsentEvent
from privacy import cookies, tasks
from privacy.models import UsageEvent, UsageName
from privacy.services import analytics
from smartinvoicing import clock
from tests import factories
from tests.conftest import NOON

pytestmark = pytest.mark.django_db
CHOOSE = "/privacy/choices/browser/"
USAGE = "/privacy/choices/usage/"
VISITOR = "v" * 22
HOW = How(channel=ConsentChannel.PAGE)
PHONE = "Mozilla/5.0 (Linux; Android 14; SM-G991B Build/UP1A) AppleWebKit/537.36 Chrome/131.0"


def agree(at=NOON):
    consents.give(Purpose.ANALYTICS, who=Who(visitor=VISITOR), how=HOW, at=at)


def note(name=UsageName.PAGE, page="invoices:detail", at=NOON, **more):
    return analytics.note(name, page, visitor=VISITOR, agent=PHONE, at=at, **more)


@pytest.fixture
def counted(client):
    """A browser that agreed."""
    client.post(CHOOSE, {"purpose": "analytics", "answer": "yes"})
    UsageEvent.objects.all().delete()
    return client


# --- what is kept -----------------------------------------------------------------------------


def test_without_consent_nothing_is_counted(client, business):
    client.force_login(factories.make_member(business, Role.OWNER))

    client.get("/invoices/")
    client.post(USAGE, {"page": "invoices:list", "screen": "wide"})

    assert not note()
    assert not UsageEvent.objects.exists()


def test_twin_with_consent_it_is_counted(counted, business):
    counted.force_login(factories.make_member(business, Role.OWNER))

    counted.get("/invoices/?q=secret")
    counted.post(USAGE, {"page": "invoices:list", "screen": "wide"})

    kept = UsageEvent.objects.order_by("at").values_list("name", "page", "screen")
    assert list(kept) == [
        ("page", "invoices:list", ""),
        ("screen", "invoices:list", "wide"),
    ]


def test_an_event_has_no_room_for_more():
    assert {field.name for field in UsageEvent._meta.concrete_fields} == {
        *("id", "at", "visitor", "name", "page", "os", "screen"),
    }


def test_of_an_invoice_only_the_name_of_its_page_is_kept(counted, business):
    user = factories.make_member(business, Role.OWNER)
    counted.force_login(user)
    with_ids = {"REMOTE_ADDR": "203.0.113.77", "HTTP_USER_AGENT": PHONE}

    counted.get("/products/?q=Sialkot", **with_ids)

    row = str(UsageEvent.objects.values().get())
    for told in ("203.0.113", "SM-G991B", "Sialkot", str(user.pk), str(business.pk)):
        assert told not in row


@pytest.mark.parametrize(
    "event",
    [
        {"name": "typed"},
        {"page": "/invoices/0190/"},
        {"page": "invoices:detail?q=x"},
        {"os": "win11"},
        {"screen": "1366x768"},
        {"visitor": ""},
    ],
)
def test_the_database_refuses_any_other_word(event):
    known = {"name": "page", "page": "invoices:list", "os": "linux", "visitor": VISITOR}

    with pytest.raises(IntegrityError, match="usage_says_no_more"), transaction.atomic():
        UsageEvent.objects.create(at=NOON, **{**known, **event})


@pytest.mark.parametrize("page", ["admin:index", "api:invoices", "nowhere", "", "/invoices/"])
def test_only_pages_from_the_list_are_counted(page):
    agree()

    assert not note(page=page)


def test_a_screen_is_one_of_three_words():
    agree()

    assert not note(UsageName.SCREEN, screen="1366x768")


@pytest.mark.parametrize(
    ("agent", "system"),
    [
        (PHONE, "android"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X)", "ios"),
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64)", "windows"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7)", "macos"),
        ("Mozilla/5.0 (X11; Linux x86_64)", "linux"),
        ("", "other"),
    ],
)
def test_a_system_is_one_word(agent, system):
    assert analytics.system_of(agent) == system


# --- it cannot read the business --------------------------------------------------------------


def test_counting_asks_no_table_of_the_business():
    agree()

    with CaptureQueriesContext(
        connection,
    ) as asked:
        note()

    tables = {word for each in asked for word in each["sql"].split('"') if "_" in word}
    assert not [table for table in tables if table.startswith(("invoices_", "fbr_"))]
    assert "privacy_usageevent" in tables


@pytest.mark.parametrize(
    "module",
    [
        "privacy/services/analytics.py",
        "privacy/services/usage_figures.py",
        "privacy/models/analytics.py",
        "privacy/admin/analytics.py",
    ],
)
def test_counting_imports_nothing_of_the_business(module):
    assert floors_of(Path(module).read_text()).isdisjoint({"invoices", "fbr"})


@pytest.mark.parametrize("line", ["import invoices.models", "from fbr.models import Outbox"])
def test_twin_an_import_of_the_business_is_found(line):
    assert not floors_of(line).isdisjoint({"invoices", "fbr"})


def floors_of(text):
    """The floors that a module imports from."""
    named = [
        name
        for node in ast.walk(ast.parse(text))
        for name in (
            [each.name for each in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    ]
    return {name.split(".")[0] for name in named}


# --- it ends ----------------------------------------------------------------------------------


def test_taking_it_back_deletes_what_was_counted_at_once(counted):
    counted.get("/accounts/login/")
    assert UsageEvent.objects.exists()

    answer = counted.post(CHOOSE, {"purpose": "analytics", "answer": "no"})

    assert not UsageEvent.objects.exists()
    assert answer.cookies[cookies.VISITOR]["max-age"] == 0


def test_the_job_makes_up_for_a_withdrawal_that_deleted_nothing():
    agree(clock.now())
    note(at=clock.now())
    who = Who(visitor=VISITOR)
    consents.withdraw(Purpose.ANALYTICS, who=who, how=HOW, at=clock.now())

    tasks.forget_usage()

    assert not UsageEvent.objects.exists()


def test_twin_without_a_withdrawal_the_job_leaves_it():
    agree(clock.now())
    note(at=clock.now())

    tasks.forget_usage()

    assert UsageEvent.objects.exists()


def test_many_browsers_are_asked_about_at_once(monkeypatch):
    """Those that agreed stay, whichever page of names they are on."""
    monkeypatch.setattr(analytics, "MOST", 3)
    yes, no = [f"y{n}" * 11 for n in range(4)], [f"n{n}" * 11 for n in range(4)]
    for name in (*yes, *no):
        consents.give(Purpose.ANALYTICS, who=Who(visitor=name), how=HOW, at=NOON)
        analytics.note(UsageName.PAGE, "invoices:detail", visitor=name, agent=PHONE, at=NOON)
    for name in no:
        consents.withdraw(Purpose.ANALYTICS, who=Who(visitor=name), how=HOW, at=NOON)

    with CaptureQueriesContext(connection) as asked:
        assert analytics.forget_due(at=NOON) == 4

    assert {*UsageEvent.objects.values_list("visitor", flat=True)} == {*yes}
    answers = [each["sql"] for each in asked if "accounts_consentevent" in each["sql"]]
    assert len(answers) == 3


def test_after_fourteen_months_it_is_gone():
    for at in (NOON, NOON + timedelta(days=300)):
        agree(at)
        note(at=at)
    edge = NOON + analytics.KEPT

    analytics.forget_due(at=edge)
    assert UsageEvent.objects.filter(at=NOON).exists()

    analytics.forget_due(at=edge + timedelta(seconds=1))
    assert [event.at for event in UsageEvent.objects.all()] == [NOON + timedelta(days=300)]


def test_the_script_comes_only_after_a_yes(client):
    assert b"usage.js" not in client.get("/accounts/login/").content

    client.post(CHOOSE, {"all": "yes"})
    assert b"usage.js" in client.get("/accounts/login/").content

    client.post(CHOOSE, {"all": "no"})
    assert b"usage.js" not in client.get("/accounts/login/").content


def test_a_count_that_fails_holds_no_page_back(counted, monkeypatch):
    def fail(*args, **kwargs):
        raise IntegrityError

    monkeypatch.setattr(analytics, "note", fail)

    assert counted.get("/accounts/login/").status_code == 200


def test_counting_never_learns_who_somebody_is(counted, business):
    user = factories.make_member(business, Role.OWNER)
    counted.force_login(user)

    counted.get("/invoices/")

    assert not ConsentEvent.objects.filter(user_id=user.pk).exists()
    assert UsageEvent.objects.get().visitor == counted.cookies[cookies.VISITOR].value
