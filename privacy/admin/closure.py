"""Accounts that are being closed, step by step; and the ledger of whoever was erased."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from accounts import staff, tenancy
from accounts.desk import DeskAdmin, factor_first
from accounts.enums import Desk
from accounts.models import Tenant, User
from privacy.models import Closure, Erasure
from privacy.services import closing, closing_engine
from privacy.services.closing_steps import STEPS
from smartinvoicing import clock
from smartinvoicing.errors import AppError, NotAllowed

_SEES = (Desk.SEE_REGISTERS, Desk.WORK_REQUESTS, Desk.DECIDE_REQUESTS)


class RepresentativeForm(forms.Form):
    """Whose account, and what was shown."""

    tenant_id = forms.UUIDField(label=_("Business, by its id"))
    proof = forms.CharField(
        label=_("What was shown"),
        max_length=300,
        help_text=_("The paper, its number and who saw the original. No copy is kept."),
    )


@admin.register(Closure)
class ClosureAdmin(DeskAdmin):
    """Each closing with its plan and its receipt; only numbers, no names."""

    lead = _(
        "Accounts on their way out: thirty days to come back, deleted by day 45, out of the "
        "backups by day 90."
    )
    sees = _SEES
    list_display = ("tenant_id", "state", "path", "begun_at", "purge_from", "ends_by", "late")
    list_filter = ("state", "path")
    search_fields = ("tenant_id",)
    ordering = ("-begun_at",)
    fields = (
        *("tenant_id", "state", "path", "begun_at", "begun_by", "purge_from", "purge_by"),
        *("ends_by", "purged_at", "ended_at", "plan", "deleted", "receipt_sha256"),
    )
    readonly_fields = ("plan", "deleted")
    change_list_template = "privacy/desk/closures.html"

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.representative)
        return [
            path("representative/", view, name="privacy_closure_representative"),
            *super().get_urls(),
        ]

    @admin.display(description=_("late"), boolean=True)
    def late(self, closure: Closure) -> bool:
        late = closure.steps.filter(done_at=None, due_at__lte=clock.now())
        return closure.ended_at is not None or not late.exists()

    @admin.display(description=_("plan"))
    def plan(self, closure: Closure) -> SafeString:
        rows = (
            (STEPS[row.step].title, row.due_at.date(), row.done_at or _now("open"), row.facts or "")
            for row in closure.steps.order_by("place")
        )
        return _table(rows, columns=4)

    @admin.display(description=_("deleted and kept"))
    def deleted(self, closure: Closure) -> SafeString:
        if closure.receipt:
            return _table(((closing_engine.said(row),) for row in closure.receipt), columns=1)
        counts = closure.counts.order_by("table", "deed")
        return _table(counts.values_list("table", "retention", "deed", "count"), columns=4)

    @factor_first
    def representative(self, request: HttpRequest) -> HttpResponse:
        """An owner cannot, and somebody acts for them: asked for by one of us, then done by two."""
        if not isinstance(request.user, User) or Desk.WORK_REQUESTS not in staff.deeds_of_request(
            request
        ):
            raise PermissionDenied
        form = RepresentativeForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            try:
                words = _for_representative(request.user, **form.cleaned_data)
            except AppError as refused:
                form.add_error(None, refused.message)
            else:
                self.message_user(request, words, messages.SUCCESS)
                return redirect("admin:privacy_closure_changelist")
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _now("Close an account for somebody who acts for its owner"),
            "words": _("Asked for first; when a second person has agreed, send the same again."),
            "form": form,
        }
        return render(request, "accounts/desk/deed.html", context)


def _for_representative(user: User, *, tenant_id: UUID, proof: str) -> str:
    """Begin it where a second person has agreed, else ask for one; what was done, in words."""
    at = clock.now()
    with tenancy.in_tenant(tenant_id), transaction.atomic():
        tenant = Tenant.objects.filter(pk=tenant_id).first()
        if tenant is None:
            raise NotAllowed(_now("There is no such business."))
        try:
            with transaction.atomic():
                closing.begin_for_representative(tenant=tenant, proof=proof, by=user, at=at)
        except NotAllowed:
            closing.ask_for_representative(tenant=tenant, proof=proof, by=user, at=at)
            return _now("A second person is asked.")
    return _now("The account is being closed.")


@admin.register(Erasure)
class ErasureAdmin(DeskAdmin):
    """Who was erased, as the ledger has it: nobody's name, and what became of each table."""

    lead = _(
        "People who were erased, by a number alone. What law still keeps goes by itself on its day."
    )
    sees = _SEES
    list_display = ("at", "subject_kind", "state", "resumes_on", "done_at", "tenant_id")
    list_filter = ("subject_kind", "state")
    ordering = ("-at",)
    fields = (
        *("subject_kind", "state", "at", "done_at", "resumes_on", "asked_by", "request_id"),
        *("tenant_id", "table", "receipt_sha256"),
    )
    readonly_fields = ("table",)

    @admin.display(description=_("what became of each table"))
    def table(self, erasure: Erasure) -> SafeString:
        return _table(((closing_engine.said(row),) for row in erasure.receipt), columns=1)


def _table(rows: Any, *, columns: int) -> SafeString:
    cells = "<td>{}</td>" * columns
    return format_html(
        "<table>{}</table>", format_html_join("", f"<tr>{cells}</tr>", (tuple(row) for row in rows))
    )
