"""The register of failures: list, one of them, its letter, and that FBR was told."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.db.models import Count
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts import texts
from accounts.enums import Permission
from accounts.guards import MemberRequest, member_required
from fbr import incident_letter, incident_pages, proofs
from fbr import incident_selectors as selectors
from fbr.incident_forms import CloseForm, DescribeForm, ReportForm, SentForm
from fbr.models import Incident
from fbr.proofs import Proof
from fbr.services import incidents
from fbr.services.incidents import Report, Sent
from invoices import pdf
from invoices import selectors as invoice_selectors
from invoices.letters import Letter
from smartinvoicing import clock
from smartinvoicing.errors import NotFound, Problem, RuleViolation, StateConflict
from smartinvoicing.forms import attempt

# --- the list ---------------------------------------------------------------------------------


@require_GET
@member_required(Permission.VIEW)
def incident_list(request: MemberRequest) -> HttpResponse:
    """What FBR must be told of, what it was told of; the clock of each."""
    shown = request.GET.get("show", "")
    found = list(
        selectors.incidents(
            before=_uuid(request.GET.get("before", "")), is_open=shown != "all"
        ).annotate(count=Count("documents"))[: incident_pages.SHOWN + 1]
    )
    at = clock.now()
    page = found[: incident_pages.SHOWN]
    older = f"?show={shown}&before={page[-1].pk}" if len(found) > len(page) else ""
    context = {
        "rows": [incident_pages.row(each, each.count, at=at) for each in page],
        "tabs": incident_pages.tabs(shown),
        "is_all": shown == "all",
        "older": older,
        "newest": f"?show={shown}" if "before" in request.GET else "",
        "may": incident_pages.may(request.actor),
    }
    return render(request, "fbr/incidents.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@member_required(Permission.ISSUE_INVOICE)
def incident_new(request: MemberRequest) -> HttpResponse:
    """A failure that no machine sees: a till down, a theft, a flood."""
    at = clock.now()
    data = request.POST if request.method == "POST" else None
    form = ReportForm(data, initial={"happened_at": _typed(at)})
    if form.is_bound:

        def deed() -> Incident:
            given = Report(
                kind=request.POST.get("kind", ""),
                what=texts.clean(request.POST.get("what", ""))[:2000],
                happened_at=_instant(request, "happened_at"),
            )
            return incidents.report(given=given, actor=request.actor, at=at)

        made = attempt(form, deed)
        if made is not None:
            messages.success(request, _("It stands in the register. The letter is ready."))
            return redirect(made)
    status = 422 if form.errors else 200
    return render(request, "fbr/incident_new.html", {"form": form}, status=status)


# --- one of them ------------------------------------------------------------------------------


@require_GET
@member_required(Permission.VIEW)
def incident(request: MemberRequest, incident_id: UUID) -> HttpResponse:
    """What happened, to which documents, the letter, and how far it is."""
    return _page(request, selectors.incident(incident_id))


@require_GET
@member_required(Permission.VIEW)
def letter(request: MemberRequest, incident_id: UUID) -> HttpResponse:
    """The letter as a PDF to print and sign."""
    found = selectors.incident(incident_id)
    return HttpResponse(
        pdf.render_letter(_letter(found)),
        content_type="application/pdf",
        headers={
            "Content-Disposition": content_disposition_header(
                as_attachment=True, filename=f"incident-{found.happened_at:%Y-%m-%d}.pdf"
            ),
            "Content-Security-Policy": "sandbox",
        },
    )


@require_GET
@member_required(Permission.VIEW)
def proof(request: MemberRequest, incident_id: UUID) -> HttpResponse:
    """The file that shows that FBR was told."""
    found = selectors.incident(incident_id)
    if not found.proof_path:
        raise NotFound(_("There is no proof here."))
    kept = Proof(
        path=found.proof_path, sha256=found.proof_sha256, media_type=found.proof_media_type
    )
    return proofs.response(kept, name=f"incident-{found.happened_at:%Y-%m-%d}")


@require_POST
@member_required(Permission.SETTLE)
def describe(request: MemberRequest, incident_id: UUID) -> HttpResponse:
    """What the letter shall say."""

    def deed(found: Incident, at: datetime) -> None:
        ended = request.POST.get("ended_at", "").strip()
        incidents.describe(
            incident=found,
            what=texts.clean(request.POST.get("what", ""))[:2000],
            ended_at=_instant(request, "ended_at") if ended else None,
            actor=request.actor,
            at=at,
        )

    return _posted(request, incident_id, "describe_form", DescribeForm, deed, _("Saved."))


@require_POST
@member_required(Permission.SETTLE)
def tell(request: MemberRequest, incident_id: UUID) -> HttpResponse:
    """FBR was told: how, when, and what shows it."""

    def deed(found: Incident, at: datetime) -> None:
        upload = request.FILES.get("proof")
        given = Sent(
            how=request.POST.get("how", ""),
            sent_at=_instant(request, "sent_at"),
            reference=texts.clean(request.POST.get("reference", ""))[:120],
            late_reason=texts.clean(request.POST.get("late_reason", ""))[:500],
            proof=upload if isinstance(upload, UploadedFile) else None,
        )
        incidents.note_told(incident=found, given=given, actor=request.actor, at=at)

    said = _("Written down. The clock has stopped.")
    return _posted(request, incident_id, "sent_form", SentForm, deed, said)


@require_POST
@member_required(Permission.SETTLE)
def close(request: MemberRequest, incident_id: UUID) -> HttpResponse:
    """Nothing more is to be done."""

    def deed(found: Incident, at: datetime) -> None:
        note = texts.clean(request.POST.get("note", ""))[:500]
        incidents.close(incident=found, note=note, actor=request.actor, at=at)

    return _posted(request, incident_id, "close_form", CloseForm, deed, _("Closed."))


def _posted(
    request: MemberRequest,
    incident_id: UUID,
    name: str,
    form_class: type[forms.Form],
    deed: Callable[[Incident, datetime], None],
    said: str,
) -> HttpResponse:
    """One of the forms of the page of an incident. said: what a success tells."""
    found = selectors.incident(incident_id)
    form = form_class(request.POST, request.FILES)
    try:
        with transaction.atomic():
            attempt(form, lambda: deed(found, clock.now()))
    except StateConflict as conflict:
        messages.warning(request, conflict.message)
        return redirect(found)
    if form.errors:
        return _page(request, found, **{name: form})
    messages.success(request, said)
    return redirect(found)


def _page(request: MemberRequest, found: Incident, **given: forms.Form) -> HttpResponse:
    at = clock.now()
    touched = selectors.documents_of(found)
    words = _letter(found)
    ended = {"ended_at": _typed(found.ended_at) if found.ended_at else ""}
    context: dict[str, Any] = {
        "incident": incident_pages.detail(
            found, list(touched[: incident_pages.SHOWN]), touched.count(), at=at
        ),
        "letter": words,
        "letter_text": incident_letter.as_text(words),
        "may": incident_pages.may(request.actor),
        "describe_form": DescribeForm(initial={"what": found.what, **ended}),
        "sent_form": SentForm(initial={"sent_at": _typed(at)}),
        "close_form": CloseForm(),
    }
    context |= given
    refused = any(form.errors for form in given.values())
    return render(request, "fbr/incident.html", context, status=422 if refused else 200)


def _letter(found: Incident) -> Letter:
    touched = selectors.documents_of(found)
    numbers = [each.invoice.number for each in touched[: incident_letter.NAMED]]
    entity = invoice_selectors.default_entity()
    return incident_letter.letter_of(found, numbers, touched.count(), entity, at=clock.now())


# --- what was typed ---------------------------------------------------------------------------


def _uuid(typed: str) -> UUID | None:
    try:
        return UUID(typed)
    except ValueError:
        return None


def _typed(at: datetime) -> str:
    """An instant as a browser's field wants it, in Karachi's time."""
    return f"{clock.karachi(at):%Y-%m-%dT%H:%M}"


def _instant(request: MemberRequest, field: str) -> datetime:
    """Raises: RuleViolation for what is no time."""
    try:
        found = datetime.fromisoformat(request.POST.get(field, "").strip())
    except ValueError as error:
        raise _no_time(field) from error
    if found.tzinfo is not None:
        raise _no_time(field)
    return found.replace(tzinfo=clock.KARACHI)


def _no_time(field: str) -> RuleViolation:
    problem = Problem(
        code="no_time",
        field=field,
        message=_("This is no day and time."),
        fix=_("Write it like 2026-11-21 14:05, as the clock in Pakistan showed it."),
    )
    return RuleViolation.of([problem])
