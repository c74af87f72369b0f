"""What the page of the sandbox scenarios shows, as plain values for its template."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Final
from uuid import UUID

from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.access import Actor
from accounts.enums import Activity, Environment, Permission
from accounts.models import LegalEntity
from fbr import pages
from fbr.models import GoLive
from fbr.outcomes import Hold
from fbr.scenarios import SCENARIOS
from fbr.services.onboarding import Progress, Trial, natures_of
from invoices import pages as invoice_pages
from invoices.enums import SaleType, State
from invoices.models import Invoice
from invoices.states import Look

Row = dict[str, Any]

_FRESH: Final = timedelta(minutes=2)
_FOR_A_PERSON: Final = frozenset(
    {Hold.CREDENTIAL, Hold.TENANT_PAUSED, Hold.DISARMED, Hold.DUPLICATE_SUSPECT, Hold.TILL}
)


def rows(
    progress: Progress, holds: Mapping[UUID, str], actor: Actor, *, can_run: bool
) -> list[Row]:
    """One row a scenario: what it is, how far it is, what FBR said, what can be done."""
    may_run = can_run and actor.may(Permission.ISSUE_INVOICE)
    return [_row(trial, holds, actor, may_run=may_run) for trial in progress.trials]


def _row(trial: Trial, holds: Mapping[UUID, str], actor: Actor, *, may_run: bool) -> Row:
    scenario = SCENARIOS[trial.scenario]
    invoice = trial.run.invoice if trial.run else None
    return {
        "id": trial.scenario,
        "title": scenario.title,
        "kind": SaleType(scenario.sale_type).label,
        "look": _look(invoice, holds),
        "number": invoice.fbr_number if invoice and trial.is_passed else "",
        "said": _said(trial, invoice),
        "url": invoice.get_absolute_url() if invoice else "",
        "actions": list(_actions(trial, invoice, actor, may_run=may_run)),
    }


def _look(invoice: Invoice | None, holds: Mapping[UUID, str]) -> Look:
    if invoice is None:
        return Look(tone="neutral", icon="minus", label=_("Not run yet"), sentence="")
    return pages.look_at(invoice, holds.get(invoice.pk))


def _said(trial: Trial, invoice: Invoice | None) -> list[Row]:
    """Why a scenario is not passed, in plain words."""
    if invoice is None or trial.is_passed or trial.is_running:
        return []
    if invoice.state in {State.REJECTED, State.DRAFT}:
        return invoice_pages.problems_of(invoice.problems[:2])
    if invoice.scenario != trial.scenario:
        about = {"scenario": trial.scenario}
        text = _("The invoice was issued without %(scenario)s, so it proves nothing.") % about
        return [{"label": "", "message": text, "fix": _("Run the scenario again.")}]
    return [{"label": "", "message": pages.look_at(invoice, None).sentence, "fix": ""}]


def _actions(
    trial: Trial, invoice: Invoice | None, actor: Actor, *, may_run: bool
) -> Iterable[Row]:
    if trial.is_passed or trial.is_running:
        return
    if may_run:
        yield {
            "url": reverse("fbr:scenarios"),
            "post": True,
            "name": "run",
            "value": trial.scenario,
            "label": _("Run again") if invoice else _("Run"),
            "kind": "small",
        }
    if (
        invoice
        and invoice.state in {State.REJECTED, State.DRAFT}
        and actor.may(Permission.WRITE_DRAFTS)
    ):
        yield {
            "url": f"{reverse('invoices:edit', args=[invoice.pk])}?check=1",
            "label": _("Open and mend"),
            "icon": "pencil",
            "kind": "small",
        }


def run_all(progress: Progress, actor: Actor, *, can_run: bool) -> list[Row]:
    """The one next step of the page: all that nobody has begun, or that failed."""
    waiting = [t for t in progress.trials if not t.is_passed and not t.is_running]
    if not waiting or not can_run or not actor.may(Permission.ISSUE_INVOICE):
        return []
    return [
        {
            "url": reverse("fbr:scenarios"),
            "post": True,
            "name": "run",
            "value": "all",
            "label": _("Run all that are missing (%(n)d)") % {"n": len(waiting)},
            "icon": "send",
            "kind": "primary",
        }
    ]


def bar(progress: Progress) -> Row:
    return {
        "id": "scenarios",
        "label": _("Scenarios passed"),
        "done": progress.passed,
        "total": len(progress.trials),
    }


def is_moving(progress: Progress, holds: Mapping[UUID, str]) -> bool:
    """Whether anything can still change by itself: some holds end only when a person acts."""
    return any(
        trial.is_running and trial.run and holds.get(trial.run.invoice_id) not in _FOR_A_PERSON
        for trial in progress.trials
    )


def pace(progress: Progress, *, at: datetime) -> int:
    """Seconds between two looks: often while answers are near, seldom when they are not."""
    begun = [trial.run.started_at for trial in progress.trials if trial.run and trial.is_running]
    return 2 if begun and at - max(begun) < _FRESH else 10


def fingerprint(progress: Progress, holds: Mapping[UUID, str]) -> str:
    """Changes with whatever the table shows."""
    shown = [
        (
            trial.scenario,
            trial.run
            and (
                trial.run.invoice_id,
                trial.run.invoice.state,
                trial.run.invoice.version,
                holds.get(trial.run.invoice_id),
            ),
        )
        for trial in progress.trials
    ]
    return sha256(repr(shown).encode()).hexdigest()[:12]


def cannot_run(entity: LegalEntity, progress: Progress, actor: Actor) -> Row | None:
    """Why no scenario can be run now, with the way out; None when all is well."""
    if entity.environment != Environment.SANDBOX:
        return {
            "text": _("This business reports to production: the sandbox has nothing to ask more."),
            "action": None,
        }
    token = progress.tokens.get(Environment.SANDBOX)
    if token and token.held_at is None and token.seller_ntn_cnic == entity.ntn_cnic:
        return None
    may_manage = actor.may(Permission.MANAGE_BUSINESS)
    tokens = {"url": reverse("fbr:tokens"), "label": _("FBR tokens")}
    return {
        "text": _("There is no sandbox token that FBR takes for this NTN. Store and test one."),
        "action": tokens if may_manage else None,
    }


# --- another list -----------------------------------------------------------------------------


def natures(entity: LegalEntity, golive: GoLive) -> list[Row]:
    """Business natures to tick: that of the profile is one in any case."""
    chosen = natures_of(entity, golive)
    return [
        {
            "value": each.value,
            "label": each.label,
            "checked": each in chosen,
            "fixed": each == entity.activity,
        }
        for each in Activity
    ]


def choices(progress: Progress) -> list[Row]:
    """All scenarios that there are, those to pass ticked."""
    asked = {trial.scenario for trial in progress.trials}
    return [
        {"value": each, "label": f"{each} {scenario.title}", "checked": each in asked}
        for each, scenario in SCENARIOS.items()
    ]
