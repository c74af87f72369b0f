"""The incident room: the register of breaches, each case with its clocks, lists and deeds."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any, cast

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import models
from django.db.models import F
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import URLPattern, path
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts import staff
from accounts.desk import Deed, DeedAdmin
from accounts.enums import Desk
from accounts.models import User
from invoices import pdf
from privacy import breach_forms, breach_letters, breach_pages
from privacy.admin import breach_deeds
from privacy.models import Audience, BreachCase
from privacy.services import breach_notices, breach_record, scope
from privacy.services.breach_notices import Words
from smartinvoicing import clock
from smartinvoicing.errors import AppError


class IsOpen(admin.SimpleListFilter):
    title = gettext_lazy("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("open", _("Open")), ("closed", _("Closed"))]

    def queryset(
        self, request: HttpRequest, queryset: models.QuerySet[BreachCase]
    ) -> models.QuerySet[BreachCase]:
        if self.value() in {"open", "closed"}:
            return queryset.filter(closed_at__isnull=self.value() == "open")
        return queryset


class BreachCaseAdmin(DeedAdmin):
    """The register; the red ones first. A case is a room of its own."""

    lead = gettext_lazy(
        "When data were seen, changed or lost that should not have been. The clock runs from "
        "the moment somebody of ours knew: 72 hours, and 24 for FBR."
    )
    sees = (Desk.WORK_BREACHES, Desk.SIGN_BREACHES, Desk.SEE_REGISTERS)
    deeds = (breach_deeds.OPEN, *breach_deeds.DEEDS)
    change_form_template = "privacy/desk/breach_room.html"
    list_display = ("reference", "title", "standing", "severity", "hat", "aware_at", "closed_at")
    list_filter = (IsOpen, "severity", "hat", "touches_invoicing")
    search_fields = ("title",)

    @admin.display(description=gettext_lazy("reference"))
    def reference(self, row: BreachCase) -> str:
        return breach_letters.reference_of(row)

    @admin.display(description=gettext_lazy("clock"))
    def standing(self, row: BreachCase) -> str:
        return str(breach_pages.state(row, at=clock.now())["label"])

    def get_ordering(self, request: HttpRequest) -> list[Any]:
        """Open before closed; what runs out first before the rest."""
        return [F("closed_at").desc(nulls_first=True), "aware_at"]

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        own = [
            path(
                "<uuid:pk>/letter/<slug:audience>/",
                view(self.letter_page),
                name="privacy_breachcase_letter",
            ),
            path("<uuid:pk>/scope/", view(self.scope_page), name="privacy_breachcase_scope"),
            path("<uuid:pk>/sheet.pdf", view(self.sheet_page), name="privacy_breachcase_sheet"),
        ]
        return [*own, *super().get_urls()]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        row = self._row(request, object_id)
        shown = {
            "room": breach_pages.room(row, at=clock.now()),
            "title": row.title,
            "subtitle": None,
            "works": Desk.WORK_BREACHES in staff.deeds_of_request(request),
        }
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **shown})

    def deed_page(self, request: HttpRequest, deed: Deed, pk: Any) -> HttpResponse:
        """The form knows its case; afterwards one is back in the room."""
        if deed.on_row:
            form = cast("type[breach_forms.CaseForm]", deed.form)
            known = partial(form, case=self._row(request, pk))
            deed = replace(deed, form=cast("type[forms.Form]", known))
        answer = super().deed_page(request, deed, pk)
        is_done = request.method == "POST" and isinstance(answer, HttpResponseRedirect)
        back_to_list = is_done and answer.url.endswith("/breachcase/")  # type: ignore[attr-defined]  # a redirect
        return redirect(self._row(request, pk)) if deed.on_row and back_to_list else answer

    def _row(self, request: HttpRequest, pk: Any) -> BreachCase:
        if not self.has_view_permission(request):
            raise Http404
        row: BreachCase | None = self.get_object(request, str(pk))
        if row is None:
            raise Http404
        return row

    # --- a letter, with its preview -----------------------------------------------------------

    def letter_page(self, request: HttpRequest, pk: Any, audience: str) -> HttpResponse:
        """A draft out of the facts, to be read, changed and kept."""
        case = self._row(request, pk)
        if audience not in Audience.values:
            raise Http404
        asked = breach_forms.LetterChoiceForm(
            {"audience": audience, "language": breach_letters.BOTH, **request.GET.dict()}
        )
        is_partial = asked.is_valid() and asked.cleaned_data["partial"]
        language = asked.cleaned_data["language"] if asked.is_valid() else breach_letters.BOTH
        form = breach_forms.LetterForm(request.POST or None, case=case)
        drafted = breach_letters.draft(case, Audience(audience), language, is_partial=is_partial)
        form.initial = {
            "subject": drafted.subject,
            "body": drafted.body,
            "is_partial": is_partial,
        }
        self._refuse_onlookers(request)
        if request.method == "POST" and form.is_valid():
            words = Words(**form.cleaned_data, language=language)
            by = cast("User", request.user)
            try:
                breach_notices.write(
                    case=case, audience=audience, words=words, by=by, at=clock.now()
                )
            except AppError as refused:
                form.add_error(None, refused.message)
            else:
                self.message_user(request, _("The draft is kept."), messages.SUCCESS)
                return redirect(case)
        context = self._context(request, case, _("Letter: %s") % Audience(audience).label)
        return render(
            request,
            "privacy/desk/breach_letter.html",
            {**context, "form": form, "asked": asked, "drafted": drafted},
        )

    # --- the scope, on one screen -------------------------------------------------------------

    def scope_page(self, request: HttpRequest, pk: Any) -> HttpResponse:
        """Ask the logs; look; freeze."""
        case = self._row(request, pk)
        self._refuse_onlookers(request)
        given = request.POST or request.GET or None
        form = breach_forms.ScopeForm(given)
        form.initial = {"since": case.occurred_at or case.detected_at, "until": clock.now()}
        found = None
        if given is not None and form.is_valid():
            try:
                if request.method == "POST":
                    self._freeze(request, case, form)
                    return redirect(case)
                found = scope.ask(form.question())
            except AppError as refused:
                form.add_error(None, refused.message)
        context = self._context(request, case, _("What the logs say"))
        return render(
            request,
            "privacy/desk/breach_scope.html",
            {**context, "form": form, "found": found, "asked": request.GET.items()},
        )

    def _refuse_onlookers(self, request: HttpRequest) -> None:
        """To write and to ask the logs is for those who work on breaches."""
        writes = request.method == "POST" or "since" in request.GET
        if writes and Desk.WORK_BREACHES not in staff.deeds_of_request(request):
            raise PermissionDenied

    def _freeze(self, request: HttpRequest, case: BreachCase, form: breach_forms.ScopeForm) -> None:
        by = cast("User", request.user)
        frozen = scope.freeze(case=case, question=form.question(), by=by, at=clock.now())
        said = _("Frozen into the case, SHA-256 %s.") % frozen.digest
        self.message_user(request, said, messages.SUCCESS)

    def sheet_page(self, request: HttpRequest, pk: Any) -> HttpResponse:
        """The entry as a PDF."""
        case = self._row(request, pk)
        letter = breach_record.sheet(case, breach_pages.facts(case), at=clock.now())
        name = f"{breach_letters.reference_of(case)}.pdf"
        return HttpResponse(
            pdf.render_letter(letter),
            content_type="application/pdf",
            headers={
                "Content-Disposition": content_disposition_header(
                    as_attachment=True, filename=name
                ),
                "Content-Security-Policy": "sandbox",
            },
        )

    def _context(self, request: HttpRequest, case: BreachCase, title: str) -> dict[str, Any]:
        return {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "case": case,
            "title": title,
            "works": Desk.WORK_BREACHES in staff.deeds_of_request(request),
        }


admin.site.register(BreachCase, BreachCaseAdmin)
