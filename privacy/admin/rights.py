"""Requests of persons at the desk: what is late first, each request a room with its deeds."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final, cast

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db import models
from django.db.models import F
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import URLPattern, path, reverse
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_POST

from accounts import four_eyes, staff
from accounts.desk import Deed, DeedAdmin
from accounts.enums import Desk, StaffAction
from accounts.models import Approval, User
from invoices import pdf
from privacy import rights_letters, rights_pages
from privacy.admin.rights_deeds import DEEDS, ENTER
from privacy.models import ENDED, Hat, RequestState, RequestType, SubjectRequest
from privacy.services import (
    deciding,
    desk,
    erasing,
    erasure_words,
    handing_out,
    request_words,
    requests,
    routing,
)
from privacy.services.request_states import NEEDS_PROOF
from smartinvoicing import clock

# --- the pages --------------------------------------------------------------------------------


class IsOpen(admin.SimpleListFilter):
    title = gettext_lazy("state")
    parameter_name = "open"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("yes", _("Open")), ("late", _("Late")), ("no", _("Ended"))]

    def queryset(
        self, request: HttpRequest, queryset: models.QuerySet[SubjectRequest]
    ) -> models.QuerySet[SubjectRequest]:
        if self.value() == "late":
            return queryset.filter(closed_at=None, due_at__lte=clock.now())
        if self.value() in {"yes", "no"}:
            return queryset.filter(closed_at__isnull=self.value() == "yes")
        return queryset


class SubjectRequestAdmin(DeedAdmin):
    """The register. Nothing in a list says who somebody is."""

    lead = gettext_lazy(
        "What people ask about their data. An answer is due within thirty days; the bar shows "
        "what is left."
    )
    sees = (Desk.WORK_REQUESTS, Desk.DECIDE_REQUESTS, Desk.SEE_REGISTERS)
    deeds = (ENTER, *DEEDS)
    change_form_template = "privacy/desk/request_room.html"
    list_display = ("reference", "type", "state", "standing", "channel", "hat", "received_at")
    list_filter = (IsOpen, "type", "channel", "hat", "state")
    search_fields = ("id__icontains", "user_id__icontains", "tenant_id__icontains")

    @admin.display(description=gettext_lazy("clock"))
    def standing(self, row: SubjectRequest) -> str:
        return str(rights_pages.clock_of(row, at=clock.now())["words"])

    def get_ordering(self, request: HttpRequest) -> list[Any]:
        """Open before ended; what is due first before the rest."""
        return [F("closed_at").desc(nulls_first=True), "due_at"]

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        own = [
            path("desk/", view(require_GET(self.desk_page)), name="privacy_desk"),
            path(
                "<uuid:pk>/words/",
                view(require_POST(self.words_page)),
                name="privacy_subjectrequest_words",
            ),
            path(
                "<uuid:pk>/receipt.pdf",
                view(require_GET(self.receipt_page)),
                name="privacy_subjectrequest_receipt",
            ),
        ]
        return [*own, *super().get_urls()]

    def desk_page(self, request: HttpRequest) -> HttpResponse:
        """What waits: tasks of the desk, then requests by what is left of their time."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        at = clock.now()
        waiting = SubjectRequest.objects.filter(closed_at=None).order_by("due_at")[:100]
        name = "admin:privacy_subjectrequest_change"
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _("Privacy desk"),
            "tasks": [
                {"task": task, "is_late": task.due_at is not None and task.due_at <= at}
                for task in desk.red_list()
            ],
            "requests": [
                rights_pages.row(each, at=at, url=reverse(name, args=[each.pk])) for each in waiting
            ],
        }
        return render(request, "privacy/desk/rights.html", context)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        row = self._row(request, object_id)
        shown = {"room": _room(row, clock.now()), "title": str(row), "subtitle": None}
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **shown})

    def deed_page(self, request: HttpRequest, deed: Deed, pk: Any) -> HttpResponse:
        """Afterwards one is back in the room."""
        if deed.name in _AGREED:
            agreed = _words_agreed(_AGREED[deed.name], pk)
            known = partial(deed.form, initial={"why": agreed})
            deed = replace(deed, form=cast("type[forms.Form]", known))
        answer = super().deed_page(request, deed, pk)
        is_done = request.method == "POST" and isinstance(answer, HttpResponseRedirect)
        back = is_done and answer["Location"].endswith("/subjectrequest/")
        if deed.on_row and back:
            return redirect("admin:privacy_subjectrequest_change", str(pk))
        return answer

    def words_page(self, request: HttpRequest, pk: Any) -> HttpResponse:
        """Who writes from where, and what: each look is written down before it is shown."""
        row = self._row(request, pk)
        if Desk.WORK_REQUESTS not in staff.deeds_of_request(request):
            raise PermissionDenied
        by = cast("User", request.user)
        staff.record(
            by, StaffAction.REVEALED, row, at=clock.now(), tenant_id=row.tenant_id, fields="words"
        )
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _("What %(reference)s says") % {"reference": row.reference},
            "back": reverse("admin:privacy_subjectrequest_change", args=[row.pk]),
            "said": request_words.said(row),
            "timeline": rights_pages.timeline(row, with_words=True, names=True),
        }
        return render(request, "privacy/desk/request_words.html", context)

    def receipt_page(self, request: HttpRequest, pk: Any) -> HttpResponse:
        """What became of it, as a PDF without a name."""
        row = self._row(request, pk)
        letter = rights_letters.receipt_of(row)
        return HttpResponse(
            pdf.render_letter(letter),
            content_type="application/pdf",
            headers={
                "Content-Disposition": content_disposition_header(
                    as_attachment=True, filename=f"{row.reference}.pdf"
                ),
                "Content-Security-Policy": "sandbox",
            },
        )

    def _row(self, request: HttpRequest, pk: Any) -> SubjectRequest:
        if not self.has_view_permission(request):
            raise PermissionDenied
        row: SubjectRequest | None = self.get_object(request, str(pk))
        if row is None:
            raise Http404
        return row


_AGREED: Final = {
    "refuse": deciding.REFUSE,
    "erase": deciding.ERASE,
    "archive": handing_out.ARCHIVE,
}


def _words_agreed(deed: str, pk: Any) -> str:
    """The words that a second person agreed to: they stand in the form already."""
    found = Approval.objects.filter(
        deed=deed, object_id=str(pk), is_agreed=True, spent_at=None, expires_at__gt=clock.now()
    ).order_by("-asked_at")
    return found.values_list("why", flat=True).first() or ""


def _room(row: SubjectRequest, at: datetime) -> dict[str, Any]:
    """Everything of one request but its words."""
    plans = row.type in {RequestType.ERASURE, RequestType.WHY} and row.state not in ENDED
    plan = erasing.plan_for(requests.subject_of(row), at=at) if plans else []
    asked = Approval.objects.filter(
        object_type=str(row._meta.model_name), object_id=str(row.pk), spent_at=None
    ).order_by("-asked_at")
    return {
        "row": rights_pages.row(row, at=at, url=""),
        "facts": rights_pages.facts_of(row),
        "human": row.human_at,
        "human_until": row.human_due_at - timedelta(seconds=1),  # it ends with that day
        "human_is_late": row.human_due_at <= at,
        "hat": row.get_hat_display(),
        "channel": row.get_channel_display(),
        "tenant_id": row.tenant_id,
        "proofs": rights_pages.proofs_of(row),
        "timeline": rights_pages.timeline(row, with_words=False, names=True),
        "plan": erasure_words.told(each.as_dict() for each in plan),
        "table": erasure_words.told(row.receipt.get("rows", [])),
        "sha256": row.receipt.get("sha256", ""),
        "approvals": [_asked(each) for each in asked],
        "next": _next(row),
        "is_ended": row.state in ENDED,
        "duplicates": list(row.duplicates.all()),
        "duplicate_of": row.duplicate_of,
    }


def _asked(each: Approval) -> dict[str, Any]:
    return {
        "said": four_eyes.called(each.deed),
        "why": each.why,
        "is_agreed": each.is_agreed,
        "answered_at": each.answered_at,
        "expires_at": each.expires_at,
    }


def _next(row: SubjectRequest) -> str:
    """The one deed that comes next."""
    if row.human_at is None:
        return "look"
    if row.proved_at is None and row.type in NEEDS_PROOF:
        return "code"
    if row.hat == Hat.PROCESSOR and row.state == RequestState.IN_PROGRESS:
        if not routing.is_ours(row):
            return "route"
        if row.type in deciding.EXPORTED:
            return "export" if row.buyer_id else "archive"
    return "erase" if row.type == RequestType.ERASURE else "done"


admin.site.register(SubjectRequest, SubjectRequestAdmin)
