"""Words that the whole house uses about people and what they may do."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class Role(models.TextChoices):
    OWNER = "owner", _("Owner")
    ADMIN = "admin", _("Administrator")
    ACCOUNTANT = "accountant", _("Accountant")
    OPERATOR = "operator", _("Operator")
    VIEWER = "viewer", _("Viewer")
    AUDITOR = "auditor", _("Auditor")


class Permission(models.TextChoices):
    """What a member or a key may do. A key's scopes are these words too."""

    VIEW = "view", _("See invoices, customers and products")
    WRITE_DRAFTS = "write_drafts", _("Write and change drafts")
    ISSUE_INVOICE = "issue_invoice", _("Issue invoices to FBR")
    WRITE_CATALOGUE = "write_catalogue", _("Change customers and products")
    SETTLE = "settle", _("Settle uncertain and void invoices")
    CANCEL = "cancel", _("Cancel reported invoices")
    SEE_AUDIT = "see_audit", _("Read the audit trail")
    MANAGE_MEMBERS = "manage_members", _("Invite and remove people")
    MANAGE_KEYS = "manage_keys", _("Make and revoke API keys")
    MANAGE_BUSINESS = "manage_business", _("Change the business profile and FBR tokens")


class AuditAction(models.TextChoices):
    TENANT_OPENED = "tenant.opened", _("Business opened")
    ENTITY_CHANGED = "entity.changed", _("Business profile changed")
    MEMBER_INVITED = "member.invited", _("Person invited")
    MEMBER_JOINED = "member.joined", _("Person joined")
    MEMBER_CHANGED = "member.changed", _("Role changed")
    MEMBER_REMOVED = "member.removed", _("Person removed")
    KEY_MADE = "key.made", _("API key made")
    KEY_REVOKED = "key.revoked", _("API key revoked")
    BUYER_SAVED = "buyer.saved", _("Customer saved")
    PRODUCT_SAVED = "product.saved", _("Product saved")
    DRAFT_SAVED = "draft.saved", _("Draft saved")
    DRAFT_DELETED = "draft.deleted", _("Draft deleted")
    INVOICE_ISSUED = "invoice.issued", _("Invoice issued")
    INVOICE_SETTLED = "invoice.settled", _("FBR's answer applied")
    INVOICE_VOIDED = "invoice.voided", _("Invoice voided")
    CREDENTIAL_STORED = "credential.stored", _("FBR token stored")
    CREDENTIAL_HELD = "credential.held", _("FBR token held")
    CREDENTIAL_RELEASED = "credential.released", _("FBR token released")
    CREDENTIAL_TESTED = "credential.tested", _("FBR token tested")
    GOLIVE_TICKED = "golive.ticked", _("Step to production ticked")
    GOLIVE_UNTICKED = "golive.unticked", _("Step to production taken back")
    SCENARIOS_CHOSEN = "scenarios.chosen", _("Sandbox scenarios chosen")
    SCENARIO_STARTED = "scenario.started", _("Sandbox scenario started")
    ENVIRONMENT_SWITCHED = "environment.switched", _("FBR environment switched")
    TILL_SAVED = "till.saved", _("Till saved")
    TILL_RETIRED = "till.retired", _("Till retired")
    POS_TERMS_SAVED = "pos_terms.saved", _("Terms of tills saved")
    INVOICE_RELEASED = "invoice.released", _("Suspected duplicate let go")
    INVOICE_QUARANTINED = "invoice.quarantined", _("Invoice set aside after a restore")
    EVIDENCE_ADDED = "evidence.added", _("Evidence added")
    LIST_UPLOADED = "list.uploaded", _("List from FBR uploaded")
    CLAIM_MADE = "claim.made", _("Said what happened at FBR")
    CLAIM_CONFIRMED = "claim.confirmed", _("Confirmed what happened at FBR")
    CLAIM_WITHDRAWN = "claim.withdrawn", _("Took back what happened at FBR")
    CANCEL_ASKED = "cancel.asked", _("Cancellation requested")
    CANCEL_CONFIRMED = "cancel.confirmed", _("Cancellation confirmed")
    CANCEL_REFUSED = "cancel.refused", _("Cancellation refused")
    APPLICATION_PREPARED = "application.prepared", _("Application to the Commissioner prepared")
    OUTAGE_BEGAN = "outage.began", _("Outage began")
    OUTAGE_ENDED = "outage.ended", _("Outage ended")
    INCIDENT_OPENED = "incident.opened", _("Incident opened")
    INCIDENT_CHANGED = "incident.changed", _("Incident changed")
    INCIDENT_REPORTED = "incident.reported", _("Incident reported to FBR")
    INCIDENT_CLOSED = "incident.closed", _("Incident closed")
    SIGNING_KEY_MADE = "signing_key.made", _("Signing key made")
    SIGNATURE_BROKEN = "signature.broken", _("Signature does not fit its document")
    PERIOD_CLOSED = "period.closed", _("Day, week or month closed")
    LEGAL_HOLD_PLACED = "legal_hold.placed", _("Legal hold placed")
    LEGAL_HOLD_LIFTED = "legal_hold.lifted", _("Legal hold lifted")
    REPORTING_PAUSED = "reporting.paused", _("Reporting paused")
    REPORTING_RESUMED = "reporting.resumed", _("Reporting resumed")
    SERIES_RESUMED = "series.resumed", _("Numbers resumed after a restore")
    SUPPORT_GRANTED = "support.granted", _("Support window opened")
    SUPPORT_ENDED = "support.ended", _("Support window ended")
    GLASS_BROKEN = "glass.broken", _("Emergency access by our staff")
    GLASS_MENDED = "glass.mended", _("Emergency access ended")
    EXPORT_ASKED = "export.asked", _("Export of data asked for")
    EXPORT_FETCHED = "export.fetched", _("Export of data downloaded")
    REQUEST_ROUTED = "request.routed", _("Request of a person handed over")
    REQUEST_ANSWERED = "request.answered", _("Request of a person answered")
    BUYER_DISPUTED = "buyer.disputed", _("Customer's data disputed")
    BUYER_RESTRICTED = "buyer.restricted", _("Customer's data set aside")
    BUYER_ERASED = "buyer.erased", _("Customer's data erased")
    CLOSURE_BEGUN = "closure.begun", _("Closing of the account begun")
    CLOSURE_REVOKED = "closure.revoked", _("Account opened again")
    CLOSURE_STEP = "closure.step", _("Closing of the account went on")
    TENANT_CLOSED = "tenant.closed", _("Account closed")
    DATA_PURGED = "data.purged", _("Old records deleted")


class NoticeKind(models.TextChoices):
    """What the bell rings for. A notice goes by itself when its matter is settled."""

    UNCERTAIN = "uncertain", _("Nobody knows whether FBR has this document")
    CLAIM_WAITS = "claim_waits", _("A second person is asked")
    DUPLICATE_SUSPECT = "duplicate_suspect", _("A document looks like a duplicate")
    DOUBLE_REPORTED = "double_reported", _("A document was reported twice")
    REJECTED = "rejected", _("FBR refused a document")
    CREDENTIAL_HELD = "credential_held", _("FBR refused the token")
    TOKEN_ENDS = "token_ends", _("A token runs out")
    OUTAGE = "outage", _("FBR is away")
    WAITS_LONG = "waits_long", _("A document waits for long")
    DEADLINE_NEAR = "deadline_near", _("A deadline to report is near")
    DEADLINE_PASSED = "deadline_passed", _("A deadline to report has passed")
    INCIDENT_DUE = "incident_due", _("FBR must be told of an incident")
    CANCEL_WINDOW = "cancel_window", _("A cancellation must be done in time")
    SIGNATURE_BROKEN = "signature_broken", _("A signature does not fit its document")
    CLOSING_LATE = "closing_late", _("A day, week or month is not closed")
    QUARANTINED = "quarantined", _("Documents were set aside after a restore")
    STAFF_LOOKED = "staff_looked", _("Our staff looked at your data")
    RIGHTS_REQUEST = "rights_request", _("A person asks about their data")
    CLOSURE = "closure", _("This account is being closed")
    BREACH = "breach", _("Your data may be affected by an incident")
    POLICY = "policy", _("Our policies change")


class StaffRole(models.TextChoices):
    """What people of ours do. A superuser has none of it by being one."""

    PRIVACY_OFFICER = "privacy_officer", _("Privacy officer")
    PRIVACY_AGENT = "privacy_agent", _("Privacy agent")
    SECURITY = "security", _("Security")
    AUDITOR = "auditor", _("Auditor")
    SUPPORT = "support", _("Support")
    FINANCE = "finance", _("Finance")


class Desk(models.TextChoices):
    """What somebody may do at the staff desk."""

    SEE_PEOPLE = "see_people", _("See people who sign in")
    SEE_REGISTERS = "see_registers", _("Read the registers")
    SEE_STAFF_LOG = "see_staff_log", _("Read what our staff looked at")
    SEE_ANALYTICS = "see_analytics", _("See how the service is used")
    SEE_FBR = "see_fbr", _("See how reporting to FBR goes")
    WORK_REQUESTS = "work_requests", _("Work on requests of persons")
    DECIDE_REQUESTS = "decide_requests", _("Decide requests of persons")
    WORK_TICKETS = "work_tickets", _("Answer tickets")
    WORK_BREACHES = "work_breaches", _("Work on breaches")
    SIGN_BREACHES = "sign_breaches", _("Decide and close breaches")
    PLAN_PURGE = "plan_purge", _("Plan and run purges")
    APPROVE_PURGE = "approve_purge", _("Approve purges")
    HOLD = "hold", _("Place and lift legal holds")
    WRITE_POLICIES = "write_policies", _("Write and publish policies")
    KEEP_REGISTERS = "keep_registers", _("Keep the registers")
    GIVE_ROLES = "give_roles", _("Give and take roles of staff")
    LOOK_AT_TENANTS = "look_at_tenants", _("Look at a business that opened its door")
    BREAK_GLASS = "break_glass", _("Look at a business in an emergency")


class StaffAction(models.TextChoices):
    """Deeds of our staff and of the service itself that belong to no single business."""

    ROLE_GIVEN = "role.given", _("Role given")
    ROLE_TAKEN = "role.taken", _("Role taken")
    APPROVAL_ASKED = "approval.asked", _("Second person asked")
    APPROVAL_GIVEN = "approval.given", _("Second person agreed")
    APPROVAL_REFUSED = "approval.refused", _("Second person refused")
    APPROVAL_SPENT = "approval.spent", _("Agreed deed done")
    ADDED = "added", _("Added")
    CHANGED = "changed", _("Changed")
    DECIDED = "decided", _("Decided")
    SENT = "sent", _("Sent")
    EXPORTED = "exported", _("Exported")
    REVEALED = "revealed", _("Revealed")
    PUBLISHED = "published", _("Published")
    PLANNED = "planned", _("Planned")
    RUN = "run", _("Run")
    ERASED = "erased", _("Erased")
    CLOSED = "closed", _("Closed")


class Purpose(models.TextChoices):
    """What we ask consent for. All else rests on contract, law or a legitimate interest."""

    ANALYTICS = "analytics", _("How the service is used")
    PREFERENCES = "preferences", _("Preferences that we need not know")
    MARKETING_EMAIL = "marketing_email", _("News by e-mail")
    MARKETING_SMS = "marketing_sms", _("News by text message")
    RESEARCH = "research", _("Questions about the service")


class AuditFault(models.TextChoices):
    """What the verifier of the audit trail may find."""

    EDITED = "edited", _("was changed")
    MISSING = "missing", _("is gone")
    MOVED = "moved", _("stands in another place than it was written")
    PLANTED = "planted", _("was put there past the chain")
    HEAD = "head", _("is not where the chain should end")
    PRIVATE = "private", _("does not fit the personal values beside it")
    ANCHORED = "anchored", _("is not what was laid down outside the database")
    FILE = "file", _("is an anchor file that is gone or was changed")
    SIGNATURE = "signature", _("has no signature of ours")


class Environment(models.TextChoices):
    """FBR's two worlds. A legal entity is in one of them at a time."""

    SANDBOX = "sandbox", _("Sandbox")
    PRODUCTION = "production", _("Production")


class Activity(models.TextChoices):
    """Business nature as FBR's portal lists it."""

    MANUFACTURER = "Manufacturer", _("Manufacturer")
    IMPORTER = "Importer", _("Importer")
    DISTRIBUTOR = "Distributor", _("Distributor")
    WHOLESALER = "Wholesaler", _("Wholesaler")
    EXPORTER = "Exporter", _("Exporter")
    RETAILER = "Retailer", _("Retailer")
    SERVICE_PROVIDER = "Service Provider", _("Service provider")
    OTHER = "Other", _("Other")


class Sector(models.TextChoices):
    """Sectors as FBR's portal lists them; with the activity they decide the sandbox scenarios."""

    OTHER = "All Other Sectors", _("All other sectors")
    STEEL = "Steel", _("Steel")
    FMCG = "FMCG", _("Fast-moving consumer goods")
    TEXTILE = "Textile", _("Textile")
    TELECOM = "Telecom", _("Telecom")
    PETROLEUM = "Petroleum", _("Petroleum")
    ELECTRICITY = "Electricity Distribution", _("Electricity distribution")
    GAS = "Gas Distribution", _("Gas distribution")
    SERVICES = "Services", _("Services")
    AUTOMOBILE = "Automobile", _("Automobile")
    CNG = "CNG Stations", _("CNG stations")
    PHARMACEUTICALS = "Pharmaceuticals", _("Pharmaceuticals")
    TRADE = "Wholesale / Retails", _("Wholesale and retail")


class Province(models.TextChoices):
    """Provinces in FBR's own spelling (DI API v1.12, 5.1, live list of seven)."""

    PUNJAB = "PUNJAB", _("Punjab")
    SINDH = "SINDH", _("Sindh")
    KHYBER_PAKHTUNKHWA = "KHYBER PAKHTUNKHWA", _("Khyber Pakhtunkhwa")
    BALOCHISTAN = "BALOCHISTAN", _("Balochistan")
    CAPITAL_TERRITORY = "CAPITAL TERRITORY", _("Islamabad Capital Territory")
    AZAD_JAMMU_AND_KASHMIR = "AZAD JAMMU AND KASHMIR", _("Azad Jammu and Kashmir")
    GILGIT_BALTISTAN = "GILGIT BALTISTAN", _("Gilgit-Baltistan")
