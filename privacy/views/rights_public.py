"""People without an account: the form, the page behind the link in our mail, the code.

Whoever asks gets the same answer after the same work, whether we know them or not.
"""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Any, Final
from uuid import UUID

from axes.helpers import get_client_ip_address
from django.conf import settings
from django.contrib import messages
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from accounts import traces
from accounts.access import Actor
from privacy import rights_pages as pages
from privacy.models import ENDED, RequestChannel, RequestType, SubjectRequest
from privacy.rights_forms import CodeForm, StrangerForm, TextForm
from privacy.services import (
    answering,
    deciding,
    erasure_words,
    identity,
    request_words,
    requests,
)
from privacy.services.request_states import NEEDS_PROOF
from privacy.services.request_words import Said
from privacy.views.consents import take_back
from privacy.views.rights import send
from smartinvoicing import clock
from smartinvoicing.errors import NotFound, RuleViolation
from smartinvoicing.forms import attempt

page_or_post = require_http_methods(["GET", "HEAD", "POST"])

MOST_AN_HOUR: Final = 20  # forms or codes of one net
PROVED: Final = "privacy_proved"  # in the session: which request, and when
LASTS_S: Final = 600
STRANGER: Final = Actor(name="person:link", permissions=frozenset())


@page_or_post
def ask(request: HttpRequest) -> HttpResponse:
    """The form. What it does is the same for every address and every number typed into it."""
    form = StrangerForm(request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        said = _said(form.cleaned_data)
        attempt(form, partial(_take, request, said, RequestType(form.cleaned_data["type"])))
        if not form.errors:
            return redirect("privacy:asked")
    status = 422 if form.is_bound else 200
    return render(request, "privacy/ask.html", {"form": form}, status=status)


def _said(given: dict[str, Any]) -> Said:
    day = given["day"]
    return Said(
        address=given["email"].strip().lower(),
        text=given["text"],
        fbr_number=given["fbr_number"].strip(),
        number=given["number"].strip(),
        total=given["total"].strip(),
        day=day.isoformat() if day else "",
    )


def _take(request: HttpRequest, said: Said, kind: RequestType) -> None:
    _count(request)
    requests.from_stranger(
        type=kind,
        channel=RequestChannel.FORM,
        said=said,
        at=clock.now(),
        language=(get_language() or settings.LANGUAGE_CODE)[:2],
    )


def _count(request: HttpRequest) -> None:
    """Raises: RuleViolation when this net asked too often, whatever it asked."""
    place = f"rights:{traces.prefix_of(get_client_ip_address(request) or '')}"
    cache.add(place, 0, 3600)
    if cache.incr(place) > MOST_AN_HOUR:
        raise RuleViolation(
            _("Too many requests came from your network. Try again in an hour, or write to us.")
        )


@require_GET
def asked(request: HttpRequest) -> HttpResponse:
    return render(request, "privacy/asked.html", {"contact": settings.PRIVACY_EMAIL})


# --- behind the link --------------------------------------------------------------------------


@page_or_post
def follow(request: HttpRequest, secret: str) -> HttpResponse:
    """One request, to whoever has the link of our mail; what it holds only after a code."""
    at = clock.now()
    found = _found(secret)
    code = CodeForm(request.POST if request.POST.get("deed") == "code" else None)
    text = TextForm(request.POST if request.POST.get("deed") == "write" else None)
    if request.method == "POST" and _deed(request, found, code, text, at):
        return redirect("privacy:request", secret=secret)
    is_proved = _is_proved(request, found, at)
    context = {
        "row": pages.row(found, at=at, url=""),
        "facts": pages.facts_of(found),
        "timeline": pages.timeline(found, with_words=is_proved),
        "table": erasure_words.told(found.receipt.get("rows", [])) if is_proved else [],
        "proved": is_proved,
        "asks_code": not is_proved and found.type in NEEDS_PROOF,
        "exports": pages.exports(
            found.exports.order_by("-asked_at"), route="privacy:request_export", before=(secret,)
        )
        if is_proved
        else [],
        "code_form": code,
        "form": text,
    }
    status = 422 if code.errors or text.errors else 200
    return render(request, "privacy/request.html", context, status=status)


def _found(secret: str) -> SubjectRequest:
    request_id = request_words.request_behind(secret)
    found = SubjectRequest.objects.filter(pk=request_id).first() if request_id else None
    if found is None:
        raise NotFound(_("There is no such request."))
    return found


def _deed(
    request: HttpRequest, found: SubjectRequest, code: CodeForm, text: TextForm, at: datetime
) -> bool:
    """Whether it was done; else one of the forms says why not."""
    deed = request.POST.get("deed", "")
    if deed == "code" and code.is_valid():
        attempt(code, partial(_try, request, found, code.cleaned_data["code"], at))
        return not code.errors
    if deed == "again":
        attempt(code, partial(_again, request, found, at))
        messages.success(request, _("If we may send one, a new code is on its way."))
        return True
    if deed == "write" and text.is_valid() and found.state not in ENDED:
        words = text.cleaned_data["text"]
        attempt(text, partial(deciding.heard, found, text=words, by=STRANGER, at=at))
        return not text.errors
    if deed == "take_back" and _is_proved(request, found, at):
        requests.take_back(found, by=STRANGER, at=at)
        return True
    return False


def _try(request: HttpRequest, found: SubjectRequest, code: str, at: datetime) -> None:
    _count(request)
    identity.try_code(found, code, at=at)
    request.session.cycle_key()
    request.session[PROVED] = [str(found.pk), int(at.timestamp())]
    if answering.begin(found, at=at):
        take_back(request, at=at)


def _again(request: HttpRequest, found: SubjectRequest, at: datetime) -> None:
    _count(request)
    identity.again(found, at=at)


def _is_proved(request: HttpRequest, found: SubjectRequest, at: datetime) -> bool:
    """Whether this browser typed the code of this request in the last ten minutes.

    A code from before the proof that counts now may have been somebody else's.
    """
    which, when = request.session.get(PROVED, ("", 0))
    if found.proved_at is None or which != str(found.pk):
        return False
    return bool(when >= int(found.proved_at.timestamp()) and at.timestamp() - when < LASTS_S)


@page_or_post
def export(request: HttpRequest, secret: str, export_id: UUID) -> HttpResponseBase:
    """The archive of a request, after a code."""
    at = clock.now()
    found = _found(secret)
    kept = found.exports.filter(pk=export_id).first()
    if kept is None:
        raise NotFound(_("There is no such export."))
    if request.method != "POST" or not _is_proved(request, found, at):
        return redirect("privacy:request", secret=secret)
    return send(kept, at=at, by=request.user)
