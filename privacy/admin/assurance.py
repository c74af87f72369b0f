"""Thinking first, at the desk: assessments, switches, reviews, the officer, trainings."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin
from django.db import models
from django.http import HttpRequest
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from accounts.models import Course, StaffTraining, User
from accounts.models.staff_training import PASS
from accounts.services import trainings
from privacy import register_forms as ask
from privacy import selectors
from privacy.admin.register_base import RegisterAdmin, asked, deed, says
from privacy.models import Dpia, Dpo, FeatureFlag, Finding, Residual, SecurityReview
from privacy.services import assurance
from smartinvoicing import clock

Given = dict[str, Any]


def _thought(by: User, row: Any, given: Given, at: datetime) -> str:
    known = {**given, "residual": Residual(given["residual"])}
    assurance.write_dpia(given=assurance.Thought(**known), by=by, at=at)
    return _now("Written. The privacy officer says what they think of it next.")


def _is_draft(row: Dpia) -> bool:
    return row.approved_at is None and row.withdrawn_at is None


@admin.register(Dpia)
class DpiaAdmin(RegisterAdmin):
    """What new things may do to people."""

    lead = _(
        "What could go wrong for people when something risky is switched on, and what we do "
        "about it. Without one that counts, its switch stays off."
    )
    list_display = ("feature", "residual", "written_at", "approved_at", "review_on", "withdrawn_at")
    list_filter = (
        "residual",
        ("approved_at", admin.EmptyFieldListFilter),
        ("withdrawn_at", admin.EmptyFieldListFilter),
    )
    ordering = ("-written_at",)
    printed = (
        *("feature", "necessity", "risks", "measures", "residual", "opinion", "written_by"),
        *("approved_by", "approved_at", "review_on", "withdrawn_at"),
    )
    deeds = (
        deed(
            "write",
            _("Write an impact assessment"),
            _("Before the new thing begins, in words that people understand."),
            _thought,
            ask.DpiaForm,
            on_row=False,
        ),
        deed(
            "opinion",
            _("Opinion of the privacy officer"),
            _("What you think of it. Changed, it has to be agreed to anew."),
            says(assurance.give_opinion, _("Written down."), row="dpia"),
            ask.OpinionForm,
            fits=_is_draft,
        ),
        deed(
            "ask",
            _("Ask a second person"),
            _("Somebody else agrees to exactly these words."),
            asked(assurance.ask_approval, row="dpia"),
            fits=_is_draft,
        ),
        deed(
            "approve",
            _("Approve"),
            _("Once the second person agreed. It counts for a year."),
            says(assurance.approve, _("Approved."), row="dpia"),
            forms.Form,
            fits=_is_draft,
        ),
        deed(
            "withdraw",
            _("Withdraw"),
            _("It counts no more, and what hangs on it is switched off."),
            says(assurance.withdraw_dpia, _("Withdrawn."), row="dpia"),
            fits=lambda row: row.withdrawn_at is None,
        ),
    )


@admin.register(FeatureFlag)
class FeatureFlagAdmin(RegisterAdmin):
    """Switches. One of high risk is on in production only with an assessment that counts."""

    lead = _("What may be on and off here. A risky one asks for an impact assessment first.")
    list_display = ("name", "environment", "about", "is_high_risk", "is_on", "in_force", "dpia")
    list_filter = ("environment", "is_high_risk", "is_on")
    ordering = ("name", "environment")
    printed = ("name", "environment", "about", "basis", "is_high_risk", "is_on", "dpia")
    deeds = (
        deed(
            "on",
            _("Switch on"),
            _("A high risk in production needs an approved assessment that still counts."),
            says(assurance.switch_on, _("It is on."), row="flag"),
            ask.SwitchForm,
            fits=lambda row: not row.is_on,
        ),
        deed(
            "off",
            _("Switch off"),
            _("At once."),
            says(assurance.switch_off, _("It is off."), row="flag"),
            fits=lambda row: row.is_on,
        ),
    )

    @admin.display(description=_("in force here"), boolean=True)
    def in_force(self, row: FeatureFlag) -> bool:
        return selectors.is_on(row.name, at=clock.now())


def _reviewed(by: User, row: Any, given: Given, at: datetime) -> str:
    assurance.write_review(given=assurance.Look(**given), by=by, at=at)
    return _now("Written down; the day of the next one is set.")


@admin.register(SecurityReview)
class SecurityReviewAdmin(RegisterAdmin):
    """Audits and scans, with the day of the next."""

    lead = _(
        "Each look at how safe we are: scans, our own reviews, and reviews by others. The "
        "desk rings when the next is due."
    )
    list_display = ("kind", "scope", "done_on", "done_by", "next_on", "still_open")
    list_filter = ("kind",)
    date_hierarchy = "done_on"
    ordering = ("-done_on",)
    printed = ("kind", "scope", "done_on", "done_by", "summary", "next_on")
    deeds = (
        deed(
            "write",
            _("Write down a review"),
            _("What was looked at, what came out, when the next one is."),
            _reviewed,
            ask.ReviewForm,
            on_row=False,
        ),
        deed(
            "finding",
            _("Add a weakness"),
            _("Whose it is, and until when it is closed."),
            says(assurance.write_finding, _("Written down."), row="review"),
            ask.FindingForm,
        ),
    )

    @admin.display(description=_("weaknesses open"))
    def still_open(self, row: SecurityReview) -> int:
        return row.findings.filter(closed_at=None).count()


class IsLate(admin.SimpleListFilter):
    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("open", _now("Open")), ("late", _now("Late")), ("closed", _now("Closed"))]

    def queryset(
        self, request: HttpRequest, queryset: models.QuerySet[Finding]
    ) -> models.QuerySet[Finding]:
        if self.value() == "closed":
            return queryset.exclude(closed_at=None)
        if self.value() == "open":
            return queryset.filter(closed_at=None)
        if self.value() == "late":
            return queryset.filter(closed_at=None, due_on__lt=clock.karachi_date(clock.now()))
        return queryset


@admin.register(Finding)
class FindingAdmin(RegisterAdmin):
    """Weaknesses, what is due first before the rest."""

    lead = _("What a review found and somebody has to mend, with its day.")
    list_display = ("what", "severity", "owner", "due_on", "closed_at")
    list_select_related = ("owner",)
    list_filter = (IsLate, "severity")
    ordering = ("closed_at", "due_on")
    printed = ("what", "severity", "owner", "due_on", "closed_at", "how")
    deeds = (
        deed(
            "close",
            _("Close"),
            _("Say what was done."),
            says(assurance.close_finding, _("Closed."), row="finding"),
            ask.HowForm,
            fits=lambda row: row.closed_at is None,
        ),
    )


@admin.register(Dpo)
class DpoAdmin(RegisterAdmin):
    """Who is data protection officer, and who was."""

    lead = _(
        "Who is data protection officer, and who was. Public pages name the one in office; a "
        "day without one rings."
    )
    list_display = ("person", "deputy", "contact", "since", "until")
    list_select_related = ("person", "deputy")
    ordering = ("-since",)
    printed = ("person", "deputy", "contact", "conflicts", "since", "until")
    deeds = (
        deed(
            "appoint",
            _("Appoint"),
            _("From now on, instead of whoever was. Public pages name them."),
            says(assurance.appoint, _("Appointed.")),
            ask.OfficerForm,
            on_row=False,
        ),
        deed(
            "leave",
            _("End the office"),
            _("Appoint somebody else at once: after a day the desk rings."),
            says(assurance.step_down, _("Ended."), row="row"),
            fits=lambda row: row.until is None,
        ),
    )


def _trained(by: User, row: Any, given: Given, at: datetime) -> str:
    email = given.pop("email")
    taken = trainings.Taken(**{**given, "course": Course(given["course"])})
    trainings.write_down(email=email, taken=taken, by=by, at=at)
    return _now("Written down.")


@admin.register(StaffTraining)
class StaffTrainingAdmin(RegisterAdmin):
    """Trainings. Without one that holds, nobody of ours sees personal data."""

    lead = _("Who of ours learned what. Without a training that holds, nobody sees personal data.")
    list_display = ("person", "course", "version", "passed", "taken_on", "expires_on")
    list_select_related = ("person",)
    list_filter = ("course", "version")
    date_hierarchy = "taken_on"
    ordering = ("-taken_on",)
    printed = ("person", "course", "version", "score", "taken_on", "expires_on", "recorded_by")
    deeds = (
        deed(
            "write",
            _("Write down a training"),
            _("Of somebody else: nobody does that for themselves."),
            _trained,
            ask.TrainingForm,
            on_row=False,
        ),
    )

    @admin.display(description=_("passed"), boolean=True)
    def passed(self, row: StaffTraining) -> bool:
        return row.score >= PASS
