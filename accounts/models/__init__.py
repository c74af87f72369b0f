"""People, tenants, keys and the ledger of deeds."""

from accounts.models.access_log import AccessLog
from accounts.models.consents import (
    ConsentChannel,
    ConsentEvent,
    ConsentState,
    ConsentText,
    Suppression,
    SuppressionReason,
)
from accounts.models.keys import ApiKey, IdempotencyKey
from accounts.models.ledger import AuditCheck, AuditEvent, AuditHead, AuditLink, AuditPrivate
from accounts.models.notices import Notice
from accounts.models.outbox import MailState, OutgoingMail
from accounts.models.people import Invitation, Membership, User
from accounts.models.policies import (
    AnswerChannel,
    PolicyAcceptance,
    PolicyKind,
    PolicyVersion,
)
from accounts.models.staff import Approval, StaffDeed, StaffSeat
from accounts.models.staff_access import (
    BreakGlass,
    GlassEnd,
    Hat,
    StaffLook,
    StaffTie,
    SupportWindow,
)
from accounts.models.staff_training import Course, StaffTraining
from accounts.models.tenants import Heartbeat, LegalEntity, Tenant

__all__ = [
    "AccessLog",
    "AnswerChannel",
    "ApiKey",
    "Approval",
    "AuditCheck",
    "AuditEvent",
    "AuditHead",
    "AuditLink",
    "AuditPrivate",
    "BreakGlass",
    "ConsentChannel",
    "ConsentEvent",
    "ConsentState",
    "ConsentText",
    "Course",
    "GlassEnd",
    "Hat",
    "Heartbeat",
    "IdempotencyKey",
    "Invitation",
    "LegalEntity",
    "MailState",
    "Membership",
    "Notice",
    "OutgoingMail",
    "PolicyAcceptance",
    "PolicyKind",
    "PolicyVersion",
    "StaffDeed",
    "StaffLook",
    "StaffSeat",
    "StaffTie",
    "StaffTraining",
    "SupportWindow",
    "Suppression",
    "SuppressionReason",
    "Tenant",
    "User",
]
