"""The guard that stands in front of every page of a tenant."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect

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
