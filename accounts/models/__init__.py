"""People, tenants, keys and the ledger of deeds."""

from accounts.models.keys import ApiKey, IdempotencyKey
from accounts.models.ledger import AuditCheck, AuditEvent, AuditHead, AuditLink, AuditPrivate
from accounts.models.notices import Notice
from accounts.models.outbox import MailState, OutgoingMail
from accounts.models.people import Invitation, Membership, User
from accounts.models.staff import Approval, StaffDeed, StaffSeat
from accounts.models.tenants import Heartbeat, LegalEntity, Tenant

__all__ = [
    "ApiKey",
    "Approval",
    "AuditCheck",
    "AuditEvent",
    "AuditHead",
    "AuditLink",
    "AuditPrivate",
    "Heartbeat",
    "IdempotencyKey",
    "Invitation",
    "LegalEntity",
    "MailState",
    "Membership",
    "Notice",
    "OutgoingMail",
    "StaffDeed",
    "StaffSeat",
    "Tenant",
    "User",
]
