"""People, tenants, keys and the ledger of deeds."""

from accounts.models.keys import ApiKey, IdempotencyKey
from accounts.models.ledger import AuditCheck, AuditEvent, AuditHead, AuditLink, AuditPrivate
from accounts.models.notices import Notice
from accounts.models.people import Invitation, Membership, User
from accounts.models.tenants import Heartbeat, LegalEntity, Tenant

__all__ = [
    "ApiKey",
    "AuditCheck",
    "AuditEvent",
    "AuditHead",
    "AuditLink",
    "AuditPrivate",
    "Heartbeat",
    "IdempotencyKey",
    "Invitation",
    "LegalEntity",
    "Membership",
    "Notice",
    "Tenant",
    "User",
]
