"""An officer's day at the desk: a request, a breach with the clock moved, a purge by two."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

import pytest
from django.urls import reverse

from accounts.enums import StaffRole
from accounts.models import User
from privacy import tasks
from privacy.models import (
    Audience,
    BreachCase,
    HoldListed,
    PurgeReceipt,
    PurgeRun,
    RequestState,
    RequestType,
)
from privacy.services import alarms, retention
from smartinvoicing import clock
from tests import factories
from tests.accounts.cast import browser_of
from tests.browser.eyes import Eyes
from tests.privacy import breach_cast, purge_cast, rights_cast

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

PASSWORD = "seven quiet lamps"
WHY = "They left the business and asked for it."


@pytest.fixture(autouse=True)
def _purge_signs_in(settings, role_urls):
    settings.PURGE_DATABASE_URL = role_urls.purge


@pytest.fixture
def officer() -> User:
    return factories.make_staff(StaffRole.PRIVACY_OFFICER, password=PASSWORD)


@pytest.fixture
def seat(open_browser, live_server) -> Callable[[User], Eyes]:
    """A window of somebody of ours who showed password and code a moment ago."""

    def sit(user: User) -> Eyes:
        eyes = open_browser()
        enter(eyes, user, live_server.url)
        return eyes

    return sit


def enter(eyes: Eyes, user: User, url: str) -> None:
    client = browser_of(user)
    session = client.session
    session["account_authentication_methods"] = [{"method": "mfa", "at": clock.now().timestamp()}]
    session.save()
    kept = client.cookies["sid"]
    eyes.page.context.add_cookies([{"name": "sid", "value": kept.value, "url": url}])


def sign_in_with_code(eyes: Eyes, user: User) -> None:
    """As it is typed."""
    factories.enrol(user)
    eyes.page.goto("/accounts/login/?next=/admin/")
    eyes.page.locator("input[type=email]").fill(user.email)
    eyes.page.get_by_label("Password", exact=True).fill(PASSWORD)
    eyes.page.keyboard.press("Enter")
    field = eyes.page.locator("input[name=code]")
    field.wait_for()
    field.fill(factories.code())
    eyes.page.keyboard.press("Enter")
    eyes.page.wait_for_url("**/admin/")


def act(eyes: Eyes, label: str, picture: str = "", **fields: str) -> None:
    """Press a button of the room, fill in its page, confirm; back in the room."""
    eyes.page.get_by_role("link", name=label, exact=True).click()
    for name, value in fields.items():
        field = eyes.page.locator(f"#content [name={name}]")
        if field.evaluate("each => each.tagName") == "SELECT":
            field.select_option(value)
        else:
            field.fill(value)
    if picture:
        eyes.look(picture)
    eyes.page.locator("#content form input[type=submit].default").click()
    eyes.page.locator(".messagelist .success").wait_for()


def agree(eyes: Eyes, picture: str) -> None:
    """The second person: from the first page of the desk to a yes."""
    eyes.visit("/admin/")
    eyes.look(f"{picture}-index")
    eyes.follow(eyes.page.get_by_role("list", name="A second person is asked").get_by_role("link"))
    eyes.look(f"{picture}-asked")
    act(eyes, "Agree")


# --- a request --------------------------------------------------------------------------------


def test_a_request_from_its_arrival_to_its_receipt(business, officer, seat, open_browser):
    person = factories.make_member(business)
    request = rights_cast.proved(person, at=clock.now() - timedelta(days=21), text="Erase me")
    rights_cast.receive(
        factories.make_member(business), RequestType.COMPLAINT, at=clock.now(), text="Too slow"
    )
    eyes = open_browser()
    sign_in_with_code(eyes, officer)
    eyes.look("desk-index")

    eyes.visit(reverse("admin:privacy_desk"))
    eyes.look("desk-requests")
    eyes.visit(reverse("admin:privacy_subjectrequest_changelist"))
    eyes.look("desk-request-list")
    eyes.follow(eyes.page.get_by_role("link", name=request.reference))
    eyes.look("desk-request-new")
    act(eyes, "Take it up")
    eyes.page.get_by_role("button", name="Read the words").click()
    eyes.page.get_by_text("Erase me").first.wait_for()
    eyes.look("desk-request-words")

    eyes.visit(reverse("admin:privacy_subjectrequest_change", args=[request.pk]))
    act(eyes, "Erase", "desk-request-erase", why=WHY)
    assert rights_cast.fresh(request).state == RequestState.IN_PROGRESS
    second = seat(factories.make_staff(StaffRole.SECURITY))
    agree(second, "desk-second")
    eyes.page.reload()
    eyes.look("desk-request-agreed")
    act(eyes, "Erase", why=WHY)

    assert rights_cast.fresh(request).state == RequestState.DONE
    eyes.look("desk-request-done")
    with eyes.page.expect_download() as receipt:
        eyes.page.get_by_role("link", name="Receipt as PDF").click()
    assert receipt.value.suggested_filename == f"{request.reference}.pdf"
    person.refresh_from_db()
    assert "@example.com" not in person.email


# --- a breach ---------------------------------------------------------------------------------


def open_a_breach(eyes: Eyes, tenant_id: object) -> BreachCase:
    eyes.visit(reverse("admin:privacy_breachcase_changelist"))
    eyes.look("breach-none")
    now = clock.karachi(clock.now()).strftime("%Y-%m-%dT%H:%M")
    eyes.page.get_by_label("The invoicing system is affected")
    eyes.visit(reverse("admin:privacy_breachcase_open"))
    eyes.look("breach-open")
    page = eyes.page
    page.locator("[name=title]").fill("Export left on an open share")
    for name in ("detected_at", "aware_at"):
        page.locator(f"[name={name}]").fill(now)
    page.locator("[name=is_confidentiality]").check()
    page.locator("[name=touches_invoicing]").check()
    page.locator("[name=data_classes][value=contact]").check()
    page.locator("[name=tenants]").fill(str(tenant_id))
    page.locator("#content form input[type=submit].default").click()
    page.locator(".messagelist .success").wait_for()
    return BreachCase.objects.get()


def tell(eyes: Eyes, case: BreachCase, audience: Audience, picture: str = "") -> None:
    """Draft a letter out of the facts, keep it, send it."""
    eyes.visit(reverse("admin:privacy_breachcase_letter", args=[case.pk, audience.value]))
    if picture:
        eyes.look(picture)
    eyes.page.get_by_role("button", name="Keep").click()
    eyes.page.locator(".messagelist .success").wait_for()
    draft = case.letters.get(audience=audience, sent_at=None, by_machine=False)
    act(eyes, "Send a letter", letter=str(draft.pk), proof="receipt 1")


def test_a_breach_from_awareness_to_its_close(business, officer, seat, live_server, monkeypatch):
    factories.make_member(business)
    eyes = seat(officer)
    case = open_a_breach(eyes, business.pk)
    room = reverse("admin:privacy_breachcase_change", args=[case.pk])
    eyes.visit(room)
    eyes.look("breach-fresh")
    act(eyes, "Take in hand")
    act(eyes, "Tick evidence or secrets", "breach-tick", note="copied")

    later = case.aware_at + timedelta(hours=61)
    monkeypatch.setattr(clock, "now", lambda: later)
    alarms.sound_due(at=later)
    enter(eyes, officer, live_server.url)
    eyes.visit(room)
    eyes.look("breach-hour-61")
    act(eyes, "Grade", "breach-grade", severity="medium", severity_why="Few people.")
    for audience in Audience:
        is_told = audience in {Audience.AUTHORITY, Audience.FBR, Audience.TENANTS}
        tells = "yes" if is_told else "no"
        act(eyes, "Decide who is told", audience=audience, tells=tells, why="Judged.")
    for audience in (Audience.AUTHORITY, Audience.FBR, Audience.TENANTS):
        tell(eyes, case, audience, f"breach-letter-{audience}")
    eyes.visit(reverse("admin:privacy_breachcase_scope", args=[case.pk]))
    eyes.look("breach-scope")
    eyes.visit(room)
    act(eyes, "Write facts anew", "breach-facts", root_cause="A wrong setting.", why="Found.")
    act(eyes, "Sign")
    act(eyes, "Close", "breach-close")

    case.refresh_from_db()
    assert case.closed_at == later
    eyes.visit(room)
    eyes.look("breach-closed")


def test_a_breach_that_missed_its_clock_says_so_in_red(business, officer, seat):
    at = clock.now() - 73 * breach_cast.HOUR
    case = breach_cast.make_case(officer, at=at, aware_at=at, detected_at=at)
    alarms.sound_due(at=clock.now())
    eyes = seat(officer)

    eyes.visit(reverse("admin:privacy_breachcase_change", args=[case.pk]))

    assert eyes.page.locator(".errornote").is_visible()
    eyes.look("breach-missed")
    eyes.visit("/admin/")
    eyes.look("desk-index-red")


# --- a purge, and a hold ----------------------------------------------------------------------


@pytest.fixture
def at_once(monkeypatch):
    """What the pages ring for is counted at once; a purge waits for the test."""

    def tell_task(task: str, **words: str) -> bool:
        if task == "privacy.plan_purge":
            tasks.plan_purge(**words)
        return True

    monkeypatch.setattr("privacy.admin.retention.tell", tell_task)


@pytest.mark.usefixtures("at_once")
def test_a_purge_by_two_people(business, officer, seat, laid_database):
    for _ in range(2):
        document = purge_cast.make_document(business)
        purge_cast.dated(laid_database, document, date(2018, 1, 5))
    eyes = seat(officer)
    eyes.visit(reverse("admin:privacy_purgeplan_changelist"))
    eyes.look("purge-none")
    act(eyes, "Count what would go", "purge-count", kind="tax")
    eyes.follow(eyes.page.locator("#result_list tbody a").first)
    eyes.look("purge-plan")
    plan = eyes.page.url
    act(eyes, "Ask a second person", why="Their time is over.")
    agree(seat(factories.make_staff(StaffRole.SECURITY)), "purge-second")
    eyes.page.goto(plan)
    act(eyes, "Carry it out", "purge-begin")
    run = PurgeRun.objects.get()
    eyes.visit(reverse("admin:privacy_purgerun_changelist"))
    eyes.look("purge-runs-begun")
    assert retention.run(run, at=clock.now())

    eyes.visit(reverse("admin:privacy_purgerun_changelist"))
    eyes.look("purge-runs-ended")
    eyes.visit(reverse("admin:privacy_purgereceipt_changelist"))
    eyes.look("purge-receipts")
    assert PurgeReceipt.objects.filter(table="invoices_invoice", rows=2).exists()
    eyes.visit(reverse("admin:privacy_purgeplan_why"))
    eyes.look("purge-why")


def test_a_hold_is_placed_and_looked_at(business, officer, seat):
    eyes = seat(officer)
    eyes.visit(reverse("admin:privacy_holdlisted_changelist"))
    eyes.look("hold-none")

    act(
        eyes,
        "Place a hold",
        "hold-place",
        business=str(business.pk),
        scope="tenant",
        authority="High Court, Lahore",
        reference="W.P. 1/2026",
        review_on="2040-01-01",
    )

    eyes.look("hold-list")
    hold = HoldListed.objects.get()
    eyes.visit(reverse("admin:privacy_holdlisted_change", args=[hold.pk]))
    eyes.look("hold-one")
