"""What somebody lets us do: the choice of a browser, mail by consent, and a way out of each."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final
from urllib.parse import urlsplit

from axes.helpers import get_client_ip_address
from django.conf import settings
from django.contrib import messages
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import REASON_NO_CSRF_COOKIE
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.csrf import csrf_failure as page_too_old
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts import consent_words, consents, traces
from accounts.consents import How, Who
from accounts.enums import Purpose
from accounts.guards import MemberRequest, signed_in
from accounts.models import ConsentChannel, ConsentState
from privacy import cookies
from privacy.models import UsageName
from privacy.services import analytics, choices, marketing
from privacy.services.choices import Choice
from smartinvoicing import clock
from smartinvoicing.fragments import is_fragment

page_or_post = require_http_methods(["GET", "HEAD", "POST"])

MOST_AN_HOUR: Final = 60  # answers of one net; the ledger is not to be flooded
OF_BROWSER: Final = (Purpose.ANALYTICS, Purpose.PREFERENCES)
OF_PERSON: Final = (Purpose.MARKETING_EMAIL, Purpose.RESEARCH)


def how_of(request: HttpRequest, channel: ConsentChannel, **evidence: str) -> How:
    """The circumstances of an answer: how it came, in which words, from which net."""
    return How(
        channel=channel,
        language=(get_language() or settings.LANGUAGE_CODE)[:5],
        address=get_client_ip_address(request) or "",
        evidence=evidence,
    )


def _choice_of(request: HttpRequest) -> Choice:
    found: Choice = request.choice  # type: ignore[attr-defined]  # privacy.middleware
    return found


def take_back(request: HttpRequest, *, at: datetime) -> None:
    """This browser agrees to nothing any more: somebody asked so with their name."""
    request.choice = choices.choose(  # type: ignore[attr-defined]  # the middleware lays it down
        frozenset(),
        visitor=choices.visitor_of(request.COOKIES),
        how=how_of(request, ConsentChannel.PAGE, cookies=cookies.fingerprint()),
        at=at,
        signal=_choice_of(request).signal,
    )


# --- the browser ------------------------------------------------------------------------------


@require_GET
def overview(request: HttpRequest) -> HttpResponse:
    """All that rests on consent, each with one button to give it and the same to take it back."""
    context = {
        "browser": [_of_browser(each, _choice_of(request)) for each in OF_BROWSER],
        "person": _of_person(request),
        "signal": _choice_of(request).signal,
    }
    return _page(request, "privacy/consents.html", context)


def _page(request: HttpRequest, template: str, context: dict[str, Any]) -> HttpResponse:
    """In the shell for whoever is signed in, outside it for everybody else."""
    layout = "base.html" if request.user.is_authenticated else "base_public.html"
    return render(request, template, {**context, "layout": layout})


def _of_browser(purpose: Purpose, choice: Choice) -> dict[str, Any]:
    is_on = purpose in choice.given
    return {
        **_said(purpose),
        "on": is_on,
        "fixed": choice.signal,
        "badge": _badge(ConsentState.GIVEN if is_on else None),
        "action": reverse("privacy:choose"),
    }


def _of_person(request: HttpRequest) -> list[dict[str, Any]]:
    if not request.user.is_authenticated:
        return []
    return [_of_mail(purpose, request) for purpose in OF_PERSON]


def _of_mail(purpose: Purpose, request: HttpRequest) -> dict[str, Any]:
    user: Any = request.user
    may = consents.may_mail(purpose, address=user.email, user_id=user.pk)
    key = traces.key_of(user.email)
    state = consents.state_of(purpose, who=Who(user_id=user.pk, address_key=key))
    waits = state == ConsentState.ASKED
    return {
        **_said(purpose),
        "on": may or waits,
        "fixed": False,
        "badge": _badge(ConsentState.GIVEN if may else ConsentState.ASKED if waits else None),
        "action": reverse("privacy:choose_mail"),
    }


def _said(purpose: Purpose) -> dict[str, Any]:
    words = consent_words.WORDS[purpose]
    return {"purpose": purpose.value, "title": words.title, "asked": words.asked}


def _badge(state: ConsentState | None) -> dict[str, Any]:
    if state == ConsentState.GIVEN:
        return {"tone": "ok", "icon": "check-circle", "label": _("On")}
    if state == ConsentState.ASKED:
        return {"tone": "wait", "icon": "mail", "label": _("Open the link in your mail")}
    return {"tone": "neutral", "icon": "minus", "label": _("Off")}


@require_GET
def cookie_list(request: HttpRequest) -> HttpResponse:
    """Each cookie of this site, with what it is for."""
    return _page(request, "privacy/cookies.html", {"cookies": cookies.inventory()})


@require_POST
def choose(request: HttpRequest) -> HttpResponse:
    """The answer of a browser: to all at once from the banner, to one from the page."""
    at, had = clock.now(), _choice_of(request)
    wanted = _wanted(request, had)
    channel = ConsentChannel.BANNER if "all" in request.POST else ConsentChannel.PAGE
    if _may_note(request):
        now = choices.choose(
            wanted,
            visitor=choices.visitor_of(request.COOKIES),
            how=how_of(request, channel, cookies=cookies.fingerprint()),
            at=at,
            signal=had.signal,
        )
    else:
        now = Choice(is_made=True, signal=had.signal)
    request.choice = now  # type: ignore[attr-defined]  # the middleware lays it down
    if is_fragment(request):
        return render(request, "privacy/_chosen.html", {"choice": now})
    messages.success(request, _("Your choice counts from now on."))
    return redirect(_page_before(request))


def _wanted(request: HttpRequest, had: Choice) -> frozenset[Purpose]:
    """What holds after this answer; anything that is not a clear yes is a no."""
    if "all" in request.POST:
        return frozenset(OF_BROWSER) if request.POST["all"] == "yes" else frozenset()
    named = {each for each in OF_BROWSER if each.value == request.POST.get("purpose")}
    is_yes = request.POST.get("answer") == "yes"
    return had.given | named if is_yes else had.given - named


def _may_note(request: HttpRequest) -> bool:
    """Whether this net may write to the ledger: without that, every answer is a no."""
    place = f"consent:{traces.prefix_of(get_client_ip_address(request) or '')}"
    cache.add(place, 0, 3600)
    return bool(cache.incr(place) <= MOST_AN_HOUR)


def _page_before(request: HttpRequest) -> str:
    before = request.headers.get("Referer", "")
    if url_has_allowed_host_and_scheme(before, {request.get_host()}):
        return urlsplit(before).path or "/"
    return reverse("privacy:consents")


@require_POST
def usage(request: HttpRequest) -> HttpResponse:
    """The rough size of a screen, from the one script that only comes after a yes."""
    analytics.note(
        UsageName.SCREEN,
        request.POST.get("page", ""),
        visitor=_choice_of(request).visitor,
        agent=request.headers.get("User-Agent", ""),
        screen=request.POST.get("screen", ""),
        at=clock.now(),
    )
    return HttpResponse(status=204)


# --- mail -------------------------------------------------------------------------------------


@require_POST
@signed_in
def choose_mail(request: MemberRequest) -> HttpResponse:
    """Mail to the person who is signed in: a yes is confirmed from the mailbox, a no is a no."""
    purpose = next((each for each in OF_PERSON if each.value == request.POST.get("purpose")), None)
    if purpose is None:
        return redirect("privacy:consents")
    user, at = request.user, clock.now()
    how = how_of(request, ConsentChannel.PAGE)
    if request.POST.get("answer") == "yes":
        marketing.ask(purpose, address=user.email, user_id=user.pk, how=how, at=at)
        messages.success(request, _("Open the link that we mailed you; then it counts."))
    else:
        who = Who(user_id=user.pk, address_key=traces.key_of(user.email))
        consents.withdraw(purpose, who=who, how=how, at=at)
        messages.success(request, _("No more of this mail. What was waiting does not leave."))
    return redirect("privacy:consents")


@page_or_post
def confirm_mail(request: HttpRequest, secret: str) -> HttpResponse:
    """Behind the link of a mail: one button, for machines open links by themselves."""
    at = clock.now()
    asked = marketing.question(secret, at=at)
    if request.method == "POST":
        marketing.confirm(secret, how=how_of(request, ConsentChannel.MAIL_LINK), at=at)
    said = _said(Purpose(asked.purpose))
    return render(request, "privacy/confirm_mail.html", {**said, "done": request.method == "POST"})


@csrf_exempt  # RFC 8058: a mail program posts it, without a cookie and without a form of ours
@page_or_post
def stop_mail(request: HttpRequest, secret: str) -> HttpResponse:
    """The way out that stands in every such mail."""
    purpose, _who = marketing.stopped_by(secret)
    if request.method == "POST":
        how = how_of(request, ConsentChannel.MAIL_LINK)
        marketing.stop(secret, how=how, at=clock.now())
    said = _said(purpose)
    return render(request, "privacy/stop_mail.html", {**said, "done": request.method == "POST"})


# --- without cookies --------------------------------------------------------------------------


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A form that came without our cookie: most often the browser takes none, and says so here."""
    if reason == REASON_NO_CSRF_COOKIE:
        return render(request, "privacy/cookies_off.html", status=403)
    return page_too_old(request, reason)
