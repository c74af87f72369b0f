"""The way to production: each step from its own rows, ticks by people, the switch."""

from __future__ import annotations

from datetime import timedelta

import pytest

from accounts import tenancy
from accounts.access import Actor
from accounts.enums import AuditAction, Environment, Role
from accounts.models import AuditEvent, LegalEntity
from fbr import scenario_matrix
from fbr.di.probe import Finding
from fbr.models import Credential, GoLive, ScenarioRun
from fbr.scenarios import content_of
from fbr.services import credentials, issuing, onboarding
from fbr.services.onboarding import Step
from invoices import lifecycle
from invoices.enums import State
from invoices.models import Invoice
from invoices.services import drafts
from smartinvoicing.errors import NotAllowed, RuleViolation, StateConflict
from tests import factories
from tests.conftest import NOON
from tests.factories import DAY, SYSTEM

HOUR = timedelta(hours=1)
SANDBOX, PRODUCTION = Environment.SANDBOX, Environment.PRODUCTION


@pytest.fixture
def boss(owner) -> Actor:
    return Actor.person(owner.pk, Role.OWNER)


def progress(entity, at=NOON):
    return onboarding.progress_of(entity, at=at)


def done(entity, at=NOON):
    return [mark.step for mark in progress(entity, at).marks if mark.is_done]


def lack(entity, step, at=NOON):
    (mark,) = [mark for mark in progress(entity, at).marks if mark.step == step]
    return mark.lack.message if mark.lack else None


def store_and_test(entity, environment):
    credential = factories.make_credential(
        entity, f"{environment}-token-0001", environment=environment
    )
    credentials.record_test(
        credential=credential, said=Finding.WORKS, works=True, actor=SYSTEM, at=NOON
    )


def settle(invoice, to=State.ACCEPTED):
    """Take an issued document to where FBR's answer would take it."""
    lifecycle.transition(invoice, State.SUBMITTING, actor=SYSTEM, at=NOON)
    number = {"fbr_number": f"7000007DI{invoice.pk.int % 10**13:013d}", "accepted_at": NOON}
    lifecycle.transition(
        invoice, to, actor=SYSTEM, at=NOON, also=number if to == State.ACCEPTED else {}
    )


def run_of(entity, scenario, to=State.ACCEPTED, at=NOON):
    content = content_of(scenario, entity=entity, on=DAY)
    invoice, lines = drafts.create(content=content, entity=entity, actor=SYSTEM, at=at)
    ScenarioRun(legal_entity=entity, scenario=scenario, invoice=invoice, started_at=at).save()
    if to != State.DRAFT:
        issuing.issue(invoice=invoice, lines=lines, entity=entity, actor=SYSTEM, at=at)
        if to != State.QUEUED:
            settle(invoice, to)
    return invoice


def pass_all(entity):
    for trial in progress(entity).trials:
        run_of(entity, trial.scenario)


def ready(entity):
    """Everything before the switch is done."""
    for step in onboarding.BY_HAND:
        onboarding.tick(entity=entity, step=step, actor=SYSTEM, at=NOON)
    store_and_test(entity, SANDBOX)
    store_and_test(entity, PRODUCTION)
    GoLive.objects.update(scenarios=["SN001", "SN002"])
    pass_all(entity)


def switch(entity, to, actor=SYSTEM):
    return onboarding.switch_environment(entity=entity, to=to, actor=actor, at=NOON)


# --- where it stands --------------------------------------------------------------------------


def test_a_new_business_has_its_profile_and_nothing_else(entity):
    found = progress(entity)

    assert (done(entity), found.done, found.passed) == ([Step.PROFILE], 1, 0)
    assert found.next.step == Step.IRIS
    assert not GoLive.objects.exists()


def test_a_profile_that_fbr_would_refuse_is_the_first_step(entity):
    entity.address = " "

    assert progress(entity).next.step == Step.PROFILE
    assert "address" in lack(entity, Step.PROFILE)


def test_all_is_done_when_an_invoice_that_counts_was_accepted(entity):
    ready(entity)
    entity = switch(entity, PRODUCTION)
    settle(factories.make_issued())

    assert done(entity) == list(Step)
    assert progress(entity).next is None


def test_an_accepted_sandbox_invoice_is_no_first_invoice(entity):
    settle(factories.make_issued())

    assert Step.FIRST_INVOICE not in done(entity)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, None),
        ({"seller_ntn_cnic": "7000008"}, "another NTN"),
        ({"expires_on": DAY - timedelta(days=1)}, "run out"),
        ({"expires_on": DAY}, None),
        ({"test_worked": False}, "did not work"),
        ({"test_worked": None}, "not tested"),
        ({"held_at": NOON, "held_why": "401"}, "on hold"),
    ],
)
@pytest.mark.parametrize("environment", Environment)
def test_a_token_counts_when_fbr_takes_it(entity, environment, fields, words):
    store_and_test(entity, environment)

    Credential.objects.update(**fields)

    step = Step.SANDBOX_TOKEN if environment == SANDBOX else Step.PRODUCTION_TOKEN
    said = lack(entity, step)
    assert (said is None) == (words is None)
    assert words is None or words in said


def test_without_a_token_the_step_says_so(entity):
    assert "no token" in lack(entity, Step.SANDBOX_TOKEN)
    assert "no token" in lack(entity, Step.PRODUCTION_TOKEN)


def test_a_sandbox_token_that_has_done_its_work_need_not_last(entity):
    ready(entity)
    Credential.objects.filter(environment=SANDBOX).update(expires_on=DAY - timedelta(days=1))

    assert Step.SANDBOX_TOKEN in done(entity)


def test_another_tenants_rows_do_no_step(entity, other_business):
    with tenancy.in_tenant(other_business.pk):
        ready(LegalEntity.objects.get())

    assert done(entity) == [Step.PROFILE]


# --- scenarios --------------------------------------------------------------------------------


def test_the_scenarios_are_those_of_activity_and_sector(entity):
    wanted = scenario_matrix.assigned(entity.activity, entity.sector, is_retailer=False)

    assert tuple(trial.scenario for trial in progress(entity).trials) == wanted


@pytest.mark.parametrize(
    ("state", "passed", "running"),
    [
        (State.DRAFT, False, False),
        (State.QUEUED, False, True),
        (State.ACCEPTED, True, False),
        (State.REJECTED, False, False),
        (State.UNCERTAIN, False, False),
    ],
)
def test_a_scenario_is_as_far_as_its_invoice(entity, state, passed, running):
    run_of(entity, "SN001", state)

    trial = progress(entity).trials[0]

    assert (trial.scenario, trial.is_passed, trial.is_running) == ("SN001", passed, running)


def test_the_newest_run_counts(entity):
    run_of(entity, "SN001", State.ACCEPTED, at=NOON - HOUR)
    newest = run_of(entity, "SN001", State.REJECTED)

    trial = progress(entity).trials[0]

    assert (trial.run.invoice_id, trial.is_passed) == (newest.pk, False)


def test_an_invoice_that_lost_its_scenario_proves_nothing(entity):
    invoice, lines = drafts.create(
        content=factories.make_content(), entity=entity, actor=SYSTEM, at=NOON
    )
    ScenarioRun(legal_entity=entity, scenario="SN001", invoice=invoice, started_at=NOON).save()
    issuing.issue(invoice=invoice, lines=lines, entity=entity, actor=SYSTEM, at=NOON)
    settle(invoice)

    assert not progress(entity).trials[0].is_passed


def test_a_draft_of_a_scenario_can_be_thrown_away(entity):
    invoice = run_of(entity, "SN001", State.DRAFT)

    drafts.delete(invoice=invoice, actor=SYSTEM, at=NOON)

    assert not ScenarioRun.objects.exists()
    assert progress(entity).trials[0].run is None


# --- ticks ------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", onboarding.BY_HAND)
def test_a_tick_says_who_and_when_and_is_kept_once(entity, boss, step):
    onboarding.tick(entity=entity, step=step, actor=boss, at=NOON)
    onboarding.tick(entity=entity, step=step, actor=SYSTEM, at=NOON + HOUR)

    (mark,) = [mark for mark in progress(entity).marks if mark.step == step]
    assert (mark.is_done, mark.at, mark.by) == (True, NOON, boss.name)
    event = AuditEvent.objects.get(action=AuditAction.GOLIVE_TICKED)
    assert (event.actor, event.details) == (boss.name, {"step": step})


@pytest.mark.parametrize("step", onboarding.BY_HAND)
def test_a_tick_can_be_taken_back(entity, boss, step):
    onboarding.tick(entity=entity, step=step, actor=boss, at=NOON)

    onboarding.untick(entity=entity, step=step, actor=boss, at=NOON + HOUR)
    onboarding.untick(entity=entity, step=step, actor=boss, at=NOON + HOUR)

    assert step not in done(entity)
    assert AuditEvent.objects.filter(action=AuditAction.GOLIVE_UNTICKED).count() == 1


@pytest.mark.parametrize(
    "step", [*(step for step in Step if step not in onboarding.BY_HAND), "", "moon"]
)
@pytest.mark.parametrize("deed", [onboarding.tick, onboarding.untick])
def test_what_the_machine_sees_nobody_ticks(entity, boss, deed, step):
    with pytest.raises(RuleViolation):
        deed(entity=entity, step=step, actor=boss, at=NOON)

    assert not GoLive.objects.exists()


@pytest.mark.parametrize("deed", [onboarding.tick, onboarding.untick])
def test_ticks_are_for_those_who_manage_the_business(entity, clerk, deed):
    with pytest.raises(NotAllowed):
        deed(entity=entity, step=Step.IRIS, actor=clerk, at=NOON)

    assert not GoLive.objects.exists()


# --- the switch -------------------------------------------------------------------------------


def test_the_switch_names_every_step_that_is_missing(entity, boss):
    with pytest.raises(RuleViolation) as refused:
        switch(entity, PRODUCTION, boss)

    assert [problem["code"] for problem in refused.value.details["problems"]] == [
        Step.IRIS,
        Step.ADDRESSES,
        Step.SANDBOX_TOKEN,
        Step.SCENARIOS,
        Step.PRODUCTION_TOKEN,
    ]
    assert LegalEntity.objects.get().environment == SANDBOX
    assert not AuditEvent.objects.filter(action=AuditAction.ENVIRONMENT_SWITCHED).exists()


@pytest.mark.parametrize("step", [Step.IRIS, Step.ADDRESSES])
def test_one_missing_step_is_enough_to_stay(entity, step):
    ready(entity)
    onboarding.untick(entity=entity, step=step, actor=SYSTEM, at=NOON)

    with pytest.raises(RuleViolation):
        switch(entity, PRODUCTION)

    assert LegalEntity.objects.get().environment == SANDBOX


def test_one_failed_scenario_is_enough_to_stay(entity):
    ready(entity)
    run_of(entity, "SN002", State.REJECTED, at=NOON + HOUR)

    with pytest.raises(RuleViolation) as refused:
        switch(entity, PRODUCTION)

    assert "1 of 2" in refused.value.details["problems"][0]["message"]


def test_when_all_is_done_the_switch_is_written_down(entity, boss):
    ready(entity)

    switched = switch(entity, PRODUCTION, boss)

    assert switched.environment == LegalEntity.objects.get().environment == PRODUCTION
    event = AuditEvent.objects.get(action=AuditAction.ENVIRONMENT_SWITCHED)
    assert event.details == {"was": "sandbox", "became": "production"}


def test_back_to_the_sandbox_goes_at_any_time(entity, boss):
    LegalEntity.objects.update(environment=PRODUCTION)

    assert switch(entity, SANDBOX, boss).environment == SANDBOX


def test_to_where_it_is_already_is_no_switch(entity, boss):
    assert switch(entity, SANDBOX, boss).environment == SANDBOX
    assert not AuditEvent.objects.filter(action=AuditAction.ENVIRONMENT_SWITCHED).exists()


@pytest.mark.parametrize("to", Environment)
def test_the_switch_is_for_those_who_manage_the_business(entity, clerk, to):
    ready(entity)

    with pytest.raises(NotAllowed):
        switch(entity, to, clerk)

    assert LegalEntity.objects.get().environment == SANDBOX


def test_a_draft_stays_where_it_was_written(entity):
    ready(entity)
    draft, _lines = factories.make_draft()
    switch(entity, PRODUCTION)

    with pytest.raises(StateConflict, match="other environment"):
        issuing.issue(invoice=draft, actor=SYSTEM, at=NOON)

    assert Invoice.objects.get(pk=draft.pk).state == State.DRAFT


def test_what_waits_is_still_sent_to_where_it_was_issued_for(entity):
    ready(entity)
    waiting = factories.make_issued()

    switch(entity, PRODUCTION)

    work = waiting.work.get()
    assert (work.environment, work.credential.environment) == (SANDBOX, SANDBOX)
    assert factories.make_issued().work.get().credential.environment == PRODUCTION
