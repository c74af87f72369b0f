"""The way of a business to production: what is done, what is missing, and the switch itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date, datetime
from typing import Final
from uuid import UUID

from django.db import models, transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts import audit, particulars, policies
from accounts.access import Actor, allow
from accounts.enums import AuditAction, Environment, Permission
from accounts.models import AnswerChannel, LegalEntity, PolicyKind, PolicyVersion, User
from accounts.models.policies import Language
from fbr import scenario_matrix, selectors
from fbr.models import Credential, GoLive, ScenarioRun
from invoices.enums import REPORTED, State
from invoices.models import Invoice
from smartinvoicing import clock
from smartinvoicing.errors import Problem, RuleViolation


class Step(models.TextChoices):
    """The steps to production, in the order in which IRIS lets a business go them."""

    PROFILE = "profile", gettext_lazy("Business profile")
    IRIS = "iris", gettext_lazy("Details for IRIS")
    ADDRESSES = "addresses", gettext_lazy("Our addresses in IRIS")
    SANDBOX_TOKEN = "sandbox_token", gettext_lazy("Sandbox token")
    SCENARIOS = "scenarios", gettext_lazy("Sandbox scenarios")
    PRODUCTION_TOKEN = "production_token", gettext_lazy("Production token")
    PRODUCTION = "production", gettext_lazy("Switch to production")
    FIRST_INVOICE = "first_invoice", gettext_lazy("First invoice that counts")


# What nobody but a person can know, and the columns that remember it.
BY_HAND: Final[Mapping[str, str]] = {
    Step.IRIS: "iris_typed",
    Step.ADDRESSES: "egress_listed",
}

_RUNNING: Final = frozenset({State.QUEUED, State.SUBMITTING})


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One scenario that IRIS asks for, and the run of it that counts."""

    scenario: str
    run: ScenarioRun | None = None

    @property
    def is_passed(self) -> bool:
        """Accepted, and still as the scenario that it was begun as."""
        invoice = self.run and self.run.invoice
        return bool(invoice and invoice.state in REPORTED and invoice.scenario == self.scenario)

    @property
    def is_running(self) -> bool:
        return self.run is not None and self.run.invoice.state in _RUNNING


@dataclass(frozen=True, kw_only=True)
class Mark:
    """How one step stands. lack: what is missing, None when it is done; at, by: of a tick."""

    step: Step
    lack: Problem | None
    at: datetime | None = None
    by: str = ""

    @property
    def is_done(self) -> bool:
        return self.lack is None


@dataclass(frozen=True, kw_only=True)
class Progress:
    """Where a business stands on its way, from its own rows: nothing of it is stored twice."""

    marks: tuple[Mark, ...]
    trials: tuple[Trial, ...]
    golive: GoLive
    tokens: Mapping[str, Credential]

    @property
    def done(self) -> int:
        return sum(mark.is_done for mark in self.marks)

    @property
    def passed(self) -> int:
        return sum(trial.is_passed for trial in self.trials)

    @property
    def next(self) -> Mark | None:
        """The first step that is missing; None when all are done."""
        return next((mark for mark in self.marks if not mark.is_done), None)

    @property
    def before_production(self) -> list[Problem]:
        """What stands between the business and the switch."""
        switch = [mark.step for mark in self.marks].index(Step.PRODUCTION)
        return [mark.lack for mark in self.marks[:switch] if mark.lack]


# --- where it stands --------------------------------------------------------------------------


def progress_of(entity: LegalEntity, *, at: datetime) -> Progress:
    """What of the way is done, and what is missing."""
    golive = GoLive.objects.filter(legal_entity=entity).first() or GoLive(legal_entity=entity)
    runs = selectors.newest_runs(entity)
    trials = tuple(
        Trial(scenario=each, run=runs.get(each)) for each in scenarios_of(entity, golive)
    )
    tokens = {token.environment: token for token in selectors.tokens_of(entity)}
    wants = _Wants(entity, golive, trials, tokens, clock.karachi_date(at))
    marks = tuple(
        Mark(
            step=step,
            lack=wants.of(step),
            at=getattr(golive, f"{BY_HAND[step]}_at") if step in BY_HAND else None,
            by=getattr(golive, f"{BY_HAND[step]}_by") if step in BY_HAND else "",
        )
        for step in Step
    )
    return Progress(marks=marks, trials=trials, golive=golive, tokens=tokens)


def natures_of(entity: LegalEntity, golive: GoLive) -> tuple[str, ...]:
    """The business natures that IRIS has: that of the profile first."""
    return (entity.activity, *(each for each in golive.activities if each != entity.activity))


def scenarios_of(entity: LegalEntity, golive: GoLive) -> tuple[str, ...]:
    """The scenarios to pass: those that somebody saw in IRIS, else those of FBR's table."""
    by_table = scenario_matrix.assigned_to_all(natures_of(entity, golive), entity.sector)
    return tuple(golive.scenarios) or by_table


@dataclass(frozen=True)
class _Wants:
    """What each step lacks, in words."""

    entity: LegalEntity
    golive: GoLive
    trials: tuple[Trial, ...]
    tokens: Mapping[str, Credential]
    today: date

    def of(self, step: Step) -> Problem | None:
        lack = {
            Step.PROFILE: self._profile,
            Step.IRIS: self._iris,
            Step.ADDRESSES: self._addresses,
            Step.SANDBOX_TOKEN: self._sandbox_token,
            Step.SCENARIOS: self._scenarios,
            Step.PRODUCTION_TOKEN: self._production_token,
            Step.PRODUCTION: self._production,
            Step.FIRST_INVOICE: self._first_invoice,
        }[step]()
        return Problem(code=step.value, field="", message=lack[0], fix=lack[1]) if lack else None

    def _profile(self) -> tuple[str, str] | None:
        names = [field.name for field in fields(particulars.Particulars)]
        given = {name: getattr(self.entity, name) for name in names}
        problems = particulars.problems_of(particulars.Particulars(**given))
        return (problems[0].message, problems[0].fix) if problems else None

    def _iris(self) -> tuple[str, str] | None:
        if self.golive.iris_typed_at:
            return None
        return (
            _("IRIS does not know yet which software reports your invoices."),
            _("Type the details into IRIS and tick it here."),
        )

    def _addresses(self) -> tuple[str, str] | None:
        if self.golive.egress_listed_at:
            return None
        return (
            _("IRIS does not list our addresses for your NTN yet."),
            _("Enter them in IRIS, wait until they are approved, and tick it here."),
        )

    def _sandbox_token(self) -> tuple[str, str] | None:
        if self.trials and all(trial.is_passed for trial in self.trials):
            return None  # it has done what it was for
        return _lack_of_token(
            self.tokens.get(Environment.SANDBOX), self.entity, Environment.SANDBOX, self.today
        )

    def _production_token(self) -> tuple[str, str] | None:
        return _lack_of_token(
            self.tokens.get(Environment.PRODUCTION), self.entity, Environment.PRODUCTION, self.today
        )

    def _scenarios(self) -> tuple[str, str] | None:
        passed = sum(trial.is_passed for trial in self.trials)
        if passed == len(self.trials):
            return None
        about = {"passed": passed, "all": len(self.trials)}
        return (
            _("%(passed)d of %(all)d sandbox scenarios are passed.") % about,
            _("Run those that are missing, and mend those that FBR refused."),
        )

    def _production(self) -> tuple[str, str] | None:
        if self.entity.environment == Environment.PRODUCTION:
            return None
        return (
            _("Invoices still go to FBR's test system."),
            _("Switch to production when everything above is done."),
        )

    def _first_invoice(self) -> tuple[str, str] | None:
        reported = Invoice.objects.filter(
            legal_entity=self.entity,
            environment=Environment.PRODUCTION,
            state__in=[state.value for state in REPORTED],
        )
        if reported.exists():
            return None
        return (
            _("FBR has not accepted an invoice that counts yet."),
            _("Begin with one of low value, and look at it in IRIS before you issue more."),
        )


def _lack_of_token(
    token: Credential | None, entity: LegalEntity, environment: Environment, today: date
) -> tuple[str, str] | None:
    """Why a token does not count yet. The order is that in which an owner mends it."""
    again = _("Copy the right one from IRIS and store it.")
    about = {"environment": environment.label}
    if token is None:
        return _("%(environment)s: there is no token yet.") % about, again
    if token.seller_ntn_cnic != entity.ntn_cnic:
        return _("%(environment)s: the token belongs to another NTN or CNIC.") % about, again
    if token.expires_on is not None and token.expires_on < today:
        return _("%(environment)s: the token has run out.") % about, again
    if token.test_worked is False:
        return _("%(environment)s: the last test of the token did not work.") % about, again
    if token.held_at is not None:
        return (
            _("%(environment)s: FBR refused the token, and it is on hold.") % about,
            _("Test it; when FBR takes it, let it go on. Otherwise store another one."),
        )
    if token.test_worked is None:
        return (
            _("%(environment)s: the token was not tested yet.") % about,
            _("Test it: that files nothing."),
        )
    return None


# --- ticks ------------------------------------------------------------------------------------


@transaction.atomic
def tick(*, entity: LegalEntity, step: str, actor: Actor, at: datetime) -> GoLive:
    """Remember that a person did what only a person can do; ticking twice keeps the first.

    Raises: NotAllowed; RuleViolation for a step that the machine sees by itself.
    """
    allow(actor, Permission.MANAGE_BUSINESS)
    column = _column_of(step)
    golive = locked(entity)
    if getattr(golive, f"{column}_at") is None:
        write(golive, {f"{column}_at": at, f"{column}_by": actor.name})
        audit.record(actor, AuditAction.GOLIVE_TICKED, golive, at=at, step=step)
    return golive


@transaction.atomic
def untick(*, entity: LegalEntity, step: str, actor: Actor, at: datetime) -> GoLive:
    """Take a tick back. In production it stops nothing.

    Raises: NotAllowed; RuleViolation for a step that the machine sees by itself.
    """
    allow(actor, Permission.MANAGE_BUSINESS)
    column = _column_of(step)
    golive = locked(entity)
    if getattr(golive, f"{column}_at") is not None:
        write(golive, {f"{column}_at": None, f"{column}_by": ""})
        audit.record(actor, AuditAction.GOLIVE_UNTICKED, golive, at=at, step=step)
    return golive


def _column_of(step: str) -> str:
    if step not in BY_HAND:
        raise RuleViolation(_("This step ticks itself when it is done."))
    return BY_HAND[step]


def locked(entity: LegalEntity) -> GoLive:
    """The row of `entity`, made where there is none, kept from others until the transaction ends.

    The lock is the entity's: two who come first would both make a row.
    """
    LegalEntity.objects.select_for_update(of=("self",)).get(pk=entity.pk)
    found = GoLive.objects.filter(legal_entity=entity).first()
    if found is None:
        found = GoLive(legal_entity=entity)
        found.save(force_insert=True)
    return found


def write(golive: GoLive, to: Mapping[str, object]) -> None:
    """Change some columns of a row that is locked."""
    for name, value in to.items():
        setattr(golive, name, value)
    golive.save(update_fields=list(to))


# --- what FBR gets ----------------------------------------------------------------------------


def sharing_to_confirm(*, tenant_id: UUID, at: datetime) -> PolicyVersion | None:
    """What somebody of the business has to confirm before its invoices go to FBR in earnest.

    None when they did, in the wording that holds; and where no wording is published.
    """
    version = policies.current(PolicyKind.FBR_SHARING, Language.ENGLISH, at)
    if version is None or policies.has_acknowledged(version, tenant_id=tenant_id):
        return None
    return version


def confirm_sharing(*, tenant_id: UUID, user: User, actor: Actor, at: datetime) -> None:
    """Write down who confirmed it for this business, in which wording.

    Raises: NotAllowed.
    """
    allow(actor, Permission.MANAGE_BUSINESS)
    version = sharing_to_confirm(tenant_id=tenant_id, at=at)
    if version is not None:
        policies.accept(
            user,
            version,
            at=at,
            address=actor.address,
            channel=AnswerChannel.GO_LIVE,
            tenant_id=tenant_id,
        )


# --- the switch -------------------------------------------------------------------------------


@transaction.atomic
def switch_environment(
    *, entity: LegalEntity, to: Environment, actor: Actor, at: datetime
) -> LegalEntity:
    """Let new documents of `entity` go to FBR's other environment.

    What was written or issued before stays where it belongs: a draft of the other environment
    cannot be issued, and what waits is still sent to where it was issued for.
    To production only when every step before it is done; back to the sandbox at any time.

    Raises: NotAllowed; RuleViolation naming each step that is missing, or while nobody has
            confirmed what goes to FBR.
    """
    allow(actor, Permission.MANAGE_BUSINESS)
    kept: LegalEntity = LegalEntity.objects.select_for_update(of=("self",)).get(pk=entity.pk)
    was = kept.environment
    if was == to:
        return kept
    if to == Environment.PRODUCTION:
        missing = progress_of(kept, at=at).before_production
        if missing:
            raise RuleViolation.of(missing, _("Not everything that production needs is done yet."))
        if sharing_to_confirm(tenant_id=kept.tenant_id, at=at) is not None:
            raise RuleViolation(_("Confirm first that you know what goes to FBR."))
    kept.environment = to
    kept.save(update_fields=["environment"])
    audit.record(actor, AuditAction.ENVIRONMENT_SWITCHED, kept, at=at, was=str(was), became=str(to))
    return kept
