"""Questions to our support at the desk: what is due first, each a room with its talk and deeds."""

from __future__ import annotations

from datetime import datetime
from typing import Any, cast

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import F, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from accounts import staff
from accounts.desk import Deed, DeedAdmin
from accounts.enums import Desk, StaffAction
from accounts.models import User
from invoices import pdf
from privacy import ticket_letters, ticket_pages
from privacy.models import RequestType, Ticket, TicketState
from privacy.services import ticket_words, tickets
from smartinvoicing import clock

Given = dict[str, Any]


# --- deeds ------------------------------------------------------------------------------------


class AnswerForm(forms.Form):
    """What the person is mailed."""

    text = forms.CharField(
        label=gettext_lazy("Words to the person"),
        max_length=5000,
        widget=forms.Textarea(attrs={"rows": 8, "cols": 80}),
    )
    waits = forms.BooleanField(
        label=gettext_lazy("We ask something back and wait for it"), required=False
    )


class WindowForm(forms.Form):
    """Why we would have to look."""

    reason = forms.CharField(
        label=gettext_lazy("What we have to look at, and why"),
        max_length=300,
        widget=forms.Textarea(attrs={"rows": 3, "cols": 80}),
    )


class HandForm(forms.Form):
    """Which right it is."""

    type = forms.ChoiceField(label=gettext_lazy("Asks for"), choices=RequestType)


class NoForm(forms.Form):
    """A deed that asks nothing more."""


def _answered(by: User, row: Ticket, given: Given, at: datetime) -> str:
    tickets.answer(row, text=given["text"], waits=given["waits"], by=by, at=at)
    return _("The answer is on its way.")


def _window(by: User, row: Ticket, given: Given, at: datetime) -> str:
    told = tickets.ask_window(row, reason=given["reason"], by=by, at=at)
    return _("Asked: %(count)s people of the business may open the window.") % {"count": told}


def _handed(by: User, row: Ticket, given: Given, at: datetime) -> str:
    made = tickets.hand_over(row, type=RequestType(given["type"]), by=by, at=at)
    return _("It is %(reference)s at the privacy desk now.") % {"reference": made.reference}


def _closed(by: User, row: Ticket, given: Given, at: datetime) -> str:
    tickets.close(row, by=by, at=at)
    return _("Closed.")


def _is_open(user: User, row: Ticket) -> bool:
    return row.state != TicketState.CLOSED


DEEDS = (
    Deed(
        name="answer",
        label=gettext_lazy("Answer"),
        words=gettext_lazy("It goes by mail, and stands on the person's page."),
        desk=Desk.WORK_TICKETS,
        do=_answered,
        form=AnswerForm,
        fits=_is_open,
    ),
    Deed(
        name="window",
        label=gettext_lazy("Ask for a support window"),
        words=gettext_lazy(
            "Owners and administrators of the business are asked. They open it, or they do not."
        ),
        desk=Desk.WORK_TICKETS,
        do=_window,
        form=WindowForm,
        fits=lambda user, row: _is_open(user, row) and row.tenant_id is not None,
    ),
    Deed(
        name="hand",
        label=gettext_lazy("Hand to the privacy desk"),
        words=gettext_lazy("It is about a right of the person: its time counts from their mail."),
        desk=Desk.WORK_TICKETS,
        do=_handed,
        form=HandForm,
        fits=_is_open,
    ),
    Deed(
        name="close",
        label=gettext_lazy("Close"),
        words=gettext_lazy("Nobody is mailed. What the person writes opens it again."),
        desk=Desk.WORK_TICKETS,
        do=_closed,
        form=NoForm,
        fits=_is_open,
    ),
)


# --- the pages --------------------------------------------------------------------------------


class Waits(admin.SimpleListFilter):
    title = gettext_lazy("waits")
    parameter_name = "waits"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("us", _("For us")), ("late", _("Late")), ("them", _("For the person"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Ticket]) -> QuerySet[Ticket]:
        if self.value() == "late":
            return queryset.filter(due_at__lte=clock.now())
        if self.value() == "us":
            return queryset.filter(state=TicketState.OPEN)
        if self.value() == "them":
            return queryset.filter(state=TicketState.WAITING)
        return queryset


class TicketAdmin(DeedAdmin):
    """The queue. Nothing in it says who somebody is; a room does, and each look is written down."""

    lead = gettext_lazy("Questions to our support, by what is left of their time.")
    sees = (Desk.WORK_TICKETS,)
    deeds = DEEDS
    change_form_template = "privacy/desk/ticket_room.html"
    list_display = ("reference", "state", "standing", "channel", "received_at", "language")
    list_filter = (Waits, "state", "channel")
    search_fields = ("id__icontains", "tenant_id__icontains", "user_id__icontains")

    @admin.display(description=gettext_lazy("clock"))
    def standing(self, row: Ticket) -> str:
        return ticket_pages.clock_of(row, at=clock.now())

    def get_ordering(self, request: HttpRequest) -> list[Any]:
        """What waits for us first, the most urgent before the rest."""
        return [F("due_at").asc(nulls_last=True), "-received_at"]

    def get_urls(self) -> list[URLPattern]:
        own = path(
            "<uuid:pk>/transcript.pdf",
            self.admin_site.admin_view(require_POST(self.transcript_page)),
            name="privacy_ticket_transcript",
        )
        return [own, *super().get_urls()]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        row = self._row(request, object_id)
        self._looked(request, row, "words")
        shown = {"room": _room(row, clock.now()), "title": str(row), "subtitle": None}
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **shown})

    def deed_page(self, request: HttpRequest, deed: Deed, pk: Any) -> HttpResponse:
        """Afterwards one is back in the room."""
        answer = super().deed_page(request, deed, pk)
        is_done = request.method == "POST" and isinstance(answer, HttpResponseRedirect)
        if is_done and answer["Location"].endswith("/ticket/"):
            return redirect("admin:privacy_ticket_change", str(pk))
        return answer

    def transcript_page(self, request: HttpRequest, pk: Any) -> HttpResponse:
        """All that was said, as a PDF."""
        row = self._row(request, pk)
        self._looked(request, row, "transcript")
        return HttpResponse(
            pdf.render_letter(ticket_letters.transcript_of(row)),
            content_type="application/pdf",
            headers={
                "Content-Disposition": content_disposition_header(
                    as_attachment=True, filename=f"{row.reference}.pdf"
                ),
                "Content-Security-Policy": "sandbox",
            },
        )

    def _row(self, request: HttpRequest, pk: Any) -> Ticket:
        if not self.has_view_permission(request):
            raise PermissionDenied
        row: Ticket | None = self.get_object(request, str(pk))
        if row is None:
            raise Http404
        return row

    def _looked(self, request: HttpRequest, row: Ticket, fields: str) -> None:
        """Before anything is shown."""
        by = cast("User", request.user)
        staff.record(
            by, StaffAction.REVEALED, row, at=clock.now(), tenant_id=row.tenant_id, fields=fields
        )


def _room(row: Ticket, at: datetime) -> dict[str, Any]:
    return {
        "row": ticket_pages.row(row, at=at, is_desk=True),
        "asked": ticket_words.asked(row),
        "talk": ticket_pages.talk(row, names=True),
        "channel": row.get_channel_display(),
        "tenant_id": row.tenant_id,
        "user_id": row.user_id,
        "first_answer": row.first_answer_at,
        "desk": reverse("privacy:desk", args=[row.tenant_id]) if row.tenant_id else "",
    }


admin.site.register(Ticket, TicketAdmin)
