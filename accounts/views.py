"""Pages of people, their businesses and keys."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import UUID

from allauth.mfa.utils import is_mfa_enabled
from allauth.usersessions.models import UserSession
from django.contrib import messages
from django.forms import Form
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts import pages, selectors
from accounts.enums import Permission, Role
from accounts.forms import (
    ApiKeyForm,
    BusinessForm,
    InvitationForm,
    ProfileForm,
    RoleForm,
    WelcomeForm,
)
from accounts.guards import MemberRequest, member_required, signed_in
from accounts.middleware import SESSION_KEY
from accounts.models import ApiKey, Invitation, Membership
from accounts.services import api_keys as api_key_service
from accounts.services import business as business_service
from accounts.services import members as member_service
from accounts.services import profile as profile_service
from accounts.services import sign_up
from smartinvoicing import clock
from smartinvoicing.errors import RuleViolation
from smartinvoicing.forms import attempt
from smartinvoicing.fragments import is_fragment

THEMES: Final = frozenset({"light", "dark"})
THEME_KEPT: Final = timedelta(days=365)
MOST_NOTICES: Final = 300

page_or_post = require_http_methods(["GET", "HEAD", "POST"])


def _page(
    request: HttpRequest, template: str, form: Form | None = None, **context: Any
) -> HttpResponse:
    """A page; 422 where it shows what is wrong with what was typed."""
    refused = form is not None and form.is_bound and not form.is_valid()
    return render(request, template, {"form": form} | context, status=422 if refused else 200)


def _enter(request: MemberRequest, tenant_id: UUID) -> None:
    """Another business, another session id: one that leaked before opens nothing here."""
    before = request.session.session_key
    request.session[SESSION_KEY] = str(tenant_id)
    request.session.cycle_key()
    UserSession.objects.filter(session_key=before).update(session_key=request.session.session_key)


# --- a person ---------------------------------------------------------------------------------


@page_or_post
@signed_in
def welcome(request: MemberRequest) -> HttpResponse:
    """The last step of opening an account, and the first of another business."""
    form = WelcomeForm(request.POST or None)
    if form.is_valid():
        deed = partial(sign_up.open_business, user=request.user, at=clock.now())
        tenant = attempt(form, partial(deed, **form.particulars()))
        if tenant is not None:
            _enter(request, tenant.pk)
            return redirect("invoices:dashboard")
    return _page(request, "accounts/welcome.html", form)


@page_or_post
@signed_in
def switch(request: MemberRequest) -> HttpResponse:
    """Work in another of one's businesses. Another's is not found."""
    if request.method != "POST":
        return _page(request, "accounts/switch.html")
    for membership in request.memberships:
        if str(membership.tenant_id) == request.POST.get("tenant"):
            _enter(request, membership.tenant_id)
            return redirect("invoices:dashboard")
    raise Http404


@page_or_post
@signed_in
def profile(request: MemberRequest) -> HttpResponse:
    form = ProfileForm(request.POST or None, initial={"name": request.user.name})
    if form.is_valid():
        deed = partial(profile_service.rename, user=request.user, name=form.cleaned_data["name"])
        if attempt(form, deed):
            messages.success(request, _("Saved."))
            return redirect("accounts:profile")
    return _page(request, "accounts/profile.html", form, security=_security(request))


def _security(request: MemberRequest) -> list[dict[str, Any]]:
    has_factor = is_mfa_enabled(request.user)
    return [
        {
            "icon": "mail",
            "title": _("E-mail"),
            "sentence": request.user.email,
            "url": reverse("account_email"),
            "action": _("Change"),
        },
        {
            "icon": "lock",
            "title": _("Password"),
            "sentence": _("A new one ends every session, this one too."),
            "url": reverse("account_change_password"),
            "action": _("Change"),
        },
        {
            "icon": "shield",
            "title": _("Second factor"),
            "sentence": _("A code from your phone beside the password."),
            "url": reverse("mfa_index"),
            "action": _("Look") if has_factor else _("Switch on"),
            "badge": pages.factor_badge(on=has_factor),
        },
        {
            "icon": "screen",
            "title": _("Where I am signed in"),
            "sentence": _("Browsers that are signed in with your account."),
            "url": reverse("usersessions_list"),
            "action": _("Look"),
        },
    ]


@require_POST
@signed_in
def theme(request: MemberRequest) -> HttpResponse:
    """Light, dark, or as the device says: a cookie of this browser."""
    response = redirect(_page_before(request))
    chosen = request.POST.get("theme")
    if chosen in THEMES:
        response.set_cookie(
            "theme", chosen, max_age=THEME_KEPT, secure=request.is_secure(), samesite="Lax"
        )
    else:
        response.delete_cookie("theme", samesite="Lax")
    return response


def _page_before(request: HttpRequest) -> str:
    """The page that the button stood on, as a path of ours."""
    before = request.headers.get("Referer", "")
    if url_has_allowed_host_and_scheme(before, {request.get_host()}):
        return urlsplit(before).path or "/"
    return "/"


@page_or_post
@signed_in
def invitation(request: MemberRequest, secret: str) -> HttpResponse:
    """The page behind the link of an invitation, and its one button."""
    found, tenant = member_service.invitation_behind(secret)
    form = Form(request.POST if request.method == "POST" else None)
    if form.is_bound:
        deed = partial(member_service.accept, secret=secret, user=request.user, at=clock.now())
        membership = attempt(form, deed)
        if membership is not None:
            _enter(request, membership.tenant_id)
            return redirect("invoices:dashboard")
    return _page(
        request,
        "accounts/invitation.html",
        form,
        business=tenant.name,
        role=Role(found.role).label,
        until=found.expires_at,
    )


# --- the business -----------------------------------------------------------------------------


@page_or_post
@member_required(Permission.MANAGE_BUSINESS)
def business(request: MemberRequest) -> HttpResponse:
    """The taxpayer's particulars."""
    entity = get_object_or_404(selectors.legal_entities()[:1])
    initial = {name: getattr(entity, name) for name in BusinessForm.base_fields}
    form = BusinessForm(request.POST or None, initial=initial)
    if form.is_valid():
        deed = partial(
            business_service.change_entity, entity=entity, actor=request.actor, at=clock.now()
        )
        if attempt(form, partial(deed, **form.cleaned_data)):
            messages.success(request, _("Saved. It holds for new invoices."))
            return redirect("accounts:business")
    return _page(
        request,
        "accounts/legal_entity.html",
        form,
        environment=pages.environment_of(entity),
        iris=pages.facts_for_iris(entity),
    )


# --- people -----------------------------------------------------------------------------------


@require_GET
@member_required(Permission.MANAGE_MEMBERS)
def members(request: MemberRequest) -> HttpResponse:
    return _members(request, InvitationForm())


def _members(request: MemberRequest, form: InvitationForm) -> HttpResponse:
    rows, dialogs = pages.people(request.user)
    invitations = pages.waiting()
    return _page(
        request, "accounts/members.html", form, rows=rows, dialogs=dialogs, invitations=invitations
    )


@require_POST
@member_required(Permission.MANAGE_MEMBERS)
def invite(request: MemberRequest) -> HttpResponse:
    form = InvitationForm(request.POST)
    if form.is_valid():
        email, role = form.cleaned_data["email"], Role(form.cleaned_data["role"])
        deed = partial(
            member_service.invite, email=email, role=role, actor=request.actor, at=clock.now()
        )
        if attempt(form, deed):
            messages.success(
                request, _("The invitation is on its way to %(email)s.") % {"email": email}
            )
            return redirect("accounts:members")
    return _members(request, form)


@page_or_post
@member_required(Permission.MANAGE_MEMBERS)
def role(request: MemberRequest, membership_id: UUID) -> HttpResponse:
    """Another role for one member."""
    membership = get_object_or_404(selectors.members(), pk=membership_id)
    form = RoleForm(request.POST or None, initial={"role": membership.role})
    if form.is_valid():
        wanted = Role(form.cleaned_data["role"])
        deed = partial(
            member_service.change_role,
            membership=membership,
            role=wanted,
            actor=request.actor,
            at=clock.now(),
        )
        if attempt(form, deed):
            messages.success(request, _("The new role counts from the next click on."))
            return _to_members(membership, request, still_may=_manages(wanted))
    return _page(request, "accounts/role.html", form, member=membership.user)


@require_POST
@member_required(Permission.MANAGE_MEMBERS)
def remove(request: MemberRequest, membership_id: UUID) -> HttpResponse:
    membership = get_object_or_404(selectors.members(), pk=membership_id)
    try:
        member_service.remove(membership=membership, actor=request.actor, at=clock.now())
    except RuleViolation as error:
        messages.error(request, error.message)
        return redirect("accounts:members")
    messages.success(
        request, _("%(name)s was removed.") % {"name": membership.user.get_short_name()}
    )
    return _to_members(membership, request, still_may=False)


def _manages(wanted: Role) -> bool:
    return wanted in {Role.OWNER, Role.ADMIN}


def _to_members(membership: Membership, request: MemberRequest, *, still_may: bool) -> HttpResponse:
    """Back to the list, unless they took themselves off it."""
    if membership.user_id == request.user.pk and not still_may:
        return redirect("invoices:dashboard")
    return redirect("accounts:members")


@require_POST
@member_required(Permission.MANAGE_MEMBERS)
def withdraw(request: MemberRequest, invitation_id: UUID) -> HttpResponse:
    found: Invitation = get_object_or_404(selectors.invitations(), pk=invitation_id)
    member_service.withdraw(invitation=found, actor=request.actor, at=clock.now())
    messages.success(request, _("The link works no more."))
    return redirect("accounts:members")


# --- keys -------------------------------------------------------------------------------------


@page_or_post
@member_required(Permission.MANAGE_KEYS)
def keys(request: MemberRequest) -> HttpResponse:
    """The keys; a new one is shown in the answer to the POST that made it, and never again."""
    at = clock.now()
    today = clock.karachi_date(at)
    a_year_on = today + timedelta(days=api_key_service.MOST_DAYS)
    form, fresh = ApiKeyForm(request.POST or None, initial={"expires_on": a_year_on}), ""
    if form.is_valid():
        deed = partial(
            api_key_service.make,
            name=form.cleaned_data["name"],
            scopes=form.cleaned_data["scopes"],
            days=(form.cleaned_data["expires_on"] - today).days,
            actor=request.actor,
            at=at,
        )
        made = attempt(form, deed, names={"days": "expires_on"})
        if made is not None:
            form, fresh = ApiKeyForm(initial={"expires_on": a_year_on}), made[1]
    rows, dialogs = pages.keys(at)
    # Like every page of a signed-in person, kept by no cache (smartinvoicing.middleware).
    return _page(request, "accounts/api_keys.html", form, rows=rows, dialogs=dialogs, fresh=fresh)


@require_POST
@member_required(Permission.MANAGE_KEYS)
def revoke_key(request: MemberRequest, key_id: UUID) -> HttpResponse:
    key: ApiKey = get_object_or_404(selectors.api_keys(), pk=key_id)
    api_key_service.revoke(key=key, actor=request.actor, at=clock.now())
    messages.success(request, _("The key is revoked."))
    return redirect("accounts:api_keys")


# --- the bell ---------------------------------------------------------------------------------


@require_GET
@member_required(Permission.VIEW)
def notices(request: MemberRequest) -> HttpResponse:
    """What needs somebody, the most urgent first; for htmx the bell itself."""
    if is_fragment(request):
        return render(request, "accounts/_bell.html")
    found = selectors.open_notices(most=MOST_NOTICES)
    return render(request, "accounts/notices.html", {"groups": pages.notices(found, request.actor)})
