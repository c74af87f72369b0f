"""Sandbox scenarios: which ones, and their documents on the way that every document goes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from accounts import audit
from accounts.access import Actor, allow
from accounts.enums import Activity, AuditAction, Environment, Permission
from accounts.models import LegalEntity
from fbr import scenario_matrix, selectors
from fbr.models import GoLive, ScenarioRun
from fbr.scenarios import SCENARIOS, content_of
from fbr.services import issuing, onboarding
from fbr.services.onboarding import Trial
from invoices.services import drafts
from smartinvoicing import clock
from smartinvoicing.errors import Problem, RuleViolation

# --- to run them ------------------------------------------------------------------------------


@transaction.atomic
def run(
    *, entity: LegalEntity, scenarios: Iterable[str], actor: Actor, at: datetime
) -> list[ScenarioRun]:
    """Write the sample of each scenario and issue it to the sandbox, as any other document.

    One that is under way or passed is not begun again. A sample that our own checks stop stays a
    draft with its problems, so that somebody can mend it.

    Raises: NotAllowed; RuleViolation outside the sandbox, without its token, for a strange one.
    """
    allow(actor, Permission.ISSUE_INVOICE)
    wanted = dict.fromkeys(scenarios)
    onboarding.locked(entity)
    entity = LegalEntity.objects.get(pk=entity.pk)
    problems = [*_problems_of_place(entity), *_unknown(wanted)]
    if problems:
        raise RuleViolation.of(problems)
    runs = selectors.newest_runs(entity)
    trials = [Trial(scenario=each, run=runs.get(each)) for each in wanted]
    return [
        _begin(trial.scenario, entity, actor, at)
        for trial in trials
        if not trial.is_running and not trial.is_passed
    ]


def _problems_of_place(entity: LegalEntity) -> Iterator[Problem]:
    """What keeps every scenario from being run."""
    if entity.environment != Environment.SANDBOX:
        yield Problem(
            code="not_sandbox",
            field="",
            message=_("Scenarios are run in the sandbox only."),
            fix=_("This business reports to production: there is nothing to prove any more."),
        )
        return
    token = selectors.credential_of(entity, Environment.SANDBOX)
    if token is None or token.seller_ntn_cnic != entity.ntn_cnic:
        yield Problem(
            code="no_token",
            field="",
            message=_("There is no sandbox token for this NTN or CNIC yet."),
            fix=_("Copy it from IRIS and store it; then run the scenarios."),
        )
    elif token.held_at is not None:
        yield Problem(
            code="token_held",
            field="",
            message=_("FBR refused the sandbox token, and it is on hold."),
            fix=_("Test it or store another one; then run the scenarios."),
        )


def _begin(scenario: str, entity: LegalEntity, actor: Actor, at: datetime) -> ScenarioRun:
    content = content_of(scenario, entity=entity, on=clock.karachi_date(at))
    invoice, lines = drafts.create(content=content, entity=entity, actor=actor, at=at)
    started = ScenarioRun(legal_entity=entity, scenario=scenario, invoice=invoice, started_at=at)
    if not invoice.problems:
        issuing.issue(
            invoice=invoice, lines=lines, entity=entity, actor=actor, at=at, is_repeat=True
        )
    started.save(force_insert=True)
    audit.record(actor, AuditAction.SCENARIO_STARTED, started, at=at, scenario=scenario)
    return started


# --- which scenarios --------------------------------------------------------------------------


@transaction.atomic
def choose_natures(
    *, entity: LegalEntity, activities: Iterable[str], actor: Actor, at: datetime
) -> GoLive:
    """The business natures that IRIS has besides the profile's; the table says the scenarios.

    Raises: NotAllowed; RuleViolation.
    """
    allow(actor, Permission.MANAGE_BUSINESS)
    wanted = sorted(set(activities) - {entity.activity})
    if not set(wanted) <= set(Activity.values):
        raise RuleViolation(_("FBR does not list this business activity."))
    golive = onboarding.locked(entity)
    onboarding.write(
        golive, {"activities": wanted, "scenarios": [], "scenarios_chosen_by": actor.name}
    )
    audit.record(actor, AuditAction.SCENARIOS_CHOSEN, golive, at=at, activities=wanted)
    return golive


@transaction.atomic
def choose_scenarios(
    *, entity: LegalEntity, scenarios: Iterable[str], actor: Actor, at: datetime
) -> GoLive:
    """The scenarios that IRIS really shows, where FBR's table differs.

    Raises: NotAllowed; RuleViolation for none, or one that FBR does not have.
    """
    allow(actor, Permission.MANAGE_BUSINESS)
    wanted = sorted(set(scenarios))
    problems = list(_problems_of_choice(wanted))
    if problems:
        raise RuleViolation.of(problems)
    golive = onboarding.locked(entity)
    by_table = scenario_matrix.assigned_to_all(onboarding.natures_of(entity, golive), entity.sector)
    kept = [] if tuple(wanted) == by_table else wanted
    onboarding.write(golive, {"scenarios": kept, "scenarios_chosen_by": actor.name})
    audit.record(actor, AuditAction.SCENARIOS_CHOSEN, golive, at=at, scenarios=wanted)
    return golive


def _problems_of_choice(wanted: list[str]) -> Iterator[Problem]:
    if not wanted:
        yield Problem(
            code="no_scenario",
            field="scenarios",
            message=_("IRIS asks for one scenario at least."),
            fix=_("Tick those that IRIS shows for your NTN."),
        )
    yield from _unknown(wanted)


def _unknown(wanted: Iterable[str]) -> Iterator[Problem]:
    if not set(wanted) <= SCENARIOS.keys():
        yield Problem(
            code="unknown_scenario",
            field="scenarios",
            message=_("FBR has no such scenario."),
            fix=_("Choose from SN001 to SN028."),
        )
