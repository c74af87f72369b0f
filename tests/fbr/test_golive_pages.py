"""Pages on the way to production: steps, sheet for IRIS, scenarios, switch, banner, first page."""

from __future__ import annotations

import tomllib
from datetime import timedelta

import pytest
import time_machine
from django.conf import settings as django_settings
from django.test import Client
from django.urls import reverse

from accounts.enums import Environment, Role
from accounts.models import LegalEntity
from fbr.di.probe import Finding
from fbr.models import Credential, GoLive, Outbox, ScenarioRun
from fbr.outcomes import Hold
from fbr.services import credentials, onboarding, scenarios
from fbr.services.onboarding import Step
from invoices import lifecycle
from invoices.enums import State
from invoices.models import Invoice
from smartinvoicing.errors import Problem
from smartinvoicing.provision import ROOT
from tests import factories
from tests.conftest import NOON
from tests.factories import SYSTEM

HTMX = {"HX-Request": "true"}
MANAGED = ("fbr:environment", "fbr:tokens")
SEEN_BY_ALL = ("fbr:golive", "fbr:iris", "fbr:scenarios", "fbr:golive_step")
PROBLEM = Problem(
    code="0077", field="sro_schedule", line=1, message="FBR wants an SRO.", fix="Choose one."
)


@pytest.fixture(autouse=True)
def _at_noon():
    with time_machine.travel(NOON, tick=True):
        yield


@pytest.fixture
def browser(client, inside, owner) -> Client:
    client.force_login(owner)
    return client


@pytest.fixture
def credential(entity) -> Credential:
    return factories.make_credential(entity, "a-sandbox-token-0001")


def text_of(response) -> str:
    return response.content.decode()


def step_of(response, step):
    (found,) = [each for each in response.context["steps"] if each["id"] == f"step-{step}"]
    return found


def begin(entity, *ids):
    return scenarios.run(entity=entity, scenarios=ids, actor=SYSTEM, at=NOON)


def end(run, state, **also):
    if state == State.ACCEPTED:
        also = {"fbr_number": "7000007DI1795136541792", "accepted_at": NOON}
    lifecycle.transition(run.invoice, State.SUBMITTING, actor=SYSTEM, at=NOON)
    lifecycle.transition(run.invoice, state, actor=SYSTEM, at=NOON, also=also)


def make_ready(entity):
    """All before the switch is done, with two scenarios."""
    for step in onboarding.BY_HAND:
        onboarding.tick(entity=entity, step=step, actor=SYSTEM, at=NOON)
    for environment in Environment:
        stored = factories.make_credential(
            entity, f"{environment}-token-0001", environment=environment
        )
        credentials.record_test(
            credential=stored, said=Finding.WORKS, works=True, actor=SYSTEM, at=NOON
        )
    GoLive.objects.update(scenarios=["SN001"])
    end(begin(entity, "SN001")[0], State.ACCEPTED)


# --- the steps --------------------------------------------------------------------------------


def test_the_steps_stand_in_their_order_and_the_next_one_is_open(browser):
    response = browser.get(reverse("fbr:golive"))

    assert [each["id"] for each in response.context["steps"]] == [f"step-{s}" for s in Step]
    assert [each["id"] for each in response.context["steps"] if each["is_now"]] == ["step-iris"]
    assert text_of(response).count("<details open>") == 1
    assert response.context["actions"] == [
        step_of(response, "iris")["actions"][0] | {"kind": "primary"}
    ]


def test_a_tick_moves_on_and_can_be_taken_back(browser, owner):
    browser.post(reverse("fbr:golive_tick"), {"tick": "iris"})
    ticked = browser.get(reverse("fbr:golive"))
    browser.post(reverse("fbr:golive_tick"), {"untick": "iris"})
    taken_back = browser.get(reverse("fbr:golive"))

    step = step_of(ticked, "iris")
    assert step["note"] == f"Ticked by {owner.name} on 20 Nov 2026, 12:00."
    assert step_of(ticked, "addresses")["is_now"]
    assert step_of(taken_back, "iris")["is_now"]


def test_a_step_that_ticks_itself_is_not_ticked_by_a_form(browser):
    assert browser.post(reverse("fbr:golive_tick"), {"tick": "production"}).status_code == 422
    assert browser.post(reverse("fbr:golive_tick")).status_code == 422
    assert not GoLive.objects.exists()


def test_who_is_through_is_told(browser, entity):
    make_ready(entity)
    LegalEntity.objects.update(environment=Environment.PRODUCTION)
    invoice = factories.make_issued()
    lifecycle.transition(invoice, State.SUBMITTING, actor=SYSTEM, at=NOON)
    also = {"fbr_number": "7000007DI1795136549999", "accepted_at": NOON}
    lifecycle.transition(invoice, State.ACCEPTED, actor=SYSTEM, at=NOON, also=also)

    response = browser.get(reverse("fbr:golive"))
    card = browser.get(reverse("fbr:golive_step"), headers=HTMX)

    assert response.context["is_through"]
    assert response.context["actions"] == []
    assert text_of(card).strip() == ""


def test_the_sheet_has_what_iris_asks_with_a_button_to_copy_each(browser, entity, owner, settings):
    settings.HOSTING_COMPANY, settings.HOSTING_COUNTRY = "Sample Hosting", "Pakistan"
    settings.EGRESS_ADDRESSES = ["192.0.2.10", "192.0.2.11"]
    LegalEntity.objects.update(phone="+924235761999")

    for page in ("fbr:iris", "fbr:golive"):
        shown = text_of(browser.get(reverse(page)))
        for value in (
            *(entity.ntn_cnic, "PRAL", "SmartInvoicing", "Cloud", owner.name, owner.email),
            *("+924235761999", "Sample Hosting", "Pakistan", "All Other Sectors", "Other"),
            *("192.0.2.10", "192.0.2.11"),
        ):
            assert f">{value}</span>" in shown, value
        assert shown.count("data-copy=") == 14


def test_addresses_that_nobody_set_are_said_to_be_unknown(browser, settings):
    settings.EGRESS_ADDRESSES = []

    shown = text_of(browser.get(reverse("fbr:iris")))

    assert "The addresses are not known here" in shown
    assert "Ask whoever runs this installation" in shown


def test_more_addresses_than_the_form_takes_are_said_to_need_a_sheet(browser, settings):
    settings.EGRESS_ADDRESSES = [f"192.0.2.{n}" for n in range(4)]

    assert "takes 3 addresses" in text_of(browser.get(reverse("fbr:iris")))


def test_the_version_that_iris_is_told_is_ours():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

    assert project["version"] == django_settings.SOFTWARE_VERSION


# --- the scenarios ----------------------------------------------------------------------------


def rows_of(response):
    return {row["id"]: row for row in response.context["table"]["rows"]}


def get(browser, seen=None):
    query = {} if seen is None else {"seen": seen}
    headers = None if seen is None else HTMX
    return browser.get(reverse("fbr:scenarios"), query, headers=headers)


def test_the_scenarios_stand_with_what_they_are(browser, credential):
    response = get(browser)

    row = rows_of(response)["SN002"]
    assert row["title"] == "Standard-rate goods to a customer without registration"
    assert row["look"].label == "Not run yet"
    assert [action["label"] for action in row["actions"]] == ["Run"]
    assert response.context["table"]["bar"] == {
        "id": "scenarios",
        "label": "Scenarios passed",
        "done": 0,
        "total": 11,
    }
    assert response.context["table"]["url"] == ""


def test_run_all_sends_what_is_missing_and_rings(
    browser, credential, django_capture_on_commit_callbacks
):
    with django_capture_on_commit_callbacks() as bells:
        response = browser.post(reverse("fbr:scenarios"), {"run": "all"}, follow=True)

    assert ScenarioRun.objects.count() == Invoice.objects.filter(state=State.QUEUED).count() == 11
    assert [bell.__name__ for bell in bells] == ["ring"]
    assert "11 scenarios are sent" in text_of(response)
    assert response.context["actions"] == []
    assert response.context["table"]["url"]


def test_one_may_be_run_alone(browser, credential):
    browser.post(reverse("fbr:scenarios"), {"run": "SN005"})

    assert [run.scenario for run in ScenarioRun.objects.all()] == ["SN005"]


def test_the_table_asks_again_until_nothing_moves(browser, entity, credential):
    (run,) = begin(entity, "SN001")
    first = get(browser)
    seen = first.context["table"]["url"].partition("seen=")[2]

    quiet = get(browser, seen)
    end(run, State.ACCEPTED)
    moved = get(browser, seen)

    assert (first.context["table"]["every"], quiet.status_code, quiet.content) == (2, 204, b"")
    assert moved.status_code == 200
    assert moved.context["table"]["url"] == ""
    assert "hx-trigger" not in text_of(moved)
    assert 'id="page-actions" hx-swap-oob="true"' in text_of(moved)
    assert rows_of(moved)["SN001"]["number"] == "7000007DI1795136541792"
    assert rows_of(moved)["SN001"]["actions"] == []


def test_what_lasts_is_asked_for_more_seldom(browser, entity, credential):
    begin(entity, "SN001")

    with time_machine.travel(NOON + timedelta(minutes=5)):
        assert get(browser).context["table"]["every"] == 10


def test_what_waits_for_a_person_is_not_asked_for_at_all(browser, entity, credential):
    begin(entity, "SN001")
    Outbox.objects.update(hold_reason=Hold.CREDENTIAL)

    response = get(browser)

    assert response.context["table"]["url"] == ""
    assert "on hold" in rows_of(response)["SN001"]["look"].label


def test_a_refused_scenario_says_why_and_can_be_mended_or_run_again(browser, entity, credential):
    (run,) = begin(entity, "SN001")
    end(run, State.REJECTED, problems=[PROBLEM.as_dict()])

    response = get(browser)

    row = rows_of(response)["SN001"]
    assert [(each["message"], each["fix"]) for each in row["said"]] == [
        ("FBR wants an SRO.", "Choose one.")
    ]
    again, mend = row["actions"]
    assert (again["label"], mend["label"]) == ("Run again", "Open and mend")
    assert mend["url"] == f"{reverse('invoices:edit', args=[run.invoice_id])}?check=1"


def test_without_a_token_nothing_is_offered_and_the_way_out_is(browser):
    response = get(browser)

    assert response.context["cannot_run"]["action"]["url"] == reverse("fbr:tokens")
    assert response.context["actions"] == []
    assert [row["actions"] for row in rows_of(response).values()] == [[]] * 11


def test_a_run_that_is_refused_says_so(browser):
    response = browser.post(reverse("fbr:scenarios"), {"run": "SN001"}, follow=True)

    assert "no sandbox token" in text_of(response)
    assert not Invoice.objects.exists()


def test_in_production_no_scenario_is_run(browser, credential):
    LegalEntity.objects.update(environment=Environment.PRODUCTION)

    response = browser.post(reverse("fbr:scenarios"), {"run": "SN001"}, follow=True)

    assert "reports to production" in text_of(response)
    assert not Invoice.objects.exists()


def test_iris_may_show_another_list(browser, credential):
    browser.post(reverse("fbr:scenarios_choose"), {"scenario": ["SN003", "SN008"]})
    chosen = get(browser)
    browser.post(reverse("fbr:scenarios_choose"), {"natures": "1", "activity": ["Retailer"]})
    widened = get(browser)

    assert (list(rows_of(chosen)), chosen.context["by_table"]) == (["SN003", "SN008"], False)
    assert {"SN008", "SN026"} < rows_of(widened).keys()
    assert widened.context["by_table"]


def test_no_scenario_at_all_is_refused_in_words(browser):
    response = browser.post(reverse("fbr:scenarios_choose"), follow=True)

    assert "one scenario at least" in text_of(response)


# --- the switch -------------------------------------------------------------------------------


def switch(browser, to):
    return browser.post(reverse("fbr:environment"), {"to": to}, follow=True)


def test_before_all_is_done_the_page_names_what_is_missing(browser):
    response = browser.get(reverse("fbr:environment"))

    assert len(response.context["missing"]) == 5
    assert response.context["question"] is None
    assert 'name="to"' not in text_of(response)


def test_a_switch_that_is_forced_is_refused(browser):
    response = switch(browser, "production")

    assert "Not everything that production needs is done yet" in text_of(response)
    assert LegalEntity.objects.get().environment == Environment.SANDBOX


def test_the_switch_says_what_it_means_and_the_banner_goes(browser, entity):
    make_ready(entity)
    factories.make_draft()
    before = browser.get(reverse("fbr:environment"))

    after = switch(browser, "production")

    assert "counts for tax" in str(before.context["question"]["sentences"])
    assert "1 draft belongs" in str(before.context["question"]["sentences"])
    assert "From now on your invoices go to FBR and count for tax." in text_of(after)
    assert (before.context["environment_banner"]["word"], after.context["environment_banner"]) == (
        "Sandbox:",
        None,
    )


def test_the_way_back_is_open_and_says_what_it_means(browser):
    LegalEntity.objects.update(environment=Environment.PRODUCTION)
    before = browser.get(reverse("fbr:environment"))

    after = switch(browser, "sandbox")

    assert "do not count for tax" in str(before.context["question"]["sentences"])
    assert after.context["environment_banner"]["tone"] == "attention"


def test_to_nowhere_nothing_is_switched(browser):
    assert switch(browser, "moon").status_code == 200
    assert LegalEntity.objects.get().environment == Environment.SANDBOX


# --- who, and what it costs -------------------------------------------------------------------


@pytest.mark.parametrize("role", [Role.VIEWER, Role.AUDITOR, Role.OPERATOR, Role.ACCOUNTANT])
def test_everybody_sees_how_far_it_is_and_only_managers_change_it(client, inside, role):
    client.force_login(factories.make_member(inside, role))

    assert {client.get(reverse(name)).status_code for name in SEEN_BY_ALL} <= {200, 302}
    assert [client.get(reverse(name)).status_code for name in MANAGED] == [403, 403]
    for name, fields in (
        ("fbr:golive_tick", {"tick": "iris"}),
        ("fbr:scenarios_choose", {"scenario": "SN001"}),
        ("fbr:environment", {"to": "production"}),
    ):
        assert client.post(reverse(name), fields).status_code == 403
    assert not GoLive.objects.exists()


@pytest.mark.parametrize(("role", "status"), [(Role.VIEWER, 403), (Role.OPERATOR, 302)])
def test_scenarios_are_run_by_those_who_issue(client, inside, credential, role, status):
    client.force_login(factories.make_member(inside, role))

    assert client.post(reverse("fbr:scenarios"), {"run": "SN001"}).status_code == status
    assert ScenarioRun.objects.count() == (1 if status == 302 else 0)


def test_who_may_do_nothing_is_shown_no_button(client, inside, credential, viewer):
    client.force_login(viewer)

    assert client.get(reverse("fbr:golive")).context["actions"] == []
    assert get(client).context["actions"] == []
    assert "fbr/go-live" not in str(client.get("/").context["environment_banner"]["url"])


@pytest.mark.parametrize("name", [*SEEN_BY_ALL, *MANAGED])
def test_pages_ask_the_database_little(browser, entity, name, django_assert_max_num_queries):
    make_ready(entity)
    browser.get(reverse(name), headers=HTMX)

    with django_assert_max_num_queries(22):
        browser.get(reverse(name), headers=HTMX if name == "fbr:golive_step" else None)


def test_the_first_page_brings_the_next_step(browser):
    card = browser.get(reverse("fbr:golive_step"), headers=HTMX)

    assert card.context["golive"]["step"]["title"] == "Details for IRIS"
    assert reverse("fbr:golive_step") in text_of(browser.get("/"))
    assert browser.get(reverse("fbr:golive_step"))["Location"] == reverse("fbr:golive")
