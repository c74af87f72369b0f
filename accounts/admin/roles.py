"""Who of us sits in which role, and what our people did at the desk."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from accounts.desk import Deed, DeedAdmin, DeskAdmin, WhyForm
from accounts.enums import Desk, StaffRole
from accounts.models import StaffDeed, StaffSeat, User
from accounts.services import seats


class RoleForm(WhyForm):
    """Whom to give which role."""

    email = forms.EmailField(label=_("E-mail"), max_length=254)
    role = forms.ChoiceField(label=_("Role"), choices=StaffRole.choices)
    field_order = ("email", "role", "why")


def _give(user: User, row: None, said: dict[str, Any], at: datetime) -> str:
    seat = seats.give(
        email=said["email"], role=StaffRole(said["role"]), why=said["why"], by=user, at=at
    )
    if seat is None:
        return _now("A second person is asked. When they have agreed, give the role once more.")
    return _now("The role is given. They sign in anew.")


def _take(user: User, row: StaffSeat, said: dict[str, Any], at: datetime) -> str:
    seats.take(seat=row, why=said["why"], by=user, at=at)
    return _now("The role is taken.")


class StaffSeatAdmin(DeedAdmin):
    """Roles, those that were taken included."""

    lead = _("Who of ours has which role. A second person agrees to each.")
    sees = (Desk.GIVE_ROLES, Desk.SEE_STAFF_LOG)
    list_display = ("user", "role", "since", "until")
    list_filter = ("role",)
    list_select_related = ("user",)
    ordering = ("until", "-since")
    fields = ("user", "role", "since", "given_by", "until", "taken_by")
    deeds = (
        Deed(
            name="give",
            label=_("Give a role"),
            words=_("Nobody gives one to themselves, and a second person has to agree."),
            desk=Desk.GIVE_ROLES,
            do=_give,
            form=RoleForm,
            on_row=False,
        ),
        Deed(
            name="take",
            label=_("Take this role"),
            words=_("It counts for nothing from the next click on, and their sessions end."),
            desk=Desk.GIVE_ROLES,
            do=_take,
            fits=lambda user, row: row.until is None,
        ),
    )


class StaffDeedAdmin(DeskAdmin):
    """What was done at the desk, written once."""

    lead = _("What was done at the desk, written once.")
    sees = (Desk.SEE_STAFF_LOG,)
    named = ("who",)
    list_display = ("at", "who", "action", "object_type", "object_id", "why")
    list_filter = ("action", "object_type")
    search_fields = ("who", "object_id")
    ordering = ("-at", "-id")
    fields = ("at", "who", "action", "object_type", "object_id", "tenant_id", "why", "details")


admin.site.register(StaffSeat, StaffSeatAdmin)
admin.site.register(StaffDeed, StaffDeedAdmin)
