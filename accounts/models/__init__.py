"""People, tenants, keys and the ledger of deeds."""

from accounts.models.keys import ApiKey, IdempotencyKey
from accounts.models.ledger import AuditEvent
from accounts.models.people import Invitation, Membership, User
from accounts.models.tenants import Heartbeat, LegalEntity, Tenant

__all__ = [
    "ApiKey",
    "AuditEvent",
    "Heartbeat",
    "IdempotencyKey",
    "Invitation",
    "LegalEntity",
    "Membership",
    "Tenant",
    "User",
]
