"""What our people looked at: each line, the doors, the emergencies and the review of a month."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any, Final

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from accounts import staff
from accounts.desk import Deed, DeedAdmin, DeskAdmin, WhyForm, factor_first
from accounts.enums import Desk, StaffAction
from accounts.models import BreakGlass, StaffLook, StaffTie, SupportWindow, User
from accounts.services import staff_access
from privacy.services import glass, staff_watch
from smartinvoicing import clock
from smartinvoicing.errors import AppError

_MONTH: Final = re.compile(r"20\d\d-(0[1-9]|1[0-2])")


class StaffLookAdmin(DeskAdmin):
    """Each look, written before its answer left; the review of a month has a page of its own."""

    lead = _(
        "Each page of a business that somebody of ours opened. The business sees the same lines."
    )
    sees = (Desk.SEE_STAFF_LOG,)
    named = ("who",)
    list_display = ("at", "who", "role", "tenant_id", "page", "object_id", "rows_shown", "result")
    list_filter = ("role", "page")
    search_fields = ("who", "tenant_id", "object_id")
    ordering = ("-at", "-id")
    fields = (
        *("at", "who", "role", "hat", "tenant_id", "page", "object_type", "object_id"),
        *("objects_shown", "rows_shown", "fields_revealed", "purpose", "window_id", "glass_id"),
        *("method", "result"),
    )

    def get_urls(self) -> list[URLPattern]:
        review = path(
            "review/<str:month>/",
            self.admin_site.admin_view(self.review),
            name="accounts_stafflook_review",
        )
        return [review, *super().get_urls()]

    @factor_first
    def review(self, request: HttpRequest, month: str) -> HttpResponse:
        """Who looked how often in a month, and the signature under it."""
        if Desk.SEE_STAFF_LOG not in staff.deeds_of_request(request):
            raise PermissionDenied
        if not _MONTH.fullmatch(month):
            raise Http404
        form = WhyForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            try:
                staff_watch.sign_review(
                    month=month,
                    finding=form.cleaned_data["why"],
                    user=_user(request),
                    at=clock.now(),
                )
            except AppError as refused:
                form.add_error(None, refused.message)
            else:
                self.message_user(request, _("The month is signed."), messages.SUCCESS)
                return redirect("admin:index")
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _now("Sign %(month)s") % {"month": month},
            "words": _("Say what you found. Whoever looked in this month cannot sign it."),
            "form": form,
            "counts": staff_watch.of_month(month),
        }
        return render(request, "privacy/desk/review.html", context)


def _user(request: HttpRequest) -> User:
    """Raises: PermissionDenied for nobody."""
    if not isinstance(request.user, User):
        raise PermissionDenied
    return request.user


def _mend(user: User, row: BreakGlass, said: dict[str, Any], at: datetime) -> str:
    staff_access.mend_glass(glass=row, user=user, at=at)
    return _now("It has ended.")


def _review(user: User, row: BreakGlass, said: dict[str, Any], at: datetime) -> str:
    glass.review(glass=row, finding=said["why"], user=user, at=at)
    return _now("The review is written down.")


def _lift(user: User, row: BreakGlass, said: dict[str, Any], at: datetime) -> str:
    staff_access.lift_bar(glass=row, user=user, at=at)
    return _now("The business is told.")


class BreakGlassAdmin(DeedAdmin):
    """Emergencies. A second person agrees on the page of approvals, within fifteen minutes."""

    lead = _(
        "Looks without the business having opened itself: an hour, two people, and the "
        "business is told."
    )
    sees = (Desk.SEE_STAFF_LOG, Desk.BREAK_GLASS, Desk.SIGN_BREACHES)
    list_display = (
        "opened_at",
        "staff",
        "tenant_id",
        "ticket",
        "confirmed_at",
        "end",
        "reviewed_at",
    )
    list_filter = ("end",)
    list_select_related = ("staff",)
    search_fields = ("ticket", "tenant_id")
    ordering = ("-opened_at",)
    fields = (
        *("staff", "tenant_id", "reason", "ticket", "opened_at", "confirm_by", "until"),
        *("confirmed_by", "confirmed_at", "ended_at", "end", "legal_bar", "told_at"),
        *("reviewed_by", "reviewed_at", "review"),
    )
    deeds = (
        Deed(
            name="mend",
            label=_("End it now"),
            words=_("With the next click nothing of this business is seen any more."),
            desk=None,
            do=_mend,
            form=forms.Form,
            fits=lambda user, row: row.ended_at is None,
        ),
        Deed(
            name="review",
            label=_("Review"),
            words=_("Was it needed, was no more read than needed, was the business told?"),
            desk=Desk.SIGN_BREACHES,
            do=_review,
            fits=lambda user, row: row.reviewed_at is None and row.staff_id != user.pk,
        ),
        Deed(
            name="lift",
            label=_("Tell the business now"),
            words=_("What forbade it is over."),
            desk=Desk.SIGN_BREACHES,
            do=_lift,
            form=forms.Form,
            fits=lambda user, row: row.told_at is None,
        ),
    )


class SupportWindowAdmin(DeskAdmin):
    """Doors that businesses opened."""

    lead = _("Businesses that opened themselves to our support, and until when.")
    sees = (Desk.SEE_STAFF_LOG, Desk.LOOK_AT_TENANTS)
    list_display = ("granted_at", "tenant_id", "reason", "until", "ended_at")
    ordering = ("-granted_at",)
    fields = (
        *("tenant_id", "reason", "document_id", "granted_by", "granted_at", "until"),
        *("ended_at", "ended_by"),
    )


class TieForm(WhyForm):
    """Which business somebody knows too well."""

    tenant_id = forms.UUIDField(label=_("Number of the business"))
    field_order = ("tenant_id", "why")


def _tie(user: User, row: None, said: dict[str, Any], at: datetime) -> str:
    tie, is_new = StaffTie.objects.get_or_create(
        staff=user,
        tenant_id=said["tenant_id"],
        defaults={"why": said["why"][:200], "said_by": staff.name_of(user), "said_at": at},
    )
    if is_new:
        staff.record(user, StaffAction.ADDED, tie, at=at, tenant_id=tie.tenant_id)
    return _now("From now on you see nothing of this business.")


class StaffTieAdmin(DeedAdmin):
    """Businesses that our people must not look at: family, shares, a past job."""

    lead = _("Businesses that somebody of ours knows in private. They cannot open these.")
    sees = (Desk.SEE_STAFF_LOG, Desk.LOOK_AT_TENANTS)
    list_display = ("staff", "tenant_id", "said_at")
    list_select_related = ("staff",)
    fields = ("staff", "tenant_id", "why", "said_by", "said_at")
    deeds = (
        Deed(
            name="tie",
            label=_("I know a business"),
            words=_("You will see nothing of it, whatever door it opens. It is not taken back."),
            desk=None,
            do=_tie,
            form=TieForm,
            on_row=False,
        ),
    )


admin.site.register(StaffLook, StaffLookAdmin)
admin.site.register(BreakGlass, BreakGlassAdmin)
admin.site.register(SupportWindow, SupportWindowAdmin)
admin.site.register(StaffTie, StaffTieAdmin)
