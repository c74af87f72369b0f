"""A person's own page: what we hold, and everything they may ask of us."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.db.models import QuerySet
from django.http import FileResponse, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from accounts.access import Actor
from accounts.guards import MemberRequest, proved_lately, signed_in, to_proof
from accounts.models import User
from privacy import rights_pages as pages
from privacy.models import (
    ExportFile,
    RequestChannel,
    RequestState,
    RequestType,
    SubjectRequest,
)
from privacy.rights_forms import AskForm, TextForm
from privacy.services import (
    answering,
    deciding,
    erasing,
    erasure_words,
    exporting,
    identity,
    requests,
)
from privacy.services.request_states import note, transition
from privacy.subjects import Subject, SubjectKind
from privacy.views.consents import take_back
from smartinvoicing import clock
from smartinvoicing.errors import NotFound
from smartinvoicing.forms import attempt
from smartinvoicing.fragments import is_fragment

page_or_post = require_http_methods(["GET", "HEAD", "POST"])

SHOWN: Final = 20


@page_or_post
@signed_in
def mine(request: MemberRequest) -> HttpResponse:
    """What we hold of whoever is signed in, their requests with their clocks, and a new one."""
    at = clock.now()
    form = AskForm(request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        made = requests.receive(
            type=RequestType(form.cleaned_data["type"]),
            channel=RequestChannel.PROFILE,
            at=at,
            user_id=request.user.pk,
            text=form.cleaned_data["text"],
            language=(get_language() or settings.LANGUAGE_CODE)[:2],
            by=_actor(request.user),
        )
        _go_on(request, made, at)
        return redirect("privacy:mine_request", request_id=made.pk)
    if is_fragment(request):
        return render(request, "privacy/_exports.html", {"exports": _exports(request.user)})
    status = 422 if form.is_bound else 200
    return render(request, "privacy/mine.html", _of_person(request.user, form, at), status=status)


def _of_person(user: User, form: AskForm, at: datetime) -> dict[str, Any]:
    plan = erasing.plan_for(Subject(SubjectKind.USER, user_id=user.pk), at=at)
    found = requests.of_user(user.pk)[:SHOWN]
    return {
        "form": form,
        "held": erasure_words.told(row.as_dict() for row in plan),
        "requests": [pages.row(each, at=at, url=_url(each)) for each in found],
        "exports": _exports(user),
        "authority": pages.authority(),
        "contact": settings.PRIVACY_EMAIL,
    }


def _url(made: SubjectRequest) -> str:
    return reverse("privacy:mine_request", args=[made.pk])


def _exports(user: User) -> list[dict[str, Any]]:
    found = _files(user).order_by("-asked_at")[:5]
    return pages.exports(found, route="privacy:export_file")


def _files(user: User) -> QuerySet[ExportFile]:
    """Exports of this person that they may fetch: not those of a business or of its customers."""
    return ExportFile.objects.filter(user_id=user.pk, subject_kind=SubjectKind.USER)


def _actor(user: User) -> Actor:
    return Actor(name=f"user:{user.pk}", permissions=frozenset(), user_id=user.pk)


def _go_on(request: MemberRequest, made: SubjectRequest, at: datetime) -> None:
    """Who proved to be themselves a moment ago need not do it again."""
    if made.type == RequestType.COMPLAINT:
        return
    if proved_lately(request, at=at):
        identity.by_session(made, by=_actor(request.user), at=at)
        if answering.begin(made, at=at):
            take_back(request, at=at)
    elif made.state == RequestState.RECEIVED:
        transition(
            made, RequestState.IDENTITY_PENDING, by=_actor(request.user), at=at, what="proof.wanted"
        )


# --- one request ------------------------------------------------------------------------------


@page_or_post
@signed_in
def mine_request(request: MemberRequest, request_id: UUID) -> HttpResponseBase:
    """One of their own requests: its clock, what happened, what they can do."""
    at = clock.now()
    found = requests.one_of(requests.of_user(request.user.pk), request_id)
    form = TextForm(request.POST if "text" in request.POST else None)
    if request.method == "POST":
        if request.POST.get("deed") == "prove" and not proved_lately(request, at=at):
            return to_proof(request)
        done = _deed(request, found, form, at)
        if done is not None:
            return done
    context = {
        "row": pages.row(found, at=at, url=""),
        "facts": pages.facts_of(found),
        "timeline": pages.timeline(found, with_words=True),
        "table": erasure_words.told(found.receipt.get("rows", [])),
        "sha256": found.receipt.get("sha256", ""),
        "needs_proof": found.proved_at is None and found.type != RequestType.COMPLAINT,
        "exports": pages.exports(found.exports.order_by("-asked_at"), route="privacy:export_file"),
        "form": form,
        "authority": pages.authority(),
    }
    status = 422 if form.errors else 200
    return render(request, "privacy/mine_request.html", context, status=status)


def _deed(
    request: MemberRequest, found: SubjectRequest, form: TextForm, at: datetime
) -> HttpResponse | None:
    deed = request.POST.get("deed", "")
    actor = _actor(request.user)
    if deed == "prove":
        _go_on(request, found, at)
    elif deed == "take_back":
        requests.take_back(found, by=actor, at=at)
        messages.success(request, _("You took it back. Nothing more happens."))
    elif form.is_bound and form.is_valid():
        words = form.cleaned_data["text"]
        attempt(form, partial(deciding.heard, found, text=words, by=actor, at=at))
        if form.errors:
            return None
        messages.success(request, _("It stands with your request."))
    else:
        return None
    return redirect("privacy:mine_request", request_id=found.pk)


# --- exports ----------------------------------------------------------------------------------


@page_or_post
@signed_in
def export_file(request: MemberRequest, export_id: UUID) -> HttpResponseBase:
    """One archive, to whoever proved a moment ago to be its person."""
    at = clock.now()
    found = _files(request.user).filter(pk=export_id).first()
    if found is None:
        raise NotFound(_("There is no such export."))
    return hand_out(request, found, at=at, proved=lambda: proved_lately(request, at=at))


def hand_out(
    request: HttpRequest, export: ExportFile, *, at: datetime, proved: Callable[[], bool]
) -> HttpResponseBase:
    """A GET shows the button, a POST counts and gives the file: GET changes nothing.

    Both only to whoever gave password or code lately; an anonymous reader is handled before.
    """
    if not proved():
        return to_proof(request)  # type: ignore[arg-type]  # a person is signed in here
    if request.method != "POST":
        rows = pages.exports([export], route="privacy:export_file")
        return render(request, "privacy/export.html", {"export": rows[0]})
    return send(export, at=at, by=request.user)


def send(export: ExportFile, *, at: datetime, by: Any) -> FileResponse:
    """The archive, streamed; the request that it belongs to remembers that it was fetched."""
    content = exporting.fetch(export, at=at)
    if export.request is not None:
        name = f"user:{by.pk}" if getattr(by, "pk", None) else "system:link"
        who = Actor(name=name, permissions=frozenset())
        note(export.request, "fetched", by=who, at=at, facts={"time": export.downloads})
    day = clock.karachi_date(export.asked_at)
    answer = FileResponse(
        content,
        as_attachment=True,
        filename=f"smartinvoicing-{day.isoformat()}.zip",
        content_type="application/zip",
    )
    answer["Content-Security-Policy"] = "sandbox"
    answer["Cache-Control"] = "no-store"
    return answer


@require_GET
def complain(request: HttpRequest) -> HttpResponse:
    """How to complain: to us, and to the authority where there is one."""
    layout = "base.html" if request.user.is_authenticated else "base_public.html"
    context = {"authority": pages.authority(), "contact": settings.PRIVACY_EMAIL, "layout": layout}
    return render(request, "privacy/complain.html", context)
