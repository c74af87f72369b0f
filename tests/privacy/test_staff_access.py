"""P13 and P14: who of ours may look at a business, and the line for each time that they did."""

from __future__ import annotations

from datetime import datetime, timedelta

import psycopg2
import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.test import Client
from django.urls import reverse

from accounts import four_eyes, staff, staff_access, tenancy
from accounts.access import Actor
from accounts.enums import AuditAction, Desk, NoticeKind, Role, StaffRole
from accounts.models import (
    Approval,
    AuditEvent,
    BreakGlass,
    GlassEnd,
    Notice,
    OutgoingMail,
    StaffLook,
    StaffTie,
    SupportWindow,
)
from accounts.services import staff_access as service
from invoices.models import Buyer
from privacy import masking
from privacy.models import Alarm, DeskTask
from privacy.services import alarms, glass, staff_watch
from smartinvoicing import clock
from smartinvoicing.errors import NotAllowed, NotFound, RuleViolation, StateConflict
from tests import factories

pytestmark = pytest.mark.django_db
CNIC = "3520112345671"
PAGES = ("desk", "desk_documents", "desk_document", "desk_customers", "desk_customer")


@pytest.fixture
def agent():
    return factories.make_staff(StaffRole.SUPPORT)


@pytest.fixture
def guard():
    return factories.make_staff(StaffRole.SECURITY)


@pytest.fixture
def officer():
    return factories.make_staff(StaffRole.PRIVACY_OFFICER)


@pytest.fixture
def boss(owner):
    return Actor.person(owner.pk, Role.OWNER)


@pytest.fixture
def things(business):
    """An issued document and a customer of the business."""
    with tenancy.in_tenant(business.pk), transaction.atomic():
        document = factories.make_issued()
        customer = factories.make_buyer(name="Nadia Khan", ntn_cnic=CNIC)
        Buyer.objects.filter(pk=customer.pk).update(phone="03001234567", email="nadia@example.com")
    return {"invoice_id": document.pk, "buyer_id": customer.pk}


def opened(business, boss, *, at=None, lasts=timedelta(hours=1), **words):
    with tenancy.in_tenant(business.pk), transaction.atomic():
        return service.open_window(
            reason="The PDF looks odd", lasts=lasts, actor=boss, at=at or clock.now(), **words
        )


def broken(business, user, *, at=None, **words):
    known = {"reason": "The seller's page is down", "ticket": "T-17"}
    return glass.break_glass(
        tenant_id=business.pk, user=user, at=at or clock.now(), **{**known, **words}
    )


def url_of(page, business, things):
    args = [business.pk]
    if page == "desk_document":
        args.append(things["invoice_id"])
    if page == "desk_customer":
        args.append(things["buyer_id"])
    return reverse(f"privacy:{page}", args=args)


def browser_of(user):
    client = Client()
    client.force_login(user)
    return client


def look_lines():
    return list(StaffLook.objects.order_by("id"))


# --- without a grant --------------------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("role", list(StaffRole))
def test_without_a_grant_nothing_is_found(business, things, page, role):
    browser = browser_of(factories.make_staff(role, is_superuser=True))

    for answer in (
        browser.get(url_of(page, business, things)),
        browser.post(url_of(page, business, things), {"reveal": "ntn_cnic"}),
    ):
        assert answer.status_code == 404
        assert b"Nadia" not in answer.content
    assert look_lines() == []


def test_a_business_that_is_none_looks_the_same(business, things, agent):
    browser = browser_of(agent)
    nowhere = reverse("privacy:desk", args=[things["buyer_id"]])

    answers = [browser.get(reverse("privacy:desk", args=[business.pk])), browser.get(nowhere)]

    assert [answer.status_code for answer in answers] == [404, 404]
    assert len({len(answer.content) for answer in answers}) == 1


def test_an_owner_of_another_business_finds_no_desk(business, boss, stranger):
    opened(business, boss)
    browser = browser_of(stranger)

    assert browser.get(reverse("privacy:desk", args=[business.pk])).status_code == 404
    assert browser.get(reverse("privacy:desks")).status_code == 404


@pytest.mark.parametrize("page", PAGES)
def test_twin_with_a_grant_for_everybody_the_pages_open(business, things, agent, page, monkeypatch):
    def anybody(user, tenant_id, *, at, document_id=None):
        return service.Grant(
            tenant_id=tenant_id,
            purpose="x",
            until=at,
            role=StaffRole.SUPPORT,
            window_id=things["buyer_id"],
        )

    monkeypatch.setattr(service, "grant_for", anybody)

    with pytest.raises(AssertionError):
        test_without_a_grant_nothing_is_found(business, things, page, StaffRole.SUPPORT)


# --- a door that is open ----------------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES)
def test_each_look_is_one_line(business, things, boss, agent, page):
    window = opened(business, boss)

    answer = browser_of(agent).get(url_of(page, business, things))

    assert answer.status_code == 200
    (line,) = look_lines()
    assert (line.who, line.role) == (f"staff:{agent.pk}", "support")
    assert (line.tenant_id, line.page, line.window_id) == (business.pk, page, window.pk)
    assert (line.method, line.result, line.fields_revealed) == ("GET", 200, [])
    assert line.purpose == "The PDF looks odd"
    assert line.rows_shown == 1


@pytest.mark.parametrize("page", PAGES)
def test_twin_with_the_lines_off_it_is_caught(business, things, boss, agent, page, monkeypatch):
    monkeypatch.setattr(staff_access, "write", lambda line: None)

    with pytest.raises(ValueError, match="unpack"):
        test_each_look_is_one_line(business, things, boss, agent, page)


def test_a_look_at_what_is_not_there_is_a_line_too(business, things, boss, agent):
    opened(business, boss)

    page = reverse("privacy:desk_document", args=[business.pk, things["buyer_id"]])

    assert browser_of(agent).get(page).status_code == 404
    assert [line.result for line in look_lines()] == [404]


def test_names_of_persons_are_masked_until_asked_for(business, things, boss, agent):
    opened(business, boss)
    browser = browser_of(agent)
    page = url_of("desk_customer", business, things)

    shown = browser.get(page).content.decode()
    asked = browser.post(page, {"reveal": "phone"}).content.decode()

    for secret in (CNIC, "03001234567", "nadia@example.com"):
        assert secret not in shown
    assert "03001234567" in asked
    assert CNIC not in asked
    assert [line.fields_revealed for line in look_lines()] == [[], ["phone"]]


def test_nothing_else_can_be_asked_for(business, things, boss, agent):
    opened(business, boss)

    answer = browser_of(agent).post(
        url_of("desk_customer", business, things), {"reveal": "checked_at"}
    )

    assert answer.status_code == 404


def test_the_page_says_who_why_and_until_when(business, things, boss, agent):
    opened(business, boss)

    page = browser_of(agent).get(url_of("desk", business, things)).content.decode()

    assert "You look at Sample Weaving Mills" in page
    assert "The PDF looks odd" in page


def test_a_door_for_one_document_opens_no_other_page(business, things, boss, agent):
    opened(business, boss, document_id=things["invoice_id"])
    browser = browser_of(agent)

    found = {page: browser.get(url_of(page, business, things)).status_code for page in PAGES}

    assert found == dict.fromkeys(PAGES, 404) | {"desk_document": 200}


def test_a_door_for_one_business_opens_no_other(business, other_business, boss, agent):
    opened(business, boss)

    answer = browser_of(agent).get(reverse("privacy:desk", args=[other_business.pk]))

    assert answer.status_code == 404


def test_a_door_that_is_closed_opens_nothing_in_the_middle_of_a_session(
    business, things, boss, agent
):
    window = opened(business, boss)
    browser = browser_of(agent)
    page = url_of("desk", business, things)
    assert browser.get(page).status_code == 200

    with tenancy.in_tenant(business.pk), transaction.atomic():
        service.end_window(window_id=window.pk, actor=boss, at=clock.now())

    assert browser.get(page).status_code == 404


@pytest.mark.parametrize(("seconds", "is_open"), [(-1, True), (0, False)])
def test_a_door_closes_by_itself(business, boss, agent, noon, seconds, is_open):
    window = opened(business, boss, at=noon)

    grant = service.grant_for(agent, business.pk, at=window.until + timedelta(seconds=seconds))

    assert (grant is not None) is is_open


def test_a_day_is_the_longest(business, boss, noon):
    with pytest.raises(RuleViolation):
        opened(business, boss, lasts=timedelta(hours=24, seconds=1))

    with pytest.raises(IntegrityError, match="a_day_at_most"), transaction.atomic():
        SupportWindow.objects.create(
            tenant_id=business.pk,
            reason="x",
            granted_by="user:x",
            granted_at=noon,
            until=noon + timedelta(hours=25),
        )


def test_the_door_is_the_owners_to_open(business, boss, clerk, other_business):
    with pytest.raises(NotAllowed):
        opened(business, clerk)
    window = opened(business, boss)

    with tenancy.in_tenant(other_business.pk), pytest.raises(NotFound):
        service.end_window(window_id=window.pk, actor=boss, at=clock.now())


def test_opening_and_closing_stand_in_the_trail(business, boss):
    window = opened(business, boss)
    with tenancy.in_tenant(business.pk), transaction.atomic():
        service.end_window(window_id=window.pk, actor=boss, at=clock.now())

        deeds = AuditEvent.objects.filter(object_type="supportwindow").order_by("id")
        assert [deed.action for deed in deeds] == ["support.granted", "support.ended"]
        with pytest.raises(StateConflict):
            service.end_window(window_id=window.pk, actor=boss, at=clock.now())


def test_whoever_is_tied_to_a_business_never_looks(business, boss, agent, noon):
    opened(business, boss, at=noon)
    assert service.grant_for(agent, business.pk, at=noon) is not None

    StaffTie.objects.create(
        staff=agent, tenant_id=business.pk, why="a cousin", said_by="staff:x", said_at=noon
    )

    assert service.grant_for(agent, business.pk, at=noon) is None


def test_without_a_training_that_holds_nothing_opens(business, things, boss, agent, monkeypatch):
    opened(business, boss)
    monkeypatch.setattr(staff, "is_trained", lambda user, *, at: False)

    assert browser_of(agent).get(url_of("desk", business, things)).status_code == 403
    assert staff.UNTRAINED.isdisjoint({Desk.SEE_PEOPLE, Desk.WORK_REQUESTS})
    assert browser_of(agent).get(reverse("admin:accounts_user_changelist")).status_code == 302


# --- no writing, no line, no answer -----------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_the_pages_cannot_write(business, things, boss, agent, monkeypatch):
    opened(business, boss)

    def meddle(row, revealed=()):
        Buyer.objects.filter(pk=row.pk).update(phone="0")
        return {}

    monkeypatch.setattr("privacy.desk_pages.customer", meddle)
    browser = Client(raise_request_exception=False)
    browser.force_login(agent)

    answer = browser.get(url_of("desk_customer", business, things))

    assert answer.status_code == 500
    with tenancy.in_tenant(business.pk), transaction.atomic():
        assert Buyer.objects.get(pk=things["buyer_id"]).phone == "03001234567"
    assert [line.result for line in look_lines()] == [500]


@pytest.mark.django_db(transaction=True)
def test_twin_without_the_shut_door_a_page_could_write(business, things, boss, agent, monkeypatch):
    monkeypatch.setattr(staff_access, "_characteristics", lambda mode: None)

    with pytest.raises(AssertionError):
        test_the_pages_cannot_write(business, things, boss, agent, monkeypatch)


@pytest.mark.django_db(transaction=True)
def test_what_cannot_be_written_down_is_not_shown(business, things, boss, agent, laid_database):
    opened(business, boss)
    browser = browser_of(agent)
    with laid_database.cursor() as cursor:
        cursor.execute("REVOKE INSERT ON accounts_stafflook FROM app")
    try:
        answers = [browser.get(url_of(page, business, things)) for page in PAGES]
    finally:
        with laid_database.cursor() as cursor:
            cursor.execute("GRANT INSERT ON accounts_stafflook TO app")

    assert {answer.status_code for answer in answers} == {503}
    assert [a for a in answers if b"Nadia" in a.content or b"Sample" in a.content] == []
    assert look_lines() == []


@pytest.mark.parametrize(
    "sql", ["UPDATE accounts_stafflook SET who = 'x'", "DELETE FROM accounts_stafflook"]
)
def test_a_line_is_written_once(business, things, boss, agent, sql):
    opened(business, boss)
    browser_of(agent).get(url_of("desk", business, things))

    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql)


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE accounts_supportwindow SET until = until + interval '1 hour'",
        "DELETE FROM accounts_supportwindow",
        "UPDATE accounts_breakglass SET reason = 'x'",
        "DELETE FROM accounts_breakglass",
    ],
)
def test_what_was_granted_is_not_changed(business, boss, sql):
    opened(business, boss)

    with (
        pytest.raises(DatabaseError) as refused,
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(sql)
    assert isinstance(refused.value.__cause__, psycopg2.errors.InsufficientPrivilege)


# --- in an emergency --------------------------------------------------------------------------


def agreed(by, at, *, agrees=True):
    approval = Approval.objects.get(deed="break_glass")
    four_eyes.answer(approval, agrees=agrees, by=by, at=at, desk=Desk.SIGN_BREACHES, why="seen")


def test_an_emergency_needs_a_reason_and_a_ticket(business, guard):
    for words in ({"reason": " "}, {"ticket": ""}):
        with pytest.raises(RuleViolation):
            broken(business, guard, **words)


@pytest.mark.parametrize("role", [role for role in StaffRole if role != StaffRole.SECURITY])
def test_an_emergency_is_not_for_everybody(business, role):
    with pytest.raises(NotAllowed):
        broken(business, factories.make_staff(role))


def test_the_business_is_told_at_once(business, guard, officer):
    made = broken(business, guard)

    with tenancy.in_tenant(business.pk), transaction.atomic():
        assert Notice.objects.get().kind == NoticeKind.STAFF_LOOKED
        assert AuditEvent.objects.filter(action=AuditAction.GLASS_BROKEN).count() == 1
    assert OutgoingMail.objects.get(to=officer.email).template == "accounts/mail/second_person"
    assert DeskTask.objects.get(kind=glass.TASK).key == str(made.pk)
    assert not OutgoingMail.objects.filter(to=guard.email).exists()


@pytest.mark.parametrize(
    ("minutes", "agrees_at", "is_open"),
    [
        (14.9, None, True),
        (15, None, False),
        (16, 14, True),
        (59.9, 14, True),
        (60, 14, False),
        (61, 14, False),
    ],
)
def test_fifteen_minutes_alone_and_an_hour_with_another(
    business, guard, officer, noon, minutes, agrees_at, is_open
):
    broken(business, guard, at=noon)
    if agrees_at is not None:
        agreed(officer, noon + timedelta(minutes=agrees_at))

    grant = service.grant_for(guard, business.pk, at=noon + timedelta(minutes=minutes))

    assert (grant is not None) is is_open


def test_it_ends_in_the_middle_of_a_session(business, things, guard, officer, monkeypatch):
    began = clock.now()
    broken(business, guard, at=began)
    agreed(officer, began)
    browser, page = browser_of(guard), url_of("desk", business, things)
    assert browser.get(page).status_code == 200

    monkeypatch.setattr(clock, "now", lambda: began + timedelta(minutes=14))
    assert browser.get(page).status_code == 200
    for minutes in (28, 42, 56):
        monkeypatch.setattr(clock, "now", lambda m=minutes: began + timedelta(minutes=m))
        assert browser.get(page).status_code == 200
    monkeypatch.setattr(clock, "now", lambda: began + timedelta(minutes=60))

    assert browser.get(page).status_code == 404
    assert BreakGlass.objects.get().end == GlassEnd.TIME
    with tenancy.in_tenant(business.pk), transaction.atomic():
        assert AuditEvent.objects.filter(action=AuditAction.GLASS_MENDED).count() == 1


def test_twin_a_clock_that_stands_is_caught(business, things, guard, officer, monkeypatch):
    settle = service.settle_glass
    monkeypatch.setattr(service, "settle_glass", lambda row, *, at: settle(row, at=row.opened_at))

    with pytest.raises(AssertionError):
        test_it_ends_in_the_middle_of_a_session(business, things, guard, officer, monkeypatch)


def test_a_second_person_who_refuses_ends_it(business, guard, officer, noon):
    broken(business, guard, at=noon)
    agreed(officer, noon, agrees=False)

    assert service.grant_for(guard, business.pk, at=noon + timedelta(minutes=1)) is None
    assert BreakGlass.objects.get().end == GlassEnd.REFUSED


def test_nobody_is_their_own_second_person(business, guard, noon):
    broken(business, guard, at=noon)

    with pytest.raises(NotAllowed):
        agreed(guard, noon)
    with pytest.raises(IntegrityError, match="by_another"), transaction.atomic():
        BreakGlass.objects.update(confirmed_by=guard, confirmed_at=noon)


def test_it_is_the_emergency_of_one_person(business, guard, officer, noon):
    other = factories.make_staff(StaffRole.SECURITY)
    broken(business, guard, at=noon)
    agreed(officer, noon)

    assert service.grant_for(other, business.pk, at=noon) is None


def test_what_law_forbids_to_tell_waits_for_the_second_person(business, guard, officer, noon):
    made = broken(business, guard, at=noon, legal_bar="Order 7 of the court")
    assert service.grant_for(guard, business.pk, at=noon) is None

    agreed(officer, noon)

    assert service.grant_for(guard, business.pk, at=noon) is not None
    with tenancy.in_tenant(business.pk), transaction.atomic():
        assert Notice.objects.count() == 0
        assert AuditEvent.objects.filter(action=AuditAction.GLASS_BROKEN).count() == 0
    service.lift_bar(glass=made, user=officer, at=noon)
    with tenancy.in_tenant(business.pk), transaction.atomic():
        assert Notice.objects.count() == 1
        assert AuditEvent.objects.filter(action=AuditAction.GLASS_BROKEN).count() == 1


def test_alarms_write_the_end_down_though_nobody_asks(business, guard, noon):
    broken(business, guard, at=noon)
    assert Alarm.objects.filter(kind=glass.KIND).count() == 2

    alarms.sound_due(at=noon + timedelta(minutes=61))

    assert BreakGlass.objects.get().end == GlassEnd.ALONE
    assert BreakGlass.objects.get().ended_at == noon + timedelta(minutes=15)


def test_another_reviews_it_and_the_bell_stops(business, guard, officer, noon):
    made = broken(business, guard, at=noon)
    later = noon + timedelta(hours=2)
    with pytest.raises(NotAllowed):
        glass.review(glass=made, finding="fine", user=guard, at=later)

    glass.review(glass=made, finding="It was needed", user=officer, at=later)

    assert BreakGlass.objects.get().reviewed_by == officer
    assert DeskTask.objects.get(kind=glass.TASK).done_at == later
    with tenancy.in_tenant(business.pk), transaction.atomic():
        assert Notice.objects.filter(cleared_at=None).count() == 0


# --- what the business reads ------------------------------------------------------------------


def test_the_business_reads_each_look(business, things, boss, agent, owner):
    opened(business, boss)
    browser_of(agent).post(url_of("desk_customer", business, things), {"reveal": "phone"})

    page = browser_of(owner).get(reverse("accounts:staff_access")).content.decode()

    assert f"Support {str(agent.pk)[-6:]}" in page
    assert "The PDF looks odd" in page
    assert "phone" in page
    assert agent.email not in page


def test_the_business_reads_an_emergency_but_none_that_law_bars(
    business, things, guard, officer, owner
):
    barred = broken(business, guard, legal_bar="Order 7", reason="Under seal")
    agreed(officer, clock.now())
    browser_of(guard).get(url_of("desk", business, things))
    page = reverse("accounts:staff_access")

    assert "Under seal" not in browser_of(owner).get(page).content.decode()
    service.lift_bar(glass=barred, user=officer, at=clock.now())
    assert browser_of(owner).get(page).content.decode().count("Under seal") == 2


def test_another_business_reads_nothing_of_it(business, things, boss, agent, stranger):
    opened(business, boss)
    browser_of(agent).get(url_of("desk", business, things))

    page = browser_of(stranger).get(reverse("accounts:staff_access")).content.decode()

    assert "The PDF looks odd" not in page


def test_the_owner_opens_and_closes_the_door_by_the_page(business, owner):
    browser = browser_of(owner)
    session = browser.session
    session["account_authentication_methods"] = [
        {"method": "password", "at": clock.now().timestamp()}
    ]
    session["account_authentication_methods_user"] = str(owner.pk)
    session.save()

    browser.post(reverse("accounts:staff_access_open"), {"reason": "Look at it", "hours": "4"})

    window = SupportWindow.objects.get()
    assert window.until - window.granted_at == timedelta(hours=4)
    browser.post(reverse("accounts:staff_access_end", args=[window.pk]))
    assert SupportWindow.objects.get().ended_by == f"user:{owner.pk}"


def test_the_door_opens_only_to_who_proved_who_they_are(business, owner):
    answer = browser_of(owner).post(
        reverse("accounts:staff_access_open"), {"reason": "Look", "hours": "4"}
    )

    assert "reauthenticate" in answer["Location"]
    assert SupportWindow.objects.count() == 0


# --- what is odd ------------------------------------------------------------------------------


def line(who, at: datetime, tenant, rows=1):
    StaffLook.objects.create(
        at=at,
        who=f"staff:{who.pk}",
        role="support",
        tenant_id=tenant,
        page="desk",
        rows_shown=rows,
        purpose="x",
        window_id=tenant,
        method="GET",
        result=200,
    )


def kinds():
    return sorted(DeskTask.objects.exclude(kind=staff_watch.REVIEW).values_list("kind", flat=True))


def test_many_businesses_within_an_hour_ring_once(agent, officer, noon, settings):
    settings.STAFF_TENANTS_AN_HOUR = 5
    for number in range(5):
        line(agent, noon + timedelta(minutes=10 * number), factories.uuid7())
    staff_watch.watch(at=noon + timedelta(hours=1))
    assert kinds() == []

    line(agent, noon + timedelta(minutes=55), factories.uuid7())
    for _again in range(2):
        staff_watch.watch(at=noon + timedelta(hours=1))

    assert kinds() == ["staff_many"]
    assert OutgoingMail.objects.filter(to=officer.email).count() == 1


def test_five_in_one_hour_and_one_in_the_next_are_not_six(agent, noon):
    for number in range(6):
        line(agent, noon + timedelta(minutes=12 * number), factories.uuid7())

    staff_watch.watch(at=noon + timedelta(hours=2))

    assert kinds() == []


def test_many_rows_within_an_hour_ring(agent, noon, settings):
    line(agent, noon, factories.uuid7(), rows=settings.STAFF_ROWS_AN_HOUR + 1)

    staff_watch.watch(at=noon)

    assert kinds() == ["staff_bulk"]


@pytest.mark.parametrize(("hour", "rings"), [(8, True), (9, False), (20, False), (21, True)])
def test_a_look_outside_the_hours_of_work_rings(agent, noon, hour, rings):
    line(agent, clock.karachi(noon).replace(hour=hour), factories.uuid7())

    staff_watch.watch(at=noon + timedelta(days=1))

    assert kinds() == (["staff_off_shift"] if rings else [])


def test_a_job_that_stood_still_catches_up(agent, noon):
    line(agent, noon, factories.uuid7(), rows=10_000)

    staff_watch.watch(at=noon + timedelta(hours=40))

    assert "staff_bulk" in kinds()


def test_each_month_waits_for_a_signature_of_somebody_who_did_not_look(agent, guard, officer, noon):
    line(guard, datetime(2026, 10, 31, 18, 59, tzinfo=clock.KARACHI), factories.uuid7())
    staff_watch.watch(at=noon)
    task = DeskTask.objects.get(kind=staff_watch.REVIEW)
    assert task.key == "2026-10"
    assert staff_watch.of_month("2026-10") == [(f"staff:{guard.pk}", 1)]

    for who, error in ((agent, NotAllowed), (guard, NotAllowed)):
        with pytest.raises(error):
            staff_watch.sign_review(month="2026-10", finding="fine", user=who, at=noon)
    staff_watch.sign_review(month="2026-10", finding="fine", user=officer, at=noon)
    staff_watch.watch(at=noon)

    assert DeskTask.objects.filter(kind=staff_watch.REVIEW, done_at=None).count() == 0
    with pytest.raises(StateConflict):
        staff_watch.sign_review(month="2026-10", finding="again", user=officer, at=noon)


# --- at the desk ------------------------------------------------------------------------------


def test_an_emergency_goes_through_the_pages(business, things, guard, officer):
    browser = browser_of(guard)
    said = {"tenant_id": business.pk, "ticket": "T-17", "reason": "Their page is down"}

    answer = browser.post(reverse("privacy:desks"), said)
    second = reverse("admin:accounts_approval_agree", args=[Approval.objects.get().pk])
    browser_of(officer).post(second, {"why": ""})

    assert answer["Location"] == reverse("privacy:desk", args=[business.pk])
    assert browser.get(answer["Location"]).status_code == 200
    assert BreakGlass.objects.get().confirmed_by == officer


def test_who_reviews_does_it_on_a_page(business, guard, officer):
    made = broken(business, guard, at=clock.now() - timedelta(hours=2))
    page = reverse("admin:accounts_breakglass_review", args=[made.pk])

    assert browser_of(guard).post(page, {"why": "fine"}).status_code == 200
    assert BreakGlass.objects.get().reviewed_at is None
    browser_of(officer).post(page, {"why": "It was needed"})

    assert BreakGlass.objects.get().review == "It was needed"


def test_a_month_is_signed_on_a_page(officer):
    at = clock.now()
    staff_watch.watch(at=at)
    month = staff_watch.last_month(at)
    page = reverse("admin:accounts_stafflook_review", args=[month])
    assert month.encode() in browser_of(officer).get("/admin/").content

    browser_of(officer).post(page, {"why": "Nothing odd"})

    assert DeskTask.objects.get(kind=staff_watch.REVIEW).done_at is not None
    assert browser_of(officer).get(page.replace(month, "2026-13")).status_code == 404


@pytest.mark.parametrize("role", [StaffRole.SUPPORT, StaffRole.FINANCE])
def test_who_reads_no_registers_sees_no_red_list(role, noon):
    staff_watch.watch(at=noon)

    assert b"2026-10" not in browser_of(factories.make_staff(role)).get("/admin/").content


def test_one_of_ours_says_that_they_know_a_business(business, boss, agent):
    opened(business, boss)
    said = {"tenant_id": business.pk, "why": "a cousin"}

    browser_of(agent).post(reverse("admin:accounts_stafftie_tie"), said)

    assert browser_of(agent).get(reverse("privacy:desk", args=[business.pk])).status_code == 404


@pytest.mark.parametrize("model", ["stafflook", "breakglass", "supportwindow", "stafftie"])
def test_registers_of_looks_are_for_reading_only(business, boss, guard, model):
    opened(business, boss)
    browser = browser_of(guard)

    assert browser.get(reverse(f"admin:accounts_{model}_changelist")).status_code == 200
    assert browser.post(reverse(f"admin:accounts_{model}_add"), {}).status_code == 403


# --- masks ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mask", "text", "shown"),
    [
        (masking.ntn_cnic, CNIC, "••••••••••671"),
        (masking.ntn_cnic, "7000007", "7000007"),
        (masking.number, "03001234567", "••••••••567"),
        (masking.number, "12", "••"),
        (masking.email, "nadia@example.com", "n•••@•••.com"),
        (masking.email, "nadia@localhost", "n•••@•••"),
        (masking.email, "nadia", "•••••"),
    ],
)
def test_a_mask_leaves_enough_to_compare(mask, text, shown):
    assert mask(text) == shown
