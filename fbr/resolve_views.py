"""Pages of the red list, of settling a document, and of the lists that help with it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any, Final
from uuid import UUID

from django import forms
from django.contrib import messages
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.enums import Permission
from accounts.guards import MemberRequest, member_required, showed_factor, to_factor
from fbr import doubts, pages, proofs, red_list_pages, resolve_pages, selectors, tasks
from fbr.models import Statement
from fbr.proofs import Proof
from fbr.resolve_forms import FoundForm, MissingForm, UndoneForm, UploadForm
from fbr.services import claiming, doubles, duplicates, resolving, statements
from fbr.services.resolving import Found
from invoices import editing
from invoices import selectors as invoice_selectors
from invoices.enums import State
from invoices.models import Invoice
from smartinvoicing import clock
from smartinvoicing.errors import NotAllowed, NotFound, RuleViolation, StateConflict
from smartinvoicing.forms import attempt

page_or_post = require_http_methods(["GET", "HEAD", "POST"])

_LISTS: Final = 30
_BESIDE: Final = 200


# --- the red list -----------------------------------------------------------------------------


@require_GET
@member_required(Permission.VIEW)
def red_list(request: MemberRequest) -> HttpResponse:
    """Everything that needs a person, in the environment that the business is in."""
    environment = invoice_selectors.default_entity().environment
    context = red_list_pages.red_list(environment, request.actor, at=clock.now())
    context["may_settle"] = request.actor.may(Permission.SETTLE)
    return render(request, "fbr/red_list.html", context)


# --- one uncertain document -------------------------------------------------------------------


@require_GET
@member_required(Permission.SETTLE)
def settle(request: MemberRequest, invoice_id: UUID) -> HttpResponse:
    """What was sent, what is known, and the two things that can be said."""
    return _settle_page(request, invoice_selectors.invoice(invoice_id))


def _settle_page(
    request: MemberRequest,
    invoice: Invoice,
    *,
    found_form: forms.Form | None = None,
    missing_form: forms.Form | None = None,
) -> HttpResponse:
    if invoice.state != State.UNCERTAIN:
        return redirect(invoice)
    at, lists = clock.now(), statements.lists_without(invoice)
    evidence = doubts.evidence_of(invoice)
    claim, sure_from = doubts.open_claim(invoice), doubts.sure_from(invoice)
    alone = claiming.is_alone(request.user.pk)
    attempts = selectors.latest_attempts_of(invoice, most=1)
    context = {
        "number": invoice.number,
        "back": invoice.get_absolute_url(),
        "invoice_id": invoice.pk,
        "sent": pages.doubt(invoice, attempts),
        "evidence": resolve_pages.evidence_rows(evidence),
        "proofs": resolve_pages.proof_facts(evidence),
        "has_answer": doubts.said_yes(invoice) is not None,
        "answer_fits": doubts.said_yes_to_this(invoice) is not None,
        "claim": resolve_pages.claim_card(claim, request.actor, sure_from=sure_from, at=at),
        "candidates": [
            resolve_pages.candidate_row(invoice, each) for each in statements.candidates_of(invoice)
        ],
        "early": resolve_pages.early(sure_from, at),
        "alone": alone,
        "needs_factor": alone and not showed_factor(request, at=at),
        "found_form": found_form or FoundForm(),
        "missing_form": missing_form or MissingForm(lists=resolve_pages.list_choices(lists)),
    }
    refused = any(form is not None and form.errors for form in (found_form, missing_form))
    return render(request, "fbr/settle.html", context, status=422 if refused else 200)


@require_POST
@member_required(Permission.SETTLE)
def settle_found(request: MemberRequest, invoice_id: UUID) -> HttpResponse:
    """FBR has it, under this number, with a picture."""
    invoice = invoice_selectors.invoice(invoice_id)
    form = FoundForm(request.POST, request.FILES)
    found = Found(number=request.POST.get("fbr_number", ""), dated=request.POST.get("dated", ""))
    done = _tried(
        request,
        form,
        lambda: resolving.settle_found(
            invoice=invoice, found=found, proof=_file(request), actor=request.actor, at=clock.now()
        ),
    )
    if not done:
        invoice.refresh_from_db()
        return _settle_page(request, invoice, found_form=form)
    messages.success(request, _("Settled: FBR has it. The number stands on the document now."))
    return redirect(invoice)


@require_POST
@member_required(Permission.SETTLE)
def settle_row(request: MemberRequest, invoice_id: UUID, row_id: UUID) -> HttpResponse:
    """FBR has it: this row of a list is it."""
    invoice = invoice_selectors.invoice(invoice_id)
    row = doubts.statement_row(row_id)
    if _said(
        request,
        lambda: resolving.settle_by_row(
            invoice=invoice, row=row, actor=request.actor, at=clock.now()
        ),
    ):
        said = _("Settled: FBR has %(number)s.") % {"number": invoice.number}
        messages.success(request, said)
    if request.POST.get("back") == "statement":
        return redirect("fbr:statement", row.statement_id)
    return redirect(invoice)


@require_POST
@member_required(Permission.SETTLE)
def settle_answer(request: MemberRequest, invoice_id: UUID) -> HttpResponse:
    """FBR has it, as its own late answer says."""
    invoice = invoice_selectors.invoice(invoice_id)
    if _said(
        request,
        lambda: resolving.settle_by_answer(invoice=invoice, actor=request.actor, at=clock.now()),
    ):
        messages.success(request, _("Settled: FBR has it, and it is not sent again."))
    return redirect(invoice)


@page_or_post
@member_required(Permission.SETTLE)
def settle_missing(request: MemberRequest, invoice_id: UUID) -> HttpResponseBase:
    """FBR does not have it: a second person is asked. Alone, one shows the second factor first."""
    invoice = invoice_selectors.invoice(invoice_id)
    at = clock.now()
    has_factor = showed_factor(request, at=at)
    if claiming.is_alone(request.user.pk) and not has_factor:
        return to_factor(request)
    if request.method != "POST":
        return redirect("fbr:settle", invoice.pk)
    lists = resolve_pages.list_choices(statements.lists_without(invoice))
    form = MissingForm(request.POST, lists=lists)
    done = _tried(
        request,
        form,
        lambda: claiming.claim_missing(
            invoice=invoice,
            why=request.POST.get("why", ""),
            statement=_statement(request),
            has_factor=has_factor,
            actor=request.actor,
            at=at,
        ),
    )
    if not done:
        invoice.refresh_from_db()
        return _settle_page(request, invoice, missing_form=form)
    messages.success(request, _("Written down. Nothing is sent until a second person agrees."))
    return redirect("fbr:settle", invoice.pk)


def _statement(request: MemberRequest) -> Statement | None:
    chosen = editing.ident(request.POST.get("statement", ""))
    return doubts.statement(chosen) if chosen is not None else None


@require_POST
@member_required(Permission.SETTLE)
def claim_confirm(request: MemberRequest, claim_id: UUID) -> HttpResponse:
    """A second person says so too: it goes into the queue."""
    claim = doubts.claim(claim_id)
    if not _said(
        request,
        lambda: claiming.confirm(claim=claim, actor=request.actor, at=clock.now()),
    ):
        return redirect("fbr:settle", claim.invoice_id)
    transaction.on_commit(tasks.ring)
    messages.success(request, _("Two people agree: the same document is sent once more."))
    return redirect(claim.invoice)


@require_POST
@member_required(Permission.SETTLE)
def claim_withdraw(request: MemberRequest, claim_id: UUID) -> HttpResponse:
    """It was said too soon, or wrongly."""
    claim = doubts.claim(claim_id)
    if _said(
        request,
        lambda: claiming.withdraw(claim=claim, actor=request.actor, at=clock.now()),
    ):
        messages.success(request, _("Taken back. The document is as uncertain as before."))
    return redirect("fbr:settle", claim.invoice_id)


@require_GET
@member_required(Permission.VIEW)
def evidence_file(request: MemberRequest, evidence_id: UUID) -> HttpResponse:
    """A picture that somebody gave as a proof."""
    row = doubts.evidence(evidence_id)
    if not row.proof_path:
        raise NotFound(_("There is no file here."))
    kept = Proof(path=row.proof_path, sha256=row.proof_sha256, media_type=row.proof_type)
    return proofs.response(kept, name=f"{row.invoice.number}-{row.kind}")


# --- look-alikes and doubles ------------------------------------------------------------------


@require_POST
@member_required(Permission.ISSUE_INVOICE)
def release_duplicate(request: MemberRequest, invoice_id: UUID) -> HttpResponse:
    """It is another sale, and here is why."""
    invoice = invoice_selectors.invoice(invoice_id)
    reason = request.POST.get("duplicate_reason", "")
    if _said(
        request,
        lambda: duplicates.release_duplicate(
            invoice=invoice, reason=reason, actor=request.actor, at=clock.now()
        ),
    ):
        transaction.on_commit(tasks.ring)
        messages.success(request, _("Let go: it is reported as a sale of its own."))
    return redirect(invoice)


@require_POST
@member_required(Permission.SETTLE)
def reopen(request: MemberRequest, invoice_id: UUID) -> HttpResponse:
    """FBR has it in other words: out of the queue, and open for correction."""
    invoice = invoice_selectors.invoice(invoice_id)
    if _said(
        request,
        lambda: duplicates.reopen(invoice=invoice, actor=request.actor, at=clock.now()),
    ):
        messages.success(request, _("It is not sent. Write it as FBR has it, and issue it."))
    return redirect(invoice)


@page_or_post
@member_required(Permission.VIEW)
def double(request: MemberRequest, invoice_id: UUID) -> HttpResponse:
    """FBR has it under two numbers: which one to cancel, and that it was done."""
    invoice = invoice_selectors.invoice(invoice_id)
    second = doubts.second_numbers(invoice)
    if not second:
        return redirect(invoice)
    may_undo = request.actor.may(Permission.CANCEL)
    form = UndoneForm(request.POST or None, request.FILES or None)
    if request.method == "POST":
        done = _tried(
            request,
            form,
            lambda: doubles.undo_double(
                invoice=invoice,
                number=request.POST.get("number", ""),
                reference=request.POST.get("reference", ""),
                proof=_file(request),
                actor=request.actor,
                at=clock.now(),
            ),
        )
        if done:
            messages.success(request, _("Recorded. FBR has it once now."))
            return redirect(invoice)
    sent = second[0].attempt
    context = resolve_pages.double_page(invoice, second[0], sent, at=clock.now())
    context |= {"form": form, "may_undo": may_undo, "invoice_id": invoice.pk}
    return render(request, "fbr/double.html", context, status=422 if form.errors else 200)


# --- lists ------------------------------------------------------------------------------------


@page_or_post
@member_required(Permission.SETTLE)
def statement_list(request: MemberRequest) -> HttpResponse:
    """The lists that were uploaded; a POST brings a new one."""
    entity = invoice_selectors.default_entity()
    form = UploadForm(request.POST or None, request.FILES or None)
    if request.method == "POST":
        uploaded = attempt(
            form,
            lambda: statements.upload(
                file=_file(request, "file"),
                entity=entity,
                covers_from=_day(request.POST.get("covers_from", "")),
                covers_until=_day(request.POST.get("covers_until", "")),
                actor=request.actor,
                at=clock.now(),
            ),
        )
        if uploaded is not None:
            return redirect("fbr:statement", uploaded.pk)
    rows = [resolve_pages.statement_row(row) for row in doubts.statements(most=_LISTS)]
    context = {"rows": rows, "form": form}
    return render(request, "fbr/statements.html", context, status=422 if form.errors else 200)


@require_GET
@member_required(Permission.SETTLE)
def statement(request: MemberRequest, statement_id: UUID) -> HttpResponse:
    """One list beside the documents that are uncertain, and what could not be read in it."""
    row = doubts.statement(statement_id)
    context = resolve_pages.statement_row(row) | {
        "documents": resolve_pages.beside_rows(statements.beside(row, most=_BESIDE)),
        "problems": row.problems,
        "statement_id": row.pk,
    }
    return render(request, "fbr/statement.html", context)


@require_GET
@member_required(Permission.SETTLE)
def statement_file(request: MemberRequest, statement_id: UUID) -> HttpResponse:
    """The list as it was uploaded."""
    row = doubts.statement(statement_id)
    with default_storage.open(row.path) as file:
        content: bytes = file.read()
    name = f"list-{row.uploaded_at:%Y%m%d-%H%M}.{row.path.rpartition('.')[2]}"
    return HttpResponse(
        content,
        content_type="application/octet-stream",
        headers={
            "Content-Disposition": content_disposition_header(as_attachment=True, filename=name),
            "Content-Security-Policy": "sandbox",
            "X-Content-Type-Options": "nosniff",
        },
    )


# --- parts ------------------------------------------------------------------------------------


def _tried(request: MemberRequest, form: forms.Form, deed: Callable[[], Any]) -> bool:
    """False where a rule refuses it: the form says why; or somebody was faster: a message does."""

    def done() -> bool:
        deed()
        return True

    try:
        with transaction.atomic():
            return attempt(form, done) is not None
    except StateConflict as conflict:
        messages.warning(request, conflict.message)
        return False


def _said(request: MemberRequest, deed: Callable[[], Any]) -> bool:
    """The same for a deed without a form of its own: a message says why not."""
    try:
        with transaction.atomic():
            deed()
    except RuleViolation as refused:
        fixes = [each["fix"] for each in refused.details.get("problems", [])]
        messages.warning(request, " ".join([refused.message, *fixes]).strip())
        return False
    except (StateConflict, NotAllowed) as refused:
        messages.warning(request, refused.message)
        return False
    return True


def _file(request: MemberRequest, name: str = "proof") -> UploadedFile[Any] | None:
    found = request.FILES.get(name)
    return found if isinstance(found, UploadedFile) else None


def _day(typed: str) -> date | None:
    try:
        return date.fromisoformat(typed.strip())
    except ValueError:
        return None
