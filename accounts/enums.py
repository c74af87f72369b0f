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
