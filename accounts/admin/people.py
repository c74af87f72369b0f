"""The staff's desk, as far as people go: it looks. What tenants own is behind their wall."""

from __future__ import annotations

from typing import ClassVar

# Registered first, so that what they put on the desk can be replaced below.
from allauth.account import admin as _account_admin  # noqa: F401
from allauth.account.models import EmailAddress
from allauth.mfa import admin as _mfa_admin  # noqa: F401
from allauth.mfa.models import Authenticator
from allauth.usersessions import admin as _session_admin  # noqa: F401
from allauth.usersessions.models import UserSession
from axes import admin as _axes_admin  # noqa: F401
from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.contrib import admin
from django.contrib.auth import admin as _auth_admin  # noqa: F401
from django.contrib.auth.models import Group
from django.utils.translation import gettext_lazy as _

from accounts.desk import DeskAdmin
from accounts.enums import Desk
from accounts.models import User


class SeesPeople(DeskAdmin):
    sees = (Desk.SEE_PEOPLE,)


class UserAdmin(SeesPeople):
    """People who sign in; neither the hash of the password nor their businesses."""

    lead = _("Everybody who signs in. Their businesses are behind the wall.")
    list_display = ("email", "name", "is_staff", "is_active", "date_joined")
    list_filter = ("is_staff", "is_active")
    search_fields = ("email", "name")
    ordering = ("-date_joined",)
    fields = ("email", "name", "is_staff", "is_active", "date_joined", "last_login")


class EmailAddressAdmin(SeesPeople):
    lead = _("Addresses of people who sign in, and whether they proved them.")
    list_display = ("email", "user", "primary", "verified")
    list_filter = ("verified",)
    search_fields = ("email",)
    list_select_related = ("user",)


class AccessAdmin(SeesPeople):
    """Sign-ins, tried and done. What was posted is not shown."""

    lead = _("Who tried to sign in, from where. It is kept for thirteen months.")
    list_display: tuple[str, ...] = (
        "attempt_time",
        "username",
        "ip_address",
        "path_info",
    )
    search_fields = ("username", "ip_address")
    fields: ClassVar[tuple[str, ...]] = (
        "attempt_time",
        "username",
        "ip_address",
        "user_agent",
        "path_info",
    )


class AccessAttemptAdmin(AccessAdmin):
    list_display = (*AccessAdmin.list_display, "failures_since_start")
    fields = (*AccessAdmin.fields, "failures_since_start")


# Secrets of second factors, keys of sessions and who may do what have no page here.
admin.site.unregister([Authenticator, UserSession, Group])
admin.site.unregister([EmailAddress, AccessAttempt, AccessLog, AccessFailureLog])

admin.site.register(User, UserAdmin)
admin.site.register(EmailAddress, EmailAddressAdmin)
admin.site.register(AccessAttempt, AccessAttemptAdmin)
admin.site.register([AccessLog, AccessFailureLog], AccessAdmin)
