"""What all registers share at the desk: who reads them, timelines, and all of one on paper."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from django import forms
from django.core.exceptions import PermissionDenied
from django.db import models
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _now

from accounts.desk import Deed, DeedAdmin, WhyForm
from accounts.enums import Desk
from accounts.models import User
from privacy import register_pages
from smartinvoicing import clock

MOST = 2_000  # entries on paper

Do = Callable[..., Any]


class RegisterAdmin(DeedAdmin):
    """printed: the columns of the sheet."""

    sees = (Desk.SEE_REGISTERS, Desk.KEEP_REGISTERS)
    change_list_template = "privacy/desk/register_list.html"
    change_form_template = "privacy/desk/register_row.html"
    printed: ClassVar[tuple[str, ...]] = ()

    def _sheet_name(self) -> str:
        return f"{self.opts.app_label}_{self.opts.model_name}_sheet"

    def get_urls(self) -> list[URLPattern]:
        page = self.admin_site.admin_view(self.sheet_page)
        return [path("sheet.pdf", page, name=self._sheet_name()), *super().get_urls()]

    def sheet_page(self, request: HttpRequest) -> HttpResponse:
        """The register on paper."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        rows = self.get_queryset(request).order_by(*self.get_ordering(request))[:MOST]
        content = register_pages.sheet(self.model, self.printed, rows, at=clock.now())
        name = content_disposition_header(
            as_attachment=True, filename=f"{self.opts.model_name}.pdf"
        )
        headers = {"Content-Disposition": name or "", "Content-Security-Policy": "sandbox"}
        return HttpResponse(content, content_type="application/pdf", headers=headers)

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        sheet = reverse(f"admin:{self._sheet_name()}")
        return super().changelist_view(request, {**(extra_context or {}), "sheet_url": sheet})

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        row = self.get_object(request, object_id)
        known = register_pages.timeline(row) if row is not None else []
        context = {**(extra_context or {}), "timeline": known}
        return super().change_view(request, object_id, form_url, context)


def deed(
    name: str,
    label: Any,
    words: Any,
    do: Do,
    form: type[forms.Form] = WhyForm,
    *,
    on_row: bool = True,
    fits: Callable[[Any], bool] = lambda row: True,
) -> Deed:
    """A deed of whoever keeps the registers."""
    return Deed(
        name=name,
        label=label,
        words=words,
        desk=Desk.KEEP_REGISTERS,
        do=do,
        form=form,
        on_row=on_row,
        fits=lambda user, row: fits(row),
    )


def says(service: Callable[..., Any], said: Any, **rename: str) -> Do:
    """A deed that hands the form's answers to `service` by their names. said: what to say then."""

    def do(by: User, row: models.Model | None, given: dict[str, Any], at: Any) -> str:
        about = {rename["row"]: row} if row is not None else {}
        service(**about, **given, by=by, at=at)
        return str(said)

    return do


def asked(service: Callable[..., Any], **rename: str) -> Do:
    """The same, where a second person is asked."""

    def do(by: User, row: models.Model | None, given: dict[str, Any], at: Any) -> str:
        service(**{rename["row"]: row}, **given, by=by, at=at)
        return _now("A second person is asked.")

    return do
