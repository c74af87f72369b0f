"""Four eyes: what waits for a second person, and their word."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import forms
from django.apps import apps
from django.contrib import admin
from django.db import models
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.text import capfirst
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from accounts import four_eyes, staff
from accounts.desk import Deed, DeedAdmin, WhyForm
from accounts.enums import Desk
from accounts.models import Approval, User
from smartinvoicing import clock


class AgreeForm(WhyForm):
    """Who agrees need not say why."""

    why = forms.CharField(label=_("Note"), max_length=300, required=False)


def may_answer(user: User, row: Approval) -> bool:
    """Whether this person is the second one: another, with the right, while it waits."""
    desk = four_eyes.DESK_OF.get(row.deed)
    waits = row.answered_at is None and row.expires_at > clock.now()
    return waits and desk is not None and row.asked_by_id != user.pk and staff.may(user, desk)


def _answer(user: User, row: Approval, why: str, at: datetime, *, agrees: bool) -> None:
    four_eyes.answer(row, agrees=agrees, by=user, at=at, desk=four_eyes.DESK_OF[row.deed], why=why)


def _agree(user: User, row: Approval, said: dict[str, Any], at: datetime) -> str:
    _answer(user, row, said["why"], at, agrees=True)
    return _now("You agreed. Whoever asked can do it now, once.")


def _refuse(user: User, row: Approval, said: dict[str, Any], at: datetime) -> str:
    _answer(user, row, said["why"], at, agrees=False)
    return _now("You refused. Nothing is done.")


class IsOpen(admin.SimpleListFilter):
    title = _("open")
    parameter_name = "open"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("yes", _("Waits")), ("no", _("Answered or run out"))]

    def queryset(
        self, request: HttpRequest, queryset: models.QuerySet[Approval]
    ) -> models.QuerySet[Approval]:
        waiting = four_eyes.waiting(at=clock.now()).values("pk")
        if self.value() == "yes":
            return queryset.filter(pk__in=waiting)
        return queryset.exclude(pk__in=waiting) if self.value() == "no" else queryset


class ApprovalAdmin(DeedAdmin):
    """What one person asked for, in the words of the deed; another agrees or refuses."""

    lead = _(
        "What one person asked for and a second one has to agree to, for exactly what was asked."
    )
    sees = tuple(Desk)
    list_display = ("said", "why", "asked_by", "asked_at", "expires_at", "is_agreed", "spent_at")
    list_filter = (IsOpen, "deed")
    list_select_related = ("asked_by",)
    ordering = ("-asked_at",)
    fields = (
        *("said", "about", "why", "asked_by", "asked_at", "expires_at"),
        *("is_agreed", "answered_by", "answered_at", "spent_at", "digest"),
    )
    readonly_fields = ("said", "about")

    @admin.display(description=_("what"), ordering="deed")
    def said(self, row: Approval) -> str:
        return four_eyes.called(row.deed)

    @admin.display(description=_("about"))
    def about(self, row: Approval) -> str:
        """Where the second person looks before they agree."""
        for model in apps.get_models():
            meta = model._meta
            if meta.model_name == row.object_type and self.admin_site.is_registered(model):
                name = f"admin:{meta.app_label}_{meta.model_name}_change"
                words = capfirst(meta.verbose_name)
                return format_html(
                    '<a href="{}">{} …{}</a>',
                    reverse(name, args=[row.object_id]),
                    words,
                    str(row.object_id)[-8:],
                )
        return f"{row.object_type} {row.object_id}"

    deeds = (
        Deed(
            name="agree",
            label=_("Agree"),
            words=_("It may be done then, once, and exactly as it was asked for."),
            desk=None,
            do=_agree,
            form=AgreeForm,
            fits=may_answer,
        ),
        Deed(
            name="refuse",
            label=_("Refuse"),
            words=_("It is not done. Whoever asked reads why."),
            desk=None,
            do=_refuse,
            fits=may_answer,
        ),
    )

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Approval]:
        """What somebody asked for or may answer, and all of it for whoever reads the log."""
        rows: models.QuerySet[Approval] = super().get_queryset(request)
        deeds = staff.deeds_of_request(request)
        if Desk.SEE_STAFF_LOG in deeds:
            return rows
        mine = [deed for deed, desk in four_eyes.DESK_OF.items() if desk in deeds]
        return rows.filter(models.Q(asked_by=request.user.pk) | models.Q(deed__in=mine))


admin.site.register(Approval, ApprovalAdmin)
