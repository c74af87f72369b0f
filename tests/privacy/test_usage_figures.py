"""The page of plots: sums for those who may see them, and no group that is too small."""

from datetime import timedelta

import pytest
from django.urls import reverse

from accounts.enums import StaffRole
from accounts.models import ConsentEvent
from privacy.models import UsageEvent
from privacy.services import usage_figures
from privacy.services.usage_figures import FEW
from smartinvoicing import clock
from tests import factories
from tests.conftest import NOON

pytestmark = pytest.mark.django_db
PAGE = reverse("admin:privacy_usageevent_changelist")


def count(browsers, *, page="invoices:list", os="linux", screen="", at=NOON, first=0):
    UsageEvent.objects.bulk_create(
        [
            UsageEvent(
                at=at, visitor=f"v{first + number}", name="page", page=page, os=os, screen=screen
            )
            for number in range(browsers)
        ]
    )


def found():
    return usage_figures.figures(at=NOON + timedelta(hours=1), weeks=4)


def labels(sums):
    return {each.label: each.browsers for each in sums}


def test_a_page_of_few_browsers_is_not_shown():
    count(FEW)
    count(FEW - 1, page="invoices:new")

    assert labels(found().pages) == {"invoices:list": FEW}


def test_twin_with_one_more_it_is():
    count(FEW)
    count(FEW, page="invoices:new")

    assert labels(found().pages) == {"invoices:list": FEW, "invoices:new": FEW}


def test_a_week_of_few_says_so_and_no_number():
    count(FEW - 1)

    assert [(week.browsers, week.events) for week in found().weeks] == [(None, None)]


def test_one_small_share_cannot_be_told_from_what_is_missing():
    count(20, os="linux")
    count(6, os="android", first=20)
    count(2, os="ios", first=26)

    assert labels(found().systems) == {"Linux": 20, "Others": 8}


def test_small_shares_stand_together():
    count(20, os="linux")
    count(3, os="macos", first=20)
    count(3, os="ios", first=23)

    assert labels(found().systems) == {"Linux": 20, "Others": 6}


def test_many_events_of_few_browsers_are_still_few():
    for _ in range(20):
        count(2)

    assert found().pages == []
    assert found().systems == []


def test_the_length_of_a_visit_is_told_of_enough_only():
    count(FEW - 1)
    count(FEW - 1, at=NOON + timedelta(minutes=10))
    assert found().visit_minutes is None

    count(1, first=FEW)
    assert found().visit_minutes == 10


# --- the desk ---------------------------------------------------------------------------------


@pytest.fixture
def desk(client):
    """A browser of somebody in a role."""

    def opened(*roles, **more):
        client.force_login(factories.make_staff(*roles, **more))
        return client

    return opened


def test_the_officer_sees_plots_without_scripts_or_styles(desk):
    count(FEW, at=clock.now())
    count(1, page="invoices:new", at=clock.now(), first=90)

    page = desk(StaffRole.PRIVACY_OFFICER).get(PAGE).content.decode()

    main = page[page.index('id="content-main"') :]
    assert "<svg" in main
    assert "invoices:list" in main
    assert "invoices:new" not in main
    assert "v90" not in page
    assert "style=" not in main
    assert "<script" not in main.split("</main>")[0]


@pytest.mark.parametrize("role", [StaffRole.SUPPORT, StaffRole.PRIVACY_AGENT])
def test_whoever_may_not_see_it_does_not(desk, role):
    assert desk(role).get(PAGE).status_code in {302, 403, 404}


def test_a_superuser_without_a_role_does_not(desk):
    assert desk(is_superuser=True).get(PAGE).status_code in {302, 403, 404}


def test_nobody_sees_one_event(desk):
    count(1)
    event = UsageEvent.objects.get()
    one = reverse("admin:privacy_usageevent_change", args=[event.pk])

    answer = desk(StaffRole.PRIVACY_OFFICER).get(one)

    assert answer.status_code in {302, 403, 404}
    assert event.visitor.encode() not in answer.content


def test_the_ledger_can_be_read_and_not_changed(desk, client):
    client.post("/privacy/choices/browser/", {"all": "no"})
    officer = desk(StaffRole.PRIVACY_OFFICER)

    listed = officer.get(reverse("admin:accounts_consentevent_changelist"), {"q": "not an id"})
    event = ConsentEvent.objects.first()
    one = reverse("admin:accounts_consentevent_change", args=[event.pk])

    assert listed.status_code == 200
    assert officer.get(one).status_code == 200
    assert officer.post(one, {"state": "given"}).status_code == 403
