"""The desk as a whole: who comes in, and by which door."""

from __future__ import annotations

from functools import wraps
from typing import Any

from allauth.account.decorators import secure_admin_login
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import SimpleTemplateResponse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts import staff
from smartinvoicing import clock


def has_seat(request: HttpRequest) -> bool:
    """Whoever sits in a role; to be a superuser opens nothing."""
    return bool(staff.deeds_of_request(request))


def change_password(request: HttpRequest, extra_context: Any = None) -> HttpResponse:
    """Passwords are changed where all are: there the old one is asked for and sessions end."""
    return redirect("account_change_password")


def enter(request: HttpRequest, extra_context: Any = None) -> HttpResponse:
    """By the house's own sign-in; whoever is signed in and has no seat here is refused."""
    if request.user.is_authenticated and not has_seat(request):
        raise PermissionDenied
    answer: HttpResponse = _enter(request, extra_context)
    return answer


def in_karachi(view: Any, cacheable: bool = False) -> Any:
    """A page of the desk, with its times as the clocks here show them."""
    guarded = _admin_view(view, cacheable)

    @wraps(guarded)
    def page(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        with timezone.override(clock.KARACHI):
            answer: HttpResponse = guarded(request, *args, **kwargs)
            if isinstance(answer, SimpleTemplateResponse):
                answer.render()
        return answer

    return page


_enter = secure_admin_login(admin.site.login)
_admin_view = admin.site.admin_view

# The second factor and the lock-out stand in allauth's sign-in; the desk's own has neither.
admin.site.login = enter  # type: ignore[method-assign]  # allauth's documented way
admin.site.admin_view = in_karachi  # type: ignore[method-assign]  # likewise
admin.site.has_permission = has_seat  # type: ignore[method-assign]  # a site of our own would lose its autodiscovery
admin.site.password_change = change_password  # type: ignore[method-assign,assignment]  # likewise
admin.site.site_header = admin.site.site_title = _("SmartInvoicing desk")
admin.site.site_url = "/desk/"
