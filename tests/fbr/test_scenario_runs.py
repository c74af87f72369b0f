"""Sandbox scenarios are begun once, on the way that every document goes; people may choose."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from django.db import connection, transaction

from accounts import tenancy
from accounts.access import Actor
from accounts.enums import Activity, AuditAction, Environment, Role, Sector
from accounts.models import AuditEvent, LegalEntity
from fbr.models import Credential, GoLive, Outbox, ScenarioRun
from fbr.scenarios import SCENARIOS
from fbr.services import credentials, onboarding, scenarios
from invoices import lifecycle
from invoices.enums import State
from invoices.models import Invoice
from smartinvoicing.errors import NotAllowed, RuleViolation
from tests import factories
from tests.conftest import NOON
from tests.factories import SYSTEM

TOKEN = "a-sandbox-token-0001"
LATER = NOON + timedelta(hours=1)


@pytest.fixture
def credential(entity) -> Credential:
    return factories.make_credential(entity, TOKEN)


@pytest.fixture
def boss(owner) -> Actor:
    return Actor.person(owner.pk, Role.OWNER)


def run(entity, *ids, actor=SYSTEM, at=NOON):
    return scenarios.run(entity=entity, scenarios=ids, actor=actor, at=at)


def codes_of(refused):
    return [problem["code"] for problem in refused.value.details["problems"]]


def move(invoice, *states):
    for state in states:
        also = {}
        if state == State.ACCEPTED:
            also = {"fbr_number": "7000007DI0000000000001", "accepted_at": NOON}
        lifecycle.transition(invoice, state, actor=SYSTEM, at=NOON, also=also)


# --- to run them ------------------------------------------------------------------------------


def test_a_scenario_is_an_invoice_in_the_queue_of_the_sandbox(entity, credential, clerk):
    (begun,) = run(entity, "SN001", actor=clerk)

    invoice = Invoice.objects.get()
    work = Outbox.objects.get()
    assert (begun.invoice_id, begun.scenario, begun.started_at) == (invoice.pk, "SN001", NOON)
    assert (invoice.state, invoice.scenario, invoice.environment) == (
        State.QUEUED,
        "SN001",
        Environment.SANDBOX,
    )
    assert (work.environment, work.credential_id) == (Environment.SANDBOX, credential.pk)
    assert b'"scenarioId":"SN001"' in bytes(work.body)
    event = AuditEvent.objects.get(action=AuditAction.SCENARIO_STARTED)
    assert (event.actor, event.details) == (clerk.name, {"scenario": "SN001"})


def test_every_scenario_can_be_issued_as_it_stands(entity, credential):
    LegalEntity.objects.update(activity=Activity.RETAILER, sector=Sector.TRADE)
    begun = run(entity, *SCENARIOS)

    assert [each.scenario for each in begun] == list(SCENARIOS)
    stopped = {
        each.scenario: each.invoice.problems for each in begun if each.invoice.state != State.QUEUED
    }
    assert stopped == {}


def test_what_is_under_way_is_not_begun_again(entity, credential):
    run(entity, "SN001", "SN001")

    assert run(entity, "SN001", "SN002", at=LATER)[0].scenario == "SN002"
    assert ScenarioRun.objects.filter(scenario="SN001").count() == 1


def test_what_is_passed_is_not_begun_again(entity, credential):
    (begun,) = run(entity, "SN001")
    move(begun.invoice, State.SUBMITTING, State.ACCEPTED)

    assert run(entity, "SN001", at=LATER) == []


@pytest.mark.django_db(transaction=True)
def test_two_who_press_at_once_begin_it_once():
    tenant = factories.make_tenant("Two Brothers")
    with tenancy.in_tenant(tenant.pk), transaction.atomic():
        factories.make_credential(LegalEntity.objects.get(), TOKEN)
    both = Barrier(2, timeout=10)

    def press(_number):
        with tenancy.in_tenant(tenant.pk), transaction.atomic():
            entity = LegalEntity.objects.get()
            both.wait()
            begun = len(run(entity, "SN001", "SN002"))
        connection.close()
        return begun

    with ThreadPoolExecutor(2) as hands:
        begun = list(hands.map(press, range(2)))

    assert sorted(begun) == [0, 2]


@pytest.mark.parametrize("end", [State.REJECTED, State.UNCERTAIN])
def test_what_failed_may_be_begun_again(entity, credential, end):
    (begun,) = run(entity, "SN001")
    move(begun.invoice, State.SUBMITTING, end)

    (again,) = run(entity, "SN001", at=LATER)

    assert again.invoice_id != begun.invoice_id
    assert onboarding.progress_of(entity, at=LATER).trials[0].run == again


def test_a_mended_scenario_is_passed_by_the_same_invoice(entity, credential):
    (begun,) = run(entity, "SN001")
    invoice = begun.invoice
    move(invoice, State.SUBMITTING, State.REJECTED, State.QUEUED, State.SUBMITTING, State.ACCEPTED)

    trial = onboarding.progress_of(entity, at=LATER).trials[0]

    assert (trial.is_passed, trial.run) == (True, begun)


def test_a_sample_that_our_checks_stop_stays_a_draft_to_mend(entity):
    """The business has the number of the sample's customer: nobody sells to himself."""
    entity.ntn_cnic = "2046004"
    entity.save()
    factories.make_credential(entity, TOKEN)

    stopped, sent = run(entity, "SN001", "SN002")

    assert (stopped.invoice.state, sent.invoice.state) == (State.DRAFT, State.QUEUED)
    assert [problem["field"] for problem in stopped.invoice.problems] == ["buyer.ntn_cnic"]


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"environment": Environment.PRODUCTION}, "not_sandbox"),
        ({"ntn_cnic": "7000008"}, "no_token"),
    ],
)
def test_outside_the_sandbox_or_for_another_number_nothing_is_run(entity, credential, fields, code):
    LegalEntity.objects.update(**fields)

    with pytest.raises(RuleViolation) as refused:
        run(entity, "SN001")

    assert codes_of(refused) == [code]
    assert not Invoice.objects.exists()


def test_without_a_token_nothing_is_run(entity):
    with pytest.raises(RuleViolation) as refused:
        run(entity, "SN001")

    assert (codes_of(refused), Invoice.objects.count()) == (["no_token"], 0)


def test_with_a_token_of_production_alone_nothing_is_run(entity):
    factories.make_credential(entity, TOKEN, environment="production")

    with pytest.raises(RuleViolation) as refused:
        run(entity, "SN001")

    assert codes_of(refused) == ["no_token"]


def test_with_a_token_on_hold_nothing_is_run(entity, credential):
    credentials.hold(credential=credential, why="401", actor=SYSTEM, at=NOON)

    with pytest.raises(RuleViolation) as refused:
        run(entity, "SN001")

    assert codes_of(refused) == ["token_held"]


def test_a_strange_scenario_stops_all(entity, credential):
    with pytest.raises(RuleViolation) as refused:
        run(entity, "SN001", "SN099")

    assert (codes_of(refused), Invoice.objects.count()) == (["unknown_scenario"], 0)


def test_who_may_not_issue_runs_nothing(entity, credential, reader):
    with pytest.raises(NotAllowed):
        run(entity, "SN001", actor=reader)

    assert not Invoice.objects.exists()


# --- which ones -------------------------------------------------------------------------------


def asked(entity):
    entity.refresh_from_db()
    return [each.scenario for each in onboarding.progress_of(entity, at=NOON).trials]


def choose(entity, *ids, actor=SYSTEM):
    return scenarios.choose_scenarios(entity=entity, scenarios=ids, actor=actor, at=NOON)


def natures(entity, *activities, actor=SYSTEM):
    return scenarios.choose_natures(entity=entity, activities=activities, actor=actor, at=NOON)


def test_what_iris_shows_stands_above_the_table(entity, boss):
    choose(entity, "SN002", "SN001", "SN002", actor=boss)

    assert asked(entity) == ["SN001", "SN002"]
    event = AuditEvent.objects.get(action=AuditAction.SCENARIOS_CHOSEN)
    assert event.details == {"scenarios": ["SN001", "SN002"]}
    assert GoLive.objects.get().scenarios_chosen_by == boss.name


def test_to_choose_what_the_table_says_is_to_follow_the_table(entity):
    by_table = asked(entity)
    choose(entity, "SN001")

    choose(entity, *by_table)

    assert GoLive.objects.get().scenarios == []


def test_several_natures_widen_the_table_and_end_a_choice(entity):
    LegalEntity.objects.update(activity=Activity.DISTRIBUTOR, sector=Sector.FMCG)
    entity.refresh_from_db()
    choose(entity, "SN001")

    natures(entity, Activity.RETAILER, Activity.DISTRIBUTOR)

    assert asked(entity) == ["SN008", "SN026", "SN027", "SN028"]
    assert GoLive.objects.get().activities == [Activity.RETAILER]


@pytest.mark.parametrize(("ids", "code"), [((), "no_scenario"), (("SN029",), "unknown_scenario")])
def test_no_scenario_or_a_strange_one_is_no_choice(entity, ids, code):
    with pytest.raises(RuleViolation) as refused:
        choose(entity, *ids)

    assert (codes_of(refused), GoLive.objects.count()) == ([code], 0)


def test_a_strange_nature_is_refused(entity):
    with pytest.raises(RuleViolation):
        natures(entity, "Baker")

    assert not GoLive.objects.exists()


def test_the_choice_is_for_those_who_manage_the_business(entity, clerk):
    with pytest.raises(NotAllowed):
        choose(entity, "SN001", actor=clerk)
    with pytest.raises(NotAllowed):
        natures(entity, Activity.RETAILER, actor=clerk)

    assert not GoLive.objects.exists()
