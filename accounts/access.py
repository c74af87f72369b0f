"""The one place that says who may do what."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from django.utils.translation import gettext as _

from accounts.enums import Desk, Permission, Role, StaffRole
from smartinvoicing.errors import NotAllowed

_READ: Final = frozenset({Permission.VIEW})
_CLERK: Final = _READ | {
    Permission.WRITE_DRAFTS,
    Permission.ISSUE_INVOICE,
    Permission.WRITE_CATALOGUE,
}
_ADMIN: Final = frozenset(Permission)

MAY: Final[Mapping[Role, frozenset[Permission]]] = {
    Role.OWNER: frozenset(Permission),
    Role.ADMIN: _ADMIN,
    Role.ACCOUNTANT: _CLERK | {Permission.SETTLE, Permission.CANCEL, Permission.SEE_AUDIT},
    Role.OPERATOR: _CLERK,
    Role.VIEWER: _READ,
    Role.AUDITOR: _READ | {Permission.SEE_AUDIT},
}

_OFFICER: Final = frozenset(Desk) - {Desk.LOOK_AT_TENANTS, Desk.BREAK_GLASS, Desk.WORK_TICKETS}

MAY_AT_DESK: Final[Mapping[StaffRole, frozenset[Desk]]] = {
    StaffRole.PRIVACY_OFFICER: _OFFICER,
    StaffRole.PRIVACY_AGENT: frozenset(
        {Desk.SEE_PEOPLE, Desk.SEE_REGISTERS, Desk.WORK_REQUESTS, Desk.WORK_BREACHES}
        | {Desk.PLAN_PURGE}
    ),
    StaffRole.SECURITY: frozenset(
        {Desk.SEE_PEOPLE, Desk.SEE_REGISTERS, Desk.SEE_STAFF_LOG, Desk.SEE_FBR}
        | {Desk.WORK_BREACHES, Desk.SIGN_BREACHES, Desk.GIVE_ROLES, Desk.BREAK_GLASS}
        | {Desk.LOOK_AT_TENANTS, Desk.APPROVE_PURGE, Desk.KEEP_REGISTERS}
    ),
    StaffRole.AUDITOR: frozenset(
        {Desk.SEE_PEOPLE, Desk.SEE_REGISTERS, Desk.SEE_STAFF_LOG, Desk.SEE_FBR}
    ),
    StaffRole.SUPPORT: frozenset(
        {Desk.SEE_PEOPLE, Desk.SEE_FBR, Desk.WORK_TICKETS, Desk.LOOK_AT_TENANTS}
    ),
    StaffRole.FINANCE: frozenset({Desk.SEE_ANALYTICS}),
}

# What a program may be given: nothing that opens further doors.
SCOPES: Final = (
    Permission.VIEW,
    Permission.WRITE_DRAFTS,
    Permission.ISSUE_INVOICE,
    Permission.WRITE_CATALOGUE,
    Permission.SETTLE,
    Permission.CANCEL,
)

# A CNIC is a person's own: whoever writes or audits documents sees all of it, the others its ends.
WHOLE_NUMBERS: Final = frozenset(
    {Permission.WRITE_DRAFTS, Permission.WRITE_CATALOGUE, Permission.SEE_AUDIT}
)

# What a business that is being closed may still do: read, settle what is open, answer people.
WHILE_CLOSING: Final = frozenset(
    {Permission.VIEW, Permission.SEE_AUDIT, Permission.SETTLE, Permission.CANCEL}
    | {Permission.MANAGE_BUSINESS}
)


@dataclass(frozen=True, kw_only=True)
class Actor:
    """Who does a deed: a person, a key or the system, and what they may do here.

    address:    the network address that it came from, where one is known; for the trail alone.
    is_closing: the business is being closed: nothing is added to it any more.
    """

    name: str
    permissions: frozenset[Permission]
    user_id: UUID | None = None
    address: str = field(default="", compare=False, repr=False)
    is_closing: bool = False

    @classmethod
    def person(
        cls, user_id: UUID, role: Role, *, address: str = "", is_closing: bool = False
    ) -> Actor:
        return cls(
            name=f"user:{user_id}",
            permissions=MAY[role] & WHILE_CLOSING if is_closing else MAY[role],
            user_id=user_id,
            address=address,
            is_closing=is_closing,
        )

    @classmethod
    def key(cls, key_id: UUID, scopes: Iterable[str]) -> Actor:
        known = frozenset(Permission(scope) for scope in scopes) & frozenset(SCOPES)
        return cls(name=f"key:{key_id}", permissions=known)

    @classmethod
    def system(cls, name: str) -> Actor:
        """A job of ours. It may do what it was written for; the audit trail names it."""
        return cls(name=f"system:{name}", permissions=frozenset(Permission))

    @classmethod
    def staff(cls, user_id: UUID, *permissions: Permission, address: str = "") -> Actor:
        """Somebody of ours. In a business they may do what the one service names, no more."""
        return cls(
            name=f"staff:{user_id}",
            permissions=frozenset(permissions),
            user_id=user_id,
            address=address,
        )

    def may(self, permission: Permission) -> bool:
        return permission in self.permissions

    @property
    def sees_numbers(self) -> bool:
        return not self.permissions.isdisjoint(WHOLE_NUMBERS)


def allow(actor: Actor, permission: Permission) -> None:
    """Raises: NotAllowed, with the words of what is missing."""
    if actor.is_closing and permission not in WHILE_CLOSING:
        raise NotAllowed(
            _("This account is being closed. It can be read and settled, and nothing is added."),
            permission=permission.value,
        )
    if not actor.may(permission):
        raise NotAllowed(
            f"Your role does not allow this: {permission.label}. Ask an owner of the business.",
            permission=permission.value,
        )
