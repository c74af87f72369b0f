"""Legal holds at the desk: place one that an authority asked for, look at it again, lift it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin
from django.db import transaction
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from accounts import tenancy
from accounts.desk import Deed, DeedAdmin, WhyForm
from accounts.enums import Desk
from accounts.models import User
from privacy.models import HoldListed, HoldScope, LegalHold
from privacy.services import holds
from privacy.services.holds import Case


class DayInput(forms.DateInput):
    input_type = "date"


class PlaceForm(forms.Form):
    """What it covers, and who asks for it."""

    business = forms.UUIDField(label=_("Business"))
    scope = forms.ChoiceField(label=_("Covers"), choices=HoldScope.choices)
    covers = forms.UUIDField(
        label=_("Its id"),
        required=False,
        help_text=_("Of the taxpayer, the document or the customer."),
    )
    from_on = forms.DateField(label=_("First day"), required=False, widget=DayInput)
    to_on = forms.DateField(label=_("Last day"), required=False, widget=DayInput)
    authority = forms.CharField(label=_("Authority or court"), max_length=200)
    reference = forms.CharField(label=_("Reference of the case"), max_length=100)
    review_on = forms.DateField(label=_("To be looked at again on"), widget=DayInput)

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        scope = given.get("scope")
        if scope == HoldScope.PERIOD and not (given.get("from_on") and given.get("to_on")):
            self.add_error("from_on", _("Give the first and the last day."))
        names_one = scope in {HoldScope.ENTITY, HoldScope.INVOICE, HoldScope.BUYER}
        if names_one and not given.get("covers"):
            self.add_error("covers", _("Give the id of what it covers."))
        return given


class ReviewForm(WhyForm):
    until = forms.DateField(label=_("To be looked at again on"), widget=DayInput)


def _placed(by: User, row: Any, given: dict[str, Any], at: datetime) -> str:
    is_period = given["scope"] == HoldScope.PERIOD
    holds.placed_by_staff(
        tenant_id=given["business"],
        case=Case(
            authority=given["authority"],
            reference=given["reference"],
            review_on=given["review_on"],
        ),
        scope_word=given["scope"],
        covers=given["covers"],
        period=(given["from_on"], given["to_on"]) if is_period else None,
        by=by,
        at=at,
    )
    return _now("What it covers stays from now on.")


def _reviewed(by: User, row: HoldListed, given: dict[str, Any], at: datetime) -> str:
    holds.reviewed_by_staff(
        tenant_id=row.business,
        hold_id=row.pk,
        until=given["until"],
        why=given["why"],
        by=by,
        at=at,
    )
    return _now("It stays; you are asked again on that day.")


def _asked(by: User, row: HoldListed, given: dict[str, Any], at: datetime) -> str:
    holds.ask_to_lift(tenant_id=row.business, hold_id=row.pk, why=given["why"], by=by, at=at)
    return _now("A second person is asked.")


def _lifted(by: User, row: HoldListed, given: dict[str, Any], at: datetime) -> str:
    holds.lifted_by_staff(tenant_id=row.business, hold_id=row.pk, why=given["why"], by=by, at=at)
    return _now("It is lifted: law's own time counts again.")


def _is_in_force(by: User, row: HoldListed) -> bool:
    return row.lifted_at is None


@admin.register(HoldListed)
class HoldAdmin(DeedAdmin):
    """Holds of all businesses by their ids; the words of one case on its own page."""

    lead = _(
        "What must not be deleted for now, and by whose order. Each is looked at again on its day."
    )
    sees = (Desk.HOLD,)
    list_display = ("__str__", "scope", "review_on", "placed_at", "lifted_at")
    list_filter = ("scope", ("lifted_at", admin.EmptyFieldListFilter))
    ordering = ("lifted_at", "review_on")
    search_fields = ("=business", "=id")
    fields = (
        *("business", "scope", "authority", "reference", "placed_at", "placed_by", "review_on"),
        *("lifted_at", "lifted_why"),
    )
    readonly_fields = ("authority", "reference", "placed_by", "lifted_why")
    deeds = (
        Deed(
            name="place",
            label=_("Place a hold"),
            words=_("Nothing that it covers is deleted, however old, until it is lifted."),
            desk=Desk.HOLD,
            do=_placed,
            form=PlaceForm,
            on_row=False,
        ),
        Deed(
            name="review",
            label=_("Still wanted"),
            words=_("Say why it is, and when to ask again."),
            desk=Desk.HOLD,
            do=_reviewed,
            form=ReviewForm,
            fits=_is_in_force,
        ),
        Deed(
            name="ask",
            label=_("Ask to lift it"),
            words=_("A second person has to agree that the proceedings are over."),
            desk=Desk.HOLD,
            do=_asked,
            fits=_is_in_force,
        ),
        Deed(
            name="lift",
            label=_("Lift it"),
            words=_("Afterwards law's own time counts again."),
            desk=Desk.HOLD,
            do=_lifted,
            fits=_is_in_force,
        ),
    )

    @admin.display(description=_("authority or court"))
    def authority(self, row: HoldListed) -> str:
        return _words(row).authority

    @admin.display(description=_("reference of the case"))
    def reference(self, row: HoldListed) -> str:
        return _words(row).reference

    @admin.display(description=_("placed by"))
    def placed_by(self, row: HoldListed) -> str:
        return _words(row).placed_by

    @admin.display(description=_("why it was lifted"))
    def lifted_why(self, row: HoldListed) -> str:
        return _words(row).lifted_why


def _words(row: HoldListed) -> LegalHold:
    """The hold itself, inside its business."""
    with tenancy.in_tenant(row.business), transaction.atomic():
        return holds.of_business(row.pk)
