"""Ways to our support: the form for everybody, and a member's own page."""

from __future__ import annotations

from functools import partial
from typing import Final
from uuid import UUID

from axes.helpers import get_client_ip_address
from django.conf import settings
from django.contrib import messages
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from accounts import traces
from accounts.access import Actor
from accounts.enums import Permission
from accounts.guards import MemberRequest, member_required
from privacy import ticket_pages as pages
from privacy.models import TicketChannel
from privacy.services import tickets
from privacy.services.ticket_words import Asked
from privacy.ticket_forms import ContactForm, QuestionForm, ReplyForm
from smartinvoicing import clock
from smartinvoicing.errors import RuleViolation
from smartinvoicing.forms import attempt

page_or_post = require_http_methods(["GET", "HEAD", "POST"])

MOST_AN_HOUR: Final = 20  # forms of one net
SHOWN: Final = 100
PERSON: Final = Actor(name="person:form", permissions=frozenset())


# --- for everybody ----------------------------------------------------------------------------


@page_or_post
def contact(request: HttpRequest) -> HttpResponse:
    """Who answers and when, and the form. What follows is the same for every address."""
    form = ContactForm(request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        attempt(form, partial(_take, request, form))
        if not form.errors:
            return redirect("privacy:contact_sent")
    status = 422 if form.is_bound else 200
    context = {"form": form, "reach": pages.reach()}
    return render(request, "privacy/contact.html", context, status=status)


def _take(request: HttpRequest, form: ContactForm) -> None:
    given = form.cleaned_data
    _count(request)
    if given["website"]:
        return  # a program filled in what no person sees
    tickets.receive(
        channel=TicketChannel.FORM,
        asked=Asked(
            subject=given["subject"].strip(),
            address=given["email"].strip().lower(),
            name=given["name"].strip(),
        ),
        text=given["text"].strip(),
        by=PERSON,
        at=clock.now(),
        language=_language(),
    )


def _count(request: HttpRequest) -> None:
    """Raises: RuleViolation when this net asked too often, whatever it asked."""
    place = f"contact:{traces.prefix_of(get_client_ip_address(request) or '')}"
    cache.add(place, 0, 3600)
    if cache.incr(place) > MOST_AN_HOUR:
        raise RuleViolation(
            _("Too many questions came from your network. Try again in an hour, or write to us.")
        )


def _language() -> str:
    return (get_language() or settings.LANGUAGE_CODE)[:2]


@require_GET
def contact_sent(request: HttpRequest) -> HttpResponse:
    return render(request, "privacy/contact_sent.html", {"reach": pages.reach()})


# --- for members ------------------------------------------------------------------------------


@page_or_post
@member_required(Permission.VIEW)
def ticket_list(request: MemberRequest) -> HttpResponse:
    """Their own questions, of whoever runs the business all of its; and a new one."""
    at = clock.now()
    form = QuestionForm(request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        made = tickets.receive(
            channel=TicketChannel.PORTAL,
            asked=Asked(subject=form.cleaned_data["subject"].strip()),
            text=form.cleaned_data["text"].strip(),
            by=request.actor,
            at=at,
            user_id=request.user.pk,
            tenant_id=request.membership.tenant_id,
            language=_language(),
        )
        if made is not None:
            messages.success(request, _("Sent. Your question is %(number)s.") % _named(made))
            return redirect("privacy:ticket", ticket_id=made.pk)
        form.add_error(None, _("That is a lot for one day. Write again tomorrow."))
    context = {
        "form": form,
        "rows": [
            pages.row(each, at=at, me=request.user.pk)
            for each in tickets.of_member(request.actor)[:SHOWN]
        ],
        "reach": pages.reach(),
        "sees_all": request.actor.may(Permission.MANAGE_BUSINESS),
    }
    status = 422 if form.errors else 200
    return render(request, "privacy/tickets.html", context, status=status)


def _named(made: object) -> dict[str, str]:
    return {"number": str(made)}


@page_or_post
@member_required(Permission.VIEW)
def ticket(request: MemberRequest, ticket_id: UUID) -> HttpResponse:
    """One of them: what was said, and room to say more."""
    at = clock.now()
    found = tickets.one_of(tickets.of_member(request.actor), ticket_id)
    form = ReplyForm(request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        text = form.cleaned_data["text"].strip()
        attempt(form, partial(tickets.hear_person, found, text=text, by=request.actor, at=at))
        if not form.errors:
            messages.success(request, _("Added. We answer as soon as we can."))
            return redirect("privacy:ticket", ticket_id=found.pk)
    context = {
        "row": pages.row(found, at=at, me=request.user.pk),
        "talk": pages.talk(found, me=request.user.pk),
        "takes_answers": tickets.takes_answers(found, at=at) and found.user_id == request.user.pk,
        "is_closed": not tickets.takes_answers(found, at=at),
        "form": form,
        "may_open": request.actor.may(Permission.MANAGE_BUSINESS),
        "asks_window": pages.asks_window(found),
    }
    status = 422 if form.errors else 200
    return render(request, "privacy/ticket.html", context, status=status)
