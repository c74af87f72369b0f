"""Pages that take a document back: the coach, cancelling, the application, voiding."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from accounts.enums import Permission
from accounts.guards import MemberRequest, member_required, proved_lately, to_proof
from fbr import cancel_pages, coach_pages, proofs, tasks
from fbr.cancel_forms import ApprovalForm, ConfirmationForm, ReasonForm, RefusalForm, VoidForm
from fbr.models import CancelApplication, Cancellation
from fbr.models.cancelling import Way
from fbr.proofs import Proof
from fbr.services import applications, cancelling, voiding
from invoices import selectors as invoice_selectors
from invoices.enums import State
from invoices.models import Invoice
from smartinvoicing import clock
from smartinvoicing.errors import NotFound, StateConflict
from smartinvoicing.forms import attempt

page_or_post = require_http_methods(["GET", "HEAD", "POST"])


# --- what happened ----------------------------------------------------------------------------


@require_GET
@member_required(Permission.VIEW)
def correct(request: MemberRequest, invoice_id: UUID) -> HttpResponse:
    """What is wrong with an accepted document, and the way that is open for it."""
    invoice = invoice_selectors.invoice(invoice_id)
    window = cancelling.window_of(invoice) if invoice.state == State.ACCEPTED else None
    if window is None:
        return redirect(invoice)
    happened = request.GET.get("what", "")
    context = coach_pages.context(invoice, window, happened, request.actor, at=clock.now())
    return render(request, "fbr/correct.html", context)


# --- cancelling -------------------------------------------------------------------------------


@page_or_post
@member_required(Permission.CANCEL)
def cancel(request: MemberRequest, invoice_id: UUID) -> HttpResponseBase:
    """Ask for it within the window; after that the application; once asked, how to settle it."""
    invoice = invoice_selectors.invoice(invoice_id)
    at = clock.now()
    if not proved_lately(request, at=at):
        return to_proof(request)
    if request.method != "POST":
        return _page(request, invoice)
    form = ReasonForm(request.POST)
    asked = _tried(
        request,
        form,
        lambda: cancelling.ask(
            invoice=invoice, reason=request.POST.get("reason", ""), actor=request.actor, at=at
        ),
    )
    if asked is None:
        return _page(request, invoice, reason_form=form)
    if asked.way == Way.API:
        transaction.on_commit(partial(tasks.ring_cancel, asked.tenant_id, asked.pk))
    messages.success(request, _("Requested. Now cancel it in IRIS, step by step."))
    return redirect("fbr:cancel", invoice.pk)


@page_or_post
@member_required(Permission.CANCEL)
def cancel_approved(request: MemberRequest, invoice_id: UUID) -> HttpResponseBase:
    """The Commissioner's approval has come."""

    def deed(invoice: Invoice, at: datetime) -> Cancellation:
        return cancelling.ask_with_approval(
            invoice=invoice,
            reason=request.POST.get("reason", ""),
            reference=request.POST.get("reference", ""),
            approval=_file(request),
            actor=request.actor,
            at=at,
        )

    said = _("The approval is kept. Now cancel it in IRIS, step by step.")
    return _posted(request, invoice_id, "approval_form", ApprovalForm, deed, said)


@page_or_post
@member_required(Permission.CANCEL)
def cancel_confirmed(request: MemberRequest, invoice_id: UUID) -> HttpResponseBase:
    """IRIS says cancelled."""

    def deed(invoice: Invoice, at: datetime) -> Cancellation:
        return cancelling.confirm(
            invoice=invoice,
            reference=request.POST.get("reference", ""),
            cancelled_at=_typed_time(request.POST.get("cancelled_at", "")),
            proof=_file(request),
            actor=request.actor,
            at=at,
        )

    said = _("Cancelled. The proof stands beside the document.")
    return _posted(request, invoice_id, "confirmation_form", ConfirmationForm, deed, said)


@page_or_post
@member_required(Permission.CANCEL)
def cancel_refused(request: MemberRequest, invoice_id: UUID) -> HttpResponseBase:
    """IRIS or the Commissioner said no."""

    def deed(invoice: Invoice, at: datetime) -> Cancellation:
        why = request.POST.get("why", "")
        return cancelling.refuse(invoice=invoice, why=why, actor=request.actor, at=at)

    said = _("It is accepted as before; the reason stands beside it.")
    return _posted(request, invoice_id, "refusal_form", RefusalForm, deed, said)


def _posted(
    request: MemberRequest,
    invoice_id: UUID,
    name: str,
    form_class: type[forms.Form],
    deed: Callable[[Invoice, datetime], Cancellation],
    said: str,
) -> HttpResponseBase:
    """One of the forms of the page of a cancellation. said: what a success tells."""
    invoice = invoice_selectors.invoice(invoice_id)
    at = clock.now()
    if not proved_lately(request, at=at):
        return to_proof(request)
    if request.method != "POST":
        return redirect("fbr:cancel", invoice.pk)
    form = form_class(request.POST, request.FILES)
    done = _tried(request, form, lambda: deed(invoice, at))
    if done is None:
        return _page(request, invoice, **{name: form})
    messages.success(request, said)
    return redirect("fbr:cancel", invoice.pk) if done.is_open else redirect(invoice)


def _tried(
    request: MemberRequest, form: forms.Form, deed: Callable[[], Cancellation]
) -> Cancellation | None:
    """None where a rule refuses it: the form says why; or somebody was faster: a message does."""
    try:
        with transaction.atomic():
            return attempt(form, deed)
    except StateConflict as conflict:
        messages.warning(request, conflict.message)
        return None


def _page(request: MemberRequest, invoice: Invoice, **forms_: forms.Form) -> HttpResponse:
    """The page of the state that the document is in."""
    invoice.refresh_from_db()
    at = clock.now()
    window = cancelling.window_of(invoice)
    if window is None or invoice.state == State.CANCELLED:
        return redirect(invoice)
    context: dict[str, Any] = cancel_pages.page(invoice, window, at=at)
    initial = {"reason": request.GET.get("reason", "")[:300]}
    empty = {
        "reason_form": ReasonForm(initial=initial),
        "approval_form": ApprovalForm(initial=initial),
        "confirmation_form": ConfirmationForm(),
        "refusal_form": RefusalForm(),
    }
    refused = any(form.errors for form in forms_.values())
    context |= empty | forms_
    return render(request, "fbr/cancel.html", context, status=422 if refused else 200)


def _file(request: MemberRequest) -> UploadedFile[Any] | None:
    found = request.FILES.get("proof")
    return found if isinstance(found, UploadedFile) else None


def _typed_time(typed: str) -> datetime | None:
    """Karachi time as a browser sends it; None for what is no time."""
    try:
        found = datetime.fromisoformat(typed.strip())
    except ValueError:
        return None
    return found.replace(tzinfo=clock.KARACHI) if found.tzinfo is None else None


# --- what was kept ----------------------------------------------------------------------------


@require_GET
@member_required(Permission.VIEW)
def cancel_proof(request: MemberRequest, invoice_id: UUID) -> HttpResponse:
    """The picture of what IRIS said."""
    invoice = invoice_selectors.invoice(invoice_id)
    for row in cancelling.requests_of(invoice):
        if row.proof_path:
            kept = Proof(path=row.proof_path, sha256=row.proof_sha256, media_type=row.proof_type)
            return proofs.response(kept, name=f"{invoice.number}-cancelled")
    raise NotFound(_("There is no proof of a cancellation here."))


@require_GET
@member_required(Permission.VIEW)
def cancel_approval(request: MemberRequest, invoice_id: UUID) -> HttpResponse:
    """The approval of the Commissioner."""
    invoice = invoice_selectors.invoice(invoice_id)
    for row in cancelling.requests_of(invoice):
        if row.approval_path:
            kept = Proof(
                path=row.approval_path, sha256=row.approval_sha256, media_type=row.approval_type
            )
            return proofs.response(kept, name=f"{invoice.number}-approval")
    raise NotFound(_("There is no approval here."))


# --- the application --------------------------------------------------------------------------


@page_or_post
@member_required(Permission.CANCEL)
def application(request: MemberRequest, invoice_id: UUID) -> HttpResponse:
    """The letter to the Commissioner, to print; a POST writes a new one."""
    invoice = invoice_selectors.invoice(invoice_id)
    if request.method == "POST":
        return _prepared(request, invoice)
    row = applications.newest(invoice)
    if row is None:
        return redirect("fbr:cancel", invoice.pk)
    context = {
        "number": invoice.number,
        "back": invoice.get_absolute_url(),
        "letter": applications.letter_in(row),
        "prepared_at": row.prepared_at,
        "invoice_id": invoice.pk,
    }
    return render(request, "fbr/application.html", context)


def _prepared(request: MemberRequest, invoice: Invoice) -> HttpResponse:
    form = ReasonForm(request.POST)
    row: CancelApplication | None = None
    try:
        row = attempt(
            form,
            lambda: applications.prepare(
                invoice=invoice,
                reason=request.POST.get("reason", ""),
                actor=request.actor,
                at=clock.now(),
            ),
        )
    except StateConflict as conflict:
        messages.warning(request, conflict.message)
    if row is None:
        return _page(request, invoice, reason_form=form)
    return redirect("fbr:application", invoice.pk)


@require_GET
@member_required(Permission.CANCEL)
def application_pdf(request: MemberRequest, invoice_id: UUID) -> HttpResponse:
    """The letter on A4."""
    invoice = invoice_selectors.invoice(invoice_id)
    row = applications.newest(invoice)
    if row is None:
        raise NotFound(_("No application was prepared for this document."))
    name = f"application-{invoice.number}.pdf"
    return HttpResponse(
        applications.rendered(row),
        content_type="application/pdf",
        headers={
            "Content-Disposition": content_disposition_header(as_attachment=True, filename=name),
            "Content-Security-Policy": "sandbox",
        },
    )


# --- voiding ----------------------------------------------------------------------------------


@page_or_post
@member_required(Permission.SETTLE)
def void(request: MemberRequest, invoice_id: UUID) -> HttpResponse:
    """Give a number up, with a reason."""
    invoice = invoice_selectors.invoice(invoice_id)
    form = VoidForm(request.POST if request.method == "POST" else None)
    if form.is_bound:
        reason, at = request.POST.get("reason", ""), clock.now()
        try:
            with transaction.atomic():
                done = attempt(
                    form, lambda: _voided(invoice, reason=reason, request=request, at=at)
                )
        except StateConflict as conflict:
            messages.warning(request, conflict.message)
            return redirect(invoice)
        if done:
            return redirect(invoice)
    elif not voiding.may_be_void(invoice):
        return redirect(invoice)
    context = cancel_pages.void_page(invoice) | {"form": form}
    return render(request, "fbr/void.html", context, status=422 if form.errors else 200)


def _voided(invoice: Invoice, *, reason: str, request: MemberRequest, at: datetime) -> bool:
    voiding.void(invoice=invoice, reason=reason, actor=request.actor, at=at)
    return True
