"""Whose data a request, an export or an erasure is about."""

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID


class SubjectKind(StrEnum):
    """What a person, or a business, is to us."""

    USER = "user"
    BUYER = "buyer"
    INVITEE = "invitee"
    LEAD = "lead"
    TENANT = "tenant"


@dataclass(frozen=True)
class Subject:
    """One person, or one business: its kind, and the ids by which it is found.

    `address` is an e-mail address: an invitee and a lead have no other name. A `tenant_id`
    with a user narrows the subject to that one membership.
    """

    kind: SubjectKind
    user_id: UUID | None = None
    tenant_id: UUID | None = None
    buyer_id: UUID | None = None
    address: str = ""

    def key(self) -> str:
        """Say the subject in one line, the same each time; only its HMAC is ever stored."""
        if self.kind is SubjectKind.USER:
            return f"user:{self.user_id}:{self.tenant_id or ''}"
        if self.kind is SubjectKind.BUYER:
            return f"buyer:{self.tenant_id}:{self.buyer_id}"
        if self.kind is SubjectKind.TENANT:
            return f"tenant:{self.tenant_id}"
        return f"{self.kind}:{self.address.strip().casefold()}"


def user(user_id: UUID, *, tenant_id: UUID | None = None) -> Subject:
    """Give the subject that has an account."""
    return Subject(SubjectKind.USER, user_id=user_id, tenant_id=tenant_id)


def buyer(buyer_id: UUID, *, tenant_id: UUID) -> Subject:
    """Give the subject that stands on a business's list of customers."""
    return Subject(SubjectKind.BUYER, tenant_id=tenant_id, buyer_id=buyer_id)


def lead(address: str) -> Subject:
    """Give the subject of whom only an address is known."""
    return Subject(SubjectKind.LEAD, address=address)


def invitee(address: str, *, tenant_id: UUID | None = None) -> Subject:
    """Give the subject that was invited and has no account."""
    return Subject(SubjectKind.INVITEE, address=address, tenant_id=tenant_id)


def business(tenant_id: UUID) -> Subject:
    """Give a whole business."""
    return Subject(SubjectKind.TENANT, tenant_id=tenant_id)
