"""Our texts for everybody, each version for good; and the page that asks about a change."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from axes.helpers import get_client_ip_address
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from accounts import policies, policy_gate
from accounts.guards import MemberRequest, signed_in
from accounts.models import PolicyKind, PolicyVersion
from accounts.models.policies import Language
from privacy.services import campaigns, policy_texts
from smartinvoicing import clock

page_or_post = require_http_methods(["GET", "HEAD", "POST"])

PAGES: Final = {
    PolicyKind.PRIVACY: "privacy:privacy_policy",
    PolicyKind.TERMS: "privacy:terms",
    PolicyKind.COOKIES: "privacy:cookie_policy",
    PolicyKind.DPA: "privacy:dpa",
    PolicyKind.SUBPROCESSORS: "privacy:subprocessors",
    PolicyKind.FBR_SHARING: "privacy:fbr_sharing",
}
RIGHT_TO_LEFT: Final = frozenset({Language.URDU.value})


def _wanted(request: HttpRequest) -> str:
    asked = request.GET.get("language") or get_language() or ""
    return asked if asked in Language.values else Language.ENGLISH.value


# --- the texts --------------------------------------------------------------------------------


@require_GET
def policy(request: HttpRequest, kind: str) -> HttpResponse:
    """The version that holds now."""
    version = policies.current(kind, _wanted(request), clock.now())
    if version is None:
        return render(request, "privacy/policy_missing.html", status=404)
    return _text_page(request, version, version)


@require_GET
def version(request: HttpRequest, sha256: str) -> HttpResponse:
    """One version by its hash, however old it is."""
    found = _published(sha256)
    return _text_page(request, found, policies.current(found.kind, found.language, clock.now()))


@require_GET
def changes(request: HttpRequest, sha256: str) -> HttpResponse:
    """What differs from the version before."""
    found = _published(sha256)
    context = {"version": found, "lines": policy_texts.marked(found.diff)}
    return render(request, "privacy/policy_changes.html", context)


@require_GET
def versions(request: HttpRequest) -> HttpResponse:
    """Every version of every text, the newest first: the change log."""
    found = policies.published().filter(language=Language.ENGLISH).order_by("kind", "-number")
    at = clock.now()
    groups = [
        {"title": kind.label, "versions": [_row(each, at) for each in found if each.kind == kind]}
        for kind in PolicyKind
    ]
    shown = [group for group in groups if group["versions"]]
    return render(request, "privacy/policy_versions.html", {"groups": shown})


@require_GET
def overview(request: HttpRequest) -> HttpResponse:
    """All texts with their day, and what is coming; for members and for everybody."""
    at = clock.now()
    held = [policies.current(kind, _wanted(request), at) for kind in PolicyKind.values]
    coming = [
        campaigns.words_of(each) | {"version": each.version} for each in campaigns.coming(at=at)
    ]
    if request.user.is_authenticated:
        campaigns.show(request.user, at=at)
    context = {
        "papers": [{"version": each, "url": _page(each)} for each in held if each],
        "coming": coming,
    }
    return render(request, "privacy/policies.html", context)


def _published(sha256: str) -> PolicyVersion:
    found = policies.published().filter(sha256=sha256).order_by("-number").first()
    if found is None:
        raise Http404
    return found


def _page(version: PolicyVersion) -> str:
    return reverse(PAGES[PolicyKind(version.kind)])


def _row(version: PolicyVersion, at: datetime) -> dict[str, Any]:
    holds = policies.current(version.kind, Language.ENGLISH, at)
    return {"version": version, "holds": holds is not None and holds.pk == version.pk}


def _text_page(
    request: HttpRequest, version: PolicyVersion, holds: PolicyVersion | None
) -> HttpResponse:
    """holds: the version in force, where there is one."""
    at = clock.now()
    announced = [each for each in policies.announced(at) if each.kind == version.kind]
    context = {
        "version": version,
        "body": policy_texts.shown(version.body),
        "contents": policy_texts.contents(version.body),
        "direction": "rtl" if version.language in RIGHT_TO_LEFT else "ltr",
        "current": None if holds and holds.pk == version.pk else holds,
        "is_coming": version.number in {each.number for each in announced},
        "page": _page(version),
        "others": _other_languages(version),
        "coming": announced,
    }
    return render(request, "privacy/policy.html", context)


def _other_languages(version: PolicyVersion) -> Sequence[dict[str, str]]:
    others = policies.published().filter(kind=version.kind, number=version.number)
    return [
        {
            "language": each.language,
            "name": Language(each.language).label,
            "url": reverse("privacy:policy_version", args=[each.sha256]),
        }
        for each in others.exclude(pk=version.pk)
    ]


# --- asked after a sign-in --------------------------------------------------------------------


@page_or_post
@signed_in
def please_read(request: MemberRequest) -> HttpResponse:
    """A change that waits for an answer, or one that is announced. Yes, or no: both are kept."""
    at = clock.now()
    due = policies.due(request.user, at)
    if request.method == "POST":
        return _answered(request, due)
    campaigns.show(request.user, at=at)
    news = [each for each in policies.announced(at) if each.is_material]
    if not due and not news:
        request.session.pop(policy_gate.SESSION_KEY, None)
        return redirect("privacy:policies")
    context = {
        "due": policies.in_language(due, _wanted(request)),
        "news": news,
        "texts": policies.digest_of(due),
    }
    return render(request, "privacy/please_read.html", context)


def _answered(request: MemberRequest, due: Sequence[PolicyVersion]) -> HttpResponse:
    """Only to exactly what was shown: what came meanwhile is shown first."""
    if request.POST.get("texts", "") != policies.digest_of(due):
        messages.warning(request, _("These texts have just changed. Read them again."))
        return redirect("privacy:please_read")
    says_no = "decline" in request.POST
    give = policies.decline if says_no else policies.accept
    for each in due:
        give(
            request.user,
            each,
            at=clock.now(),
            address=get_client_ip_address(request) or "",
        )
    if says_no and due:
        return redirect("privacy:declined")
    request.session.pop(policy_gate.SESSION_KEY, None)
    return redirect("invoices:dashboard")


@require_GET
@signed_in
def declined(request: MemberRequest) -> HttpResponse:
    """What stays open to somebody who said no: reading, taking the data along, closing."""
    context = {"waits": bool(policies.due(request.user, clock.now())), "ways": _ways_out()}
    return render(request, "privacy/declined.html", context)


def _ways_out() -> list[dict[str, Any]]:
    return [
        {
            "tone": "accent",
            "icon": "download",
            "title": _("Take your data along"),
            "sentence": _("A copy of what we have about you, and what a business of yours holds."),
            "url": reverse("privacy:mine"),
            "action": _("Get a copy"),
        },
        {
            "tone": "attention",
            "icon": "lock",
            "title": _("Close the account"),
            "sentence": _("The plan with its dates is shown first. Tax records stay as law says."),
            "url": reverse("privacy:closure"),
            "action": _("Look at the plan"),
        },
    ]
