"""The staff's desk, as far as FBR goes: what its systems said that nobody has words for."""

from __future__ import annotations

from typing import Any, cast

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ActionForm
from django.db import models, transaction
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from accounts import staff
from accounts.desk import DeskAdmin, factor_first
from accounts.enums import Desk
from accounts.models import User
from fbr.models import UnknownCode, WitnessRequest
from fbr.services import claiming, reviewing
from smartinvoicing import clock
from smartinvoicing.errors import AppError


class ReviewForm(ActionForm):
    """What came of it, beside the choice of the action."""

    note = forms.CharField(label=_("Note"), max_length=500, required=False)


class IsReviewed(admin.SimpleListFilter):
    title = _("reviewed")
    parameter_name = "reviewed"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("no", _("Waits")), ("yes", _("Reviewed"))]

    def queryset(
        self, request: HttpRequest, queryset: models.QuerySet[UnknownCode]
    ) -> models.QuerySet[UnknownCode]:
        if self.value() in {"no", "yes"}:
            return queryset.filter(reviewed_at__isnull=self.value() == "no")
        return queryset


class UnknownCodeAdmin(DeskAdmin):
    """Looks; the one deed is the service's."""

    lead = _("Answers of FBR whose code stands in none of its lists.")
    sees = (Desk.SEE_FBR,)
    list_display = ("code", "channel", "text", "times", "last_seen_at", "reviewed_at")
    list_filter = (IsReviewed, "channel")
    search_fields = ("code", "text", "note")
    ordering = ("-last_seen_at",)
    action_form = ReviewForm
    actions = ("mark_reviewed",)

    def has_review_permission(self, request: HttpRequest) -> bool:
        return Desk.WORK_TICKETS in staff.deeds_of_request(request)

    @admin.action(permissions=["review"], description=_("Mark as reviewed"))
    def mark_reviewed(self, request: HttpRequest, queryset: models.QuerySet[UnknownCode]) -> None:
        count = reviewing.mark_reviewed(
            code_ids=queryset.values_list("pk", flat=True),
            by=f"user:{request.user.pk}",
            note=request.POST.get("note", ""),
            at=clock.now(),
        )
        said = ngettext("%d code marked as reviewed.", "%d codes marked as reviewed.", count)
        self.message_user(request, said % count, messages.SUCCESS)


class IsOpen(admin.SimpleListFilter):
    title = _("open")
    parameter_name = "open"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("yes", _("Waits")), ("no", _("Closed"))]

    def queryset(
        self, request: HttpRequest, queryset: models.QuerySet[WitnessRequest]
    ) -> models.QuerySet[WitnessRequest]:
        if self.value() in {"yes", "no"}:
            return queryset.filter(closed_at__isnull=self.value() == "yes")
        return queryset


class WitnessRequestAdmin(DeskAdmin):
    """A business of one says that FBR does not have a document: somebody of ours looks with them.

    Look at IRIS together with the owner, on their screen, before you confirm.
    """

    lead = _(
        "Businesses of one person who have to prove what FBR recorded: somebody of ours looks "
        "at the proof."
    )
    sees = (Desk.SEE_FBR,)
    list_display = ("number", "environment", "business", "asked_at", "ripe_at", "closed_at")
    list_filter = (IsOpen, "environment")
    search_fields = ("number",)
    ordering = ("ripe_at",)
    actions = ("confirm",)

    def has_witness_permission(self, request: HttpRequest) -> bool:
        return Desk.LOOK_AT_TENANTS in staff.deeds_of_request(request)

    @admin.action(
        permissions=["witness"], description=_("I looked with them: FBR does not have it")
    )
    @factor_first
    def confirm(self, request: HttpRequest, queryset: models.QuerySet[WitnessRequest]) -> None:
        for asked in queryset.filter(closed_at=None):
            try:
                with transaction.atomic():
                    claiming.witness(request=asked, user=cast("User", request.user), at=clock.now())
            except AppError as refused:
                self.message_user(request, f"{asked}: {refused.message}", messages.WARNING)
            else:
                said = _("%s is sent once more.") % asked
                self.message_user(request, said, messages.SUCCESS)


admin.site.register(UnknownCode, UnknownCodeAdmin)
admin.site.register(WitnessRequest, WitnessRequestAdmin)
