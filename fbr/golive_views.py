"""Pages on the way to production: the steps, what IRIS asks, the scenarios, the switch."""

from __future__ import annotations

from typing import Any, Final

from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.enums import Environment, Permission
from accounts.guards import MemberRequest, member_required
from accounts.models import LegalEntity
from fbr import golive_pages, scenario_pages, selectors, tasks, token_pages
from fbr.services import onboarding
from fbr.services import scenarios as scenario_service
from fbr.services.onboarding import Progress
from invoices import selectors as invoice_selectors
from smartinvoicing import clock
from smartinvoicing.errors import RuleViolation
from smartinvoicing.fragments import is_fragment

_ALL: Final = "all"

page_or_post = require_http_methods(["GET", "HEAD", "POST"])


def _standing() -> tuple[LegalEntity, Progress]:
    entity = invoice_selectors.default_entity()
    return entity, onboarding.progress_of(entity, at=clock.now())


# --- the steps --------------------------------------------------------------------------------


@require_GET
@member_required(Permission.VIEW)
def golive(request: MemberRequest) -> HttpResponse:
    """Every step to production, the next one open."""
    entity, progress = _standing()
    mark = progress.next
    action = golive_pages.action_of(mark, request.actor, kind="primary") if mark else None
    context = {
        "entity": entity,
        "bar": golive_pages.bar(progress),
        "steps": golive_pages.steps(progress, request.actor),
        "actions": [action] if action else [],
        "is_through": mark is None,
        "may_manage": request.actor.may(Permission.MANAGE_BUSINESS),
        "iris": golive_pages.iris(entity, progress, request.user),
        "addresses": golive_pages.addresses(),
    }
    return render(request, "fbr/golive.html", context)


@require_POST
@member_required(Permission.MANAGE_BUSINESS)
def golive_tick(request: MemberRequest) -> HttpResponse:
    """What only a person can know: done in IRIS, or not after all."""
    deed = onboarding.untick if "untick" in request.POST else onboarding.tick
    step = request.POST.get("untick") or request.POST.get("tick", "")
    entity = invoice_selectors.default_entity()
    deed(entity=entity, step=step, actor=request.actor, at=clock.now())
    return redirect("fbr:golive")


@require_GET
@member_required(Permission.VIEW)
def golive_step(request: MemberRequest) -> HttpResponse:
    """For the dashboard: the next step, and tokens that run out. Nothing when all is well."""
    if not is_fragment(request):
        return redirect("fbr:golive")
    entity, progress = _standing()
    today = clock.karachi_date(clock.now())
    ending = selectors.ending_tokens(entity, until=today + token_pages.WARNED)
    context = {
        "golive": golive_pages.golive_card(progress, entity, request.actor),
        "tasks": golive_pages.token_tasks(list(ending), request.actor, today),
    }
    return render(request, "fbr/_golive_step.html", context)


@require_GET
@member_required(Permission.VIEW)
def iris(request: MemberRequest) -> HttpResponse:
    """The sheet for IRIS on a page of its own, to print."""
    entity, progress = _standing()
    context = {
        "entity": entity,
        "iris": golive_pages.iris(entity, progress, request.user),
        "addresses": golive_pages.addresses(),
    }
    return render(request, "fbr/iris.html", context)


# --- the scenarios ----------------------------------------------------------------------------


@page_or_post
@member_required(Permission.VIEW)
def scenarios(request: MemberRequest) -> HttpResponse:
    """Which scenarios there are and how far each is; a POST begins one, or all that are missing."""
    if request.method == "POST":
        return _run(request)
    entity, progress = _standing()
    runs = [trial.run.invoice for trial in progress.trials if trial.run]
    holds = selectors.holds(runs)
    seen = scenario_pages.fingerprint(progress, holds)
    if is_fragment(request) and request.GET.get("seen") == seen:
        return HttpResponse(status=204)
    cannot_run = scenario_pages.cannot_run(entity, progress, request.actor)
    can_run = cannot_run is None
    moving = scenario_pages.is_moving(progress, holds)
    context: dict[str, Any] = {
        "cannot_run": cannot_run,
        "actions": scenario_pages.run_all(progress, request.actor, can_run=can_run),
        "table": {
            "url": f"{request.path}?seen={seen}" if moving else "",
            "every": scenario_pages.pace(progress, at=clock.now()),
            "bar": scenario_pages.bar(progress),
            "rows": scenario_pages.rows(progress, holds, request.actor, can_run=can_run),
        },
    }
    if is_fragment(request):
        return render(request, "fbr/_scenarios_move.html", context)
    context["by_table"] = not progress.golive.scenarios
    context["may_choose"] = request.actor.may(Permission.MANAGE_BUSINESS)
    context["natures"] = scenario_pages.natures(entity, progress.golive)
    context["choices"] = scenario_pages.choices(progress)
    return render(request, "fbr/scenarios.html", context)


def _run(request: MemberRequest) -> HttpResponse:
    entity, progress = _standing()
    wanted = request.POST.getlist("run")
    if wanted == [_ALL]:
        wanted = [trial.scenario for trial in progress.trials]
    try:
        with transaction.atomic():
            begun = scenario_service.run(
                entity=entity, scenarios=wanted, actor=request.actor, at=clock.now()
            )
    except RuleViolation as refused:
        messages.error(request, refused.message)
        return redirect("fbr:scenarios")
    if begun:
        transaction.on_commit(tasks.ring)
        words = ngettext("%(n)d scenario is sent.", "%(n)d scenarios are sent.", len(begun))
        messages.success(request, words % {"n": len(begun)})
    else:
        messages.info(request, _("Nothing to run: what is not passed is under way."))
    return redirect("fbr:scenarios")


@require_POST
@member_required(Permission.MANAGE_BUSINESS)
def scenarios_choose(request: MemberRequest) -> HttpResponse:
    """Which scenarios IRIS asks for: by business natures, or exactly these."""
    entity = invoice_selectors.default_entity()
    who: dict[str, Any] = {"entity": entity, "actor": request.actor, "at": clock.now()}
    try:
        with transaction.atomic():
            if "natures" in request.POST:
                chosen = request.POST.getlist("activity")
                scenario_service.choose_natures(activities=chosen, **who)
            else:
                chosen = request.POST.getlist("scenario")
                scenario_service.choose_scenarios(scenarios=chosen, **who)
    except RuleViolation as refused:
        messages.error(request, refused.message)
        return redirect("fbr:scenarios")
    messages.success(request, _("Saved. These are the scenarios to pass."))
    return redirect("fbr:scenarios")


# --- the switch -------------------------------------------------------------------------------


@page_or_post
@member_required(Permission.MANAGE_BUSINESS)
def environment(request: MemberRequest) -> HttpResponse:
    """Between FBR's two worlds, with what it means said first."""
    entity, progress = _standing()
    current = Environment(entity.environment)
    other = Environment.SANDBOX if current == Environment.PRODUCTION else Environment.PRODUCTION
    if request.method == "POST":
        return _switch(request, entity)
    missing = progress.before_production if other == Environment.PRODUCTION else []
    drafts = selectors.drafts_left(entity, current)
    context = {
        "is_production": current == Environment.PRODUCTION,
        "missing": golive_pages.missing(missing),
        "question": None if missing else golive_pages.question(other, drafts),
        "sharing": other == Environment.PRODUCTION
        and not missing
        and onboarding.sharing_to_confirm(tenant_id=entity.tenant_id, at=clock.now()),
    }
    return render(request, "fbr/environment.html", context)


def _switch(request: MemberRequest, entity: LegalEntity) -> HttpResponse:
    wanted = request.POST.get("to", "")
    if wanted not in Environment.values:
        return redirect("fbr:environment")
    try:
        with transaction.atomic():
            if "sharing" in request.POST:
                onboarding.confirm_sharing(
                    tenant_id=entity.tenant_id,
                    user=request.user,
                    actor=request.actor,
                    at=clock.now(),
                )
            onboarding.switch_environment(
                entity=entity, to=Environment(wanted), actor=request.actor, at=clock.now()
            )
    except RuleViolation as refused:
        messages.error(request, refused.message)
        return redirect("fbr:environment")
    if wanted == Environment.PRODUCTION:
        messages.success(request, _("From now on your invoices go to FBR and count for tax."))
    else:
        messages.warning(request, _("From now on invoices go to the test system and do not count."))
    return redirect("fbr:golive")
