"""The page After a restore: FBR's own list ends what a restore of our database began."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from accounts.enums import Permission
from accounts.guards import MemberRequest, member_required
from fbr import doubts, quarantine_pages
from fbr.models import Quarantine, Statement
from fbr.quarantine_pages import ResumeForm
from fbr.services import quarantine, resuming
from fbr.services.resuming import Resumed
from smartinvoicing import clock
from smartinvoicing.errors import NotFound, Problem, RuleViolation
from smartinvoicing.forms import attempt


@require_http_methods(["GET", "HEAD", "POST"])
@member_required(Permission.SETTLE)
def restored(request: MemberRequest) -> HttpResponse:
    """Sellers whose numbers wait; a POST brings the list that ends it for one of them."""
    open_ones = quarantine.open_ones()
    forms = {row.pk: quarantine_pages.form_for(row) for row in open_ones}
    status = 200
    if request.method == "POST":
        row = _chosen(open_ones, request.POST.get("quarantine", ""))
        form = forms[row.pk] = quarantine_pages.form_for(row, request.POST)
        done = _tried(request, row, form)
        if done is not None:
            messages.success(
                request,
                _(
                    "Numbers go on. FBR has %(lost)s documents that were lost here; %(found)s are "
                    "uncertain now, %(freed)s go to FBR."
                )
                % {"lost": done.lost, "found": done.found, "freed": done.freed},
            )
            return redirect("fbr:restored")
        status = 422
    context = {
        "cards": [quarantine_pages.card(row, forms[row.pk]) for row in open_ones],
        "ended": quarantine_pages.ended(quarantine.ended_ones()),
    }
    return render(request, "fbr/restored.html", context, status=status)


@require_POST
@member_required(Permission.SETTLE)
def record_lost(request: MemberRequest) -> HttpResponse:
    """The uncertain documents are settled: what is left of the list was lost here."""
    row = _chosen(quarantine.ended_ones(), request.POST.get("quarantine", ""))
    resuming.record_lost(quarantine=row, actor=request.actor, at=clock.now())
    return redirect("fbr:restored")


def _chosen(rows: list[Quarantine], typed: str) -> Quarantine:
    for row in rows:
        if str(row.pk) == typed:
            return row
    raise NotFound(_("There is nothing here that waits for a list."))


def _tried(request: MemberRequest, row: Quarantine, form: ResumeForm) -> Resumed | None:
    def deed() -> Resumed:
        with transaction.atomic():
            at = clock.now()
            return resuming.resume_series(
                entity=row.legal_entity,
                statement=_list(request, row),
                last_numbers=request.POST.get("last_numbers", "").split(),
                actor=request.actor,
                at=at,
            )

    return attempt(form, deed)


def _list(request: MemberRequest, row: Quarantine) -> Statement:
    """The list that was chosen, or the word that there is nothing to list.

    Raises: RuleViolation; NotFound.
    """
    if typed := request.POST.get("statement", ""):
        try:
            return doubts.statement(UUID(typed))
        except ValueError as error:
            raise NotFound(_("There is no such list.")) from error
    try:
        covers_from = date.fromisoformat(request.POST.get("covers_from", ""))
        covers_until = date.fromisoformat(request.POST.get("covers_until", ""))
    except ValueError as error:
        raise RuleViolation.of(
            [
                Problem(
                    code="missing",
                    field="statement",
                    message=_("There is no list, and no days are given."),
                    fix=_(
                        "Upload the list from IRIS, or give the days on which IRIS shows nothing."
                    ),
                )
            ]
        ) from error
    return resuming.nothing_listed(
        entity=row.legal_entity,
        covers_from=covers_from,
        covers_until=covers_until,
        actor=request.actor,
        at=clock.now(),
    )
