"""All rows that go with a person, outside the businesses: ours by their class, and of packages."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache, reduce
from operator import or_
from typing import Any, Final
from uuid import UUID

from allauth.account.models import EmailAddress, EmailConfirmation
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.apps import apps
from django.contrib.sessions.models import Session
from django.db import connection, models
from django.db.models import Q

from accounts import selectors, traces
from accounts.models import OutgoingMail, User
from accounts.tenancy import TenantModel
from privacy.models import Ticket
from smartinvoicing.classified import Retention

# What stays although its person goes: proofs and registers keep a number that leads to nobody.
KEPT: Final = frozenset(
    {Retention.TAX, Retention.PRF, Retention.REG, Retention.STAFF, Retention.REFERENCE}
)
_AXES: Final = (AccessAttempt, AccessFailureLog, AccessLog)


def of(user: User) -> Iterator[tuple[models.QuerySet[Any], Retention]]:
    """Querysets of what is deleted with a person, children before what they point at."""
    confirmations = EmailConfirmation.objects.filter(email_address__user=user)
    yield confirmations, Retention.TMP
    yield EmailAddress.objects.filter(user=user), Retention.ACC
    yield Authenticator.objects.filter(user=user), Retention.ACC
    keys = UserSession.objects.filter(user=user).values_list("session_key", flat=True)
    yield Session.objects.filter(session_key__in=list(keys)), Retention.TMP
    yield UserSession.objects.filter(user=user), Retention.SEC
    theirs = addresses_of(user)
    for model in _AXES:
        yield model.objects.filter(_any("username", theirs)), Retention.SEC
    mails = OutgoingMail.objects.filter(Q(user_id=user.pk) | _any("to", theirs))
    yield mails, Retention.LOG
    # Questions from their addresses, before they had an account or by mail.
    known = [key for address in theirs for key in traces.keys_of(address)]
    yield Ticket.objects.filter(user_id=None, address_key__in=known), Retention.SUP
    for found in ours():
        manager = found._meta.default_manager
        if manager is not None:
            yield manager.filter(user_id=user.pk), Retention(found.Privacy.retention)  # type: ignore[attr-defined]  # the model is known at run time


def addresses_of(user: User) -> list[str]:
    """The address that they sign in with, and every other one that they proved or began to."""
    others = EmailAddress.objects.filter(user=user).values_list("email", flat=True)
    return sorted({user.email, *others})


def businesses_of(user_id: UUID) -> list[UUID]:
    """Where they are a member, and where they once did something: those know more than ids."""
    found = [membership.tenant_id for membership in selectors.memberships_of(user_id)]
    with connection.cursor() as cursor:
        cursor.execute("SELECT tenant_id FROM privacy_businesses_of(%s)", [user_id])
        left = {tenant_id for (tenant_id,) in cursor.fetchall()}.difference(found)
    return [*found, *sorted(left)]


def _any(field: str, addresses: list[str]) -> Q:
    return reduce(or_, (Q(**{f"{field}__iexact": each}) for each in addresses))


@cache
def ours() -> tuple[type[models.Model], ...]:
    """Our own tables outside the wall that have rows of a person and do not outlive them."""
    return tuple(
        model
        for model in apps.get_models()
        if hasattr(model, "Privacy")
        and model is not OutgoingMail
        and not issubclass(model, TenantModel)
        and model.Privacy.retention not in KEPT
        and any(each.attname == "user_id" for each in model._meta.concrete_fields)
    )
