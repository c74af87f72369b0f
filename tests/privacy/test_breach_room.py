"""The incident room in the admin: who enters, what stands there, and a breach from end to end."""

from __future__ import annotations

import pytest
from django.urls import reverse

from accounts.enums import StaffRole
from privacy.models import Audience, BreachCase, BreachLetter, BreachScope
from smartinvoicing import clock
from tests import factories
from tests.accounts.cast import browser_of
from tests.privacy.breach_cast import AWARE, HOUR, finish, make_case

pytestmark = pytest.mark.django_db


def page(name, *args):
    return reverse(f"admin:privacy_breachcase_{name}", args=args)


@pytest.fixture
def officer():
    return factories.make_staff(StaffRole.PRIVACY_OFFICER)


@pytest.fixture
def desk(officer):
    """The officer's browser; a code was shown a moment ago."""
    return browser_of(officer)


@pytest.fixture
def case(officer):
    at = clock.now() - HOUR
    return make_case(officer, at=at, aware_at=at, detected_at=at, touches_invoicing=True)


def said(answer):
    return answer.content.decode()


def test_one_form_starts_both_clocks(desk, business):
    now = clock.karachi(clock.now() - HOUR).strftime("%Y-%m-%dT%H:%M")
    given = {
        "title": "Open share",
        "detected_at": now,
        "aware_at": now,
        "hat": "processor",
        "is_confidentiality": "on",
        "touches_invoicing": "on",
        "data_classes": ["contact"],
        "subjects_low": "0",
        "records_low": "0",
        "tenants": str(business.pk),
    }

    answer = desk.post(page("open"), given, follow=True)

    assert answer.status_code == 200
    case = BreachCase.objects.get()
    assert case.tenants.get().incident_id is not None
    room = said(desk.get(page("change", case.pk)))
    assert "Authority: 72 hours" in room
    assert "FBR: 24 hours" in room
    assert room.count("<progress") == 2


def test_the_red_ones_stand_first(desk, officer):
    now = clock.now()
    for title, hours in (("Young", 1), ("Old", 80), ("Middle", 50)):
        at = now - hours * HOUR
        make_case(officer, title=title, at=at, aware_at=at, detected_at=at)
    done = make_case(
        officer,
        title="Done",
        at=AWARE - HOUR * 999,
        aware_at=AWARE - HOUR * 999,
        detected_at=AWARE - HOUR * 999,
    )
    finish(done, officer, at=AWARE - HOUR * 998)

    listed = said(desk.get(page("changelist")))

    places = [listed.index(f">{title}<") for title in ("Old", "Middle", "Young", "Done")]
    assert places == sorted(places)
    assert "Missed 8 h 0 min ago" in listed


def test_a_missed_clock_is_a_red_banner(desk, officer):
    at = clock.now() - 73 * HOUR
    case = make_case(officer, at=at, aware_at=at, detected_at=at)

    assert "errornote" in said(desk.get(page("change", case.pk)))


def test_twin_one_in_time_has_none(desk, case):
    assert "errornote" not in said(desk.get(page("change", case.pk)))


@pytest.mark.parametrize("role", [StaffRole.SUPPORT, StaffRole.FINANCE])
def test_others_see_nothing_of_it(case, role):
    browser = browser_of(factories.make_staff(role))

    for name in ("change", "scope", "sheet", "grade", "close"):
        answer = browser.post(page(name, case.pk))
        assert answer.status_code in {302, 403, 404}
        assert case.title not in said(browser.get(page(name, case.pk)))


def test_an_auditor_looks_and_does_nothing(case):
    browser = browser_of(factories.make_staff(StaffRole.AUDITOR))

    assert case.title in said(browser.get(page("change", case.pk)))
    assert browser.post(page("acknowledge", case.pk), {"sure": "yes"}).status_code == 403
    letter = browser.post(page("letter", case.pk, "authority"), {"subject": "x", "body": "y"})
    scope = browser.post(page("scope", case.pk), {"since": "2026-01-01T00:00"})
    assert (letter.status_code, scope.status_code) == (403, 403)
    case.refresh_from_db()
    assert case.acknowledged_at is None
    assert not BreachLetter.objects.exists()


def test_a_deed_wants_a_second_factor_shown_lately(case, officer):
    browser = browser_of(officer)
    session = browser.session
    session["account_authentication_methods"] = [
        {"method": "mfa", "at": clock.now().timestamp() - 601}
    ]
    session.save()

    answer = browser.post(page("acknowledge", case.pk), {"sure": "yes"})

    assert answer.status_code == 302
    case.refresh_from_db()
    assert case.acknowledged_at is None


def test_there_is_no_way_to_delete_or_change_columns(desk, case):
    assert desk.post(page("delete", case.pk)).status_code == 403
    desk.post(page("change", case.pk), {"title": "x"})

    case.refresh_from_db()
    assert case.title != "x"


def test_the_scope_is_asked_looked_at_and_frozen(desk, case):
    question = {"since": "2026-01-01T00:00", "until": "2036-01-01T00:00", "network": "127.0.0.1"}
    desk.get(page("changelist"))

    shown = said(desk.get(page("scope", case.pk), question))
    assert "Freeze into the case" in shown
    assert not BreachScope.objects.exists()
    desk.post(page("scope", case.pk), question)

    assert BreachScope.objects.get().found["requests"] >= 1
    assert "unchanged" in said(desk.get(page("change", case.pk)))


@pytest.mark.parametrize("network", ["nowhere", "10.0.0.1/99", "10.0.0.1/x"])
def test_what_is_no_network_is_refused(desk, case, network):
    question = {"since": "2026-01-01T00:00", "until": "2036-01-01T00:00", "network": network}

    assert desk.get(page("scope", case.pk), question).status_code == 200
    desk.post(page("scope", case.pk), question)

    assert not BreachScope.objects.exists()


def test_the_entry_is_a_pdf(desk, case):
    answer = desk.get(page("sheet", case.pk))

    assert answer.content.startswith(b"%PDF")


def test_a_breach_from_awareness_to_its_close(desk, case):
    """Every step by its own page, as an officer's day goes."""

    def deed(name, **given):
        answer = desk.post(page(name, case.pk), {"sure": "yes", **given})
        assert answer.status_code == 302, (name, answer.context["form"].errors)

    deed("acknowledge")
    deed("tick", step=str(case.steps.first().pk), note="copied")
    deed("grade", severity="medium", severity_why="few people")
    for audience in Audience:
        is_told = audience in {Audience.AUTHORITY, Audience.FBR}
        deed("decide", audience=audience, tells="yes" if is_told else "no", why="judged")
    for audience in (Audience.AUTHORITY, Audience.FBR):
        drafted = desk.get(page("letter", case.pk, audience.value)).context["drafted"]
        desk.post(
            page("letter", case.pk, audience.value),
            {"subject": drafted.subject, "body": drafted.body},
        )
        draft = BreachLetter.objects.get(audience=audience)
        deed("send", letter=str(draft.pk), proof="receipt 1")
    case.refresh_from_db()
    form = desk.get(page("revise", case.pk)).context["form"]
    facts = {name: form[name].value() for name in form.fields}
    known = {
        name: value for name, value in facts.items() if value is not None and value is not False
    }
    deed("revise", **{**known, "root_cause": "a wrong setting", "why": "found"})
    deed("sign")
    deed("close")

    case.refresh_from_db()
    assert case.closed_at is not None
    assert case.what == "A file was open to everybody for an hour."
    assert case.occurred_at is None
    room = said(desk.get(page("change", case.pk)))
    assert "receipt 1" in room
    assert "Missed" not in room


def test_what_a_service_refuses_is_said_on_the_page(desk, case):
    answer = desk.post(page("sign", case.pk), {"sure": "yes"})

    assert "Nobody said how severe it is." in said(answer)
