"""The guard that stands in front of every page of a tenant."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import wraps
from typing import Any

from allauth.account.adapter import get_adapter
from allauth.account.authentication import get_authentication_records
from allauth.mfa.utils import is_mfa_enabled
from django.conf import settings
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import urlencode

from accounts.access import Actor, allow
from accounts.enums import Permission
from accounts.models import Membership, User

View = Callable[..., HttpResponseBase]


class MemberRequest(HttpRequest):
    """A request of a signed-in person inside one tenant."""

    user: User
    actor: Actor
    membership: Membership
    memberships: list[Membership]


def member_required(permission: Permission) -> Callable[[View], View]:
    """Only a member with `permission`; a stranger is sent to sign in or to open a business."""

    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(request: MemberRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if not request.user.is_authenticated:
                return redirect_to_login(request.get_full_path())
            if request.membership is None and request.user.is_staff:
                raise Http404  # nobody of ours works in a business
            if request.membership is None:
                return redirect("accounts:welcome")
            allow(request.actor, permission)
            return view(request, *args, **kwargs)

        guarded.permission = permission  # type: ignore[attr-defined]  # the isolation test reads it
        return guarded

    return decorate


def signed_in(view: View) -> View:
    """Any signed-in person, member of a tenant or not yet."""

    @wraps(view)
    def guarded(request: MemberRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not request.user.is_authenticated:
            return redirect_to_login(request.get_full_path())
        return view(request, *args, **kwargs)

    guarded.permission = None  # type: ignore[attr-defined]  # the isolation test reads it
    return guarded


def proved_lately(request: MemberRequest, *, at: datetime) -> bool:
    """Whether this person gave a password or code in the last ten minutes, at sign-in or since.

    A view asks it after it has found its object: a stranger's object is not found, whoever asks.
    """
    return _lately(request, at)


def to_proof(request: MemberRequest) -> HttpResponseBase:
    """To the question who this is, and from there back to the page."""
    method = get_adapter().get_reauthentication_methods(request.user)[0]
    page = request.get_full_path() if request.method == "GET" else request.path
    back = urlencode({REDIRECT_FIELD_NAME: page})
    return redirect(f"{method['url']}?{back}")


def showed_factor(request: MemberRequest, *, at: datetime) -> bool:
    """Whether this person gave the code of a second factor in the last ten minutes."""
    return _lately(request, at, "mfa")


def gave_password(request: MemberRequest, *, at: datetime) -> bool:
    """Whether this person gave the password in the last ten minutes, at sign-in or since."""
    return _lately(request, at, "password")


def _lately(request: MemberRequest, at: datetime, method: str = "") -> bool:
    """Whether a proof, or one by this method, is young enough."""
    records = get_authentication_records(request, request.user)
    given = [each["at"] for each in records if method in ("", each["method"])]
    return bool(
        at.timestamp() - max(given, default=0.0) < settings.ACCOUNT_REAUTHENTICATION_TIMEOUT
    )


def to_factor(request: MemberRequest) -> HttpResponseBase:
    """To the question for the code, and back; to switching it on where there is none yet."""
    if not is_mfa_enabled(request.user):
        return redirect("mfa_index")
    back = urlencode({REDIRECT_FIELD_NAME: request.path})
    return redirect(f"{reverse('mfa_reauthenticate')}?{back}")
