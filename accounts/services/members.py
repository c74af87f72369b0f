"""Who works in a business: invited, joined, given another role, removed."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.db import transaction
from django.db.models import Q
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts import audit, proof, staff
from accounts.access import Actor, allow
from accounts.enums import AuditAction, Permission, Role
from accounts.models import Invitation, Membership, Tenant, User
from accounts.secret_hash import hash_of
from accounts.tenancy import as_bearer, current_tenant_id, in_tenant
from smartinvoicing.errors import NotAllowed, NotFound, Problem, RuleViolation

KEPT: Final = timedelta(days=7)
MOST_OPEN: Final = 50  # invitations at a time: our mail is not a megaphone
_RANDOM_BYTES: Final = 32


@transaction.atomic
def invite(*, email: str, role: Role, actor: Actor, at: datetime) -> Invitation:
    """Keep a seat for seven days and mail the link to it; an older link to it ends.

    Only the hash of the link's secret is stored.
    Raises: NotAllowed; RuleViolation when the person is here already or too many are invited.
    """
    allow(actor, Permission.MANAGE_MEMBERS)
    if actor.user_id is None:
        raise NotAllowed(_("Only a person can invite somebody."))
    _ask_an_owner(actor, role)
    email = email.strip().lower()
    _refuse_invitation(email, at)
    Invitation.objects.filter(email=email).delete()
    secret = secrets.token_urlsafe(_RANDOM_BYTES)
    invitation = Invitation(
        email=email,
        role=role,
        secret_hash=hash_of(secret),
        invited_by_id=actor.user_id,
        invited_at=at,
        expires_at=at + KEPT,
    )
    invitation.save(force_insert=True)
    audit.record(actor, AuditAction.MEMBER_INVITED, invitation, at=at, role=role)
    letter = _letter(invitation, secret)
    # After the commit, so that no mail tells of what did not happen; not again if it fails.
    transaction.on_commit(letter.send, robust=True)
    return invitation


@transaction.atomic
def withdraw(*, invitation: Invitation, actor: Actor, at: datetime) -> None:
    """End an invitation that nobody took.

    Raises: NotAllowed; NotFound when it is gone.
    """
    allow(actor, Permission.MANAGE_MEMBERS)
    removed, _each = Invitation.objects.filter(pk=invitation.pk).delete()
    if not removed:
        raise NotFound(_("This invitation was taken or withdrawn before."))
    audit.record(actor, AuditAction.MEMBER_REMOVED, invitation, at=at, role=invitation.role)


@transaction.atomic
def invitation_behind(secret: str) -> tuple[Invitation, Tenant]:
    """The invitation that a link leads to, and whose it is.

    Raises: NotFound, the same for a wrong, a used and a withdrawn link.
    """
    hashed = hash_of(secret)
    with as_bearer(hashed):
        invitation = Invitation.objects.filter(secret_hash=hashed).first()
    if invitation is None:
        raise NotFound(_("This link was used or withdrawn. Ask for a new invitation."))
    with in_tenant(invitation.tenant_id):
        return invitation, Tenant.objects.get(pk=invitation.tenant_id)


@transaction.atomic
def accept(*, secret: str, user: User, at: datetime) -> Membership:
    """Take the seat that the link leads to; the link works once.

    Raises: NotFound for a link that leads nowhere; NotAllowed for another person's; RuleViolation
            when it is too old, or the person is here already.
    """
    invitation, tenant = invitation_behind(secret)
    if not proof.has_proved(user, invitation.email):
        raise NotAllowed(
            _("This invitation is for another e-mail address. Sign in with that address.")
        )
    staff.keep_apart(user)
    with in_tenant(tenant.pk):
        # Two clicks at once: one finds the seat, the other finds it taken.
        seat = Invitation.objects.select_for_update(of=("self",)).filter(pk=invitation.pk).first()
        if seat is None:
            raise NotFound(_("This link was used or withdrawn. Ask for a new invitation."))
        if seat.expires_at <= at:
            raise RuleViolation(_("This invitation is too old. Ask for a new one."))
        if Membership.objects.filter(user=user).exists():
            raise RuleViolation(_("You work in this business already."))
        membership = Membership(tenant=tenant, user=user, role=seat.role, since=at)
        membership.save(force_insert=True)
        actor = Actor.person(user.pk, Role(seat.role))
        audit.record(actor, AuditAction.MEMBER_JOINED, membership, at=at, role=seat.role)
        seat.delete()
    return membership


@transaction.atomic
def change_role(*, membership: Membership, role: Role, actor: Actor, at: datetime) -> Membership:
    """Give a member another role. It counts from their next request on.

    Raises: NotAllowed, also where an owner must do it; NotFound; RuleViolation for the last owner.
    """
    allow(actor, Permission.MANAGE_MEMBERS)
    kept = _locked(membership)
    was = Role(kept.role)
    if was == role:
        return kept
    _ask_an_owner(actor, was, role)
    if was == Role.OWNER:
        _keep_an_owner(kept)
    kept.role = role
    kept.save(update_fields=["role"])
    audit.record(actor, AuditAction.MEMBER_CHANGED, kept, at=at, was=was, became=role)
    return kept


@transaction.atomic
def remove(*, membership: Membership, actor: Actor, at: datetime) -> None:
    """End a membership. It is read at each request, so open sessions see nothing more.

    Raises: NotAllowed, also where an owner must do it; NotFound; RuleViolation for the last owner.
    """
    allow(actor, Permission.MANAGE_MEMBERS)
    kept = _locked(membership)
    _ask_an_owner(actor, Role(kept.role))
    if kept.role == Role.OWNER:
        _keep_an_owner(kept)
    audit.record(actor, AuditAction.MEMBER_REMOVED, kept, at=at, role=kept.role)
    kept.delete()


def _locked(membership: Membership) -> Membership:
    """The row as it is now, with every owner's, in one order: two owners may leave at once."""
    rows = Membership.objects.filter(Q(pk=membership.pk) | Q(role=Role.OWNER))
    locked: dict[UUID, Membership] = {
        row.pk: row for row in rows.select_for_update(of=("self",)).order_by("id")
    }
    if membership.pk not in locked:
        raise NotFound(_("This person was removed before."))
    return locked[membership.pk]


def _ask_an_owner(actor: Actor, *roles: Role) -> None:
    """An administrator makes and unmakes everybody but owners, themselves included."""
    if Role.OWNER not in roles or actor.user_id is None:
        return
    if not Membership.objects.filter(user_id=actor.user_id, role=Role.OWNER).exists():
        raise NotAllowed(_("Only an owner may make or remove an owner."))


def _keep_an_owner(leaving: Membership) -> None:
    if not Membership.objects.filter(role=Role.OWNER).exclude(pk=leaving.pk).exists():
        raise RuleViolation.of(
            [
                Problem(
                    code="last_owner",
                    field="role",
                    message=_("A business keeps at least one owner."),
                    fix=_("Make somebody else an owner first."),
                )
            ]
        )


def _refuse_invitation(email: str, at: datetime) -> None:
    if Membership.objects.filter(user__email=email).exists():
        raise RuleViolation.of(
            [
                Problem(
                    code="already_member",
                    field="email",
                    message=_("This person works here already."),
                    fix=_("Change the role in the list of people."),
                )
            ]
        )
    waiting = Invitation.objects.filter(expires_at__gt=at).exclude(email=email).count()
    if waiting >= MOST_OPEN:
        raise RuleViolation.of(
            [
                Problem(
                    code="too_many_invitations",
                    field="email",
                    message=_("Too many invitations are waiting."),
                    fix=_("Withdraw those that nobody needs any more."),
                )
            ]
        )


def _letter(invitation: Invitation, secret: str) -> EmailMultiAlternatives:
    tenant = Tenant.objects.get(pk=current_tenant_id())
    context = {
        "business": tenant.name,
        "role": Role(invitation.role).label,
        "url": settings.PUBLIC_URL + reverse("accounts:invitation", args=[secret]),
        "expires_at": invitation.expires_at,
    }
    letter = EmailMultiAlternatives(
        subject=_("Work with %(business)s in SmartInvoicing") % {"business": tenant.name},
        body=render_to_string("accounts/mail/invitation.txt", context),
        to=[invitation.email],
    )
    letter.attach_alternative(
        render_to_string("accounts/mail/invitation.html", context), "text/html"
    )
    return letter
