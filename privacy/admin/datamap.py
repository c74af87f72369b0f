"""The data map at the desk: read it, take it along, approve it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET

from accounts import staff
from accounts.desk import DeskAdmin, factor_first
from accounts.enums import Desk, StaffAction
from accounts.models import User
from privacy import inventory
from privacy.models import DataMapVersion, Detection, DetectionRun
from privacy.services import datamap, field_use
from smartinvoicing import clock
from smartinvoicing.errors import AppError

_SEES = (Desk.SEE_REGISTERS, Desk.KEEP_REGISTERS)


@admin.register(DataMapVersion)
class DataMapVersionAdmin(DeskAdmin):
    """Versions that were approved; and, above the list, the map as it is today."""

    lead = gettext_lazy("The map of what we hold, as it was when somebody agreed to it.")
    sees = _SEES
    list_display = ("digest", "approved_at", "approved_by")
    fields = ("digest", "approved_at", "approved_by", "rows")
    ordering = ("-approved_at",)
    list_select_related = ("approved_by",)
    change_list_template = "privacy/desk/datamap_versions.html"

    def get_urls(self) -> list[URLPattern]:
        own = (
            ("map/", require_GET(self.show), "privacy_datamap"),
            ("map.csv", require_GET(self.take_csv), "privacy_datamap_csv"),
            ("map.pdf", require_GET(self.take_pdf), "privacy_datamap_pdf"),
            ("map/approve/", self.approve, "privacy_datamap_approve"),
            ("map/needed/", self.agree, "privacy_datamap_needed"),
        )
        views = [path(at, self.admin_site.admin_view(view), name=name) for at, view, name in own]
        return [*views, *super().get_urls()]

    def show(self, request: HttpRequest) -> HttpResponse:
        """The map, searchable, with what changed since it was approved last."""
        self._refuse(request)
        query = request.GET.get("q", "")
        came, went, changed = datamap.changes()
        digest = inventory.digest_of(inventory.rows())
        last = datamap.approved()
        known = self.admin_site.each_context(request) | {
            "title": _("Data map"),
            "opts": self.model._meta,
            "query": query,
            "columns": datamap.columns(),
            "rows": datamap.table(query),
            "digest": digest,
            "last": last,
            "is_approved": last is not None and last.digest == digest,
            "changes": ((_("New"), came), (_("Gone"), went), (_("Changed"), changed)),
            "may_approve": Desk.KEEP_REGISTERS in staff.deeds_of_request(request),
            "detections": Detection.objects.filter(cleared_at=None).order_by("table", "field"),
            "last_run": DetectionRun.objects.order_by("-at").first(),
            "idle": field_use.idle(),
            "last_look": field_use.last_look(),
        }
        return TemplateResponse(request, "privacy/desk/datamap.html", known)

    def take_csv(self, request: HttpRequest) -> HttpResponse:
        return self._file(request, datamap.as_csv().encode(), "text/csv; charset=utf-8", "csv")

    def take_pdf(self, request: HttpRequest) -> HttpResponse:
        self._refuse(request)
        content = datamap.as_pdf(at=clock.now())
        return self._file(request, content, "application/pdf", "pdf")

    @factor_first
    def approve(self, request: HttpRequest) -> HttpResponse:
        """This version, by its digest, is right. Whoever comes back from the code reads it anew."""
        self._refuse(request)
        if request.method != "POST":
            return HttpResponseRedirect(reverse("admin:privacy_datamap"))
        try:
            datamap.approve(
                digest=request.POST.get("digest", ""), by=_person(request), at=clock.now()
            )
        except AppError as refused:
            messages.error(request, refused.message)
        else:
            messages.success(request, _("The data map is approved in this version."))
        return HttpResponseRedirect(reverse("admin:privacy_datamap"))

    @factor_first
    def agree(self, request: HttpRequest) -> HttpResponse:
        """These fields are needed although they stand idle. After the code they are ticked anew."""
        self._refuse(request)
        if request.method != "POST":
            return HttpResponseRedirect(reverse("admin:privacy_datamap"))
        try:
            ids = [UUID(each) for each in request.POST.getlist("field")]
            kept = field_use.agree(ids, by=_person(request), at=clock.now())
        except ValueError:
            messages.error(request, _("One of these is no id."))
        except AppError as refused:
            messages.error(request, refused.message)
        else:
            messages.success(request, _("%(n)s fields are kept.") % {"n": kept})
        return HttpResponseRedirect(reverse("admin:privacy_datamap"))

    def _refuse(self, request: HttpRequest) -> None:
        if not self.has_view_permission(request):
            raise PermissionDenied

    def _file(self, request: HttpRequest, content: bytes, kind: str, ending: str) -> HttpResponse:
        self._refuse(request)
        at = clock.now()
        version = datamap.approved()
        if version is not None:
            staff.record(_person(request), StaffAction.EXPORTED, version, at=at, as_=ending)
        name = f"data-map-{clock.karachi_date(at):%Y-%m-%d}.{ending}"
        return HttpResponse(
            content,
            content_type=kind,
            headers={"Content-Disposition": f'attachment; filename="{name}"'},
        )


@admin.register(Detection)
class DetectionAdmin(DeskAdmin):
    """What the detectors came upon, and when it was gone anew."""

    lead = gettext_lazy(
        "Where something looked like personal data though the map says there is none."
    )
    sees = _SEES
    list_display = ("table", "field", "kind", "found", "first_at", "last_at", "cleared_at")
    list_filter = ("kind",)
    search_fields = ("table", "field")
    ordering = ("-last_at",)


def _person(request: HttpRequest) -> User:
    """Who is at the desk: `admin_view` let nobody else in."""
    user: Any = request.user
    if not isinstance(user, User):
        raise PermissionDenied
    return user
